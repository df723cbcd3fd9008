/* csv_columns.c: the header of a CSV file; see csv_columns.h. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "complain.h"
#include "csv_columns.h"
#include "format.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int refuse_duplicates(const csv_columns *columns, const char *path)
{
    char **sorted = calloc(columns->count, sizeof *sorted);
    int status = STATUS_DONE;
    if (!sorted)
        return fail_memory();
    memcpy(sorted, columns->names, columns->count * sizeof *sorted);
    qsort(sorted, columns->count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < columns->count && !status; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            status =
                fail("%s: line 1: two columns are named \"%.60s\"", path, sorted[i]);
    free(sorted);
    return status;
}

static char *make_key(const char *name)
{
    char *key = NULL;
    size_t length;
    FILE *file = open_memstream(&key, &length);
    if (!file)
        return NULL;
    put_json_string(file, name, strlen(name));
    putc(':', file);
    if (fclose(file) == 0)
        return key;
    free(key);
    return NULL;
}

static int read_names(csv_columns *columns, const char *path, const csv_record *header)
{
    columns->count = header->count;
    columns->id = header->count;
    columns->names = calloc(header->count, sizeof *columns->names);
    columns->keys = calloc(header->count, sizeof *columns->keys);
    columns->uses = calloc(header->count, 1);
    columns->vector = calloc(header->count, sizeof *columns->vector);
    if (!columns->names || !columns->keys || !columns->uses || !columns->vector)
        return fail_memory();
    for (size_t i = 0; i < header->count; i++) {
        if (header->fields[i].length)
            columns->names[i] = strdup(header->fields[i].bytes);
        else if (asprintf(&columns->names[i], "column%zu", i + 1) < 0)
            columns->names[i] = NULL;
        if (columns->names[i])
            columns->keys[i] = make_key(columns->names[i]);
        if (!columns->keys[i])
            return fail_memory();
    }
    return refuse_duplicates(columns, path);
}

/* The column of that name of `length` bytes, or count. */
static size_t find(const csv_columns *columns, const char *name, size_t length)
{
    size_t i = 0;
    while (i < columns->count && (strncmp(columns->names[i], name, length) != 0 ||
                                  columns->names[i][length] != 0))
        i++;
    return i;
}

/* The first of `names` that is a column, or count.  "ID" and "Embedding" are names that
 * people give, too; but a column spelt just so goes before them. */
static size_t find_first(const csv_columns *columns, const char *const *names)
{
    size_t found = columns->count;
    for (size_t i = 0; names[i] && found == columns->count; i++)
        found = find(columns, names[i], strlen(names[i]));
    for (size_t i = 0; names[i] && found == columns->count; i++)
        for (found = 0; found < columns->count; found++)
            if (strcasecmp(columns->names[found], names[i]) == 0)
                break;
    return found;
}

static int fail_column(const csv_columns *columns, const char *path, const char *option,
                       const char *name, size_t length)
{
    char known[300] = "";
    for (size_t i = 0; i < columns->count; i++) {
        size_t used = strlen(known);
        if (used > sizeof known - 80) {
            snprintf(known + used, sizeof known - used, ", ...");
            break;
        }
        snprintf(known + used, sizeof known - used, "%s%.60s", i ? ", " : "",
                 columns->names[i]);
    }
    const char *hint = columns->count == 1 && strpbrk(known, ";\t|")
                           ? " (is there another --delimiter?)"
                           : "";
    if (!name)
        return fail(
            "%s: no column is named \"vector\" or \"embedding\": say by %s which "
            "hold the vector; the columns are: %s%s",
            path, option, known, hint);
    return fail("%s: %s: no column is named \"%.*s\"; the columns are: %s%s", path,
                option, length < 60 ? (int)length : 60, name, known, hint);
}

static int use_for_vector(csv_columns *columns, const char *path, size_t column)
{
    if (columns->uses[column] != COLUMN_METADATA)
        return fail("%s: column \"%.60s\" cannot be used twice", path,
                    columns->names[column]);
    columns->uses[column] = COLUMN_VECTOR;
    columns->vector[columns->vector_count++] = column;
    return STATUS_DONE;
}

/* One item of --vector-columns: a name, or FIRST..LAST. */
static int use_item(csv_columns *columns, const char *path, const char *item,
                    size_t length)
{
    static const char OPTION[] = "--vector-columns";
    size_t first = find(columns, item, length), last = first;
    const char *dots = memmem(item, length, "..", 2);
    if (first == columns->count && dots) {
        size_t before = (size_t)(dots - item), after = length - before - 2;
        first = find(columns, item, before);
        if (first == columns->count)
            return fail_column(columns, path, OPTION, item, before);
        last = find(columns, dots + 2, after);
        if (last == columns->count)
            return fail_column(columns, path, OPTION, dots + 2, after);
        if (last < first)
            return fail("%s: %s: \"%.*s\": the first column stands behind the last",
                        path, OPTION, length < 60 ? (int)length : 60, item);
    }
    if (first == columns->count)
        return fail_column(columns, path, OPTION, item, length);
    int status = STATUS_DONE;
    for (size_t i = first; i <= last && !status; i++)
        status = use_for_vector(columns, path, i);
    return status;
}

static int choose_vector(csv_columns *columns, const char *path, const char *list)
{
    static const char *const NAMES[] = {"_vector", "vector", "embedding", NULL};
    int status = STATUS_DONE;
    if (!list) {
        size_t found = find_first(columns, NAMES);
        if (found == columns->count)
            return fail_column(columns, path, "--vector-columns", NULL, 0);
        return use_for_vector(columns, path, found);
    }
    if (find(columns, list, strlen(list)) < columns->count) /* its name has a comma */
        return use_item(columns, path, list, strlen(list));
    for (;;) {
        size_t length = strcspn(list, ",");
        status = use_item(columns, path, list, length);
        if (status || list[length] == 0)
            return status;
        list += length + 1;
    }
}

int csv_columns_read(csv_columns *columns, const char *path, const csv_record *header,
                     const reader_options *options)
{
    static const char *const NAMES[] = {"_id", "id", NULL};
    const char *name = options->id_column;
    memset(columns, 0, sizeof *columns);
    int status = read_names(columns, path, header);
    if (status)
        return status;
    columns->id = name ? find(columns, name, strlen(name)) : find_first(columns, NAMES);
    if (name && columns->id == columns->count)
        return fail_column(columns, path, "--id-column", name, strlen(name));
    if (columns->id < columns->count)
        columns->uses[columns->id] = COLUMN_ID;
    return choose_vector(columns, path, options->vector_columns);
}

void csv_columns_clear(csv_columns *columns)
{
    for (size_t i = 0; columns->names && i < columns->count; i++)
        free(columns->names[i]);
    for (size_t i = 0; columns->keys && i < columns->count; i++)
        free(columns->keys[i]);
    free(columns->names);
    free(columns->keys);
    free(columns->uses);
    free(columns->vector);
    memset(columns, 0, sizeof *columns);
}
