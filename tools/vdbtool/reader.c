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
    vecs *rows; /* this or the other */
    jsonl *objects;
    uint64_t row_count;
    uint64_t file_bytes; /* 0: not a regular file */
};

static const char *const FORMAT_NAMES[] = {"fvecs", "bvecs", "jsonl", NULL};

static int choose_format(const char *path, const char *format, size_t *out)
{
    if (format)
        return parse_name("--format", format, FORMAT_NAMES, out);
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && FORMAT_NAMES[i]; i++) {
        if (strcmp(dot + 1, FORMAT_NAMES[i]) == 0) {
            *out = i;
            return STATUS_DONE;
        }
    }
    return fail("%s: the name ends in none of .fvecs, .bvecs, .jsonl; see --format",
                path);
}

static int open_format(reader *made, const char *path, size_t format)
{
    struct stat info;
    int status;
    if (format == 2)
        status = jsonl_open(path, &made->objects);
    else
        status = vecs_open(path, format == 0 ? 4 : 1, &made->rows);
    if (status)
        return status;
    FILE *file = made->rows ? vecs_file(made->rows) : jsonl_file(made->objects);
    if (fstat(fileno(file), &info))
        return fail("%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return fail("%s: is a directory", path);
    if (S_ISREG(info.st_mode))
        made->file_bytes = (uint64_t)info.st_size;
    return STATUS_DONE;
}

int reader_open(const char *path, const char *format, reader **out)
{
    size_t chosen;
    *out = NULL;
    int status = choose_format(path, format, &chosen);
    if (status)
        return status;
    reader *made = calloc(1, sizeof *made);
    if (!made)
        return fail_memory();
    status = open_format(made, path, chosen);
    if (status)
        reader_free(made);
    else
        *out = made;
    return status;
}

int reader_measure(reader *source)
{
    if (!source->rows || source->file_bytes == 0)
        return STATUS_DONE;
    return vecs_measure(source->rows, source->file_bytes, &source->row_count);
}

int reader_next(reader *source, row *out)
{
    memset(out, 0, sizeof *out);
    return source->rows ? vecs_next(source->rows, out)
                        : jsonl_next(source->objects, out);
}

bool reader_has_ids(const reader *source)
{
    return source->objects != NULL;
}

const char *reader_unit(const reader *source)
{
    return source->rows ? "row" : "line";
}

uint64_t reader_rows(const reader *source)
{
    return source->row_count;
}

uint64_t reader_bytes(const reader *source)
{
    return source->rows ? vecs_bytes(source->rows) : jsonl_bytes(source->objects);
}

uint64_t reader_total_bytes(const reader *source)
{
    return source->file_bytes;
}

void reader_free(reader *source)
{
    if (!source)
        return;
    vecs_free(source->rows);
    jsonl_free(source->objects);
    free(source);
}
