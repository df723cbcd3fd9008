/* link.c: see link_priv.h.
 *
 * The neighbours of a node are chosen for diversity: a candidate that is nearer to one
 * already chosen than to the node itself is left out, for the way to it leads there
 * [Malkov and Yashunin, algorithm 4].
 */
#include "index/hnsw/link_priv.h"

vdb_status vdbi_linker_begin(vdbi_hnsw *h, vdbi_linker *k)
{
    vdb_status st;

    *k = (vdbi_linker){.h = h};
    st = vdbi_visit_begin(h->visitors, &k->visitor);
    if (st)
        return st;
    k->way = vdbi_hnsw_way(h);
    k->s = &k->visitor->scratch;
    st = vdbi_scratch_reserve(
        k->s,
        h->shape.ef_construction > VDBI_TRY_EF ? h->shape.ef_construction : VDBI_TRY_EF,
        0, h->nodes.m0, k->way.codes->row_bytes);
    if (st)
        vdbi_linker_end(k);
    return st;
}

void vdbi_linker_end(vdbi_linker *k)
{
    vdbi_visit_end(k->visitor);
}

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

int vdbi_add_link(const vdbi_nodes *n, uint32_t slot, uint32_t to)
{
    vdbi_node *node = vdbi_node_of(n, slot);
    vdbi_link *links = vdbi_links0(n, slot);
    int added = 0;

    vdbi_node_lock(node);
    for (uint32_t i = 0; i < n->m0; i++) {
        uint32_t other = atomic_load_explicit(&links[i], memory_order_relaxed);
        if (other == to)
            break;
        if (other == VDBI_NO_SLOT) {
            atomic_store_explicit(&links[i], to, memory_order_release);
            vdbi_links_touch(n, slot, 0);
            added = 1;
            break;
        }
    }
    vdbi_node_unlock(node);
    return added;
}

static int some_stay(const vdbi_linker *k)
{
    const vdbi_pool *pool = &k->s->pool;

    for (uint32_t i = 0; i < pool->count; i++)
        if (!vdbi_is_marked(&k->h->nodes, vdbi_key_slot(pool->keys[i]),
                            VDBI_MARK_LEAVING))
            return 1;
    return 0;
}

/* When all that was found is leaving, as after the end of a whole cluster, what stays is
 * farther away.  Without memory to look there the pool is what it is: the node gets no
 * links then, which vdbi_hnsw_connect() mends. */
static void walk_layer(const vdbi_linker *k, const vdbi_code_query *q, uint32_t layer,
                       uint64_t from, uint32_t ef)
{
    for (;; ef *= 4) {
        vdbi_scratch_begin(k->s, ef);
        k->s->pool.keys[k->s->pool.count++] = from & ~(uint64_t)1;
        k->way.walk->layer(&k->h->nodes, k->way.codes, q, layer, k->s);
        if (k->s->pool.count < ef || ef > UINT32_MAX / 4 || some_stay(k) ||
            vdbi_scratch_reserve(k->s, ef * 4, 0, k->h->nodes.m0,
                                 k->way.codes->row_bytes))
            return;
    }
}

int vdbi_find_near(const vdbi_linker *k, const vdbi_code_query *q, uint32_t slot,
                   uint32_t layer, uint64_t from, uint32_t ef)
{
    vdbi_pool *pool = &k->s->pool;
    uint32_t kept = 0, found;

    walk_layer(k, q, layer, from, ef);
    found = pool->count;
    for (uint32_t i = 0; i < found; i++)
        if (vdbi_key_slot(pool->keys[i]) != slot)
            pool->keys[kept++] = pool->keys[i];
    pool->count = kept;
    return kept < found;
}

int vdbi_find_from_top(const vdbi_linker *k, uint32_t slot, uint32_t layer, int descend,
                       uint32_t ef)
{
    uint64_t entry = atomic_load_explicit(&k->h->entry, memory_order_acquire), best;
    uint32_t way_in = (uint32_t)entry, top = (uint32_t)(entry >> 32);
    vdbi_code_query q;
    int32_t distance;

    vdbi_codes_query_row(k->way.codes, slot, k->s->query_bytes, &q);
    k->way.walk->distances(k->way.codes, &q, &way_in, 1, &distance);
    best = vdbi_key(distance, way_in);
    if (descend && top > layer)
        best = k->way.walk->descend(&k->h->nodes, k->way.codes, &q, best, top, layer,
                                    k->s);
    return vdbi_find_near(k, &q, slot, layer, best, ef);
}

/* Write a node's list, beside what others, who have linked to it, have put there. */
static void set_or_join(const vdbi_nodes *n, uint32_t slot, uint32_t layer,
                        uint32_t *chosen, uint32_t count)
{
    vdbi_node *node = vdbi_node_of(n, slot);
    vdbi_link *links = vdbi_links(n, slot, layer);
    uint32_t max = vdbi_links_max(n, layer);

    vdbi_node_lock(node);
    for (uint32_t i = 0; i < max && count < max; i++) {
        uint32_t other = atomic_load_explicit(&links[i], memory_order_relaxed), j = 0;
        if (other == VDBI_NO_SLOT)
            break;
        while (j < count && chosen[j] != other)
            j++;
        chosen[j] = other;
        count += j == count;
    }
    vdbi_set_links(links, max, chosen, count);
    vdbi_links_touch(n, slot, layer);
    vdbi_node_unlock(node);
}

uint32_t vdbi_link_to(const vdbi_linker *k, uint32_t slot, uint32_t layer)
{
    const vdbi_pool *pool = &k->s->pool;
    uint32_t chosen[VDBI_CANDIDATES_MAX];
    uint32_t count =
        vdbi_choose_links(k, pool->keys, pool->count, k->h->nodes.m, chosen);

    set_or_join(&k->h->nodes, slot, layer, chosen, count);
    return count;
}

void vdbi_link_from(const vdbi_linker *k, uint32_t slot, uint32_t layer)
{
    const vdbi_link *links = vdbi_links(&k->h->nodes, slot, layer);
    uint32_t max = vdbi_links_max(&k->h->nodes, layer), count = 0;
    uint32_t others[VDBI_CANDIDATES_MAX];

    for (; count < max; count++) {
        others[count] = atomic_load_explicit(&links[count], memory_order_acquire);
        if (others[count] == VDBI_NO_SLOT)
            break;
    }
    for (uint32_t i = 0; i < count; i++)
        vdbi_link_back(k, others[i], layer, slot);
}
