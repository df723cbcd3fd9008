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

enum {
    LINE = 64,
    L2_MAX = 127,  /* codes 0 to 127 */
    DOT_MAX = 127, /* codes -127 to 127, stored with 128 added */
    DOT_ZERO = 128
};
static const double CLIPPED = 0.0005;

static uint32_t lines(size_t bytes)
{
    return (uint32_t)((bytes + LINE - 1) / LINE * LINE);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double inverse_norm(const float *v, uint32_t dimension)
{
    double sum = 0;

    for (uint32_t i = 0; i < dimension; i++)
        sum += (double)v[i] * v[i];
    return sum > 0 ? 1 / sqrt(sum) : 0;
}

/* The value below which all but a share of CLIPPED lie; `values` is sorted by it. */
static float quantile(float *values, size_t count)
{
    size_t at = count - 1 - (size_t)((double)(count - 1) * CLIPPED);

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

/* How far the values lie from the middle, for at most `limit` of the sample's values. */
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
            out[n++] =
                c->offset ? fabsf(v[d] - c->offset[d]) : fabsf((float)(v[d] * scale));
    }
    return n;
}

static vdb_status fit(vdbi_codes *c, const float *const *sample, size_t count)
{
    size_t limit = (size_t)1 << 20, n;
    float *values, reach;

    if (c->kind != VDBI_CODE_L2 && c->kind != VDBI_CODE_COSINE)
        return VDB_OK;
    if (limit < c->dimension)
        limit = c->dimension;
    values = vdbi_alloc(c->memory, limit * sizeof *values);
    if (!values)
        return VDB_NOMEM;
    if (c->kind == VDBI_CODE_L2)
        fit_middles(c, sample, count);
    n = deviations(c, sample, count, values, limit);
    reach = n ? quantile(values, n) : 0;
    if (!(reach > 0))
        reach = n && values[n - 1] > 0 ? values[n - 1] : 1;
    vdbi_free(c->memory, values);
    c->step = c->kind == VDBI_CODE_L2 ? reach / (L2_MAX / 2.0f) : reach / DOT_MAX;
    if (!(c->step >= FLT_MIN)) /* denormal: its inverse would be infinite */
        c->step = FLT_MIN;
    for (uint32_t d = 0; c->offset && d < c->dimension; d++)
        c->offset[d] -= c->step * (L2_MAX / 2.0f);
    return VDB_OK;
}

static vdbi_code_kind kind_for(vdb_metric metric, int exact)
{
    if (exact)
        return metric == VDB_L2 ? VDBI_CODE_F32_L2 : VDBI_CODE_F32_DOT;
    return metric == VDB_L2       ? VDBI_CODE_L2
           : metric == VDB_COSINE ? VDBI_CODE_COSINE
                                  : VDBI_CODE_DOT;
}

/* A region that is not fitted yet. */
static vdb_status create(vdbi_memory *memory, vdb_metric metric, vdbi_code_kind kind,
                         uint32_t dimension, vdbi_codes **out)
{
    int exact = kind == VDBI_CODE_F32_L2 || kind == VDBI_CODE_F32_DOT;
    vdbi_codes *c = vdbi_calloc(memory, 1, sizeof *c);
    vdb_status st = VDB_OK;

    *out = NULL;
    if (!c)
        return VDB_NOMEM;
    c->memory = memory;
    c->metric = metric;
    c->kind = kind;
    c->dimension = dimension;
    c->code_bytes = exact ? dimension * (uint32_t)sizeof(float) : dimension;
    c->row_bytes = lines(c->code_bytes + (c->kind == VDBI_CODE_DOT ? 4 : 0));
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

vdb_status vdbi_codes_create(vdbi_memory *memory, vdb_metric metric, int exact,
                             uint32_t dimension, const float *const *sample,
                             size_t count, vdbi_codes **out)
{
    vdb_status st = create(memory, metric, kind_for(metric, exact), dimension, out);

    if (!st)
        st = fit(*out, sample, count);
    if (st) {
        vdbi_codes_free(*out);
        *out = NULL;
    }
    return st;
}

vdbi_codes_fitted vdbi_codes_fit_of(const vdbi_codes *c)
{
    return (vdbi_codes_fitted){c->kind, c->step, c->offset};
}

vdb_status vdbi_codes_restore(vdbi_memory *memory, vdb_metric metric,
                              uint32_t dimension, const vdbi_codes_fitted *fitted,
                              vdbi_codes **out)
{
    vdb_status st;

    *out = NULL;
    if ((fitted->kind != kind_for(metric, 0) && fitted->kind != kind_for(metric, 1)) ||
        ((fitted->kind == VDBI_CODE_L2 || fitted->kind == VDBI_CODE_COSINE) &&
         !(fitted->step >= FLT_MIN && fitted->step <= FLT_MAX)))
        return vdbi_fail(VDB_CORRUPT, "graph: codes of kind %d and step %g",
                         (int)fitted->kind, (double)fitted->step);
    st = create(memory, metric, fitted->kind, dimension, out);
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

/* v in units of a step, rounded; clipped to [low, high]. */
static inline int32_t round_clip(float v, int32_t low, int32_t high)
{
    return v <= (float)low    ? low
           : v >= (float)high ? high
                              : (int32_t)(v < 0 ? v - 0.5f : v + 0.5f);
}

static int encode_l2(const vdbi_codes *c, const float *v, uint8_t *out)
{
    float inverse = 1 / c->step;
    int clipped = 0;

    for (uint32_t d = 0; d < c->dimension; d++) {
        float x = (v[d] - c->offset[d]) * inverse;
        clipped |= x < -0.5f || x > L2_MAX + 0.5f;
        out[d] = (uint8_t)round_clip(x, 0, L2_MAX);
    }
    return clipped;
}

/* Signed codes of v in units of 1 / inverse, `zero` added to each; in double, for a short
 * vector's inverse may be beyond float32. */
static int encode_signed(const float *v, uint32_t dimension, double inverse, int zero,
                         uint8_t *out)
{
    int clipped = 0;

    for (uint32_t d = 0; d < dimension; d++) {
        float x = (float)(v[d] * inverse);
        clipped |= fabsf(x) > DOT_MAX + 0.5f;
        out[d] = (uint8_t)(round_clip(x, -DOT_MAX, DOT_MAX) + zero);
    }
    return clipped;
}

static float greatest(const float *v, uint32_t dimension)
{
    float most = 0x1p-149f;

    for (uint32_t d = 0; d < dimension; d++)
        most = fabsf(v[d]) > most ? fabsf(v[d]) : most;
    return most;
}

static void copy_floats(const vdbi_codes *c, const float *v, uint8_t *out)
{
    double scale = c->metric == VDB_COSINE ? inverse_norm(v, c->dimension) : 1;

    for (uint32_t d = 0; d < c->dimension; d++) {
        float x = (float)(v[d] * scale);
        memcpy(out + (size_t)d * sizeof x, &x, sizeof x);
    }
}

int vdbi_codes_encode(vdbi_codes *c, uint32_t slot, const float *v)
{
    uint8_t *row = vdbi_extents_row(&c->rows, slot);
    float step;

    memset(row + c->code_bytes, 0, c->row_bytes - c->code_bytes);
    switch (c->kind) {
    case VDBI_CODE_L2:
        return encode_l2(c, v, row);
    case VDBI_CODE_COSINE:
        return encode_signed(v, c->dimension, inverse_norm(v, c->dimension) / c->step,
                             DOT_ZERO, row);
    case VDBI_CODE_DOT:
        step = greatest(v, c->dimension) / DOT_MAX;
        encode_signed(v, c->dimension, DOT_MAX / (double)greatest(v, c->dimension),
                      DOT_ZERO, row);
        memcpy(row + c->code_bytes, &step, sizeof step);
        return 0;
    default:
        copy_floats(c, v, row);
        return 0;
    }
}

/* Signed bytes in units of the vector's own step; their sum gives the bias. */
static void query_signed(const vdbi_codes *c, const float *v, uint8_t *bytes,
                         vdbi_code_query *q)
{
    float most = greatest(v, c->dimension);
    int32_t sum = 0;

    encode_signed(v, c->dimension, DOT_MAX / (double)most, 0, bytes);
    for (uint32_t d = 0; d < c->dimension; d++)
        sum += (int8_t)bytes[d];
    q->bias = sum * DOT_ZERO;
    q->scale = most / DOT_MAX;
}

void vdbi_codes_query(const vdbi_codes *c, const float *v, uint8_t *bytes,
                      vdbi_code_query *q)
{
    *q = (vdbi_code_query){.bytes = bytes, .scale = 1};
    memset(bytes + c->code_bytes, 0, c->row_bytes - c->code_bytes);
    switch (c->kind) {
    case VDBI_CODE_L2:
        encode_l2(c, v, bytes);
        break;
    case VDBI_CODE_COSINE:
    case VDBI_CODE_DOT:
        query_signed(c, v, bytes, q);
        break;
    default:
        copy_floats(c, v, bytes);
        break;
    }
}

void vdbi_codes_query_row(const vdbi_codes *c, uint32_t slot, uint8_t *bytes,
                          vdbi_code_query *q)
{
    const uint8_t *row = vdbi_codes_row(c, slot);
    int32_t sum = 0;

    *q = (vdbi_code_query){.bytes = bytes, .scale = 1};
    if (c->kind != VDBI_CODE_COSINE && c->kind != VDBI_CODE_DOT) {
        q->bytes = row;
        return;
    }
    for (uint32_t d = 0; d < c->dimension; d++) {
        int8_t x = (int8_t)(row[d] ^ DOT_ZERO);
        bytes[d] = (uint8_t)x;
        sum += x;
    }
    memset(bytes + c->code_bytes, 0, c->row_bytes - c->code_bytes);
    q->bias = sum * DOT_ZERO;
    if (c->kind == VDBI_CODE_DOT)
        memcpy(&q->scale, row + c->code_bytes, sizeof q->scale);
}
