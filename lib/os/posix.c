/* posix.c: the operating system's files, as a vdb_vfs.
 *
 * The only file of the library that opens, reads, writes, syncs, locks or maps.  Every
 * function returns 0 or a negated errno.  A vdb_file here is no object: its address is
 * the descriptor, which is never below 3, so never NULL, and nothing is allocated.
 *
 * Never below 3, because a host that has closed its standard streams would print into
 * the database.  Locks belong to the open file description: unlike those of plain
 * F_SETLK they are not lost when some other part of the process closes the same file.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/vfs.h"

static_assert(sizeof(off_t) == 8, "large files: build with _FILE_OFFSET_BITS=64");

enum {
    DESCRIPTOR_MIN = 3,
    TRANSFER_MAX = 1 << 30, /* Linux moves at most 0x7ffff000 bytes a call */
    LINKS_MAX = 40          /* symbolic links followed, as the kernel does */
};

static int descriptor(vdb_file *file)
{
    return (int)(intptr_t)file;
}

/* 1 when [offset, offset + size) is a range that a file can have. */
static int is_range(uint64_t offset, uint64_t size)
{
    return offset <= INT64_MAX && size <= INT64_MAX - offset;
}

/* open(2), close-on-exec and above the standard streams; or a negated errno. */
static int open_high(const char *path, int flags)
{
    int fd, high, error;

    do
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    if (fd >= DESCRIPTOR_MIN)
        return fd;
    high = fcntl(fd, F_DUPFD_CLOEXEC, DESCRIPTOR_MIN);
    error = errno;
    close(fd);
    return high < 0 ? -error : high;
}

static int posix_open(void *arg, const char *path, uint32_t flags, vdb_file **out)
{
    /* NONBLOCK: the name may be a FIFO, whose opening would wait for its other end.
     * To regular files it is nothing. */
    int open_flags = O_NONBLOCK;
    int fd;

    (void)arg;
    *out = NULL;
    open_flags |= flags & VDB_VFS_READONLY ? O_RDONLY : O_RDWR;
    if (flags & VDB_VFS_CREATE)
        open_flags |= flags & VDB_VFS_EXCLUSIVE ? O_CREAT | O_EXCL : O_CREAT;
    fd = open_high(path, open_flags);
    if (fd < 0)
        return fd;
    *out = (vdb_file *)(intptr_t)fd;
    return 0;
}

static int posix_close(void *arg, vdb_file *file)
{
    (void)arg;
    /* After EINTR the descriptor is gone: a second close could hit a stranger's. */
    if (close(descriptor(file)) != 0 && errno != EINTR)
        return -errno;
    return 0;
}

static int posix_read(void *arg, vdb_file *file, void *buffer, size_t size,
                      uint64_t offset, size_t *got)
{
    size_t done = 0;

    (void)arg;
    *got = 0;
    if (!is_range(offset, size))
        return -EINVAL;
    while (done < size) {
        size_t part = size - done < TRANSFER_MAX ? size - done : TRANSFER_MAX;
        ssize_t n = pread(descriptor(file), (char *)buffer + done, part,
                          (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *got = done;
    return 0;
}

static int posix_write(void *arg, vdb_file *file, const void *buffer, size_t size,
                       uint64_t offset)
{
    size_t done = 0;

    (void)arg;
    if (!is_range(offset, size))
        return -EFBIG;
    while (done < size) {
        size_t part = size - done < TRANSFER_MAX ? size - done : TRANSFER_MAX;
        ssize_t n = pwrite(descriptor(file), (const char *)buffer + done, part,
                           (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO; /* no progress and no reason: it would go on for ever */
        done += (size_t)n;
    }
    return 0;
}

static int posix_sync(void *arg, vdb_file *file)
{
    int rc;

    (void)arg;
    /* fdatasync writes the size too when it has changed; what it leaves out are times.
     */
    do
        rc = fdatasync(descriptor(file));
    while (rc != 0 && errno == EINTR);
    return rc ? -errno : 0;
}

static int posix_truncate(void *arg, vdb_file *file, uint64_t size)
{
    int rc;

    (void)arg;
    if (!is_range(size, 0))
        return -EFBIG;
    do
        rc = ftruncate(descriptor(file), (off_t)size);
    while (rc != 0 && errno == EINTR);
    return rc ? -errno : 0;
}

static int posix_info(void *arg, vdb_file *file, vdb_file_info *out)
{
    struct stat st;

    (void)arg;
    if (fstat(descriptor(file), &st) != 0)
        return -errno;
    out->size = (uint64_t)st.st_size;
    out->device = (uint64_t)st.st_dev;
    out->inode = (uint64_t)st.st_ino;
    out->links = (uint64_t)st.st_nlink;
    out->kind = S_ISREG(st.st_mode) ? 0 : S_ISDIR(st.st_mode) ? 1 : 2;
    out->reserved = 0;
    return 0;
}

static int posix_reserve(void *arg, vdb_file *file, uint64_t offset, uint64_t size)
{
    int rc;

    (void)arg;
    if (!is_range(offset, size))
        return -EFBIG;
    if (size == 0)
        return 0;
    do
        rc = fallocate(descriptor(file), FALLOC_FL_KEEP_SIZE, (off_t)offset,
                       (off_t)size);
    while (rc != 0 && errno == EINTR);
    /* Where the file system cannot promise space, a write may still fail: no worse
     * than a vfs without this function. */
    if (rc != 0 && errno == EOPNOTSUPP)
        return 0;
    return rc ? -errno : 0;
}

static int posix_lock(void *arg, vdb_file *file, uint32_t kind)
{
    struct flock lock;
    int rc;

    (void)arg;
    if (kind != VDB_LOCK_SHARED && kind != VDB_LOCK_EXCLUSIVE)
        return -EINVAL;
    memset(&lock, 0,
           sizeof lock); /* from 0, length 0: the whole file; l_pid must be 0 */
    lock.l_type = kind == VDB_LOCK_SHARED ? F_RDLCK : F_WRLCK;
    lock.l_whence = SEEK_SET;
    do
        rc = fcntl(descriptor(file), F_OFD_SETLK, &lock);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return errno == EACCES ? -EAGAIN : -errno;
    return 0;
}

static int posix_map(void *arg, vdb_file *file, uint64_t offset, size_t size,
                     void **out)
{
    void *address;

    (void)arg;
    *out = NULL;
    if (!is_range(offset, size))
        return -EINVAL;
    address = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor(file), (off_t)offset);
    if (address == MAP_FAILED)
        return -errno;
    *out = address;
    return 0;
}

static void posix_unmap(void *arg, vdb_file *file, void *address, size_t size)
{
    (void)arg;
    (void)file;
    if (address)
        munmap(address, size);
}

static int posix_exists(void *arg, const char *path)
{
    struct stat st;

    (void)arg;
    return stat(path, &st) == 0 ? 0 : -errno;
}

static int posix_remove(void *arg, const char *path)
{
    (void)arg;
    return unlink(path) == 0 ? 0 : -errno;
}

/* The directory that `path` names its last part in: "." and "/" where there is none. */
static int directory_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t length;

    if (!slash) {
        path = ".";
        length = 1;
    } else {
        length = slash == path ? 1 : (size_t)(slash - path);
    }
    if (length >= size)
        return -ENAMETOOLONG;
    memcpy(out, path, length);
    out[length] = '\0';
    return 0;
}

static int posix_sync_directory(void *arg, const char *path)
{
    char directory[PATH_MAX];
    int fd, rc;

    (void)arg;
    rc = directory_of(path, directory, sizeof directory);
    if (rc)
        return rc;
    fd = open_high(directory, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    do
        rc = fsync(fd);
    while (rc != 0 && errno == EINTR);
    /* EINVAL: this file system has no way to sync a directory. */
    rc = rc != 0 && errno != EINVAL ? -errno : 0;
    close(fd);
    return rc;
}

/* Copy directory + "/" + name to out. */
static int join(char *out, size_t size, const char *directory, const char *name)
{
    const char *slash = strcmp(directory, "/") == 0 ? "" : "/";
    int length = snprintf(out, size, "%s%s%s", directory, slash, name);

    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* One step to the true name of what is not there: `path` becomes its directory's true
 * name and its last part, or, where that is a symbolic link to nowhere, the link's
 * target (*again = 1). */
static int resolve_missing(char *path, int *again)
{
    char directory[PATH_MAX], real[PATH_MAX], target[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    ssize_t length;
    int rc;

    *again = 0;
    if (!*name)
        return -ENOENT; /* "missing/": can never be a file */
    rc = directory_of(path, directory, sizeof directory);
    if (rc)
        return rc;
    if (!realpath(directory, real))
        return -errno;
    length = readlink(path, target, sizeof target - 1);
    if (length < 0) {
        /* directory_of() has copied; name still points into path. */
        if (errno != ENOENT && errno != EINVAL)
            return -errno;
        rc = join(directory, sizeof directory, real, name);
    } else {
        target[length] = '\0';
        *again = 1;
        if (target[0] == '/')
            rc = join(directory, sizeof directory, "/", target + 1);
        else
            rc = join(directory, sizeof directory, real, target);
    }
    if (rc)
        return rc;
    memcpy(path, directory, strlen(directory) + 1);
    return 0;
}

static int posix_resolve(void *arg, const char *path, char *out, size_t size)
{
    char name[PATH_MAX], real[PATH_MAX];
    size_t length = strlen(path);
    int again = 1;

    (void)arg;
    if (length >= sizeof name)
        return -ENAMETOOLONG;
    memcpy(name, path, length + 1);
    for (int links = 0; again; links++) {
        int rc;
        if (realpath(name, real)) {
            memcpy(name, real, strlen(real) + 1);
            break;
        }
        if (errno != ENOENT)
            return -errno;
        if (links == LINKS_MAX)
            return -ELOOP;
        rc = resolve_missing(name, &again);
        if (rc)
            return rc;
    }
    length = strlen(name);
    if (length >= size)
        return -ENAMETOOLONG;
    memcpy(out, name, length + 1);
    return 0;
}

static int posix_random(void *arg, void *buffer, size_t size)
{
    size_t done = 0;

    (void)arg;
    while (done < size) {
        ssize_t n = getrandom((char *)buffer + done, size - done, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        done += (size_t)n;
    }
    return 0;
}

static uint64_t posix_now(void *arg)
{
    struct timespec now;

    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

const vdb_vfs vdbi_vfs_system = {
    .struct_size = sizeof(vdb_vfs),
    .arg = NULL,
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .truncate = posix_truncate,
    .info = posix_info,
    .reserve = posix_reserve,
    .lock = posix_lock,
    .map = posix_map,
    .unmap = posix_unmap,
    .exists = posix_exists,
    .remove = posix_remove,
    .sync_directory = posix_sync_directory,
    .resolve = posix_resolve,
    .random = posix_random,
    .now = posix_now,
};
