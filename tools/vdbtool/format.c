/* format.c: output; see format.h. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

static int reads_back(float value, int digits, char out[FLOAT_TEXT_BYTES])
{
    char text[FLOAT_TEXT_BYTES];
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    memcpy(out, text, sizeof text);
    return strtof(text, NULL) == value;
}

/* Nine digits always suffice, and where n do, n + 1 do.  "%g" drops zeros at the end,
 * so six are the shortest too, but among the subnormal numbers. */
void float_text(float value, char out[FLOAT_TEXT_BYTES])
{
    if (value == 0) {
        strcpy(out,
               signbit(value) ? "-0.0" : "0"); /* "-0" would be read as integer 0 */
        return;
    }
    if (fabsf(value) < 100000 && value == (float)(int)value) {
        snprintf(out, FLOAT_TEXT_BYTES, "%d", (int)value);
        return;
    }
    int least = fabsf(value) < FLT_MIN ? 1 : 6;
    if (least == 6 && !reads_back(value, 8, out)) {
        reads_back(value, 9, out);
        return;
    }
    for (int digits = least; !reads_back(value, digits, out); digits++) {
    }
}

void put_plain(FILE *file, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte < 0x20 || byte == 0x7f)
            fprintf(file, "\\x%02x", byte);
        else
            putc(byte, file);
    }
}

/* The letter behind the backslash; 0: the byte has no such escape. */
static char short_escape(unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        return (char)byte;
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

void put_json_string(FILE *file, const char *bytes, size_t length)
{
    putc('"', file);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        char letter = short_escape(byte);
        if (letter)
            fprintf(file, "\\%c", letter);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(file, "\\u%04x", byte);
        else
            putc(byte, file);
    }
    putc('"', file);
}

/* The length of the character of UTF-8 at `p`, NUL-terminated; 0: it is none. */
static size_t character_length(const unsigned char *p)
{
    size_t length = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    if (*p > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : length;
}

void put_json_repaired(FILE *file, const char *text)
{
    char *repaired = NULL;
    size_t length;
    FILE *out = open_memstream(&repaired, &length);
    while (out && *text) {
        size_t step = character_length((const unsigned char *)text);
        if (step)
            fwrite(text, 1, step, out);
        else
            fputs("\xef\xbf\xbd", out);
        text += step ? step : 1;
    }
    if (out && fclose(out) == 0)
        put_json_string(file, repaired, length);
    else
        fputs("\"out of memory\"", file);
    free(repaired);
}

void put_json_distance(FILE *file, float distance)
{
    char out[FLOAT_TEXT_BYTES];
    float_text(distance == 0 ? 0 : distance, out);
    fputs(out, file);
}

void put_json_vector(FILE *file, const float *values, size_t count)
{
    char out[FLOAT_TEXT_BYTES];
    putc('[', file);
    for (size_t i = 0; i < count; i++) {
        float_text(values[i], out);
        if (i)
            putc(',', file);
        fputs(out, file);
    }
    putc(']', file);
}

void put_json_line(FILE *file, const char *json, size_t length)
{
    for (size_t i = 0; i < length; i++)
        putc(json[i] == '\n' || json[i] == '\r' ? ' ' : json[i], file);
}
