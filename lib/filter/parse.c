/* parse.c: JSON text to a compiled filter.
 *
 * The tree is walked with a stack of open and, or and not; every refusal names its
 * place in the tree.  What a member may be is checked before anything is made of it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "filter/filter_priv.h"

enum {
    /* A level of the filter takes two of JSON at most.  Somewhat more, so that a tree
     * that is a bit too deep is told its place, and not the byte. */
    JSON_DEPTH_MAX = 4 * VDB_FILTER_DEPTH_MAX,
    PLACE_MAX = 320,
    PLACE_STEPS_SHOWN = 16,
    QUOTED_MAX = 40
};

/* The members of a filter, as bits; `op` itself is not among them. */
enum {
    MEMBER_FIELD = 1,
    MEMBER_VALUE = 2,
    MEMBER_VALUES = 4,
    MEMBER_IDS = 8,
    MEMBER_FILTERS = 16,
    MEMBER_FILTER = 32
};

static const char *const member_names[] = {"field", "value",   "values",
                                           "ids",   "filters", "filter"};
enum {
    MEMBER_COUNT = sizeof member_names / sizeof *member_names
};

typedef enum form {
    FORM_LEAF,
    FORM_NOT_LEAF, /* a leaf, and not its truth */
    FORM_AND,
    FORM_OR,
    FORM_NOT
} form;

typedef struct filter_op {
    const char *name;
    unsigned members;
    form form;
    uint8_t leaf;
} filter_op;

static const filter_op operators[] = {
    {"eq", MEMBER_FIELD | MEMBER_VALUE, FORM_LEAF, VDBI_LEAF_EQUAL},
    {"ne", MEMBER_FIELD | MEMBER_VALUE, FORM_NOT_LEAF, VDBI_LEAF_EQUAL},
    {"lt", MEMBER_FIELD | MEMBER_VALUE, FORM_LEAF, VDBI_LEAF_LESS},
    {"lte", MEMBER_FIELD | MEMBER_VALUE, FORM_LEAF, VDBI_LEAF_LESS_EQUAL},
    {"gt", MEMBER_FIELD | MEMBER_VALUE, FORM_LEAF, VDBI_LEAF_GREATER},
    {"gte", MEMBER_FIELD | MEMBER_VALUE, FORM_LEAF, VDBI_LEAF_GREATER_EQUAL},
    {"prefix", MEMBER_FIELD | MEMBER_VALUE, FORM_LEAF, VDBI_LEAF_PREFIX},
    {"contains", MEMBER_FIELD | MEMBER_VALUE, FORM_LEAF, VDBI_LEAF_CONTAINS},
    {"exists", MEMBER_FIELD, FORM_LEAF, VDBI_LEAF_EXISTS},
    {"in", MEMBER_FIELD | MEMBER_VALUES, FORM_LEAF, VDBI_LEAF_EQUAL},
    {"id_in", MEMBER_IDS, FORM_LEAF, VDBI_LEAF_ID},
    {"and", MEMBER_FILTERS, FORM_AND, 0},
    {"or", MEMBER_FILTERS, FORM_OR, 0},
    {"not", MEMBER_FILTER, FORM_NOT, 0},
};

/* An and, or or not whose operands are being compiled. */
typedef struct open_filter {
    form form;
    const json_t *operands; /* NULL: of a not */
    size_t current;         /* the operand being compiled */
    size_t enter;           /* the step that entered it, when it is not the first */
} open_filter;

typedef struct parser {
    vdb_filter *filter;
    open_filter open[VDB_FILTER_DEPTH_MAX];
    size_t open_count;
    size_t node_count;
    uint32_t stack, care; /* heights after the steps so far */
} parser;

/* ---------------------------------------------------------------- messages */

/* "filter.filters[2].filter"; of a long one the middle is left out. */
static void place_name(const parser *p, char *out)
{
    size_t n = (size_t)snprintf(out, PLACE_MAX, "filter");
    for (size_t i = 0; i < p->open_count; i++) {
        const open_filter *o = &p->open[i];
        if (p->open_count > PLACE_STEPS_SHOWN && i == PLACE_STEPS_SHOWN / 2) {
            n += (size_t)snprintf(out + n, PLACE_MAX - n, "...");
            i = p->open_count - PLACE_STEPS_SHOWN / 2 - 1;
        } else if (o->operands) {
            n += (size_t)snprintf(out + n, PLACE_MAX - n, ".filters[%zu]", o->current);
        } else {
            n += (size_t)snprintf(out + n, PLACE_MAX - n, ".filter");
        }
    }
}

/* Refuse, at the current filter followed by `member` (such as ".value"). */
static vdb_status refuse(const parser *p, const char *member, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static vdb_status refuse(const parser *p, const char *member, const char *format, ...)
{
    char place[PLACE_MAX], what[160];
    va_list args;
    place_name(p, place);
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return vdbi_fail(VDB_INVALID, "%s%s: %s", place, member, what);
}

/* A caller's text for a message: cut short at a character, without control characters.
 */
static const char *quoted(const char *text, size_t length, char out[QUOTED_MAX + 4])
{
    size_t n = length;
    if (n > QUOTED_MAX) {
        n = QUOTED_MAX;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
    strcpy(out + n, n < length ? "..." : "");
    return out;
}

/* ----------------------------------------------------------------- program */

static vdb_status emit(parser *p, uint32_t op, uint32_t operand)
{
    vdb_filter *f = p->filter;
    vdb_status st = vdbi_grow(f->memory, &f->steps, &f->step_capacity,
                              f->step_count + 1, sizeof *f->steps);
    if (st)
        return st;
    f->steps[f->step_count++] = (vdbi_step){op, operand};
    if (op == VDBI_STEP_LEAF || op == VDBI_STEP_TRUE || op == VDBI_STEP_FALSE)
        p->stack++;
    if (op == VDBI_STEP_ENTER_AND || op == VDBI_STEP_ENTER_OR)
        p->care++;
    if (op == VDBI_STEP_FOLD_AND || op == VDBI_STEP_FOLD_OR) {
        p->stack--;
        p->care--;
    }
    if (f->stack_max < p->stack)
        f->stack_max = p->stack;
    if (f->care_max < p->care)
        f->care_max = p->care;
    return VDB_OK;
}

/* ------------------------------------------------------------------ leaves */

static int is_scalar(const json_t *json)
{
    return !json_is_object(json) && !json_is_array(json);
}

static void copy_scalar(const json_t *json, vdbi_value *value, char **text)
{
    memset(value, 0, sizeof *value);
    if (json_is_null(json)) {
        value->tag = VDBI_CELL_NULL;
    } else if (json_is_false(json)) {
        value->tag = VDBI_CELL_FALSE;
    } else if (json_is_true(json)) {
        value->tag = VDBI_CELL_TRUE;
    } else if (json_is_integer(json)) {
        value->tag = VDBI_CELL_INT;
        value->integer = json_integer_value(json);
    } else if (json_is_real(json)) {
        value->tag = VDBI_CELL_REAL;
        value->real = json_real_value(json);
    } else {
        value->tag = VDBI_CELL_STRING;
        value->text = *text;
        value->text_length = json_string_length(json);
        memcpy(*text, json_string_value(json), value->text_length);
        *text += value->text_length;
    }
}

static int by_order(const void *a, const void *b)
{
    return vdbi_scalar_order(a, b);
}

static void sort_distinct(vdbi_leaf *leaf)
{
    if (leaf->value_count < 2)
        return;
    qsort(leaf->values, leaf->value_count, sizeof *leaf->values, by_order);
    size_t kept = 1;
    for (size_t i = 1; i < leaf->value_count; i++)
        if (vdbi_scalar_order(&leaf->values[kept - 1], &leaf->values[i]) != 0)
            leaf->values[kept++] = leaf->values[i];
    leaf->value_count = kept;
}

/* Make a leaf of what has been checked: a path or NULL, and `list` (an array), `one` or
 * nothing for values; and the step that asks it. */
static vdb_status add_leaf(parser *p, uint8_t kind, const json_t *path,
                           const json_t *list, const json_t *one)
{
    vdb_filter *f = p->filter;
    size_t count = one ? 1 : json_array_size(list); /* 0 of NULL */
    size_t text = path ? json_string_length(path) : 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = one ? one : json_array_get(list, i);
        text += json_is_string(value) ? json_string_length(value) : 0;
    }
    vdb_status st = vdbi_grow(f->memory, &f->leaves, &f->leaf_capacity,
                              f->leaf_count + 1, sizeof *f->leaves);
    size_t bytes;
    if (st)
        return st;
    if (__builtin_mul_overflow(count, sizeof(vdbi_value), &bytes) ||
        __builtin_add_overflow(bytes, text + 1, &bytes))
        return vdbi_fail(VDB_NOMEM, "filter: %zu values", count);
    vdbi_value *values = vdbi_alloc(f->memory, bytes);
    if (!values)
        return VDB_NOMEM;
    vdbi_leaf *leaf = &f->leaves[f->leaf_count];
    char *end = (char *)(values + count);
    *leaf = (vdbi_leaf){
        .kind = kind, .values = values, .value_count = count, .block = values};
    if (path) {
        leaf->path = end;
        leaf->path_length = json_string_length(path);
        memcpy(end, json_string_value(path), leaf->path_length);
        end += leaf->path_length;
    }
    for (size_t i = 0; i < count; i++)
        copy_scalar(one ? one : json_array_get(list, i), &values[i], &end);
    sort_distinct(leaf);
    return emit(p, VDBI_STEP_LEAF, (uint32_t)f->leaf_count++);
}

static vdb_status check_values(const parser *p, const json_t *values)
{
    char member[48];
    if (!json_is_array(values))
        return refuse(p, ".values", "must be an array");
    for (size_t i = 0; i < json_array_size(values); i++)
        if (!is_scalar(json_array_get(values, i))) {
            snprintf(member, sizeof member, ".values[%zu]", i);
            return refuse(p, member, "must be a string, a number, a boolean or null");
        }
    return VDB_OK;
}

static vdb_status check_ids(const parser *p, const json_t *ids)
{
    char member[48];
    if (!json_is_array(ids))
        return refuse(p, ".ids", "must be an array");
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *id = json_array_get(ids, i);
        snprintf(member, sizeof member, ".ids[%zu]", i);
        if (!json_is_string(id))
            return refuse(p, member, "must be a string");
        if (json_string_length(id) == 0 || json_string_length(id) > VDB_ID_MAX)
            return refuse(p, member, "an id has 1 to %d bytes, this has %zu",
                          VDB_ID_MAX, json_string_length(id));
    }
    return VDB_OK;
}

static vdb_status compile_leaf(parser *p, const filter_op *op, const json_t *json)
{
    const json_t *field = json_object_get(json, "field");
    const json_t *value = json_object_get(json, "value");
    const json_t *values = json_object_get(json, "values");
    const json_t *ids = json_object_get(json, "ids");
    vdb_status st = VDB_OK;
    if (field && !json_is_string(field))
        return refuse(p, ".field", "must be a string");
    if (value && !is_scalar(value))
        return refuse(p, ".value", "must be a string, a number, a boolean or null");
    if (values)
        st = check_values(p, values);
    if (!st && ids)
        st = check_ids(p, ids);
    if (!st)
        st = add_leaf(p, op->leaf, field, values ? values : ids, value);
    if (!st && op->form == FORM_NOT_LEAF)
        st = emit(p, VDBI_STEP_NOT, 0);
    return st;
}

/* -------------------------------------------------------------------- tree */

/* Find the operator of a filter, and check that its members are exactly those that
 * belong to it. */
static vdb_status read_operator(const parser *p, json_t *json, const filter_op **out)
{
    char text[QUOTED_MAX + 4];
    const filter_op *op = NULL;
    unsigned seen = 0;
    if (!json_is_object(json))
        return refuse(p, "", "must be an object");
    const json_t *name = json_object_get(json, "op");
    if (!name)
        return refuse(p, "", "the member \"op\" is missing");
    if (!json_is_string(name))
        return refuse(p, ".op", "must be a string");
    for (size_t i = 0; i < sizeof operators / sizeof *operators && !op; i++)
        if (strcmp(operators[i].name, json_string_value(name)) == 0)
            op = &operators[i];
    if (!op)
        return refuse(p, ".op", "unknown op \"%s\"",
                      quoted(json_string_value(name), json_string_length(name), text));
    for (void *i = json_object_iter(json); i; i = json_object_iter_next(json, i)) {
        const char *key = json_object_iter_key(i);
        unsigned bit = 0;
        for (unsigned m = 0; m < MEMBER_COUNT; m++)
            if (strcmp(member_names[m], key) == 0)
                bit = 1u << m;
        seen |= bit;
        if (strcmp(key, "op") != 0 && !(op->members & bit))
            return refuse(p, "", "op \"%s\" has no member \"%s\"", op->name,
                          quoted(key, strlen(key), text));
    }
    for (unsigned m = 0; m < MEMBER_COUNT; m++)
        if (op->members & ~seen & 1u << m)
            return refuse(p, "", "op \"%s\" needs the member \"%s\"", op->name,
                          member_names[m]);
    *out = op;
    return VDB_OK;
}

/* Open an and, or or not: *next is its first operand, NULL when it has none. */
static vdb_status open_combination(parser *p, const filter_op *op, const json_t *json,
                                   json_t **next)
{
    const json_t *operands = json_object_get(json, "filters");
    *next = json_object_get(json, "filter");
    if (op->form != FORM_NOT) {
        if (!json_is_array(operands))
            return refuse(p, ".filters", "must be an array");
        if (json_array_size(operands) == 0)
            return emit(p, op->form == FORM_AND ? VDBI_STEP_TRUE : VDBI_STEP_FALSE, 0);
        *next = json_array_get(operands, 0);
    }
    /* Open filters never outnumber the levels: the deepest level is checked first. */
    p->open[p->open_count++] = (open_filter){.form = op->form, .operands = operands};
    return VDB_OK;
}

/* An operand is done: close what that completes.  *next is the operand to go on with,
 * NULL when the whole filter is done. */
static vdb_status close_operand(parser *p, json_t **next)
{
    vdb_status st = VDB_OK;
    *next = NULL;
    while (!st && p->open_count && !*next) {
        open_filter *o = &p->open[p->open_count - 1];
        int is_and = o->form == FORM_AND;
        if (o->form == FORM_NOT) {
            p->open_count--;
            st = emit(p, VDBI_STEP_NOT, 0);
            continue;
        }
        if (o->current > 0) {
            st = emit(p, is_and ? VDBI_STEP_FOLD_AND : VDBI_STEP_FOLD_OR, 0);
            p->filter->steps[o->enter].operand = (uint32_t)p->filter->step_count;
        }
        if (!st && ++o->current < json_array_size(o->operands)) {
            *next = json_array_get(o->operands, o->current);
            o->enter = p->filter->step_count;
            st = emit(p, is_and ? VDBI_STEP_ENTER_AND : VDBI_STEP_ENTER_OR, 0);
        } else {
            p->open_count--;
        }
    }
    return st;
}

static vdb_status compile(parser *p, json_t *json)
{
    while (json) {
        const filter_op *op = NULL;
        json_t *next = NULL;
        if (p->open_count >= VDB_FILTER_DEPTH_MAX)
            return refuse(p, "", "deeper than %d levels", VDB_FILTER_DEPTH_MAX);
        if (++p->node_count > VDB_FILTER_NODES_MAX)
            return refuse(p, "", "more than %d filters in all", VDB_FILTER_NODES_MAX);
        vdb_status st = read_operator(p, json, &op);
        if (!st) {
            if (op->form == FORM_LEAF || op->form == FORM_NOT_LEAF)
                st = compile_leaf(p, op, json);
            else
                st = open_combination(p, op, json, &next);
        }
        if (!st && !next)
            st = close_operand(p, &next);
        if (st)
            return st;
        json = next;
    }
    return VDB_OK;
}

vdb_status vdbi_filter_parse(vdbi_memory *memory, const char *json, size_t length,
                             vdb_filter **out)
{
    json_t *root = NULL;
    parser p = {0};
    *out = NULL;
    vdb_status st = vdbi_json_parse(json, length, JSON_DEPTH_MAX, "filter", &root);
    if (st)
        return st;
    p.filter = vdbi_calloc(memory, 1, sizeof *p.filter);
    if (p.filter) {
        p.filter->memory = memory;
        st = compile(&p, root);
    } else {
        st = VDB_NOMEM;
    }
    json_decref(root);
    if (st)
        vdbi_filter_free(p.filter);
    else
        *out = p.filter;
    return st;
}

void vdbi_filter_free(vdb_filter *filter)
{
    if (!filter)
        return;
    for (size_t i = 0; i < filter->leaf_count; i++)
        vdbi_free(filter->memory, filter->leaves[i].block);
    vdbi_free(filter->memory, filter->leaves);
    vdbi_free(filter->memory, filter->steps);
    vdbi_free(filter->memory, filter);
}
