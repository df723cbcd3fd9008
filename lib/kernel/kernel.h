/* kernel.h: distances between float32 vectors.
 *
 * Owns:      nothing.
 * Promises:  a pair's distance is the same bits whichever call computed it (single,
 *            many, gathered, any alignment), whichever instructions the processor has;
 *            this is the one direct kernel that answers come from.
 * May call:  base/.
 * Threads:   pure functions.
 */
#ifndef VDBI_KERNEL_H
#define VDBI_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "vdb.h"

/* A query made ready: for cosine its norm, computed once. */
typedef struct vdbi_query {
    const float *vector;
    size_t dimension;
    vdb_metric metric;
    float inverse_norm; /* 1 / |query| under cosine, without overflow; else 0 */
    const struct vdbi_kernels *kernels; /* the instruction set, chosen at init */
} vdbi_query;

void vdbi_query_init(vdbi_query *query, vdb_metric metric, const float *vector,
                     size_t dimension);

/* The distance as users see it (vdb.h): L2 is the root; cosine is in [0, 2]; dot is
 * negated.  Finite inputs give a finite result, clamped to +-FLT_MAX where float32
 * overflows; never a NaN. */
float vdbi_distance(const vdbi_query *query, const float *row);

/* Distances to `count` rows, `stride` bytes apart. */
void vdbi_distances(const vdbi_query *query, const uint8_t *rows, size_t stride,
                    size_t count, float *out);

/* Distances to `count` rows that stand anywhere, fetched ahead of their turn. */
void vdbi_distances_at(const vdbi_query *query, const uint8_t *const *rows,
                       size_t count, float *out);

/* The same where `known` rows, at least count, are known to be wanted: those behind the
 * first `count` are fetched for the next call. */
void vdbi_distances_ahead(const vdbi_query *query, const uint8_t *const *rows,
                          size_t count, size_t known, float *out);

#endif
