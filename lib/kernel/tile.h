/* tile.h: many queries against many rows: which pairs may be near enough.
 *
 * Owns:      nothing; panels and tiles are the caller's memory.
 * Promises:  a pair whose distance by the direct kernel (kernel.h) is at most the limit
 *            passes.  Others may pass too; who asks computes the distance then.
 * Threads:   pure functions.
 *
 * Rows are packed into panels and queries into tiles, so that a tile of dot products
 * stays in registers while both stream by; one more multiplication and addition a pair
 * turns a dot product into a figure that is compared with the query's bar.  The products
 * are of float32, so they are off by a little; tile.c has the proof that the bars allow
 * for it.
 */
#ifndef VDBI_TILE_H
#define VDBI_TILE_H

#include "kernel/kernel.h"

enum {
    VDBI_PANEL_ROWS_MAX = 32,
    VDBI_TILE_QUERIES_MAX = 12,
    /* Dimensions of a part.  As many of a panel and a tile stay in the first cache;
     * fewer would cost more in moving sums. */
    VDBI_TILE_STEPS = 128
};

/* How many rows and queries the query's instruction set takes together. */
size_t vdbi_panel_rows(const vdbi_query *query);
size_t vdbi_tile_queries(const vdbi_query *query);

/* Bytes of a packed panel and tile; both stand at a multiple of 64. */
size_t vdbi_panel_bytes(const vdbi_query *query);
size_t vdbi_tile_bytes(const vdbi_query *query);

/* What turns a limit into a bar. */
typedef struct vdbi_bar {
    vdb_metric metric;
    int exponent;  /* the packed query is 2^-exponent times the query */
    double square; /* of the query's length; 0: no bar, every row passes */
    double error;  /* of a dot product, as a share of both lengths */
} vdbi_bar;

/* Pack `count` rows (at least one, at most vdbi_panel_rows()) for queries like `query`. */
void vdbi_panel_pack(const vdbi_query *query, const uint8_t *const *rows, size_t count,
                     float *panel);
/* Pack `count` queries, all of one metric and dimension. */
void vdbi_tile_pack(const vdbi_query *queries, size_t count, float *tile,
                    vdbi_bar *bars);
/* The bar for rows at most this far; INFINITY: all. */
float vdbi_bar_at(const vdbi_bar *bar, float limit);

/* Into how many parts the dimensions of a pair are cut. */
size_t vdbi_tile_parts(const vdbi_query *query);
/* Floats of a tile's sums with a panel; they stand at a multiple of 64 bytes. */
size_t vdbi_tile_sums(const vdbi_query *query);

/* Add up one part, in ascending order from 0; sums keeps what the parts so far came to.
 * After the last part, bit r of passed[q] tells that row r of the panel passes query q
 * of the tile (bits beyond the rows that were packed mean nothing); passed is not
 * written before, nor bars read.  bars and passed have room for vdbi_tile_queries(). */
void vdbi_tile_pass(const vdbi_query *query, const float *panel, const float *tile,
                    size_t count, size_t part, float *sums, const float *bars,
                    uint32_t *passed);

#endif
