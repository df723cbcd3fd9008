/* dispatch.c: which instruction set; the room's functions. */
#include <assert.h>
#include <stdatomic.h>

#include "kernel/table.h"
#include "kernel/words.h"

/* |query| >= 2^-40: with a row's |x| >= 2^-40 their products keep the rule of sums. */
#define INVERSE_NORM_MAX 0x1p40f

/* The set in use: NULL until somebody asks.  Who asks at the same time finds the same,
 * so this is a memory of a fact about the machine, not a state. */
static _Atomic(const vdbi_kernels *) chosen;

size_t vdbi_kernels_available(const vdbi_kernels *sets[VDBI_KERNELS_MAX])
{
    static const vdbi_kernels *(*const known[])(void) = {
#if defined(__x86_64__) || defined(__i386__)
        vdbi_kernels_avx512,
        vdbi_kernels_avx2,
#endif
#ifdef __aarch64__
        vdbi_kernels_neon,
#endif
        vdbi_kernels_generic,
    };
    size_t count = 0;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        sets[count] = known[i]();
        count += sets[count] != NULL;
    }
    return count;
}

void vdbi_kernels_force(const vdbi_kernels *set)
{
    atomic_store_explicit(&chosen, set, memory_order_relaxed);
}

static const vdbi_kernels *choose(void)
{
    const vdbi_kernels *set = atomic_load_explicit(&chosen, memory_order_relaxed);
    const vdbi_kernels *sets[VDBI_KERNELS_MAX];

    if (!set) {
        vdbi_kernels_available(sets);
        set = sets[0];
        vdbi_kernels_force(set);
    }
    return set;
}

void vdbi_query_init(vdbi_query *query, vdb_metric metric, const float *vector,
                     size_t dimension)
{
    query->vector = vector;
    query->dimension = dimension;
    query->metric = metric;
    query->inverse_norm = 0;
    query->kernels = choose();
    if (metric == VDB_COSINE) {
        double norm = sqrt(vdbi_precise_square(vector, dimension));
        /* 0 when a float cannot hold it in full, or it is too large for sums of
         * float32: finish_cosine() then takes the long way. */
        double inverse = norm > 0 ? 1 / norm : 0;
        if (inverse >= (double)FLT_MIN && inverse <= (double)INVERSE_NORM_MAX)
            query->inverse_norm = (float)inverse;
    }
}

void vdbi_distances(const vdbi_query *query, const uint8_t *rows, size_t stride,
                    size_t count, float *out)
{
    const vdbi_kernels *set = query->kernels;

    switch (query->metric) {
    case VDB_COSINE:
        set->cosine(query, rows, stride, count, out);
        break;
    case VDB_DOT:
        set->dot(query, rows, stride, count, out);
        break;
    default:
        assert(query->metric == VDB_L2 || query->metric == VDB_METRIC_DEFAULT);
        set->l2(query, rows, stride, count, out);
        break;
    }
}

void vdbi_distances_ahead(const vdbi_query *query, const uint8_t *const *rows,
                          size_t count, size_t known, float *out)
{
    const vdbi_kernels *set = query->kernels;

    switch (query->metric) {
    case VDB_COSINE:
        set->cosine_at(query, rows, count, known, out);
        break;
    case VDB_DOT:
        set->dot_at(query, rows, count, known, out);
        break;
    default:
        assert(query->metric == VDB_L2 || query->metric == VDB_METRIC_DEFAULT);
        set->l2_at(query, rows, count, known, out);
        break;
    }
}

void vdbi_distances_at(const vdbi_query *query, const uint8_t *const *rows,
                       size_t count, float *out)
{
    vdbi_distances_ahead(query, rows, count, count, out);
}

float vdbi_distance(const vdbi_query *query, const float *row)
{
    float out;

    /* The same body, so the same bits. */
    vdbi_distances(query, (const uint8_t *)row, 0, 1, &out);
    return out;
}

uint64_t vdbi_bytes_equal(const uint8_t bytes[64], uint8_t byte)
{
    return choose()->equal(bytes, byte);
}

uint64_t vdbi_words_in_ints(const uint8_t words[512], int64_t low, int64_t high)
{
    return choose()->in_ints(words, (uint64_t)low, (uint64_t)high - (uint64_t)low);
}

void vdbi_shorts_within(const uint16_t *cells, size_t words, uint16_t low,
                        uint16_t high, uint64_t *bits)
{
    choose()->shorts(cells, words, low, (uint16_t)(high - low), bits);
}

uint64_t vdbi_words_in_reals(const uint8_t words[512], double low, double high)
{
    return choose()->in_reals(words, low, high);
}
