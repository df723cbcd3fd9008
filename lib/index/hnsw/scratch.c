/* scratch.c: see scratch.h. */
#include "index/hnsw/scratch.h"

#include <string.h>

#include "base/error.h"

enum {
    VISITED_BITS_MIN = 10,
    VISITED_BITS_MAX = 16,
    TESTING_BITS = 13, /* to begin with, of a walk that tests its results */
    FRONT_ROOM = 4096,
    LINE = 64,
    KEPT = 4 << 20 /* bytes, of each visitor: enough for an ef of 400,000, or for a walk
                      that tests its results and has met 250,000 nodes */
};

/* Room for `needed` elements of `size` bytes; the old contents are lost. */
static vdb_status renew(vdbi_memory *memory, void *pointer, size_t *room, size_t needed,
                        size_t size)
{
    void *fresh, *old;

    if (needed <= *room)
        return VDB_OK;
    fresh = vdbi_alloc_aligned(memory, needed * size, LINE);
    if (!fresh)
        return VDB_NOMEM;
    memcpy(&old, pointer, sizeof old);
    vdbi_free(memory, old);
    memcpy(pointer, &fresh, sizeof fresh);
    *room = needed;
    return VDB_OK;
}

static uint32_t bits_for(uint32_t ef, uint32_t links)
{
    uint64_t wanted = (uint64_t)ef * links * 2;
    uint32_t bits = VISITED_BITS_MIN;

    while (bits < VISITED_BITS_MAX && ((uint64_t)1 << bits) < wanted)
        bits++;
    return bits;
}

vdb_status vdbi_scratch_reserve(vdbi_scratch *s, uint32_t ef, int testing,
                                uint32_t links, size_t row_bytes)
{
    vdb_status st;

    s->visited_bits = testing ? TESTING_BITS : bits_for(ef, links);
    st = renew(s->memory, &s->pool.keys, &s->pool_room, ef, sizeof *s->pool.keys);
    if (!st && testing)
        st = renew(s->memory, &s->front.keys, &s->front_room, FRONT_ROOM,
                   sizeof *s->front.keys);
    if (!st)
        st = renew(s->memory, &s->visited, &s->visited_room,
                   (size_t)1 << s->visited_bits, sizeof *s->visited);
    if (!st)
        st = renew(s->memory, &s->query_bytes, &s->query_room, row_bytes, 1);
    if (!st)
        st = renew(s->memory, &s->row_bytes, &s->row_room, row_bytes, 1);
    s->front.capacity = (uint32_t)s->front_room;
    return st;
}

int vdbi_scratch_more_front(vdbi_scratch *s)
{
    size_t room = s->front_room;

    if (room > UINT32_MAX / 2 || vdbi_grow(s->memory, &s->front.keys, &s->front_room,
                                           2 * room, sizeof *s->front.keys))
        return 0;
    s->front.capacity = (uint32_t)s->front_room;
    return 1;
}

int vdbi_scratch_more_visited(vdbi_scratch *s)
{
    uint32_t *before = s->visited, mask, bits = s->visited_bits + 1;
    size_t size = (size_t)1 << bits, old = (size_t)1 << s->visited_bits;
    uint32_t *fresh;

    if (bits > 31)
        return 0;
    fresh = vdbi_alloc_aligned(s->memory, size * sizeof *fresh, LINE);
    if (!fresh)
        return 0;
    memset(fresh, 0xFF, size * sizeof *fresh);
    mask = (uint32_t)size - 1;
    for (size_t i = 0; i < old; i++) {
        uint32_t at;
        if (before[i] == VDBI_NO_SLOT)
            continue;
        at = vdbi_visited_at(before[i], bits);
        while (fresh[at] != VDBI_NO_SLOT)
            at = (at + 1) & mask;
        fresh[at] = before[i];
    }
    vdbi_free(s->memory, before);
    s->visited = fresh;
    s->visited_bits = bits;
    s->visited_room = size;
    return 1;
}

void vdbi_scratch_begin(vdbi_scratch *s, uint32_t ef)
{
    s->pool.count = 0;
    s->pool.capacity = ef;
    s->gave_up = 0;
    s->visited_count = 0;
    memset(s->visited, 0xFF, sizeof *s->visited << s->visited_bits);
}

static void drop_tables(vdbi_scratch *s)
{
    vdbi_free(s->memory, s->pool.keys);
    vdbi_free(s->memory, s->front.keys);
    vdbi_free(s->memory, s->visited);
    s->pool = s->front = (vdbi_pool){0};
    s->visited = NULL;
    s->pool_room = s->front_room = s->visited_room = 0;
}

void vdbi_scratch_trim(vdbi_scratch *s)
{
    size_t keys = s->pool_room + s->front_room;

    if (keys * sizeof *s->pool.keys + s->visited_room * sizeof *s->visited > KEPT)
        drop_tables(s);
}

void vdbi_scratch_clear(vdbi_scratch *s)
{
    drop_tables(s);
    vdbi_free(s->memory, s->query_bytes);
    vdbi_free(s->memory, s->row_bytes);
}
