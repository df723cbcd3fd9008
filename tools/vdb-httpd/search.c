/* search.c: one query, and many. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "json_body.h"
#include "limits.h"
#include "routes.h"

enum {
    K_DEFAULT = 10
};

/* Queries of one k, which the library answers in one call. */
typedef struct asked {
    size_t k;
    size_t dim;
    size_t first; /* in the body's floats */
    size_t group; /* which call answers it */
    size_t place; /* in that call */
} asked;

typedef struct search {
    request *r;
    json_body body;
    asked *queries;
    size_t count;
    size_t group_count;
    vdb_results **answers; /* of each group */
    vdb_filter *filter;
    vdb_snapshot *snapshot;
} search;

static void search_free(search *s)
{
    for (size_t i = 0; s->answers && i < s->group_count; i++)
        vdb_results_free(s->answers[i]);
    free(s->answers);
    free(s->queries);
    vdb_filter_free(s->filter);
    vdb_snapshot_free(s->snapshot);
    json_body_free(&s->body);
}

static bool read_query(const json_part *part, asked *out)
{
    uint64_t k = K_DEFAULT;
    if (!take_vector(part, &out->first, &out->dim) ||
        !take_whole(part, "k", 1, K_MAX, &k))
        return false;
    out->k = (size_t)k;
    return true;
}

/* Those that agree in k and dimension are answered together. */
static void group(search *s)
{
    s->group_count = 0;
    for (size_t i = 0; i < s->count; i++) {
        asked *q = &s->queries[i];
        size_t same = i;
        while (same > 0 &&
               !(s->queries[same - 1].k == q->k && s->queries[same - 1].dim == q->dim))
            same--;
        q->group = same ? s->queries[same - 1].group : s->group_count++;
        q->place = same ? s->queries[same - 1].place + 1 : 0;
    }
}

/* "query 3: ..." of the library counts within its call. */
static void answer_query(search *s, vdb_status result, size_t of_group)
{
    static const char QUERY[] = "query ";
    const char *words = vdb_errmsg();
    char *end;
    if (s->count > 1 && result == VDB_INVALID) {
        size_t place = 0, at = 0;
        if (strncmp(words, QUERY, sizeof QUERY - 1) == 0) {
            place = strtoul(words + sizeof QUERY - 1, &end, 10);
            words = *end == ':' ? end + 2 : words;
        }
        while (at < s->count &&
               (s->queries[at].group != of_group || s->queries[at].place != place))
            at++;
        answer_error(&s->r->answer, 400, "query %zu: %s", at, words);
    } else {
        answer_library(&s->r->answer, result);
    }
}

static bool answer_group(search *s, size_t of_group)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_op op = VDB_OP_INIT;
    float *packed = NULL, *to = NULL;
    op.snapshot = s->snapshot;
    op.cancel = s->r->server->cancel;
    op.timeout_ms = s->r->server->settings->search_ms;
    for (size_t i = 0; i < s->count; i++) {
        const asked *q = &s->queries[i];
        if (q->group != of_group)
            continue;
        query.count++;
        query.k = q->k;
        query.dim = q->dim;
    }
    if (query.count > 1)
        packed = to = malloc(query.count * query.dim * sizeof *packed + 1);
    if (query.count > 1 && !packed) {
        answer_error(&s->r->answer, 503, "out of memory");
        return false;
    }
    for (size_t i = 0; i < s->count; i++) {
        const asked *q = &s->queries[i];
        if (q->group != of_group)
            continue;
        query.vectors = s->body.texts.floats + q->first;
        if (packed) {
            memcpy(to, query.vectors, q->dim * sizeof *to);
            to += q->dim;
        }
    }
    if (packed)
        query.vectors = packed;
    query.op = &op;
    query.filter = s->filter;
    query.flags = s->filter ? VDB_QUERY_FILTERED : 0;
    vdb_status result =
        vdb_search_batch(s->r->server->db, &query, &s->answers[of_group]);
    if (result)
        answer_query(s, result, of_group);
    free(packed);
    return result == VDB_OK;
}

static bool answer_all(search *s)
{
    group(s);
    s->answers = calloc(s->group_count + 1, sizeof *s->answers);
    if (!s->answers) {
        answer_error(&s->r->answer, 503, "out of memory");
        return false;
    }
    if (s->group_count > 1) { /* all of one instant */
        vdb_status result = vdb_snapshot_new(s->r->server->db, &s->snapshot);
        if (result) {
            answer_library(&s->r->answer, result);
            return false;
        }
    }
    for (size_t i = 0; i < s->group_count; i++)
        if (!answer_group(s, i))
            return false;
    return true;
}

static void put_hits(buffer *to, const vdb_results *results, size_t q)
{
    const size_t *offsets = vdb_results_offsets(results);
    const float *distances = vdb_results_distances(results);
    put_text(to, "[");
    for (size_t i = offsets[q]; i < offsets[q + 1]; i++) {
        size_t length;
        const char *id = vdb_results_id(results, i, &length);
        put_text(to, i > offsets[q] ? ", {\"id\": " : "{\"id\": ");
        put_string(to, id, length);
        put_text(to, ", \"distance\": ");
        put_distance(to, distances[i]);
        put_text(to, "}");
    }
    put_text(to, "]");
}

static bool room_for(search *s, size_t count)
{
    s->count = count;
    s->queries = calloc(count + 1, sizeof *s->queries);
    if (!s->queries)
        answer_error(&s->r->answer, 503, "out of memory");
    return s->queries != NULL;
}

void handle_search(request *r)
{
    search s;
    memset(&s, 0, sizeof s);
    s.r = r;
    if (json_body_read(&s.body, r, r->body.bytes, r->body.length, 1)) {
        json_part whole = json_body_whole(&s.body);
        if (room_for(&s, 1) && read_query(&whole, s.queries) &&
            take_filter(&whole, &s.filter) && answer_all(&s)) {
            answer_begin(&r->answer, 200);
            put_hits(&r->answer.body, s.answers[0], 0);
        }
    }
    search_free(&s);
}

static bool read_queries(search *s, json_list *list)
{
    json_part part;
    size_t together = 0;
    for (size_t i = 0; json_list_next(list, &part); i++) {
        if (!read_query(&part, &s->queries[i]))
            return false;
        together += s->queries[i].k;
        if (together > RESULTS_MAX) {
            answer_error(&s->r->answer, 400,
                         "query %zu: the queries ask for more than %d results together",
                         i, RESULTS_MAX);
            return false;
        }
    }
    return s->r->answer.status == 0;
}

void handle_search_batch(request *r)
{
    search s;
    json_list list;
    memset(&s, 0, sizeof s);
    s.r = r;
    if (json_body_read(&s.body, r, r->body.bytes, r->body.length, 3)) {
        json_part whole = json_body_whole(&s.body);
        if (json_list_begin(&list, &whole, "queries", "query", QUERIES_MAX) &&
            room_for(&s, list.count) && read_queries(&s, &list) &&
            take_filter(&whole, &s.filter) && answer_all(&s)) {
            answer_begin(&r->answer, 200);
            put_text(&r->answer.body, "[");
            for (size_t i = 0; i < s.count; i++) {
                put_text(&r->answer.body, i ? ", " : "");
                put_hits(&r->answer.body, s.answers[s.queries[i].group],
                         s.queries[i].place);
            }
            put_text(&r->answer.body, "]");
        }
    }
    search_free(&s);
}
