/* oracle.c: the simplest vector database: arrays, and plain reading of mission.md. */
#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (!p)
        abort(); /* a test without memory proves nothing */
    return p;
}

static char *copy_text(const char *text)
{
    return text ? must(strdup(text)) : NULL;
}

void oracle_init(oracle *o, size_t dim, vdb_metric metric)
{
    memset(o, 0, sizeof *o);
    o->dim = dim;
    o->metric = metric;
}

static void clear_entry(oracle_entry *e)
{
    free(e->id);
    free(e->vector);
    free(e->metadata);
    json_decref(e->document);
}

void oracle_clear(oracle *o)
{
    for (size_t i = 0; i < o->count; i++)
        clear_entry(&o->entries[i]);
    free(o->entries);
    o->entries = NULL;
    o->count = 0;
}

void oracle_copy(oracle *to, const oracle *from)
{
    oracle_init(to, from->dim, from->metric);
    for (size_t i = 0; i < from->count; i++)
        oracle_put(to, from->entries[i].id, from->entries[i].vector,
                   from->entries[i].metadata);
}

/* The first entry whose id is not below. */
static size_t place_of(const oracle *o, const char *id)
{
    size_t i = 0;
    while (i < o->count && strcmp(o->entries[i].id, id) < 0)
        i++;
    return i;
}

const oracle_entry *oracle_find(const oracle *o, const char *id)
{
    size_t i = place_of(o, id);
    return i < o->count && !strcmp(o->entries[i].id, id) ? &o->entries[i] : NULL;
}

void oracle_put(oracle *o, const char *id, const float *vector, const char *metadata)
{
    size_t i;
    oracle_entry *e;
    char *id_copy = copy_text(id); /* before the entry it may stand in goes */
    oracle_remove(o, id);
    i = place_of(o, id_copy);
    o->entries = must(realloc(o->entries, (o->count + 1) * sizeof *o->entries));
    e = &o->entries[i];
    memmove(e + 1, e, (o->count - i) * sizeof *e);
    o->count++;
    e->id = id_copy;
    e->vector = must(malloc(o->dim * sizeof(float)));
    memcpy(e->vector, vector, o->dim * sizeof(float));
    e->metadata = copy_text(metadata);
    e->document = metadata ? must(json_loads(metadata, 0, NULL)) : NULL;
}

void oracle_set_metadata(oracle *o, const char *id, const char *metadata)
{
    oracle_entry *e = &o->entries[place_of(o, id)];
    free(e->metadata);
    json_decref(e->document);
    e->metadata = copy_text(metadata);
    e->document = metadata ? must(json_loads(metadata, 0, NULL)) : NULL;
}

void oracle_remove(oracle *o, const char *id)
{
    size_t i = place_of(o, id);
    if (i >= o->count || strcmp(o->entries[i].id, id))
        return;
    clear_entry(&o->entries[i]);
    o->count--;
    memmove(&o->entries[i], &o->entries[i + 1], (o->count - i) * sizeof *o->entries);
}

/* ---------------------------------------------------------------- filters */

/* The value under a path: the longest first key counts that leads anywhere. */
static const json_t *look_up(const json_t *object, const char *path)
{
    size_t length = strlen(path);
    if (!json_is_object(object))
        return NULL;
    for (size_t n = length + 1; n-- > 0;) {
        char *key;
        const json_t *value;
        if (n != length && path[n] != '.')
            continue;
        key = must(strndup(path, n));
        value = json_object_get(object, key);
        free(key);
        if (value && n < length)
            value = look_up(value, path + n + 1);
        if (value)
            return value;
    }
    return NULL;
}

static long double number_of(const json_t *v)
{
    return json_is_integer(v) ? (long double)json_integer_value(v)
                              : (long double)json_real_value(v);
}

/* Two scalars: *order is < 0, 0, > 0; 0 returned when they cannot be compared. */
static int compare(const json_t *a, const json_t *b, int *order)
{
    if (json_is_number(a) && json_is_number(b)) {
        long double x = number_of(a), y = number_of(b);
        *order = x < y ? -1 : x > y;
        return 1;
    }
    if (json_is_string(a) && json_is_string(b)) {
        *order = strcmp(json_string_value(a), json_string_value(b));
        return 1;
    }
    return 0;
}

static int equals(const json_t *stored, const json_t *wanted)
{
    int order;
    if (json_is_boolean(stored) || json_is_null(stored))
        return json_typeof(stored) == json_typeof(wanted);
    return compare(stored, wanted, &order) && order == 0;
}

static int scalar_holds(const char *op, const json_t *stored, const json_t *wanted)
{
    int order;
    if (!strcmp(op, "eq"))
        return equals(stored, wanted);
    if (!strcmp(op, "prefix"))
        return json_is_string(stored) && json_is_string(wanted) &&
               !strncmp(json_string_value(stored), json_string_value(wanted),
                        strlen(json_string_value(wanted)));
    if (!compare(stored, wanted, &order))
        return 0;
    if (!strcmp(op, "lt"))
        return order < 0;
    if (!strcmp(op, "lte"))
        return order <= 0;
    if (!strcmp(op, "gt"))
        return order > 0;
    return order >= 0;
}

/* The value itself, or one of its elements when it is an array. */
static int holds(const char *op, const json_t *stored, const json_t *wanted)
{
    if (!stored)
        return 0;
    if (!json_is_array(stored))
        return scalar_holds(op, stored, wanted);
    for (size_t i = 0; i < json_array_size(stored); i++)
        if (scalar_holds(op, json_array_get(stored, i), wanted))
            return 1;
    return 0;
}

static int any_of(const json_t *filter, const oracle_entry *entry, const json_t *stored)
{
    const json_t *ids = json_object_get(filter, "ids");
    const json_t *values = json_object_get(filter, "values");
    for (size_t i = 0; i < json_array_size(ids); i++)
        if (!strcmp(json_string_value(json_array_get(ids, i)), entry->id))
            return 1;
    for (size_t i = 0; i < json_array_size(values); i++)
        if (holds("eq", stored, json_array_get(values, i)))
            return 1;
    return 0;
}

int oracle_passes(const json_t *filter, const oracle_entry *entry)
{
    const char *op;
    const json_t *stored = NULL, *wanted, *parts;
    if (!filter)
        return 1;
    op = json_string_value(json_object_get(filter, "op"));
    wanted = json_object_get(filter, "value");
    parts = json_object_get(filter, "filters");
    if (json_object_get(filter, "field") && entry->document)
        stored = look_up(entry->document,
                         json_string_value(json_object_get(filter, "field")));
    if (!strcmp(op, "not"))
        return !oracle_passes(json_object_get(filter, "filter"), entry);
    if (!strcmp(op, "and") || !strcmp(op, "or")) {
        int want = op[0] == 'o';
        for (size_t i = 0; i < json_array_size(parts); i++)
            if (oracle_passes(json_array_get(parts, i), entry) == want)
                return want;
        return !want;
    }
    if (!strcmp(op, "in") || !strcmp(op, "id_in"))
        return any_of(filter, entry, stored);
    if (!strcmp(op, "exists"))
        return stored && !json_is_null(stored);
    if (!strcmp(op, "ne"))
        return !holds("eq", stored, wanted);
    if (!strcmp(op, "contains"))
        return json_is_array(stored) && holds("eq", stored, wanted);
    return holds(op, stored, wanted);
}

/* -------------------------------------------------------------- distances */

double oracle_distance(const oracle *o, const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0, square = 0, distance;
    for (size_t i = 0; i < o->dim; i++) {
        double x = (double)a[i], y = (double)b[i];
        dot += x * y;
        aa += x * x;
        bb += y * y;
        square += (x - y) * (x - y);
    }
    if (o->metric == VDB_L2)
        return sqrt(square);
    if (o->metric == VDB_DOT)
        return -dot;
    distance = 1 - dot / (sqrt(aa) * sqrt(bb));
    return distance < 0 ? 0 : distance > 2 ? 2 : distance;
}

double oracle_tolerance(const oracle *o, const float *a, const float *b)
{
    double aa = 0, bb = 0;
    if (o->metric == VDB_COSINE)
        return 4e-6;
    for (size_t i = 0; i < o->dim; i++) {
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    if (o->metric == VDB_L2)
        return 4e-6 * oracle_distance(o, a, b) + 1e-30;
    return 4e-6 * sqrt(aa) * sqrt(bb) + 1e-30;
}
