/* memory.h: every allocation of the library.
 *
 * Owns:      nothing; a vdbi_memory is a copy of the host's vdb_allocator with a
 *            count of the bytes out.
 * Promises:  NULL comes with VDB_NOMEM set as the thread's error.
 * Threads:   any number at once.
 */
#ifndef VDBI_MEMORY_H
#define VDBI_MEMORY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "vdb.h"

typedef struct vdbi_memory {
    vdb_allocator allocator;
    _Atomic uint64_t bytes; /* allocated and not freed */
} vdbi_memory;

/* Take over the host's allocator, or malloc when it is NULL. */
void vdbi_memory_init(vdbi_memory *memory, const vdb_allocator *allocator);

/* Each block remembers its size; all are aligned to 16 bytes at least. */
void *vdbi_alloc(vdbi_memory *memory, size_t size);
void *vdbi_alloc_aligned(vdbi_memory *memory, size_t size, size_t alignment);
/* count * size bytes of zeros; an overflowing product is VDB_NOMEM. */
void *vdbi_calloc(vdbi_memory *memory, size_t count, size_t size);
/* Grow or shrink; on NULL the old block is still there.  block may be NULL. */
void *vdbi_realloc(vdbi_memory *memory, void *block, size_t size);
char *vdbi_strdup(vdbi_memory *memory, const char *text, size_t length);
void vdbi_free(vdbi_memory *memory, void *block);

/* Make room for `needed` elements of `size` bytes in *array, which has room for
 * *capacity, growing by half at least.  On VDB_NOMEM nothing has changed. */
vdb_status vdbi_grow(vdbi_memory *memory, void *array_pointer, size_t *capacity,
                     size_t needed, size_t size);

#endif
