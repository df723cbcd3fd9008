/* test_crud.c: one record at a time: insert, insert_new, get, set_metadata, delete,
 * and the four metrics' worth of vectors in and out, bit for bit.
 */
#include "fixture.h"

#include <float.h>

static void insert_then_get_gives_the_same_bytes(void **state)
{
    fixture *fx = *state;
    const float v[3] = {1.0f, -0.0f, FLT_MIN / 4};
    const char *metadata = " { \"b\" : 1,\n\t\"a\":[1.50, \"\\u00e9\"] }\n";
    vdb_record *record = NULL;
    size_t n = 0;
    assert_ok(vdb_insert(fx->db, "v1", v, 3, metadata));
    assert_ok(vdb_get(fx->db, "v1", NULL, &record));
    assert_string_equal(vdb_record_id(record, &n), "v1");
    assert_int_equal(n, 2);
    assert_memory_equal(vdb_record_vector(record, &n), v, sizeof v);
    assert_int_equal(n, 3);
    assert_string_equal(vdb_record_metadata(record, &n), metadata);
    assert_int_equal(n, strlen(metadata));
    /* The lengths are optional. */
    assert_string_equal(vdb_record_id(record, NULL), "v1");
    assert_non_null(vdb_record_vector(record, NULL));
    assert_string_equal(vdb_record_metadata(record, NULL), metadata);
    vdb_record_free(record);
}

static void a_record_outlives_the_database(void **state)
{
    fixture *fx = *state;
    vdb_record *record = NULL;
    fx_put(fx->db, "v1", 1, 2, 3, "{\"a\": 1}");
    assert_ok(vdb_get(fx->db, "v1", NULL, &record));
    fx_put(fx->db, "v1", 4, 5, 6, NULL);
    fx_close(fx);
    assert_string_equal(vdb_record_id(record, NULL), "v1");
    assert_true(vdb_record_vector(record, NULL)[2] == 3);
    assert_string_equal(vdb_record_metadata(record, NULL), "{\"a\": 1}");
    vdb_record_free(record);
}

static void insert_replaces_vector_and_metadata(void **state)
{
    fixture *fx = *state;
    vdb_record *record = NULL;
    fx_put(fx->db, "v1", 1, 2, 3, "{\"a\": 1, \"b\": 2}");
    fx_put(fx->db, "v1", 7, 8, 9, "{\"a\": 3}");
    assert_int_equal(fx_count(fx->db), 1);
    assert_metadata(fx->db, "v1", "{\"a\": 3}");
    assert_ok(vdb_get(fx->db, "v1", NULL, &record));
    assert_true(vdb_record_vector(record, NULL)[0] == 7);
    vdb_record_free(record);
    /* The old values are found no more, the new ones are. */
    assert_ids(fx->db, "{\"op\":\"exists\",\"field\":\"b\"}", "");
    assert_ids(fx->db, "{\"op\":\"eq\",\"field\":\"a\",\"value\":3}", "v1");
    assert_hits(fx->db, 1, 2, 3, 10, NULL, "v1");
    /* A replacement without metadata has none. */
    fx_put(fx->db, "v1", 7, 8, 9, NULL);
    assert_metadata(fx->db, "v1", NULL);
    assert_ids(fx->db, "{\"op\":\"exists\",\"field\":\"a\"}", "");
}

static void insert_new_refuses_an_id_that_is_there(void **state)
{
    fixture *fx = *state;
    const float v[3] = {9, 9, 9};
    fx_state before;
    assert_ok(vdb_insert_new(fx->db, "v1", v, 3, "{\"a\": 1}"));
    before = fx_state_of(fx);
    assert_status(vdb_insert_new(fx->db, "v1", v, 3, "{\"a\": 2}"), VDB_EXISTS);
    assert_message("v1");
    assert_unchanged(fx, &before);
    assert_metadata(fx->db, "v1", "{\"a\": 1}");
    assert_ok(vdb_delete(fx->db, "v1"));
    assert_ok(vdb_insert_new(fx->db, "v1", v, 3, NULL));
    assert_metadata(fx->db, "v1", NULL);
}

static void set_metadata_keeps_the_vector(void **state)
{
    fixture *fx = *state;
    vdb_record *record = NULL;
    fx_put(fx->db, "v1", 1, 2, 3, "{\"a\": 1}");
    assert_ok(vdb_set_metadata(fx->db, "v1", "{\"b\": true}"));
    assert_metadata(fx->db, "v1", "{\"b\": true}");
    assert_ids(fx->db, "{\"op\":\"exists\",\"field\":\"a\"}", "");
    assert_ids(fx->db, "{\"op\":\"eq\",\"field\":\"b\",\"value\":true}", "v1");
    assert_ok(vdb_get(fx->db, "v1", NULL, &record));
    assert_true(vdb_record_vector(record, NULL)[2] == 3);
    vdb_record_free(record);
    assert_hits(fx->db, 1, 2, 3, 1, NULL, "v1");
    assert_ok(vdb_set_metadata(fx->db, "v1", NULL));
    assert_metadata(fx->db, "v1", NULL);
    assert_int_equal(fx_count(fx->db), 1);
}

static void what_is_not_there_is_not_found(void **state)
{
    fixture *fx = *state;
    vdb_record *record = (vdb_record *)fx;
    fx_state before;
    fx_put(fx->db, "v1", 1, 2, 3, NULL);
    before = fx_state_of(fx);
    assert_status(vdb_get(fx->db, "nope", NULL, &record), VDB_NOT_FOUND);
    assert_null(record);
    assert_message("nope");
    assert_status(vdb_delete(fx->db, "nope"), VDB_NOT_FOUND);
    assert_message("nope");
    assert_status(vdb_set_metadata(fx->db, "nope", "{}"), VDB_NOT_FOUND);
    assert_message("nope");
    assert_unchanged(fx, &before);
}

static void a_deleted_vector_is_gone_everywhere(void **state)
{
    fixture *fx = *state;
    fx_put(fx->db, "a", 1, 0, 0, "{\"t\": 1}");
    fx_put(fx->db, "b", 2, 0, 0, "{\"t\": 1}");
    assert_ok(vdb_delete(fx->db, "a"));
    assert_false(fx_has(fx->db, "a"));
    assert_ids(fx->db, NULL, "b");
    assert_ids(fx->db, "{\"op\":\"eq\",\"field\":\"t\",\"value\":1}", "b");
    assert_hits(fx->db, 1, 0, 0, 10, NULL, "b");
    assert_status(vdb_delete(fx->db, "a"), VDB_NOT_FOUND);
    assert_ok(vdb_delete(fx->db, "b"));
    assert_int_equal(fx_count(fx->db), 0);
    assert_hits(fx->db, 1, 0, 0, 10, NULL, "");
    /* An id can come back, with another vector. */
    fx_put(fx->db, "a", 5, 0, 0, NULL);
    assert_hits(fx->db, 1, 0, 0, 10, NULL, "a");
    assert_metadata(fx->db, "a", NULL);
    fx_assert_clean(fx->db);
}

static void one_of_two_twins_can_be_deleted(void **state)
{
    fixture *fx = *state;
    fx_put(fx->db, "a", 1, 1, 1, NULL);
    fx_put(fx->db, "b", 1, 1, 1, NULL);
    assert_hits(fx->db, 1, 1, 1, 10, NULL, "a b");
    assert_ok(vdb_delete(fx->db, "a"));
    assert_hits(fx->db, 1, 1, 1, 10, NULL, "b");
}

static void metadata_may_be_the_empty_object(void **state)
{
    fixture *fx = *state;
    fx_put(fx->db, "a", 1, 1, 1, "{}");
    assert_metadata(fx->db, "a", "{}");
    fx_reopen(fx);
    assert_metadata(fx->db, "a", "{}");
}

static void many_records_come_back_whole(void **state)
{
    fixture *fx = *state;
    char id[32], metadata[64];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2500; i++) {
            snprintf(id, sizeof id, "id-%d", i * 7919 % 2500);
            snprintf(metadata, sizeof metadata, "{\"n\": %d, \"r\": %d}", i, round);
            fx_put(fx->db, id, (float)i, (float)round, 0, metadata);
        }
        assert_int_equal(fx_count(fx->db), 2500);
    }
    for (int i = 0; i < 2500; i++) {
        vdb_record *record = NULL;
        snprintf(id, sizeof id, "id-%d", i * 7919 % 2500);
        snprintf(metadata, sizeof metadata, "{\"n\": %d, \"r\": 1}", i);
        assert_metadata(fx->db, id, metadata);
        assert_ok(vdb_get(fx->db, id, NULL, &record));
        assert_true(vdb_record_vector(record, NULL)[0] == (float)i);
        vdb_record_free(record);
    }
    fx_assert_clean(fx->db);
}

static void every_dimension_at_the_edges_works(void **state)
{
    static const uint32_t dims[] = {1,  2,  3,   7,   8,   9,    15,   16,   17,
                                    31, 33, 255, 257, 784, 4095, 4097, 65535};
    fixture *fx = *state;
    float *v = malloc(65535 * sizeof *v);
    assert_non_null(v);
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        vdb_options options = fx_options(dims[d], VDB_L2, VDB_FLAT);
        fx_remove(fx->path);
        fx_open(fx, &options);
        for (int i = 0; i < 3; i++) {
            char id[2] = {(char)('a' + i), 0};
            for (uint32_t j = 0; j < dims[d]; j++)
                v[j] = (float)((j * 31 + (uint32_t)i * 17) % 97);
            assert_ok(vdb_insert(fx->db, id, v, dims[d], NULL));
        }
        fx_reopen(fx);
        for (int i = 0; i < 3; i++) {
            char id[2] = {(char)('a' + i), 0};
            vdb_record *record = NULL;
            vdb_results *hits = NULL;
            size_t n = 0;
            for (uint32_t j = 0; j < dims[d]; j++)
                v[j] = (float)((j * 31 + (uint32_t)i * 17) % 97);
            assert_ok(vdb_get(fx->db, id, NULL, &record));
            assert_memory_equal(vdb_record_vector(record, &n), v, dims[d] * sizeof *v);
            assert_int_equal(n, dims[d]);
            vdb_record_free(record);
            assert_ok(vdb_search(fx->db, v, dims[d], 1, &hits));
            assert_int_equal(vdb_results_count(hits), 1);
            assert_string_equal(vdb_results_id(hits, 0, NULL), id);
            assert_true(vdb_results_distances(hits)[0] == 0);
            vdb_results_free(hits);
        }
        fx_assert_clean(fx->db);
        fx_close(fx);
    }
    free(v);
}

static void vectors_need_no_alignment(void **state)
{
    fixture *fx = *state;
    unsigned char raw[3 * sizeof(float) + 1];
    const float v[3] = {3, 4, 0};
    const void *odd = raw + 1;
    vdb_rows rows = VDB_ROWS_INIT;
    const char *ids[1] = {"odd"};
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    /* vdb_rows and vdb_query take bytes with a stride, so rows may lie anywhere. */
    memcpy(raw + 1, v, sizeof v);
    rows.count = 1;
    rows.dim = 3;
    rows.ids = ids;
    rows.vectors = odd;
    assert_ok(vdb_put(fx->db, &rows, NULL, NULL));
    query.vectors = odd;
    query.count = 1;
    query.dim = 3;
    query.k = 1;
    assert_ok(vdb_search_batch(fx->db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 1);
    assert_true(vdb_results_distances(hits)[0] == 0);
    vdb_results_free(hits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        T(insert_then_get_gives_the_same_bytes),
        T(a_record_outlives_the_database),
        T(insert_replaces_vector_and_metadata),
        T(insert_new_refuses_an_id_that_is_there),
        T(set_metadata_keeps_the_vector),
        T(what_is_not_there_is_not_found),
        T(a_deleted_vector_is_gone_everywhere),
        T(one_of_two_twins_can_be_deleted),
        T(metadata_may_be_the_empty_object),
        T(many_records_come_back_whole),
        cmocka_unit_test_setup_teardown(every_dimension_at_the_edges_works, fx_setup,
                                        fx_teardown),
        T(vectors_need_no_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
