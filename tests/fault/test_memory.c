/* test_memory.c: refuse every allocation of every scenario, once and from then on
 * until the first VDB_NOMEM (I4, I8, I9).  Nothing may change, leak or be lost, and
 * the same step must then succeed: the rules are in run.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "campaign.h"

static void refuse(const scenario *script, uint64_t n, bool persistent)
{
    run *r = run_new(script, RUN_MEMORY, (unsigned)(n % ACCESS_KINDS), 1);
    const char *why = NULL;
    char text[700];

    r->stops = n / 4 % 2;
    faultmem_fail_at(r->memory, n, persistent);
    run_play(r);
    the_campaign.faults += faultmem_fired(r->memory);
    if (r->failure[0])
        why = r->failure;
    else
        why = campaign_verify_run(r->fs, r);
    if (why) {
        snprintf(text, sizeof text, "allocation refused %s: %s",
                 persistent ? "from there on" : "once", why);
        campaign_fail(script, n, persistent, 0, text);
    }
    run_free(r);
}

static void refused_memory_changes_nothing(const scenario *script)
{
    run *r = campaign_plain_run(script, ACCESS_READ);
    uint64_t calls = faultmem_calls(r->memory);
    campaign_walk walk;

    run_free(r);
    if (the_campaign.replay_scenario) {
        refuse(script, the_campaign.replay_call, the_campaign.replay_damage != 0);
        return;
    }
    walk = campaign_begin(script, calls, 1.0);
    while (campaign_next(&walk)) {
        refuse(script, walk.point + 1, false);
        if (the_campaign.whole || walk.done % 4 == 0)
            refuse(script, walk.point + 1, true);
    }
}

int main(int argc, char **argv)
{
    return campaign_main("memory", argc, argv, refused_memory_changes_nothing);
}
