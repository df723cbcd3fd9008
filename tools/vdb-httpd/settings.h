/* settings.h: the command line of vdb-httpd. */
#ifndef HTTPD_SETTINGS_H
#define HTTPD_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vdb.h"

enum {
    NAMES_MAX = 16 /* --allow-host and --allow-origin, each */
};

typedef struct settings {
    const char *db;
    const char *address; /* HOST:PORT */
    vdb_options options;
    uint32_t threads; /* that search; 0: as many as processors */
    const char *token_file;
    const char *read_token_file;
    bool without_token; /* --insecure-no-auth */
    const char *origins[NAMES_MAX];
    size_t origin_count;
    const char *hosts[NAMES_MAX];
    size_t host_count;
    uint64_t body_bytes;          /* of one request */
    uint64_t body_bytes_together; /* of all in hand */
    uint32_t connections;
    uint32_t head_seconds;   /* until a request's head is there */
    uint32_t body_seconds;   /* beyond what the rate allows */
    uint32_t idle_seconds;   /* between two requests */
    uint32_t answer_seconds; /* beyond what the rate allows */
    uint32_t rate; /* bytes a second at which bodies come and answers are taken */
    uint32_t stop_seconds; /* for what is in hand when told to stop */
    uint32_t search_ms;    /* of one request; 0: no bound */
    const char *backup_folder;
    const char *tls_certificate;
    const char *tls_key;
} settings;

enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2
};

/* Take the command line apart.  Returns EXIT_DONE and *go_on true; or the exit status of
 * what has been said: help, the version, an error. */
int settings_read(settings *out, int argc, char **argv, bool *go_on);

/* One line on standard error. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
