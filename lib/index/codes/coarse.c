/* coarse.c: see coarse.h. */
#include "index/codes/coarse.h"

#include <math.h>

enum {
    NEAR = 10,
    SPARE = 13, /* others that are compared as well, when ten are wanted */
    LOST_SHARE = 50
};

/* The distance of the last of the NEAR nearest; `count` is more than that. */
static float last_near(const float *exact, size_t count)
{
    float nearest[NEAR];
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        size_t at;
        if (n == NEAR && !(exact[i] < nearest[NEAR - 1]))
            continue;
        n += n < NEAR;
        for (at = n - 1; at && nearest[at - 1] > exact[i]; at--)
            nearest[at] = nearest[at - 1];
        nearest[at] = exact[i];
    }
    return nearest[NEAR - 1];
}

void vdbi_coarse_add(vdbi_coarse *c, vdb_metric metric, const float *exact,
                     const int32_t *coded, size_t count)
{
    float last, beyond;
    uint32_t seen = 0;

    if (count <= NEAR + SPARE)
        return;
    last = last_near(exact, count);
    beyond = last + 1e-6f * fabsf(last) + (metric == VDB_COSINE ? 2e-7f : 0);
    for (size_t i = 0; i < count && seen < NEAR; i++) {
        uint32_t before = 0;
        if (exact[i] > last)
            continue;
        for (size_t j = 0; j < count; j++)
            before += coded[j] <= coded[i] && exact[j] > beyond;
        seen++;
        c->lost += before > SPARE;
    }
    c->near += seen;
}

int vdbi_is_too_coarse(const vdbi_coarse *c)
{
    return c->lost * LOST_SHARE > c->near;
}
