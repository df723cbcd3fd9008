/* workers.h: threads that carry out requests, so that no thread of libmicrohttpd waits
 * for a search or a disk while other connections want to be read.
 */
#ifndef HTTPD_WORKERS_H
#define HTTPD_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

/* A piece of work, part of what it is about; it is called and then not touched again. */
typedef struct work {
    struct work *next;
    void (*run)(struct work *);
} work;

typedef struct workers workers;

/* `most`: how many may wait for a thread.  NULL: no memory, or no threads. */
workers *workers_new(size_t threads, size_t most);
/* False: too many are waiting. */
bool workers_give(workers *w, work *job);
size_t workers_waiting(workers *w);
/* Everything given must have been done. */
void workers_free(workers *w);

#endif
