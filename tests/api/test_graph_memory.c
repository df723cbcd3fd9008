/* test_graph_memory.c: what memory a graph takes, and that it is given back while the
 * database is open: by vdb_stats, for what the process has is the system's affair.
 */
#include "graph_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    COUNT = FX_RACES ? 3000 : 5000,
    ROUNDS = FX_RACES ? 3 : 8,
    NOISE = 1 << 20 /* beside it; a graph takes more than eight times as much */
};

/* All that is allocated but the graph; nothing is unsaved. */
static uint64_t beside_graph(vdb *db)
{
    vdb_stats stats;
    assert_ok(vdb_checkpoint(db, NULL));
    stats = fx_stats(db);
    assert_true(stats.resident_bytes >= stats.graph_bytes);
    return stats.resident_bytes - stats.graph_bytes;
}

/* The first are far apart; what comes then lies close together, in a corner. */
static void first_wide_then_close(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM && number >= 2200; i++)
        out[i] = 0.9f + out[i] * 0.01f;
}

static void check_floats(fixture *fx, uint32_t threads)
{
    vdb_options options = graph_options(VDB_L2, threads);
    uint64_t before, bytes;
    options.m = 16;
    options.ef_construction = 200;
    fx_open(fx, &options);
    put_rows(fx->db, 0, 2200, 0, first_wide_then_close);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_8);
    bytes = fx_stats(fx->db).graph_bytes;
    assert_true(bytes > 8 * NOISE);
    before = beside_graph(fx->db);
    put_rows(fx->db, 2200, COUNT, 0, first_wide_then_close);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_NONE);
    assert_true(beside_graph(fx->db) < before + NOISE);
    assert_recall(fx->db, .k = 10);
}

static void going_over_to_float32_keeps_no_old_graph(void **state)
{
    check_floats(*state, 1);
}

static void going_over_to_float32_keeps_none_beside_a_thread(void **state)
{
    check_floats(*state, 2);
}

static void drifted(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM; i++)
        out[i] += 3;
}

static void new_codes_take_the_place_of_the_old(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 2);
    uint64_t before, bytes;
    open_full(fx, &options);
    bytes = fx_stats(fx->db).graph_bytes;
    before = beside_graph(fx->db);
    put_rows(fx->db, N, 2 * N, 0, drifted);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_bytes, bytes);
    assert_true(beside_graph(fx->db) < before + NOISE);
    assert_recall(fx->db, .k = 10);
}

static void delete_numbers(vdb *db, uint32_t first, uint32_t bound)
{
    for (uint32_t i = first; i < bound; i++)
        assert_ok(vdb_delete(db, id_of(i)));
}

/* Compaction drops a graph of which most is dead; so few that are left have none. */
static void compaction_gives_a_graph_back(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 1);
    uint64_t before;
    fx_open(fx, &options);
    put_rows(fx->db, 0, 200, 0, vector_of);
    before = beside_graph(fx->db);
    put_rows(fx->db, 200, N, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_true(fx_stats(fx->db).graph_bytes > 8 * NOISE);
    delete_numbers(fx->db, 200, N);
    assert_ok(vdb_compact(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_bytes, 0);
    assert_true(beside_graph(fx->db) < before + NOISE);
    assert_right(fx->db, .k = 10);
}

/* A search of great effort leaves nothing of it behind, nor do many. */
static void effort_is_not_kept(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 2);
    float queries[QUERIES * DIM];
    uint64_t before;
    fill_queries(queries);
    open_full(fx, &options);
    before = beside_graph(fx->db);
    for (size_t count = 1; count <= QUERIES; count += QUERIES - 1) {
        vdb_query query = VDB_QUERY_INIT;
        vdb_results *hits;
        query.vectors = queries;
        query.count = count;
        query.dim = DIM;
        query.k = 10;
        query.ef = VDB_K_MAX;
        assert_ok(vdb_search_batch(fx->db, &query, &hits));
        assert_int_equal(vdb_results_flags(hits, 0) & VDB_RESULT_EXACT, 0);
        vdb_results_free(hits);
        assert_true(beside_graph(fx->db) < before + NOISE);
    }
}

/* --------------------------------------------------------------- beside searches */

typedef struct searching {
    vdb *db;
    _Atomic int over;
    _Atomic uint64_t by_graph, missed, failed;
} searching;

static void *search(void *arg)
{
    searching *s = arg;
    for (uint32_t i = 0; !atomic_load(&s->over); i++) {
        float v[DIM];
        char id[16];
        vdb_results *hits;
        snprintf(id, sizeof id, "v%05u", i % 200); /* these stay */
        vector_of(i % 200, 0, v);
        if (vdb_search(s->db, v, DIM, 1, &hits)) {
            atomic_fetch_add(&s->failed, 1);
            continue;
        }
        atomic_fetch_add(&s->missed, strcmp(vdb_results_id(hits, 0, NULL), id) != 0);
        if (!(vdb_results_flags(hits, 0) & VDB_RESULT_EXACT))
            atomic_fetch_add(&s->by_graph, 1);
        vdb_results_free(hits);
    }
    return NULL;
}

/* A graph is given back while it is being searched, again and again. */
static void searches_outlive_no_graph(void **state)
{
    fixture *fx = *state;
    const vdb_options options = graph_options(VDB_L2, 2);
    searching s = {0};
    pthread_t thread;
    uint64_t least = UINT64_MAX;
    fx_open(fx, &options);
    put_rows(fx->db, 0, 200, 0, vector_of);
    s.db = fx->db;
    assert_int_equal(pthread_create(&thread, NULL, search, &s), 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t bytes;
        put_rows(fx->db, 200, N + 200, 0, vector_of);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        delete_numbers(fx->db, 200, N + 200);
        assert_ok(vdb_compact(fx->db, NULL));
        bytes = fx_stats(fx->db).resident_bytes;
        least = bytes < least ? bytes : least;
        assert_true(bytes < least + 4 * NOISE);
    }
    atomic_store(&s.over, 1);
    pthread_join(thread, NULL);
    assert_int_equal(s.failed, 0);
    assert_true(s.by_graph > 0);
    assert_true(s.missed <= s.by_graph / 100);
}

/* ------------------------------------------------------------------- the budget */

static _Atomic int told;

static void hear(void *arg, int32_t level, const char *message)
{
    (void)arg;
    (void)level;
    if (strstr(message, "graph_bytes allows"))
        atomic_fetch_add(&told, 1);
}

/* An allocator that remembers how much there has been at once. */
static _Atomic int64_t now_bytes, most_bytes;
static _Atomic int64_t
    until_refused; /* that allocation fails, counted from now; 0: none */

static void *allocate(void *arg, size_t size, size_t alignment)
{
    size_t before = alignment < 64 ? 64 : alignment;
    char *block;
    if (atomic_load(&until_refused) > 0 && atomic_fetch_sub(&until_refused, 1) == 1)
        return NULL;
    block = aligned_alloc(before, (before + size + before - 1) / before * before);
    int64_t now = atomic_fetch_add(&now_bytes, (int64_t)size) + (int64_t)size;
    int64_t most = atomic_load(&most_bytes);
    (void)arg;
    while (now > most && !atomic_compare_exchange_weak(&most_bytes, &most, now))
        ;
    if (!block)
        return NULL;
    memcpy(block + before - 64, &size, sizeof size);
    memcpy(block + before - 48, &before, sizeof before);
    return block + before;
}

static void release(void *arg, void *memory)
{
    size_t size, before;
    char *block = memory;
    (void)arg;
    memcpy(&size, block - 64, sizeof size);
    memcpy(&before, block - 48, sizeof before);
    atomic_fetch_sub(&now_bytes, (int64_t)size);
    free(block - before);
}

static vdb_env *hearing_env(void)
{
    const vdb_allocator counting = {sizeof counting, NULL, allocate, release};
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;
    vdb_env *env;
    options.allocator = &counting;
    options.log = hear;
    atomic_store(&most_bytes, 0);
    atomic_store(&told, 0);
    assert_ok(vdb_env_new(&options, &env));
    return env;
}

static void assert_no_room(vdb *db, uint64_t allowed)
{
    const asked a = {.k = 10};
    vdb_stats stats;
    vdb_explain explain = VDB_EXPLAIN_INIT;
    float v[DIM];
    vdb_results *hits;
    vector_of(7, 0, v);
    hits = find(db, v, 1, &a);
    assert_strategy(hits, VDB_STRATEGY_SCAN);
    vdb_results_free(hits);
    assert_ok(vdb_wait_indexed(db, NULL)); /* there is nothing to wait for */
    hits = find(db, v, 1, &a);
    assert_strategy(hits, VDB_STRATEGY_SCAN);
    assert_ok(vdb_results_explain(hits, 0, &explain));
    assert_non_null(strstr(explain.reason, "graph_bytes"));
    vdb_results_free(hits);
    assert_finds_own(db, 7, 0);
    stats = fx_stats(db);
    assert_int_equal(stats.graph_bytes, 0);
    assert_int_equal(stats.graph_vectors, 0);
    assert_true(stats.graph_wanted_bytes > allowed);
}

static void without_room_none_is_made(void **state)
{
    fixture *fx = *state;
    for (uint32_t threads = 1; threads <= 2; threads++) {
        vdb_options options = graph_options(VDB_L2, threads);
        options.env = hearing_env();
        options.graph_bytes = NOISE;
        open_full(fx, &options);
        assert_no_room(fx->db, NOISE);
        assert_true(fx_stats(fx->db).resident_bytes < 8 * NOISE);
        put_rows(fx->db, N, 2 * N, 0, vector_of);
        assert_no_room(fx->db, NOISE);
        assert_int_equal(told, 1);
        fx_close(fx);
        fx_remove(fx->path);
        vdb_env_free(options.env);
    }
}

/* Nor is a saved one loaded; it stays for who has room.  What is said to be enough is. */
static void a_saved_graph_waits_for_room(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 2);
    uint64_t bytes, wanted, file_bytes;
    open_full(fx, &options);
    bytes = fx_stats(fx->db).graph_bytes;
    assert_int_equal(fx_stats(fx->db).graph_wanted_bytes, 0);
    fx_close(fx);
    options.graph_bytes = bytes - 1;
    fx_open(fx, &options);
    assert_no_room(fx->db, bytes - 1);
    wanted = fx_stats(fx->db).graph_wanted_bytes;
    file_bytes = fx_stats(fx->db).graph_file_bytes;
    assert_true(wanted >= bytes && file_bytes > 0);
    put_rows(fx->db, 0, 100, 0, vector_of);
    assert_no_room(fx->db, bytes - 1);
    assert_int_equal(fx_stats(fx->db).graph_file_bytes, file_bytes);
    fx_close(fx);
    options.graph_bytes = wanted;
    fx_open(fx, &options);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_true(fx_stats(fx->db).graph_vectors >= N);
    assert_true(fx_stats(fx->db).graph_bytes <= wanted);
    assert_int_equal(fx_stats(fx->db).graph_wanted_bytes, 0);
    assert_recall(fx->db, .k = 10);
    fx_assert_clean(fx->db);
}

/* A reader is bound, too; and what has no room is not even begun. */
static void a_reader_loads_none_without_room(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 2);
    open_full(fx, &options);
    fx_close(fx);
    options.env = hearing_env();
    options.graph_bytes = NOISE;
    options.flags = VDB_OPEN_READONLY;
    fx_open(fx, &options);
    assert_no_room(fx->db, NOISE);
    assert_true(most_bytes < 4 * NOISE);
    assert_int_equal(told, 1);
    fx_close(fx);
    vdb_env_free(options.env);
    assert_int_equal(now_bytes, 0);
}

/* Memory is taken for 65,536 slots at once.  The insert that wants more is no worse off. */
static void one_that_outgrows_its_room_is_given_up(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    uint64_t bytes;
    options.env = hearing_env();
    options.flags = VDB_OPEN_BULK;
    open_full(fx, &options);
    bytes = fx_stats(fx->db).graph_bytes;
    fx_close(fx);
    options.graph_bytes = bytes + NOISE;
    fx_open(fx, &options);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_bytes, bytes);
    put_rows(fx->db, N, 65536, 0, vector_of);
    assert_int_equal(fx_stats(fx->db).graph_bytes, bytes);
    assert_int_equal(told, 0);
    put_rows(fx->db, 65536, 65600, 0, vector_of);
    assert_no_room(fx->db, options.graph_bytes);
    assert_int_equal(told, 1);
    assert_true(beside_graph(fx->db) < bytes);
    assert_int_equal(fx_count(fx->db), 65600);
    assert_finds_own(fx->db, 65599, 0);
    fx_assert_clean(fx->db);
    fx_close(fx);
    vdb_env_free(options.env);
}

/* Slots of deleted vectors that the file's graph links are used again all the same. */
static void replacing_uses_slots_again_without_room(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    open_full(fx, &options);
    fx_close(fx);
    options.graph_bytes = NOISE;
    fx_open(fx, &options);
    for (uint32_t version = 0; version < 6; version++) {
        put_rows(fx->db, 0, N, version, vector_of);
        assert_ok(vdb_checkpoint(fx->db, NULL));
    }
    assert_true(fx_stats(fx->db).slots < 3 * N);
    assert_int_equal(fx_stats(fx->db).graph_file_bytes, 0);
    assert_int_equal(fx_stats(fx->db).graph_bytes, 0);
    assert_finds_own(fx->db, 7, 5);
    fx_assert_clean(fx->db);
}

/* Where there is no room for new codes beside the old, a graph gives way to its successor. */
static void new_codes_without_room_are_another_graph(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    uint64_t bytes;
    int64_t before;
    open_full(fx, &options);
    bytes = fx_stats(fx->db).graph_bytes;
    fx_close(fx);
    options.env = hearing_env();
    options.graph_bytes = bytes;
    fx_open(fx, &options);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    atomic_store(&most_bytes, 0);
    before = now_bytes;
    put_rows(fx->db, N, 2 * N, 0, drifted);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_true(most_bytes < before + 5 * NOISE); /* codes: 4; pages: 3 */
    assert_int_equal(fx_stats(fx->db).graph_vectors, 2 * N);
    assert_int_equal(fx_stats(fx->db).graph_wanted_bytes, 0);
    assert_recall(fx->db, .k = 10);
    fx_assert_clean(fx->db);
    fx_close(fx);
    vdb_env_free(options.env);
}

/* Nor do slots wait for a graph that was never saved, and has been given up. */
static void one_that_was_never_saved_holds_no_slots(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    uint64_t slots;
    options.flags = VDB_OPEN_BULK;
    assert_ok(vdb_open(NULL, &options, &fx->db));
    put_rows(fx->db, 0, N, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    options.graph_bytes = fx_stats(fx->db).graph_bytes + NOISE;
    fx_close(fx);
    assert_ok(vdb_open(NULL, &options, &fx->db));
    put_rows(fx->db, 0, N, 0, vector_of);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_true(fx_stats(fx->db).graph_bytes > 0);
    put_rows(fx->db, N, 65600, 0, vector_of);
    assert_no_room(fx->db, options.graph_bytes);
    slots = fx_stats(fx->db).slots;
    for (uint32_t version = 1; version <= 6; version++)
        put_rows(fx->db, 0, 4000, version, vector_of);
    assert_true(fx_stats(fx->db).slots < slots + 3 * 4000);
    assert_finds_own(fx->db, 7, 6);
    fx_assert_clean(fx->db);
    fx_close(fx);
}

/* Far from the others, and so close together that bytes for all cannot tell them apart. */
static void far_and_close(uint32_t number, uint32_t version, float *out)
{
    vector_of(number, version, out);
    for (uint32_t i = 0; i < DIM; i++)
        out[i] = 9 + out[i] * 0.003f;
}

/* New codes may be longer than the old ones. */
static void longer_codes_are_asked_for_too(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    int64_t before;
    open_full(fx, &options);
    options.graph_bytes = fx_stats(fx->db).graph_bytes + 5 * NOISE; /* by bytes: 4 */
    fx_close(fx);
    options.env = hearing_env();
    fx_open(fx, &options);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    atomic_store(&most_bytes, 0);
    before = now_bytes;
    put_rows(fx->db, N, 2 * N, 0, far_and_close);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_int_equal(fx_stats(fx->db).graph_codes, VDB_CODES_NONE);
    assert_true(most_bytes < before + 9 * NOISE); /* longer codes: 8; pages: 3 */
    assert_true(fx_stats(fx->db).graph_bytes <= options.graph_bytes);
    fx_close(fx);
    vdb_env_free(options.env);
}

/* Whatever allocation fails while codes are fitted, nothing is lost. */
static void no_codes_are_left_without_memory(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 1);
    options.codes = VDB_CODES_8;
    for (int64_t n = 1; n <= 30; n++) {
        options.graph_bytes = 1; /* none is made yet */
        fx_open(fx, &options);
        put_rows(fx->db, 0, N, 0, vector_of);
        fx_close(fx);
        options.graph_bytes = 0;
        options.env = hearing_env();
        fx_open(fx, &options);
        atomic_store(&until_refused, n);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        assert_int_equal(until_refused, 0);
        assert_int_equal(fx_stats(fx->db).graph_vectors, N);
        fx_close(fx);
        vdb_env_free(options.env);
        options.env = NULL;
        if (now_bytes)
            print_error("allocation %d: %lld left\n", (int)n, (long long)now_bytes);
        assert_int_equal(now_bytes, 0);
        fx_remove(fx->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(going_over_to_float32_keeps_no_old_graph),
        T(going_over_to_float32_keeps_none_beside_a_thread),
        T(new_codes_take_the_place_of_the_old),
        T(compaction_gives_a_graph_back),
        T(effort_is_not_kept),
        T(searches_outlive_no_graph),
        T(without_room_none_is_made),
        T(a_saved_graph_waits_for_room),
        T(a_reader_loads_none_without_room),
        T(one_that_outgrows_its_room_is_given_up),
        T(replacing_uses_slots_again_without_room),
        T(new_codes_without_room_are_another_graph),
        T(one_that_was_never_saved_holds_no_slots),
        T(longer_codes_are_asked_for_too),
        T(no_codes_are_left_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
