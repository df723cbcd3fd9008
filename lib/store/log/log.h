/* log.h: the two write-ahead logs; docs/format.md, "Logs".
 *
 * Owns:      the files <db>-wal1 and <db>-wal2, salts, and the numbering of frames.
 * Promises:  once vdbi_log_sync() has returned VDB_OK, every frame written before it
 *            survives a power cut.  A log has frames only if the meta page leads to it,
 *            or a closed log does.  Nothing is ever appended behind a torn tail.
 * May call:  os/, base/.  Knows nothing of what the records mean.
 * Threads:   the one who has the writer's turn; vdbi_log_bytes() by any.
 * Failure:   a failed sync, or a cut that could not be synced, poisons: every later
 *            write is VDB_POISONED until reopening, because the kernel may have dropped
 *            the pages and a retry would lie.
 */
#ifndef VDBI_LOG_H
#define VDBI_LOG_H

#include "os/vfs.h"

enum {
    VDBI_LOG_HEADER = 4096,
    VDBI_FRAME_HEADER = 72,
    VDBI_PAYLOAD_MAX = 8 << 20
};

enum {
    VDBI_FRAME_DATA = 1,
    VDBI_FRAME_COMMIT = 2,
    VDBI_FRAME_CLOSE = 3
};

typedef struct vdbi_log vdbi_log;

/* path: the database's. */
vdb_status vdbi_log_create(vdbi_memory *memory, const vdb_vfs *vfs,
                           vdbi_io_counts *counts, const char *path,
                           const uint8_t uuid[16], vdbi_log **out);
/* Closes the files as they are. */
void vdbi_log_free(vdbi_log *log);

/* ---- recovery, before anything else ---- */

typedef struct vdbi_log_start {
    uint32_t number; /* of the first log, as the meta page says; 0: none */
    uint64_t salt;
    uint64_t generation;
    uint64_t sequence; /* S: commits up to it are not handed out */
} vdbi_log_start;

/* Hand out every frame of every commit after S, in order: a commit is data frames and a
 * commit frame; the last commit may be without its commit frame, and then never was.
 * Changes nothing in the files.  VDB_CORRUPT when frames are missing or damaged. */
vdb_status vdbi_log_recover(vdbi_log *log, const vdbi_log_start *start,
                            vdb_status (*visit)(void *arg, int kind, uint64_t sequence,
                                                const uint8_t *payload, size_t length),
                            void *arg);
/* After it, before anything is appended: cut the torn tail, and make durable again what
 * may not have been. */
vdb_status vdbi_log_mend(vdbi_log *log);
/* 1 when either log file has a valid header, of whatever database; for creation. */
vdb_status vdbi_log_any(vdbi_log *log, int *any);

/* ---- writing ---- */

int vdbi_log_current(const vdbi_log *log);    /* 1 or 2; 0: none is in use */
int vdbi_log_two(const vdbi_log *log);        /* the one before is still needed */
uint32_t vdbi_log_first(const vdbi_log *log); /* number of the first one needed; 0 */
uint64_t vdbi_log_first_salt(const vdbi_log *log);
uint64_t vdbi_log_salt(const vdbi_log *log);     /* of the current one */
uint64_t vdbi_log_size(const vdbi_log *log);     /* bytes of the current one */
uint64_t vdbi_log_bytes(const vdbi_log *log);    /* of both */
uint64_t vdbi_log_unsynced(const vdbi_log *log); /* frames written and not synced */

/* With no log in use: whether a file still has something in it, which taking will cut. */
vdb_status vdbi_log_leftover(vdbi_log *log, int *any);
/* Take a log into use when none is: header, sync, directory.  generation: of the meta
 * page that will name it; sequence: what it continues. */
vdb_status vdbi_log_take(vdbi_log *log, uint64_t generation, uint64_t sequence);
/* Go over to the other log: its header, a close frame here, both synced. */
vdb_status vdbi_log_turn_over(vdbi_log *log, uint64_t generation, uint64_t sequence);
/* A meta page that does without the log before is durable: cut that to nothing. */
vdb_status vdbi_log_recycle(vdbi_log *log);
/* With a log in use, and the other one not needed: see that the other is empty, durably.
 * A checkpoint does so by turning over; who writes to free places before needs it, too. */
vdb_status vdbi_log_clear_other(vdbi_log *log);
/* A meta page that names no log is durable: cut both, durably. */
vdb_status vdbi_log_retire(vdbi_log *log);

/* Frames are gathered in memory as a group, then written at once. */
typedef struct vdbi_log_mark {
    size_t length;
    uint64_t lsn;
    uint32_t crc;
} vdbi_log_mark;
vdbi_log_mark vdbi_log_mark_get(const vdbi_log *log);
void vdbi_log_mark_reset(vdbi_log *log, const vdbi_log_mark *mark);
/* payload: records, a multiple of 8 bytes, at most VDBI_PAYLOAD_MAX. */
vdb_status vdbi_log_add(vdbi_log *log, int kind, uint64_t sequence,
                        const uint8_t *payload, size_t length);
size_t vdbi_log_gathered(const vdbi_log *log);
/* Write the group.  On an error the log is cut back to what it was, or poisoned. */
vdb_status vdbi_log_write(vdbi_log *log);
vdb_status vdbi_log_sync(vdbi_log *log);
int vdbi_log_poisoned(const vdbi_log *log);
/* Assure disk space for the current log up to `need` bytes, or `wanted` while there is
 * plenty; and for the other's header. */
vdb_status vdbi_log_reserve(vdbi_log *log, uint64_t need, uint64_t wanted);

#endif
