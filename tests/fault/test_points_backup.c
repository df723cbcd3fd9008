/* test_points_backup.c: the rules of docs/format.md, "Backups", and of "Compaction", each
 * with the scenario that breaks when the rule is broken. */
#include "points.h"

#define COPY "copy.vdb"

enum {
    ROWS = 40,
    SEEDS = 6
};

/* What a power cut has left under the name of a backup: 1 a whole one, 0 no database. */
static int judge_copy(faultfs *fs)
{
    vdb_env_options env_options = VDB_ENV_OPTIONS_INIT;
    vdb_options options = VDB_OPTIONS_INIT;
    vdb_report *report = NULL;
    vdb_env *env;
    vdb *db;
    uint64_t count = 0;
    vdb_status status;

    env_options.vfs = faultfs_vfs(fs);
    assert_int_equal(vdb_env_new(&env_options, &env), VDB_OK);
    options.env = env;
    options.flags = VDB_OPEN_MUST_EXIST | VDB_OPEN_READONLY;
    status = vdb_open(COPY, &options, &db);
    if (!status) {
        assert_int_equal(vdb_check(db, NULL, &report, NULL), VDB_OK);
        assert_int_equal(vdb_count(db, NULL, NULL, &count), VDB_OK);
        assert_int_equal(count, ROWS);
        vdb_report_free(report);
        vdb_close(db);
    } else if (status != VDB_NOT_FOUND) {
        assert_int_equal(status, VDB_CORRUPT);
    }
    vdb_env_free(env);
    return !status;
}

/* The power goes at each call of a backup, and of what was not synced any part is left. */
static void a_cut_inside_a_backup_leaves_a_whole_one_or_none(void **state)
{
    uint64_t before, calls;
    machine *m = machine_new(true);
    vdb_status status;
    int whole = 0, none = 0;

    (void)state;
    machine_open(m);
    put_many(m, 0, ROWS, 1);
    before = faultfs_calls(m->fs);
    assert_int_equal(vdb_backup(m->db, COPY, NULL), VDB_OK);
    calls = faultfs_calls(m->fs) - before;
    machine_free(m);
    assert_true(calls >= 4);
    for (uint64_t n = 1; n <= calls + 1; n++) {
        m = machine_new(true);
        machine_open(m);
        put_many(m, 0, ROWS, 1);
        faultfs_cut_at(m->fs, faultfs_calls(m->fs) + n);
        status = vdb_backup(m->db, COPY, NULL);
        assert_int_equal(status, n <= calls ? VDB_IO : VDB_OK);
        for (unsigned i = 0; i < FAULTFS_DAMAGES * SEEDS; i++) {
            faultfs *after = faultfs_after_cut(m->fs, i / SEEDS, i % SEEDS);
            int there = judge_copy(after);
            whole += there;
            none += !there;
            assert_true(there || n <= calls);
            faultfs_free(after);
        }
        machine_free(m);
    }
    assert_true(whole > 0 && none > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_inside_a_backup_leaves_a_whole_one_or_none),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
