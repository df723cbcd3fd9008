/* bench_filters.c: reading predicates; see bench_filters.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "harness/bench_data.h"
#include "harness/stop.h"
#include "vdb/bench_filters.h"

static const char *const OPERATORS[][2] = {
    {"==", "eq"}, {">=", "gte"}, {"<", "lt"}, {"contains", "contains"}};

static const char *translate_operator(const char *op)
{
    for (size_t i = 0; op && i < sizeof OPERATORS / sizeof *OPERATORS; i++)
        if (strcmp(op, OPERATORS[i][0]) == 0)
            return OPERATORS[i][1];
    return NULL;
}

/* A predicate as a filter's text, to be freed. */
static char *translate(const char *path, size_t number, const char *line)
{
    json_error_t error;
    json_t *predicate = json_loads(line, 0, &error), *condition;
    json_t *all = json_object_get(predicate, "all"), *filters = json_array();
    size_t i;
    if (!predicate)
        stop("%s: line %zu: %s", path, number + 1, error.text);
    if (!json_is_array(all))
        stop("%s: line %zu: no array \"all\"", path, number + 1);
    json_array_foreach(all, i, condition)
    {
        const char *op =
            translate_operator(json_string_value(json_object_get(condition, "op")));
        json_t *field = json_object_get(condition, "field");
        json_t *value = json_object_get(condition, "value");
        if (!op || !json_is_string(field) || !value)
            stop("%s: line %zu: condition %zu is not a field, an op (== >= < contains) "
                 "and a value",
                 path, number + 1, i);
        json_array_append_new(filters, json_pack("{s:s, s:O, s:O}", "op", op, "field",
                                                 field, "value", value));
    }
    json_t *filter = json_pack("{s:s, s:o}", "op", "and", "filters", filters);
    char *text = json_dumps(filter, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text)
        stop("out of memory");
    json_decref(filter);
    json_decref(predicate);
    return text;
}

static void parse(const char *text, vdb_filter **out)
{
    if (vdb_filter_parse(NULL, text, strlen(text), out))
        stop("filter %.200s: %s", text, vdb_errmsg());
}

bench_filters bench_filters_read(const bench_arguments *args, size_t queries)
{
    bench_filters made = {NULL, 0};
    if (args->filter) {
        made.filter = need(sizeof *made.filter);
        made.count = 1;
        parse(args->filter, made.filter);
    }
    if (!args->filters)
        return made;
    text_lines lines = text_lines_read(args->filters, queries);
    if (lines.count < queries)
        stop("%s: %zu lines, but there are %zu queries", args->filters, lines.count,
             queries);
    made.count = queries;
    made.filter = need(queries * sizeof *made.filter);
    for (size_t i = 0; i < queries; i++) {
        char *text = translate(args->filters, i, lines.line[i]);
        parse(text, &made.filter[i]);
        free(text);
    }
    free(lines.line);
    free(lines.text);
    return made;
}

void bench_filters_free(bench_filters *filters)
{
    for (size_t i = 0; i < filters->count; i++)
        vdb_filter_free(filters->filter[i]);
    free(filters->filter);
}

const vdb_filter *bench_filter_of(const bench_filters *filters, size_t q)
{
    return filters->count == 0 ? NULL : filters->filter[filters->count == 1 ? 0 : q];
}
