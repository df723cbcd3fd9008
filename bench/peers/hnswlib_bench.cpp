/* hnswlib_bench.cpp: hnswlib's HierarchicalNSW, by the harness of vdb-bench.
 *
 * It has no call for many queries: with --batch one thread answers them in turn.
 */
#include <atomic>
#include <exception>
#include <hnswlib/hnswlib.h>
#include <memory>
#include <thread>

#include "harness/bench_run.h"
#include "peers/peer.h"

struct engine {
    bench_metric metric;
    std::unique_ptr<hnswlib::SpaceInterface<float>> space;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> index;
    size_t k;
};

extern "C" const char *const engine_library = "hnswlib";

void engine_check(const bench_arguments *args)
{
    if (args->recall_target > 0)
        stop("--recall-target is of libvdb only");
    peer_check(args);
    if (!args->hnsw)
        stop_usage("--index flat: not for this library");
    if (args->batch > 1 && args->threads > 1)
        stop_usage("--batch: this library answers a batch by one thread");
}

/* Each thread takes the next row.  The first is there before they begin. */
static void build(engine *e, const bench_arguments *args, const fvecs *base)
{
    std::vector<std::thread> threads;
    std::atomic<size_t> next(1);
    e->index.reset(new hnswlib::HierarchicalNSW<float>(
        e->space.get(), base->rows, args->m ? args->m : 16,
        args->ef_construction ? args->ef_construction : 200));
    e->index->addPoint(base->values, 0);
    for (uint32_t t = 0; t < args->build_threads; t++)
        threads.emplace_back([&] {
            for (size_t i = next++; i < base->rows; i = next++)
                e->index->addPoint(base->values + i * base->dim, i);
        });
    for (std::thread &thread : threads)
        thread.join();
}

engine *engine_build(const bench_arguments *args, fvecs *base, const fvecs *,
                     engine_facts *facts)
{
    engine *e = new engine();
    e->metric = args->metric;
    e->k = args->k;
    if (e->metric == METRIC_L2)
        e->space.reset(new hnswlib::L2Space(base->dim));
    else
        e->space.reset(new hnswlib::InnerProductSpace(base->dim));
    if (e->metric == METRIC_COSINE)
        fvecs_normalise(base);
    try {
        peer_open_or_build(
            args, facts,
            [&](const char *path) {
                e->index.reset(
                    new hnswlib::HierarchicalNSW<float>(e->space.get(), path));
            },
            [&] { build(e, args, base); },
            [&](const char *path) { e->index->saveIndex(path); });
    } catch (const std::exception &error) {
        stop("hnswlib: %s", error.what());
    }
    if (e->index->cur_element_count != base->rows)
        stop("%s is not an index of %s", args->db, args->base);
    peer_params(args, facts);
    return e;
}

void engine_set_ef(engine *e, uint32_t ef)
{
    e->index->setEf(ef);
}

void engine_search(engine *e, const fvecs *queries, size_t first, size_t count,
                   int32_t *answers)
{
    peer_queries asked(e->metric, queries, first, count);
    for (size_t q = 0; q < count; q++) {
        auto found = e->index->searchKnn(asked.row(q, queries->dim), e->k);
        int32_t *out = answers + q * e->k;
        for (size_t i = found.size(); i < e->k; i++)
            out[i] = -1;
        for (size_t i = found.size(); i-- > 0; found.pop()) /* the farthest first */
            out[i] = (int32_t)found.top().second;
    }
}

void engine_close(engine *e)
{
    delete e;
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv);
}
