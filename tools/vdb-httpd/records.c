/* records.c: one vector: insert, get, delete. */
#include <stdlib.h>
#include <string.h>

#include "json_body.h"
#include "limits.h"
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
    vdb_status result = vdb_insert(r->server->db, id, b->texts.floats + first, count,
                                   made ? made : own);
    if (result)
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

void handle_get(request *r)
{
    vdb_record *record;
    size_t length, dim;
    answer *a = &r->answer;
    vdb_status result = vdb_get(r->server->db, r->parts[1], NULL, &record);
    if (result) {
        answer_not_found(r, result);
        return;
    }
    answer_begin(a, 200);
    const char *id = vdb_record_id(record, &length);
    const float *vector = vdb_record_vector(record, &dim);
    put_text(&a->body, "{\"id\": ");
    put_string(&a->body, id, length);
    put_format(&a->body, ", \"dimension\": %zu, \"vector\": ", dim);
    put_vector(&a->body, vector, dim);
    const char *metadata = vdb_record_metadata(record, &length);
    if (metadata) {
        put_text(&a->body, ", \"metadata\": ");
        put_bytes(&a->body, metadata, length);
    }
    put_text(&a->body, "}");
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
