/* writer.h: records written to a file, whatever its format.
 *
 * What the disk says about it is the output's to notice: output.h.
 */
#ifndef VDBTOOL_WRITER_H
#define VDBTOOL_WRITER_H

#include <stdbool.h>
#include <stdio.h>

#include "vdb.h"

typedef struct writer writer;

typedef struct writer_kind {
    const char *name;
    bool has_ids; /* of its own, and metadata; else they go into files beside it */
    bool needs_count;
    size_t size; /* of the struct that begins with a writer */
    /* Before begin() each record is shown to look(), where there is one. */
    int (*look)(writer *self, const vdb_record *record);
    /* Write the head: `count` records, if it is needed, of `dim` values will come. */
    int (*begin)(writer *self, uint64_t count, size_t dim);
    int (*put)(writer *self, const vdb_record *record);
    void (*clear)(writer *self); /* or NULL */
} writer_kind;

struct writer {
    const writer_kind *kind;
    FILE *file;
};

/* The format named, or that the path ends in; jsonl for a path without such an end.  Says
 * itself what is wrong. */
int writer_choose(const char *path, const char *format, const writer_kind **out);
writer *writer_new(const writer_kind *kind, FILE *file);
void writer_free(writer *self);

extern const writer_kind CSV_WRITER; /* csv_writer.c */

#endif
