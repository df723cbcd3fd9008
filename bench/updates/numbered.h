/* numbered.h: a database whose ids are numbers, through vdb.h alone: what the programs
 * that change a graph and look at it share.  Errors stop the program.
 */
#ifndef BENCH_NUMBERED_H
#define BENCH_NUMBERED_H

#include <vdb.h>

#include "harness/bench_arguments.h"
#include "harness/bench_data.h"

/* m and ef_construction are the defaults. */
vdb *numbered_open(const char *path, bench_metric metric, vdb_durability durability,
                   uint32_t threads);
void numbered_close(vdb *db);
void numbered_must(vdb_status status, const char *what);

/* Rows of `data`, stored under numbers, at most 1,000 a commit; `ids` and `rows` may be
 * NULL: then those from `first` on, under their own numbers. */
void numbered_put(vdb *db, const fvecs *data, const uint32_t *ids, const uint32_t *rows,
                  size_t first, size_t count);

/* One search; *limit (may be NULL): the distance of the last of k. */
typedef struct numbered_search {
    const vdb_snapshot *snapshot; /* NULL: the newest version */
    uint32_t k, ef;
    int exact;
} numbered_search;
vdb_results *numbered_find(vdb *db, const numbered_search *how, const float *queries,
                           size_t count, size_t dim);
int64_t numbered_id(const vdb_results *results, size_t i);

/* The share of the k nearest that searches at `ef` find, judged by exact searches over
 * the same snapshot; equal distances count.  `together`: so many queries a snapshot. */
double numbered_recall(vdb *db, const fvecs *queries, size_t count, size_t together,
                       uint32_t k, uint32_t ef);

/* Of every step-th id below `count`, how many searches for the vector itself, by ten
 * results at effort `ef`, neither find nor drown in vectors that equal it. */
size_t numbered_lost(vdb *db, const fvecs *data, const uint32_t *rows, size_t count,
                     size_t step, uint32_t ef);

/* What these programs are told: files, a metric, and numbers of at least 1 by their names. */
typedef struct numbered_input {
    const char *base, *queries; /* borrowed */
    bench_metric metric;
} numbered_input;
typedef struct numbered_number {
    const char *name;
    uint32_t *value;
} numbered_number;
/* 0: an option of another name. */
int numbered_option(const numbered_number *numbers, size_t count, numbered_input *in,
                    const char *name, const char *value);

#endif
