/* format.c: output; see format.h. */
#include <float.h>
#include <math.h>
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

void put_json_string(FILE *file, const char *bytes, size_t length)
{
    putc('"', file);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(file, "\\u%04x", byte);
        else
            putc(byte, file);
    }
    putc('"', file);
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
