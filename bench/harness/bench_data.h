/* bench_data.h: the files of a data set.
 *
 * .fvecs and .ivecs: each row is its dimension, a little-endian int32, and as many
 * float32 or int32.  All rows of a file have one dimension.  A file that is cut short,
 * ragged or empty stops the program with the row and its byte.
 */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fvecs {
    float *values; /* rows * dim, packed, aligned to a cache line; free() it */
    size_t rows, dim;
} fvecs;

typedef struct ivecs {
    int32_t *values; /* free() it */
    size_t rows, dim;
} ivecs;

/* The first rows of a file, at most `max_rows`. */
fvecs fvecs_read(const char *path, size_t max_rows);
ivecs ivecs_read(const char *path, size_t max_rows);

void ivecs_write(const char *path, const int32_t *values, size_t rows, size_t dim);

/* The first lines of a text file, at most `max_lines`, without their ends. */
typedef struct text_lines {
    char *text;  /* free() it */
    char **line; /* free() it */
    size_t count;
} text_lines;
text_lines text_lines_read(const char *path, size_t max_lines);

/* Scale each row to length 1; rows of zeros stay. */
void fvecs_normalise(fvecs *vectors);

#ifdef __cplusplus
}
#endif

#endif
