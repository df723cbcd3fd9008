/* log.c: writing the logs; see log.h and docs/format.md, "Logs". */
#include "store/log/log_priv.h"

#include <assert.h>
#include <errno.h>

enum {
    OTHER_RESERVE = 64 << 10
};

const uint8_t vdbi_log_magic[8] = {'v', 'd', 'b', 'l', 'o', 'g', '\r', '\n'};

vdb_status vdbi_log_create(vdbi_memory *memory, const vdb_vfs *vfs,
                           vdbi_io_counts *counts, const char *path,
                           const uint8_t uuid[16], vdbi_log **out)
{
    vdbi_log *log = vdbi_calloc(memory, 1, sizeof *log);
    size_t length = strlen(path);

    *out = NULL;
    if (!log)
        return VDB_NOMEM;
    log->memory = memory;
    log->vfs = vfs;
    log->counts = counts;
    log->current = -1;
    log->next_lsn = 1;
    memcpy(log->uuid, uuid, sizeof log->uuid);
    for (int i = 0; i < 2; i++) {
        log->path[i] = vdbi_alloc(memory, length + 6);
        if (!log->path[i]) {
            vdbi_log_free(log);
            return VDB_NOMEM;
        }
        memcpy(log->path[i], path, length);
        memcpy(log->path[i] + length, i ? "-wal2" : "-wal1", 6);
    }
    *out = log;
    return VDB_OK;
}

void vdbi_log_free(vdbi_log *log)
{
    if (!log)
        return;
    for (int i = 0; i < 2; i++) {
        if (log->files[i].open)
            vdbi_file_close(&log->files[i].file);
        vdbi_free(log->memory, log->path[i]);
    }
    vdbi_free(log->memory, log->group);
    vdbi_free(log->memory, log);
}

vdb_status vdbi_log_file_open(vdbi_log *log, int index, uint32_t flags)
{
    log_file *f = &log->files[index];
    vdb_status st;

    if (f->open)
        return VDB_OK;
    st = vdbi_file_open(&f->file, log->vfs, log->memory, log->counts, log->path[index],
                        flags);
    if (!st)
        f->open = 1;
    return st;
}

vdb_status vdbi_log_file_exists(vdbi_log *log, int index, int *there)
{
    int rc = log->vfs->exists(log->vfs->arg, log->path[index]);

    *there = rc == 0;
    return rc == 0 || rc == -ENOENT ? VDB_OK
                                    : vdbi_fail_system(rc, "%s", log->path[index]);
}

void vdbi_log_count_bytes(vdbi_log *log)
{
    atomic_store(&log->bytes, log->files[0].size + log->files[1].size);
}

int vdbi_log_current(const vdbi_log *log)
{
    return log->current + 1;
}

int vdbi_log_two(const vdbi_log *log)
{
    return log->two;
}

static int first_index(const vdbi_log *log)
{
    return log->two ? 1 - log->current : log->current;
}

uint32_t vdbi_log_first(const vdbi_log *log)
{
    return (uint32_t)(first_index(log) + 1);
}

uint64_t vdbi_log_first_salt(const vdbi_log *log)
{
    return log->current < 0 ? 0 : log->files[first_index(log)].salt;
}

uint64_t vdbi_log_salt(const vdbi_log *log)
{
    return log->current < 0 ? 0 : log->files[log->current].salt;
}

uint64_t vdbi_log_size(const vdbi_log *log)
{
    return log->current < 0 ? 0 : log->files[log->current].end;
}

uint64_t vdbi_log_bytes(const vdbi_log *log)
{
    return atomic_load(&log->bytes);
}

uint64_t vdbi_log_unsynced(const vdbi_log *log)
{
    return log->written_lsn - log->synced_lsn;
}

static vdb_status poison(vdbi_log *log, vdb_status st)
{
    log->poisoned = 1;
    return st;
}

static vdb_status check_poison(const vdbi_log *log)
{
    return log->poisoned
               ? vdbi_fail(VDB_POISONED, "%s: a sync has failed: reopen", log->path[0])
               : VDB_OK;
}

/* A sync whose failure leaves unknown what is on disk. */
static vdb_status sync_or_poison(vdbi_log *log, log_file *f)
{
    vdb_status st = vdbi_file_sync(&f->file);

    return st ? poison(log, st) : VDB_OK;
}

/* ------------------------------------------------------------ taking, cutting */

/* Prepare a log file that nothing refers to: empty but for a new header, durable. */
static vdb_status begin_file(vdbi_log *log, int index, uint64_t previous,
                             uint64_t generation, uint64_t sequence)
{
    log_file *f = &log->files[index];
    uint8_t header[VDBI_LOG_HEADER] = {0};
    uint64_t salt = 0;
    vdb_status st = vdbi_log_file_open(log, index, VDB_VFS_CREATE);

    if (st)
        return st;
    while (salt == 0 || salt == previous || salt == f->salt) {
        int rc = log->vfs->random(log->vfs->arg, &salt, sizeof salt);
        if (rc)
            return vdbi_fail_system(rc, "%s: random bytes", log->path[index]);
    }
    memcpy(header, vdbi_log_magic, sizeof vdbi_log_magic);
    vdbi_put32(header + LOG_OFF_VERSION, LOG_VERSION);
    vdbi_put32(header + LOG_OFF_NUMBER, (uint32_t)index + 1);
    memcpy(header + LOG_OFF_UUID, log->uuid, sizeof log->uuid);
    vdbi_put64(header + LOG_OFF_SALT, salt);
    vdbi_put64(header + LOG_OFF_PREVIOUS, previous);
    vdbi_put64(header + LOG_OFF_GENERATION, generation);
    /* The next frame's; a close frame takes one number first. */
    vdbi_put64(header + LOG_OFF_LSN, log->next_lsn + (previous != 0));
    vdbi_put64(header + LOG_OFF_SEQUENCE, sequence);
    vdbi_put32(header + LOG_OFF_CRC, vdbi_crc32(0, header, LOG_OFF_CRC));
    /* Cutting what is empty already would give its reserve back. */
    st = vdbi_file_size(&f->file, &f->size);
    if (!st && f->size)
        st = vdbi_file_truncate(&f->file, 0);
    if (!st)
        st = vdbi_file_write(&f->file, header, sizeof header, 0);
    if (st)
        return st;
    st = sync_or_poison(log, f);
    if (!st) {
        st = vdbi_file_sync_directory(&f->file);
        if (st)
            poison(log, st);
    }
    if (st)
        return st;
    f->salt = salt;
    f->end = f->size = VDBI_LOG_HEADER;
    f->reserved = 0;
    vdbi_log_count_bytes(log);
    return VDB_OK;
}

/* Open a log, if there is one, and see how long it is. */
static vdb_status measure(vdbi_log *log, int index)
{
    log_file *f = &log->files[index];
    int there;
    vdb_status st = vdbi_log_file_exists(log, index, &there);

    if (st || !there)
        return st;
    st = vdbi_log_file_open(log, index, 0);
    return st ? st : vdbi_file_size(&f->file, &f->size);
}

/* Cut a log, if there is one with anything in it, to nothing, durably. */
static vdb_status empty_file(vdbi_log *log, int index)
{
    log_file *f = &log->files[index];
    vdb_status st = measure(log, index);

    if (st || (f->size == 0 && f->reserved == 0))
        return st;
    st = vdbi_file_truncate(&f->file, 0);
    if (!st && f->size)
        st = sync_or_poison(log, f);
    if (!st)
        f->end = f->size = f->reserved = 0;
    return st;
}

vdb_status vdbi_log_leftover(vdbi_log *log, int *any)
{
    vdb_status st = measure(log, 0);

    if (!st)
        st = measure(log, 1);
    *any = log->files[0].size + log->files[1].size > 0;
    return st;
}

vdb_status vdbi_log_take(vdbi_log *log, uint64_t generation, uint64_t sequence)
{
    vdb_status st = check_poison(log);

    assert(log->current < 0);
    /* The other one may hold what WITHOUT_LOG has given up: its frames must not be found
     * beside a newer generation. */
    if (!st)
        st = empty_file(log, 1);
    if (!st)
        st = begin_file(log, 0, 0, generation, sequence);
    if (st)
        return st;
    log->current = 0;
    log->two = 0;
    log->last_crc = 0;
    return VDB_OK;
}

vdb_status vdbi_log_turn_over(vdbi_log *log, uint64_t generation, uint64_t sequence)
{
    int next = 1 - log->current;
    uint8_t payload[16];
    vdbi_log_mark mark;
    vdb_status st = check_poison(log);

    assert(log->current >= 0 && !log->two && log->group_length == 0);
    if (!st)
        st = begin_file(log, next, log->files[log->current].salt, generation, sequence);
    if (st)
        return st;
    mark = vdbi_log_mark_get(log);
    vdbi_put64(payload, log->files[next].salt);
    vdbi_put64(payload + 8, (uint64_t)next + 1);
    st = vdbi_log_add(log, VDBI_FRAME_CLOSE, sequence, payload, sizeof payload);
    if (!st)
        st = vdbi_log_write(log);
    if (st) {
        vdbi_log_mark_reset(log, &mark);
        return st;
    }
    st = vdbi_log_sync(log);
    if (st)
        return st;
    log->current = next;
    log->two = 1;
    log->last_crc = 0;
    return VDB_OK;
}

vdb_status vdbi_log_recycle(vdbi_log *log)
{
    log_file *f = &log->files[1 - log->current];
    vdb_status st;

    if (!log->two)
        return VDB_OK;
    st = vdbi_file_truncate(&f->file, 0);
    if (st)
        return st;
    f->end = f->size = f->reserved = 0;
    log->files[log->current].reserved = 0; /* to be asked for again, with the other's */
    log->two = 0;
    vdbi_log_count_bytes(log);
    return VDB_OK;
}

vdb_status vdbi_log_clear_other(vdbi_log *log)
{
    vdb_status st = check_poison(log);
    log_file *f;

    if (st || log->current < 0 || log->two)
        return st;
    f = &log->files[1 - log->current];
    st = measure(log, 1 - log->current);
    if (st || !f->open)
        return st;
    /* What is reserved behind an empty file's end stays. */
    if (f->size) {
        st = vdbi_file_truncate(&f->file, 0);
        f->reserved = 0;
    }
    if (!st)
        f->end = f->size = 0;
    /* It may have been cut by a recycling, which does not sync. */
    return st ? st : sync_or_poison(log, f);
}

vdb_status vdbi_log_retire(vdbi_log *log)
{
    vdb_status st = VDB_OK;

    for (int i = 0; i < 2 && !st; i++)
        st = empty_file(log, i);
    if (!st) {
        log->current = -1;
        log->two = 0;
    }
    vdbi_log_count_bytes(log);
    return st;
}

/* ------------------------------------------------------------------- frames */

vdbi_log_mark vdbi_log_mark_get(const vdbi_log *log)
{
    return (vdbi_log_mark){log->group_length, log->next_lsn, log->last_crc};
}

void vdbi_log_mark_reset(vdbi_log *log, const vdbi_log_mark *mark)
{
    log->group_length = mark->length;
    log->next_lsn = mark->lsn;
    log->last_crc = mark->crc;
}

size_t vdbi_log_gathered(const vdbi_log *log)
{
    return log->group_length;
}

vdb_status vdbi_log_add(vdbi_log *log, int kind, uint64_t sequence,
                        const uint8_t *payload, size_t length)
{
    size_t padded = (length + 7) / 8 * 8;
    uint8_t *p;
    vdb_status st;

    if (length > VDBI_PAYLOAD_MAX)
        return vdbi_fail(VDB_FULL, "log: a frame of %zu bytes; at most %d fit", length,
                         VDBI_PAYLOAD_MAX);
    st = vdbi_grow(log->memory, &log->group, &log->group_capacity,
                   log->group_length + VDBI_FRAME_HEADER + padded, 1);
    if (st)
        return st;
    p = log->group + log->group_length;
    vdbi_put32(p, VDBI_FRAME_MAGIC);
    vdbi_put32(p + FRAME_OFF_KIND, (uint32_t)kind);
    vdbi_put64(p + FRAME_OFF_SALT, log->files[log->current].salt);
    memcpy(p + FRAME_OFF_UUID, log->uuid, sizeof log->uuid);
    vdbi_put64(p + FRAME_OFF_LSN, log->next_lsn);
    vdbi_put64(p + FRAME_OFF_SEQUENCE, sequence);
    vdbi_put64(p + FRAME_OFF_DURABLE, log->synced_lsn);
    vdbi_put32(p + FRAME_OFF_LENGTH, (uint32_t)length);
    vdbi_put32(p + FRAME_OFF_PREVIOUS, log->last_crc);
    vdbi_put32(p + FRAME_OFF_PAYLOAD_CRC, vdbi_crc32(0, payload, length));
    log->last_crc = vdbi_crc32(0, p, FRAME_OFF_CRC);
    vdbi_put32(p + FRAME_OFF_CRC, log->last_crc);
    if (length)
        memcpy(p + VDBI_FRAME_HEADER, payload, length);
    memset(p + VDBI_FRAME_HEADER + length, 0, padded - length);
    log->group_length += VDBI_FRAME_HEADER + padded;
    log->next_lsn++;
    return VDB_OK;
}

vdb_status vdbi_log_write(vdbi_log *log)
{
    log_file *f = &log->files[log->current];
    vdb_status st = check_poison(log), cut;
    vdb_error error = VDB_ERROR_INIT;

    if (st || log->group_length == 0)
        return st;
    st = vdbi_file_write(&f->file, log->group, log->group_length, f->end);
    if (!st) {
        f->end += log->group_length;
        f->size = f->end;
        log->group_length = 0;
        log->written_lsn = log->next_lsn - 1;
        vdbi_log_count_bytes(log);
        return VDB_OK;
    }
    /* What reached the file must not be found by a recovery once other frames have
     * followed: cut it off, durably, or never write again. */
    vdbi_error_save(&error);
    cut = vdbi_file_truncate(&f->file, f->end);
    f->reserved = 0; /* a cut gives it back */
    if (!cut)
        cut = vdbi_file_sync(&f->file);
    if (cut)
        poison(log, cut);
    else
        log->synced_lsn = log->written_lsn;
    vdbi_error_restore(&error);
    return st;
}

vdb_status vdbi_log_sync(vdbi_log *log)
{
    vdb_status st = check_poison(log);

    if (st || log->current < 0 || log->synced_lsn == log->written_lsn)
        return st;
    st = sync_or_poison(log, &log->files[log->current]);
    if (!st)
        log->synced_lsn = log->written_lsn;
    return st;
}

int vdbi_log_poisoned(const vdbi_log *log)
{
    return log->poisoned;
}

/* The other log must take its header, at least, whenever the log is turned over. */
static vdb_status reserve_other(vdbi_log *log)
{
    log_file *f = &log->files[1 - log->current];
    vdb_status st;

    if (log->two)
        return VDB_OK;
    st = vdbi_log_file_open(log, 1 - log->current, VDB_VFS_CREATE);
    if (!st)
        st = vdbi_file_reserve(&f->file, 0, OTHER_RESERVE);
    if (!st)
        f->reserved = OTHER_RESERVE;
    return st;
}

/* A reserve that fails may have taken what there was: give that back, so that others can
 * have it, but keep what was reserved before. */
static void reserve_again(log_file *f, uint64_t size)
{
    if (!vdbi_file_truncate(&f->file, f->end) && size > f->end)
        vdbi_file_reserve(&f->file, f->end, size - f->end);
}

vdb_status vdbi_log_reserve(vdbi_log *log, uint64_t need, uint64_t wanted)
{
    log_file *f = &log->files[log->current];
    vdb_status st;

    if (need <= f->reserved)
        return VDB_OK;
    st = reserve_other(log);
    if (st)
        return st;
    st = vdbi_file_reserve(&f->file, f->end, wanted - f->end);
    if (st == VDB_FULL) {
        reserve_again(f, f->reserved);
        wanted = need;
        st = vdbi_file_reserve(&f->file, f->end, wanted - f->end);
    }
    if (st == VDB_FULL) {
        vdb_error error = VDB_ERROR_INIT;
        vdbi_error_save(&error);
        reserve_again(f, f->reserved);
        vdbi_error_restore(&error);
    }
    if (!st)
        f->reserved = wanted;
    return st;
}
