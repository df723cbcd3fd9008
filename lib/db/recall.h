/* recall.h: which ef reaches which recall, as measured; graph_tune.c measures.
 *
 * A table has a curve for each of three k.  A curve's points ascend in ef.  Between points,
 * and between curves, what is missed is interpolated by its logarithm; beyond the last
 * curve ef grows with k.
 *
 * Threads:   pure functions of a table that nobody changes.
 */
#ifndef VDBI_RECALL_H
#define VDBI_RECALL_H

#include <stddef.h>
#include <stdint.h>

enum {
    VDBI_RECALL_CURVES = 3,
    VDBI_RECALL_POINTS = 24,
    VDBI_RECALL_BYTES = 2048 /* of a coded table, at most */
};

typedef struct vdbi_recall_point {
    uint32_t ef;
    float measured; /* the mean over the sample */
    float promised; /* what may be relied on for other queries */
    float us;       /* of a search, on one thread */
} vdbi_recall_point;

typedef struct vdbi_recall_curve {
    uint32_t k;
    uint32_t count;
    vdbi_recall_point points[VDBI_RECALL_POINTS];
} vdbi_recall_curve;

typedef struct vdbi_recall_table {
    uint64_t vectors; /* that there were; 0: nothing has been measured */
    uint32_t sample;  /* vectors that were searched for */
    uint32_t reserved;
    vdbi_recall_curve curves[VDBI_RECALL_CURVES];
} vdbi_recall_table;

/* What a mean recall over `sample` vectors, with this variance of one, lets us promise. */
float vdbi_recall_promise(double mean, double variance, size_t sample);
/* The least ef that promises it; 0: nothing measured does. */
uint32_t vdbi_recall_ef(const vdbi_recall_table *table, size_t k, float target);

/* Little-endian; what makes no sense is decoded as nothing measured. */
void vdbi_recall_encode(const vdbi_recall_table *table, uint8_t *bytes);
void vdbi_recall_decode(const uint8_t *bytes, vdbi_recall_table *table);

#endif
