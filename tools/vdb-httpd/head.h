/* head.h: a request's head, looked at more strictly than libmicrohttpd does.
 *
 * What two servers read differently is how one of them is made to take a part of a body
 * for a request.  libmicrohttpd 0.9 takes two Content-Lengths, ignores Content-Length
 * beside Transfer-Encoding, ends lines at a lone LF, joins folded lines and cuts values at
 * a NUL.  All of that is refused here.
 */
#ifndef HTTPD_HEAD_H
#define HTTPD_HEAD_H

#include "request.h"

/* What of a head matters here.  Values are borrowed from libmicrohttpd. */
typedef struct head {
    const char *host;
    const char *content_type;
    const char *content_length;
    const char *transfer_encoding;
    const char *content_encoding;
    const char *authorization;
    const char *origin;
    const char *expect;
    const char *accept;
    const char *fetch_site;
    const char *if_none_match;
    const char *twice; /* the name of a header that is there twice and may not be */
    const char *bad;   /* what is wrong with the text of it; NULL: nothing */
    size_t count;
    size_t bytes;
} head;

void head_read(head *out, const request *r, const char *method, const char *version);

/* "localhost", "127.0.0.1", "[::1]" or another loopback address, with any port; or what
 * --allow-host has. */
bool head_host_is_ours(const request *r, const char *host);

/* Accept: whether text/plain is named, and wanted more than application/json.  (accept.c) */
bool accepts_text(const char *accept);

#endif
