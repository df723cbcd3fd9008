/* limits.h: what the machine can do at most, measured as it is now.
 *
 * Each file limits_*.c measures one kind of thing and prints its rows with
 * limit_print().  Figures of a shared machine drift: compare only those of one run.
 */
#ifndef BENCH_LIMITS_H
#define BENCH_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct limits_options {
    size_t large_bytes; /* a working set far larger than the caches */
    double seconds;     /* of each measurement, at least; the best of three */
    size_t threads;     /* measured beside one; 1: only one */
    const char *folder; /* where to sync a file */
    bool csv;
} limits_options;

/* vdb-bench limits; argv[0] is "limits". */
int limits_command(int argc, char **argv);

/* One figure: what, the variant, how many threads measured it. */
void limit_print(const limits_options *options, const char *what, const char *variant,
                 size_t threads, double value, const char *unit);

void limits_read(const limits_options *options);       /* bandwidth */
void limits_arithmetic(const limits_options *options); /* float32 and int8 */
void limits_random(const limits_options *options);     /* latency */
void limits_gather(const limits_options *options);     /* rows that lie apart */
void limits_sync(const limits_options *options);       /* the disk */

#endif
