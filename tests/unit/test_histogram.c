/* test_histogram.c: percentiles against sorted samples. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/histogram.h"

static vdbi_histogram h;

static void clear(void)
{
    atomic_store(&h.count, 0);
    atomic_store(&h.sum, 0);
    for (int i = 0; i < VDBI_HISTOGRAM_BUCKETS; i++)
        atomic_store(&h.buckets[i], 0);
}

static void assert_near(double got, double want)
{
    if (fabs(got - want) > want * 0.0625)
        fail_msg("%g, want %g", got, want);
}

static void empty_is_zero(void **state)
{
    (void)state;
    clear();
    assert_true(vdbi_histogram_mean(&h) == 0);
    assert_true(vdbi_histogram_percentile(&h, 50) == 0);
    vdbi_histogram_record(&h, 10, 0);
    assert_true(vdbi_histogram_percentile(&h, 100) == 0);
}

static void one_value_of_any_size_is_found_again(void **state)
{
    (void)state;
    for (unsigned e = 0; e < 64; e++) {
        for (unsigned j = 0; j < 3; j++) {
            uint64_t value = ((uint64_t)1 << e) + j - 1; /* around each power of two */
            clear();
            vdbi_histogram_record(&h, value, 3);
            assert_near(vdbi_histogram_percentile(&h, 50), (double)value);
            if (value < UINT64_MAX / 3)
                assert_true(fabs(vdbi_histogram_mean(&h) - (double)value) <=
                            (double)value * 1e-15);
            if (value < 32)
                assert_true(vdbi_histogram_percentile(&h, 50) == (double)value);
        }
    }
    clear();
    vdbi_histogram_record(&h, UINT64_MAX, 1);
    assert_near(vdbi_histogram_percentile(&h, 50), (double)UINT64_MAX);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void percentiles_are_those_of_the_sorted_samples(void **state)
{
    enum {
        N = 5000
    };
    static uint64_t samples[N];
    uint64_t seed = 1;
    double sum = 0;

    (void)state;
    clear();
    for (int i = 0; i < N; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        samples[i] = (seed >> 33) >> (seed >> 20 & 15);
        vdbi_histogram_record(&h, samples[i], 1);
        sum += (double)samples[i];
    }
    qsort(samples, N, sizeof *samples, by_value);
    for (int tenth = 1; tenth <= 1000; tenth++) {
        int rank = (int)ceil(tenth / 10.0 * N / 100);
        assert_near(vdbi_histogram_percentile(&h, tenth / 10.0),
                    (double)samples[rank - 1]);
    }
    assert_near(vdbi_histogram_percentile(&h, 0), (double)samples[0]);
    assert_near(vdbi_histogram_percentile(&h, -1), (double)samples[0]);
    assert_near(vdbi_histogram_percentile(&h, NAN), (double)samples[0]);
    assert_near(vdbi_histogram_percentile(&h, 1000), (double)samples[N - 1]);
    assert_true(fabs(vdbi_histogram_mean(&h) - sum / N) <= sum / N * 1e-12);
}

static void weights_count(void **state)
{
    (void)state;
    clear();
    vdbi_histogram_record(&h, 1, 98);
    vdbi_histogram_record(&h, 10, 2);
    assert_true(vdbi_histogram_percentile(&h, 98) == 1);
    assert_true(vdbi_histogram_percentile(&h, 98.5) == 10);
    assert_true(fabs(vdbi_histogram_mean(&h) - 1.18) < 1e-12);
}

static void *record_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < 50000; i++)
        vdbi_histogram_record(&h, 7, 1);
    return NULL;
}

static void no_record_of_any_thread_is_lost(void **state)
{
    pthread_t threads[2];

    (void)state;
    clear();
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record_many, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&h.count), 100000);
    assert_int_equal(atomic_load(&h.sum), 700000);
    assert_int_equal(atomic_load(&h.buckets[7]), 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_is_zero),
        cmocka_unit_test(one_value_of_any_size_is_found_again),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_samples),
        cmocka_unit_test(weights_count),
        cmocka_unit_test(no_record_of_any_thread_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
