/* test_kernel.c: distances against a reference in long double, by every instruction set
 * that this machine has; and that all of them give the same bits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "every_set.h"

enum {
    DIMENSION_MAX = 65535,
    ROWS = 5
};

static const vdb_metric metrics[] = {VDB_L2, VDB_COSINE, VDB_DOT};
static uint64_t seed = 12345;

static double random_unit(void) /* [-1, 1) */
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 40) / (1 << 23) - 1;
}

static void fill(float *v, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(random_unit() * scale);
}

/* The distance, and in *slack how far off a float32 sum may honestly be. */
static long double reference(vdb_metric metric, const float *q, const float *x,
                             size_t n, long double *slack)
{
    long double squares = 0, dot = 0, size = 0, qq = 0, xx = 0, d;

    for (size_t i = 0; i < n; i++) {
        const long double a = q[i], b = x[i];
        squares += (a - b) * (a - b);
        dot += a * b;
        size += fabsl(a * b);
        qq += a * a;
        xx += b * b;
    }
    switch (metric) {
    case VDB_COSINE:
        d = qq > 0 && xx > 0 ? 1 - dot / (sqrtl(qq) * sqrtl(xx)) : 1;
        d = d < 0 ? 0 : d > 2 ? 2 : d;
        *slack = 2e-6L;
        break;
    case VDB_DOT:
        d = -dot;
        *slack = size * 4e-6L;
        break;
    default:
        d = sqrtl(squares);
        *slack = d * 4e-6L;
        break;
    }
    *slack += (long double)FLT_TRUE_MIN;
    if (d > FLT_MAX)
        return FLT_MAX;
    if (d < -(long double)FLT_MAX)
        return -(long double)FLT_MAX;
    return d;
}

static void assert_close(vdb_metric metric, const float *q, const float *x, size_t n,
                         float got)
{
    long double slack, want = reference(metric, q, x, n, &slack);

    if (!(fabsl((long double)got - want) <= slack))
        fail_msg("metric %d, dimension %zu: %.9g, want %.9Lg +- %.3Lg", metric, n,
                 (double)got, want, slack);
    if (got == 0 && signbit(got))
        fail_msg("metric %d, dimension %zu: -0", metric, n);
}

static int same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* All metrics, every call form, every alignment, against the reference; and the bits
 * against those of generic.c. */
static void check(const float *q, const float *rows, size_t n, int alignments)
{
    static uint8_t bytes[(DIMENSION_MAX * 4 + 64) * ROWS];

    for (size_t m = 0; m < 3; m++) {
        float single[ROWS], many[ROWS], listed[ROWS];
        const uint8_t *at[ROWS];
        vdbi_query query, portable;
        vdbi_query_init(&query, metrics[m], q, n);
        portable = query;
        portable.kernels = vdbi_kernels_generic();
        for (size_t r = 0; r < ROWS; r++) {
            single[r] = vdbi_distance(&query, rows + r * n);
            assert_close(metrics[m], q, rows + r * n, n, single[r]);
            if (!same_bits(single[r], vdbi_distance(&portable, rows + r * n)))
                fail_msg("%s, metric %d, dimension %zu: %a and portable %a",
                         query.kernels->name, metrics[m], n, (double)single[r],
                         (double)vdbi_distance(&portable, rows + r * n));
        }
        for (size_t shift = 0; shift < (size_t)alignments; shift++) {
            const size_t stride = n * sizeof(float) + shift % 8; /* odd ones too */
            for (size_t r = 0; r < ROWS; r++)
                memcpy(bytes + shift + r * stride, rows + r * n, n * sizeof(float));
            memset(many, 0xff, sizeof many);
            memset(listed, 0xff, sizeof listed);
            for (size_t r = 0; r < ROWS; r++)
                at[r] = bytes + shift + (ROWS - 1 - r) * stride;
            vdbi_distances(&query, bytes + shift, stride, ROWS, many);
            vdbi_distances_at(&query, at, ROWS, listed);
            for (size_t r = 0; r < ROWS; r++)
                if (!same_bits(single[r], many[r]) ||
                    !same_bits(single[r], listed[ROWS - 1 - r]))
                    fail_msg("metric %d, dimension %zu, shift %zu: %a, %a and %a",
                             metrics[m], n, shift, (double)single[r], (double)many[r],
                             (double)listed[ROWS - 1 - r]);
        }
    }
}

static void every_dimension_agrees_with_the_reference(void **state)
{
    static const size_t large[] = {784, 960, 4095, 4096, 4097, 65535};
    static float q[DIMENSION_MAX], rows[DIMENSION_MAX * ROWS];

    (void)state;
    for (size_t i = 1; i <= 130 + sizeof large / sizeof *large; i++) {
        const size_t n = i <= 130 ? i : large[i - 131];
        fill(q, n, 1);
        fill(rows, n * ROWS, 1);
        memcpy(rows, q, n * sizeof *q); /* one is the query itself */
        for (size_t j = 0; j < n; j++)
            rows[n + j] = -q[j]; /* and one its opposite */
        check(q, rows, n, n < 5000 ? 33 : 3);
    }
}

/* Rows that end where the memory ends: one load beyond shows in ASan. */
static void nothing_beyond_a_row_is_read(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 130; n++) {
        float *q = malloc(n * sizeof *q), *x = malloc(n * sizeof *x);
        const uint8_t *at[1] = {(const uint8_t *)x};
        float one, other;
        assert_non_null(q);
        assert_non_null(x);
        fill(q, n, 1);
        fill(x, n, 1);
        for (size_t m = 0; m < 3; m++) {
            vdbi_query query;
            vdbi_query_init(&query, metrics[m], q, n);
            vdbi_distances_at(&query, at, 1, &other);
            one = vdbi_distance(&query, x);
            assert_close(metrics[m], q, x, n, one);
            assert_true(same_bits(one, other));
        }
        free(q);
        free(x);
    }
}

/* More rows than are fetched ahead, out of order, some twice. */
static void a_list_may_name_any_rows(void **state)
{
    enum {
        N = 37,
        COUNT = 200
    };
    static float q[N], rows[COUNT * N], got[COUNT];
    const uint8_t *at[COUNT];
    vdbi_query query;

    (void)state;
    fill(q, N, 1);
    fill(rows, COUNT * N, 1);
    for (size_t i = 0; i < COUNT; i++)
        at[i] = (const uint8_t *)(rows + i * i * 31 % COUNT * N);
    for (size_t m = 0; m < 3; m++) {
        vdbi_query_init(&query, metrics[m], q, N);
        for (size_t count = 0; count <= COUNT; count += 1 + count / 8) {
            got[count % COUNT] = 7;
            vdbi_distances_at(&query, at, count, got);
            assert_true(count == COUNT || got[count] == 7);
            for (size_t i = 0; i < count; i++)
                assert_true(same_bits(
                    got[i], vdbi_distance(&query, rows + i * i * 31 % COUNT * N)));
        }
    }
}

static void the_query_may_stand_anywhere(void **state)
{
    enum {
        N = 77
    };
    float q[N], x[N];
    uint8_t bytes[sizeof q + 16];

    (void)state;
    fill(q, N, 1);
    fill(x, N, 1);
    for (size_t m = 0; m < 3; m++) {
        vdbi_query query;
        float want;
        vdbi_query_init(&query, metrics[m], q, N);
        want = vdbi_distance(&query, x);
        for (size_t shift = 0; shift < 16; shift += sizeof(float)) {
            float *moved =
                (float *)(void *)(bytes + (16 - (uintptr_t)bytes % 4) % 4 + shift);
            memmove(moved, q, sizeof q);
            vdbi_query_init(&query, metrics[m], moved, N);
            assert_true(same_bits(vdbi_distance(&query, x), want));
        }
    }
}

static void every_element_counts(void **state)
{
    enum {
        N = 131
    };
    float q[N] = {0}, x[N] = {0};

    (void)state;
    for (size_t n = 1; n <= N; n++) {
        for (size_t i = 0; i < n; i++) {
            vdbi_query query;
            q[i] = 3;
            x[i] = -2;
            vdbi_query_init(&query, VDB_L2, q, n);
            assert_true(vdbi_distance(&query, x) == 5);
            vdbi_query_init(&query, VDB_DOT, q, n);
            assert_true(vdbi_distance(&query, x) == 6);
            vdbi_query_init(&query, VDB_COSINE, q, n);
            assert_true(vdbi_distance(&query, x) == 2);
            q[i] = x[i] = 0;
        }
    }
}

/* Scales at which sums of squares in float32 overflow, vanish, or do so in part. */
static void huge_and_tiny_values_give_right_numbers(void **state)
{
    static const double scales[] = {
        0,     1e-45, 1e-42, 1e-38, 1e-30, 1e-23, 1e-20, 1e-19,
        1e-15, 1e-13, 1e-12, 1e-6,  1,     1e6,   1e12,  1e15,
        1e18,  1e19,  1e20,  1e25,  1e30,  1e37,  1e38,  3.4028234663852886e38,
    };
    enum {
        SCALES = sizeof scales / sizeof *scales
    };
    static const size_t dimensions[] = {1, 3, 4, 31, 32, 33, 64, 100, 784};
    static float q[784], rows[784 * ROWS];

    (void)state;
    for (size_t a = 0; a < SCALES; a++) {
        for (size_t b = 0; b < SCALES; b++) {
            for (size_t d = 0; d < sizeof dimensions / sizeof *dimensions; d++) {
                const size_t n = dimensions[d];
                fill(q, n, scales[a]);
                fill(rows, n * ROWS, scales[b]);
                for (size_t i = 0; i < n; i++) {
                    rows[n + i] = (float)scales[b]; /* all alike */
                    rows[2 * n + i] = i % 2 ? (float)scales[b] : -(float)scales[b];
                }
                rows[0] = (float)scales[a]; /* one that differs */
                check(q, rows, n, 2);
            }
        }
    }
}

static void results_are_clamped(void **state)
{
    static float huge[784], tiny[784];
    float big[40], opposite[40], zero[40] = {0};
    vdbi_query query;

    (void)state;
    for (size_t i = 0; i < 40; i++) {
        big[i] = FLT_MAX;
        opposite[i] = -FLT_MAX;
    }
    vdbi_query_init(&query, VDB_L2, big, 40);
    assert_true(vdbi_distance(&query, opposite) == FLT_MAX);
    assert_true(vdbi_distance(&query, big) == 0);
    vdbi_query_init(&query, VDB_DOT, big, 40);
    assert_true(vdbi_distance(&query, opposite) == FLT_MAX);
    assert_true(vdbi_distance(&query, big) == -FLT_MAX);
    assert_true(same_bits(vdbi_distance(&query, zero), 0.0f));
    opposite[0] = FLT_MAX; /* infinities of both signs in the sums */
    assert_true(vdbi_distance(&query, opposite) == FLT_MAX);
    vdbi_query_init(&query, VDB_COSINE, big, 40);
    opposite[0] = -FLT_MAX;
    assert_true(fabsf(vdbi_distance(&query, opposite) - 2) < 1e-6f);
    assert_true(vdbi_distance(&query, opposite) <= 2);
    assert_true(vdbi_distance(&query, big) >= 0);
    assert_true(vdbi_distance(&query, big) < 1e-6f);
    /* 1 / |query| is a denormal of few bits: no use. */
    for (size_t i = 0; i < 784; i++) {
        huge[i] = FLT_MAX;
        tiny[i] = 1e-12f;
    }
    vdbi_query_init(&query, VDB_COSINE, huge, 784);
    assert_true(vdbi_distance(&query, tiny) < 1e-6f);
    vdbi_query_init(&query, VDB_COSINE, big, 40);
    /* No direction, no NaN. */
    assert_true(vdbi_distance(&query, zero) == 1);
    vdbi_query_init(&query, VDB_COSINE, zero, 40);
    assert_true(vdbi_distance(&query, big) == 1);
    assert_true(vdbi_distance(&query, zero) == 1);
}

static void cosine_stays_in_its_range(void **state)
{
    float q[65], x[65];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        const size_t n = (size_t)i % 65 + 1;
        const float factor = (float)random_unit() * 100;
        vdbi_query query;
        float d;
        fill(q, n, 1);
        for (size_t j = 0; j < n; j++)
            x[j] = q[j] * factor;
        vdbi_query_init(&query, VDB_COSINE, q, n);
        d = vdbi_distance(&query, x);
        assert_true(d >= 0 && d <= 2);
        assert_true(factor == 0 || fabsf(d - (factor > 0 ? 0.0f : 2.0f)) < 1e-5f);
    }
}

static void the_default_metric_is_l2(void **state)
{
    const float q[2] = {0, 0}, x[2] = {3, 4};
    vdbi_query query;
    float untouched = 7;

    (void)state;
    vdbi_query_init(&query, VDB_METRIC_DEFAULT, q, 2);
    assert_true(vdbi_distance(&query, x) == 5);
    vdbi_distances(&query, (const uint8_t *)x, 8, 0, &untouched);
    assert_true(untouched == 7);
}

static void a_set_is_chosen_once_and_can_be_forced(void **state)
{
    const vdbi_kernels *sets[VDBI_KERNELS_MAX], *forced;
    const float q[1] = {1};
    vdbi_query query;
    size_t count = vdbi_kernels_available(sets);

    (void)state;
    vdbi_query_init(&query, VDB_L2, q, 1);
    forced = query.kernels;
    assert_true(count >= 1 && count <= VDBI_KERNELS_MAX);
    assert_ptr_equal(sets[count - 1], vdbi_kernels_generic());
    for (size_t i = 0; i < count; i++) {
        vdbi_kernels_force(sets[i]);
        vdbi_query_init(&query, VDB_L2, q, 1);
        assert_ptr_equal(query.kernels, sets[i]);
    }
    vdbi_kernels_force(NULL);
    vdbi_query_init(&query, VDB_L2, q, 1);
    assert_ptr_equal(query.kernels, sets[0]);
    vdbi_kernels_force(forced);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dimension_agrees_with_the_reference),
        cmocka_unit_test(nothing_beyond_a_row_is_read),
        cmocka_unit_test(a_list_may_name_any_rows),
        cmocka_unit_test(the_query_may_stand_anywhere),
        cmocka_unit_test(every_element_counts),
        cmocka_unit_test(huge_and_tiny_values_give_right_numbers),
        cmocka_unit_test(results_are_clamped),
        cmocka_unit_test(cosine_stays_in_its_range),
        cmocka_unit_test(the_default_metric_is_l2),
        cmocka_unit_test(a_set_is_chosen_once_and_can_be_forced),
    };
    int failed;

    RUN_WITH_EVERY_SET(tests, failed);
    return failed;
}
