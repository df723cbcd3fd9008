/* tile.c: packing, and the proof that no near row fails to pass.
 *
 * Let u = 2^-24, the rounding of one operation, and let m = min(n, FOLD) + n / 32 + 32
 * for n dimensions.  A dot product of a tile is made of runs of at most FOLD fused steps
 * whose sums are added up (tiles.h): with n / FOLD <= n / 32 that is fewer than m
 * roundings for any term, so its error is at most e = m u / (1 - m u) times the sum of
 * |q_i x_i|, which is at most e |q| |x|.  The direct kernel adds 32 sums of n / 32 terms
 * and joins them: m bounds it as well.  So do the few roundings of packing, of the row's
 * terms below and of the comparison, for which there are 32 to spare.  e is taken a
 * hundredth larger; that covers terms of second order.
 *
 * The figure of a pair is v = s w + o, with s the tile's dot product and w, o of the
 * row; the pair passes unless v < bar.  With S the true product, d the direct kernel's
 * distance, and L the limit:
 *
 * L2.  d <= L implies |q - x|^2 <= L^2 (1 + 4e), and |q - x|^2 = |q|^2 + |x|^2 - 2 S.
 *   Let w = 1, o = -(|x|^2 / 2) (1 - 4e) with the computed square, so that
 *   o >= -(|x|^2 / 2) (1 - 2e).  With |q| |x| <= (|q|^2 + |x|^2) / 2:
 *   v >= S - e (|q|^2 + |x|^2) / 2 - (|x|^2 / 2) (1 - 2e) - rounding
 *     >= (|q|^2 (1 - 2e) - L^2 (1 + 4e)) / 2 = bar.
 * Dot.  The query is scaled by a power of two to a length in [1, 2), exactly but for
 *   what underflows.  d <= L implies S >= -L - e |q| |x|.  Let w = 1, o = 8 e |x|: the
 *   two errors, of v and of d, are at most 2 e 2 |x|, so v >= -L, scaled, = bar.
 * Cosine.  d <= L implies S / (|q| |x|) >= 1 - L - 3e.  Let w = 1 / |x|, o = 0: v is
 *   within 3e |q| of S / |x|, so v >= |q| (1 - L - 8e) = bar.
 *
 * All of this is of lengths whose squares and products are far from overflow and
 * underflow: [SQUARE_MIN, SQUARE_MAX].  What single terms lose by underflow is at most
 * n 2^-126 (on a processor that flushes denormals), far below e |q| |x| >= 2^-100.
 * Another row passes every bar, and another query has none.
 */
#include "kernel/tile.h"

#include <string.h>

#include "kernel/table.h"

#define SQUARE_MIN 0x1p-80f
#define SQUARE_MAX 0x1p100f

static double error_of(size_t dimension)
{
    size_t run = dimension < VDBI_FOLD ? dimension : VDBI_FOLD;
    double roundings = (double)(run + dimension / 32 + 32);

    return 1.01 * 0x1p-24 * roundings;
}

/* Behind a panel's rows stand its weights, then its offsets. */
static size_t panel_floats(const vdbi_query *query)
{
    return query->kernels->panel_rows * (query->dimension + 2);
}

static size_t round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

size_t vdbi_panel_rows(const vdbi_query *query)
{
    return query->kernels->panel_rows;
}

size_t vdbi_tile_queries(const vdbi_query *query)
{
    return query->kernels->tile_queries;
}

size_t vdbi_panel_bytes(const vdbi_query *query)
{
    return round_up(panel_floats(query) * sizeof(float));
}

size_t vdbi_tile_bytes(const vdbi_query *query)
{
    return round_up(query->kernels->tile_queries * query->dimension * sizeof(float));
}

void vdbi_panel_pack(const vdbi_query *query, const uint8_t *const *rows, size_t count,
                     float *panel)
{
    const vdbi_kernels *set = query->kernels;
    const uint8_t *all[VDBI_PANEL_ROWS_MAX];
    float squares[VDBI_PANEL_ROWS_MAX];
    float *weights = panel + set->panel_rows * query->dimension;
    float *offsets = weights + set->panel_rows;
    const float e = (float)error_of(query->dimension);

    for (size_t r = 0; r < set->panel_rows; r++)
        all[r] = rows[r < count ? r : count - 1];
    set->pack(all, query->dimension, panel, squares);
    for (size_t r = 0; r < set->panel_rows; r++) {
        float square = squares[r];
        weights[r] = 1;
        if (!(square >= SQUARE_MIN && square <= SQUARE_MAX)) {
            weights[r] = 0;
            offsets[r] = INFINITY;
        } else if (query->metric == VDB_COSINE) {
            weights[r] = 1 / sqrtf(square);
            offsets[r] = 0;
        } else if (query->metric == VDB_DOT) {
            offsets[r] = 8 * e * sqrtf(square);
        } else {
            offsets[r] = -0.5f * square * (1 - 4 * e);
        }
    }
}

void vdbi_tile_pack(const vdbi_query *queries, size_t count, float *tile,
                    vdbi_bar *bars)
{
    const size_t stride = queries->kernels->tile_queries;
    const size_t n = queries->dimension;

    memset(tile, 0, vdbi_tile_bytes(queries));
    for (size_t q = 0; q < count; q++) {
        const uint8_t *vector = (const uint8_t *)queries[q].vector;
        vdbi_bar *bar = &bars[q];
        float scale;
        bar->metric = queries[q].metric;
        bar->square = vdbi_precise_square(queries[q].vector, n);
        bar->error = error_of(n);
        bar->exponent = 0;
        if (!(bar->square >= (double)SQUARE_MIN && bar->square <= (double)SQUARE_MAX)) {
            bar->square = 0;
            continue;
        }
        if (bar->metric == VDB_DOT) {
            frexp(sqrt(bar->square), &bar->exponent);
            bar->exponent--;
        }
        scale = (float)ldexp(1, -bar->exponent);
        for (size_t i = 0; i < n; i++) {
            float value;
            memcpy(&value, vector + i * sizeof value, sizeof value);
            tile[i * stride + q] = value * scale;
        }
    }
}

float vdbi_bar_at(const vdbi_bar *bar, float limit)
{
    const double e = bar->error, l = (double)limit;
    double exact;
    float rounded;

    if (bar->square == 0 || limit > FLT_MAX)
        return -INFINITY;
    if (bar->metric == VDB_COSINE)
        exact = sqrt(bar->square) * (1 - l - 8 * e);
    else if (bar->metric == VDB_DOT)
        exact = -ldexp(l, -bar->exponent);
    else if (limit < 0)
        return INFINITY;
    else
        exact = (bar->square * (1 - 2 * e) - l * l * (1 + 4 * e)) / 2;
    if (exact <= -(double)FLT_MAX)
        return -INFINITY;
    if (exact >= (double)FLT_MAX)
        return FLT_MAX;
    rounded = (float)exact;
    return (double)rounded > exact ? nextafterf(rounded, -INFINITY) : rounded;
}

size_t vdbi_tile_parts(const vdbi_query *query)
{
    return (query->dimension + VDBI_TILE_STEPS - 1) / VDBI_TILE_STEPS;
}

size_t vdbi_tile_sums(const vdbi_query *query)
{
    return query->kernels->panel_rows * query->kernels->tile_queries;
}

void vdbi_tile_pass(const vdbi_query *query, const float *panel, const float *tile,
                    size_t count, size_t part, float *sums, const float *bars,
                    uint32_t *passed)
{
    const vdbi_kernels *set = query->kernels;
    const size_t from = part * VDBI_TILE_STEPS, left = query->dimension - from;
    const int last = left <= VDBI_TILE_STEPS;
    const vdbi_tile_part work = {
        .panel = panel + from * set->panel_rows,
        .queries = tile + from * set->tile_queries,
        .steps = last ? left : VDBI_TILE_STEPS,
        .before = part > 0,
        .sums = sums,
        .terms = last ? panel + query->dimension * set->panel_rows : NULL,
        .bars = bars,
        .passed = passed,
    };

    set->tile(&work, count);
}
