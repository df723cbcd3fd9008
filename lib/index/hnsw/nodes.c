/* nodes.c: see nodes.h. */
#include "index/hnsw/nodes.h"

#include "base/error.h"
#include "os/thread.h"

static void lock(_Atomic uint8_t *locked)
{
    while (atomic_exchange_explicit(locked, 1, memory_order_acquire))
        while (atomic_load_explicit(locked, memory_order_relaxed))
            vdbi_thread_yield();
}

static void unlock(_Atomic uint8_t *locked)
{
    atomic_store_explicit(locked, 0, memory_order_release);
}

void vdbi_node_lock(vdbi_node *node)
{
    lock(&node->locked);
}

void vdbi_node_unlock(vdbi_node *node)
{
    unlock(&node->locked);
}

vdb_status vdbi_nodes_init(vdbi_nodes *n, vdbi_memory *memory, uint32_t m)
{
    size_t row = sizeof(vdbi_link) * 2 * m;
    size_t upper = sizeof(vdbi_link) * (VDBI_UPPER_LINKS + m);
    vdb_status st;

    *n = (vdbi_nodes){.m = m, .m0 = 2 * m};
    for (int i = 0; i < VDBI_LAYERS_MAX; i++)
        n->free_uppers[i] = VDBI_NO_SLOT;
    n->links_per_block = (uint32_t)(VDBI_BLOCK_BYTES / row);
    n->uppers_per_block = (uint32_t)(VDBI_BLOCK_BYTES / upper);
    st = vdbi_extents_init(&n->links, memory, row);
    if (!st)
        st = vdbi_extents_init(&n->nodes, memory, sizeof(vdbi_node));
    if (!st)
        st = vdbi_extents_init(&n->marks, memory, 1);
    if (!st)
        st = vdbi_extents_init(&n->uppers, memory, upper);
    if (!st)
        st = vdbi_extents_init(&n->links_changed, memory, 1);
    if (!st)
        st = vdbi_extents_init(&n->uppers_changed, memory, 1);
    return st;
}

void vdbi_nodes_clear(vdbi_nodes *n)
{
    vdbi_extents_clear(&n->links);
    vdbi_extents_clear(&n->nodes);
    vdbi_extents_clear(&n->marks);
    vdbi_extents_clear(&n->uppers);
    vdbi_extents_clear(&n->links_changed);
    vdbi_extents_clear(&n->uppers_changed);
}

static void touch(const vdbi_extents *changed, uint32_t block)
{
    _Atomic uint8_t *at = (_Atomic uint8_t *)vdbi_extents_row(changed, block);

    /* In one order with the saver's asking whether a slot is linked, and the inserter's
     * saying so. */
    if (!atomic_load(at))
        atomic_store_explicit(at, 1, memory_order_release);
}

void vdbi_uppers_touch(const vdbi_nodes *n, uint32_t row)
{
    touch(&n->uppers_changed, row / n->uppers_per_block);
}

void vdbi_links_touch(const vdbi_nodes *n, uint32_t slot, uint32_t layer)
{
    if (layer)
        vdbi_uppers_touch(n, atomic_load_explicit(&vdbi_node_of(n, slot)->upper,
                                                  memory_order_relaxed) +
                                 layer - 1);
    else
        touch(&n->links_changed, slot / n->links_per_block);
}

static void empty(vdbi_link *links, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        atomic_store_explicit(&links[i], VDBI_NO_SLOT, memory_order_relaxed);
}

/* The bytes of changed blocks begin as 1: what has never been saved has changed. */
static vdb_status reserve_changed(vdbi_extents *changed, uint32_t block)
{
    return vdbi_extents_reserve_filled(changed, block, 1);
}

vdb_status vdbi_nodes_reserve_upper(vdbi_nodes *n, uint32_t row)
{
    uint32_t count = atomic_load(&n->upper_count);
    vdb_status st = vdbi_extents_reserve(&n->uppers, row);

    if (!st)
        st = reserve_changed(&n->uppers_changed, row / n->uppers_per_block);
    while (!st && count <= row &&
           !atomic_compare_exchange_weak(&n->upper_count, &count, row + 1))
        ;
    return st;
}

static vdbi_link *upper_row(const vdbi_nodes *n, uint32_t row)
{
    return (vdbi_link *)(void *)vdbi_extents_row(&n->uppers, row);
}

void vdbi_uppers_free(vdbi_nodes *n, uint32_t row, uint32_t count)
{
    if (count == 0)
        return;
    for (uint32_t i = 0; i < count; i++) {
        atomic_store_explicit(upper_row(n, row + i) + VDBI_UPPER_OWNER, VDBI_NO_SLOT,
                              memory_order_relaxed);
        vdbi_uppers_touch(n, row + i);
    }
    lock(&n->free_locked);
    atomic_store_explicit(upper_row(n, row) + VDBI_UPPER_LINKS, n->free_uppers[count],
                          memory_order_relaxed);
    n->free_uppers[count] = row;
    unlock(&n->free_locked);
}

/* Rows that follow one another: ones that were given back, or new ones. */
static vdb_status take_uppers(vdbi_nodes *n, uint32_t count, uint32_t *row)
{
    vdb_status st;

    lock(&n->free_locked);
    *row = n->free_uppers[count];
    if (*row != VDBI_NO_SLOT)
        n->free_uppers[count] = atomic_load_explicit(
            upper_row(n, *row) + VDBI_UPPER_LINKS, memory_order_relaxed);
    unlock(&n->free_locked);
    if (*row != VDBI_NO_SLOT)
        return VDB_OK;
    *row = atomic_fetch_add(&n->upper_count, count);
    /* The rows of a node may lie in two extents, if it is the last of the first. */
    st = vdbi_nodes_reserve_upper(n, *row);
    if (!st)
        st = vdbi_nodes_reserve_upper(n, *row + count - 1);
    return st;
}

void vdbi_upper_belongs(const vdbi_nodes *n, uint32_t slot, uint32_t layer)
{
    vdbi_link *row = vdbi_upper_links(n, slot, layer) - VDBI_UPPER_LINKS;

    atomic_store_explicit(row + VDBI_UPPER_OWNER, slot, memory_order_relaxed);
    atomic_store_explicit(row + VDBI_UPPER_LAYER, layer, memory_order_relaxed);
    vdbi_links_touch(n, slot, layer);
}

vdb_status vdbi_nodes_make(vdbi_nodes *n, uint32_t slot, uint32_t layer)
{
    vdb_status st = vdbi_extents_reserve(&n->links, slot);
    vdbi_node *node;
    uint32_t row = 0;

    if (!st)
        st = vdbi_extents_reserve(&n->nodes, slot);
    if (!st)
        st = reserve_changed(&n->links_changed, slot / n->links_per_block);
    if (!st && layer)
        st = take_uppers(n, layer, &row);
    if (st)
        return st;
    node = vdbi_node_of(n, slot);
    atomic_store_explicit(&node->upper, row, memory_order_relaxed);
    atomic_store_explicit(&node->twin, VDBI_NO_SLOT, memory_order_relaxed);
    atomic_store_explicit(&node->layer, (uint8_t)layer, memory_order_relaxed);
    atomic_store_explicit(&node->locked, 0, memory_order_relaxed);
    empty(vdbi_links0(n, slot), n->m0);
    vdbi_links_touch(n, slot, 0);
    for (uint32_t l = 1; l <= layer; l++) {
        vdbi_upper_belongs(n, slot, l);
        empty(vdbi_upper_links(n, slot, l), n->m);
    }
    return VDB_OK;
}
