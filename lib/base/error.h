/* error.h: the last error of the calling thread.
 *
 * Owns:      one vdb_error per thread, the library's only global state.
 * Promises:  the message is set once, where the fact is known, with its numbers;
 *            callers above return the status and do not overwrite it.
 * Threads:   each has its own.
 */
#ifndef VDBI_ERROR_H
#define VDBI_ERROR_H

#include <stddef.h>

#include "vdb.h"

/* Set the thread's error and return `status`. */
vdb_status vdbi_fail(vdb_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, with the byte in a file or text where it is (-1: none). */
vdb_status vdbi_fail_at(vdb_status status, int64_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Turn a negated errno into a status (ENOSPC, EDQUOT, EFBIG: VDB_FULL; ENOMEM: VDB_NOMEM;
 * ENOENT: VDB_NOT_FOUND; EEXIST: VDB_EXISTS; EACCES, EPERM, EROFS and
 * the rest: VDB_IO) with "<what>: <strerror>". */
vdb_status vdbi_fail_system(int negated_errno, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How much of a text to quote in a message: at most 64 bytes, whole characters. */
int vdbi_clip(const char *text, size_t length);

/* The thread's last message, "" when there is none; valid until its next error. */
const char *vdbi_error_text(void);

/* Copies of an error, to carry it from a leader to the thread that waits. */
void vdbi_error_save(vdb_error *out);
void vdbi_error_restore(const vdb_error *saved);

#endif
