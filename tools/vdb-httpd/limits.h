/* limits.h: what a client may ask for, in one place.  docs/httpd.md tells them to users.
 *
 * Those that an option can change are the defaults of settings.h.
 */
#ifndef HTTPD_LIMITS_H
#define HTTPD_LIMITS_H

enum {
    /* Of a request's head. */
    HEAD_BYTES_MAX = 32 * 1024,
    HEADERS_MAX = 100,
    URI_BYTES_MAX = 8 * 1024,
    ARGUMENTS_MAX = 16,
    /* libmicrohttpd's memory of one connection: a head of the largest size, what it makes
     * of it, and room to read a body by. */
    CONNECTION_BYTES = 96 * 1024,

    /* Of a body.  A filter of 32 levels takes 65 of JSON. */
    JSON_DEPTH_MAX = 80,
    JSON_VALUES_MAX = 1000000, /* besides the numbers of vectors */
    JSON_VALUE_COST = 128,     /* bytes that one of them may take when parsed */
    BATCH_MAX = 100000,        /* vectors, or ids, of one request */
    QUERIES_MAX = 10000,
    K_MAX = 10000,
    EF_MAX = 10000,
    RESULTS_MAX = 1000000, /* k of all queries of one request together */
    PAGE_MAX = 100000,     /* limit of GET /vectors */

    /* A refused body of up to so many bytes is read and thrown away, so that the client,
     * which is still sending, sees the answer; a longer one ends the connection. */
    DRAIN_BYTES_MAX = 1024 * 1024,

    /* Answers up to here are sent whole, with their length; longer ones are made while
     * they are sent. */
    ANSWER_BYTES_WHOLE = 256 * 1024,

    KEEP_ALIVE_REQUESTS = 100000, /* of one connection */
    QUEUE_MAX = 2048,             /* requests that wait for a worker of one kind */
    PER_ADDRESS_MAX = 32 /* connections from one address that is not loopback */
};

#endif
