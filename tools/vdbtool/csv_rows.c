/* csv_rows.c: the records of a CSV file as vectors with ids and metadata: csv.h takes the
 * file apart, csv_columns.h tells the columns' uses, csv_cells.h what a cell means.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "csv_cells.h"
#include "csv_columns.h"
#include "format.h"
#include "formats.h"
#include "vdb.h"

typedef struct csv_rows {
    row_source base;
    csv *records;
    csv_columns columns;
    bool guess_quoted;
    uint64_t next; /* index of the next row */
    float *vector;
    size_t dim;      /* of the first row; 0 before it */
    size_t capacity; /* of `vector` */
    FILE *metadata;  /* writes to the next two */
    char *text;
    size_t text_bytes;
} csv_rows;

static void csv_rows_free(row_source *self)
{
    csv_rows *mine = (csv_rows *)self;
    csv_free(mine->records);
    csv_columns_clear(&mine->columns);
    if (mine->metadata)
        fclose(mine->metadata);
    free(mine->text);
    free(mine->vector);
    free(mine);
}

/* Say what is wrong with a cell, or a part of it. */
static int fail_cell(const csv_rows *mine, const csv_field *cell, size_t column,
                     const char *words)
{
    return fail("%s: line %" PRIu64 ", byte %" PRIu64 ": column \"%.60s\": %s",
                mine->base.path, cell->line, cell->byte, mine->columns.names[column],
                words);
}

static int fail_value(const csv_rows *mine, const csv_field *cell, size_t column,
                      size_t place, const cell_vector *vector)
{
    char words[160];
    if (vector->bad_length)
        snprintf(words, sizeof words, "value %zu, \"%.*s\", %s", place,
                 vector->bad_length < 60 ? (int)vector->bad_length : 60, vector->bad,
                 vector->wrong);
    else
        snprintf(words, sizeof words, "value %zu %s", place, vector->wrong);
    return fail_cell(mine, cell, column, words);
}

static int make_room(csv_rows *mine)
{
    size_t capacity = mine->capacity ? mine->capacity * 2 : 64;
    float *larger = reallocarray(mine->vector, capacity, sizeof *larger);
    if (!larger)
        return fail_memory();
    mine->vector = larger;
    mine->capacity = capacity;
    return STATUS_DONE;
}

/* Read a cell's values behind the `*count` that there are. */
static int take_values(csv_rows *mine, const csv_field *cell, size_t column,
                       size_t *count)
{
    cell_vector vector = csv_vector_begin(cell->bytes);
    size_t first = *count;
    float value;
    int got;
    while ((got = csv_vector_next(&vector, &value)) > 0) {
        if (*count == VDB_DIMENSION_MAX)
            return fail_cell(mine, cell, column,
                             "the vector has more than 65535 values");
        if (*count == mine->capacity && make_room(mine))
            return STATUS_FAILED;
        mine->vector[(*count)++] = value;
    }
    if (got < 0)
        return fail_value(mine, cell, column, *count - first + 1, &vector);
    if (*count == first)
        return fail_cell(mine, cell, column, "there is no value in it");
    if (mine->columns.vector_count > 1 && *count - first > 1)
        return fail_cell(
            mine, cell, column,
            "it holds several values, but the vector has a column for each");
    return STATUS_DONE;
}

static int take_vector(csv_rows *mine, const csv_record *record, row *out)
{
    const csv_columns *columns = &mine->columns;
    const csv_field *first = &record->fields[columns->vector[0]];
    size_t count = 0;
    for (size_t i = 0; i < columns->vector_count; i++)
        if (take_values(mine, &record->fields[columns->vector[i]], columns->vector[i],
                        &count))
            return STATUS_FAILED;
    if (mine->dim && count != mine->dim) {
        char words[100];
        snprintf(words, sizeof words, "%zu values, but in the rows before %zu", count,
                 mine->dim);
        return fail_cell(mine, first, columns->vector[0], words);
    }
    mine->dim = count;
    out->vector = mine->vector;
    out->dim = count;
    return STATUS_DONE;
}

static void put_cell(csv_rows *mine, const csv_field *cell, const char *key, bool *any)
{
    size_t length;
    const char *text;
    cell_kind kind = csv_cell_kind(cell, mine->guess_quoted, &text, &length);
    if (kind == CELL_NONE)
        return;
    putc(*any ? ',' : '{', mine->metadata);
    fputs(key, mine->metadata);
    if (kind == CELL_STRING)
        put_json_string(mine->metadata, cell->bytes, cell->length);
    for (size_t i = 0; kind != CELL_STRING && i < length; i++)
        putc(kind == CELL_LOWER ? tolower((unsigned char)text[i]) : text[i],
             mine->metadata);
    *any = true;
}

static int take_metadata(csv_rows *mine, const csv_record *record, row *out)
{
    bool any = false;
    rewind(mine->metadata);
    for (size_t i = 0; i < record->count; i++)
        if (mine->columns.uses[i] == COLUMN_METADATA)
            put_cell(mine, &record->fields[i], mine->columns.keys[i], &any);
    if (!any)
        return STATUS_DONE;
    putc('}', mine->metadata);
    putc(0, mine->metadata);
    if (fflush(mine->metadata) || ferror(mine->metadata))
        return fail_memory();
    out->metadata = mine->text;
    out->metadata_length = mine->text_bytes - 1;
    return STATUS_DONE;
}

static int csv_rows_next(row_source *self, row *out)
{
    csv_rows *mine = (csv_rows *)self;
    const csv_columns *columns = &mine->columns;
    csv_record record;
    int got = csv_next(mine->records, &record);
    if (got == 0 && mine->next == 0) {
        fail("%s: there are no vectors in it", self->path);
        return -1;
    }
    if (got <= 0)
        return got;
    out->number = record.fields[0].line;
    if (record.count != columns->count) {
        fail("%s: line %" PRIu64 ", byte %" PRIu64
             ": %zu fields, but the header has %zu",
             self->path, out->number, record.fields[0].byte, record.count,
             columns->count);
        return -1;
    }
    if (columns->id < columns->count) {
        out->id = record.fields[columns->id].bytes;
        out->id_length = record.fields[columns->id].length;
    }
    if (take_vector(mine, &record, out) || take_metadata(mine, &record, out))
        return -1;
    out->index = mine->next++;
    self->bytes = csv_bytes(mine->records);
    return 1;
}

static int read_header(csv_rows *mine, const reader_options *options)
{
    csv_record header;
    const char *path = mine->base.path;
    int got = csv_next(mine->records, &header);
    if (got < 0)
        return STATUS_FAILED;
    if (got == 0)
        return fail("%s: it is empty: its first line must name the columns", path);
    int status = csv_columns_read(&mine->columns, path, &header, options);
    mine->base.has_ids = mine->columns.id < mine->columns.count;
    return status;
}

static const row_source_kind KIND = {"line", NULL, csv_rows_next, csv_rows_free};

int csv_rows_open(FILE *file, const char *path, const reader_options *options,
                  row_source **out)
{
    csv_rows *made = row_source_new(sizeof *made, &KIND, file, path);
    *out = NULL;
    if (!made)
        return STATUS_FAILED;
    made->base.has_metadata = true;
    int status = csv_open(file, path, options->delimiter ? options->delimiter : ',',
                          &made->records);
    if (status) {
        free(made);
        return status;
    }
    made->guess_quoted = options->guess_quoted;
    made->metadata = open_memstream(&made->text, &made->text_bytes);
    status = made->metadata ? read_header(made, options) : fail_memory();
    if (status)
        csv_rows_free(&made->base);
    else
        *out = &made->base;
    return status;
}
