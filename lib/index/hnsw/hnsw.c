/* hnsw.c: see hnsw.h: making, freeing, searching. */
#include "index/hnsw/hnsw.h"

#include "base/error.h"

vdb_status vdbi_hnsw_create_with(vdbi_memory *memory, const vdbi_hnsw_shape *shape,
                                 vdbi_codes *codes, vdbi_hnsw **out)
{
    vdbi_hnsw *h = vdbi_calloc(memory, 1, sizeof *h);
    vdb_status st;

    *out = NULL;
    if (!h) {
        vdbi_codes_free(codes);
        return VDB_NOMEM;
    }
    h->memory = memory;
    h->shape = *shape;
    atomic_init(&h->entry, VDBI_NO_ENTRY);
    atomic_init(&h->codes, codes);
    vdbi_visitors_init(&h->own, memory);
    h->visitors = &h->own;
    st = vdbi_nodes_init(&h->nodes, memory, shape->m);
    if (st) {
        vdbi_hnsw_free(h);
        return st;
    }
    for (int form = VDBI_CODE_L2; form < VDBI_FORMS; form++)
        h->walks[form] = vdbi_walk_for(form);
    *out = h;
    return VDB_OK;
}

vdb_status vdbi_hnsw_create(vdbi_memory *memory, const vdbi_hnsw_shape *shape,
                            int exact, const float *const *sample, size_t count,
                            vdbi_hnsw **out)
{
    vdbi_codes *codes;
    vdb_status st = vdbi_codes_create(memory, shape->metric, exact, shape->dimension,
                                      sample, count, &codes);

    *out = NULL;
    return st ? st : vdbi_hnsw_create_with(memory, shape, codes, out);
}

void vdbi_hnsw_share(vdbi_hnsw *h, vdbi_visitors *visitors)
{
    vdbi_visitors_clear(&h->own);
    h->visitors = visitors;
}

void vdbi_hnsw_free(vdbi_hnsw *h)
{
    if (!h)
        return;
    vdbi_codes_free(atomic_load(&h->codes));
    vdbi_codes_free(h->refitted);
    vdbi_nodes_clear(&h->nodes);
    vdbi_visitors_clear(&h->own);
    vdbi_free(h->memory, h);
}

vdb_status vdbi_hnsw_reserve(vdbi_hnsw *h, uint32_t slot)
{
    vdbi_codes *codes = vdbi_hnsw_way(h).codes;
    vdb_status st = vdbi_codes_reserve(codes, slot);

    if (!st && h->refitted)
        st = vdbi_codes_reserve(h->refitted, slot);
    return st ? st : vdbi_extents_reserve_filled(&h->nodes.marks, slot, 0);
}

uint64_t vdbi_hnsw_bytes(const vdbi_hnsw *h)
{
    const vdbi_nodes *n = &h->nodes;
    const vdbi_extents *const parts[] = {&n->links,
                                         &n->nodes,
                                         &n->marks,
                                         &n->links_changed,
                                         &n->uppers,
                                         &n->uppers_changed,
                                         &vdbi_hnsw_way(h).codes->rows};
    uint64_t bytes = 0;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        bytes += vdbi_extents_bytes(parts[i]);
    if (h->refitted)
        bytes += vdbi_extents_bytes(&h->refitted->rows);
    return bytes;
}

static uint64_t extents_for(const vdbi_extents *e, uint64_t rows)
{
    return (rows + VDBI_EXTENT_SLOTS - 1) / VDBI_EXTENT_SLOTS *
           ((uint64_t)e->row_bytes << VDBI_EXTENT_SHIFT);
}

uint64_t vdbi_hnsw_bytes_for(const vdbi_hnsw *h, uint32_t slots)
{
    const vdbi_nodes *n = &h->nodes;
    /* One node in m has a row on layer 1, one of m of these another; an eighth for chance
     * and for rows that are not used again. */
    uint64_t uppers = slots / (n->m - 1), made = atomic_load(&n->upper_count);
    uint64_t bytes = extents_for(&n->links, slots) + extents_for(&n->nodes, slots) +
                     extents_for(&n->marks, slots) +
                     extents_for(&vdbi_hnsw_way(h).codes->rows, slots) +
                     extents_for(&n->links_changed, slots / n->links_per_block + 1);

    uppers += uppers / 8 + 1;
    uppers = uppers > made ? uppers : made;
    bytes += extents_for(&n->uppers, uppers) +
             extents_for(&n->uppers_changed, uppers / n->uppers_per_block + 1);
    if (h->refitted)
        bytes += extents_for(&h->refitted->rows, slots);
    return bytes;
}

void vdbi_hnsw_encode(vdbi_hnsw *h, uint32_t slot, const float *vector)
{
    vdbi_codes_encode(vdbi_hnsw_way(h).codes, slot, vector);
    if (h->refitted)
        vdbi_codes_encode(h->refitted, slot, vector);
}

vdb_status vdbi_hnsw_search(vdbi_hnsw *h, const float *vector, uint32_t ef,
                            const vdbi_pass *pass, uint64_t distances_max,
                            vdbi_scratch *s)
{
    uint64_t entry = atomic_load_explicit(&h->entry, memory_order_acquire), best;
    vdbi_way way = vdbi_hnsw_way(h);
    vdbi_code_query q;
    uint32_t slot;
    int32_t distance;
    vdb_status st =
        vdbi_scratch_reserve(s, ef, pass != NULL, h->nodes.m0, way.codes->row_bytes);

    if (st)
        return st;
    vdbi_scratch_begin(s, ef);
    s->distances = s->hops = 0;
    s->codes = way.codes;
    s->distances_max = distances_max;
    if (entry == VDBI_NO_ENTRY)
        return VDB_OK;
    vdbi_codes_query(way.codes, vector, s->query_bytes, &q);
    s->scale = q.scale;
    slot = (uint32_t)entry;
    way.walk->distances(way.codes, &q, &slot, 1, &distance);
    best = way.walk->descend(&h->nodes, way.codes, &q, vdbi_key(distance, slot),
                             (uint32_t)(entry >> 32), 0, s);
    s->pool.keys[s->pool.count++] = best;
    if (pass)
        way.walk->passing(&h->nodes, way.codes, &q, pass, s);
    else
        way.walk->layer(&h->nodes, way.codes, &q, 0, s);
    return VDB_OK;
}
