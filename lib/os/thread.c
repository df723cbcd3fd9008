/* thread.c: mutexes, conditions and threads, over pthreads.
 *
 * Calls that cannot fail on a sound object are checked by assert: a failure there is
 * a bug of ours.  Conditions wait on the monotonic clock, so that a stepped wall clock
 * neither hurries nor stalls anybody.
 */
#include "os/thread.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

enum {
    NS_PER_SECOND = 1000000000
};

/* pthreads say EAGAIN where some limit is reached: to us no reason to try again. */
static vdb_status fail_creating(int error, const char *what)
{
    if (error == EAGAIN)
        return vdbi_fail(VDB_NOMEM, "%s: the system's limit is reached", what);
    return vdbi_fail_system(-error, "%s", what);
}

static void must(int error)
{
    assert(error == 0);
    (void)error;
}

vdb_status vdbi_mutex_init(vdbi_mutex *m)
{
    int error = pthread_mutex_init(m, NULL);

    return error ? fail_creating(error, "creating a mutex") : VDB_OK;
}

void vdbi_mutex_destroy(vdbi_mutex *m)
{
    must(pthread_mutex_destroy(m));
}

void vdbi_lock(vdbi_mutex *m)
{
    must(pthread_mutex_lock(m));
}

int vdbi_try_lock(vdbi_mutex *m)
{
    return pthread_mutex_trylock(m) == 0;
}

void vdbi_unlock(vdbi_mutex *m)
{
    must(pthread_mutex_unlock(m));
}

vdb_status vdbi_cond_init(vdbi_cond *c)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);

    if (error)
        return fail_creating(error, "creating a condition");
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!error)
        error = pthread_cond_init(c, &attributes);
    pthread_condattr_destroy(&attributes);
    return error ? fail_creating(error, "creating a condition") : VDB_OK;
}

void vdbi_cond_destroy(vdbi_cond *c)
{
    must(pthread_cond_destroy(c));
}

void vdbi_wait(vdbi_cond *c, vdbi_mutex *m)
{
    must(pthread_cond_wait(c, m));
}

int vdbi_wait_for(vdbi_cond *c, vdbi_mutex *m, uint64_t ns)
{
    struct timespec until;
    int error;

    clock_gettime(CLOCK_MONOTONIC, &until);
    /* 2^64 ns are 584 years: no overflow of the seconds. */
    until.tv_sec += (time_t)(ns / NS_PER_SECOND);
    until.tv_nsec += (long)(ns % NS_PER_SECOND);
    if (until.tv_nsec >= NS_PER_SECOND) {
        until.tv_sec++;
        until.tv_nsec -= NS_PER_SECOND;
    }
    error = pthread_cond_timedwait(c, m, &until);
    if (error == ETIMEDOUT)
        return 0;
    must(error);
    return 1;
}

void vdbi_broadcast(vdbi_cond *c)
{
    must(pthread_cond_broadcast(c));
}

void vdbi_bell_init(vdbi_bell *b)
{
    must(sem_init(b, 0, 0));
}

void vdbi_bell_ring(vdbi_bell *b)
{
    must(sem_post(b));
}

void vdbi_bell_wait(vdbi_bell *b)
{
    while (sem_wait(b)) /* a signal came to the host's thread */
        assert(errno == EINTR);
}

void vdbi_bell_destroy(vdbi_bell *b)
{
    must(sem_destroy(b));
}

vdb_status vdbi_thread_start(vdbi_thread *t, void *(*run)(void *), void *arg)
{
    sigset_t all, before;
    int error;

    /* A thread is born with its maker's mask: so signals go to the host's threads,
     * which expect them. */
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    error = pthread_create(t, NULL, run, arg);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    return error ? fail_creating(error, "starting a thread") : VDB_OK;
}

void vdbi_thread_join(vdbi_thread t)
{
    must(pthread_join(t, NULL));
}

uint32_t vdbi_cores(void)
{
    cpu_set_t set;
    long online;

    /* What this process may use, not what the machine has. */
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (uint32_t)CPU_COUNT(&set);
    online = sysconf(_SC_NPROCESSORS_ONLN); /* more than CPU_SETSIZE of them */
    return online > 0 && online <= UINT16_MAX ? (uint32_t)online : 1;
}

void vdbi_thread_yield(void)
{
    sched_yield();
}
