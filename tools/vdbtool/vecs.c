/* vecs.c: reading fvecs and bvecs, which differ in the size of an element only. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "formats.h"
#include "vdb.h"

enum {
    HEAD_BYTES = 4,          /* the dimension in front of each row */
    BUFFER_BYTES = 256 << 10 /* read at once; glibc ignores a size without a buffer */
};

typedef struct vecs {
    row_source base;
    size_t element_bytes; /* 4: float32; 1: unsigned bytes */
    size_t dim;           /* of the first row; 0 before it */
    uint64_t next;        /* index of the next row, which begins at base.bytes */
    unsigned char *raw;
    float *vector;
    char buffer[BUFFER_BYTES];
} vecs;

static uint32_t get_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* Take the dimension of a row, which is that of the first. */
static int take_dimension(vecs *source, const unsigned char head[HEAD_BYTES])
{
    uint32_t dim = get_u32(head);
    if (dim == 0 || dim > VDB_DIMENSION_MAX)
        return fail("%s: row %" PRIu64 " at byte %" PRIu64 ": dimension %" PRId32
                    " is not from 1 to %d",
                    source->base.path, source->next + 1, source->base.bytes,
                    (int32_t)dim, VDB_DIMENSION_MAX);
    if (source->dim && dim != source->dim)
        return fail("%s: row %" PRIu64 " at byte %" PRIu64 ": dimension %" PRIu32
                    ", but the rows before it have %zu",
                    source->base.path, source->next + 1, source->base.bytes, dim,
                    source->dim);
    if (source->dim)
        return STATUS_DONE;
    source->raw = malloc(dim * source->element_bytes);
    source->vector = malloc(dim * sizeof *source->vector);
    if (!source->raw || !source->vector)
        return fail_memory();
    source->dim = dim;
    return STATUS_DONE;
}

static int fail_truncated(const vecs *source, uint64_t have, uint64_t want)
{
    return fail("%s: row %" PRIu64 " at byte %" PRIu64 " is truncated: %" PRIu64
                " of %" PRIu64 " bytes",
                source->base.path, source->next + 1, source->base.bytes, have, want);
}

/* fread(), but a failure is not taken for the end of the file. */
static int take_bytes(vecs *source, void *to, size_t size, size_t *got)
{
    *got = fread(to, 1, size, source->base.file);
    if (*got < size && ferror(source->base.file))
        return fail("%s: row %" PRIu64 " at byte %" PRIu64 ": %s", source->base.path,
                    source->next + 1, source->base.bytes, strerror(errno));
    return STATUS_DONE;
}

static int vecs_measure(row_source *self, uint64_t file_bytes, uint64_t *rows)
{
    vecs *source = (vecs *)self;
    unsigned char head[HEAD_BYTES];
    size_t got;
    if (take_bytes(source, head, sizeof head, &got))
        return STATUS_FAILED;
    if (got < sizeof head)
        return fail_truncated(source, got, sizeof head);
    if (take_dimension(source, head))
        return STATUS_FAILED;
    rewind(source->base.file);
    uint64_t row_bytes = HEAD_BYTES + (uint64_t)source->dim * source->element_bytes;
    *rows = file_bytes / row_bytes;
    if (file_bytes % row_bytes == 0)
        return STATUS_DONE;
    /* The rest may be a truncated row, or rows of other dimensions came before. */
    source->next = *rows;
    source->base.bytes = *rows * row_bytes;
    return fail_truncated(source, file_bytes % row_bytes, row_bytes);
}

static void decode(vecs *source)
{
    if (source->element_bytes == 1) {
        for (size_t i = 0; i < source->dim; i++)
            source->vector[i] = (float)source->raw[i];
        return;
    }
    for (size_t i = 0; i < source->dim; i++) {
        uint32_t bits = get_u32(source->raw + 4 * i);
        memcpy(&source->vector[i], &bits, sizeof bits);
    }
}

static int vecs_next(row_source *self, row *out)
{
    vecs *source = (vecs *)self;
    unsigned char head[HEAD_BYTES];
    size_t got;
    if (take_bytes(source, head, sizeof head, &got))
        return -1;
    if (got == 0) {
        if (source->next == 0)
            fail("%s: there are no vectors in it", source->base.path);
        return source->next == 0 ? -1 : 0;
    }
    if (got < sizeof head) {
        fail_truncated(source, got, sizeof head);
        return -1;
    }
    if (take_dimension(source, head))
        return -1;
    size_t size = source->dim * source->element_bytes;
    if (take_bytes(source, source->raw, size, &got))
        return -1;
    if (got < size) {
        fail_truncated(source, HEAD_BYTES + got, HEAD_BYTES + size);
        return -1;
    }
    decode(source);
    out->index = source->next++;
    out->number = source->next;
    out->vector = source->vector;
    out->dim = source->dim;
    source->base.bytes += HEAD_BYTES + size;
    return 1;
}

static void vecs_free(row_source *self)
{
    vecs *source = (vecs *)self;
    fclose(source->base.file);
    free(source->raw);
    free(source->vector);
    free(source);
}

static const row_source_kind KIND = {"row", vecs_measure, vecs_next, vecs_free};

int vecs_open(FILE *file, const char *path, size_t element_bytes, row_source **out)
{
    vecs *made = row_source_new(sizeof *made, &KIND, file, path);
    *out = NULL;
    if (!made)
        return STATUS_FAILED;
    made->element_bytes = element_bytes;
    setvbuf(file, made->buffer, _IOFBF, sizeof made->buffer);
    *out = &made->base;
    return STATUS_DONE;
}
