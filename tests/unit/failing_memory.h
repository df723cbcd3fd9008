/* failing_memory.h: an allocator for vdbi_memory_init() that gives out so many blocks and
 * then none: "allocation n fails, n = 1, 2, ..., until a run gets by without". */
#ifndef VDB_TESTS_FAILING_MEMORY_H
#define VDB_TESTS_FAILING_MEMORY_H

#include <stdint.h>
#include <stdlib.h>

static size_t allocations_left = SIZE_MAX;

static void *failing_allocate(void *arg, size_t size, size_t alignment)
{
    (void)arg;
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void failing_release(void *arg, void *block)
{
    (void)arg;
    free(block);
}

#endif
