/* npy.c: reading the rows of a .npy file; see npy_header.h for what is taken.
 *
 * float64 is rounded to the nearest float32; a value beyond its range is an error.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "formats.h"
#include "npy_header.h"

enum {
    BUFFER_BYTES = 256 << 10 /* read at once */
};

typedef struct npy {
    row_source base;
    npy_header header;
    uint64_t next; /* index of the next row */
    unsigned char *raw;
    float *vector;
    char buffer[BUFFER_BYTES];
} npy;

static void npy_free(row_source *self)
{
    npy *mine = (npy *)self;
    fclose(mine->base.file);
    free(mine->raw);
    free(mine->vector);
    free(mine);
}

static int npy_measure(row_source *self, uint64_t file_bytes, uint64_t *rows)
{
    const npy_header *h = &((npy *)self)->header;
    uint64_t wanted = h->data_at + h->rows * h->row_bytes;
    *rows = h->rows;
    if (file_bytes == wanted)
        return STATUS_DONE;
    if (file_bytes > wanted)
        return fail("%s: byte %" PRIu64 ": the array ends here, the file %" PRIu64
                    " bytes later",
                    self->path, wanted, file_bytes - wanted);
    uint64_t data = file_bytes > h->data_at ? file_bytes - h->data_at : 0;
    uint64_t whole = data / h->row_bytes;
    return fail("%s: row %" PRIu64 " at byte %" PRIu64
                " is truncated: the head tells of %" PRIu64 " rows of %zu values",
                self->path, whole + 1, h->data_at + whole * h->row_bytes, h->rows,
                h->dim);
}

static uint64_t take_bits(const unsigned char *bytes, size_t size, bool is_big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | bytes[is_big_endian ? i : size - 1 - i];
    return bits;
}

/* float16: a sign, 5 bits of exponent, 10 of fraction; IEEE 754. */
static double from_half(uint64_t bits)
{
    int exponent = (int)(bits >> 10 & 31);
    double fraction = (double)(bits & 1023);
    double value = exponent == 31 ? (fraction > 0 ? (double)NAN : (double)INFINITY)
                   : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                  : ldexp(fraction, -24);
    return bits >> 15 & 1 ? -value : value;
}

/* False: the value is finite and beyond float32. */
static bool decode(const npy_header *h, const unsigned char *bytes, float *out)
{
    uint64_t bits = take_bits(bytes, h->value_bytes, h->is_big_endian);
    if (h->value_bytes == 4) {
        uint32_t narrow = (uint32_t)bits;
        memcpy(out, &narrow, sizeof *out);
        return true;
    }
    double wide;
    if (h->value_bytes == 2)
        wide = from_half(bits);
    else
        memcpy(&wide, &bits, sizeof wide);
    *out = (float)wide;
    return !isinf(*out) || isinf(wide);
}

static int npy_next(row_source *self, row *out)
{
    npy *mine = (npy *)self;
    const npy_header *h = &mine->header;
    uint64_t at = self->bytes;
    if (mine->next == h->rows) {
        int status = STATUS_DONE;
        if (mine->next == 0)
            status = fail("%s: there are no vectors in it", self->path);
        else if (getc(mine->base.file) != EOF) /* of a pipe: nobody could measure it */
            status = fail("%s: byte %" PRIu64 ": the array ends here, the file later",
                          self->path, at);
        return status ? -1 : 0;
    }
    size_t got = fread(mine->raw, 1, (size_t)h->row_bytes, mine->base.file);
    if (got < h->row_bytes) {
        if (ferror(mine->base.file))
            fail("%s: row %" PRIu64 " at byte %" PRIu64 ": %s", self->path,
                 mine->next + 1, at, strerror(errno));
        else
            fail("%s: row %" PRIu64 " at byte %" PRIu64 " is truncated: %zu of %" PRIu64
                 " bytes",
                 self->path, mine->next + 1, at, got, h->row_bytes);
        return -1;
    }
    for (size_t i = 0; i < h->dim; i++) {
        if (!decode(h, mine->raw + i * h->value_bytes, &mine->vector[i])) {
            fail("%s: row %" PRIu64 ": value %zu at byte %" PRIu64
                 " is beyond the range of float32",
                 self->path, mine->next + 1, i + 1, at + i * h->value_bytes);
            return -1;
        }
    }
    self->bytes += h->row_bytes;
    out->index = mine->next++;
    out->number = mine->next;
    out->vector = mine->vector;
    out->dim = h->dim;
    return 1;
}

static int read_header(npy *mine)
{
    unsigned char bytes[NPY_FIXED_BYTES + NPY_TEXT_BYTES_MAX];
    size_t needed, at = 0;
    const char *path = mine->base.path;
    size_t got = fread(bytes, 1, NPY_FIXED_BYTES, mine->base.file);
    const char *wrong = npy_header_size(bytes, got, &needed);
    if (!wrong) {
        if (needed > got)
            got += fread(bytes + got, 1, needed - got, mine->base.file);
        wrong = npy_header_parse(bytes, got, &mine->header, &at);
    }
    if (wrong && ferror(mine->base.file))
        return fail("%s: %s", path, strerror(errno));
    return wrong ? fail("%s: byte %zu: %s", path, at, wrong) : STATUS_DONE;
}

static const row_source_kind KIND = {"row", npy_measure, npy_next, npy_free};

int npy_open(FILE *file, const char *path, row_source **out)
{
    npy *made = row_source_new(sizeof *made, &KIND, file, path);
    *out = NULL;
    if (!made)
        return STATUS_FAILED;
    setvbuf(file, made->buffer, _IOFBF, sizeof made->buffer);
    int status = read_header(made);
    if (!status) {
        made->base.bytes = made->header.data_at;
        made->raw = malloc((size_t)made->header.row_bytes);
        made->vector = malloc(made->header.dim * sizeof *made->vector);
        if (!made->raw || !made->vector)
            status = fail_memory();
    }
    if (status)
        npy_free(&made->base);
    else
        *out = &made->base;
    return status;
}
