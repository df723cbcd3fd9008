/* test_halves.c: rows in halves have the codes of whole ones, by every instruction set; and
 * what a walk finds by the upper halves is what it would find, in the order of all bits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "index/hnsw/hnsw.h"
#include "index/isa.h"
#include "uniform.h"

enum {
    ROWS = 25,
    DIMENSION_MAX = 1000,
    ROW_MAX = 1088,
    NODES = 900,
    NODE_DIMENSION = 300, /* lines of halves, and dimensions left over */
    QUERIES = 40,
    EF = 30,
    NEAR = 10
};

static const vdb_metric metrics[] = {VDB_L2, VDB_COSINE, VDB_DOT};
static vdbi_memory memory;
static float rows[NODES][DIMENSION_MAX];
static void make_rows(void)
{
    seed = 31;
    for (size_t r = 0; r < NODES; r++)
        for (size_t d = 0; d < DIMENSION_MAX; d++)
            rows[r][d] = uniform() + (float)(r % 7) / 4;
    rows[3][0] = 60; /* beyond what the others are fitted to */
    rows[4][DIMENSION_MAX - 1] = -60;
    rows[5][130] = 60;
}

static vdbi_codes *make_region(vdb_metric metric, uint32_t dimension, int halved)
{
    const float *sample[] = {rows[0], rows[1], rows[2]};
    vdbi_codes *c;

    vdbi_codes_halved_from = halved ? 1 : UINT32_MAX;
    assert_int_equal(vdbi_codes_create(&memory, metric, 0, dimension, sample, 3, &c),
                     VDB_OK);
    assert_int_equal(vdbi_codes_reserve(c, ROWS), VDB_OK);
    assert_int_equal(c->halves > 0, halved);
    assert_true(c->row_bytes <= ROW_MAX);
    return c;
}

static void compare_row(vdbi_codes *whole, vdbi_codes *halves, uint32_t r)
{
    _Alignas(64) uint8_t a[ROW_MAX], b[ROW_MAX];
    vdbi_code_query q, p;

    assert_int_equal(vdbi_codes_encode(whole, r, rows[r]),
                     vdbi_codes_encode(halves, r, rows[r]));
    vdbi_codes_query_row(whole, r, a, &q);
    vdbi_codes_query_row(halves, r, b, &p);
    assert_memory_equal(q.bytes, p.bytes, whole->code_bytes);
    assert_int_equal(q.bias, p.bias);
    assert_true(q.scale == p.scale);
    if (whole->kind == VDBI_CODE_COSINE)
        assert_int_equal(vdbi_codes_at_end(whole, r), vdbi_codes_at_end(halves, r));
}

/* Those that lie beyond have a code at an end, some others not. */
static void ends_are_seen(const vdbi_codes *c)
{
    uint32_t not = 0;

    for (uint32_t r = 0; r < ROWS; r++)
        not += !vdbi_codes_at_end(c, r);
    assert_true(vdbi_codes_at_end(c, 3));
    assert_true(c->dimension < DIMENSION_MAX || vdbi_codes_at_end(c, 4));
    assert_true(c->dimension < 131 || vdbi_codes_at_end(c, 5));
    assert_true(not > ROWS / 2);
}

static void compare_distances(const vdbi_codes *whole, const vdbi_codes *halves)
{
    _Alignas(64) uint8_t a[ROW_MAX], b[ROW_MAX];
    int32_t want[ROWS], got[ROWS];
    uint32_t slots[ROWS];
    vdbi_code_query q, p;

    for (uint32_t r = 0; r < ROWS; r++)
        slots[r] = r;
    vdbi_codes_query(whole, rows[ROWS], a, &q);
    vdbi_codes_query(halves, rows[ROWS], b, &p);
    for (int set = 0; set < VDBI_SETS; set++) {
        const vdbi_walk *walk = vdbi_walk_of(set, halves->form);
        if (!walk)
            continue;
        vdbi_walk_of(set, whole->form)->distances(whole, &q, slots, ROWS, want);
        memset(got, 0x55, sizeof got);
        walk->distances(halves, &p, slots, ROWS, got);
        assert_memory_equal(got, want, sizeof got);
    }
}

static void halves_hold_the_same_codes(void **state)
{
    static const uint32_t dimensions[] = {128, 129, 191, 192, 193,          255,
                                          256, 300, 449, 784, DIMENSION_MAX};

    (void)state;
    for (size_t m = 0; m < 3; m++)
        for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++)
            for (int set = 0; set < VDBI_SETS; set++) {
                vdbi_codes *whole, *halves;
                if (!vdbi_set_is_here(set))
                    continue;
                vdbi_set_force(set);
                whole = make_region(metrics[m], dimensions[i], 0);
                halves = make_region(metrics[m], dimensions[i], 1);
                assert_int_equal(whole->row_bytes, halves->row_bytes);
                assert_int_equal(halves->walk_bytes + 64 * halves->halves,
                                 halves->row_bytes);
                for (uint32_t r = 0; r < ROWS; r++)
                    compare_row(whole, halves, r);
                if (metrics[m] == VDB_COSINE)
                    ends_are_seen(halves);
                compare_distances(whole, halves);
                vdbi_codes_free(whole);
                vdbi_codes_free(halves);
                vdbi_set_force(-1);
            }
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

/* What was kept says how rows lay, whatever would be chosen now. */
static void what_is_restored_lies_as_it_did(void **state)
{
    (void)state;
    for (size_t m = 0; m < 3; m++)
        for (int halved = 0; halved < 2; halved++) {
            vdbi_codes *was = make_region(metrics[m], 300, halved), *is;
            vdbi_codes_fitted fitted = vdbi_codes_fit_of(was);
            vdbi_codes_halved_from = halved ? UINT32_MAX : 1;
            assert_int_equal(vdbi_codes_restore(&memory, metrics[m], 300, &fitted, &is),
                             VDB_OK);
            assert_int_equal(is->form, was->form);
            assert_int_equal(is->walk_bytes, was->walk_bytes);
            vdbi_codes_free(was);
            vdbi_codes_free(is);
        }
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

static vdbi_hnsw *make_graph(vdb_metric metric, vdbi_visitor **visitor)
{
    const vdbi_hnsw_shape shape = {metric, NODE_DIMENSION, 8, 60, 16};
    const float *sample[NODES];
    vdbi_hnsw *h;

    vdbi_codes_halved_from = 1;
    for (size_t i = 0; i < NODES; i++)
        sample[i] = rows[i % 3]; /* the tame */
    assert_int_equal(vdbi_hnsw_create(&memory, &shape, 0, sample, NODES, &h), VDB_OK);
    assert_int_equal(vdbi_visit_begin(h->visitors, visitor), VDB_OK);
    for (uint32_t i = 0; i < NODES; i++) {
        assert_int_equal(vdbi_hnsw_reserve(h, i), VDB_OK);
        atomic_store(vdbi_marks_of(&h->nodes, i), 0);
        vdbi_hnsw_encode(h, i, rows[i]);
        assert_int_equal(vdbi_hnsw_insert(h, i, &(*visitor)->scratch), VDB_OK);
    }
    return h;
}

/* The distance of the last of the NEAR nearest by all bits of the codes. */
static int32_t last_near(const int32_t *distances, int odd_only)
{
    int32_t nearest[NEAR];
    uint32_t n = 0;

    for (uint32_t i = 0; i < NODES; i++) {
        uint32_t at;
        if ((odd_only && i % 2 == 0) ||
            (n == NEAR && distances[i] >= nearest[NEAR - 1]))
            continue;
        n += n < NEAR;
        for (at = n - 1; at && nearest[at - 1] > distances[i]; at--)
            nearest[at] = nearest[at - 1];
        nearest[at] = distances[i];
    }
    return nearest[NEAR - 1];
}

static int is_odd(void *arg, uint32_t slot)
{
    (void)arg;
    return slot % 2 == 1;
}

/* One search: its keys into `keys`; how many of the NEAR nearest it has. */
static uint32_t search(vdbi_hnsw *h, vdbi_scratch *s, const float *query, int odd_only,
                       uint64_t *keys)
{
    static uint32_t slots[NODES];
    static int32_t distances[NODES];
    _Alignas(64) uint8_t bytes[ROW_MAX];
    const vdbi_pass odd = {is_odd, NULL};
    vdbi_way way = vdbi_hnsw_way(h);
    vdbi_code_query q;
    uint32_t found = 0;

    for (uint32_t i = 0; i < NODES; i++)
        slots[i] = i;
    vdbi_codes_query(way.codes, query, bytes, &q);
    way.walk->distances(way.codes, &q, slots, NODES, distances);
    assert_int_equal(
        vdbi_hnsw_search(h, query, EF, odd_only ? &odd : NULL, UINT64_MAX, s), VDB_OK);
    assert_int_equal(s->pool.count, EF);
    for (uint32_t i = 0; i < EF; i++) {
        uint64_t key = s->pool.keys[i] & ~(uint64_t)1;
        uint32_t slot = vdbi_key_slot(key);
        assert_true(key == vdbi_key(distances[slot], slot));
        assert_true(i == 0 || key > keys[i - 1]);
        keys[i] = key;
        found += distances[slot] <= last_near(distances, odd_only) && i < NEAR;
    }
    keys[EF] = s->hops;
    keys[EF + 1] = s->distances;
    return found;
}

/* All searches by one set; the same as those in `want`, if that has any. */
static void search_all(vdb_metric metric, int set, uint64_t want[][EF + 2],
                       int is_first)
{
    vdbi_visitor *visitor;
    uint32_t found = 0;
    vdbi_hnsw *h;

    vdbi_set_force(set);
    h = make_graph(metric, &visitor);
    assert_true(vdbi_hnsw_way(h).codes->halves > 0);
    for (uint32_t i = 0; i < 2 * QUERIES; i++) {
        uint64_t keys[EF + 2];
        float query[NODE_DIMENSION];
        seed = 1000 + i / 2;
        for (size_t d = 0; d < NODE_DIMENSION; d++)
            query[d] = rows[i * 11][d] + uniform() / 2;
        found += search(h, &visitor->scratch, query, i % 2, keys);
        if (!is_first)
            assert_memory_equal(keys, want[i], sizeof keys);
        memcpy(want[i], keys, sizeof keys);
    }
    assert_true(found >=
                2 * QUERIES * NEAR * 3 / 4); /* of random numbers, hard to find */
    vdbi_visit_end(visitor);
    vdbi_hnsw_free(h);
    vdbi_set_force(-1);
}

static void walks_find_and_order_by_all_bits(void **state)
{
    static uint64_t found[2 * QUERIES][EF + 2];

    (void)state;
    for (size_t m = 0; m < 3; m++)
        for (int set = 0; set < VDBI_SETS; set++)
            if (vdbi_set_is_here(set))
                search_all(metrics[m], set, found, set == 0);
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_hold_the_same_codes),
        cmocka_unit_test(what_is_restored_lies_as_it_did),
        cmocka_unit_test(walks_find_and_order_by_all_bits),
    };

    vdbi_memory_init(&memory, NULL);
    make_rows();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
