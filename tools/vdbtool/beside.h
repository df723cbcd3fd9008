/* beside.h: a file of lines beside a file of rows that has no place for ids or metadata:
 * line i belongs to row i.
 *
 * A line of metadata is one JSON object, kept as it stands, or empty: none.  A line of
 * ids is the id as it stands, or, when it begins with a quote, a JSON string: so ids with
 * line breaks can be told.  A carriage return at the end is not part of an id.
 *
 * Every function says itself what is wrong, and where.
 */
#ifndef VDBTOOL_BESIDE_H
#define VDBTOOL_BESIDE_H

#include "lines.h"
#include "reader.h"

typedef struct beside {
    lines source;
    const char
        *rows_path; /* of the file with the rows; NULL: there is no file beside */
    char *id;       /* of a line that is a JSON string */
} beside;

/* `rows`: how many there are, to be compared before anything is stored; 0: unknown. */
int beside_open(beside *file, const char *path, const char *rows_path, uint64_t rows);
/* Set the metadata, or the id, of the next row. */
int beside_take_metadata(beside *file, row *next);
int beside_take_id(beside *file, row *next);
/* After the last row: that there are no more lines. */
int beside_end(beside *file, uint64_t rows);
void beside_close(beside *file);

/* Write a line that beside_take_id() reads. */
void put_id_line(FILE *file, const char *id, size_t length);

#endif
