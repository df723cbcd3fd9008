/* test_structs.c: structs with struct_size across releases: a caller's older or newer
 * than the library's; and what a host may replace.
 */
#include "fixture.h"

#include <stdatomic.h>

/* A struct as a later release may have it: the same, and a tail. */
typedef struct newer {
    union {
        vdb_options options;
        vdb_op op;
        vdb_rows rows;
        vdb_cursor_options cursor;
        vdb_query query;
        vdb_check_options check;
        vdb_env_options env;
        vdb_allocator allocator;
        vdb_vfs vfs;
        size_t struct_size;
    } u;
    unsigned char tail[64];
} newer;

static void newer_init(newer *n, const void *base, size_t size)
{
    memset(n, 0, sizeof *n);
    memcpy(&n->u, base, size);
    n->u.struct_size = size + 32;
}

/* `call` works with a longer struct of zeros, not with one byte set in what it does not
 * know, not with an absurd size, not with none. */
#define CHECK_SIZES(type, base, call)                                                  \
    do {                                                                               \
        newer n;                                                                       \
        newer_init(&n, &(base), sizeof(type));                                         \
        assert_ok(call);                                                               \
        ((unsigned char *)&n)[sizeof(type) + 31] = 1;                                  \
        assert_status(call, VDB_UNSUPPORTED);                                          \
        ((unsigned char *)&n)[sizeof(type) + 31] = 0;                                  \
        ((unsigned char *)&n)[sizeof(type)] = 1;                                       \
        assert_status(call, VDB_UNSUPPORTED);                                          \
        newer_init(&n, &(base), sizeof(type));                                         \
        ((unsigned char *)&n)[sizeof(type) + 32] = 1; /* behind the size given */      \
        assert_ok(call);                                                               \
        n.u.struct_size = 0;                                                           \
        assert_status(call, VDB_INVALID);                                              \
        n.u.struct_size = sizeof(size_t) - 1;                                          \
        assert_status(call, VDB_INVALID);                                              \
        n.u.struct_size = SIZE_MAX;                                                    \
        assert_status(call, VDB_INVALID);                                              \
        n.u.struct_size = 1 << 20;                                                     \
        assert_status(call, VDB_INVALID);                                              \
    } while (0)

/* The first `size` bytes of a struct, as a caller has it who knows no more fields; in a
 * block of just that size, so that a sanitizer sees a read beyond it.  free(). */
static void *older(const void *base, size_t size)
{
    void *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, base, size);
    memcpy(copy, &size, sizeof size);
    return copy;
}

/* `call`, given `theirs`, works with every older struct that has the fields before
 * `least`: the others are then zero, their defaults. */
#define CHECK_OLDER(type, base, least, call)                                           \
    do {                                                                               \
        size_t step = sizeof(size_t);                                                  \
        for (size_t size = (least); size <= sizeof(type); size += step) {              \
            type *theirs = older(&(base), size);                                       \
            assert_ok(call);                                                           \
            free(theirs);                                                              \
        }                                                                              \
    } while (0)

static vdb_status open_close(fixture *fx, const vdb_options *options)
{
    vdb *db = NULL;
    vdb_status st = vdb_open(fx->path, options, &db);
    return st ? st : vdb_close(db);
}

static void options(void **state)
{
    fixture *fx = *state;
    vdb_options base = fx_options(3, VDB_L2, VDB_FLAT);
    CHECK_SIZES(vdb_options, base, open_close(fx, &n.u.options));
    CHECK_OLDER(vdb_options, base, sizeof(size_t), open_close(fx, theirs));
}

static vdb_status count_with(vdb *db, const vdb_op *op)
{
    uint64_t count;
    return vdb_count(db, NULL, op, &count);
}

static void op(void **state)
{
    fixture *fx = *state;
    vdb_op base = VDB_OP_INIT;
    CHECK_SIZES(vdb_op, base, count_with(fx->db, &n.u.op));
    CHECK_OLDER(vdb_op, base, sizeof(size_t), count_with(fx->db, theirs));
    base.reserved = 1;
    assert_status(count_with(fx->db, &base), VDB_UNSUPPORTED);
}

static void rows(void **state)
{
    fixture *fx = *state;
    const char *ids[1] = {"a"};
    const float v[3] = {1, 2, 3};
    vdb_rows base = VDB_ROWS_INIT;
    base.count = 1;
    base.dim = 3;
    base.ids = ids;
    base.vectors = v;
    CHECK_SIZES(vdb_rows, base, vdb_put(fx->db, &n.u.rows, NULL, NULL));
    CHECK_OLDER(vdb_rows, base, offsetof(vdb_rows, stride),
                vdb_put(fx->db, theirs, NULL, NULL));
}

static vdb_status cursor_with(vdb *db, const vdb_cursor_options *cursor_options)
{
    vdb_cursor *cursor = NULL;
    vdb_status st = vdb_cursor_open(db, cursor_options, &cursor);
    vdb_cursor_free(cursor);
    return st;
}

static void cursor_options(void **state)
{
    fixture *fx = *state;
    vdb_cursor_options base = VDB_CURSOR_OPTIONS_INIT;
    CHECK_SIZES(vdb_cursor_options, base, cursor_with(fx->db, &n.u.cursor));
    CHECK_OLDER(vdb_cursor_options, base, sizeof(size_t), cursor_with(fx->db, theirs));
    base.reserved = 1;
    assert_status(cursor_with(fx->db, &base), VDB_UNSUPPORTED);
}

static vdb_status query_with(vdb *db, const vdb_query *query)
{
    vdb_results *results = NULL;
    vdb_status st = vdb_search_batch(db, query, &results);
    vdb_results_free(results);
    return st;
}

static void query(void **state)
{
    fixture *fx = *state;
    const float v[3] = {1, 2, 3};
    vdb_query base = VDB_QUERY_INIT;
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    base.vectors = v;
    base.count = 1;
    base.dim = 3;
    base.k = 1;
    CHECK_SIZES(vdb_query, base, query_with(fx->db, &n.u.query));
    CHECK_OLDER(vdb_query, base, offsetof(vdb_query, filter),
                query_with(fx->db, theirs));
}

static vdb_status check_with(vdb *db, const vdb_check_options *options_)
{
    vdb_report *report = NULL;
    vdb_status st = vdb_check(db, options_, &report, NULL);
    vdb_report_free(report);
    return st;
}

static void check_options(void **state)
{
    fixture *fx = *state;
    vdb_check_options base = VDB_CHECK_OPTIONS_INIT;
    CHECK_SIZES(vdb_check_options, base, check_with(fx->db, &n.u.check));
    CHECK_OLDER(vdb_check_options, base, sizeof(size_t), check_with(fx->db, theirs));
}

static vdb_status env_with(const vdb_env_options *env_options)
{
    vdb_env *env = NULL;
    vdb_status st = vdb_env_new(env_options, &env);
    vdb_env_free(env);
    return st;
}

static void env_options(void **state)
{
    vdb_env_options base = VDB_ENV_OPTIONS_INIT;
    (void)state;
    CHECK_SIZES(vdb_env_options, base, env_with(&n.u.env));
    CHECK_OLDER(vdb_env_options, base, sizeof(size_t), env_with(theirs));
    assert_ok(env_with(NULL));
}

static vdb_status env_of_parts(const vdb_allocator *allocator, const vdb_vfs *vfs)
{
    vdb_env_options parts = VDB_ENV_OPTIONS_INIT;
    parts.allocator = allocator;
    parts.vfs = vfs;
    return env_with(&parts);
}

static void *plain_allocate(void *arg, size_t size, size_t alignment)
{
    void *p = NULL;
    (void)arg;
    return posix_memalign(&p, alignment < sizeof p ? sizeof p : alignment, size) ? NULL
                                                                                 : p;
}

static void plain_release(void *arg, void *memory)
{
    (void)arg;
    free(memory);
}

static void allocator(void **state)
{
    vdb_allocator base = {sizeof base, NULL, plain_allocate, plain_release};
    (void)state;
    CHECK_SIZES(vdb_allocator, base, env_of_parts(&n.u.allocator, NULL));
    /* An older one than this has no release, which is not optional. */
    for (size_t size = sizeof(size_t); size < sizeof base; size += sizeof(size_t)) {
        vdb_allocator *theirs = older(&base, size);
        assert_status(env_of_parts(theirs, NULL), VDB_INVALID);
        free(theirs);
    }
}

static void vfs(void **state)
{
    vdb_vfs base = VDB_VFS_INIT;
    (void)state;
    assert_ok(vdb_vfs_system(&base));
    CHECK_SIZES(vdb_vfs, base, env_of_parts(NULL, &n.u.vfs));
    for (size_t size = sizeof(size_t); size < sizeof base; size += sizeof(size_t)) {
        vdb_vfs *theirs = older(&base, size);
        assert_status(env_of_parts(NULL, theirs), VDB_INVALID);
        free(theirs);
    }
}

/* The answers of a search that tells how it was done; free them. */
static void explained(vdb *db, vdb_results **out)
{
    const float v[3] = {1, 2, 3};
    vdb_query q = VDB_QUERY_INIT;
    q.vectors = v;
    q.count = 1;
    q.dim = 3;
    q.k = 1;
    q.flags = VDB_QUERY_EXPLAIN | VDB_QUERY_EXACT;
    assert_ok(vdb_search_batch(db, &q, out));
}

/* Out structs are filled as far as the caller's reaches, and no byte further. */
static void outputs_write_no_further_than_the_size(void **state)
{
    fixture *fx = *state;
    union {
        vdb_stats stats;
        vdb_error error;
        vdb_explain explain;
        vdb_vfs vfs;
        size_t struct_size;
        unsigned char bytes[1024];
    } u;
    vdb_stats whole;
    vdb_results *results;
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    assert_status(vdb_delete(fx->db, "b"), VDB_NOT_FOUND);
    whole = fx_stats(fx->db);
    assert_int_equal(whole.struct_size, sizeof whole);
#define FILL(size)                                                                     \
    memset(&u, 0xa5, sizeof u);                                                        \
    u.struct_size = (size)
#define UNTOUCHED(size)                                                                \
    for (size_t i = (size); i < sizeof u; i++)                                         \
    assert_int_equal(u.bytes[i], 0xa5)
    for (size_t size = offsetof(vdb_stats, slots); size <= sizeof(vdb_stats);
         size += 8) {
        FILL(size);
        assert_ok(vdb_stats_get(fx->db, &u.stats));
        UNTOUCHED(size);
        assert_int_equal(u.stats.struct_size, size);
        assert_int_equal(u.stats.vectors, 1);
    }
    for (size_t size = offsetof(vdb_error, system_error); size <= sizeof(vdb_error);
         size += 4) {
        FILL(size);
        vdb_error_get(&u.error);
        UNTOUCHED(size);
        assert_int_equal(u.error.status, VDB_NOT_FOUND);
    }
    for (size_t size = 2 * sizeof(size_t); size <= sizeof(vdb_vfs); size += 8) {
        FILL(size);
        assert_ok(vdb_vfs_system(&u.vfs));
        UNTOUCHED(size);
    }
    explained(fx->db, &results);
    for (size_t size = offsetof(vdb_explain, sequence); size <= sizeof(vdb_explain);
         size += 4) {
        FILL(size);
        assert_ok(vdb_results_explain(results, 0, &u.explain));
        UNTOUCHED(size);
        assert_int_equal(u.explain.struct_size, size);
        assert_int_equal(u.explain.strategy, VDB_STRATEGY_SCAN);
    }
    vdb_results_free(results);
}

/* A newer caller's out struct: what the library does not know stays zero or as it was,
 * and nothing fails. */
static void longer_outputs_are_filled_as_far_as_known(void **state)
{
    fixture *fx = *state;
    struct {
        vdb_stats stats;
        uint64_t later[4];
    } s = {VDB_STATS_INIT, {0, 0, 0, 0}};
    struct {
        vdb_error error;
        uint64_t later[4];
    } e = {VDB_ERROR_INIT, {0, 0, 0, 0}};
    struct {
        vdb_explain explain;
        uint64_t later[4];
    } x = {VDB_EXPLAIN_INIT, {0, 0, 0, 0}};
    struct {
        vdb_vfs vfs;
        uint64_t later[4];
    } f = {VDB_VFS_INIT, {0, 0, 0, 0}};
    vdb_results *results;
    fx_put(fx->db, "a", 1, 2, 3, NULL);
    s.stats.struct_size = sizeof s;
    assert_ok(vdb_stats_get(fx->db, &s.stats));
    assert_int_equal(s.stats.vectors, 1);
    assert_int_equal(s.later[0] | s.later[3], 0);
    assert_status(vdb_delete(fx->db, "b"), VDB_NOT_FOUND);
    e.error.struct_size = sizeof e;
    vdb_error_get(&e.error);
    assert_int_equal(e.error.status, VDB_NOT_FOUND);
    assert_int_equal(e.later[0] | e.later[3], 0);
    explained(fx->db, &results);
    x.explain.struct_size = sizeof x;
    assert_ok(vdb_results_explain(results, 0, &x.explain));
    vdb_results_free(results);
    assert_int_equal(x.explain.matches, 1);
    assert_int_equal(x.later[0] | x.later[3], 0);
    f.vfs.struct_size = sizeof f;
    assert_ok(vdb_vfs_system(&f.vfs));
    assert_non_null(f.vfs.now);
    assert_int_equal(f.later[0] | f.later[3], 0);
}

/* The library tells a host's file system how large its vdb_file_info is: one that knows
 * fewer fields, or more, fills what both know. */
static size_t told_size;

static int info_as_told(void *arg, vdb_file *file, vdb_file_info *out)
{
    vdb_vfs system = VDB_VFS_INIT;
    assert_ok(vdb_vfs_system(&system));
    told_size = out->struct_size;
    return system.info(arg, file, out);
}

static void file_info_tells_its_size(void **state)
{
    fixture *fx = *state;
    vdb_vfs host = VDB_VFS_INIT;
    vdb_env_options parts = VDB_ENV_OPTIONS_INIT;
    vdb_options with = fx_options(3, VDB_L2, VDB_FLAT);
    assert_ok(vdb_vfs_system(&host));
    host.info = info_as_told;
    parts.vfs = &host;
    assert_ok(vdb_env_new(&parts, &with.env));
    assert_ok(open_close(fx, &with));
    assert_int_equal(told_size, sizeof(vdb_file_info));
    vdb_env_free(with.env);
}

/* --------------------------------------------------------- what hosts replace */

typedef struct counting {
    _Atomic long blocks;
    _Atomic long calls;
    _Atomic int misaligned;
} counting;

static void *count_allocate(void *arg, size_t size, size_t alignment)
{
    counting *c = arg;
    void *p = NULL;
    c->calls++;
    if (alignment & (alignment - 1))
        c->misaligned = 1;
    if (posix_memalign(&p, alignment < sizeof(void *) ? sizeof(void *) : alignment,
                       size))
        return NULL;
    c->blocks++;
    return p;
}

static void count_release(void *arg, void *memory)
{
    counting *c = arg;
    c->blocks--;
    free(memory);
}

static _Atomic int log_lines;

static void count_log(void *arg, int32_t level, const char *message)
{
    (void)arg;
    if (level >= VDB_LOG_ERROR && level <= VDB_LOG_INFO && message && message[0])
        log_lines++;
}

static void the_hosts_allocator_gets_everything_back(void **state)
{
    fixture *fx = *state;
    counting c = {0, 0, 0};
    vdb_allocator allocator = {sizeof allocator, &c, count_allocate, count_release};
    vdb_env_options options_ = VDB_ENV_OPTIONS_INIT;
    vdb_options open_options = fx_options(3, VDB_L2, VDB_HNSW);
    vdb_env *env = NULL;
    vdb_filter *filter = NULL;
    vdb_results *hits = NULL;
    const float q[3] = {1, 2, 3};
    const char *text = "{\"op\":\"in\",\"field\":\"a\",\"values\":[1,\"x\"]}";
    options_.allocator = &allocator;
    options_.log = count_log;
    assert_ok(vdb_env_new(&options_, &env));
    open_options.env = env;
    open_options.threads = 0;
    for (int round = 0; round < 2; round++) {
        vdb *db = NULL;
        assert_ok(vdb_open(round ? ":memory:" : fx->path, &open_options, &db));
        for (int i = 0; i < 300; i++) {
            char id[16];
            snprintf(id, sizeof id, "v%d", i);
            fx_put(db, id, (float)i, 0, 0, "{\"a\": [1, {\"b\": null}]}");
        }
        assert_ok(vdb_filter_parse(env, text, strlen(text), &filter));
        assert_ok(vdb_search_filtered(db, q, 3, 20, filter, &hits));
        assert_int_equal(vdb_results_count(hits), 20);
        assert_status(vdb_insert(db, "bad", q, 3, "{\"a\":"), VDB_INVALID);
        assert_status(vdb_filter_parse(env, text, 7, &(vdb_filter *){NULL}),
                      VDB_INVALID);
        fx_assert_clean(db);
        assert_true(c.blocks > 0);
        assert_true(fx_stats(db).resident_bytes > 0);
        assert_ok(vdb_close(db));
        vdb_results_free(hits);
        vdb_filter_free(filter);
    }
    vdb_env_free(env);
    assert_int_equal(c.blocks, 0);
    assert_true(c.calls > 100);
    assert_int_equal(c.misaligned, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        cmocka_unit_test_setup_teardown(options, fx_setup, fx_teardown),
        T(op),
        T(rows),
        T(cursor_options),
        T(query),
        T(check_options),
        cmocka_unit_test(env_options),
        cmocka_unit_test(allocator),
        cmocka_unit_test(vfs),
        T(outputs_write_no_further_than_the_size),
        T(longer_outputs_are_filled_as_far_as_known),
        cmocka_unit_test_setup_teardown(file_info_tells_its_size, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(the_hosts_allocator_gets_everything_back,
                                        fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
