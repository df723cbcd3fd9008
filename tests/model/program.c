/* program.c: random programs, and how they are shown. */
#include "program.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct dice {
    uint64_t state;
} dice;

static uint64_t roll64(dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint32_t roll(dice *d, uint32_t below)
{
    return (uint32_t)((roll64(d) >> 32) * below >> 32);
}

static int chance(dice *d, uint32_t percent)
{
    return roll(d, 100) < percent;
}

#define PICK(d, array) (array)[roll((d), (uint32_t)(sizeof(array) / sizeof *(array)))]

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

/* Few ids, so that they meet; a long common beginning, and bytes above ASCII. */
static void draw_id(dice *d, char *out, size_t size)
{
    static const char *const heads[] = {"", "a", "ab", "abcdefgh-", "\xc3\xa9"};
    snprintf(out, size, "%s%u", PICK(d, heads), roll(d, 9));
}

static void draw_vector(dice *d, const program *p, float *v)
{
    int any = 0;
    for (uint32_t i = 0; i < p->dim; i++) {
        v[i] = p->grid ? (float)((int)roll(d, 5) - 2)
                       : (float)roll(d, 1u << 24) / (float)(1u << 23) - 1.0f;
        any |= v[i] != 0;
    }
    if (!any)
        v[0] = 1; /* zero vectors under cosine are OP_BAD's */
}

static const char *const words[] = {
    "",    "a",    "ab",
    "abc", "b",    "\xc3\xa9",
    "1",   "true", "a longer string, of many words and a half"};
static const char *const keys[] = {"a", "b", "c", "a.b", "b.c", "a.b.c", ""};
static const char *const fields[] = {"a",     "b",   "c",     "a.b",   "b.c",
                                     "a.b.c", "a.a", "a.c",   "c.b.c", "a.b.b",
                                     "zz",    "",    "a.b.a", "a."};

static json_t *draw_scalar(dice *d)
{
    static const json_int_t integers[] = {0,  1,         2,         3,
                                          -1, INT64_MAX, INT64_MIN, 9007199254740993};
    static const double reals[] = {
        0.0,   -0.0,  1.0, 1.5, 2.0, -1.0, 9007199254740992.0, 9223372036854775808.0,
        1e300, 5e-324};
    switch (roll(d, 7)) {
    case 0:
        return json_null();
    case 1:
        return json_boolean((int)roll(d, 2));
    case 2:
    case 3:
        return json_integer(PICK(d, integers));
    case 4:
        return json_real(PICK(d, reals));
    default:
        return json_string(PICK(d, words));
    }
}

static json_t *draw_value(dice *d, int depth)
{
    json_t *value;
    uint32_t n = roll(d, 4);
    if (depth == 0 || chance(d, 55))
        return draw_scalar(d);
    if (chance(d, 45)) {
        value = json_array();
        while (n--)
            json_array_append_new(value, draw_value(d, depth - 1));
        return value;
    }
    value = json_object();
    while (n--)
        json_object_set_new(value, PICK(d, keys), draw_value(d, depth - 1));
    return value;
}

static char *dump(dice *d, json_t *value)
{
    static const size_t styles[] = {JSON_COMPACT, JSON_INDENT(2), JSON_ENSURE_ASCII, 0};
    char *text = must(json_dumps(value, PICK(d, styles)));
    json_decref(value);
    return text;
}

static char *draw_metadata(dice *d)
{
    json_t *object;
    uint32_t n = roll(d, 5);
    if (chance(d, 20))
        return NULL;
    object = json_object();
    while (n--)
        json_object_set_new(object, PICK(d, keys), draw_value(d, 3));
    if (chance(d, 3)) /* a key that few have */
        json_object_set_new(object, PICK(d, words), draw_scalar(d));
    return dump(d, object);
}

static json_t *draw_filter(dice *d, int depth)
{
    static const char *const ops[] = {"eq",  "eq", "ne",  "lt",
                                      "lte", "gt", "gte", "contains"};
    json_t *list = json_array();
    char id[24];
    uint32_t n = roll(d, 4), choice = roll(d, depth ? 16 : 11);
    if (choice < 7) {
        json_decref(list);
        return json_pack("{s:s, s:s, s:o}", "op", PICK(d, ops), "field",
                         PICK(d, fields), "value", draw_scalar(d));
    }
    if (choice == 7) {
        json_decref(list);
        return json_pack("{s:s, s:s}", "op", "exists", "field", PICK(d, fields));
    }
    if (choice == 8) {
        json_decref(list);
        return json_pack("{s:s, s:s, s:s}", "op", "prefix", "field", PICK(d, fields),
                         "value", PICK(d, words));
    }
    if (choice == 9) {
        while (n--)
            json_array_append_new(list, draw_scalar(d));
        return json_pack("{s:s, s:s, s:o}", "op", "in", "field", PICK(d, fields),
                         "values", list);
    }
    if (choice == 10) {
        for (n *= 3; n; n--) {
            draw_id(d, id, sizeof id);
            json_array_append_new(list, json_string(id));
        }
        return json_pack("{s:s, s:o}", "op", "id_in", "ids", list);
    }
    if (choice < 13) {
        json_decref(list);
        return json_pack("{s:s, s:o}", "op", "not", "filter",
                         draw_filter(d, depth - 1));
    }
    while (n--)
        json_array_append_new(list, draw_filter(d, depth - 1));
    return json_pack("{s:s, s:o}", "op", choice == 13 ? "and" : "or", "filters", list);
}

static char *draw_filter_text(dice *d)
{
    return dump(d, must(draw_filter(d, 3)));
}

static void draw_items(dice *d, const program *p, program_op *op, size_t count)
{
    op->items = must(calloc(count ? count : 1, sizeof *op->items));
    op->item_count = count;
    for (size_t i = 0; i < count; i++) {
        program_item *item = &op->items[i];
        draw_id(d, item->id, sizeof item->id);
        draw_vector(d, p, item->vector);
        item->metadata = draw_metadata(d);
        item->remove = op->kind == OP_BATCH && chance(d, 25);
        item->as_row = op->kind == OP_BATCH && chance(d, 30);
    }
}

static op_kind draw_kind(dice *d)
{
    static const struct {
        op_kind kind;
        uint32_t weight;
    } weights[] = {
        {OP_INSERT, 14},      {OP_INSERT_NEW, 6},    {OP_PUT, 6},
        {OP_SET_METADATA, 5}, {OP_DELETE, 9},        {OP_DELETE_WHERE, 3},
        {OP_BATCH, 7},        {OP_BAD, 3},           {OP_GET, 6},
        {OP_COUNT, 5},        {OP_WALK, 5},          {OP_SEARCH, 13},
        {OP_SNAPSHOT, 4},     {OP_SNAPSHOT_FREE, 3}, {OP_CURSOR_OPEN, 2},
        {OP_CURSOR_STEP, 4},  {OP_CHECKPOINT, 3},    {OP_REOPEN, 3},
        {OP_KILL, 3},         {OP_CHECK, 3},         {OP_BACKUP, 2},
        {OP_COMPACT, 3},
    };
    uint32_t total = 0, at;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        total += weights[i].weight;
    at = roll(d, total);
    for (size_t i = 0;; i++) {
        if (at < weights[i].weight)
            return weights[i].kind;
        at -= weights[i].weight;
    }
}

static void draw_op(dice *d, const program *p, program_op *op)
{
    static const char *const prefixes[] = {"", "", "a", "ab", "abcd", "\xc3\xa9", "7"};
    static const size_t ks[] = {1, 2, 3, 5, 10, 100};
    size_t items = 1;
    op->kind = draw_kind(d);
    if (op->kind == OP_PUT || op->kind == OP_BATCH)
        items = roll(d, chance(d, 10) ? 60 : 6);
    draw_items(d, p, op, items);
    if (op->kind == OP_DELETE_WHERE || chance(d, 50))
        op->filter = draw_filter_text(d);
    snprintf(op->prefix, sizeof op->prefix, "%s", PICK(d, prefixes));
    if (chance(d, 30))
        draw_id(d, op->after, sizeof op->after);
    op->slot =
        (int)roll(d, 2 + (op->kind != OP_CURSOR_OPEN && op->kind != OP_CURSOR_STEP));
    op->snapshot = chance(d, 30) ? (int)roll(d, PROGRAM_SNAPSHOTS) : -1;
    op->flags = (uint32_t)roll64(d);
    op->k = PICK(d, ks);
    op->queries = 1 + roll(d, 3);
    op->odd_dim = 1 + roll(d, PROGRAM_DIM_MAX);
    for (int i = 0; i < 3; i++) {
        draw_vector(d, p, op->query[i]);
        if (op->query[i][0] == 0)
            op->query[i][0] = 1; /* no beginning of it is zero either: odd_dim */
    }
    op->max_distance = (float)roll(d, 1000) / 100.0f - 3.0f;
    op->steps = 1 + roll(d, 20);
}

void program_generate(program *p, uint64_t seed, size_t ops)
{
    static const vdb_durability durabilities[] = {VDB_FULL_SYNC, VDB_NORMAL, VDB_NORMAL,
                                                  VDB_OFF};
    dice d = {seed * 0x2545f4914f6cdd1du + 1};
    memset(p, 0, sizeof *p);
    p->seed = seed;
    p->dim = 1 + roll(&d, chance(&d, 50) ? 4 : PROGRAM_DIM_MAX);
    p->dim_at_creation = chance(&d, 50);
    p->grid = chance(&d, 60);
    p->in_memory = chance(&d, 8);
    p->metric = (vdb_metric)(1 + roll(&d, 3));
    p->index = chance(&d, 50) ? VDB_FLAT : VDB_HNSW;
    p->durability = PICK(&d, durabilities);
    p->threads = 1 + (uint32_t)chance(&d, 40);
    p->checkpoint_entries = 1 + roll(&d, chance(&d, 70) ? 12 : 200);
    p->flags = chance(&d, 30) ? VDB_OPEN_NO_MMAP : 0;
    p->count = ops;
    p->ops = must(calloc(ops ? ops : 1, sizeof *p->ops));
    for (size_t i = 0; i < ops; i++)
        draw_op(&d, p, &p->ops[i]);
}

void program_free(program *p)
{
    for (size_t i = 0; i < p->count; i++) {
        for (size_t j = 0; j < p->ops[i].item_count; j++)
            free(p->ops[i].items[j].metadata);
        free(p->ops[i].items);
        free(p->ops[i].filter);
    }
    free(p->ops);
}

/* ------------------------------------------------------------------- shown */

static const char *const kind_names[] = {
    "insert",       "insert_new", "put",      "set_metadata",  "delete",
    "delete_where", "batch",      "bad",      "get",           "count",
    "walk",         "search",     "snapshot", "snapshot_free", "cursor_open",
    "cursor_step",  "checkpoint", "reopen",   "kill",          "check",
    "backup",       "compact"};

static void print_vector(const program *p, const float *v, FILE *out)
{
    fputc('[', out);
    for (uint32_t i = 0; i < p->dim; i++)
        fprintf(out, "%s%.9g", i ? "," : "", (double)v[i]);
    fputc(']', out);
}

static void print_item(const program *p, const program_op *op, const program_item *item,
                       FILE *out)
{
    int needs_vector = op->kind != OP_SET_METADATA && !item->remove;
    fprintf(out, "%s%s\"%s\"", item->remove ? "-" : "", item->as_row ? "row " : "",
            item->id);
    if (op->kind == OP_GET || op->kind == OP_DELETE || item->remove)
        return;
    if (needs_vector) {
        fputc(' ', out);
        print_vector(p, item->vector, out);
    }
    if (item->metadata) {
        json_t *document = json_loads(item->metadata, 0, NULL);
        char *text = json_dumps(document, JSON_COMPACT);
        fprintf(out, " %s", text);
        free(text);
        json_decref(document);
    }
}

static void print_op(const program *p, const program_op *op, FILE *out)
{
    fprintf(out, "%s", kind_names[op->kind]);
    if (op->kind == OP_SNAPSHOT || op->kind == OP_SNAPSHOT_FREE ||
        op->kind == OP_CURSOR_OPEN || op->kind == OP_CURSOR_STEP)
        fprintf(out, " #%d", op->slot);
    if (op->kind <= OP_GET && op->kind != OP_DELETE_WHERE)
        for (size_t i = 0; i < op->item_count; i++) {
            fputs(op->item_count > 1 ? "\n        " : " ", out);
            print_item(p, op, &op->items[i], out);
        }
    if (op->kind == OP_SEARCH) {
        fprintf(out, " k=%zu", op->k);
        for (size_t i = 0; i < op->queries; i++) {
            fputc(' ', out);
            print_vector(p, op->query[i], out);
        }
    }
    if (op->kind == OP_WALK || op->kind == OP_CURSOR_OPEN)
        fprintf(out, " prefix=\"%s\" after=\"%s\"", op->prefix, op->after);
    if (op->kind == OP_CURSOR_STEP)
        fprintf(out, " steps=%zu", op->steps);
    if (op->filter &&
        (op->kind == OP_DELETE_WHERE || op->kind == OP_COUNT || op->kind == OP_WALK ||
         op->kind == OP_SEARCH || op->kind == OP_CURSOR_OPEN)) {
        json_t *filter = json_loads(op->filter, 0, NULL);
        char *text = json_dumps(filter, JSON_COMPACT);
        fprintf(out, " filter=%s", text);
        free(text);
        json_decref(filter);
    }
    if (op->snapshot >= 0 && op->kind >= OP_GET && op->kind <= OP_SEARCH)
        fprintf(out, " from #%d", op->snapshot);
    fprintf(out, " flags=%x\n", op->flags & 0xffu);
}

void program_print(const program *p, const unsigned char *kept, FILE *out)
{
    fprintf(out,
            "seed %llu: dim=%u%s metric=%d index=%d durability=%d threads=%u "
            "checkpoint_entries=%u%s%s%s\n",
            (unsigned long long)p->seed, p->dim,
            p->dim_at_creation ? "" : " (by the first insert)", p->metric, p->index,
            p->durability, p->threads, p->checkpoint_entries,
            p->flags ? " no_mmap" : "", p->in_memory ? " in memory" : "",
            p->grid ? " grid" : "");
    for (size_t i = 0; i < p->count; i++)
        if (!kept || kept[i]) {
            fprintf(out, "%5zu ", i);
            print_op(p, &p->ops[i], out);
        }
}
