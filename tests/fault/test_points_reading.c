/* test_points_reading.c: the rules of design.md about checksums and reading, each with
 * the scenario that breaks when the rule is broken. */
#include <errno.h>

#include <xxhash.h>

#include "points.h"

enum {
    ROWS = 40,
    CROWD = 700 /* rows: trees and arrays of more than one level */
};

/* ----------------------------------------------------------------- checksums */

typedef struct ref {
    uint64_t place, pages, height, generation, checksum;
} ref;

static ref ref_at(const uint8_t *b)
{
    uint64_t word = get64(b);

    return (ref){word & 0xffffffffffu, word >> 40 & 0xffff, word >> 56, get64(b + 8),
                 get64(b + 16)};
}

/* As docs/format.md says it, and in other words than the library. */
static uint64_t checksum_of(const content *file, const ref *r)
{
    return XXH3_64bits_withSeed(file->bytes + r->place * PAGE, r->pages * PAGE,
                                r->place + r->generation * 0x9E3779B97F4A7C15u);
}

static void checksums_cover_place_and_generation(void **state)
{
    machine *m = machine_new(true);
    content file;
    const uint8_t *meta;
    unsigned pages = 0;

    (void)state;
    machine_open(m);
    put_many(m, 0, CROWD, 1);
    checkpoint(m);
    put_many(m, 0, 3, 2);
    machine_close(m);
    file = content_get(m, MAIN);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(get64(file.bytes + i * PAGE + PAGE - 8),
                         XXH3_64bits_withSeed(file.bytes + i * PAGE, PAGE - 8, i));
    meta = file.bytes + newest_meta(&file) * PAGE;
    for (size_t i = 0; i <= 10; i++) {
        ref root = ref_at(meta + 128 + 24 * i);
        if (!root.place)
            continue;
        assert_int_equal(checksum_of(&file, &root), root.checksum);
        pages++;
        for (size_t j = 0;
             root.height && !memcmp(file.bytes + root.place * PAGE, "vArr", 4) &&
             j < 168;
             j++) {
            ref child = ref_at(file.bytes + root.place * PAGE + 64 + 24 * j);
            if (!child.place)
                continue;
            assert_int_equal(checksum_of(&file, &child), child.checksum);
            pages++;
        }
    }
    assert_true(pages > 12);
    content_free(&file);
    machine_free(m);
}

/* Two blocks of vectors, each whole, each where the other belongs. */
static void misdirected_blocks_are_told(void **state)
{
    for (int mapped = 0; mapped < 2; mapped++) {
        machine *m = machine_new(mapped);
        content file;
        const uint8_t *node;
        ref root, a, b;
        uint8_t *held;
        vdb_report *report;
        vdb_record *record;

        (void)state;
        machine_open(m);
        put_many(m, 0, 2000, 1);
        machine_close(m);
        file = content_get(m, MAIN);
        root = ref_at(file.bytes + newest_meta(&file) * PAGE + 128 + 24);
        assert_int_equal(root.height, 1);
        node = file.bytes + root.place * PAGE;
        a = ref_at(node + 64);
        b = ref_at(node + 64 + 24);
        assert_int_equal(a.pages, b.pages);
        held = malloc(a.pages * PAGE);
        assert_non_null(held);
        memcpy(held, file.bytes + a.place * PAGE, a.pages * PAGE);
        memcpy(file.bytes + a.place * PAGE, file.bytes + b.place * PAGE,
               a.pages * PAGE);
        memcpy(file.bytes + b.place * PAGE, held, a.pages * PAGE);
        free(held);
        content_put(m, MAIN, &file);
        content_free(&file);
        machine_open(m);
        expect_failed(vdb_get(m->db, "row-0", NULL, &record), VDB_CORRUPT, MAIN);
        expect(m, 1999, 1); /* what is whole is read on */
        assert_int_equal(vdb_check(m->db, NULL, &report, NULL), VDB_CORRUPT);
        assert_true(vdb_report_count(report) >= 2);
        vdb_report_free(report);
        machine_free(m);
    }
}

/* Meta page 0 where meta page 1 belongs. */
static void a_misdirected_meta_page_does_not_count(void **state)
{
    machine *m = machine_new(true);
    content file;

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    machine_close(m);
    file = content_get(m, MAIN);
    for (size_t to = 0; to < 2; to++) {
        content damaged = {NULL, 0, true};
        vdb_status status;
        content_append(&damaged, file.bytes, file.size);
        memcpy(damaged.bytes + to * PAGE, file.bytes + (1 - to) * PAGE, PAGE);
        content_put(m, MAIN, &damaged);
        content_free(&damaged);
        status = machine_try_open(m);
        if (to == newest_meta(&file)) {
            expect_failed(status, VDB_CORRUPT, LOG1);
        } else {
            assert_int_equal(status, VDB_OK);
            expect(m, 0, 1);
            machine_kill(m);
        }
    }
    content_free(&file);
    machine_free(m);
}

/* ------------------------------------------------------------------- reading */

static uint64_t reads_of_a_search(machine *m)
{
    const float zero[DIM] = {0};
    uint64_t before = faultfs_calls_of(m->fs, FAULTFS_READ);
    vdb_results *results;

    assert_int_equal(vdb_search(m->db, zero, DIM, 3, &results), VDB_OK);
    vdb_results_free(results);
    return faultfs_calls_of(m->fs, FAULTFS_READ) - before;
}

static void without_mapping_the_cache_has_a_budget(void **state)
{
    machine *m = machine_new(true);
    uint64_t all;

    (void)state;
    machine_open(m);
    put_many(m, 0, 3000, 1);
    machine_close(m);

    m->options.flags = VDB_OPEN_NO_MMAP;
    machine_open(m);
    all = reads_of_a_search(m);
    assert_true(all >= 6);
    assert_int_equal(reads_of_a_search(m), 0); /* verified once, and kept */
    machine_close(m);

    m->options.cache_bytes = 16 * PAGE;
    machine_open(m);
    for (int i = 0; i < 4; i++)
        assert_true(reads_of_a_search(m) >= all / 2);
    expect_sound(m, 3000);
    machine_close(m);

    m->options.flags = 0;
    machine_open(m);
    assert_true(reads_of_a_search(m) < all); /* the vectors through the mapping */
    assert_int_equal(reads_of_a_search(m), 0);
    machine_free(m);
}

/* While the checkpoint writes and syncs: a search, and with it the cache is emptied. */
static int search_meanwhile(machine *m, uint32_t kind, const char *name)
{
    if ((kind != FAULTFS_WRITE && kind != FAULTFS_SYNC) || strcmp(name, MAIN) != 0)
        return 0;
    *(uint64_t *)m->hook_arg += reads_of_a_search(m) > 0;
    stats_of(m);
    return 0;
}

/* Who did would be waited for by the search, and this test would not end. */
static void a_checkpoint_is_no_reader_while_it_writes(void **state)
{
    machine *m = machine_new(true);
    uint64_t searches = 0;

    (void)state;
    m->options.flags = VDB_OPEN_NO_MMAP;
    m->options.cache_bytes = 16 * PAGE;
    machine_open(m);
    put_many(m, 0, 3000, 1);
    checkpoint(m);
    for (int version = 2; version < 5; version++) {
        put_many(m, 0, 300, version);
        m->hook = search_meanwhile;
        m->hook_arg = &searches;
        checkpoint(m);
        m->hook = NULL;
    }
    assert_true(searches >= 9);
    expect_sound(m, 3000);
    machine_free(m);
}

/* What was read and is then written anew at the same place is read as it is now. */
static void a_place_that_is_written_anew_is_read_anew(void **state)
{
    (void)state;
    for (int access = 0; access < 3; access++) {
        machine *m = machine_new(access != 0);
        if (access == 2)
            m->options.flags = VDB_OPEN_NO_MMAP;
        machine_open(m);
        put_many(m, 0, ROWS, 1);
        for (int round = 2; round < 30; round++) {
            put_many(m, (unsigned)round % ROWS, 1, round);
            put_many(m, 5, 3, round);
            checkpoint(m);
            expect(m, (unsigned)round % ROWS, round);
            expect(m, 6, round);
            expect(m, 39, 1);
            assert_int_equal(
                count_where(m, "{\"op\":\"gt\",\"field\":\"v\",\"value\":1}") > 3, 1);
        }
        machine_free(m);
    }
}

/* After a clean close: the meta pages and the summary of free space, nothing else, by calls
 * that read no more than that; nothing is written or synced.  An error of the summary's
 * is of no account until somebody needs it. */
static void opening_reads_three_pages(void **state)
{
    (void)state;
    for (int access = 0; access < 3; access++) {
        machine *m = machine_new(access != 0);
        uint64_t reads, changes;
        if (access == 2)
            m->options.flags = VDB_OPEN_NO_MMAP;
        machine_open(m);
        put_many(m, 0, CROWD, 1);
        machine_close(m);
        reads = faultfs_calls_of(m->fs, FAULTFS_READ);
        changes = faultfs_calls(m->fs);
        machine_open(m);
        assert_int_equal(faultfs_calls_of(m->fs, FAULTFS_READ) - reads, 3);
        assert_int_equal(faultfs_calls(m->fs) - changes, 0);
        machine_close(m);
        faultfs_arm(m->fs, FAULTFS_READ, 3, EIO, false);
        machine_open(m);
        assert_int_equal(faultfs_fired(m->fs), 1);
        put(m, 0, 2);
        checkpoint(m);
        expect(m, 0, 2);
        expect_sound(m, CROWD);
        machine_free(m);
    }
}

/* A record's pages are asked for by calls, where the file is mapped too, once; so an error
 * of the disk is told, and is over when the disk is well again. */
static void what_is_wanted_alone_is_read_by_calls(void **state)
{
    machine *m = machine_new(true);
    vdb_record *record;
    uint64_t before, first;

    (void)state;
    machine_open(m);
    put_many(m, 0, CROWD, 1);
    machine_close(m);
    machine_open(m);
    for (uint64_t n = 1; n < 4; n++) {
        faultfs_arm(m->fs, FAULTFS_READ, n, EIO, false);
        expect_failed(vdb_get(m->db, "row-7", NULL, &record), VDB_IO, MAIN);
        assert_int_equal(faultfs_fired(m->fs), n);
        faultfs_disarm(m->fs);
        machine_close(m);
        machine_open(m);
    }
    before = faultfs_calls_of(m->fs, FAULTFS_READ);
    expect(m, 7, 1);
    first = faultfs_calls_of(m->fs, FAULTFS_READ);
    assert_true(first - before > 4);
    expect(m, 7, 1);
    assert_int_equal(faultfs_calls_of(m->fs, FAULTFS_READ), first);
    machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_cover_place_and_generation),
        cmocka_unit_test(misdirected_blocks_are_told),
        cmocka_unit_test(a_misdirected_meta_page_does_not_count),
        cmocka_unit_test(without_mapping_the_cache_has_a_budget),
        cmocka_unit_test(a_checkpoint_is_no_reader_while_it_writes),
        cmocka_unit_test(a_place_that_is_written_anew_is_read_anew),
        cmocka_unit_test(opening_reads_three_pages),
        cmocka_unit_test(what_is_wanted_alone_is_read_by_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
