/* connections.h: every open connection and by when it must have come on.
 *
 * libmicrohttpd ends connections that are silent for a while; one that sends a byte now
 * and then it keeps for ever.  So each connection has a deadline here that no byte moves:
 * for the head of its request, for the body, for the next request, for taking the answer.
 * A thread looks after them and shuts the socket of one that is late; libmicrohttpd then
 * finds it closed.
 *
 * While a worker has a request, libmicrohttpd does not look at its connection.  The same
 * thread sees whether the client has gone, so that nobody searches for him.
 *
 * Threads: all functions may be called by any thread.  A socket is shut under the lock
 * under which it is taken off the list, so never after libmicrohttpd has closed it.
 */
#ifndef HTTPD_CONNECTIONS_H
#define HTTPD_CONNECTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vdb.h"

typedef enum stage {
    STAGE_IDLE,   /* no byte of a request is known of */
    STAGE_HEAD,   /* its first line has come */
    STAGE_BODY,   /* its head has */
    STAGE_HAND,   /* all of it has: no deadline */
    STAGE_ANSWER, /* the answer is on its way */
    STAGE_LATE    /* too late: nothing may be sent any more */
} stage;

typedef struct connections connections;
typedef struct connection connection;

typedef struct connection_counts {
    uint32_t open;
    uint64_t accepted;
    uint64_t late;    /* ended by their deadline */
    uint64_t evicted; /* ended because another one wanted in */
    uint64_t refused; /* too many from one address */
    uint64_t gone;    /* ended by the client before its request was answered */
} connection_counts;

/* `limit`: connections at once; when it is nearly reached, the one that has been idle
 * longest gives way to the next.  `tls`: nothing may be written to a socket directly. */
connections *connections_new(uint32_t limit, bool tls);
/* No connection may be left. */
void connections_free(connections *all);

/* Whether an address may have one more connection. */
bool connections_admit(connections *all, const struct sockaddr *address);

/* `head_seconds`, from now, for the first head.  NULL: no memory. */
connection *connection_open(connections *all, int socket, uint32_t head_seconds);
void connection_close(connection *c);

/* The connection has come to `next` and has so many seconds there; 0: any time.  False:
 * it is late, and the answer must not be sent. */
bool connection_enter(connection *c, stage next, uint64_t seconds);
/* Until it comes to another stage: what to set when there is no more time or, if the work
 * is worth nothing without him, when the client has gone. */
void connection_watch(connection *c, vdb_cancel *cancel, bool for_client);
/* Whether work for it was given up because the client had gone. */
bool connection_is_gone(connection *c);
/* Write an answer past libmicrohttpd, which takes none now, and end the connection. */
void connection_tell(connection *c, unsigned status, const char *body, size_t length);
/* Allow it so many milliseconds more. */
void connection_allow(connection *c, uint64_t milliseconds);
/* How many requests it has brought, with this one. */
uint32_t connection_requests(connection *c);

void connections_count(connections *all, connection_counts *out);

/* From now on idle connections are ended, and if `all_of_them`, each one, with its work. */
void connections_stop(connections *all, bool all_of_them);

#endif
