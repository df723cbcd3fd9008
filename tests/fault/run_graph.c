/* run_graph.c: the steps of a scenario that saves a graph; see scenarios.h. */
#include <stdlib.h>

#include "run_priv.h"

/* A status of the store's own that no public function gives. */
static vdb_status public_status(vdb_status status)
{
    return status == VDBI_GRAPH_DAMAGED ? VDB_CORRUPT : status;
}

/* A read that fails while the bitmap is corrected costs the graph: it is derived.  And what
 * an opening sees after a failed sync may be in the cache alone. */
static void note_faults(run *r, const synthetic *before)
{
    if (r->mode != RUN_IO || !faultfs_fired(r->fs))
        return;
    synthetic_allow(&r->graph, 0);
    synthetic_allow(&r->graph, before->acked);
    for (size_t i = 0; i < before->tried_count && i < SYNTHETIC_TRIED; i++)
        synthetic_allow(&r->graph, before->tried[i]);
}

static bool adopt(run *r, const synthetic *before)
{
    const char *why;

    r->graph_save = 0;
    note_faults(r, before);
    for (;;) {
        why = synthetic_load(&r->graph, r->db);
        if (!why)
            break;
        if (synthetic_error() && faultfs_is_cut(r->fs)) {
            r->ended = true;
            return false;
        }
        if (!synthetic_error() || !run_excuse(r, synthetic_error())) {
            run_fail(r, "after opening: %s", why);
            return false;
        }
    }
    note_faults(r, before);
    return !r->ended;
}

bool run_adopt_graph(run *r)
{
    synthetic *before = malloc(sizeof *before);
    bool on;

    if (!before)
        exit(2);
    *before = r->graph;
    on = adopt(r, before);
    free(before);
    return on;
}

bool step_graph_link(run *r, uint64_t pick, uint64_t of)
{
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN)
        result = run_judge(r, synthetic_link(&r->graph, r->db, pick, of), "linking", 0);
    synthetic_change_uppers(&r->graph, pick);
    return !r->ended;
}

bool step_graph_unlink(run *r, bool hand_in)
{
    outcome result = AGAIN;

    while (!r->ended && result == AGAIN)
        result =
            run_judge(r, synthetic_unlink(&r->graph, r->db, hand_in), "unlinking", 0);
    return !r->ended;
}

static bool save(run *r, void (*meanwhile)(void *arg), void *arg, bool finish)
{
    outcome result = AGAIN;

    if (!r->ended && r->graph_save)
        synthetic_abandon(r->db);
    r->graph_save = 0;
    while (!r->ended && result == AGAIN) {
        uint64_t number;
        vdb_status status =
            synthetic_save(&r->graph, r->db, meanwhile, arg, finish, &number);
        /* What came meanwhile has come. */
        meanwhile = NULL;
        if (r->ended)
            break;
        result = run_judge(r, public_status(status), "saving the graph", 0);
        if (!status && finish)
            r->graph_save = number;
    }
    return !r->ended;
}

bool step_graph_save(run *r)
{
    return save(r, NULL, NULL, true);
}

bool step_graph_abandon(run *r)
{
    return save(r, NULL, NULL, false);
}

typedef struct beside {
    run *r;
    unsigned n, version, gone;
} beside;

static void change_beside(void *arg)
{
    beside *b = arg;

    if (b->r->oracle.rows[b->gone].there && !step_delete(b->r, b->gone))
        return;
    if (step_graph_unlink(b->r, true))
        step_insert(b->r, b->n, b->version);
}

bool step_graph_save_beside(run *r, unsigned n, unsigned version, unsigned gone)
{
    beside b = {r, n, version, gone};

    return save(r, change_beside, &b, true);
}

bool step_graph_drop(run *r)
{
    if (!r->ended)
        synthetic_drop(&r->graph, r->db);
    return !r->ended;
}
