/* codes.h: short codes of vectors, for finding the way; answers come from the vectors.
 *
 * A code row is one byte a dimension (or four), padded with zeros to whole cache lines.
 * Distances between codes are integers that order as the metric does; they are comparable
 * among rows of one region, and between a row and any query made ready for it.  Nothing
 * else is promised of them.
 *
 * Owns:      the parameters that vectors were fitted to, and the rows, by slot.
 * Promises:  a row, once written, does not move or change while the region lives.
 * May call:  os/, base/.
 * Threads:   rows of different slots may be written at once, after vdbi_codes_reserve for
 *            each; who reads a row must have learnt of it from its writer (release and
 *            acquire, nodes.h).
 * Failure:   VDB_NOMEM.
 *
 * Kinds.  VDBI_CODE_L2: seven bits, one step for all dimensions, an offset for each.  The
 * offset vanishes in differences, and the difference of two seven-bit numbers fits the
 * byte that integer dot products want.  VDBI_CODE_COSINE: eight bits, symmetric about
 * zero, of the normalised vector; one step for all.  VDBI_CODE_DOT: the same of the vector
 * as it is, with a step of its own in each row, so that a few long vectors do not make the
 * others vanish.  VDBI_CODE_F32_*: float32, for data on which a byte is too coarse.
 *
 * Halves.  A long row of bytes lies in two halves, so that a walk reads half the cache
 * lines.  Of each 128 dimensions a line has the upper four bits: byte i those of dimension
 * i in its lower half, those of dimension 64 + i in its upper.  After these lines come the
 * dimensions that are left over, whole, with the row's own step; then, in the same order,
 * as many lines of lower bits.  No byte is added to the row, and all bits together give the
 * same integer as a row that is whole.
 */
#ifndef VDBI_CODES_H
#define VDBI_CODES_H

#include "index/extents.h"

typedef enum vdbi_code_kind {
    VDBI_CODE_L2 = 1,
    VDBI_CODE_COSINE = 2,
    VDBI_CODE_DOT = 3,
    VDBI_CODE_F32_L2 = 4,
    VDBI_CODE_F32_DOT = 5, /* cosine too: rows are normalised */
    VDBI_CODE_KINDS = 6
} vdbi_code_kind;

/* How rows are compared: kinds, and those of bytes in halves. */
enum {
    VDBI_FORM_HALVES = VDBI_CODE_KINDS - VDBI_CODE_L2, /* added to such a kind */
    VDBI_FORMS = VDBI_CODE_KINDS + VDBI_CODE_DOT
};

static inline int vdbi_code_is_exact(vdbi_code_kind kind)
{
    return kind == VDBI_CODE_F32_L2 || kind == VDBI_CODE_F32_DOT;
}

/* A region: all rows of one fitting. */
typedef struct vdbi_codes {
    vdbi_memory *memory;
    vdb_metric metric;
    vdbi_code_kind kind;
    int form; /* the kind, or VDBI_FORM_HALVES more */
    uint32_t dimension;
    uint32_t row_bytes;  /* of whole cache lines */
    uint32_t walk_bytes; /* of these, what a walk reads: all but the lower halves */
    uint32_t halves; /* lines of upper halves, and of lower ones; 0: a row is whole */
    uint32_t code_bytes; /* of a query's bytes, codes; zeros stand behind them */
    uint32_t step_at;    /* VDBI_CODE_DOT: where in a row its own step is */
    float step;          /* of all rows; VDBI_CODE_DOT: what rows count their own in;
                   float32: a power of two that numbers are divided by, mostly 1 */
    float *offset;       /* VDBI_CODE_L2: a number for each dimension */
    vdbi_extents rows;
} vdbi_codes;

/* A vector, or a stored row, made ready to be compared with rows. */
typedef struct vdbi_code_query {
    const uint8_t *bytes; /* row_bytes of them, aligned to 64; never in halves */
    int32_t bias;         /* of the unsigned rows, to be taken off */
    int32_t upper;        /* the sum of its numbers that are compared with halves */
    float scale;          /* VDBI_CODE_DOT: turns the integer into a dot product */
} vdbi_code_query;

/* How to fit. */
enum {
    VDBI_FIT_BYTES = 0,
    VDBI_FIT_FLOATS = 1,  /* not at all: float32 */
    VDBI_FIT_TRIMMED = 2, /* bytes for all but the farthest */
    VDBI_FIT_WHOLE = 4    /* added to the others: never in halves */
};

/* An empty region, fitted to `count` sampled rows of float32. */
vdb_status vdbi_codes_create(vdbi_memory *memory, vdb_metric metric, int how,
                             uint32_t dimension, const float *const *sample,
                             size_t count, vdbi_codes **out);
/* What a region was fitted to, to be kept; `offset` is borrowed: NULL, or a number for each
 * dimension. */
typedef struct vdbi_codes_fitted {
    vdbi_code_kind kind;
    int in_halves;
    float step;
    const float *offset;
} vdbi_codes_fitted;
vdbi_codes_fitted vdbi_codes_fit_of(const vdbi_codes *codes);
/* An empty region of what was kept; VDB_CORRUPT when it makes no sense. */
vdb_status vdbi_codes_restore(vdbi_memory *memory, vdb_metric metric,
                              uint32_t dimension, const vdbi_codes_fitted *fitted,
                              vdbi_codes **out);
void vdbi_codes_free(vdbi_codes *codes);

/* See that there is room for the row of a slot. */
vdb_status vdbi_codes_reserve(vdbi_codes *codes, uint32_t slot);
/* Write it.  1 when some values lay beyond what the region was fitted to. */
int vdbi_codes_encode(vdbi_codes *codes, uint32_t slot, const float *vector);

/* How many of a vector's values lie beyond what the region was fitted to. */
uint32_t vdbi_codes_beyond(const vdbi_codes *codes, const float *vector);

/* Whether a row of bytes has a code at either end, where the number may have been any
 * beyond.  VDBI_CODE_COSINE only. */
int vdbi_codes_at_end(const vdbi_codes *codes, uint32_t slot);

/* Make a vector ready; `bytes` has row_bytes, aligned to 64. */
void vdbi_codes_query(const vdbi_codes *codes, const float *vector, uint8_t *bytes,
                      vdbi_code_query *query);
/* Make a stored row ready; the same. */
void vdbi_codes_query_row(const vdbi_codes *codes, uint32_t slot, uint8_t *bytes,
                          vdbi_code_query *query);

static inline const uint8_t *vdbi_codes_row(const vdbi_codes *codes, uint32_t slot)
{
    return vdbi_extents_row(&codes->rows, slot);
}

/* Rows of so many dimensions or more are in halves; tests change it. */
extern uint32_t vdbi_codes_halved_from;

#endif
