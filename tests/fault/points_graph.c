/* points_graph.c: see points_graph.h. */
#include "points_graph.h"

#include "store/record.h"

synthetic graph;

void begin(machine *m, unsigned rows)
{
    memset(&graph, 0, sizeof graph);
    machine_open(m);
    put_many(m, 0, rows, 1);
}

/* Save, with a checkpoint; it must succeed, and be durable. */
void save(machine *m)
{
    uint64_t number;

    assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number), VDB_OK);
    checkpoint(m);
    assert_int_equal(vdbi_graph_save_number(m->db->store), number);
    synthetic_settled(&graph, m->db, number);
}

void link_all(machine *m)
{
    assert_int_equal(synthetic_link(&graph, m->db, 1, 1), VDB_OK);
    synthetic_change_uppers(&graph, 5);
}

void unlink_dead(machine *m, bool hand_in)
{
    assert_int_equal(synthetic_unlink(&graph, m->db, hand_in), VDB_OK);
}

/* What is saved is one whole save, of this serial. */
void expect_saved(machine *m, uint64_t serial)
{
    uint64_t found;
    const char *why = synthetic_verify(m->db, &found, NULL);

    if (why)
        fail_msg("%s", why);
    assert_int_equal(found, serial);
}

void load(machine *m)
{
    const char *why = synthetic_load(&graph, m->db);

    if (why)
        fail_msg("%s", why);
}

void reopen(machine *m)
{
    machine_close(m);
    machine_open(m);
}

uint32_t slot_of(machine *m, unsigned n)
{
    char id[32];
    uint32_t slot;

    vdbi_section_begin(m->db->pager);
    row_id(n, id);
    assert_int_equal(
        vdbi_id_find(m->db->pager, &m->db->newest->image, id, strlen(id), &slot),
        VDB_OK);
    vdbi_section_end(m->db->pager);
    return slot;
}

uint64_t slots(machine *m)
{
    return stats_of(m).slots;
}

/* The drop is lost with the power, the put into a slot that it freed is not: the slot is
 * in use, and has a bit in the graph that is in force. */
machine *a_put_into_a_linked_slot(void)
{
    machine *m = machine_new(true);

    begin(m, ROWS);
    link_all(m);
    save(m);
    drop(m, 5);
    unlink_dead(m, true);
    synthetic_drop(&graph, m->db);
    put(m, ROWS, 1);
    assert_int_equal(slot_of(m, ROWS), 5);
    machine_cut(m, FAULTFS_NONE, 1);
    machine_open(m);
    return m;
}
