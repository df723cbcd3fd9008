/* csv.c: taking CSV apart; see csv.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "csv.h"

struct csv {
    const char *path;
    FILE *file;
    char delimiter;
    uint64_t bytes; /* read so far */
    uint64_t line;  /* of the next byte */
    char *text;     /* of the record's fields, one NUL behind each */
    size_t used;
    size_t capacity;
    csv_field *fields; /* `bytes` is set when the record is whole: `text` moves */
    size_t count;
    size_t field_capacity;
};

/* How a field ended. */
enum {
    FIELD_MORE,
    FIELD_LAST,
    FIELD_BAD
};

int csv_open(FILE *file, const char *path, char delimiter, csv **out)
{
    csv *made = calloc(1, sizeof *made);
    *out = made;
    if (!made) {
        fclose(file);
        return fail_memory();
    }
    made->path = path;
    made->file = file;
    made->delimiter = delimiter;
    made->line = 1;
    return STATUS_DONE;
}

static int fail_at(const csv *source, uint64_t line, uint64_t byte, const char *what)
{
    fail("%s: line %" PRIu64 ", byte %" PRIu64 ": %s", source->path, line, byte, what);
    return FIELD_BAD;
}

/* Fail at the byte read last. */
static int fail_here(const csv *source, const char *what)
{
    return fail_at(source, source->line, source->bytes - 1, what);
}

static int next_byte(csv *source)
{
    int byte = getc_unlocked(source->file);
    if (byte != EOF)
        source->bytes++;
    return byte;
}

static int put_byte(csv *source, int byte)
{
    if (source->used == source->capacity) {
        if (source->capacity >= CSV_RECORD_BYTES_MAX)
            return fail_at(source, source->fields[0].line, source->fields[0].byte,
                           "the record that begins here is longer than 16 MiB; is a "
                           "quote never closed?");
        size_t capacity = source->capacity ? source->capacity * 2 : 4096;
        char *larger = realloc(source->text, capacity);
        if (!larger) {
            fail_memory();
            return FIELD_BAD;
        }
        source->text = larger;
        source->capacity = capacity;
    }
    source->text[source->used++] = (char)byte;
    return FIELD_MORE;
}

static csv_field *add_field(csv *source)
{
    if (source->count == source->field_capacity) {
        if (source->count >= CSV_FIELDS_MAX) {
            fail_here(source, "the record has more than 131072 fields");
            return NULL;
        }
        size_t capacity = source->field_capacity ? source->field_capacity * 2 : 64;
        csv_field *larger = reallocarray(source->fields, capacity, sizeof *larger);
        if (!larger) {
            fail_memory();
            return NULL;
        }
        source->fields = larger;
        source->field_capacity = capacity;
    }
    csv_field *made = &source->fields[source->count++];
    memset(made, 0, sizeof *made);
    made->line = source->line;
    made->byte = source->bytes;
    return made;
}

/* What `byte`, which is not of the field any more, means. */
static int end_field(csv *source, int byte)
{
    if (byte == (unsigned char)source->delimiter)
        return FIELD_MORE;
    if (byte == '\r') {
        byte = next_byte(source);
        if (byte != '\n' && byte != EOF)
            return fail_here(source, "a carriage return without a newline behind it");
    }
    if (byte == EOF) {
        if (ferror(source->file))
            return fail_at(source, source->line, source->bytes, strerror(errno));
        return FIELD_LAST;
    }
    if (byte != '\n')
        return fail_here(source, "something stands behind a closing quote");
    source->line++;
    return FIELD_LAST;
}

/* The rest of a field in quotes, behind the opening one. */
static int take_quoted(csv *source, csv_field field)
{
    for (;;) {
        int byte = next_byte(source);
        if (byte == '"') {
            byte = next_byte(source);
            if (byte != '"')
                return end_field(source, byte);
        } else if (byte == EOF) {
            if (ferror(source->file))
                return fail_at(source, source->line, source->bytes, strerror(errno));
            return fail_at(source, field.line, field.byte,
                           "the quote that opens here is never closed");
        } else if (byte == 0) {
            return fail_here(source, "a NUL");
        } else if (byte == '\n') {
            source->line++;
        }
        if (put_byte(source, byte))
            return FIELD_BAD;
    }
}

static int take_unquoted(csv *source, int byte)
{
    for (;; byte = next_byte(source)) {
        if (byte == EOF || byte == '\n' || byte == '\r' ||
            byte == (unsigned char)source->delimiter)
            return end_field(source, byte);
        if (byte == 0)
            return fail_here(source, "a NUL");
        if (byte == '"')
            return fail_here(source, "a quote within a field that does not begin with "
                                     "one; quote the field and double this quote");
        if (put_byte(source, byte))
            return FIELD_BAD;
    }
}

static int take_field(csv *source)
{
    csv_field *field = add_field(source);
    if (!field)
        return FIELD_BAD;
    size_t at = source->used;
    int byte = next_byte(source);
    field->is_quoted = byte == '"';
    int end =
        field->is_quoted ? take_quoted(source, *field) : take_unquoted(source, byte);
    if (end == FIELD_BAD)
        return end;
    field->length = source->used - at;
    return put_byte(source, 0) == FIELD_BAD ? FIELD_BAD : end;
}

/* The mark that some programs put before UTF-8: EF BB BF. */
static int skip_byte_order_mark(csv *source)
{
    static const unsigned char MARK[] = {0xef, 0xbb, 0xbf};
    for (size_t i = 0; i < sizeof MARK; i++) {
        int byte = getc_unlocked(source->file);
        if (byte == MARK[i]) {
            source->bytes++;
            continue;
        }
        if (i == 0) {
            ungetc(byte, source->file);
            return FIELD_MORE;
        }
        return fail_at(source, 1, 0, "half a byte order mark");
    }
    return FIELD_MORE;
}

int csv_next(csv *source, csv_record *out)
{
    int end;
    if (source->bytes == 0 && skip_byte_order_mark(source) == FIELD_BAD)
        return -1;
    do {
        uint64_t began = source->bytes;
        source->used = 0;
        source->count = 0;
        do {
            end = take_field(source);
        } while (end == FIELD_MORE);
        if (end == FIELD_BAD)
            return -1;
        if (source->bytes == began)
            return 0; /* the end of the file */
    } while (source->count == 1 && source->fields[0].length == 0 &&
             !source->fields[0].is_quoted);
    const char *p = source->text;
    for (size_t i = 0; i < source->count; i++) {
        source->fields[i].bytes = p;
        p += source->fields[i].length + 1;
    }
    out->fields = source->fields;
    out->count = source->count;
    return 1;
}

uint64_t csv_bytes(const csv *source)
{
    return source->bytes;
}

void csv_free(csv *source)
{
    if (!source)
        return;
    fclose(source->file);
    free(source->text);
    free(source->fields);
    free(source);
}
