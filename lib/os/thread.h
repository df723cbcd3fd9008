/* thread.h: mutexes, conditions and threads; the only callers of pthreads.
 *
 * Failure: creating may fail (VDB_NOMEM, VDB_IO); locking cannot (a failure there is a
 *          bug of ours and aborts through assert).
 */
#ifndef VDBI_THREAD_H
#define VDBI_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>

#include "vdb.h"

typedef pthread_mutex_t vdbi_mutex;
typedef pthread_cond_t vdbi_cond; /* waits on the monotonic clock */
typedef sem_t vdbi_bell;          /* one waits until it is rung, once for each time */
typedef pthread_t vdbi_thread;

vdb_status vdbi_mutex_init(vdbi_mutex *m);
void vdbi_mutex_destroy(vdbi_mutex *m);
void vdbi_lock(vdbi_mutex *m);
void vdbi_unlock(vdbi_mutex *m);
int vdbi_try_lock(vdbi_mutex *m); /* 1: it is taken; 0: somebody has it */

vdb_status vdbi_cond_init(vdbi_cond *c);
void vdbi_cond_destroy(vdbi_cond *c);
void vdbi_wait(vdbi_cond *c, vdbi_mutex *m);
/* Wait at most `ns` nanoseconds; 0 when the time has passed. */
int vdbi_wait_for(vdbi_cond *c, vdbi_mutex *m, uint64_t ns);
void vdbi_broadcast(vdbi_cond *c);

/* For who is waited for by name: to be woken takes no lock, and wakes nobody else. */
void vdbi_bell_init(vdbi_bell *b);
/* Once it has been rung, who waits may destroy it. */
void vdbi_bell_ring(vdbi_bell *b);
void vdbi_bell_wait(vdbi_bell *b);
void vdbi_bell_destroy(vdbi_bell *b);

/* All signals are blocked in the new thread. */
vdb_status vdbi_thread_start(vdbi_thread *t, void *(*run)(void *), void *arg);
void vdbi_thread_join(vdbi_thread t);
uint32_t vdbi_cores(void);
void vdbi_thread_yield(void);

/* A mark that tells a forked child from the process that made it, by one read. */
typedef struct vdbi_fork_mark vdbi_fork_mark;
vdb_status vdbi_fork_mark_create(vdbi_fork_mark **out);
int vdbi_fork_mark_is_child(const vdbi_fork_mark *mark); /* 1 in a forked child */
void vdbi_fork_mark_free(vdbi_fork_mark *mark);

#endif
