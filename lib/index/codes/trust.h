/* trust.h: which vectors need not be compared, because codes tell them apart well enough.
 *
 * Of the best by their codes some are compared by their vectors.  What that shows of the
 * codes' errors says of the next whether it may be nearer than the last of them after all.
 * It is an estimate with a margin, no proof: see trust.c.
 *
 * May call:  base/.
 * Threads:   one vdbi_trust by one thread at a time.
 */
#ifndef VDBI_TRUST_H
#define VDBI_TRUST_H

#include "index/codes/codes.h"

typedef struct vdbi_trust {
    const vdbi_codes *codes;
    double unit;      /* what 1 of a distance between codes stands for; 0: no trust */
    double error;     /* of one distance, a share of its root under L2, else absolute */
    double error_min; /* under L2: also of distances of nothing */
    double low, high; /* what was exact less what the codes said, of those compared */
    double farthest;  /* of those compared, exactly */
} vdbi_trust;

/* For one query that was made ready for codes with this scale; `inverse_norm` as in
 * kernel.h. */
void vdbi_trust_begin(vdbi_trust *t, const vdbi_codes *codes, float scale,
                      float inverse_norm);
/* One has been compared; its distance as users see it. */
void vdbi_trust_add(vdbi_trust *t, int32_t coded, float exact);
/* Whether the slot, of this distance by its code, is not nearer than the farthest
 * compared. */
int vdbi_trust_beyond(const vdbi_trust *t, int32_t coded, uint32_t slot);

#endif
