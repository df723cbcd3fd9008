/* records.c: one vector: insert, get, delete. */
#include <stdlib.h>
#include <string.h>

#include "json_body.h"
#include "limits.h"
#include "records.h"
#include "routes.h"

/* The library wants ids that end with a NUL. */
static bool insert(json_body *b, const char *id, const json_part *part)
{
    const char *metadata;
    char *made, *own = NULL;
    size_t first, count, length;
    request *r = b->r;
    if (!take_vector(part, &first, &count) ||
        !take_metadata(part, &metadata, &length, &made))
        return false;
    if (metadata && !made) {
        own = strndup(metadata, length);
        if (!own) {
            answer_error(&r->answer, 503, "out of memory");
            return false;
        }
    }
    vdb_status result = (r->only_new ? vdb_insert_new : vdb_insert)(
        r->server->db, id, b->texts.floats + first, count, made ? made : own);
    if (result == VDB_EXISTS)
        answer_error(&r->answer, 412, "there is a vector already: %s", id);
    else if (result)
        answer_library(&r->answer, result);
    free(made);
    free(own);
    return result == VDB_OK;
}

static void answer_status(request *r, unsigned status, const char *id, const char *what)
{
    answer *a = &r->answer;
    answer_begin(a, status);
    put_text(&a->body, "{\"id\": ");
    put_string(&a->body, id, strlen(id));
    put_format(&a->body, ", \"status\": \"%s\"}", what);
}

void handle_insert(request *r)
{
    json_body b;
    const char *id;
    if (json_body_read(&b, r, r->body.bytes, r->body.length, 1)) {
        json_part whole = json_body_whole(&b);
        if (take_id(&whole, &id) && insert(&b, id, &whole))
            answer_status(r, 201, id, "inserted");
    }
    json_body_free(&b);
}

static void answer_not_found(request *r, vdb_status result)
{
    if (result == VDB_NOT_FOUND)
        answer_error(&r->answer, 404, "Vector not found: %s", r->parts[1]);
    else
        answer_library(&r->answer, result);
}

void put_record(buffer *to, const vdb_record *record, bool vector, bool metadata)
{
    size_t length, dim;
    const char *id = vdb_record_id(record, &length);
    const float *values = vdb_record_vector(record, &dim);
    put_text(to, "{\"id\": ");
    put_string(to, id, length);
    put_format(to, ", \"dimension\": %zu", dim);
    if (vector) {
        put_text(to, ", \"vector\": ");
        put_vector(to, values, dim);
    }
    const char *text = metadata ? vdb_record_metadata(record, &length) : NULL;
    if (text) {
        put_text(to, ", \"metadata\": ");
        put_bytes(to, text, length);
    }
    put_text(to, "}");
}

void handle_get(request *r)
{
    vdb_record *record;
    answer *a = &r->answer;
    vdb_status result = vdb_get(r->server->db, r->parts[1], NULL, &record);
    if (result) {
        answer_not_found(r, result);
        return;
    }
    answer_begin(a, 200);
    put_record(&a->body, record, true, true);
    vdb_record_free(record);
}

void handle_delete(request *r)
{
    vdb_status result = vdb_delete(r->server->db, r->parts[1]);
    if (result)
        answer_not_found(r, result);
    else
        answer_status(r, 200, r->parts[1], "deleted");
}

void handle_put(request *r)
{
    json_body b;
    const char *id = NULL;
    size_t length;
    if (json_body_read(&b, r, r->body.bytes, r->body.length, 1)) {
        json_part whole = json_body_whole(&b);
        if (!take_string(&whole, "id", &id, &length)) {
            /* said */
        } else if (id && strcmp(id, r->parts[1]) != 0) {
            answer_error(&r->answer, 400,
                         "the id in the body is another than the path's");
        } else if (insert(&b, r->parts[1], &whole)) {
            answer_status(r, 200, r->parts[1], "inserted");
        }
    }
    json_body_free(&b);
}

/* Replaces the metadata as a whole; null removes them. */
void handle_patch(request *r)
{
    json_body b;
    const char *metadata;
    char *made = NULL, *own = NULL;
    size_t length;
    if (json_body_read(&b, r, r->body.bytes, r->body.length, 1)) {
        json_part whole = json_body_whole(&b);
        if (!json_object_get(whole.object, "metadata")) {
            answer_error(&r->answer, 422, "\"metadata\" is missing");
        } else if (take_metadata(&whole, &metadata, &length, &made)) {
            own = metadata ? strndup(metadata, length) : NULL;
            vdb_status result = metadata && !own
                                    ? VDB_NOMEM
                                    : vdb_set_metadata(r->server->db, r->parts[1], own);
            if (result)
                answer_not_found(r, result);
            else
                answer_status(r, 200, r->parts[1], "updated");
        }
    }
    free(made);
    free(own);
    json_body_free(&b);
}
