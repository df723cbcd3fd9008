/* bulk.c: many vectors as one commit. */
#include <stdlib.h>
#include <string.h>

#include "bulk_forms.h"
#include "json_body.h"
#include "limits.h"
#include "routes.h"

/* Rows as the library wants them. */
typedef struct batch {
    size_t count;
    size_t dim;
    const char **ids;
    const char **metadata;
    size_t *metadata_lengths;
    size_t *first; /* of each vector, in the body's floats */
    char **made;   /* texts that are ours */
    float *packed; /* the vectors, if they do not stand one after another already */
} batch;

static void batch_free(batch *b)
{
    for (size_t i = 0; b->made && i < b->count; i++)
        free(b->made[i]);
    free(b->made);
    free(b->ids);
    free(b->metadata);
    free(b->metadata_lengths);
    free(b->first);
    free(b->packed);
}

static bool batch_room(batch *b, size_t count)
{
    b->count = count;
    b->ids = calloc(count, sizeof *b->ids);
    b->metadata = calloc(count, sizeof *b->metadata);
    b->metadata_lengths = calloc(count, sizeof *b->metadata_lengths);
    b->first = calloc(count, sizeof *b->first);
    b->made = calloc(count, sizeof *b->made);
    return b->ids && b->metadata && b->metadata_lengths && b->first && b->made;
}

static bool read_items(batch *b, json_list *list)
{
    json_part part;
    request *r = list->body->r;
    for (size_t i = 0; json_list_next(list, &part); i++) {
        size_t count;
        if (!take_id(&part, &b->ids[i]) || !take_vector(&part, &b->first[i], &count) ||
            !take_metadata(&part, &b->metadata[i], &b->metadata_lengths[i],
                           &b->made[i]))
            return false;
        if (i == 0)
            b->dim = count;
        if (count != b->dim) {
            answer_error(&r->answer, 400,
                         "item %zu: Dimension mismatch: expected %zu, got %zu", i,
                         b->dim, count);
            return false;
        }
    }
    return r->answer.status == 0;
}

/* The vectors one after another. */
static const float *pack(batch *b, const json_body *body)
{
    size_t i = 0;
    while (i < b->count && b->first[i] == b->first[0] + i * b->dim)
        i++;
    if (i == b->count)
        return body->texts.floats + b->first[0];
    b->packed = malloc(b->count * b->dim * sizeof *b->packed + 1);
    for (i = 0; b->packed && i < b->count; i++)
        memcpy(b->packed + i * b->dim, body->texts.floats + b->first[i],
               b->dim * sizeof *b->packed);
    return b->packed;
}

static void answer_count(request *r, size_t count)
{
    answer_begin(&r->answer, 201);
    put_format(&r->answer.body, "{\"inserted\": %zu}", count);
}

/* The library says "row 3: ..."; a client sent items. */
static void answer_row(request *r, vdb_status result)
{
    static const char ROW[] = "row ";
    const char *words = vdb_errmsg();
    if (result == VDB_INVALID && strncmp(words, ROW, sizeof ROW - 1) == 0)
        answer_error(&r->answer, 400, "item %s", words + sizeof ROW - 1);
    else
        answer_library(&r->answer, result);
}

static void store(request *r, size_t count, size_t dim, const char *const *ids,
                  const float *vectors, const char *const *metadata,
                  const size_t *metadata_lengths)
{
    vdb_rows given = VDB_ROWS_INIT;
    given.count = count;
    given.dim = dim;
    given.ids = ids;
    given.vectors = vectors;
    given.metadata = metadata;
    given.metadata_lengths = metadata_lengths;
    vdb_status result = vdb_put(r->server->db, &given, NULL, NULL);
    if (result)
        answer_row(r, result);
    else
        answer_count(r, count);
}

static void store_json(request *r)
{
    json_body body;
    json_list list;
    batch b;
    memset(&b, 0, sizeof b);
    if (json_body_read(&body, r, r->body.bytes, r->body.length, 3)) {
        json_part whole = json_body_whole(&body);
        if (!json_list_begin(&list, &whole, "vectors", "item", BATCH_MAX)) {
            /* said */
        } else if (list.count == 0) {
            answer_count(r, 0);
        } else if (!batch_room(&b, list.count)) {
            answer_error(&r->answer, 503, "out of memory");
        } else if (read_items(&b, &list)) {
            const float *vectors = pack(&b, &body);
            if (vectors)
                store(r, b.count, b.dim, b.ids, vectors, b.metadata,
                      b.metadata_lengths);
            else
                answer_error(&r->answer, 503, "out of memory");
        }
    }
    batch_free(&b);
    json_body_free(&body);
}

void handle_batch(request *r)
{
    rows all;
    if (r->content != CONTENT_NDJSON && r->content != CONTENT_FLOATS) {
        store_json(r);
        return;
    }
    memset(&all, 0, sizeof all);
    if (r->content == CONTENT_NDJSON ? !read_lines(r, &all) : !read_floats(r, &all)) {
        /* said */
    } else if (all.count == 0) {
        answer_count(r, 0);
    } else {
        store(r, all.count, all.dim, (const char *const *)all.ids, all.vectors,
              (const char *const *)all.metadata, NULL);
    }
    rows_free(&all);
}
