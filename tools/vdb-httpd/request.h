/* request.h: one request, from its first line to its answer. */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "server.h"

struct MHD_Connection;
struct route;

typedef enum content {
    CONTENT_NONE, /* no Content-Type: taken as JSON */
    CONTENT_JSON,
    CONTENT_NDJSON,
    CONTENT_FLOATS, /* application/octet-stream */
    CONTENT_OTHER
} content;

typedef enum phase {
    PHASE_LINE,  /* the first line has come */
    PHASE_BODY,  /* the head has, and is good */
    PHASE_DRAIN, /* it is refused; the body is thrown away */
    PHASE_HANDED,
    PHASE_ANSWERED
} phase;

/* An argument behind the "?", decoded; NUL-terminated, and without NULs within. */
typedef struct argument {
    char *name;
    char *value;
} argument;

typedef struct request {
    work job; /* the first: a worker is given this */
    server *server;
    struct MHD_Connection *link;
    connection *connection;
    phase phase;
    uint64_t number;
    uint64_t begun_ns; /* when its head was there */
    access_class allowed;
    /* Of the first line.  The path is cut at "/" and decoded: "/vectors/a%2Fb" has the
     * parts "vectors" and "a/b". */
    char *line;      /* the path as sent, without the "?" and what is behind it */
    char *authority; /* of a target that is a whole URI; NULL: it is a path */
    size_t uri_bytes;
    uintptr_t uri_end; /* where it ended in libmicrohttpd's memory */
    char *decoded;     /* what parts and arguments point into */
    char *parts[4];
    size_t part_lengths[4];
    size_t part_count; /* 5: there are more than 4 */
    argument arguments[16];
    size_t argument_count;
    const char *malformed; /* what is wrong with it; NULL: nothing */
    const struct route *route;
    bool head_only;  /* HEAD */
    bool wants_text; /* Accept: text/plain */
    bool only_new;   /* If-None-Match: * */
    content content;
    bool has_length;
    bool chunked;      /* how long the body is is not known before */
    bool asks;         /* Expect: 100-continue */
    bool counted;      /* in server.in_hand */
    bool noted;        /* in the meters */
    uint64_t declared; /* Content-Length */
    uint64_t drained;
    buffer body;
    vdb_cancel *cancel; /* of what is done for it by a worker; NULL: by none */
    uint64_t reserved;  /* of server.body_bytes */
    const char *origin; /* that is allowed to read the answer; NULL: none */
    answer answer;
} request;

/* NULL: no memory.  `uri`: as it stands in the first line. */
request *request_new(server *s, struct MHD_Connection *link, const char *uri);
void request_free(request *r);

/* Count more bytes to what the bodies in hand take; false, and the answer says so: they
 * would be too many. */
bool request_reserve(request *r, uint64_t bytes);
void request_release(request *r, uint64_t bytes);

/* How long its body may be. */
uint64_t request_body_most(const request *r);
/* Take more of it; false, and the answer says so: it is too long. */
bool request_take_body(request *r, const char *bytes, size_t length);

/* The value of an argument; NULL: it is not there. */
const char *request_argument(const request *r, const char *name);
/* A number; false, and the answer says so: it is none, or out of bounds. */
bool request_whole(request *r, const char *name, uint64_t least, uint64_t most,
                   uint64_t *out);

/* Refuse the request by its head, if it is bad: the answer is set then.  (head.c) */
void request_check_head(request *r, const char *method, const char *url,
                        const char *version);

/* Names of arguments that a route knows, ended by NULL: others are refused. */
bool request_check_arguments(request *r, const char *const *known);

#endif
