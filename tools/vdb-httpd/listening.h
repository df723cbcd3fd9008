/* listening.h: where a server listens. */
#ifndef HTTPD_LISTENING_H
#define HTTPD_LISTENING_H

#include <stdbool.h>
#include <stddef.h>

/* A listening socket at "HOST:PORT", "[::1]:3000": numbers, or "localhost".  -1: it has
 * been said why not.  `endpoint`: where it is, with the port that was taken. */
int listen_at(const char *address, char *endpoint, size_t size, bool *is_loopback);

#endif
