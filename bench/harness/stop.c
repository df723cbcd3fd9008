/* stop.c: giving up, remarks, memory and the clock; see stop.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stop.h"

static void say(const char *format, va_list list)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, list);
    putc('\n', stderr);
}

void stop(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(format, list);
    va_end(list);
    exit(1);
}

void stop_usage(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(format, list);
    va_end(list);
    fprintf(stderr, "Try: %s --help\n", program_invocation_short_name);
    exit(2);
}

void remark(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    say(format, list);
    va_end(list);
}

void *need(size_t bytes)
{
    size_t rounded = (bytes + 63) / 64 * 64;
    void *made = aligned_alloc(64, rounded ? rounded : 64);
    if (!made)
        stop("out of memory: %zu bytes", bytes);
    memset(made, 0, rounded);
    return made;
}

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}
