/* mutual.c: nodes whose neighbours do not link back, nodes that have few, and nodes that are
 * not found all the same.
 *
 * A node that was forgotten by those near to it can be reached all the same, over links
 * from afar.  But a walk to its place keeps to what is near, and does not come by there:
 * the node is not found by its own value.  So the nearest of its neighbours that have a
 * free place link back to it, until MUTUAL of them do.  A node far from all others has few
 * neighbours, for each is nearer to the first of them: such a one is linked with the
 * nearest, diverse or not.
 *
 * There are clusters of which two parts know nothing of each other: walks to one of them had
 * met nobody of the other.  And some nodes lie where all ways seem to lead away.  So every
 * new node is looked for by its own value once all are there, and the nearest of those that
 * are found instead link to it.  Nobody loses a link for any of that.
 */
#include "base/error.h"
#include "index/hnsw/link_priv.h"
#include "index/hnsw/upkeep.h"

enum {
    MUTUAL = 2,
    FEW = 4, /* kept by a search that finds nearly all */
    NODES_AT_ONCE = 256
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

/* Add a link where there is a free place: 1; 0: there is none, or it is there. */
static int add_link(const vdbi_nodes *n, uint32_t slot, uint32_t to)
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
        if (!vdbi_is_node(n, other) || !add_link(n, slot, other))
            continue;
        count++;
        made += 1 + (uint32_t)add_link(n, other, slot);
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
        int added = vdbi_is_node(n, other) && add_link(n, other, slot);
        backs += (uint32_t)added;
        made += (uint32_t)added;
    }
    return made + (count < few ? widen(k, slot, count, few) : 0);
}

/* Whether a search that keeps `ef` finds a node by its own value; what it finds is in the
 * pool.  Under dot product others may be nearer; where `ef` are, it need not be found. */
static int is_found(const vdbi_linker *k, uint32_t slot, uint32_t ef)
{
    const vdbi_pool *pool = &k->s->pool;
    vdbi_code_query q;
    int32_t own;

    if (vdbi_find_from_top(k, slot, 0, 1, ef))
        return 1;
    if (pool->count < ef)
        return 0;
    vdbi_codes_query_row(k->way.codes, slot, k->s->query_bytes, &q);
    k->way.walk->distances(k->way.codes, &q, &slot, 1, &own);
    return vdbi_key_distance(pool->keys[pool->count - 1]) <= own;
}

/* Look for a node by its own value, with little effort first; if it is not found, the nearest
 * that are link to it. */
static uint32_t make_found(const vdbi_linker *k, uint32_t slot)
{
    const vdbi_nodes *n = &k->h->nodes;
    const vdbi_pool *pool = &k->s->pool;
    uint32_t made = 0;

    atomic_fetch_and(vdbi_marks_of(n, slot), (uint8_t)~VDBI_MARK_UNTRIED);
    if (is_found(k, slot, FEW) || is_found(k, slot, VDBI_TRY_EF))
        return 0;
    for (uint32_t i = 0; i < pool->count && made < MUTUAL; i++) {
        uint32_t other = vdbi_key_slot(pool->keys[i]);
        if (vdbi_is_node(n, other) && add_link(n, other, slot)) {
            add_link(n, slot, other);
            made++;
        }
    }
    return made;
}

static uint32_t try_node(const vdbi_linker *k, uint32_t slot)
{
    return vdbi_is_marked(&k->h->nodes, slot, VDBI_MARK_UNTRIED) ? make_found(k, slot)
                                                                 : 0;
}

/* Do something for every node, which returns how many links it has made. */
static vdb_status for_each(vdbi_hnsw *h, const vdbi_pace *pace,
                           uint32_t (*see)(const vdbi_linker *k, uint32_t slot),
                           uint64_t *made)
{
    uint32_t limit = atomic_load(&h->slot_limit);

    *made = 0;
    for (uint64_t first = 0; first < limit; first += NODES_AT_ONCE) {
        uint64_t end = limit - first < NODES_AT_ONCE ? limit : first + NODES_AT_ONCE;
        vdb_status st;
        vdbi_linker k;
        if (pace && !pace->go_on(pace->arg))
            return vdbi_fail(VDB_CANCELLED, "the graph's upkeep was given up");
        st = vdbi_linker_begin(h, &k);
        if (st)
            return st;
        for (uint64_t slot = first; slot < end; slot++)
            if (vdbi_is_node(&h->nodes, (uint32_t)slot))
                *made += see(&k, (uint32_t)slot);
        vdbi_linker_end(&k);
    }
    return VDB_OK;
}

vdb_status vdbi_hnsw_answer(vdbi_hnsw *h, const vdbi_pace *pace, uint64_t *made)
{
    return for_each(h, pace, see_to, made);
}

vdb_status vdbi_hnsw_find_each(vdbi_hnsw *h, const vdbi_pace *pace, uint64_t *made)
{
    return for_each(h, pace, try_node, made);
}
