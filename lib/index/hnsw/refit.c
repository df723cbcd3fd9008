/* refit.c: another region of codes for the same graph; see hnsw.h. */
#include <string.h>

#include "base/error.h"
#include "index/hnsw/hnsw.h"

void vdbi_hnsw_refit_begin(vdbi_hnsw *h, vdbi_codes *codes)
{
    h->refitted = codes;
}

vdb_status vdbi_hnsw_refit_row(vdbi_hnsw *h, uint32_t slot, const float *vector)
{
    vdb_status st = vdbi_codes_reserve(h->refitted, slot);

    if (!st)
        vdbi_codes_encode(h->refitted, slot, vector);
    return st;
}

vdbi_codes *vdbi_hnsw_refit_end(vdbi_hnsw *h, int good)
{
    vdbi_codes *other = h->refitted;

    h->refitted = NULL;
    if (good)
        other = atomic_exchange(&h->codes, other);
    return other;
}

static int same_code(const vdbi_codes *codes, uint32_t a, uint32_t b)
{
    return memcmp(vdbi_codes_row(codes, a), vdbi_codes_row(codes, b),
                  codes->row_bytes) == 0;
}

static vdb_status free_member(vdbi_hnsw *h, uint32_t slot,
                              vdb_status (*fresh)(void *arg, uint32_t slot), void *arg)
{
    vdbi_node *node = vdbi_node_of(&h->nodes, slot);

    vdbi_uppers_free(&h->nodes, atomic_load(&node->upper), atomic_load(&node->layer));
    atomic_store(&node->layer, 0);
    atomic_fetch_and(
        vdbi_marks_of(&h->nodes, slot),
        (uint8_t) ~(VDBI_MARK_LINKED | VDBI_MARK_CHAINED | VDBI_MARK_TWINS));
    atomic_fetch_sub(&h->twins, 1);
    atomic_fetch_sub(&h->count, 1);
    return fresh(arg, slot);
}

/* Under the leader's lock: insertions put twins at the head of the chain. */
static vdb_status unchain_some(vdbi_hnsw *h, const vdbi_codes *codes, uint32_t leader,
                               vdb_status (*fresh)(void *arg, uint32_t slot), void *arg)
{
    vdbi_node *node = vdbi_node_of(&h->nodes, leader), *last = node;
    uint32_t slot, next;
    vdb_status st = VDB_OK;

    vdbi_node_lock(node);
    for (slot = atomic_load(&node->twin); slot != VDBI_NO_SLOT && !st; slot = next) {
        next = atomic_load(&vdbi_node_of(&h->nodes, slot)->twin);
        if (same_code(codes, leader, slot)) {
            last = vdbi_node_of(&h->nodes, slot);
            continue;
        }
        atomic_store_explicit(&last->twin, next, memory_order_release);
        st = free_member(h, slot, fresh, arg);
    }
    if (atomic_load(&node->twin) == VDBI_NO_SLOT)
        atomic_fetch_and(vdbi_marks_of(&h->nodes, leader), (uint8_t)~VDBI_MARK_TWINS);
    vdbi_node_unlock(node);
    return st;
}

vdb_status vdbi_hnsw_unchain(vdbi_hnsw *h,
                             vdb_status (*fresh)(void *arg, uint32_t slot), void *arg)
{
    uint32_t limit = atomic_load(&h->slot_limit);
    vdbi_visitor *visitor;
    vdb_status st = vdbi_visit_begin(h->visitors, &visitor); /* the codes stay */

    for (uint32_t slot = 0; slot < limit && !st; slot++)
        if (vdbi_is_node(&h->nodes, slot) &&
            vdbi_marks(&h->nodes, slot) & VDBI_MARK_TWINS)
            st = unchain_some(h, vdbi_hnsw_way(h).codes, slot, fresh, arg);
    if (visitor)
        vdbi_visit_end(visitor);
    return st;
}
