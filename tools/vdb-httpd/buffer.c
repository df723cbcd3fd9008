/* buffer.c: see buffer.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "text/float_text.h"

void buffer_free(buffer *b)
{
    free(b->bytes);
    memset(b, 0, sizeof *b);
}

bool buffer_reserve(buffer *b, size_t more)
{
    if (b->failed)
        return false;
    if (b->capacity - b->length >= more)
        return true;
    size_t wanted = b->capacity ? b->capacity : 256;
    while (wanted - b->length < more)
        wanted *= 2;
    char *grown = realloc(b->bytes, wanted);
    if (!grown) {
        b->failed = true;
        return false;
    }
    b->bytes = grown;
    b->capacity = wanted;
    return true;
}

void buffer_shift(buffer *b, size_t count)
{
    memmove(b->bytes, b->bytes + count, b->length - count);
    b->length -= count;
}

void put_bytes(buffer *b, const void *bytes, size_t length)
{
    if (!length || !buffer_reserve(b, length))
        return;
    memcpy(b->bytes + b->length, bytes, length);
    b->length += length;
}

void put_text(buffer *b, const char *text)
{
    put_bytes(b, text, strlen(text));
}

void put_format(buffer *b, const char *format, ...)
{
    va_list list;
    char text[1024];
    va_start(list, format);
    int length = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (length > 0)
        put_bytes(b, text,
                  (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void put_whole(buffer *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    put_bytes(b, digits + at, sizeof digits - at);
}

void put_float(buffer *b, float value)
{
    if (!buffer_reserve(b, FLOAT_TEXT_BYTES))
        return;
    b->length += float_text(value, b->bytes + b->length);
}

void put_distance(buffer *b, float value)
{
    put_float(b, value == 0 ? 0 : value);
}

void put_measure(buffer *b, double value)
{
    put_format(b, "%.15g", isfinite(value) ? value : 0);
}

void put_vector(buffer *b, const float *values, size_t count)
{
    put_text(b, "[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            put_text(b, ",");
        put_float(b, values[i]);
    }
    put_text(b, "]");
}

void put_string(buffer *b, const char *bytes, size_t length)
{
    size_t plain = 0; /* where the bytes begin that need no escape */
    put_text(b, "\"");
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte >= 0x20 && byte != 0x7f && byte != '"' && byte != '\\')
            continue;
        put_bytes(b, bytes + plain, i - plain);
        plain = i + 1;
        if (byte == '"' || byte == '\\')
            put_format(b, "\\%c", byte);
        else
            put_format(b, "\\u%04x", byte);
    }
    put_bytes(b, bytes + plain, length - plain);
    put_text(b, "\"");
}
