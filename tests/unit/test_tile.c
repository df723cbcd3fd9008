/* test_tile.c: no pair within its limit fails to pass, and hardly one beyond it passes;
 * by every instruction set that this machine has. */
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
#include "kernel/tile.h"

enum {
    ROWS = VDBI_PANEL_ROWS_MAX,
    QUERIES = VDBI_TILE_QUERIES_MAX
};

static const vdb_metric metrics[] = {VDB_L2, VDB_COSINE, VDB_DOT};
static uint64_t seed = 4711;

static double random_unit(void) /* [-1, 1) */
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 40) / (1 << 23) - 1;
}

/* Queries and rows of one metric, packed, with all their distances. */
typedef struct board {
    size_t dimension, queries, rows; /* of the set's own numbers, how many are used */
    float *query_values, *row_values, *panel, *tile;
    vdbi_query made[QUERIES];
    vdbi_bar bars[QUERIES];
    const uint8_t *at[ROWS];
    float distances[QUERIES][ROWS];
} board;

static void board_alloc(board *b, size_t dimension)
{
    vdbi_query any;

    memset(b, 0, sizeof *b);
    b->dimension = dimension;
    b->query_values = calloc(QUERIES * dimension, sizeof(float));
    b->row_values = calloc(ROWS * dimension, sizeof(float));
    assert_non_null(b->query_values);
    assert_non_null(b->row_values);
    vdbi_query_init(&any, VDB_L2, b->query_values, dimension);
    b->panel = aligned_alloc(64, vdbi_panel_bytes(&any));
    b->tile = aligned_alloc(64, vdbi_tile_bytes(&any));
    assert_non_null(b->panel);
    assert_non_null(b->tile);
    b->queries = vdbi_tile_queries(&any);
    b->rows = vdbi_panel_rows(&any);
}

static void board_free(board *b)
{
    free(b->query_values);
    free(b->row_values);
    free(b->panel);
    free(b->tile);
}

static void board_pack(board *b, vdb_metric metric)
{
    for (size_t r = 0; r < b->rows; r++)
        b->at[r] = (const uint8_t *)(b->row_values + r * b->dimension);
    for (size_t q = 0; q < b->queries; q++) {
        vdbi_query_init(&b->made[q], metric, b->query_values + q * b->dimension,
                        b->dimension);
        vdbi_distances_at(&b->made[q], b->at, b->rows, b->distances[q]);
    }
    vdbi_panel_pack(b->made, b->at, b->rows, b->panel);
    vdbi_tile_pack(b->made, b->queries, b->tile, b->bars);
}

/* All parts, one after the other. */
static void pass_all(const board *b, size_t queries, const float *bars,
                     uint32_t *passed)
{
    _Alignas(64) float sums[ROWS * QUERIES];

    assert_true(vdbi_tile_sums(b->made) <= ROWS * QUERIES);
    memset(sums, 0xff, sizeof sums); /* no sum is read that was not written */
    for (size_t part = 0; part < vdbi_tile_parts(b->made); part++)
        vdbi_tile_pass(b->made, b->panel, b->tile, queries, part, sums, bars, passed);
}

static void fill(float *v, size_t n, double offset, double scale)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(offset + random_unit() * scale);
}

/* With each query's limit at its distance to row r, for every r in turn: what is no
 * farther passes.  Returns how many pass that are farther. */
static size_t check(const board *b)
{
    size_t needless = 0;

    for (size_t r = 0; r < b->rows; r++) {
        float bars[QUERIES];
        uint32_t passed[QUERIES];
        for (size_t q = 0; q < b->queries; q++)
            bars[q] = vdbi_bar_at(&b->bars[q], b->distances[q][r]);
        pass_all(b, b->queries, bars, passed);
        for (size_t q = 0; q < b->queries; q++) {
            for (size_t i = 0; i < b->rows; i++) {
                const int bit = passed[q] >> i & 1;
                if (b->distances[q][i] <= b->distances[q][r] && !bit)
                    fail_msg("%s, metric %d, dimension %zu: %.9g is within %.9g",
                             b->made->kernels->name, b->made->metric, b->dimension,
                             (double)b->distances[q][i], (double)b->distances[q][r]);
                needless += b->distances[q][i] > b->distances[q][r] && bit;
            }
        }
    }
    return needless;
}

static void what_is_near_enough_passes_and_hardly_more(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 130; n++) {
        board b;
        board_alloc(&b, n);
        fill(b.query_values, QUERIES * n, 0, 1);
        fill(b.row_values, ROWS * n, 0, 1);
        memcpy(b.row_values, b.query_values, n * sizeof(float)); /* distance 0 */
        for (size_t m = 0; m < 3; m++) {
            size_t needless;
            board_pack(&b, metrics[m]);
            needless = check(&b);
            /* In one dimension all cosines are 0 or 2. */
            if (n > 3 && needless * 50 > b.queries * b.rows * b.rows)
                fail_msg("metric %d, dimension %zu: %zu passed", metrics[m], n,
                         needless);
        }
        board_free(&b);
    }
}

/* Products of more than VDBI_TILE_STEPS dimensions are added up in parts. */
static void long_vectors_too(void **state)
{
    static const size_t dimensions[] = {127, 128, 129,  255,  256,  257,  511,  512,
                                        513, 784, 1536, 4095, 4096, 4097, 65535};

    (void)state;
    for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++) {
        board b;
        board_alloc(&b, dimensions[i]);
        fill(b.query_values, QUERIES * b.dimension, 0, 1);
        fill(b.row_values, ROWS * b.dimension, 0, 1);
        for (size_t m = 0; m < 3; m++) {
            board_pack(&b, metrics[m]);
            /* Random distances draw together: there the proof costs more. */
            assert_true(check(&b) * (b.dimension > 5000 ? 4 : 20) <
                        b.queries * b.rows * b.rows);
        }
        board_free(&b);
    }
}

/* Far from the origin and close together, products say little: bars must give way. */
static void rounding_loses_nothing(void **state)
{
    static const double scales[] = {1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 0};

    (void)state;
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
        for (size_t n = 3; n < 1000; n = n * 3 + 1) {
            board b;
            board_alloc(&b, n);
            fill(b.query_values, QUERIES * n, 1, scales[s]);
            fill(b.row_values, ROWS * n, 1, scales[s]);
            for (size_t m = 0; m < 3; m++) {
                board_pack(&b, metrics[m]);
                check(&b);
            }
            board_free(&b);
        }
    }
}

/* Each row and each query at a scale of its own, the extremes among them. */
static void extremes_pass(void **state)
{
    static const double scales[] = {0,   1e-45, 1e-38, 1e-20, 1e-13, 1e-12, 1e-6, 1,
                                    1e6, 1e12,  1e14,  1e15,  1e19,  1e30,  3e38};
    enum {
        SCALES = sizeof scales / sizeof *scales
    };

    (void)state;
    for (size_t n = 1; n <= 70; n += 23) {
        board b;
        board_alloc(&b, n);
        for (size_t turn = 0; turn < SCALES; turn++) {
            for (size_t q = 0; q < QUERIES; q++)
                fill(b.query_values + q * n, n, 0, scales[(q + turn) % SCALES]);
            for (size_t r = 0; r < ROWS; r++)
                fill(b.row_values + r * n, n, 0, scales[(r * 7 + turn) % SCALES]);
            for (size_t m = 0; m < 3; m++) {
                board_pack(&b, metrics[m]);
                check(&b);
            }
        }
        board_free(&b);
    }
}

static void an_infinite_limit_lets_all_pass(void **state)
{
    board b;
    float bars[QUERIES];
    uint32_t passed[QUERIES];

    (void)state;
    board_alloc(&b, 5);
    fill(b.query_values, QUERIES * 5, 0, 1);
    fill(b.row_values, ROWS * 5, 0, 1);
    for (size_t m = 0; m < 3; m++) {
        board_pack(&b, metrics[m]);
        for (size_t q = 0; q < b.queries; q++)
            bars[q] = vdbi_bar_at(&b.bars[q], INFINITY);
        pass_all(&b, b.queries, bars, passed);
        for (size_t q = 0; q < b.queries; q++)
            for (size_t r = 0; r < b.rows; r++)
                assert_true(passed[q] >> r & 1);
        /* And one that nothing can reach, nothing. */
        for (size_t q = 0; q < b.queries; q++)
            bars[q] = vdbi_bar_at(&b.bars[q], -100);
        pass_all(&b, b.queries, bars, passed);
        for (size_t q = 0; q < b.queries; q++)
            for (size_t r = 0; r < b.rows; r++)
                assert_false(passed[q] >> r & 1);
    }
    board_free(&b);
}

/* Fewer queries and rows than there is room for: the same bits for those. */
static void parts_of_tiles_and_panels(void **state)
{
    board b;

    (void)state;
    board_alloc(&b, 77);
    fill(b.query_values, QUERIES * 77, 0, 1);
    fill(b.row_values, ROWS * 77, 0, 1);
    board_pack(&b, VDB_L2);
    for (size_t queries = 1; queries <= b.queries; queries++) {
        for (size_t rows = 1; rows <= b.rows; rows++) {
            float bars[QUERIES];
            uint32_t whole[QUERIES], part[QUERIES];
            for (size_t q = 0; q < b.queries; q++)
                bars[q] = vdbi_bar_at(&b.bars[q], b.distances[q][0]);
            vdbi_panel_pack(b.made, b.at, b.rows, b.panel);
            vdbi_tile_pack(b.made, b.queries, b.tile, b.bars);
            pass_all(&b, b.queries, bars, whole);
            vdbi_panel_pack(b.made, b.at, rows, b.panel);
            vdbi_tile_pack(b.made, queries, b.tile, b.bars);
            pass_all(&b, queries, bars, part);
            for (size_t q = 0; q < queries; q++)
                for (size_t r = 0; r < rows; r++)
                    assert_int_equal(whole[q] >> r & 1, part[q] >> r & 1);
        }
    }
    board_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_near_enough_passes_and_hardly_more),
        cmocka_unit_test(long_vectors_too),
        cmocka_unit_test(rounding_loses_nothing),
        cmocka_unit_test(extremes_pass),
        cmocka_unit_test(an_infinite_limit_lets_all_pass),
        cmocka_unit_test(parts_of_tiles_and_panels),
    };
    int failed;

    RUN_WITH_EVERY_SET(tests, failed);
    return failed;
}
