/* test_walk_sets.c: every instruction set gives the integers of the portable one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "index/hnsw/hnsw.h"
#include "index/isa.h"

enum {
    ROWS = 37, /* no multiple of what a set computes at once */
    BYTES_MAX = 1088,
    NODES = 1500,
    DIMENSION = 70
};

static vdbi_memory memory;
static uint64_t seed;

static uint32_t number(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static float uniform(void)
{
    return (float)number() * 0x1p-31f - 0.5f;
}

/* A region of ROWS rows of so many bytes, all zeros. */
static vdbi_codes *make_region(vdb_metric metric, int exact, uint32_t bytes)
{
    static const float zeros[BYTES_MAX];
    const float *sample[] = {zeros};
    uint32_t dimension = exact ? bytes / 4 : metric == VDB_DOT ? bytes - 4 : bytes;
    vdbi_codes *c;

    assert_int_equal(
        vdbi_codes_create(&memory, metric, exact, dimension, sample, 1, &c), VDB_OK);
    assert_int_equal(c->row_bytes, bytes);
    assert_int_equal(vdbi_codes_reserve(c, 0), VDB_OK);
    for (uint32_t i = 0; i < ROWS; i++)
        memset(vdbi_extents_row(&c->rows, i), 0, bytes);
    return c;
}

/* What a byte of a row (1: of a query) may be; ways 0 to 2 are the extremes. */
static uint8_t any_byte(vdbi_code_kind kind, int of_query, int way)
{
    static const uint8_t l2[3] = {127, 0, 127}, dot_row[3] = {255, 255, 0},
                         dot_query[3] = {127, 0x81, 0x81};

    if (way < 3)
        return kind == VDBI_CODE_L2 ? (of_query ? l2[way] : l2[2 - way])
               : of_query           ? dot_query[way]
                                    : dot_row[way];
    return kind == VDBI_CODE_L2 ? (uint8_t)(number() & 127)
           : of_query           ? (uint8_t)(number() % 255 - 127)
                                : (uint8_t)number();
}

static void fill(const vdbi_codes *c, uint8_t *query, vdbi_code_query *q, int way)
{
    const float step = 0.25f;
    int32_t sum = 0;

    for (uint32_t i = 0; i < c->code_bytes; i++) {
        query[i] = any_byte(c->kind, 1, way);
        sum += (int8_t)query[i];
    }
    memset(query + c->code_bytes, 0, c->row_bytes - c->code_bytes);
    for (uint32_t r = 0; r < ROWS; r++) {
        uint8_t *row = vdbi_extents_row(&c->rows, r);
        for (uint32_t i = 0; i < c->code_bytes; i++)
            row[i] = any_byte(c->kind, 0, way);
        if (c->kind == VDBI_CODE_DOT)
            memcpy(row + c->code_bytes, &step, sizeof step);
    }
    *q = (vdbi_code_query){.bytes = query, .bias = sum * 128, .scale = 0.5f};
}

static void compare(const vdbi_codes *c, const vdbi_code_query *q)
{
    const vdbi_walk *portable = vdbi_walk_of(VDBI_SET_GENERIC, c->form);
    uint32_t slots[ROWS];
    int32_t want[ROWS], got[ROWS], least = INT32_MAX;

    for (uint32_t i = 0; i < ROWS; i++)
        slots[i] = (i * 5) % ROWS;
    portable->distances(c, q, slots, ROWS, want);
    for (uint32_t i = 0; i < ROWS; i++)
        least = want[i] < least ? want[i] : least;
    for (int set = 0; set < VDBI_SETS; set++) {
        const vdbi_walk *walk = vdbi_walk_of(set, c->form);
        if (!walk)
            continue;
        for (uint32_t count = ROWS - 9; count <= ROWS; count++) {
            memset(got, 0x55, sizeof got);
            walk->distances(c, q, slots, count, got);
            assert_memory_equal(got, want, count * sizeof *got);
        }
        assert_false(walk->any_nearer(c, q, slots, ROWS, least));
        assert_true(walk->any_nearer(c, q, slots, ROWS, least + 1));
    }
}

static void integers_are_the_same_by_every_set(void **state)
{
    static const vdb_metric metrics[] = {VDB_L2, VDB_COSINE, VDB_DOT};
    _Alignas(64) uint8_t query[BYTES_MAX];
    vdbi_code_query q;

    (void)state;
    seed = 3;
    for (size_t i = 0; i < 3; i++)
        for (uint32_t bytes = 64; bytes <= BYTES_MAX; bytes += 64) {
            vdbi_codes *c = make_region(metrics[i], 0, bytes);
            assert_int_equal(c->halves, 0); /* these are test_halves.c's */
            for (int way = 0; way < 6; way++) {
                fill(c, query, &q, way);
                compare(c, &q);
            }
            vdbi_codes_free(c);
        }
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

/* The integer of the same order back to the float. */
static double float_of(int32_t order)
{
    int32_t bits = order < 0 ? order ^ INT32_MAX : order;
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Against double; the error of a float's sum of n terms is below n / 2 units of the sum of
 * their magnitudes. */
static void check_floats(const vdbi_codes *c, const vdbi_code_query *q)
{
    for (int set = 0; set < VDBI_SETS; set++)
        for (uint32_t r = 0; r < ROWS; r++) {
            const vdbi_walk *walk = vdbi_walk_of(set, c->form);
            double sum = 0, magnitude = 0;
            int32_t got;
            if (!walk)
                continue;
            for (uint32_t i = 0; i < c->dimension; i++) {
                const uint8_t *row = vdbi_codes_row(c, r);
                float a, b;
                double term;
                memcpy(&a, q->bytes + 4 * i, sizeof a);
                memcpy(&b, row + 4 * i, sizeof b);
                term = c->kind == VDBI_CODE_F32_L2 ? pow((double)a - b, 2)
                                                   : -(double)a * b;
                sum += term;
                magnitude += fabs(term);
            }
            walk->distances(c, q, &r, 1, &got);
            assert_true(fabs(float_of(got) - sum) <=
                        magnitude * 0x1p-24 * (c->dimension / 16.0 + 8));
        }
}

static void floats_are_within_rounding_by_every_set(void **state)
{
    static const vdb_metric metrics[] = {VDB_L2, VDB_DOT};
    _Alignas(64) uint8_t query[BYTES_MAX];

    (void)state;
    seed = 5;
    for (size_t i = 0; i < 2; i++)
        for (uint32_t bytes = 64; bytes <= BYTES_MAX; bytes += 64) {
            float v[BYTES_MAX / 4];
            vdbi_codes *c = make_region(metrics[i], 1, bytes);
            vdbi_code_query q;
            for (uint32_t r = 0; r <= ROWS; r++) {
                for (uint32_t d = 0; d < c->dimension; d++)
                    v[d] = uniform();
                if (r < ROWS)
                    vdbi_codes_encode(c, r, v);
            }
            vdbi_codes_query(c, v, query, &q);
            check_floats(c, &q);
            vdbi_codes_free(c);
        }
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

static vdbi_hnsw *make_graph(vdb_metric metric, int set)
{
    static float rows[NODES][DIMENSION];
    const vdbi_hnsw_shape shape = {metric, DIMENSION, 8, 40, 16};
    const float *sample[NODES];
    vdbi_visitor *visitor;
    vdbi_hnsw *h;

    vdbi_set_force(set);
    seed = 9;
    for (size_t i = 0; i < NODES; i++) {
        for (size_t d = 0; d < DIMENSION; d++)
            rows[i][d] = uniform() + (float)(i % 10);
        sample[i] = rows[i];
    }
    assert_int_equal(vdbi_hnsw_create(&memory, &shape, 0, sample, NODES, &h), VDB_OK);
    assert_int_equal(vdbi_visit_begin(h->visitors, &visitor), VDB_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(vdbi_hnsw_reserve(h, i), VDB_OK);
        atomic_store(vdbi_marks_of(&h->nodes, i), 0);
        vdbi_hnsw_encode(h, i, rows[i]);
        assert_int_equal(vdbi_hnsw_insert(h, i, &visitor->scratch), VDB_OK);
    }
    vdbi_visit_end(visitor);
    vdbi_set_force(-1);
    return h;
}

static void graphs_are_the_same_by_every_set(void **state)
{
    static const vdb_metric metrics[] = {VDB_L2, VDB_COSINE, VDB_DOT};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        vdbi_hnsw *want = make_graph(metrics[i], VDBI_SET_GENERIC);
        for (int set = 1; set < VDBI_SETS; set++) {
            vdbi_hnsw *h;
            vdbi_way way;
            if (!vdbi_set_is_here(set))
                continue;
            h = make_graph(metrics[i], set);
            way = vdbi_hnsw_way(h);
            assert_ptr_equal(way.walk, vdbi_walk_of(set, way.codes->form));
            for (uint32_t s = 0; s < NODES; s++) {
                assert_memory_equal(vdbi_codes_row(way.codes, s),
                                    vdbi_codes_row(vdbi_hnsw_way(want).codes, s),
                                    way.codes->row_bytes);
                assert_memory_equal((void *)vdbi_links0(&h->nodes, s),
                                    (void *)vdbi_links0(&want->nodes, s),
                                    h->nodes.m0 * sizeof(vdbi_link));
            }
            vdbi_hnsw_free(h);
        }
        vdbi_hnsw_free(want);
    }
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

static void best_set_is_taken(void **state)
{
    int best = 0;

    (void)state;
    for (int set = 0; set < VDBI_SETS; set++) {
        assert_int_equal(vdbi_walk_of(set, VDBI_CODE_L2) != NULL,
                         vdbi_set_is_here(set));
        best = vdbi_set_is_here(set) ? set : best;
        if (vdbi_set_is_here(set))
            print_message("set: %s\n", vdbi_set_name(set));
    }
    assert_int_equal(vdbi_set(), best);
    vdbi_set_force(VDBI_SET_GENERIC);
    assert_ptr_equal(vdbi_walk_for(VDBI_CODE_L2), vdbi_walk_of(0, VDBI_CODE_L2));
    vdbi_set_force(-1);
    assert_int_equal(vdbi_set(), best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_the_same_by_every_set),
        cmocka_unit_test(floats_are_within_rounding_by_every_set),
        cmocka_unit_test(graphs_are_the_same_by_every_set),
        cmocka_unit_test(best_set_is_taken),
    };

    vdbi_memory_init(&memory, NULL);
    vdbi_codes_halved_from = UINT32_MAX;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
