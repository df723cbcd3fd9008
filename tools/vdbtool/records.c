/* records.c: insert, get, delete, list and count. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "complain.h"
#include "creating.h"
#include "format.h"
#include "text/float_text.h"
#include "opening.h"
#include "values.h"

/* A new file is made only for what will be accepted, so that a mistake leaves no
 * empty database behind: the record is stored in memory first. */
static int rehearse(const vdb_options *options, const char *id, const floats *vector,
                    const char *metadata)
{
    vdb *memory;
    int status = STATUS_DONE;
    if (vdb_open(":memory:", options, &memory))
        return fail_library();
    if (vdb_insert(memory, id, vector->values, vector->count, metadata))
        status = fail_library();
    return close_database(memory, status);
}

static int insert_record(const arguments *args, const vdb_options *options,
                         const floats *vector, const char *metadata)
{
    vdb *db = NULL;
    bool created = false;
    const char *path = args->operands[0], *id = args->operands[1];
    int status = open_if_there(path, options, &db);
    if (!status && !db) {
        status = rehearse(options, id, vector, metadata);
        if (!status)
            status = open_or_create(path, options, &db, &created);
    }
    if (!status && vdb_insert(db, id, vector->values, vector->count, metadata))
        status = fail_library();
    if (status && created) {
        remove_created(path, db);
        return status;
    }
    return close_database(db, status);
}

/* What became of an id. */
static void print_done(const arguments *args, const char *id, const char *words,
                       const char *word)
{
    if (args->given[OPTION_JSON]) {
        fputs("{\"id\":", stdout);
        put_json_string(stdout, id, strlen(id));
        printf(",\"status\":\"%s\"}\n", word);
        return;
    }
    fputs(words, stdout);
    put_plain(stdout, id, strlen(id));
    putchar('\n');
}

int run_insert(const arguments *args)
{
    vdb_options options;
    floats vector = {NULL, 0};
    text metadata = {NULL, 0};
    if (!args->given[OPTION_VECTOR])
        return fail_usage("insert", "insert: --vector is missing");
    int status = read_options(args, &options);
    if (!status)
        status = read_vector("vector", args->values[OPTION_VECTOR], &vector);
    if (!status && args->values[OPTION_METADATA])
        status = read_string("metadata", args->values[OPTION_METADATA], &metadata);
    if (!status)
        status = insert_record(args, &options, &vector, metadata.bytes);
    if (!status)
        print_done(args, args->operands[1], "Inserted vector with ID: ", "inserted");
    free(vector.values);
    free(metadata.bytes);
    return status;
}

/* What a call that names an id returned. */
static int fail_id(vdb_status result, const char *id)
{
    return result == VDB_NOT_FOUND ? fail("Vector not found: %s", id) : fail_library();
}

static void print_record(const vdb_record *record)
{
    size_t id_length, metadata_length, dim;
    char number[FLOAT_TEXT_BYTES];
    const char *id = vdb_record_id(record, &id_length);
    const char *metadata = vdb_record_metadata(record, &metadata_length);
    const float *vector = vdb_record_vector(record, &dim);
    fputs("ID: ", stdout);
    put_plain(stdout, id, id_length);
    printf("\nDimension: %zu\nVector: ", dim);
    for (size_t i = 0; i < dim; i++) {
        float_text(vector[i], number);
        printf("%s%s", i ? "," : "", number);
    }
    if (metadata) {
        fputs("\nMetadata: ", stdout);
        put_plain(stdout, metadata, metadata_length);
    }
    putchar('\n');
}

static void print_record_json(const vdb_record *record)
{
    size_t id_length, metadata_length, dim;
    const char *id = vdb_record_id(record, &id_length);
    const char *metadata = vdb_record_metadata(record, &metadata_length);
    const float *vector = vdb_record_vector(record, &dim);
    fputs("{\"id\":", stdout);
    put_json_string(stdout, id, id_length);
    printf(",\"dimension\":%zu,\"vector\":", dim);
    put_json_vector(stdout, vector, dim);
    if (metadata) {
        fputs(",\"metadata\":", stdout);
        put_json_line(stdout, metadata, metadata_length);
    }
    fputs("}\n", stdout);
}

int run_get(const arguments *args)
{
    vdb *db;
    vdb_record *record;
    int status = open_to_read(args, &db);
    if (status)
        return status;
    vdb_status result = vdb_get(db, args->operands[1], NULL, &record);
    if (result)
        status = fail_id(result, args->operands[1]);
    else if (args->given[OPTION_JSON])
        print_record_json(record);
    else
        print_record(record);
    vdb_record_free(record);
    return close_database(db, status);
}

int run_delete(const arguments *args)
{
    vdb *db;
    const char *id = args->operands[1];
    int status = open_to_write(args, &db);
    if (status)
        return status;
    vdb_status result = vdb_delete(db, id);
    if (result)
        status = fail_id(result, id);
    status = close_database(db, status);
    if (!status)
        print_done(args, id, "Deleted vector with ID: ", "deleted");
    return status;
}

/* What to do with each id of a list; NULL: only count. */
typedef void (*id_printer)(const char *id, size_t length, uint64_t index);

static void print_id(const char *id, size_t length, uint64_t index)
{
    (void)index;
    fputs("  - ", stdout);
    put_plain(stdout, id, length);
    putchar('\n');
}

static void print_id_json(const char *id, size_t length, uint64_t index)
{
    if (index)
        putchar(',');
    put_json_string(stdout, id, length);
}

/* Walk at most `limit` ids; *count becomes how many there were. */
static int walk_ids(vdb *db, const vdb_cursor_options *options, uint64_t limit,
                    id_printer print, uint64_t *count)
{
    vdb_cursor *cursor;
    *count = 0;
    if (vdb_cursor_open(db, options, &cursor))
        return fail_library();
    int status = STATUS_DONE;
    while (*count < limit && !ferror(stdout)) {
        const vdb_record *record;
        size_t length;
        if (vdb_cursor_next(cursor, &record)) {
            status = fail_library();
            break;
        }
        if (!record)
            break;
        const char *id = vdb_record_id(record, &length);
        if (print)
            print(id, length, *count);
        ++*count;
    }
    vdb_cursor_free(cursor);
    return status;
}

/* The head of a list tells numbers, so the ids are counted before they are printed,
 * in the same instant: nobody writes beside a reader. */
static int list_text(vdb *db, const vdb_cursor_options *options, uint64_t limit)
{
    uint64_t total, shown;
    if (vdb_count(db, NULL, NULL, &total))
        return fail_library();
    if (total == 0) {
        puts("No vectors in store");
        return STATUS_DONE;
    }
    int status = walk_ids(db, options, limit, NULL, &shown);
    if (status)
        return status;
    if (shown == total)
        printf("Vector IDs (%llu total):\n", (unsigned long long)total);
    else
        printf("Vector IDs (%llu total, %llu shown):\n", (unsigned long long)total,
               (unsigned long long)shown);
    return walk_ids(db, options, limit, print_id, &shown);
}

int run_list(const arguments *args)
{
    vdb *db;
    uint64_t limit = UINT64_MAX, shown;
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    options.prefix = args->values[OPTION_PREFIX];
    options.after = args->values[OPTION_AFTER];
    options.flags = VDB_CURSOR_IDS_ONLY;
    int status = STATUS_DONE;
    if (args->values[OPTION_LIMIT])
        status =
            parse_whole("--limit", args->values[OPTION_LIMIT], 0, UINT64_MAX, &limit);
    if (!status)
        status = open_to_read(args, &db);
    if (status)
        return status;
    if (args->given[OPTION_JSON]) {
        putchar('[');
        status = walk_ids(db, &options, limit, print_id_json, &shown);
        puts("]");
    } else {
        status = list_text(db, &options, limit);
    }
    return close_database(db, status);
}

int run_count(const arguments *args)
{
    vdb *db = NULL;
    vdb_filter *filter;
    uint64_t count;
    int status = read_filter(args->values[OPTION_FILTER], &filter);
    if (!status)
        status = open_to_read(args, &db);
    if (!status) {
        if (vdb_count(db, filter, NULL, &count))
            status = fail_library();
        else
            printf("%llu\n", (unsigned long long)count);
    }
    vdb_filter_free(filter);
    return close_database(db, status);
}
