/* test_bad_input.c: every bad value is refused with its status, a message that names
 * the value and the place, and nothing changed: neither counts nor a byte of the files.
 */
#include "fixture.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

/* A text of `count` times one byte; free(). */
static char *bytes_of(char byte, size_t count)
{
    char *out = malloc(count + 1);
    assert_non_null(out);
    memset(out, byte, count);
    out[count] = 0;
    return out;
}

/* A database with one vector, which every refused call must leave as it is. */
static int setup(void **state)
{
    fixture *fx;
    if (fx_setup_3d(state))
        return -1;
    fx = *state;
    return vdb_insert(fx->db, "kept", (const float[]){1, 2, 3}, 3, "{\"k\": 1}");
}

/* The five ways in: each refuses the same, and changes nothing. */
static void refuse_record(fixture *fx, const char *id, const float *v, size_t dim,
                          const char *metadata, const char *part)
{
    fx_state before = fx_state_of(fx);
    const char *ids[2] = {"fine", id}, *documents[2] = {NULL, metadata};
    float *both = calloc(2 * (dim ? dim : 1), sizeof *both);
    vdb_rows rows = VDB_ROWS_INIT;
    vdb_batch *batch = NULL;
    size_t failed = 99;
    assert_non_null(both);
    assert_status(vdb_insert(fx->db, id, v, dim, metadata), VDB_INVALID);
    assert_message(part);
    assert_status(vdb_insert_new(fx->db, id, v, dim, metadata), VDB_INVALID);
    assert_message(part);
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_status(vdb_batch_insert(batch, id, v, dim, metadata), VDB_INVALID);
    assert_message(part);
    vdb_batch_free(batch);
    for (size_t j = 0; j < dim; j++)
        both[j] = 1;
    if (dim)
        memcpy(both + dim, v, dim * sizeof *v);
    rows.count = 2;
    rows.dim = dim;
    rows.ids = ids;
    rows.vectors = both;
    rows.metadata = documents;
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_INVALID);
    assert_message(part);
    if (dim == 3)
        assert_int_equal(failed, 1);
    free(both);
    assert_unchanged(fx, &before);
}

static const float good[3] = {4, 5, 6};

static void wrong_dimensions(void **state)
{
    fixture *fx = *state;
    const float v[4] = {1, 2, 3, 4};
    vdb_results *hits = NULL;
    refuse_record(fx, "x", v, 2, NULL, "2");
    refuse_record(fx, "x", v, 4, NULL, "3");
    assert_message("4");
    refuse_record(fx, "x", v, 0, NULL, "0");
    assert_status(vdb_search(fx->db, v, 4, 1, &hits), VDB_INVALID);
    assert_null(hits);
    assert_message("3");
    assert_message("4");
    assert_status(vdb_insert(fx->db, "x", v, 65536, NULL), VDB_INVALID);
    assert_message("65536");
    assert_status(vdb_insert(fx->db, "x", v, SIZE_MAX, NULL), VDB_INVALID);
}

static void values_that_are_not_finite(void **state)
{
    fixture *fx = *state;
    /* 1e39 is beyond float32: it arrives as an infinity. */
    volatile double too_large = 1e39;
    const float values[] = {NAN, -NAN, INFINITY, -INFINITY, (float)too_large};
    static const char *const parts[] = {"NaN", "NaN", "inf", "inf", "inf"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int at = 0; at < 3; at++) {
            float v[3] = {1, 2, 3};
            char place[2] = {(char)('0' + at), 0};
            vdb_results *hits = NULL;
            v[at] = values[i];
            refuse_record(fx, "x", v, 3, NULL, parts[i]);
            assert_message(place);
            assert_status(vdb_search(fx->db, v, 3, 1, &hits), VDB_INVALID);
            assert_null(hits);
            assert_message(parts[i]);
            assert_message(place);
        }
    /* No such value has got in: every search works. */
    assert_hits(fx->db, 0, 0, 0, 10, NULL, "kept");
}

static void a_zero_vector_under_cosine(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_COSINE, VDB_FLAT);
    const float zero[3] = {0, -0.0f, 0}, tiny[3] = {1e-30f, 0, 0};
    vdb_results *hits = NULL;
    fx_close(fx);
    fx_remove(fx->path);
    fx_open(fx, &options);
    fx_put(fx->db, "kept", 1, 2, 3, NULL);
    refuse_record(fx, "x", zero, 3, NULL, "zero");
    assert_status(vdb_search(fx->db, zero, 3, 1, &hits), VDB_INVALID);
    assert_null(hits);
    assert_message("zero");
    /* Small is not zero: its direction counts. */
    assert_ok(vdb_insert(fx->db, "tiny", tiny, 3, NULL));
    assert_hits(fx->db, 1, 0, 0, 2, NULL, "tiny kept");
    assert_ok(vdb_search(fx->db, tiny, 3, 2, &hits));
    assert_string_equal(vdb_results_id(hits, 0, NULL), "tiny");
    assert_true(fabs((double)vdb_results_distances(hits)[0]) < 1e-6);
    vdb_results_free(hits);
}

static void refuse_id(fixture *fx, const char *id, const char *part)
{
    fx_state before = fx_state_of(fx);
    vdb_record *record = NULL;
    vdb_batch *batch = NULL;
    refuse_record(fx, id, good, 3, NULL, part);
    assert_status(vdb_get(fx->db, id, NULL, &record), VDB_INVALID);
    assert_null(record);
    assert_message(part);
    assert_status(vdb_delete(fx->db, id), VDB_INVALID);
    assert_message(part);
    assert_status(vdb_set_metadata(fx->db, id, NULL), VDB_INVALID);
    assert_ok(vdb_batch_new(fx->db, &batch));
    assert_status(vdb_batch_delete(batch, id), VDB_INVALID);
    vdb_batch_free(batch);
    assert_unchanged(fx, &before);
}

static void bad_ids(void **state)
{
    fixture *fx = *state;
    char *longest = bytes_of('i', VDB_ID_MAX),
         *too_long = bytes_of('i', VDB_ID_MAX + 1);
    static const char *const not_utf8[] = {
        "\xff",
        "ab\x80",
        "\xc3",             /* cut short */
        "\xc0\xaf",         /* overlong */
        "\xe0\x80\xaf",     /* overlong */
        "\xf0\x80\x80\xaf", /* overlong */
        "\xed\xa0\x80",     /* a surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf8\x88\x80\x80\x80",
        "x\xe2\x82",
    };
    refuse_id(fx, "", "id");
    refuse_id(fx, too_long, "1025");
    for (size_t i = 0; i < sizeof not_utf8 / sizeof *not_utf8; i++)
        refuse_id(fx, not_utf8[i], "UTF-8");
    assert_status(vdb_insert(fx->db, NULL, good, 3, NULL), VDB_INVALID);
    assert_status(vdb_insert(fx->db, "x", NULL, 3, NULL), VDB_INVALID);
    assert_ok(vdb_insert(fx->db, longest, good, 3, NULL));
    assert_true(fx_has(fx->db, longest));
    free(longest);
    free(too_long);
}

static void an_id_with_a_nul_inside(void **state)
{
    fixture *fx = *state;
    const char *ids[1] = {"a\0b"};
    const size_t lengths[1] = {3};
    vdb_rows rows = VDB_ROWS_INIT;
    fx_state before = fx_state_of(fx);
    size_t failed = 99;
    rows.count = 1;
    rows.dim = 3;
    rows.ids = ids;
    rows.id_lengths = lengths;
    rows.vectors = good;
    assert_status(vdb_put(fx->db, &rows, NULL, &failed), VDB_INVALID);
    assert_int_equal(failed, 0);
    assert_unchanged(fx, &before);
}

static void refuse_metadata(fixture *fx, const char *metadata, const char *part)
{
    fx_state before = fx_state_of(fx);
    refuse_record(fx, "x", good, 3, metadata, part);
    assert_status(vdb_set_metadata(fx->db, "kept", metadata), VDB_INVALID);
    assert_message(part);
    assert_unchanged(fx, &before);
}

static void bad_metadata(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "null",
        "[]",
        "[{}]",
        "1",
        "\"text\"",
        "true",
        "{",
        "}",
        "{}}",
        "{} {}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":1e400}",
        "{\"a\":-1e400}",
        "{\"a\":9223372036854775808}",
        "{\"a\":-9223372036854775809}",
        "{\"a\":123456789012345678901234567890}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"line\nbreak\"}",
        "{\"a\":1}//",
        "{/**/}",
    };
    fixture *fx = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse_metadata(fx, bad[i], "metadata");
    /* Duplicate keys, at the root and within, are named. */
    refuse_metadata(fx, "{\"twice\":1,\"twice\":2}", "twice");
    refuse_metadata(fx, "{\"a\":[{\"twice\":1,\"b\":2,\"twice\":1}]}", "twice");
    refuse_metadata(fx, "{\"a\":1,\"\\u0061\":2}", "metadata");
    /* What a double can hold is fine, whatever a float could. */
    assert_ok(vdb_insert(fx->db, "y", good, 3, "{\"a\": 1e39, \"b\": -1e308}"));
}

static void deep_and_large_metadata(void **state)
{
    fixture *fx = *state;
    char *text;
    size_t n = VDB_METADATA_MAX - strlen("{\"a\":\"\"}");
    /* An object inside 31 others is the 32nd level; scalars are none. */
    text = fx_repeat("", "{\"a\":", 31, "{\"a\":1}", "}", "");
    assert_ok(vdb_insert(fx->db, "deep", good, 3, text));
    assert_metadata(fx->db, "deep", text);
    free(text);
    text = fx_repeat("{\"a\":", "[", 31, "1", "]", "}");
    assert_ok(vdb_insert(fx->db, "deep", good, 3, text));
    free(text);
    assert_ok(vdb_delete(fx->db, "deep"));
    text = fx_repeat("", "{\"a\":", 32, "{\"a\":1}", "}", "");
    refuse_metadata(fx, text, "32");
    free(text);
    text = fx_repeat("{\"a\":", "[", 32, "1", "]", "}");
    refuse_metadata(fx, text, "32");
    free(text);
    text = fx_repeat("{\"a\":", "[", 400000, "1", "]", "}");
    refuse_metadata(fx, text, "32");
    free(text);
    text = fx_repeat("{\"a\":\"", "x", n, "\"}", "", "");
    assert_ok(vdb_insert(fx->db, "large", good, 3, text));
    assert_metadata(fx->db, "large", text);
    free(text);
    text = fx_repeat("{\"a\":\"", "x", n + 1, "\"}", "", "");
    refuse_metadata(fx, text, "1048576");
    free(text);
}

static void bad_k(void **state)
{
    fixture *fx = *state;
    vdb_results *hits = NULL;
    vdb_filter *filter = fx_filter("{\"op\":\"and\",\"filters\":[]}");
    assert_status(vdb_search(fx->db, good, 3, 0, &hits), VDB_INVALID);
    assert_null(hits);
    assert_message("k");
    assert_message("0");
    assert_status(vdb_search_filtered(fx->db, good, 3, 0, filter, &hits), VDB_INVALID);
    assert_status(vdb_search(fx->db, good, 3, VDB_K_MAX + 1, &hits), VDB_INVALID);
    assert_message("1000001");
    assert_status(vdb_search(fx->db, good, 3, SIZE_MAX, &hits), VDB_INVALID);
    assert_ok(vdb_search(fx->db, good, 3, VDB_K_MAX, &hits));
    assert_int_equal(vdb_results_count(hits), 1);
    vdb_results_free(hits);
    /* Also when there is nothing to search. */
    assert_ok(vdb_delete(fx->db, "kept"));
    assert_status(vdb_search(fx->db, good, 3, 0, &hits), VDB_INVALID);
    fx_put(fx->db, "kept", 1, 2, 3, NULL);
    vdb_filter_free(filter);
}

static void another_databases_log(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    const char *suffixes[2] = {"-wal1", "-wal2"};
    char other_path[800], victim[800];
    vdb *other = NULL, *refused = NULL;
    fx_files before;
    snprintf(other_path, sizeof other_path, "%s/other.vdb", fx->dir);
    snprintf(victim, sizeof victim, "%s/victim.vdb", fx->dir);
    assert_ok(vdb_open(other_path, &options, &other));
    fx_put(other, "stranger", 9, 9, 9, NULL);
    /* A database in use has the other's logs beside it. */
    fx_copy(fx->path, victim);
    for (int i = 0; i < 2; i++) {
        char from[1000], to[1000];
        snprintf(from, sizeof from, "%s%s", other_path, suffixes[i]);
        snprintf(to, sizeof to, "%s%s", victim, suffixes[i]);
        unlink(to);
        if (access(from, F_OK) == 0)
            fx_copy_file(from, to);
    }
    before = fx_files_of(victim);
    assert_status(vdb_open(victim, &options, &refused), VDB_CORRUPT);
    assert_message("victim.vdb-wal");
    assert_files(victim, &before);
    options.flags = VDB_OPEN_READONLY;
    assert_status(vdb_open(victim, &options, &refused), VDB_CORRUPT);
    assert_files(victim, &before);
    assert_ok(vdb_close(other));
}

/* A clean close leaves a file that is whole: whose logs lie about is no matter. */
static void another_databases_log_beside_a_clean_one(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    char other_path[800], name[1000];
    vdb *other = NULL;
    snprintf(other_path, sizeof other_path, "%s/other.vdb", fx->dir);
    assert_ok(vdb_open(other_path, &options, &other));
    fx_put(other, "stranger", 9, 9, 9, NULL);
    fx_close(fx);
    for (int i = 1; i <= 2; i++) {
        char to[1000];
        snprintf(name, sizeof name, "%s-wal%d", other_path, i);
        snprintf(to, sizeof to, "%s-wal%d", fx->path, i);
        if (access(name, F_OK) == 0)
            fx_copy_file(name, to);
    }
    assert_ok(vdb_close(other));
    fx_reopen(fx);
    assert_ids(fx->db, NULL, "kept");
    fx_put(fx->db, "more", 1, 1, 1, NULL);
    fx_reopen(fx);
    assert_ids(fx->db, NULL, "kept more");
    fx_assert_clean(fx->db);
}

static void a_missing_log(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, 0, 0);
    const char *victim = fx_name(fx, "victim.vdb");
    vdb *refused = NULL;
    fx_files before;
    assert_ok(vdb_checkpoint(fx->db, NULL));
    fx_put(fx->db, "lost", 1, 1, 1, NULL);
    fx_copy_file(fx->path, victim); /* without its logs */
    before = fx_files_of(victim);
    assert_status(vdb_open(victim, &options, &refused), VDB_CORRUPT);
    assert_message("victim.vdb-wal");
    assert_files(victim, &before);
    options.flags = VDB_OPEN_READONLY;
    assert_status(vdb_open(victim, &options, &refused), VDB_CORRUPT);
    assert_files(victim, &before);
    /* Salvage, reading and then writing. */
    fx_close(fx);
    options.flags = VDB_OPEN_READONLY | VDB_OPEN_WITHOUT_LOG;
    assert_ok(vdb_open(victim, &options, &fx->db));
    assert_ids(fx->db, NULL, "kept");
    assert_files(victim, &before);
    fx_close(fx);
    options.flags = VDB_OPEN_WITHOUT_LOG;
    assert_ok(vdb_open(victim, &options, &fx->db));
    assert_metadata(fx->db, "kept", "{\"k\": 1}");
    fx_put(fx->db, "more", 1, 1, 1, NULL);
    fx_close(fx);
    options.flags = 0;
    assert_ok(vdb_open(victim, &options, &fx->db));
    assert_ids(fx->db, NULL, "kept more");
    fx_assert_clean(fx->db);
}

/* Open as a user who may not; returns the status, or 100 and more. */
static int open_unprivileged(void *arg)
{
    fixture *fx = arg;
    vdb_options options = fx_options(0, 0, 0);
    vdb_error error = VDB_ERROR_INIT;
    vdb *db = NULL;
    if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
        return 77;
    if (vdb_open(fx->path, &options, &db) != VDB_IO || db)
        return 1;
    vdb_error_get(&error);
    if (error.system_error != EACCES)
        return 2;
    if (!strstr(error.message, "app.vdb"))
        return 3;
    options.flags = VDB_OPEN_READONLY;
    if (vdb_open(fx->path, &options, &db) != VDB_IO || db)
        return 4;
    return 0;
}

static int read_unprivileged(void *arg)
{
    fixture *fx = arg;
    vdb_options options = fx_options(0, 0, 0);
    uint64_t count = 0;
    vdb *db = NULL;
    if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
        return 77;
    if (vdb_open(fx->path, &options, &db) != VDB_IO || db)
        return 1;
    options.flags = VDB_OPEN_READONLY;
    if (vdb_open(fx->path, &options, &db) != VDB_OK)
        return 2;
    if (vdb_count(db, NULL, NULL, &count) || count != 1)
        return 3;
    return vdb_close(db) == VDB_OK ? 0 : 4;
}

static void no_permission(void **state)
{
    fixture *fx = *state;
    fx_files before;
    int got;
    fx_close(fx);
    before = fx_files_of(fx->path);
    assert_int_equal(chmod(fx->dir, 0755), 0);
    assert_int_equal(chmod(fx->path, 0), 0);
    got = fx_in_child(open_unprivileged, fx);
    if (got == 77)
        skip();
    assert_int_equal(got, 0);
    /* A file that may be read can be read, although nothing may be written. */
    assert_int_equal(chmod(fx->path, 0444), 0);
    assert_int_equal(chmod(fx->dir, 0555), 0);
    got = fx_in_child(read_unprivileged, fx);
    assert_int_equal(chmod(fx->dir, 0755), 0);
    assert_int_equal(chmod(fx->path, 0644), 0);
    assert_int_equal(got, 0);
    assert_files(fx->path, &before);
}

/* --------------------------------------------------------------- a full disk */

static vdb_vfs below; /* the system's */
static int disk_full;

static int full_write(void *arg, vdb_file *file, const void *buffer, size_t size,
                      uint64_t offset)
{
    return disk_full ? -ENOSPC : below.write(arg, file, buffer, size, offset);
}

static int full_reserve(void *arg, vdb_file *file, uint64_t offset, uint64_t size)
{
    return disk_full       ? -ENOSPC
           : below.reserve ? below.reserve(arg, file, offset, size)
                           : 0;
}

static void a_full_disk(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    vdb_env_options env_options = VDB_ENV_OPTIONS_INIT;
    vdb_env *env = NULL;
    vdb_vfs vfs;
    char id[32];
    int n = 0;
    vdb_status st;
    memset(&below, 0, sizeof below);
    below.struct_size = sizeof below;
    assert_ok(vdb_vfs_system(&below));
    vfs = below;
    vfs.write = full_write;
    vfs.reserve = full_reserve;
    env_options.vfs = &vfs;
    disk_full = 0;
    assert_ok(vdb_env_new(&env_options, &env));
    fx_close(fx);
    options.env = env;
    fx_open(fx, &options);
    disk_full = 1;
    /* What was reserved may still take some. */
    for (;; n++) {
        snprintf(id, sizeof id, "n%d", n);
        st = vdb_insert(fx->db, id, good, 3, NULL);
        if (st)
            break;
        assert_true(n < 1000);
    }
    assert_status(st, VDB_FULL);
    assert_message("app.vdb");
    assert_false(fx_has(fx->db, id));
    assert_int_equal(fx_count(fx->db), (uint64_t)n + 1);
    assert_hits(fx->db, 1, 2, 3, 1, NULL, "kept");
    st = vdb_checkpoint(fx->db, NULL);
    assert_true(st == VDB_FULL || st == VDB_OK);
    /* With room again it goes on, in the same handle. */
    disk_full = 0;
    assert_ok(vdb_insert(fx->db, id, good, 3, NULL));
    assert_ok(vdb_checkpoint(fx->db, NULL));
    fx_close(fx);
    vdb_env_free(env);
    vdb_env_free(NULL);
    fx_reopen(fx);
    assert_int_equal(fx_count(fx->db), (uint64_t)n + 2);
    fx_assert_clean(fx->db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fx_teardown)
        T(wrong_dimensions),
        T(values_that_are_not_finite),
        T(a_zero_vector_under_cosine),
        T(bad_ids),
        T(an_id_with_a_nul_inside),
        T(bad_metadata),
        T(deep_and_large_metadata),
        T(bad_k),
        T(another_databases_log),
        T(another_databases_log_beside_a_clean_one),
        T(a_missing_log),
        T(no_permission),
        T(a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
