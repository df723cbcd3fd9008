/* reach.c: finding nodes that no way leads to, and making one.
 *
 * Links are directed.  A node whose neighbours have all chosen others is met by nobody,
 * whatever it links to itself.  Repair and insertion make such nodes rarely, but they do.
 *
 * Layer by layer, from the top, which is the way in's, all that the layers above lead to is
 * searched in breadth; each node that is met remembers which node it was met from.  These
 * links are a tree that reaches everything met: a link that is not of the tree may be taken
 * away without anything becoming unreachable.  So a node that was not met gets a link from
 * one near to it that was met: into a free place there or one link farther; only when all of
 * these are full into that of the farthest neighbour that the tree does not need.  (Under dot
 * product most short vectors are met by nobody, and the few longest are nearest to all of them:
 * these would lose what leads from one to the other.)  The search goes on from there.  The
 * nodes behind it are met then, so only a few are linked in each round, more in each than in
 * the one before.
 *
 * (On the upper layers too: two clusters far from each other may have no links there, and
 * a walk that comes down in the wrong one does not find the way on layer 0 either.)
 *
 * Insertions go on meanwhile and know nothing of the tree.  They may take away one of its
 * links; so all is searched again until a search has met everybody, a few times at most.
 */
#include <string.h>

#include "base/bitmap.h"
#include "base/error.h"
#include "index/hnsw/link_priv.h"
#include "index/hnsw/upkeep.h"

enum {
    SEARCHES_MAX = 4,
    ROUND_MIN = 16, /* nodes that are linked in the first round */
    HOPS_AT_ONCE = 4096
};

typedef struct reaching {
    vdbi_hnsw *h;
    const vdbi_pace *pace;
    uint32_t layer;
    uint32_t limit;
    uint32_t *from;  /* by slot: where it was met from; VDBI_NO_SLOT: not yet */
    uint64_t *front; /* met, to be expanded */
    uint64_t *next;
    uint64_t *wanted; /* linked when the search began */
} reaching;

static vdb_status go_on(const vdbi_pace *pace)
{
    if (pace && !pace->go_on(pace->arg))
        return vdbi_fail(VDB_CANCELLED, "the graph's upkeep was given up");
    return VDB_OK;
}

static void clear(reaching *r)
{
    vdbi_free(r->h->memory, r->from);
    vdbi_free(r->h->memory, r->front);
    vdbi_free(r->h->memory, r->next);
    vdbi_free(r->h->memory, r->wanted);
}

static int is_above(const vdbi_nodes *n, uint32_t slot, uint32_t layer)
{
    return vdbi_is_node(n, slot) && atomic_load(&vdbi_node_of(n, slot)->layer) >= layer;
}

static vdb_status begin(vdbi_hnsw *h, uint32_t layer, const vdbi_pace *pace,
                        reaching *r)
{
    size_t words;

    *r = (reaching){
        .h = h, .pace = pace, .layer = layer, .limit = atomic_load(&h->slot_limit)};
    words = VDBI_BITMAP_WORDS(r->limit) + 1;
    r->from = vdbi_alloc(h->memory, ((size_t)r->limit + 1) * sizeof *r->from);
    r->front = vdbi_calloc(h->memory, words, sizeof *r->front);
    r->next = vdbi_calloc(h->memory, words, sizeof *r->next);
    r->wanted = vdbi_calloc(h->memory, words, sizeof *r->wanted);
    if (!r->from || !r->front || !r->next || !r->wanted) {
        clear(r);
        return VDB_NOMEM;
    }
    memset(r->from, 0xFF, (size_t)r->limit * sizeof *r->from);
    for (uint32_t slot = 0; slot < r->limit; slot++)
        if (is_above(&h->nodes, slot, layer))
            vdbi_bit_set(r->wanted, slot);
    return VDB_OK;
}

static void meet(reaching *r, uint32_t slot, uint32_t from, uint64_t *front)
{
    if (slot >= r->limit || r->from[slot] != VDBI_NO_SLOT)
        return;
    r->from[slot] = from;
    vdbi_bit_set(front, slot);
}

static void expand(reaching *r, uint32_t slot)
{
    const vdbi_nodes *n = &r->h->nodes;
    const vdbi_link *links = vdbi_links(n, slot, r->layer);
    uint32_t max = vdbi_links_max(n, r->layer);

    for (uint32_t i = 0; i < max; i++) {
        uint32_t other = atomic_load_explicit(&links[i], memory_order_acquire);
        if (other == VDBI_NO_SLOT)
            return;
        if (!vdbi_is_marked(n, other, VDBI_MARK_LEAVING))
            meet(r, other, slot, r->next);
    }
}

/* Expand all of the front, and what that meets, until nothing new is met. */
static vdb_status spread(reaching *r)
{
    size_t words = VDBI_BITMAP_WORDS(r->limit), hops = 0;
    uint64_t *expanded;
    int any = 1;

    while (any) {
        any = 0;
        for (size_t w = 0; w < words; w++)
            for (; r->front[w]; r->front[w] &= r->front[w] - 1) {
                vdb_status st = hops++ % HOPS_AT_ONCE ? VDB_OK : go_on(r->pace);
                if (st)
                    return st;
                expand(r, (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(r->front[w]));
                any = 1;
            }
        expanded = r->front;
        r->front = r->next;
        r->next = expanded;
    }
    return VDB_OK;
}

/* From what the layers above have led to. */
static vdb_status spread_from_top(reaching *r)
{
    uint64_t entry = atomic_load(&r->h->entry);

    if (entry == VDBI_NO_ENTRY)
        return VDB_OK;
    for (uint32_t slot = 0; slot < r->limit; slot++)
        if (is_above(&r->h->nodes, slot, r->layer + 1))
            meet(r, slot, slot, r->front);
    meet(r, (uint32_t)entry, (uint32_t)entry, r->front);
    return spread(r);
}

static uint64_t count_missed(const reaching *r)
{
    uint64_t n = 0;

    for (uint32_t slot = 0; slot < r->limit; slot++)
        n += r->from[slot] == VDBI_NO_SLOT && vdbi_bit_get(r->wanted, slot);
    return n;
}

/* A place in the full list of a node for a new link: that of the farthest neighbour which
 * was not met from here. */
static vdbi_link *place_in(const vdbi_linker *k, const reaching *r, uint32_t slot)
{
    vdbi_link *links = vdbi_links(&k->h->nodes, slot, r->layer);
    uint32_t slots[VDBI_CANDIDATES_MAX];
    uint32_t count = vdbi_links_max(&k->h->nodes, r->layer);
    uint64_t keys[VDBI_CANDIDATES_MAX];

    if (count == 0)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        slots[i] = atomic_load_explicit(&links[i], memory_order_relaxed);
    vdbi_keys_from(k, slot, slots, count, keys);
    while (count--) {
        uint32_t other = vdbi_key_slot(keys[count]), i = 0;
        if (other >= r->limit || r->from[other] == slot)
            continue;
        while (slots[i] != other)
            i++;
        return &links[i];
    }
    return NULL;
}

/* Give a node, if it was met, a link to one that was not: into a free place, or, if it may,
 * into another's; 1: done. */
static int force_link(const vdbi_linker *k, reaching *r, uint32_t slot, uint32_t to,
                      int displace)
{
    const vdbi_nodes *n = &k->h->nodes;
    vdbi_node *node = vdbi_node_of(n, slot);
    vdbi_link *links = vdbi_links(n, slot, r->layer), *place = NULL;
    uint32_t max = vdbi_links_max(n, r->layer), other = 0, i = 0;

    if (slot >= r->limit || r->from[slot] == VDBI_NO_SLOT ||
        vdbi_is_marked(n, slot, VDBI_MARK_LEAVING))
        return 0;
    vdbi_node_lock(node);
    for (; i < max; i++) {
        other = atomic_load_explicit(&links[i], memory_order_relaxed);
        if (other == VDBI_NO_SLOT || other == to)
            break;
    }
    place = i < max ? &links[i] : displace ? place_in(k, r, slot) : NULL;
    if (place) {
        atomic_store_explicit(place, to, memory_order_release);
        vdbi_links_touch(n, slot, r->layer);
    }
    vdbi_node_unlock(node);
    if (place)
        meet(r, to, slot, r->front);
    return place != NULL;
}

/* A link from one of those that a node links to. */
static int link_beside(const vdbi_linker *k, reaching *r, uint32_t near, uint32_t slot)
{
    const vdbi_link *links = vdbi_links(&k->h->nodes, near, r->layer);
    uint32_t max = vdbi_links_max(&k->h->nodes, r->layer);

    for (uint32_t i = 0; i < max; i++) {
        uint32_t other = atomic_load_explicit(&links[i], memory_order_acquire);
        if (other == VDBI_NO_SLOT)
            break;
        if (force_link(k, r, other, slot, 0))
            return 1;
    }
    return 0;
}

/* A link from one of the pool that was met, or from one beside it, so that nobody loses
 * one; only then from one whose list is full.  0: there is none. */
static int link_from_pool(const vdbi_linker *k, reaching *r, uint32_t slot)
{
    const vdbi_pool *pool = &k->s->pool;

    for (int displace = 0; displace < 2; displace++) {
        for (uint32_t i = 0; i < pool->count; i++)
            if (force_link(k, r, vdbi_key_slot(pool->keys[i]), slot, displace))
                return 1;
        for (uint32_t i = 0; i < pool->count && !displace; i++)
            if (link_beside(k, r, vdbi_key_slot(pool->keys[i]), slot))
                return 1;
    }
    return 0;
}

/* A way to a node that was not met; 0: none was found.  The layers above lead near to it,
 * but maybe among others that were not met; this layer from the way in leads to the
 * nearest that were. */
static int make_way(const vdbi_linker *k, reaching *r, uint32_t slot)
{
    uint32_t ef = k->h->shape.ef_construction;

    vdbi_find_from_top(k, slot, r->layer, 1, ef);
    if (link_from_pool(k, r, slot))
        return 1;
    vdbi_find_from_top(k, slot, r->layer, 0, ef);
    return link_from_pool(k, r, slot);
}

/* One round: make ways to `count` of those that were missed, spread over all. */
static vdb_status make_ways(reaching *r, uint64_t missed, uint64_t count,
                            uint64_t *made)
{
    uint64_t step = missed > count ? missed / count : 1, seen = 0;

    *made = 0;
    for (uint32_t slot = 0; slot < r->limit; slot++) {
        vdbi_linker k;
        vdb_status st;
        if (!vdbi_bit_get(r->wanted, slot) || r->from[slot] != VDBI_NO_SLOT ||
            seen++ % step)
            continue;
        st = go_on(r->pace);
        if (!st)
            st = vdbi_linker_begin(r->h, &k);
        if (st)
            return st;
        *made += (uint64_t)make_way(&k, r, slot);
        vdbi_linker_end(&k);
    }
    return spread(r);
}

/* One search of a layer; *made: how many ways had to be made. */
static vdb_status connect_once(vdbi_hnsw *h, uint32_t layer, const vdbi_pace *pace,
                               uint64_t *made)
{
    reaching r;
    vdb_status st = begin(h, layer, pace, &r);

    *made = 0;
    if (st)
        return st;
    st = spread_from_top(&r);
    for (uint64_t count = ROUND_MIN; !st; count *= 2) {
        uint64_t missed = count_missed(&r), now;
        if (missed == 0)
            break;
        st = make_ways(&r, missed, count, &now);
        *made += now;
        if (now == 0)
            break;
    }
    clear(&r);
    return st;
}

static vdb_status connect_layer(vdbi_hnsw *h, uint32_t layer, const vdbi_pace *pace,
                                uint64_t *made)
{
    uint64_t now = 1;
    vdb_status st = VDB_OK;

    for (int i = 0; i < SEARCHES_MAX && now && !st; i++) {
        st = connect_once(h, layer, pace, &now);
        *made += now;
    }
    return st;
}

/* The layer of the way in; 0 if there is none. */
static uint32_t highest_layer(const vdbi_hnsw *h)
{
    uint64_t entry = atomic_load(&h->entry);

    return entry == VDBI_NO_ENTRY ? 0 : (uint32_t)(entry >> 32);
}

vdb_status vdbi_hnsw_connect(vdbi_hnsw *h, const vdbi_pace *pace, uint64_t *made)
{
    vdb_status st = VDB_OK;

    *made = 0;
    for (uint32_t layer = highest_layer(h) + 1; layer-- > 0 && !st;)
        st = connect_layer(h, layer, pace, made);
    return st;
}

vdb_status vdbi_hnsw_missed(vdbi_hnsw *h, uint64_t *missed, uint32_t *first)
{
    vdb_status st = VDB_OK;

    *missed = 0;
    *first = 0;
    for (uint32_t layer = highest_layer(h) + 1; layer-- > 0 && !st && !*missed;) {
        reaching r;
        st = begin(h, layer, NULL, &r);
        if (st)
            return st;
        st = spread_from_top(&r);
        *missed = count_missed(&r);
        for (*first = 0; *missed && *first < r.limit; ++*first)
            if (vdbi_bit_get(r.wanted, *first) && r.from[*first] == VDBI_NO_SLOT)
                break;
        clear(&r);
    }
    return st;
}
