/* insert.c: linking a node into the graph.
 *
 * The new node's lists are complete on all layers before anybody is told of it; then each
 * neighbour gets a link back, layer 0 first, and chooses anew when its list is full.  (Who
 * came down to a node that has no list yet on the layer below would find nobody else
 * there; and two such nodes would have links to each other only, for good.)
 *
 * A node whose code equals that of one in the graph is not linked but chained behind it:
 * the walk could not tell them apart, and many of them would link only to each other.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "index/hnsw/link_priv.h"

enum {
    TWIN_EF = 16 /* kept while looking for a twin ahead of linking */
};

/* The layer of a slot: a hash of it makes the same graph of the same insertions. */
static uint32_t layer_of(const vdbi_hnsw *h, uint32_t slot)
{
    uint64_t x = slot + UINT64_C(0x9E3779B97F4A7C15);
    double u, layer;

    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    x ^= x >> 31;
    u = ((double)(x >> 11) + 1) * 0x1p-53; /* in (0, 1] */
    layer = -log(u) / log(h->shape.m);
    return layer < h->shape.max_layers - 1 ? (uint32_t)layer : h->shape.max_layers - 1;
}

/* A node of the same code in the pool, which is sorted; VDBI_NO_SLOT: none.  The distance
 * of a code from itself need not be the least of all, but those of its equals are equal. */
static uint32_t find_twin(const vdbi_linker *k, const vdbi_code_query *q, uint32_t slot)
{
    const vdbi_codes *codes = k->way.codes;
    const vdbi_pool *pool = &k->s->pool;
    const uint8_t *row = vdbi_codes_row(codes, slot);
    int32_t own;

    k->way.walk->distances(codes, q, &slot, 1, &own);
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t other = vdbi_key_slot(pool->keys[i]);
        if (vdbi_key_distance(pool->keys[i]) > own)
            break;
        if (vdbi_key_distance(pool->keys[i]) < own ||
            memcmp(row, vdbi_codes_row(codes, other), codes->row_bytes) != 0)
            continue;
        if (vdbi_is_marked(&k->h->nodes, other, VDBI_MARK_LEAVING))
            other = vdbi_heir_of(&k->h->nodes, other);
        if (other != VDBI_NO_SLOT)
            return other;
    }
    return VDBI_NO_SLOT;
}

static void chain(vdbi_hnsw *h, uint32_t leader, uint32_t slot)
{
    vdbi_node *node = vdbi_node_of(&h->nodes, leader);

    atomic_fetch_or(vdbi_marks_of(&h->nodes, slot), VDBI_MARK_CHAINED);
    vdbi_node_lock(node);
    atomic_store_explicit(&vdbi_node_of(&h->nodes, slot)->twin,
                          atomic_load_explicit(&node->twin, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(vdbi_links0(&h->nodes, slot), leader | VDBI_MEMBER,
                          memory_order_release);
    vdbi_links_touch(&h->nodes, slot, 0);
    atomic_store_explicit(&node->twin, slot, memory_order_release);
    vdbi_node_unlock(node);
    atomic_fetch_or(vdbi_marks_of(&h->nodes, leader), VDBI_MARK_TWINS);
    atomic_fetch_add(&h->twins, 1);
}

/* Become the way in, if the layer is above all others'. */
static void offer_entry(vdbi_hnsw *h, uint32_t slot, uint32_t layer)
{
    uint64_t mine = (uint64_t)layer << 32 | slot;
    uint64_t entry = atomic_load(&h->entry);

    while (entry == VDBI_NO_ENTRY || entry >> 32 < layer)
        if (atomic_compare_exchange_weak(&h->entry, &entry, mine))
            break;
}

/* A node of an upper layer looks for its twin on layer 0 before it is linked anywhere. */
static int chain_below(const vdbi_linker *k, uint32_t slot, const vdbi_code_query *q,
                       uint64_t from, uint32_t layer)
{
    vdbi_hnsw *h = k->h;
    uint64_t best =
        k->way.walk->descend(&h->nodes, k->way.codes, q, from, layer, 0, k->s);
    uint32_t ef =
        h->shape.ef_construction < TWIN_EF ? h->shape.ef_construction : TWIN_EF;
    uint32_t twin;

    vdbi_find_near(k, q, slot, 0, best, ef);
    twin = find_twin(k, q, slot);
    if (twin == VDBI_NO_SLOT)
        return 0;
    chain(h, twin, slot);
    return 1;
}

typedef enum outcome {
    ALONE, /* nothing is there to be linked to: all that was met is leaving */
    LINKED,
    CHAINED
} outcome;

static outcome find_and_link(const vdbi_linker *k, uint32_t slot, uint32_t layer,
                             uint64_t entry)
{
    vdbi_hnsw *h = k->h;
    const vdbi_codes *codes = k->way.codes;
    const vdbi_walk *walk = k->way.walk;
    uint32_t entry_layer = (uint32_t)(entry >> 32), way_in = (uint32_t)entry, twin;
    vdbi_code_query q;
    uint64_t best;
    int32_t distance;

    vdbi_codes_query_row(codes, slot, k->s->query_bytes, &q);
    walk->distances(codes, &q, &way_in, 1, &distance);
    best = vdbi_key(distance, way_in);
    if (entry_layer > layer)
        best = walk->descend(&h->nodes, codes, &q, best, entry_layer, layer, k->s);
    if (layer &&
        chain_below(k, slot, &q, best, layer < entry_layer ? layer : entry_layer))
        return CHAINED;
    for (uint32_t l = layer < entry_layer ? layer : entry_layer;; l--) {
        vdbi_find_near(k, &q, slot, l, best, h->shape.ef_construction);
        if (k->s->pool.count)
            best = k->s->pool.keys[0];
        if (l == 0 && layer == 0) {
            twin = find_twin(k, &q, slot);
            if (twin != VDBI_NO_SLOT) {
                chain(h, twin, slot);
                return CHAINED;
            }
        }
        if (vdbi_link_to(k, slot, l) == 0 && l == 0)
            return ALONE;
        if (l == 0)
            break;
    }
    for (uint32_t l = 0; l <= layer && l <= entry_layer; l++)
        vdbi_link_from(k, slot, l);
    return LINKED;
}

/* Of the leaving nodes that were met, the heir of one, as a way in; VDBI_NO_ENTRY: none. */
static uint64_t heir_met(const vdbi_linker *k)
{
    const vdbi_nodes *n = &k->h->nodes;
    const vdbi_pool *pool = &k->s->pool;

    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t heir = vdbi_heir_of(n, vdbi_key_slot(pool->keys[i]));
        if (heir != VDBI_NO_SLOT && !vdbi_is_marked(n, heir, VDBI_MARK_LEAVING))
            return (uint64_t)atomic_load(&vdbi_node_of(n, heir)->layer) << 32 | heir;
    }
    return VDBI_NO_ENTRY;
}

/* Link a node, or make it the way in when there is nothing to link it to.  When all that was
 * met is leaving, an heir of it becomes the way in first, which leads to the others; without
 * that they would be behind the new node until the unlinking has ended. */
static void enter(const vdbi_linker *k, uint32_t slot, uint32_t layer)
{
    _Atomic uint64_t *way_in = &k->h->entry;
    uint64_t entry = atomic_load(way_in), heir;
    outcome o;

    for (;;) {
        if (entry != VDBI_NO_ENTRY) {
            o = find_and_link(k, slot, layer, entry);
            if (o == LINKED)
                offer_entry(k->h, slot, layer);
            if (o != ALONE)
                return;
            if (!vdbi_is_marked(&k->h->nodes, (uint32_t)entry, VDBI_MARK_LEAVING) &&
                atomic_load(way_in) == entry)
                return; /* no memory to look farther; vdbi_hnsw_connect() mends it */
            heir = heir_met(k);
            if (heir != VDBI_NO_ENTRY) {
                if (atomic_compare_exchange_strong(way_in, &entry, heir))
                    entry = heir;
                continue;
            }
        }
        if (atomic_compare_exchange_strong(way_in, &entry,
                                           (uint64_t)layer << 32 | slot))
            return;
    }
}

/* See that those who go over all nodes come by this one. */
static void raise_limit(vdbi_hnsw *h, uint32_t slot)
{
    uint32_t limit = atomic_load_explicit(&h->slot_limit, memory_order_relaxed);

    while (limit <= slot)
        if (atomic_compare_exchange_weak(&h->slot_limit, &limit, slot + 1))
            break;
}

vdb_status vdbi_hnsw_insert(vdbi_hnsw *h, uint32_t slot, vdbi_scratch *s)
{
    const vdbi_linker k = {.h = h, .way = vdbi_hnsw_way(h), .s = s};
    uint32_t layer = layer_of(h, slot);
    vdb_status st = vdbi_scratch_reserve(s, h->shape.ef_construction, 0, h->nodes.m0,
                                         k.way.codes->row_bytes);

    if (!st)
        st = vdbi_nodes_make(&h->nodes, slot, layer);
    if (st)
        return st;
    raise_limit(h, slot);
    enter(&k, slot, layer);
    atomic_fetch_or(vdbi_marks_of(&h->nodes, slot),
                    VDBI_MARK_LINKED | VDBI_MARK_UNTRIED);
    /* A save that copied its rows before has left them out. */
    for (uint32_t l = 0; l <= layer; l++)
        vdbi_links_touch(&h->nodes, slot, l);
    atomic_fetch_add(&h->count, 1);
    return VDB_OK;
}
