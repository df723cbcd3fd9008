/* csv_writer.c: records as CSV that csv_rows.c reads back: the id, a column for each key
 * of metadata that occurs, the vector as "[1,2]".
 *
 * Strings stand in quotes and numbers do not, as csv_cells.h tells them apart; a string
 * that would be taken for JSON is written as a JSON string.  Numbers, arrays and objects
 * are written as they stand in the metadata.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "csv.h"
#include "csv_cells.h"
#include "format.h"
#include "text/json_members.h"
#include "writer.h"

typedef struct cell {
    const char *text; /* NULL: the record has no such member */
    size_t length;
    bool is_string;
    bool is_quoted;
} cell;

typedef struct csv_writer {
    writer base;
    json_t *keys; /* each with its place among the columns, in the same order */
    cell *cells;  /* of the record in hand, one for each key */
} csv_writer;

enum {
    /* The id and the vector are columns, too. */
    KEYS_MAX = CSV_FIELDS_MAX - 2
};

static void csv_clear(writer *self)
{
    csv_writer *mine = (csv_writer *)self;
    json_decref(mine->keys);
    free(mine->cells);
}

static json_t *parse(const vdb_record *record, const char **text)
{
    size_t length;
    json_error_t error;
    *text = vdb_record_metadata(record, &length);
    if (!*text)
        return NULL;
    json_t *metadata = json_loadb(*text, length, 0, &error);
    if (!metadata)
        fail("metadata of %.200s: %s", vdb_record_id(record, NULL), error.text);
    return metadata;
}

static int add_key(csv_writer *mine, const char *key)
{
    if (json_object_get(mine->keys, key))
        return STATUS_DONE;
    size_t count = json_object_size(mine->keys);
    if (key[0] == 0 || strcmp(key, "_id") == 0 || strcmp(key, "_vector") == 0)
        return fail("the metadata have a key \"%s\", which csv has no column for; "
                    "export as jsonl",
                    key);
    if (count == KEYS_MAX)
        return fail("the metadata have more than %d keys, too many for columns of csv; "
                    "export as jsonl",
                    KEYS_MAX);
    return json_object_set_new(mine->keys, key, json_integer((json_int_t)count))
               ? fail_memory()
               : STATUS_DONE;
}

static int csv_look(writer *self, const vdb_record *record)
{
    csv_writer *mine = (csv_writer *)self;
    const char *text, *key;
    json_t *value;
    if (!mine->keys)
        mine->keys = json_object();
    json_t *metadata = mine->keys ? parse(record, &text) : NULL;
    int status = !mine->keys ? fail_memory() : text && !metadata ? STATUS_FAILED : 0;
    json_object_foreach(metadata, key, value)
    {
        if (!status)
            status = add_key(mine, key);
    }
    json_decref(metadata);
    return status;
}

static void put_quoted(FILE *file, const char *bytes, size_t length)
{
    putc('"', file);
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '"')
            putc('"', file);
        putc(bytes[i], file);
    }
    putc('"', file);
}

/* An id or a column's name: in quotes where it must be. */
static void put_name(FILE *file, const char *bytes, size_t length)
{
    bool quoted = length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0;
    for (size_t i = 0; i < length && !quoted; i++)
        quoted = strchr(",\"\r\n", bytes[i]) != NULL;
    if (quoted)
        put_quoted(file, bytes, length);
    else
        fwrite(bytes, 1, length, file);
}

static int csv_begin(writer *self, uint64_t count, size_t dim)
{
    csv_writer *mine = (csv_writer *)self;
    const char *key;
    json_t *place;
    (void)count;
    (void)dim;
    mine->cells = calloc(json_object_size(mine->keys) + 1, sizeof *mine->cells);
    if (!mine->cells)
        return fail_memory();
    fputs(json_object_get(mine->keys, "id") ? "_id" : "id", self->file);
    json_object_foreach(mine->keys, key, place)
    {
        putc(',', self->file);
        put_name(self->file, key, strlen(key));
    }
    fputs(json_object_get(mine->keys, "vector") ? ",_vector\n" : ",vector\n",
          self->file);
    return STATUS_DONE;
}

/* A string as a JSON string in quotes. */
static int put_json_cell(FILE *file, const cell *told)
{
    char *json = NULL;
    size_t length;
    FILE *out = open_memstream(&json, &length);
    if (out)
        put_json_string(out, told->text, told->length);
    if (!out || fclose(out)) {
        free(json);
        return fail_memory();
    }
    put_quoted(file, json, length);
    free(json);
    return STATUS_DONE;
}

static int put_cell(FILE *file, const cell *told)
{
    putc(',', file);
    if (!told->text)
        return STATUS_DONE;
    if (told->is_string && csv_text_is_json(told->text, told->length))
        return put_json_cell(file, told);
    if (told->is_quoted)
        put_quoted(file, told->text, told->length);
    else
        fwrite(told->text, 1, told->length, file);
    return STATUS_DONE;
}

/* The members in the order of the text are those of Jansson's object, which keeps it. */
static void gather(csv_writer *mine, const char *text, json_t *metadata)
{
    const char *key;
    json_t *value;
    json_member member;
    memset(mine->cells, 0, json_object_size(mine->keys) * sizeof *mine->cells);
    json_object_foreach(metadata, key, value)
    {
        if (!json_member_next(&text, &member))
            return;
        cell *made = &mine->cells[json_integer_value(json_object_get(mine->keys, key))];
        made->is_string = json_is_string(value);
        made->is_quoted =
            made->is_string || json_is_object(value) || json_is_array(value);
        made->text = made->is_string ? json_string_value(value) : member.value;
        made->length =
            made->is_string ? json_string_length(value) : member.value_length;
    }
}

static int csv_put(writer *self, const vdb_record *record)
{
    csv_writer *mine = (csv_writer *)self;
    size_t length, dim;
    const char *text;
    const float *vector = vdb_record_vector(record, &dim);
    json_t *metadata = parse(record, &text);
    if (text && !metadata)
        return STATUS_FAILED;
    const char *id = vdb_record_id(record, &length);
    put_name(self->file, id, length);
    gather(mine, text, metadata);
    int status = STATUS_DONE;
    for (size_t i = 0; i < json_object_size(mine->keys) && !status; i++)
        status = put_cell(self->file, &mine->cells[i]);
    json_decref(metadata);
    fputs(",\"", self->file);
    put_json_vector(self->file, vector, dim);
    fputs("\"\n", self->file);
    return status;
}

const writer_kind CSV_WRITER = {"csv",    true,      false,   sizeof(csv_writer),
                                csv_look, csv_begin, csv_put, csv_clear};
