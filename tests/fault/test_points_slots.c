/* test_points_slots.c: the rules of docs/format.md about slots that a graph may have, each
 * with the scenario that breaks when the rule is broken. */
#include <errno.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "points_graph.h"
#include "store/store_priv.h"

/* -------------------------------------------------------------------- slots */

/* Without a graph, and without db's managing it, nothing is different. */
static void without_a_graph_slots_are_free_at_once(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    begin(m, ROWS);
    for (unsigned round = 0; round < 5; round++)
        for (unsigned n = 0; n < ROWS; n++)
            put(m, n, (int)round + 2);
    assert_int_equal(slots(m), ROWS + 1);
    reopen(m);
    for (unsigned n = 0; n < ROWS; n++)
        put(m, n, 9);
    assert_int_equal(slots(m), ROWS + 1);
    machine_free(m);
}

static void a_dead_slot_waits_to_be_unlinked(void **state)
{
    machine *m = machine_new(true);
    vdb_snapshot *snapshot;
    uint32_t dead[8];
    size_t count;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    assert_int_equal(vdb_snapshot_new(m->db, &snapshot), VDB_OK);
    drop(m, 3);
    drop(m, 7);
    vdbi_turn_take(m->db);
    assert_int_equal(vdbi_store_dead_slots(m->db->store, &m->db->newest->image,
                                           vdbi_version_oldest(m->db), dead, 8, &count),
                     VDB_OK);
    vdbi_turn_give(m->db);
    assert_int_equal(count, 0); /* the snapshot shows them */
    vdb_snapshot_free(snapshot);
    put(m, ROWS, 1);
    assert_int_equal(slots(m), ROWS + 1);
    vdbi_turn_take(m->db);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(vdbi_store_dead_slots(m->db->store, &m->db->newest->image,
                                               vdbi_version_oldest(m->db), dead, 1,
                                               &count),
                         VDB_OK);
        assert_int_equal(count, 1);
        assert_int_equal(dead[0], i ? 7 : 3);
    }
    vdbi_turn_give(m->db);
    put(m, ROWS + 1, 1); /* fetched is not yet unlinked */
    assert_int_equal(slots(m), ROWS + 2);
    vdbi_turn_take(m->db);
    dead[1] = 3;
    vdbi_store_unlinked(m->db->store, dead, 2);
    vdbi_turn_give(m->db);
    put(m, ROWS + 2, 1); /* no graph is saved: free at once */
    put(m, ROWS + 3, 1);
    assert_int_equal(slots(m), ROWS + 2);
    put(m, ROWS + 4, 1);
    assert_int_equal(slots(m), ROWS + 3);
    machine_free(m);
}

/* The saved graph has the slot: not before a save without it is durable. */
static void a_saved_slot_waits_for_a_save_without_it(void **state)
{
    machine *m = machine_new(true);
    uint64_t number;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    put(m, ROWS, 1); /* not linked: it is free as soon as it is unlinked */
    uint32_t never = slot_of(m, ROWS);
    drop(m, 5);
    drop(m, ROWS);
    unlink_dead(m, true);
    put(m, ROWS + 1, 1);
    assert_int_equal(slot_of(m, ROWS + 1), never);
    put(m, ROWS + 2, 1);
    assert_int_equal(slots(m), ROWS + 2);
    checkpoint(m); /* no save */
    put(m, ROWS + 3, 1);
    assert_int_equal(slots(m), ROWS + 3);
    assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number), VDB_OK);
    put(m, ROWS + 4, 1); /* finished, not durable */
    assert_int_equal(slots(m), ROWS + 4);
    checkpoint(m);
    synthetic_settled(&graph, m->db, number);
    put(m, ROWS + 5, 1);
    assert_int_equal(slots(m), ROWS + 4);
    assert_int_equal(slot_of(m, ROWS + 5), 5);
    reopen(m);
    load(m);
    expect_sound(m, ROWS + 4);
    machine_free(m);
}

/* The bitmap that is being saved may have a slot which is unlinked meanwhile, though the
 * one in force has not. */
static void unlink_meanwhile(void *arg)
{
    unlink_dead(arg, true);
    put(arg, ROWS + 1, 1);
}

static void a_slot_unlinked_during_a_save_waits_for_its_end(void **state)
{
    (void)state;
    for (unsigned abandoned = 0; abandoned < 2; abandoned++) {
        machine *m = machine_new(true);
        uint64_t number;
        begin(m, ROWS);
        link_all(m);
        drop(m, 5);
        assert_int_equal(
            synthetic_save(&graph, m->db, unlink_meanwhile, m, !abandoned, &number),
            VDB_OK);
        assert_int_equal(slots(m), ROWS + 1);
        put(m, ROWS + 2, 1);
        if (abandoned) { /* no graph has it then */
            assert_int_equal(slots(m), ROWS + 1);
            machine_free(m);
            continue;
        }
        assert_int_equal(slots(m), ROWS + 2);
        checkpoint(m);
        synthetic_settled(&graph, m->db, number);
        put(m, ROWS + 3, 1);
        assert_int_equal(slots(m), ROWS + 3);
        checkpoint(m);
        save(m);
        put(m, ROWS + 4, 1);
        assert_int_equal(slots(m), ROWS + 3);
        reopen(m);
        load(m);
        machine_free(m);
    }
}

static void a_drop_frees_what_waits(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    drop(m, 5);
    unlink_dead(m, true);
    put(m, ROWS, 1);
    assert_int_equal(slots(m), ROWS + 1);
    synthetic_drop(&graph, m->db);
    put(m, ROWS + 1, 1);
    assert_int_equal(slot_of(m, ROWS + 1), 5);
    checkpoint(m);
    expect_sound(m, ROWS + 1);
    machine_free(m);
}

static void an_opening_learns_which_dead_slots_are_linked(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    put_many(m, ROWS, 4, 1); /* slots ROWS to ROWS + 3, not linked */
    drop(m, ROWS);
    drop(m, ROWS + 2);
    drop(m, 8);
    reopen(m);
    load(m);
    put(m, 100, 1);
    put(m, 101, 1);
    assert_int_equal(slots(m), ROWS + 4);
    put(m, 102, 1);
    assert_int_equal(slots(m), ROWS + 5);
    unlink_dead(m, true);
    put(m, 103, 1);
    assert_int_equal(slots(m), ROWS + 6);
    save(m);
    put(m, 104, 1);
    assert_int_equal(slot_of(m, 104), 8);
    reopen(m);
    load(m);
    machine_free(m);
}

/* -------------------------------------------------------------------- replay */

static void a_replayed_put_is_fresh(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 6; kind++) {
        machine *m = a_put_into_a_linked_slot();
        synthetic_state found;
        uint64_t serial, number;
        assert_true(synthetic_replayed(m->db, 5));
        assert_false(synthetic_replayed(m->db, 4));
        expect_saved(m, 1);
        if (kind == 0) { /* the checkpoint that saves the put clears the bit */
            put(m, ROWS + 1, 1);
            checkpoint(m);
        } else if (kind == 1) { /* so does a clean close */
            reopen(m);
            assert_false(synthetic_replayed(m->db, 5));
        } else if (kind == 2) { /* and a save, though it does not put that block */
            load(m);
            graph.dirty.linked = false;
            assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number),
                             VDB_OK);
            checkpoint(m);
            assert_int_equal(vdbi_graph_save_number(m->db->store), number);
        } else if (kind == 3) { /* a crash before that changes nothing */
            machine_cut(m, FAULTFS_NONE, 2);
            machine_open(m);
            assert_true(synthetic_replayed(m->db, 5));
            checkpoint(m);
        } else if (kind == 4) { /* a checkpoint that fails has not cleared it */
            m->hook = full_main;
            assert_int_equal(vdb_checkpoint(m->db, NULL), VDB_FULL);
            m->hook = NULL;
            checkpoint(m);
        } else { /* nor has a save that fails */
            load(m);
            assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, false, &number),
                             VDB_OK);
            checkpoint(m);
        }
        machine_kill(m);
        machine_open(m);
        assert_null(synthetic_verify(m->db, &serial, &found));
        assert_true(serial > 0);
        assert_int_equal(vdbi_bit_get(found.linked, 5), 0);
        assert_int_equal(vdbi_bit_get(found.linked, 4), 1);
        expect_sound(m, kind == 0 ? ROWS + 1 : ROWS);
        machine_free(m);
    }
}

/* A slot that replay has put into and killed again is not linked, whatever the bit says. */
static void a_replayed_put_that_died_is_free(void **state)
{
    machine *m = a_put_into_a_linked_slot();

    (void)state;
    drop(m, ROWS);
    machine_cut(m, FAULTFS_NONE, 1);
    machine_open(m);
    put(m, ROWS + 1, 1);
    assert_int_equal(slot_of(m, ROWS + 1), 5);
    reopen(m);
    synthetic_allow(&graph, 1);
    load(m);
    expect_sound(m, ROWS);
    machine_free(m);
}

/* The truncation of the old log fails, so the older meta page could still be opened with;
 * a slot that the newer graph lacks, and the older has, is put into; the newer meta page
 * rots. */
static int no_truncation(machine *m, uint32_t kind, const char *name)
{
    (void)m, (void)name;
    return kind == FAULTFS_TRUNCATE ? -EIO : 0;
}

static void the_older_meta_page_knows_the_put(void **state)
{
    machine *m = machine_new(true);
    synthetic_state found;
    uint64_t number, serial;
    content file;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    drop(m, 5);
    unlink_dead(m, true);
    assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number), VDB_OK);
    put(m, ROWS, 1);
    m->hook = no_truncation;
    checkpoint(m);
    put(m, ROWS + 1, 1);
    assert_int_equal(slot_of(m, ROWS + 1), 5);
    machine_kill(m);
    file = content_get(m, MAIN);
    flip(m, MAIN, newest_meta(&file) * PAGE + 40);
    content_free(&file);
    machine_open(m);
    assert_true(synthetic_replayed(m->db, 5));
    expect_saved(m, 1); /* the older graph, which has the bit */
    expect_sound(m, ROWS + 1);
    reopen(m);
    assert_null(synthetic_verify(m->db, &serial, &found));
    assert_int_equal(serial, 1);
    assert_int_equal(vdbi_bit_get(found.linked, 5), 0);
    machine_free(m);
}

/* As above, but what the newer one does without must not be written over before the old
 * log is gone, not even by a save that comes before the next checkpoint. */
static int log_is_cut(machine *m, uint32_t kind, const char *name)
{
    const char *log = m->hook_arg;

    if (kind == FAULTFS_WRITE && strcmp(name, MAIN) == 0) {
        content c = content_get(m, log);
        assert_int_equal(c.size, 0);
        content_free(&c);
        m->hook = NULL;
    }
    return 0;
}

static void a_save_cuts_the_log_that_is_not_in_use(void **state)
{
    machine *m = machine_new(true);
    content log;
    uint64_t number;
    const char *other;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    put_many(m, 0, ROWS, 2);
    m->hook = no_truncation;
    checkpoint(m);
    machine_kill(m);
    machine_open(m); /* the log of the older meta page is still there, and ignored */
    other = vdbi_log_current(m->db->store->log) == 1 ? LOG2 : LOG1;
    log = content_get(m, other);
    assert_true(log.size > 0);
    content_free(&log);
    load(m);
    unlink_dead(m, true);
    link_all(m);
    m->hook = log_is_cut;
    m->hook_arg = (void *)(uintptr_t)other;
    assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number), VDB_OK);
    assert_null(m->hook);
    machine_cut(m, FAULTFS_NONE, 1);
    log = content_get(m, other); /* durably */
    assert_int_equal(log.size, 0);
    content_free(&log);
    machine_open(m);
    expect_saved(m, 1);
    expect_sound(m, ROWS);
    machine_free(m);
}

/* What cannot be read may have any slot; commits do not mind. */
static void an_unreadable_bitmap_has_every_slot(void **state)
{
    machine *m = machine_new(true);
    vdbi_ref ref;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    drop(m, 5);
    ref = m->db->store->graph.saved[VDBI_GRAPH_LINKED];
    machine_close(m);
    flip(m, MAIN, ref.place * PAGE + 1000);
    machine_open(m);
    put(m, ROWS, 1);
    assert_int_equal(slots(m), ROWS + 1);
    unlink_dead(m, true);
    put(m, ROWS + 1, 1);
    assert_int_equal(slots(m), ROWS + 2);
    synthetic_drop(&graph, m->db);
    put(m, ROWS + 2, 1);
    assert_int_equal(slot_of(m, ROWS + 2), 5);
    checkpoint(m);
    expect_sound(m, ROWS + 2);
    machine_free(m);
}

/* A root that no library would have written, under a checksum that is right. */
static void put_root(machine *m, int part, unsigned height)
{
    content file = content_get(m, MAIN);
    size_t place = newest_meta(&file);
    uint8_t *page = file.bytes + place * PAGE;

    page[128 + 24 * (11 + part) + 7] = (uint8_t)height;
    vdbi_put64(page + PAGE - 8, vdbi_hash64(page, PAGE - 8, place));
    content_put(m, MAIN, &file);
    content_free(&file);
}

static void a_senseless_root_costs_the_graph_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        machine *m = a_put_into_a_linked_slot();
        int part = i % 2 ? VDBI_GRAPH_LINKED : VDBI_GRAPH_LINKS;
        uint8_t block[PAGE] = {1};
        uint64_t number;
        int whole;
        machine_cut(m, FAULTFS_NONE, 1);
        put_root(m, part, 3 + i * 22);
        machine_open(m);
        put(m, ROWS + 1, 1);
        vdbi_turn_take(m->db);
        assert_int_equal(vdbi_graph_save_begin(m->db->store, &whole, &number), VDB_OK);
        assert_false(whole);
        assert_int_equal(vdbi_graph_put(m->db->store, part, 0, block),
                         VDBI_GRAPH_DAMAGED);
        vdbi_graph_save_abandon(m->db->store);
        vdbi_turn_give(m->db);
        checkpoint(m);
        expect_saved(m, 0);
        expect_many(m, ROWS, 2, 1);
        machine_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_graph_slots_are_free_at_once),
        cmocka_unit_test(a_dead_slot_waits_to_be_unlinked),
        cmocka_unit_test(a_saved_slot_waits_for_a_save_without_it),
        cmocka_unit_test(a_slot_unlinked_during_a_save_waits_for_its_end),
        cmocka_unit_test(a_drop_frees_what_waits),
        cmocka_unit_test(an_opening_learns_which_dead_slots_are_linked),
        cmocka_unit_test(a_replayed_put_is_fresh),
        cmocka_unit_test(a_replayed_put_that_died_is_free),
        cmocka_unit_test(the_older_meta_page_knows_the_put),
        cmocka_unit_test(a_save_cuts_the_log_that_is_not_in_use),
        cmocka_unit_test(an_unreadable_bitmap_has_every_slot),
        cmocka_unit_test(a_senseless_root_costs_the_graph_only),
    };

    return cmocka_run_group_tests_name("points-slots", tests, NULL, NULL);
}
