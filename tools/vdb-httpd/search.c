/* search.c: one query, and many. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json_body.h"
#include "limits.h"
#include "routes.h"
#include "search_options.h"

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
    search_options options;
    /* Where the answer is: before hit `item` of query `at`. */
    bool many;
    size_t at, item;
} search;

static void search_free(void *state)
{
    search *s = state;
    for (size_t i = 0; s->answers && i < s->group_count; i++)
        vdb_results_free(s->answers[i]);
    free(s->answers);
    free(s->queries);
    vdb_filter_free(s->filter);
    vdb_snapshot_free(s->snapshot);
    json_body_free(&s->body);
    free(s);
}

static search *search_new(request *r)
{
    search *made = calloc(1, sizeof *made);
    if (!made)
        answer_error(&r->answer, 503, "out of memory");
    else
        made->r = r;
    return made;
}

/* The vector that is stored under an id, into the body's floats. */
static bool take_stored(const json_part *part, const char *id, asked *out)
{
    vdb_record *record;
    float *room;
    answer *a = &part->body->r->answer;
    vdb_status result = vdb_get(part->body->r->server->db, id, NULL, &record);
    if (result == VDB_NOT_FOUND)
        answer_error(a, 404, "%sVector not found: %s", part->where, id);
    else if (result)
        answer_library(a, result);
    if (result)
        return false;
    const float *vector = vdb_record_vector(record, &out->dim);
    out->first = part->body->texts.float_count;
    bool had = vector_texts_add(&part->body->texts, out->dim, &room);
    if (had)
        memcpy(room, vector, out->dim * sizeof *room);
    else
        answer_error(a, 503, "out of memory");
    vdb_record_free(record);
    return had;
}

static bool read_query(const json_part *part, asked *out)
{
    uint64_t k = K_DEFAULT;
    const char *id = NULL;
    size_t length;
    if (!take_string(part, "id", &id, &length))
        return false;
    if (id && has_vector(part)) {
        answer_error(&part->body->r->answer, 422,
                     "%s\"id\" and \"vector\" exclude each other: the query is either",
                     part->where);
        return false;
    }
    if (id ? !take_stored(part, id, out) : !take_vector(part, &out->first, &out->dim))
        return false;
    if (!take_whole(part, "k", 1, K_MAX, &k))
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
    op.cancel = s->r->cancel;
    op.timeout_ms = s->options.timeout_ms;
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
    query.flags = s->options.flags | (s->filter ? VDB_QUERY_FILTERED : 0);
    query.ef = s->options.ef;
    query.recall_target = s->options.recall_target;
    query.max_distance = s->options.max_distance;
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

static void put_base64(buffer *to, const float *values, size_t count)
{
    size_t length = (count * sizeof *values + 2) / 3 * 4;
    if (!buffer_reserve(to, length))
        return;
    uint8_t *bytes = (uint8_t *)malloc(count * sizeof *values + 1);
    if (!bytes) {
        to->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        for (size_t j = 0; j < sizeof bits; j++)
            bytes[i * sizeof bits + j] = (uint8_t)(bits >> (8 * j));
    }
    to->length += base64_encode(bytes, count * sizeof *values, to->bytes + to->length);
    free(bytes);
}

static void put_hit(const search *s, buffer *to, const vdb_results *results, size_t i)
{
    size_t length, dim;
    const char *id = vdb_results_id(results, i, &length);
    put_text(to, "{\"id\": ");
    put_string(to, id, length);
    put_text(to, ", \"distance\": ");
    put_distance(to, vdb_results_distances(results)[i]);
    const char *metadata = vdb_results_metadata(results, i, &length);
    if (metadata) {
        put_text(to, ", \"metadata\": ");
        put_bytes(to, metadata, length);
    }
    const float *vector = vdb_results_vector(results, i, &dim);
    if (vector && s->options.base64) {
        put_text(to, ", \"vector_b64\": \"");
        put_base64(to, vector, dim);
        put_text(to, "\"");
    } else if (vector) {
        put_text(to, ", \"vector\": ");
        put_vector(to, vector, dim);
    }
    put_text(to, "}");
}

static void put_explanation(buffer *to, const vdb_results *results, size_t q)
{
    static const char *const STRATEGIES[] = {"none", "scan", "graph"};
    static const char *const INDEXES[] = {"default", "flat", "hnsw"};
    vdb_explain e = VDB_EXPLAIN_INIT;
    if (vdb_results_explain(results, q, &e)) {
        put_text(to, "null");
        return;
    }
    put_format(to, "{\"index\": \"%s\", \"strategy\": \"%s\", \"reason\": ",
               e.index >= 0 && e.index < 3 ? INDEXES[e.index] : "unknown",
               e.strategy < 3 ? STRATEGIES[e.strategy] : "unknown");
    put_string(to, e.reason, strlen(e.reason));
    put_format(
        to,
        ", \"sequence\": %" PRIu64 ", \"live\": %" PRIu64 ", \"matches\": %" PRIu64
        ", \"distances\": %" PRIu64 ", \"ef\": %" PRIu32 ", \"filter_ns\": %" PRIu64
        ", \"search_ns\": %" PRIu64 "}",
        e.sequence, e.live, e.matches, e.distances, e.ef, e.filter_ns, e.search_ns);
}

/* One hit, or what stands around the hits of a query. */
static bool next_hit(void *state, buffer *to, vdb_status *failed)
{
    search *s = state;
    (void)failed;
    bool explain = (s->options.flags & VDB_QUERY_EXPLAIN) != 0;
    if (s->many && s->at == 0 && s->item == 0)
        put_text(to, "[");
    if (s->at == s->count) {
        put_text(to, s->many ? "]" : "");
        return false;
    }
    const asked *q = &s->queries[s->at];
    const vdb_results *results = s->answers[q->group];
    const size_t *offsets = vdb_results_offsets(results) + q->place;
    if (s->item == 0) {
        put_text(to, s->at ? ", " : "");
        put_text(to, explain ? "{\"results\": [" : "[");
    }
    if (offsets[0] + s->item < offsets[1]) {
        put_text(to, s->item ? ", " : "");
        put_hit(s, to, results, offsets[0] + s->item++);
        return true;
    }
    put_text(to, "]");
    if (explain) {
        put_text(to, ", \"explain\": ");
        put_explanation(to, results, q->place);
        put_text(to, "}");
    }
    s->at++;
    s->item = 0;
    return s->many || s->at < s->count;
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
    search *s = search_new(r);
    if (!s)
        return;
    if (json_body_read(&s->body, r, r->body.bytes, r->body.length, 1)) {
        json_part whole = json_body_whole(&s->body);
        if (room_for(s, 1) && read_query(&whole, s->queries) &&
            take_filter(&whole, &s->filter) &&
            take_search_options(&whole, &s->options) && answer_all(s)) {
            answer_pieces(&r->answer, 200, (pieces){next_hit, search_free, s});
            return;
        }
    }
    search_free(s);
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
    json_list list;
    search *s = search_new(r);
    if (!s)
        return;
    s->many = true;
    if (json_body_read(&s->body, r, r->body.bytes, r->body.length, 3)) {
        json_part whole = json_body_whole(&s->body);
        if (json_list_begin(&list, &whole, "queries", "query", QUERIES_MAX) &&
            room_for(s, list.count) && read_queries(s, &list) &&
            take_filter(&whole, &s->filter) &&
            take_search_options(&whole, &s->options) && answer_all(s)) {
            answer_pieces(&r->answer, 200, (pieces){next_hit, search_free, s});
            return;
        }
    }
    search_free(s);
}
