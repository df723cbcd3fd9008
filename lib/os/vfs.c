/* vfs.c: what the library asks of files, whichever vdb_vfs serves them.
 *
 * A vfs speaks in errno; here it becomes a status and a message with the file's name,
 * what was tried, and where.  A host's vfs is not trusted: what it says it read is
 * checked before anybody uses it.
 */
#include "os/vfs.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

/* Give the message just set the byte of the file that it is about. */
static vdb_status at(vdb_status status, uint64_t offset)
{
    vdb_error error;

    vdbi_error_save(&error);
    error.offset = offset <= INT64_MAX ? (int64_t)offset : -1;
    vdbi_error_restore(&error);
    return status;
}

/* 1 when [offset, offset + size) is a range that a file can have. */
static int is_range(uint64_t offset, uint64_t size)
{
    return offset <= INT64_MAX && size <= INT64_MAX - offset;
}

vdb_status vdbi_file_open(vdbi_file *file, const vdb_vfs *vfs, vdbi_memory *memory,
                          vdbi_io_counts *counts, const char *path, uint32_t flags)
{
    int rc;

    memset(file, 0, sizeof *file);
    file->path = vdbi_strdup(memory, path, strlen(path));
    if (!file->path)
        return VDB_NOMEM;
    file->vfs = vfs;
    file->memory = memory;
    file->counts = counts;
    rc = vfs->open(vfs->arg, path, flags, &file->handle);
    if (rc == 0 && !file->handle)
        rc = -EIO;
    if (rc == 0)
        return VDB_OK;
    vdbi_free(memory, file->path);
    memset(file, 0, sizeof *file);
    return vdbi_fail_system(rc, "%s: open", path);
}

vdb_status vdbi_file_close(vdbi_file *file)
{
    vdb_status status = VDB_OK;
    int rc;

    if (!file->handle)
        return VDB_OK;
    rc = file->vfs->close(file->vfs->arg, file->handle);
    if (rc)
        status = vdbi_fail_system(rc, "%s: close", file->path);
    vdbi_free(file->memory, file->path);
    memset(file, 0, sizeof *file);
    return status;
}

vdb_status vdbi_file_read_some(vdbi_file *file, void *buffer, size_t size,
                               uint64_t offset, size_t *got)
{
    int rc;

    *got = 0;
    if (!is_range(offset, size))
        return at(vdbi_fail(VDB_CORRUPT,
                            "%s: read of %zu bytes at byte %" PRIu64
                            ": no file is that large",
                            file->path, size, offset),
                  offset);
    if (size == 0)
        return VDB_OK;
    rc = file->vfs->read(file->vfs->arg, file->handle, buffer, size, offset, got);
    if (rc == 0 && *got > size)
        rc = -EIO;
    if (rc == 0)
        return VDB_OK;
    *got = 0;
    return at(vdbi_fail_system(rc, "%s: read of %zu bytes at byte %" PRIu64, file->path,
                               size, offset),
              offset);
}

vdb_status vdbi_file_read(vdbi_file *file, void *buffer, size_t size, uint64_t offset)
{
    size_t got;
    vdb_status status = vdbi_file_read_some(file, buffer, size, offset, &got);

    if (status)
        return status;
    if (got < size)
        return vdbi_fail_at(VDB_CORRUPT, (int64_t)(offset + got),
                            "%s: read of %zu bytes at byte %" PRIu64
                            ": the file ends after %zu",
                            file->path, size, offset, got);
    return VDB_OK;
}

vdb_status vdbi_file_write(vdbi_file *file, const void *buffer, size_t size,
                           uint64_t offset)
{
    int rc = -EFBIG;

    if (size == 0)
        return VDB_OK;
    if (is_range(offset, size))
        rc = file->vfs->write(file->vfs->arg, file->handle, buffer, size, offset);
    if (rc)
        return at(vdbi_fail_system(rc, "%s: write of %zu bytes at byte %" PRIu64,
                                   file->path, size, offset),
                  offset);
    if (file->counts)
        atomic_fetch_add_explicit(&file->counts->written_bytes, size,
                                  memory_order_relaxed);
    return VDB_OK;
}

vdb_status vdbi_file_sync(vdbi_file *file)
{
    int rc = file->vfs->sync(file->vfs->arg, file->handle);

    if (rc)
        return vdbi_fail_system(rc, "%s: sync", file->path);
    if (file->counts)
        atomic_fetch_add_explicit(&file->counts->syncs, 1, memory_order_relaxed);
    return VDB_OK;
}

vdb_status vdbi_file_truncate(vdbi_file *file, uint64_t size)
{
    int rc = -EFBIG;

    if (is_range(size, 0))
        rc = file->vfs->truncate(file->vfs->arg, file->handle, size);
    if (rc)
        return vdbi_fail_system(rc, "%s: truncate to %" PRIu64 " bytes", file->path,
                                size);
    return VDB_OK;
}

vdb_status vdbi_file_size(vdbi_file *file, uint64_t *size)
{
    vdb_file_info info = {sizeof info, 0, 0, 0, 0, 0, 0};
    int rc = file->vfs->info(file->vfs->arg, file->handle, &info);

    *size = 0;
    if (rc == 0 && !is_range(info.size, 0))
        rc = -EIO;
    if (rc)
        return vdbi_fail_system(rc, "%s: asking its size", file->path);
    *size = info.size;
    return VDB_OK;
}

vdb_status vdbi_file_sync_directory(vdbi_file *file)
{
    int rc = file->vfs->sync_directory(file->vfs->arg, file->path);

    if (rc)
        return vdbi_fail_system(rc, "%s: sync of its directory", file->path);
    if (file->counts)
        atomic_fetch_add_explicit(&file->counts->syncs, 1, memory_order_relaxed);
    return VDB_OK;
}

vdb_status vdbi_file_reserve(vdbi_file *file, uint64_t offset, uint64_t size)
{
    int rc = -EFBIG;

    if (!file->vfs->reserve || size == 0)
        return VDB_OK;
    if (is_range(offset, size))
        rc = file->vfs->reserve(file->vfs->arg, file->handle, offset, size);
    if (rc)
        return at(vdbi_fail_system(rc,
                                   "%s: reserving %" PRIu64 " bytes at byte %" PRIu64,
                                   file->path, size, offset),
                  offset);
    return VDB_OK;
}

void *vdbi_pages_reserve(size_t size)
{
    void *address;

    assert(size > 0);
    /* NORESERVE: a window may be larger than the memory, only what is touched counts.
     */
    address = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) {
        vdbi_fail(VDB_NOMEM, "out of memory: %zu bytes of address space", size);
        return NULL;
    }
    return address;
}

void vdbi_pages_discard(void *address, size_t size)
{
    /* The kernel would round a part of a page up, to bytes that are not ours. */
    size_t whole = size & ~((size_t)sysconf(_SC_PAGESIZE) - 1);

    if (whole && madvise(address, whole, MADV_DONTNEED) != 0)
        memset(address, 0, whole); /* locked in memory by the host: mlockall */
    memset((char *)address + whole, 0, size - whole);
}

void vdbi_pages_release(void *address, size_t size)
{
    if (address)
        munmap(address, size);
}

void vdbi_pages_prefer_huge(void *address, size_t size)
{
    const uintptr_t page = 4096;
    uintptr_t begin = ((uintptr_t)address + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)address + size) & ~(page - 1);

    if (begin < end)
        madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}
