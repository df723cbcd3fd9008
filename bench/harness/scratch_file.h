/* scratch_file.h: a temporary file for an index that goes whatever ends the program, and
 * how large such files are. */
#ifndef BENCH_SCRATCH_FILE_H
#define BENCH_SCRATCH_FILE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A path in a new folder under $TMPDIR or /tmp.  Removed at exit, with a database's logs, on an
 * interrupt, and when the program is told to end.  Once per program. */
const char *scratch_file(void);

/* A database's main file and its logs. */
uint64_t database_bytes(const char *path);

#ifdef __cplusplus
}
#endif

#endif
