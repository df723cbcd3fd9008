/* distance_generic.h: distances between codes in portable C; what the others must equal.
 *
 *   code_l2       the sum of squared differences of bytes up to 127
 *   code_dot      the sum of products of a query's signed bytes, -127 to 127, and a row's,
 *                 which have 128 added
 *   code_*_upper  the same of a row in halves, of which the upper ones are read alone: the
 *                 lower bits count as the middle of what they may be
 *   code_*_both   of a row in halves, all bits: what code_l2 and code_dot would give
 *   code_f32_l2   squared Euclidean distance of float32 rows
 *   code_f32_dot  their dot product
 *
 * `bytes` is a multiple of 64; the integers fit 32 bits at 65,535 dimensions, and are the
 * same by every set, so that a graph built is the same graph on every machine.
 */
#ifndef VDBI_DISTANCE_GENERIC_H
#define VDBI_DISTANCE_GENERIC_H

#include <string.h>

#include "index/codes/codes.h"

static inline int32_t code_l2(const vdbi_code_query *q, const uint8_t *row,
                              uint32_t bytes)
{
    int32_t sum = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        int32_t difference = (int32_t)q->bytes[i] - (int32_t)row[i];
        sum += difference * difference;
    }
    return sum;
}

static inline int32_t code_dot(const vdbi_code_query *q, const uint8_t *row,
                               uint32_t bytes)
{
    int32_t sum = 0;

    for (uint32_t i = 0; i < bytes; i++)
        sum += (int32_t)(int8_t)q->bytes[i] * ((int32_t)row[i] - 128);
    return sum;
}

static inline int32_t code_square(int32_t difference)
{
    return difference * difference;
}

static inline int32_t code_l2_upper(const vdbi_codes *c, const vdbi_code_query *q,
                                    const uint8_t *row)
{
    const uint8_t *at = q->bytes;
    int32_t sum = 0;

    for (uint32_t i = 0; i < c->halves; i++, at += 64, row += 64)
        for (uint32_t j = 0; j < 64; j++, at++)
            sum += code_square(at[0] - ((row[j] & 15) << 3 | 4)) +
                   code_square(at[64] - (row[j] >> 4 << 3 | 4));
    for (uint32_t j = 0; j < c->walk_bytes - 64 * c->halves; j++)
        sum += code_square(at[j] - row[j]);
    return sum;
}

static inline int32_t code_l2_both(const vdbi_codes *c, const vdbi_code_query *q,
                                   const uint8_t *row)
{
    const uint8_t *at = q->bytes, *lower = row + c->walk_bytes;
    int32_t sum = 0;

    for (uint32_t i = 0; i < c->halves; i++, at += 64, row += 64, lower += 64)
        for (uint32_t j = 0; j < 64; j++, at++)
            sum += code_square(at[0] - ((row[j] & 15) << 3 | (lower[j] & 15))) +
                   code_square(at[64] - (row[j] >> 4 << 3 | lower[j] >> 4));
    for (uint32_t j = 0; j < c->walk_bytes - 64 * c->halves; j++)
        sum += code_square(at[j] - row[j]);
    return sum;
}

static inline int32_t code_product(uint8_t q, int32_t code)
{
    return (int32_t)(int8_t)q * (code - 128);
}

static inline int32_t code_dot_upper(const vdbi_codes *c, const vdbi_code_query *q,
                                     const uint8_t *row)
{
    const uint8_t *at = q->bytes;
    int32_t sum = 0;

    for (uint32_t i = 0; i < c->halves; i++, at += 64, row += 64)
        for (uint32_t j = 0; j < 64; j++, at++)
            sum += code_product(at[0], (row[j] & 15) << 4 | 8) +
                   code_product(at[64], (row[j] & 0xF0) | 8);
    for (uint32_t j = 0; j < c->walk_bytes - 64 * c->halves; j++)
        sum += code_product(at[j], row[j]);
    return sum;
}

static inline int32_t code_dot_both(const vdbi_codes *c, const vdbi_code_query *q,
                                    const uint8_t *row)
{
    const uint8_t *at = q->bytes, *lower = row + c->walk_bytes;
    int32_t sum = 0;

    for (uint32_t i = 0; i < c->halves; i++, at += 64, row += 64, lower += 64)
        for (uint32_t j = 0; j < 64; j++, at++)
            sum += code_product(at[0], (row[j] & 15) << 4 | (lower[j] & 15)) +
                   code_product(at[64], (row[j] & 0xF0) | lower[j] >> 4);
    for (uint32_t j = 0; j < c->walk_bytes - 64 * c->halves; j++)
        sum += code_product(at[j], row[j]);
    return sum;
}

static inline float code_float(const uint8_t *at)
{
    float x;

    memcpy(&x, at, sizeof x);
    return x;
}

static inline float code_f32_l2(const vdbi_code_query *q, const uint8_t *row,
                                uint32_t bytes)
{
    float sums[16] = {0};

    for (uint32_t i = 0; i < bytes; i += 64)
        for (uint32_t j = 0; j < 16; j++) {
            float difference =
                code_float(q->bytes + i + 4 * j) - code_float(row + i + 4 * j);
            sums[j] += difference * difference;
        }
    for (uint32_t j = 1; j < 16; j++)
        sums[0] += sums[j];
    return sums[0];
}

static inline float code_f32_dot(const vdbi_code_query *q, const uint8_t *row,
                                 uint32_t bytes)
{
    float sums[16] = {0};

    for (uint32_t i = 0; i < bytes; i += 64)
        for (uint32_t j = 0; j < 16; j++)
            sums[j] += code_float(q->bytes + i + 4 * j) * code_float(row + i + 4 * j);
    for (uint32_t j = 1; j < 16; j++)
        sums[0] += sums[j];
    return sums[0];
}

#endif
