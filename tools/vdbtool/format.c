/* format.c: output; see format.h. */
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "text/float_text.h"
#include "text/utf8.h"

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

void put_json_repaired(FILE *file, const char *text)
{
    char *repaired = NULL;
    size_t length;
    FILE *out = open_memstream(&repaired, &length);
    while (out && *text) {
        size_t step = utf8_step(text, strnlen(text, 4));
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
