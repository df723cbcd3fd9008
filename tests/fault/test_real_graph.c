/* test_real_graph.c: cut the power at every mutating call while a real graph is made,
 * repaired, measured, saved and loaded; open what is left, and look at every vector.
 *
 * The other campaigns save a graph that means nothing, and look at the store's part of it.
 * Here the graph is db's own, of a few dozen vectors.  After each cut: vdb_check() finds
 * nothing; what was acknowledged is there, and of what was not, all or nothing; the graph
 * comes to cover everything, and finds each vector by its own value; writing goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "db/graph_priv.h"
#include "faultfs.h"

enum {
    DIM = 20,
    ROWS = 90,
    TWINS = 6, /* of the first rows: equal to the rows after them */
    FEW_DAMAGES = 10,
    SECONDS = 20
};
#define PATH "data.vdb"

typedef struct world {
    faultfs *fs;
    vdb_env *env;
    vdb *db;
    int acked[ROWS];   /* the version that is there; 0: none */
    int pending[ROWS]; /* what an unacknowledged commit makes of them */
    const char *doing;
} world;

static uint64_t points, visits, images;

/* ----------------------------------------------------------------- vectors */

static void vector_of(unsigned n, int version, float out[DIM])
{
    uint64_t from = n < TWINS ? n + TWINS : n;

    for (unsigned i = 0; i < DIM; i++) {
        uint64_t x = fault_mix(from * 100 + (uint64_t)version, i);
        out[i] = (float)(x >> 40) / 16777216.0f;
    }
}

static vdb_status put(world *w, unsigned first, unsigned count, int version)
{
    static float vectors[ROWS][DIM];
    static char texts[ROWS][16], metadata[ROWS][32];
    const char *ids[ROWS], *documents[ROWS];
    vdb_rows rows = VDB_ROWS_INIT;
    vdb_status st;

    for (unsigned i = 0; i < count; i++) {
        vector_of(first + i, version, vectors[i]);
        snprintf(texts[i], sizeof texts[i], "%u", first + i);
        snprintf(metadata[i], sizeof metadata[i], "{\"v\":%d}", version);
        ids[i] = texts[i];
        documents[i] = metadata[i];
        w->pending[first + i] = version;
    }
    rows.count = count;
    rows.dim = DIM;
    rows.ids = ids;
    rows.vectors = vectors;
    rows.metadata = documents;
    st = vdb_put(w->db, &rows, NULL, NULL);
    if (!st)
        memcpy(w->acked, w->pending, sizeof w->acked);
    return st;
}

static vdb_status drop(world *w, unsigned first, unsigned count)
{
    vdb_status st = VDB_OK;

    for (unsigned i = first; i < first + count && !st; i++) {
        char id[16];
        snprintf(id, sizeof id, "%u", i);
        w->pending[i] = 0;
        st = vdb_delete(w->db, id);
        if (!st)
            w->acked[i] = 0;
    }
    return st;
}

static vdb_status open_it(world *w)
{
    vdb_options options = VDB_OPTIONS_INIT;

    options.env = w->env;
    options.m = 4;
    options.ef_construction = 30;
    options.threads = 1;
    options.checkpoint_entries = 1000000;
    return vdb_open(PATH, &options, &w->db);
}

static vdb_status close_it(world *w)
{
    vdb_status st = vdb_close(w->db);

    w->db = NULL;
    return st;
}

static void begin(world *w, faultfs *fs)
{
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;

    w->fs = fs;
    w->db = NULL;
    options.vfs = faultfs_vfs(fs);
    assert_int_equal(vdb_env_new(&options, &w->env), VDB_OK);
}

static void end(world *w)
{
    if (w->db)
        close_it(w);
    vdb_env_free(w->env);
    assert_int_equal(faultfs_open_files(w->fs), 0);
    assert_int_equal(faultfs_misuses(w->fs), 0);
    faultfs_free(w->fs);
}

/* ------------------------------------------------------------------ script */

/* Whether the script goes on; only a cut ends it before its end. */
static int done(world *w, const char *doing, vdb_status st)
{
    w->doing = doing;
    if (st && !faultfs_is_cut(w->fs))
        fail_msg("%s: %s", doing, vdb_errmsg());
    return !st;
}

static void play(world *w)
{
    if (done(w, "create", open_it(w)) && done(w, "fill", put(w, 0, 40, 1)) &&
        done(w, "fill", put(w, 40, 30, 1)) &&
        done(w, "make", vdb_wait_indexed(w->db, NULL)) &&
        done(w, "save", vdb_checkpoint(w->db, NULL)) &&
        done(w, "replace", put(w, 0, 20, 2)) && done(w, "delete", drop(w, 20, 10)) &&
        done(w, "repair", vdb_wait_indexed(w->db, NULL)) &&
        done(w, "save again", vdb_checkpoint(w->db, NULL)) &&
        done(w, "use slots again", put(w, 70, 18, 1)) &&
        done(w, "link those", vdb_wait_indexed(w->db, NULL)) &&
        done(w, "measure", vdb_tune(w->db, NULL)) &&
        done(w, "save what was measured", vdb_checkpoint(w->db, NULL)) &&
        done(w, "close", close_it(w)) && done(w, "open", open_it(w)) &&
        done(w, "replace", put(w, 30, 12, 3)) &&
        done(w, "load", vdb_wait_indexed(w->db, NULL)) &&
        done(w, "compact", vdb_compact(w->db, NULL)) &&
        done(w, "delete", drop(w, 60, 8)) && done(w, "close", close_it(w)))
        w->doing = NULL;
}

/* ------------------------------------------------------------------- judge */

typedef struct judged {
    uint64_t call, seed;
    unsigned damage;
    const world *played;
} judged;

#define WRONG(j, ...)                                                                  \
    do {                                                                               \
        print_error(                                                                   \
            "call %llu (%s), damage %s, seed %llu: ", (unsigned long long)(j)->call,   \
            (j)->played->doing ? (j)->played->doing : "the end",                       \
            faultfs_damage_name((j)->damage), (unsigned long long)(j)->seed);          \
        fail_msg(__VA_ARGS__);                                                         \
    } while (0)

static void check_clean(const judged *j, world *w, const char *when)
{
    vdb_report *report = NULL;

    if (vdb_check(w->db, NULL, &report, NULL))
        WRONG(j, "vdb_check %s: %s", when, vdb_errmsg());
    vdb_report_free(report);
}

/* The version of a row; 0: it is not there. */
static int version_of(const judged *j, world *w, unsigned n)
{
    vdb_record *record;
    char id[16];
    int version = 0;
    vdb_status st;

    snprintf(id, sizeof id, "%u", n);
    st = vdb_get(w->db, id, NULL, &record);
    if (st == VDB_NOT_FOUND)
        return 0;
    if (st)
        WRONG(j, "row %u: %s", n, vdb_errmsg());
    sscanf(vdb_record_metadata(record, NULL), "{\"v\":%d}", &version);
    vdb_record_free(record);
    return version;
}

/* What was acknowledged, and all or nothing of the commit after it. */
static void check_rows(const judged *j, world *w)
{
    const world *p = j->played;
    int old = 0, new = 0;

    for (unsigned n = 0; n < ROWS; n++) {
        int is = version_of(j, w, n);
        w->acked[n] = w->pending[n] = is;
        if (is != p->acked[n] && is != p->pending[n])
            WRONG(j, "row %u is there in version %d, not %d", n, is, p->acked[n]);
        old |= is == p->acked[n] && is != p->pending[n];
        new |= is == p->pending[n] && is != p->acked[n];
    }
    if (old && new)
        WRONG(j, "half of a commit is there");
}

/* Every vector is found by its own value. */
static void check_found(const judged *j, world *w, int by_graph)
{
    for (unsigned n = 0; n < ROWS; n++) {
        vdb_query query = VDB_QUERY_INIT;
        vdb_explain explain = VDB_EXPLAIN_INIT;
        vdb_results *hits;
        float v[DIM];
        int found = 0;
        if (!w->acked[n])
            continue;
        vector_of(n, w->acked[n], v);
        query.vectors = v;
        query.count = 1;
        query.dim = DIM;
        query.k = 2; /* it may have a twin */
        query.flags = VDB_QUERY_EXPLAIN;
        if (vdb_search_batch(w->db, &query, &hits))
            WRONG(j, "searching for row %u: %s", n, vdb_errmsg());
        for (size_t i = 0; i < vdb_results_count(hits); i++)
            found |= strtoul(vdb_results_id(hits, i, NULL), NULL, 10) == n &&
                     vdb_results_distances(hits)[i] == 0;
        assert_int_equal(vdb_results_explain(hits, 0, &explain), VDB_OK);
        vdb_results_free(hits);
        if (!found)
            WRONG(j, "row %u is not found by its own value (%s)", n, explain.reason);
        if (by_graph && explain.strategy != VDB_STRATEGY_GRAPH)
            WRONG(j, "no graph: %s", explain.reason);
    }
}

static uint64_t live_of(world *w)
{
    uint64_t live = 0;

    for (unsigned n = 0; n < ROWS; n++)
        live += w->acked[n] != 0;
    return live;
}

static void check_all(const judged *j, world *w)
{
    check_found(j, w, 0);
    if (vdb_wait_indexed(w->db, NULL))
        WRONG(j, "waiting for the index: %s", vdb_errmsg());
    check_found(j, w, live_of(w) >= vdbi_graph_sizes_now.vectors_min);
    check_clean(j, w, "with the graph in use");
}

static void judge(const judged *j)
{
    world w = {0};

    images++;
    begin(&w, faultfs_after_cut(j->played->fs, j->damage, j->seed));
    if (open_it(&w))
        WRONG(j, "opening: %s", vdb_errmsg());
    check_clean(j, &w, "after opening");
    check_rows(j, &w);
    check_all(j, &w);
    if (put(&w, 50, 5, 7) || drop(&w, 51, 1) || vdb_checkpoint(w.db, NULL))
        WRONG(j, "writing on: %s", vdb_errmsg());
    if (close_it(&w) || open_it(&w))
        WRONG(j, "closing and opening: %s", vdb_errmsg());
    check_clean(j, &w, "after reopening");
    for (unsigned n = 0; n < ROWS; n++)
        if (version_of(j, &w, n) != w.acked[n])
            WRONG(j, "row %u has changed by reopening", n);
    check_all(j, &w);
    end(&w);
}

/* ---------------------------------------------------------------- campaign */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t count_calls(void)
{
    world w = {0};
    uint64_t calls;

    begin(&w, faultfs_new(1));
    play(&w);
    assert_null(w.doing);
    calls = faultfs_calls(w.fs);
    end(&w);
    return calls;
}

static void cut_at(uint64_t call, int whole)
{
    world w = {0};

    begin(&w, faultfs_new(1));
    faultfs_cut_at(w.fs, call);
    play(&w);
    if (w.db)
        close_it(&w);
    for (unsigned i = 0; i < (whole ? (unsigned)FAULTFS_DAMAGES : FEW_DAMAGES); i++) {
        const judged j = {call, call * 31 + i,
                          whole ? i : (unsigned)((call * 7 + i * 11) % FAULTFS_DAMAGES),
                          &w};
        judge(&j);
    }
    end(&w);
}

static void a_cut_anywhere_loses_nothing(void **state)
{
    const char *is_long = getenv("VDB_LONG");
    int whole = is_long && !strcmp(is_long, "1");
    double deadline = seconds() + SECONDS;
    uint64_t calls = count_calls(), step = (uint64_t)((double)calls * 0.618034) | 1;

    (void)state;
    assert_true(calls > 100);
    while (calls % step == 0)
        step += 2;
    points = calls;
    for (uint64_t i = 0; i < calls && (whole || seconds() < deadline); i++) {
        cut_at(1 + (calls - 1 + i * step) % calls, whole);
        visits++;
    }
    printf("real graph: %llu of %llu points visited, %llu images\n",
           (unsigned long long)visits, (unsigned long long)points,
           (unsigned long long)images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_anywhere_loses_nothing),
    };

    vdbi_graph_sizes_now = (vdbi_graph_sizes){40, 10, 10, 5};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
