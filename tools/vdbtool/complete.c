/* complete.c: see complete.h. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "complete.h"

enum {
    RECORDS_LOOKED_AT = 200, /* for the names of fields */
    FIELDS_MAX = 1000,
    FIELD_BYTES = 256, /* a longer name is not offered */
    LEVELS_MAX = 8     /* of nested objects */
};

static void add(candidates *out, const char *name, const char *word, size_t length)
{
    if (strncmp(name, word, length) != 0)
        return;
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->list[i], name) == 0)
            return;
    char **larger = realloc(out->list, (out->count + 1) * sizeof *larger);
    if (!larger)
        return;
    out->list = larger;
    out->list[out->count] = strdup(name);
    if (out->list[out->count])
        out->count++;
}

static void add_commands(candidates *out, const char *word, size_t length)
{
    static const char *const OWN[] = {"help", "quit", "exit"};
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, "shell") != 0)
            add(out, COMMANDS[i].name, word, length);
    for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++)
        add(out, OWN[i], word, length);
}

static void add_options(candidates *out, const char *line, const char *word,
                        size_t length)
{
    char name[16] = "";
    const char *option;
    sscanf(line, " %15s", name);
    const command *which = find_command(name);
    for (size_t i = 0; which && (option = option_of(which, i)) != NULL; i++)
        add(out, option, word, length);
}

/* The members of an object, and of those within it, as paths "a.b". */
static void add_fields(candidates *out, json_t *object, const char *prefix,
                       const char *word, size_t length, int level)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char path[FIELD_BYTES];
        int bytes = snprintf(path, sizeof path, "%s%s", prefix, key);
        if (bytes >= (int)sizeof path - 1 || out->count >= FIELDS_MAX)
            continue;
        add(out, path, word, length);
        strcat(path, ".");
        if (json_is_object(value) && level < LEVELS_MAX)
            add_fields(out, value, path, word, length, level + 1);
    }
}

static void add_fields_of(candidates *out, vdb *db, const char *word, size_t length)
{
    vdb_cursor *cursor;
    const vdb_record *record;
    if (!db || vdb_cursor_open(db, NULL, &cursor))
        return;
    for (int i = 0; i < RECORDS_LOOKED_AT; i++) {
        size_t bytes;
        if (vdb_cursor_next(cursor, &record) || !record)
            break;
        const char *metadata = vdb_record_metadata(record, &bytes);
        json_t *object = metadata ? json_loadb(metadata, bytes, 0, NULL) : NULL;
        add_fields(out, object, "", word, length, 0);
        json_decref(object);
    }
    vdb_cursor_free(cursor);
}

/* Whether a filter's "field": " stands before the word, with or without blanks. */
static bool is_field(const char *line, size_t start)
{
    static const char NAME[] = "\"field\"";
    size_t at = start;
    if (at == 0 || line[--at] != '"')
        return false;
    while (at > 0 && line[at - 1] == ' ')
        at--;
    if (at == 0 || line[--at] != ':')
        return false;
    while (at > 0 && line[at - 1] == ' ')
        at--;
    return at >= sizeof NAME - 1 &&
           memcmp(line + at - (sizeof NAME - 1), NAME, sizeof NAME - 1) == 0;
}

void complete(const char *line, size_t start, size_t end, vdb *db, candidates *out)
{
    size_t first = strspn(line, " \t"), length = end - start;
    const char *word = line + start;
    memset(out, 0, sizeof *out);
    out->behind = ' ';
    if (is_field(line, start)) {
        out->behind = '"';
        add_fields_of(out, db, word, length);
    } else if (start == first || strncmp(line + first, "help ", 5) == 0) {
        add_commands(out, word, length);
    } else if (word[0] == '-') {
        add_options(out, line, word, length);
    }
}

void candidates_clear(candidates *out)
{
    for (size_t i = 0; i < out->count; i++)
        free(out->list[i]);
    free(out->list);
    memset(out, 0, sizeof *out);
}
