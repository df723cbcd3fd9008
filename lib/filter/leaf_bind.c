/* leaf_bind.c: what a leaf means in one image's columns.
 *
 * A comparison with a number becomes two closed intervals, exact for both kinds of
 * stored numbers: x < 2.5 is x <= 2 for integers, and x <= the double below 2.5 for
 * doubles; a bound that the other type cannot hold moves inwards to one that it can.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "filter/bound.h"

enum {
    LOOKUPS_PER_SECTION = 1024,
    STRINGS_PER_SECTION = 4096
};
_Static_assert(STRINGS_PER_SECTION > 1, "each part of a walk gets further");

/* ------------------------------------------------------------------ numbers */

/* The double next to a finite one. */
static double next_double(double d, int up)
{
    uint64_t bits;
    if (d == 0)
        bits = up ? 1 : 1 | (uint64_t)1 << 63;
    else {
        memcpy(&bits, &d, sizeof bits);
        bits = (d > 0) == up ? bits + 1 : bits - 1;
    }
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* The integer nearest to v from above (or from below) that is not v itself if `strict`;
 * 0 when there is none. */
static int int_beside(const vdbi_value *v, int above, int strict, int64_t *out)
{
    int64_t n = v->integer;
    int order = 0; /* of n to v */
    if (v->tag == VDBI_CELL_REAL) {
        if (v->real >= 9223372036854775808.0) {
            *out = INT64_MAX;
            return !above;
        }
        if (v->real < -9223372036854775808.0) {
            *out = INT64_MIN;
            return above;
        }
        n = (int64_t)v->real;
        order = vdbi_number_order(n, v->real);
    }
    int step = above ? order < 0 || (order == 0 && strict)
                     : order > 0 || (order == 0 && strict);
    return !__builtin_add_overflow(n, above ? step : -step, out);
}

static double real_beside(const vdbi_value *v, int above, int strict)
{
    double d = v->real;
    int order = 0; /* of v to d */
    if (v->tag == VDBI_CELL_INT) {
        d = (double)v->integer;
        order = vdbi_number_order(v->integer, d);
    }
    if (above ? order > 0 || (order == 0 && strict)
              : order < 0 || (order == 0 && strict))
        d = next_double(d, above);
    return d;
}

/* The numbers that compare with v as the leaf's kind says. */
static void bind_interval(vdbi_bound *b, uint8_t kind, const vdbi_value *v)
{
    int below = kind == VDBI_LEAF_LESS || kind == VDBI_LEAF_LESS_EQUAL;
    int above = kind == VDBI_LEAF_GREATER || kind == VDBI_LEAF_GREATER_EQUAL;
    int strict = kind == VDBI_LEAF_LESS || kind == VDBI_LEAF_GREATER;
    int some = 1;
    b->numbers = VDBI_WANT_ONE;
    b->int_low = INT64_MIN;
    b->int_high = INT64_MAX;
    b->real_low = -INFINITY;
    b->real_high = INFINITY;
    if (!below) {
        some &= int_beside(v, 1, strict, &b->int_low);
        b->real_low = real_beside(v, 1, strict);
    }
    if (!above) {
        some &= int_beside(v, 0, strict, &b->int_high);
        b->real_high = real_beside(v, 0, strict);
    }
    if (!some) {
        b->int_low = 1;
        b->int_high = 0;
    }
}

/* Several numbers: those that an integer can equal, and those that a double can.  The
 * leaf's values ascend, and so do the lists. */
static vdb_status bind_number_lists(vdbi_memory *memory, vdbi_bound *b, size_t count)
{
    b->numbers = VDBI_WANT_SOME;
    b->ints = vdbi_calloc(memory, count, sizeof *b->ints);
    b->reals = vdbi_calloc(memory, count, sizeof *b->reals);
    if (!b->ints || !b->reals)
        return VDB_NOMEM;
    for (size_t i = 0; i < b->leaf->value_count; i++) {
        vdbi_bound one = {0};
        if (!vdbi_is_number(&b->leaf->values[i]))
            continue;
        bind_interval(&one, VDBI_LEAF_EQUAL, &b->leaf->values[i]);
        if (one.int_low <= one.int_high)
            b->ints[b->int_count++] = one.int_low;
        if (one.real_low <= one.real_high)
            b->reals[b->real_count++] = one.real_low;
    }
    return VDB_OK;
}

/* ------------------------------------------------------------------ strings */

static vdb_status want_code(vdbi_memory *memory, vdbi_bound *b, uint32_t code)
{
    if (code >= b->code_count)
        return vdbi_fail(VDB_CORRUPT,
                         "field %u: code %u of a string, below %u expected", b->field,
                         code, b->code_count);
    if (b->strings == VDBI_WANT_NONE) {
        b->strings = VDBI_WANT_ONE;
        b->code = code;
        return VDB_OK;
    }
    if (b->strings == VDBI_WANT_ONE) {
        b->codes =
            vdbi_calloc(memory, VDBI_BITMAP_WORDS(b->code_count), sizeof *b->codes);
        if (!b->codes)
            return VDB_NOMEM;
        b->strings = VDBI_WANT_SOME;
        vdbi_bit_set(b->codes, b->code);
    }
    vdbi_bit_set(b->codes, code);
    return VDB_OK;
}

static vdb_status bind_string_list(vdbi_evaluation *e, vdbi_bound *b)
{
    vdb_status st = VDB_OK;
    for (size_t i = 0, lookups = 0; i < b->leaf->value_count && !st; i++) {
        const vdbi_value *v = &b->leaf->values[i];
        uint32_t code;
        if (v->tag != VDBI_CELL_STRING || v->text_length > VDBI_STRING_MAX)
            continue;
        st = vdbi_code_find(e->pager, e->image, b->field, v->text, v->text_length,
                            &code);
        if (!st && code != VDBI_CODE_NONE)
            st = want_code(e->memory, b, code);
        if (!st && ++lookups % LOOKUPS_PER_SECTION == 0)
            st = vdbi_evaluation_pause(e);
    }
    return st;
}

/* A walk over a field's strings in their order, a part in each reading section.  A part
 * begins with the last string of the one before, whose code is noted twice. */
typedef struct string_walk {
    vdbi_memory *memory;
    vdbi_bound *bound;
    vdb_status status;
    size_t visited;
    int more;
    size_t last_length;
    char last[VDBI_STRING_MAX];
} string_walk;

/* Whether a string is wanted; *over when no later one can be. */
static int wants_string(const vdbi_leaf *leaf, const char *text, size_t length,
                        int *over)
{
    const vdbi_value *v = &leaf->values[0];
    int order = vdbi_text_order(text, length, v->text, v->text_length);
    int wanted;
    *over = 0;
    switch (leaf->kind) {
    case VDBI_LEAF_LESS:
        wanted = order < 0;
        *over = !wanted;
        return wanted;
    case VDBI_LEAF_LESS_EQUAL:
        wanted = order <= 0;
        *over = !wanted;
        return wanted;
    case VDBI_LEAF_GREATER:
        return order > 0;
    case VDBI_LEAF_GREATER_EQUAL:
        return order >= 0;
    default: /* VDBI_LEAF_PREFIX */
        wanted = length >= v->text_length && memcmp(text, v->text, v->text_length) == 0;
        *over = !wanted; /* the walk began at the prefix */
        return wanted;
    }
}

static int visit_string(void *arg, const char *text, size_t length, uint32_t code)
{
    string_walk *w = arg;
    int over;
    if (wants_string(w->bound->leaf, text, length, &over))
        w->status = want_code(w->memory, w->bound, code);
    if (w->status || over)
        return 0;
    if (++w->visited < STRINGS_PER_SECTION)
        return 1;
    if (length > VDBI_STRING_MAX) {
        w->status = vdbi_fail(VDB_CORRUPT, "field %u: a string of %zu bytes has a code",
                              w->bound->field, length);
        return 0;
    }
    memcpy(w->last, text, length);
    w->last_length = length;
    w->more = 1;
    return 0;
}

static vdb_status bind_string_range(vdbi_evaluation *e, vdbi_bound *b)
{
    const vdbi_value *v = &b->leaf->values[0];
    int from_first =
        b->leaf->kind == VDBI_LEAF_LESS || b->leaf->kind == VDBI_LEAF_LESS_EQUAL;
    string_walk w = {.memory = e->memory, .bound = b};
    /* A bound too long to have a code is cut: what follows the whole follows a part. */
    const char *from = from_first ? "" : v->text;
    size_t length = from_first ? 0 : v->text_length;
    if (length > VDBI_STRING_MAX)
        length = VDBI_STRING_MAX;
    for (;;) {
        w.more = 0;
        w.visited = 0;
        vdb_status st = vdbi_codes_from(e->pager, e->image, b->field, from, length,
                                        visit_string, &w);
        if (!st)
            st = w.status;
        if (!st && w.more)
            st = vdbi_evaluation_pause(e);
        if (st || !w.more)
            return st;
        from = w.last;
        length = w.last_length;
    }
}

/* ------------------------------------------------------------------- leaves */

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static vdb_status bind_ids(vdbi_evaluation *e, vdbi_bound *b)
{
    const vdbi_leaf *leaf = b->leaf;
    vdb_status st = VDB_OK;
    if (leaf->value_count == 0)
        return VDB_OK;
    b->slots = vdbi_calloc(e->memory, leaf->value_count, sizeof *b->slots);
    if (!b->slots)
        return VDB_NOMEM;
    for (size_t i = 0; i < leaf->value_count && !st; i++) {
        const vdbi_value *id = &leaf->values[i];
        uint32_t slot;
        st = vdbi_id_find(e->pager, e->image, id->text, id->text_length, &slot);
        if (!st && slot != VDBI_SLOT_NONE) {
            if (slot >= e->image->slot_count)
                return vdbi_fail(VDB_CORRUPT, "an id is in slot %u, below %u expected",
                                 slot, e->image->slot_count);
            b->slots[b->slot_count++] = slot;
        }
        if (!st && (i + 1) % LOOKUPS_PER_SECTION == 0)
            st = vdbi_evaluation_pause(e);
    }
    if (!st)
        qsort(b->slots, b->slot_count, sizeof *b->slots, by_number);
    return st;
}

static unsigned bit(unsigned tag)
{
    return 1u << tag;
}

/* Equality, contains, comparisons and prefix: all but exists and ids. */
static vdb_status bind_values(vdbi_evaluation *e, vdbi_bound *b)
{
    const vdbi_leaf *leaf = b->leaf;
    int listed = leaf->kind == VDBI_LEAF_EQUAL || leaf->kind == VDBI_LEAF_CONTAINS;
    size_t numbers = 0, strings = 0, number_at = 0;
    unsigned tags = 0;
    vdb_status st = VDB_OK;
    for (size_t i = 0; i < leaf->value_count; i++) {
        if (vdbi_is_number(&leaf->values[i])) {
            numbers++;
            number_at = i;
        } else if (leaf->values[i].tag == VDBI_CELL_STRING) {
            strings++;
        } else if (listed) {
            tags |= bit(leaf->values[i].tag);
        }
    }
    if (leaf->kind == VDBI_LEAF_PREFIX)
        numbers = 0;
    if (!tags && !numbers && !strings)
        return VDB_OK; /* such as `lt` null: nothing can hold */
    b->ask_tags = (uint16_t)(bit(VDBI_CELL_ARRAY) | bit(VDBI_CELL_RECORD));
    b->only_elements = leaf->kind == VDBI_LEAF_CONTAINS;
    b->element_tags = (uint16_t)tags;
    b->cell_tags = b->only_elements ? 0 : (uint16_t)tags;
    if (numbers) {
        if (numbers == 1)
            bind_interval(b, listed ? VDBI_LEAF_EQUAL : leaf->kind,
                          &leaf->values[number_at]);
        else
            st = bind_number_lists(e->memory, b, numbers);
    }
    if (st || !strings)
        return st;
    st = vdbi_code_count(e->pager, e->image, b->field, leaf->path, leaf->path_length,
                         &b->code_count);
    if (st)
        return st;
    return listed ? bind_string_list(e, b) : bind_string_range(e, b);
}

vdb_status vdbi_leaf_bind(vdbi_evaluation *e, const vdbi_leaf *leaf, vdbi_bound *out)
{
    *out = (vdbi_bound){.leaf = leaf, .field = VDBI_FIELD_NONE};
    if (leaf->kind == VDBI_LEAF_ID)
        return bind_ids(e, out);
    vdb_status st =
        vdbi_field_find(e->pager, e->image, leaf->path, leaf->path_length, &out->field);
    if (st || out->field == VDBI_FIELD_NONE)
        return st;
    if (out->field == VDBI_FIELD_RECORDS) {
        out->document_leaf = e->document_leaves++;
        return VDB_OK;
    }
    if (leaf->kind != VDBI_LEAF_EXISTS)
        return bind_values(e, out);
    for (unsigned tag = VDBI_CELL_FALSE; tag <= VDBI_CELL_ARRAY; tag++)
        out->cell_tags |= (uint16_t)bit(tag);
    out->ask_tags = (uint16_t)bit(VDBI_CELL_RECORD);
    return VDB_OK;
}

void vdbi_bound_clear(vdbi_memory *memory, vdbi_bound *bound)
{
    vdbi_free(memory, bound->ints);
    vdbi_free(memory, bound->reals);
    vdbi_free(memory, bound->codes);
    vdbi_free(memory, bound->slots);
}
