/* progress.h: how far a long command has come, at what rate, and how long it will take.
 *
 * One line on standard error that is overwritten, when standard error is a terminal and
 * the command's output does not go there, too; lines of their own with --progress, at
 * most five a second and one at the end; otherwise nothing.
 */
#ifndef VDBTOOL_PROGRESS_H
#define VDBTOOL_PROGRESS_H

#include "arguments.h"
#include "vdb.h"

typedef struct progress {
    const char *unit; /* "vectors", "MB"; NULL: only a share is told */
    double unit_size; /* of what is counted in one unit: 1e6 when bytes make MB */
    bool is_on;
    bool is_terminal;
    bool has_line; /* on the terminal, to be wiped off */
    double began;
    double shown; /* when a line was written last */
    uint64_t done;
    uint64_t part;
    uint64_t whole;
    unsigned step; /* of an operation that counts anew, as a check does; 0: the first */
} progress;

double now_seconds(void);

/* `output` is what the command writes beside it, or NULL. */
void progress_begin(progress *p, const arguments *args, const char *unit, FILE *output);
/* `done` units are done; the time left is told from `part` of `whole`, 0: unknown. */
void progress_show(progress *p, uint64_t done, uint64_t part, uint64_t whole);
/* It has ended; when it is complete, nothing is left. */
void progress_end(progress *p, bool is_complete);

/* Let the library tell of an operation's progress: units are of its own choice. */
void progress_follow(progress *p, vdb_op *op);

#endif
