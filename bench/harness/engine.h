/* engine.h: what a library under measurement provides.
 *
 * Each measuring program links one engine with the harness.  Errors stop the program.
 */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include "bench_arguments.h"
#include "bench_data.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct engine engine;

typedef struct engine_facts {
    double build_s;      /* from the first insert until all is indexed; 0: opened */
    uint64_t file_bytes; /* 0: none */
    char params[160];    /* for the CSV: no commas */
} engine_facts;

/* The `library` of the CSV. */
extern const char *const engine_library;

/* Stop if something is asked for that this library cannot do. */
void engine_check(const bench_arguments *args);

/* Build, ready to be searched.  `base` may be changed, and is freed afterwards. */
engine *engine_build(const bench_arguments *args, fvecs *base, const fvecs *queries,
                     engine_facts *facts);

/* Set the effort of the searches that follow. */
void engine_set_ef(engine *e, uint32_t ef);

/* Answer the queries [first, first + count): k row numbers each, nearest first, and -1
 * where there are fewer.  Called by any number of threads at once. */
void engine_search(engine *e, const fvecs *queries, size_t first, size_t count,
                   int32_t *answers);

/* Mark the base rows that pass the filter of query q: a byte each, all zero before.  Only
 * asked of a library that takes filters. */
void engine_mark_passing(engine *e, size_t q, uint8_t *passing, size_t rows);

void engine_close(engine *e);

#ifdef __cplusplus
}
#endif

#endif
