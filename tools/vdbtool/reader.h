/* reader.h: vectors in a file, one after another, whatever its format.
 *
 * fvecs and bvecs: each row is its dimension as a 32-bit little-endian integer, then
 * that many little-endian float32 or bytes.  jsonl: each line is an object with "id",
 * "vector" and, if any, "metadata".  npy: numpy's array of two dimensions.  csv: a
 * header, then records; see csv_rows.c.  All rows of a file have one dimension.
 *
 * Memory does not grow with the file: a row is read when it is asked for.  Rows and lines
 * are counted from 1.  Every function says itself what is wrong with the file, and where.
 *
 * To drive a format from memory, for example in a fuzz target:
 *
 *     complain_silently();                                          (complain.h)
 *     reader_options options = {.format = "csv"};
 *     FILE *file = fmemopen(data, size, "rb");                      (size at least 1)
 *     if (reader_open_stream(file, "input", size, &options, &source) == 0)
 *         while (reader_next(source, &row) > 0)
 *             use(&row);
 *     reader_free(source);                                          (closes the file)
 */
#ifndef VDBTOOL_READER_H
#define VDBTOOL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct reader reader;

/* Lent until the next row is read. */
typedef struct row {
    uint64_t index;  /* of the row, from 0: its id when it has none */
    uint64_t number; /* of the row or the line, from 1: see reader_unit() */
    const char *id;  /* NULL: the format has none */
    size_t id_length;
    const float *vector;
    size_t dim;
    const char *metadata; /* NULL: none */
    size_t metadata_length;
} row;

typedef struct reader_options {
    const char *format;         /* a name of READER_FORMATS; NULL: as the path ends */
    bool queries;               /* rows need no ids */
    const char *id_column;      /* csv: NULL: "_id" or "id", if there is one */
    const char *vector_columns; /* csv: NULL: "_vector", "vector" or "embedding" */
    bool guess_quoted;          /* csv: what stands in quotes may be a number, too */
    char delimiter;             /* csv: 0: a comma */
} reader_options;

extern const char *const READER_FORMATS[]; /* ends with NULL */

/* `path` and the options' texts must outlive the reader.  *out is NULL on failure; free
 * it with reader_free(). */
int reader_open(const char *path, const reader_options *options, reader **out);

/* As reader_open(), from a stream that it takes over, also on failure; `file_bytes` is
 * how long it is, 0 when that is unknown; options->format is not NULL. */
int reader_open_stream(FILE *file, const char *path, uint64_t file_bytes,
                       const reader_options *options, reader **out);

/* Before anything is read: whether the size of a regular file of rows is one that
 * whole rows have.  A truncated file is so found before anything is stored. */
int reader_measure(reader *source);

/* 1 with a row; 0 at the end; -1 on failure. */
int reader_next(reader *source, row *out);

bool reader_has_ids(const reader *source);
bool reader_has_metadata(const reader *source);
const char *reader_unit(const reader *source); /* "row" or "line" */
/* How many rows there are, after reader_measure(); 0: unknown. */
uint64_t reader_rows(const reader *source);
/* Bytes read, and of the whole file; 0: unknown. */
uint64_t reader_bytes(const reader *source);
uint64_t reader_total_bytes(const reader *source);
void reader_free(reader *source);

#endif
