/* insert.c: linking a node into the graph.
 *
 * The neighbours of a node are chosen for diversity: a candidate that is nearer to one
 * already chosen than to the node itself is left out, for the way to it leads there
 * [Malkov and Yashunin, algorithm 4].  The new node's lists are complete before anybody is
 * told of it; then each neighbour gets a link back, and chooses anew when its list is full.
 *
 * A node whose code equals that of one in the graph is not linked but chained behind it:
 * the walk could not tell them apart, and many of them would link only to each other.
 */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "index/hnsw/hnsw.h"

enum {
    CANDIDATES_MAX = 2 * 512 + 1,
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

/* Choose at most `max` of `count` candidates, ascending by distance; their slots go to
 * `chosen`.  How many. */
static uint32_t choose(vdbi_hnsw *h, const uint64_t *keys, uint32_t count, uint32_t max,
                       uint32_t *chosen, vdbi_scratch *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < count && n < max; i++) {
        uint32_t slot = vdbi_key_slot(keys[i]);
        vdbi_code_query q;
        if (vdbi_is_marked(&h->nodes, slot, VDBI_MARK_LEAVING))
            continue;
        vdbi_codes_query_row(h->codes, slot, s->row_bytes, &q);
        if (!h->walk->any_nearer(h->codes, &q, chosen, n, vdbi_key_distance(keys[i])))
            chosen[n++] = slot;
    }
    return n;
}

static void set_links(vdbi_link *links, uint32_t max, const uint32_t *slots,
                      uint32_t count)
{
    for (uint32_t i = 0; i < max; i++)
        atomic_store_explicit(&links[i], i < count ? slots[i] : VDBI_NO_SLOT,
                              memory_order_release);
}

/* Insertion sort: lists are short and nearly sorted. */
static void sort_keys(uint64_t *keys, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        uint32_t j = i;
        for (; j && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* A list is full: choose among its nodes and one more. */
static void choose_again(vdbi_hnsw *h, uint32_t slot, vdbi_link *links, uint32_t max,
                         uint32_t more, vdbi_scratch *s)
{
    uint32_t slots[CANDIDATES_MAX], chosen[CANDIDATES_MAX], count = 0;
    int32_t distances[CANDIDATES_MAX];
    uint64_t keys[CANDIDATES_MAX];
    vdbi_code_query q;

    for (; count < max; count++)
        slots[count] = atomic_load_explicit(&links[count], memory_order_relaxed);
    slots[count++] = more;
    vdbi_codes_query_row(h->codes, slot, s->row_bytes, &q);
    h->walk->distances(h->codes, &q, slots, count, distances);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = vdbi_key(distances[i], slots[i]);
    sort_keys(keys, count);
    count = choose(h, keys, count, max, chosen, s);
    set_links(links, max, chosen, count);
}

/* Give `slot` a link to `to`. */
static void link_back(vdbi_hnsw *h, uint32_t slot, uint32_t layer, uint32_t to,
                      vdbi_scratch *s)
{
    vdbi_node *node = vdbi_node_of(&h->nodes, slot);
    vdbi_link *links = vdbi_links(&h->nodes, slot, layer);
    uint32_t max = vdbi_links_max(&h->nodes, layer), i = 0, other = VDBI_NO_SLOT;

    vdbi_node_lock(node);
    for (; i < max; i++) {
        other = atomic_load_explicit(&links[i], memory_order_relaxed);
        if (other == VDBI_NO_SLOT || other == to)
            break;
    }
    if (i == max)
        choose_again(h, slot, links, max, to, s);
    else if (other != to)
        atomic_store_explicit(&links[i], to, memory_order_release);
    vdbi_node_unlock(node);
}

/* A node of the same code among the nearest; VDBI_NO_SLOT: none. */
static uint32_t find_twin(const vdbi_hnsw *h, uint32_t slot, const vdbi_pool *pool)
{
    const uint8_t *row = vdbi_codes_row(h->codes, slot);

    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t other = vdbi_key_slot(pool->keys[i]);
        if (vdbi_key_distance(pool->keys[i]) != vdbi_key_distance(pool->keys[0]))
            break;
        if (!vdbi_is_marked(&h->nodes, other, VDBI_MARK_LEAVING) &&
            memcmp(row, vdbi_codes_row(h->codes, other), h->codes->row_bytes) == 0)
            return other;
    }
    return VDBI_NO_SLOT;
}

static void chain(vdbi_hnsw *h, uint32_t leader, uint32_t slot)
{
    vdbi_node *node = vdbi_node_of(&h->nodes, leader);

    vdbi_node_lock(node);
    atomic_store_explicit(&vdbi_node_of(&h->nodes, slot)->twin,
                          atomic_load_explicit(&node->twin, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(&node->twin, slot, memory_order_release);
    vdbi_node_unlock(node);
    atomic_fetch_or(vdbi_marks_of(&h->nodes, leader), VDBI_MARK_TWINS);
    atomic_fetch_add(&h->twins, 1);
}

/* The nearest of a layer are in the pool: link both ways. */
static void link_layer(vdbi_hnsw *h, uint32_t slot, uint32_t layer, vdbi_scratch *s)
{
    uint32_t chosen[CANDIDATES_MAX];
    uint32_t count = choose(h, s->pool.keys, s->pool.count, h->nodes.m, chosen, s);

    set_links(vdbi_links(&h->nodes, slot, layer), vdbi_links_max(&h->nodes, layer),
              chosen, count);
    for (uint32_t i = 0; i < count; i++)
        link_back(h, chosen[i], layer, slot, s);
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

static void walk_layer(vdbi_hnsw *h, const vdbi_code_query *q, uint32_t layer,
                       uint64_t from, uint32_t ef, vdbi_scratch *s)
{
    vdbi_scratch_begin(s, ef);
    s->pool.keys[s->pool.count++] = from & ~(uint64_t)1;
    h->walk->layer(&h->nodes, h->codes, q, layer, s);
}

/* A node of an upper layer looks for its twin on layer 0 before it is linked anywhere. */
static int chain_below(vdbi_hnsw *h, uint32_t slot, const vdbi_code_query *q,
                       uint64_t from, uint32_t layer, vdbi_scratch *s)
{
    uint64_t best = h->walk->descend(&h->nodes, h->codes, q, from, layer, 0, s);
    uint32_t ef =
        h->shape.ef_construction < TWIN_EF ? h->shape.ef_construction : TWIN_EF;
    uint32_t twin;

    walk_layer(h, q, 0, best, ef, s);
    twin = find_twin(h, slot, &s->pool);
    if (twin == VDBI_NO_SLOT)
        return 0;
    chain(h, twin, slot);
    return 1;
}

static void find_and_link(vdbi_hnsw *h, uint32_t slot, uint32_t layer, uint64_t entry,
                          vdbi_scratch *s)
{
    uint32_t entry_layer = (uint32_t)(entry >> 32), way_in = (uint32_t)entry, twin;
    vdbi_code_query q;
    uint64_t best;
    int32_t distance;

    vdbi_codes_query_row(h->codes, slot, s->query_bytes, &q);
    h->walk->distances(h->codes, &q, &way_in, 1, &distance);
    best = vdbi_key(distance, way_in);
    if (entry_layer > layer)
        best = h->walk->descend(&h->nodes, h->codes, &q, best, entry_layer, layer, s);
    if (layer &&
        chain_below(h, slot, &q, best, layer < entry_layer ? layer : entry_layer, s))
        return;
    for (uint32_t l = layer < entry_layer ? layer : entry_layer;; l--) {
        walk_layer(h, &q, l, best, h->shape.ef_construction, s);
        best = s->pool.keys[0];
        if (l == 0 && layer == 0) {
            twin = find_twin(h, slot, &s->pool);
            if (twin != VDBI_NO_SLOT) {
                chain(h, twin, slot);
                return;
            }
        }
        link_layer(h, slot, l, s);
        if (l == 0)
            return;
    }
}

vdb_status vdbi_hnsw_insert(vdbi_hnsw *h, uint32_t slot, vdbi_scratch *s)
{
    uint32_t layer = layer_of(h, slot);
    uint64_t entry = VDBI_NO_ENTRY;
    vdb_status st = vdbi_scratch_reserve(s, h->shape.ef_construction, 0, h->nodes.m0,
                                         h->codes->row_bytes);

    if (!st)
        st = vdbi_nodes_make(&h->nodes, slot, layer);
    if (st)
        return st;
    if (!atomic_compare_exchange_strong(&h->entry, &entry,
                                        (uint64_t)layer << 32 | slot)) {
        find_and_link(h, slot, layer, entry, s);
        offer_entry(h, slot, layer);
    }
    atomic_fetch_or_explicit(vdbi_marks_of(&h->nodes, slot), VDBI_MARK_LINKED,
                             memory_order_release);
    atomic_fetch_add(&h->count, 1);
    return VDB_OK;
}
