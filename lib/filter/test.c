/* test.c: one record against a filter: the language's meaning, in its plainest form.
 *
 * Columns are scanned by other code (cell_scan.c); tests hold the two together.
 */
#include <string.h>

#include "base/error.h"
#include "filter/filter_priv.h"

static int is_range(const vdbi_leaf *leaf)
{
    return leaf->kind >= VDBI_LEAF_LESS && leaf->kind <= VDBI_LEAF_GREATER_EQUAL;
}

/* Numbers with numbers, strings with strings; all else is neither less nor greater. */
static int in_range(const vdbi_leaf *leaf, const vdbi_value *value)
{
    const vdbi_value *bound = &leaf->values[0];
    int numbers = vdbi_is_number(value) && vdbi_is_number(bound);
    int strings = value->tag == VDBI_CELL_STRING && bound->tag == VDBI_CELL_STRING;
    if (!numbers && !strings)
        return 0;
    int order = vdbi_scalar_order(value, bound);
    switch (leaf->kind) {
    case VDBI_LEAF_LESS:
        return order < 0;
    case VDBI_LEAF_LESS_EQUAL:
        return order <= 0;
    case VDBI_LEAF_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

static int has_prefix(const vdbi_leaf *leaf, const vdbi_value *value)
{
    const vdbi_value *prefix = &leaf->values[0];
    return value->tag == VDBI_CELL_STRING && prefix->tag == VDBI_CELL_STRING &&
           value->text_length >= prefix->text_length &&
           memcmp(value->text, prefix->text, prefix->text_length) == 0;
}

static int scalar_holds(const vdbi_leaf *leaf, const vdbi_value *value)
{
    if (is_range(leaf))
        return in_range(leaf, value);
    if (leaf->kind == VDBI_LEAF_PREFIX)
        return has_prefix(leaf, value);
    return vdbi_leaf_has(leaf, value);
}

int vdbi_leaf_holds(const vdbi_leaf *leaf, const vdbi_value *value)
{
    if (!value)
        return 0;
    if (leaf->kind == VDBI_LEAF_EXISTS)
        return value->tag != VDBI_CELL_NULL;
    if (value->tag == VDBI_CELL_ARRAY) {
        for (size_t i = 0; i < value->element_count; i++)
            if (scalar_holds(leaf, &value->elements[i]))
                return 1;
        return 0;
    }
    return leaf->kind != VDBI_LEAF_CONTAINS && scalar_holds(leaf, value);
}

typedef struct subject {
    const char *id;
    size_t id_length;
    const vdbi_flat *flat; /* NULL: no metadata */
} subject;

static int leaf_truth(const vdbi_leaf *leaf, const subject *s)
{
    if (leaf->kind == VDBI_LEAF_ID) {
        vdbi_value id = {
            .tag = VDBI_CELL_STRING, .text = s->id, .text_length = s->id_length};
        return vdbi_leaf_has(leaf, &id);
    }
    if (!s->flat)
        return 0;
    return vdbi_leaf_holds(leaf,
                           vdbi_flat_find(s->flat, leaf->path, leaf->path_length));
}

/* The stack is the bits of one word: no filter needs more than 32. */
static int run(const vdb_filter *filter, const subject *s)
{
    uint64_t stack = 0;
    for (size_t i = 0; i < filter->step_count; i++) {
        const vdbi_step *step = &filter->steps[i];
        switch (step->op) {
        case VDBI_STEP_LEAF:
            stack =
                stack << 1 | (unsigned)leaf_truth(&filter->leaves[step->operand], s);
            break;
        case VDBI_STEP_TRUE:
            stack = stack << 1 | 1;
            break;
        case VDBI_STEP_FALSE:
            stack <<= 1;
            break;
        case VDBI_STEP_NOT:
            stack ^= 1;
            break;
        case VDBI_STEP_ENTER_AND:
            if (!(stack & 1))
                i = (size_t)step->operand - 1;
            break;
        case VDBI_STEP_ENTER_OR:
            if (stack & 1)
                i = (size_t)step->operand - 1;
            break;
        case VDBI_STEP_FOLD_AND:
            stack = stack >> 1 & (stack | ~(uint64_t)1);
            break;
        default: /* VDBI_STEP_FOLD_OR */
            stack = stack >> 1 | (stack & 1);
            break;
        }
    }
    return (int)(stack & 1);
}

vdb_status vdbi_filter_test(const vdb_filter *filter, vdbi_memory *memory,
                            const char *id, size_t id_length, const char *metadata,
                            size_t metadata_length, int *passes)
{
    vdbi_flat *flat = NULL;
    *passes = 0;
    if (metadata) {
        vdb_status st = vdbi_flatten(memory, metadata, metadata_length, &flat);
        if (st)
            return st;
    }
    *passes = run(filter, &(subject){id, id_length, flat});
    vdbi_flat_free(memory, flat);
    return VDB_OK;
}
