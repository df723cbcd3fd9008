/* test_faultfs.c: the fault harness is itself on trial.  Every claim about what is
 * durable rests on it, so each damage must be seen to occur, and what was synced
 * must be seen to survive all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <cmocka.h>

#include "faultfs.h"
#include "faultmem.h"

enum {
    SEEDS = 64
};

/* ------------------------------------------------------------- small helpers */

static vdb_file *open_file(faultfs *fs, const char *name)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file;

    assert_int_equal(vfs->open(vfs->arg, name, VDB_VFS_CREATE, &file), 0);
    return file;
}

static void close_file(faultfs *fs, vdb_file *file)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);

    assert_int_equal(vfs->close(vfs->arg, file), 0);
}

static int put(faultfs *fs, vdb_file *file, int byte, size_t size, uint64_t offset)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    char *data = malloc(size);
    int result;

    assert_non_null(data);
    memset(data, byte, size);
    result = vfs->write(vfs->arg, file, data, size, offset);
    free(data);
    return result;
}

static int sync_file(faultfs *fs, vdb_file *file)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);

    return vfs->sync(vfs->arg, file);
}

static int sync_name(faultfs *fs, const char *name)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);

    return vfs->sync_directory(vfs->arg, name);
}

static bool exists(faultfs *fs, const char *name)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);

    return vfs->exists(vfs->arg, name) == 0;
}

/* The whole of a small file, NUL behind it; NULL when there is no such file. */
static char *contents(faultfs *fs, const char *name, size_t *size)
{
    const vdb_vfs *vfs = faultfs_vfs(fs);
    char *data = calloc(1, 65537);
    vdb_file *file;

    assert_non_null(data);
    *size = 0;
    if (vfs->open(vfs->arg, name, 0, &file)) {
        free(data);
        return NULL;
    }
    assert_int_equal(vfs->read(vfs->arg, file, data, 65536, 0, size), 0);
    close_file(fs, file);
    return data;
}

static bool all_are(const char *data, size_t from, size_t to, int byte)
{
    for (size_t i = from; i < to; i++)
        if ((unsigned char)data[i] != byte)
            return false;
    return true;
}

/* "f" with 2,048 durable bytes of 'a', its name durable. */
static vdb_file *durable_file(faultfs *fs)
{
    vdb_file *file = open_file(fs, "f");

    assert_int_equal(put(fs, file, 'a', 2048, 0), 0);
    assert_int_equal(sync_file(fs, file), 0);
    assert_int_equal(sync_name(fs, "f"), 0);
    assert_int_equal(faultfs_unsynced(fs), 0);
    return file;
}

typedef bool (*judge)(const char *data, size_t size);

/* Whether some seed of a damage gives an image that the judge knows. */
static bool occurs(const faultfs *fs, unsigned damage, judge is)
{
    bool found = false;

    for (uint64_t seed = 0; seed < SEEDS && !found; seed++) {
        faultfs *after = faultfs_after_cut(fs, damage, seed);
        size_t size;
        char *data = contents(after, "f", &size);
        found = data && is(data, size);
        free(data);
        faultfs_free(after);
    }
    return found;
}

static bool always(const faultfs *fs, unsigned damage, judge is)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        faultfs *after = faultfs_after_cut(fs, damage, seed);
        size_t size;
        char *data = contents(after, "f", &size);
        bool holds = data && is(data, size);
        free(data);
        faultfs_free(after);
        if (!holds)
            return false;
    }
    return true;
}

/* ------------------------------------------------------------- plain behaviour */

static void reads_see_every_write(void **state)
{
    faultfs *fs = faultfs_new(1);
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file_info info = {.struct_size = sizeof info};
    vdb_file *file = durable_file(fs);
    char data[16];
    size_t got;

    (void)state;
    assert_int_equal(put(fs, file, 'b', 10, 2044), 0);
    assert_int_equal(vfs->read(vfs->arg, file, data, 16, 2040, &got), 0);
    assert_int_equal(got, 14);
    assert_memory_equal(data, "aaaabbbbbbbbbb", 14);
    assert_int_equal(vfs->read(vfs->arg, file, data, 16, 2054, &got), 0);
    assert_int_equal(got, 0);
    assert_int_equal(vfs->truncate(vfs->arg, file, 3000), 0);
    assert_int_equal(vfs->read(vfs->arg, file, data, 4, 2052, &got), 0);
    assert_memory_equal(data, "bb\0\0", 4);
    assert_int_equal(vfs->info(vfs->arg, file, &info), 0);
    assert_int_equal(info.size, 3000);
    assert_int_equal(info.links, 1);
    close_file(fs, file);
    assert_int_equal(faultfs_open_files(fs), 0);
    faultfs_free(fs);
}

static void names_open_as_flags_say(void **state)
{
    faultfs *fs = faultfs_new(1);
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file;
    char name[8];

    (void)state;
    assert_int_equal(vfs->open(vfs->arg, "f", 0, &file), -ENOENT);
    assert_int_equal(faultfs_calls(fs), 0);
    file = open_file(fs, "f");
    assert_int_equal(faultfs_calls(fs), 1);
    close_file(fs, file);
    assert_int_equal(
        vfs->open(vfs->arg, "f", VDB_VFS_CREATE | VDB_VFS_EXCLUSIVE, &file), -EEXIST);
    assert_int_equal(vfs->open(vfs->arg, "f", VDB_VFS_READONLY, &file), 0);
    assert_int_equal(put(fs, file, 'x', 1, 0), -EBADF);
    assert_int_equal(faultfs_misuses(fs), 1);
    close_file(fs, file);
    assert_int_equal(vfs->resolve(vfs->arg, "f", name, 8), 0);
    assert_string_equal(name, "f");
    assert_int_equal(vfs->remove(vfs->arg, "f"), 0);
    assert_int_equal(vfs->remove(vfs->arg, "f"), -ENOENT);
    assert_false(exists(fs, "f"));
    faultfs_free(fs);
}

static void locks_belong_to_open_files(void **state)
{
    faultfs *fs = faultfs_new(1);
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *one = open_file(fs, "f"), *two = open_file(fs, "f");

    (void)state;
    assert_int_equal(vfs->lock(vfs->arg, one, VDB_LOCK_SHARED), 0);
    assert_int_equal(vfs->lock(vfs->arg, two, VDB_LOCK_EXCLUSIVE), -EAGAIN);
    assert_int_equal(vfs->lock(vfs->arg, two, VDB_LOCK_SHARED), 0);
    assert_int_equal(vfs->lock(vfs->arg, one, VDB_LOCK_EXCLUSIVE), -EAGAIN);
    close_file(fs, two);
    assert_int_equal(vfs->lock(vfs->arg, one, VDB_LOCK_EXCLUSIVE), 0);
    assert_int_equal(vfs->lock(vfs->arg, one, VDB_LOCK_EXCLUSIVE), 0);
    two = open_file(fs, "f");
    assert_int_equal(vfs->lock(vfs->arg, two, VDB_LOCK_SHARED), -EAGAIN);
    close_file(fs, one);
    assert_int_equal(vfs->lock(vfs->arg, two, VDB_LOCK_EXCLUSIVE), 0);
    close_file(fs, two);
    faultfs_free(fs);
}

static void maps_show_later_writes(void **state)
{
    faultfs *fs = faultfs_new(1), *after;
    const vdb_vfs *vfs;
    vdb_file *file;
    void *map;

    (void)state;
    assert_null(faultfs_vfs(fs)->map);
    faultfs_offer_map(fs, true);
    vfs = faultfs_vfs(fs);
    file = durable_file(fs);
    assert_int_equal(vfs->map(vfs->arg, file, 0, (size_t)1 << 30, &map), 0);
    assert_int_equal(((char *)map)[2047], 'a');
    assert_int_equal(put(fs, file, 'b', 100000, 2000), 0);
    assert_int_equal(((char *)map)[101999], 'b');
    assert_int_equal(vfs->truncate(vfs->arg, file, 10), 0);
    assert_int_equal(((char *)map)[10], 0);
    after = faultfs_after_cut(fs, FAULTFS_NONE, 0);
    assert_non_null(faultfs_vfs(after)->map);
    faultfs_free(after);
    vfs->unmap(vfs->arg, file, map, (size_t)1 << 30);
    assert_int_equal(faultfs_mapped(fs), 0);
    vfs->unmap(vfs->arg, file, map, (size_t)1 << 30);
    assert_int_equal(faultfs_misuses(fs), 1);
    close_file(fs, file);
    faultfs_free(fs);
}

static void clock_and_random_are_deterministic(void **state)
{
    faultfs *one = faultfs_new(7), *two = faultfs_new(7), *three = faultfs_new(8);
    uint64_t a, b, c, before;

    (void)state;
    assert_int_equal(faultfs_vfs(one)->random(one, &a, sizeof a), 0);
    assert_int_equal(faultfs_vfs(two)->random(two, &b, sizeof b), 0);
    assert_int_equal(faultfs_vfs(three)->random(three, &c, sizeof c), 0);
    assert_int_equal(a, b);
    assert_int_not_equal(a, c);
    before = faultfs_vfs(one)->now(one);
    faultfs_advance(one, 5000);
    assert_int_equal(faultfs_vfs(one)->now(one), before + 6000);
    faultfs_free(one);
    faultfs_free(two);
    faultfs_free(three);
}

/* -------------------------------------------------------------- after a cut */

/* Everything synced: no damage of any seed may touch it. */
static void synced_is_never_lost(void **state)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs);

    (void)state;
    for (unsigned damage = 0; damage < FAULTFS_DAMAGES; damage++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            faultfs *after = faultfs_after_cut(fs, damage, seed);
            size_t size;
            char *data = contents(after, "f", &size);
            assert_non_null(data);
            assert_int_equal(size, 2048);
            assert_true(all_are(data, 0, size, 'a'));
            free(data);
            faultfs_free(after);
        }
    close_file(fs, file);
    faultfs_free(fs);
}

/* Unsynced writes all around: bytes that none of them covers stay. */
static void untouched_bytes_keep_their_value(void **state)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs);

    (void)state;
    assert_int_equal(put(fs, file, 'b', 100, 100), 0);
    assert_int_equal(put(fs, file, 'c', 700, 900), 0);
    assert_int_equal(put(fs, file, 'd', 900, 2048), 0);
    for (unsigned damage = 0; damage < FAULTFS_DAMAGES; damage++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            faultfs *after = faultfs_after_cut(fs, damage, seed);
            size_t size;
            char *data = contents(after, "f", &size);
            assert_non_null(data);
            assert_in_range(size, 2048, 2948);
            assert_true(all_are(data, 0, 100, 'a') && all_are(data, 200, 900, 'a') &&
                        all_are(data, 1600, 2048, 'a'));
            free(data);
            faultfs_free(after);
        }
    close_file(fs, file);
    faultfs_free(fs);
}

static void damages_repeat_for_a_seed(void **state)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs);

    (void)state;
    assert_int_equal(put(fs, file, 'b', 5000, 1000), 0);
    for (unsigned damage = 0; damage < FAULTFS_DAMAGES; damage++) {
        faultfs *one = faultfs_after_cut(fs, damage, 5);
        faultfs *two = faultfs_after_cut(fs, damage, 5);
        size_t size, size_two;
        char *data = contents(one, "f", &size),
             *data_two = contents(two, "f", &size_two);
        assert_int_equal(size, size_two);
        assert_memory_equal(data, data_two, size);
        assert_string_not_equal(faultfs_damage_name(damage), "?");
        free(data);
        free(data_two);
        faultfs_free(one);
        faultfs_free(two);
    }
    close_file(fs, file);
    faultfs_free(fs);
}

/* Three unsynced writes, each of a sector of its own: 'b' over 0, 'c' over 512, 'd'
 * over 1024; a letter for each sector says what an image holds. */
static faultfs *three_writes(void)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs);

    assert_int_equal(put(fs, file, 'b', 512, 0), 0);
    assert_int_equal(put(fs, file, 'c', 512, 512), 0);
    assert_int_equal(put(fs, file, 'd', 512, 1024), 0);
    close_file(fs, file);
    return fs;
}

static char letters[5];

static bool reads_letters(const char *data, size_t size)
{
    for (size_t i = 0; i < 4; i++)
        if (size != 2048 || !all_are(data, i * 512, i * 512 + 512, letters[i]))
            return false;
    return true;
}

static bool occurs_as(const faultfs *fs, unsigned damage, const char *sectors)
{
    memcpy(letters, sectors, sizeof letters);
    return occurs(fs, damage, reads_letters);
}

static bool always_as(const faultfs *fs, unsigned damage, const char *sectors)
{
    memcpy(letters, sectors, sizeof letters);
    return always(fs, damage, reads_letters);
}

static void whole_operations_survive_or_not(void **state)
{
    faultfs *fs = three_writes();

    (void)state;
    assert_true(always_as(fs, FAULTFS_NONE, "aaaa"));
    assert_true(always_as(fs, FAULTFS_NAMES_ONLY, "aaaa"));
    assert_true(always_as(fs, FAULTFS_ALL, "bcda"));
    assert_true(always_as(fs, FAULTFS_DATA_ONLY, "bcda"));
    assert_true(always_as(fs, FAULTFS_DROP_LAST, "bcaa"));
    assert_true(always_as(fs, FAULTFS_DROP_FIRST, "acda"));
    assert_true(always_as(fs, FAULTFS_KEEP_LAST, "aada"));
    assert_true(always_as(fs, FAULTFS_KEEP_FIRST, "baaa"));
    assert_true(occurs_as(fs, FAULTFS_DROP_ONE, "acda"));
    assert_true(occurs_as(fs, FAULTFS_DROP_ONE, "bada"));
    assert_true(occurs_as(fs, FAULTFS_DROP_ONE, "bcaa"));
    assert_true(occurs_as(fs, FAULTFS_KEEP_ONE, "baaa"));
    assert_true(occurs_as(fs, FAULTFS_KEEP_ONE, "acaa"));
    assert_true(occurs_as(fs, FAULTFS_KEEP_ONE, "aada"));
    assert_true(occurs_as(fs, FAULTFS_PREFIX, "aaaa"));
    assert_true(occurs_as(fs, FAULTFS_PREFIX, "baaa"));
    assert_true(occurs_as(fs, FAULTFS_PREFIX, "bcaa"));
    assert_true(occurs_as(fs, FAULTFS_SUFFIX, "acda"));
    assert_true(occurs_as(fs, FAULTFS_SUFFIX, "aada"));
    faultfs_free(fs);
}

/* Every one of the eight subsets, by whole operations and by sectors. */
static void every_subset_occurs(void **state)
{
    static const char *const SUBSETS[] = {"aaaa", "baaa", "acaa", "bcaa",
                                          "aada", "bada", "acda", "bcda"};
    faultfs *fs = three_writes();

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        assert_true(occurs_as(fs, FAULTFS_RANDOM, SUBSETS[i]));
        assert_true(occurs_as(fs, FAULTFS_SECTORS_HALF, SUBSETS[i]));
    }
    assert_true(occurs_as(fs, FAULTFS_SECTORS_FEW, "aada"));
    assert_true(occurs_as(fs, FAULTFS_SECTORS_MOST, "bada"));
    faultfs_free(fs);
}

/* One write over three sectors and a bit, from 1,000 to 2,548. */
static faultfs *one_write(void)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs);

    assert_int_equal(put(fs, file, 'b', 1548, 1000), 0);
    close_file(fs, file);
    return fs;
}

static bool lost_its_middle(const char *data, size_t size)
{
    return size == 2548 && all_are(data, 1000, 1024, 'b') &&
           all_are(data, 1024, 1536, 'a') && all_are(data, 1536, 2548, 'b');
}

static bool kept_only_the_end(const char *data, size_t size)
{
    return size == 2548 && all_are(data, 1000, 1536, 'a') &&
           all_are(data, 2048, 2548, 'b');
}

static bool grew_without_data(const char *data, size_t size)
{
    return size == 2548 && all_are(data, 2048, 2548, 0);
}

static bool torn_in_a_sector(const char *data, size_t size)
{
    size_t end = 1000;

    while (end < size && data[end] == 'b')
        end++;
    return end % 512 != 0 && end > 1000 && end < 2048 && size == 2048 &&
           all_are(data, end, 2048, 'a');
}

static bool hole_in_a_sector(const char *data, size_t size)
{
    size_t from = 1000, to;

    while (from < size && data[from] == 'b')
        from++;
    for (to = from; to < 2048 && data[to] == 'a'; to++)
        ;
    return from > 1000 && from < to && to < 2048 && (from % 512 || to % 512) &&
           all_are(data, to, size, 'b');
}

static bool zero_tail(const char *data, size_t size)
{
    size_t end = 1000;

    while (end < size && data[end] == 'b')
        end++;
    return size == 2548 && end > 1000 && end < size &&
           all_are(data, end, end < 2048 ? 2048 : end, 'a') &&
           all_are(data, end < 2048 ? 2048 : end, size, 0);
}

static bool zeros(const char *data, size_t size)
{
    return size == 2548 && all_are(data, 0, 2048, 'a') && all_are(data, 2048, 2548, 0);
}

static bool only_zeros_grew(const char *data, size_t size)
{
    return grew_without_data(data, size) && all_are(data, 0, 2048, 'a');
}

static bool is_garbage(const char *data, size_t from, size_t to)
{
    bool seen[256] = {false};
    size_t different = 0;

    for (size_t i = from; i < to; i++) {
        different += !seen[(unsigned char)data[i]];
        seen[(unsigned char)data[i]] = true;
    }
    return different > 100;
}

static bool garbage_grew(const char *data, size_t size)
{
    return size == 2548 && all_are(data, 0, 2048, 'a') && is_garbage(data, 2048, 2548);
}

static bool garbage_everywhere(const char *data, size_t size)
{
    return size == 2548 && all_are(data, 0, 1000, 'a') && is_garbage(data, 1000, 2548);
}

static bool new_sector_and_garbage(const char *data, size_t size)
{
    return garbage_grew(data, size) ||
           (size == 2548 && all_are(data, 1024, 1536, 'b') &&
            is_garbage(data, 2048, 2548));
}

static void writes_tear_and_leave_dirt(void **state)
{
    faultfs *fs = one_write();

    (void)state;
    assert_true(occurs(fs, FAULTFS_SECTORS_HALF, lost_its_middle));
    assert_true(occurs(fs, FAULTFS_SECTORS_HALF, kept_only_the_end));
    assert_true(always(fs, FAULTFS_SECTORS_REVERSE, kept_only_the_end));
    assert_true(occurs(fs, FAULTFS_SECTORS_SIZED, grew_without_data));
    assert_true(occurs(fs, FAULTFS_TEAR_LAST, torn_in_a_sector));
    assert_true(occurs(fs, FAULTFS_TEAR_ONE, hole_in_a_sector));
    assert_true(occurs(fs, FAULTFS_ZERO_TAIL, zero_tail));
    assert_true(always(fs, FAULTFS_ZERO_ONE, zeros));
    assert_true(always(fs, FAULTFS_SIZES_ONLY, only_zeros_grew));
    assert_true(always(fs, FAULTFS_GARBAGE_TAIL, garbage_grew));
    assert_true(always(fs, FAULTFS_GARBAGE_ONE, garbage_everywhere));
    assert_true(occurs(fs, FAULTFS_GARBAGE_MIXED, new_sector_and_garbage));
    faultfs_free(fs);
}

static bool old_bytes_return(const char *data, size_t size)
{
    return size == 1024 && all_are(data, 0, 1024, 'a');
}

static bool half_old_half_new(const char *data, size_t size)
{
    return size == 1024 && all_are(data, 0, 512, 'b') && all_are(data, 512, 1024, 'a');
}

static bool new_over_the_old(const char *data, size_t size)
{
    return size == 2048 && all_are(data, 0, 1024, 'b') &&
           all_are(data, 1024, 2048, 'a');
}

static bool kilobyte_of_zeros(const char *data, size_t size)
{
    return size == 1024 && all_are(data, 0, 1024, 0);
}

static bool is_empty(const char *data, size_t size)
{
    (void)data;
    return size == 0;
}

/* A log that starts anew: cut to nothing, then written from its beginning. */
static void stale_bytes_and_lost_truncations(void **state)
{
    faultfs *fs = faultfs_new(1);
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file = durable_file(fs);

    (void)state;
    assert_int_equal(vfs->truncate(vfs->arg, file, 0), 0);
    assert_int_equal(put(fs, file, 'b', 1024, 0), 0);
    assert_true(always(fs, FAULTFS_NO_TRUNCATE, new_over_the_old));
    assert_true(always(fs, FAULTFS_TRUNCATE_ONLY, is_empty));
    assert_true(always(fs, FAULTFS_STALE_TAIL, old_bytes_return));
    assert_true(occurs(fs, FAULTFS_STALE_MIXED, half_old_half_new));
    assert_int_equal(vfs->truncate(vfs->arg, file, 0), 0);
    assert_int_equal(vfs->truncate(vfs->arg, file, 1024), 0);
    assert_true(always(fs, FAULTFS_SIZES_ONLY, kilobyte_of_zeros));
    assert_int_equal(put(fs, file, 'a', 1024, 0), 0);
    assert_int_equal(vfs->truncate(vfs->arg, file, 0), 0);
    assert_int_equal(sync_file(fs, file), 0);
    assert_int_equal(put(fs, file, 'c', 1024, 0), 0);
    assert_true(always(fs, FAULTFS_STALE_TAIL, old_bytes_return));
    close_file(fs, file);
    faultfs_free(fs);
}

static bool cut_and_grown(const char *data, size_t size)
{
    return size == 200 && all_are(data, 0, 100, 'a') && all_are(data, 100, 200, 0);
}

static void what_was_cut_off_does_not_come_back_as_a_hole(void **state)
{
    faultfs *fs = faultfs_new(1);
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file = durable_file(fs);

    (void)state;
    assert_int_equal(vfs->truncate(vfs->arg, file, 100), 0);
    assert_int_equal(vfs->truncate(vfs->arg, file, 200), 0);
    assert_true(always(fs, FAULTFS_ALL, cut_and_grown));
    assert_true(always(fs, FAULTFS_SIZES_ONLY, cut_and_grown));
    close_file(fs, file);
    faultfs_free(fs);
}

static bool starts_with_a(const char *data, size_t size)
{
    return size >= 2048 && all_are(data, 0, 2048, 'a');
}

static void rewriting_the_same_is_harmless(void **state)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs);

    (void)state;
    assert_int_equal(put(fs, file, 'a', 3000, 0), 0);
    for (unsigned damage = 0; damage < FAULTFS_DAMAGES; damage++)
        assert_true(always(fs, damage, starts_with_a));
    close_file(fs, file);
    faultfs_free(fs);
}

static void names_are_durable_after_their_own_sync(void **state)
{
    faultfs *fs = faultfs_new(1), *after;
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file = durable_file(fs), *other = open_file(fs, "g");
    bool with = false, without = false;
    size_t size;
    char *data;

    (void)state;
    assert_int_equal(put(fs, other, 'g', 10, 0), 0);
    assert_int_equal(sync_file(fs, other), 0);
    assert_int_equal(sync_name(fs, "f"), 0); /* of another name: no help */
    close_file(fs, other);
    assert_int_equal(vfs->remove(vfs->arg, "f"), 0);
    after = faultfs_after_cut(fs, FAULTFS_NONE, 0);
    assert_false(exists(after, "g"));
    assert_true(exists(after, "f"));
    faultfs_free(after);
    after = faultfs_after_cut(fs, FAULTFS_DATA_ONLY, 0);
    assert_false(exists(after, "g"));
    faultfs_free(after);
    after = faultfs_after_cut(fs, FAULTFS_NAMES_ONLY, 0);
    assert_true(exists(after, "g"));
    assert_false(exists(after, "f"));
    data = contents(after, "g", &size);
    assert_string_equal(data, "gggggggggg");
    free(data);
    faultfs_free(after);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        after = faultfs_after_cut(fs, FAULTFS_NAMES_RANDOM, seed);
        with |= exists(after, "g") && exists(after, "f");
        without |= !exists(after, "g") && !exists(after, "f");
        faultfs_free(after);
    }
    assert_true(with && without);
    assert_int_equal(sync_name(fs, "g"), 0);
    assert_int_equal(sync_name(fs, "f"), 0);
    after = faultfs_after_cut(fs, FAULTFS_NONE, 0);
    assert_true(exists(after, "g"));
    assert_false(exists(after, "f"));
    faultfs_free(after);
    close_file(fs, file);
    faultfs_free(fs);
}

static void a_name_without_data_is_an_empty_file(void **state)
{
    faultfs *fs = faultfs_new(1), *after;
    vdb_file *file = open_file(fs, "f");

    (void)state;
    assert_int_equal(put(fs, file, 'x', 10, 0), 0);
    assert_int_equal(sync_name(fs, "f"), 0);
    after = faultfs_after_cut(fs, FAULTFS_NONE, 0);
    assert_true(exists(after, "f"));
    assert_true(always(fs, FAULTFS_NONE, is_empty));
    faultfs_free(after);
    close_file(fs, file);
    faultfs_free(fs);
}

static void one_file_may_be_ahead_of_another(void **state)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs), *other = open_file(fs, "g");
    bool only_f = false, only_g = false;

    (void)state;
    assert_int_equal(sync_name(fs, "g"), 0);
    assert_int_equal(put(fs, file, 'b', 10, 0), 0);
    assert_int_equal(put(fs, other, 'b', 10, 0), 0);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        faultfs *after = faultfs_after_cut(fs, FAULTFS_ONE_FILE, seed);
        size_t size_f, size_g;
        char *f = contents(after, "f", &size_f), *g = contents(after, "g", &size_g);
        only_f |= f[0] == 'b' && size_g == 0;
        only_g |= f[0] == 'a' && size_g == 10;
        free(f);
        free(g);
        faultfs_free(after);
    }
    assert_true(only_f && only_g);
    assert_int_equal(sync_file(fs, other), 0);
    assert_int_equal(faultfs_unsynced(fs), 1); /* that of f */
    close_file(fs, file);
    close_file(fs, other);
    faultfs_free(fs);
}

/* ------------------------------------------------------------- cut at a call */

static void a_cut_write_may_survive_and_a_cut_sync_does_nothing(void **state)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs); /* calls 1 to 4 */
    char byte;
    size_t got;

    (void)state;
    assert_int_equal(faultfs_calls(fs), 4);
    faultfs_cut_at(fs, 5);
    assert_int_equal(put(fs, file, 'b', 512, 0), -EIO);
    assert_true(faultfs_is_cut(fs));
    assert_int_equal(put(fs, file, 'c', 512, 0), -EIO);
    assert_int_equal(sync_file(fs, file), -EIO);
    assert_int_equal(faultfs_vfs(fs)->read(fs, file, &byte, 1, 0, &got), -EIO);
    assert_int_equal(faultfs_vfs(fs)->close(fs, file), -EIO);
    assert_int_equal(faultfs_open_files(fs), 0);
    assert_int_equal(faultfs_calls(fs), 5);
    assert_true(occurs_as(fs, FAULTFS_NONE, "aaaa"));
    assert_true(occurs_as(fs, FAULTFS_ALL, "baaa"));
    faultfs_free(fs);

    fs = faultfs_new(1);
    file = durable_file(fs);
    assert_int_equal(put(fs, file, 'b', 512, 0), 0);
    faultfs_cut_at(fs, 6);
    assert_int_equal(sync_file(fs, file), -EIO);
    assert_true(occurs_as(fs, FAULTFS_NONE, "aaaa"));
    assert_int_equal(faultfs_vfs(fs)->close(fs, file), -EIO);
    faultfs_free(fs);
}

static void a_program_can_live_through_a_crash(void **state)
{
    faultfs *fs = three_writes();
    uint64_t calls = faultfs_calls(fs);
    size_t size;
    char *data;

    (void)state;
    faultfs_cut_now(fs);
    faultfs_crash(fs, FAULTFS_DROP_LAST, 0);
    assert_false(faultfs_is_cut(fs));
    assert_int_equal(faultfs_calls(fs), calls);
    assert_int_equal(faultfs_unsynced(fs), 0);
    data = contents(fs, "f", &size);
    memcpy(letters, "bcaa", 5);
    assert_true(reads_letters(data, size));
    free(data);
    faultfs_free(fs);
}

/* ------------------------------------------------------------------- faults */

static void the_nth_call_fails_once_or_for_ever(void **state)
{
    faultfs *fs = faultfs_new(1);
    vdb_file *file = durable_file(fs);

    (void)state;
    faultfs_arm(fs, FAULTFS_WRITE, 2, EDQUOT, false);
    assert_int_equal(put(fs, file, 'b', 4, 0), 0);
    assert_int_equal(sync_file(fs, file), 0);
    assert_int_equal(faultfs_fired(fs), 0);
    assert_int_equal(put(fs, file, 'b', 4, 0), -EDQUOT);
    assert_int_equal(put(fs, file, 'b', 4, 0), 0);
    assert_int_equal(faultfs_fired(fs), 1);
    assert_int_equal(faultfs_fired_kind(fs), FAULTFS_WRITE);
    assert_int_equal(faultfs_calls_of(fs, FAULTFS_WRITE), 4);
    assert_int_equal(faultfs_calls_of(fs, FAULTFS_WRITE | FAULTFS_SYNC), 6);
    faultfs_arm(fs, FAULTFS_EVERY_KIND, 1, EIO, true);
    assert_false(exists(fs, "f"));
    assert_int_equal(put(fs, file, 'b', 4, 0), -EIO);
    faultfs_disarm(fs);
    assert_int_equal(put(fs, file, 'b', 4, 0), 0);
    close_file(fs, file);
    faultfs_free(fs);
}

static void a_failed_write_may_have_written_a_beginning(void **state)
{
    bool nothing = false, some = false, whole = false;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        faultfs *fs = faultfs_new(seed);
        vdb_file *file = durable_file(fs);
        size_t size, end = 0;
        char *data;
        faultfs_arm(fs, FAULTFS_WRITE, 1, EIO, false);
        assert_int_equal(put(fs, file, 'b', 8, 0), -EIO);
        data = contents(fs, "f", &size);
        while (data[end] == 'b')
            end++;
        assert_in_range(end, 0, 8);
        assert_true(all_are(data, end, 2048, 'a'));
        nothing |= end == 0;
        some |= end > 0 && end < 8;
        whole |= end == 8;
        free(data);
        close_file(fs, file);
        faultfs_free(fs);
    }
    assert_true(nothing && some && whole);
}

static void a_failed_sync_forgets_what_it_had_to_save(void **state)
{
    bool lost = false, saved = false;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        faultfs *fs = faultfs_new(seed), *after;
        vdb_file *file = durable_file(fs);
        size_t size;
        char *data;
        assert_int_equal(put(fs, file, 'b', 512, 0), 0);
        faultfs_arm(fs, FAULTFS_SYNC, 1, EIO, false);
        assert_int_equal(sync_file(fs, file), -EIO);
        assert_int_equal(put(fs, file, 'c', 512, 512), 0);
        assert_int_equal(sync_file(fs, file), 0); /* lies about the first write */
        data = contents(fs, "f", &size);
        assert_true(all_are(data, 0, 512, 'b'));
        free(data);
        after = faultfs_after_cut(fs, FAULTFS_ALL, seed);
        data = contents(after, "f", &size);
        assert_true(all_are(data, 512, 1024, 'c'));
        lost |= data[0] == 'a';
        saved |= data[0] == 'b';
        free(data);
        faultfs_free(after);
        close_file(fs, file);
        faultfs_evict(fs);
        file = open_file(fs, "f");
        assert_int_equal(put(fs, file, 'd', 512, 0), 0);
        assert_int_equal(sync_file(fs, file), 0);
        memcpy(letters, "dcaa", 5);
        assert_true(occurs(fs, FAULTFS_NONE, reads_letters));
        close_file(fs, file);
        faultfs_free(fs);
    }
    assert_true(lost && saved);
}

static void evicting_reverts_what_was_lost(void **state)
{
    bool reverted = false;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS && !reverted; seed++) {
        faultfs *fs = faultfs_new(seed);
        vdb_file *file = durable_file(fs);
        size_t size;
        char *data;
        assert_int_equal(put(fs, file, 'b', 512, 0), 0);
        faultfs_arm(fs, FAULTFS_SYNC, 1, EIO, false);
        assert_int_equal(sync_file(fs, file), -EIO);
        assert_int_equal(put(fs, file, 'c', 512, 512), 0);
        close_file(fs, file);
        faultfs_evict(fs);
        data = contents(fs, "f", &size);
        assert_true(all_are(data, 512, 1024, 'c')); /* dirty: stays */
        reverted = data[0] == 'a';
        free(data);
        faultfs_free(fs);
    }
    assert_true(reverted);
}

static void a_full_disk_takes_what_fits(void **state)
{
    faultfs *fs = faultfs_new(1);
    const vdb_vfs *vfs = faultfs_vfs(fs);
    vdb_file *file = durable_file(fs), *other = open_file(fs, "g");
    vdb_file_info info = {.struct_size = sizeof info};

    (void)state;
    assert_int_equal(faultfs_used(fs), 4096);
    faultfs_set_capacity(fs, 3 * 4096);
    assert_int_equal(put(fs, file, 'b', 3 * 4096, 2048), -ENOSPC);
    assert_int_equal(vfs->info(vfs->arg, file, &info), 0);
    assert_int_equal(info.size, 3 * 4096);
    assert_int_equal(put(fs, file, 'c', 4096, 0), 0); /* overwriting needs none */
    assert_int_equal(put(fs, other, 'c', 1, 0), -ENOSPC);
    assert_int_equal(vfs->truncate(vfs->arg, file, 5000), 0);
    assert_int_equal(faultfs_used(fs), 2 * 4096);
    assert_int_equal(vfs->reserve(vfs->arg, other, 0, 4097), -ENOSPC);
    assert_int_equal(put(fs, file, 'd', 1, 9000), -ENOSPC); /* reserve took it */
    assert_int_equal(put(fs, other, 'c', 4096, 0), 0);
    close_file(fs, other);
    assert_int_equal(vfs->remove(vfs->arg, "g"), 0);
    assert_int_equal(put(fs, file, 'd', 1, 9000), 0);
    assert_int_equal(vfs->truncate(vfs->arg, file, 1 << 20), 0); /* sparse */
    assert_int_equal(put(fs, file, 'd', 1, 1 << 19), -ENOSPC);
    faultfs_set_capacity(fs, 0);
    assert_int_equal(put(fs, file, 'd', 1, 1 << 19), 0);
    close_file(fs, file);
    faultfs_free(fs);
}

/* ---------------------------------------------------------------- allocator */

static void the_nth_allocation_fails(void **state)
{
    faultmem *memory = faultmem_new();
    const vdb_allocator *a = faultmem_allocator(memory);
    void *one, *two;
    size_t size;

    (void)state;
    faultmem_fail_at(memory, 2, false);
    one = a->allocate(a->arg, 100, 64);
    assert_non_null(one);
    assert_int_equal((uintptr_t)one % 64, 0);
    assert_null(a->allocate(a->arg, 100, 8));
    two = a->allocate(a->arg, 50, 4096);
    assert_non_null(two);
    assert_int_equal((uintptr_t)two % 4096, 0);
    assert_int_equal(faultmem_fired(memory), 1);
    assert_int_equal(faultmem_calls(memory), 3);
    faultmem_fail_at(memory, 1, true);
    assert_null(a->allocate(a->arg, 1, 1));
    assert_null(a->allocate(a->arg, 1, 1));
    faultmem_heal(memory);
    a->release(a->arg, one);
    assert_int_equal(faultmem_blocks(memory), 1);
    assert_int_equal(faultmem_bytes(memory), 50);
    assert_int_equal(faultmem_peak(memory), 150);
    assert_int_equal(faultmem_oldest(memory, &size), 3);
    assert_int_equal(size, 50);
    a->release(a->arg, two);
    assert_int_equal(faultmem_blocks(memory), 0);
    assert_int_equal(faultmem_misuses(memory), 0);
    faultmem_free(memory);
}

static void bad_releases_are_noticed(void **state)
{
    faultmem *memory = faultmem_new();
    const vdb_allocator *a = faultmem_allocator(memory);
    char *block = a->allocate(a->arg, 10, 1);
    int elsewhere;

    (void)state;
    a->release(a->arg, &elsewhere);
    assert_int_equal(faultmem_misuses(memory), 1);
    a->release(a->arg, block);
    a->release(a->arg, block);
    assert_int_equal(faultmem_misuses(memory), 2);
    block = a->allocate(a->arg, 10, 1);
    block[10] = 1;
    a->release(a->arg, block);
    assert_int_equal(faultmem_misuses(memory), 3);
    assert_null(a->allocate(a->arg, 10, 3));
    assert_int_equal(faultmem_misuses(memory), 4);
    faultmem_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_see_every_write),
        cmocka_unit_test(names_open_as_flags_say),
        cmocka_unit_test(locks_belong_to_open_files),
        cmocka_unit_test(maps_show_later_writes),
        cmocka_unit_test(clock_and_random_are_deterministic),
        cmocka_unit_test(synced_is_never_lost),
        cmocka_unit_test(untouched_bytes_keep_their_value),
        cmocka_unit_test(damages_repeat_for_a_seed),
        cmocka_unit_test(whole_operations_survive_or_not),
        cmocka_unit_test(every_subset_occurs),
        cmocka_unit_test(writes_tear_and_leave_dirt),
        cmocka_unit_test(stale_bytes_and_lost_truncations),
        cmocka_unit_test(what_was_cut_off_does_not_come_back_as_a_hole),
        cmocka_unit_test(rewriting_the_same_is_harmless),
        cmocka_unit_test(names_are_durable_after_their_own_sync),
        cmocka_unit_test(a_name_without_data_is_an_empty_file),
        cmocka_unit_test(one_file_may_be_ahead_of_another),
        cmocka_unit_test(a_cut_write_may_survive_and_a_cut_sync_does_nothing),
        cmocka_unit_test(a_program_can_live_through_a_crash),
        cmocka_unit_test(the_nth_call_fails_once_or_for_ever),
        cmocka_unit_test(a_failed_write_may_have_written_a_beginning),
        cmocka_unit_test(a_failed_sync_forgets_what_it_had_to_save),
        cmocka_unit_test(evicting_reverts_what_was_lost),
        cmocka_unit_test(a_full_disk_takes_what_fits),
        cmocka_unit_test(the_nth_allocation_fails),
        cmocka_unit_test(bad_releases_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
