/* memory.c: every allocation of the library, through the host's allocator.
 *
 * A host need not tell us the size of a block again, so each carries a header:
 *
 *     raw            block - 16         block
 *     | padding ...  | size   raw       | the caller's bytes ...
 *
 * The padding makes the block aligned: block - raw is its alignment (at least 16).
 * The count of bytes takes in header and padding: it is what the host gave.
 */
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

typedef struct block_header {
    size_t size; /* the caller's bytes */
    void *raw;   /* what the allocator gave */
} block_header;

enum {
    ALIGNMENT_MIN = 16,
    CAPACITY_MIN = 8
};
static_assert(sizeof(block_header) <= ALIGNMENT_MIN,
              "the header stands in the padding");

static void *malloc_allocate(void *arg, size_t size, size_t alignment)
{
    (void)arg;
    if (alignment <= _Alignof(max_align_t))
        return malloc(size);
    if (size > SIZE_MAX - (alignment - 1))
        return NULL;
    return aligned_alloc(alignment, (size + alignment - 1) & ~(alignment - 1));
}

static void malloc_release(void *arg, void *memory)
{
    (void)arg;
    free(memory);
}

static block_header header_of(const void *block)
{
    block_header header;

    memcpy(&header, (const char *)block - sizeof header, sizeof header);
    return header;
}

/* Header and padding of a block; its alignment. */
static size_t lead_of(const void *block, const block_header *header)
{
    return (size_t)((const char *)block - (const char *)header->raw);
}

static void *no_memory(size_t size)
{
    vdbi_fail(VDB_NOMEM, "out of memory: %zu bytes", size);
    return NULL;
}

void vdbi_memory_init(vdbi_memory *memory, const vdb_allocator *allocator)
{
    static const vdb_allocator standard = {sizeof standard, NULL, malloc_allocate,
                                           malloc_release};

    memory->allocator = allocator ? *allocator : standard;
    atomic_init(&memory->bytes, 0);
}

void *vdbi_alloc_aligned(vdbi_memory *memory, size_t size, size_t alignment)
{
    size_t lead = alignment > ALIGNMENT_MIN ? alignment : ALIGNMENT_MIN;
    block_header header;
    char *block;

    assert((alignment & (alignment - 1)) == 0);
    if (lead > PTRDIFF_MAX || size > PTRDIFF_MAX - lead)
        return no_memory(size);
    header.size = size;
    header.raw = memory->allocator.allocate(memory->allocator.arg, lead + size, lead);
    if (!header.raw)
        return no_memory(size);
    block = (char *)header.raw + lead;
    memcpy(block - sizeof header, &header, sizeof header);
    atomic_fetch_add_explicit(&memory->bytes, lead + size, memory_order_relaxed);
    return block;
}

void *vdbi_alloc(vdbi_memory *memory, size_t size)
{
    return vdbi_alloc_aligned(memory, size, ALIGNMENT_MIN);
}

void *vdbi_calloc(vdbi_memory *memory, size_t count, size_t size)
{
    size_t total;
    void *block;

    if (__builtin_mul_overflow(count, size, &total)) {
        vdbi_fail(VDB_NOMEM, "out of memory: %zu times %zu bytes", count, size);
        return NULL;
    }
    block = vdbi_alloc(memory, total);
    if (block)
        memset(block, 0, total);
    return block;
}

void *vdbi_realloc(vdbi_memory *memory, void *block, size_t size)
{
    block_header header;
    void *bigger;

    if (!block)
        return vdbi_alloc(memory, size);
    header = header_of(block);
    bigger = vdbi_alloc_aligned(memory, size, lead_of(block, &header));
    if (!bigger)
        return NULL;
    memcpy(bigger, block, header.size < size ? header.size : size);
    vdbi_free(memory, block);
    return bigger;
}

char *vdbi_strdup(vdbi_memory *memory, const char *text, size_t length)
{
    char *copy;

    if (length == SIZE_MAX)
        return no_memory(length);
    copy = vdbi_alloc(memory, length + 1);
    if (!copy)
        return NULL;
    if (length)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void vdbi_free(vdbi_memory *memory, void *block)
{
    block_header header;

    if (!block)
        return;
    header = header_of(block);
    atomic_fetch_sub_explicit(&memory->bytes, lead_of(block, &header) + header.size,
                              memory_order_relaxed);
    memory->allocator.release(memory->allocator.arg, header.raw);
}

vdb_status vdbi_grow(vdbi_memory *memory, void *array_pointer, size_t *capacity,
                     size_t needed, size_t size)
{
    size_t room = *capacity;
    size_t bytes;
    void *array;

    if (needed <= room)
        return VDB_OK;
    if (room > SIZE_MAX - room / 2)
        room = SIZE_MAX;
    else
        room += room / 2;
    if (room < needed)
        room = needed;
    if (room < CAPACITY_MIN)
        room = CAPACITY_MIN;
    if (__builtin_mul_overflow(room, size, &bytes))
        return vdbi_fail(VDB_NOMEM, "out of memory: %zu times %zu bytes", room, size);
    /* The caller's pointer is a T *; only its bytes may be touched through void. */
    memcpy(&array, array_pointer, sizeof array);
    array = vdbi_realloc(memory, array, bytes);
    if (!array)
        return VDB_NOMEM;
    memcpy(array_pointer, &array, sizeof array);
    *capacity = room;
    return VDB_OK;
}
