/* json_body.c: see json_body.h. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "json_body.h"
#include "limits.h"
#include "text/json_members.h"

static const char *type_name(const json_t *value)
{
    static const char *const NAMES[] = {"an object",  "an array", "a string",
                                        "an integer", "a number", "true",
                                        "false",      "null"};
    return NAMES[json_typeof(value)];
}

#define REFUSE(part, status, ...) (refuse_part((part), (status), __VA_ARGS__), false)

static void refuse_part(const json_part *part, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void refuse_part(const json_part *part, unsigned status, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    answer_error(&part->body->r->answer, status, "%s%s", part->where, text);
}

static bool refuse_taking(request *r, taking how, const vector_texts *texts)
{
    if (how == TAKING_TOO_DEEP)
        answer_error(&r->answer, 400, "byte %zu: nested deeper than %d levels",
                     texts->length, JSON_DEPTH_MAX);
    else if (how == TAKING_TOO_MANY)
        answer_error(&r->answer, 413, "more than %d values", JSON_VALUES_MAX);
    else
        answer_error(&r->answer, 503, "out of memory");
    return false;
}

bool json_body_read(json_body *out, request *r, const char *bytes, size_t length,
                    int depth)
{
    json_error_t error;
    memset(out, 0, sizeof *out);
    out->r = r;
    const char *nul = memchr(bytes, 0, length); /* Jansson overlooks some */
    if (nul) {
        answer_error(&r->answer, 400, "byte %td: a NUL", nul - bytes);
        return false;
    }
    taking how = vector_texts_take(&out->texts, bytes, length, depth);
    if (how != TAKING_DONE)
        return refuse_taking(r, how, &out->texts);
    if (!request_reserve(r, out->texts.values * JSON_VALUE_COST))
        return false;
    out->root = json_loadb(out->texts.text, out->texts.length,
                           JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!out->root) {
        size_t place = error.position < 0 ? 0 : (size_t)error.position;
        answer_error(&r->answer, 400, "byte %zu: %s",
                     vector_texts_place(&out->texts, place), error.text);
        return false;
    }
    if (!json_is_object(out->root)) {
        answer_error(&r->answer, 422, "it is %s, not an object", type_name(out->root));
        return false;
    }
    return true;
}

void json_body_free(json_body *b)
{
    json_decref(b->root);
    vector_texts_free(&b->texts);
    memset(b, 0, sizeof *b);
}

json_part json_body_whole(json_body *b)
{
    return (json_part){b, b->root, b->texts.text, ""};
}

/* The text of a member's value.  False: its name is spelt with escapes. */
static bool find_text(const json_part *part, const char *name, const char **text,
                      size_t *length)
{
    json_member member;
    size_t wanted = strlen(name);
    const char *p = part->text;
    while (json_member_next(&p, &member)) {
        if (member.name_length == wanted + 2 &&
            memcmp(member.name + 1, name, wanted) == 0) {
            *text = member.value;
            *length = member.value_length;
            return true;
        }
    }
    return false;
}

static const json_t *find(const json_part *part, const char *name)
{
    const json_t *value = json_object_get(part->object, name);
    return json_is_null(value) ? NULL : value;
}

/* ------------------------------------------------------------------- lists */

bool json_list_begin(json_list *out, const json_part *of, const char *name,
                     const char *unit, size_t most)
{
    size_t length;
    const json_t *array = json_object_get(of->object, name);
    if (!array)
        return REFUSE(of, 422, "\"%s\" is missing", name);
    if (!json_is_array(array))
        return REFUSE(of, 422, "\"%s\" is %s, not an array", name, type_name(array));
    *out = (json_list){of->body, array, NULL, 0, json_array_size(array), unit};
    if (out->count > most)
        return REFUSE(of, 413, "\"%s\" has %zu; at most %zu are taken at once", name,
                      out->count, most);
    if (!find_text(of, name, &out->next, &length))
        return REFUSE(of, 400, "the name \"%s\" must not be spelt with escapes", name);
    return true;
}

bool json_list_next(json_list *list, json_part *out)
{
    json_member element;
    if (list->index == list->count || !json_element_next(&list->next, &element))
        return false;
    *out = (json_part){list->body, json_array_get(list->array, list->index),
                       element.value, ""};
    snprintf(out->where, sizeof out->where, "%s %zu: ", list->unit, list->index);
    list->index++;
    if (!json_is_object(out->object))
        return REFUSE(out, 422, "it is %s, not an object", type_name(out->object));
    return true;
}

/* ----------------------------------------------------------------- members */

bool take_id(const json_part *part, const char **id)
{
    size_t length;
    if (!json_object_get(part->object, "id"))
        return REFUSE(part, 422, "\"id\" is missing");
    if (json_is_null(json_object_get(part->object, "id")))
        return REFUSE(part, 422, "\"id\" is null, not a string");
    return take_string(part, "id", id, &length);
}

static bool refuse_value(const json_part *part, const char *name, size_t at)
{
    return REFUSE(part, 400, "\"%s\": value %zu is not finite as a float32", name, at);
}

/* Numbers that were not taken out of the text: the name has escapes, or one of them is no
 * number, which is told here. */
static bool take_array_slowly(const json_part *part, const json_t *array, size_t *first,
                              size_t *count)
{
    float *values;
    vector_texts *texts = &part->body->texts;
    *count = json_array_size(array);
    *first = texts->float_count;
    if (!vector_texts_add(texts, *count, &values))
        return REFUSE(part, 503, "out of memory");
    for (size_t i = 0; i < *count; i++) {
        const json_t *value = json_array_get(array, i);
        if (!json_is_number(value))
            return REFUSE(part, 422, "\"vector\": value %zu is %s, not a number", i,
                          type_name(value));
        values[i] = (float)json_number_value(value);
        if (!isfinite(values[i]))
            return refuse_value(part, "vector", i);
    }
    return true;
}

/* Base64 that was not taken: the string is escaped, empty, or it is none. */
static bool refuse_base64(const json_part *part, const json_t *text)
{
    size_t length = json_string_length(text), size, at;
    uint8_t *room = malloc(base64_room(length) + 1);
    if (!room)
        return REFUSE(part, 503, "out of memory");
    bool decoded = base64_decode(json_string_value(text), length, room, &size, &at);
    free(room);
    if (!decoded)
        return REFUSE(part, 400, "\"vector_b64\": no base64 at character %zu", at);
    if (size % sizeof(float) != 0)
        return REFUSE(part, 400,
                      "\"vector_b64\": %zu bytes are not a whole number of "
                      "float32",
                      size);
    return REFUSE(part, 400, "\"vector_b64\": %s",
                  size ? "it must be spelt without escapes" : "it is empty");
}

bool has_vector(const json_part *part)
{
    return find(part, "vector") || find(part, "vector_b64");
}

bool take_vector(const json_part *part, size_t *first, size_t *count)
{
    const json_t *array = json_object_get(part->object, "vector");
    const json_t *base64 = find(part, "vector_b64");
    const char *name = base64 ? "vector_b64" : "vector", *text;
    size_t length;
    if (base64 && find(part, "vector"))
        return REFUSE(part, 422, "\"vector\" and \"vector_b64\" exclude each other");
    if (!base64 && !array)
        return REFUSE(part, 422, "\"vector\" is missing");
    if (!base64 && !json_is_array(array))
        return REFUSE(part, 422, "\"vector\" is %s, not an array", type_name(array));
    if (base64 && !json_is_string(base64))
        return REFUSE(part, 422, "\"vector_b64\" is %s, not a string",
                      type_name(base64));
    const taken_vector *taken = NULL;
    if (find_text(part, name, &text, &length))
        taken = vector_texts_find(&part->body->texts,
                                  (size_t)(text - part->body->texts.text));
    if (!taken)
        return base64 ? refuse_base64(part, base64)
                      : take_array_slowly(part, array, first, count);
    if (taken->bad != SIZE_MAX)
        return refuse_value(part, name, taken->bad);
    *first = taken->first;
    *count = taken->count;
    return true;
}

bool take_metadata(const json_part *part, const char **text, size_t *length,
                   char **made)
{
    const json_t *metadata = find(part, "metadata");
    *text = NULL;
    *length = 0;
    *made = NULL;
    if (!metadata)
        return true;
    if (!json_is_object(metadata))
        return REFUSE(part, 422, "\"metadata\" is %s, not an object",
                      type_name(metadata));
    if (find_text(part, "metadata", text, length))
        return true;
    *made = json_dumps(metadata, JSON_COMPACT);
    if (!*made)
        return REFUSE(part, 503, "out of memory");
    *text = *made;
    *length = strlen(*made);
    return true;
}

/* The filter's own words: it is over a limit, or says what is not a filter. */
static void refuse_filter(const json_part *part)
{
    static const char *const LIMITS[] = {"deeper than ", "more than ", "an id has "};
    const char *words = vdb_errmsg();
    unsigned status = 422;
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++)
        if (strstr(words, LIMITS[i]))
            status = 400;
    refuse_part(part, status, "%s", words);
}

bool take_filter(const json_part *part, vdb_filter **out)
{
    const json_t *filter = find(part, "filter");
    const char *text;
    char *made = NULL;
    size_t length;
    *out = NULL;
    if (!filter)
        return true;
    if (!find_text(part, "filter", &text, &length)) {
        made = json_dumps(filter, JSON_COMPACT | JSON_ENCODE_ANY);
        if (!made)
            return REFUSE(part, 503, "out of memory");
        text = made;
        length = strlen(made);
    }
    vdb_status result = vdb_filter_parse(NULL, text, length, out);
    if (result == VDB_INVALID)
        refuse_filter(part);
    else if (result)
        answer_library(&part->body->r->answer, result);
    free(made);
    return result == VDB_OK;
}

bool take_whole(const json_part *part, const char *name, uint64_t least, uint64_t most,
                uint64_t *out)
{
    const json_t *value = find(part, name);
    if (!value)
        return true;
    if (!json_is_integer(value))
        return REFUSE(part, 422, "\"%s\" is %s, not an integer", name,
                      type_name(value));
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number < least || (uint64_t)number > most)
        return REFUSE(part, 400,
                      "%s is %" JSON_INTEGER_FORMAT "; it must be %" PRIu64
                      " to %" PRIu64,
                      name, number, least, most);
    *out = (uint64_t)number;
    return true;
}

bool take_number(const json_part *part, const char *name, double *out, bool *there)
{
    const json_t *value = find(part, name);
    *there = value != NULL;
    if (!value)
        return true;
    if (!json_is_number(value))
        return REFUSE(part, 422, "\"%s\" is %s, not a number", name, type_name(value));
    *out = json_number_value(value);
    return true;
}

bool take_flag(const json_part *part, const char *name, bool *out)
{
    const json_t *value = find(part, name);
    if (!value)
        return true;
    if (!json_is_boolean(value))
        return REFUSE(part, 422, "\"%s\" is %s, not true or false", name,
                      type_name(value));
    *out = json_is_true(value);
    return true;
}

bool take_string(const json_part *part, const char *name, const char **out,
                 size_t *length)
{
    const json_t *value = find(part, name);
    if (!value)
        return true;
    if (!json_is_string(value))
        return REFUSE(part, 422, "\"%s\" is %s, not a string", name, type_name(value));
    *out = json_string_value(value);
    *length = json_string_length(value);
    return true;
}
