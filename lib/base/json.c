/* json.c: strict JSON by Jansson, behind a bound on depth.
 *
 * Jansson descends by recursion, 2,048 levels deep, on the stack of whoever called us.
 * So a pass over the text comes first and refuses what is nested too deeply: it counts
 * brackets outside strings, which needs no understanding of what is between them.  In
 * text that is not JSON it may count wrongly, never too little for what Jansson would
 * accept.
 */
#include "base/json.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"

enum {
    DEPTH_MAX = 2000
}; /* under Jansson's own */

/* 1 when the text nests no deeper than `limit`; else *bad is the bracket too many. */
static int depth_within(const char *text, size_t length, unsigned limit, size_t *bad)
{
    unsigned depth = 0;
    int in_string = 0;

    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++; /* whatever follows does not end the string */
            else if (c == '"')
                in_string = 0;
        } else if (c == '"') {
            in_string = 1;
        } else if (c == '{' || c == '[') {
            if (depth == limit) {
                *bad = i;
                return 0;
            }
            depth++;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return 1;
}

static vdb_status refuse(const json_error_t *error, size_t length, const char *what)
{
    size_t position = error->position > 0 ? (size_t)error->position : 0;

    /* Where an allocation fails, Jansson often says nothing at all. */
    if (json_error_code(error) == json_error_out_of_memory || error->text[0] == '\0')
        return vdbi_fail(VDB_NOMEM, "%s: out of memory while parsing", what);
    if (position > length)
        position = length;
    return vdbi_fail_at(VDB_INVALID, (int64_t)position, "%s: at byte %zu: %s", what,
                        position, error->text);
}

vdb_status vdbi_json_parse(const char *text, size_t length, unsigned depth_limit,
                           const char *what, json_t **out)
{
    json_error_t error;
    const char *nul;
    size_t bad;

    assert(depth_limit <= DEPTH_MAX);
    *out = NULL;
    if (length == 0)
        return vdbi_fail_at(VDB_INVALID, 0, "%s: at byte 0: the text is empty", what);
    if (length > INT_MAX) /* Jansson counts bytes in an int */
        return vdbi_fail(VDB_INVALID, "%s: %zu bytes are too many", what, length);
    /* Jansson 2.14 overlooks one that follows a number. */
    nul = memchr(text, '\0', length);
    if (nul)
        return vdbi_fail_at(VDB_INVALID, nul - text, "%s: at byte %zu: a NUL", what,
                            (size_t)(nul - text));
    if (!depth_within(text, length, depth_limit, &bad))
        return vdbi_fail_at(VDB_INVALID, (int64_t)bad,
                            "%s: at byte %zu: nested deeper than %u levels", what, bad,
                            depth_limit);
    /* DECODE_ANY: the caller tells an array or a number from broken text, in words
     * of its own. */
    *out = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!*out)
        return refuse(&error, length, what);
    return VDB_OK;
}

/* Length of the well-formed sequence that `p` begins with, of `left` bytes; 0: none.
 * The bounds of the second byte keep out overlong forms, surrogates and what is
 * beyond U+10FFFF (Unicode 15, table 3-7). */
static size_t sequence_bytes(const unsigned char *p, size_t left)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t bytes;

    if (p[0] < 0x80)
        return p[0] != 0;
    if (p[0] >= 0xc2 && p[0] <= 0xdf) {
        bytes = 2;
    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        bytes = 3;
        if (p[0] == 0xe0)
            low = 0xa0;
        else if (p[0] == 0xed)
            high = 0x9f;
    } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        bytes = 4;
        if (p[0] == 0xf0)
            low = 0x90;
        else if (p[0] == 0xf4)
            high = 0x8f;
    } else {
        return 0;
    }
    if (left < bytes || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < bytes; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return bytes;
}

int vdbi_utf8_valid(const char *text, size_t length, size_t *bad)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0; i < length;) {
        size_t bytes = sequence_bytes(p + i, length - i);
        if (bytes == 0) {
            *bad = i;
            return VDB_INVALID;
        }
        i += bytes;
    }
    return VDB_OK;
}
