/* test_io.c: fail every call of every scenario, with several errors, once and from
 * then on (I1, I3, I4, I9).  The step that sees it must answer with a documented
 * status, and then go on unchanged or be poisoned: the rules are in run.c.  What is
 * left is opened on the healthy machine: as it is, or after its caches were lost,
 * or after a power cut, or after writing on and then a power cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "campaign.h"

typedef struct fault_case {
    const char *name;
    uint32_t kinds;
    int error;
    bool persistent;
    double share; /* of the time */
} fault_case;

static const fault_case FAULTS[] = {
    {"EIO once", FAULTFS_EVERY_KIND, EIO, false, 0.3},
    {"EIO for ever", FAULTFS_EVERY_KIND, EIO, true, 0.1},
    {"EIO of a sync", FAULTFS_SYNC | FAULTFS_SYNC_DIRECTORY, EIO, false, 0.2},
    {"ENOSPC once", FAULTFS_GROWING, ENOSPC, false, 0.15},
    {"ENOSPC for ever", FAULTFS_GROWING, ENOSPC, true, 0.1},
    {"EDQUOT once", FAULTFS_WRITE, EDQUOT, false, 0.05},
    {"EAGAIN once", FAULTFS_EVERY_KIND & ~(uint32_t)FAULTFS_LOCK, EAGAIN, false, 0.05},
    {"EIO of writes", FAULTFS_WRITE | FAULTFS_TRUNCATE, EIO, true, 0.05},
};

enum {
    FAULT_COUNT = sizeof FAULTS / sizeof *FAULTS
};

/* ------------------------------------------------- what is left on the machine */

/* Open with warm caches, insert, lose the power: what the insert was told counts,
 * and so does what it stood on, though a failed sync may have left that in the
 * cache only. */
static const char *write_on_and_cut(run *r, uint64_t seed)
{
    oracle *o = &r->oracle;
    const char *why;
    faultfs *after;

    r->mode = RUN_PLAIN;
    r->ended = false;
    run_continue(r);
    if (r->failure[0])
        return r->failure;
    after = faultfs_after_cut(r->fs, FAULTFS_NONE, seed);
    why = campaign_verify(after, r, true, o->states + o->acked, o->count - o->acked);
    faultfs_free(after);
    return why;
}

static const char *verify_rest(run *r, uint64_t seed)
{
    const char *why;
    faultfs *after;

    switch (seed % 4) {
    case 0:
        return campaign_verify_run(r->fs, r);
    case 1:
        faultfs_evict(r->fs);
        return campaign_verify_run(r->fs, r);
    case 2:
        after = faultfs_after_cut(r->fs, (unsigned)(seed / 4 % FAULTFS_DAMAGES), seed);
        why = campaign_verify_run(after, r);
        faultfs_free(after);
        return why;
    default:
        return write_on_and_cut(r, seed);
    }
}

/* ----------------------------------------------------------------- one fault */

static void fail_call(const scenario *script, unsigned kind, uint64_t n, uint64_t seed)
{
    const fault_case *fault = &FAULTS[kind];
    run *r = run_new(script, RUN_IO, (unsigned)((n + seed) % ACCESS_KINDS), 1 + seed);
    const char *why = NULL;
    char text[800];

    r->full = fault->error == ENOSPC || fault->error == EDQUOT;
    r->stops = (n / 4 + seed) % 2;
    faultfs_arm(r->fs, fault->kinds, n, fault->error, fault->persistent);
    run_play(r);
    the_campaign.faults += faultfs_fired(r->fs);
    if (r->failure[0])
        why = r->failure;
    else
        why = verify_rest(r, n + seed);
    if (why) {
        snprintf(text, sizeof text, "%s, in kind %x: %s", fault->name,
                 faultfs_fired_kind(r->fs), why);
        campaign_fail(script, n, kind, seed, text);
    }
    run_free(r);
}

static void errors_change_nothing(const scenario *script)
{
    run *r = campaign_plain_run(script, ACCESS_MAP);

    if (the_campaign.replay_scenario) {
        fail_call(script, (unsigned)(the_campaign.replay_damage % FAULT_COUNT),
                  the_campaign.replay_call, the_campaign.replay_seed);
        run_free(r);
        return;
    }
    for (unsigned kind = 0; kind < FAULT_COUNT; kind++) {
        uint64_t calls = faultfs_calls_of(r->fs, FAULTS[kind].kinds);
        campaign_walk walk = campaign_begin(script, calls, FAULTS[kind].share);
        while (campaign_next(&walk))
            for (uint64_t seed = 0; seed < (the_campaign.whole ? 4u : 1u); seed++)
                fail_call(script, kind, walk.point + 1, seed);
    }
    run_free(r);
}

int main(int argc, char **argv)
{
    return campaign_main("io", argc, argv, errors_change_nothing);
}
