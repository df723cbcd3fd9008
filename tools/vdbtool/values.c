/* values.c: strict parsing of what the user gave; see values.h. */
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "text/decimal.h"
#include "values.h"

/* Far above every limit of the library, which then says what is too large. */
static const size_t TEXT_BYTES_MAX = (size_t)256 << 20;

static int read_stream(const char *what, const char *name, FILE *file, text *out)
{
    size_t capacity = 65536, length = 0;
    char *bytes = malloc(capacity);
    while (bytes) {
        length += fread(bytes + length, 1, capacity - 1 - length, file);
        if (length < capacity - 1)
            break;
        if (capacity >= TEXT_BYTES_MAX) {
            free(bytes);
            return fail("%s: %s is larger than %zu bytes", what, name, TEXT_BYTES_MAX);
        }
        char *larger = realloc(bytes, capacity *= 2);
        if (!larger)
            free(bytes);
        bytes = larger;
    }
    if (!bytes)
        return fail_memory();
    if (ferror(file)) {
        int error = errno;
        free(bytes);
        return fail("%s: %s: %s", what, name, strerror(error));
    }
    if (length && bytes[length - 1] == '\n')
        length--;
    bytes[length] = 0;
    out->bytes = bytes;
    out->length = length;
    return STATUS_DONE;
}

/* Why standard input cannot be read any more; NULL: it can. */
static const char *input_is_used;

void keep_standard_input(void)
{
    input_is_used = "standard input is where the commands come from";
}

int read_text(const char *what, const char *argument, text *out)
{
    if (strcmp(argument, "-") == 0) {
        if (input_is_used)
            return fail("%s: %s", what, input_is_used);
        input_is_used = "standard input has been read already";
        return read_stream(what, "standard input", stdin, out);
    }
    if (argument[0] != '@') {
        out->length = strlen(argument);
        out->bytes = strdup(argument);
        return out->bytes ? STATUS_DONE : fail_memory();
    }
    FILE *file = fopen(argument + 1, "rbe");
    if (!file)
        return fail("%s: %s: %s", what, argument + 1, strerror(errno));
    int status = read_stream(what, argument + 1, file, out);
    fclose(file);
    return status;
}

int read_string(const char *what, const char *argument, text *out)
{
    int status = read_text(what, argument, out);
    if (status)
        return status;
    const char *nul = memchr(out->bytes, 0, out->length);
    if (!nul)
        return STATUS_DONE;
    status = fail("%s: a NUL at byte %td", what, nul - out->bytes);
    free(out->bytes);
    out->bytes = NULL;
    return status;
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

static int parse_value(const char *what, const char *start, size_t place, float *out)
{
    size_t length = strcspn(start, ",");
    while (length && isspace((unsigned char)start[length - 1]))
        length--;
    if (length == 0)
        return fail("%s: value %zu is empty", what, place);
    const char *wrong = parse_float(start, start + length, out);
    return wrong ? fail("%s: value %zu, \"%.*s\", %s", what, place,
                        length < 60 ? (int)length : 60, start, wrong)
                 : STATUS_DONE;
}

static int parse_vector(const char *what, const text *source, floats *out)
{
    size_t count = 1;
    if (memchr(source->bytes, 0, source->length))
        return fail("%s: there is a NUL in it", what);
    if (*skip_spaces(source->bytes) == 0)
        return fail("%s: it is empty", what);
    for (const char *p = source->bytes; *p; p++)
        count += *p == ',';
    out->values = calloc(count, sizeof *out->values);
    if (!out->values)
        return fail_memory();
    out->count = count;
    const char *p = source->bytes;
    for (size_t i = 0; i < count; i++) {
        p = skip_spaces(p);
        if (parse_value(what, p, i + 1, &out->values[i])) {
            free(out->values);
            out->values = NULL;
            return STATUS_FAILED;
        }
        p += strcspn(p, ",") + 1;
    }
    return STATUS_DONE;
}

/* "[1,2]", as JSON has it, becomes " 1,2 ". */
static void drop_brackets(text *source)
{
    char *first = source->bytes, *last = source->bytes + source->length;
    while (isspace((unsigned char)*first))
        first++;
    while (last > first && isspace((unsigned char)last[-1]))
        last--;
    if (last - first >= 2 && *first == '[' && last[-1] == ']')
        *first = last[-1] = ' ';
}

int read_vector(const char *what, const char *argument, floats *out)
{
    text source;
    int status = read_text(what, argument, &source);
    if (status)
        return status;
    drop_brackets(&source);
    status = parse_vector(what, &source, out);
    free(source.bytes);
    return status;
}

int read_filter(const char *argument, vdb_filter **out)
{
    text source;
    *out = NULL;
    if (!argument)
        return STATUS_DONE;
    int status = read_text("filter", argument, &source);
    if (status)
        return status;
    if (*skip_spaces(source.bytes) != '{')
        status =
            fail("filter: it is no JSON object, such as {\"op\": \"eq\", \"field\": "
                 "\"kind\", \"value\": \"fruit\"}");
    else if (vdb_filter_parse(NULL, source.bytes, source.length, out))
        status = fail_library();
    free(source.bytes);
    return status;
}

int parse_whole(const char *what, const char *argument, uint64_t least, uint64_t most,
                uint64_t *out)
{
    const char *end = argument + strspn(argument, "0123456789");
    errno = 0;
    unsigned long long value = strtoull(argument, NULL, 10);
    if (end == argument || *end || errno || value < least || value > most)
        return fail("%s: \"%.60s\" is not a whole number from %llu to %llu", what,
                    argument, (unsigned long long)least, (unsigned long long)most);
    *out = value;
    return STATUS_DONE;
}

int parse_name(const char *what, const char *argument, const char *const *names,
               size_t *out)
{
    char known[200] = "";
    for (size_t i = 0; names[i]; i++) {
        if (strcmp(names[i], argument) == 0) {
            *out = i;
            return STATUS_DONE;
        }
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
    }
    return fail("%s: \"%.60s\" is none of %s", what, argument, known);
}

int parse_share(const char *what, const char *argument, float *out)
{
    float value = 0;
    if (parse_float(argument, argument + strlen(argument), &value) || !(value > 0) ||
        value > 1)
        return fail("%s: \"%.60s\" is not a number above 0 and at most 1", what,
                    argument);
    *out = value;
    return STATUS_DONE;
}
