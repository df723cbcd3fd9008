/* recall.c: see recall.h. */
#include "db/recall.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"

/* The coded table. */
enum {
    TABLE_MAGIC = 0,
    TABLE_VECTORS = 8,
    TABLE_SAMPLE = 16,
    TABLE_CURVES = 24,
    CURVE_K = 0,
    CURVE_COUNT = 4,
    CURVE_POINTS = 8,
    POINT_BYTES = 16, /* ef; then measured, promised, microseconds as float32 */
    CURVE_BYTES = CURVE_POINTS + POINT_BYTES * VDBI_RECALL_POINTS,
    MAGIC = 0x6c635276 /* "vRcl" */
};
_Static_assert((int)TABLE_CURVES + (int)CURVE_BYTES * (int)VDBI_RECALL_CURVES <=
                   (int)VDBI_RECALL_BYTES,
               "a table has room");

/* The mean of so few may be too good by chance. */
static const double doubt = 1.64;

float vdbi_recall_promise(double mean, double variance, size_t sample)
{
    double n = sample ? (double)sample : 1;
    double low = mean - doubt * sqrt(variance / n);

    /* If none was missed, up to one query in n may well miss some: a tenth, say. */
    if (low > 1 - 0.1 / n)
        low = 1 - 0.1 / n;

    return (float)(low > 0 ? low : 0);
}

/* Between two points, by the logarithm of what each misses. */
static double between(double low, double at_low, double high, double at_high, double at)
{
    return at_high > at_low ? low * pow(high / low, (at - at_low) / (at_high - at_low))
                            : high;
}

static double log_missed(float recall)
{
    return -log(recall < 0.999999f ? 1 - (double)recall : 1e-6);
}

/* The ef of a curve; 0: it does not reach the target. */
static double ef_of(const vdbi_recall_curve *c, float target)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const vdbi_recall_point *p = &c->points[i];
        if (p->promised < target)
            continue;
        if (i == 0)
            return p->ef;
        return between(p[-1].ef, log_missed(p[-1].promised), p->ef,
                       log_missed(p->promised), log_missed(target));
    }
    return 0;
}

uint32_t vdbi_recall_ef(const vdbi_recall_table *t, size_t k, float target)
{
    const vdbi_recall_curve *above = t->curves, *below;
    double low, high, ef;

    if (!t->vectors)
        return 0;
    while (above < t->curves + VDBI_RECALL_CURVES - 1 && above->k < k)
        above++;
    high = ef_of(above, target);
    below = above > t->curves && above->k > k ? above - 1 : above;
    low = ef_of(below, target);
    if (high == 0 || low == 0)
        return 0;
    if (k > above->k)
        ef = high * (double)k / above->k;
    else if (above == below)
        ef = high;
    else
        ef = between(low, log(below->k), high, log(above->k), log((double)k));
    return ef < (double)k ? (uint32_t)k : (uint32_t)ceil(ef);
}

static void put_float(uint8_t *bytes, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    vdbi_put32(bytes, bits);
}

static float get_float(const uint8_t *bytes)
{
    uint32_t bits = vdbi_get32(bytes);
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

void vdbi_recall_encode(const vdbi_recall_table *t, uint8_t *bytes)
{
    memset(bytes, 0, VDBI_RECALL_BYTES);
    vdbi_put32(bytes + TABLE_MAGIC, MAGIC);
    vdbi_put64(bytes + TABLE_VECTORS, t->vectors);
    vdbi_put32(bytes + TABLE_SAMPLE, t->sample);
    for (size_t i = 0; i < VDBI_RECALL_CURVES; i++) {
        uint8_t *at = bytes + TABLE_CURVES + i * CURVE_BYTES;
        vdbi_put32(at + CURVE_K, t->curves[i].k);
        vdbi_put32(at + CURVE_COUNT, t->curves[i].count);
        for (size_t j = 0; j < t->curves[i].count; j++) {
            const vdbi_recall_point *p = &t->curves[i].points[j];
            uint8_t *to = at + CURVE_POINTS + j * POINT_BYTES;
            vdbi_put32(to, p->ef);
            put_float(to + 4, p->measured);
            put_float(to + 8, p->promised);
            put_float(to + 12, p->us);
        }
    }
}

static int is_share(float value)
{
    return value >= 0 && value <= 1; /* no NaN */
}

static int decode_curve(const uint8_t *at, vdbi_recall_curve *c)
{
    c->k = vdbi_get32(at + CURVE_K);
    c->count = vdbi_get32(at + CURVE_COUNT);
    if (c->k == 0 || c->count > VDBI_RECALL_POINTS)
        return 0;
    for (uint32_t j = 0; j < c->count; j++) {
        const uint8_t *from = at + CURVE_POINTS + (size_t)j * POINT_BYTES;
        vdbi_recall_point *p = &c->points[j];
        p->ef = vdbi_get32(from);
        p->measured = get_float(from + 4);
        p->promised = get_float(from + 8);
        p->us = get_float(from + 12);
        if (p->ef < (j ? p[-1].ef + 1 : 1) || p->ef > 1u << 20 ||
            !is_share(p->measured) || !is_share(p->promised) || !(p->us >= 0))
            return 0;
    }
    return 1;
}

void vdbi_recall_decode(const uint8_t *bytes, vdbi_recall_table *t)
{
    int sound = vdbi_get32(bytes + TABLE_MAGIC) == MAGIC;

    memset(t, 0, sizeof *t);
    t->vectors = vdbi_get64(bytes + TABLE_VECTORS);
    t->sample = vdbi_get32(bytes + TABLE_SAMPLE);
    for (size_t i = 0; i < VDBI_RECALL_CURVES && sound; i++) {
        sound = decode_curve(bytes + TABLE_CURVES + i * CURVE_BYTES, &t->curves[i]);
        sound = sound && (i == 0 || t->curves[i].k > t->curves[i - 1].k);
    }
    if (!sound)
        memset(t, 0, sizeof *t);
}
