/* test_reopen.c: what comes back after a close, after a kill, and after damage; among
 * them each fault of the reference system that mission.md lists.
 *
 * A kill is made by copying the files of an open database that has no threads of its
 * own: what a dead process leaves is what is in the files.
 */
#include "fixture.h"

#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

static void everything_comes_back_after_a_close(void **state)
{
    fixture *fx = *state;
    char id[32], metadata[64];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 120; i++) {
            snprintf(id, sizeof id, "v%d", i);
            snprintf(metadata, sizeof metadata, "{\"round\": %d}", round);
            if (i % 4 != round)
                fx_put(fx->db, id, (float)i, (float)round, 0, i % 3 ? metadata : NULL);
            else if (fx_has(fx->db, id))
                assert_ok(vdb_delete(fx->db, id));
        }
        fx_reopen(fx);
        assert_int_equal(fx_count(fx->db), 90);
        assert_int_equal(fx_stats(fx->db).replayed, 0);
        for (int i = 0; i < 120; i++) {
            snprintf(id, sizeof id, "v%d", i);
            snprintf(metadata, sizeof metadata, "{\"round\": %d}", round);
            assert_int_equal(fx_has(fx->db, id), i % 4 != round);
            if (i % 4 != round)
                assert_metadata(fx->db, id, i % 3 ? metadata : NULL);
        }
        fx_assert_clean(fx->db);
    }
}

/* Fault: metadata lost on reopen. */
static void metadata_survives_close_kill_and_checkpoint(void **state)
{
    fixture *fx = *state;
    const char *copy = fx_name(fx, "copy.vdb");
    vdb *killed = NULL;
    fx_put(fx->db, "a", 1, 2, 3, "{\"kept\": [1, \"two\", null]}");
    fx_copy(fx->path, copy);
    assert_ok(vdb_open(copy, NULL, &killed));
    assert_metadata(killed, "a", "{\"kept\": [1, \"two\", null]}");
    assert_ids(killed, "{\"op\":\"contains\",\"field\":\"kept\",\"value\":\"two\"}",
               "a");
    assert_ok(vdb_close(killed));
    assert_ok(vdb_checkpoint(fx->db, NULL));
    fx_reopen(fx);
    assert_metadata(fx->db, "a", "{\"kept\": [1, \"two\", null]}");
    fx_reopen(fx);
    assert_ids(fx->db, "{\"op\":\"eq\",\"field\":\"kept\",\"value\":1}", "a");
}

/* Fault: a wrong-dimension insert logged before it was checked made every later opening
 * fail. */
static void a_refused_insert_leaves_no_trace_in_the_log(void **state)
{
    fixture *fx = *state;
    const float v[4] = {1, 2, 3, 4};
    const char *copy = fx_name(fx, "copy.vdb");
    vdb *killed = NULL;
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    assert_status(vdb_insert(fx->db, "b", v, 4, NULL), VDB_INVALID);
    assert_status(vdb_insert(fx->db, "b", v, 3, "{"), VDB_INVALID);
    fx_put(fx->db, "c", 1, 2, 3, NULL);
    fx_copy(fx->path, copy);
    assert_ok(vdb_open(copy, NULL, &killed));
    assert_ids(killed, NULL, "a c");
    fx_assert_clean(killed);
    assert_ok(vdb_close(killed));
    fx_reopen(fx);
    assert_ids(fx->db, NULL, "a c");
}

/* Fault: the snapshot was overwritten in place.  Killed between any two commits, with
 * checkpoints among them, everything acknowledged is there. */
static void killed_after_any_commit_everything_is_there(void **state)
{
    fixture *fx = *state;
    const char *copy = fx_name(fx, "copy.vdb");
    vdb_options options = fx_options(0, 0, 0);
    for (int i = 0; i < 60; i++) {
        char id[16], metadata[32];
        vdb *killed = NULL;
        snprintf(id, sizeof id, "v%02d", i);
        snprintf(metadata, sizeof metadata, "{\"n\": %d}", i);
        fx_put(fx->db, id, (float)i, 0, 0, metadata);
        if (i % 7 == 6)
            assert_ok(vdb_checkpoint(fx->db, NULL));
        if (i % 11 == 10)
            fx_reopen(fx);
        fx_copy(fx->path, copy);
        options.flags = i % 2 ? VDB_OPEN_READONLY : 0;
        assert_ok(vdb_open(copy, &options, &killed));
        assert_int_equal(fx_count(killed), (uint64_t)i + 1);
        assert_metadata(killed, id, metadata);
        fx_assert_clean(killed);
        assert_ok(vdb_close(killed));
    }
}

/* The log of a database that is in use: its path and bytes. */
static unsigned char *live_log(const char *path, char *name, size_t name_size,
                               size_t *size)
{
    fx_files files = fx_files_of(path);
    int which = files.size[1] > files.size[2] ? 1 : 2;
    unsigned char *bytes;
    snprintf(name, name_size, "%s-wal%d", path, which);
    bytes = fx_read(name, size);
    assert_non_null(bytes);
    assert_true(*size > 0);
    return bytes;
}

/* Where the log's content ends: it may have been made longer than that with zeros. */
static size_t content_end(const unsigned char *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0)
        size--;
    return size;
}

/* Fault: a torn tail left in place, so that later acknowledged writes vanished behind
 * it. */
static void what_is_written_behind_a_torn_tail_stays(void **state)
{
    fixture *fx = *state;
    char copy[800], name[1000];
    size_t size, end, before;
    unsigned char *bytes;
    snprintf(copy, sizeof copy, "%s/copy.vdb", fx->dir);
    fx_put(fx->db, "a", 1, 0, 0, "{\"n\": 1}");
    fx_copy(fx->path, copy);
    free(live_log(copy, name, sizeof name, &before));
    bytes = live_log(copy, name, sizeof name, &size);
    before = content_end(bytes, size);
    free(bytes);
    fx_put(fx->db, "torn", 2, 0, 0, "{\"n\": 2}");
    for (int round = 0; round < 4; round++) {
        vdb *db = NULL;
        fx_copy(fx->path, copy);
        bytes = live_log(copy, name, sizeof name, &size);
        end = content_end(bytes, size);
        assert_true(end > before + 16);
        if (round == 0)
            end = before + (end - before) / 2; /* cut in the middle of the frame */
        else if (round == 1)
            end = before + 5;
        else if (round == 2)
            bytes[before + (end - before) / 2] ^= 0xff; /* a sector not written */
        else
            memset(bytes + before + 8, 0, end - before - 8);
        fx_write(name, bytes, end);
        free(bytes);
        assert_ok(vdb_open(copy, NULL, &db));
        assert_ids(db, NULL, "a");
        fx_put(db, "b", 3, 0, 0, "{\"n\": 3}");
        /* Killed again: what was acknowledged since must be there. */
        {
            const char *again = fx_name(fx, "again.vdb");
            vdb *second = NULL;
            fx_copy(copy, again);
            assert_ok(vdb_open(again, NULL, &second));
            assert_ids(second, NULL, "a b");
            assert_metadata(second, "b", "{\"n\": 3}");
            fx_assert_clean(second);
            assert_ok(vdb_close(second));
        }
        assert_ok(vdb_close(db));
    }
}

/* Damage before what is known to have been synced is no torn tail. */
static void damage_in_the_middle_of_the_log_is_told(void **state)
{
    fixture *fx = *state;
    char copy[800], name[1000];
    size_t size, first;
    unsigned char *bytes;
    fx_files before;
    snprintf(copy, sizeof copy, "%s/copy.vdb", fx->dir);
    fx_put(fx->db, "a", 1, 0, 0, NULL);
    fx_copy(fx->path, copy);
    bytes = live_log(copy, name, sizeof name, &size);
    first = content_end(bytes, size);
    free(bytes);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        fx_put(fx->db, id, (float)i, 0, 0, NULL);
    }
    fx_copy(fx->path, copy);
    bytes = live_log(copy, name, sizeof name, &size);
    bytes[first + 70] ^=
        0x10; /* within the second commit, eighteen synced ones after */
    fx_write(name, bytes, size);
    free(bytes);
    before = fx_files_of(copy);
    assert_status(vdb_open(copy, NULL, &(vdb *){NULL}), VDB_CORRUPT);
    assert_message("copy.vdb-wal");
    assert_files(copy, &before);
}

static _Atomic size_t largest_allocation;

static void *bounded_allocate(void *arg, size_t size, size_t alignment)
{
    void *p = NULL;
    (void)arg;
    if (size > largest_allocation)
        largest_allocation = size;
    if (size > (size_t)64 << 20)
        return NULL;
    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    return posix_memalign(&p, alignment, size) ? NULL : p;
}

static void bounded_release(void *arg, void *memory)
{
    (void)arg;
    free(memory);
}

/* Fault: a corrupt length turned into a 4 GiB allocation.  Every byte of the log and of
 * the main file is turned in place: what opens is a prefix of the truth, what does not
 * says so, and no allocation is absurd. */
static void no_byte_of_the_files_can_do_harm(void **state)
{
    fixture *fx = *state;
    char copy[800];
    vdb_allocator allocator = {sizeof allocator, NULL, bounded_allocate,
                               bounded_release};
    vdb_env_options env_options = VDB_ENV_OPTIONS_INIT;
    vdb_options options = fx_options(0, 0, 0);
    vdb_env *env = NULL;
    int opened = 0, refused = 0;
    snprintf(copy, sizeof copy, "%s/copy.vdb", fx->dir);
    env_options.allocator = &allocator;
    assert_ok(vdb_env_new(&env_options, &env));
    options.env = env;
    options.flags = VDB_OPEN_READONLY;
    fx_put(fx->db, "a", 1, 0, 0, "{\"n\": 1}");
    fx_put(fx->db, "b", 2, 0, 0, "{\"n\": 2}");
    assert_ok(vdb_checkpoint(fx->db, NULL));
    fx_put(fx->db, "c", 3, 0, 0, "{\"n\": 3}");
    fx_put(fx->db, "d", 4, 0, 0, "{\"n\": 4}");
    largest_allocation = 0;
    for (int which = 0; which < 3; which++) {
        static const char *const suffixes[3] = {"", "-wal1", "-wal2"};
        char name[1000];
        unsigned char *bytes;
        size_t size, end;
        fx_copy(fx->path, copy);
        snprintf(name, sizeof name, "%s%s", copy, suffixes[which]);
        bytes = fx_read(name, &size);
        end = bytes ? content_end(bytes, size) : 0;
        for (size_t at = 0; at < end; at += which ? 1u : (at < 200 ? 3u : 61u)) {
            vdb *db = NULL;
            vdb_status st;
            uint64_t count = 0;
            bytes[at] ^= 0xff;
            fx_write(name, bytes, size);
            bytes[at] ^= 0xff;
            st = vdb_open(copy, &options, &db);
            if (st) {
                refused++;
                assert_true(st == VDB_CORRUPT || st == VDB_UNSUPPORTED);
                assert_null(db);
                continue;
            }
            opened++;
            st = vdb_count(db, NULL, NULL, &count);
            if (st)
                assert_status(st, VDB_CORRUPT);
            else if (count < 2 || count > 4) {
                print_error("byte %zu of %s: %llu vectors\n", at, name,
                            (unsigned long long)count);
                fail();
            }
            for (int i = 0; i < 4; i++) {
                const char id[2] = {(char)('a' + i), 0};
                char want[32];
                vdb_record *record = NULL;
                snprintf(want, sizeof want, "{\"n\": %d}", i + 1);
                st = vdb_get(db, id, NULL, &record);
                if (st == VDB_OK) {
                    assert_string_equal(vdb_record_metadata(record, NULL), want);
                    assert_true(vdb_record_vector(record, NULL)[0] == (float)(i + 1));
                } else if (st != VDB_CORRUPT) {
                    /* Only what the log's tail held may be gone. */
                    assert_status(st, VDB_NOT_FOUND);
                    assert_true(i >= 2);
                }
                vdb_record_free(record);
            }
            assert_ok(vdb_close(db));
        }
        free(bytes);
    }
    vdb_env_free(env);
    assert_true(refused > 20);
    assert_true(opened > 20);
    assert_true(largest_allocation > 0 && largest_allocation <= (size_t)64 << 20);
}

/* Fault: two processes (here, handles: test_open.c has processes) interleaving. */
static void two_writers_never_interleave(void **state)
{
    fixture *fx = *state;
    vdb *second = NULL;
    fx_put(fx->db, "a", 1, 0, 0, NULL);
    for (int i = 0; i < 5; i++) {
        assert_status(vdb_open(fx->path, NULL, &second), VDB_BUSY);
        fx_put(fx->db, "a", (float)i, 0, 0, NULL);
    }
    fx_reopen(fx);
    assert_ids(fx->db, NULL, "a");
}

/* Fault: the metric and the kind of index not stored. */
static void metric_and_index_are_what_they_were(void **state)
{
    fixture *fx = *state;
    for (vdb_metric metric = VDB_L2; metric <= VDB_DOT; metric++)
        for (vdb_index_kind index = VDB_FLAT; index <= VDB_HNSW; index++) {
            vdb_options options = fx_options(3, metric, index);
            const float q[3] = {1, 0, 0};
            vdb_results *hits = NULL;
            float distance;
            if (fx->db)
                fx_close(fx);
            fx_remove(fx->path);
            fx_open(fx, &options);
            fx_put(fx->db, "a", 3, 4, 0, NULL);
            assert_ok(vdb_search(fx->db, q, 3, 1, &hits));
            distance = vdb_results_distances(hits)[0];
            vdb_results_free(hits);
            assert_true(fabsf(distance - (metric == VDB_L2       ? 4.4721360f
                                          : metric == VDB_COSINE ? 0.4f
                                                                 : -3.0f)) < 1e-6f);
            fx_reopen(fx);
            assert_int_equal(fx_stats(fx->db).metric, metric);
            assert_int_equal(fx_stats(fx->db).index, index);
            assert_ok(vdb_search(fx->db, q, 3, 1, &hits));
            assert_memory_equal(vdb_results_distances(hits), &distance,
                                sizeof distance);
            vdb_results_free(hits);
        }
}

/* Fault: one zero vector stored under cosine made every search fail. */
static void a_zero_vector_does_not_poison_searches(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_COSINE, VDB_FLAT);
    const float zero[3] = {0, 0, 0};
    fx_close(fx);
    fx_remove(fx->path);
    fx_open(fx, &options);
    fx_put(fx->db, "a", 1, 0, 0, NULL);
    assert_status(vdb_insert(fx->db, "zero", zero, 3, NULL), VDB_INVALID);
    assert_hits(fx->db, 1, 1, 0, 5, NULL, "a");
    fx_reopen(fx);
    assert_hits(fx->db, 1, 1, 0, 5, NULL, "a");
    assert_status(vdb_insert(fx->db, "zero", zero, 3, NULL), VDB_INVALID);
}

/* Fault: 1e39 parsed to infinity and crashed a sort. */
static void infinities_and_huge_values_sort(void **state)
{
    fixture *fx = *state;
    volatile double too_large = 1e39;
    const float v[3] = {(float)too_large, 0, 0};
    vdb_results *hits = NULL;
    assert_status(vdb_insert(fx->db, "inf", v, 3, NULL), VDB_INVALID);
    /* The largest floats are finite; their distance need not be: it sorts last. */
    fx_put(fx->db, "huge", 3e38f, 3e38f, 3e38f, NULL);
    fx_put(fx->db, "-huge", -3e38f, -3e38f, -3e38f, NULL);
    fx_put(fx->db, "small", 1, 1, 1, NULL);
    assert_ok(vdb_search(fx->db, (const float[]){0, 0, 0}, 3, 10, &hits));
    assert_int_equal(vdb_results_count(hits), 3);
    assert_string_equal(vdb_results_id(hits, 0, NULL), "small");
    for (size_t i = 0; i < 3; i++)
        assert_true(!isnan(vdb_results_distances(hits)[i]));
    vdb_results_free(hits);
}

static void a_kill_before_the_first_insert(void **state)
{
    fixture *fx = *state;
    const char *copy = fx_name(fx, "copy.vdb");
    vdb *db = NULL;
    fx_copy(fx->path, copy);
    assert_ok(vdb_open(copy, NULL, &db));
    assert_int_equal(fx_count(db), 0);
    assert_int_equal(fx_stats(db).dimension, 3);
    fx_put(db, "a", 1, 2, 3, NULL);
    assert_ok(vdb_close(db));
    assert_ok(vdb_open(copy, NULL, &db));
    assert_ids(db, NULL, "a");
    assert_ok(vdb_close(db));
}

/* After a clean close the main file alone is the whole. */
static void a_closed_database_is_one_file(void **state)
{
    fixture *fx = *state;
    char name[1000];
    const char *moved;
    vdb *db = NULL;
    for (int i = 0; i < 300; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        fx_put(fx->db, id, (float)i, 0, 0, "{\"a\": 1}");
    }
    fx_close(fx);
    moved = fx_name(fx, "moved.vdb");
    fx_copy_file(fx->path, moved);
    assert_ok(vdb_open(moved, NULL, &db));
    assert_int_equal(fx_count(db), 300);
    fx_assert_clean(db);
    assert_ok(vdb_close(db));
    for (int i = 1; i <= 2; i++) {
        snprintf(name, sizeof name, "%s-wal%d", fx->path, i);
        unlink(name);
    }
    fx_reopen(fx);
    assert_int_equal(fx_count(fx->db), 300);
}

/* A replay leads to the same state however often it is done. */
static void reopening_after_a_kill_without_closing_again(void **state)
{
    fixture *fx = *state;
    char names[2][800];
    for (int i = 0; i < 30; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%02d", i % 20);
        if (i % 3 == 2 && i >= 20)
            assert_ok(vdb_delete(fx->db, id));
        fx_put(fx->db, id, (float)i, 0, 0, "{\"a\": 1}");
    }
    snprintf(names[0], sizeof names[0], "%s/copy0.vdb", fx->dir);
    snprintf(names[1], sizeof names[1], "%s/copy1.vdb", fx->dir);
    fx_copy(fx->path, names[0]);
    for (int i = 0; i < 6; i++) {
        vdb_options options = fx_options(0, 0, 0);
        vdb *db = NULL;
        assert_ok(vdb_open(names[i % 2], &options, &db));
        assert_int_equal(fx_count(db), 20);
        fx_copy(names[i % 2], names[1 - i % 2]); /* killed right after opening */
        assert_ok(vdb_close(db));
    }
    {
        vdb *db = NULL;
        assert_ok(vdb_open(names[0], NULL, &db));
        assert_int_equal(fx_count(db), 20);
        fx_assert_clean(db);
        assert_ok(vdb_close(db));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        T(everything_comes_back_after_a_close),
        T(metadata_survives_close_kill_and_checkpoint),
        T(a_refused_insert_leaves_no_trace_in_the_log),
        T(killed_after_any_commit_everything_is_there),
        T(what_is_written_behind_a_torn_tail_stays),
        T(damage_in_the_middle_of_the_log_is_told),
        T(no_byte_of_the_files_can_do_harm),
        T(two_writers_never_interleave),
        cmocka_unit_test_setup_teardown(metric_and_index_are_what_they_were, fx_setup,
                                        fx_teardown),
        T(a_zero_vector_does_not_poison_searches),
        T(infinities_and_huge_values_sort),
        T(a_kill_before_the_first_insert),
        T(a_closed_database_is_one_file),
        T(reopening_after_a_kill_without_closing_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
