/* opening.h: opening and closing the database that a command works on.
 *
 * The shell's commands all work on one database, which stays open from command to
 * command: while there is a session, opening its file gives its handle, and closing that
 * does nothing.
 */
#ifndef VDBTOOL_OPENING_H
#define VDBTOOL_OPENING_H

#include "arguments.h"
#include "vdb.h"

/* Numbered as vdb_metric, vdb_index_kind and vdb_durability; end with NULL. */
extern const char *const METRIC_NAMES[];
extern const char *const INDEX_NAMES[];
extern const char *const CODES_NAMES[];
extern const char *const DURABILITY_NAMES[];

/* What the options of a command line say about opening. */
int read_options(const arguments *args, vdb_options *out);

/* vdb_open(), with its status in *result and nothing said about it, but for names
 * that no command takes; and how to say it. */
int open_quietly(const char *path, const vdb_options *options, vdb **out,
                 vdb_status *result);
int fail_opening(const char *path, const vdb_options *options, vdb_status result);

/* vdb_open(), saying what went wrong; `options` with its flags. */
int open_database(const char *path, const vdb_options *options, vdb **out);

/* As open_database(), but a file that is not there is no error: *out is NULL. */
int open_if_there(const char *path, const vdb_options *options, vdb **out);

/* Open the command's first operand, which must be there, for reading or writing. */
int open_to_read(const arguments *args, vdb **out);
int open_to_write(const arguments *args, vdb **out);

/* Close it; an error of closing counts only when `status` is none. */
int close_database(vdb *db, int status);
/* Close it, also that of a session, which then opens it anew; errors do not count. */
void close_anyway(vdb *db);

/* Begin a session with the file, which need not be there yet; it is opened by the first
 * command that needs it.  Of the options the durability counts, and VDB_OPEN_READONLY.
 * session_database() opens it, if it is there: else NULL. */
void session_begin(const char *path, const vdb_options *options);
bool session_is_on(void);
vdb *session_database(void);
int session_end(int status);

#endif
