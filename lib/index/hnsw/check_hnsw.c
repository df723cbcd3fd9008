/* check_hnsw.c: every invariant of the graph.
 *
 *   - an entry of a list is a linked node that is not leaving and not chained, not the
 *     list's own node and not there twice; behind the first empty place all are empty
 *   - an entry on layer l is a node of that layer or a higher one
 *   - rows of upper links are in range, and belong to one node
 *   - a chain hangs from a node that is marked so, holds chained slots only, each once,
 *     of the same code; every chained slot is in one
 *   - the way in is a node of the highest layer; there is none exactly if there is no node
 *   - the counts are right
 *   - every node can be reached from the way in (vdbi_hnsw_check only)
 */
#include <string.h>

#include "base/bitmap.h"
#include "base/error.h"
#include "index/hnsw/link_priv.h"
#include "index/hnsw/upkeep.h"

enum {
    NODES_PER_TICK = 1024
};

typedef struct checking {
    vdbi_hnsw *h;
    const vdbi_nodes *n;
    uint32_t limit;
    uint64_t *in_chain;
    uint64_t *uppers;
    uint64_t nodes, chained, met_chained;
    uint32_t highest;
} checking;

static vdb_status check_entry(const checking *c, uint32_t slot, uint32_t layer,
                              uint32_t entry)
{
    const char *what = NULL;

    if (entry >= c->limit)
        return vdbi_fail(VDB_CORRUPT,
                         "graph: node %u, layer %u: a link to slot %u of %u", slot,
                         layer, entry, c->limit);
    if (entry == slot)
        what = "itself";
    else if (!(vdbi_marks(c->n, entry) & VDBI_MARK_LINKED))
        what = "a slot that is not linked";
    else if (vdbi_marks(c->n, entry) & VDBI_MARK_LEAVING)
        what = "a slot that is leaving";
    else if (vdbi_marks(c->n, entry) & VDBI_MARK_CHAINED)
        what = "a twin in a chain";
    else if (atomic_load(&vdbi_node_of(c->n, entry)->layer) < layer)
        what = "a node of a lower layer";
    if (!what)
        return VDB_OK;
    return vdbi_fail(VDB_CORRUPT, "graph: node %u, layer %u: a link to %s, %u", slot,
                     layer, what, entry);
}

static vdb_status check_list(const checking *c, uint32_t slot, uint32_t layer)
{
    const vdbi_link *links = vdbi_links(c->n, slot, layer);
    uint32_t max = vdbi_links_max(c->n, layer), entries[VDBI_CANDIDATES_MAX], count = 0;
    vdb_status st = VDB_OK;

    for (uint32_t i = 0; i < max && !st; i++) {
        uint32_t entry = atomic_load_explicit(&links[i], memory_order_acquire);
        if (entry == VDBI_NO_SLOT)
            continue;
        if (i != count)
            return vdbi_fail(VDB_CORRUPT,
                             "graph: node %u, layer %u: a gap before place %u", slot,
                             layer, i);
        for (uint32_t j = 0; j < count; j++)
            if (entries[j] == entry)
                return vdbi_fail(VDB_CORRUPT,
                                 "graph: node %u, layer %u: two links to %u", slot,
                                 layer, entry);
        entries[count++] = entry;
        st = check_entry(c, slot, layer, entry);
    }
    return st;
}

static vdb_status check_chain(checking *c, uint32_t leader)
{
    const vdbi_codes *codes = vdbi_hnsw_way(c->h).codes;
    uint32_t slot = leader;

    for (;;) {
        uint32_t next = atomic_load(&vdbi_node_of(c->n, slot)->twin);
        if (next == VDBI_NO_SLOT)
            return slot == leader ? vdbi_fail(VDB_CORRUPT,
                                              "graph: node %u: an empty chain", leader)
                                  : VDB_OK;
        if (next >= c->limit || !(vdbi_marks(c->n, next) & VDBI_MARK_LINKED) ||
            !(vdbi_marks(c->n, next) & VDBI_MARK_CHAINED) ||
            vdbi_marks(c->n, next) & (VDBI_MARK_LEAVING | VDBI_MARK_TWINS))
            return vdbi_fail(VDB_CORRUPT,
                             "graph: node %u: slot %u in its chain is no twin", leader,
                             next);
        if (vdbi_bit_get(c->in_chain, next))
            return vdbi_fail(VDB_CORRUPT, "graph: slot %u stands in chains twice",
                             next);
        if (memcmp(vdbi_codes_row(codes, leader), vdbi_codes_row(codes, next),
                   codes->row_bytes) != 0)
            return vdbi_fail(VDB_CORRUPT, "graph: node %u: slot %u is not its equal",
                             leader, next);
        if (atomic_load(vdbi_links0(c->n, next)) != (leader | VDBI_MEMBER))
            return vdbi_fail(VDB_CORRUPT, "graph: node %u: slot %u has another leader",
                             leader, next);
        vdbi_bit_set(c->in_chain, next);
        c->met_chained++;
        slot = next;
    }
}

static int is_owner(const vdbi_nodes *n, uint32_t row, uint32_t slot, uint32_t layer)
{
    const vdbi_link *words = (vdbi_link *)(void *)vdbi_extents_row(&n->uppers, row);

    return atomic_load(&words[VDBI_UPPER_OWNER]) == slot &&
           atomic_load(&words[VDBI_UPPER_LAYER]) == layer;
}

static vdb_status check_upper_rows(checking *c, uint32_t slot, uint32_t layer)
{
    uint32_t row = atomic_load(&vdbi_node_of(c->n, slot)->upper);

    for (uint32_t i = row; i < row + layer; i++) {
        if (i >= atomic_load(&c->n->upper_count))
            return vdbi_fail(VDB_CORRUPT, "graph: node %u: no such upper row, %u", slot,
                             i);
        if (vdbi_bit_get(c->uppers, i))
            return vdbi_fail(VDB_CORRUPT, "graph: node %u: upper row %u is another's",
                             slot, i);
        if (!is_owner(c->n, i, slot, i - row + 1))
            return vdbi_fail(VDB_CORRUPT, "graph: node %u: upper row %u names another",
                             slot, i);
        vdbi_bit_set(c->uppers, i);
    }
    return VDB_OK;
}

static vdb_status check_node(checking *c, uint32_t slot)
{
    uint8_t mine = vdbi_marks(c->n, slot);
    uint32_t layer = atomic_load(&vdbi_node_of(c->n, slot)->layer);
    vdb_status st;

    if (layer >= c->h->shape.max_layers)
        return vdbi_fail(VDB_CORRUPT, "graph: node %u is on layer %u", slot, layer);
    st = check_upper_rows(c, slot, layer);
    if (mine & VDBI_MARK_CHAINED) {
        c->chained++;
        return st;
    }
    c->nodes++;
    c->highest = layer > c->highest ? layer : c->highest;
    for (uint32_t l = 0; l <= layer && !st; l++)
        st = check_list(c, slot, l);
    if (!st && mine & VDBI_MARK_TWINS)
        st = check_chain(c, slot);
    return st;
}

static vdb_status check_entry_point(const checking *c)
{
    uint64_t entry = atomic_load(&c->h->entry);
    uint32_t slot = (uint32_t)entry;

    if (c->nodes == 0)
        return entry == VDBI_NO_ENTRY
                   ? VDB_OK
                   : vdbi_fail(VDB_CORRUPT, "graph: a way in, slot %u, but no node",
                               slot);
    if (entry == VDBI_NO_ENTRY)
        return vdbi_fail(VDB_CORRUPT, "graph: no way in");
    if (slot >= c->limit || !vdbi_is_node(c->n, slot) ||
        atomic_load(&vdbi_node_of(c->n, slot)->layer) != entry >> 32 ||
        entry >> 32 != c->highest)
        return vdbi_fail(VDB_CORRUPT,
                         "graph: the way in is slot %u on layer %u; the highest is %u",
                         slot, (uint32_t)(entry >> 32), c->highest);
    return VDB_OK;
}

static vdb_status check_sums(const checking *c)
{
    if (c->met_chained != c->chained)
        return vdbi_fail(VDB_CORRUPT, "graph: %llu twins, of which %llu are in chains",
                         (unsigned long long)c->chained,
                         (unsigned long long)c->met_chained);
    if (atomic_load(&c->h->count) != c->nodes + c->chained ||
        atomic_load(&c->h->twins) != c->chained)
        return vdbi_fail(VDB_CORRUPT,
                         "graph: %llu nodes and %llu twins; counted %llu and %llu",
                         (unsigned long long)c->nodes, (unsigned long long)c->chained,
                         (unsigned long long)atomic_load(&c->h->count),
                         (unsigned long long)atomic_load(&c->h->twins));
    return VDB_OK;
}

vdb_status vdbi_hnsw_check_rows(vdbi_hnsw *h, vdb_status (*tick)(void *arg), void *arg)
{
    checking c = {.h = h, .n = &h->nodes, .limit = atomic_load(&h->slot_limit)};
    vdb_status st = VDB_OK;

    c.in_chain = vdbi_calloc(h->memory, VDBI_BITMAP_WORDS(c.limit) + 1, 8);
    c.uppers = vdbi_calloc(
        h->memory, VDBI_BITMAP_WORDS(atomic_load(&h->nodes.upper_count)) + 1, 8);
    if (!c.in_chain || !c.uppers)
        st = VDB_NOMEM;
    for (uint32_t slot = 0; slot < c.limit && !st; slot++) {
        if (tick && slot % NODES_PER_TICK == 0)
            st = tick(arg);
        if (!st && vdbi_marks(c.n, slot) & VDBI_MARK_LINKED &&
            !(vdbi_marks(c.n, slot) & VDBI_MARK_LEAVING))
            st = check_node(&c, slot);
    }
    if (!st)
        st = check_entry_point(&c);
    if (!st)
        st = check_sums(&c);
    vdbi_free(h->memory, c.in_chain);
    vdbi_free(h->memory, c.uppers);
    return st;
}

vdb_status vdbi_hnsw_check(vdbi_hnsw *h)
{
    uint64_t missed = 0;
    uint32_t first = 0;
    vdb_status st = vdbi_hnsw_check_rows(h, NULL, NULL);

    if (!st)
        st = vdbi_hnsw_missed(h, &missed, &first);
    if (!st && missed)
        st = vdbi_fail(VDB_CORRUPT, "graph: no way leads to %llu nodes, such as %u",
                       (unsigned long long)missed, first);
    return st;
}
