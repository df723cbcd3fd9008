/* test_narrow.c: copies of columns keep to their bound, and go when nobody has them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "failing_memory.h"
#include "base/bytes.h"
#include "filter/narrow.h"

enum {
    BLOCKS = VDBI_NARROW_BLOCKS + 3 /* of each column */
};

static vdbi_memory memory;
static uint8_t tags[VDBI_CELLS_PER_BLOCK], words[8 * VDBI_CELLS_PER_BLOCK];
static uint64_t generation; /* of every block */

/* -------------------------------------------------------- the store's imitation */

vdb_status vdbi_column_ref_near(vdbi_pager *pager, const vdbi_image *image,
                                uint32_t field, uint32_t block, vdbi_column_path *path,
                                vdbi_ref *out)
{
    (void)pager, (void)image, (void)path;
    assert_true(block < BLOCKS);
    *out = (vdbi_ref){.place = 1000 * field + block + 2, .generation = generation};
    return VDB_OK;
}

vdb_status vdbi_column_block_near(vdbi_pager *pager, const vdbi_image *image,
                                  uint32_t field, uint32_t block,
                                  vdbi_column_path *path, vdbi_cells *out)
{
    (void)pager, (void)image, (void)field, (void)block, (void)path;
    *out = (vdbi_cells){tags, words};
    return VDB_OK;
}

static int has(const vdbi_narrow_part *part, uint32_t field, uint32_t block)
{
    vdbi_ref ref;

    vdbi_column_ref_near(NULL, NULL, field, block, NULL, &ref);
    return part && vdbi_narrow_find(part, block, &ref) != NULL;
}

static void make(vdbi_narrow *n, const vdbi_narrow_part *old, uint32_t field,
                 uint32_t number, uint64_t missing)
{
    vdbi_narrow_make(n, NULL, NULL, old, field, number, BLOCKS, missing);
}

/* ------------------------------------------------------------------------ tests */

static void a_part_is_found_and_grows(void **state)
{
    vdbi_narrow *n;
    vdbi_narrow_part *part, *more;

    (void)state;
    generation = 1;
    assert_int_equal(vdbi_narrow_create(&memory, 1 << 20, &n), VDB_OK);
    assert_null(vdbi_narrow_get(n, 3, 1));
    make(n, NULL, 3, 1, 1);
    part = vdbi_narrow_get(n, 3, 1);
    assert_true(has(part, 3, VDBI_NARROW_BLOCKS));
    assert_false(has(part, 3, VDBI_NARROW_BLOCKS + 1));
    assert_null(vdbi_narrow_get(n, 3, 0));
    assert_null(vdbi_narrow_get(n, 2, 1));
    make(n, part, 3, 1, 4);
    more = vdbi_narrow_get(n, 3, 1);
    assert_true(has(more, 3, VDBI_NARROW_BLOCKS));
    assert_true(has(more, 3, VDBI_NARROW_BLOCKS + 2));
    assert_false(
        has(part, 3, VDBI_NARROW_BLOCKS + 2)); /* whoever has it sees no change */
    generation = 2;
    assert_false(has(more, 3, VDBI_NARROW_BLOCKS));
    vdbi_narrow_let_go(n, part);
    vdbi_narrow_let_go(n, more);
    vdbi_narrow_free(n, 0);
    assert_int_equal(memory.bytes, 0);
}

static void copies_keep_to_their_bound(void **state)
{
    const uint64_t one =
        sizeof(vdbi_narrow_part) + 2 * VDBI_CELLS_PER_BLOCK * VDBI_NARROW_BLOCKS;
    vdbi_narrow *n;
    vdbi_narrow_part *held;
    unsigned there = 0;

    (void)state;
    assert_int_equal(vdbi_narrow_create(&memory, 3 * one, &n), VDB_OK);
    make(n, NULL, 0, 0, 1);
    held = vdbi_narrow_get(n, 0, 0);
    for (uint32_t field = 1; field < 20; field++) {
        make(n, NULL, field, 0, 1);
        assert_true(memory.bytes < 3 * one + 8192); /* and the lists of them */
    }
    for (uint32_t field = 0; field < 20; field++) {
        vdbi_narrow_part *part = vdbi_narrow_get(n, field, 0);
        if (!part)
            continue;
        there++;
        assert_true(has(part, field, 0));
        vdbi_narrow_let_go(n, part);
    }
    assert_int_equal(there, 2); /* the third is the one that is held */
    assert_true(has(held, 0, 0));
    vdbi_narrow_let_go(n, held);
    vdbi_narrow_free(n, 0);
    assert_int_equal(memory.bytes, 0);

    assert_int_equal(vdbi_narrow_create(&memory, one - 1, &n), VDB_OK);
    make(n, NULL, 0, 0, 1);
    assert_null(vdbi_narrow_get(n, 0, 0));
    vdbi_narrow_free(n, 0);
    assert_int_equal(memory.bytes, 0);
}

static void without_memory_there_is_no_copy(void **state)
{
    int made = 0;

    (void)state;
    for (size_t most = 0; !made; most++) {
        vdbi_narrow *n;
        vdbi_narrow_part *part;
        allocations_left = most;
        if (vdbi_narrow_create(&memory, 1 << 20, &n) == VDB_OK) {
            make(n, NULL, 9, 1, 1);
            part = vdbi_narrow_get(n, 9, 1);
            made = has(part, 9, VDBI_NARROW_BLOCKS);
            if (part)
                vdbi_narrow_let_go(n, part);
            vdbi_narrow_free(n, 0);
        }
        assert_int_equal(memory.bytes, 0);
        assert_true(most < 10);
    }
    allocations_left = SIZE_MAX;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_is_found_and_grows),
        cmocka_unit_test(copies_keep_to_their_bound),
        cmocka_unit_test(without_memory_there_is_no_copy),
    };
    vdb_allocator allocator = {sizeof allocator, NULL, failing_allocate,
                               failing_release};

    memset(tags, VDBI_CELL_INT, sizeof tags);
    vdbi_memory_init(&memory, &allocator);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
