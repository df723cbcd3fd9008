/* faiss_bench.cpp: faiss, IndexFlat and IndexHNSWFlat, by the harness of vdb-bench.
 *
 * Threads: faiss splits a call by OpenMP, and leaves sgemm's to the BLAS.  Both are told
 * how many.  With --batch 1 the callers are the threads, and each call has one.
 */
#include <cstdlib>
#include <exception>
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/index_io.h>
#include <omp.h>

#include "harness/bench_run.h"
#include "peers/peer.h"

/* OpenBLAS's, when it is that. */
extern "C" __attribute__((weak)) void openblas_set_num_threads(int threads);

struct engine {
    bench_metric metric;
    faiss::Index *index;
    faiss::IndexHNSW *graph; /* the same, or NULL */
    size_t k;
    int threads; /* of a call */
};

extern "C" const char *const engine_library = "faiss";

static void set_threads(int threads)
{
    omp_set_num_threads(threads); /* of the thread that calls this */
    if (openblas_set_num_threads)
        openblas_set_num_threads(threads);
}

void engine_check(const bench_arguments *args)
{
    if (args->recall_target > 0)
        stop("--recall-target is of libvdb only");
    peer_check(args);
    if (args->metric != METRIC_L2 && args->hnsw)
        remark("the graph is faiss's own for inner products");
}

static void build(engine *e, const bench_arguments *args, const fvecs *base)
{
    faiss::MetricType metric =
        e->metric == METRIC_L2 ? faiss::METRIC_L2 : faiss::METRIC_INNER_PRODUCT;
    int dim = (int)base->dim;
    if (args->hnsw) {
        e->graph = new faiss::IndexHNSWFlat(dim, args->m ? (int)args->m : 16, metric);
        e->graph->hnsw.efConstruction =
            args->ef_construction ? (int)args->ef_construction : 200;
        e->index = e->graph;
    } else {
        e->index = new faiss::IndexFlat(dim, metric);
    }
    e->index->add((faiss::Index::idx_t)base->rows, base->values);
}

engine *engine_build(const bench_arguments *args, fvecs *base, const fvecs *,
                     engine_facts *facts)
{
    engine *e = new engine();
    e->metric = args->metric;
    e->k = args->k;
    e->threads = args->batch > 1 ? (int)args->threads : 1;
    set_threads((int)args->build_threads);
    if (e->metric == METRIC_COSINE)
        fvecs_normalise(base);
    try {
        peer_open_or_build(
            args, facts,
            [&](const char *path) {
                e->index = faiss::read_index(path);
                e->graph = dynamic_cast<faiss::IndexHNSW *>(e->index);
            },
            [&] { build(e, args, base); },
            [&](const char *path) { faiss::write_index(e->index, path); });
    } catch (const std::exception &error) {
        stop("faiss: %s", error.what());
    }
    if ((size_t)e->index->ntotal != base->rows || (size_t)e->index->d != base->dim ||
        (e->graph != nullptr) != args->hnsw)
        stop("%s is not an index of %s", args->db, args->base);
    peer_params(args, facts);
    set_threads(e->threads);
    return e;
}

void engine_set_ef(engine *e, uint32_t ef)
{
    if (e->graph)
        e->graph->hnsw.efSearch = (int)ef;
}

void engine_search(engine *e, const fvecs *queries, size_t first, size_t count,
                   int32_t *answers)
{
    static thread_local std::vector<float> distances;
    static thread_local std::vector<faiss::Index::idx_t> labels;
    peer_queries asked(e->metric, queries, first, count);
    distances.resize(count * e->k);
    labels.resize(count * e->k);
    omp_set_num_threads(e->threads);
    e->index->search((faiss::Index::idx_t)count, asked.row(0, queries->dim),
                     (faiss::Index::idx_t)e->k, distances.data(), labels.data());
    for (size_t i = 0; i < count * e->k; i++)
        answers[i] = (int32_t)labels[i];
}

void engine_close(engine *e)
{
    delete e->index;
    delete e;
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv);
}
