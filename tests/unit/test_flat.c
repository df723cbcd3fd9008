/* test_flat.c: exact search against an oracle that sorts everything. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/error.h"
#include "every_set.h"
#include "index/flat/flat.h"

enum {
    SLOTS = 700,
    DIMENSION = 3
};

static uint64_t seed = 99;
static uint32_t ranks[SLOTS]; /* the id of a slot: its order among all ids */
static float rows[SLOTS][DIMENSION];
static int compare_fails_at, compares;

static uint32_t random_below(uint32_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % n);
}

static vdb_status compare(void *arg, uint32_t a, uint32_t b, int *order)
{
    assert_ptr_equal(arg, ranks);
    assert_true(a < SLOTS && b < SLOTS);
    if (++compares == compare_fails_at)
        return vdbi_fail(VDB_IO, "injected");
    *order = (ranks[a] > ranks[b]) - (ranks[a] < ranks[b]);
    return VDB_OK;
}

/* Few distinct coordinates, so that ties abound; ids in an order of their own. */
static void make_rows(uint32_t distinct)
{
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint32_t j = random_below(i + 1);
        ranks[i] = ranks[j];
        ranks[j] = i;
        for (size_t d = 0; d < DIMENSION; d++)
            rows[i][d] = (float)random_below(distinct);
    }
}

/* Scan those of `count` rows from first_slot on whose bits are set. */
static vdb_status scan(vdbi_nearest *nearest, const vdbi_query *query, uint32_t count,
                       uint32_t first_slot, const uint64_t *wanted, uint64_t first_bit)
{
    const uint8_t *at[SLOTS];
    uint32_t slots[SLOTS];
    vdbi_row_list list = {at, slots, 0, 0};

    for (uint32_t i = 0; i < count; i++) {
        if (!vdbi_bit_get(wanted, first_bit + i))
            continue;
        at[list.count] = (const uint8_t *)rows[first_slot + i];
        slots[list.count++] = first_slot + i;
    }
    list.known = list.count;
    return vdbi_flat_scan(nearest, query, &list);
}

static int in_order(const void *pa, const void *pb)
{
    const vdbi_neighbor *a = pa, *b = pb;

    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return ranks[a->slot] < ranks[b->slot] ? -1 : ranks[a->slot] > ranks[b->slot];
}

static size_t oracle(const vdbi_query *query, const uint64_t *wanted,
                     uint64_t first_bit, uint32_t first_slot, uint32_t count,
                     float limit, size_t k, vdbi_neighbor *out, uint64_t *offered)
{
    size_t n = 0;

    *offered = 0;
    for (uint32_t i = 0; i < count; i++) {
        const vdbi_neighbor one = {vdbi_distance(query, rows[first_slot + i]),
                                   first_slot + i};
        if (!vdbi_bit_get(wanted, first_bit + i))
            continue;
        ++*offered;
        if (!(one.distance > limit))
            out[n++] = one;
    }
    qsort(out, n, sizeof *out, in_order);
    return n < k ? n : k;
}

/* A bitmap of exactly the words that hold the bits: one read beyond shows in ASan. */
static uint64_t *make_bitmap(uint64_t first_bit, uint32_t count, uint32_t kind)
{
    size_t words = VDBI_BITMAP_WORDS(first_bit + count);
    uint64_t *bits = calloc(words ? words : 1, sizeof *bits);

    assert_non_null(bits);
    for (size_t i = 0; i < words * 64; i++) {
        /* Also outside the range: those must not be looked at. */
        int on = kind == 0   ? 1
                 : kind == 1 ? random_below(2) == 0
                 : kind == 2 ? random_below(40) == 0
                 : kind == 3 ? random_below(40) != 0
                             : i / 37 % 2 == 0;
        if (on)
            vdbi_bit_set(bits, i);
    }
    return bits;
}

static void assert_same(const vdbi_nearest *nearest, const vdbi_neighbor *want,
                        size_t n)
{
    assert_int_equal(nearest->count, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(nearest->items[i].distance == want[i].distance);
        assert_int_equal(nearest->items[i].slot, want[i].slot);
    }
}

static void answers_are_those_of_a_full_sort(void **state)
{
    static const size_t ks[] = {1, 2, 3, 10, 64, 500, SLOTS, SLOTS + 1, 1000000};
    static vdbi_neighbor want[SLOTS];
    const float q[DIMENSION] = {1, 2, 2};
    vdbi_memory memory;

    (void)state;
    vdbi_memory_init(&memory, NULL);
    for (int round = 0; round < 3000; round++) {
        const size_t k = ks[random_below(sizeof ks / sizeof *ks)];
        const uint32_t first_slot = random_below(SLOTS);
        const uint32_t count = random_below(4) ? random_below(SLOTS - first_slot + 1)
                                               : random_below(SLOTS - first_slot) % 70;
        const uint64_t first_bit = random_below(300);
        const float limit = round % 3 == 0   ? INFINITY
                            : round % 3 == 1 ? FLT_MAX
                                             : (float)random_below(5);
        uint64_t *wanted = make_bitmap(first_bit, count, random_below(5));
        uint64_t offered;
        vdbi_nearest nearest;
        vdbi_query query;
        size_t n;
        if (round % 50 == 0)
            make_rows(1 + random_below(6));
        vdbi_query_init(&query, round % 2 ? VDB_L2 : VDB_DOT, q, DIMENSION);
        n = oracle(&query, wanted, first_bit, first_slot, count, limit, k, want,
                   &offered);
        vdbi_nearest_init(&nearest, &memory, k, limit, compare, ranks);
        assert_int_equal(scan(&nearest, &query, count, first_slot, wanted, first_bit),
                         VDB_OK);
        assert_int_equal(vdbi_nearest_sort(&nearest), VDB_OK);
        assert_same(&nearest, want, n);
        assert_int_equal(nearest.distances, offered);
        vdbi_nearest_clear(&nearest);
        vdbi_nearest_clear(&nearest); /* twice is harmless */
        free(wanted);
    }
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

static void several_scans_add_up(void **state)
{
    static vdbi_neighbor want[SLOTS];
    const float q[DIMENSION] = {0, 1, 0};
    uint64_t *all = make_bitmap(5, SLOTS, 0), offered;
    vdbi_memory memory;
    vdbi_nearest nearest;
    vdbi_query query;
    uint32_t done = 0;
    size_t n;

    (void)state;
    make_rows(3);
    vdbi_memory_init(&memory, NULL);
    vdbi_query_init(&query, VDB_L2, q, DIMENSION);
    n = oracle(&query, all, 5, 0, SLOTS, INFINITY, 33, want, &offered);
    vdbi_nearest_init(&nearest, &memory, 33, INFINITY, compare, ranks);
    while (done < SLOTS) {
        uint32_t count = random_below(150);
        if (count > SLOTS - done)
            count = SLOTS - done;
        assert_int_equal(scan(&nearest, &query, count, done, all, (uint64_t)5 + done),
                         VDB_OK);
        done += count;
    }
    assert_int_equal(vdbi_nearest_sort(&nearest), VDB_OK);
    assert_same(&nearest, want, n);
    assert_int_equal(nearest.distances, SLOTS);
    vdbi_nearest_clear(&nearest);
    free(all);
}

static void ids_are_compared_only_where_distances_tie(void **state)
{
    const float q[DIMENSION] = {0, 0, 0};
    uint64_t *all = make_bitmap(0, SLOTS, 0);
    vdbi_memory memory;
    vdbi_nearest nearest;
    vdbi_query query;

    (void)state;
    for (uint32_t i = 0; i < SLOTS; i++)
        rows[i][0] = (float)((i * 37 % SLOTS) + 1), rows[i][1] = rows[i][2] = 0;
    vdbi_memory_init(&memory, NULL);
    vdbi_query_init(&query, VDB_L2, q, DIMENSION);
    vdbi_nearest_init(&nearest, &memory, 50, INFINITY, compare, ranks);
    compares = 0;
    assert_int_equal(scan(&nearest, &query, SLOTS, 0, all, 0), VDB_OK);
    assert_int_equal(vdbi_nearest_sort(&nearest), VDB_OK);
    assert_int_equal(compares, 0);
    for (size_t i = 0; i < 50; i++)
        assert_true(nearest.items[i].distance == (float)(i + 1));
    vdbi_nearest_clear(&nearest);
    free(all);
}

static void memory_grows_with_what_is_found_not_with_k(void **state)
{
    const float q[DIMENSION] = {0, 0, 0};
    uint64_t *all = make_bitmap(0, SLOTS, 0);
    vdbi_memory memory;
    vdbi_nearest nearest;
    vdbi_query query;

    (void)state;
    vdbi_memory_init(&memory, NULL);
    vdbi_query_init(&query, VDB_L2, q, DIMENSION);
    vdbi_nearest_init(&nearest, &memory, SIZE_MAX, INFINITY, compare, ranks);
    assert_int_equal(atomic_load(&memory.bytes), 0);
    assert_int_equal(scan(&nearest, &query, 10, 0, all, 0), VDB_OK);
    assert_true(atomic_load(&memory.bytes) < 1000);
    vdbi_nearest_clear(&nearest);
    vdbi_nearest_init(&nearest, &memory, 0, INFINITY, compare, ranks);
    assert_int_equal(scan(&nearest, &query, 10, 0, all, 0), VDB_OK);
    assert_int_equal(nearest.count, 0);
    assert_int_equal(vdbi_nearest_sort(&nearest), VDB_OK);
    vdbi_nearest_clear(&nearest);
    free(all);
}

static int allocations_left;

static void *allocate_some(void *arg, size_t size, size_t alignment)
{
    (void)arg, (void)alignment;
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

static void release(void *arg, void *memory)
{
    (void)arg;
    free(memory);
}

/* Fail the n-th comparison of ids, then the n-th allocation, until none is hit. */
static void a_failure_at_any_step_is_passed_on(void **state)
{
    const vdb_allocator allocator = {sizeof allocator, NULL, allocate_some, release};
    const float q[DIMENSION] = {0, 0, 0};
    uint64_t *all = make_bitmap(0, 60, 0);
    vdbi_memory memory;
    vdbi_query query;

    (void)state;
    make_rows(2);
    vdbi_memory_init(&memory, &allocator);
    vdbi_query_init(&query, VDB_L2, q, DIMENSION);
    for (int way = 0; way < 2; way++) {
        int failures = 0;
        for (int n = way ? 0 : 1;; n++) {
            vdbi_nearest nearest;
            vdb_status status;
            int fired;
            compares = 0;
            compare_fails_at = way ? 0 : n;
            allocations_left = way ? n : 1000;
            vdbi_nearest_init(&nearest, &memory, 20, INFINITY, compare, ranks);
            status = scan(&nearest, &query, 60, 0, all, 0);
            if (!status)
                status = vdbi_nearest_sort(&nearest);
            fired = way ? allocations_left < 0 : compares >= compare_fails_at;
            assert_int_equal(status, !fired ? VDB_OK : way ? VDB_NOMEM : VDB_IO);
            vdbi_nearest_clear(&nearest);
            assert_int_equal(atomic_load(&memory.bytes), 0);
            failures += fired;
            if (!fired)
                break;
        }
        assert_true(failures >= (way ? 2 : 50));
    }
    compare_fails_at = 0;
    free(all);
}

/* Scan what the bitmap wants with several queries at once, `known` rows beyond each step
 * told of. */
static vdb_status scan_tiled(vdbi_memory *memory, const vdbi_query *queries,
                             vdbi_nearest *nearest, size_t count, uint32_t rows_total,
                             const uint64_t *wanted)
{
    const uint8_t *at[SLOTS];
    uint32_t slots[SLOTS];
    size_t listed = 0;
    vdbi_tiles tiles;
    vdbi_tile_scan tile_scan;
    vdb_status status = vdbi_tiles_init(&tiles, memory, queries, count);

    if (status)
        return status;
    status = vdbi_tile_scan_init(&tile_scan, &tiles, nearest);
    for (uint32_t i = 0; i < rows_total; i++) {
        if (!vdbi_bit_get(wanted, i))
            continue;
        at[listed] = (const uint8_t *)rows[i];
        slots[listed++] = i;
    }
    for (size_t done = 0; done < listed && !status;) {
        size_t step = 1 + random_below(100);
        vdbi_row_list list = {at + done, slots + done, 0, listed - done};
        list.count = step < listed - done ? step : listed - done;
        status = vdbi_tile_scan_rows(&tile_scan, &list);
        done += list.count;
    }
    for (size_t q = 0; q < count && !status; q++)
        status = vdbi_nearest_sort(&nearest[q]);
    vdbi_tile_scan_clear(&tile_scan);
    vdbi_tiles_clear(&tiles);
    return status;
}

enum {
    QUERIES = 31
};

/* Queries near rows, far from all, of length 0, and too long for any bar. */
static void make_queries(vdb_metric metric, float values[QUERIES][DIMENSION],
                         vdbi_query *queries)
{
    for (size_t q = 0; q < QUERIES; q++) {
        for (size_t d = 0; d < DIMENSION; d++)
            values[q][d] = q == 3   ? 0
                           : q == 4 ? 1e17f
                           : q == 5 ? 1e-17f
                                    : (float)random_below(60) / 10;
        vdbi_query_init(&queries[q], metric, values[q], DIMENSION);
    }
}

static void tiles_give_the_answers_of_a_full_sort(void **state)
{
    static const size_t ks[] = {1, 2, 10, 64, 500, SLOTS, 1000000};
    static vdbi_neighbor want[SLOTS];
    float values[QUERIES][DIMENSION];
    vdbi_query queries[QUERIES];
    vdbi_nearest nearest[QUERIES];
    vdbi_memory memory;

    (void)state;
    vdbi_memory_init(&memory, NULL);
    for (int round = 0; round < 300; round++) {
        const size_t k = ks[random_below(sizeof ks / sizeof *ks)];
        const size_t count = 1 + random_below(QUERIES);
        const uint32_t total = 1 + random_below(SLOTS);
        const float limit = round % 3 ? INFINITY : (float)random_below(5);
        uint64_t *wanted = make_bitmap(0, total, random_below(5)), offered;
        make_rows(2 + random_below(6));
        make_queries(round % 2 ? VDB_L2 : VDB_DOT, values, queries);
        for (size_t q = 0; q < count; q++)
            vdbi_nearest_init(&nearest[q], &memory, k, limit, compare, ranks);
        assert_int_equal(scan_tiled(&memory, queries, nearest, count, total, wanted),
                         VDB_OK);
        for (size_t q = 0; q < count; q++) {
            size_t n =
                oracle(&queries[q], wanted, 0, 0, total, limit, k, want, &offered);
            assert_same(&nearest[q], want, n);
            assert_int_equal(nearest[q].distances, offered);
            vdbi_nearest_clear(&nearest[q]);
        }
        free(wanted);
    }
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

/* So many dimensions, queries and rows that products are added up in parts, tiles in
 * groups, and panels in steps of their own number: the bits of single scans. */
static void parts_of_products_give_the_answers_of_single_queries(void **state)
{
    enum {
        WIDE = 300,
        MANY = 313,
        K = 7
    };
    float *values = calloc((SLOTS + MANY) * WIDE, sizeof *values);
    const uint8_t *at[SLOTS];
    uint32_t slots[SLOTS];
    vdbi_query queries[MANY];
    vdbi_nearest nearest[MANY], alone;
    vdbi_memory memory;
    vdbi_tiles tiles;
    vdbi_tile_scan tile_scan;

    (void)state;
    assert_non_null(values);
    vdbi_memory_init(&memory, NULL);
    for (size_t i = 0; i < (SLOTS + MANY) * WIDE; i++)
        values[i] = (float)random_below(1000) / 500 - 1;
    for (uint32_t i = 0; i < SLOTS; i++) {
        at[i] = (const uint8_t *)(values + i * WIDE);
        slots[i] = ranks[i] = i;
    }
    for (size_t q = 0; q < MANY; q++) {
        vdbi_query_init(&queries[q], VDB_L2, values + (SLOTS + q) * WIDE, WIDE);
        vdbi_nearest_init(&nearest[q], &memory, K, INFINITY, compare, ranks);
    }
    assert_int_equal(vdbi_tiles_init(&tiles, &memory, queries, MANY), VDB_OK);
    assert_int_equal(vdbi_tile_scan_init(&tile_scan, &tiles, nearest), VDB_OK);
    for (size_t done = 0; done < SLOTS;) {
        vdbi_row_list list = {at + done, slots + done, SLOTS - done, SLOTS - done};
        if (list.count > tile_scan.rows_max)
            list.count = tile_scan.rows_max;
        assert_int_equal(vdbi_tile_scan_rows(&tile_scan, &list), VDB_OK);
        done += list.count;
    }
    for (size_t q = 0; q < MANY; q++) {
        const vdbi_row_list list = {at, slots, SLOTS, SLOTS};
        vdbi_nearest_init(&alone, &memory, K, INFINITY, compare, ranks);
        assert_int_equal(vdbi_flat_scan(&alone, &queries[q], &list), VDB_OK);
        assert_int_equal(vdbi_nearest_sort(&alone), VDB_OK);
        assert_int_equal(vdbi_nearest_sort(&nearest[q]), VDB_OK);
        assert_same(&nearest[q], alone.items, K);
        vdbi_nearest_clear(&alone);
        vdbi_nearest_clear(&nearest[q]);
    }
    vdbi_tile_scan_clear(&tile_scan);
    vdbi_tiles_clear(&tiles);
    assert_int_equal(atomic_load(&memory.bytes), 0);
    free(values);
}

/* What two have found of different rows, joined, is what one finds of all. */
static void joined_parts_are_the_whole(void **state)
{
    static vdbi_neighbor want[SLOTS];
    const float q[DIMENSION] = {1, 1, 0};
    uint64_t *all = make_bitmap(0, SLOTS, 0), offered;
    vdbi_memory memory;
    vdbi_query query;

    (void)state;
    vdbi_memory_init(&memory, NULL);
    vdbi_query_init(&query, VDB_L2, q, DIMENSION);
    for (int round = 0; round < 100; round++) {
        const size_t k = 1 + random_below(round % 2 ? 20 : SLOTS);
        const uint32_t cut = random_below(SLOTS);
        vdbi_nearest parts[2];
        size_t n;
        make_rows(1 + random_below(6));
        n = oracle(&query, all, 0, 0, SLOTS, INFINITY, k, want, &offered);
        for (int i = 0; i < 2; i++)
            vdbi_nearest_init(&parts[i], &memory, k, INFINITY, compare, ranks);
        assert_int_equal(scan(&parts[0], &query, cut, 0, all, 0), VDB_OK);
        assert_int_equal(scan(&parts[1], &query, SLOTS - cut, cut, all, 0), VDB_OK);
        assert_int_equal(vdbi_nearest_join(&parts[0], &parts[1]), VDB_OK);
        assert_int_equal(vdbi_nearest_sort(&parts[0]), VDB_OK);
        assert_same(&parts[0], want, n);
        assert_int_equal(parts[0].distances, SLOTS);
        vdbi_nearest_clear(&parts[0]);
        vdbi_nearest_clear(&parts[1]);
    }
    free(all);
}

static void tiles_pass_failures_on(void **state)
{
    const vdb_allocator allocator = {sizeof allocator, NULL, allocate_some, release};
    float values[QUERIES][DIMENSION];
    vdbi_query queries[QUERIES];
    uint64_t *all = make_bitmap(0, 60, 0);
    vdbi_memory memory;

    (void)state;
    make_rows(2);
    make_queries(VDB_L2, values, queries);
    vdbi_memory_init(&memory, &allocator);
    for (int n = 0;; n++) {
        vdbi_nearest nearest[QUERIES];
        vdb_status status;
        int fired;
        compare_fails_at = 0;
        allocations_left = n;
        for (size_t q = 0; q < QUERIES; q++)
            vdbi_nearest_init(&nearest[q], &memory, 5, INFINITY, compare, ranks);
        status = scan_tiled(&memory, queries, nearest, QUERIES, 60, all);
        fired = allocations_left < 0;
        assert_int_equal(status, fired ? VDB_NOMEM : VDB_OK);
        for (size_t q = 0; q < QUERIES; q++)
            vdbi_nearest_clear(&nearest[q]);
        assert_int_equal(atomic_load(&memory.bytes), 0);
        assert_true(fired || n > QUERIES);
        if (!fired)
            break;
    }
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_a_full_sort),
        cmocka_unit_test(several_scans_add_up),
        cmocka_unit_test(ids_are_compared_only_where_distances_tie),
        cmocka_unit_test(memory_grows_with_what_is_found_not_with_k),
        cmocka_unit_test(a_failure_at_any_step_is_passed_on),
        cmocka_unit_test(tiles_give_the_answers_of_a_full_sort),
        cmocka_unit_test(parts_of_products_give_the_answers_of_single_queries),
        cmocka_unit_test(joined_parts_are_the_whole),
        cmocka_unit_test(tiles_pass_failures_on),
    };
    int failed;

    RUN_WITH_EVERY_SET(tests, failed);
    return failed;
}
