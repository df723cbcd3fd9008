/* test_graph_threads.c: a graph while it is searched, grown, shrunk, tidied and saved by
 * many at once.  To be run under ThreadSanitizer as well.
 *
 * Each searcher holds a snapshot and asks it the same by the graph and exactly: so what is
 * right is known though everything changes meanwhile.  Threads may not use CMocka's
 * assertions: they note their first complaint, which the test's own thread then shows.
 */
#include "graph_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    WRITERS = 2,
    SEARCHERS = 2,
    AT_ONCE = 5,
    ROUNDS = 120,
    ANSWERS = 10,
    KINDS = 12
};

typedef struct team {
    vdb *db;
    _Atomic int stop;
    _Atomic uint64_t asked, found; /* nearest of searches, and by the graph */
    _Atomic uint64_t walks;
    float drift;          /* of all that is written after the first */
    uint32_t kinds;       /* so many different vectors there are; 0: all are */
    uint32_t versions[N]; /* each writer's own numbers; UINT32_MAX: deleted */
} team;

typedef struct worker {
    team *team;
    uint32_t number;
    uint32_t random;
    char complaint[256]; /* "": none */
} worker;

#define COMPLAIN(...)                                                                  \
    do {                                                                               \
        if (!w->complaint[0])                                                          \
            snprintf(w->complaint, sizeof w->complaint, __VA_ARGS__);                  \
        w->team->stop = 1;                                                             \
        return;                                                                        \
    } while (0)

static uint32_t next_random(worker *w)
{
    w->random = w->random * 1664525u + 1013904223u;
    return w->random >> 8;
}

/* One of a writer's own numbers. */
static uint32_t own_number(worker *w)
{
    return next_random(w) % (N / WRITERS) * WRITERS + w->number;
}

static void make_vector(const team *t, uint32_t number, uint32_t version, float *out)
{
    vector_of(t->kinds ? number % t->kinds : number, t->kinds ? 0 : version, out);
    for (int i = 0; i < DIM && version; i++)
        out[i] += t->drift;
}

static void replace_some(worker *w, uint32_t version)
{
    vdb_batch *batch = NULL;
    if (vdb_batch_new(w->team->db, &batch))
        COMPLAIN("batch: %s", vdb_errmsg());
    for (int i = 0; i < AT_ONCE; i++) {
        uint32_t number = own_number(w);
        char id[16], metadata[48];
        float v[DIM];
        snprintf(id, sizeof id, "v%05u", number);
        snprintf(metadata, sizeof metadata, "{\"n\":%u,\"version\":%u}", number,
                 version);
        make_vector(w->team, number, version, v);
        if (vdb_batch_insert(batch, id, v, DIM, metadata))
            COMPLAIN("batch_insert: %s", vdb_errmsg());
        w->team->versions[number] = version;
    }
    if (vdb_batch_apply(batch, NULL))
        COMPLAIN("batch_apply: %s", vdb_errmsg());
    vdb_batch_free(batch);
}

static void delete_one(worker *w)
{
    uint32_t number = own_number(w);
    int there = w->team->versions[number] != UINT32_MAX;
    char id[16];
    vdb_status st;
    snprintf(id, sizeof id, "v%05u", number);
    st = vdb_delete(w->team->db, id);
    if (st != (there ? VDB_OK : VDB_NOT_FOUND))
        COMPLAIN("delete %s: %s", id, vdb_status_name(st));
    w->team->versions[number] = UINT32_MAX;
}

static void *run_writer(void *arg)
{
    worker *w = arg;
    for (uint32_t i = 1; i <= ROUNDS && !w->team->stop; i++) {
        replace_some(w, i);
        delete_one(w);
        if (i % 40 == 0 && w->number == 0 && vdb_checkpoint(w->team->db, NULL))
            snprintf(w->complaint, sizeof w->complaint, "checkpoint: %s", vdb_errmsg());
    }
    return NULL;
}

/* What is wrong with the answers' contents, or NULL. */
static const char *bad_answers(const team *t, const vdb_results *hits)
{
    if (vdb_results_count(hits) != ANSWERS)
        return "a search has too few answers";
    for (size_t i = 0; i < ANSWERS; i++) {
        const char *metadata = vdb_results_metadata(hits, i, NULL);
        unsigned number, version;
        float v[DIM];
        if (!metadata ||
            sscanf(metadata, "{\"n\":%u,\"version\":%u}", &number, &version) != 2 ||
            (unsigned)atoi(vdb_results_id(hits, i, NULL) + 1) != number)
            return "an answer has another's metadata";
        make_vector(t, number, version, v);
        if (memcmp(v, vdb_results_vector(hits, i, NULL), sizeof v))
            return "an answer has another's vector";
        for (size_t j = 0; j < i; j++)
            if (!strcmp(vdb_results_id(hits, i, NULL), vdb_results_id(hits, j, NULL)))
                return "an answer is given twice";
    }
    return NULL;
}

/* Count the answers that are as near as the exact ones: of equal vectors the graph may
 * find others.  The distances of what both found are the same bits. */
static const char *compare(worker *w, const vdb_results *got, const vdb_results *want)
{
    const float *a = vdb_results_distances(got), *b = vdb_results_distances(want);
    for (size_t i = 0; i < ANSWERS; i++)
        for (size_t j = 0; j < ANSWERS; j++) {
            if (strcmp(vdb_results_id(want, i, NULL), vdb_results_id(got, j, NULL)))
                continue;
            if (memcmp(&a[j], &b[i], sizeof *a))
                return "a distance differs from the exact search's";
        }
    for (size_t j = 0; j < ANSWERS; j++)
        w->team->found += a[j] <= b[ANSWERS - 1];
    w->team->asked += ANSWERS;
    w->team->walks += !(vdb_results_flags(got, 0) & VDB_RESULT_EXACT);
    return NULL;
}

static void search_once(worker *w, const vdb_snapshot *snapshot)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_op op = VDB_OP_INIT;
    vdb_results *got = NULL, *want = NULL;
    const char *bad;
    float v[DIM];
    make_vector(w->team, next_random(w) % N, next_random(w) % 3 ? 999 : 0, v);
    op.snapshot = snapshot;
    query.op = &op;
    query.vectors = v;
    query.count = 1;
    query.dim = DIM;
    query.k = ANSWERS;
    query.ef = EF;
    query.flags = VDB_QUERY_WITH_METADATA | VDB_QUERY_WITH_VECTORS;
    if (vdb_search_batch(w->team->db, &query, &got))
        COMPLAIN("search: %s", vdb_errmsg());
    query.flags |= VDB_QUERY_EXACT;
    if (vdb_search_batch(w->team->db, &query, &want))
        COMPLAIN("exact search: %s", vdb_errmsg());
    bad = bad_answers(w->team, got);
    if (!bad)
        bad = bad_answers(w->team, want);
    if (!bad)
        bad = compare(w, got, want);
    vdb_results_free(got);
    vdb_results_free(want);
    if (bad)
        COMPLAIN("%s", bad);
}

static void *run_searcher(void *arg)
{
    worker *w = arg;
    while (!w->team->stop) {
        vdb_snapshot *snapshot = NULL;
        uint32_t times = 1 + next_random(w) % 20;
        if (vdb_snapshot_new(w->team->db, &snapshot)) {
            snprintf(w->complaint, sizeof w->complaint, "snapshot: %s", vdb_errmsg());
            break;
        }
        while (times-- && !w->complaint[0])
            search_once(w, snapshot);
        vdb_snapshot_free(snapshot);
    }
    return NULL;
}

static int finish(worker *workers, pthread_t *threads, int count)
{
    int bad = 0;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        if (workers[i].complaint[0]) {
            print_error("thread %d: %s\n", i, workers[i].complaint);
            bad = 1;
        }
    }
    return bad;
}

static void start(worker *workers, pthread_t *threads, int count, team *t,
                  void *(*run)(void *))
{
    for (int i = 0; i < count; i++) {
        workers[i].team = t;
        workers[i].number = (uint32_t)i;
        workers[i].random = (uint32_t)(i * 7919 + 1);
        workers[i].complaint[0] = 0;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
}

/* Whether the nearest of a vector's own value is that vector. */
static int is_found(vdb *db, const team *t, uint32_t number)
{
    const asked a = {.k = 1};
    float v[DIM];
    vdb_results *hits;
    int found;
    make_vector(t, number, t->versions[number], v);
    hits = find(db, v, 1, &a);
    assert_int_equal(vdb_results_count(hits), 1);
    found = strcmp(vdb_results_id(hits, 0, NULL), id_of(number)) == 0;
    assert_true((vdb_results_distances(hits)[0] == 0) == found);
    vdb_results_free(hits);
    return found;
}

/* Everything that was written last, and nothing else, is there and is found: but for one of
 * some 750 at most, which a walk may miss after so much churn. */
static void assert_all_there(vdb *db, const team *t)
{
    uint64_t live = 0, tried = 0, missed = 0;
    for (uint32_t i = 0; i < N; i++) {
        if (t->versions[i] == UINT32_MAX) {
            assert_false(fx_has(db, id_of(i)));
            continue;
        }
        live++;
        if (i % 3 == 0 && !t->kinds) {
            tried++;
            missed += !is_found(db, t, i);
        }
    }
    if (missed > 1)
        fail_msg("of %u vectors %u are not found by their own value", (unsigned)tried,
                 (unsigned)missed);
    assert_int_equal(fx_count(db), live);
    if (!t->kinds)
        assert_recall(db, .k = 10);
    fx_assert_clean(db);
}

static void kind_of_vector(uint32_t number, uint32_t version, float *out)
{
    (void)version;
    vector_of(number % KINDS, 0, out);
}

static void race(fixture *fx, const vdb_options *options, int whole, uint32_t kinds,
                 float drift)
{
    static team t;
    worker writers[WRITERS], searchers[SEARCHERS];
    pthread_t writing[WRITERS], searching[SEARCHERS];
    int bad;
    memset(&t, 0, sizeof t);
    t.kinds = kinds;
    t.drift = drift;
    fx_open(fx, options);
    put_rows(fx->db, 0, N, 0,
             kinds ? kind_of_vector
                   : vector_of); /* the graph is being made from here on */
    if (whole)
        assert_ok(vdb_wait_indexed(fx->db, NULL));
    t.db = fx->db;
    start(searchers, searching, SEARCHERS, &t, run_searcher);
    start(writers, writing, WRITERS, &t, run_writer);
    bad = finish(writers, writing, WRITERS);
    t.stop = 1;
    bad |= finish(searchers, searching, SEARCHERS);
    assert_false(bad);
    if (whole || options->threads == 1) /* else it may be ready too late */
        assert_true(t.walks > 0);
    /* Until the codes have been fitted anew, those far out look alike. */
    if (drift == 0)
        assert_true((double)t.found >= 0.95 * (double)t.asked);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_all_there(fx->db, &t);
    assert_int_equal(fx_stats(fx->db).views, 0);
    fx_reopen(fx);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    assert_all_there(fx->db, &t);
}

static void searches_are_right_while_all_changes(void **state)
{
    vdb_options options = graph_options(VDB_L2, 2);
    options.checkpoint_entries = 100;
    race(*state, &options, 1, 0, 0);
}

static void searches_are_right_while_the_graph_is_made(void **state)
{
    vdb_options options = graph_options(VDB_L2, 3);
    options.flags = VDB_OPEN_NO_MMAP;
    race(*state, &options, 0, 0, 0);
}

static void writers_link_without_threads_of_the_library(void **state)
{
    vdb_options options = graph_options(VDB_L2, 2);
    options.threads = 1;
    race(*state, &options, 0, 0, 0);
}

/* A vector that joins its equals while a search is under way is met once. */
static void equal_vectors_are_answered_once(void **state)
{
    const vdb_options options = graph_options(VDB_L2, 3);
    race(*state, &options, 0, KINDS, 0);
}

/* So far that the codes are fitted anew meanwhile. */
static void drifting_vectors_are_found(void **state)
{
    const vdb_options options = graph_options(VDB_L2, 3);
    race(*state, &options, 1, 0, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(searches_are_right_while_all_changes),
        T(searches_are_right_while_the_graph_is_made),
        T(equal_vectors_are_answered_once),
        T(drifting_vectors_are_found),
        T(writers_link_without_threads_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
