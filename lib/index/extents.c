/* extents.c: see extents.h. */
#include "index/extents.h"

#include <string.h>

#include "base/error.h"
#include "os/vfs.h"

enum {
    HUGE = 2 << 20,
    LINE = 64
};

vdb_status vdbi_extents_init(vdbi_extents *e, vdbi_memory *memory, size_t row_bytes)
{
    *e = (vdbi_extents){.memory = memory, .row_bytes = row_bytes};
    e->tables = vdbi_calloc(memory, VDBI_EXTENTS_MAX, sizeof *e->tables);
    return e->tables ? VDB_OK : VDB_NOMEM;
}

void vdbi_extents_clear(vdbi_extents *e)
{
    for (size_t i = 0; e->tables && i < VDBI_EXTENTS_MAX; i++)
        vdbi_free(e->memory, atomic_load(&e->tables[i]));
    vdbi_free(e->memory, (void *)e->tables);
    e->tables = NULL;
    atomic_store(&e->made, 0);
}

/* fill < 0: as it comes. */
static vdb_status reserve(vdbi_extents *e, uint32_t slot, int fill)
{
    uint8_t *_Atomic *at = &e->tables[slot >> VDBI_EXTENT_SHIFT];
    size_t bytes = e->row_bytes << VDBI_EXTENT_SHIFT;
    uint8_t *fresh, *expected = NULL;

    if (atomic_load_explicit(at, memory_order_acquire))
        return VDB_OK;
    fresh =
        vdbi_alloc_aligned(e->memory, bytes, bytes >= 2 * (size_t)HUGE ? HUGE : LINE);
    if (!fresh)
        return VDB_NOMEM;
    vdbi_pages_prefer_huge(fresh, bytes);
    if (fill >= 0)
        memset(fresh, fill, bytes);
    if (!atomic_compare_exchange_strong(at, &expected, fresh))
        vdbi_free(e->memory, fresh); /* another thread was first */
    else
        atomic_fetch_add(&e->made, 1);
    return VDB_OK;
}

vdb_status vdbi_extents_reserve(vdbi_extents *e, uint32_t slot)
{
    return reserve(e, slot, -1);
}

vdb_status vdbi_extents_reserve_filled(vdbi_extents *e, uint32_t slot, int fill)
{
    return reserve(e, slot, fill);
}

uint64_t vdbi_extents_bytes(const vdbi_extents *e)
{
    return atomic_load(&e->made) * ((uint64_t)e->row_bytes << VDBI_EXTENT_SHIFT);
}
