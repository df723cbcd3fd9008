/* formats.h: what reader.c knows of the formats.
 *
 * A format's reader begins with a `row_source` and is used through its `kind`.  Each opening
 * function takes over `file`, also when it fails; `path` names it in messages and must
 * outlive the reader.  They need no file on a disk: given one of fmemopen(), they read
 * from memory.
 */
#ifndef VDBTOOL_FORMATS_H
#define VDBTOOL_FORMATS_H

#include <stdio.h>

#include "reader.h"

typedef struct row_source row_source;

typedef struct row_source_kind {
    const char *unit; /* "row" or "line": what row.number counts */
    /* Compare the file's size with what its head says, before any row is read; *rows
     * becomes their number.  NULL: a size tells nothing. */
    int (*measure)(row_source *self, uint64_t file_bytes, uint64_t *rows);
    int (*next)(row_source *self, row *out); /* as reader_next() */
    void (*free)(row_source *self);
} row_source_kind;

struct row_source {
    const row_source_kind *kind;
    const char *path;
    FILE *file;     /* closed by kind->free() */
    uint64_t bytes; /* read so far, of whole rows */
    bool has_ids;
    bool has_metadata;
};

/* A zeroed struct of `size` bytes that begins with a row_source; NULL, having said so and
 * closed the file, when there is no memory. */
void *row_source_new(size_t size, const row_source_kind *kind, FILE *file,
                     const char *path);

int vecs_open(FILE *file, const char *path, size_t element_bytes, row_source **out);
int jsonl_open(FILE *file, const char *path, bool ids_needed, row_source **out);
int npy_open(FILE *file, const char *path, row_source **out);
int csv_rows_open(FILE *file, const char *path, const reader_options *options,
                  row_source **out);

#endif
