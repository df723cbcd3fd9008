/* together.h: one piece of work on several threads at once, timed. */
#ifndef BENCH_TOGETHER_H
#define BENCH_TOGETHER_H

#include <stddef.h>

/* Does a measured amount of work; `thread` is from 0. */
typedef void (*together_work)(void *arg, size_t thread);

/* Seconds from the first begin to the last end, all having been started before. */
double together(size_t threads, together_work work, void *arg);

#endif
