/* restore.h: a graph out of rows as they were saved.
 *
 * Nothing is believed: a row that makes no sense is left out, a link that leads nowhere is
 * dropped.  What is lost by that is nodes and links, which are derived, never an answer.
 *
 *   vdbi_hnsw_restore       an empty graph with codes of the parameters given
 *   vdbi_restore_slot       for each slot that was linked
 *   vdbi_restore_links      its row of layer 0
 *   vdbi_restore_upper      each row of the upper layers, ascending
 *   vdbi_restore_finish     then it is a graph, but for its codes: encode each slot
 *
 * Threads:   one, and nobody visits.
 * Failure:   VDB_NOMEM.
 */
#ifndef VDBI_RESTORE_H
#define VDBI_RESTORE_H

#include "index/hnsw/hnsw.h"

vdb_status vdbi_hnsw_restore(vdbi_memory *memory, const vdbi_hnsw_shape *shape,
                             const vdbi_codes_fitted *fitted, vdbi_hnsw **out);
vdb_status vdbi_restore_slot(vdbi_hnsw *h, uint32_t slot);
/* `row` of little-endian words, m0 of them. */
void vdbi_restore_links(vdbi_hnsw *h, uint32_t slot, const uint8_t *row);
/* `row`: owner, layer, m links. */
vdb_status vdbi_restore_upper(vdbi_hnsw *h, uint32_t number, const uint8_t *row);
/* Who wants to know of rows that no saving leaves behind: links to slots beyond `slots`,
 * which had none yet, to the node itself or twice to another, behind a gap, to a twin or
 * a node of a lower layer.  (Links to slots that are not linked are nothing strange: a
 * slot may have been linked, or its bit cleared, after the row was saved.) */
typedef struct vdbi_restore_ear {
    void (*strange)(void *arg, const char *text);
    void *arg;
    uint32_t slots;
} vdbi_restore_ear;
/* `bound`: of the slots; `entry` as it was saved; `ear` may be NULL. */
void vdbi_restore_finish(vdbi_hnsw *h, uint32_t bound, uint64_t entry,
                         const vdbi_restore_ear *ear);

/* The bytes of a row now, for saving: zeros when its slot is not one of `linked`.  What is
 * left out because it came after the bitmap was copied marks the block as changed again,
 * so that the next save has it. */
void vdbi_save_links(const vdbi_hnsw *h, uint32_t slot, const uint64_t *linked,
                     uint32_t bound, uint8_t *row);
void vdbi_save_upper(const vdbi_hnsw *h, uint32_t number, const uint64_t *linked,
                     uint32_t bound, uint8_t *row);
/* Whether a block of rows has changed since this was last asked of it. */
int vdbi_links_changed(const vdbi_hnsw *h, uint32_t block);
int vdbi_uppers_changed(const vdbi_hnsw *h, uint32_t block);

#endif
