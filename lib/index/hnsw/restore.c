/* restore.c: see restore.h. */
#include "index/hnsw/restore.h"

#include <stdio.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"

vdb_status vdbi_hnsw_restore(vdbi_memory *memory, const vdbi_hnsw_shape *shape,
                             const vdbi_codes_fitted *fitted, vdbi_hnsw **out)
{
    vdbi_codes *codes;
    vdb_status st =
        vdbi_codes_restore(memory, shape->metric, shape->dimension, fitted, &codes);

    *out = NULL;
    return st ? st : vdbi_hnsw_create_with(memory, shape, codes, out);
}

vdb_status vdbi_restore_slot(vdbi_hnsw *h, uint32_t slot)
{
    vdb_status st = vdbi_hnsw_reserve(h, slot);

    if (!st)
        st = vdbi_nodes_make(&h->nodes, slot, 0);
    if (!st)
        atomic_store(vdbi_marks_of(&h->nodes, slot), VDBI_MARK_LINKED);
    return st;
}

/* Marked before links are looked at: a byte of a mark is in the cache, the other's row of
 * links, which says so too, is not. */
static int is_member(const vdbi_hnsw *h, uint32_t slot)
{
    return vdbi_is_marked(&h->nodes, slot, VDBI_MARK_CHAINED);
}

static void mark_member(vdbi_hnsw *h, uint32_t slot)
{
    uint32_t first = atomic_load(vdbi_links0(&h->nodes, slot));

    if (first != VDBI_NO_SLOT && first & VDBI_MEMBER)
        atomic_fetch_or(vdbi_marks_of(&h->nodes, slot), VDBI_MARK_CHAINED);
}

void vdbi_restore_links(vdbi_hnsw *h, uint32_t slot, const uint8_t *row)
{
    vdbi_link *links = vdbi_links0(&h->nodes, slot);

    for (uint32_t i = 0; i < h->nodes.m0; i++)
        atomic_store_explicit(&links[i], vdbi_get32(row + 4 * (size_t)i),
                              memory_order_relaxed);
}

vdb_status vdbi_restore_upper(vdbi_hnsw *h, uint32_t number, const uint8_t *row)
{
    uint32_t owner = vdbi_get32(row + 4 * VDBI_UPPER_OWNER);
    uint32_t layer = vdbi_get32(row + 4 * VDBI_UPPER_LAYER);
    vdbi_node *node = vdbi_node_of(&h->nodes, owner);
    vdbi_link *words;
    vdb_status st = vdbi_nodes_reserve_upper(&h->nodes, number);

    if (st)
        return st;
    words = (vdbi_link *)(void *)vdbi_extents_row(&h->nodes.uppers, number);
    for (uint32_t i = 0; i < VDBI_UPPER_LINKS + h->nodes.m; i++)
        atomic_store_explicit(&words[i], vdbi_get32(row + 4 * (size_t)i),
                              memory_order_relaxed);
    /* A node's rows follow one another, from layer 1 up. */
    if (layer == 1 && atomic_load(&node->layer) == 0)
        atomic_store(&node->upper, number);
    else if (layer != atomic_load(&node->layer) + 1u ||
             number != atomic_load(&node->upper) + layer - 1)
        return VDB_OK;
    if (layer < VDBI_LAYERS_MAX)
        atomic_store(&node->layer, (uint8_t)layer);
    return VDB_OK;
}

/* Tell of a link on `layer` of a node. */
static void tell(const vdbi_restore_ear *ear, uint32_t slot, uint32_t layer,
                 const char *what, uint32_t other)
{
    char text[120];

    if (!ear)
        return;
    snprintf(text, sizeof text, "node %u, layer %u: %s, %u", slot, layer, what, other);
    ear->strange(ear->arg, text);
}

static int is_among(const vdbi_link *links, uint32_t count, uint32_t slot)
{
    for (uint32_t i = 0; i < count; i++)
        if (atomic_load_explicit(&links[i], memory_order_relaxed) == slot)
            return 1;
    return 0;
}

/* What is wrong with a link to a slot that is linked; NULL: nothing. */
static const char *fault_of(const vdbi_hnsw *h, uint32_t slot, uint32_t layer,
                            uint32_t other)
{
    if (other == slot)
        return "a link to itself";
    if (is_member(h, other))
        return "a link to a twin in a chain";
    if (layer && atomic_load(&vdbi_node_of(&h->nodes, other)->layer) < layer)
        return "a link to a node of a lower layer";
    return NULL;
}

/* Drop what leads nowhere, or stands there twice, and close the holes. */
static void sift_links(vdbi_hnsw *h, uint32_t slot, uint32_t layer, uint32_t bound,
                       const vdbi_restore_ear *ear)
{
    vdbi_link *links = vdbi_links(&h->nodes, slot, layer);
    uint32_t max = vdbi_links_max(&h->nodes, layer), kept = 0, end = max;

    for (uint32_t i = 0; i < max; i++) {
        uint32_t other = atomic_load_explicit(&links[i], memory_order_relaxed);
        const char *what = NULL, *fault;
        int there, twice;
        if (other == VDBI_NO_SLOT) {
            end = end < i ? end : i;
            continue;
        }
        there = other < bound && vdbi_hnsw_has(h, other);
        twice = is_among(links, kept, other);
        fault = there ? fault_of(h, slot, layer, other) : NULL;
        if (i > end)
            what = "a link behind a gap";
        else if (ear && other >= ear->slots)
            what = "a link to no slot";
        else
            what = twice ? "two links to one slot" : fault;
        if (what)
            tell(ear, slot, layer, what, other);
        if (there && !twice && !fault)
            atomic_store_explicit(&links[kept++], other, memory_order_relaxed);
    }
    for (; kept < max; kept++)
        atomic_store_explicit(&links[kept], VDBI_NO_SLOT, memory_order_relaxed);
}

/* A twin joins the chain of its leader; one without a leader is no node any more. */
static void restore_member(vdbi_hnsw *h, uint32_t slot, uint32_t bound,
                           const vdbi_restore_ear *ear)
{
    uint32_t leader = atomic_load(vdbi_links0(&h->nodes, slot)) & ~VDBI_MEMBER;
    vdbi_node *node = vdbi_node_of(&h->nodes, slot);

    if (ear && (leader >= ear->slots || leader == slot))
        tell(ear, slot, 0, "its leader is no slot", leader);
    else if (leader < bound && vdbi_hnsw_has(h, leader) && is_member(h, leader))
        tell(ear, slot, 0, "its leader is a twin itself", leader);
    if (leader >= bound || !vdbi_hnsw_has(h, leader) || is_member(h, leader)) {
        atomic_store(vdbi_marks_of(&h->nodes, slot), 0);
        return;
    }
    atomic_store(&node->layer, 0);
    atomic_store(&node->twin, atomic_load(&vdbi_node_of(&h->nodes, leader)->twin));
    atomic_store(&vdbi_node_of(&h->nodes, leader)->twin, slot);
    atomic_fetch_or(vdbi_marks_of(&h->nodes, leader), VDBI_MARK_TWINS);
    atomic_fetch_add(&h->twins, 1);
    atomic_fetch_add(&h->count, 1);
}

/* A row of layer 0 and above belongs to a node: linked, and no twin of another. */
static int is_node(const vdbi_hnsw *h, uint32_t slot)
{
    return vdbi_hnsw_has(h, slot) && !is_member(h, slot);
}

static void restore_node(vdbi_hnsw *h, uint32_t slot, uint32_t bound,
                         const vdbi_restore_ear *ear)
{
    uint32_t top = atomic_load(&vdbi_node_of(&h->nodes, slot)->layer);

    for (uint32_t layer = 0; layer <= top; layer++)
        sift_links(h, slot, layer, bound, ear);
    atomic_fetch_add(&h->count, 1);
}

/* The way in as it was, or another node of the highest layer. */
static uint64_t find_entry(const vdbi_hnsw *h, uint32_t bound, uint64_t saved)
{
    uint64_t best = VDBI_NO_ENTRY;

    for (uint32_t slot = 0; slot < bound; slot++) {
        uint64_t own;
        if (!is_node(h, slot))
            continue;
        own = (uint64_t)atomic_load(&vdbi_node_of(&h->nodes, slot)->layer) << 32 | slot;
        if (best == VDBI_NO_ENTRY || own >> 32 > best >> 32 ||
            (own == saved && own >> 32 == best >> 32))
            best = own;
    }
    return best;
}

/* Rows of the upper layers that are no node's can be used again. */
static void free_uppers(vdbi_hnsw *h, uint32_t bound)
{
    vdbi_nodes *n = &h->nodes;

    for (uint32_t row = 0; row < atomic_load(&n->upper_count); row++) {
        const vdbi_link *words;
        uint32_t owner, layer;
        if (!vdbi_extents_has(&n->uppers, row) ||
            !vdbi_extents_has(&n->uppers_changed, row / n->uppers_per_block))
            continue;
        words = (const vdbi_link *)(const void *)vdbi_extents_row(&n->uppers, row);
        owner = atomic_load(&words[VDBI_UPPER_OWNER]);
        layer = atomic_load(&words[VDBI_UPPER_LAYER]);
        if (owner < bound && vdbi_hnsw_has(h, owner) && layer >= 1 &&
            layer <= atomic_load(&vdbi_node_of(n, owner)->layer) &&
            row == atomic_load(&vdbi_node_of(n, owner)->upper) + layer - 1)
            continue;
        vdbi_uppers_free(n, row, 1);
    }
}

void vdbi_restore_finish(vdbi_hnsw *h, uint32_t bound, uint64_t entry,
                         const vdbi_restore_ear *ear)
{
    for (uint32_t slot = 0; slot < bound; slot++)
        if (vdbi_hnsw_has(h, slot))
            mark_member(h, slot);
    for (uint32_t slot = 0; slot < bound; slot++)
        if (is_node(h, slot))
            restore_node(h, slot, bound, ear);
    for (uint32_t slot = 0; slot < bound; slot++)
        if (vdbi_hnsw_has(h, slot) && is_member(h, slot))
            restore_member(h, slot, bound, ear);
    atomic_store(&h->slot_limit, bound);
    atomic_store(&h->entry, find_entry(h, bound, entry));
    /* It is as it was saved, but for rows that are nobody's: those must not come back. */
    for (uint32_t block = 0; block <= bound / h->nodes.links_per_block; block++)
        vdbi_links_changed(h, block);
    for (uint32_t block = 0;
         block <= atomic_load(&h->nodes.upper_count) / h->nodes.uppers_per_block;
         block++)
        vdbi_uppers_changed(h, block);
    free_uppers(h, bound);
}

/* A slot that was linked after the bitmap had been copied: this save does without it. */
static int came_later(const vdbi_hnsw *h, uint32_t slot, const uint64_t *linked,
                      uint32_t bound)
{
    return !(slot < bound && vdbi_bit_get(linked, slot)) &&
           vdbi_extents_has(&h->nodes.marks, slot) &&
           atomic_load(vdbi_marks_of(&h->nodes, slot)) & VDBI_MARK_LINKED;
}

void vdbi_save_links(const vdbi_hnsw *h, uint32_t slot, const uint64_t *linked,
                     uint32_t bound, uint8_t *row)
{
    const vdbi_link *links;
    int later = came_later(h, slot, linked, bound);

    memset(row, 0, h->nodes.links.row_bytes);
    if (slot < bound && vdbi_bit_get(linked, slot)) {
        uint32_t at = 0;
        links = vdbi_links0(&h->nodes, slot);
        vdbi_node_lock(vdbi_node_of(&h->nodes, slot));
        for (uint32_t i = 0; i < h->nodes.m0; i++) {
            uint32_t other = atomic_load_explicit(&links[i], memory_order_acquire);
            if (other != VDBI_NO_SLOT && (other & ~VDBI_MEMBER) >= bound)
                later = 1;
            else
                vdbi_put32(row + 4 * (size_t)at++, other);
        }
        vdbi_node_unlock(vdbi_node_of(&h->nodes, slot));
        for (; at < h->nodes.m0; at++)
            vdbi_put32(row + 4 * (size_t)at, VDBI_NO_SLOT);
    }
    if (later)
        vdbi_links_touch(&h->nodes, slot, 0);
}

void vdbi_save_upper(const vdbi_hnsw *h, uint32_t number, const uint64_t *linked,
                     uint32_t bound, uint8_t *row)
{
    const vdbi_link *words;
    uint32_t owner, at = 0;
    int later = 0;

    memset(row, 0, h->nodes.uppers.row_bytes);
    if (!h->nodes.uppers.tables[number >> VDBI_EXTENT_SHIFT])
        return; /* its owner is just being made */
    words = (const vdbi_link *)(const void *)vdbi_extents_row(&h->nodes.uppers, number);
    owner = atomic_load_explicit(&words[VDBI_UPPER_OWNER], memory_order_acquire);
    if (owner < bound && vdbi_bit_get(linked, owner)) {
        vdbi_node_lock(vdbi_node_of(&h->nodes, owner));
        for (uint32_t i = 0; i < VDBI_UPPER_LINKS + h->nodes.m; i++) {
            uint32_t word = atomic_load_explicit(&words[i], memory_order_acquire);
            if (i >= VDBI_UPPER_LINKS && word != VDBI_NO_SLOT && word >= bound)
                later = 1;
            else
                vdbi_put32(row + 4 * (size_t)at++, word);
        }
        vdbi_node_unlock(vdbi_node_of(&h->nodes, owner));
        for (; at < VDBI_UPPER_LINKS + h->nodes.m; at++)
            vdbi_put32(row + 4 * (size_t)at, VDBI_NO_SLOT);
    } else if (owner != VDBI_NO_SLOT) {
        later = owner >= bound || came_later(h, owner, linked, bound);
    }
    if (later)
        vdbi_uppers_touch(&h->nodes, number);
}

static int changed(const vdbi_extents *blocks, uint32_t block)
{
    _Atomic uint8_t *at;

    if (!blocks->tables[block >> VDBI_EXTENT_SHIFT])
        return 0;
    at = (_Atomic uint8_t *)vdbi_extents_row(blocks, block);
    return atomic_load(at) && atomic_exchange(at, 0);
}

int vdbi_links_changed(const vdbi_hnsw *h, uint32_t block)
{
    return changed(&h->nodes.links_changed, block);
}

int vdbi_uppers_changed(const vdbi_hnsw *h, uint32_t block)
{
    return changed(&h->nodes.uppers_changed, block);
}
