/* bench_arguments.h: the command line that every measuring program understands.
 *
 * vdb-bench and the programs of peers/ take the same one and print the same rows, so
 * that a script can run them side by side.
 */
#ifndef BENCH_ARGUMENTS_H
#define BENCH_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum bench_metric {
    METRIC_L2,
    METRIC_COSINE,
    METRIC_DOT
} bench_metric;

typedef enum bench_codes {
    CODES_DEFAULT, /* as the library chooses */
    CODES_NONE,
    CODES_8,
    CODES_4
} bench_codes;

enum {
    EF_MAX = 64 /* values of --ef */
};

typedef struct bench_arguments {
    const char *base, *queries, *truth; /* files; truth may be NULL: it is computed */
    const char *answers;                /* where to write the ids answered, or NULL */
    const char *db;                     /* NULL: a temporary file, unless memory */
    const char *meta, *filter, *filters, *filter_truth; /* NULL: none */
    bench_metric metric;
    bench_codes codes;
    double recall_target; /* 0: none; else what ef is chosen for */
    bool hnsw;            /* else flat */
    bool memory;
    bool csv;
    uint32_t m, ef_construction; /* 0: not given */
    uint32_t k, threads, build_threads, batch, max_queries, repeat;
    uint32_t ef[EF_MAX];
    size_t ef_count;
} bench_arguments;

/* Stops with a message when something is wrong; prints the help and exits on --help. */
void bench_arguments_parse(bench_arguments *args, int argc, char **argv);

const char *bench_metric_name(bench_metric metric);

/* A metric by its name; stops when there is none. */
bench_metric bench_metric_parse(const char *text);

/* A number of an option, from `min` to `max`; stops when it is none. */
uint32_t bench_number(const char *option, const char *text, uint32_t min, uint32_t max);

#ifdef __cplusplus
}
#endif

#endif
