/* test_golden.c: a database that an earlier build wrote opens, holds what it held,
 * answers as it answered, and is not modified by being read.
 *
 * VDB_GOLDEN_FILE is the committed file's path.
 */
#include "fixture.h"
#include "golden.h"

#include <sys/stat.h>

/* Over the ids and the bits of the distances of the searches below; exact arithmetic
 * makes it the same on every machine. */
static uint64_t searches_checksum(vdb *db)
{
    uint64_t hash = 1469598103934665603u;
    for (int q = 0; q < 40; q++) {
        static const char *const filters[4] = {
            NULL, "{\"op\":\"eq\",\"field\":\"kind\",\"value\":\"k3\"}",
            "{\"op\":\"and\",\"filters\":[{\"op\":\"lt\",\"field\":\"deep.er.est\","
            "\"value\":50},{\"op\":\"ne\",\"field\":\"tags\",\"value\":\"t1\"}]}",
            "{\"op\":\"not\",\"filter\":{\"op\":\"exists\",\"field\":\"n\"}}"};
        vdb_query query = VDB_QUERY_INIT;
        vdb_filter *filter = filters[q % 4] ? fx_filter(filters[q % 4]) : NULL;
        vdb_results *hits = NULL;
        float v[GOLDEN_DIM];
        golden_vector(q * 37 + 1000, v);
        query.vectors = v;
        query.count = 1;
        query.dim = GOLDEN_DIM;
        query.k = 10;
        query.filter = filter;
        query.flags = VDB_QUERY_EXACT;
        assert_ok(vdb_search_batch(db, &query, &hits));
        for (size_t i = 0; i < vdb_results_count(hits); i++) {
            unsigned char bytes[96];
            size_t n = 0;
            uint32_t bits;
            const char *id = vdb_results_id(hits, i, &n);
            assert_true(n < 90);
            memcpy(bytes, id, n);
            memcpy(&bits, &vdb_results_distances(hits)[i], 4);
            for (int j = 0; j < 4; j++)
                bytes[n++] = (unsigned char)(bits >> (8 * j));
            for (size_t j = 0; j < n; j++)
                hash = (hash ^ bytes[j]) * 1099511628211u;
        }
        vdb_results_free(hits);
        vdb_filter_free(filter);
    }
    return hash;
}

static void check_contents(vdb *db)
{
    uint64_t there = 0;
    vdb_stats stats = fx_stats(db);
    for (int i = 0; i < GOLDEN_WRITTEN; i++) {
        char id[64], metadata[512];
        float v[GOLDEN_DIM];
        vdb_record *record = NULL;
        golden_id(i, id, sizeof id);
        golden_vector(i, v);
        assert_int_equal(fx_has(db, id), golden_is_there(i));
        if (!golden_is_there(i))
            continue;
        there++;
        assert_ok(vdb_get(db, id, NULL, &record));
        assert_memory_equal(vdb_record_vector(record, NULL), v, sizeof v);
        vdb_record_free(record);
        assert_metadata(
            db, id, golden_metadata(i, metadata, sizeof metadata) ? metadata : NULL);
    }
    assert_int_equal(fx_count(db), there);
    assert_int_equal(stats.dimension, GOLDEN_DIM);
    assert_int_equal(stats.metric, VDB_L2);
    assert_int_equal(stats.index, VDB_HNSW);
    assert_int_equal(stats.m, 12);
    assert_int_equal(stats.ef_construction, 80);
    assert_int_equal(stats.max_layers, 6);
    assert_int_equal(stats.format, VDB_GOLDEN_FORMAT);
    assert_int_equal(searches_checksum(db), (uint64_t)VDB_GOLDEN_CHECKSUM);
    fx_assert_clean(db);
}

static void an_old_file_reads_as_it_did(void **state)
{
    static const uint32_t flags[2] = {0, VDB_OPEN_NO_MMAP};
    fixture *fx = *state;
    fx_files before;
    fx_copy_file(VDB_GOLDEN_FILE, fx->path);
    before = fx_files_of(fx->path);
    for (int i = 0; i < 2; i++) {
        vdb_options options = fx_options(0, 0, 0);
        options.flags = VDB_OPEN_READONLY | flags[i];
        fx_open(fx, &options);
        check_contents(fx->db);
        fx_close(fx);
        assert_files(fx->path, &before);
    }
}

static void the_committed_file_itself_is_never_written(void **state)
{
    fixture *fx = *state;
    struct stat before, after;
    vdb_options options = fx_options(0, 0, 0);
    vdb *db = NULL;
    (void)fx;
    assert_int_equal(stat(VDB_GOLDEN_FILE, &before), 0);
    options.flags = VDB_OPEN_READONLY;
    assert_ok(vdb_open(VDB_GOLDEN_FILE, &options, &db));
    assert_true(fx_count(db) > 0);
    assert_ok(vdb_close(db));
    assert_int_equal(stat(VDB_GOLDEN_FILE, &after), 0);
    assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    assert_int_equal(before.st_size, after.st_size);
}

static void an_old_file_can_be_written(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, 0, 0);
    const float v[GOLDEN_DIM] = {1};
    fx_copy_file(VDB_GOLDEN_FILE, fx->path);
    fx_open(fx, &options);
    check_contents(fx->db);
    assert_ok(vdb_insert(fx->db, "new", v, GOLDEN_DIM, "{\"kind\": \"new\"}"));
    fx_reopen(fx);
    assert_ids(fx->db, "{\"op\":\"eq\",\"field\":\"kind\",\"value\":\"new\"}", "new");
    assert_ok(vdb_delete(fx->db, "new"));
    fx_reopen(fx);
    check_contents(fx->db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(an_old_file_reads_as_it_did),
        T(the_committed_file_itself_is_never_written),
        T(an_old_file_can_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
