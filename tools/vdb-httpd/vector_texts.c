/* vector_texts.c: see vector_texts.h. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "limits.h"
#include "vector_texts.h"

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Digits of a number: its first nineteen, and how many places are left out. */
typedef struct decimal {
    uint64_t digits;
    int count; /* of digits, without zeros in front */
    int exponent;
    bool exact;
} decimal;

static const char *take_digits(const char *p, decimal *d, int step)
{
    for (; is_digit(*p); p++) {
        if (d->count < 19) {
            d->digits = d->digits * 10 + (uint64_t)(*p - '0');
            d->count += d->digits != 0;
            d->exponent -= step;
        } else {
            d->exact = d->exact && *p == '0';
            d->exponent += 1 - step;
        }
    }
    return p;
}

/* A number as JSON has it, as strtod() would round it, then to a float.  NULL: it is
 * none.  Up to 2^53, and powers of ten up to 22, one operation in double precision is
 * exactly rounded (Clinger 1990); the rest goes to strtod(). */
static const char *take_number(const char *text, float *out)
{
    static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    decimal d = {0, 0, 0, true};
    const char *p = text + (*text == '-'), *whole = p;
    if (!is_digit(*p) || (*p == '0' && is_digit(p[1])))
        return NULL;
    p = take_digits(p, &d, 0);
    if (*p == '.') {
        const char *fraction = p + 1;
        p = take_digits(fraction, &d, 1);
        if (p == fraction)
            return NULL;
    }
    if (*p == 'e' || *p == 'E') {
        bool negative = p[1] == '-';
        int value = 0;
        const char *first = p + 1 + (p[1] == '-' || p[1] == '+');
        for (p = first; is_digit(*p); p++)
            value = value < 100000 ? value * 10 + (*p - '0') : value;
        if (p == first)
            return NULL;
        d.exponent += negative ? -value : value;
    }
    double wide;
    if (d.exact && d.digits <= UINT64_C(1) << 53 && abs(d.exponent) <= 22)
        wide = d.exponent < 0 ? (double)d.digits / POWERS[-d.exponent]
                              : (double)d.digits * POWERS[d.exponent];
    else
        wide = strtod(whole, NULL);
    *out = (float)(*text == '-' ? -wide : wide);
    return p;
}

static bool grow(void **array, size_t *room, size_t wanted, size_t each)
{
    if (wanted <= *room)
        return true;
    size_t larger = *room ? *room : 64;
    while (larger < wanted)
        larger *= 2;
    void *grown = realloc(*array, larger * each);
    if (!grown)
        return false;
    *array = grown;
    *room = larger;
    return true;
}

static bool has_room(vector_texts *out, size_t count)
{
    void *floats = out->floats;
    bool had = grow(&floats, &out->float_room, out->float_count + count, sizeof(float));
    out->floats = floats;
    return had;
}

bool vector_texts_add(vector_texts *to, size_t count, float **out)
{
    if (!has_room(to, count))
        return false;
    *out = to->floats + to->float_count;
    to->float_count += count;
    return true;
}

/* The numbers behind "[" up to the "]", whose place is returned; NULL: it is not an array
 * of numbers, or empty, or (*failed) there is no memory. */
static const char *take_array(vector_texts *out, const char *p, taken_vector *taken,
                              bool *failed)
{
    taken->first = out->float_count;
    taken->count = 0;
    taken->bad = SIZE_MAX;
    for (;;) {
        p = skip_blanks(p);
        if (!has_room(out, taken->count + 1)) {
            *failed = true;
            return NULL;
        }
        float *value = &out->floats[taken->first + taken->count];
        p = take_number(p, value);
        if (!p)
            return NULL;
        if (!isfinite(*value) && taken->bad == SIZE_MAX)
            taken->bad = taken->count;
        taken->count++;
        p = skip_blanks(p);
        if (*p == ']')
            return p;
        if (*p++ != ',')
            return NULL;
    }
}

/* The floats of the base64 behind the quote up to the other, whose place is returned;
 * NULL as above.  Not more than a body's text is ever asked for. */
static const char *take_base64(vector_texts *out, const char *p, taken_vector *taken,
                               bool *failed)
{
    size_t length = strcspn(p, "\"\\"), size, at;
    if (p[length] != '"' || length == 0)
        return NULL;
    taken->first = out->float_count;
    taken->bad = SIZE_MAX;
    if (!has_room(out, base64_room(length) / sizeof(float) + 1)) {
        *failed = true;
        return NULL;
    }
    uint8_t *bytes = (uint8_t *)(out->floats + taken->first);
    if (!base64_decode(p, length, bytes, &size, &at) || size % sizeof(float) != 0)
        return NULL;
    taken->count = size / sizeof(float);
    for (size_t i = 0; i < taken->count; i++) {
        const uint8_t *b = bytes + i * sizeof(float);
        uint32_t bits = (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                        (uint32_t)b[3] << 24;
        memcpy(&out->floats[taken->first + i], &bits, sizeof bits);
        if (!isfinite(out->floats[taken->first + i]) && taken->bad == SIZE_MAX)
            taken->bad = i;
    }
    return p + length;
}

typedef struct pass {
    vector_texts *out;
    const char *from; /* the next byte that is not copied yet */
    char *to;
    size_t removed;
    bool failed;
} pass;

static void copy_until(pass *s, const char *p)
{
    size_t length = (size_t)(p - s->from);
    memcpy(s->to, s->from, length);
    s->to += length;
    s->from = p;
}

static bool keep(pass *s, taken_vector *taken)
{
    vector_texts *out = s->out;
    void *list = out->taken;
    if (!grow(&list, &out->taken_room, out->taken_count + 1, sizeof *taken))
        s->failed = true;
    out->taken = list;
    if (!s->failed)
        out->taken[out->taken_count++] = *taken;
    return !s->failed;
}

/* At the end of the name of a member that may have a vector: take it.  Returns where to
 * go on. */
static const char *take_member(pass *s, const char *p, bool base64)
{
    taken_vector taken;
    const char *end = skip_blanks(p);
    if (*end != ':')
        return p;
    end = skip_blanks(end + 1);
    if (*end != (base64 ? '"' : '['))
        return p;
    const char *begin = end;
    end = base64 ? take_base64(s->out, begin + 1, &taken, &s->failed)
                 : take_array(s->out, begin + 1, &taken, &s->failed);
    if (!end)
        return s->failed ? p : begin;
    copy_until(s, begin);
    taken.at = (size_t)(s->to - s->out->text);
    *s->to++ = *begin;
    s->removed += (size_t)(end - begin) - 1;
    taken.removed = s->removed;
    s->from = end; /* the closing bracket or quote will be copied */
    s->out->float_count = taken.first + taken.count;
    return keep(s, &taken) ? end + 1 : p;
}

/* Behind the string that begins at `p`; the NUL when it does not end. */
static const char *string_end(const char *p)
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1])
            p++;
    return *p ? p + 1 : p;
}

static const char *take_string(pass *s, const char *p, bool wanted)
{
    static const char PLAIN[] = "\"vector\"", BASE64[] = "\"vector_b64\"";
    const char *end = string_end(p);
    size_t length = (size_t)(end - p);
    if (!wanted)
        return end;
    if (length == sizeof PLAIN - 1 && memcmp(p, PLAIN, length) == 0)
        return take_member(s, end, false);
    if (length == sizeof BASE64 - 1 && memcmp(p, BASE64, length) == 0)
        return take_member(s, end, true);
    return end;
}

taking vector_texts_take(vector_texts *out, const char *text, size_t length, int depth)
{
    memset(out, 0, sizeof *out);
    out->text = malloc(length + 1);
    if (!out->text)
        return TAKING_NO_MEMORY;
    pass s = {out, text, out->text, 0, false};
    const char *p = text;
    int level = 0;
    while (*p && !s.failed) {
        if (*p == '"') {
            p = take_string(&s, p, level == depth);
            continue;
        }
        if (*p == '[' || *p == '{') {
            out->values++;
            if (++level > JSON_DEPTH_MAX) {
                out->length = (size_t)(p - text);
                return TAKING_TOO_DEEP;
            }
        } else if (*p == ']' || *p == '}') {
            level--;
        } else {
            out->values += *p == ',' || *p == ':';
        }
        p++;
    }
    if (s.failed)
        return TAKING_NO_MEMORY;
    copy_until(&s, text + length); /* beyond a NUL within, which Jansson refuses */
    *s.to = 0;
    out->length = (size_t)(s.to - out->text);
    return out->values > JSON_VALUES_MAX ? TAKING_TOO_MANY : TAKING_DONE;
}

void vector_texts_free(vector_texts *out)
{
    free(out->text);
    free(out->floats);
    free(out->taken);
    memset(out, 0, sizeof *out);
}

const taken_vector *vector_texts_find(const vector_texts *from, size_t at)
{
    size_t low = 0, high = from->taken_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (from->taken[middle].at == at)
            return &from->taken[middle];
        if (from->taken[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

size_t vector_texts_place(const vector_texts *from, size_t at)
{
    size_t removed = 0;
    for (size_t i = 0; i < from->taken_count && from->taken[i].at < at; i++)
        removed = from->taken[i].removed;
    return at + removed;
}
