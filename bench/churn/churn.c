/* churn.c: a graph whose vectors are replaced again and again, by hand.
 *
 *     vdb-churn --base FILE.fvecs --queries FILE.fvecs [--metric l2|cosine|dot]
 *         [--rows 200000] [--m 16] [--efc 200] [--ef 100] [--k 10] [--percent 5]
 *         [--rounds 2] [--fresh-every 5] [--max-queries 500] [--exact 0]
 *
 * The first rows of the base are inserted.  Each step unlinks so many percent of the
 * slots, in an order that takes each once per round, connects what has become
 * unreachable, and puts other rows of the base into the slots.  Printed per step: recall
 * over the graph and, every so many steps, over one that is built anew of the same rows;
 * how many live vectors a search for themselves does not find; times of this thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/bench_arguments.h"
#include "harness/bench_data.h"
#include "harness/stop.h"

#include "base/error.h"
#include "index/hnsw/upkeep.h"
#include "kernel/kernel.h"

typedef struct churn {
    const char *base, *queries_file;
    uint32_t rows, m, efc, ef, k, percent, rounds, fresh_every, max_queries, exact;
    bench_metric metric;
    fvecs data, queries;
    uint32_t *row_of; /* slot: row of the base */
    uint32_t *unused; /* rows that are in no slot: a ring */
    size_t unused_count, unused_first;
    uint32_t *order; /* slots, in the order in which they are replaced */
    uint32_t *truth; /* slots: k for each query */
    vdbi_memory memory;
} churn;

static double cpu_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(vdb_status st)
{
    if (st)
        stop("%s", vdbi_error_text());
}

static vdb_metric metric_of(const churn *c)
{
    return c->metric == METRIC_L2       ? VDB_L2
           : c->metric == METRIC_COSINE ? VDB_COSINE
                                        : VDB_DOT;
}

static const float *vector_of(const churn *c, uint32_t slot)
{
    return c->data.values + (size_t)c->row_of[slot] * c->data.dim;
}

static void parse(churn *c, int argc, char **argv)
{
    *c = (churn){.rows = 200000,
                 .m = 16,
                 .efc = 200,
                 .ef = 100,
                 .k = 10,
                 .percent = 5,
                 .rounds = 2,
                 .fresh_every = 5,
                 .max_queries = 500};
    for (int i = 1; i < argc; i += 2) {
        const struct {
            const char *name;
            uint32_t *value;
        } numbers[] = {{"--rows", &c->rows},
                       {"--m", &c->m},
                       {"--efc", &c->efc},
                       {"--ef", &c->ef},
                       {"--k", &c->k},
                       {"--percent", &c->percent},
                       {"--rounds", &c->rounds},
                       {"--fresh-every", &c->fresh_every},
                       {"--max-queries", &c->max_queries},
                       {"--exact", &c->exact}};
        size_t j = 0;
        if (i + 1 == argc)
            stop_usage("%s has no value", argv[i]);
        for (; j < sizeof numbers / sizeof *numbers; j++)
            if (strcmp(argv[i], numbers[j].name) == 0)
                break;
        if (j < sizeof numbers / sizeof *numbers)
            *numbers[j].value = bench_number(argv[i], argv[i + 1], 0, 100000000);
        else if (strcmp(argv[i], "--base") == 0)
            c->base = argv[i + 1];
        else if (strcmp(argv[i], "--queries") == 0)
            c->queries_file = argv[i + 1];
        else if (strcmp(argv[i], "--metric") == 0)
            c->metric = bench_metric_parse(argv[i + 1]);
        else
            stop_usage("no such option: %s", argv[i]);
    }
    if (!c->base || !c->queries_file)
        stop_usage("--base and --queries are needed");
}

static uint64_t random_state = 42;

static uint32_t below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((random_state >> 33) % bound);
}

static void shuffle(uint32_t *slots, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = below(i), kept = slots[i - 1];
        slots[i - 1] = slots[j];
        slots[j] = kept;
    }
}

static void load(churn *c)
{
    c->data = fvecs_read(c->base, SIZE_MAX);
    c->queries = fvecs_read(c->queries_file, c->max_queries);
    if (c->rows >= c->data.rows)
        stop("the base has %zu rows, and some must remain", c->data.rows);
    c->row_of = need(c->rows * sizeof *c->row_of);
    c->order = need(c->rows * sizeof *c->order);
    c->unused_count = c->data.rows - c->rows;
    c->unused = need(c->unused_count * sizeof *c->unused);
    c->truth = need(c->queries.rows * c->k * sizeof *c->truth);
    for (uint32_t i = 0; i < c->rows; i++)
        c->row_of[i] = c->order[i] = i;
    for (size_t i = 0; i < c->unused_count; i++)
        c->unused[i] = c->rows + (uint32_t)i;
    vdbi_memory_init(&c->memory, NULL);
}

static void insert(const churn *c, vdbi_hnsw *h, uint32_t slot)
{
    vdbi_visitor *visitor;

    must(vdbi_hnsw_reserve(h, slot));
    vdbi_hnsw_encode(h, slot, vector_of(c, slot));
    must(vdbi_visit_begin(&h->visitors, &visitor));
    must(vdbi_hnsw_insert(h, slot, &visitor->scratch));
    vdbi_visit_end(visitor);
}

static vdbi_hnsw *build(churn *c)
{
    const vdbi_hnsw_shape shape = {metric_of(c), (uint32_t)c->data.dim, c->m, c->efc,
                                   16};
    const float *sample[20000];
    size_t count = c->rows < 20000 ? c->rows : 20000;
    vdbi_hnsw *h;

    for (size_t i = 0; i < count; i++)
        sample[i] = vector_of(c, (uint32_t)(i * c->rows / count));
    must(vdbi_hnsw_create(&c->memory, &shape, (int)c->exact, sample, count, &h));
    for (uint32_t slot = 0; slot < c->rows; slot++)
        insert(c, h, slot);
    return h;
}

/* The k nearest slots of each query, by insertion into a sorted list. */
static void find_truth(churn *c)
{
    float *distances = need(c->rows * sizeof *distances);
    const uint8_t **rows = need(c->rows * sizeof *rows);

    for (uint32_t slot = 0; slot < c->rows; slot++)
        rows[slot] = (const uint8_t *)vector_of(c, slot);
    for (size_t i = 0; i < c->queries.rows; i++) {
        vdbi_query q;
        uint32_t *best = c->truth + i * c->k, n = 0;
        vdbi_query_init(&q, metric_of(c), c->queries.values + i * c->queries.dim,
                        c->queries.dim);
        vdbi_distances_at(&q, rows, c->rows, distances);
        for (uint32_t slot = 0; slot < c->rows; slot++) {
            uint32_t at = n;
            if (n == c->k && distances[slot] >= distances[best[n - 1]])
                continue;
            n += n < c->k;
            at = at == n ? n - 1 : at;
            for (; at && distances[best[at - 1]] > distances[slot]; at--)
                best[at] = best[at - 1];
            best[at] = slot;
        }
    }
    free(distances);
    free(rows);
}

/* The share of the k nearest among the re-ranked results; equal distances count. */
static double recall(const churn *c, vdbi_hnsw *h, double *distances)
{
    vdbi_visitor *visitor;
    uint64_t hits = 0, computed = 0;

    must(vdbi_visit_begin(&h->visitors, &visitor));
    for (size_t i = 0; i < c->queries.rows; i++) {
        const float *vector = c->queries.values + i * c->queries.dim;
        const vdbi_pool *pool = &visitor->scratch.pool;
        vdbi_query q;
        float limit;
        uint32_t found = 0, looked = 0;
        vdbi_query_init(&q, metric_of(c), vector, c->queries.dim);
        limit = vdbi_distance(&q, vector_of(c, c->truth[i * c->k + c->k - 1]));
        must(vdbi_hnsw_search(h, vector, c->ef, NULL, 0, &visitor->scratch));
        computed += visitor->scratch.distances;
        for (uint32_t j = 0; j < pool->count && looked < c->k + c->k / 2 + 8; j++) {
            uint32_t slot = vdbi_key_slot(pool->keys[j]);
            do {
                looked++;
                found += vdbi_distance(&q, vector_of(c, slot)) <= limit;
                slot = atomic_load(&vdbi_node_of(&h->nodes, slot)->twin);
            } while (slot != VDBI_NO_SLOT && found < c->k);
        }
        hits += found < c->k ? found : c->k;
    }
    vdbi_visit_end(visitor);
    *distances = (double)computed / (double)c->queries.rows;
    return (double)hits / (double)(c->queries.rows * c->k);
}

/* Of a sample of live vectors, how many a search for themselves does not find. */
static uint32_t lost(const churn *c, vdbi_hnsw *h)
{
    vdbi_visitor *visitor;
    uint32_t n = 0;

    must(vdbi_visit_begin(&h->visitors, &visitor));
    for (uint32_t slot = 0; slot < c->rows; slot += 1 + c->rows / 5000) {
        const vdbi_pool *pool = &visitor->scratch.pool;
        int found = 0;
        must(
            vdbi_hnsw_search(h, vector_of(c, slot), c->ef, NULL, 0, &visitor->scratch));
        for (uint32_t j = 0; j < pool->count && !found; j++)
            for (uint32_t s = vdbi_key_slot(pool->keys[j]); s != VDBI_NO_SLOT && !found;
                 s = atomic_load(&vdbi_node_of(&h->nodes, s)->twin))
                found = s == slot;
        n += !found;
    }
    vdbi_visit_end(visitor);
    return n;
}

static double degree(const vdbi_hnsw *h, uint32_t rows)
{
    uint64_t n = 0;

    for (uint32_t slot = 0; slot < rows; slot++)
        for (uint32_t i = 0; i < h->nodes.m0; i++)
            n += atomic_load(&vdbi_links0(&h->nodes, slot)[i]) != VDBI_NO_SLOT;
    return (double)n / rows;
}

static void report(churn *c, vdbi_hnsw *h, const char *what)
{
    double distances, r = recall(c, h, &distances);

    printf("%s recall %.4f distances %.0f lost %u degree %.2f", what, r, distances,
           lost(c, h), degree(h, c->rows));
}

static void step(churn *c, vdbi_hnsw *h, uint32_t number, const uint32_t *slots,
                 uint32_t count)
{
    uint64_t missed, made;
    uint32_t first;
    double t0 = cpu_now(), t1, t2, t3;

    must(vdbi_hnsw_unlink(h, slots, count, NULL));
    t1 = cpu_now();
    must(vdbi_hnsw_missed(h, &missed, &first));
    t2 = cpu_now();
    must(vdbi_hnsw_connect(h, NULL, &made));
    t3 = cpu_now();
    for (uint32_t i = 0; i < count; i++) {
        size_t at = c->unused_first++ % c->unused_count;
        uint32_t fresh = c->unused[at];
        c->unused[at] = c->row_of[slots[i]];
        c->row_of[slots[i]] = fresh;
        insert(c, h, slots[i]);
    }
    printf(
        "step %u: unlink %.2f s, connect %.2f s (%.2f s a search of all; %llu missed, "
        "%llu made), insert %.2f s; ",
        number, t1 - t0, t3 - t2, t2 - t1, (unsigned long long)missed,
        (unsigned long long)made, cpu_now() - t3);
    must(vdbi_hnsw_connect(h, NULL, &made));
    must(vdbi_hnsw_check(h));
    printf("after inserting %llu made; ", (unsigned long long)made);
}

int main(int argc, char **argv)
{
    churn c;
    vdbi_hnsw *h;
    uint32_t count, number = 0;
    double t0;

    parse(&c, argc, argv);
    load(&c);
    count = (uint32_t)((uint64_t)c.rows * c.percent / 100);
    t0 = cpu_now();
    h = build(&c);
    printf("built %u x %zu in %.1f s; ", c.rows, c.data.dim, cpu_now() - t0);
    find_truth(&c);
    report(&c, h, "");
    printf("\n");
    for (uint32_t round = 0; round < c.rounds; round++) {
        shuffle(c.order, c.rows);
        for (uint32_t at = 0; at + count <= c.rows; at += count) {
            step(&c, h, ++number, c.order + at, count);
            find_truth(&c);
            report(&c, h, "churned");
            if (c.fresh_every && number % c.fresh_every == 0) {
                vdbi_hnsw *fresh = build(&c);
                report(&c, fresh, "; fresh");
                vdbi_hnsw_free(fresh);
            }
            printf("\n");
            fflush(stdout);
        }
    }
    vdbi_hnsw_free(h);
    return 0;
}
