/* test_points_commits.c: the rules of design.md about groups of commits and about
 * durability, each with the scenario that breaks when the rule is broken.  (The
 * campaigns try everything; these say which rule it was.) */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "points.h"

/* --------------------------------------------------- commits: the leader, groups */

static vdb_status apply_pair(machine *m, unsigned n, unsigned gone)
{
    float vector[DIM];
    char id[32];
    vdb_batch *batch;
    vdb_status status;

    row_vector(n, 1, vector);
    assert_int_equal(vdb_batch_new(m->db, &batch), VDB_OK);
    assert_int_equal(vdb_batch_insert(batch, row_id(n, id), vector, DIM, NULL), VDB_OK);
    assert_int_equal(vdb_batch_delete(batch, row_id(gone, id)), VDB_OK);
    status = vdb_batch_apply(batch, NULL);
    vdb_batch_free(batch);
    return status;
}

static void a_failed_request_drops_its_own_version_slots_and_bytes(void **state)
{
    machine *m = machine_new(true);
    content before, after;

    (void)state;
    machine_open(m);
    put_many(m, 0, 4, 1);
    drop(m, 2);
    before = content_get(m, LOG1);
    expect_failed(apply_pair(m, 8, 99), VDB_NOT_FOUND, "row-99");
    after = content_get(m, LOG1);
    assert_true(content_same(&before, &after));
    put(m, 5, 1);
    /* The slot that was taken for row 8 is row 5's. */
    assert_int_equal(stats_of(m).slots, 4);
    machine_kill(m);
    machine_open(m);
    expect(m, 8, ABSENT);
    expect(m, 5, 1);
    expect_sound(m, 4);
    content_free(&before);
    content_free(&after);
    machine_free(m);
}

/* A large request is in the log's group as frames before it fails. */
static void a_failed_request_of_many_frames_leaves_none(void **state)
{
    enum {
        COUNT = 40000
    };
    machine *m = machine_new(true);
    vdb_rows rows = VDB_ROWS_INIT;
    const char **ids = calloc(COUNT, sizeof *ids);
    float *vectors = calloc(COUNT * DIM, sizeof *vectors);
    char *text = malloc(COUNT * 32);

    (void)state;
    assert_true(ids && vectors && text);
    for (unsigned n = 0; n < COUNT; n++)
        ids[n] = row_id(1000 + n, text + n * 32);
    ids[COUNT - 1] = "row-0"; /* which is there */
    rows.ids = ids;
    rows.vectors = vectors;
    rows.count = COUNT;
    rows.dim = DIM;
    rows.flags = VDB_ROWS_NEW;
    m->options.log_bytes = 16 << 20;
    machine_open(m);
    put(m, 0, 1);
    expect_failed(vdb_put(m->db, &rows, NULL, NULL), VDB_EXISTS, "row-0");
    put(m, 1, 1);
    machine_kill(m);
    machine_open(m);
    expect_many(m, 0, 2, 1);
    expect_sound(m, 2);
    assert_int_equal(stats_of(m).replayed, 2);
    free(ids);
    free(vectors);
    free(text);
    machine_free(m);
}

/* Requests that wait while the log is being written become one group. */
typedef struct request {
    machine *m;
    pthread_t thread;
    unsigned n;
    bool removes, is_new;
    vdb_status status;
} request;

static void *run_request(void *arg)
{
    request *r = arg;
    float vector[DIM];
    char id[32];

    row_id(r->n, id);
    row_vector(r->n, 1, vector);
    if (r->removes)
        r->status = vdb_delete(r->m->db, id);
    else if (r->is_new)
        r->status = vdb_insert_new(r->m->db, id, vector, DIM, NULL);
    else
        r->status = try_put(r->m, r->n, 1);
    return NULL;
}

typedef struct gate {
    request *requests;
    size_t count;
    bool queued, fails;
    bool deletes; /* the first request, too */
} gate;

/* At the first write to a log start the requests, and give each the time to queue. */
static int queue_them(machine *m, uint32_t kind, const char *name)
{
    gate *g = m->hook_arg;

    if (kind != FAULTFS_WRITE || !strcmp(name, MAIN))
        return 0;
    if (g->queued)
        return g->fails ? -EIO : 0;
    g->queued = true;
    for (size_t i = 0; i < g->count; i++) {
        g->requests[i].m = m;
        assert_int_equal(
            pthread_create(&g->requests[i].thread, NULL, run_request, &g->requests[i]),
            0);
        usleep(30000);
    }
    return 0;
}

static void run_group(machine *m, gate *g)
{
    m->hook_arg = g;
    m->hook = queue_them;
    if (g->deletes)
        drop(m, 0);
    else
        put(m, 100, 1);
    for (size_t i = 0; i < g->count; i++)
        pthread_join(g->requests[i].thread, NULL);
    m->hook = NULL;
}

static void a_group_has_one_sync(void **state)
{
    machine *m = machine_new(true);
    request requests[6] = {{.n = 1}, {.n = 2}, {.n = 3}, {.n = 4}, {.n = 5}, {.n = 6}};
    gate g = {requests, 6, false, false, false};
    uint64_t before;

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    before = stats_of(m).syncs;
    run_group(m, &g);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(requests[i].status, VDB_OK);
    assert_int_equal(stats_of(m).syncs - before, 2); /* the first, and the group's */
    assert_int_equal(stats_of(m).sequence, 8);       /* a version each */
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 7, 1);
    expect(m, 100, 1);
    expect_sound(m, 8);
    machine_free(m);
}

static void an_answer_that_rests_on_the_group_waits_for_it(void **state)
{
    machine *m = machine_new(true);
    request requests[4] = {{.n = 1},
                           {.n = 1, .is_new = true},
                           {.n = 0, .removes = true},
                           {.n = 0, .removes = true}};
    gate g = {requests, 4, false, true, false};

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    run_group(m, &g);
    /* The second would be VDB_EXISTS, the last VDB_NOT_FOUND, had the group been
     * written. */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(requests[i].status, VDB_IO);
    expect(m, 0, 1);
    expect(m, 1, ABSENT);
    expect(m, 100, 1);
    put(m, 1, 2);
    machine_kill(m);
    machine_open(m);
    expect(m, 0, 1);
    expect(m, 1, 2);
    expect_sound(m, 3);
    machine_free(m);
}

/* On a full disk, queued together: the insert's want of space is not the delete's. */
static void a_delete_does_not_share_an_inserts_want_of_space(void **state)
{
    machine *m = machine_new(true);
    request requests[3] = {
        {.n = 200000}, {.n = 1, .removes = true}, {.n = 2, .removes = true}};
    gate g = {requests, 3, false, false, true};
    unsigned n = 0;

    (void)state;
    machine_open(m);
    put_many(m, 0, 50, 1);
    checkpoint(m);
    faultfs_set_capacity(m->fs, faultfs_used(m->fs) + (128u << 10));
    for (n = 50; n < 100000 && !try_put(m, n, 1);)
        n++;
    run_group(m, &g);
    assert_int_equal(requests[0].status, VDB_FULL);
    assert_int_equal(requests[1].status, VDB_OK);
    assert_int_equal(requests[2].status, VDB_OK);
    expect_sound(m, n - 3);
    machine_free(m);
}

/* -------------------------------------------------------------- durability */

static void full_is_durable_at_once(void **state)
{
    machine *m = machine_new(true);
    size_t waiting;

    (void)state;
    machine_open(m);
    put(m, 0, 1);
    waiting = faultfs_unsynced(m->fs); /* the name of the other log */
    for (unsigned n = 1; n < 5; n++) {
        put(m, n, 1);
        assert_int_equal(faultfs_unsynced(m->fs), waiting);
    }
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 5, 1);
    machine_free(m);
}

static void normal_is_durable_after_a_second(void **state)
{
    machine *m = machine_new(true);
    size_t waiting;

    (void)state;
    m->options.durability = VDB_NORMAL;
    machine_open(m);
    put(m, 0, 1);
    faultfs_advance(m->fs, 1100000000u);
    put(m, 1, 1);
    waiting = faultfs_unsynced(m->fs);
    put(m, 2, 1);
    assert_int_equal(faultfs_unsynced(m->fs), waiting + 1);
    faultfs_advance(m->fs, 1100000000u);
    put(m, 2, 1);
    assert_int_equal(faultfs_unsynced(m->fs), waiting);
    put(m, 3, 1);
    assert_int_equal(faultfs_unsynced(m->fs), waiting + 1);
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 3, 1);
    expect(m, 3, ABSENT);
    put(m, 3, 2);
    machine_kill(m); /* of a process that dies alone nothing is lost */
    machine_open(m);
    expect(m, 3, 2);
    machine_free(m);
}

static void off_is_durable_after_a_checkpoint(void **state)
{
    machine *m = machine_new(true);
    size_t waiting;

    (void)state;
    m->options.durability = VDB_OFF;
    machine_open(m);
    put(m, 0, 1);
    waiting = faultfs_unsynced(m->fs);
    faultfs_advance(m->fs, 10000000000u);
    put(m, 1, 1);
    assert_int_equal(faultfs_unsynced(m->fs), waiting + 1);
    checkpoint(m);
    put(m, 2, 1);
    machine_cut(m, FAULTFS_NONE, 0);
    machine_open(m);
    expect_many(m, 0, 2, 1);
    expect(m, 2, ABSENT);
    expect_sound(m, 2);
    machine_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_request_drops_its_own_version_slots_and_bytes),
        cmocka_unit_test(a_failed_request_of_many_frames_leaves_none),
        cmocka_unit_test(a_group_has_one_sync),
        cmocka_unit_test(an_answer_that_rests_on_the_group_waits_for_it),
        cmocka_unit_test(a_delete_does_not_share_an_inserts_want_of_space),
        cmocka_unit_test(full_is_durable_at_once),
        cmocka_unit_test(normal_is_durable_after_a_second),
        cmocka_unit_test(off_is_durable_after_a_checkpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
