/* routes.c: see routes.h. */
#include <stdio.h>
#include <string.h>

#include "routes.h"

/* Fixed paths stand before those with ":id", which they may look like: GET
 * /vectors/batch is the vector "batch", for there is no GET of the other. */
const route ROUTES[] = {
    {"POST", "/vectors", ACCESS_WRITE, RUN_WRITER, TAKES_JSON, handle_insert},
    {"GET", "/vectors", ACCESS_READ, RUN_READER, 0, handle_list},
    {"POST", "/vectors/batch", ACCESS_WRITE, RUN_WRITER,
     TAKES_JSON | TAKES_NDJSON | TAKES_FLOATS, handle_batch},
    {"POST", "/vectors/get", ACCESS_READ, RUN_READER, TAKES_JSON, handle_get_some},
    {"POST", "/vectors/delete", ACCESS_WRITE, RUN_WRITER, TAKES_JSON,
     handle_delete_some},
    {"GET", "/vectors/:id", ACCESS_READ, RUN_READER, 0, handle_get},
    {"PUT", "/vectors/:id", ACCESS_WRITE, RUN_WRITER, TAKES_JSON, handle_put},
    {"PATCH", "/vectors/:id", ACCESS_WRITE, RUN_WRITER, TAKES_JSON, handle_patch},
    {"DELETE", "/vectors/:id", ACCESS_WRITE, RUN_WRITER, 0, handle_delete},
    {"POST", "/count", ACCESS_READ, RUN_READER, TAKES_JSON, handle_count},
    {"POST", "/search", ACCESS_READ, RUN_READER, TAKES_JSON, handle_search},
    {"POST", "/search/batch", ACCESS_READ, RUN_READER, TAKES_JSON, handle_search_batch},
    {"GET", "/health", ACCESS_OPEN, RUN_AT_ONCE, 0, handle_health},
    {"GET", "/metrics", ACCESS_READ, RUN_AT_ONCE, 0, handle_metrics},
    {"GET", "/metrics/prometheus", ACCESS_READ, RUN_AT_ONCE, 0, handle_prometheus},
    {"GET", "/version", ACCESS_READ, RUN_AT_ONCE, 0, handle_version},
    {"GET", "/stats", ACCESS_READ, RUN_AT_ONCE, 0, handle_stats},
    {"POST", "/checkpoint", ACCESS_ADMIN, RUN_ADMIN, TAKES_JSON, handle_checkpoint},
    {"POST", "/backup", ACCESS_ADMIN, RUN_ADMIN, TAKES_JSON, handle_backup},
    {"GET", "/ui", ACCESS_OPEN, RUN_AT_ONCE, 0, handle_page},
};

const size_t ROUTE_COUNT = sizeof ROUTES / sizeof *ROUTES;

static bool matches(const route *which, const request *r)
{
    const char *pattern = which->pattern;
    size_t part = 0;
    while (*pattern == '/') {
        size_t length = strcspn(++pattern, "/");
        if (part == r->part_count)
            return false;
        if (*pattern != ':' && (r->part_lengths[part] != length ||
                                memcmp(r->parts[part], pattern, length) != 0))
            return false;
        pattern += length;
        part++;
    }
    return part == r->part_count;
}

/* "GET, HEAD, POST, OPTIONS" of what there is for this path; false: nothing. */
static bool list_methods(const request *r, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!matches(&ROUTES[i], r))
            continue;
        bool get = strcmp(ROUTES[i].method, "GET") == 0;
        used += (size_t)snprintf(out + used, size - used, "%s%s",
                                 get ? "GET, HEAD" : ROUTES[i].method, ", ");
    }
    if (used)
        snprintf(out + used, size - used, "OPTIONS");
    return used != 0;
}

const route *route_find(request *r, const char *method)
{
    bool head = strcmp(method, "HEAD") == 0;
    char allow[sizeof r->answer.allow];
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (strcmp(ROUTES[i].method, head ? "GET" : method) == 0 &&
            matches(&ROUTES[i], r)) {
            r->head_only = head;
            return &ROUTES[i];
        }
    }
    bool options = strcmp(method, "OPTIONS") == 0;
    if (options && strcmp(r->line, "*") == 0) {
        r->answer.status = 204;
        return NULL;
    }
    if (!list_methods(r, allow, sizeof allow)) {
        answer_error(&r->answer, 404, "there is nothing at %.200s%s", r->line,
                     strcmp(r->line, "/") == 0 ? "; /ui is a page for a browser" : "");
        return NULL;
    }
    if (options)
        r->answer.status = 204;
    else
        answer_error(&r->answer, 405, "%.20s is not possible here; %s are", method,
                     allow);
    memcpy(r->answer.allow, allow, sizeof allow);
    return NULL;
}
