/* graph_check.c: the graph that the file holds, checked.
 *
 * It is loaded as a search would load it, beside the one that is in use: that one is
 * changed all the time, and what is wrong in the file would not be seen in it.  So a check
 * takes the memory of the graph once more.  Loading drops what makes no sense, and tells of
 * it; then every invariant of what is left is looked at.  That some node cannot be reached
 * is no fault of a file: insertions cut ways, and tidying finds out.
 */
#include "base/error.h"
#include "db/graph_priv.h"
#include "index/hnsw/upkeep.h"
#include "store/graph_pages.h"

typedef struct encoding {
    vdbi_hnsw *h;
    const vdbi_graph_ear *ear;
    uint32_t rows;
} encoding;

/* Only equal vectors' codes are compared by the check. */
static vdb_status encode_twin(void *arg, uint32_t slot, int live, const float *row)
{
    encoding *e = arg;

    (void)live;
    if (vdbi_marks(&e->h->nodes, slot) & (VDBI_MARK_TWINS | VDBI_MARK_CHAINED))
        vdbi_hnsw_encode(e->h, slot, row);
    return e->rows++ % 1024 ? VDB_OK : e->ear->tick(e->ear->arg);
}

static vdb_status check(vdb *db, const vdbi_image *image, const vdbi_graph_ear *ear)
{
    encoding e = {.ear = ear};
    vdbi_recall_table recalls;
    vdb_status st = vdbi_graph_read(db, image, ear, &recalls, &e.h);

    if (!st && atomic_load(&e.h->twins))
        st = vdbi_graph_each_row(db, image, 1, e.h, encode_twin, &e);
    if (!st)
        st = vdbi_hnsw_check_rows(e.h, ear->tick, ear->arg);
    vdbi_hnsw_free(e.h);
    return st;
}

vdb_status vdbi_graph_check(vdb *db, const vdbi_graph_ear *ear)
{
    vdbi_version *version;
    vdb_status st;

    if (!db->graph.wanted || !vdbi_graph_saved(db->store))
        return VDB_OK;
    version = vdbi_version_pin(db); /* no older than the graph */
    st = check(db, &version->image, ear);
    vdbi_version_release(db, version);
    if (st == VDB_CORRUPT)
        ear->strange(ear->arg, vdbi_error_text());
    return st == VDB_CORRUPT || st == VDBI_GRAPH_DAMAGED ? VDB_OK : st;
}
