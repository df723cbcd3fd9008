/* some.c: many vectors by their ids or by a filter: get, delete, count. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "json_body.h"
#include "limits.h"
#include "records.h"
#include "routes.h"

/* --------------------------------------------------------------------- get */

typedef struct getting {
    json_body body; /* which has the ids */
    const json_t *ids;
    vdb *db;
    vdb_snapshot *snapshot; /* all of one instant */
    bool vectors, metadata;
    size_t next;
} getting;

/* An id that is not there is null in its place. */
static bool next_record(void *state, buffer *to, vdb_status *failed)
{
    getting *g = state;
    vdb_op op = VDB_OP_INIT;
    vdb_record *record;
    if (g->next == json_array_size(g->ids)) {
        put_text(to, g->next ? "]" : "[]");
        return false;
    }
    op.snapshot = g->snapshot;
    put_text(to, g->next ? ", " : "[");
    vdb_status result = vdb_get(
        g->db, json_string_value(json_array_get(g->ids, g->next++)), &op, &record);
    if (result == VDB_NOT_FOUND) {
        put_text(to, "null");
    } else if (result) {
        *failed = result;
        return false;
    } else {
        put_record(to, record, g->vectors, g->metadata);
        vdb_record_free(record);
    }
    return true;
}

static void free_getting(void *state)
{
    getting *g = state;
    vdb_snapshot_free(g->snapshot);
    json_body_free(&g->body);
    free(g);
}

/* The array at "ids", all strings. */
static bool read_ids(const json_part *whole, const json_t **out)
{
    answer *a = &whole->body->r->answer;
    const json_t *ids = json_object_get(whole->object, "ids");
    if (!json_is_array(ids)) {
        answer_error(a, 422, "\"ids\" %s", ids ? "is no array" : "is missing");
        return false;
    }
    if (json_array_size(ids) > BATCH_MAX) {
        answer_error(a, 413, "\"ids\" has %zu; at most %d are taken at once",
                     json_array_size(ids), BATCH_MAX);
        return false;
    }
    for (size_t i = 0; i < json_array_size(ids); i++) {
        if (!json_is_string(json_array_get(ids, i))) {
            answer_error(a, 422, "id %zu: it is no string", i);
            return false;
        }
    }
    *out = ids;
    return true;
}

void handle_get_some(request *r)
{
    getting *g = calloc(1, sizeof *g);
    if (!g) {
        answer_error(&r->answer, 503, "out of memory");
        return;
    }
    g->vectors = g->metadata = true;
    g->db = r->server->db;
    if (json_body_read(&g->body, r, r->body.bytes, r->body.length, 1)) {
        json_part whole = json_body_whole(&g->body);
        if (read_ids(&whole, &g->ids) &&
            take_flag(&whole, "with_vectors", &g->vectors) &&
            take_flag(&whole, "with_metadata", &g->metadata)) {
            vdb_status result = vdb_snapshot_new(g->db, &g->snapshot);
            if (!result) {
                answer_pieces(&r->answer, 200, (pieces){next_record, free_getting, g});
                return;
            }
            answer_library(&r->answer, result);
        }
    }
    free_getting(g);
}

/* ---------------------------------------------------------- delete, count */

/* "ids" as a filter, whose text the library takes. */
static bool filter_of_ids(const json_part *whole, vdb_filter **out)
{
    const json_t *ids;
    if (!read_ids(whole, &ids))
        return false;
    json_t *filter = json_pack("{s:s, s:O}", "op", "id_in", "ids", ids);
    char *text = filter ? json_dumps(filter, JSON_COMPACT) : NULL;
    vdb_status result =
        text ? vdb_filter_parse(NULL, text, strlen(text), out) : VDB_NOMEM;
    if (result)
        answer_library(&whole->body->r->answer, result);
    free(text);
    json_decref(filter);
    return result == VDB_OK;
}

void handle_delete_some(request *r)
{
    json_body b;
    vdb_filter *filter = NULL;
    vdb_op op = VDB_OP_INIT;
    uint64_t deleted = 0;
    op.cancel = r->cancel;
    if (json_body_read(&b, r, r->body.bytes, r->body.length, 1)) {
        json_part whole = json_body_whole(&b);
        const json_t *ids = json_object_get(whole.object, "ids");
        const json_t *given = json_object_get(whole.object, "filter");
        if (!ids == !given || json_is_null(ids) || json_is_null(given)) {
            answer_error(&r->answer, 422,
                         "one of \"ids\" and \"filter\" must be there");
        } else if (ids ? filter_of_ids(&whole, &filter)
                       : take_filter(&whole, &filter)) {
            vdb_status result = vdb_delete_where(r->server->db, filter, &op, &deleted);
            if (result) {
                answer_library(&r->answer, result);
            } else {
                answer_begin(&r->answer, 200);
                put_format(&r->answer.body, "{\"deleted\": %" PRIu64 "}", deleted);
            }
        }
    }
    vdb_filter_free(filter);
    json_body_free(&b);
}

static void answer_counted(request *r, const vdb_filter *filter)
{
    vdb_op op = VDB_OP_INIT;
    uint64_t count;
    op.cancel = r->cancel;
    op.timeout_ms = r->server->settings->search_ms;
    vdb_status result = vdb_count(r->server->db, filter, &op, &count);
    if (result) {
        answer_library(&r->answer, result);
        return;
    }
    answer_begin(&r->answer, 200);
    put_format(&r->answer.body, "{\"count\": %" PRIu64 "}", count);
}

void handle_count(request *r)
{
    json_body b;
    vdb_filter *filter = NULL;
    if (r->body.length == 0) {
        answer_counted(r, NULL);
        return;
    }
    if (json_body_read(&b, r, r->body.bytes, r->body.length, 1)) {
        json_part whole = json_body_whole(&b);
        if (take_filter(&whole, &filter))
            answer_counted(r, filter);
    }
    vdb_filter_free(filter);
    json_body_free(&b);
}
