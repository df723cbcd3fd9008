/* unlink.c: taking nodes out of the graph, beside searches and insertions.
 *
 * 1. Mark the nodes as leaving, and wait until every visit that began before has ended.
 *    From here on nobody writes a link to them, for links are written only
 *      - by insertions, which choose nobody who is leaving (vdbi_choose_links, find_twin,
 *        and in vdbi_link_back the new node itself, which cannot be leaving: only linked
 *        nodes are), and who choose anew among a list's nodes leave these out;
 *      - by repair, which does the same.
 *    Insertions that began before, and so may not have seen a mark, have ended.
 * 2. A leaving node that has living twins is succeeded by the first of them, the heir,
 *    which takes over its links, its upper rows and its chain.
 * 3. Go over all nodes: replace links to leaving nodes, by their heirs or by repair, and
 *    cut leaving nodes out of chains.  A node that was linked before step 1 is marked so
 *    and is not missed; one that is linked later has no such links (step 1).
 * 4. Move the way in, if it is leaving.
 * 5. Wait again.  A visit that begins from here on starts at a node that stays and follows
 *    links that lead to such nodes only: by steps 1, 3 and 4 there are no others outside of
 *    the leaving nodes' own lists.  So it meets no leaving node, and those that did have
 *    ended.  See that the way in is the highest of those that stay.
 * 6. Forget the nodes: their rows may be given to others.
 *
 * Step 3 goes over the links of the whole graph, whose cost does not depend on how many
 * leave, and repairs each list that lost somebody.  So it pays to unlink many at once.
 */
#include "index/hnsw/every_priv.h"
#include "index/hnsw/repair_priv.h"

/* What db does not own of a slot's marks. */
enum {
    OUR_MARKS = VDBI_MARK_LINKED | VDBI_MARK_TWINS | VDBI_MARK_LEAVING |
                VDBI_MARK_CHAINED | VDBI_MARK_UNTRIED
};

static uint8_t marks(const vdbi_nodes *n, uint32_t slot)
{
    return atomic_load_explicit(vdbi_marks_of(n, slot), memory_order_acquire);
}

static uint32_t twin_of(const vdbi_nodes *n, uint32_t slot)
{
    return atomic_load_explicit(&vdbi_node_of(n, slot)->twin, memory_order_acquire);
}

static void set_twin(const vdbi_nodes *n, uint32_t slot, uint32_t twin)
{
    atomic_store_explicit(&vdbi_node_of(n, slot)->twin, twin, memory_order_release);
}

/* The first of a chain, from a slot on, that is not leaving. */
static uint32_t skip_leaving(const vdbi_nodes *n, uint32_t slot)
{
    while (slot != VDBI_NO_SLOT && marks(n, slot) & VDBI_MARK_LEAVING)
        slot = twin_of(n, slot);
    return slot;
}

/* ---- 2: heirs ---- */

/* Nobody meets the heir's lists before it is in another's list, or the way in. */
static void take_over(vdbi_nodes *n, uint32_t from, uint32_t heir)
{
    vdbi_node *old = vdbi_node_of(n, from), *node = vdbi_node_of(n, heir);
    vdbi_link *list = vdbi_links0(n, from);
    uint32_t slots[VDBI_CANDIDATES_MAX], layer = atomic_load(&old->layer);

    for (uint32_t i = 0; i < n->m0; i++)
        slots[i] = atomic_load_explicit(&list[i], memory_order_acquire);
    vdbi_set_links(vdbi_links0(n, heir), n->m0, slots, n->m0);
    vdbi_links_touch(n, heir, 0);
    vdbi_uppers_free(n, atomic_load(&node->upper), atomic_load(&node->layer));
    atomic_store_explicit(&node->upper, atomic_load(&old->upper), memory_order_release);
    atomic_store_explicit(&node->layer, (uint8_t)layer, memory_order_release);
    for (uint32_t l = 1; l <= layer; l++)
        vdbi_upper_belongs(n, heir, l);
    atomic_store_explicit(&old->layer, 0, memory_order_release); /* not its own now */
    for (uint32_t slot = twin_of(n, heir); slot != VDBI_NO_SLOT;
         slot = twin_of(n, slot)) {
        atomic_store_explicit(vdbi_links0(n, slot), heir | VDBI_MEMBER,
                              memory_order_release);
        vdbi_links_touch(n, slot, 0);
    }
}

static void appoint_heir(vdbi_hnsw *h, uint32_t slot)
{
    vdbi_nodes *n = &h->nodes;
    uint8_t mine = marks(n, slot);
    uint64_t entry = atomic_load(&h->entry);
    uint32_t heir;

    if (!(mine & VDBI_MARK_TWINS) || mine & VDBI_MARK_CHAINED)
        return;
    /* It has an heir already, when this is called again; that may be leaving now too, and
     * then has one of its own. */
    if (twin_of(n, slot) == VDBI_NO_SLOT ||
        !(marks(n, twin_of(n, slot)) & VDBI_MARK_CHAINED))
        return;
    heir = skip_leaving(n, twin_of(n, slot));
    if (heir == VDBI_NO_SLOT)
        return;
    take_over(n, slot, heir);
    set_twin(n, slot, heir);
    if (twin_of(n, heir) != VDBI_NO_SLOT)
        atomic_fetch_or(vdbi_marks_of(n, heir), VDBI_MARK_TWINS);
    atomic_fetch_and(vdbi_marks_of(n, heir), (uint8_t)~VDBI_MARK_CHAINED);
    atomic_fetch_sub(&h->twins, 1);
    if ((uint32_t)entry == slot)
        atomic_compare_exchange_strong(&h->entry, &entry,
                                       (entry & ~(uint64_t)UINT32_MAX) | heir);
}

/* ---- 3: all nodes ---- */

/* Insertions put twins at the head of a chain; behind it nobody else changes it. */
static void cut_chain(vdbi_nodes *n, uint32_t leader)
{
    vdbi_node *node = vdbi_node_of(n, leader);
    uint32_t slot, next;

    vdbi_node_lock(node);
    slot = skip_leaving(n, twin_of(n, leader));
    if (slot != twin_of(n, leader))
        set_twin(n, leader, slot);
    if (slot == VDBI_NO_SLOT)
        atomic_fetch_and(vdbi_marks_of(n, leader), (uint8_t)~VDBI_MARK_TWINS);
    vdbi_node_unlock(node);
    for (; slot != VDBI_NO_SLOT; slot = next) {
        next = skip_leaving(n, twin_of(n, slot));
        if (next != twin_of(n, slot))
            set_twin(n, slot, next);
    }
}

static uint32_t repair(const vdbi_linker *k, uint32_t slot)
{
    int has_twins = vdbi_is_marked(&k->h->nodes, slot, VDBI_MARK_TWINS);

    vdbi_repair_node(k, slot);
    if (has_twins)
        cut_chain(&k->h->nodes, slot);
    return 0;
}

/* ---- 4: the way in ---- */

/* The highest node that stays; VDBI_NO_ENTRY: none. */
static uint64_t highest(const vdbi_hnsw *h)
{
    const vdbi_nodes *n = &h->nodes;
    uint32_t limit = atomic_load(&h->slot_limit);
    uint64_t best = VDBI_NO_ENTRY;

    for (uint32_t slot = 0; slot < limit; slot++) {
        uint64_t layer;
        if ((marks(n, slot) & (VDBI_MARK_LINKED | VDBI_MARK_LEAVING |
                               VDBI_MARK_CHAINED)) != VDBI_MARK_LINKED)
            continue;
        layer = atomic_load(&vdbi_node_of(n, slot)->layer);
        if (best == VDBI_NO_ENTRY || layer > best >> 32)
            best = layer << 32 | slot;
    }
    return best;
}

static int is_leaving_entry(const vdbi_hnsw *h, uint64_t entry)
{
    return entry != VDBI_NO_ENTRY &&
           vdbi_is_marked(&h->nodes, (uint32_t)entry, VDBI_MARK_LEAVING);
}

/* An insertion that finds nothing but leaving nodes makes its own node the way in, and so
 * does not mind if it has become VDBI_NO_ENTRY meanwhile. */
static void move_entry(vdbi_hnsw *h)
{
    uint64_t entry = atomic_load(&h->entry);

    while (is_leaving_entry(h, entry))
        if (atomic_compare_exchange_weak(&h->entry, &entry, highest(h)))
            break;
}

/* A node that was linked while the way in was being chosen may be higher.  And an insertion
 * that met nothing but leaving nodes, whose heirs nobody led to yet, made its own node the
 * way in, with no links: nearly all would be behind it for good, for those who connect take it
 * that the layers above it are reached. */
static void raise_entry(vdbi_hnsw *h)
{
    uint64_t entry = atomic_load(&h->entry), best = highest(h);

    while (best != VDBI_NO_ENTRY &&
           (entry == VDBI_NO_ENTRY || entry >> 32 < best >> 32))
        if (atomic_compare_exchange_weak(&h->entry, &entry, best))
            break;
}

/* ---- 6 ---- */

static void forget(vdbi_hnsw *h, uint32_t slot)
{
    vdbi_nodes *n = &h->nodes;
    vdbi_node *node = vdbi_node_of(n, slot);

    vdbi_uppers_free(n, atomic_load(&node->upper), atomic_load(&node->layer));
    if (marks(n, slot) & VDBI_MARK_CHAINED)
        atomic_fetch_sub(&h->twins, 1);
    atomic_fetch_and(vdbi_marks_of(n, slot), (uint8_t)~OUR_MARKS);
    atomic_fetch_sub(&h->count, 1);
}

vdb_status vdbi_hnsw_unlink(vdbi_hnsw *h, const uint32_t *slots, size_t count,
                            const vdbi_pace *pace)
{
    uint64_t made;
    vdb_status st;

    if (count == 0)
        return VDB_OK;
    for (size_t i = 0; i < count; i++)
        atomic_fetch_or(vdbi_marks_of(&h->nodes, slots[i]), VDBI_MARK_LEAVING);
    vdbi_visitors_wait(h->visitors);
    for (size_t i = 0; i < count; i++)
        appoint_heir(h, slots[i]);
    st = vdbi_every_node(h, pace, repair, &made);
    if (st)
        return st;
    move_entry(h);
    vdbi_visitors_wait(h->visitors);
    raise_entry(h);
    for (size_t i = 0; i < count; i++)
        forget(h, slots[i]);
    return VDB_OK;
}
