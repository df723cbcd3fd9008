/* nodes.c: see nodes.h. */
#include "index/hnsw/nodes.h"

#include "base/error.h"
#include "os/thread.h"

void vdbi_node_lock(vdbi_node *node)
{
    while (atomic_exchange_explicit(&node->locked, 1, memory_order_acquire))
        while (atomic_load_explicit(&node->locked, memory_order_relaxed))
            vdbi_thread_yield();
}

void vdbi_node_unlock(vdbi_node *node)
{
    atomic_store_explicit(&node->locked, 0, memory_order_release);
}

vdb_status vdbi_nodes_init(vdbi_nodes *n, vdbi_memory *memory, uint32_t m)
{
    vdb_status st;

    *n = (vdbi_nodes){.m = m, .m0 = 2 * m};
    st = vdbi_extents_init(&n->links, memory, sizeof(vdbi_link) * n->m0);
    if (!st)
        st = vdbi_extents_init(&n->nodes, memory, sizeof(vdbi_node));
    if (!st)
        st = vdbi_extents_init(&n->marks, memory, 1);
    if (!st)
        st = vdbi_extents_init(&n->uppers, memory, sizeof(vdbi_link) * n->m);
    return st;
}

void vdbi_nodes_clear(vdbi_nodes *n)
{
    vdbi_extents_clear(&n->links);
    vdbi_extents_clear(&n->nodes);
    vdbi_extents_clear(&n->marks);
    vdbi_extents_clear(&n->uppers);
}

static void empty(vdbi_link *links, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        atomic_store_explicit(&links[i], VDBI_NO_SLOT, memory_order_relaxed);
}

vdb_status vdbi_nodes_make(vdbi_nodes *n, uint32_t slot, uint32_t layer)
{
    vdb_status st = vdbi_extents_reserve(&n->links, slot);
    vdbi_node *node;
    uint32_t row = 0;

    if (!st)
        st = vdbi_extents_reserve(&n->nodes, slot);
    if (!st && layer) {
        /* The rows of a node may lie in two extents, if it is the last of the first. */
        row = atomic_fetch_add(&n->upper_count, layer);
        st = vdbi_extents_reserve(&n->uppers, row);
        if (!st)
            st = vdbi_extents_reserve(&n->uppers, row + layer - 1);
    }
    if (st)
        return st;
    node = vdbi_node_of(n, slot);
    atomic_store_explicit(&node->upper, row, memory_order_relaxed);
    atomic_store_explicit(&node->twin, VDBI_NO_SLOT, memory_order_relaxed);
    atomic_store_explicit(&node->layer, (uint8_t)layer, memory_order_relaxed);
    atomic_store_explicit(&node->locked, 0, memory_order_relaxed);
    empty(vdbi_links0(n, slot), n->m0);
    for (uint32_t l = 1; l <= layer; l++)
        empty(vdbi_upper_links(n, slot, l), n->m);
    return VDB_OK;
}
