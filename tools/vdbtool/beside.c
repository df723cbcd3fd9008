/* beside.c: ids and metadata in files of their own; see beside.h. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "beside.h"
#include "complain.h"
#include "format.h"

/* Compare the number of lines with that of the rows. */
static int measure(beside *file, uint64_t rows)
{
    struct stat info;
    uint64_t count = 0;
    if (rows == 0 || fstat(fileno(file->source.file), &info) || !S_ISREG(info.st_mode))
        return STATUS_DONE;
    int byte, last = '\n';
    while ((byte = getc_unlocked(file->source.file)) != EOF) {
        count += byte == '\n';
        last = byte;
    }
    count += last != '\n';
    rewind(file->source.file);
    if (count != rows)
        return fail("%s has %" PRIu64 " lines, but %s has %" PRIu64 " rows",
                    file->source.path, count, file->rows_path, rows);
    return STATUS_DONE;
}

int beside_open(beside *file, const char *path, const char *rows_path, uint64_t rows)
{
    int status = lines_open(&file->source, path);
    if (status)
        return status;
    file->rows_path = rows_path;
    return measure(file, rows);
}

static int take_line(beside *file, const row *next, const char **line, size_t *length)
{
    int got = lines_next(&file->source, line, length);
    if (got == 0)
        return fail("%s: it ends before line %" PRIu64 ", which belongs to row %" PRIu64
                    " of %s",
                    file->source.path, next->index + 1, next->index + 1,
                    file->rows_path);
    return got < 0 ? STATUS_FAILED : STATUS_DONE;
}

int beside_take_metadata(beside *file, row *next)
{
    int status = take_line(file, next, &next->metadata, &next->metadata_length);
    if (!status && next->metadata_length == 0)
        next->metadata = NULL;
    return status;
}

static int take_json_id(beside *file, row *next)
{
    json_error_t error;
    json_t *value = json_loadb(next->id, next->id_length, JSON_DECODE_ANY, &error);
    free(file->id);
    file->id = NULL;
    if (!value)
        return fail("%s: line %" PRIu64
                    ": it begins with a quote, but is no JSON string: "
                    "byte %d: %s",
                    file->source.path, file->source.number, error.position, error.text);
    next->id_length = json_string_length(value);
    file->id = strdup(json_string_value(value));
    next->id = file->id;
    json_decref(value);
    return file->id ? STATUS_DONE : fail_memory();
}

int beside_take_id(beside *file, row *next)
{
    int status = take_line(file, next, &next->id, &next->id_length);
    if (status)
        return status;
    if (next->id_length && next->id[next->id_length - 1] == '\r')
        next->id_length--;
    return next->id[0] == '"' ? take_json_id(file, next) : STATUS_DONE;
}

int beside_end(beside *file, uint64_t rows)
{
    const char *line;
    size_t length;
    if (!file->rows_path || lines_next(&file->source, &line, &length) == 0)
        return STATUS_DONE;
    return fail("%s: it has more lines than %s has rows, which are %" PRIu64,
                file->source.path, file->rows_path, rows);
}

void beside_close(beside *file)
{
    lines_close(&file->source);
    free(file->id);
    file->id = NULL;
}

void put_id_line(FILE *file, const char *id, size_t length)
{
    bool plain = id[0] != '"';
    for (size_t i = 0; i < length && plain; i++)
        plain = (unsigned char)id[i] >= 0x20;
    if (plain)
        fwrite(id, 1, length, file);
    else
        put_json_string(file, id, length);
    putc('\n', file);
}
