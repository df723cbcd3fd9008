/* graph_life.c: see graph_life.h. */
#include "graph_life.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/graph_priv.h"

enum {
    DIM = LIFE_DIM,
    ROWS = LIFE_ROWS,
    TWINS = LIFE_TWINS
};
#define PATH "data.vdb"

void life_small_sizes(void)
{
    vdbi_graph_sizes_now = (vdbi_graph_sizes){40, 10, 10, 5};
    vdbi_trim_least = 4;
}

/* ----------------------------------------------------------------- vectors */

static void vector_of(unsigned n, int version, float out[DIM])
{
    uint64_t from = n < TWINS ? n + TWINS : n;

    for (unsigned i = 0; i < DIM; i++) {
        uint64_t x = fault_mix(from * 100 + (uint64_t)version, i);
        out[i] = (float)(x >> 40) / 16777216.0f;
    }
}

vdb_status life_put(life *w, unsigned first, unsigned count, int version)
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

vdb_status life_drop(life *w, unsigned first, unsigned count)
{
    vdb_status st = VDB_OK;

    for (unsigned i = first; i < first + count && !st; i++) {
        char id[16];
        if (!w->acked[i])
            continue; /* a step that is tried again */
        snprintf(id, sizeof id, "%u", i);
        w->pending[i] = 0;
        st = vdb_delete(w->db, id);
        if (!st)
            w->acked[i] = 0;
    }
    return st;
}

vdb_status life_open(life *w)
{
    vdb_options options = VDB_OPTIONS_INIT;

    options.env = w->env;
    options.m = 4;
    options.ef_construction = 30;
    options.threads = w->threads;
    options.checkpoint_entries = 1000000;
    return vdb_open(PATH, &options, &w->db);
}

vdb_status life_close(life *w)
{
    vdb_status st = vdb_close(w->db);

    w->db = NULL;
    return st;
}

void life_begin(life *w, faultfs *fs, faultmem *memory, uint32_t threads)
{
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;

    w->fs = fs;
    w->memory = memory;
    w->threads = threads;
    w->db = NULL;
    options.vfs = faultfs_vfs(fs);
    if (memory)
        options.allocator = faultmem_allocator(memory);
    assert_int_equal(vdb_env_new(&options, &w->env), VDB_OK);
}

void life_end(life *w)
{
    if (w->db)
        life_close(w);
    vdb_env_free(w->env);
    if (faultfs_open_files(w->fs) || faultfs_mapped(w->fs) || faultfs_misuses(w->fs))
        life_wrong(w, "files are left open or mapped, or were misused");
    if (w->memory && (faultmem_blocks(w->memory) || faultmem_misuses(w->memory))) {
        size_t size;
        uint64_t oldest = faultmem_oldest(w->memory, &size);
        life_wrong(w, "%llu blocks leaked, the oldest is number %llu of %zu bytes",
                   (unsigned long long)faultmem_blocks(w->memory),
                   (unsigned long long)oldest, size);
    }
    faultfs_free(w->fs);
    faultmem_free(w->memory);
}

/* ------------------------------------------------------------------- steps */

/* The last three arguments are for steps that write. */
#define STEP(name, call)                                                               \
    static vdb_status name(life *w, unsigned first, unsigned count, int version)       \
    {                                                                                  \
        (void)first;                                                                   \
        (void)count;                                                                   \
        (void)version;                                                                 \
        return call;                                                                   \
    }

STEP(step_open, life_open(w))
STEP(step_close, life_close(w))
STEP(step_drop, life_drop(w, first, count))
STEP(step_wait, vdb_wait_indexed(w->db, NULL))
STEP(step_save, vdb_checkpoint(w->db, NULL))
STEP(step_tune, vdb_tune(w->db, NULL))
STEP(step_compact, vdb_compact(w->db, NULL))

const life_step life_steps[] = {
    {"create", step_open, 0, 0, 0},
    {"fill", life_put, 0, 40, 1},
    {"fill", life_put, 40, 30, 1},
    {"make", step_wait, 0, 0, 0},
    {"save", step_save, 0, 0, 0},
    {"replace", life_put, 0, 20, 2},
    {"delete", step_drop, 20, 10, 0},
    {"repair", step_wait, 0, 0, 0},
    {"save again", step_save, 0, 0, 0},
    {"use slots again", life_put, 70, 18, 1},
    {"link those", step_wait, 0, 0, 0},
    {"measure", step_tune, 0, 0, 0},
    {"save what was measured", step_save, 0, 0, 0},
    {"close", step_close, 0, 0, 0},
    {"open", step_open, 0, 0, 0},
    {"replace", life_put, 30, 12, 3},
    {"load", step_wait, 0, 0, 0},
    {"compact", step_compact, 0, 0, 0},
    {"delete", step_drop, 60, 8, 0},
    {"replace", life_put, 0, 50, 4},
    {"save before the last", step_save, 0, 0, 0},
    {"replace", life_put, 10, 40, 5},
    {"close and cut", step_close, 0, 0, 0},
};
const unsigned life_step_count = sizeof life_steps / sizeof *life_steps;

vdb_status life_play(life *w, const life_step *step)
{
    w->doing = step->doing;
    return step->run(w, step->first, step->count, step->version);
}

/* ----------------------------------------------------------- what must hold */

void life_wrong(const life *w, const char *format, ...)
{
    char text[600];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("%s (%s): ", w->fault, w->doing ? w->doing : "the end");
    fail_msg("%s", text);
    abort(); /* it does not return; compilers do not know */
}

void life_check_clean(life *w, const char *when)
{
    vdb_report *report = NULL;

    if (vdb_check(w->db, NULL, &report, NULL))
        life_wrong(w, "vdb_check %s: %s", when, vdb_errmsg());
    vdb_report_free(report);
}

/* The version of a row; 0: it is not there. */
static int version_of(life *w, unsigned n)
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
        life_wrong(w, "row %u: %s", n, vdb_errmsg());
    sscanf(vdb_record_metadata(record, NULL), "{\"v\":%d}", &version);
    vdb_record_free(record);
    return version;
}

void life_check_rows(life *w, const life *played)
{
    int old = 0, new = 0;

    for (unsigned n = 0; n < ROWS; n++) {
        int is = version_of(w, n), acked = played->acked[n],
            pending = played->pending[n];
        if (is != acked && is != pending)
            life_wrong(w, "row %u is there in version %d, not %d", n, is, acked);
        old |= is == acked && is != pending;
        new |= is == pending &&is != acked;
        w->acked[n] = w->pending[n] = is;
    }
    if (old && new)
        life_wrong(w, "half of a commit is there");
}

void life_check_same(life *w, const char *when)
{
    for (unsigned n = 0; n < ROWS; n++)
        if (version_of(w, n) != w->acked[n])
            life_wrong(w, "row %u has changed %s", n, when);
}

static void check_found(life *w, unsigned n, int by_graph)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_explain explain = VDB_EXPLAIN_INIT;
    vdb_results *hits;
    float v[DIM];
    int found = 0;

    vector_of(n, w->acked[n], v);
    query.vectors = v;
    query.count = 1;
    query.dim = DIM;
    query.k = 2; /* it may have a twin */
    query.flags = VDB_QUERY_EXPLAIN;
    if (vdb_search_batch(w->db, &query, &hits))
        life_wrong(w, "searching for row %u: %s", n, vdb_errmsg());
    for (size_t i = 0; i < vdb_results_count(hits); i++)
        found |= strtoul(vdb_results_id(hits, i, NULL), NULL, 10) == n &&
                 vdb_results_distances(hits)[i] == 0;
    assert_int_equal(vdb_results_explain(hits, 0, &explain), VDB_OK);
    vdb_results_free(hits);
    if (!found)
        life_wrong(w, "row %u is not found by its own value (%s)", n, explain.reason);
    if (by_graph && explain.strategy != VDB_STRATEGY_GRAPH)
        life_wrong(w, "no graph: %s", explain.reason);
}

void life_check_found(life *w, int by_graph)
{
    for (unsigned n = 0; n < ROWS; n++)
        if (w->acked[n])
            check_found(w, n, by_graph);
}

int life_wants_graph(const life *w)
{
    uint64_t live = 0;

    for (unsigned n = 0; n < ROWS; n++)
        live += w->acked[n] != 0;
    return live >= vdbi_graph_sizes_now.vectors_min;
}

void life_check_all(life *w)
{
    life_check_found(w, 0);
    if (vdb_wait_indexed(w->db, NULL))
        life_wrong(w, "waiting for the index: %s", vdb_errmsg());
    life_check_found(w, life_wants_graph(w));
    life_check_clean(w, "with the graph in use");
}

void life_check_machine(life *w, const life *played)
{
    w->doing = "opening what is left";
    if (life_open(w))
        life_wrong(w, "opening: %s", vdb_errmsg());
    life_check_clean(w, "after opening");
    life_check_rows(w, played);
    life_check_all(w);
    w->doing = "writing on";
    if (life_put(w, 50, 5, 7) || life_drop(w, 51, 1) || vdb_checkpoint(w->db, NULL))
        life_wrong(w, "writing on: %s", vdb_errmsg());
    if (life_close(w) || life_open(w))
        life_wrong(w, "closing and opening: %s", vdb_errmsg());
    life_check_clean(w, "after reopening");
    life_check_same(w, "by reopening");
    life_check_all(w);
}
