/* filter_priv.h: what a compiled filter is.
 *
 * A filter is a list of leaves (tests of one field, or of the id) and a program over
 * them for a machine with a stack of truths; `truth` is one bit when a single record is
 * tested, and a bit per slot when a chunk of slots is.  `a and b and c` is
 *
 *     leaf a, enter-and, leaf b, fold-and, enter-and, leaf c, fold-and
 *
 * so the stack grows with the depth of the filter only.  `enter` is where the second
 * operand need not be asked when the first has settled the matter: it jumps behind the
 * fold (`operand`), and otherwise narrows who still cares about the answer, which is
 * what keeps records from being read for nothing.  A fold ends that.
 *
 * `ne` is a leaf `eq` and a not; `in` is the leaf of an `eq` with several values.
 */
#ifndef VDBI_FILTER_PRIV_H
#define VDBI_FILTER_PRIV_H

#include "filter/filter.h"
#include "store/column.h"
#include "store/flatten.h"

enum {
    VDBI_LEAF_EQUAL, /* the value, or an element, is one of `values` */
    VDBI_LEAF_EXISTS,
    VDBI_LEAF_LESS, /* these five have exactly one value */
    VDBI_LEAF_LESS_EQUAL,
    VDBI_LEAF_GREATER,
    VDBI_LEAF_GREATER_EQUAL,
    VDBI_LEAF_PREFIX,
    VDBI_LEAF_CONTAINS, /* as EQUAL, but of an array's elements only */
    VDBI_LEAF_ID        /* the id is one of `values`, all of them strings */
};

typedef struct vdbi_leaf {
    uint8_t kind;
    const char *path; /* NULL: of the id */
    size_t path_length;
    vdbi_value *values; /* scalars, ascending by vdbi_scalar_order, distinct */
    size_t value_count;
    void *block; /* owns path, values, and their text */
} vdbi_leaf;

enum {
    VDBI_STEP_LEAF, /* push the truth of leaf `operand` */
    VDBI_STEP_TRUE, /* push */
    VDBI_STEP_FALSE,
    VDBI_STEP_NOT,       /* of the top */
    VDBI_STEP_ENTER_AND, /* care only where the top is true; nowhere: go to `operand` */
    VDBI_STEP_ENTER_OR,  /* care only where the top is false; likewise */
    VDBI_STEP_FOLD_AND,  /* replace the two on top by their and; care as before */
    VDBI_STEP_FOLD_OR
};

typedef struct vdbi_step {
    uint32_t op;
    uint32_t operand;
} vdbi_step;

struct vdb_filter {
    vdbi_memory *memory;
    vdbi_step *steps;
    size_t step_count, step_capacity;
    vdbi_leaf *leaves;
    size_t leaf_count, leaf_capacity;
    uint32_t stack_max; /* truths on the stack at once; at most VDB_FILTER_DEPTH_MAX */
    uint32_t care_max;  /* enters not yet folded, at once; fewer than that */
};

/* compare.c: scalars.  A total order: null, false, true, numbers by value, strings by
 * bytes; objects and arrays are no scalars.  Zero means equal in the language's sense.
 */
int vdbi_scalar_order(const vdbi_value *a, const vdbi_value *b);
/* Compare exactly, whatever a double can hold: -1, 0, 1. */
int vdbi_number_order(int64_t integer, double real);
int vdbi_text_order(const char *a, size_t a_length, const char *b, size_t b_length);
int vdbi_is_number(const vdbi_value *value);
/* Whether `value` is one of a leaf's values. */
int vdbi_leaf_has(const vdbi_leaf *leaf, const vdbi_value *value);

/* test.c: whether a leaf about a field holds for what is stored there (NULL: nothing).
 */
int vdbi_leaf_holds(const vdbi_leaf *leaf, const vdbi_value *value);

#endif
