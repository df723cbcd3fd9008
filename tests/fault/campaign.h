/* campaign.h: what the three campaigns share: their arguments, which points of a
 * scenario they visit in the time they have, and the verification of an image. */
#ifndef CAMPAIGN_H
#define CAMPAIGN_H

#include "scenarios.h"

typedef struct campaign {
    const char *name;
    bool whole;      /* VDB_LONG=1: visit everything */
    uint64_t stride; /* visit every stride-th point only */
    double deadline; /* of the scenario that is being visited */
    uint64_t visits, images, recoveries, faults; /* what was done */
    uint64_t points;                             /* what there would have been */
    /* --replay SCENARIO CALL DAMAGE SEED */
    const char *replay_scenario;
    uint64_t replay_call, replay_damage, replay_seed;
} campaign;

extern campaign the_campaign;

/* Run one test per scenario; returns what main() returns. */
int campaign_main(const char *name, int argc, char **argv,
                  void (*test)(const scenario *script));

/* Visit points 0 .. count - 1 of a scenario in an order that leaps about, so that
 * the time spent is spread over all of them: false when it is over. */
typedef struct campaign_walk {
    uint64_t count, step, done, point;
} campaign_walk;
campaign_walk campaign_begin(const scenario *script, uint64_t count, double share);
bool campaign_next(campaign_walk *walk);

/* Fail the test, saying how to see it again. */
_Noreturn void campaign_fail(const scenario *script, uint64_t call, uint64_t damage,
                             uint64_t seed, const char *why);

/* A script that must play to its end on a machine without faults. */
run *campaign_plain_run(const scenario *script, unsigned access);

/* Verify that a healthy machine holds one of the allowed states, whole and sound;
 * that a further insert works and is there after closing and opening; and that
 * nothing leaks.  NULL, or what is wrong (until the next call). */
const char *campaign_verify(faultfs *fs, const run *r, bool created,
                            const oracle_state *allowed, size_t count);
const char *campaign_verify_run(faultfs *fs, const run *r);

#endif
