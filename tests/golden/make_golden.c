/* make_golden.c: write the golden database, to be run once for each released format:
 *
 *     make_golden PATH
 *
 * The file that it leaves is committed as tests/golden/format-<version>.vdb.  Written
 * with replacements, deletions and checkpoints among them, so that pages of several
 * generations, free space and reused slots are in it.
 */
#include "golden.h"

#include "vdb.h"

static int fail(const char *what)
{
    fprintf(stderr, "make_golden: %s: %s\n", what, vdb_errmsg());
    return 1;
}

static vdb_status put(vdb *db, int i, const char *id, const float *v)
{
    char metadata[512];
    return vdb_insert(db, id, v, GOLDEN_DIM,
                      golden_metadata(i, metadata, sizeof metadata) ? metadata : NULL);
}

static int write_all(vdb *db)
{
    char id[64];
    float v[GOLDEN_DIM], first[GOLDEN_DIM] = {1};
    for (int i = 0; i < GOLDEN_WRITTEN; i++) {
        int again = i % GOLDEN_REPLACED == 0;
        golden_id(i, id, sizeof id);
        golden_vector(i, v);
        if (again ? vdb_insert(db, id, first, GOLDEN_DIM, "{\"old\": 1}")
                  : put(db, i, id, v))
            return fail("insert");
        if (i % 200 == 150 && vdb_checkpoint(db, NULL))
            return fail("checkpoint");
    }
    for (int i = 0; i < GOLDEN_WRITTEN; i++) {
        golden_id(i, id, sizeof id);
        golden_vector(i, v);
        if (i % GOLDEN_REPLACED == 0 && put(db, i, id, v))
            return fail("replace");
        if (i % GOLDEN_DELETED == 0 && vdb_delete(db, id))
            return fail("delete");
    }
    return 0;
}

int main(int argc, char **argv)
{
    vdb_options options = VDB_OPTIONS_INIT;
    vdb *db = NULL;
    int bad;
    if (argc != 2) {
        fprintf(stderr, "usage: make_golden PATH\n");
        return 2;
    }
    options.dimension = GOLDEN_DIM;
    options.metric = VDB_L2;
    options.index = VDB_HNSW;
    options.m = 12;
    options.ef_construction = 80;
    options.max_layers = 6;
    options.threads = 1;
    options.flags = VDB_OPEN_EXCLUSIVE;
    if (vdb_open(argv[1], &options, &db))
        return fail(argv[1]);
    bad = write_all(db);
    if (vdb_close(db))
        return fail("close");
    return bad;
}
