/* test_points_graph.c: the rules of docs/format.md about saving the graph, each with the
 * scenario that breaks when the rule is broken. */
#include <errno.h>

#include "faultmem.h"
#include "points_graph.h"
#include "store/check.h"
#include "store/store_priv.h"

/* -------------------------------------------------------- saved and read again */

static void a_graph_is_read_as_it_was_put(void **state)
{
    (void)state;
    for (int mapped = 0; mapped < 2; mapped++) {
        machine *m = machine_new(mapped);
        begin(m, ROWS);
        expect_saved(m, 0);
        link_all(m);
        save(m);
        expect_saved(m, 1);
        expect_sound(m, ROWS);
        put(m, ROWS, 1);
        checkpoint(m);
        expect_saved(m, 1);
        reopen(m);
        expect_saved(m, 1);
        load(m);
        link_all(m);
        synthetic_change_uppers(&graph, 77);
        save(m);
        expect_saved(m, 2);
        expect_sound(m, ROWS + 1);
        machine_kill(m);
        machine_open(m);
        expect_saved(m, 2);
        load(m);
        expect_sound(m, ROWS + 1);
        machine_free(m);
    }
}

static void only_what_has_changed_is_written(void **state)
{
    machine *m = machine_new(true);
    uint64_t before, first, second;

    (void)state;
    begin(m, 1000);
    link_all(m);
    checkpoint(m);
    before = stats_of(m).written_bytes;
    save(m);
    first = stats_of(m).written_bytes - before;
    put(m, 1000, 1);
    checkpoint(m);
    assert_int_equal(synthetic_link(&graph, m->db, 1, 1), VDB_OK);
    before = stats_of(m).written_bytes;
    save(m);
    second = stats_of(m).written_bytes - before;
    assert_true(first > 70 * PAGE);
    /* A block and a node of links, one of the bitmap, the header; the map and its meta
     * page; headers of logs. */
    assert_true(second < 14 * PAGE);
    expect_saved(m, 2);
    machine_free(m);
}

/* Holes, an array that becomes higher, one that becomes empty. */
static void an_array_is_changed_in_one_pass(void **state)
{
    static const uint64_t blocks[] = {0,     1,     167,   168,    169,    28223,
                                      28224, 28391, 28392, 100000, 4741632};
    enum {
        COUNT = sizeof blocks / sizeof *blocks
    };
    machine *m = machine_new(true);
    bool there[COUNT] = {false};
    uint64_t random = 99;
    uint8_t page[PAGE];

    (void)state;
    begin(m, 2);
    for (unsigned round = 0; round < 60; round++) {
        vdbi_store *s = m->db->store;
        uint64_t number, pick = fault_random(&random);
        int whole;
        vdbi_turn_take(m->db);
        assert_int_equal(vdbi_graph_save_begin(s, &whole, &number), VDB_OK);
        vdbi_turn_give(m->db);
        for (unsigned i = 0; i < COUNT; i++) {
            bool to = round % 10 == 9 ? false : pick >> i & 1;
            if (!whole && to == there[i] && round % 10 != 9)
                continue;
            there[i] = to;
            memset(page, (int)i + 1, sizeof page);
            assert_int_equal(
                vdbi_graph_put(s, VDBI_GRAPH_LINKS, blocks[i], to ? page : NULL),
                VDB_OK);
        }
        assert_int_equal(vdbi_graph_save_finish(s), VDB_OK);
        checkpoint(m);
        if (round % 7 == 3)
            reopen(m);
        expect_sound(m, 2);
        if (round % 10 == 9) /* nothing is left, no node either */
            assert_false(vdbi_graph_saved(m->db->store));
        vdbi_section_begin(m->db->pager);
        for (unsigned i = 0; i < COUNT; i++) {
            const uint8_t *bytes;
            assert_int_equal(
                vdbi_graph_block(m->db->store, VDBI_GRAPH_LINKS, blocks[i], &bytes),
                VDB_OK);
            assert_int_equal(bytes != NULL, there[i]);
            memset(page, (int)i + 1, sizeof page);
            if (bytes)
                assert_memory_equal(bytes, page, PAGE);
        }
        vdbi_section_end(m->db->pager);
    }
    machine_free(m);
}

static void saving_takes_memory_that_does_not_grow(void **state)
{
    faultfs *fs = faultfs_new(1);
    faultmem *memory = faultmem_new();
    vdb_env_options env_options = VDB_ENV_OPTIONS_INIT;
    vdb_options options = VDB_OPTIONS_INIT;
    uint8_t page[PAGE] = {1};
    uint64_t number, before, peak[2] = {0};
    const float vector[2] = {1, 2};
    int whole;
    vdb *db;

    (void)state;
    env_options.vfs = faultfs_vfs(fs);
    env_options.allocator = faultmem_allocator(memory);
    assert_int_equal(vdb_env_new(&env_options, &options.env), VDB_OK);
    options.threads = 1;
    assert_int_equal(vdb_open(MAIN, &options, &db), VDB_OK);
    assert_int_equal(vdb_insert(db, "a", vector, 2, NULL), VDB_OK);
    before = faultmem_peak(memory);
    for (unsigned round = 0; round < 2; round++) {
        vdbi_turn_take(db);
        assert_int_equal(vdbi_graph_save_begin(db->store, &whole, &number), VDB_OK);
        vdbi_turn_give(db);
        for (uint64_t i = 0; i < (round ? 30000u : 3000u); i++)
            assert_int_equal(vdbi_graph_put(db->store, VDBI_GRAPH_LINKS, i, page),
                             VDB_OK);
        assert_int_equal(vdbi_graph_save_finish(db->store), VDB_OK);
        assert_int_equal(vdb_checkpoint(db, NULL), VDB_OK);
        peak[round] = faultmem_peak(memory) - before;
    }
    assert_true(peak[0] < 3 << 20);
    assert_true(peak[1] < peak[0] + (256 << 10));
    assert_int_equal(vdb_close(db), VDB_OK);
    vdb_env_free(options.env);
    faultfs_free(fs);
    faultmem_free(memory);
}

/* ---------------------------------------------------------- saves that fail */

static void an_abandoned_save_leaves_the_one_before(void **state)
{
    machine *m = machine_new(true);
    uint64_t number, used;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    put(m, ROWS, 1);
    checkpoint(m);
    checkpoint(m);
    used = stats_of(m).file_bytes - stats_of(m).free_bytes;
    for (unsigned i = 0; i < 20; i++) {
        synthetic_change_uppers(&graph, i);
        assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, false, &number),
                         VDB_OK);
    }
    assert_int_equal(stats_of(m).file_bytes - stats_of(m).free_bytes, used);
    expect_saved(m, 1);
    checkpoint(m);
    expect_saved(m, 1);
    expect_sound(m, ROWS + 1);
    save(m);
    expect_saved(m, graph.acked);
    reopen(m);
    load(m);
    expect_sound(m, ROWS + 1);
    machine_free(m);
}

static void a_failed_checkpoint_gives_up_the_save(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        machine *m = machine_new(true);
        uint64_t number;
        begin(m, ROWS);
        link_all(m);
        save(m);
        put_many(m, 0, ROWS, 2);
        unlink_dead(m, true);
        link_all(m);
        synthetic_change_uppers(&graph, 9);
        assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number),
                         VDB_OK);
        m->hook = full_main;
        if (kind)
            faultfs_arm(m->fs, FAULTFS_WRITE, 4, EIO, false);
        else
            m->hook = full_main;
        assert_int_not_equal(vdb_checkpoint(m->db, NULL), VDB_OK);
        faultfs_disarm(m->fs);
        m->hook = NULL;
        expect_saved(m, 1);
        checkpoint(m);
        assert_true(vdbi_graph_save_number(m->db->store) < number);
        synthetic_settled(&graph, m->db, number);
        expect_saved(m, 1);
        expect_sound(m, ROWS);
        save(m);
        expect_saved(m, 3);
        reopen(m);
        load(m);
        expect_sound(m, ROWS);
        machine_free(m);
    }
}

/* Truth has room on the disk, the graph has not: the checkpoint succeeds without it. */
static void a_full_disk_costs_the_graph_only(void **state)
{
    machine *m = machine_new(true);
    uint64_t number;

    (void)state;
    begin(m, 600);
    checkpoint(m);
    assert_int_equal(synthetic_link(&graph, m->db, 1, 1), VDB_OK);
    put_many(m, 0, 100, 2);
    assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number), VDB_OK);
    faultfs_set_capacity(m->fs, faultfs_used(m->fs) + 8 * PAGE);
    checkpoint(m);
    synthetic_settled(&graph, m->db, number);
    assert_int_equal(graph.acked, 0);
    expect_saved(m, 0);
    expect_sound(m, 600);
    for (unsigned n = 0; n < 500; n++)
        drop(m, n);
    checkpoint(m);
    faultfs_set_capacity(m->fs, 0);
    unlink_dead(m, true);
    save(m);
    expect_sound(m, 100);
    machine_free(m);
}

static int no_room_once(machine *m, uint32_t kind, const char *name)
{
    if (kind != FAULTFS_WRITE || strcmp(name, MAIN) != 0)
        return 0;
    m->hook = NULL;
    return -ENOSPC;
}

static void a_checkpoint_without_room_goes_on_without_the_graph(void **state)
{
    machine *m = machine_new(true);
    uint64_t number;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    put_many(m, 0, ROWS, 2);
    unlink_dead(m, true);
    link_all(m);
    synthetic_change_uppers(&graph, 9);
    assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number), VDB_OK);
    m->hook = no_room_once;
    checkpoint(m);
    assert_null(m->hook);
    assert_true(vdbi_graph_save_number(m->db->store) < number);
    expect_saved(m, 1);
    expect_sound(m, ROWS);
    synthetic_settled(&graph, m->db, number);
    save(m);
    expect_saved(m, 3);
    reopen(m);
    load(m);
    expect_sound(m, ROWS);
    machine_free(m);
}

/* Nor does a graph take the room that deletes on a full disk need, and their checkpoint. */
static void a_graph_leaves_room_for_deletes(void **state)
{
    (void)state;
    for (unsigned room = 30; room < 110; room += 4) {
        machine *m = machine_new(true);
        uint64_t number;
        begin(m, 600);
        checkpoint(m);
        assert_int_equal(synthetic_link(&graph, m->db, 1, 1), VDB_OK);
        faultfs_set_capacity(m->fs, faultfs_used(m->fs) + room * PAGE);
        vdb_status status = synthetic_save(&graph, m->db, NULL, NULL, true, &number);
        assert_true(status == VDB_OK || status == VDB_FULL);
        checkpoint(m);
        for (unsigned n = 0; n < 200; n++)
            drop(m, n);
        checkpoint(m);
        faultfs_set_capacity(m->fs, 0);
        expect_sound(m, 400);
        machine_free(m);
    }
}

static void misuse_is_refused(void **state)
{
    machine *m = machine_new(true);
    uint8_t page[PAGE] = {7};
    uint64_t number;
    int whole;

    (void)state;
    begin(m, 3);
    vdbi_store *s = m->db->store;
    assert_int_equal(vdbi_graph_put(s, 0, 0, page), VDB_MISUSE);
    assert_int_equal(vdbi_graph_save_finish(s), VDB_MISUSE);
    vdbi_graph_save_abandon(s);
    assert_int_equal(vdbi_graph_save_begin(s, &whole, &number), VDB_OK);
    assert_true(whole);
    assert_int_equal(vdbi_graph_save_begin(s, &whole, &number), VDB_MISUSE);
    assert_int_equal(vdbi_graph_put(s, 4, 0, page), VDB_MISUSE);
    assert_int_equal(vdbi_graph_put(s, 1, 5, page), VDB_OK);
    assert_int_equal(vdbi_graph_put(s, 1, 5, page), VDB_MISUSE);
    assert_int_equal(vdbi_graph_put(s, 1, 6, page), VDB_MISUSE); /* it has failed */
    assert_int_equal(vdbi_graph_save_finish(s), VDB_MISUSE);
    vdbi_graph_save_abandon(s);
    machine_close(m);
    m->options.flags = VDB_OPEN_READONLY;
    machine_open(m);
    assert_int_equal(vdbi_graph_save_begin(m->db->store, &whole, &number),
                     VDB_READONLY);
    machine_free(m);
}

/* A save needs no commit before it; one that comes meanwhile takes the log in use. */
static void insert_meanwhile(void *arg)
{
    put(arg, ROWS, 1);
}

static void a_save_right_after_opening(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        machine *m = machine_new(true);
        uint64_t number;
        begin(m, ROWS);
        reopen(m);
        load(m);
        link_all(m);
        assert_int_equal(synthetic_save(&graph, m->db,
                                        kind == 1 ? insert_meanwhile : NULL, m, true,
                                        &number),
                         VDB_OK);
        if (kind == 2) {
            reopen(m); /* closing saves what is finished */
        } else {
            checkpoint(m);
            synthetic_settled(&graph, m->db, number);
            put(m, ROWS, 1);
            machine_cut(m, FAULTFS_NONE, 1);
            machine_open(m);
        }
        expect_saved(m, 1);
        expect_sound(m, kind == 2 ? ROWS : ROWS + 1);
        machine_free(m);
    }
}

/* A checkpoint for the graph's sake alone, with no log in use: a commit that comes while
 * it writes must find one, or both would write the same meta page. */
static int put_at_sync(machine *m, uint32_t kind, const char *name)
{
    if (kind == FAULTFS_SYNC && strcmp(name, MAIN) == 0 && m->hook_arg) {
        uint64_t *syncs = m->hook_arg;
        if (++*syncs == 2) { /* the first is of the meta page that names the log */
            m->hook_arg = NULL;
            put(m, ROWS, 1);
        }
    }
    return 0;
}

static void a_commit_beside_a_checkpoint_of_the_graph_alone(void **state)
{
    machine *m = machine_new(true);
    uint64_t syncs = 0;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    reopen(m);
    synthetic_drop(&graph, m->db);
    m->hook = put_at_sync;
    m->hook_arg = &syncs;
    checkpoint(m);
    m->hook = NULL;
    assert_null(m->hook_arg);
    machine_cut(m, FAULTFS_NONE, 1);
    machine_open(m);
    expect(m, ROWS, 1);
    expect_saved(m, 0);
    expect_sound(m, ROWS + 1);
    machine_free(m);
}

/* ----------------------------------------------------------------- dropping */

static void a_dropped_graph_gives_its_pages_back(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        machine *m = machine_new(true);
        uint64_t used, number;
        begin(m, 600);
        checkpoint(m);
        used = stats_of(m).file_bytes - stats_of(m).free_bytes;
        link_all(m);
        save(m);
        assert_true(stats_of(m).file_bytes - stats_of(m).free_bytes > used + 38 * PAGE);
        if (kind == 1) /* with nothing else to do, and no log */
            reopen(m);
        synthetic_drop(&graph, m->db);
        assert_false(vdbi_graph_saved(m->db->store));
        expect_saved(m, 0);
        if (kind == 2) { /* a new one takes its place */
            assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number),
                             VDB_OK);
            checkpoint(m);
            synthetic_settled(&graph, m->db, number);
            expect_saved(m, 2);
            synthetic_drop(&graph, m->db);
        }
        if (kind == 1)
            machine_close(m);
        else
            checkpoint(m);
        if (kind == 1)
            machine_open(m);
        expect_saved(m, 0);
        put(m, 0, 2);
        checkpoint(m);
        assert_true(stats_of(m).file_bytes - stats_of(m).free_bytes < used + 12 * PAGE);
        expect_sound(m, 600);
        reopen(m);
        expect_saved(m, 0);
        machine_free(m);
    }
}

/* A drop that no checkpoint has made durable is a drop no more after a crash. */
static void a_drop_is_durable_with_its_checkpoint(void **state)
{
    machine *m = machine_new(true);

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    synthetic_drop(&graph, m->db);
    m->hook = full_main;
    assert_int_equal(vdb_checkpoint(m->db, NULL), VDB_FULL);
    m->hook = NULL;
    assert_false(vdbi_graph_saved(m->db->store));
    machine_kill(m);
    machine_open(m);
    expect_saved(m, 1);
    synthetic_drop(&graph, m->db);
    m->hook = full_main;
    assert_int_equal(vdb_checkpoint(m->db, NULL), VDB_FULL);
    m->hook = NULL;
    checkpoint(m);
    machine_kill(m);
    machine_open(m);
    expect_saved(m, 0);
    machine_free(m);
}

/* A save that was under way when the graph was dropped is dropped, too. */
static void a_drop_takes_the_save_with_it(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        machine *m = machine_new(true);
        uint64_t number;
        begin(m, ROWS);
        if (kind) {
            link_all(m);
            save(m);
        }
        link_all(m);
        synthetic_change_uppers(&graph, 3);
        assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number),
                         VDB_OK);
        synthetic_drop(&graph, m->db);
        checkpoint(m);
        expect_saved(m, 0);
        assert_true(vdbi_graph_save_number(m->db->store) < number);
        expect_sound(m, ROWS);
        reopen(m);
        expect_saved(m, 0);
        machine_free(m);
    }
}

/* ------------------------------------------------------------------- damage */

static void damage_of_the_graph_is_told_apart(void **state)
{
    unsigned damaged = 0;

    (void)state;
    for (unsigned victim = 0; victim < 80; victim++) {
        machine *m = machine_new(victim % 2);
        content file;
        vdb_report *report = NULL;
        size_t first;
        begin(m, 300);
        checkpoint(m);
        first = (size_t)stats_of(m).file_bytes;
        link_all(m);
        save(m);
        drop(m, 3);
        machine_close(m);
        file = content_get(m, MAIN);
        if (first + victim * PAGE >= file.size) {
            content_free(&file);
            machine_free(m);
            break;
        }
        content_free(&file);
        flip(m, MAIN, first + victim * PAGE + 77);
        machine_open(m);
        vdb_status status = vdb_check(m->db, NULL, &report, NULL);
        bool derived = status == VDB_CORRUPT && strstr(vdb_errmsg(), "graph (derived)");
        if (!derived) { /* a page of truth, or a free one */
            vdb_report_free(report);
            m->hook = NULL;
            if (m->db)
                vdb_close(m->db);
            m->db = NULL;
            machine_free(m);
            continue;
        }
        damaged++;
        for (size_t i = 0; i < vdb_report_count(report); i++)
            assert_non_null(
                strstr(vdb_report_finding(report, i, NULL), "graph (derived)"));
        vdb_report_free(report);
        /* Commits, searches and checkpoints do not mind. */
        put(m, 1000, 1);
        expect(m, 1000, 1);
        checkpoint(m);
        uint64_t serial;
        const char *why = synthetic_verify(m->db, &serial, NULL);
        assert_non_null(why);
        assert_int_equal(synthetic_error(), VDBI_GRAPH_DAMAGED);
        synthetic_drop(&graph, m->db);
        unlink_dead(m, true);
        checkpoint(m);
        expect_saved(m, 0);
        memset(&graph, 0, sizeof graph);
        link_all(m);
        save(m);
        expect_saved(m, 1);
        machine_free(m);
    }
    assert_true(damaged > 15);
}

static int fail_one_read(machine *m, uint32_t kind, const char *name)
{
    unsigned *left = m->hook_arg;

    if (kind != FAULTFS_READ || strcmp(name, MAIN) != 0 || *left == 0)
        return 0;
    return --*left ? 0 : -EIO;
}

/* Close, while the read of this number fails; 0: there was one. */
static unsigned close_failing(machine *m, unsigned number)
{
    m->hook = fail_one_read;
    m->hook_arg = &number;
    vdb_close(m->db);
    m->db = NULL;
    m->hook = NULL;
    return number;
}

/* Closing moves pages of the saved graph, and cuts.  Any one of its reads may fail. */
static void a_read_that_fails_at_the_close_does_not_cost_the_graph(void **state)
{
    const uint64_t least = vdbi_trim_least;
    unsigned tried = 0, left = 0;

    (void)state;
    while (left == 0) {
        machine *m = machine_new(false);
        uint64_t before;
        begin(m, 600);
        link_all(m);
        save(m);
        for (unsigned n = 20; n < 600; n++)
            drop(m, n);
        checkpoint(m);
        reopen(m); /* nothing has been read */
        before = stats_of(m).file_bytes;
        put_many(m, 700, 60, 1); /* what is written bounds what may move */
        vdbi_trim_least = 1;
        left = close_failing(m, ++tried);
        vdbi_trim_least = least;
        machine_open(m);
        expect_saved(m, 1);
        expect_sound(m, 80);
        assert_true(left == 0 || stats_of(m).file_bytes < before);
        machine_free(m);
    }
    assert_true(tried > 10);
}

/* Closing drops the saved graph.  A read that fails, of the graph's pages or of the map that
 * they are given back to, leaves none of them used for nothing. */
static void a_read_that_fails_while_the_graph_is_dropped_hides_no_page(void **state)
{
    unsigned tried = 0, left = 0;

    (void)state;
    while (left == 0) {
        machine *m = machine_new(false);
        begin(m, 600);
        link_all(m);
        save(m);
        reopen(m);
        synthetic_drop(&graph, m->db);
        left = close_failing(m, ++tried);
        machine_open(m);
        expect_sound(m, 600);
        checkpoint(m);
        machine_free(m);
    }
    assert_true(tried > 5);
}

/* A bitmap that replay makes wrong, and that cannot be read: the graph must go. */
static void a_bitmap_that_cannot_be_corrected_ends_the_graph(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        machine *m = a_put_into_a_linked_slot();
        vdbi_ref ref = m->db->store->graph.saved[VDBI_GRAPH_LINKED];
        machine_cut(m, FAULTFS_NONE, 1);
        flip(m, MAIN, ref.place * PAGE + 1000);
        machine_open(m);
        expect(m, ROWS, 1);
        put(m, ROWS + 1, 1);
        if (kind == 0) {
            checkpoint(m);
        } else {
            uint64_t number;
            memset(&graph, 0, sizeof graph);
            assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number),
                             VDBI_GRAPH_DAMAGED);
            link_all(m);
            assert_int_equal(synthetic_save(&graph, m->db, NULL, NULL, true, &number),
                             VDB_OK);
            checkpoint(m);
        }
        expect_saved(m, kind ? 2 : 0);
        reopen(m);
        expect_saved(m, kind ? 2 : 0);
        expect_sound(m, ROWS + 1);
        machine_free(m);
    }
}

typedef struct looked {
    uint64_t blocks[VDBI_GRAPH_PARTS];
    unsigned findings;
    char text[200];
} looked;

static vdb_status look(void *arg, int part, uint64_t block, const uint8_t *bytes)
{
    looked *l = arg;

    (void)block, (void)bytes;
    l->blocks[part]++;
    return VDB_OK;
}

static vdb_status found(void *arg, int64_t offset, const char *text)
{
    looked *l = arg;

    (void)offset;
    l->findings++;
    snprintf(l->text, sizeof l->text, "%s", text);
    return VDB_OK;
}

static vdb_status go_on(void *arg, uint64_t done, uint64_t total)
{
    (void)arg, (void)done, (void)total;
    return VDB_OK;
}

static looked check_all(machine *m)
{
    looked l = {{0}, 0, ""};
    vdbi_checker checker = {
        .finding = found, .tick = go_on, .graph_block = look, .arg = &l};
    vdbi_meta meta;

    vdbi_check_meta(m->db->store, &meta);
    assert_int_equal(vdbi_check_file(m->db->store, &meta, &checker), VDB_OK);
    return l;
}

static void a_check_hands_out_every_block(void **state)
{
    machine *m = machine_new(true);
    uint8_t page[PAGE] = {0};
    uint64_t number;
    int whole;
    looked l;

    (void)state;
    begin(m, ROWS);
    link_all(m);
    save(m);
    l = check_all(m);
    assert_int_equal(l.findings, 0);
    assert_int_equal(l.blocks[VDBI_GRAPH_LINKS], (ROWS + 15) / 16);
    assert_int_equal(l.blocks[VDBI_GRAPH_LINKED], 1);
    assert_int_equal(l.blocks[VDBI_GRAPH_HEADER], 1);
    assert_true(l.blocks[VDBI_GRAPH_UPPERS] > 1);
    /* A slot that is not there. */
    page[ROWS / 8 + 1] = 1;
    assert_int_equal(vdbi_graph_save_begin(m->db->store, &whole, &number), VDB_OK);
    assert_int_equal(vdbi_graph_put(m->db->store, VDBI_GRAPH_LINKED, 0, page), VDB_OK);
    assert_int_equal(vdbi_graph_save_finish(m->db->store), VDB_OK);
    checkpoint(m);
    l = check_all(m);
    assert_int_equal(l.findings, 1);
    assert_non_null(strstr(l.text, "graph (derived), linked slots"));
    machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_is_read_as_it_was_put),
        cmocka_unit_test(only_what_has_changed_is_written),
        cmocka_unit_test(an_array_is_changed_in_one_pass),
        cmocka_unit_test(saving_takes_memory_that_does_not_grow),
        cmocka_unit_test(an_abandoned_save_leaves_the_one_before),
        cmocka_unit_test(a_failed_checkpoint_gives_up_the_save),
        cmocka_unit_test(a_full_disk_costs_the_graph_only),
        cmocka_unit_test(a_checkpoint_without_room_goes_on_without_the_graph),
        cmocka_unit_test(a_graph_leaves_room_for_deletes),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(a_save_right_after_opening),
        cmocka_unit_test(a_commit_beside_a_checkpoint_of_the_graph_alone),
        cmocka_unit_test(a_dropped_graph_gives_its_pages_back),
        cmocka_unit_test(a_drop_is_durable_with_its_checkpoint),
        cmocka_unit_test(a_drop_takes_the_save_with_it),
        cmocka_unit_test(damage_of_the_graph_is_told_apart),
        cmocka_unit_test(a_read_that_fails_at_the_close_does_not_cost_the_graph),
        cmocka_unit_test(a_read_that_fails_while_the_graph_is_dropped_hides_no_page),
        cmocka_unit_test(a_bitmap_that_cannot_be_corrected_ends_the_graph),
        cmocka_unit_test(a_check_hands_out_every_block),
    };

    return cmocka_run_group_tests_name("points-graph", tests, NULL, NULL);
}
