/* codes.c: fitting and encoding; see codes.h.
 *
 * The step comes from a sample.  For L2 each dimension's offset is the middle of its
 * range, and the step is chosen so that all but the farthest CLIPPED of the sampled values
 * lie within the codes: a few far values would else take the resolution from all others.
 * What lies beyond is clipped; such a vector is navigated to by the rest of its values.
 */
#include "index/codes/codes.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "index/codes/encode.h"

enum {
    TRIMMED = 100 /* one in so many, at either end of a dimension */
};
/* Measured from here on; docs/design.md, The graph. */
uint32_t vdbi_codes_halved_from = 256;

static const double CLIPPED = 0.0005, CLIPPED_TRIMMED = 0.005;
/* Float32 rows.  Between these the squares of 65,535 numbers keep clear of both ends of
 * float32; numbers beyond FLOAT_FAR are drawn in, so that no sum is infinite. */
#define FLOAT_SMALL 0x1p-40f
#define FLOAT_LARGE 0x1p50f
#define FLOAT_FAR   0x1p55f
#define STEP_MIN    0x1p-125f /* of such; FLT_MIN was once saved for 1 */

static uint32_t lines(size_t bytes)
{
    return (uint32_t)((bytes + VDBI_LINE - 1) / VDBI_LINE * VDBI_LINE);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double inverse_norm(const float *v, uint32_t dimension)
{
    double sum = vdbi_encoder_now()->square(v, dimension);

    return sum > 0 ? 1 / sqrt(sum) : 0;
}

/* The value below which all but a share of `clipped` lie; `values` is sorted by it. */
static float quantile(float *values, size_t count, double clipped)
{
    size_t at = count - 1 - (size_t)((double)(count - 1) * clipped);

    qsort(values, count, sizeof *values, compare_floats);
    return values[at];
}

/* Each dimension's offset is set so that the middle of its range gets the middle code. */
static void fit_middles(vdbi_codes *c, const float *const *sample, size_t count)
{
    for (uint32_t d = 0; d < c->dimension; d++) {
        float low = FLT_MAX, high = -FLT_MAX;
        for (size_t i = 0; i < count; i++) {
            low = sample[i][d] < low ? sample[i][d] : low;
            high = sample[i][d] > high ? sample[i][d] : high;
        }
        c->offset[d] = low / 2 + high / 2;
    }
}

/* The same of the range that is left without the farthest at either end; `values` has room
 * for all of a dimension. */
static void fit_trimmed_middles(vdbi_codes *c, const float *const *sample, size_t count,
                                float *values)
{
    size_t trim = count / TRIMMED + 1;

    for (uint32_t d = 0; d < c->dimension && 2 * trim < count; d++) {
        for (size_t i = 0; i < count; i++)
            values[i] = sample[i][d];
        qsort(values, count, sizeof *values, compare_floats);
        c->offset[d] = values[trim] / 2 + values[count - 1 - trim] / 2;
    }
}

/* How far the values lie from the middle, for at most `limit` of the sample's values.
 * Zeros of sparse vectors would make the rest look like exceptions. */
static size_t deviations(const vdbi_codes *c, const float *const *sample, size_t count,
                         float *out, size_t limit)
{
    size_t n = 0, rows = limit / c->dimension;

    if (rows > count)
        rows = count;
    for (size_t r = 0; r < rows; r++) {
        const float *v = sample[r * count / rows];
        double scale = c->offset ? 1 : inverse_norm(v, c->dimension);
        for (uint32_t d = 0; d < c->dimension; d++)
            if (c->offset)
                out[n++] = fabsf(v[d] - c->offset[d]);
            else if (v[d] != 0)
                out[n++] = fabsf((float)(v[d] * scale));
    }
    return n;
}

/* The step of a vector that stands for itself. */
static float own_step(const float *v, uint32_t dimension)
{
    float most = vdbi_encoder_now()->greatest(v, dimension);

    return most > 0 ? most / VDBI_DOT_MAX : FLT_MIN;
}

/* Own steps are counted in the greatest of the sample: so their products with each other
 * stay far from the ends of float32, however long or short all vectors are. */
static void fit_unit(vdbi_codes *c, const float *const *sample, size_t count)
{
    c->step = 0;
    for (size_t i = 0; i < count; i++) {
        float step = own_step(sample[i], c->dimension);
        c->step = step > c->step ? step : c->step;
    }
}

static vdb_status fit_reach(vdbi_codes *c, int how, const float *const *sample,
                            size_t count)
{
    size_t limit = (size_t)1 << 20, n;
    float *values, reach;

    if (limit < c->dimension)
        limit = c->dimension;
    if (limit < count)
        limit = count;
    values = vdbi_alloc(c->memory, limit * sizeof *values);
    if (!values)
        return VDB_NOMEM;
    if (c->kind == VDBI_CODE_L2 && how == VDBI_FIT_TRIMMED)
        fit_trimmed_middles(c, sample, count, values);
    else if (c->kind == VDBI_CODE_L2)
        fit_middles(c, sample, count);
    n = deviations(c, sample, count, values, limit);
    reach = n ? quantile(values, n, how == VDBI_FIT_TRIMMED ? CLIPPED_TRIMMED : CLIPPED)
              : 0;
    if (!(reach > 0))
        reach = n && values[n - 1] > 0 ? values[n - 1] : 1;
    vdbi_free(c->memory, values);
    c->step =
        c->kind == VDBI_CODE_L2 ? reach / (VDBI_L2_MAX / 2.0f) : reach / VDBI_DOT_MAX;
    for (uint32_t d = 0; c->offset && d < c->dimension; d++)
        c->offset[d] -= reach < FLT_MAX / 2 ? reach : FLT_MAX / 2;
    return VDB_OK;
}

/* A power of two that brings numbers up to `most` into float32's middle; 1 mostly. */
static float float_step(float most)
{
    uint32_t bits;
    float step;

    if (most == 0 || (most >= FLOAT_SMALL && most <= FLOAT_LARGE))
        return 1;
    memcpy(&bits, &most, sizeof bits);
    bits &= 0x7F800000u; /* the exponent alone */
    memcpy(&step, &bits, sizeof step);
    return step > STEP_MIN ? step : STEP_MIN;
}

static void fit_floats(vdbi_codes *c, const float *const *sample, size_t count)
{
    float most = 0;

    for (size_t i = 0; i < count; i++) {
        float own = vdbi_encoder_now()->greatest(sample[i], c->dimension);
        most = own > most ? own : most;
    }
    c->step = float_step(most);
}

static vdb_status fit(vdbi_codes *c, int how, const float *const *sample, size_t count)
{
    vdb_status st = VDB_OK;

    if (c->kind == VDBI_CODE_DOT)
        fit_unit(c, sample, count);
    else if (c->kind == VDBI_CODE_L2 || c->kind == VDBI_CODE_COSINE)
        st = fit_reach(c, how, sample, count);
    else
        fit_floats(c, sample, count);
    if (!(c->step >= FLT_MIN)) /* denormal: its inverse would be infinite */
        c->step = FLT_MIN;
    return st;
}

static vdbi_code_kind kind_for(vdb_metric metric, int exact)
{
    if (exact)
        return metric == VDB_L2 ? VDBI_CODE_F32_L2 : VDBI_CODE_F32_DOT;
    return metric == VDB_L2       ? VDBI_CODE_L2
           : metric == VDB_COSINE ? VDBI_CODE_COSINE
                                  : VDBI_CODE_DOT;
}

/* Where what is of a row.  Halves leave no line over if they can; but a step of a row's
 * own needs room behind whole codes. */
static void lay_out(vdbi_codes *c, int in_halves)
{
    int exact = vdbi_code_is_exact(c->kind), has_step = c->kind == VDBI_CODE_DOT;

    c->form = (int)c->kind;
    c->code_bytes = exact ? c->dimension * (uint32_t)sizeof(float) : c->dimension;
    c->row_bytes = lines(c->code_bytes + (has_step ? sizeof(float) : 0));
    c->walk_bytes = c->row_bytes;
    c->step_at = c->code_bytes;
    if (exact || !in_halves)
        return;
    c->halves = (c->dimension + (has_step ? 0 : VDBI_LINE - 1)) / VDBI_PAIR;
    if (c->halves == 0)
        return;
    c->form += VDBI_FORM_HALVES;
    c->walk_bytes = c->row_bytes - VDBI_LINE * c->halves;
    c->step_at = c->code_bytes - VDBI_LINE * c->halves;
}

/* A region that is not fitted yet. */
static vdb_status create(vdbi_memory *memory, vdb_metric metric, vdbi_code_kind kind,
                         uint32_t dimension, int in_halves, vdbi_codes **out)
{
    vdbi_codes *c = vdbi_calloc(memory, 1, sizeof *c);
    vdb_status st = VDB_OK;

    *out = NULL;
    if (!c)
        return VDB_NOMEM;
    c->memory = memory;
    c->metric = metric;
    c->kind = kind;
    c->dimension = dimension;
    lay_out(c, in_halves);
    if (c->kind == VDBI_CODE_L2) {
        c->offset = vdbi_calloc(memory, dimension, sizeof *c->offset);
        st = c->offset ? VDB_OK : VDB_NOMEM;
    }
    if (!st)
        st = vdbi_extents_init(&c->rows, memory, c->row_bytes);
    if (st) {
        vdbi_codes_free(c);
        return st;
    }
    *out = c;
    return VDB_OK;
}

vdb_status vdbi_codes_create(vdbi_memory *memory, vdb_metric metric, int how,
                             uint32_t dimension, const float *const *sample,
                             size_t count, vdbi_codes **out)
{
    int in_halves = !(how & VDBI_FIT_WHOLE) && dimension >= vdbi_codes_halved_from;
    vdb_status st;

    how &= ~VDBI_FIT_WHOLE;
    st = create(memory, metric, kind_for(metric, how == VDBI_FIT_FLOATS), dimension,
                in_halves, out);

    if (!st)
        st = fit(*out, how, sample, count);
    if (st) {
        vdbi_codes_free(*out);
        *out = NULL;
    }
    return st;
}

vdbi_codes_fitted vdbi_codes_fit_of(const vdbi_codes *c)
{
    return (vdbi_codes_fitted){c->kind, c->halves > 0, c->step, c->offset};
}

vdb_status vdbi_codes_restore(vdbi_memory *memory, vdb_metric metric,
                              uint32_t dimension, const vdbi_codes_fitted *fitted,
                              vdbi_codes **out)
{
    vdb_status st;

    *out = NULL;
    if ((fitted->kind != kind_for(metric, 0) && fitted->kind != kind_for(metric, 1)) ||
        (fitted->kind != VDBI_CODE_DOT &&
         !(fitted->step >= FLT_MIN && fitted->step <= FLT_MAX)))
        return vdbi_fail(VDB_CORRUPT, "graph: codes of kind %d and step %g",
                         (int)fitted->kind, (double)fitted->step);
    st = create(memory, metric, fitted->kind, dimension, fitted->in_halves, out);
    if (st)
        return st;
    (*out)->step = fitted->step;
    if ((*out)->offset)
        memcpy((*out)->offset, fitted->offset, dimension * sizeof *(*out)->offset);
    return VDB_OK;
}

void vdbi_codes_free(vdbi_codes *c)
{
    if (!c)
        return;
    vdbi_extents_clear(&c->rows);
    vdbi_free(c->memory, c->offset);
    vdbi_free(c->memory, c);
}

vdb_status vdbi_codes_reserve(vdbi_codes *c, uint32_t slot)
{
    return vdbi_extents_reserve(&c->rows, slot);
}

/* What numbers are multiplied by; not 0, and not infinite. */
static vdbi_scale scale_of(double inverse)
{
    float before = inverse > 0x1p60 ? 0x1p100f : inverse < 0x1p-60 ? 0x1p-60f : 1;
    double factor = inverse / (double)before;

    return (vdbi_scale){before, factor < (double)FLT_MAX ? (float)factor : FLT_MAX};
}

/* What a vector that stands for itself is multiplied by to get its codes, and, into *step,
 * what these are then in units of the region's. */
static vdbi_scale own_scale(const vdbi_codes *c, const float *v, float *step)
{
    float own = own_step(v, c->dimension);
    float relative = own / c->step;

    *step = relative < 0x1p48f ? relative : 0x1p48f;
    return scale_of(1 / (double)own);
}

/* What float32 rows are multiplied by.  Under dot product a query's length changes no
 * order, so it has a factor of its own. */
static double float_factor(const vdbi_codes *c, const float *v, int is_query)
{
    float step = c->step;

    if (c->metric == VDB_COSINE)
        return inverse_norm(v, c->dimension);
    if (c->metric == VDB_DOT && is_query)
        step = float_step(vdbi_encoder_now()->greatest(v, c->dimension));
    return step == FLT_MIN ? 1 : 1 / (double)step;
}

static void copy_floats(const vdbi_codes *c, const float *v, int is_query, uint8_t *out)
{
    const double far = (double)FLOAT_FAR, factor = float_factor(c, v, is_query);

    for (uint32_t d = 0; d < c->dimension; d++) {
        double y = v[d] * factor;
        float x = (float)(y > far ? far : y < -far ? -far : y);
        memcpy(out + (size_t)d * sizeof x, &x, sizeof x);
    }
}

/* The codes of some dimensions. */
static int encode_some(const vdbi_codes *c, const float *v, const vdbi_scale *scale,
                       uint32_t from, uint32_t count, uint8_t *out)
{
    const vdbi_encoder *encoder = vdbi_encoder_now();

    return c->kind == VDBI_CODE_L2
               ? encoder->l2(v + from, c->offset + from, 1 / c->step, count, out)
               : encoder->numbers(v + from, scale, count, VDBI_DOT_ZERO, out);
}

/* How many bits are in the lower half of a code. */
static uint32_t lower_bits(const vdbi_codes *c)
{
    return c->kind == VDBI_CODE_L2 ? 3 : 4;
}

/* How many dimensions are whole in a row. */
static uint32_t whole(const vdbi_codes *c)
{
    return c->dimension > VDBI_PAIR * c->halves ? c->dimension - VDBI_PAIR * c->halves
                                                : 0;
}

static int encode_bytes(const vdbi_codes *c, const float *v, const vdbi_scale *scale,
                        uint8_t *row)
{
    uint32_t from = 0, tail = whole(c);
    uint8_t pair[VDBI_PAIR], *end = row + c->walk_bytes;
    int beyond = 0;

    memset(row + VDBI_LINE * c->halves + tail, 0,
           c->walk_bytes - VDBI_LINE * c->halves - tail);
    for (uint32_t i = 0; i < c->halves; i++, from += VDBI_PAIR) {
        uint32_t count =
            c->dimension - from < VDBI_PAIR ? c->dimension - from : VDBI_PAIR;
        memset(pair + count, 0, VDBI_PAIR - count);
        beyond |= encode_some(c, v, scale, from, count, pair);
        vdbi_encoder_now()->split(pair, lower_bits(c), row + VDBI_LINE * i,
                                  end + VDBI_LINE * i);
    }
    return beyond |
           (tail ? encode_some(c, v, scale, from, tail, row + VDBI_LINE * c->halves)
                 : 0);
}

int vdbi_codes_encode(vdbi_codes *c, uint32_t slot, const float *v)
{
    uint8_t *row = vdbi_extents_row(&c->rows, slot);
    vdbi_scale scale;
    float step;

    switch (c->kind) {
    case VDBI_CODE_L2:
        return encode_bytes(c, v, NULL, row);
    case VDBI_CODE_COSINE:
        scale = scale_of(inverse_norm(v, c->dimension) / (double)c->step);
        return encode_bytes(c, v, &scale, row);
    case VDBI_CODE_DOT:
        scale = own_scale(c, v, &step);
        encode_bytes(c, v, &scale, row);
        memcpy(row + c->step_at, &step, sizeof step);
        return 0;
    default:
        memset(row + c->code_bytes, 0, c->row_bytes - c->code_bytes);
        copy_floats(c, v, 0, row);
        return 0;
    }
}

/* The codes of a row, one after another. */
static void decode(const vdbi_codes *c, const uint8_t *row, uint8_t *out)
{
    const uint8_t *lower = row + c->walk_bytes;

    for (uint32_t i = 0; i < c->halves; i++)
        vdbi_encoder_now()->join(row + VDBI_LINE * i, lower + VDBI_LINE * i,
                                 lower_bits(c), out + VDBI_PAIR * i);
    memcpy(out + VDBI_PAIR * c->halves, row + VDBI_LINE * c->halves, whole(c));
}

int vdbi_codes_at_end(const vdbi_codes *c, uint32_t slot)
{
    const uint8_t *row = vdbi_codes_row(c, slot);
    const uint8_t *tail = row + VDBI_LINE * c->halves;
    uint8_t pair[VDBI_PAIR];
    uint32_t left = whole(c), ends = 0;

#define IS_END(code)                                                                   \
    (((code) == VDBI_DOT_ZERO + VDBI_DOT_MAX) |                                        \
     ((code) == VDBI_DOT_ZERO - VDBI_DOT_MAX))
    for (uint32_t i = 0; i < c->halves; i++) {
        vdbi_encoder_now()->join(row + VDBI_LINE * i,
                                 row + c->walk_bytes + VDBI_LINE * i, lower_bits(c),
                                 pair);
        for (uint32_t d = 0; d < VDBI_PAIR; d++)
            ends += IS_END(pair[d]);
    }
    for (uint32_t d = 0; d < left; d++)
        ends += IS_END(tail[d]);
#undef IS_END
    return ends > 0;
}

void vdbi_codes_query(const vdbi_codes *c, const float *v, uint8_t *bytes,
                      vdbi_code_query *q)
{
    const vdbi_encoder *encoder = vdbi_encoder_now();
    vdbi_scale scale;

    *q = (vdbi_code_query){.bytes = bytes, .scale = 1};
    memset(bytes + c->code_bytes, 0, c->row_bytes - c->code_bytes);
    switch (c->kind) {
    case VDBI_CODE_L2:
        encoder->l2(v, c->offset, 1 / c->step, c->dimension, bytes);
        break;
    case VDBI_CODE_COSINE:
    case VDBI_CODE_DOT:
        scale = own_scale(c, v, &q->scale);
        encoder->numbers(v, &scale, c->dimension, 0, bytes);
        q->bias = encoder->sum(bytes, c->dimension) * VDBI_DOT_ZERO;
        q->upper = encoder->sum(bytes, c->dimension - whole(c));
        break;
    default:
        copy_floats(c, v, 1, bytes);
        break;
    }
}

void vdbi_codes_query_row(const vdbi_codes *c, uint32_t slot, uint8_t *bytes,
                          vdbi_code_query *q)
{
    const uint8_t *row = vdbi_codes_row(c, slot);

    *q = (vdbi_code_query){.bytes = bytes, .scale = 1};
    if (vdbi_code_is_exact(c->kind) || (c->kind == VDBI_CODE_L2 && !c->halves)) {
        q->bytes = row;
        return;
    }
    if (c->halves)
        decode(c, row, bytes);
    memset(bytes + c->code_bytes, 0, c->row_bytes - c->code_bytes);
    if (c->kind == VDBI_CODE_L2)
        return;
    q->bias = vdbi_encoder_now()->again(c->halves ? bytes : row, c->dimension, bytes) *
              VDBI_DOT_ZERO;
    q->upper = vdbi_encoder_now()->sum(bytes, c->dimension - whole(c));
    if (c->kind == VDBI_CODE_DOT)
        memcpy(&q->scale, row + c->step_at, sizeof q->scale);
}

uint32_t vdbi_codes_beyond(const vdbi_codes *c, const float *v)
{
    double inverse;
    uint32_t n = 0;

    if (c->kind == VDBI_CODE_L2) {
        float reach = c->step * ((float)VDBI_L2_MAX + 0.5f);
        for (uint32_t d = 0; d < c->dimension; d++)
            n += v[d] - c->offset[d] < -c->step / 2 || v[d] - c->offset[d] > reach;
    } else if (c->kind == VDBI_CODE_COSINE) {
        inverse = inverse_norm(v, c->dimension) / (double)c->step;
        for (uint32_t d = 0; d < c->dimension; d++)
            n += fabs(v[d] * inverse) > VDBI_DOT_MAX + 0.5;
    } else if (vdbi_code_is_exact(c->kind)) {
        inverse = float_factor(c, v, 0);
        for (uint32_t d = 0; d < c->dimension; d++)
            n += fabs(v[d] * inverse) > (double)FLOAT_FAR;
    }
    return n;
}
