/* test_memory.c: allocation through the host's allocator. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"

/* A host that counts, notes what it was asked, and fails at will. */
typedef struct host {
    int blocks;
    int fail_after; /* so many more succeed; -1: all */
    size_t size, alignment;
} host;

static void *host_allocate(void *arg, size_t size, size_t alignment)
{
    host *h = arg;
    void *block;

    if (h->fail_after == 0)
        return NULL;
    if (h->fail_after > 0)
        h->fail_after--;
    h->size = size;
    h->alignment = alignment;
    h->blocks++;
    block = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    assert_non_null(block);
    memset(block, 0xaa, size);
    return block;
}

static void host_release(void *arg, void *memory)
{
    host *h = arg;

    assert_non_null(memory);
    h->blocks--;
    free(memory);
}

static vdbi_memory make(host *h)
{
    const vdb_allocator allocator = {sizeof allocator, h, host_allocate, host_release};
    vdbi_memory memory;

    memset(h, 0, sizeof *h);
    h->fail_after = -1;
    vdbi_memory_init(&memory, &allocator);
    return memory;
}

static void assert_nomem(void)
{
    vdb_error e;

    vdbi_error_save(&e);
    assert_int_equal(e.status, VDB_NOMEM);
    assert_true(strlen(e.message) > 0);
    vdbi_fail(VDB_INVALID, "cleared");
}

static uint64_t bytes_out(vdbi_memory *m)
{
    return atomic_load(&m->bytes);
}

static void blocks_are_aligned_counted_and_released(void **state)
{
    host h;
    vdbi_memory m = make(&h);

    (void)state;
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        for (size_t size = 0; size < 100; size += 9) {
            char *block = vdbi_alloc_aligned(&m, size, alignment);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % (alignment < 16 ? 16 : alignment), 0);
            assert_int_equal(h.blocks, 1);
            assert_int_equal(bytes_out(&m), h.size);
            assert_true(h.size >= size);
            memset(block, 1, size);
            vdbi_free(&m, block);
            assert_int_equal(h.blocks, 0);
            assert_int_equal(bytes_out(&m), 0);
        }
    }
    vdbi_free(&m, NULL);
    assert_int_equal(h.blocks, 0);
}

static void the_standard_allocator_serves_any_alignment(void **state)
{
    vdbi_memory m;

    (void)state;
    vdbi_memory_init(&m, NULL);
    for (size_t alignment = 1; alignment <= 1 << 21; alignment *= 2) {
        char *block = vdbi_alloc_aligned(&m, 5, alignment);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % alignment, 0);
        memset(block, 1, 5);
        block = vdbi_realloc(&m, block, 5000);
        assert_int_equal((uintptr_t)block % alignment, 0);
        vdbi_free(&m, block);
    }
    assert_int_equal(bytes_out(&m), 0);
}

static void calloc_gives_zeros_and_minds_overflow(void **state)
{
    host h;
    vdbi_memory m = make(&h);
    unsigned char *block = vdbi_calloc(&m, 7, 13);

    (void)state;
    for (size_t i = 0; i < (size_t)7 * 13; i++)
        assert_int_equal(block[i], 0);
    vdbi_free(&m, block);
    assert_null(vdbi_calloc(&m, SIZE_MAX / 2, 3));
    assert_nomem();
    assert_null(vdbi_alloc(&m, SIZE_MAX));
    assert_nomem();
    assert_null(vdbi_alloc(&m, SIZE_MAX - 16));
    assert_nomem();
    assert_null(vdbi_strdup(&m, "", SIZE_MAX));
    assert_nomem();
    assert_int_equal(h.blocks, 0);
    assert_int_equal(bytes_out(&m), 0);
}

static void realloc_keeps_contents_and_alignment(void **state)
{
    host h;
    vdbi_memory m = make(&h);
    unsigned char *block = vdbi_alloc_aligned(&m, 100, 256), *moved;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        block[i] = (unsigned char)i;
    block = vdbi_realloc(&m, block, 1000);
    assert_int_equal((uintptr_t)block % 256, 0);
    assert_int_equal(h.alignment, 256);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(block[i], i);
    block = vdbi_realloc(&m, block, 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(block[i], i);
    h.fail_after = 0;
    moved = vdbi_realloc(&m, block, 2000);
    assert_null(moved);
    assert_nomem();
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(block[i], i); /* still there */
    h.fail_after = -1;
    vdbi_free(&m, block);
    block = vdbi_realloc(&m, NULL, 3);
    assert_non_null(block);
    vdbi_free(&m, block);
    assert_int_equal(h.blocks, 0);
    assert_int_equal(bytes_out(&m), 0);
}

static void strdup_ends_with_nul(void **state)
{
    host h;
    vdbi_memory m = make(&h);
    char *copy = vdbi_strdup(&m, "abcdef", 3);

    (void)state;
    assert_string_equal(copy, "abc");
    vdbi_free(&m, copy);
    copy = vdbi_strdup(&m, NULL, 0);
    assert_string_equal(copy, "");
    vdbi_free(&m, copy);
}

static void grow_grows_by_half_and_fails_without_a_change(void **state)
{
    host h;
    vdbi_memory m = make(&h);
    uint32_t *array = NULL;
    size_t capacity = 0, growths = 0;

    (void)state;
    for (uint32_t i = 0; i < 10000; i++) {
        size_t before = capacity;
        assert_int_equal(vdbi_grow(&m, &array, &capacity, (size_t)i + 1, sizeof *array),
                         VDB_OK);
        assert_true(capacity > i);
        if (capacity != before) {
            assert_true(capacity >= before + before / 2);
            growths++;
        }
        array[i] = i;
    }
    assert_true(growths < 25);
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(array[i], i);
    for (int way = 0; way < 3; way++) {
        const size_t needed = way == 0   ? capacity + 1
                              : way == 1 ? SIZE_MAX
                                         : SIZE_MAX / 4;
        uint32_t *array_before = array;
        size_t capacity_before = capacity;
        h.fail_after = way == 0 ? 0 : -1;
        assert_int_equal(vdbi_grow(&m, &array, &capacity, needed, sizeof *array),
                         VDB_NOMEM);
        assert_nomem();
        assert_ptr_equal(array, array_before);
        assert_int_equal(capacity, capacity_before);
    }
    vdbi_free(&m, array);
    assert_int_equal(h.blocks, 0);
    assert_int_equal(bytes_out(&m), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_counted_and_released),
        cmocka_unit_test(the_standard_allocator_serves_any_alignment),
        cmocka_unit_test(calloc_gives_zeros_and_minds_overflow),
        cmocka_unit_test(realloc_keeps_contents_and_alignment),
        cmocka_unit_test(strdup_ends_with_nul),
        cmocka_unit_test(grow_grows_by_half_and_fails_without_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
