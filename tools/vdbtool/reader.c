/* reader.c: choice of the format; see reader.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "complain.h"
#include "formats.h"
#include "reader.h"
#include "values.h"

struct reader {
    row_source *rows;
    uint64_t row_count;
    uint64_t file_bytes; /* 0: not a regular file */
};

const char *const READER_FORMATS[] = {"fvecs", "bvecs", "jsonl", "npy", "csv", NULL};

void *row_source_new(size_t size, const row_source_kind *kind, FILE *file,
                     const char *path)
{
    row_source *made = calloc(1, size);
    if (!made) {
        fclose(file);
        fail_memory();
        return NULL;
    }
    made->kind = kind;
    made->file = file;
    made->path = path;
    return made;
}

static int choose_format(const char *path, const char *format, size_t *out)
{
    if (format)
        return parse_name("--format", format, READER_FORMATS, out);
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && READER_FORMATS[i]; i++) {
        if (strcmp(dot + 1, READER_FORMATS[i]) == 0) {
            *out = i;
            return STATUS_DONE;
        }
    }
    return fail("%s: the name ends in none of .fvecs, .bvecs, .jsonl, .npy, .csv; see "
                "--format",
                path);
}

static int open_format(FILE *file, const char *path, size_t format,
                       const reader_options *options, row_source **out)
{
    switch (format) {
    case 0:
        return vecs_open(file, path, 4, out);
    case 1:
        return vecs_open(file, path, 1, out);
    case 2:
        return jsonl_open(file, path, !options->queries, out);
    case 3:
        return npy_open(file, path, out);
    default:
        return csv_rows_open(file, path, options, out);
    }
}

static int take_stream(FILE *file, const char *path, uint64_t file_bytes, size_t format,
                       const reader_options *options, reader **out)
{
    reader *made = calloc(1, sizeof *made);
    if (!made) {
        fclose(file);
        return fail_memory();
    }
    made->file_bytes = file_bytes;
    int status = open_format(file, path, format, options, &made->rows);
    if (status)
        free(made);
    else
        *out = made;
    return status;
}

int reader_open_stream(FILE *file, const char *path, uint64_t file_bytes,
                       const reader_options *options, reader **out)
{
    size_t format;
    *out = NULL;
    int status = choose_format(path, options->format, &format);
    if (status) {
        fclose(file);
        return status;
    }
    return take_stream(file, path, file_bytes, format, options, out);
}

int reader_open(const char *path, const reader_options *options, reader **out)
{
    size_t format;
    struct stat info;
    *out = NULL;
    int status = choose_format(path, options->format, &format);
    if (status)
        return status;
    FILE *file = fopen(path, "rbe");
    if (!file)
        return fail("%s: %s", path, strerror(errno));
    if (fstat(fileno(file), &info))
        status = fail("%s: %s", path, strerror(errno));
    else if (S_ISDIR(info.st_mode))
        status = fail("%s: is a directory", path);
    if (status) {
        fclose(file);
        return status;
    }
    return take_stream(file, path, S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0,
                       format, options, out);
}

int reader_measure(reader *source)
{
    if (!source->rows->kind->measure || source->file_bytes == 0)
        return STATUS_DONE;
    return source->rows->kind->measure(source->rows, source->file_bytes,
                                       &source->row_count);
}

int reader_next(reader *source, row *out)
{
    memset(out, 0, sizeof *out);
    return source->rows->kind->next(source->rows, out);
}

bool reader_has_ids(const reader *source)
{
    return source->rows->has_ids;
}

bool reader_has_metadata(const reader *source)
{
    return source->rows->has_metadata;
}

const char *reader_unit(const reader *source)
{
    return source->rows->kind->unit;
}

uint64_t reader_rows(const reader *source)
{
    return source->row_count;
}

uint64_t reader_bytes(const reader *source)
{
    return source->rows->bytes;
}

uint64_t reader_total_bytes(const reader *source)
{
    return source->file_bytes;
}

void reader_free(reader *source)
{
    if (!source)
        return;
    source->rows->kind->free(source->rows);
    free(source);
}
