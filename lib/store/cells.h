/* cells.h: writing metadata into columns, inside a pending version. */
#ifndef VDBI_CELLS_H
#define VDBI_CELLS_H

#include "store/pending.h"

/* Turn flat metadata (NULL: none) into p->cells and p->lists, making fields and codes as
 * needed.  lists_offset: where the lists will stand in the record. */
vdb_status vdbi_cells_prepare(vdbi_pending *p, const vdbi_flat *flat,
                              uint64_t lists_offset);
/* Write p->cells as the slot's: every column is defined, absent ones as absent. */
vdb_status vdbi_cells_write(vdbi_pending *p, uint32_t slot);

/* ---- for compaction ---- */

/* Make a hole of a block of a column. */
vdb_status vdbi_column_punch(vdbi_pending *p, uint32_t field, uint32_t block);
/* Make a block that is there, and what is above it, the change's own; UINT32_MAX: the
 * directory's pages alone. */
vdb_status vdbi_column_own(vdbi_pending *p, uint32_t field, uint32_t block);
/* The image will have `slots` slots: no block beyond, and the divided one its own. */
vdb_status vdbi_cells_shrink(vdbi_pending *p, uint32_t field, uint32_t slots);

#endif
