/* arguments.h: the api room: what a caller may hand in.
 *
 * Owns:      the checks of arguments; no algorithms.
 * Promises:  what passes is within the limits of vdb.h; a refusal names the value and the
 *            place, and nothing has changed.
 * May call:  db/ and below.
 */
#ifndef VDBI_ARGUMENTS_H
#define VDBI_ARGUMENTS_H

#include "db/db.h"
#include "store/flatten.h"

/* Copy a caller's struct, older or newer than ours, into `ours` of `size` bytes, zeros
 * where it has none.  NULL: all defaults.  Fields we do not know must be zero. */
vdb_status vdbi_struct_read(void *ours, size_t size, const void *theirs,
                            const char *name);
/* Copy ours out to a caller's struct, at most its struct_size bytes. */
vdb_status vdbi_struct_write(void *theirs, const void *ours, size_t size,
                             const char *name);

vdb_status vdbi_check_reserved(uint32_t reserved, const char *name);
/* VDB_MISUSE for NULL, and in a forked child. */
vdb_status vdbi_check_handle(vdb *db);
vdb_status vdbi_check_not_null(const void *pointer, const char *name);
vdb_status vdbi_check_id(const char *id, size_t length);
/* Finite, and not zero under cosine.  `name` begins the message: "vector", "query 3". */
vdb_status vdbi_check_values(vdb *db, const float *vector, size_t dim,
                             const char *name);
/* The same, and of the database's dimension if one is fixed. */
vdb_status vdbi_check_vector(vdb *db, const float *vector, size_t dim,
                             const char *name);
vdb_status vdbi_check_op(const vdb_op *op, vdb_op *copy);

/* A put that has passed every check; metadata is flattened. */
vdb_status vdbi_prepare_put(vdb *db, const char *id, size_t id_length,
                            const float *vector, size_t dim, const char *metadata,
                            size_t metadata_length, vdbi_put *put);
void vdbi_prepare_free(vdb *db, vdbi_put *put);

#endif
