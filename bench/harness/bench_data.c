/* bench_data.c: reading and writing the files of a data set; see bench_data.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench_data.h"
#include "stop.h"

enum {
    DIMENSION_MAX = 65535
};

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (!file)
        stop("%s: %s", path, strerror(errno));
    return file;
}

static size_t file_size(FILE *file, const char *path)
{
    struct stat s;
    if (fstat(fileno(file), &s))
        stop("%s: %s", path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        stop("%s: not a regular file", path);
    return (size_t)s.st_size;
}

/* fvecs and ivecs differ in what their four-byte elements mean only. */
static void *read_rows(const char *path, size_t max_rows, size_t *rows, size_t *dim)
{
    FILE *file = open_file(path, "rb");
    size_t bytes = file_size(file, path), row_bytes;
    int32_t head;
    if (fread(&head, sizeof head, 1, file) != 1)
        stop("%s: there are no rows in it", path);
    if (head < 1 || head > DIMENSION_MAX)
        stop("%s: row 0 at byte 0: dimension %d is not from 1 to %d", path, head,
             DIMENSION_MAX);
    *dim = (size_t)head;
    row_bytes = 4 + 4 * *dim;
    *rows = bytes / row_bytes < max_rows ? bytes / row_bytes : max_rows;
    char *made = need((*rows ? *rows : 1) * 4 * *dim);
    rewind(file);
    for (size_t i = 0; i < *rows; i++) {
        if (fread(&head, sizeof head, 1, file) != 1 ||
            fread(made + i * 4 * *dim, 4, *dim, file) != *dim)
            stop("%s: row %zu at byte %zu cannot be read", path, i, i * row_bytes);
        if ((size_t)head != *dim)
            stop("%s: row %zu at byte %zu: dimension %d, but the rows before it have "
                 "%zu",
                 path, i, i * row_bytes, head, *dim);
    }
    if (bytes % row_bytes)
        stop("%s: row %zu at byte %zu is truncated: %zu of %zu bytes", path,
             bytes / row_bytes, bytes / row_bytes * row_bytes, bytes % row_bytes,
             row_bytes);
    fclose(file);
    return made;
}

fvecs fvecs_read(const char *path, size_t max_rows)
{
    fvecs read;
    read.values = read_rows(path, max_rows, &read.rows, &read.dim);
    return read;
}

ivecs ivecs_read(const char *path, size_t max_rows)
{
    ivecs read;
    read.values = read_rows(path, max_rows, &read.rows, &read.dim);
    return read;
}

void ivecs_write(const char *path, const int32_t *values, size_t rows, size_t dim)
{
    FILE *file = open_file(path, "wb");
    int32_t head = (int32_t)dim;
    for (size_t i = 0; i < rows; i++) {
        fwrite(&head, sizeof head, 1, file);
        fwrite(values + i * dim, sizeof *values, dim, file);
    }
    if (ferror(file) | fclose(file))
        stop("%s: cannot be written", path);
}

text_lines text_lines_read(const char *path, size_t max_lines)
{
    text_lines read = {NULL, NULL, 0};
    FILE *file = open_file(path, "rb");
    size_t bytes = file_size(file, path), capacity = 0;
    read.text = need(bytes + 1);
    if (fread(read.text, 1, bytes, file) != bytes)
        stop("%s: cannot be read", path);
    fclose(file);
    if (strlen(read.text) != bytes)
        stop("%s: a zero byte at byte %zu", path, strlen(read.text));
    for (char *at = read.text; *at && read.count < max_lines;) {
        char *end = strchrnul(at, '\n');
        if (read.count == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            read.line = realloc(read.line, capacity * sizeof *read.line);
            if (!read.line)
                stop("out of memory");
        }
        read.line[read.count++] = at;
        at = *end ? end + 1 : end;
        *end = 0;
    }
    return read;
}

void fvecs_normalise(fvecs *vectors)
{
    for (size_t i = 0; i < vectors->rows; i++) {
        float *row = vectors->values + i * vectors->dim;
        double squares = 0;
        for (size_t j = 0; j < vectors->dim; j++)
            squares += (double)row[j] * (double)row[j];
        double scale = squares > 0 ? 1 / sqrt(squares) : 0;
        for (size_t j = 0; j < vectors->dim; j++)
            row[j] = (float)((double)row[j] * scale);
    }
}
