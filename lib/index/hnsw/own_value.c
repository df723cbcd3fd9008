/* own_value.c: nodes that searches for their own value do not find, though they are linked.
 *
 * There are clusters of which two parts know nothing of each other: walks to one of them had
 * met nobody of the other.  And some nodes lie where all ways seem to lead away.  Nothing that
 * is seen of such a node by itself tells it from others: in a set of which a twentieth had been
 * replaced twenty times, those that were lost had from 2 to 40 links to them, and few of them
 * had a neighbour that was lost too.  So nodes are looked for: every new one once all are
 * there, and all of them when many others have gone.  The nearest of those that are found
 * instead link to it.  Nobody loses a link for that.
 *
 * Nearly all are found with little effort, and what that costs is the price.  So the first
 * look is a walk that ends when it comes by a link to the node, without comparing it, and
 * without going over what lies beside it: half the time of a search that keeps four, though
 * it keeps eight.
 */
#include "index/hnsw/every_priv.h"

enum {
    LOOK_EF = 8, /* kept by the first look, which finds 985 of 1,000 */
    LINKS_MADE = 2,
    LINE = 64,
    LINES = 8 /* asked for of each row; the processor fetches on by itself */
};

/* Room for a walk, of which the linker has enough: a smaller table is emptied sooner. */
static void begin(const vdbi_linker *k, uint32_t ef)
{
    (void)vdbi_scratch_reserve(k->s, ef, 0, k->h->nodes.m0, k->way.codes->row_bytes);
    vdbi_scratch_begin(k->s, ef);
}

static void keep(vdbi_pool *pool, uint64_t key, uint32_t *current)
{
    uint32_t at;

    if (pool->count == pool->capacity && key >= pool->keys[pool->count - 1])
        return;
    if (pool->count < pool->capacity)
        pool->count++;
    for (at = pool->count - 1; at && pool->keys[at - 1] > key; at--)
        pool->keys[at] = pool->keys[at - 1];
    pool->keys[at] = key;
    *current = at < *current ? at : *current;
}

static void ask_for(const vdbi_codes *codes, uint32_t slot)
{
    const uint8_t *row = vdbi_codes_row(codes, slot);

    for (size_t i = 0; i < codes->walk_bytes && i < LINE * LINES; i += LINE)
        __builtin_prefetch(row + i);
}

/* Go on from one node; 1: it links to the one that is looked for. */
static int expand(const vdbi_linker *k, const vdbi_code_query *q, uint32_t from,
                  uint32_t wanted, uint32_t *current)
{
    const vdbi_nodes *n = &k->h->nodes;
    const vdbi_link *links = vdbi_links0(n, from);
    uint32_t fresh[VDBI_CANDIDATES_MAX], count = 0;
    int32_t distances[VDBI_CANDIDATES_MAX];

    for (uint32_t i = 0; i < n->m0; i++) {
        uint32_t other = atomic_load_explicit(&links[i], memory_order_acquire);
        if (other == wanted)
            return 1;
        if (other == VDBI_NO_SLOT)
            break;
        if (vdbi_visit_slot(k->s, other)) {
            fresh[count++] = other;
            ask_for(k->way.codes, other);
        }
    }
    if (count)
        k->way.walk->upper(k->way.codes, q, fresh, count, distances);
    for (uint32_t i = 0; i < count; i++)
        keep(&k->s->pool, vdbi_key(distances[i], fresh[i]), current);
    return 0;
}

/* Whether a walk by a node's own value, as searches go, comes by a link to it. */
static int is_met(const vdbi_linker *k, uint32_t slot)
{
    uint64_t entry = atomic_load_explicit(&k->h->entry, memory_order_acquire), best;
    uint32_t way_in = (uint32_t)entry, current = 0;
    vdbi_pool *pool = &k->s->pool;
    vdbi_code_query q;
    int32_t distance;

    begin(k, LOOK_EF);
    vdbi_codes_query_row(k->way.codes, slot, k->s->query_bytes, &q);
    k->way.walk->distances(k->way.codes, &q, &way_in, 1, &distance);
    best =
        k->way.walk->descend(&k->h->nodes, k->way.codes, &q, vdbi_key(distance, way_in),
                             (uint32_t)(entry >> 32), 0, k->s);
    way_in = vdbi_key_slot(best);
    if (way_in == slot)
        return 1;
    k->way.walk->upper(k->way.codes, &q, &way_in, 1, &distance);
    keep(pool, vdbi_key(distance, way_in), &current);
    vdbi_visit_slot(k->s, way_in);
    while (current < pool->count) {
        uint64_t key = pool->keys[current];
        if (key & 1) {
            current++;
            continue;
        }
        pool->keys[current] = key | 1;
        if (expand(k, &q, vdbi_key_slot(key), slot, &current))
            return 1;
    }
    return 0;
}

/* Whether a search that keeps VDBI_TRY_EF finds it; what it finds is in the pool.  Under dot
 * product others may be nearer; where so many are, it need not be found. */
static int is_found(const vdbi_linker *k, uint32_t slot)
{
    const vdbi_pool *pool = &k->s->pool;
    vdbi_code_query q;
    int32_t own;

    begin(k, VDBI_TRY_EF);
    if (vdbi_find_from_top(k, slot, 0, 1, VDBI_TRY_EF))
        return 1;
    if (pool->count < VDBI_TRY_EF)
        return 0;
    vdbi_codes_query_row(k->way.codes, slot, k->s->query_bytes, &q);
    k->way.walk->distances(k->way.codes, &q, &slot, 1, &own);
    return vdbi_key_distance(pool->keys[pool->count - 1]) <= own;
}

static uint32_t look_for(const vdbi_linker *k, uint32_t slot)
{
    const vdbi_nodes *n = &k->h->nodes;
    const vdbi_pool *pool = &k->s->pool;
    uint32_t made = 0;

    atomic_fetch_and(vdbi_marks_of(n, slot), (uint8_t)~VDBI_MARK_UNTRIED);
    if (is_met(k, slot) || is_found(k, slot))
        return 0;
    for (uint32_t i = 0; i < pool->count && made < LINKS_MADE; i++) {
        uint32_t other = vdbi_key_slot(pool->keys[i]);
        if (vdbi_is_node(n, other) && vdbi_add_link(n, other, slot)) {
            vdbi_add_link(n, slot, other);
            made++;
        }
    }
    return made;
}

static uint32_t look_for_new(const vdbi_linker *k, uint32_t slot)
{
    return vdbi_is_marked(&k->h->nodes, slot, VDBI_MARK_UNTRIED) ? look_for(k, slot)
                                                                 : 0;
}

vdb_status vdbi_hnsw_find_each(vdbi_hnsw *h, int all, const vdbi_pace *pace,
                               uint64_t *made)
{
    return vdbi_every_node(h, pace, all ? look_for : look_for_new, made);
}
