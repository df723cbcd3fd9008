/* test_threads.c: writers and readers at once.  Every read sees one instant: all of a
 * commit or none of it.  To be run under ThreadSanitizer as well.
 *
 * Threads may not use CMocka's assertions: they note their first complaint, which the
 * test's own thread then shows.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    PAIRS = 40,
    READERS = 3,
    WRITERS = 3
};

typedef struct team {
    vdb *db;
    _Atomic int stop;
    _Atomic int ready;
    _Atomic uint64_t reads;
    int rounds; /* of each writer */
} team;

typedef struct worker {
    team *team;
    int number;
    uint32_t random;
    char complaint[256]; /* "": none */
} worker;

#define COMPLAIN(...)                                                                  \
    do {                                                                               \
        if (!w->complaint[0])                                                          \
            snprintf(w->complaint, sizeof w->complaint, __VA_ARGS__);                  \
        w->team->stop = 1;                                                             \
        return NULL;                                                                   \
    } while (0)

static uint32_t next_random(worker *w)
{
    w->random = w->random * 1664525u + 1013904223u;
    return w->random >> 8;
}

/* A pair is "a<n>" and "b<n>", always written and removed by one commit, with one stamp
 * in both: in the metadata and in the vector. */
static vdb_status write_pair(worker *w, vdb_batch *batch)
{
    static const char *const names[2] = {"a", "b"};
    unsigned pair = next_random(w) % PAIRS;
    unsigned stamp = next_random(w) % 10000;
    vdb_status st;
    int remove = next_random(w) % 4 == 0;
    for (int i = 0; i < 2; i++) {
        char id[16], metadata[64];
        const float v[3] = {(float)pair, (float)stamp, 0};
        snprintf(id, sizeof id, "%s%u", names[i], pair);
        snprintf(metadata, sizeof metadata, "{\"pair\": %u, \"stamp\": %u}", pair,
                 stamp);
        st = remove ? vdb_batch_delete(batch, id)
                    : vdb_batch_insert(batch, id, v, 3, metadata);
        if (st)
            return st;
    }
    return vdb_batch_apply(batch, NULL);
}

static void *run_pair_writer(void *arg)
{
    worker *w = arg;
    for (int i = 0; i < w->team->rounds && !w->team->stop; i++) {
        vdb_batch *batch = NULL;
        vdb_status st = vdb_batch_new(w->team->db, &batch);
        if (st == VDB_OK)
            st = write_pair(w, batch);
        vdb_batch_free(batch);
        if (st != VDB_OK && st != VDB_NOT_FOUND)
            COMPLAIN("batch: %s: %s", vdb_status_name(st), vdb_errmsg());
        if (i % 64 == 63 && w->number == 0) {
            st = vdb_checkpoint(w->team->db, NULL);
            if (st)
                COMPLAIN("checkpoint: %s", vdb_errmsg());
        }
    }
    return NULL;
}

typedef struct seen {
    int there[2][PAIRS];
    int stamp[2][PAIRS];
} seen;

/* Note one id with its stamp; 0 when it is none of ours. */
static int note(seen *s, const char *id, int stamp)
{
    int side = id[0] == 'b', pair = atoi(id + 1);
    if ((id[0] != 'a' && id[0] != 'b') || pair < 0 || pair >= PAIRS)
        return 0;
    if (s->there[side][pair])
        return 0; /* twice */
    s->there[side][pair] = 1;
    s->stamp[side][pair] = stamp;
    return 1;
}

/* Both or none of each pair, with one stamp. */
static int whole(const seen *s)
{
    for (int i = 0; i < PAIRS; i++)
        if (s->there[0][i] != s->there[1][i] ||
            (s->there[0][i] && s->stamp[0][i] != s->stamp[1][i]))
            return 0;
    return 1;
}

static int stamp_of(const char *metadata)
{
    const char *at = metadata ? strstr(metadata, "\"stamp\": ") : NULL;
    return at ? atoi(at + 9) : -1;
}

static const char *read_by_cursor(worker *w)
{
    seen s;
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    const char *bad = NULL;
    memset(&s, 0, sizeof s);
    if (vdb_cursor_open(w->team->db, NULL, &cursor))
        return "cursor open";
    while (!bad) {
        int stamp;
        if (vdb_cursor_next(cursor, &record))
            bad = "cursor next";
        if (bad || !record)
            break;
        stamp = stamp_of(vdb_record_metadata(record, NULL));
        if ((int)vdb_record_vector(record, NULL)[1] != stamp)
            bad = "a cursor's record mixes two commits";
        else if (!note(&s, vdb_record_id(record, NULL), stamp))
            bad = "a cursor gave a wrong id, or one twice";
    }
    vdb_cursor_free(cursor);
    return bad ? bad : whole(&s) ? NULL : "a cursor saw half a commit";
}

static const char *read_by_search(worker *w, const vdb_filter *filter)
{
    seen s;
    float q[3] = {(float)(next_random(w) % PAIRS), (float)(next_random(w) % 10000), 0};
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    const char *bad = NULL;
    memset(&s, 0, sizeof s);
    query.vectors = q;
    query.count = 1;
    query.dim = 3;
    query.k = 4 * PAIRS;
    query.filter = filter;
    query.flags = VDB_QUERY_WITH_METADATA | VDB_QUERY_WITH_VECTORS;
    if (vdb_search_batch(w->team->db, &query, &hits))
        return "search";
    for (size_t i = 0; i < vdb_results_count(hits) && !bad; i++) {
        int stamp = stamp_of(vdb_results_metadata(hits, i, NULL));
        if ((int)vdb_results_vector(hits, i, NULL)[1] != stamp)
            bad = "a hit mixes two commits";
        else if (!note(&s, vdb_results_id(hits, i, NULL), stamp))
            bad = "a search gave a wrong id, or one twice";
    }
    vdb_results_free(hits);
    return bad ? bad : whole(&s) ? NULL : "a search saw half a commit";
}

static const char *read_by_snapshot(worker *w, const vdb_filter *filter)
{
    vdb_op op = VDB_OP_INIT;
    vdb_snapshot *snapshot = NULL;
    const char *bad = NULL;
    uint64_t first[2] = {0, 0}, again[2] = {0, 0};
    char ids[2][16];
    unsigned pair = next_random(w) % PAIRS;
    int got[2];
    if (vdb_snapshot_new(w->team->db, &snapshot))
        return "snapshot";
    op.snapshot = snapshot;
    snprintf(ids[0], sizeof ids[0], "a%u", pair);
    snprintf(ids[1], sizeof ids[1], "b%u", pair);
    for (int i = 0; i < 3 && !bad; i++) {
        uint64_t *counts = i ? again : first;
        if (vdb_count(w->team->db, NULL, &op, &counts[0]) ||
            vdb_count(w->team->db, filter, &op, &counts[1]))
            bad = "count";
        else if (counts[0] % 2 || counts[1] % 2)
            bad = "a count saw half a commit";
        else if (i && (first[0] != again[0] || first[1] != again[1]))
            bad = "a snapshot has changed";
        for (int j = 0; j < 2; j++) {
            vdb_record *record = NULL;
            vdb_status st = vdb_get(w->team->db, ids[j], &op, &record);
            got[j] = st == VDB_OK ? stamp_of(vdb_record_metadata(record, NULL)) : -1;
            if (st != VDB_OK && st != VDB_NOT_FOUND)
                bad = "get";
            vdb_record_free(record);
        }
        if (!bad && got[0] != got[1])
            bad = "a snapshot saw half a commit";
    }
    vdb_snapshot_free(snapshot);
    return bad;
}

static void *run_pair_reader(void *arg)
{
    static const char text[] = "{\"op\":\"lt\",\"field\":\"stamp\",\"value\":5000}";
    worker *w = arg;
    vdb_filter *filter = NULL;
    if (vdb_filter_parse(NULL, text, strlen(text), &filter))
        COMPLAIN("filter: %s", vdb_errmsg());
    for (int i = 0; !w->team->stop; i++) {
        const char *bad = i % 4 == 0   ? read_by_cursor(w)
                          : i % 4 == 1 ? read_by_search(w, NULL)
                          : i % 4 == 2 ? read_by_search(w, filter)
                                       : read_by_snapshot(w, filter);
        if (bad) {
            vdb_filter_free(filter);
            COMPLAIN("%s (last error: %s)", bad, vdb_errmsg());
        }
        w->team->reads++;
    }
    vdb_filter_free(filter);
    return NULL;
}

static void start(worker *workers, pthread_t *threads, int count, team *t,
                  void *(*run)(void *))
{
    for (int i = 0; i < count; i++) {
        workers[i].team = t;
        workers[i].number = i;
        workers[i].random = (uint32_t)(i * 7919 + 1);
        workers[i].complaint[0] = 0;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
    }
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

static void race_pairs(fixture *fx, const vdb_options *options, int rounds)
{
    team t = {0};
    worker writers[WRITERS], readers[READERS];
    pthread_t writing[WRITERS], reading[READERS];
    int bad;
    fx_open(fx, options);
    t.db = fx->db;
    t.rounds = rounds;
    start(readers, reading, READERS, &t, run_pair_reader);
    start(writers, writing, WRITERS, &t, run_pair_writer);
    bad = finish(writers, writing, WRITERS);
    t.stop = 1;
    bad |= finish(readers, reading, READERS);
    assert_false(bad);
    assert_true(t.reads > 0);
    fx_assert_clean(fx->db);
    assert_int_equal(fx_stats(fx->db).views, 0);
    fx_reopen(fx);
    t.db = fx->db;
    {
        worker w = {&t, 0, 1, ""};
        const char *complaint = read_by_cursor(&w);
        if (complaint)
            print_error("after reopening: %s\n", complaint);
        assert_null(complaint);
    }
}

static void readers_see_whole_commits(void **state)
{
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    options.threads = 0;
    options.durability = VDB_OFF;
    options.checkpoint_entries = 100;
    race_pairs(*state, &options, 600);
}

static void readers_see_whole_commits_with_durability(void **state)
{
    vdb_options options = fx_options(3, VDB_L2, VDB_HNSW);
    options.threads = 2;
    options.checkpoint_entries = 20;
    race_pairs(*state, &options, 60);
}

static void readers_see_whole_commits_without_mapping(void **state)
{
    vdb_options options = fx_options(3, VDB_COSINE, VDB_FLAT);
    options.flags = VDB_OPEN_NO_MMAP;
    options.cache_bytes = 1;
    options.threads = 1;
    options.durability = VDB_NORMAL;
    options.checkpoint_entries = 50;
    options.metric = VDB_DOT; /* a pair of stamp 0 may be all zeros */
    race_pairs(*state, &options, 400);
}

/* Each commit gives two vectors, of two blocks of the column, each other's level. */
enum {
    LEVELS = 50,
    LEVELLED = 3000
};

static vdb_status put_levels(vdb *db, int count, const int *who, const int *levels)
{
    vdb_rows rows = VDB_ROWS_INIT;
    char(*text)[64] = calloc((size_t)count, 2 * sizeof *text);
    const char **strings = calloc((size_t)count, 2 * sizeof *strings);
    float(*vectors)[3] = calloc((size_t)count, sizeof *vectors);
    vdb_status st;
    for (int i = 0; i < count; i++) {
        snprintf(text[2 * i], sizeof text[0], "%d", who[i]);
        snprintf(text[2 * i + 1], sizeof text[0], "{\"level\": %d, \"part\": %d.25}",
                 levels[i], levels[i]);
        strings[i] = text[2 * i];
        strings[count + i] = text[2 * i + 1];
        vectors[i][0] = (float)who[i];
    }
    rows.count = (size_t)count;
    rows.dim = 3;
    rows.ids = strings;
    rows.metadata = strings + count;
    rows.vectors = vectors;
    st = vdb_put(db, &rows, NULL, NULL);
    free(text);
    free(strings);
    free(vectors);
    return st;
}

static void *run_leveller(void *arg)
{
    worker *w = arg;
    static int levels[LEVELLED]; /* of the one writer */
    for (int i = 0; i < LEVELLED; i++)
        levels[i] = i % LEVELS;
    for (int round = 0; round < w->team->rounds; round++) {
        const int who[2] = {(int)(next_random(w) % LEVELLED),
                            (int)(next_random(w) % LEVELLED)};
        const int swapped[2] = {levels[who[1]], levels[who[0]]};
        if (who[0] == who[1])
            continue;
        if (put_levels(w->team->db, 2, who, swapped))
            COMPLAIN("put: %s", vdb_errmsg());
        levels[who[0]] = swapped[0];
        levels[who[1]] = swapped[1];
    }
    return NULL;
}

static void *run_level_counter(void *arg)
{
    worker *w = arg;
    w->team->ready++;
    while (!w->team->stop) {
        const int low = (int)(next_random(w) % LEVELS);
        const int high = low + (int)(next_random(w) % (LEVELS - (unsigned)low));
        char json[200];
        vdb_filter *filter = NULL;
        uint64_t count = 0;
        vdb_status st;
        snprintf(
            json, sizeof json,
            "{\"op\": \"and\", \"filters\": [{\"op\": \"gte\", \"field\": \"level\", "
            "\"value\": %d}, {\"op\": \"lt\", \"field\": \"part\", \"value\": "
            "%d.5}]}",
            low, high);
        st = vdb_filter_parse(NULL, json, strlen(json), &filter);
        if (!st)
            st = vdb_count(w->team->db, filter, NULL, &count);
        vdb_filter_free(filter);
        if (st)
            COMPLAIN("count: %s", vdb_errmsg());
        if (count != (uint64_t)(high - low + 1) * (LEVELLED / LEVELS))
            COMPLAIN("%llu vectors of levels %d to %d", (unsigned long long)count, low,
                     high);
        w->team->reads++;
    }
    return NULL;
}

static void filters_see_whole_commits_through_checkpoints(void **state)
{
    fixture *fx = *state;
    team t = {.rounds = 1500};
    worker writer, readers[READERS];
    pthread_t writing, reading[READERS];
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    static int who[LEVELLED], levels[LEVELLED];
    int bad;
    options.threads = 2;
    options.durability = VDB_OFF;
    options.checkpoint_entries = 50;
    fx_open(fx, &options);
    for (int i = 0; i < LEVELLED; i++) {
        who[i] = i;
        levels[i] = i % LEVELS;
    }
    assert_ok(put_levels(fx->db, LEVELLED, who, levels));
    assert_ok(vdb_checkpoint(fx->db, NULL));
    t.db = fx->db;
    start(readers, reading, READERS, &t, run_level_counter);
    start(&writer, &writing, 1, &t, run_leveller);
    bad = finish(&writer, &writing, 1);
    t.stop = 1;
    bad |= finish(readers, reading, READERS);
    assert_false(bad);
    assert_true(t.reads > 0);
}

static void *run_own_ids(void *arg)
{
    worker *w = arg;
    for (int i = 0; i < w->team->rounds; i++) {
        char id[32];
        const float v[3] = {(float)w->number, (float)i, 1};
        vdb_record *record = NULL;
        vdb_results *hits = NULL;
        snprintf(id, sizeof id, "w%d-%d", w->number, i);
        if (vdb_insert(w->team->db, id, v, 3, NULL))
            COMPLAIN("insert: %s", vdb_errmsg());
        /* What has been acknowledged is there for the next read. */
        if (vdb_get(w->team->db, id, NULL, &record))
            COMPLAIN("get %s: %s", id, vdb_errmsg());
        vdb_record_free(record);
        if (vdb_search(w->team->db, v, 3, 1, &hits))
            COMPLAIN("search: %s", vdb_errmsg());
        if (vdb_results_count(hits) != 1 || strcmp(vdb_results_id(hits, 0, NULL), id)) {
            vdb_results_free(hits);
            COMPLAIN("the search after inserting %s does not find it", id);
        }
        vdb_results_free(hits);
    }
    return NULL;
}

static void many_writers_lose_nothing_and_share_syncs(void **state)
{
    enum {
        THREADS = 8,
        ROUNDS = 40
    };
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    team t = {0};
    worker workers[THREADS];
    pthread_t threads[THREADS];
    vdb_stats before, after;
    fx_open(fx, &options);
    t.db = fx->db;
    t.rounds = ROUNDS;
    before = fx_stats(fx->db);
    start(workers, threads, THREADS, &t, run_own_ids);
    assert_false(finish(workers, threads, THREADS));
    after = fx_stats(fx->db);
    assert_int_equal(after.vectors, THREADS * ROUNDS);
    assert_int_equal(after.sequence - before.sequence, THREADS * ROUNDS);
    assert_int_equal(after.total_inserts, THREADS * ROUNDS);
    fx_reopen(fx);
    assert_int_equal(fx_count(fx->db), THREADS * ROUNDS);
    fx_assert_clean(fx->db);
}

static _Atomic int winners[200];

static void *run_claims(void *arg)
{
    worker *w = arg;
    for (int i = 0; i < 200; i++) {
        char id[32];
        const float v[3] = {(float)i, (float)w->number, 0};
        vdb_status st;
        snprintf(id, sizeof id, "claim-%d", i);
        st = vdb_insert_new(w->team->db, id, v, 3, NULL);
        if (st == VDB_OK)
            winners[i]++;
        else if (st != VDB_EXISTS)
            COMPLAIN("insert_new: %s", vdb_errmsg());
        else {
            /* That it exists may only be said once it does for every reader. */
            vdb_record *record = NULL;
            if (vdb_get(w->team->db, id, NULL, &record))
                COMPLAIN("%s is said to exist and is not found", id);
            vdb_record_free(record);
        }
    }
    return NULL;
}

static void one_of_many_claims_wins(void **state)
{
    enum {
        THREADS = 4
    };
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    team t = {0};
    worker workers[THREADS];
    pthread_t threads[THREADS];
    options.durability = VDB_NORMAL;
    fx_open(fx, &options);
    t.db = fx->db;
    for (int i = 0; i < 200; i++)
        winners[i] = 0;
    start(workers, threads, THREADS, &t, run_claims);
    assert_false(finish(workers, threads, THREADS));
    for (int i = 0; i < 200; i++)
        assert_int_equal(winners[i], 1);
    assert_int_equal(fx_count(fx->db), 200);
}

typedef struct canceller {
    vdb_cancel *cancel;
    _Atomic int *ready;
} canceller;

static void *run_canceller(void *arg)
{
    canceller *c = arg;
    while (!*c->ready)
        ;
    vdb_cancel_set(c->cancel);
    return NULL;
}

static void note_progress(void *arg, uint64_t done, uint64_t total)
{
    (void)total;
    if (done > 0)
        *(_Atomic int *)arg = 1;
}

static void another_thread_cancels_a_search(void **state)
{
    enum {
        N = 4000,
        Q = 20000
    };
    fixture *fx = *state;
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    static float q[Q][3];
    static char ids_text[N][16];
    static const char *ids[N];
    static float v[N][3];
    vdb_rows rows = VDB_ROWS_INIT;
    vdb_query query = VDB_QUERY_INIT;
    vdb_op op = VDB_OP_INIT;
    vdb_results *hits = NULL;
    canceller c;
    pthread_t thread;
    _Atomic int ready = 0;
    fx_open(fx, &options);
    for (int i = 0; i < N; i++) {
        snprintf(ids_text[i], sizeof ids_text[i], "%d", i);
        ids[i] = ids_text[i];
        v[i][0] = (float)i;
    }
    rows.count = N;
    rows.dim = 3;
    rows.ids = ids;
    rows.vectors = v;
    assert_ok(vdb_put(fx->db, &rows, NULL, NULL));
    assert_ok(vdb_cancel_new(&c.cancel));
    c.ready = &ready;
    op.cancel = c.cancel;
    op.progress = note_progress; /* the search is under way */
    op.progress_arg = &ready;
    query.vectors = q;
    query.count = Q;
    query.dim = 3;
    query.k = 100;
    query.op = &op;
    assert_int_equal(pthread_create(&thread, NULL, run_canceller, &c), 0);
    {
        vdb_status st = vdb_search_batch(fx->db, &query, &hits);
        ready = 1; /* should no progress have been told */
        pthread_join(thread, NULL);
        assert_status(st, VDB_CANCELLED);
    }
    assert_null(hits);
    vdb_cancel_free(c.cancel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup, fx_teardown)
        T(readers_see_whole_commits),
        T(readers_see_whole_commits_with_durability),
        T(readers_see_whole_commits_without_mapping),
        T(filters_see_whole_commits_through_checkpoints),
        T(many_writers_lose_nothing_and_share_syncs),
        T(one_of_many_claims_wins),
        T(another_thread_cancels_a_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
