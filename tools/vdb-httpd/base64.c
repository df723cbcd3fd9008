/* base64.c: see base64.h. */
#include "base64.h"

static const char ALPHABET[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum {
    NONE = 64
};

/* The value of each character, NONE for what is not in the alphabet. */
static const uint8_t VALUES[256] = {
#define NONE16 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64
    NONE16, NONE16, 64, 64, 64, 64, 64, 64,     64,     64,     64,     64,     64,
    62,     64,     64, 64, 63, 52, 53, 54,     55,     56,     57,     58,     59,
    60,     61,     64, 64, 64, 64, 64, 64,     64,     0,      1,      2,      3,
    4,      5,      6,  7,  8,  9,  10, 11,     12,     13,     14,     15,     16,
    17,     18,     19, 20, 21, 22, 23, 24,     25,     64,     64,     64,     64,
    64,     64,     26, 27, 28, 29, 30, 31,     32,     33,     34,     35,     36,
    37,     38,     39, 40, 41, 42, 43, 44,     45,     46,     47,     48,     49,
    50,     51,     64, 64, 64, 64, 64, NONE16, NONE16, NONE16, NONE16, NONE16, NONE16,
    NONE16, NONE16};

size_t base64_room(size_t length)
{
    return length / 4 * 3;
}

static uint32_t value_of(const char *text, size_t at)
{
    return VALUES[(unsigned char)text[at]];
}

/* The last four characters, which may end in padding. */
static bool decode_last(const char *text, uint8_t *out, size_t *size)
{
    uint32_t a = value_of(text, 0), b = value_of(text, 1), c = value_of(text, 2),
             d = value_of(text, 3);
    size_t bytes = text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
    if (a == NONE || b == NONE || (bytes > 1 && c == NONE) || (bytes > 2 && d == NONE))
        return false;
    if ((bytes == 1 && b & 15) || (bytes == 2 && c & 3))
        return false;
    uint32_t word = a << 18 | b << 12 | (bytes > 1 ? c << 6 : 0) | (bytes > 2 ? d : 0);
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(word >> (16 - 8 * i));
    *size += bytes;
    return true;
}

bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *size,
                   size_t *at)
{
    *size = 0;
    *at = length;
    if (length == 0)
        return true;
    if (length % 4 != 0)
        return false;
    for (*at = 0; *at < length - 4; *at += 4) {
        const char *four = text + *at;
        uint32_t a = value_of(four, 0), b = value_of(four, 1), c = value_of(four, 2),
                 d = value_of(four, 3);
        if ((a | b | c | d) & NONE)
            return false;
        uint32_t word = a << 18 | b << 12 | c << 6 | d;
        out[(*size)++] = (uint8_t)(word >> 16);
        out[(*size)++] = (uint8_t)(word >> 8);
        out[(*size)++] = (uint8_t)word;
    }
    return decode_last(text + *at, out + *size, size);
}

size_t base64_encode(const uint8_t *bytes, size_t size, char *out)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t word = (uint32_t)bytes[i] << 16;
        word |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        word |= left > 2 ? bytes[i + 2] : 0;
        out[length++] = ALPHABET[word >> 18];
        out[length++] = ALPHABET[word >> 12 & 63];
        out[length++] = left > 1 ? ALPHABET[word >> 6 & 63] : '=';
        out[length++] = left > 2 ? ALPHABET[word & 63] : '=';
    }
    return length;
}
