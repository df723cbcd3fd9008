/* trust.c: see trust.h.
 *
 * Numbers here are squared distances under L2, so that codes and vectors differ by a factor
 * that is known, by the errors of rounding, and by a constant, which does not matter.
 *
 * The margin is the greater of two.  What those that were compared have differed by, greatest
 * less least: of ten samples of a normal error that is three deviations, and it is taken from
 * the least of them.  And three deviations of what independent errors of rounding would make:
 * for ten that are nearly the same vector differ by nothing, whatever the codes are worth.
 * (A row and a query are each wrong by a twelfth of a step's square in each dimension; under
 * L2 that goes with the difference of the two, else with vectors of length 1.)
 *
 * What was clipped is wrong by more.  Under L2 that draws it nearer to everything, so it is
 * not left out; under cosine it may be nearer than it looks, so such rows are never left out.
 *
 * Under dot product each row has a step of its own, and the longest are wrong by most, so
 * nothing is left out there.
 */
#include "index/codes/trust.h"

#include <math.h>

static const double DEVIATIONS = 3;

void vdbi_trust_begin(vdbi_trust *t, const vdbi_codes *c, float scale,
                      float inverse_norm)
{
    double step = (double)c->step, own = scale * step * (double)inverse_norm;

    *t = (vdbi_trust){
        .codes = c, .low = INFINITY, .high = -INFINITY, .farthest = -INFINITY};
    if (c->kind == VDBI_CODE_L2) {
        t->unit = step * step;
        t->error = 2 * step * sqrt(1 / 6.0);
        /* A square of the difference of two errors of rounding deviates by 0.2. */
        t->error_min = 0.2 * t->unit * sqrt((double)c->dimension);
    } else if (c->kind == VDBI_CODE_COSINE) {
        t->unit = own * step;
        t->error = sqrt((own * own + step * step) / 12);
    }
}

static double number(const vdbi_trust *t, float exact)
{
    return t->codes->metric == VDB_L2 ? (double)exact * (double)exact : (double)exact;
}

void vdbi_trust_add(vdbi_trust *t, int32_t coded, float exact)
{
    double x = number(t, exact), more = x - coded * t->unit;

    t->low = more < t->low ? more : t->low;
    t->high = more > t->high ? more : t->high;
    t->farthest = x > t->farthest ? x : t->farthest;
}

int vdbi_trust_beyond(const vdbi_trust *t, int32_t coded, uint32_t slot)
{
    double seen = t->high - t->low, told = t->error * DEVIATIONS;

    if (t->unit == 0)
        return 0;
    if (t->codes->metric == VDB_L2)
        told = told * sqrt(t->farthest) + t->error_min * DEVIATIONS;
    return coded * t->unit + t->low - (seen > told ? seen : told) > t->farthest &&
           (t->codes->metric == VDB_L2 || !vdbi_codes_at_end(t->codes, slot));
}
