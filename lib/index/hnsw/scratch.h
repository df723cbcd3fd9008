/* scratch.h: what one search, or one insertion, needs of memory, kept for the next.
 *
 * Sorted candidates are 64-bit keys: the distance's order in the upper half, then the
 * slot, and in the lowest bit whether the candidate has been expanded.  So one comparison
 * orders them, and two keys of one slot are neighbours.
 */
#ifndef VDBI_SCRATCH_H
#define VDBI_SCRATCH_H

#include "index/codes/codes.h"
#include "index/hnsw/nodes.h"

typedef struct vdbi_pool {
    uint64_t *keys; /* ascending */
    uint32_t count, capacity;
} vdbi_pool;

static inline uint64_t vdbi_key(int32_t distance, uint32_t slot)
{
    return (uint64_t)((uint32_t)distance ^ 0x80000000u) << 32 | (uint64_t)slot << 1;
}

static inline uint32_t vdbi_key_slot(uint64_t key)
{
    return (uint32_t)key >> 1;
}

static inline int32_t vdbi_key_distance(uint64_t key)
{
    return (int32_t)((uint32_t)(key >> 32) ^ 0x80000000u);
}

typedef struct vdbi_scratch {
    vdbi_memory *memory;
    vdbi_pool pool;  /* found so far; after a walk the result */
    vdbi_pool front; /* of a walk that tests its results: what is to be expanded */
    size_t pool_room, front_room;
    /* By a walk that tests its results it is probed, grows, and forgets nothing; by the
     * other it is direct-mapped and forgets some, which costs a distance. */
    uint32_t *visited;
    size_t visited_room;
    uint32_t visited_bits;
    uint32_t visited_count; /* when nothing is forgotten */
    uint8_t *query_bytes;   /* row_bytes, aligned */
    size_t query_room;
    uint8_t *row_bytes; /* of a stored row made a query */
    size_t row_room;
    uint32_t
        held_out; /* of one search: a slot + 1 that the walk does not go by; or 0 */
    const vdbi_codes *codes; /* that the last search went by */
    float scale;             /* of its query */
    uint64_t distances;      /* computed since they were set to 0 */
    uint64_t hops;
    uint64_t distances_max; /* of a walk that tests its results: then it gives up */
    int gave_up; /* at that, or for want of memory: what was found may not be the best */
} vdbi_scratch;

/* Where a slot begins to be looked for in a table of so many bits. */
static inline uint32_t vdbi_visited_at(uint32_t slot, uint32_t bits)
{
    return slot * 0x9E3779B1u >> (32 - bits);
}

/* 1 the first time, but 1 again when another slot has taken its place meanwhile: where the
 * table is direct-mapped. */
static inline int vdbi_visit_slot(vdbi_scratch *s, uint32_t slot)
{
    uint32_t *at = &s->visited[vdbi_visited_at(slot, s->visited_bits)];

    if (*at == slot)
        return 0;
    *at = slot;
    return 1;
}

/* Make room for walks that keep up to `ef`; `testing`: such as test their results. */
vdb_status vdbi_scratch_reserve(vdbi_scratch *s, uint32_t ef, int testing,
                                uint32_t links, size_t row_bytes);
/* During a walk: make more room, keeping the contents; 0 when there is no memory. */
int vdbi_scratch_more_front(vdbi_scratch *s);
int vdbi_scratch_more_visited(vdbi_scratch *s);
/* Empty the pool, let it hold `ef`, and forget what was visited. */
void vdbi_scratch_begin(vdbi_scratch *s, uint32_t ef);
/* Give back what few searches need so much of. */
void vdbi_scratch_trim(vdbi_scratch *s);
void vdbi_scratch_clear(vdbi_scratch *s);

#endif
