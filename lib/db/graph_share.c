/* graph_share.c: one piece of the graph's upkeep, done by several threads.
 *
 * Who tidies lays it out; those of the graph's threads that have nothing to link, and who
 * waits in vdb_wait_indexed(), take it up.  With one thread nobody does, and the work is done
 * in one order.
 */
#include "base/error.h"
#include "db/graph_priv.h"

int vdbi_graph_goes_on(void *arg)
{
    vdbi_graph *g = arg;
    int stopping;

    vdbi_lock(&g->lock);
    stopping = g->stopping;
    vdbi_unlock(&g->lock);
    return !stopping;
}

/* (lock) */
static void lay_out(vdbi_graph *g, void (*part)(void *work), void *work)
{
    g->part = part;
    g->work = work;
    atomic_store(&g->helpful, part != NULL);
    vdbi_broadcast(&g->changed);
}

void vdbi_graph_share(void *arg, void (*part)(void *work), void *work)
{
    vdbi_graph *g = arg;
    int mine;

    vdbi_lock(&g->lock);
    mine = !g->part && !g->helping; /* else another's is laid out */
    if (mine)
        lay_out(g, part, work);
    vdbi_unlock(&g->lock);
    part(work);
    if (!mine)
        return;
    vdbi_lock(&g->lock);
    lay_out(g, NULL, NULL);
    while (g->helping)
        vdbi_wait(&g->changed, &g->lock);
    vdbi_unlock(&g->lock);
}

int vdbi_graph_help(vdb *db)
{
    vdbi_graph *g = &db->graph;
    vdb_error error = VDB_ERROR_INIT;
    void (*part)(void *work);
    void *work;

    if (!atomic_load(&g->helpful))
        return 0;
    vdbi_lock(&g->lock);
    part = g->part;
    work = g->work;
    g->helping += part != NULL;
    vdbi_unlock(&g->lock);
    if (!part)
        return 0;
    vdbi_error_save(&error);
    part(work);
    vdbi_error_restore(&error);
    vdbi_lock(&g->lock);
    g->helping--;
    lay_out(g, NULL, NULL); /* nothing of it is left to be taken */
    vdbi_unlock(&g->lock);
    return 1;
}
