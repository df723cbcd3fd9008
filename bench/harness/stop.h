/* stop.h: how a measuring program gives up, and what it says while it runs.
 *
 * Results go to standard output; everything here goes to standard error, with the
 * program's name in front.
 */
#ifndef BENCH_STOP_H
#define BENCH_STOP_H

#ifdef __cplusplus
extern "C" {
#endif

/* Say what is wrong and exit: status 1, or 2 when it is the command line. */
void stop(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void stop_usage(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* A remark or progress: one line. */
void remark(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* malloc(), zeroed and aligned to a cache line, that stops rather than fails. */
void *need(size_t bytes) __attribute__((malloc));

/* Seconds of a clock that never steps. */
double now(void);

#ifdef __cplusplus
}
#endif

#endif
