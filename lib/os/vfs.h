/* vfs.h: files through a vdb_vfs, with messages, counts and whole transfers.
 *
 * Owns:      an open file and its name.
 * Promises:  a read or write is whole or an error; errors name the file, the byte
 *            and the system's reason; the system's vfs never hands out a descriptor
 *            below 3, all are close-on-exec.
 * Threads:   reads and writes of one file may run at once.
 */
#ifndef VDBI_VFS_H
#define VDBI_VFS_H

#include <stdatomic.h>

#include "base/memory.h"

extern const vdb_vfs vdbi_vfs_system; /* the operating system's files */

/* Counters of one database, over all its files. */
typedef struct vdbi_io_counts {
    _Atomic uint64_t written_bytes;
    _Atomic uint64_t syncs;
} vdbi_io_counts;

typedef struct vdbi_file {
    const vdb_vfs *vfs;
    vdbi_memory *memory;
    vdbi_io_counts *counts; /* may be NULL */
    vdb_file *handle;
    char *path;
} vdbi_file;

/* flags: VDB_VFS_*.  On success the file is open; close with vdbi_file_close. */
vdb_status vdbi_file_open(vdbi_file *file, const vdb_vfs *vfs, vdbi_memory *memory,
                          vdbi_io_counts *counts, const char *path, uint32_t flags);
/* Close if open; an error of close is reported, the file is closed all the same. */
vdb_status vdbi_file_close(vdbi_file *file);
/* Exactly `size` bytes, or VDB_CORRUPT when the file ends before. */
vdb_status vdbi_file_read(vdbi_file *file, void *buffer, size_t size, uint64_t offset);
/* At most `size` bytes: *got says how many there were. */
vdb_status vdbi_file_read_some(vdbi_file *file, void *buffer, size_t size,
                               uint64_t offset, size_t *got);
vdb_status vdbi_file_write(vdbi_file *file, const void *buffer, size_t size,
                           uint64_t offset);
vdb_status vdbi_file_sync(vdbi_file *file);
vdb_status vdbi_file_truncate(vdbi_file *file, uint64_t size);
vdb_status vdbi_file_size(vdbi_file *file, uint64_t *size);
vdb_status vdbi_file_sync_directory(vdbi_file *file);
/* As vdb_vfs.reserve; VDB_OK where the vfs cannot. */
vdb_status vdbi_file_reserve(vdbi_file *file, uint64_t offset, uint64_t size);

/* Anonymous memory, zero and not yet backed, outside the allocator: windows for the
 * cache.  NULL with VDB_NOMEM. */
void *vdbi_pages_reserve(size_t size);
/* Forget the contents (zero at the next touch). */
void vdbi_pages_discard(void *address, size_t size);
void vdbi_pages_release(void *address, size_t size);
/* Ask for huge pages where whole ones fit; a wish, whose failure means nothing. */
void vdbi_pages_prefer_huge(void *address, size_t size);

#endif
