/* test_compact.c: vdb_compact(): the file becomes as short as what it holds, beside
 * searches and commits; a snapshot keeps what it sees; nothing else changes.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

enum {
    DIM = 32,
    N = 4000
};

static vdb_options options_of(void)
{
    vdb_options options = VDB_OPTIONS_INIT;
    options.dimension = DIM;
    options.index = VDB_FLAT;
    options.durability = VDB_OFF;
    options.threads = 1;
    return options;
}

static void row_of(int n, int version, char id[32], float v[DIM], char metadata[160])
{
    snprintf(id, 32, "row-%05u", (unsigned)n * 7919u % 100000u);
    for (int i = 0; i < DIM; i++)
        v[i] = (float)((n * 31 + i * 17 + version) % 997);
    snprintf(metadata, 160,
             "{\"n\": %d, \"version\": %d, \"word\": \"w%d\", \"tags\": [\"t%d\", %d], "
             "\"pad\": \"%0*d\"%s}",
             n, version, n % 50, n % 20, n, n % 60, 0,
             n % 40 == 0 ? ", \"rare\": true" : "");
}

static void put_many(vdb *db, int first, int count, int step, int version)
{
    for (int n = first; n < first + count; n += step) {
        char id[32], metadata[160];
        float v[DIM];
        row_of(n, version, id, v, metadata);
        assert_ok(vdb_insert(db, id, v, DIM, n % 13 ? metadata : NULL));
    }
}

static void delete_but(vdb *db, int count, int kept)
{
    for (int n = 0; n < count; n++) {
        char id[32], metadata[160];
        float v[DIM];
        row_of(n, 1, id, v, metadata);
        if (n % kept)
            assert_ok(vdb_delete(db, id));
    }
}

static void assert_row(vdb *db, const vdb_snapshot *snapshot, int n, int version)
{
    char id[32], metadata[160];
    float v[DIM];
    vdb_op op = VDB_OP_INIT;
    vdb_record *record = NULL;
    op.snapshot = snapshot;
    row_of(n, version, id, v, metadata);
    assert_ok(vdb_get(db, id, &op, &record));
    assert_memory_equal(vdb_record_vector(record, NULL), v, sizeof v);
    if (n % 13)
        assert_string_equal(vdb_record_metadata(record, NULL), metadata);
    else
        assert_null(vdb_record_metadata(record, NULL));
    vdb_record_free(record);
}

/* Exactly these rows, by every way of asking. */
static void assert_rows(vdb *db, int count, int step, int version)
{
    vdb_filter *filter =
        fx_filter("{\"op\":\"eq\",\"field\":\"word\",\"value\":\"w20\"}");
    uint64_t passing = 0, want = 0;
    char id[32], metadata[160];
    float v[DIM];
    vdb_results *hits = NULL;
    for (int n = 0; n < count; n += step) {
        assert_row(db, NULL, n, version);
        want += n % 50 == 20 && n % 13;
    }
    assert_int_equal(fx_count(db), (count + step - 1) / step);
    assert_ok(vdb_count(db, filter, NULL, &passing));
    assert_int_equal(passing, want);
    vdb_filter_free(filter);
    row_of(step * 3, version, id, v, metadata);
    assert_ok(vdb_search(db, v, DIM, 1, &hits));
    assert_true(vdb_results_distances(hits)[0] == 0);
    vdb_results_free(hits);
    fx_assert_clean(db);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

/* What a file has that never held more. */
static uint64_t fresh_size(const fixture *fx, int count, int step)
{
    vdb_options options = options_of();
    vdb *db = NULL;
    assert_ok(vdb_open(fx_name(fx, "fresh.vdb"), &options, &db));
    put_many(db, 0, count, step, 1);
    assert_ok(vdb_close(db));
    return size_of(fx_name(fx, "fresh.vdb"));
}

static void after_deletes_the_file_is_as_short_as_a_fresh_one(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of();
    uint64_t before, after, fresh;
    fx_open(fx, &options);
    put_many(fx->db, 0, N, 1, 1);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    delete_but(fx->db, N, 10);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    before = size_of(fx->path);
    assert_ok(vdb_compact(fx->db, NULL));
    after = size_of(fx->path);
    fresh = fresh_size(fx, N, 10);
    assert_int_equal(after, fx_stats(fx->db).file_bytes);
    assert_true(after < before / 6);
    assert_true(after < fresh + fresh / 5);
    assert_int_equal(fx_stats(fx->db).slots, N / 10);
    assert_rows(fx->db, N, 10, 1);
    /* And once more: there is nothing left to do. */
    assert_ok(vdb_compact(fx->db, NULL));
    assert_true(size_of(fx->path) <= after + 4096);
    fx_close(fx);
    fx_open(fx, &options);
    assert_rows(fx->db, N, 10, 1);
    assert_true(size_of(fx->path) < fresh + fresh / 5);
    /* It goes on as ever. */
    put_many(fx->db, 0, N, 1, 2);
    assert_rows(fx->db, N, 1, 2);
    fx_reopen(fx);
    assert_rows(fx->db, N, 1, 2);
}

/* The log holds all of it: what a killed process leaves is replayed over the old tree. */
static void what_a_killed_process_leaves_is_whole(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of();
    vdb *db = NULL;
    options.durability = VDB_NORMAL;
    fx_open(fx, &options);
    put_many(fx->db, 0, 1000, 1, 1);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    delete_but(fx->db, 1000, 10);
    assert_ok(vdb_compact(fx->db, NULL));
    put_many(fx->db, 0, 1000, 10, 2);
    put_many(fx->db, 1, 50, 1, 2);
    delete_but(fx->db, 51, 10);
    fx_copy(fx->path, fx_name(fx, "killed.vdb"));
    assert_ok(vdb_open(fx_name(fx, "killed.vdb"), NULL, &db));
    assert_true(fx_stats(db).replayed > 100);
    assert_rows(db, 1000, 10, 2);
    assert_ok(vdb_close(db));
}

static void a_snapshot_keeps_what_it_sees(void **state)
{
    static const uint32_t flags[] = {0, VDB_OPEN_NO_MMAP};
    fixture *fx = *state;
    for (int round = 0; round < 2; round++) {
        vdb_options options = options_of();
        vdb_snapshot *snapshot = NULL;
        uint64_t before, held, after;
        options.flags = flags[round];
        options.cache_bytes = 1;
        fx_remove(fx->path);
        fx_open(fx, &options);
        put_many(fx->db, 0, 2000, 1, 1);
        assert_ok(vdb_checkpoint(fx->db, NULL));
        before = size_of(fx->path);
        assert_ok(vdb_snapshot_new(fx->db, &snapshot));
        delete_but(fx->db, 2000, 20);
        assert_ok(vdb_compact(fx->db, NULL));
        held = size_of(fx->path);
        for (int n = 0; n < 2000; n++)
            assert_row(fx->db, snapshot, n, 1);
        /* What is left was copied, once; what the snapshot sees could not go. */
        assert_true(held >= before && held < before + before / 2);
        assert_rows(fx->db, 2000, 20, 1);
        vdb_snapshot_free(snapshot);
        assert_ok(vdb_compact(fx->db, NULL));
        after = size_of(fx->path);
        assert_true(after < before / 5);
        assert_rows(fx->db, 2000, 20, 1);
        fx_close(fx);
    }
    fx_open(fx, NULL);
}

/* Small holes between large blocks: no run of pages is free that would take one. */
static void holes_that_are_too_small_are_put_together(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of();
    uint64_t fresh;
    fx_open(fx, &options);
    /* Long metadata by turns with vectors, saved often, so that they alternate. */
    for (int part = 0; part < 40; part++) {
        put_many(fx->db, part * 100, 100, 1, 1);
        assert_ok(vdb_checkpoint(fx->db, NULL));
    }
    for (int round = 0; round < 3; round++)
        for (int n = round; n < N; n += 97) {
            put_many(fx->db, n, 1, 1, 1);
            if (n % 5 == 0)
                assert_ok(vdb_checkpoint(fx->db, NULL));
        }
    delete_but(fx->db, N, 3);
    assert_ok(vdb_compact(fx->db, NULL));
    fresh = fresh_size(fx, N, 3);
    assert_true(size_of(fx->path) < fresh + fresh / 5);
    assert_rows(fx->db, N, 3, 1);
}

/* A field whose strings are all different grows the dictionary; compaction clears it, and
 * what commits use meanwhile, or what came back, is found by filters. */
static void put_word(vdb *db, int n, const char *word, const char *tag)
{
    char id[32], metadata[160];
    float v[DIM] = {1};
    snprintf(id, sizeof id, "word-%05d", n);
    snprintf(metadata, sizeof metadata,
             "{\"url\": \"http://%s/%d\", \"tags\": [\"%s%d\"]}", word, n, tag, n);
    assert_ok(vdb_insert(db, id, v, DIM, metadata));
}

static uint64_t count_of(vdb *db, const char *format, const char *word, int n)
{
    char text[160];
    uint64_t count = 0;
    vdb_filter *filter;
    snprintf(text, sizeof text, format, word, n);
    filter = fx_filter(text);
    assert_ok(vdb_count(db, filter, NULL, &count));
    vdb_filter_free(filter);
    return count;
}

#define URL_IS    "{\"op\":\"eq\",\"field\":\"url\",\"value\":\"http://%s/%d\"}"
#define HAS_TAG   "{\"op\":\"contains\",\"field\":\"tags\",\"value\":\"%s%d\"}"
#define URL_BEGIN "{\"op\":\"prefix\",\"field\":\"url\",\"value\":\"http://%s/%d\"}"

static void assert_words(vdb *db, const char *word, const char *tag, int there)
{
    for (int n = 0; n < 1000; n++) {
        int want = there && n % 10 == 0;
        assert_int_equal(count_of(db, URL_IS, word, n), want);
        assert_int_equal(count_of(db, HAS_TAG, tag, n), want);
    }
    /* 0, 10, 20, ... 90, 100, 110, ..., 990 */
    assert_int_equal(count_of(db, URL_BEGIN, word, 1), there ? 11 : 0);
    fx_assert_clean(db);
}

static void strings_that_nobody_has_are_cleared(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of();
    vdb_snapshot *snapshot = NULL;
    vdb_op op = VDB_OP_INIT;
    vdb_filter *filter = fx_filter("{\"op\":\"prefix\",\"field\":\"url\",\"value\":"
                                   "\"http://first/\"}");
    uint64_t before, after, count = 0;
    fx_open(fx, &options);
    for (int n = 0; n < 1000; n++)
        put_word(fx->db, n, "first", "a");
    assert_ok(vdb_checkpoint(fx->db, NULL));
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    for (int n = 0; n < 1000; n++) {
        char id[32];
        snprintf(id, sizeof id, "word-%05d", n);
        if (n % 10)
            assert_ok(vdb_delete(fx->db, id));
    }
    before = size_of(fx->path);
    assert_ok(vdb_compact(fx->db, NULL));
    assert_words(fx->db, "first", "a", 1);
    op.snapshot = snapshot;
    assert_ok(vdb_count(fx->db, filter, &op, &count));
    assert_int_equal(count, 1000);
    vdb_snapshot_free(snapshot);
    vdb_filter_free(filter);
    assert_ok(vdb_compact(fx->db, NULL));
    after = size_of(fx->path);
    assert_true(after < before / 3);
    assert_words(fx->db, "first", "a", 1);
    /* All replaced, and back again, so that every string has a new code. */
    for (int n = 0; n < 1000; n += 10)
        put_word(fx->db, n, "second", "b");
    assert_ok(vdb_compact(fx->db, NULL));
    assert_words(fx->db, "first", "a", 0);
    assert_words(fx->db, "second", "b", 1);
    for (int n = 0; n < 1000; n += 10)
        put_word(fx->db, n, "first", "a");
    assert_words(fx->db, "first", "a", 1);
    assert_words(fx->db, "second", "b", 0);
    fx_copy(fx->path, fx_name(fx, "killed.vdb"));
    assert_ok(vdb_compact(fx->db, NULL));
    assert_true(size_of(fx->path) < after + after / 4);
    fx_reopen(fx);
    assert_words(fx->db, "first", "a", 1);
    fx_close(fx);
    assert_ok(vdb_open(fx_name(fx, "killed.vdb"), &options, &fx->db));
    assert_words(fx->db, "first", "a", 1);
}

typedef struct speller {
    vdb *db;
    _Atomic int stop;
    _Atomic uint64_t rounds;
} speller;

/* Takes up strings of which there may be no other, while they are being cleared. */
static void *spell(void *arg)
{
    speller *s = arg;
    for (int round = 0; !s->stop; round++) {
        for (int n = 0; n < 100; n++) {
            char id[32], metadata[160];
            const float v[DIM] = {1};
            snprintf(id, sizeof id, "spell-%d", n);
            snprintf(metadata, sizeof metadata, "{\"url\": \"http://spell/%d\"}",
                     (n + round) % 100);
            if (round % 2 ? vdb_delete(s->db, id)
                          : vdb_insert(s->db, id, v, DIM, metadata))
                return (void *)(uintptr_t) "a commit";
        }
        s->rounds++;
    }
    return NULL;
}

static void a_string_that_is_taken_up_meanwhile_stays(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of();
    speller s = {0};
    pthread_t thread;
    void *says;
    fx_open(fx, &options);
    put_many(fx->db, 0, N, 1, 1);
    s.db = fx->db;
    assert_int_equal(pthread_create(&thread, NULL, spell, &s), 0);
    for (int i = 0; i < 6; i++) {
        uint64_t rounds = s.rounds;
        assert_ok(vdb_compact(fx->db, NULL));
        while (s.rounds == rounds)
            usleep(100);
    }
    s.stop = 1;
    assert_int_equal(pthread_join(thread, &says), 0);
    assert_null(says);
    for (int n = 0; n < 100; n++)
        put_word(fx->db, n, "spell", "s");
    for (int n = 0; n < 100; n++)
        assert_true(count_of(fx->db, URL_IS, "spell", n) >= 1);
    fx_assert_clean(fx->db); /* each cell has the code of its string */
}

/* Somebody else's commit takes up a string that nobody has, between two steps: before the
 * strings that are in use are marked, after that, or when they have been cleared. */
typedef struct taker {
    vdb *db;
    uint64_t calls, at;
} taker;

static void *take_up(void *arg)
{
    const float v[DIM] = {1};

    return (void *)(uintptr_t)vdb_insert(arg, "taken", v, DIM,
                                         "{\"url\": \"http://spell/1\"}");
}

static void take_up_at(void *arg, uint64_t done, uint64_t total)
{
    taker *t = arg;
    pthread_t thread;
    void *status;

    (void)done;
    (void)total;
    if (++t->calls != t->at)
        return;
    assert_int_equal(pthread_create(&thread, NULL, take_up, t->db), 0);
    assert_int_equal(pthread_join(thread, &status), 0);
    assert_int_equal((uintptr_t)status, VDB_OK);
}

static void a_string_that_is_taken_up_at_any_step_stays(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of();
    taker t = {0};
    vdb_op op = VDB_OP_INIT;

    op.progress = take_up_at;
    op.progress_arg = &t;
    do {
        fx_open(fx, &options);
        put_many(fx->db, 0, 50, 1, 1);
        put_word(fx->db, 1, "spell", "s");
        assert_ok(vdb_delete(fx->db, "word-00001"));
        t = (taker){.db = fx->db, .at = t.at + 1};
        assert_ok(vdb_compact(fx->db, &op));
        if (t.calls >= t.at)
            assert_int_equal(count_of(fx->db, URL_IS, "spell", 1), 1);
        fx_assert_clean(fx->db);
        fx_close(fx);
        fx_remove(fx->path);
    } while (t.calls >= t.at);
    assert_true(t.at > 5);
}

static void other_handles(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of();
    vdb_op op = VDB_OP_INIT;
    vdb_snapshot *snapshot = NULL;
    vdb *db = NULL;
    fx_state before;
    fx_open(fx, &options);
    put_many(fx->db, 0, 100, 1, 1);
    assert_ok(vdb_snapshot_new(fx->db, &snapshot));
    op.snapshot = snapshot;
    assert_status(vdb_compact(fx->db, &op), VDB_INVALID);
    assert_message("snapshot");
    vdb_snapshot_free(snapshot);
    fx_close(fx);
    options.flags = VDB_OPEN_READONLY;
    fx_open(fx, &options);
    before = fx_state_of(fx);
    assert_status(vdb_compact(fx->db, NULL), VDB_READONLY);
    assert_unchanged(fx, &before);
    assert_status(vdb_compact(NULL, NULL), VDB_MISUSE);
    /* In memory it gives memory back. */
    options.flags = 0;
    assert_ok(vdb_open(":memory:", &options, &db));
    put_many(db, 0, 2000, 1, 1);
    delete_but(db, 2000, 10);
    assert_true(fx_stats(db).slots == 2000);
    assert_ok(vdb_compact(db, NULL));
    assert_true(fx_stats(db).slots == 200);
    assert_true(fx_stats(db).dirty_bytes < 400000);
    assert_rows(db, 2000, 10, 1);
    assert_ok(vdb_close(db));
    /* Nothing to do, in a file that has nothing. */
    assert_ok(vdb_open(fx_name(fx, "empty.vdb"), NULL, &db));
    assert_ok(vdb_compact(db, NULL));
    fx_assert_clean(db);
    assert_ok(vdb_close(db));
    assert_true(size_of(fx_name(fx, "empty.vdb")) <= 6 * 4096);
}

/* How a search for a row's vector is answered; *missed counts those that do not find it,
 * which a graph may do now and then. */
static uint32_t strategy_of(vdb *db, int n, int version, int *missed)
{
    char id[32], metadata[160];
    float v[DIM];
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    vdb_explain explain = VDB_EXPLAIN_INIT;
    row_of(n, version, id, v, metadata);
    query.vectors = v;
    query.count = 1;
    query.dim = DIM;
    query.k = 1;
    query.flags = VDB_QUERY_EXPLAIN;
    assert_ok(vdb_search_batch(db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), 1);
    *missed += vdb_results_distances(hits)[0] != 0;
    assert_ok(vdb_results_explain(hits, 0, &explain));
    vdb_results_free(hits);
    return explain.strategy;
}

static int by_graph(vdb *db)
{
    int missed = 0;
    return strategy_of(db, 30, 1, &missed) == VDB_STRATEGY_GRAPH;
}

static void assert_found(vdb *db, int count, int step, int version)
{
    int missed = 0, asked = 0;
    for (int n = 0; n < count; n += step, asked++) {
        int before = missed;
        uint32_t strategy = strategy_of(db, n, version, &missed);
        assert_true(strategy == VDB_STRATEGY_GRAPH || missed == before);
    }
    assert_true(missed <= asked / 50);
}

/* With little dead the graph stays as it is; with much, it gives way and is made anew. */
static void a_graph_gives_way_when_most_is_deleted(void **state)
{
    fixture *fx = *state;
    for (uint32_t threads = 1 + FX_RACES; threads <= 2; threads++) {
        vdb_options options = options_of();
        uint64_t before;
        options.index = VDB_HNSW;
        options.threads = threads;
        fx_remove(fx->path);
        fx_open(fx, &options);
        put_many(fx->db, 0, 2 * N, 1, 1);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        assert_true(by_graph(fx->db));
        for (int n = 1; n < 2 * N; n += 10) {
            char id[32], metadata[160];
            float v[DIM];
            row_of(n, 1, id, v, metadata);
            assert_ok(vdb_delete(fx->db, id));
        }
        assert_ok(vdb_compact(fx->db, NULL));
        assert_true(by_graph(fx->db));
        assert_found(fx->db, 2 * N, 10, 1);
        fx_close(fx); /* which saves the graph */
        fx_open(fx, &options);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        before = size_of(fx->path);
        for (int n = 0; n < 2 * N; n++) {
            char id[32], metadata[160];
            float v[DIM];
            row_of(n, 1, id, v, metadata);
            if (n % 3 && n % 10 != 1)
                assert_ok(vdb_delete(fx->db, id));
        }
        for (int n = 21; n < 2 * N; n += 30)
            put_many(fx->db, n, 1, 1, 1);
        assert_ok(vdb_compact(fx->db, NULL));
        assert_true(size_of(fx->path) < before * 3 / 4);
        assert_int_equal(fx_stats(fx->db).slots, (2 * N + 2) / 3);
        assert_found(fx->db, 2 * N, 3, 1);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        assert_true(by_graph(fx->db));
        assert_found(fx->db, 2 * N, 3, 1);
        fx_assert_clean(fx->db);
        put_many(fx->db, 0, 2 * N, 1, 2);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        assert_found(fx->db, 2 * N, 7, 2);
        fx_close(fx);
        fx_open(fx, &options);
        assert_ok(vdb_wait_indexed(fx->db, NULL));
        assert_found(fx->db, 2 * N, 7, 2);
        fx_assert_clean(fx->db);
        fx_close(fx);
    }
    fx_open(fx, NULL);
}

typedef struct watched {
    vdb_cancel *cancel;
    uint64_t calls, done, total, stop_at;
} watched;

static void watch(void *arg, uint64_t done, uint64_t total)
{
    watched *w = arg;
    if (!w->calls)
        w->total = total;
    assert_true(done >= w->done && done <= total && total == w->total);
    w->done = done;
    if (++w->calls == w->stop_at)
        vdb_cancel_set(w->cancel);
}

static void stopped_anywhere_it_has_lost_nothing(void **state)
{
    fixture *fx = *state;
    vdb_options options = options_of();
    watched w = {0};
    vdb_op op = VDB_OP_INIT;
    uint64_t calls;
    fx_open(fx, &options);
    put_many(fx->db, 0, 1000, 1, 1);
    delete_but(fx->db, 1000, 10);
    op.progress = watch;
    op.progress_arg = &w;
    fx_close(fx);
    fx_copy_file(fx->path, fx_name(fx, "start.vdb"));
    fx_open(fx, &options);
    assert_ok(vdb_compact(fx->db, &op));
    assert_true(w.done == w.total && w.total > 100000);
    calls = w.calls;
    assert_true(calls > 5);
    for (uint64_t i = 1; i < calls; i += 1 + calls / 10) {
        fx_close(fx);
        fx_remove(fx->path);
        fx_copy_file(fx_name(fx, "start.vdb"), fx->path);
        fx_open(fx, &options);
        w = (watched){.stop_at = i};
        assert_ok(vdb_cancel_new(&w.cancel));
        op.cancel = w.cancel;
        assert_status(vdb_compact(fx->db, &op), VDB_CANCELLED);
        vdb_cancel_free(w.cancel);
        op.cancel = NULL;
        assert_rows(fx->db, 1000, 10, 1);
        put_many(fx->db, 0, 1000, 10, 2);
        if (i % 2)
            fx_reopen(fx);
        w = (watched){0};
        assert_ok(vdb_compact(fx->db, &op));
        assert_rows(fx->db, 1000, 10, 2);
    }
}

/* Others at work meanwhile: rows of one commit have one version, whoever looks. */
typedef struct others {
    vdb *db;
    _Atomic int stop;
    _Atomic uint64_t commits, searches;
} others;

enum {
    GROUP = 8,
    GROUPS = 40
};

static void *write_on(void *arg)
{
    others *o = arg;
    for (int version = 2; !o->stop; version++)
        for (int g = 0; g < GROUPS && !o->stop; g++) {
            static char ids[GROUP][32], metadata[GROUP][160];
            static float v[GROUP][DIM];
            const char *id[GROUP], *json[GROUP];
            vdb_rows rows = VDB_ROWS_INIT;
            for (int i = 0; i < GROUP; i++) {
                row_of(N + g * GROUP + i, 1, ids[i], v[i], metadata[i]);
                v[i][0] = (float)version;
                id[i] = ids[i];
                json[i] = metadata[i];
            }
            rows.count = GROUP;
            rows.dim = DIM;
            rows.ids = id;
            rows.vectors = v;
            rows.metadata = json;
            if (vdb_put(o->db, &rows, NULL, NULL))
                return (void *)(uintptr_t) "vdb_put";
            if (g % 7 == 0 && vdb_delete(o->db, ids[0]))
                return (void *)(uintptr_t) "vdb_delete";
            o->commits++;
        }
    return NULL;
}

/* NULL, or what a snapshot shows that it must not. */
static const char *look(vdb *db, const vdb_snapshot *snapshot, int g)
{
    vdb_op op = VDB_OP_INIT;
    float version = 0;
    op.snapshot = snapshot;
    for (int i = 1; i < GROUP; i++) {
        char id[32], metadata[160];
        float v[DIM], got;
        vdb_record *record = NULL;
        vdb_status st;
        row_of(N + g * GROUP + i, 1, id, v, metadata);
        st = vdb_get(db, id, &op, &record);
        if (st == VDB_NOT_FOUND && i == 1)
            return NULL; /* not written yet */
        if (st)
            return "vdb_get";
        got = vdb_record_vector(record, NULL)[0];
        if (i == 1)
            version = got;
        if (got != version ||
            strcmp(vdb_record_metadata(record, NULL), metadata) != 0 ||
            memcmp(vdb_record_vector(record, NULL) + 1, v + 1, sizeof v - sizeof *v) !=
                0)
            return "half a commit, or a row of another";
        vdb_record_free(record);
    }
    return NULL;
}

static void *search_on(void *arg)
{
    others *o = arg;
    for (int round = 0; !o->stop; round++) {
        char id[32], metadata[160];
        float v[DIM];
        vdb_results *hits = NULL;
        vdb_snapshot *snapshot = NULL;
        const char *why;
        row_of(round * 10 % N, 1, id, v, metadata);
        if (vdb_search(o->db, v, DIM, 1, &hits))
            return (void *)(uintptr_t) "vdb_search";
        if (vdb_results_count(hits) != 1 || vdb_results_distances(hits)[0] != 0)
            return (void *)(uintptr_t) "a search misses what is there";
        vdb_results_free(hits);
        if (vdb_snapshot_new(o->db, &snapshot))
            return (void *)(uintptr_t) "vdb_snapshot_new";
        why = look(o->db, snapshot, round % GROUPS);
        vdb_snapshot_free(snapshot);
        if (why)
            return (void *)(uintptr_t)why;
        o->searches++;
    }
    return NULL;
}

static void compact_beside_others(fixture *fx, uint32_t flags, uint32_t threads)
{
    vdb_options options = options_of();
    others o = {0};
    pthread_t writer, reader;
    void *writer_says, *reader_says;
    uint64_t before;
    options.threads = threads;
    options.flags = flags;
    options.cache_bytes = 1;
    options.checkpoint_entries = 100;
    fx_remove(fx->path);
    fx_open(fx, &options);
    put_many(fx->db, 0, N, 1, 1);
    delete_but(fx->db, N, 10);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    before = fx_stats(fx->db).file_bytes;
    o.db = fx->db;
    assert_int_equal(pthread_create(&writer, NULL, write_on, &o), 0);
    assert_int_equal(pthread_create(&reader, NULL, search_on, &o), 0);
    while (o.commits < 5 || o.searches < 5)
        usleep(1000);
    for (int i = 0; i < 3; i++) {
        uint64_t commits = o.commits, searches = o.searches;
        assert_ok(vdb_compact(fx->db, NULL));
        assert_true(i > 0 || (o.commits > commits && o.searches > searches));
    }
    o.stop = 1;
    assert_int_equal(pthread_join(writer, &writer_says), 0);
    assert_int_equal(pthread_join(reader, &reader_says), 0);
    assert_null(writer_says);
    assert_null(reader_says);
    fx_assert_clean(fx->db);
    assert_ok(vdb_compact(fx->db, NULL));
    assert_true(fx_stats(fx->db).file_bytes < before / 3);
    for (int n = 0; n < N; n += 10)
        assert_row(fx->db, NULL, n, 1);
    fx_close(fx);
    fx_open(fx, NULL);
    fx_assert_clean(fx->db);
    fx_close(fx);
}

static void searches_and_commits_go_on(void **state)
{
    fixture *fx = *state;
    compact_beside_others(fx, 0, 2);
    compact_beside_others(fx, VDB_OPEN_NO_MMAP, 1);
    fx_open(fx, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            after_deletes_the_file_is_as_short_as_a_fresh_one, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(what_a_killed_process_leaves_is_whole, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_keeps_what_it_sees, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(holes_that_are_too_small_are_put_together,
                                        fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(strings_that_nobody_has_are_cleared, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_string_that_is_taken_up_meanwhile_stays,
                                        fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_string_that_is_taken_up_at_any_step_stays,
                                        fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(other_handles, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_graph_gives_way_when_most_is_deleted,
                                        fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(stopped_anywhere_it_has_lost_nothing, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(searches_and_commits_go_on, fx_setup,
                                        fx_teardown),
    };
    return cmocka_run_group_tests_name("compact", tests, NULL, NULL);
}
