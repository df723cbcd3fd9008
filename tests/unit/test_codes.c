/* test_codes.c: codes of vectors: the nearest, the same bytes by every instruction set,
 * and defined for whatever float32 can hold. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <string.h>

#include "index/codes/encode.h"
#include "index/hnsw/walk.h"
#include "index/isa.h"
#include "uniform.h"

enum {
    ROWS = 40,
    DIMENSION_MAX = 150,
    ROW_MAX = 640
};

static const vdb_metric metrics[] = {VDB_L2, VDB_COSINE, VDB_DOT};
static vdbi_memory memory;
static float rows[ROWS][DIMENSION_MAX];
/* Rows of a scale; every third has numbers of its own magnitude, from 1e-38 to 1e38, and
 * every fifth is mostly zeros. */
static void make_rows(float scale, int wild)
{
    seed = 21;
    for (size_t r = 0; r < ROWS; r++)
        for (size_t d = 0; d < DIMENSION_MAX; d++) {
            float x = uniform() * scale;
            if (wild && r % 3 == 0)
                x = (float)ldexp((double)uniform(), (int)(uniform() * 127));
            if (r % 5 == 4 && d % 7)
                x = 0;
            rows[r][d] = x;
        }
    if (wild) {
        rows[3][0] = FLT_MAX;
        rows[3][1] = -FLT_MAX;
        rows[6][0] = 0x1p-149f;
    }
}

static vdbi_codes *make_region(vdb_metric metric, uint32_t dimension, size_t sampled)
{
    const float *sample[ROWS];
    vdbi_codes *c;

    for (size_t r = 0; r < sampled; r++)
        sample[r] = rows[r];
    assert_int_equal(
        vdbi_codes_create(&memory, metric, 0, dimension, sample, sampled, &c), VDB_OK);
    assert_int_equal(vdbi_codes_reserve(c, ROWS), VDB_OK);
    assert_true(c->row_bytes <= ROW_MAX);
    return c;
}

static void free_region(vdbi_codes *c)
{
    vdbi_codes_free(c);
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

/* All that the codes room makes of one vector. */
typedef struct made {
    _Alignas(64) uint8_t row[ROW_MAX], query[ROW_MAX], again[ROW_MAX];
    vdbi_code_query q, q_again;
    int clipped;
} made;

static void make(vdbi_codes *c, int set, const float *v, made *m)
{
    memset(m, 0, sizeof *m);
    memset(vdbi_extents_row(&c->rows, 0), 0x77, c->row_bytes);
    vdbi_set_force(set);
    m->clipped = vdbi_codes_encode(c, 0, v);
    memcpy(m->row, vdbi_codes_row(c, 0), c->row_bytes);
    vdbi_codes_query(c, v, m->query, &m->q);
    vdbi_codes_query_row(c, 0, m->again, &m->q_again);
    vdbi_set_force(-1);
    m->q.bytes = m->q_again.bytes = NULL;
}

static void bytes_are_the_same_by_every_set(void **state)
{
    (void)state;
    make_rows(3, 1);
    for (size_t i = 0; i < 3; i++)
        for (uint32_t dimension = 1; dimension <= DIMENSION_MAX; dimension += 6) {
            /* Fitted to the tame rows among the first four only. */
            vdbi_codes *c = make_region(metrics[i], dimension, 3);
            for (size_t r = 0; r < ROWS; r++)
                for (int set = 1; set < VDBI_SETS; set++) {
                    made want, got;
                    if (!vdbi_set_is_here(set))
                        continue;
                    make(c, VDBI_SET_GENERIC, rows[r], &want);
                    make(c, set, rows[r], &got);
                    assert_memory_equal(&got, &want, sizeof got);
                }
            free_region(c);
        }
}

/* The sum of squares is the same too, and right. */
static void squares_are_the_same_by_every_set(void **state)
{
    (void)state;
    make_rows(3, 1);
    for (size_t r = 0; r < ROWS; r++)
        for (uint32_t n = 0; n <= DIMENSION_MAX; n++) {
            double want = vdbi_encoder_of(VDBI_SET_GENERIC)->square(rows[r], n),
                   sum = 0;
            for (uint32_t d = 0; d < n; d++)
                sum += (double)rows[r][d] * rows[r][d];
            assert_true(fabs(sum - want) <= sum * 1e-13);
            for (int set = 1; set < VDBI_SETS; set++)
                if (vdbi_set_is_here(set))
                    assert_true(vdbi_encoder_of(set)->square(rows[r], n) == want);
        }
}

/* What a code stands for. */
static double decoded(const vdbi_codes *c, const uint8_t *row, uint32_t d, double *step)
{
    float own;

    *step = c->step;
    if (c->kind == VDBI_CODE_L2)
        return c->offset[d] + *step * row[d];
    if (c->kind == VDBI_CODE_DOT) {
        memcpy(&own, row + c->code_bytes, sizeof own);
        *step *= own;
    }
    return *step * (row[d] - 128);
}

static void codes_are_the_nearest(void **state)
{
    (void)state;
    for (int small = 0; small < 2; small++)
        for (size_t i = 0; i < 3; i++) {
            uint32_t clipped = 0;
            vdbi_codes *c;
            make_rows(small ? 1e-30f : 1e3f, 0);
            c = make_region(metrics[i], 133, ROWS);
            for (uint32_t r = 0; r < ROWS; r++) {
                const uint8_t *row = vdbi_codes_row(c, r);
                double scale = c->kind == VDBI_CODE_COSINE
                                   ? 1 / sqrt(vdbi_encoder_now()->square(rows[r], 133))
                                   : 1;
                if (vdbi_codes_encode(c, r, rows[r])) {
                    clipped++;
                    continue;
                }
                for (uint32_t d = 0; d < 133; d++) {
                    double step, x = decoded(c, row, d, &step);
                    assert_true(fabs(x - rows[r][d] * scale) <= step * 0.5001);
                }
            }
            /* A two-thousandth of the values may be beyond. */
            assert_true(clipped <= 6);
            free_region(c);
        }
}

/* Beyond what the region was fitted to: the farthest code, and the caller is told. */
static void values_beyond_are_clipped(void **state)
{
    float v[8] = {0};
    vdbi_codes *c;

    (void)state;
    make_rows(1, 0);
    c = make_region(VDB_L2, 8, ROWS);
    for (size_t k = 0; k < 8; k++) {
        memset(v, 0, sizeof v);
        assert_int_equal(vdbi_codes_encode(c, 0, v), 0);
        v[k] = FLT_MAX;
        assert_int_equal(vdbi_codes_encode(c, 0, v), 1);
        assert_int_equal(vdbi_codes_row(c, 0)[k], 127);
        v[k] = -FLT_MAX;
        assert_int_equal(vdbi_codes_encode(c, 0, v), 1);
        assert_int_equal(vdbi_codes_row(c, 0)[k], 0);
    }
    free_region(c);
}

/* However long or short the vectors, the nearest by the dot product is found so. */
static void dot_orders_at_every_magnitude(void **state)
{
    static const float magnitudes[] = {1e-36f, 1e-20f, 1, 1e18f, 3e35f};

    (void)state;
    for (size_t m = 0; m < sizeof magnitudes / sizeof *magnitudes; m++) {
        _Alignas(64) uint8_t bytes[ROW_MAX];
        uint32_t slots[ROWS];
        int32_t distances[ROWS];
        vdbi_code_query q;
        vdbi_codes *c;
        make_rows(magnitudes[m], 0);
        for (uint32_t r = 0; r < ROWS; r++)
            for (size_t d = 0; d < 64; d++)
                rows[r][d] = rows[0][d] * (float)(r + 1);
        c = make_region(VDB_DOT, 64, ROWS);
        for (uint32_t r = 0; r < ROWS; r++) {
            slots[r] = r;
            vdbi_codes_encode(c, r, rows[r]);
        }
        vdbi_codes_query(c, rows[1], bytes, &q);
        vdbi_walk_for(c->form)->distances(c, &q, slots, ROWS, distances);
        for (uint32_t r = 1; r < ROWS; r++)
            assert_true(distances[r] < distances[r - 1]);
        free_region(c);
    }
}

/* Directions of vectors so short that their inverse norm is beyond float32. */
static void directions_of_the_shortest_are_kept(void **state)
{
    vdbi_codes *c;

    (void)state;
    make_rows(1e-40f, 0);
    c = make_region(VDB_COSINE, 100, ROWS);
    for (uint32_t r = 0; r < ROWS; r++) {
        double scale = 1 / sqrt(vdbi_encoder_now()->square(rows[r], 100));
        if (!vdbi_codes_encode(c, r, rows[r]))
            for (uint32_t d = 0; d < 100; d++) {
                double step, x = decoded(c, vdbi_codes_row(c, r), d, &step);
                assert_true(fabs(x - rows[r][d] * scale) <= step * 0.51);
            }
    }
    free_region(c);
}

/* A vector beyond all reason, at a right angle to the query. */
static void products_with_zero_are_zero(void **state)
{
    _Alignas(64) uint8_t bytes[ROW_MAX];
    uint32_t slot = 0;
    int32_t distance;
    vdbi_code_query q;
    vdbi_codes *c;

    (void)state;
    make_rows(1e-36f, 0);
    c = make_region(VDB_DOT, 8, ROWS);
    for (size_t d = 0; d < 8; d++)
        rows[0][d] = d < 4 ? FLT_MAX : 0;
    vdbi_codes_encode(c, 0, rows[0]);
    for (size_t d = 0; d < 8; d++)
        rows[0][d] = d < 4 ? 0 : FLT_MAX;
    vdbi_codes_query(c, rows[0], bytes, &q);
    vdbi_walk_for(c->form)->distances(c, &q, &slot, 1, &distance);
    assert_true(distance == 0 || distance == -1); /* 0 or -0 */
    free_region(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_the_same_by_every_set),
        cmocka_unit_test(squares_are_the_same_by_every_set),
        cmocka_unit_test(codes_are_the_nearest),
        cmocka_unit_test(values_beyond_are_clipped),
        cmocka_unit_test(dot_orders_at_every_magnitude),
        cmocka_unit_test(directions_of_the_shortest_are_kept),
        cmocka_unit_test(products_with_zero_are_zero),
    };

    vdbi_memory_init(&memory, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
