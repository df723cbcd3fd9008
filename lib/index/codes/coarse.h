/* coarse.h: whether codes tell near vectors apart, measured.
 *
 * A search compares the vectors of the best by their codes, so a near vector is lost when
 * more others than these stand before it by their codes, or beside it.  Asked of vectors
 * that are stored: of the ten nearest of each, how many would be lost so?
 *
 * Promises:  equal vectors, and such as float32 cannot order, count for nothing.
 * May call:  base/.
 * Threads:   pure functions.
 */
#ifndef VDBI_COARSE_H
#define VDBI_COARSE_H

#include <stddef.h>
#include <stdint.h>

#include "vdb.h"

typedef struct vdbi_coarse {
    uint64_t near, lost;
} vdbi_coarse;

/* One vector's distances from `count` others, by the vectors (as users see them) and by
 * their codes. */
void vdbi_coarse_add(vdbi_coarse *c, vdb_metric metric, const float *exact,
                     const int32_t *coded, size_t count);
/* More than one in fifty is lost. */
int vdbi_is_too_coarse(const vdbi_coarse *c);

#endif
