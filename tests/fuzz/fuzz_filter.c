/* fuzz_filter.c: arbitrary bytes as a filter, tried on a few records, and on one of the
 * input's own, when a NUL follows the filter: what is behind it is the record's metadata.
 *
 * What passes is compared with the oracle of the random programs, which reads documents
 * and knows no columns; for the parsed metadata, and for a database of these records,
 * whose columns answer. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "../model/oracle.h"
#include "filter/filter.h"
#include "store/flatten.h"

static const char *const records[] = {
    NULL,
    "{}",
    "{\"a\": 1, \"b\": \"x\", \"c\": null}",
    "{\"a\": {\"b\": 2.5, \"c\": [1, 2.0, \"x\", true, null, {\"a\": 1}]}}",
    "{\"a.b\": false, \"a\": {\"b\": 9223372036854775807}, \"\": -1}",
    "{\"a\": [\"xyz\", \"\\u00e4\"], \"b\": -9223372036854775808, \"c\": 1e300}"};
enum {
    RECORDS = sizeof records / sizeof *records
};

static int test_one(const vdb_filter *filter, vdbi_memory *memory, const char *metadata)
{
    int passes = -1;

    REQUIRE(vdbi_filter_test(filter, memory, "id-1", 4, metadata,
                             metadata ? strlen(metadata) : 0, &passes) == VDB_OK);
    REQUIRE(passes == 0 || passes == 1);
    return passes;
}

static void test_all(const vdb_filter *filter, vdbi_memory *memory, int passes[RECORDS])
{
    for (int i = 0; i < RECORDS; i++)
        passes[i] = test_one(filter, memory, records[i]);
}

/* What the oracle says of a record; -1 where it cannot read the metadata, which may
 * have a NUL. */
static int expected(const json_t *tree, const char *metadata)
{
    oracle_entry e = {.id = (char *)"id-1"};
    int passes;

    if (metadata && !(e.document = json_loads(metadata, 0, NULL)))
        return -1;
    passes = oracle_passes(tree, &e);
    json_decref(e.document);
    return passes;
}

static int passes_in_database(vdb_env *env, const vdb_filter *filter,
                              const char *metadata)
{
    vdb_options options = VDB_OPTIONS_INIT;
    uint64_t count = 0;
    vdb *db;

    options.env = env;
    options.threads = 1;
    REQUIRE(vdb_open(":memory:", &options, &db) == VDB_OK);
    REQUIRE(vdb_insert(db, "id-1", (const float[]){1}, 1, metadata) == VDB_OK);
    REQUIRE(vdb_count(db, filter, NULL, &count) == VDB_OK);
    REQUIRE(vdb_close(db) == VDB_OK);
    return (int)count;
}

static void test_against_oracle(vdb_env *env, vdbi_memory *memory,
                                const vdb_filter *filter, const char *text,
                                size_t length, const char *own)
{
    json_t *tree = json_loadb(text, length, 0, NULL);
    vdbi_flat *flat = NULL;
    int wanted;

    for (int i = 0; tree && i < RECORDS; i++)
        REQUIRE(test_one(filter, memory, records[i]) == expected(tree, records[i]));
    if (own && vdbi_flatten(memory, own, strlen(own), &flat) == VDB_OK) {
        int passes = test_one(filter, memory, own);
        wanted = tree ? expected(tree, own) : -1;
        REQUIRE(wanted < 0 || passes == wanted);
        REQUIRE(passes_in_database(env, filter, own) == passes);
    }
    vdbi_flat_free(memory, flat);
    json_decref(tree);
}

/* {"op": "not", "filter": <text>} says the opposite, where the limits let it be. */
static void test_negation(vdb_env *env, vdbi_memory *memory, const uint8_t *data,
                          size_t size, const int *passes)
{
    static const char before[] = "{\"op\": \"not\", \"filter\": ";
    size_t head = sizeof before - 1;
    char *text = malloc(head + size + 1);
    vdb_filter *filter;
    int opposite[RECORDS];
    vdb_status st;

    REQUIRE(text != NULL);
    memcpy(text, before, head);
    memcpy(text + head, data, size);
    text[head + size] = '}';
    st = vdb_filter_parse(env, text, head + size + 1, &filter);
    REQUIRE(st == VDB_OK || st == VDB_INVALID);
    if (!st) {
        test_all(filter, memory, opposite);
        for (int i = 0; i < RECORDS; i++)
            REQUIRE(opposite[i] == !passes[i]);
    }
    vdb_filter_free(filter);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;
    vdbi_memory memory;
    vdb_filter *filter;
    int passes[RECORDS];
    vdb_env *env;
    vdb_status st;
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    char *own = NULL;

    if (nul) {
        own = strndup((const char *)nul + 1, (size_t)(data + size - nul - 1));
        REQUIRE(own != NULL);
        size = (size_t)(nul - data);
    }
    options.allocator = harness_allocator();
    REQUIRE(vdb_env_new(&options, &env) == VDB_OK);
    vdbi_memory_init(&memory, harness_allocator());
    st = vdb_filter_parse(env, (const char *)data, size, &filter);
    harness_require_told(st);
    REQUIRE(st == VDB_OK || st == VDB_INVALID);
    REQUIRE((st == VDB_OK) == (filter != NULL));
    if (filter) {
        test_all(filter, &memory, passes);
        test_negation(env, &memory, data, size, passes);
        test_against_oracle(env, &memory, filter, (const char *)data, size, own);
    }
    vdb_filter_free(filter);
    vdb_env_free(env);
    free(own);
    harness_require_no_leak();
    return 0;
}
