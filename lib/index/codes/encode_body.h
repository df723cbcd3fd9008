/* encode_body.h: the loops of encode.h.  Included by one file for each instruction set,
 * which has defined ENCODER, the type `wide` (eight floats) and on it wide_load,
 * wide_splat, wide_sub, wide_mul, wide_add, wide_min, wide_max, wide_abs, wide_bytes (the
 * whole parts, 0 to 255, as eight bytes) and wide_lanes; and the type `squares` (eight
 * doubles) with squares_add (the squares of eight floats) and squares_lanes.
 *
 * What is left of a row after whole eights is encoded with zeros behind it, which add
 * nothing to a sum and lie within every range.
 */
#include <string.h>

#include "index/codes/encode.h"

enum {
    WIDTH = 8
};

/* The last `count` numbers, with zeros behind them. */
static const float *padded(const float *v, uint32_t count, float *room)
{
    memset(room, 0, WIDTH * sizeof *room);
    memcpy(room, v, count * sizeof *room);
    return room;
}

static float least_of(wide v)
{
    float lanes[WIDTH], least;

    wide_lanes(lanes, v);
    least = lanes[0];
    for (int i = 1; i < WIDTH; i++)
        least = lanes[i] < least ? lanes[i] : least;
    return least;
}

static float most_of(wide v)
{
    float lanes[WIDTH], most;

    wide_lanes(lanes, v);
    most = lanes[0];
    for (int i = 1; i < WIDTH; i++)
        most = lanes[i] > most ? lanes[i] : most;
    return most;
}

/* To the nearest, for a clipped x plus half. */
static inline void put(uint8_t *out, wide x, float low, float high, float more)
{
    x = wide_min(wide_max(x, wide_splat(low)), wide_splat(high));
    wide_bytes(out, wide_add(x, wide_splat(more + 0.5f)));
}

static int encode_l2(const float *v, const float *offset, float inverse, uint32_t count,
                     uint8_t *out)
{
    wide least = wide_splat(0), most = least;
    float room[WIDTH], offset_room[WIDTH];
    uint8_t bytes[WIDTH];
    uint32_t i = 0;

#define ONE(v, offset, out)                                                            \
    do {                                                                               \
        wide x =                                                                       \
            wide_mul(wide_sub(wide_load(v), wide_load(offset)), wide_splat(inverse));  \
        least = wide_min(least, x);                                                    \
        most = wide_max(most, x);                                                      \
        put(out, x, 0, VDBI_L2_MAX, 0);                                                \
    } while (0)
    for (; i + WIDTH <= count; i += WIDTH)
        ONE(v + i, offset + i, out + i);
    if (i < count) {
        ONE(padded(v + i, count - i, room), padded(offset + i, count - i, offset_room),
            bytes);
        memcpy(out + i, bytes, count - i);
    }
#undef ONE
    return least_of(least) < -0.5f || most_of(most) > VDBI_L2_MAX + 0.5f;
}

static int encode_numbers(const float *v, const vdbi_scale *scale, uint32_t count,
                          uint8_t zero, uint8_t *out)
{
    wide most = wide_splat(0);
    uint8_t bytes[WIDTH], flip = zero ^ VDBI_DOT_ZERO;
    const uint64_t flips = 0x0101010101010101u * flip;
    float room[WIDTH];
    uint64_t eight;

    for (uint32_t i = 0; i < count; i += WIDTH) {
        uint32_t left = count - i < WIDTH ? count - i : WIDTH;
        const float *from = left < WIDTH ? padded(v + i, left, room) : v + i;
        wide x = wide_mul(wide_mul(wide_load(from), wide_splat(scale->before)),
                          wide_splat(scale->factor));
        most = wide_max(most, wide_abs(x));
        put(bytes, x, -VDBI_DOT_MAX, VDBI_DOT_MAX, VDBI_DOT_ZERO);
        memcpy(&eight, bytes, sizeof eight);
        eight ^= flips; /* taking 128 off a byte is flipping its highest bit */
        if (left == WIDTH)
            memcpy(out + i, &eight, WIDTH);
        else
            memcpy(out + i, &eight, left);
    }
    return most_of(most) > VDBI_DOT_MAX + 0.5f;
}

/* Eight bytes at once in a 64-bit word: sums of pairs, then of all. */
static inline uint32_t sum_of_bytes(uint64_t eight)
{
    const uint64_t even = 0x00FF00FF00FF00FFu;

    return (uint32_t)(((eight & even) + (eight >> 8 & even)) * 0x0001000100010001u >>
                      48);
}

static int32_t sum_biased(const uint8_t *row, uint32_t count, uint64_t flips,
                          uint8_t *out)
{
    const uint64_t zero = 0x8080808080808080u;
    uint32_t sum = 0, i = 0;
    uint64_t eight;

    for (; i + WIDTH <= count; i += WIDTH) {
        memcpy(&eight, row + i, sizeof eight);
        sum += sum_of_bytes(eight ^ flips ^ zero);
        eight ^= flips;
        if (out)
            memcpy(out + i, &eight, sizeof eight);
    }
    for (; i < count; i++) {
        uint8_t x = (uint8_t)(row[i] ^ (uint8_t)flips);
        sum += (uint8_t)(x ^ VDBI_DOT_ZERO);
        if (out)
            out[i] = x;
    }
    return (int32_t)sum - (int32_t)count * VDBI_DOT_ZERO;
}

static int32_t encode_again(const uint8_t *row, uint32_t count, uint8_t *out)
{
    return sum_biased(row, count, 0x8080808080808080u, out);
}

static int32_t sum_of(const uint8_t *numbers, uint32_t count)
{
    return sum_biased(numbers, count, 0, NULL);
}

static void split(const uint8_t *codes, uint32_t bits, uint8_t *upper, uint8_t *lower)
{
    const uint8_t mask = (uint8_t)((1 << bits) - 1);

    for (uint32_t i = 0; i < VDBI_LINE; i++) {
        uint8_t a = codes[i], b = codes[VDBI_LINE + i];
        upper[i] = (uint8_t)(a >> bits | b >> bits << 4);
        lower[i] = (uint8_t)((a & mask) | (b & mask) << 4);
    }
}

static void join(const uint8_t *upper, const uint8_t *lower, uint32_t bits,
                 uint8_t *codes)
{
    for (uint32_t i = 0; i < VDBI_LINE; i++) {
        codes[i] = (uint8_t)((upper[i] & 15) << bits | (lower[i] & 15));
        codes[VDBI_LINE + i] = (uint8_t)(upper[i] >> 4 << bits | lower[i] >> 4);
    }
}

static double square(const float *v, uint32_t count)
{
    squares sum = {0};
    float room[WIDTH];
    double lanes[WIDTH];

    for (uint32_t i = 0; i < count; i += WIDTH)
        squares_add(&sum, wide_load(count - i < WIDTH ? padded(v + i, count - i, room)
                                                      : v + i));
    squares_lanes(lanes, sum);
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static float greatest(const float *v, uint32_t count)
{
    wide most = wide_splat(0);
    float room[WIDTH];

    for (uint32_t i = 0; i < count; i += WIDTH)
        most = wide_max(
            most, wide_abs(wide_load(count - i < WIDTH ? padded(v + i, count - i, room)
                                                       : v + i)));
    return most_of(most);
}

const vdbi_encoder ENCODER = {encode_l2, encode_numbers, encode_again, sum_of,
                              split,     join,           square,       greatest};
