/* json.c: strict JSON by Jansson, behind a bound on depth.
 *
 * Jansson descends by recursion, 2,048 levels deep, on the stack of whoever called us.
 * So a pass over the text comes first and refuses what is nested too deeply: it counts
 * brackets outside strings, which needs no understanding of what is between them.  In
 * text that is not JSON it may count wrongly, never too little for what Jansson would
 * accept.
 *
 * Jansson (2.14) also takes a failed allocation amiss: the buffer in which it gathers
 * a token starts at 16 bytes, and where it cannot grow, bytes are dropped without a
 * word, so that another string or number than the one written comes out; without its
 * closing quote a string is even read beyond its end.  Therefore text with longer
 * tokens is parsed only when as much memory as that buffer can want is seen to be
 * there, and as the second element of an array whose first is a string as long as the
 * longest token: that one makes the buffer grow, and is looked at afterwards.
 */
#include "base/json.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"

enum {
    DEPTH_MAX = 2000,      /* under Jansson's own */
    SHORT_TOKEN_BYTES = 12 /* need no growth of Jansson's buffer */
};

static int ends_token(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':' ||
           c == '[' || c == ']' || c == '{' || c == '}';
}

/* 1 when the text nests no deeper than `limit`; else *bad is the bracket too many.
 * *longest: the bytes of its longest token. */
static int survey(const char *text, size_t length, unsigned limit, size_t *bad,
                  size_t *longest)
{
    unsigned depth = 0;
    int in_string = 0;
    size_t token = 0; /* where the present one began */

    *longest = 0;
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
        if (!in_string && ends_token(c))
            token = i + 1;
        else if (i + 1 - token > *longest)
            *longest = i + 1 - token;
    }
    return 1;
}

/* ["xxx...",TEXT] as Jansson asks for it, piece by piece. */
typedef struct source {
    const char *text;
    size_t length;
    size_t guard; /* how many x */
    size_t given;
} source;

static size_t give(void *buffer, size_t size, void *arg)
{
    source *s = arg;
    const size_t text_at = s->guard + 4, end = text_at + s->length;
    char *out = buffer;
    size_t n = 0;

    for (; n < size && s->given < text_at; s->given++)
        out[n++] = s->given == 0              ? '['
                   : s->given == text_at - 1  ? ','
                   : s->given == 1            ? '"'
                   : s->given == s->guard + 2 ? '"'
                                              : 'x';
    if (n < size && s->given < end) {
        size_t part = end - s->given < size - n ? end - s->given : size - n;
        memcpy(out + n, s->text + (s->given - text_at), part);
        s->given += part;
        n += part;
    }
    if (n < size && s->given == end) {
        out[n++] = ']';
        s->given++;
    }
    return n;
}

/* DECODE_ANY: the caller tells an array or a number from broken text, in words of its
 * own. */
enum {
    PARSE_FLAGS = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY
};

/* 1 when Jansson's allocator has what its buffer may ask for (it doubles, and both old
 * and new stand while it copies). */
static int memory_is_there(size_t longest)
{
    json_malloc_t allocate;
    json_free_t release;
    void *probe;

    if (longest <= SHORT_TOKEN_BYTES)
        return 1;
    json_get_alloc_funcs(&allocate, &release);
    probe = allocate(4 * longest + 64);
    if (!probe)
        return 0;
    release(probe);
    return 1;
}

/* The value, or NULL when the text is bad or memory short. */
static json_t *parse_guarded(const char *text, size_t length, size_t longest)
{
    /* The buffer grows when a power of two is full; that must not befall the guard's
     * closing quote. */
    const size_t guard = longest + (((longest + 2) & (longest + 1)) == 0);
    source s = {text, length, guard, 0};
    json_error_t error;
    json_t *pair = json_load_callback(give, &s, PARSE_FLAGS, &error);
    json_t *value = NULL;

    if (json_array_size(pair) == 2 &&
        json_string_length(json_array_get(pair, 0)) == guard)
        value = json_incref(json_array_get(pair, 1));
    json_decref(pair);
    return value;
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
    size_t bad, longest;
    json_t *again;

    assert(depth_limit <= DEPTH_MAX);
    *out = NULL;
    if (length == 0)
        return vdbi_fail_at(VDB_INVALID, 0, "%s: at byte 0: the text is empty", what);
    if (length > INT_MAX / 8) /* Jansson counts bytes, the guard's too, in an int */
        return vdbi_fail(VDB_INVALID, "%s: %zu bytes are too many", what, length);
    /* Jansson 2.14 overlooks one that follows a number. */
    nul = memchr(text, '\0', length);
    if (nul)
        return vdbi_fail_at(VDB_INVALID, nul - text, "%s: at byte %zu: a NUL", what,
                            (size_t)(nul - text));
    if (!survey(text, length, depth_limit, &bad, &longest))
        return vdbi_fail_at(VDB_INVALID, (int64_t)bad,
                            "%s: at byte %zu: nested deeper than %u levels", what, bad,
                            depth_limit);
    if (!memory_is_there(longest))
        return vdbi_fail(VDB_NOMEM, "%s: out of memory while parsing", what);
    *out = longest > SHORT_TOKEN_BYTES ? parse_guarded(text, length, longest)
                                       : json_loadb(text, length, PARSE_FLAGS, &error);
    if (*out)
        return VDB_OK;
    /* Again, for the words and the byte of the text as it is.  When now it succeeds,
     * memory was short: Jansson tells that from bad text at some places only. */
    again = json_loadb(text, length, PARSE_FLAGS, &error);
    if (again) {
        json_decref(again);
        return vdbi_fail(VDB_NOMEM, "%s: out of memory while parsing", what);
    }
    return refuse(&error, length, what);
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
