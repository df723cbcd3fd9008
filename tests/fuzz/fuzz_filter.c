/* fuzz_filter.c: arbitrary bytes as a filter, then tried on a few records. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "filter/filter.h"

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

static void test_all(const vdb_filter *filter, vdbi_memory *memory, int passes[RECORDS])
{
    for (int i = 0; i < RECORDS; i++) {
        const char *metadata = records[i];
        vdb_status st = vdbi_filter_test(filter, memory, "id-1", 4, metadata,
                                         metadata ? strlen(metadata) : 0, &passes[i]);
        REQUIRE(st == VDB_OK);
        REQUIRE(passes[i] == 0 || passes[i] == 1);
    }
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
    }
    vdb_filter_free(filter);
    vdb_env_free(env);
    harness_require_no_leak();
    return 0;
}
