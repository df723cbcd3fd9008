/* complete.h: what may follow in a line of the shell: names of commands, their options,
 * and in a filter the fields of metadata.
 */
#ifndef VDBTOOL_COMPLETE_H
#define VDBTOOL_COMPLETE_H

#include <stddef.h>

#include "vdb.h"

typedef struct candidates {
    size_t count;
    char **list;
    char behind; /* what is to follow one that stands alone: a blank, or a quote */
} candidates;

/* What the unfinished word line[start .. end) may become.  `db` is asked for the fields of
 * its first records; NULL: there is none.  None is a possible answer, also when there is
 * no memory.  Free with candidates_clear(). */
void complete(const char *line, size_t start, size_t end, vdb *db, candidates *out);
void candidates_clear(candidates *out);

#endif
