/* encode.h: the loops that make codes, once for each instruction set.
 *
 * One body (encode_body.h) over vectors of eight floats.  Every set gives the same bytes:
 * each number is computed by the same operations of IEEE 754, none fused, and sums are
 * taken in one order.
 *
 * Numbers must be finite; what comes between may overflow, and is clipped then, never a
 * NaN and never converted out of range.
 */
#ifndef VDBI_ENCODE_H
#define VDBI_ENCODE_H

#include <stdint.h>

enum {
    VDBI_L2_MAX = 127,  /* codes 0 to 127 */
    VDBI_DOT_MAX = 127, /* codes -127 to 127, stored with VDBI_DOT_ZERO added */
    VDBI_DOT_ZERO = 128,
    VDBI_LINE = 64,
    VDBI_PAIR = 2 * VDBI_LINE /* dimensions of a line of halves */
};

/* A factor that may be beyond float32: first by `before`, a power of two, then by
 * `factor`. */
typedef struct vdbi_scale {
    float before, factor;
} vdbi_scale;

typedef struct vdbi_encoder {
    /* (v - offset) * inverse, rounded to 0 to 127.  1: some were beyond. */
    int (*l2)(const float *v, const float *offset, float inverse, uint32_t count,
              uint8_t *out);
    /* v by the scale, rounded to -127 to 127, which bytes stand for when they have `zero`
     * (0 or 128) taken off.  1: some were beyond. */
    int (*numbers)(const float *v, const vdbi_scale *scale, uint32_t count,
                   uint8_t zero, uint8_t *out);
    /* Such bytes from zero 128 to zero 0; the sum of the numbers. */
    int32_t (*again)(const uint8_t *row, uint32_t count, uint8_t *out);
    /* The sum of numbers of zero 0. */
    int32_t (*sum)(const uint8_t *numbers, uint32_t count);
    /* VDBI_PAIR codes into a line of what is above their `bits` lower bits and a line of
     * these, and back. */
    void (*split)(const uint8_t *codes, uint32_t bits, uint8_t *upper, uint8_t *lower);
    void (*join)(const uint8_t *upper, const uint8_t *lower, uint32_t bits,
                 uint8_t *codes);
    double (*square)(const float *v, uint32_t count);  /* the sum of squares */
    float (*greatest)(const float *v, uint32_t count); /* of the magnitudes */
} vdbi_encoder;

/* Of the set chosen (isa.h), or, for tests, of a given one, which must be here. */
const vdbi_encoder *vdbi_encoder_now(void);
const vdbi_encoder *vdbi_encoder_of(int set);

#endif
