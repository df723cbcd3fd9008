/* import_batch.h: rows gathered to be stored as one commit.
 *
 * All rows of a batch have one dimension.  Nothing is atomic beyond one vdb_put(): when
 * the library finds a batch too large for one commit, it is stored in parts.
 */
#ifndef VDBTOOL_IMPORT_BATCH_H
#define VDBTOOL_IMPORT_BATCH_H

#include "reader.h"
#include "vdb.h"

typedef struct import_batch import_batch;

int import_batch_new(size_t rows_max, import_batch **out);

/* Copy a row, which has an id. */
int import_batch_add(import_batch *batch, const row *next);

bool import_batch_is_full(const import_batch *batch);
size_t import_batch_count(const import_batch *batch);

/* Drop the first rows as long as `db` holds just the same under their ids: *skipped of
 * them.  Only a leading run: behind a row that differs, a row that is there might be
 * replaced by one in between, and would have to be stored again. */
int import_batch_skip(import_batch *batch, vdb *db, size_t *skipped);

/* Store the rows and empty the batch; `path` and `unit` name a bad row.  *stored
 * counts what was committed, also when it fails. */
int import_batch_put(import_batch *batch, vdb *db, const char *path, const char *unit,
                     uint64_t *stored);

/* Try the rows on a database that is not kept, and keep them. */
int import_batch_rehearse(const import_batch *batch, vdb *db, const char *path,
                          const char *unit);

void import_batch_free(import_batch *batch);

#endif
