/* mutual.c: nodes whose neighbours do not link back, and nodes that have few.
 *
 * A node that was forgotten by those near to it can be reached all the same, over links
 * from afar.  But a walk to its place keeps to what is near, and does not come by there:
 * the node is not found by its own value.  So the nearest of its neighbours that have a
 * free place link back to it, until MUTUAL of them do.  A node far from all others has few
 * neighbours, for each is nearer to the first of them: such a one is linked with the
 * nearest, diverse or not.  Nobody loses a link for that.
 */
#include "index/hnsw/every_priv.h"

enum {
    MUTUAL = 2
};

vdb_status vdbi_hnsw_link_anew(vdbi_hnsw *h, uint32_t slot)
{
    vdbi_linker k;
    vdb_status st = vdbi_linker_begin(h, &k);

    if (st)
        return st;
    if (vdbi_is_node(&h->nodes, slot)) {
        vdbi_find_from_top(&k, slot, 0, 1, h->shape.ef_construction);
        vdbi_link_to(&k, slot, 0);
        vdbi_link_from(&k, slot, 0);
    }
    vdbi_linker_end(&k);
    return VDB_OK;
}

static uint32_t read_list(const vdbi_nodes *n, uint32_t slot, uint32_t *others)
{
    const vdbi_link *links = vdbi_links0(n, slot);
    uint32_t count = 0;

    for (; count < n->m0; count++) {
        others[count] = atomic_load_explicit(&links[count], memory_order_acquire);
        if (others[count] == VDBI_NO_SLOT)
            break;
    }
    return count;
}

static int links_to(const vdbi_nodes *n, uint32_t slot, uint32_t to)
{
    const vdbi_link *links = vdbi_links0(n, slot);

    for (uint32_t i = 0; i < n->m0; i++) {
        uint32_t other = atomic_load_explicit(&links[i], memory_order_relaxed);
        if (other == to)
            return 1;
        if (other == VDBI_NO_SLOT)
            break;
    }
    return 0;
}

/* Link a node with the nearest, both ways, until it has at least `wanted` links. */
static uint32_t widen(const vdbi_linker *k, uint32_t slot, uint32_t count,
                      uint32_t wanted)
{
    const vdbi_nodes *n = &k->h->nodes;
    const vdbi_pool *pool = &k->s->pool;
    uint32_t made = 0;

    vdbi_find_from_top(k, slot, 0, 1, k->h->shape.ef_construction);
    for (uint32_t i = 0; i < pool->count && count < wanted; i++) {
        uint32_t other = vdbi_key_slot(pool->keys[i]);
        if (!vdbi_is_node(n, other) || !vdbi_add_link(n, slot, other))
            continue;
        count++;
        made += 1 + (uint32_t)vdbi_add_link(n, other, slot);
    }
    return made;
}

/* How many links it had to be given. */
static uint32_t see_to(const vdbi_linker *k, uint32_t slot)
{
    const vdbi_nodes *n = &k->h->nodes;
    uint32_t others[VDBI_CANDIDATES_MAX], backs = 0, made = 0;
    uint64_t keys[VDBI_CANDIDATES_MAX];
    uint32_t count = read_list(n, slot, others), few = n->m / 4;

    for (uint32_t i = 0; i < count && backs < MUTUAL; i++)
        backs += (uint32_t)links_to(n, others[i], slot);
    if (backs >= MUTUAL && count >= few)
        return 0;
    if (count)
        vdbi_keys_from(k, slot, others, count, keys);
    for (uint32_t i = 0; i < count && backs < MUTUAL; i++) {
        uint32_t other = vdbi_key_slot(keys[i]);
        int added = vdbi_is_node(n, other) && vdbi_add_link(n, other, slot);
        backs += (uint32_t)added;
        made += (uint32_t)added;
    }
    return made + (count < few ? widen(k, slot, count, few) : 0);
}

vdb_status vdbi_hnsw_answer(vdbi_hnsw *h, const vdbi_pace *pace, uint64_t *made)
{
    return vdbi_every_node(h, pace, see_to, made);
}
