/* output.h: files that are written beside what they replace, and take its name when they
 * are complete and on the disk: a full disk costs no older file.
 *
 *     output_open(), writing to .file, output_finish(), output_publish()
 *
 * Several files that belong together are all finished before the first is published.
 */
#ifndef VDBTOOL_OUTPUT_H
#define VDBTOOL_OUTPUT_H

#include <stdio.h>

typedef struct output {
    const char *name; /* as it was given; must outlive this */
    FILE *file;
    char *path;      /* the true name of what is replaced; NULL: written in place */
    char *temporary; /* beside it */
} output;

/* "-" is standard output; what is no regular file is written in place.  The database and
 * its logs are refused.  Says itself what is wrong. */
int output_open(output *out, const char *path, const char *database);
/* Bring it to the disk and close it; and give it its name.  With a `status` that is not
 * STATUS_DONE, drop it.  Both also when it was never opened; they return the status. */
int output_finish(output *out, int status);
int output_publish(output *out, int status);

#endif
