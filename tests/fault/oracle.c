/* oracle.c: the model, and reading a database against it. */
#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faultfs.h"

static uint64_t hash_bytes(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return fault_mix(hash, size) | 1;
}

/* Most ids are short; some are long enough to fill a tree's pages quickly. */
const char *oracle_id(unsigned n, char id[ORACLE_ID_SIZE])
{
    size_t length = (size_t)snprintf(id, ORACLE_ID_SIZE, "id-%04u", n);
    size_t padded = n % 61 == 60 ? 1024 : n % 7 == 6 ? 90 : length;

    while (length < padded)
        id[length++] = 'x';
    id[length] = 0;
    return id;
}

void oracle_vector(unsigned n, unsigned version, float *vector, size_t dim)
{
    uint64_t state = fault_mix(n, version);

    for (size_t i = 0; i < dim; i++)
        vector[i] = (float)(fault_random(&state) >> 40) / 8388608.0f - 1.0f;
}

static int kind_of(unsigned n, unsigned version)
{
    uint64_t mixed = fault_mix(n * 31u + 7u, version);

    return mixed % 8 == 7 ? -1 : (int)(mixed / 8 % ORACLE_KINDS);
}

const char *oracle_metadata(unsigned n, unsigned version, char json[ORACLE_JSON_SIZE])
{
    int kind = kind_of(n, version);

    if (kind < 0)
        return NULL;
    snprintf(json, ORACLE_JSON_SIZE,
             "{\"kind\": \"k%d\", \"n\": %u, \"version\": %u, \"text\": \"%*s\"}", kind,
             n, version, (int)(fault_mix(version, n) % 200), "t");
    return json;
}

/* ------------------------------------------------------------------- states */

void oracle_init(oracle *o, size_t dim, bool durable)
{
    memset(o, 0, sizeof *o);
    o->dim = dim;
    o->durable = durable;
    o->count = 1;
}

oracle_state oracle_sum(const oracle_row *rows)
{
    oracle_state state = {0, 0};

    for (unsigned n = 0; n < ORACLE_ROWS; n++) {
        if (!rows[n].there)
            continue;
        state.count++;
        state.hash += fault_mix(fault_mix(n, rows[n].vector), rows[n].metadata);
    }
    return state;
}

bool oracle_same(oracle_state a, oracle_state b)
{
    return a.hash == b.hash && a.count == b.count;
}

void oracle_begin(oracle *o)
{
    memcpy(o->next, o->rows, sizeof o->next);
}

void oracle_set_metadata(oracle *o, unsigned n, unsigned version)
{
    char json[ORACLE_JSON_SIZE];
    const char *metadata = oracle_metadata(n, version, json);

    o->next[n].metadata = metadata ? hash_bytes(metadata, strlen(metadata)) : 0;
    o->next[n].kind = kind_of(n, version);
}

void oracle_put(oracle *o, unsigned n, unsigned version)
{
    float vector[ORACLE_DIM_MAX];

    oracle_vector(n, version, vector, o->dim);
    o->next[n].there = true;
    o->next[n].vector = hash_bytes(vector, o->dim * sizeof *vector);
    oracle_set_metadata(o, n, version);
}

void oracle_delete(oracle *o, unsigned n)
{
    memset(&o->next[n], 0, sizeof o->next[n]);
}

size_t oracle_delete_kind(oracle *o, int kind)
{
    size_t count = 0;

    for (unsigned n = 0; n < ORACLE_ROWS; n++)
        if (o->next[n].there && o->next[n].kind == kind) {
            oracle_delete(o, n);
            count++;
        }
    return count;
}

void oracle_pend(oracle *o)
{
    if (o->count == ORACLE_STATES) {
        fputs("oracle: a scenario with too many commits\n", stderr);
        exit(2);
    }
    o->states[o->count++] = oracle_sum(o->next);
}

void oracle_commit(oracle *o)
{
    oracle_pend(o);
    memcpy(o->rows, o->next, sizeof o->rows);
    if (o->durable)
        oracle_all_durable(o);
}

void oracle_all_durable(oracle *o)
{
    o->acked = o->count - 1;
}

size_t oracle_find(const oracle_state *allowed, size_t count, const oracle_row *rows)
{
    oracle_state state = oracle_sum(rows);

    for (size_t i = count; i-- > 0;)
        if (oracle_same(allowed[i], state))
            return i;
    return count;
}

size_t oracle_find_allowed(const oracle *o, const oracle_row *rows)
{
    return o->acked + oracle_find(o->states + o->acked, o->count - o->acked, rows);
}

void oracle_adopt(oracle *o, size_t i, const oracle_row *rows)
{
    o->count = i + 1;
    memcpy(o->rows, rows, sizeof o->rows);
}

/* ------------------------------------------------------------------ reading */

static int kind_in(const char *metadata)
{
    const char *kind = metadata ? strstr(metadata, "\"kind\": \"k") : NULL;

    return kind ? kind[10] - '0' : -1;
}

/* The number of an id, or ORACLE_ROWS when no row has it. */
static unsigned number_of(const char *id)
{
    char want[ORACLE_ID_SIZE];
    unsigned long n;

    if (strncmp(id, "id-", 3))
        return ORACLE_ROWS;
    n = strtoul(id + 3, NULL, 10);
    if (n >= ORACLE_ROWS || strcmp(id, oracle_id((unsigned)n, want)))
        return ORACLE_ROWS;
    return (unsigned)n;
}

static const char *take_record(const vdb_record *record, size_t dim, oracle_row *rows)
{
    size_t length, got_dim, metadata_length = 0;
    const char *id = vdb_record_id(record, &length);
    const float *vector = vdb_record_vector(record, &got_dim);
    const char *metadata = vdb_record_metadata(record, &metadata_length);
    unsigned n = number_of(id);
    oracle_row *row;

    if (n == ORACLE_ROWS)
        return "a record with an id that was never given";
    if (length != strlen(id) || !vector || got_dim != dim)
        return "a record whose id or dimension is wrong";
    if (metadata && strlen(metadata) != metadata_length)
        return "a record whose metadata's length is wrong";
    row = &rows[n];
    if (row->there)
        return "an id that is there twice";
    row->there = true;
    row->vector = hash_bytes(vector, dim * sizeof *vector);
    row->metadata = metadata ? hash_bytes(metadata, metadata_length) : 0;
    row->kind = kind_in(metadata);
    return NULL;
}

vdb_status oracle_read(vdb *db, const vdb_snapshot *snapshot, size_t dim,
                       oracle_row *rows, const char **why)
{
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    char last[ORACLE_ID_SIZE] = "";
    vdb_cursor *cursor;
    const vdb_record *record = NULL;
    vdb_status status;

    memset(rows, 0, ORACLE_ROWS * sizeof *rows);
    *why = NULL;
    options.snapshot = snapshot;
    status = vdb_cursor_open(db, &options, &cursor);
    if (status)
        return status;
    while (!*why && !(status = vdb_cursor_next(cursor, &record)) && record) {
        *why = take_record(record, dim, rows);
        if (!*why && strcmp(last, vdb_record_id(record, NULL)) >= 0)
            *why = "ids out of order";
        if (!*why)
            snprintf(last, sizeof last, "%s", vdb_record_id(record, NULL));
    }
    vdb_cursor_free(cursor);
    return status;
}

/* ---------------------------------------------------------------- comparing */

static const char *compare_search(vdb *db, const oracle_row *rows, size_t dim,
                                  size_t count)
{
    bool found[ORACLE_ROWS] = {false};
    float query[ORACLE_DIM_MAX];
    vdb_results *results;
    const char *why = NULL;

    oracle_vector(ORACLE_ROWS, 0, query, dim);
    if (vdb_search(db, query, dim, count + 5, &results))
        return vdb_errmsg();
    if (vdb_results_count(results) != count)
        why = "a search for all finds another number";
    for (size_t i = 0; !why && i < count; i++) {
        unsigned n = number_of(vdb_results_id(results, i, NULL));
        const float *distances = vdb_results_distances(results);
        if (n == ORACLE_ROWS || !rows[n].there || found[n])
            why = "a search finds what is not there, or twice";
        else if (i && distances[i] < distances[i - 1])
            why = "a search is out of order";
        else
            found[n] = true;
    }
    vdb_results_free(results);
    return why;
}

static const char *compare_get(vdb *db, const oracle_row *rows, size_t dim)
{
    for (unsigned n = 0; n < ORACLE_ROWS; n += 13) {
        oracle_row got[ORACLE_ROWS];
        char id[ORACLE_ID_SIZE];
        vdb_record *record;
        const char *why;
        vdb_status status = vdb_get(db, oracle_id(n, id), NULL, &record);

        if (status == VDB_NOT_FOUND && !rows[n].there)
            continue;
        if (status)
            return status == VDB_NOT_FOUND ? "vdb_get misses a row" : vdb_errmsg();
        memset(got, 0, sizeof got);
        why = take_record(record, dim, got);
        vdb_record_free(record);
        if (why)
            return why;
        if (!rows[n].there || got[n].vector != rows[n].vector ||
            got[n].metadata != rows[n].metadata)
            return "vdb_get gives other bytes than the cursor";
    }
    return NULL;
}

static const char *run_check(vdb *db)
{
    static _Thread_local char text[300];
    vdb_report *report = NULL;
    vdb_status status = vdb_check(db, NULL, &report, NULL);
    const char *finding = report ? vdb_report_finding(report, 0, NULL) : NULL;

    if (status || !report || vdb_report_count(report)) {
        snprintf(text, sizeof text, "vdb_check: %s: %s", vdb_status_name(status),
                 finding ? finding : vdb_errmsg());
        vdb_report_free(report);
        return text;
    }
    vdb_report_free(report);
    return NULL;
}

const char *oracle_compare(vdb *db, const oracle_row *rows, size_t dim)
{
    size_t want = oracle_sum(rows).count;
    const char *why;
    uint64_t count;

    if (vdb_count(db, NULL, NULL, &count))
        return vdb_errmsg();
    if (count != want)
        return "vdb_count and the cursor disagree";
    why = compare_search(db, rows, dim, want);
    if (!why)
        why = compare_get(db, rows, dim);
    if (!why)
        why = run_check(db);
    return why;
}
