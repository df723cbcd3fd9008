/* link.c: see link_priv.h.
 *
 * The neighbours of a node are chosen for diversity: a candidate that is nearer to one
 * already chosen than to the node itself is left out, for the way to it leads there
 * [Malkov and Yashunin, algorithm 4].
 */
#include "index/hnsw/link_priv.h"

uint32_t vdbi_choose_links(const vdbi_linker *k, const uint64_t *keys, uint32_t count,
                           uint32_t max, uint32_t *chosen)
{
    const vdbi_codes *codes = k->way.codes;
    uint32_t n = 0;

    for (uint32_t i = 0; i < count && n < max; i++) {
        uint32_t slot = vdbi_key_slot(keys[i]);
        vdbi_code_query q;
        if (vdbi_is_marked(&k->h->nodes, slot, VDBI_MARK_LEAVING))
            continue;
        vdbi_codes_query_row(codes, slot, k->s->row_bytes, &q);
        if (!k->way.walk->any_nearer(codes, &q, chosen, n, vdbi_key_distance(keys[i])))
            chosen[n++] = slot;
    }
    return n;
}

void vdbi_set_links(vdbi_link *links, uint32_t max, const uint32_t *slots,
                    uint32_t count)
{
    for (uint32_t i = 0; i < max; i++)
        atomic_store_explicit(&links[i], i < count ? slots[i] : VDBI_NO_SLOT,
                              memory_order_release);
}

void vdbi_sort_keys(uint64_t *keys, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        uint32_t j = i;
        for (; j && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

void vdbi_keys_from(const vdbi_linker *k, uint32_t slot, const uint32_t *others,
                    uint32_t count, uint64_t *keys)
{
    int32_t distances[VDBI_CANDIDATES_MAX];
    vdbi_code_query q;

    vdbi_codes_query_row(k->way.codes, slot, k->s->row_bytes, &q);
    k->way.walk->distances(k->way.codes, &q, others, count, distances);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = vdbi_key(distances[i], others[i]);
    vdbi_sort_keys(keys, count);
}

/* A list is full: choose among its nodes and one more. */
static void choose_again(const vdbi_linker *k, uint32_t slot, vdbi_link *links,
                         uint32_t max, uint32_t more)
{
    uint32_t slots[VDBI_CANDIDATES_MAX], count = 0;
    uint64_t keys[VDBI_CANDIDATES_MAX];

    for (; count < max; count++)
        slots[count] = atomic_load_explicit(&links[count], memory_order_relaxed);
    slots[count++] = more;
    vdbi_keys_from(k, slot, slots, count, keys);
    count = vdbi_choose_links(k, keys, count, max, slots);
    vdbi_set_links(links, max, slots, count);
}

void vdbi_link_back(const vdbi_linker *k, uint32_t slot, uint32_t layer, uint32_t to)
{
    const vdbi_nodes *n = &k->h->nodes;
    vdbi_node *node = vdbi_node_of(n, slot);
    vdbi_link *links = vdbi_links(n, slot, layer);
    uint32_t max = vdbi_links_max(n, layer), i = 0, other = VDBI_NO_SLOT;

    vdbi_node_lock(node);
    for (; i < max; i++) {
        other = atomic_load_explicit(&links[i], memory_order_relaxed);
        if (other == VDBI_NO_SLOT || other == to)
            break;
    }
    if (i == max)
        choose_again(k, slot, links, max, to);
    else if (other != to)
        atomic_store_explicit(&links[i], to, memory_order_release);
    vdbi_links_touch(n, slot, layer);
    vdbi_node_unlock(node);
}

void vdbi_walk_layer(const vdbi_linker *k, const vdbi_code_query *q, uint32_t layer,
                     uint64_t from, uint32_t ef)
{
    vdbi_scratch_begin(k->s, ef);
    k->s->pool.keys[k->s->pool.count++] = from & ~(uint64_t)1;
    k->way.walk->layer(&k->h->nodes, k->way.codes, q, layer, k->s);
}
