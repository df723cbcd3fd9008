/* npy_header.c: parsing .npy heads; see npy_header.h. */
#include <string.h>

#include "npy_header.h"
#include "vdb.h"

static const unsigned char MAGIC[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

enum {
    VERSION_AT = 6,
    LENGTH_AT = 8,
    DIMENSIONS_MAX = 2,
    TEXT_MAX = 32 /* of a key or a descr that is taken */
};

const char *npy_header_size(const unsigned char *bytes, size_t length, size_t *needed)
{
    size_t magic = length < sizeof MAGIC ? length : sizeof MAGIC;
    if (memcmp(bytes, MAGIC, magic) != 0)
        return "it is no .npy file: it does not begin with \\x93NUMPY";
    if (length < NPY_FIXED_BYTES)
        return "the head is truncated";
    unsigned major = bytes[VERSION_AT], minor = bytes[VERSION_AT + 1];
    if (major < 1 || major > 3 || minor != 0)
        return "its version is none of 1.0, 2.0, 3.0";
    uint64_t text = (uint64_t)bytes[LENGTH_AT] | (uint64_t)bytes[LENGTH_AT + 1] << 8;
    size_t fixed = LENGTH_AT + 2;
    if (major > 1) {
        text |= (uint64_t)bytes[LENGTH_AT + 2] << 16 | (uint64_t)bytes[LENGTH_AT + 3]
                                                           << 24;
        fixed += 2;
    }
    if (text > NPY_TEXT_BYTES_MAX)
        return "the length of the head is beyond 65535 bytes";
    *needed = fixed + (size_t)text;
    return NULL;
}

/* The dictionary, read token by token. */
typedef struct scan {
    const char *begin;
    const char *p;
    const char *end;
    bool has_descr;
    bool has_order;
    bool has_shape;
    bool fortran_order;
    char descr[TEXT_MAX];
    uint64_t shape[DIMENSIONS_MAX];
    size_t dimensions;
} scan;

static void skip_blanks(scan *s)
{
    while (s->p < s->end && strchr(" \t\n\r", *s->p) && *s->p)
        s->p++;
}

static bool take(scan *s, char wanted)
{
    skip_blanks(s);
    if (s->p == s->end || *s->p != wanted)
        return false;
    s->p++;
    return true;
}

static bool take_word(scan *s, const char *word)
{
    size_t length = strlen(word);
    skip_blanks(s);
    if ((size_t)(s->end - s->p) < length || memcmp(s->p, word, length) != 0)
        return false;
    s->p += length;
    return true;
}

/* A string without escapes, in either kind of quotes. */
static bool take_string(scan *s, char out[TEXT_MAX])
{
    skip_blanks(s);
    if (s->p == s->end || (*s->p != '\'' && *s->p != '"'))
        return false;
    char quote = *s->p;
    const char *first = s->p + 1;
    const char *last = memchr(first, quote, (size_t)(s->end - first));
    if (!last || (size_t)(last - first) >= TEXT_MAX ||
        memchr(first, '\\', (size_t)(last - first)))
        return false;
    memcpy(out, first, (size_t)(last - first));
    out[last - first] = 0;
    s->p = last + 1;
    return true;
}

static bool take_number(scan *s, uint64_t *out)
{
    uint64_t value = 0;
    skip_blanks(s);
    const char *first = s->p;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*s->p - '0'), &value)) {
            s->p = first;
            return false;
        }
    }
    *out = value;
    return s->p != first;
}

/* "(3, 4)", "(3,)", "()" */
static const char *take_shape(scan *s)
{
    if (!take(s, '('))
        return "'shape' is not a tuple";
    while (!take(s, ')')) {
        uint64_t value;
        if (!take_number(s, &value))
            return "a number in 'shape' is none, or beyond 64 bits";
        if (s->dimensions < DIMENSIONS_MAX)
            s->shape[s->dimensions] = value;
        s->dimensions++;
        if (!take(s, ',')) {
            if (!take(s, ')'))
                return "'shape' is not a tuple";
            break;
        }
    }
    if (s->dimensions != DIMENSIONS_MAX)
        return "the array has not two dimensions, which are rows and values";
    return NULL;
}

static const char *take_member(scan *s)
{
    char key[TEXT_MAX];
    if (!take_string(s, key) || !take(s, ':'))
        return "the head is not a dictionary as numpy writes it";
    bool *seen = strcmp(key, "descr") == 0           ? &s->has_descr
                 : strcmp(key, "fortran_order") == 0 ? &s->has_order
                 : strcmp(key, "shape") == 0         ? &s->has_shape
                                                     : NULL;
    if (!seen || *seen)
        return "the head has a key that is unknown, or twice there";
    *seen = true;
    if (seen == &s->has_shape)
        return take_shape(s);
    if (seen == &s->has_descr)
        return take_string(s, s->descr)
                   ? NULL
                   : "'descr' is not the name of one type (is it a structured array?)";
    s->fortran_order = take_word(s, "True");
    return s->fortran_order || take_word(s, "False")
               ? NULL
               : "'fortran_order' is neither True nor False";
}

static const char *take_dictionary(scan *s)
{
    if (!take(s, '{'))
        return "the head is not a dictionary as numpy writes it";
    while (!take(s, '}')) {
        const char *wrong = take_member(s);
        if (wrong)
            return wrong;
        if (!take(s, ',')) {
            if (!take(s, '}'))
                return "the head is not a dictionary as numpy writes it";
            break;
        }
    }
    skip_blanks(s);
    if (s->p != s->end)
        return "there is something behind the head's dictionary";
    if (!s->has_descr || !s->has_order || !s->has_shape)
        return "the head lacks 'descr', 'fortran_order' or 'shape'";
    return NULL;
}

/* What the dictionary means, and whether it can be meant. */
static const char *interpret(const scan *s, npy_header *out)
{
    if (strlen(s->descr) != 3 || !strchr("<>", s->descr[0]) || s->descr[1] != 'f' ||
        !strchr("248", s->descr[2]))
        return "'descr' is none of float16, float32, float64 (<f2, <f4, <f8, >f2, >f4, "
               ">f8); save array.astype('float32')";
    if (s->fortran_order)
        return "the array is in Fortran order; save numpy.ascontiguousarray(array)";
    out->is_big_endian = s->descr[0] == '>';
    out->value_bytes = (size_t)(s->descr[2] - '0');
    out->rows = s->shape[0];
    if (s->shape[1] < 1 || s->shape[1] > VDB_DIMENSION_MAX)
        return "the second number of 'shape', the dimension, is not from 1 to 65535";
    out->dim = (size_t)s->shape[1];
    out->row_bytes = (uint64_t)out->dim * out->value_bytes;
    uint64_t bytes;
    if (__builtin_mul_overflow(out->rows, out->row_bytes, &bytes) ||
        __builtin_add_overflow(bytes, out->data_at, &bytes) || bytes > INT64_MAX)
        return "'shape' has more bytes than a file can";
    return NULL;
}

const char *npy_header_parse(const unsigned char *bytes, size_t length, npy_header *out,
                             size_t *at)
{
    size_t needed;
    memset(out, 0, sizeof *out);
    *at = 0;
    const char *wrong = npy_header_size(bytes, length, &needed);
    if (wrong)
        return wrong;
    if (length < needed)
        return "the head is truncated";
    size_t fixed = bytes[VERSION_AT] == 1 ? LENGTH_AT + 2 : LENGTH_AT + 4;
    scan s = {.begin = (const char *)bytes + fixed};
    s.p = s.begin;
    s.end = (const char *)bytes + needed;
    out->data_at = needed;
    wrong = take_dictionary(&s);
    *at = fixed + (size_t)(s.p - s.begin);
    return wrong ? wrong : interpret(&s, out);
}
