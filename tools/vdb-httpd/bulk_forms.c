/* bulk_forms.c: see bulk_forms.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulk_forms.h"
#include "json_body.h"
#include "limits.h"

static bool no_memory(request *r)
{
    answer_error(&r->answer, 503, "out of memory");
    return false;
}

void rows_free(rows *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->ids[i]);
        free(all->metadata[i]);
    }
    free(all->ids);
    free(all->metadata);
    free(all->vectors);
    memset(all, 0, sizeof *all);
}

static bool make_room(rows *all, size_t count)
{
    if (count <= all->room)
        return true;
    size_t larger = all->room ? all->room * 2 : 256;
    larger = larger < count ? count : larger;
    char **ids = realloc(all->ids, larger * sizeof *ids);
    if (!ids)
        return false;
    all->ids = ids;
    char **metadata = realloc(all->metadata, larger * sizeof *metadata);
    if (!metadata)
        return false;
    all->metadata = metadata;
    all->room = larger;
    return true;
}

static bool make_float_room(rows *all, size_t count)
{
    if (count <= all->float_room)
        return true;
    size_t larger = all->float_room ? all->float_room * 2 : 4096;
    larger = larger < count ? count : larger;
    float *vectors = realloc(all->vectors, larger * sizeof *vectors);
    if (!vectors)
        return false;
    all->vectors = vectors;
    all->float_room = larger;
    return true;
}

/* ------------------------------------------------------------------- lines */

static bool add_row(rows *all, const json_part *part)
{
    const char *id, *metadata;
    char *made;
    size_t first, count, length;
    request *r = part->body->r;
    if (!take_id(part, &id) || !take_vector(part, &first, &count) ||
        !take_metadata(part, &metadata, &length, &made))
        return false;
    if (all->count == 0)
        all->dim = count;
    if (count != all->dim) {
        answer_error(&r->answer, 400, "%sDimension mismatch: expected %zu, got %zu",
                     part->where, all->dim, count);
        free(made);
        return false;
    }
    if (metadata && !made)
        made = strndup(metadata, length);
    char *own = strdup(id);
    if (!own || (metadata && !made) || !make_room(all, all->count + 1) ||
        !make_float_room(all, (all->count + 1) * all->dim)) {
        free(own);
        free(made);
        return no_memory(r);
    }
    if (count)
        memcpy(all->vectors + all->count * all->dim, part->body->texts.floats + first,
               count * sizeof(float));
    all->ids[all->count] = own;
    all->metadata[all->count++] = made;
    return true;
}

/* Put "line 7: " before what is wrong with a line, unless it is there already. */
static void name_line(request *r, size_t number)
{
    answer *a = &r->answer;
    unsigned status = a->status;
    const char *begin = a->body.bytes ? strstr(a->body.bytes, "\"error\": \"") : NULL;
    if (!begin || status == 503)
        return;
    buffer old = a->body;
    memset(&a->body, 0, sizeof a->body);
    size_t head = (size_t)(begin - old.bytes) + 10;
    put_bytes(&a->body, old.bytes, head);
    put_format(&a->body, "line %zu: ", number);
    put_bytes(&a->body, old.bytes + head, old.length - head);
    buffer_free(&old);
}

static bool read_line(request *r, rows *out, const char *line, size_t length)
{
    json_body b;
    char *text = strndup(line, length); /* parsers want a NUL behind it */
    if (!text)
        return no_memory(r);
    uint64_t reserved = r->reserved;
    bool good = json_body_read(&b, r, text, length, 1);
    if (good) {
        json_part whole = json_body_whole(&b);
        good = add_row(out, &whole);
    }
    json_body_free(&b);
    free(text);
    request_release(r, r->reserved - reserved);
    return good;
}

bool read_lines(request *r, rows *out)
{
    const char *p = r->body.bytes, *end = p + r->body.length;
    for (size_t number = 1; p < end; number++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        size_t length = (size_t)((stop ? stop : end) - p);
        bool blank = true;
        for (size_t i = 0; i < length && blank; i++)
            blank = p[i] == ' ' || p[i] == '\t' || p[i] == '\r';
        if (out->count == BATCH_MAX && !blank) {
            answer_error(&r->answer, 413, "more than %d lines", BATCH_MAX);
            return false;
        }
        if (!blank && !read_line(r, out, p, length)) {
            name_line(r, number);
            return false;
        }
        p += length + 1;
    }
    return true;
}

/* ------------------------------------------------------------------ floats */

static bool read_ids(request *r, rows *out, size_t count, const char **at)
{
    const char *end = r->body.bytes + r->body.length;
    for (size_t i = 0; i < count; i++) {
        const char *stop = memchr(*at, '\n', (size_t)(end - *at));
        if (!stop) {
            answer_error(&r->answer, 400, "id %zu: the body ends within it", i);
            return false;
        }
        if (memchr(*at, 0, (size_t)(stop - *at))) {
            answer_error(&r->answer, 400, "id %zu: there is a NUL in it", i);
            return false;
        }
        out->ids[i] = strndup(*at, (size_t)(stop - *at));
        if (!out->ids[i])
            return no_memory(r);
        out->metadata[out->count++] = NULL;
        *at = stop + 1;
    }
    return true;
}

static bool make_ids(request *r, rows *out, size_t count, const char *prefix,
                     uint64_t first)
{
    for (size_t i = 0; i < count; i++) {
        if (asprintf(&out->ids[i], "%s%" PRIu64, prefix, first + i) < 0)
            return no_memory(r);
        out->metadata[out->count++] = NULL;
    }
    return true;
}

static bool take_floats(request *r, rows *out, const char *bytes, size_t count)
{
    if (!request_reserve(r, count * out->dim * sizeof(float)))
        return false;
    if (!make_float_room(out, count * out->dim))
        return no_memory(r);
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < count * out->dim; i++, p += 4) {
        uint32_t bits = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                        (uint32_t)p[3] << 24;
        memcpy(&out->vectors[i], &bits, sizeof bits);
    }
    return true;
}

bool read_floats(request *r, rows *out)
{
    static const char *const KNOWN[] = {"dim", "count", "id_prefix", "first", NULL};
    uint64_t dim = 0, count = 0, first = 0;
    const char *at = r->body.bytes, *prefix = request_argument(r, "id_prefix");
    bool named = request_argument(r, "count") != NULL;
    if (!request_check_arguments(r, KNOWN) ||
        !request_whole(r, "dim", 1, VDB_DIMENSION_MAX, &dim) ||
        !request_whole(r, "count", 0, BATCH_MAX, &count) ||
        !request_whole(r, "first", 0, INT64_MAX, &first))
        return false;
    if (!dim || named == (prefix != NULL)) {
        answer_error(&r->answer, 400,
                     "it takes ?dim= and either ?count= or ?id_prefix=");
        return false;
    }
    out->dim = (size_t)dim;
    size_t row_bytes = out->dim * sizeof(float);
    if (!named)
        count = r->body.length / row_bytes;
    if (count > BATCH_MAX) {
        answer_error(&r->answer, 413, "%" PRIu64 " vectors; at most %d are taken",
                     count, BATCH_MAX);
        return false;
    }
    if (!make_room(out, (size_t)count + 1))
        return no_memory(r);
    if (named ? !read_ids(r, out, (size_t)count, &at)
              : !make_ids(r, out, (size_t)count, prefix, first))
        return false;
    size_t left = r->body.length - (size_t)(at - r->body.bytes);
    if (left != count * row_bytes) {
        answer_error(&r->answer, 400,
                     "%zu bytes of vectors; %" PRIu64 " of %zu bytes are %" PRIu64,
                     left, count, row_bytes, count * row_bytes);
        return false;
    }
    return take_floats(r, out, at, (size_t)count);
}
