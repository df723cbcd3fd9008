/* test_power.c: cut the power at every mutating call of every scenario (I1, I2, I3,
 * I4, I9), damage what was not synced in every way, and open what is left.  For a
 * sample, cut again at every mutating call of that opening and of the insert after
 * it, and open once more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "campaign.h"

enum {
    FEW_DAMAGES = 5, /* per cut, unless the campaign is to be whole */
    FEW_RECOVERIES = 4,
    AGAIN_EVERY = 24, /* of so many images, one is recovered under cuts */
    OPERATIONS_MAX = 16
};

static unsigned access_of(uint64_t call)
{
    return (unsigned)(call % ACCESS_KINDS);
}

/* The script, up to the cut at mutating call n. */
static run *play_until(const scenario *script, uint64_t n)
{
    run *r = run_new(script, RUN_CUT, access_of(n), 1);

    faultfs_cut_at(r->fs, n);
    run_play(r);
    if (r->failure[0])
        campaign_fail(script, n, 0, 0, r->failure);
    return r;
}

/* ------------------------------------------------------- cut again in recovery */

typedef struct second {
    oracle_state allowed[ORACLE_STATES + 1];
    size_t count;
    bool finished; /* the insert was acknowledged before the cut */
    uint64_t calls;
} second;

static void allow(second *s, oracle_state state)
{
    s->allowed[s->count++] = state;
}

static void insert_extra(vdb *db, const run *first, second *s, oracle_row *rows)
{
    float vector[ORACLE_DIM_MAX];
    char id[ORACLE_ID_SIZE];
    oracle model;
    oracle_state state;
    vdb_status status;

    oracle_init(&model, first->oracle.dim, true);
    memcpy(model.next, rows, sizeof model.next);
    oracle_put(&model, ORACLE_EXTRA - 1, 3);
    model.next[ORACLE_EXTRA - 1].metadata = 0;
    state = oracle_sum(model.next);
    oracle_vector(ORACLE_EXTRA - 1, 3, vector, first->oracle.dim);
    status = vdb_insert(db, oracle_id(ORACLE_EXTRA - 1, id), vector, first->oracle.dim,
                        NULL);
    if (!status) {
        s->count = 0;
        s->finished = first->oracle.durable;
    }
    allow(s, state);
    if (!status && !first->oracle.durable)
        for (size_t i = first->oracle.acked; i < first->oracle.count; i++)
            allow(s, first->oracle.states[i]);
}

/* Open an image, insert a row, and stop at mutating call n of that (0: at the end). */
static void recover_until(faultfs *fs, const run *first, uint64_t n, second *s)
{
    const oracle *o = &first->oracle;
    vdb_env_options env_options = VDB_ENV_OPTIONS_INIT;
    oracle_row rows[ORACLE_ROWS];
    vdb_options options;
    const char *why;
    vdb_env *env;
    vdb *db;

    s->count = 0;
    s->finished = false;
    for (size_t i = o->acked; i < o->count; i++)
        allow(s, o->states[i]);
    env_options.vfs = faultfs_vfs(fs);
    faultfs_cut_at(fs, n);
    if (vdb_env_new(&env_options, &env))
        return;
    options = run_options(first->scenario, first->access, env);
    if (!vdb_open(SCENARIO_PATH, &options, &db)) {
        if (!oracle_read(db, NULL, o->dim, rows, &why) && !why)
            insert_extra(db, first, s, rows);
        if (!n)
            faultfs_cut_now(fs);
        vdb_close(db);
    }
    vdb_env_free(env);
    s->calls = faultfs_calls(fs);
}

static void cut_in_recovery(const run *first, uint64_t call, unsigned damage,
                            uint64_t seed)
{
    second *s = calloc(1, sizeof *s);
    faultfs *fs = faultfs_after_cut(first->fs, damage, seed);
    uint64_t total, step = 1;

    assert_non_null(s);
    recover_until(fs, first, 0, s);
    total = s->calls;
    faultfs_free(fs);
    if (!the_campaign.whole && total > FEW_RECOVERIES)
        step = total / FEW_RECOVERIES;
    for (uint64_t n = 1; n <= total; n += step) {
        unsigned again = (unsigned)((n + call) % FAULTFS_DAMAGES);
        faultfs *after;
        const char *why;
        char text[700];

        fs = faultfs_after_cut(first->fs, damage, seed);
        recover_until(fs, first, n, s);
        after = faultfs_after_cut(fs, again, n);
        the_campaign.recoveries++;
        why = campaign_verify(after, first, first->oracle.created || s->finished,
                              s->allowed, s->count);
        if (why) {
            snprintf(text, sizeof text, "cut again at call %llu of recovery (%s): %s",
                     (unsigned long long)n, faultfs_damage_name(again), why);
            campaign_fail(first->scenario, call, damage, seed, text);
        }
        faultfs_free(after);
        faultfs_free(fs);
    }
    free(s);
}

/* ------------------------------------------------------------------ one cut */

static void verify_image(const run *r, uint64_t call, unsigned damage, uint64_t seed,
                         bool again)
{
    faultfs *after = faultfs_after_cut(r->fs, damage, seed);
    const char *why = campaign_verify_run(after, r);
    char text[700];

    faultfs_free(after);
    if (why) {
        snprintf(text, sizeof text, "%s: %s", faultfs_damage_name(damage), why);
        campaign_fail(r->scenario, call, damage, seed, text);
    }
    if (again)
        cut_in_recovery(r, call, damage, seed);
}

/* How many seeds of a damage are different images. */
static uint64_t seeds_of(const run *r, unsigned damage)
{
    uint64_t operations = faultfs_unsynced(r->fs);

    switch (damage) {
    case FAULTFS_DROP_ONE:
    case FAULTFS_KEEP_ONE:
    case FAULTFS_PREFIX:
    case FAULTFS_SUFFIX:
        return operations < OPERATIONS_MAX ? operations : OPERATIONS_MAX;
    case FAULTFS_RANDOM:
    case FAULTFS_SECTORS_HALF:
    case FAULTFS_SECTORS_FEW:
    case FAULTFS_SECTORS_MOST:
    case FAULTFS_TEAR_ONE:
        return 4;
    default:
        return 1;
    }
}

static void verify_cut(const run *r, uint64_t call)
{
    if (!the_campaign.whole) {
        for (unsigned i = 0; i < FEW_DAMAGES; i++) {
            unsigned damage = (unsigned)((call * FEW_DAMAGES + i) % FAULTFS_DAMAGES);
            verify_image(r, call, damage, call + i,
                         the_campaign.images % AGAIN_EVERY == 0);
        }
        return;
    }
    for (unsigned damage = 0; damage < FAULTFS_DAMAGES; damage++)
        for (uint64_t seed = 0; seed < seeds_of(r, damage); seed++)
            verify_image(r, call, damage, seed, the_campaign.images % AGAIN_EVERY == 0);
}

static void nothing_acknowledged_is_lost(const scenario *script)
{
    run *r = campaign_plain_run(script, ACCESS_READ);
    uint64_t calls = faultfs_calls(r->fs);
    campaign_walk walk;

    run_free(r);
    if (the_campaign.replay_scenario) {
        r = play_until(script, the_campaign.replay_call);
        verify_image(r, the_campaign.replay_call,
                     (unsigned)(the_campaign.replay_damage % FAULTFS_DAMAGES),
                     the_campaign.replay_seed, true);
        run_free(r);
        return;
    }
    walk = campaign_begin(script, calls, 1.0);
    while (campaign_next(&walk)) {
        uint64_t call = walk.point + 1;
        r = play_until(script, call);
        if (!faultfs_is_cut(r->fs))
            campaign_fail(script, call, 0, 0, "the script is not the same every time");
        verify_cut(r, call);
        run_free(r);
    }
}

int main(int argc, char **argv)
{
    return campaign_main("power", argc, argv, nothing_acknowledged_is_lost);
}
