/* semantic.c: documents found by meaning, and narrowed by what is known about them.
 *
 *     semantic docs.fvecs docs.jsonl [DATABASE]
 *
 * docs.fvecs has a vector for each document, computed by a sentence-embedding model:
 * texts that mean something alike lie close together.  docs.jsonl has a line of JSON for
 * each: title, category, tags, number of words.  (examples/data/README.md says where they
 * come from.)  Without DATABASE nothing is left on the disk.
 *
 * A program of your own would let the model embed the user's question, and search with
 * that vector.  There is no model here, so the question is "what else is like this
 * document?", and the vector is the document's own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vdb.h>

enum {
    DOCUMENTS_MAX = 10000,
    ID_BYTES = 16,
    LINE_BYTES = 65536
};

typedef struct documents {
    size_t count, dim;
    float *vectors; /* count * dim */
    const char *ids[DOCUMENTS_MAX];
    const char *metadata[DOCUMENTS_MAX]; /* JSON, as it stands in the file */
} documents;

/* Nearly every function of libvdb returns a status, and vdb_errmsg() says in words what
 * was wrong.  In an example the end of the program is answer enough. */
static void must(vdb_status status)
{
    if (status == VDB_OK)
        return;
    fprintf(stderr, "%s: %s\n", vdb_status_name(status), vdb_errmsg());
    exit(1);
}

static void *must_have(void *pointer, const char *what)
{
    if (pointer)
        return pointer;
    perror(what);
    exit(1);
}

/* fvecs: each vector is its dimension, then so many floats. */
static void read_vectors(documents *docs, const char *path)
{
    FILE *file = must_have(fopen(path, "rb"), path);
    int32_t dim;

    while (docs->count < DOCUMENTS_MAX && fread(&dim, sizeof dim, 1, file) == 1) {
        size_t bytes = (size_t)dim * sizeof(float);
        docs->dim = (size_t)dim;
        docs->vectors =
            must_have(realloc(docs->vectors, (docs->count + 1) * bytes), path);
        if (fread(docs->vectors + docs->count * docs->dim, bytes, 1, file) != 1)
            must_have(NULL, path);
        docs->count++;
    }
    fclose(file);
}

static void read_metadata(documents *docs, const char *path)
{
    static char line[LINE_BYTES];
    FILE *file = must_have(fopen(path, "r"), path);

    for (size_t i = 0; i < docs->count; i++) {
        char *id = must_have(malloc(ID_BYTES), "id");
        snprintf(id, ID_BYTES, "doc-%03zu", i);
        docs->ids[i] = id;
        must_have(fgets(line, sizeof line, file), path);
        line[strcspn(line, "\n")] = 0;
        docs->metadata[i] = must_have(strdup(line), path);
    }
    fclose(file);
}

/* All of them in one call, which is one commit: after a crash all are there, or none. */
static void store(vdb *db, const documents *docs)
{
    vdb_rows rows = VDB_ROWS_INIT;

    rows.count = docs->count;
    rows.dim = docs->dim;
    rows.ids = docs->ids;
    rows.vectors = docs->vectors;
    rows.metadata = docs->metadata;
    must(vdb_put(db, &rows, NULL, NULL));
}

/* The k documents nearest to one of them that pass a filter.  However few pass, a filtered
 * search gives as many as there are, up to k. */
static void print_alike(vdb *db, const char *id, size_t k, const char *filter_json)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_filter *filter;
    vdb_record *document;
    vdb_results *hits;

    must(vdb_filter_parse(NULL, filter_json, strlen(filter_json), &filter));
    must(vdb_get(db, id, NULL, &document));
    query.vectors = vdb_record_vector(document, &query.dim);
    query.count = 1;
    query.k = k;
    query.filter = filter;
    query.flags = VDB_QUERY_FILTERED | VDB_QUERY_WITH_METADATA;
    must(vdb_search_batch(db, &query, &hits));
    vdb_record_free(document);
    vdb_filter_free(filter);
    printf("Like %s, where %s:\n", id, filter_json);
    for (size_t i = 0; i < vdb_results_count(hits); i++)
        printf("  %.3f  %s %s\n", (double)vdb_results_distances(hits)[i],
               vdb_results_id(hits, i, NULL), vdb_results_metadata(hits, i, NULL));
    vdb_results_free(hits);
}

int main(int argc, char **argv)
{
    static documents docs;
    vdb_options options = VDB_OPTIONS_INIT; /* what is left zero has its default */
    vdb *db;

    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: semantic docs.fvecs docs.jsonl [DATABASE]\n");
        return 2;
    }
    read_vectors(&docs, argv[1]);
    read_metadata(&docs, argv[2]);
    options.metric = VDB_COSINE; /* what such models are trained for */
    must(vdb_open(argc == 4 ? argv[3] : ":memory:", &options, &db));
    store(db, &docs);

    /* Anything but the document itself. */
    print_alike(
        db, "doc-004", 3,
        "{\"op\": \"not\", \"filter\": {\"op\": \"id_in\", \"ids\": [\"doc-004\"]}}");
    /* A number, a string and an element of an array, all at once. */
    print_alike(
        db, "doc-004", 3,
        "{\"op\": \"and\", \"filters\": ["
        "{\"op\": \"lt\", \"field\": \"words\", \"value\": 600}, "
        "{\"op\": \"eq\", \"field\": \"category\", \"value\": \"Sapui5\"}, "
        "{\"op\": \"contains\", \"field\": \"tags\", \"value\": \"annotations\"}]}");
    /* Fewer pass than are asked for: these are all. */
    print_alike(
        db, "doc-031", 10,
        "{\"op\": \"eq\", \"field\": \"category\", \"value\": \"Sap Fe Test Api\"}");

    must(vdb_close(db));
    for (size_t i = 0; i < docs.count; i++) {
        free((void *)docs.ids[i]);
        free((void *)docs.metadata[i]);
    }
    free(docs.vectors);
    return 0;
}
