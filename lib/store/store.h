/* store.h: the main file and its logs, as one durable thing.
 *
 * Owns:      the files, the pager, the map of free space, the logs, the free slots.
 * Promises:  docs/format.md, F1 to F5.  What vdbi_store_write() has acknowledged at full
 *            durability is in the image that the next opening gives.
 * May call:  os/, base/ and its own parts.  Knows nothing of versions, readers or graphs:
 *            db/ tells it which image is the newest, and how old the oldest in use is.
 * Threads:   functions marked (turn) need the writer's turn; (checkpoint) the checkpoint's;
 *            reading through the pager needs neither.
 * Failure:   a failed sync, and a failed write of a meta page, poison: VDB_POISONED from
 *            every later change until reopening.
 */
#ifndef VDBI_STORE_H
#define VDBI_STORE_H

#include "store/meta.h"
#include "store/pending.h"

typedef struct vdbi_store vdbi_store;

typedef struct vdbi_store_config {
    const char *path; /* NULL: in memory only */
    const vdb_vfs *vfs;
    vdbi_memory *memory;
    uint32_t flags;     /* VDB_OPEN_* */
    uint32_t dimension; /* 0: not said */
    vdbi_shape shape;   /* zeros: not said */
    uint64_t cache_bytes;
    void (*say)(void *arg, int32_t level, const char *message); /* may be NULL */
    void *say_arg;
} vdbi_store_config;

/* Open or create; *image is the newest committed state, and owns its frames. */
vdb_status vdbi_store_open(const vdbi_store_config *config, vdbi_store **out,
                           vdbi_image *image);
/* Free everything as it is; no image may be in use. */
vdb_status vdbi_store_free(vdbi_store *store);

vdbi_pager *vdbi_store_pager(vdbi_store *store);
const vdbi_shape *vdbi_store_shape(const vdbi_store *store);

/* ---- committing (turn) ---- */

/* See that nothing forbids writing: VDB_READONLY, VDB_POISONED. */
vdb_status vdbi_store_ready(vdbi_store *store);
/* A group begins: what is finished from here on is written together, or dropped. */
void vdbi_store_group(vdbi_store *store);
/* Begin a version on top of `base`; `oldest`: the oldest sequence that anybody holds. */
vdb_status vdbi_store_begin(vdbi_store *store, const vdbi_image *base, uint64_t oldest,
                            vdbi_pending *pending);
/* Close it into the group.  On an error the pending version has been dropped. */
vdb_status vdbi_store_finish(vdbi_store *store, vdbi_pending *pending,
                             vdbi_image *image);
/* Write the group; `sync`: and make it durable.  On an error all versions that were
 * finished since the last write never were; the caller drops their images. */
vdb_status vdbi_store_write(vdbi_store *store, int sync, int only_deletes);
/* Make durable what was written without sync. */
vdb_status vdbi_store_sync(vdbi_store *store);
/* Bytes in the current log with those gathered: for the bound. */
uint64_t vdbi_store_log_size(const vdbi_store *store);
size_t vdbi_store_gathered(const vdbi_store *store);
int vdbi_store_poisoned(const vdbi_store *store);

/* ---- checkpoints ---- */

/* (turn, checkpoint) Choose `image`, the newest, to be saved; turn the log over. */
vdb_status vdbi_checkpoint_begin(vdbi_store *store, const vdbi_image *image);
/* (checkpoint) Write it. */
enum {
    VDBI_CHECKPOINT_CLOSING = 1, /* its meta page names no log */
    VDBI_CHECKPOINT_SHRINK = 2   /* and a file that ends behind its last page */
};
vdb_status vdbi_checkpoint_run(vdbi_store *store, int how);
/* (turn, checkpoint) After a run that succeeded: recycle the old log, let places go.
 * After one that failed: nothing. */
void vdbi_checkpoint_end(vdbi_store *store, uint64_t oldest);
/* (turn, checkpoint) Save `image` as the last thing before closing, and cut the logs. */
vdb_status vdbi_store_save_and_close(vdbi_store *store, const vdbi_image *image);
/* Name pages of an image that are on disk by their places: a new reference to each frame
 * that must stay is counted, none of the old is dropped. */
void vdbi_image_settle(const vdbi_image *image, vdbi_image *out);
/* Whether the log holds what the checkpoint would save. */
uint64_t vdbi_store_durable_sequence(const vdbi_store *store);

/* ---- compaction ---- */

/* (checkpoint) How long the file is, how many pages of it are used, and how many below
 * `boundary` are free and held for nobody. */
vdb_status vdbi_store_room(vdbi_store *store, uint64_t boundary, uint64_t *pages);
void vdbi_store_pages(const vdbi_store *store, uint64_t *file_pages, uint64_t *used);
/* (turn, checkpoint) The same as they will be when all that is unsaved has been saved; the
 * file is at least so long. */
void vdbi_store_pages_saved(vdbi_store *store, uint64_t *file_pages, uint64_t *used);
/* (checkpoint) As vdbi_space_tail(). */
vdb_status vdbi_store_tail(vdbi_store *store, uint64_t most, uint64_t floor,
                           uint64_t *boundary, uint64_t *behind);
/* (checkpoint) From now on checkpoints move the map's own pages below `boundary`, as far
 * as there is room; UINT64_MAX: they do not. */
void vdbi_store_evacuate(vdbi_store *store, uint64_t boundary);
/* (turn, checkpoint) Cut the file to what both meta pages ask for: after two checkpoints
 * that shrink, no version and no meta page refers to what is cut off. */
vdb_status vdbi_store_cut(vdbi_store *store);
/* (turn) From now on commits mark the strings that they use and that were there; NULL:
 * they do not. */
void vdbi_store_mark_codes(vdbi_store *store, vdbi_code_marks *marks);
/* (turn) Slots at and above `ceiling` are not taken for new vectors. */
void vdbi_store_slot_ceiling(vdbi_store *store, uint32_t ceiling);

/* ---- facts ---- */
void vdbi_store_stats(vdbi_store *store, vdb_stats *stats);
uint32_t vdbi_store_replayed(const vdbi_store *store);

#endif
