/* nearest.h: the k nearest of many candidates, by threshold and buffer.
 *
 * Owns:      a vdbi_nearest: what has been found so far.
 * Promises:  exactly min(k, candidates offered), by (distance, bytes of the id).
 * May call:  base/.
 * Threads:   one vdbi_nearest by one thread at a time.
 */
#ifndef VDBI_NEAREST_H
#define VDBI_NEAREST_H

#include "base/memory.h"

typedef struct vdbi_neighbor {
    float distance;
    uint32_t slot;
} vdbi_neighbor;

/* Compares the ids of two slots as memcmp does, for ties: *order < 0, 0, > 0. */
typedef vdb_status (*vdbi_compare_ids)(void *arg, uint32_t a, uint32_t b, int *order);

typedef struct vdbi_nearest {
    vdbi_memory *memory;
    vdbi_neighbor *items; /* in no order, until vdbi_nearest_sort() */
    size_t count, capacity, k;
    float limit;    /* farther ones are not wanted; FLT_MAX or INFINITY: no limit */
    int full;       /* k were found: `worst` is the last of them, at `limit` */
    uint32_t worst; /* its slot */
    vdbi_compare_ids compare_ids;
    void *compare_arg;
    uint64_t distances; /* computed so far, by who offers */
} vdbi_nearest;

/* Memory grows with what is found, not with k. */
void vdbi_nearest_init(vdbi_nearest *nearest, vdbi_memory *memory, size_t k,
                       float limit, vdbi_compare_ids compare_ids, void *compare_arg);
void vdbi_nearest_clear(vdbi_nearest *nearest); /* frees the items */

/* Offer candidates; each slot once. */
vdb_status vdbi_nearest_offer(vdbi_nearest *nearest, const float *distances,
                              const uint32_t *slots, size_t count);

/* Offer what another has found, of other slots. */
vdb_status vdbi_nearest_join(vdbi_nearest *nearest, const vdbi_nearest *other);

/* Leave the k nearest, nearest first, in place. */
vdb_status vdbi_nearest_sort(vdbi_nearest *nearest);

#endif
