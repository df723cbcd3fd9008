/* writer.c: the simple formats, and the choice among all; see writer.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "format.h"
#include "values.h"
#include "writer.h"

static int begin_nothing(writer *self, uint64_t count, size_t dim)
{
    (void)self;
    (void)count;
    (void)dim;
    return STATUS_DONE;
}

static int put_jsonl(writer *self, const vdb_record *record)
{
    size_t length, dim;
    FILE *file = self->file;
    const char *id = vdb_record_id(record, &length);
    fputs("{\"id\":", file);
    put_json_string(file, id, length);
    fputs(",\"vector\":", file);
    const float *vector = vdb_record_vector(record, &dim);
    put_json_vector(file, vector, dim);
    const char *metadata = vdb_record_metadata(record, &length);
    if (metadata) {
        fputs(",\"metadata\":", file);
        put_json_line(file, metadata, length);
    }
    fputs("}\n", file);
    return STATUS_DONE;
}

static void put_u32(FILE *file, uint32_t value)
{
    for (int shift = 0; shift < 32; shift += 8)
        putc((int)(value >> shift & 255), file);
}

static void put_values(FILE *file, const vdb_record *record)
{
    size_t dim;
    const float *vector = vdb_record_vector(record, &dim);
    for (size_t i = 0; i < dim; i++) {
        uint32_t bits;
        memcpy(&bits, &vector[i], sizeof bits);
        put_u32(file, bits);
    }
}

static int put_fvecs(writer *self, const vdb_record *record)
{
    size_t dim;
    vdb_record_vector(record, &dim);
    put_u32(self->file, (uint32_t)dim);
    put_values(self->file, record);
    return STATUS_DONE;
}

/* Version 1.0; the values begin at a multiple of 64, as numpy wants them. */
static int begin_npy(writer *self, uint64_t count, size_t dim)
{
    char head[128];
    int length = snprintf(head, sizeof head,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64
                          ", %zu), }",
                          count, dim);
    int padded = (10 + length + 1 + 63) / 64 * 64 - 10;
    fputs("\x93NUMPY\x01", self->file);
    putc(0, self->file);
    putc(padded & 255, self->file);
    putc(padded >> 8, self->file);
    fprintf(self->file, "%-*s\n", padded - 1, head);
    return STATUS_DONE;
}

static int put_npy(writer *self, const vdb_record *record)
{
    put_values(self->file, record);
    return STATUS_DONE;
}

static const writer_kind JSONL = {"jsonl", true,          false,     sizeof(writer),
                                  NULL,    begin_nothing, put_jsonl, NULL};
static const writer_kind FVECS = {"fvecs", false,         false,     sizeof(writer),
                                  NULL,    begin_nothing, put_fvecs, NULL};
static const writer_kind NPY = {"npy", false,     true,    sizeof(writer),
                                NULL,  begin_npy, put_npy, NULL};

int writer_choose(const char *path, const char *format, const writer_kind **out)
{
    static const char *const NAMES[] = {"jsonl", "csv", "npy", "fvecs", NULL};
    static const writer_kind *const KINDS[] = {&JSONL, &CSV_WRITER, &NPY, &FVECS};
    size_t chosen = 0;
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (format) {
        if (parse_name("--format", format, NAMES, &chosen))
            return STATUS_FAILED;
    } else if (dot && dot > path && !(slash && slash + 1 >= dot)) {
        while (NAMES[chosen] && strcmp(NAMES[chosen], dot + 1) != 0)
            chosen++;
        if (!NAMES[chosen])
            return fail("%s: the name ends in none of .jsonl, .csv, .npy, .fvecs; see "
                        "--format",
                        path);
    }
    *out = KINDS[chosen];
    return STATUS_DONE;
}

writer *writer_new(const writer_kind *kind, FILE *file)
{
    writer *made = calloc(1, kind->size);
    if (!made) {
        fail_memory();
        return NULL;
    }
    made->kind = kind;
    made->file = file;
    return made;
}

void writer_free(writer *self)
{
    if (self && self->kind->clear)
        self->kind->clear(self);
    free(self);
}
