/* peer.h: what the programs that measure other libraries share.
 *
 * Those libraries know neither cosine nor files of their own accord: vectors are scaled
 * to length 1 as they come, and an index is written to a file once, to be weighed.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <cmath>
#include <cstdio>
#include <string>
#include <sys/stat.h>
#include <vector>

#include "harness/engine.h"
#include "harness/scratch_file.h"
#include "harness/stop.h"

/* What no peer here does. */
inline void peer_check(const bench_arguments *args)
{
    if (args->filter || args->filters)
        stop_usage("--filter and --filters: not for this library");
    if (args->codes != CODES_DEFAULT)
        remark("--codes has no effect: this library has no such codes");
}

/* Queries as the index wants them.  Under cosine a scaled copy, made within the time
 * measured, as a user of these libraries must. */
class peer_queries
{
  public:
    peer_queries(bench_metric metric, const fvecs *queries, size_t first, size_t count)
        : from(queries->values + first * queries->dim)
    {
        static thread_local std::vector<float> copy;
        if (metric != METRIC_COSINE)
            return;
        copy.assign(from, from + count * queries->dim);
        for (size_t q = 0; q < count; q++)
            scale(copy.data() + q * queries->dim, queries->dim);
        from = copy.data();
    }
    const float *row(size_t q, size_t dim) const
    {
        return from + q * dim;
    }

  private:
    const float *from;
    static void scale(float *row, size_t dim)
    {
        float squares = 0;
        for (size_t j = 0; j < dim; j++)
            squares += row[j] * row[j];
        float by = squares > 0 ? 1 / std::sqrt(squares) : 0;
        for (size_t j = 0; j < dim; j++)
            row[j] *= by;
    }
};

/* Never asked: peer_check() refuses filters. */
void engine_mark_passing(engine *, size_t, uint8_t *, size_t)
{
}

inline uint64_t peer_file_bytes(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? (uint64_t)s.st_size : 0;
}

/* Open the index that --db names, or build one and write it there (without --db, to a
 * temporary file).  `load(path)`, `build()` and `save(path)` are the library's. */
template <typename Load, typename Build, typename Save>
void peer_open_or_build(const bench_arguments *args, engine_facts *facts, Load load,
                        Build build, Save save)
{
    const char *path = args->db ? args->db : scratch_file();
    if (args->db && peer_file_bytes(path)) {
        load(path);
        remark("%s is there: opened, not built; build_s is 0", path);
    } else {
        double begin = now();
        build();
        facts->build_s = now() - begin;
        remark("built in %.2f s", facts->build_s);
        save(path);
    }
    facts->file_bytes = peer_file_bytes(path);
}

inline void peer_params(const bench_arguments *args, engine_facts *facts)
{
    std::string text;
    if (args->hnsw)
        text = "m=" + std::to_string(args->m ? args->m : 16) + " ef_construction=" +
               std::to_string(args->ef_construction ? args->ef_construction : 200);
    if (args->batch > 1)
        text += (text.empty() ? "batch=" : " batch=") + std::to_string(args->batch);
    snprintf(facts->params, sizeof facts->params, "%s", text.c_str());
}

#endif
