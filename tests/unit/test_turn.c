/* test_turn.c: the turn passes to who waits, and to nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <time.h>
#include <unistd.h>

#include "db/db.h"

enum {
    WRITERS = 8,
    ROUNDS = 300,
    DIM = 2
};

static vdb *db;

static void open_it(void)
{
    vdb_options options = VDB_OPTIONS_INIT;

    options.index = VDB_FLAT;
    assert_int_equal(vdb_open(NULL, &options, &db), VDB_OK);
}

typedef struct party {
    vdbi_thread thread;
    int number;
    vdb_status status;
    uint64_t commits_seen; /* while it had the turn */
} party;

static vdb_status put(int number)
{
    const float vector[DIM] = {(float)number, 1};
    char id[32];

    snprintf(id, sizeof id, "%d", number);
    return vdb_insert(db, id, vector, DIM, NULL);
}

static void *insert(void *arg)
{
    party *p = arg;

    p->status = put(p->number);
    return NULL;
}

static void *delete (void *arg)
{
    party *p = arg;

    p->status = vdb_delete(db, "0");
    return NULL;
}

static void *take(void *arg)
{
    party *p = arg;

    vdbi_turn_take(db);
    p->commits_seen = atomic_load(&db->commits);
    vdbi_turn_give(db);
    return NULL;
}

/* Start it, and see that it waits: there are so many in the queues then. */
static void start(party *p, void *(*run)(void *), int number, size_t waiting)
{
    const struct timespec moment = {0, 1000000};
    size_t n = 0;

    *p = (party){.number = number};
    assert_int_equal(vdbi_thread_start(&p->thread, run, p), VDB_OK);
    while (n != waiting) {
        nanosleep(&moment, NULL);
        vdbi_lock(&db->queue_lock);
        n = 0;
        for (const vdbi_request *r = db->queue_head; r; r = r->next)
            n++;
        for (const vdbi_turn_waiter *w = db->turn_head; w; w = w->next)
            n++;
        vdbi_unlock(&db->queue_lock);
    }
}

static void open_in(const char *folder, const vdb_options *options)
{
    char path[64];

    snprintf(path, sizeof path, "%s/a.vdb", folder);
    assert_int_equal(vdb_open(path, options, &db), VDB_OK);
}

static void open_file(char *folder, const vdb_options *options)
{
    assert_non_null(mkdtemp(folder));
    open_in(folder, options);
}

static void close_file(const char *folder)
{
    char path[64];

    assert_int_equal(vdb_close(db), VDB_OK);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/a.vdb%s", folder,
                 i == 0   ? ""
                 : i == 1 ? "-wal1"
                          : "-wal2");
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

static uint64_t syncs(void)
{
    vdb_stats stats = VDB_STATS_INIT;

    assert_int_equal(vdb_stats_get(db, &stats), VDB_OK);
    return stats.syncs;
}

static void who_wait_together_share_a_sync(void **state)
{
    char folder[] = "/tmp/vdb-turn-XXXXXX";
    vdb_options options = VDB_OPTIONS_INIT;
    party writers[WRITERS];
    uint64_t before;

    (void)state;
    options.index = VDB_FLAT;
    open_file(folder, &options);
    assert_int_equal(put(WRITERS), VDB_OK); /* there is a log now */
    before = syncs();
    vdbi_turn_take(db);
    for (int i = 0; i < WRITERS; i++)
        start(&writers[i], insert, i, (size_t)i + 1);
    vdbi_turn_give(db);
    for (int i = 0; i < WRITERS; i++) {
        vdbi_thread_join(writers[i].thread);
        assert_int_equal(writers[i].status, VDB_OK);
    }
    assert_int_equal(syncs(), before + 1);
    assert_int_equal(db->turn_taken, 0);
    assert_null(db->queue_head);
    close_file(folder);
}

/* Deletes make a group of their own, so here are two groups and two others. */
static void commits_and_others_take_turns(void **state)
{
    party insertion, deletion, first, second;

    (void)state;
    open_it();
    assert_int_equal(put(0), VDB_OK);
    vdbi_turn_take(db);
    start(&first, take, 0, 1);
    start(&second, take, 0, 2);
    start(&insertion, insert, 1, 3);
    start(&deletion, delete, 0, 4);
    vdbi_turn_give(db);
    vdbi_thread_join(first.thread);
    vdbi_thread_join(second.thread);
    vdbi_thread_join(insertion.thread);
    vdbi_thread_join(deletion.thread);
    assert_int_equal(insertion.status, VDB_OK);
    assert_int_equal(deletion.status, VDB_OK);
    assert_int_equal(first.commits_seen, 2);  /* put(0), and the insertion */
    assert_int_equal(second.commits_seen, 3); /* and the deletion */
    assert_int_equal(db->turn_taken, 0);
    assert_int_equal(vdb_close(db), VDB_OK);
}

static void *insert_many(void *arg)
{
    party *p = arg;

    for (int i = 0; i < ROUNDS && !p->status; i++)
        p->status = put(p->number * ROUNDS + i);
    return NULL;
}

static void *take_many(void *arg)
{
    for (int i = 0; i < ROUNDS; i++)
        take(arg);
    return NULL;
}

/* Nobody sleeps for ever, whatever comes between. */
static void all_get_their_turn(void **state)
{
    party parties[WRITERS];
    uint64_t count;

    (void)state;
    open_it();
    for (int i = 0; i < WRITERS; i++) {
        parties[i] = (party){.number = i};
        assert_int_equal(vdbi_thread_start(&parties[i].thread,
                                           i % 4 == 3 ? take_many : insert_many,
                                           &parties[i]),
                         VDB_OK);
    }
    for (int i = 0; i < WRITERS; i++) {
        vdbi_thread_join(parties[i].thread);
        assert_int_equal(parties[i].status, VDB_OK);
    }
    assert_int_equal(vdb_count(db, NULL, NULL, &count), VDB_OK);
    assert_int_equal(count, (WRITERS - WRITERS / 4) * ROUNDS);
    assert_int_equal(db->turn_taken, 0);
    assert_int_equal(vdb_close(db), VDB_OK);
}

static void tells_of_the_graph(void)
{
    vdb_stats stats = VDB_STATS_INIT;

    vdbi_turn_take(db);
    assert_int_equal(vdb_stats_get(db, &stats), VDB_OK);
    vdbi_turn_give(db);
    assert_int_equal(stats.vectors, 3000);
    assert_int_equal(stats.graph_vectors, 3000);
    assert_true(stats.graph_bytes > 3000);
    assert_true(stats.graph_file_bytes > 3000);
    assert_true(stats.graph_codes != 0);
}

/* Whoever watches a server must not wait for its disk. */
static void the_graph_s_stats_are_told_to_who_has_no_turn(void **state)
{
    char folder[] = "/tmp/vdb-turn-XXXXXX";
    vdb_options options = VDB_OPTIONS_INIT;

    (void)state;
    options.index = VDB_HNSW;
    open_file(folder, &options);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(put(i), VDB_OK);
    assert_int_equal(vdb_wait_indexed(db, NULL), VDB_OK);
    assert_int_equal(vdb_checkpoint(db, NULL), VDB_OK);
    tells_of_the_graph();
    /* When it has been loaded, before anybody asks or saves. */
    assert_int_equal(vdb_close(db), VDB_OK);
    open_in(folder, &options);
    assert_int_equal(vdb_wait_indexed(db, NULL), VDB_OK);
    tells_of_the_graph();
    assert_int_equal(atomic_load(&db->checkpoints), 0);
    close_file(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_wait_together_share_a_sync),
        cmocka_unit_test(commits_and_others_take_turns),
        cmocka_unit_test(all_get_their_turn),
        cmocka_unit_test(the_graph_s_stats_are_told_to_who_has_no_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
