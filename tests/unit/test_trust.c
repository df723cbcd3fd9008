/* test_trust.c: what is left out because codes are trusted would not have been an answer. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "index/codes/trust.h"
#include "index/hnsw/walk.h"
#include "kernel/kernel.h"
#include "uniform.h"

enum {
    ROWS = 4000,
    QUERIES = 200,
    DIMENSION = 48,
    K = 10,
    DEPTH = 23 /* compared without any trust */
};

static vdbi_memory memory;
static float rows[ROWS][DIMENSION], query[DIMENSION];
static void make_rows(void)
{
    seed = 7;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t d = 0; d < DIMENSION; d++)
            rows[r][d] = uniform();
}

static vdbi_codes *make_codes(vdb_metric metric)
{
    static const float *sample[ROWS];
    vdbi_codes *c;

    for (size_t r = 0; r < ROWS; r++)
        sample[r] = rows[r];
    assert_int_equal(vdbi_codes_create(&memory, metric, 0, DIMENSION, sample, ROWS, &c),
                     VDB_OK);
    assert_int_equal(vdbi_codes_reserve(c, ROWS), VDB_OK);
    for (uint32_t r = 0; r < ROWS; r++)
        vdbi_codes_encode(c, r, rows[r]);
    return c;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* All rows by their codes, nearest first. */
static float order_rows(const vdbi_codes *c, uint64_t *keys)
{
    _Alignas(64) uint8_t bytes[512];
    vdbi_code_query q;

    assert_true(c->row_bytes <= sizeof bytes);
    vdbi_codes_query(c, query, bytes, &q);
    for (uint32_t r = 0; r < ROWS; r++) {
        int32_t coded;
        vdbi_walk_for(c->form)->distances(c, &q, &r, 1, &coded);
        keys[r] = vdbi_key(coded, r);
    }
    qsort(keys, ROWS, sizeof *keys, compare_keys);
    return q.scale;
}

static float exactly(const vdbi_query *q, uint64_t key)
{
    return vdbi_distance(q, rows[vdbi_key_slot(key)]);
}

/* Of the DEPTH best by the codes: how many are left out, and how many of these are nearer
 * than the farthest of the first K. */
static void leave_out(const vdbi_codes *c, uint32_t *out, uint32_t *wrong)
{
    static uint64_t keys[ROWS];
    float scale = order_rows(c, keys), farthest = -INFINITY;
    vdbi_query q;
    vdbi_trust t;

    vdbi_query_init(&q, c->metric, query, DIMENSION);
    vdbi_trust_begin(&t, c, scale, q.inverse_norm);
    for (uint32_t i = 0; i < K; i++) {
        float exact = exactly(&q, keys[i]);
        farthest = exact > farthest ? exact : farthest;
        vdbi_trust_add(&t, vdbi_key_distance(keys[i]), exact);
    }
    for (uint32_t i = K; i < DEPTH; i++)
        if (vdbi_trust_beyond(&t, vdbi_key_distance(keys[i]), vdbi_key_slot(keys[i]))) {
            ++*out;
            *wrong += exactly(&q, keys[i]) < farthest;
        }
}

static void count_all(vdb_metric metric, uint32_t *out, uint32_t *wrong)
{
    vdbi_codes *c = make_codes(metric);

    *out = *wrong = 0;
    for (int i = 0; i < QUERIES; i++) {
        for (size_t d = 0; d < DIMENSION; d++)
            query[d] = uniform();
        leave_out(c, out, wrong);
    }
    vdbi_codes_free(c);
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

static void codes_that_tell_apart_are_trusted(void **state)
{
    static const vdb_metric metrics[] = {VDB_L2, VDB_COSINE};
    uint32_t out, wrong;

    (void)state;
    make_rows();
    for (size_t m = 0; m < 2; m++) {
        count_all(metrics[m], &out, &wrong);
        assert_true(out > QUERIES * (DEPTH - K) / 2);
        assert_int_equal(wrong, 0);
    }
}

/* One dimension of a thousand times the range leaves the others two codes. */
static void codes_that_do_not_are_not(void **state)
{
    uint32_t out, wrong;

    (void)state;
    make_rows();
    for (size_t r = 0; r < ROWS; r++)
        rows[r][r % DIMENSION] *= r % 7 ? 1 : 50;
    count_all(VDB_L2, &out, &wrong);
    assert_true(out < QUERIES * (DEPTH - K) / 2);
    assert_int_equal(wrong, 0);
}

/* Under cosine a row that was clipped may be nearer than it looks. */
static void clipped_rows_are_not_left_out(void **state)
{
    uint32_t out, wrong;

    (void)state;
    make_rows();
    for (size_t r = 0; r < ROWS; r += 50)
        rows[r][r / 50 % DIMENSION] *= 4;
    count_all(VDB_COSINE, &out, &wrong);
    assert_true(out > QUERIES * (DEPTH - K) / 2);
    assert_int_equal(wrong, 0);
}

static void products_leave_nothing_out(void **state)
{
    uint32_t out, wrong;

    (void)state;
    make_rows();
    count_all(VDB_DOT, &out, &wrong);
    assert_int_equal(out, 0);
}

/* Ten that are nearly one vector say nothing of the next. */
static void ten_alike_do_not_make_trust(void **state)
{
    vdbi_codes *c;
    vdbi_trust t;

    (void)state;
    make_rows();
    c = make_codes(VDB_L2);
    vdbi_trust_begin(&t, c, 1, 0);
    for (int i = 0; i < K; i++)
        vdbi_trust_add(&t, 20000, 150 * c->step);
    assert_false(vdbi_trust_beyond(&t, 20001, 0));
    assert_true(vdbi_trust_beyond(&t, 30000, 0));
    /* Nor is what they were wrong by forgotten. */
    vdbi_trust_add(&t, 9000, 150 * c->step);
    assert_false(vdbi_trust_beyond(&t, 30000, 0));
    vdbi_codes_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_that_tell_apart_are_trusted),
        cmocka_unit_test(codes_that_do_not_are_not),
        cmocka_unit_test(clipped_rows_are_not_left_out),
        cmocka_unit_test(products_leave_nothing_out),
        cmocka_unit_test(ten_alike_do_not_make_trust),
    };

    vdbi_memory_init(&memory, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
