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

struct vecs {
    const char *path;
    FILE *file;
    size_t element_bytes; /* 4: float32; 1: unsigned bytes */
    size_t dim;           /* of the first row; 0 before it */
    uint64_t next;        /* number of the next row */
    uint64_t bytes;       /* where it begins */
    unsigned char *raw;
    float *vector;
    char buffer[BUFFER_BYTES];
};

static uint32_t get_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

int vecs_open(const char *path, size_t element_bytes, vecs **out)
{
    vecs *made = calloc(1, sizeof *made);
    *out = made;
    if (!made)
        return fail_memory();
    made->path = path;
    made->element_bytes = element_bytes;
    made->file = fopen(path, "rbe");
    if (!made->file) {
        int status = fail("%s: %s", path, strerror(errno));
        vecs_free(made);
        *out = NULL;
        return status;
    }
    setvbuf(made->file, made->buffer, _IOFBF, sizeof made->buffer);
    return STATUS_DONE;
}

/* Take the dimension of a row, which is that of the first. */
static int take_dimension(vecs *source, const unsigned char head[HEAD_BYTES])
{
    uint32_t dim = get_u32(head);
    if (dim == 0 || dim > VDB_DIMENSION_MAX)
        return fail("%s: row %" PRIu64 " at byte %" PRIu64 ": dimension %" PRId32
                    " is not from 1 to %d",
                    source->path, source->next, source->bytes, (int32_t)dim,
                    VDB_DIMENSION_MAX);
    if (source->dim && dim != source->dim)
        return fail("%s: row %" PRIu64 " at byte %" PRIu64 ": dimension %" PRIu32
                    ", but the rows before it have %zu",
                    source->path, source->next, source->bytes, dim, source->dim);
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
                source->path, source->next, source->bytes, have, want);
}

/* fread(), but a failure is not taken for the end of the file. */
static int take_bytes(vecs *source, void *to, size_t size, size_t *got)
{
    *got = fread(to, 1, size, source->file);
    if (*got < size && ferror(source->file))
        return fail("%s: row %" PRIu64 " at byte %" PRIu64 ": %s", source->path,
                    source->next, source->bytes, strerror(errno));
    return STATUS_DONE;
}

int vecs_measure(vecs *source, uint64_t file_bytes, uint64_t *rows)
{
    unsigned char head[HEAD_BYTES];
    size_t got;
    if (take_bytes(source, head, sizeof head, &got))
        return STATUS_FAILED;
    if (got < sizeof head)
        return fail_truncated(source, got, sizeof head);
    if (take_dimension(source, head))
        return STATUS_FAILED;
    rewind(source->file);
    uint64_t row_bytes = HEAD_BYTES + (uint64_t)source->dim * source->element_bytes;
    *rows = file_bytes / row_bytes;
    if (file_bytes % row_bytes == 0)
        return STATUS_DONE;
    /* The rest may be a truncated row, or rows of other dimensions came before. */
    source->next = *rows;
    source->bytes = *rows * row_bytes;
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

int vecs_next(vecs *source, row *out)
{
    unsigned char head[HEAD_BYTES];
    size_t got;
    if (take_bytes(source, head, sizeof head, &got))
        return -1;
    if (got == 0) {
        if (source->next == 0)
            fail("%s: there are no vectors in it", source->path);
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
    out->number = source->next++;
    out->vector = source->vector;
    out->dim = source->dim;
    source->bytes += HEAD_BYTES + size;
    return 1;
}

uint64_t vecs_bytes(const vecs *source)
{
    return source->bytes;
}

FILE *vecs_file(vecs *source)
{
    return source->file;
}

void vecs_free(vecs *source)
{
    if (!source)
        return;
    if (source->file)
        fclose(source->file);
    free(source->raw);
    free(source->vector);
    free(source);
}
