/* reader.h: vectors in a file, one after another, whatever its format.
 *
 * fvecs and bvecs: each row is its dimension as a 32-bit little-endian integer, then
 * that many little-endian float32 or bytes.  jsonl: each line is an object with "id",
 * "vector" and, if any, "metadata".  All rows of a file have one dimension.
 *
 * Every function says itself what is wrong with the file, and where.
 */
#ifndef VDBTOOL_READER_H
#define VDBTOOL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct reader reader;

/* Lent until the next row is read. */
typedef struct row {
    uint64_t number; /* of the row from 0, or of the line from 1: see reader_unit() */
    const char *id;  /* NULL: the format has none */
    size_t id_length;
    const float *vector;
    size_t dim;
    const char *metadata; /* NULL: none */
    size_t metadata_length;
} row;

/* `format`: "fvecs", "bvecs" or "jsonl"; NULL: as the path ends.  *out is NULL on
 * failure; free it with reader_free(). */
int reader_open(const char *path, const char *format, reader **out);

/* Before anything is read: whether the size of a regular file of rows is one that
 * whole rows have.  A truncated file is so found before anything is stored. */
int reader_measure(reader *source);

/* 1 with a row; 0 at the end; -1 on failure. */
int reader_next(reader *source, row *out);

bool reader_has_ids(const reader *source);
const char *reader_unit(const reader *source); /* "row" or "line" */
/* How many rows there are, after reader_measure(); 0: unknown. */
uint64_t reader_rows(const reader *source);
/* Bytes read, and of the whole file; 0: unknown. */
uint64_t reader_bytes(const reader *source);
uint64_t reader_total_bytes(const reader *source);
void reader_free(reader *source);

#endif
