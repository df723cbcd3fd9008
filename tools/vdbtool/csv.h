/* csv.h: the records of a CSV file, as RFC 4180 has them.
 *
 * Fields are separated by a comma (or another byte), records by LF or CRLF.  A field that
 * begins with a quote ends with one, and may hold separators, line breaks and, doubled,
 * quotes.  Blanks belong to a field.  A byte order mark before the first field and lines
 * with nothing in them are passed over.  Refused: a quote within a field that does not
 * begin with one, anything between a closing quote and the separator, a CR that no LF
 * follows, a NUL, a quote that is never closed.
 *
 * Knows nothing of what the fields mean: that is csv_rows.c.  To drive it from memory:
 *
 *     FILE *file = fmemopen(data, size, "rb");
 *     if (csv_open(file, "input", ',', &source) == 0)
 *         while (csv_next(source, &record) > 0)
 *             use(&record);
 *     csv_free(source);                                             (closes the file)
 */
#ifndef VDBTOOL_CSV_H
#define VDBTOOL_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CSV_FIELDS_MAX = 1 << 17,       /* of one record: above the largest dimension */
    CSV_RECORD_BYTES_MAX = 16 << 20 /* so that no file can fill the memory */
};

typedef struct csv_field {
    const char *bytes; /* without its quotes; with a NUL behind it, and none within */
    size_t length;
    bool is_quoted;
    uint64_t line; /* where it begins, from 1 */
    uint64_t byte; /* of the file, from 0 */
} csv_field;

/* Lent until the next record is read. */
typedef struct csv_record {
    const csv_field *fields; /* count of them; at least one */
    size_t count;
} csv_record;

typedef struct csv csv;

/* Takes over `file`, also on failure.  Both say themselves what is wrong, and where. */
int csv_open(FILE *file, const char *path, char delimiter, csv **out);
/* 1 with a record; 0 at the end; -1 on failure. */
int csv_next(csv *source, csv_record *out);
uint64_t csv_bytes(const csv *source); /* read so far */
void csv_free(csv *source);

#endif
