/* test_real_faults.c: over the life of a real graph (graph_life.h), fail every call of the
 * file system, once and for ever, and refuse every allocation, once and from there on.
 *
 * The first step that fails ends the fault.  Then its handle is poisoned, and is opened
 * anew; or nothing has changed, every vector is found, and the same step now succeeds.  A
 * fault that nobody is told of has hit what is derived: the graph.  After every step that
 * follows, each vector is found by its own value, and after a single fault by a graph that
 * covers it, once somebody has waited for that.  Last, the machine as it is, or after its
 * caches are lost, or after a power cut, is opened and looked at (life_check_machine).
 *
 * VDB_LONG=1 visits every point, also with two threads; --replay KIND CALL SEED one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "graph_life.h"

enum {
    SECONDS = 12, /* of each of the two tests */
    SEEDS = 4     /* what is done with the machine at the end */
};

typedef struct fault_kind {
    const char *name;
    uint32_t kinds; /* 0: allocations */
    int error;
    int persistent;
} fault_kind;

static const fault_kind FAULTS[] = {
    {"EIO once", FAULTFS_EVERY_KIND, EIO, 0},
    {"EIO for ever", FAULTFS_EVERY_KIND, EIO, 1},
    {"EIO of a sync", FAULTFS_SYNC | FAULTFS_SYNC_DIRECTORY, EIO, 0},
    {"ENOSPC once", FAULTFS_GROWING, ENOSPC, 0},
    {"EIO of reads", FAULTFS_READ | FAULTFS_MAP, EIO, 1},
    {"no memory once", 0, 0, 0},
    {"no memory from there on", 0, 0, 1},
};
enum {
    KINDS = sizeof FAULTS / sizeof *FAULTS,
    IO_KINDS = 5
};

typedef struct counts {
    uint64_t points, visited, faults, told, retried, poisoned;
} counts;
static counts count;
static int whole;

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t fired(const life *w)
{
    return faultfs_fired(w->fs) + faultmem_fired(w->memory);
}

static void heal(life *w)
{
    faultfs_disarm(w->fs);
    faultmem_heal(w->memory);
}

static int is_poisoned(life *w)
{
    vdb_stats stats = VDB_STATS_INIT;

    return w->db && !vdb_stats_get(w->db, &stats) && stats.poisoned;
}

static int is(const life_step *step, const char *doing)
{
    return strcmp(step->doing, doing) == 0;
}

/* Saving, taking out, linking and loading happen here; in the rest mostly commits. */
static int is_of_graph(const life_step *step)
{
    return !is(step, "create") && !is(step, "fill") && !is(step, "measure") &&
           !is(step, "replace") && !is(step, "use slots again") && !is(step, "delete");
}

/* A step has failed.  It is to be tried again, unless it was a closing, which closes. */
static void after_failure(life *w, const life_step *step, vdb_status st)
{
    if (!vdb_errmsg()[0])
        life_wrong(w, "status %d without a message", (int)st);
    if (!fired(w))
        life_wrong(w, "without a fault: %s", vdb_errmsg());
    heal(w);
    count.told++;
    if (is_poisoned(w)) {
        count.poisoned++;
        life_close(w);
    } else if (w->db) {
        memcpy(w->pending, w->acked, sizeof w->pending);
        life_check_rows(w, w);
        life_check_found(w, 0);
    }
    if (!w->db && !is(step, "create") && !is(step, "open") && !is(step, "close")) {
        if (life_open(w))
            life_wrong(w, "opening after the fault: %s", vdb_errmsg());
        life_check_rows(w, w);
    }
}

static void play_step(life *w, const life_step *step)
{
    for (int tried = 0;; tried = 1) {
        vdb_status st = life_play(w, step);
        if (!st)
            return;
        if (tried)
            life_wrong(w, "it fails again: %s", vdb_errmsg());
        after_failure(w, step, st);
        if (is(step, "close"))
            return;
        count.retried++;
    }
}

static void play(life *w, int persistent)
{
    for (unsigned i = 0; i < life_step_count; i++) {
        const life_step *step = &life_steps[i];
        int waited = is(step, "make") || is(step, "repair") || is(step, "link those") ||
                     is(step, "load");
        uint64_t before = fired(w);
        play_step(w, step);
        if (!w->db || !fired(w) || (persistent && before == fired(w)))
            continue;
        if (!persistent)
            life_check_found(w, waited && life_wants_graph(w));
    }
}

/* What is left of the machine, opened by a healthy program. */
static void judge(const life *played, uint64_t seed)
{
    life w = {0};
    faultfs *fs;

    if (seed % SEEDS == 1)
        faultfs_evict(played->fs);
    fs = faultfs_after_cut(
        played->fs, seed % SEEDS < 2 ? FAULTFS_ALL : (unsigned)(seed % 32), seed);
    life_begin(&w, fs, NULL, 1);
    memcpy(w.fault, played->fault, sizeof w.fault);
    life_check_machine(&w, played);
    life_end(&w);
}

static life begin(uint32_t threads)
{
    life w = {0};

    life_begin(&w, faultfs_new(1), faultmem_new(), threads);
    return w;
}

static void fail_at(unsigned kind, uint64_t n, uint64_t seed, uint32_t threads)
{
    const fault_kind *f = &FAULTS[kind];
    life w = begin(threads);

    snprintf(w.fault, sizeof w.fault, "%s, threads %u, --replay %u %llu %llu", f->name,
             threads, kind, (unsigned long long)n, (unsigned long long)seed);
    if (f->kinds)
        faultfs_arm(w.fs, f->kinds, n, f->error, f->persistent);
    else
        faultmem_fail_at(w.memory, n, f->persistent);
    play(&w, f->persistent);
    heal(&w);
    w.doing = NULL;
    count.visited++;
    count.faults += fired(&w);
    judge(&w, seed);
    life_end(&w);
}

/* Its points; *of_graph of them, which come first, are in steps that are the graph's. */
static uint64_t *points_of(unsigned kind, uint64_t *points, uint64_t *of_graph)
{
    life w = begin(1);
    uint64_t *all = NULL, before = 0;

    *points = 0;
    for (unsigned i = 0; i < life_step_count; i++) {
        uint64_t now;
        play_step(&w, &life_steps[i]);
        now = FAULTS[kind].kinds ? faultfs_calls_of(w.fs, FAULTS[kind].kinds)
                                 : faultmem_calls(w.memory);
        all = realloc(all, (now + 1) * sizeof *all);
        assert_non_null(all);
        for (; before < now; before++) {
            uint64_t at = (*points)++;
            all[at] = before + 1;
            if (!is_of_graph(&life_steps[i]))
                continue;
            all[at] = all[*of_graph];
            all[(*of_graph)++] = before + 1;
        }
    }
    life_end(&w);
    return all;
}

/* Every `step`-th of so many, around and around, comes to all of them. */
static uint64_t stride(uint64_t points)
{
    uint64_t step = (uint64_t)((double)points * 0.618034) | 1;

    while (points % step == 0 && points > 1)
        step += 2;
    return step;
}

static void visit_point(unsigned kind, uint64_t n)
{
    if (!whole)
        fail_at(kind, n, n, 1);
    for (uint64_t seed = 0; whole && seed < (FAULTS[kind].kinds ? SEEDS : 1u); seed++)
        fail_at(kind, n, seed, 1);
    if (whole)
        fail_at(kind, n, n, 2);
}

/* In an order that leaps about, half of the time at what is the graph's; of those that
 * there is no time for, none. */
static void visit(unsigned kind, double until)
{
    uint64_t count_all, count_graph = 0;
    uint64_t *points = points_of(kind, &count_all, &count_graph);
    uint64_t rest = count_all - count_graph;

    assert_true(count_graph > 5 && rest > 5);
    count.points += count_all;
    for (uint64_t i = 0; i < count_graph || i < rest; i++) {
        if (!whole && seconds() >= until)
            break;
        if (i < count_graph)
            visit_point(kind, points[i * stride(count_graph) % count_graph]);
        if (i < rest)
            visit_point(kind, points[count_graph + i * stride(rest) % rest]);
    }
    free(points);
}

static void visit_all(const char *what, unsigned first, unsigned bound)
{
    double begun = seconds();

    count = (counts){0};
    for (unsigned kind = first; kind < bound; kind++)
        visit(kind, begun + SECONDS * (double)(kind - first + 1) / (bound - first));
    printf("real graph, %s: %llu points, %llu lives, %llu faults; %llu told, %llu "
           "poisoned, %llu steps tried again\n",
           what, (unsigned long long)count.points, (unsigned long long)count.visited,
           (unsigned long long)count.faults, (unsigned long long)count.told,
           (unsigned long long)count.poisoned, (unsigned long long)count.retried);
    assert_true(count.told > 0 && count.faults >= count.told);
}

static void a_failed_call_anywhere_loses_nothing(void **state)
{
    (void)state;
    visit_all("I/O errors", 0, IO_KINDS);
    assert_true(count.poisoned > 0 ||
                count.visited < 50); /* on a slow machine few are */
}

static void refused_memory_anywhere_loses_nothing(void **state)
{
    (void)state;
    visit_all("allocations", IO_KINDS, KINDS);
}

static uint64_t replayed[4];

static void the_replayed_one(void **state)
{
    (void)state;
    fail_at((unsigned)replayed[0] % KINDS, replayed[1], replayed[2],
            (uint32_t)replayed[3]);
}

int main(int argc, char **argv)
{
    const char *is_long = getenv("VDB_LONG");
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_failed_call_anywhere_loses_nothing),
        cmocka_unit_test(refused_memory_anywhere_loses_nothing),
    };
    const struct CMUnitTest one[] = {cmocka_unit_test(the_replayed_one)};

    life_small_sizes();
    whole = is_long && !strcmp(is_long, "1");
    if (argc == 5 && !strcmp(argv[1], "--replay")) {
        for (int i = 0; i < 3; i++)
            replayed[i] = strtoull(argv[i + 2], NULL, 10);
        replayed[3] = 1;
        return cmocka_run_group_tests(one, NULL, NULL);
    }
    return cmocka_run_group_tests(all, NULL, NULL);
}
