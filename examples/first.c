/* first.c: a first program.  cc first.c $(pkg-config --cflags --libs vdb) && ./a.out */
#include <stdio.h>
#include <vdb.h>

int main(void)
{
    vdb *db;
    vdb_results *hits;
    if (vdb_open("first.vdb", NULL, &db) != VDB_OK) {
        fprintf(stderr, "%s\n", vdb_errmsg());
        return 1;
    }
    if (vdb_insert(db, "apple", (const float[]){1, 2, 3}, 3, "{\"kind\": \"fruit\"}") ||
        vdb_insert(db, "brick", (const float[]){9, 8, 7}, 3, NULL) ||
        vdb_search(db, (const float[]){1, 2, 2}, 3, 10, &hits)) {
        fprintf(stderr, "%s\n", vdb_errmsg());
        vdb_close(db);
        return 1;
    }
    for (size_t i = 0; i < vdb_results_count(hits); i++)
        printf("%s %.4f\n", vdb_results_id(hits, i, NULL),
               (double)vdb_results_distances(hits)[i]);
    vdb_results_free(hits);
    return vdb_close(db) != VDB_OK;
}
