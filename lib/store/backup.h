/* backup.h: one instant, written to a main file of its own; docs/format.md, "Backups".
 *
 * Owns:      the new file while it is being written.
 * Promises:  on VDB_OK the file is a whole database, durable under its name.  Anything
 *            else, a power cut too, leaves no file, an empty one, or one that no opening
 *            takes for a database.  The source is only read.
 * May call:  the store's own parts.
 * Threads:   any number, beside commits and checkpoints; the image must be held.
 * Failure:   VDB_EXISTS, VDB_BUSY, VDB_CORRUPT (the source), VDB_IO, VDB_FULL, VDB_NOMEM,
 *            what tick returns.  The source is never poisoned by it.
 */
#ifndef VDBI_BACKUP_H
#define VDBI_BACKUP_H

#include "store/store.h"

typedef struct vdbi_backup_watch {
    vdb_status (*tick)(void *arg, uint64_t done, uint64_t total); /* in bytes */
    void *arg;
} vdbi_backup_watch;

/* `path`: without symbolic links. */
vdb_status vdbi_store_backup(vdbi_store *store, const vdbi_image *image,
                             const char *path, const vdbi_backup_watch *watch);

#endif
