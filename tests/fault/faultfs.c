/* faultfs.c: the calls of the imaginary file system.
 *
 * Every call goes through enter(), which counts it and decides whether it fails:
 * by an armed fault, by the power cut, or not at all.  Then readers' contents are
 * changed at once and the change is noted as an operation that is not durable. */
#include "faultfs_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond this a write is a mistake of the library, not a big file. */
#define LARGEST_FILE ((uint64_t)1 << 30)

struct vdb_file {
    fault_inode *inode;
    uint32_t flags;
    uint32_t lock; /* 0, VDB_LOCK_SHARED or VDB_LOCK_EXCLUSIVE */
};

typedef struct call_fate {
    int error; /* 0: go on */
    bool cut;  /* the power goes during this call */
} call_fate;

/* ------------------------------------------------------------------ entering */

static call_fate enter(faultfs *fs, uint32_t kind, bool mutating)
{
    call_fate fate = {0, false};

    if (fs->cut) {
        fate.error = -EIO;
        return fate;
    }
    fs->all_calls++;
    fs->calls_of[__builtin_ctz(kind)]++;
    if (mutating && ++fs->calls == fs->cut_at) {
        fs->cut = true;
        fate.cut = true;
        fate.error = -EIO;
        return fate;
    }
    if (!fs->fault_countdown || !(fs->fault_kinds & kind))
        return fate;
    if (fs->fault_countdown > 1) {
        fs->fault_countdown--;
        return fate;
    }
    if (!fs->fault_persistent)
        fs->fault_countdown = 0;
    fs->fired++;
    fs->fired_kind = kind;
    fate.error = -fs->fault_error;
    return fate;
}

static faultfs *hold(void *arg)
{
    faultfs *fs = arg;

    pthread_mutex_lock(&fs->mutex);
    return fs;
}

static int leave(faultfs *fs, int result)
{
    pthread_mutex_unlock(&fs->mutex);
    return result;
}

/* ---------------------------------------------------------------- operations */

static fault_op *note(faultfs *fs, int kind, fault_inode *inode)
{
    fault_op *op;

    if (fs->op_count == fs->op_room) {
        size_t room = fs->op_room ? fs->op_room * 2 : 16;
        fault_op *ops = fault_allocate(room * sizeof *ops);
        if (fs->op_count)
            memcpy(ops, fs->ops, fs->op_count * sizeof *ops);
        free(fs->ops);
        fs->ops = ops;
        fs->op_room = room;
    }
    op = &fs->ops[fs->op_count++];
    memset(op, 0, sizeof *op);
    op->kind = kind;
    op->inode = inode;
    return op;
}

static bool concerns(const fault_op *op, const fault_inode *inode, const char *name)
{
    bool named = op->kind == FAULT_CREATES || op->kind == FAULT_REMOVES;

    return name ? named && !strcmp(op->name, name) : !named && op->inode == inode;
}

/* Take the waiting operations of one file's data (name NULL) or of one name out of
 * the list.  All of them become durable, or when the sync failed, one in four. */
static void settle(faultfs *fs, const fault_inode *inode, const char *name, bool failed)
{
    size_t kept = 0;

    for (size_t i = 0; i < fs->op_count; i++) {
        fault_op *op = &fs->ops[i];
        if (!concerns(op, inode, name)) {
            fs->ops[kept++] = *op;
            continue;
        }
        if (!failed || fault_random(&fs->random) % 4 == 0)
            fault_op_apply(fs, op);
        free(op->data);
    }
    fs->op_count = kept;
}

/* -------------------------------------------------------------------- space */

static bool linked(const faultfs *fs, const fault_inode *inode)
{
    for (size_t i = 0; i < fs->seen.count; i++)
        if (fs->seen.entries[i].inode == inode)
            return true;
    return inode->handles > 0;
}

static uint64_t used(const faultfs *fs)
{
    uint64_t blocks = 0;

    for (size_t i = 0; i < fs->inode_count; i++) {
        const fault_inode *inode = fs->inodes[i];
        if (!linked(fs, inode))
            continue;
        for (size_t b = 0; b < inode->block_count; b++)
            blocks += inode->blocks[b];
    }
    return blocks * FAULT_BLOCK;
}

/* Take space for [offset, offset + size); returns how many bytes of it, from the
 * beginning, have space. */
static size_t take_space(faultfs *fs, fault_inode *inode, uint64_t offset, size_t size)
{
    size_t first = (size_t)(offset / FAULT_BLOCK);
    size_t end = (size_t)((offset + size + FAULT_BLOCK - 1) / FAULT_BLOCK);
    uint64_t taken = fs->capacity ? used(fs) : 0;

    if (end > inode->block_count) {
        uint8_t *blocks = fault_allocate(end);
        memset(blocks, 0, end);
        if (inode->block_count)
            memcpy(blocks, inode->blocks, inode->block_count);
        free(inode->blocks);
        inode->blocks = blocks;
        inode->block_count = end;
    }
    for (size_t b = first; b < end; b++) {
        if (inode->blocks[b])
            continue;
        taken += FAULT_BLOCK;
        if (fs->capacity && taken > fs->capacity) {
            uint64_t fits = (uint64_t)b * FAULT_BLOCK;
            return fits > offset ? (size_t)(fits - offset) : 0;
        }
        inode->blocks[b] = 1;
    }
    return size;
}

/* ---------------------------------------------------------- opening, closing */

static int fs_open(void *arg, const char *path, uint32_t flags, vdb_file **out)
{
    faultfs *fs = hold(arg);
    fault_entry *entry = fault_directory_find(&fs->seen, path);
    bool creates = !entry && (flags & VDB_VFS_CREATE);
    call_fate fate = enter(fs, FAULTFS_OPEN, creates);
    fault_inode *inode;

    *out = NULL;
    if (fate.error && !fate.cut)
        return leave(fs, fate.error);
    if (strlen(path) >= FAULT_NAME_MAX)
        return leave(fs, -ENAMETOOLONG);
    if (entry && (flags & VDB_VFS_CREATE) && (flags & VDB_VFS_EXCLUSIVE))
        return leave(fs, -EEXIST);
    if (!entry && !creates)
        return leave(fs, -ENOENT);
    if (creates) {
        fault_op *op;
        inode = fault_inode_new(fs);
        fault_directory_set(&fs->seen, path, inode);
        op = note(fs, FAULT_CREATES, inode);
        snprintf(op->name, sizeof op->name, "%s", path);
    } else {
        inode = entry->inode;
    }
    if (fate.error)
        return leave(fs, fate.error);
    *out = fault_allocate(sizeof **out);
    **out = (vdb_file){inode, flags, 0};
    inode->handles++;
    fs->handles++;
    return leave(fs, 0);
}

static void unlock(vdb_file *file)
{
    if (file->lock == VDB_LOCK_EXCLUSIVE)
        file->inode->exclusive = false;
    else if (file->lock == VDB_LOCK_SHARED)
        file->inode->shared--;
    file->lock = 0;
}

static int fs_close(void *arg, vdb_file *file)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_CLOSE, false);

    unlock(file);
    file->inode->handles--;
    fs->handles--;
    free(file);
    return leave(fs, fate.error);
}

/* ------------------------------------------------------- reading and writing */

static int fs_read(void *arg, vdb_file *file, void *buffer, size_t size,
                   uint64_t offset, size_t *got)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_READ, false);
    const fault_bytes *seen = &file->inode->seen;

    *got = 0;
    if (fate.error)
        return leave(fs, fate.error);
    if (offset < seen->size) {
        size_t left = seen->size - (size_t)offset;
        *got = size < left ? size : left;
        memcpy(buffer, seen->data + offset, *got);
    }
    return leave(fs, 0);
}

static void write_now(faultfs *fs, fault_inode *inode, const void *buffer, size_t size,
                      uint64_t offset)
{
    fault_op *op;

    if (!size)
        return;
    op = note(fs, FAULT_WRITES, inode);
    op->offset = offset;
    op->size = size;
    op->data = fault_allocate(size);
    memcpy(op->data, buffer, size);
    fault_bytes_write(&inode->seen, buffer, size, offset);
}

/* How much of a write that fails is written all the same: nothing, all, or some. */
static size_t beginning(faultfs *fs, size_t size)
{
    switch (fault_random(&fs->random) % 4) {
    case 0:
        return 0;
    case 1:
        return size;
    default:
        return size ? (size_t)(fault_random(&fs->random) % size) : 0;
    }
}

static int fs_write(void *arg, vdb_file *file, const void *buffer, size_t size,
                    uint64_t offset)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_WRITE, true);
    size_t fits = size;

    if (fate.error && !fate.cut && fs->cut)
        return leave(fs, fate.error);
    if (file->flags & VDB_VFS_READONLY) {
        fs->misuses++;
        return leave(fs, -EBADF);
    }
    if (offset > LARGEST_FILE || size > LARGEST_FILE - offset)
        return leave(fs, -EFBIG);
    if (fate.error && !fate.cut)
        fits = beginning(fs, size);
    fits = take_space(fs, file->inode, offset, fits);
    write_now(fs, file->inode, buffer, fits, offset);
    if (fate.error)
        return leave(fs, fate.error);
    return leave(fs, fits < size ? -ENOSPC : 0);
}

static int fs_sync(void *arg, vdb_file *file)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_SYNC, true);

    if (!fs->cut)
        settle(fs, file->inode, NULL, fate.error != 0);
    return leave(fs, fate.error);
}

static int fs_truncate(void *arg, vdb_file *file, uint64_t size)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_TRUNCATE, true);
    fault_inode *inode = file->inode;
    fault_bytes *seen = &inode->seen;
    size_t blocks;

    if (fate.error && !fate.cut)
        return leave(fs, fate.error);
    if (file->flags & VDB_VFS_READONLY) {
        fs->misuses++;
        return leave(fs, -EBADF);
    }
    if (size > LARGEST_FILE)
        return leave(fs, -EFBIG);
    if (size < seen->size)
        fault_bytes_write(&inode->ghost, seen->data + size, seen->size - (size_t)size,
                          size);
    note(fs, FAULT_TRUNCATES, inode)->offset = size;
    fault_bytes_truncate(seen, size);
    blocks = (size_t)((size + FAULT_BLOCK - 1) / FAULT_BLOCK);
    if (blocks < inode->block_count)
        inode->block_count = blocks;
    return leave(fs, fate.error);
}

static int fs_reserve(void *arg, vdb_file *file, uint64_t offset, uint64_t size)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_RESERVE, false);

    if (fate.error)
        return leave(fs, fate.error);
    if (offset > LARGEST_FILE || size > LARGEST_FILE - offset)
        return leave(fs, -EFBIG);
    if (take_space(fs, file->inode, offset, (size_t)size) < size)
        return leave(fs, -ENOSPC);
    return leave(fs, 0);
}

static int fs_info(void *arg, vdb_file *file, vdb_file_info *out)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_INFO, false);
    size_t struct_size = out->struct_size;
    vdb_file_info info = {
        sizeof info, file->inode->seen.size, 1, file->inode->number, 1, 0, 0};

    if (fate.error)
        return leave(fs, fate.error);
    memcpy(out, &info, struct_size < sizeof info ? struct_size : sizeof info);
    out->struct_size = struct_size;
    return leave(fs, 0);
}

static int fs_lock(void *arg, vdb_file *file, uint32_t kind)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_LOCK, false);
    fault_inode *inode = file->inode;
    size_t others = inode->shared - (file->lock == VDB_LOCK_SHARED);
    bool taken = inode->exclusive && file->lock != VDB_LOCK_EXCLUSIVE;

    if (fate.error)
        return leave(fs, fate.error);
    if (kind != VDB_LOCK_SHARED && kind != VDB_LOCK_EXCLUSIVE)
        return leave(fs, -EINVAL);
    if (taken || (kind == VDB_LOCK_EXCLUSIVE && others))
        return leave(fs, -EAGAIN);
    unlock(file);
    file->lock = kind;
    if (kind == VDB_LOCK_EXCLUSIVE)
        inode->exclusive = true;
    else
        inode->shared++;
    return leave(fs, 0);
}

static int fs_map(void *arg, vdb_file *file, uint64_t offset, size_t size, void **out)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_MAP, false);

    *out = NULL;
    if (fate.error)
        return leave(fs, fate.error);
    if (offset % FAULT_BLOCK || !size)
        return leave(fs, -EINVAL);
    if (offset > FAULT_WINDOW || size > FAULT_WINDOW - offset)
        return leave(fs, -ENOMEM);
    *out = file->inode->seen.data + offset;
    file->inode->maps++;
    fs->maps++;
    return leave(fs, 0);
}

static void fs_unmap(void *arg, vdb_file *file, void *address, size_t size)
{
    faultfs *fs = hold(arg);
    fault_inode *inode = file->inode;
    const uint8_t *first = address;

    if (!inode->maps || first < inode->seen.data || size > FAULT_WINDOW ||
        first > inode->seen.data + (FAULT_WINDOW - size)) {
        fs->misuses++;
    } else {
        inode->maps--;
        fs->maps--;
    }
    leave(fs, 0);
}

/* --------------------------------------------------------------------- names */

static int fs_exists(void *arg, const char *path)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_EXISTS, false);

    if (fate.error)
        return leave(fs, fate.error);
    return leave(fs, fault_directory_find(&fs->seen, path) ? 0 : -ENOENT);
}

static int fs_remove(void *arg, const char *path)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_REMOVE, true);
    fault_entry *entry = fault_directory_find(&fs->seen, path);
    fault_op *op;

    if (fate.error && !fate.cut)
        return leave(fs, fate.error);
    if (!entry)
        return leave(fs, fate.error ? fate.error : -ENOENT);
    op = note(fs, FAULT_REMOVES, entry->inode);
    snprintf(op->name, sizeof op->name, "%s", path);
    fault_directory_set(&fs->seen, path, NULL);
    return leave(fs, fate.error);
}

static int fs_sync_directory(void *arg, const char *path)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_SYNC_DIRECTORY, true);

    /* A failure leaves them waiting: journals of names do not forget singly. */
    if (!fate.error)
        settle(fs, NULL, path, false);
    return leave(fs, fate.error);
}

static int fs_resolve(void *arg, const char *path, char *out, size_t size)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_RESOLVE, false);
    size_t length = strlen(path);

    if (fate.error)
        return leave(fs, fate.error);
    if (length >= size)
        return leave(fs, -ENAMETOOLONG);
    memcpy(out, path, length + 1);
    return leave(fs, 0);
}

static int fs_random(void *arg, void *buffer, size_t size)
{
    faultfs *fs = hold(arg);
    call_fate fate = enter(fs, FAULTFS_RANDOM_BYTES, false);
    uint8_t *bytes = buffer;

    if (fate.error)
        return leave(fs, fate.error);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)fault_random(&fs->random);
    return leave(fs, 0);
}

static uint64_t fs_now(void *arg)
{
    faultfs *fs = hold(arg);
    uint64_t now;

    fs->clock += 1000;
    now = fs->clock;
    leave(fs, 0);
    return now;
}

/* ------------------------------------------------------------------ the whole */

faultfs *faultfs_new(uint64_t seed)
{
    faultfs *fs = fault_allocate(sizeof *fs);

    memset(fs, 0, sizeof *fs);
    pthread_mutex_init(&fs->mutex, NULL);
    fs->random = fault_mix(seed, 1);
    fs->clock = 1000000000u;
    fs->vfs = (vdb_vfs){
        .struct_size = sizeof(vdb_vfs),
        .arg = fs,
        .open = fs_open,
        .close = fs_close,
        .read = fs_read,
        .write = fs_write,
        .sync = fs_sync,
        .truncate = fs_truncate,
        .info = fs_info,
        .reserve = fs_reserve,
        .lock = fs_lock,
        .exists = fs_exists,
        .remove = fs_remove,
        .sync_directory = fs_sync_directory,
        .resolve = fs_resolve,
        .random = fs_random,
        .now = fs_now,
    };
    return fs;
}

void faultfs_free(faultfs *fs)
{
    if (!fs)
        return;
    for (size_t i = 0; i < fs->op_count; i++)
        free(fs->ops[i].data);
    for (size_t i = 0; i < fs->inode_count; i++) {
        fault_inode *inode = fs->inodes[i];
        fault_bytes_free(&inode->seen);
        fault_bytes_free(&inode->durable);
        fault_bytes_free(&inode->ghost);
        free(inode->blocks);
        free(inode);
    }
    free(fs->inodes);
    free(fs->ops);
    pthread_mutex_destroy(&fs->mutex);
    free(fs);
}

const vdb_vfs *faultfs_vfs(faultfs *fs)
{
    return &fs->vfs;
}

void faultfs_offer_map(faultfs *fs, bool offered)
{
    if (fs->inode_count && offered != fs->windows)
        abort(); /* files already live in memory of the other kind */
    fs->windows = offered;
    fs->vfs.map = offered ? fs_map : NULL;
    fs->vfs.unmap = offered ? fs_unmap : NULL;
}

void faultfs_advance(faultfs *fs, uint64_t nanoseconds)
{
    hold(fs);
    fs->clock += nanoseconds;
    leave(fs, 0);
}

uint64_t faultfs_calls(const faultfs *fs)
{
    return fs->calls;
}

uint64_t faultfs_all_calls(const faultfs *fs)
{
    return fs->all_calls;
}

uint64_t faultfs_calls_of(const faultfs *fs, uint32_t kinds)
{
    uint64_t calls = 0;

    for (unsigned bit = 0; bit < 16; bit++)
        if (kinds >> bit & 1)
            calls += fs->calls_of[bit];
    return calls;
}

size_t faultfs_open_files(const faultfs *fs)
{
    return fs->handles;
}

size_t faultfs_mapped(const faultfs *fs)
{
    return fs->maps;
}

uint64_t faultfs_used(const faultfs *fs)
{
    return used(fs);
}

size_t faultfs_unsynced(const faultfs *fs)
{
    return fs->op_count;
}

uint64_t faultfs_misuses(const faultfs *fs)
{
    return fs->misuses;
}

void faultfs_cut_at(faultfs *fs, uint64_t n)
{
    fs->cut_at = n;
}

void faultfs_cut_now(faultfs *fs)
{
    fs->cut = true;
}

bool faultfs_is_cut(const faultfs *fs)
{
    return fs->cut;
}

void faultfs_evict(faultfs *fs)
{
    for (size_t i = 0; i < fs->inode_count; i++)
        fault_bytes_copy(&fs->inodes[i]->seen, &fs->inodes[i]->durable);
    for (size_t i = 0; i < fs->op_count; i++) {
        const fault_op *op = &fs->ops[i];
        if (op->kind == FAULT_WRITES)
            fault_bytes_write(&op->inode->seen, op->data, op->size, op->offset);
        else if (op->kind == FAULT_TRUNCATES)
            fault_bytes_truncate(&op->inode->seen, op->offset);
    }
}

void faultfs_arm(faultfs *fs, uint32_t kinds, uint64_t n, int error, bool persistent)
{
    fs->fault_kinds = kinds;
    fs->fault_countdown = n;
    fs->fault_error = error;
    fs->fault_persistent = persistent;
}

void faultfs_disarm(faultfs *fs)
{
    fs->fault_countdown = 0;
}

uint64_t faultfs_fired(const faultfs *fs)
{
    return fs->fired;
}

uint32_t faultfs_fired_kind(const faultfs *fs)
{
    return fs->fired_kind;
}

void faultfs_set_capacity(faultfs *fs, uint64_t bytes)
{
    fs->capacity = bytes;
}
