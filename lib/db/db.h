/* db.h: one open database.
 *
 * Owns:      struct vdb: the versions, the writer's turn, the queue of commits, the
 *            background thread, counters.
 * Promises:  design.md: a reader holds a version and sees one instant; a commit is
 *            published after it is durable (at full durability), whole or not at all.
 * May call:  filter/, index/, store/, kernel/, os/, base/.
 * Threads:   every function but vdbi_db_close may be called by any number at once.
 *            Locks, in the order in which they may be taken (docs/threads.md):
 *            checkpoint, turn, queue, pin.
 * Failure:   the statuses of vdb.h, with their messages.
 */
#ifndef VDBI_DB_H
#define VDBI_DB_H

#include "base/histogram.h"
#include "db/graph.h"
#include "filter/narrow.h"
#include "os/thread.h"
#include "store/store.h"

struct vdb_env {
    vdbi_memory memory;
    vdb_vfs vfs;
    void (*log)(void *arg, int32_t level, const char *message);
    void *log_arg;
};

/* A published state.  It lives while somebody counts it. */
typedef struct vdbi_version {
    vdbi_image image;
    uint64_t refs; /* under pin_lock */
    struct vdbi_version *older, *newer;
} vdbi_version;

/* A change that waits for a leader.  apply() is called outside of a reading section.  It
 * may raise log_bytes and return VDBI_NO_ROOM, to be called again when the log has room. */
enum {
    VDBI_NO_ROOM = -1
};
typedef struct vdbi_request {
    vdb_status (*apply)(struct vdbi_request *request, vdbi_pending *pending);
    void *arg;
    size_t log_bytes; /* at most what it adds to the log */
    int only_deletes;
    int unchanged; /* set by apply: there was nothing to do */
    uint64_t inserted, deleted;
    /* the queue's */
    vdb_status status;
    vdb_error error;
    int done;
    int joined;     /* its version is part of the group */
    vdbi_bell bell; /* rung when it is done, or leads */
    struct vdbi_request *next;
} vdbi_request;

/* One who waits for the turn, but not to commit. */
typedef struct vdbi_turn_waiter {
    vdbi_bell bell;
    struct vdbi_turn_waiter *next;
} vdbi_turn_waiter;

struct vdb {
    vdb_env *env;
    vdb_env own_env; /* when the host gave none */
    vdbi_fork_mark *fork_mark;
    vdb_options options; /* with defaults filled in */
    vdbi_store *store;
    vdbi_pager *pager;
    vdbi_narrow *narrow;
    int in_memory;

    vdbi_mutex pin_lock;
    vdbi_version *newest, *oldest;
    uint64_t pinned; /* views held */

    vdbi_mutex queue_lock;
    vdbi_request *queue_head, *queue_tail;
    vdbi_turn_waiter *turn_head, *turn_tail; /* who want the turn for something else */
    int turn_taken;
    uint64_t last_sync_ns;                 /* (turn) */
    vdbi_touched touched;                  /* (turn) by the group, for the graph */
    _Atomic uint64_t live;                 /* vectors of the newest version */
    _Atomic uint64_t entries;              /* changed since the last checkpoint began */
    _Atomic uint64_t log_size;             /* of the current log */
    _Atomic uint64_t dirty_left, log_left; /* what the last checkpoint left behind */

    vdbi_mutex checkpoint_lock;
    vdbi_mutex worker_lock;
    vdbi_cond worker_wake;
    vdbi_thread worker;
    int worker_runs, worker_stop, worker_wanted;

    _Atomic int compacting;
    _Atomic uint64_t handles; /* snapshots, cursors and batches */
    _Atomic uint64_t commits, checkpoints, inserts, deletes, queries;
    _Atomic uint64_t checkpoint_ns, checkpoints_ns; /* the last one; all */
    vdbi_histogram latency;                         /* of queries, in nanoseconds */
    vdbi_graph graph;
};

vdb_status vdbi_db_open(vdb_env *env, const char *path, const vdb_options *options,
                        vdb **out);
vdb_status vdbi_db_close(vdb *db);

/* ---- versions.c ---- */
vdbi_version *vdbi_version_pin(vdb *db); /* the newest */
void vdbi_version_retain(vdb *db, vdbi_version *version);
void vdbi_version_release(vdb *db, vdbi_version *version);
uint64_t vdbi_version_oldest(vdb *db);
/* (turn) Make an image, with its count of frames, the newest version. */
void vdbi_version_publish(vdb *db, vdbi_version *fresh, const vdbi_image *image);

/* ---- commit.c ---- */
vdb_status vdbi_commit(vdb *db, vdbi_request *request);
void vdbi_turn_take(vdb *db);
int vdbi_turn_try(vdb *db); /* 1: it is taken; 0: somebody has it */
void vdbi_turn_give(vdb *db);
/* Whether nobody has the turn, nor the checkpoint's lock, at this moment. */
int vdbi_turn_is_free(vdb *db);

/* ---- maintenance.c ---- */
vdb_status vdbi_db_checkpoint(vdb *db);
/* One even if all is saved, whose meta page says how short the file could be. */
vdb_status vdbi_db_checkpoint_shrink(vdb *db);
/* After a commit: see whether a checkpoint is due, and have it made. */
void vdbi_maintain(vdb *db);
vdb_status vdbi_worker_start(vdb *db);
void vdbi_worker_stop(vdb *db);

/* ---- backup_db.c ---- */
vdb_status vdbi_db_backup(vdb *db, const char *path, const vdb_op *op);

/* ---- compact_db.c ---- */
vdb_status vdbi_db_compact(vdb *db, const vdb_op *op);
/* Before closing, when nobody else uses the handle: whether the file, when all has been
 * saved, has so many free pages that the last of it is worth moving. */
int vdbi_db_trim_is_worth(vdb *db);
/* Save all, move, and cut the file.  `graph_save`: number of a save that has been handed
 * over; 0: none.  What fails is told to the log hook: closing goes on. */
void vdbi_db_trim(vdb *db, uint64_t graph_save);
/* Pages; set by tests before the first database is open. */
extern uint64_t vdbi_trim_least;

/* ---- op.c ---- */

/* An operation's limits while it runs. */
typedef struct vdbi_limits {
    const vdb_op *op; /* may be NULL */
    vdb *db;
    uint64_t deadline; /* 0: none */
} vdbi_limits;
void vdbi_limits_begin(vdbi_limits *limits, vdb *db, const vdb_op *op);
vdb_status vdbi_limits_tick(void *limits); /* VDB_TIMEOUT, VDB_CANCELLED */
void vdbi_limits_progress(const vdbi_limits *limits, uint64_t done, uint64_t total);

struct vdb_cancel {
    _Atomic int set;
};
struct vdb_snapshot {
    vdb *db;
    vdbi_version *version;
};
/* The version an operation reads, counted. */
vdb_status vdbi_op_view(vdb *db, const vdb_snapshot *snapshot, vdbi_version **out);

/* ---- search.c ---- */
vdb_status vdbi_search(vdb *db, const vdb_query *query, vdb_results **out);

/* ---- cursor.c ---- */
struct vdb_record {
    vdbi_memory *memory;
    vdbi_memory own; /* of a record that outlives its environment's handle */
    char *id;
    size_t id_length;
    char *metadata; /* NULL: none */
    size_t metadata_length;
    float *vector; /* NULL: not read */
    size_t dimension;
};
vdb_status vdbi_record_load(vdb *db, const vdbi_image *image, uint32_t slot,
                            int ids_only, vdb_record *out);
void vdbi_record_unload(vdb_record *record);

#endif
