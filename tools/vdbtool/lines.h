/* lines.h: a file read line by line, with a bound on the length of a line. */
#ifndef VDBTOOL_LINES_H
#define VDBTOOL_LINES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct lines {
    const char *path;
    FILE *file;
    uint64_t number; /* of the line read last, from 1 */
    uint64_t bytes;  /* of the file read so far */
    char *buffer;
    size_t capacity;
} lines;

/* Read from a stream, which lines_close() closes. */
void lines_take(lines *source, FILE *file, const char *path);

/* Both say what is wrong themselves.  lines_next() returns 1 with a line without its
 * newline, NUL-terminated and lent until the next call; 0 at the end; -1 on failure. */
int lines_open(lines *source, const char *path);
int lines_next(lines *source, const char **line, size_t *length);
void lines_close(lines *source);

#endif
