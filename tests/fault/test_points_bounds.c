/* test_points_bounds.c: the rules of design.md about budgets, limits, slots and
 * columns, each with the scenario that breaks when the rule is broken. */
#include <errno.h>

#include "points.h"
#include "store/record.h"
#include "store/slots.h"

/* ------------------------------------------------------------------ budgets */

static void a_commit_beyond_the_bound_is_refused_before_any_change(void **state)
{
    enum {
        COUNT = 4000
    };
    machine *m = machine_new(true);
    vdb_rows rows = VDB_ROWS_INIT;
    const char **ids = calloc(COUNT, sizeof *ids);
    char *text = malloc(COUNT * 32);
    float *vectors = calloc(COUNT * 64, sizeof *vectors);
    uint64_t calls;
    vdb_stats before, after;

    (void)state;
    assert_true(ids && text && vectors);
    for (unsigned n = 0; n < COUNT; n++)
        ids[n] = row_id(n, text + n * 32);
    rows.ids = ids;
    rows.vectors = vectors;
    rows.count = COUNT;
    rows.dim = 64;
    machine_open(m);
    before = stats_of(m);
    calls = faultfs_calls(m->fs);
    expect_failed(vdb_put(m->db, &rows, NULL, NULL), VDB_FULL,
                  "half of the log's bound of 1048576");
    after = stats_of(m);
    assert_int_equal(faultfs_calls(m->fs), calls);
    assert_int_equal(after.sequence, before.sequence);
    assert_int_equal(after.slots, 0);
    assert_int_equal(after.checkpoints, before.checkpoints);
    rows.count = 1000;
    assert_int_equal(vdb_put(m->db, &rows, NULL, NULL), VDB_OK);
    calls = faultfs_calls(m->fs);
    expect_failed(vdb_put(m->db,
                          &(vdb_rows){.struct_size = sizeof rows,
                                      .ids = ids,
                                      .vectors = vectors,
                                      .count = COUNT,
                                      .dim = 64},
                          NULL, NULL),
                  VDB_FULL, "half of the log's bound of 1048576");
    assert_int_equal(faultfs_calls(m->fs), calls);
    assert_int_equal(stats_of(m).vectors, 1000);
    free(ids);
    free(text);
    free(vectors);
    machine_free(m);
}

static void the_logs_keep_their_bound(void **state)
{
    machine *m = machine_new(true);
    vdb_stats stats;

    (void)state;
    machine_open(m);
    for (unsigned n = 0; n < 16000; n++) {
        put(m, n % 3000, (int)n);
        if (n % 64 == 0)
            assert_true(stats_of(m).log_bytes <= 2 * m->options.log_bytes);
    }
    stats = stats_of(m);
    assert_true(stats.checkpoints > 1);
    machine_kill(m);
    machine_open(m);
    expect_sound(m, 3000);
    machine_free(m);
}

/* Random ids dirty far more pages than they write to the log. */
static void dirty_pages_start_a_checkpoint(void **state)
{
    machine *m = machine_new(true);
    uint64_t random = 7, most = 0;

    (void)state;
    m->options.dirty_bytes = 512 << 10;
    machine_open(m);
    put_many(m, 0, 3000, 1);
    for (unsigned i = 0; i < 1500; i++) {
        vdb_stats stats;
        put(m, (unsigned)(fault_random(&random) % 3000), 2);
        stats = stats_of(m);
        if (stats.dirty_bytes > most)
            most = stats.dirty_bytes;
    }
    assert_true(most <= m->options.dirty_bytes + (128u << 10));
    assert_true(stats_of(m).checkpoints > 2);
    expect_sound(m, 3000);
    machine_free(m);
}

static void a_full_disk_takes_deletes_and_their_checkpoint(void **state)
{
    (void)state;
    for (uint64_t room = 128; room <= 1024; room *= 2) {
        machine *m = machine_new(true);
        unsigned n = 0;
        vdb_status status;
        machine_open(m);
        put_many(m, 0, 50, 1);
        checkpoint(m);
        faultfs_set_capacity(m->fs, faultfs_used(m->fs) + (room << 10));
        for (n = 50; n < 100000 && !(status = try_put(m, n, 1));)
            n++;
        expect_failed(status, VDB_FULL, "");
        assert_int_equal(stats_of(m).poisoned, 0);
        expect(m, n - 1, 1);
        for (unsigned i = 0; i < n; i += 2) {
            drop(m, i);
            if (i % 500 == 498) /* the reserve is for some hundred */
                checkpoint(m);
        }
        checkpoint(m);
        checkpoint(m);
        put(m, 0, 2);
        expect_sound(m, n / 2 + 1);
        machine_kill(m);
        machine_open(m);
        expect_sound(m, n / 2 + 1);
        machine_free(m);
    }
}

/* -------------------------------------------------------------------- slots */

static void a_slot_that_a_snapshot_sees_is_not_reused(void **state)
{
    machine *m = machine_new(true);
    vdb_snapshot *snapshot;

    (void)state;
    machine_open(m);
    put_many(m, 0, 10, 1);
    assert_int_equal(vdb_snapshot_new(m->db, &snapshot), VDB_OK);
    drop(m, 3);
    put(m, 20, 1);
    assert_int_equal(stats_of(m).slots, 11);
    checkpoint(m);
    put(m, 21, 1);
    assert_int_equal(stats_of(m).slots, 12);
    expect_held(m, snapshot, 3, 1);
    expect_held(m, snapshot, 20, ABSENT);
    vdb_snapshot_free(snapshot);
    put(m, 22, 1);
    assert_int_equal(stats_of(m).slots, 12);
    expect_sound(m, 12);
    machine_free(m);
}

static void dead_slots_are_learnt_at_opening(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    machine_open(m);
    put_many(m, 0, 10, 1);
    drop(m, 3);
    drop(m, 7);
    machine_close(m);
    machine_open(m);
    put_many(m, 20, 2, 1);
    assert_int_equal(stats_of(m).slots, 10);
    put(m, 22, 1);
    assert_int_equal(stats_of(m).slots, 11);
    expect_sound(m, 11);
    machine_free(m);
}

/* Copying a block to put one row into it is dear: the block with most room is taken. */
static void reuse_prefers_the_emptiest_block(void **state)
{
    vdbi_memory memory;
    vdbi_slots *slots;
    vdbi_image image = {.dimension = DIM};
    uint32_t per_block = vdbi_rows_per_block(DIM), slot;

    (void)state;
    vdbi_memory_init(&memory, NULL);
    image.slot_count = 6 * per_block;
    assert_int_equal(vdbi_slots_create(&memory, &slots), VDB_OK);
    /* Block 1 has three free slots, 3 has nine, 5 has four. */
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(vdbi_slots_kill(slots, per_block + 5 * i, 1), VDB_OK);
    for (uint32_t i = 0; i < 9; i++)
        assert_int_equal(vdbi_slots_kill(slots, 3 * per_block + 7 * i, 1), VDB_OK);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(vdbi_slots_kill(slots, 5 * per_block + i, 1), VDB_OK);
    vdbi_slots_release(slots, 1);
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(vdbi_slots_take(slots, &image, &slot), VDB_OK);
        assert_int_equal(slot / per_block, 3);
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(vdbi_slots_take(slots, &image, &slot), VDB_OK);
        assert_int_equal(slot / per_block, 5);
    }
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(vdbi_slots_take(slots, &image, &slot), VDB_OK);
        assert_int_equal(slot / per_block, 1);
    }
    assert_int_equal(vdbi_slots_take(slots, &image, &slot), VDB_OK);
    assert_int_equal(slot, image.slot_count);
    vdbi_slots_free(slots);
}

/* ------------------------------------------------------------------ columns */

/* {"f<first>": value, ..., "f<first + count - 1>": value} */
static char *many_fields(unsigned first, unsigned count, int value)
{
    char *json = malloc(count * 24 + 3), *p = json;

    assert_non_null(json);
    *p++ = '{';
    for (unsigned i = first; i < first + count; i++)
        p += sprintf(p, "%s\"f%u\": %d", i > first ? ", " : "", i, value + (int)i);
    strcpy(p, "}");
    return json;
}

static void put_fields(machine *m, unsigned n, unsigned first, unsigned count,
                       int value)
{
    char *json = many_fields(first, count, value), id[32];
    const float vector[DIM] = {1};
    vdb_status status = vdb_insert(m->db, row_id(n, id), vector, DIM, json);

    if (status)
        fail_msg("many fields: %s: %s", vdb_status_name(status), vdb_errmsg());
    free(json);
}

static uint64_t count_field(machine *m, const char *op, unsigned field, int value)
{
    char text[128];

    if (!strcmp(op, "exists"))
        snprintf(text, sizeof text, "{\"op\":\"exists\",\"field\":\"f%u\"}", field);
    else
        snprintf(text, sizeof text, "{\"op\":\"%s\",\"field\":\"f%u\",\"value\":%d}",
                 op, field, value);
    return count_where(m, text);
}

static void expect_fields(machine *m)
{
    static const unsigned fields[] = {0, 700, 1023, 1024, 1025, 1400, 1499};

    assert_int_equal(stats_of(m).fields, 1024);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        unsigned f = fields[i];
        /* Row 0 has f with f, row 1 with 1000 + f, row 2 those from 1300 on. */
        assert_int_equal(count_field(m, "exists", f, 0), 2 + (f >= 1300));
        assert_int_equal(count_field(m, "eq", f, (int)f), 1 + (f >= 1300));
        assert_int_equal(count_field(m, "gte", f, (int)f), 2 + (f >= 1300));
        assert_int_equal(count_field(m, "gt", f, (int)f), 1);
        assert_int_equal(count_field(m, "eq", f, 3), 0);
    }
    assert_int_equal(count_field(m, "exists", 5000, 0), 0);
}

static void fields_beyond_the_columns_are_filtered_right(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    machine_open(m);
    put_fields(m, 0, 0, 1500, 0);
    put_fields(m, 1, 0, 1500, 1000);
    put_fields(m, 2, 1300, 200, 0);
    put(m, 9, 1); /* "n", "v", "even": without columns, too */
    expect_fields(m);
    assert_int_equal(count_where(m, "{\"op\":\"eq\",\"field\":\"n\",\"value\":9}"), 1);
    expect_sound(m, 4);
    machine_kill(m);
    machine_open(m); /* replayed */
    expect_fields(m);
    machine_close(m);
    machine_open(m); /* saved */
    expect_fields(m);
    assert_int_equal(count_where(m, "{\"op\":\"eq\",\"field\":\"n\",\"value\":9}"), 1);
    expect_sound(m, 4);
    machine_free(m);
}

static void many_distinct_keys_are_no_bomb(void **state)
{
    machine *m = machine_new(true);
    content file;

    (void)state;
    m->options.log_bytes = 8 << 20;
    machine_open(m);
    for (unsigned n = 0; n < 25; n++)
        put_fields(m, n, n * 2000, 2000, 0);
    assert_int_equal(stats_of(m).fields, 1024);
    assert_int_equal(count_field(m, "exists", 49999, 0), 1);
    expect_sound(m, 25);
    machine_close(m);
    file = content_get(m, MAIN);
    assert_true(file.size < 16u << 20); /* a page for each column, the documents */
    content_free(&file);
    machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_beyond_the_bound_is_refused_before_any_change),
        cmocka_unit_test(the_logs_keep_their_bound),
        cmocka_unit_test(dirty_pages_start_a_checkpoint),
        cmocka_unit_test(a_full_disk_takes_deletes_and_their_checkpoint),
        cmocka_unit_test(a_slot_that_a_snapshot_sees_is_not_reused),
        cmocka_unit_test(dead_slots_are_learnt_at_opening),
        cmocka_unit_test(reuse_prefers_the_emptiest_block),
        cmocka_unit_test(fields_beyond_the_columns_are_filtered_right),
        cmocka_unit_test(many_distinct_keys_are_no_bomb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
