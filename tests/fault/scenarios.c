/* scenarios.c: the scripts.  Each is short, so that every call in it can be the one
 * at which something breaks. */
#include "scenarios.h"

static void play_creation(run *r)
{
    if (step_open(r) && step_close(r) && step_open(r))
        step_close(r);
}

static void play_inserts(run *r)
{
    if (step_open(r) && step_insert_many(r, 0, 20, 1) && step_compare(r))
        step_close(r);
}

static void play_large_put(run *r)
{
    if (step_open(r) && step_put(r, 0, 30, 1) && step_put(r, 15, 30, 2) &&
        step_put(r, 100, 300, 1) && step_compare(r))
        step_close(r);
}

static void play_replacement(run *r)
{
    if (!step_open(r) || !step_insert_many(r, 0, 6, 1))
        return;
    for (unsigned version = 2; version < 6; version++)
        if (!step_insert_many(r, 1, 4, version))
            return;
    if (step_compare(r))
        step_close(r);
}

static void play_deletion(run *r)
{
    if (!step_open(r) || !step_insert_many(r, 0, 10, 1))
        return;
    for (unsigned n = 0; n < 10; n += 2)
        if (!step_delete(r, n))
            return;
    if (step_checkpoint(r) && step_delete(r, 1) && step_delete(r, 9) && step_compare(r))
        step_close(r);
}

/* To nothing and back: an empty tree, an empty database with a dimension. */
static void play_delete_all(run *r)
{
    if (!step_open(r) || !step_insert_many(r, 0, 5, 1))
        return;
    for (int round = 0; round < 2; round++) {
        for (unsigned n = 0; n < 5; n++)
            if (!step_delete(r, n))
                return;
        if (!step_checkpoint(r) || !step_insert_many(r, 0, 5, 2))
            return;
    }
    if (step_compare(r))
        step_close(r);
}

static void play_metadata(run *r)
{
    if (!step_open(r) || !step_insert_many(r, 0, 8, 1))
        return;
    for (unsigned version = 2; version < 7; version++)
        if (!step_set_metadata(r, version, version) ||
            !step_set_metadata(r, 0, version))
            return;
    if (step_checkpoint(r) && step_set_metadata(r, 7, 9) && step_compare(r))
        step_close(r);
}

static void play_checkpoint(run *r)
{
    if (step_open(r) && step_insert_many(r, 0, 5, 1) && step_checkpoint(r) &&
        step_insert_many(r, 5, 3, 1) && step_compare(r))
        step_close(r);
}

static void play_checkpoints(run *r)
{
    if (!step_open(r))
        return;
    for (unsigned i = 0; i < 5; i++)
        if (!step_insert_many(r, i * 4, 4, 1) || !step_checkpoint(r) ||
            !step_checkpoint(r))
            return;
    if (step_insert(r, 0, 2) && step_compare(r))
        step_close(r);
}

/* The same by themselves, after every eight entries. */
static void play_automatic_checkpoints(run *r)
{
    if (step_open(r) && step_insert_many(r, 0, 30, 1) && step_put(r, 20, 20, 2) &&
        step_compare(r) && step_close(r) && step_open(r) &&
        step_insert_many(r, 10, 10, 3))
        step_close(r);
}

static void play_failed_checkpoint(run *r)
{
    if (!step_open(r) || !step_insert_many(r, 0, 5, 1))
        return;
    for (unsigned k = 1; k <= 8; k++)
        if (!step_insert(r, 10 + k, 1) || !step_failing_checkpoint(r, k) ||
            !step_insert(r, 20 + k, 1) || !step_delete(r, 10 + k))
            return;
    if (!step_failing_checkpoint(r, 1) || !step_failing_checkpoint(r, 1) ||
        !step_insert_many(r, 40, 3, 1) || !step_checkpoint(r) ||
        !step_insert_many(r, 50, 3, 1))
        return;
    if (step_compare(r) && step_close(r) && step_open(r))
        step_close(r);
}

/* One fails, and the process dies before the next: both logs are needed. */
static void play_failed_then_crash(run *r)
{
    for (unsigned k = 1; k <= 6; k++)
        if (!(r->db || step_open(r)) || !step_insert_many(r, k * 4, 3, k) ||
            !step_failing_checkpoint(r, k) || !step_insert(r, k * 4 + 3, k) ||
            !step_crash(r, k % 2 ? FAULTFS_NONE : FAULTFS_ALL, k))
            return;
    if (step_compare(r))
        step_close(r);
}

static void play_crashes(run *r)
{
    static const unsigned DAMAGES[] = {FAULTFS_NONE, FAULTFS_ALL, FAULTFS_SECTORS_HALF,
                                       FAULTFS_STALE_TAIL, FAULTFS_KEEP_LAST};

    if (!step_open(r))
        return;
    for (unsigned i = 0; i < 5; i++)
        if (!step_insert_many(r, i * 7, 6, i) || (i % 2 && !step_checkpoint(r)) ||
            !step_insert(r, i * 7 + 6, i) || !step_crash(r, DAMAGES[i], i))
            return;
    if (step_compare(r))
        step_close(r);
}

/* Nothing is written between two crashes: recovery must be repeatable. */
static void play_idle_crashes(run *r)
{
    if (step_open(r) && step_insert_many(r, 0, 6, 1) &&
        step_crash(r, FAULTFS_NONE, 1) && step_crash(r, FAULTFS_RANDOM, 2) &&
        step_crash(r, FAULTFS_NONE, 3) && step_insert(r, 7, 1) &&
        step_crash(r, FAULTFS_NONE, 4) && step_close(r) && step_open(r))
        step_close(r);
}

static void play_growth(run *r)
{
    for (unsigned i = 0; i < 12; i++)
        if (!(r->db || step_open(r)) || !step_put(r, i * 50, 50, i) ||
            !step_insert(r, i * 40, 20 + i) || (i % 4 == 3 && !step_checkpoint(r)) ||
            (i == 6 && (!step_close(r) || !step_open(r))))
            return;
    if (step_compare(r))
        step_close(r);
}

/* Long rows: the log reaches its bound by bytes. */
static void play_log_bound(run *r)
{
    if (!step_open(r))
        return;
    for (unsigned i = 0; i < 12; i++)
        if (!step_put(r, i * 20, 20, i))
            return;
    if (step_compare(r))
        step_close(r);
}

static void play_snapshot(run *r)
{
    if (!step_open(r) || !step_insert_many(r, 0, 12, 1) || !step_checkpoint(r) ||
        !step_insert_many(r, 12, 4, 1) || !step_snapshot(r))
        return;
    for (unsigned round = 0; round < 4; round++)
        if (!step_insert_many(r, round * 2, 4, 2 + round) ||
            !step_delete(r, 12 + round) || !step_checkpoint(r) ||
            !step_check_snapshot(r))
            return;
    if (step_release_snapshot(r) && step_insert(r, 30, 1) && step_checkpoint(r) &&
        step_insert(r, 31, 1) && step_checkpoint(r) && step_compare(r))
        step_close(r);
}

static void play_slot_reuse(run *r)
{
    if (!step_open(r) || !step_insert_many(r, 0, 8, 1))
        return;
    for (unsigned i = 0; i < 20; i++)
        if (!step_delete(r, i) || !step_insert(r, i + 8, i) ||
            (i % 5 == 4 && !step_checkpoint(r)))
            return;
    if (step_compare(r))
        step_close(r);
}

static void play_delete_where(run *r)
{
    if (!step_open(r) || !step_put(r, 0, 60, 1))
        return;
    for (int kind = 0; kind < ORACLE_KINDS; kind++)
        if (!step_delete_kind(r, kind) || !step_insert(r, 70 + (unsigned)kind, 1) ||
            (kind == 2 && !step_checkpoint(r)))
            return;
    if (step_delete_kind(r, 0) && step_compare(r))
        step_close(r);
}

static void play_reopening(run *r)
{
    for (unsigned i = 0; i < 5; i++)
        if (!step_open(r) || !step_insert_many(r, i * 2, 3, i) || !step_close(r))
            return;
    if (step_open(r) && step_compare(r))
        step_close(r);
}

/* A clean close leaves no log; the first commit after it must make one. */
static void play_first_commit(run *r)
{
    if (step_open(r) && step_insert_many(r, 0, 3, 1) && step_close(r) && step_open(r) &&
        step_close(r) && step_open(r) && step_insert(r, 3, 1) &&
        step_crash(r, FAULTFS_NONE, 1) && step_insert(r, 4, 1) && step_compare(r))
        step_close(r);
}

/* Full; deletes are still taken, and give back room; then the disk grows. */
static void play_full_disk(run *r)
{
    unsigned end = 0;

    if (!step_open(r) || !step_insert_many(r, 0, 20, 1) || !step_checkpoint(r))
        return;
    faultfs_set_capacity(r->fs, faultfs_used(r->fs) + (512u << 10));
    if (!step_fill(r, 20, 1, &end))
        return;
    for (unsigned n = 0; n < end; n += 2)
        if (!step_delete(r, n))
            return;
    if (!step_checkpoint(r) || !step_checkpoint(r) || !step_insert_many(r, 0, 4, 2) ||
        !step_compare(r))
        return;
    faultfs_set_capacity(r->fs, 0);
    if (step_insert_many(r, 4, 30, 3) && step_compare(r) && step_close(r) &&
        step_open(r))
        step_close(r);
}

static void play_refusals(run *r)
{
    if (step_open(r) && step_insert_many(r, 0, 6, 1) && step_refused(r, 50, 3) &&
        step_insert(r, 6, 1) && step_refused(r, 51, 6) && step_checkpoint(r) &&
        step_refused(r, 52, 0) && step_insert(r, 7, 1) && step_compare(r))
        step_close(r);
}

static void play_batches(run *r)
{
    if (!step_open(r) || !step_put(r, 0, 10, 1))
        return;
    for (unsigned i = 0; i < 6; i++)
        if (!step_batch(r, 5 + i * 3, 8, i, 6 + i * 3))
            return;
    if (step_checkpoint(r) && step_batch(r, 0, 3, 9, 1) && step_compare(r))
        step_close(r);
}

/* Of what is saved and what is not; of a snapshot; and the source goes on. */
static void play_backup(run *r)
{
    if (step_open(r) && step_put(r, 0, 25, 1) && step_checkpoint(r) &&
        step_insert_many(r, 20, 10, 2) && step_backup(r) && step_delete(r, 3) &&
        step_snapshot(r) && step_put(r, 0, 20, 3) && step_checkpoint(r) &&
        step_backup(r) && step_release_snapshot(r) && step_insert(r, 40, 1) &&
        step_compare(r))
        step_close(r);
}

/* Of nothing; and of what a crash has left in the log. */
static void play_backup_recovered(run *r)
{
    if (step_open(r) && step_backup(r) && step_insert_many(r, 0, 8, 1) &&
        step_crash(r, FAULTFS_NONE, 1) && step_backup(r) && step_insert(r, 9, 1) &&
        step_compare(r))
        step_close(r);
}

/* Saved, saved in part, kept by ordinary checkpoints and closings, dropped. */
static void play_graph(run *r)
{
    if (!step_open(r) || !step_put(r, 0, 80, 1) || !step_graph_link(r, 1, 1) ||
        !step_graph_save(r) || !step_checkpoint(r))
        return;
    if (!step_insert_many(r, 10, 3, 2) || !step_graph_unlink(r, true) ||
        !step_graph_link(r, 2, 1) || !step_graph_save(r) || !step_checkpoint(r) ||
        !step_insert_many(r, 20, 3, 3) || !step_checkpoint(r) || !step_close(r) ||
        !step_open(r) || !step_graph_unlink(r, true) || !step_graph_abandon(r) ||
        !step_graph_save(r) || !step_close(r) || !step_open(r))
        return;
    if (step_insert(r, 90, 1) && step_graph_drop(r) && step_insert(r, 91, 1) &&
        step_checkpoint(r) && step_compare(r) && step_graph_link(r, 3, 2) &&
        step_graph_save(r) && step_checkpoint(r) && step_compare(r))
        step_close(r);
}

/* A slot in the graph is used again as early as may be, and the power goes. */
static void play_graph_reuse(run *r)
{
    static const unsigned DAMAGES[] = {FAULTFS_NONE, FAULTFS_ALL, FAULTFS_RANDOM};

    if (!step_open(r) || !step_put(r, 0, 40, 1))
        return;
    for (unsigned i = 0; i < 6; i++) {
        if (!step_graph_link(r, i, 2) || !step_graph_save(r) ||
            !step_insert(r, i, i + 2) || !step_checkpoint(r) ||
            !step_delete(r, 10 + i) || !step_graph_unlink(r, true) ||
            !step_insert(r, 50 + i, 1) || !step_graph_save(r))
            return;
        if (i % 2 ? !step_checkpoint(r) : !step_graph_drop(r))
            return;
        if (!step_insert(r, 60 + i, 1) || !step_insert(r, 70 + i, 1) ||
            !step_crash(r, DAMAGES[i % 3], i) || !step_graph_unlink(r, i % 3 != 2) ||
            !step_insert(r, 80 + i, 1))
            return;
        if (i % 3 == 1 && (!step_close(r) || !step_open(r)))
            return;
    }
    if (step_compare(r))
        step_close(r);
}

/* Commits, deletes and unlinking in the middle of a save; a checkpoint that fails. */
static void play_graph_beside(run *r)
{
    if (!step_open(r) || !step_put(r, 0, 50, 1))
        return;
    for (unsigned i = 0; i < 4; i++) {
        if (!step_graph_link(r, i, 1) || !step_graph_save_beside(r, 60 + i, i, 3 * i) ||
            !step_insert(r, 3, i))
            return;
        if (i == 2 && !step_failing_checkpoint(r, 3))
            return;
        if (!step_insert(r, 70 + i, i) || !step_checkpoint(r) ||
            !step_insert(r, 80 + i, i) || !step_graph_unlink(r, true))
            return;
    }
    if (step_compare(r) && step_graph_save(r) && step_close(r) && step_open(r))
        step_close(r);
}

/* The first things of a handle, with no log in use. */
static void play_graph_first(run *r)
{
    if (!step_open(r) || !step_put(r, 0, 30, 1) || !step_close(r) || !step_open(r) ||
        !step_graph_link(r, 1, 1) || !step_graph_save(r) || !step_checkpoint(r) ||
        !step_close(r) || !step_open(r) || !step_graph_link(r, 1, 1) ||
        !step_graph_save_beside(r, 40, 1, 7) || !step_close(r) || !step_open(r) ||
        !step_graph_drop(r) || !step_close(r) || !step_open(r) ||
        !step_graph_link(r, 4, 1) || !step_graph_save(r) || !step_checkpoint(r) ||
        !step_graph_drop(r) || !step_checkpoint(r) || !step_insert(r, 41, 1))
        return;
    if (step_compare(r))
        step_close(r);
}

/* Everything about a graph, in an order that no one chose. */
static void play_graph_program(run *r)
{
    uint64_t random = 815;

    if (!step_open(r) || !step_put(r, 0, 30, 1))
        return;
    for (unsigned i = 0; i < 70; i++) {
        unsigned n = (unsigned)(fault_random(&random) % 50);
        bool there = r->oracle.rows[n].there, on;
        switch (fault_random(&random) % 14) {
        case 0:
            on = step_checkpoint(r);
            break;
        case 1:
            on = step_graph_save(r) && step_checkpoint(r);
            break;
        case 2:
            on = step_graph_save_beside(r, n, i, (n + 1) % 50) &&
                 (i % 2 || step_checkpoint(r));
            break;
        case 3:
            on = step_close(r) && step_open(r);
            break;
        case 4:
            on = step_crash(r, i % FAULTFS_DAMAGES, i);
            break;
        case 5:
            on = i % 4 ? step_graph_abandon(r) : step_graph_drop(r);
            break;
        case 6:
        case 7:
            on = step_graph_link(r, i, 3);
            break;
        case 8:
        case 9:
            on = step_graph_unlink(r, i % 2);
            break;
        case 10:
            on = there ? step_delete(r, n) : step_insert(r, n, i);
            break;
        default:
            on = step_insert(r, n, i);
            break;
        }
        if (!on)
            return;
    }
    if (step_compare(r))
        step_close(r);
}

/* Most rows go; what is left moves together, and the file becomes short. */
static void play_compact(run *r)
{
    if (!step_open(r) || !step_put(r, 0, 120, 1) || !step_checkpoint(r))
        return;
    for (int kind = 0; kind < ORACLE_KINDS - 1; kind++)
        if (!step_delete_kind(r, kind))
            return;
    if (step_insert(r, 5, 2) && step_compact(r, 200000) && step_compare(r) &&
        step_insert_many(r, 100, 6, 3) && step_delete(r, 101) && step_compare(r) &&
        step_close(r) && step_open(r) && step_compact(r, 200000) &&
        step_insert(r, 7, 1) && step_crash(r, FAULTFS_NONE, 1) && step_compare(r))
        step_close(r);
}

/* What a snapshot sees stays, and comes back when it is gone. */
static void play_compact_snapshot(run *r)
{
    if (!step_open(r) || !step_put(r, 0, 60, 1) || !step_checkpoint(r) ||
        !step_snapshot(r))
        return;
    for (int kind = 0; kind < ORACLE_KINDS - 1; kind++)
        if (!step_delete_kind(r, kind))
            return;
    if (step_compact(r, 0) && step_check_snapshot(r) && step_put(r, 20, 10, 2) &&
        step_compact(r, 0) && step_check_snapshot(r) && step_release_snapshot(r) &&
        step_checkpoint(r) && step_compact(r, 200000) && step_compare(r))
        step_close(r);
}

/* Beside a saved graph: its pages move, too; when most is dead it is dropped. */
static void play_compact_graph(run *r)
{
    if (!step_open(r) || !step_put(r, 0, 80, 1) || !step_checkpoint(r) ||
        !step_put(r, 80, 80, 1) || !step_graph_link(r, 1, 1) || !step_graph_save(r) ||
        !step_checkpoint(r))
        return;
    for (unsigned n = 0; n < 60; n++)
        if (!step_delete(r, n))
            return;
    if (!step_compact(r, 0) || !step_compare(r) || !step_insert_many(r, 0, 3, 2) ||
        !step_close(r) || !step_open(r) || !step_compare(r))
        return;
    for (unsigned n = 60; n < 130; n++)
        if (!step_delete(r, n))
            return;
    if (step_compact(r, 250000) && step_compare(r) && step_insert_many(r, 200, 3, 1) &&
        step_crash(r, FAULTFS_RANDOM, 2) && step_compact(r, 250000) && step_compare(r))
        step_close(r);
}

/* Compacted to nothing, and again after a crash. */
static void play_compact_empty(run *r)
{
    if (!step_open(r) || !step_compact(r, 0) || !step_put(r, 0, 20, 1))
        return;
    for (unsigned n = 0; n < 20; n++)
        if (!step_delete(r, n))
            return;
    if (step_compact(r, 100000) && step_insert(r, 3, 1) &&
        step_crash(r, FAULTFS_ALL, 1) && step_compact(r, 150000) &&
        step_insert(r, 4, 1) && step_compare(r))
        step_close(r);
}

/* Half of the rows are replaced, the other half, and again: closing cuts the file. */
static bool churn(run *r, unsigned version)
{
    for (unsigned round = 0; round < 3; round++)
        for (unsigned half = 0; half < 2; half++)
            if (!step_put(r, half * 60, 60, version + round) || !step_checkpoint(r))
                return false;
    return true;
}

static void play_trim(run *r)
{
    if (step_open(r) && churn(r, 1) && step_insert(r, 130, 1) &&
        step_close_short(r, 300000) && step_open(r) && step_compare(r) && churn(r, 5) &&
        step_snapshot(r) && step_put(r, 30, 30, 9) && step_checkpoint(r) &&
        step_check_snapshot(r) && step_close_short(r, 300000) && step_open(r) &&
        step_insert(r, 131, 1) && step_crash(r, FAULTFS_NONE, 1) && step_compare(r))
        step_close(r);
}

/* With a saved graph, and one that closing saves. */
static void play_trim_graph(run *r)
{
    if (step_open(r) && step_put(r, 0, 120, 1) && step_graph_link(r, 1, 1) &&
        step_graph_save(r) && step_checkpoint(r) && churn(r, 2) &&
        step_graph_link(r, 2, 1) && step_graph_save(r) && step_close_short(r, 480000) &&
        step_open(r) && step_compare(r) && churn(r, 5) && step_close(r) &&
        step_open(r) && step_insert(r, 131, 1) && step_crash(r, FAULTFS_ALL, 1) &&
        step_compare(r))
        step_close(r);
}

/* Everything at once, in an order that no one chose. */
static void play_program(run *r)
{
    uint64_t random = 4711;

    if (!step_open(r) || !step_put(r, 0, 20, 1))
        return;
    for (unsigned i = 0; i < 60; i++) {
        unsigned n = (unsigned)(fault_random(&random) % 40);
        bool there = r->oracle.rows[n].there;
        bool on;
        switch (fault_random(&random) % 12) {
        case 0:
            on = step_put(r, n, 12, i);
            break;
        case 1:
            on = step_checkpoint(r);
            break;
        case 2:
            on = step_delete_kind(r, (int)(i % ORACLE_KINDS));
            break;
        case 3:
            on = step_close(r) && step_open(r);
            break;
        case 4:
            on = i % 3 ? step_crash(r, i % FAULTFS_DAMAGES, i) : step_compact(r, 0);
            break;
        case 5:
        case 6:
            on = there ? step_delete(r, n) : step_insert(r, n, i);
            break;
        case 7:
            on = there ? step_set_metadata(r, n, i) : step_insert(r, n, i);
            break;
        default:
            on = step_insert(r, n, i);
            break;
        }
        if (!on)
            return;
    }
    if (step_compare(r))
        step_close(r);
}

const scenario scenarios[] = {
    {"creation", play_creation, 8, VDB_FULL_SYNC, 1000},
    {"inserts", play_inserts, 8, VDB_FULL_SYNC, 1000},
    {"large_put", play_large_put, 8, VDB_FULL_SYNC, 1000},
    {"replacement", play_replacement, 8, VDB_FULL_SYNC, 8},
    {"deletion", play_deletion, 8, VDB_FULL_SYNC, 8},
    {"delete_all", play_delete_all, 3, VDB_FULL_SYNC, 8},
    {"metadata", play_metadata, 8, VDB_FULL_SYNC, 8},
    {"checkpoint", play_checkpoint, 8, VDB_FULL_SYNC, 1000},
    {"checkpoints", play_checkpoints, 8, VDB_FULL_SYNC, 1000},
    {"automatic_checkpoints", play_automatic_checkpoints, 8, VDB_FULL_SYNC, 8},
    {"failed_checkpoint", play_failed_checkpoint, 8, VDB_FULL_SYNC, 1000},
    {"failed_then_crash", play_failed_then_crash, 8, VDB_FULL_SYNC, 1000},
    {"crashes", play_crashes, 8, VDB_FULL_SYNC, 8},
    {"idle_crashes", play_idle_crashes, 8, VDB_FULL_SYNC, 1000},
    {"growth", play_growth, 64, VDB_FULL_SYNC, 200},
    {"log_bound", play_log_bound, 2048, VDB_FULL_SYNC, 1000000},
    {"snapshot", play_snapshot, 8, VDB_FULL_SYNC, 8},
    {"slot_reuse", play_slot_reuse, 8, VDB_FULL_SYNC, 8},
    {"delete_where", play_delete_where, 8, VDB_FULL_SYNC, 8},
    {"reopening", play_reopening, 8, VDB_FULL_SYNC, 8},
    {"first_commit", play_first_commit, 8, VDB_FULL_SYNC, 1000},
    {"full_disk", play_full_disk, 64, VDB_FULL_SYNC, 1000},
    {"refusals", play_refusals, 8, VDB_FULL_SYNC, 8},
    {"batches", play_batches, 8, VDB_FULL_SYNC, 8},
    {"backup", play_backup, 8, VDB_FULL_SYNC, 1000},
    {"backup_recovered", play_backup_recovered, 8, VDB_FULL_SYNC, 1000},
    {"graph", play_graph, 8, VDB_FULL_SYNC, 100000},
    {"graph_reuse", play_graph_reuse, 8, VDB_FULL_SYNC, 100000},
    {"graph_beside", play_graph_beside, 8, VDB_FULL_SYNC, 100000},
    {"graph_first", play_graph_first, 8, VDB_FULL_SYNC, 100000},
    {"graph_program", play_graph_program, 8, VDB_FULL_SYNC, 100000},
    {"graph_program_off", play_graph_program, 8, VDB_OFF, 100000},
    {"compact", play_compact, 64, VDB_FULL_SYNC, 1000},
    {"compact_snapshot", play_compact_snapshot, 64, VDB_FULL_SYNC, 1000},
    {"compact_graph", play_compact_graph, 8, VDB_FULL_SYNC, 100000},
    {"compact_empty", play_compact_empty, 8, VDB_FULL_SYNC, 1000},
    {"compact_normal", play_compact, 8, VDB_NORMAL, 8},
    {"trim", play_trim, 64, VDB_FULL_SYNC, 1000},
    {"trim_normal", play_trim, 64, VDB_NORMAL, 1000},
    {"trim_graph", play_trim_graph, 64, VDB_FULL_SYNC, 100000},
    {"program", play_program, 8, VDB_FULL_SYNC, 8},
    {"program_normal", play_program, 8, VDB_NORMAL, 8},
    {"program_off", play_program, 8, VDB_OFF, 8},
};
const size_t scenario_count = sizeof scenarios / sizeof *scenarios;
