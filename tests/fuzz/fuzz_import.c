/* fuzz_import.c: arbitrary bytes as a file to be imported: fvecs, bvecs, jsonl, npy, csv.
 *
 *   byte 0    the format
 *   byte 1    IMPORT_* options of reading
 *   the rest  the file
 *
 * A row that a reader gives is one that the library takes, or refuses for what only it
 * can know: an id or metadata beyond its limits, a value that is not finite. */
#include "harness.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "reader.h"

enum {
    IMPORT_QUERIES = 1,
    IMPORT_QUOTED = 2,
    IMPORT_SEMICOLON = 4,
    IMPORT_ID_COLUMN = 8,
    IMPORT_VECTOR_COLUMNS = 16,
    IMPORT_MEASURE = 32,
    IMPORT_LENGTH_UNKNOWN = 64,
    IMPORT_PREFIX = 2,
    ROWS_MAX = 1000 /* of one input: csv needs two bytes for a row */
};

static void require_metadata(const row *next)
{
    json_t *metadata;

    if (!next->metadata)
        return;
    metadata = json_loadb(next->metadata, next->metadata_length,
                          JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    REQUIRE(metadata == NULL || json_is_object(metadata));
    json_decref(metadata);
}

static vdb_status store(vdb *db, const row *next)
{
    vdb_rows rows = VDB_ROWS_INIT;
    char number[32];
    const char *id = next->id;
    size_t length = next->id_length;

    if (!id) {
        length = (size_t)snprintf(number, sizeof number, "%llu",
                                  (unsigned long long)next->index);
        id = number;
    }
    rows.count = 1;
    rows.dim = next->dim;
    rows.ids = &id;
    rows.id_lengths = &length;
    rows.vectors = next->vector;
    rows.metadata = &next->metadata;
    rows.metadata_lengths = &next->metadata_length;
    return vdb_put(db, &rows, NULL, NULL);
}

static void require_rows(reader *source, vdb *db)
{
    row next;
    size_t dim = 0;
    int got = 0;

    for (uint64_t i = 0; i < ROWS_MAX; i++) {
        double sum = 0;
        vdb_status st;
        memset(&next, 0, sizeof next);
        got = reader_next(source, &next);
        if (got <= 0)
            break;
        REQUIRE(next.index == i && next.number >= 1);
        REQUIRE(next.dim >= 1 && (dim == 0 || next.dim == dim));
        dim = next.dim;
        for (size_t d = 0; d < dim; d++)
            sum += (double)next.vector[d];
        require_metadata(&next);
        st = store(db, &next);
        harness_require_told(st);
        REQUIRE(st == VDB_OK || st == VDB_INVALID || st == VDB_FULL);
        REQUIRE(st == VDB_OK || !isfinite(sum) || next.id || next.metadata ||
                dim > VDB_DIMENSION_MAX);
    }
    REQUIRE(got >= 0 || complain_last()[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader_options options = {0};
    vdb_options open_options = VDB_OPTIONS_INIT;
    vdb_env_options env_options = VDB_ENV_OPTIONS_INIT;
    size_t formats = 0;
    reader *source = NULL;
    vdb_env *env;
    FILE *file;
    vdb *db;

    if (size <= IMPORT_PREFIX)
        return 0;
    while (READER_FORMATS[formats])
        formats++;
    complain_silently();
    options.format = READER_FORMATS[data[0] % formats];
    options.queries = data[1] & IMPORT_QUERIES;
    options.guess_quoted = data[1] & IMPORT_QUOTED;
    options.delimiter = data[1] & IMPORT_SEMICOLON ? ';' : 0;
    options.id_column = data[1] & IMPORT_ID_COLUMN ? "name" : NULL;
    options.vector_columns = data[1] & IMPORT_VECTOR_COLUMNS ? "x,y" : NULL;
    env_options.allocator = harness_allocator();
    REQUIRE(vdb_env_new(&env_options, &env) == VDB_OK);
    open_options.env = env;
    open_options.threads = 1;
    REQUIRE(vdb_open(":memory:", &open_options, &db) == VDB_OK);
    file =
        fmemopen((void *)(uintptr_t)(data + IMPORT_PREFIX), size - IMPORT_PREFIX, "rb");
    REQUIRE(file != NULL);
    if (reader_open_stream(file, "input",
                           data[1] & IMPORT_LENGTH_UNKNOWN ? 0 : size - IMPORT_PREFIX,
                           &options, &source) == 0) {
        if (!(data[1] & IMPORT_MEASURE) || reader_measure(source) == 0)
            require_rows(source, db);
    } else {
        REQUIRE(source == NULL && complain_last()[0]);
    }
    reader_free(source);
    REQUIRE(vdb_close(db) == VDB_OK);
    vdb_env_free(env);
    harness_require_no_leak();
    return 0;
}
