/* answer.h: what a request is answered with. */
#ifndef HTTPD_ANSWER_H
#define HTTPD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "vdb.h"

/* An answer made piece by piece: the first by whoever answers, and what is beyond
 * ANSWER_BYTES_WHOLE while it is sent. */
typedef struct pieces {
    /* Append the next piece; false: it was the last, or *failed is not VDB_OK. */
    bool (*next)(void *state, buffer *to, vdb_status *failed);
    void (*free)(void *state);
    void *state;
} pieces;

typedef struct answer {
    unsigned status;      /* 0: there is none yet */
    const char *type;     /* of the content; static */
    char allow[96];       /* of the Allow header; "": none */
    const char *policy;   /* Content-Security-Policy; NULL: none */
    unsigned retry_after; /* seconds; 0: no such header */
    bool wants_token;     /* WWW-Authenticate */
    bool close;           /* the connection, afterwards */
    buffer body;
    pieces rest; /* next NULL: the body is all */
} answer;

/* An error: {"error": "..."}. */
void answer_error(answer *a, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The error that this thread's last failed call of the library means, and its status.
 * What a client need not know, such as paths, goes to standard error instead. */
void answer_library(answer *a, vdb_status result);
/* JSON, which is appended to a->body then. */
void answer_begin(answer *a, unsigned status);
/* JSON in pieces.  Takes the state over. */
void answer_pieces(answer *a, unsigned status, pieces from);
void answer_free(answer *a);

#endif
