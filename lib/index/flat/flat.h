/* flat.h: exact search: compare every candidate, keep the k nearest.
 *
 * Owns:      queries packed into tiles, panels of rows.
 * Promises:  exactly min(k, candidates offered), by (distance, bytes of the id), with
 *            distances from the direct kernel, whatever selected the candidates.
 * May call:  kernel/, base/.  Knows nothing of the store: db/ hands it rows.
 * Threads:   vdbi_tiles may be read by any number at once; a vdbi_nearest and a
 *            vdbi_tile_scan by one thread at a time.
 */
#ifndef VDBI_FLAT_H
#define VDBI_FLAT_H

#include "index/flat/nearest.h"
#include "kernel/kernel.h"
#include "kernel/tile.h"

/* Rows to compare: the first `count` of `known`; the others come next, and are fetched
 * meanwhile. */
typedef struct vdbi_row_list {
    const uint8_t *const *rows;
    const uint32_t *slots;
    size_t count, known;
} vdbi_row_list;

/* Compare one query with all rows. */
vdb_status vdbi_flat_scan(vdbi_nearest *nearest, const vdbi_query *query,
                          const vdbi_row_list *list);

/* Many queries of one metric and dimension, packed; borrows them. */
typedef struct vdbi_tiles {
    vdbi_memory *memory;
    const vdbi_query *queries;
    size_t count;
    size_t tile_queries, tile_bytes;
    uint8_t *packed;
    vdbi_bar *bars;
} vdbi_tiles;
vdb_status vdbi_tiles_init(vdbi_tiles *tiles, vdbi_memory *memory,
                           const vdbi_query *queries, size_t count);
void vdbi_tiles_clear(vdbi_tiles *tiles);

/* One thread's comparing of all of them with rows; borrows tiles and nearest, one for
 * each query. */
typedef struct vdbi_tile_scan {
    const vdbi_tiles *tiles;
    vdbi_nearest *nearest;
    size_t panel_rows, panel_bytes;
    size_t rows_max;  /* that one vdbi_tile_scan_rows() takes */
    size_t pair_sums; /* floats, of a tile and a panel */
    uint8_t *panels;
    float *sums; /* of some tiles with all panels; NULL when one part is the whole */
    float *bars; /* of each query, as the limits stand */
} vdbi_tile_scan;
vdb_status vdbi_tile_scan_init(vdbi_tile_scan *scan, const vdbi_tiles *tiles,
                               vdbi_nearest *nearest);
void vdbi_tile_scan_clear(vdbi_tile_scan *scan);
vdb_status vdbi_tile_scan_rows(vdbi_tile_scan *scan, const vdbi_row_list *list);

#endif
