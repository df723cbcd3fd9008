/* server.h: one running server and what its requests share. */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

#include <signal.h>
#include <stdatomic.h>

#include "connections.h"
#include "meters.h"
#include "settings.h"
#include "tokens.h"
#include "vdb.h"
#include "workers.h"

typedef struct server {
    const settings *settings;
    vdb *db;
    tokens tokens;
    bool is_loopback;
    connections *connections;
    workers *readers; /* searches and the like, which take a processor */
    workers *writers; /* commits, which wait for the disk, many for one sync */
    workers *admins;  /* what takes seconds */
    meters meters;
    atomic_uint_fast64_t body_bytes; /* of all requests in hand */
    atomic_uint in_hand;             /* requests whose head is there */
    atomic_bool stopping;
    char boot[9]; /* begins every request's id: eight hexadecimal digits */
    atomic_uint_fast64_t request_count;
    char endpoint[128]; /* HOST:PORT that it listens on */
    struct MHD_Daemon *daemon;
    char *certificate, *key;
} server;

/* Serve what comes to this socket; NULL: libmicrohttpd does not start. */
struct MHD_Daemon *server_listen(server *s, int socket, unsigned threads);
/* Open the database and listen.  An exit status; what failed has been said. */
int server_start(server *s, const settings *from);
/* Finish what is in hand, save, close.  One of these signals, which are blocked, cuts the
 * waiting short. */
int server_stop(server *s, const sigset_t *impatience);

#endif
