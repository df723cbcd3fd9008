/* routes.h: the table of routes: what a client can do here, and what it takes.
 *
 * A route that is not in the table is not there; one without a class does not compile.
 */
#ifndef HTTPD_ROUTES_H
#define HTTPD_ROUTES_H

#include "request.h"

/* Who carries it out. */
typedef enum runner {
    RUN_AT_ONCE, /* the thread that has read it: microseconds, no waiting */
    RUN_READER,
    RUN_WRITER,
    RUN_ADMIN
} runner;

enum {
    TAKES_JSON = 1,
    TAKES_NDJSON = 2,
    TAKES_FLOATS = 4
};

typedef struct route {
    const char *method;
    const char *pattern; /* "/vectors/:id": ":id" stands for one part of the path */
    access_class access;
    runner runner;
    unsigned takes; /* of bodies; 0: none is read */
    void (*handle)(request *r);
} route;

extern const route ROUTES[];
extern const size_t ROUTE_COUNT;

/* The route of a request; NULL, and the answer says so: there is none for this path (404)
 * or for this method (405, or the answer to OPTIONS). */
const route *route_find(request *r, const char *method);

/* health.c */
void handle_health(request *r);
void handle_version(request *r);
void handle_stats(request *r);
void handle_metrics(request *r);
void handle_prometheus(request *r);
/* records.c */
void handle_insert(request *r);
void handle_get(request *r);
void handle_delete(request *r);
void handle_put(request *r);
void handle_patch(request *r);
/* some.c */
void handle_get_some(request *r);
void handle_delete_some(request *r);
void handle_count(request *r);
/* upkeep_routes.c */
void handle_checkpoint(request *r);
void handle_backup(request *r);
/* listing.c */
void handle_list(request *r);
/* bulk.c */
void handle_batch(request *r);
/* search.c */
void handle_search(request *r);
void handle_search_batch(request *r);
/* page.c */
void handle_page(request *r);

#endif
