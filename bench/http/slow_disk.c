/* slow_disk.c: a disk that takes longer to sync, for LD_PRELOAD.
 *
 * SYNC_US: how many microseconds fdatasync() and fsync() take at least.  What is synced is
 * synced by the real ones first, so nothing is weakened.
 *
 *     cc -shared -fPIC -O2 -o slow_disk.so slow_disk.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int sync_as(const char *name, int fd)
{
    struct timespec until;
    const char *wanted = getenv("SYNC_US");
    long us = wanted ? atol(wanted) : 0;
    int (*real)(int);

    clock_gettime(CLOCK_MONOTONIC, &until);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    int result = real(fd);
    until.tv_nsec += us % 1000000 * 1000;
    until.tv_sec += us / 1000000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (us && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
    return result;
}

int fdatasync(int fd)
{
    return sync_as("fdatasync", fd);
}

int fsync(int fd)
{
    return sync_as("fsync", fd);
}
