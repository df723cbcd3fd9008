/* test_graph_check.c: vdb_check() looks into the saved graph; loading mends what a save may
 * leave.  Blocks that are wrong, and whose checksums are right, are put as any save puts its
 * blocks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "db/db.h"
#include "db/graph_priv.h"
#include "index/hnsw/link_priv.h"
#include "index/hnsw/restore.h"
#include "index/hnsw/upkeep.h"
#include "store/graph_pages.h"

enum {
    DIM = 20,
    ROWS = 400,
    TWINS = 20, /* of those, equal to others */
    M = 4,
    NO_SLOT_AT_ALL = 100000
};

static char folder[] = "/tmp/vdb-graph-check-XXXXXX", path[64];

static uint32_t mixed(uint32_t x)
{
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}

static vdb *open_it(void)
{
    vdb_options options = VDB_OPTIONS_INIT;
    vdb *db;

    options.dimension = DIM;
    options.m = M;
    options.ef_construction = 30;
    options.threads = 1;
    options.durability = VDB_OFF;
    assert_int_equal(vdb_open(path, &options, &db), VDB_OK);
    return db;
}

static int make_database(void **state)
{
    vdb *db;

    (void)state;
    vdbi_graph_sizes_now = (vdbi_graph_sizes){50, 20, 20, 20};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a.vdb", folder);
    db = open_it();
    for (uint32_t i = 0; i < ROWS; i++) {
        float v[DIM];
        char id[16];
        for (uint32_t j = 0; j < DIM; j++)
            v[j] = (float)(mixed((i % (ROWS - TWINS)) * 64 + j) >> 8);
        snprintf(id, sizeof id, "%u", i);
        assert_int_equal(vdb_insert(db, id, v, DIM, NULL), VDB_OK);
    }
    assert_int_equal(vdb_wait_indexed(db, NULL), VDB_OK);
    assert_int_equal(vdb_close(db), VDB_OK);
    return 0;
}

static int remove_database(void **state)
{
    char name[80];

    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, i ? "%s-wal%d" : "%s", path, i);
        unlink(name);
    }
    rmdir(folder);
    return 0;
}

/* ------------------------------------------------------------------ planting */

static void read_block(vdb *db, int part, uint8_t *block)
{
    const uint8_t *bytes;

    vdbi_section_begin(db->pager);
    assert_int_equal(vdbi_graph_block(db->store, part, 0, &bytes), VDB_OK);
    assert_non_null(bytes);
    memcpy(block, bytes, VDBI_GRAPH_BLOCK);
    vdbi_section_end(db->pager);
}

/* Save the graph that is in force, but for the first block of a part. */
static void save_with(vdb *db, int part, const uint8_t *block)
{
    uint64_t number;
    int whole;

    vdbi_lock(&db->checkpoint_lock);
    vdbi_turn_take(db);
    assert_int_equal(vdbi_graph_save_begin(db->store, &whole, &number), VDB_OK);
    assert_false(whole);
    vdbi_turn_give(db);
    assert_int_equal(vdbi_graph_put(db->store, part, 0, block), VDB_OK);
    assert_int_equal(vdbi_graph_save_finish(db->store), VDB_OK);
    vdbi_unlock(&db->checkpoint_lock);
    assert_int_equal(vdb_checkpoint(db, NULL), VDB_OK);
    assert_int_equal(vdbi_graph_save_number(db->store), number);
}

static void assert_clean(vdb *db)
{
    vdb_report *report;
    vdb_status st = vdb_check(db, NULL, &report, NULL);

    if (st)
        print_error("%s\n", vdb_errmsg());
    assert_int_equal(st, VDB_OK);
    vdb_report_free(report);
}

/* Every finding is of the graph, and one of them says `what`. */
static void assert_finds(vdb *db, const char *what)
{
    vdb_report *report;
    int found = 0;

    assert_int_equal(vdb_check(db, NULL, &report, NULL), VDB_CORRUPT);
    for (size_t i = 0; vdb_report_finding(report, i, NULL); i++) {
        const char *text = vdb_report_finding(report, i, NULL);
        assert_ptr_equal(strstr(text, "graph (derived)"), text);
        found |= strstr(text, what) != NULL;
    }
    if (!found)
        print_error("\"%s\" is not found, but: %s\n", what,
                    vdb_report_finding(report, 0, NULL));
    assert_true(found);
    vdb_report_free(report);
}

/* What is done to a block: 0 if it has nothing that this could be done to. */
typedef int change(uint8_t *block);

static void plant(int part, change *make, const char *what)
{
    uint8_t sound[VDBI_GRAPH_BLOCK], block[VDBI_GRAPH_BLOCK];
    vdb *db = open_it();

    read_block(db, part, sound);
    memcpy(block, sound, sizeof block);
    assert_true(make(block));
    assert_clean(db);
    save_with(db, part, block);
    if (what)
        assert_finds(db, what);
    else
        assert_clean(db);
    save_with(db, part, sound);
    assert_clean(db);
    assert_int_equal(vdb_close(db), VDB_OK);
}

/* ------------------------------------------------------------------- damages */

enum {
    ROW = 2 * M * 4,
    UPPER = (2 + M) * 4
};

static uint8_t *row(uint8_t *block, uint32_t slot)
{
    return block + (size_t)slot * ROW;
}

/* A slot whose row has two links at least. */
static uint8_t *some_row(uint8_t *block, uint32_t *slot)
{
    for (*slot = 2; *slot < VDBI_GRAPH_BLOCK / ROW; ++*slot) {
        uint8_t *at = row(block, *slot);
        if (!(vdbi_get32(at) & VDBI_MEMBER) && vdbi_get32(at + 4) != VDBI_NO_SLOT &&
            vdbi_get32(at + 4 * (2 * M - 1)) == VDBI_NO_SLOT)
            return at;
    }
    return NULL;
}

static int to_no_slot(uint8_t *block)
{
    uint32_t slot;

    vdbi_put32(some_row(block, &slot), NO_SLOT_AT_ALL);
    return 1;
}

static int to_itself(uint8_t *block)
{
    uint32_t slot;
    uint8_t *at = some_row(block, &slot);

    vdbi_put32(at, slot);
    return 1;
}

static int twice(uint8_t *block)
{
    uint32_t slot;
    uint8_t *at = some_row(block, &slot);

    vdbi_put32(at + 4, vdbi_get32(at));
    return 1;
}

static int gap(uint8_t *block)
{
    uint32_t slot;
    uint8_t *at = some_row(block, &slot);

    vdbi_put32(at, VDBI_NO_SLOT);
    return 1;
}

static int never_saved(uint8_t *block)
{
    uint32_t slot;

    memset(some_row(block, &slot), 0, ROW);
    return 1;
}

static int to_a_twin(uint8_t *block)
{
    uint32_t slot;
    uint8_t *at = some_row(block, &slot);

    vdbi_put32(at, ROWS - 1); /* equal to an earlier one */
    return 1;
}

/* A row of the upper layers, and a slot that has none. */
static int to_a_lower_layer(uint8_t *block)
{
    for (uint32_t slot = 0; slot < ROWS - TWINS; slot++) {
        int upper = 0;
        for (uint32_t i = 0; i < VDBI_GRAPH_BLOCK / UPPER; i++)
            upper |= vdbi_get32(block + (size_t)i * UPPER) == slot;
        if (upper)
            continue;
        vdbi_put32(block + 8, slot);
        return 1;
    }
    return 0;
}

static int forget_a_slot(uint8_t *block)
{
    block[0] &= (uint8_t)~4;
    return 1;
}

static int no_header(uint8_t *block)
{
    block[0] ^= 1;
    return 1;
}

static void wrong_rows_are_told(void **state)
{
    (void)state;
    plant(VDBI_GRAPH_LINKS, to_no_slot, "layer 0: a link to no slot, 100000");
    plant(VDBI_GRAPH_LINKS, to_itself, "layer 0: a link to itself");
    plant(VDBI_GRAPH_LINKS, twice, "layer 0: two links to one slot");
    plant(VDBI_GRAPH_LINKS, gap, "layer 0: a link behind a gap");
    plant(VDBI_GRAPH_LINKS, never_saved, "layer 0: two links to one slot, 0");
    plant(VDBI_GRAPH_LINKS, to_a_twin, "layer 0: a link to a twin in a chain, 399");
    plant(VDBI_GRAPH_UPPERS, to_a_lower_layer, "a link to a node of a lower layer");
    plant(VDBI_GRAPH_HEADER, no_header, "its header is none");
}

/* Links to a slot without a bit are what a crash leaves (docs/format.md). */
static void a_slot_that_is_not_linked_is_no_damage(void **state)
{
    (void)state;
    plant(VDBI_GRAPH_LINKED, forget_a_slot, NULL);
}

/* ------------------------------------------------------------- interruption */

typedef struct impatience {
    int ticks;
} impatience;

static vdb_status lose_patience(void *arg)
{
    impatience *i = arg;

    return i->ticks-- ? VDB_OK : VDB_CANCELLED;
}

static void nothing_strange(void *arg, const char *text)
{
    (void)arg;
    fail_msg("%s", text);
}

static void a_check_ends_when_it_is_told_to(void **state)
{
    vdb *db = open_it();
    int ticks = 0;
    vdb_status st;

    (void)state;
    do {
        impatience i = {ticks++};
        const vdbi_graph_ear ear = {nothing_strange, lose_patience, &i};
        vdbi_lock(&db->checkpoint_lock);
        st = vdbi_graph_check(db, &ear);
        vdbi_unlock(&db->checkpoint_lock);
        assert_true(st == VDB_OK || st == VDB_CANCELLED);
    } while (st);
    assert_true(ticks > 6); /* in each of its parts */
    assert_int_equal(vdb_close(db), VDB_OK);
}

/* ------------------------------------------------- what comes beside a save */

static vdbi_hnsw *read_graph(vdb *db)
{
    vdbi_recall_table recalls;
    vdbi_hnsw *h;

    vdbi_lock(&db->checkpoint_lock);
    assert_int_equal(vdbi_graph_read(db, &db->newest->image, NULL, &recalls, &h),
                     VDB_OK);
    vdbi_unlock(&db->checkpoint_lock);
    return h;
}

static void what_came_after_the_bitmap_is_in_the_next_save(void **state)
{
    vdb *db = open_it();
    vdbi_hnsw *h = read_graph(db);
    uint64_t linked[VDBI_BITMAP_WORDS(ROWS)];
    uint8_t block[VDBI_GRAPH_BLOCK];

    (void)state;
    memset(linked, 0xff, sizeof linked);
    while (vdbi_links_changed(h, 0))
        ;
    vdbi_save_links(h, 3, linked, ROWS, block); /* all of it */
    assert_int_not_equal(vdbi_get32(block), 0);
    assert_false(vdbi_links_changed(h, 0));
    linked[0] &= ~(uint64_t)8;
    vdbi_save_links(h, 3, linked, ROWS, block); /* its bit came later */
    for (uint32_t i = 0; i < ROW; i++)
        assert_int_equal(block[i], 0);
    assert_true(vdbi_links_changed(h, 0));
    assert_false(vdbi_links_changed(h, 0));
    vdbi_save_links(h, 2, linked, 3, block); /* its links did */
    for (uint32_t i = 0; i < 2 * M; i++)
        assert_true(vdbi_get32(block + 4 * i) < 3 ||
                    vdbi_get32(block + 4 * i) == VDBI_NO_SLOT);
    assert_true(vdbi_links_changed(h, 0));
    vdbi_hnsw_free(h);
    assert_int_equal(vdb_close(db), VDB_OK);
}

static void save_and_settle(vdb *db)
{
    uint64_t number;

    vdbi_lock(&db->checkpoint_lock);
    assert_int_equal(vdbi_graph_save(db, &number), VDB_OK);
    vdbi_unlock(&db->checkpoint_lock);
    assert_int_equal(vdb_checkpoint(db, NULL), VDB_OK);
    vdbi_graph_save_settle(db, number);
}

/* Slots that came after the bound had been read, and were linked before their block was
 * copied, which is the last one of those below the bound. */
static void what_came_after_the_bound_is_in_the_next_save(void **state)
{
    vdb *db = open_it();
    uint32_t slots;

    (void)state;
    assert_int_equal(vdb_wait_indexed(db, NULL), VDB_OK);
    slots = db->newest->image.slot_count;
    assert_int_not_equal((slots - 3) % 8, 0);
    db->graph.save_whole = 1;
    db->newest->image.slot_count = slots - 3;
    save_and_settle(db);
    db->newest->image.slot_count = slots;
    save_and_settle(db);
    assert_clean(db);
    assert_int_equal(vdb_close(db), VDB_OK);
}

/* ------------------------------------------------------------ what a load mends */

/* Take every link to a slot away: no way leads to it. */
static void cut_off(vdbi_hnsw *h, uint32_t slot)
{
    for (uint32_t from = 0; from < ROWS; from++) {
        uint32_t slots[2 * M], kept = 0;
        vdbi_link *links = vdbi_links0(&h->nodes, from);
        if (!vdbi_is_node(&h->nodes, from))
            continue;
        for (uint32_t i = 0; i < 2 * M; i++)
            if (atomic_load(&links[i]) != slot)
                slots[kept++] = atomic_load(&links[i]);
        vdbi_set_links(links, 2 * M, slots, kept);
        vdbi_links_touch(&h->nodes, from, 0);
    }
}

/* A save between two tidyings may have nodes that no way leads to. */
static void a_loaded_graph_is_connected_before_it_is_used(void **state)
{
    vdb *db = open_it();
    uint64_t missed;
    uint32_t slot = 2;
    vdbi_hnsw *h;

    (void)state;
    assert_int_equal(vdb_wait_indexed(db, NULL), VDB_OK);
    h = atomic_load(&db->graph.hnsw);
    while (atomic_load(&vdbi_node_of(&h->nodes, slot)->layer) > 0)
        slot++;
    cut_off(h, slot);
    assert_int_equal(vdbi_hnsw_missed(h, &missed, &slot), VDB_OK);
    assert_int_equal(missed, 1);
    save_and_settle(db);
    assert_int_equal(vdb_close(db), VDB_OK);
    db = open_it();
    vdbi_graph_ask(db);
    vdbi_graph_ask(db); /* what the second search does: loading */
    assert_true(vdbi_graph_ready(db, &db->newest->image));
    h = atomic_load(&db->graph.hnsw);
    assert_int_equal(vdbi_hnsw_missed(h, &missed, &slot), VDB_OK);
    assert_int_equal(missed, 0);
    assert_clean(db);
    assert_int_equal(vdb_close(db), VDB_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_rows_are_told),
        cmocka_unit_test(a_slot_that_is_not_linked_is_no_damage),
        cmocka_unit_test(what_came_after_the_bitmap_is_in_the_next_save),
        cmocka_unit_test(what_came_after_the_bound_is_in_the_next_save),
        cmocka_unit_test(a_loaded_graph_is_connected_before_it_is_used),
        cmocka_unit_test(a_check_ends_when_it_is_told_to),
    };

    return cmocka_run_group_tests(tests, make_database, remove_database);
}
