/* test_hnsw.c: the graph against exact search over the same vectors. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "index/hnsw/hnsw.h"
#include "kernel/kernel.h"
#include "os/thread.h"
#include "uniform.h"

enum {
    ROWS = 3000,
    DIMENSION = 24,
    K = 10
};

static vdbi_memory memory;
static float rows[ROWS][DIMENSION];
/* Thirty clusters, as real data has them. */
static void make_rows(void)
{
    float centres[30][DIMENSION];

    seed = 7;
    for (size_t c = 0; c < 30; c++)
        for (size_t d = 0; d < DIMENSION; d++)
            centres[c][d] = 2 * uniform();
    for (size_t i = 0; i < ROWS; i++)
        for (size_t d = 0; d < DIMENSION; d++)
            rows[i][d] = centres[i % 30][d] + uniform() / 2;
}

static vdbi_hnsw *make_graph(vdb_metric metric, int exact)
{
    const vdbi_hnsw_shape shape = {metric, DIMENSION, 16, 100, 16};
    const float *sample[ROWS];
    vdbi_hnsw *h;

    for (size_t i = 0; i < ROWS; i++)
        sample[i] = rows[i];
    assert_int_equal(vdbi_hnsw_create(&memory, &shape, exact, sample, ROWS, &h),
                     VDB_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        assert_int_equal(vdbi_hnsw_reserve(h, i), VDB_OK);
        atomic_store(vdbi_marks_of(&h->nodes, i), 0);
        vdbi_hnsw_encode(h, i, rows[i]);
    }
    return h;
}

static void link_all(vdbi_hnsw *h)
{
    vdbi_visitor *visitor;

    assert_int_equal(vdbi_visit_begin(h->visitors, &visitor), VDB_OK);
    for (uint32_t i = 0; i < ROWS; i++)
        assert_int_equal(vdbi_hnsw_insert(h, i, &visitor->scratch), VDB_OK);
    vdbi_visit_end(visitor);
}

static void done(vdbi_hnsw *h)
{
    vdbi_hnsw_free(h);
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

/* How many of the k nearest that pass are in the pool. */
static size_t found(vdb_metric metric, const float *query, const vdbi_pool *pool,
                    uint32_t step)
{
    vdbi_query q;
    float distances[ROWS];
    size_t hits = 0;

    vdbi_query_init(&q, metric, query, DIMENSION);
    vdbi_distances(&q, (const uint8_t *)rows, sizeof rows[0], ROWS, distances);
    for (uint32_t i = 0; i < pool->count; i++) {
        uint32_t slot = vdbi_key_slot(pool->keys[i]), nearer = 0;
        assert_int_equal(slot % step, 0);
        for (uint32_t j = 0; j < ROWS; j += step)
            nearer += distances[j] < distances[slot];
        hits += nearer < K;
    }
    return hits < K ? hits : K;
}

static double recall(vdbi_hnsw *h, vdb_metric metric, const vdbi_pass *pass,
                     uint32_t step)
{
    vdbi_visitor *visitor;
    size_t hits = 0;

    assert_int_equal(vdbi_visit_begin(h->visitors, &visitor), VDB_OK);
    seed = 11;
    for (size_t i = 0; i < 100; i++) {
        float query[DIMENSION];
        for (size_t d = 0; d < DIMENSION; d++)
            query[d] = rows[i * 29][d] + uniform() / 4;
        assert_int_equal(vdbi_hnsw_search(h, query, 60, pass, ROWS, &visitor->scratch),
                         VDB_OK);
        hits += found(metric, query, &visitor->scratch.pool, step);
    }
    vdbi_visit_end(visitor);
    return (double)hits / (100 * K);
}

static void graph_finds_the_nearest(void **state)
{
    static const vdb_metric metrics[] = {VDB_L2, VDB_COSINE, VDB_DOT};

    (void)state;
    make_rows();
    for (size_t i = 0; i < 3; i++)
        for (int exact = 0; exact < 2; exact++) {
            vdbi_hnsw *h = make_graph(metrics[i], exact);
            link_all(h);
            assert_int_equal(atomic_load(&h->count), ROWS);
            assert_true(recall(h, metrics[i], NULL, 1) > 0.97);
            done(h);
        }
}

static int every_seventh(void *arg, uint32_t slot)
{
    ++*(uint32_t *)arg;
    return slot % 7 == 0;
}

static void walk_finds_the_nearest_that_pass(void **state)
{
    vdbi_hnsw *h;
    uint32_t tests = 0;
    const vdbi_pass pass = {every_seventh, &tests};

    (void)state;
    make_rows();
    h = make_graph(VDB_L2, 0);
    link_all(h);
    assert_true(recall(h, VDB_L2, &pass, 7) > 0.97);
    assert_true(tests > 0);
    done(h);
}

static void same_insertions_make_the_same_graph(void **state)
{
    vdbi_hnsw *a, *b;

    (void)state;
    make_rows();
    a = make_graph(VDB_L2, 0);
    b = make_graph(VDB_L2, 0);
    link_all(a);
    link_all(b);
    for (uint32_t i = 0; i < ROWS; i++)
        assert_memory_equal((void *)vdbi_links0(&a->nodes, i),
                            (void *)vdbi_links0(&b->nodes, i),
                            a->nodes.links.row_bytes);
    vdbi_hnsw_free(a);
    done(b);
}

static void equal_vectors_are_chained(void **state)
{
    vdbi_hnsw *h;
    vdbi_visitor *visitor;
    uint32_t slot, count = 1;

    (void)state;
    make_rows();
    for (size_t i = 1; i < ROWS; i += 2)
        memcpy(rows[i], rows[1], sizeof rows[i]);
    h = make_graph(VDB_L2, 0);
    link_all(h);
    assert_int_equal(atomic_load(&h->twins), ROWS / 2 - 1);
    assert_int_equal(vdbi_visit_begin(h->visitors, &visitor), VDB_OK);
    assert_int_equal(vdbi_hnsw_search(h, rows[1], 20, NULL, 0, &visitor->scratch),
                     VDB_OK);
    slot = vdbi_key_slot(visitor->scratch.pool.keys[0]);
    assert_memory_equal(rows[slot], rows[1], sizeof rows[1]);
    assert_true(vdbi_is_marked(&h->nodes, slot, VDBI_MARK_TWINS));
    while ((slot = atomic_load(&vdbi_node_of(&h->nodes, slot)->twin)) != VDBI_NO_SLOT) {
        assert_memory_equal(rows[slot], rows[1], sizeof rows[1]);
        count++;
    }
    assert_int_equal(count, ROWS / 2);
    vdbi_visit_end(visitor);
    done(h);
}

typedef struct inserter {
    vdbi_hnsw *h;
    _Atomic uint32_t *next;
} inserter;

static void *insert_some(void *arg)
{
    inserter *in = arg;
    vdbi_visitor *visitor;
    uint32_t slot;

    if (vdbi_visit_begin(in->h->visitors, &visitor))
        return arg;
    while ((slot = atomic_fetch_add(in->next, 1)) < ROWS)
        if (vdbi_hnsw_insert(in->h, slot, &visitor->scratch))
            break;
    vdbi_visit_end(visitor);
    return NULL;
}

static void threads_link_beside_each_other(void **state)
{
    vdbi_hnsw *h;
    vdbi_thread threads[4];
    _Atomic uint32_t next = 0;
    inserter in;

    (void)state;
    make_rows();
    h = make_graph(VDB_COSINE, 0);
    in = (inserter){h, &next};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(vdbi_thread_start(&threads[i], insert_some, &in), VDB_OK);
    for (size_t i = 0; i < 4; i++)
        vdbi_thread_join(threads[i]);
    assert_int_equal(atomic_load(&h->count), ROWS);
    assert_true(recall(h, VDB_COSINE, NULL, 1) > 0.97);
    done(h);
}

/* Two links a node make as many upper rows as there are nodes: more than one extent. */
static void what_it_will_take_is_known_before(void **state)
{
    enum {
        COUNT = 66600,
        WIDTH = 4
    };
    static const uint32_t bounds[] = {1, ROWS, 65536, 65537, COUNT};
    const vdbi_hnsw_shape shape = {VDB_L2, WIDTH, 2, 4, 16};
    uint64_t told[5];
    float v[WIDTH];
    const float *sample = v;
    vdbi_visitor *visitor;
    vdbi_hnsw *h;
    size_t at = 0;

    (void)state;
    seed = 13;
    for (size_t d = 0; d < WIDTH; d++)
        v[d] = uniform() / 2;
    assert_int_equal(vdbi_hnsw_create(&memory, &shape, 1, &sample, 1, &h), VDB_OK);
    for (size_t i = 0; i < 5; i++)
        told[i] = vdbi_hnsw_bytes_for(h, bounds[i]);
    assert_int_equal(vdbi_visit_begin(h->visitors, &visitor), VDB_OK);
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        assert_int_equal(vdbi_hnsw_reserve(h, slot), VDB_OK);
        for (size_t d = 0; d < WIDTH; d++)
            v[d] = uniform() / 2;
        vdbi_hnsw_encode(h, slot, v);
        assert_int_equal(vdbi_hnsw_insert(h, slot, &visitor->scratch), VDB_OK);
        if (slot + 1 == bounds[at])
            assert_true(vdbi_hnsw_bytes(h) <= told[at++]);
    }
    assert_int_equal(at, 5);
    assert_int_equal(vdbi_hnsw_bytes(h), told[4]);
    vdbi_visit_end(visitor);
    done(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graph_finds_the_nearest),
        cmocka_unit_test(walk_finds_the_nearest_that_pass),
        cmocka_unit_test(same_insertions_make_the_same_graph),
        cmocka_unit_test(equal_vectors_are_chained),
        cmocka_unit_test(threads_link_beside_each_other),
        cmocka_unit_test(what_it_will_take_is_known_before),
    };

    vdbi_memory_init(&memory, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
