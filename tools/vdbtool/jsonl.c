/* jsonl.c: reading lines of {"id": ..., "vector": [...], "metadata": {...}}.
 *
 * Jansson checks the line; the metadata is then cut out of it as it stands, since the
 * library keeps the bytes it is given.  Other members are ignored, so are blank lines.
 */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "formats.h"
#include "text/json_members.h"
#include "lines.h"

typedef struct jsonl {
    row_source base;
    lines source;
    bool ids_needed;
    uint64_t next;       /* index of the next row */
    json_t *object;      /* of the line in hand */
    char *made_metadata; /* of it, when it could not be cut out */
    float *vector;
    size_t dim; /* of the first line; 0 before it */
} jsonl;

#define FAIL_LINE(source, format, ...)                                                 \
    fail("%s: line %" PRIu64 ": " format, (source)->source.path,                       \
         (source)->source.number, __VA_ARGS__)

static const char *type_name(const json_t *value)
{
    static const char *const NAMES[] = {"an object",  "an array", "a string",
                                        "an integer", "a number", "true",
                                        "false",      "null"};
    return NAMES[json_typeof(value)];
}

/* The text of member "metadata".  NULL: its name is spelt with escapes. */
static const char *cut_metadata(const char *line, size_t *length)
{
    static const char NAME[] = "\"metadata\"";
    json_member member;
    while (json_member_next(&line, &member)) {
        if (member.name_length == sizeof NAME - 1 &&
            memcmp(member.name, NAME, sizeof NAME - 1) == 0) {
            *length = member.value_length;
            return member.value;
        }
    }
    return NULL;
}

static int take_id(jsonl *source, row *out)
{
    const json_t *id = json_object_get(source->object, "id");
    if (!id && !source->ids_needed)
        return STATUS_DONE;
    if (!id)
        return FAIL_LINE(source, "%s", "\"id\" is missing");
    if (!json_is_string(id))
        return FAIL_LINE(source, "\"id\" is %s, not a string", type_name(id));
    out->id = json_string_value(id);
    out->id_length = json_string_length(id);
    return STATUS_DONE;
}

static int take_vector(jsonl *source, row *out)
{
    const json_t *vector = json_object_get(source->object, "vector");
    if (!vector)
        return FAIL_LINE(source, "%s", "\"vector\" is missing");
    if (!json_is_array(vector))
        return FAIL_LINE(source, "\"vector\" is %s, not an array", type_name(vector));
    size_t dim = json_array_size(vector);
    if (dim == 0)
        return FAIL_LINE(source, "%s", "\"vector\" is empty");
    if (source->dim && dim != source->dim)
        return FAIL_LINE(source,
                         "\"vector\" has %zu values, but in the lines before %zu", dim,
                         source->dim);
    if (!source->vector)
        source->vector = malloc(dim * sizeof *source->vector);
    if (!source->vector)
        return fail_memory();
    source->dim = dim;
    for (size_t i = 0; i < dim; i++) {
        const json_t *value = json_array_get(vector, i);
        if (!json_is_number(value))
            return FAIL_LINE(source, "\"vector\": value %zu is %s, not a number", i + 1,
                             type_name(value));
        double wide = json_number_value(value);
        source->vector[i] = (float)wide;
        if (isinf(source->vector[i]))
            return FAIL_LINE(
                source, "\"vector\": value %zu, %g, is beyond the range of float32",
                i + 1, wide);
    }
    out->vector = source->vector;
    out->dim = dim;
    return STATUS_DONE;
}

static int take_metadata(jsonl *source, const char *line, row *out)
{
    const json_t *metadata = json_object_get(source->object, "metadata");
    if (!metadata || json_is_null(metadata))
        return STATUS_DONE;
    if (!json_is_object(metadata))
        return FAIL_LINE(source, "\"metadata\" is %s, not an object",
                         type_name(metadata));
    out->metadata = cut_metadata(line, &out->metadata_length);
    if (!out->metadata) {
        source->made_metadata = json_dumps(metadata, JSON_COMPACT);
        if (!source->made_metadata)
            return fail_memory();
        out->metadata = source->made_metadata;
        out->metadata_length = strlen(out->metadata);
    }
    return STATUS_DONE;
}

static void drop_line(jsonl *source)
{
    json_decref(source->object);
    free(source->made_metadata);
    source->object = NULL;
    source->made_metadata = NULL;
}

static int jsonl_next(row_source *self, row *out)
{
    jsonl *source = (jsonl *)self;
    const char *line;
    size_t length;
    json_error_t error;
    do {
        int got = lines_next(&source->source, &line, &length);
        if (got <= 0)
            return got;
    } while (strspn(line, " \t\r") == length);
    drop_line(source);
    source->object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
    if (!source->object) {
        FAIL_LINE(source, "byte %d: %s", error.position, error.text);
        return -1;
    }
    if (!json_is_object(source->object)) {
        FAIL_LINE(source, "it is %s, not an object", type_name(source->object));
        return -1;
    }
    out->number = source->source.number;
    if (take_id(source, out) || take_vector(source, out) ||
        take_metadata(source, line, out))
        return -1;
    out->index = source->next++;
    self->bytes = source->source.bytes;
    return 1;
}

static void jsonl_free(row_source *self)
{
    jsonl *source = (jsonl *)self;
    drop_line(source);
    lines_close(&source->source);
    free(source->vector);
    free(source);
}

static const row_source_kind KIND = {"line", NULL, jsonl_next, jsonl_free};

int jsonl_open(FILE *file, const char *path, bool ids_needed, row_source **out)
{
    jsonl *made = row_source_new(sizeof *made, &KIND, file, path);
    *out = NULL;
    if (!made)
        return STATUS_FAILED;
    made->base.has_ids = true;
    made->base.has_metadata = true;
    made->ids_needed = ids_needed;
    lines_take(&made->source, file, path);
    *out = &made->base;
    return STATUS_DONE;
}
