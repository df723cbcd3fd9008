/* scratch_file.h: a temporary database file that goes whatever ends the program. */
#ifndef BENCH_SCRATCH_FILE_H
#define BENCH_SCRATCH_FILE_H

/* A path in a new folder under $TMPDIR or /tmp.  Removed with its logs at exit, on an
 * interrupt, and when the program is told to end.  Once per program. */
const char *scratch_file(void);

#endif
