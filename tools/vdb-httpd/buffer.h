/* buffer.h: bytes that grow, and JSON written into them.
 *
 * Running out of memory is remembered: what is appended after it is dropped, and
 * buffer_failed() tells, so that a writer need not ask after each step.
 */
#ifndef HTTPD_BUFFER_H
#define HTTPD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct buffer {
    char *bytes;
    size_t length;
    size_t capacity;
    bool failed;
} buffer;

void buffer_free(buffer *b);
/* Room for `more` bytes behind the end; false when there is no memory. */
bool buffer_reserve(buffer *b, size_t more);
/* Drop the first `count` bytes. */
void buffer_shift(buffer *b, size_t count);

void put_bytes(buffer *b, const void *bytes, size_t length);
void put_text(buffer *b, const char *text);
void put_format(buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void put_whole(buffer *b, uint64_t value);
/* The shortest decimal number that reads back as this float32. */
void put_float(buffer *b, float value);
/* A distance: as a float, but a negative zero is 0. */
void put_distance(buffer *b, float value);
/* A double that is a measure; "0" when it is not finite. */
void put_measure(buffer *b, double value);
/* "[1,2.5]" */
void put_vector(buffer *b, const float *values, size_t count);
/* UTF-8, quoted and escaped. */
void put_string(buffer *b, const char *bytes, size_t length);

#endif
