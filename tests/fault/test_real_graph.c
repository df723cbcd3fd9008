/* test_real_graph.c: cut the power at every mutating call of the life of a real graph
 * (graph_life.h); open what is left, and look at every vector.
 *
 * The other campaigns save a graph that means nothing, and look at the store's part of it.
 * Here the graph is db's own.  After each cut: vdb_check() finds nothing; what was
 * acknowledged is there, and of what was not, all or nothing; the graph comes to cover
 * everything, and finds each vector by its own value; writing goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "graph_life.h"

enum {
    FEW_DAMAGES = 10,
    SECONDS = 20
};

static uint64_t points, visits, images;

static void play(life *w)
{
    vdb_status st = VDB_OK;

    for (unsigned i = 0; i < life_step_count && !st; i++)
        st = life_play(w, &life_steps[i]);
    if (st && !faultfs_is_cut(w->fs))
        life_wrong(w, "%s", vdb_errmsg());
    if (!st)
        w->doing = NULL;
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t count_calls(void)
{
    life w = {0};
    uint64_t calls;

    life_begin(&w, faultfs_new(1), NULL, 1);
    play(&w);
    assert_null(w.doing);
    calls = faultfs_calls(w.fs);
    life_end(&w);
    return calls;
}

static void judge(const life *played, uint64_t call, unsigned damage, uint64_t seed)
{
    life w = {0};

    images++;
    life_begin(&w, faultfs_after_cut(played->fs, damage, seed), NULL, 1);
    snprintf(w.fault, sizeof w.fault, "cut at call %llu (%.24s), damage %s, seed %llu",
             (unsigned long long)call, played->doing ? played->doing : "the end",
             faultfs_damage_name(damage), (unsigned long long)seed);
    life_check_machine(&w, played);
    life_end(&w);
}

static void cut_at(uint64_t call, int whole)
{
    life w = {0};

    life_begin(&w, faultfs_new(1), NULL, 1);
    faultfs_cut_at(w.fs, call);
    play(&w);
    if (w.db)
        life_close(&w);
    for (unsigned i = 0; i < (whole ? (unsigned)FAULTFS_DAMAGES : FEW_DAMAGES); i++)
        judge(&w, call, whole ? i : (unsigned)((call * 7 + i * 11) % FAULTFS_DAMAGES),
              call * 31 + i);
    life_end(&w);
}

static void a_cut_anywhere_loses_nothing(void **state)
{
    const char *is_long = getenv("VDB_LONG");
    int whole = is_long && !strcmp(is_long, "1");
    double deadline = seconds() + SECONDS;
    uint64_t calls = count_calls(), step = (uint64_t)((double)calls * 0.618034) | 1;

    (void)state;
    assert_true(calls > 100);
    while (calls % step == 0)
        step += 2;
    points = calls;
    for (uint64_t i = 0; i < calls && (whole || seconds() < deadline); i++) {
        cut_at(1 + (calls - 1 + i * step) % calls, whole);
        visits++;
    }
    printf("real graph: %llu of %llu points visited, %llu images\n",
           (unsigned long long)visits, (unsigned long long)points,
           (unsigned long long)images);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_anywhere_loses_nothing),
    };

    life_small_sizes();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
