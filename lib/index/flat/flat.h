/* flat.h: exact search: compare every candidate, keep the k nearest.
 *
 * Owns:      a vdbi_nearest: the k best found so far.
 * Promises:  exactly min(k, candidates offered), by (distance, bytes of the id).
 * May call:  kernel/, base/.  Knows nothing of the store: db/ hands it rows.
 * Threads:   one vdbi_nearest by one thread at a time.
 */
#ifndef VDBI_FLAT_H
#define VDBI_FLAT_H

#include "base/memory.h"
#include "kernel/kernel.h"

typedef struct vdbi_neighbor {
    float distance;
    uint32_t slot;
} vdbi_neighbor;

/* Compares the ids of two slots as memcmp does, for ties: *order < 0, 0, > 0. */
typedef vdb_status (*vdbi_compare_ids)(void *arg, uint32_t a, uint32_t b, int *order);

typedef struct vdbi_nearest {
    vdbi_memory *memory;
    vdbi_neighbor *heap; /* a max-heap by (distance, id) */
    size_t count, capacity, k;
    float limit; /* farther ones are not wanted; FLT_MAX or INFINITY: no limit */
    vdbi_compare_ids compare_ids;
    void *compare_arg;
    uint64_t distances; /* computed so far */
} vdbi_nearest;

/* Memory grows with what is found, not with k. */
void vdbi_nearest_init(vdbi_nearest *nearest, vdbi_memory *memory, size_t k,
                       float limit, vdbi_compare_ids compare_ids, void *compare_arg);
void vdbi_nearest_clear(vdbi_nearest *nearest); /* frees the heap */

/* Offer the rows whose bits are set: row i is slot first_slot + i, bit (first_bit + i)
 * of `wanted` (bitmap.h). */
vdb_status vdbi_flat_scan(vdbi_nearest *nearest, const vdbi_query *query,
                          const uint8_t *rows, size_t stride, uint32_t count,
                          uint32_t first_slot, const uint64_t *wanted,
                          uint64_t first_bit);

/* Sort what was found, nearest first, in place; the heap is used up. */
vdb_status vdbi_nearest_sort(vdbi_nearest *nearest);

#endif
