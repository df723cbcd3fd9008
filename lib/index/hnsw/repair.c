/* repair.c: see repair_priv.h.
 *
 * A node that loses neighbours keeps all others, and gets some of those that the lost ones
 * led to: the way that went through them.  Of these the nearest are taken, as many as
 * diversity lets in beside those kept.  Choosing all anew would be no worse for one
 * repair, but lists would become shorter with each, for the heuristic only ever leaves
 * out.
 */
#include "index/hnsw/repair_priv.h"

enum {
    THROUGH_MAX = 64 /* leaving nodes that are looked behind, for one list */
};

/* What is known of one list while it is being repaired. */
typedef struct mending {
    uint32_t kept[VDBI_CANDIDATES_MAX], kept_count;
    uint32_t others[VDBI_CANDIDATES_MAX], other_count; /* may be chosen */
    uint32_t through[THROUGH_MAX], through_count;      /* leaving, to look behind */
} mending;

static int is_among(const uint32_t *slots, uint32_t count, uint32_t slot)
{
    for (uint32_t i = 0; i < count; i++)
        if (slots[i] == slot)
            return 1;
    return 0;
}

/* Sort one entry of a list; `own`: of the list itself, not of a leaving neighbour's. */
static void take(const vdbi_nodes *n, mending *m, uint32_t slot, uint32_t entry,
                 int own)
{
    if (vdbi_is_marked(n, entry, VDBI_MARK_LEAVING)) {
        uint32_t heir = vdbi_heir_of(n, entry);
        if (heir == VDBI_NO_SLOT) {
            if (m->through_count < THROUGH_MAX &&
                !is_among(m->through, m->through_count, entry))
                m->through[m->through_count++] = entry;
            return;
        }
        entry = heir;
    }
    if (entry == slot || is_among(m->kept, m->kept_count, entry))
        return;
    if (own)
        m->kept[m->kept_count++] = entry;
    else if (m->kept_count + m->other_count < VDBI_CANDIDATES_MAX)
        m->others[m->other_count++] = entry;
}

static void take_list(const vdbi_nodes *n, mending *m, uint32_t slot, uint32_t of,
                      uint32_t layer)
{
    const vdbi_link *links = vdbi_links(n, of, layer);
    uint32_t max = vdbi_links_max(n, layer);

    for (uint32_t i = 0; i < max; i++) {
        uint32_t entry = atomic_load_explicit(&links[i], memory_order_acquire);
        if (entry == VDBI_NO_SLOT)
            return;
        take(n, m, slot, entry, of == slot);
    }
}

/* The candidates: who stands behind the lost ones, and, while these are too few, behind
 * leaving ones behind them. */
static void look_behind(const vdbi_nodes *n, mending *m, uint32_t slot, uint32_t layer)
{
    uint32_t lost = m->through_count;

    for (uint32_t i = 0; i < m->through_count; i++) {
        if (i >= lost && m->other_count >= vdbi_links_max(n, layer))
            return;
        take_list(n, m, slot, m->through[i], layer);
    }
}

/* Add to those kept, of the others; how many there are then. */
static uint32_t add_diverse(const vdbi_linker *k, mending *m, uint32_t slot,
                            uint32_t max)
{
    const vdbi_codes *codes = k->way.codes;
    uint64_t keys[VDBI_CANDIDATES_MAX], before = UINT64_MAX;
    uint32_t count = m->kept_count;

    vdbi_keys_from(k, slot, m->others, m->other_count, keys);
    for (uint32_t i = 0; i < m->other_count && count < max; i++) {
        uint32_t other = vdbi_key_slot(keys[i]);
        vdbi_code_query q;
        if (keys[i] == before)
            continue;
        before = keys[i];
        vdbi_codes_query_row(codes, other, k->s->row_bytes, &q);
        if (!k->way.walk->any_nearer(codes, &q, m->kept, count,
                                     vdbi_key_distance(keys[i])))
            m->kept[count++] = other;
    }
    return count;
}

static int has_leaving(const vdbi_nodes *n, uint32_t slot, uint32_t layer)
{
    const vdbi_link *links = vdbi_links(n, slot, layer);
    uint32_t max = vdbi_links_max(n, layer);

    for (uint32_t i = 0; i < max; i++) {
        uint32_t entry = atomic_load_explicit(&links[i], memory_order_acquire);
        if (entry == VDBI_NO_SLOT)
            return 0;
        if (vdbi_is_marked(n, entry, VDBI_MARK_LEAVING))
            return 1;
    }
    return 0;
}

/* How many links the list has then. */
static uint32_t repair_list(const vdbi_linker *k, uint32_t slot, uint32_t layer)
{
    const vdbi_nodes *n = &k->h->nodes;
    vdbi_node *node = vdbi_node_of(n, slot);
    uint32_t max = vdbi_links_max(n, layer), count;
    mending m;

    m.kept_count = m.other_count = m.through_count = 0;
    vdbi_node_lock(node);
    take_list(n, &m, slot, slot, layer);
    look_behind(n, &m, slot, layer);
    count = add_diverse(k, &m, slot, max);
    vdbi_set_links(vdbi_links(n, slot, layer), max, m.kept, count);
    vdbi_links_touch(n, slot, layer);
    vdbi_node_unlock(node);
    return count;
}

void vdbi_repair_node(const vdbi_linker *k, uint32_t slot)
{
    const vdbi_nodes *n = &k->h->nodes;
    uint32_t top =
        atomic_load_explicit(&vdbi_node_of(n, slot)->layer, memory_order_relaxed);

    for (uint32_t layer = 0; layer <= top; layer++)
        if (has_leaving(n, slot, layer))
            if (repair_list(k, slot, layer) < n->m / 4 && layer == 0) {
                vdbi_find_from_top(k, slot, 0, 1, k->h->shape.ef_construction);
                vdbi_link_to(k, slot, 0);
                vdbi_link_from(k, slot, 0);
            }
}
