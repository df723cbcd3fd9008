/* flatten.c: metadata as a sorted list of paths and values.
 *
 * One walk over the parsed object with a stack of its own, one sort, one block of
 * memory for the result.  The walk takes the keys of an object from the longest to the
 * shortest. Two ways to one path part at an object, at keys of different lengths; so of
 * all the ways to a path the walk meets the one that counts first, and the order of
 * meeting is all that the sort needs to settle a collision.
 *
 * An object of 1 MiB can have paths of many gigabytes (one long key above many short
 * ones), so their sum is bounded.
 */
#include "store/flatten.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "store/column.h"

enum {
    PATHS_MAX = 64 << 20 /* bytes of all paths of one object together */
};

#define NO_PARENT SIZE_MAX

/* A member that the walk has yet to visit. */
typedef struct pending {
    const char *key;
    size_t key_length;
    json_t *value;
    size_t parent; /* the index in `found` of the object it is in, or NO_PARENT */
} pending;

typedef struct found {
    const char *path; /* set when the walk is over and the paths move no more */
    size_t path_at;
    size_t path_length;
    size_t order;
    json_t *value;
} found;

typedef struct walk {
    vdbi_memory *memory;
    pending *pending;
    size_t pending_count, pending_capacity;
    found *found;
    size_t found_count, found_capacity;
    char *paths;
    size_t paths_length, paths_capacity;
} walk;

static void walk_clear(walk *w)
{
    vdbi_free(w->memory, w->pending);
    vdbi_free(w->memory, w->found);
    vdbi_free(w->memory, w->paths);
}

static int shorter_key_first(const void *a, const void *b)
{
    size_t x = ((const pending *)a)->key_length;
    size_t y = ((const pending *)b)->key_length;
    return (x > y) - (x < y);
}

static int compare_bytes(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t n = a_length < b_length ? a_length : b_length;
    int order = n ? memcmp(a, b, n) : 0;
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int by_path_then_order(const void *a, const void *b)
{
    const found *x = a, *y = b;
    int order = compare_bytes(x->path, x->path_length, y->path, y->path_length);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Put the members of `object` on the stack, the longest key on top. */
static vdb_status push_members(walk *w, json_t *object, size_t parent)
{
    size_t count = json_object_size(object), first = w->pending_count;
    int dotted = 0;
    vdb_status st = vdbi_grow(w->memory, &w->pending, &w->pending_capacity,
                              first + count, sizeof *w->pending);
    if (st)
        return st;
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        pending *p = &w->pending[w->pending_count++];
        p->key = json_object_iter_key(i);
        p->key_length = json_object_iter_key_len(i);
        p->value = json_object_iter_value(i);
        p->parent = parent;
        dotted |= memchr(p->key, '.', p->key_length) != NULL;
    }
    /* Where no key has a dot, no two paths that part here can meet again. */
    if (dotted)
        qsort(w->pending + first, count, sizeof *w->pending, shorter_key_first);
    return VDB_OK;
}

/* Write the path of `p` behind the others and note the field. */
static vdb_status visit(walk *w, const pending *p)
{
    const found *parent = p->parent == NO_PARENT ? NULL : &w->found[p->parent];
    size_t parent_at = parent ? parent->path_at : 0;
    size_t parent_length = parent ? parent->path_length : 0;
    size_t length = p->key_length + (parent ? parent_length + 1 : 0);
    if (length > PATHS_MAX - w->paths_length)
        return vdbi_fail(
            VDB_INVALID,
            "metadata: the paths of its fields (keys joined with dots) take "
            "more than %d bytes together",
            PATHS_MAX);
    vdb_status st = vdbi_grow(w->memory, &w->paths, &w->paths_capacity,
                              w->paths_length + length + 1, 1);
    if (!st)
        st = vdbi_grow(w->memory, &w->found, &w->found_capacity, w->found_count + 1,
                       sizeof *w->found);
    if (st)
        return st;
    found *f = &w->found[w->found_count];
    f->path = NULL;
    f->path_at = w->paths_length;
    f->path_length = length;
    f->order = w->found_count++;
    f->value = p->value;
    if (parent) {
        memcpy(w->paths + w->paths_length, w->paths + parent_at, parent_length);
        w->paths_length += parent_length;
        w->paths[w->paths_length++] = '.';
    }
    if (p->key_length)
        memcpy(w->paths + w->paths_length, p->key, p->key_length);
    w->paths_length += p->key_length;
    return VDB_OK;
}

/* Visit every member at every depth; then sort, and keep the first of each path. */
static vdb_status walk_object(walk *w, json_t *root)
{
    vdb_status st = push_members(w, root, NO_PARENT);
    while (!st && w->pending_count) {
        pending p = w->pending[--w->pending_count];
        st = visit(w, &p);
        if (!st && json_is_object(p.value))
            st = push_members(w, p.value, w->found_count - 1);
    }
    if (st || w->found_count == 0)
        return st;
    for (size_t i = 0; i < w->found_count; i++)
        w->found[i].path = w->paths + w->found[i].path_at;
    qsort(w->found, w->found_count, sizeof *w->found, by_path_then_order);
    size_t kept = 1;
    for (size_t i = 1; i < w->found_count; i++) {
        const found *last = &w->found[kept - 1], *f = &w->found[i];
        if (compare_bytes(last->path, last->path_length, f->path, f->path_length) != 0)
            w->found[kept++] = *f;
    }
    w->found_count = kept;
    return VDB_OK;
}

static int is_scalar(const json_t *value)
{
    return !json_is_object(value) && !json_is_array(value);
}

/* How much the copy of a value needs beyond its field. */
static void measure(json_t *value, size_t *elements, size_t *text)
{
    if (json_is_string(value))
        *text += json_string_length(value);
    if (!json_is_array(value))
        return;
    for (size_t i = 0; i < json_array_size(value); i++) {
        json_t *element = json_array_get(value, i);
        *elements += (size_t)is_scalar(element);
        if (json_is_string(element))
            *text += json_string_length(element);
    }
}

/* Copy a value, but for an array's elements. */
static void copy_plain(json_t *json, vdbi_value *value, char **text)
{
    memset(value, 0, sizeof *value);
    switch (json_typeof(json)) {
    case JSON_NULL:
        value->tag = VDBI_CELL_NULL;
        break;
    case JSON_FALSE:
        value->tag = VDBI_CELL_FALSE;
        break;
    case JSON_TRUE:
        value->tag = VDBI_CELL_TRUE;
        break;
    case JSON_INTEGER:
        value->tag = VDBI_CELL_INT;
        value->integer = json_integer_value(json);
        break;
    case JSON_REAL:
        value->tag = VDBI_CELL_REAL;
        value->real = json_real_value(json);
        break;
    case JSON_STRING:
        value->tag = VDBI_CELL_STRING;
        value->text = *text;
        value->text_length = json_string_length(json);
        memcpy(*text, json_string_value(json), value->text_length);
        *text += value->text_length;
        break;
    case JSON_OBJECT:
        value->tag = VDBI_CELL_OBJECT;
        break;
    case JSON_ARRAY:
        value->tag = VDBI_CELL_ARRAY;
        break;
    }
}

/* The block: the vdbi_flat, the fields, the arrays' elements, the text. */
static vdb_status build(const walk *w, vdbi_flat **out)
{
    /* No sum can overflow: the text is at most 1 MiB, the paths are 64, and counts are
     * below the length of the text. */
    size_t elements = 0, text = 0;
    for (size_t i = 0; i < w->found_count; i++) {
        measure(w->found[i].value, &elements, &text);
        text += w->found[i].path_length;
    }
    vdbi_flat *flat =
        vdbi_alloc(w->memory, sizeof *flat + w->found_count * sizeof(vdbi_flat_field) +
                                  elements * sizeof(vdbi_value) + text + 1);
    if (!flat)
        return VDB_NOMEM;
    vdbi_flat_field *fields = (vdbi_flat_field *)(flat + 1);
    vdbi_value *element = (vdbi_value *)(fields + w->found_count);
    char *end = (char *)(element + elements);
    flat->fields = fields;
    flat->count = w->found_count;
    for (size_t i = 0; i < w->found_count; i++) {
        const found *f = &w->found[i];
        fields[i].path = end;
        fields[i].path_length = f->path_length;
        if (f->path_length)
            memcpy(end, f->path, f->path_length);
        end += f->path_length;
        copy_plain(f->value, &fields[i].value, &end);
        if (!json_is_array(f->value))
            continue;
        fields[i].value.elements = element;
        for (size_t j = 0; j < json_array_size(f->value); j++) {
            json_t *json = json_array_get(f->value, j);
            if (is_scalar(json))
                copy_plain(json, element++, &end);
        }
        fields[i].value.element_count = (size_t)(element - fields[i].value.elements);
    }
    *out = flat;
    return VDB_OK;
}

vdb_status vdbi_flatten(vdbi_memory *memory, const char *json, size_t length,
                        vdbi_flat **out)
{
    walk w = {.memory = memory};
    json_t *root = NULL;
    *out = NULL;
    if (length > VDB_METADATA_MAX)
        return vdbi_fail(VDB_INVALID, "metadata: %zu bytes, at most %d are allowed",
                         length, VDB_METADATA_MAX);
    vdb_status st =
        vdbi_json_parse(json, length, VDB_METADATA_DEPTH_MAX, "metadata", &root);
    if (st)
        return st;
    if (json_is_object(root))
        st = walk_object(&w, root);
    else
        st = vdbi_fail(VDB_INVALID, "metadata: not a JSON object");
    if (!st)
        st = build(&w, out);
    walk_clear(&w);
    json_decref(root);
    return st;
}

const vdbi_value *vdbi_flat_find(const vdbi_flat *flat, const char *path, size_t length)
{
    size_t low = 0, high = flat->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const vdbi_flat_field *f = &flat->fields[middle];
        int order = compare_bytes(f->path, f->path_length, path, length);
        if (order == 0)
            return &f->value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void vdbi_flat_free(vdbi_memory *memory, vdbi_flat *flat)
{
    vdbi_free(memory, flat);
}
