/* import_batch.c: gathering and storing rows; see import_batch.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "import_batch.h"

/* A batch is full at so many bytes, too: half of what one commit may hold by default.
 */
static const size_t BATCH_BYTES_MAX = (size_t)16 << 20;

/* The texts of a row, as places in `text`, which moves as it grows. */
typedef struct entry {
    uint64_t number;
    size_t id_at;
    size_t id_length;
    size_t metadata_at;
    size_t metadata_length;
    bool has_metadata;
} entry;

struct import_batch {
    size_t rows_max;
    size_t part; /* rows of one commit: rows_max until it was found too many */
    size_t dim;
    size_t first; /* rows before it were skipped */
    size_t count;
    size_t capacity;
    entry *entries;
    float *vectors;
    char *text;
    size_t text_bytes;
    size_t text_capacity;
    /* Of vdb_rows; filled when the batch is stored. */
    const char **ids;
    size_t *id_lengths;
    const char **metadata;
    size_t *metadata_lengths;
};

int import_batch_new(size_t rows_max, import_batch **out)
{
    import_batch *made = calloc(1, sizeof *made);
    *out = made;
    if (!made)
        return fail_memory();
    made->rows_max = rows_max;
    made->part = rows_max;
    return STATUS_DONE;
}

static bool grow(void *pointer, size_t count, size_t size)
{
    void *memory, *larger;
    memcpy(&memory, pointer, sizeof memory);
    larger = reallocarray(memory, count, size);
    if (larger)
        memcpy(pointer, &larger, sizeof larger);
    return larger != NULL;
}

static bool grow_rows(import_batch *batch)
{
    size_t capacity = batch->capacity ? batch->capacity * 2 : 64;
    if (!grow(&batch->entries, capacity, sizeof *batch->entries) ||
        !grow(&batch->vectors, capacity, batch->dim * sizeof *batch->vectors) ||
        !grow(&batch->ids, capacity, sizeof *batch->ids) ||
        !grow(&batch->id_lengths, capacity, sizeof *batch->id_lengths) ||
        !grow(&batch->metadata, capacity, sizeof *batch->metadata) ||
        !grow(&batch->metadata_lengths, capacity, sizeof *batch->metadata_lengths))
        return false;
    batch->capacity = capacity;
    return true;
}

/* Keep a text with a NUL behind it, for vdb_get(). */
static bool add_text(import_batch *batch, const char *bytes, size_t length, size_t *at)
{
    size_t needed = batch->text_bytes + length + 1;
    if (needed > batch->text_capacity) {
        size_t capacity = needed * 2;
        if (!grow(&batch->text, capacity, 1))
            return false;
        batch->text_capacity = capacity;
    }
    *at = batch->text_bytes;
    memcpy(batch->text + *at, bytes, length);
    batch->text[*at + length] = 0;
    batch->text_bytes = needed;
    return true;
}

int import_batch_add(import_batch *batch, const row *next)
{
    if (batch->count == 0)
        batch->dim = next->dim; /* the reader sees to it that all are alike */
    if (batch->count == batch->capacity && !grow_rows(batch))
        return fail_memory();
    entry *made = &batch->entries[batch->count];
    memset(made, 0, sizeof *made);
    made->number = next->number;
    made->id_length = next->id_length;
    if (!add_text(batch, next->id, next->id_length, &made->id_at))
        return fail_memory();
    if (next->metadata) {
        made->has_metadata = true;
        made->metadata_length = next->metadata_length;
        if (!add_text(batch, next->metadata, next->metadata_length, &made->metadata_at))
            return fail_memory();
    }
    memcpy(batch->vectors + batch->count * batch->dim, next->vector,
           batch->dim * sizeof *batch->vectors);
    batch->count++;
    return STATUS_DONE;
}

bool import_batch_is_full(const import_batch *batch)
{
    size_t bytes =
        batch->text_bytes + batch->count * batch->dim * sizeof *batch->vectors;
    return batch->count >= batch->rows_max || bytes >= BATCH_BYTES_MAX;
}

size_t import_batch_count(const import_batch *batch)
{
    return batch->count - batch->first;
}

static bool is_same(const import_batch *batch, size_t i, const vdb_record *record)
{
    const entry *mine = &batch->entries[i];
    size_t dim, length;
    const float *vector = vdb_record_vector(record, &dim);
    const char *metadata = vdb_record_metadata(record, &length);
    if (dim != batch->dim || (metadata != NULL) != mine->has_metadata)
        return false;
    if (memcmp(vector, batch->vectors + i * dim, dim * sizeof *vector) != 0)
        return false;
    return !metadata ||
           (length == mine->metadata_length &&
            memcmp(metadata, batch->text + mine->metadata_at, length) == 0);
}

int import_batch_skip(import_batch *batch, vdb *db, size_t *skipped)
{
    *skipped = 0;
    for (; batch->first < batch->count; batch->first++) {
        const entry *mine = &batch->entries[batch->first];
        const char *id = batch->text + mine->id_at;
        vdb_record *record;
        vdb_status result = vdb_get(db, id, NULL, &record);
        if (result == VDB_NOT_FOUND || result == VDB_INVALID)
            break; /* a bad id is reported when it is to be stored */
        if (result)
            return fail_library();
        bool same = is_same(batch, batch->first, record);
        vdb_record_free(record);
        if (!same)
            break;
        ++*skipped;
    }
    return STATUS_DONE;
}

/* vdb_put() of rows [at, at + count). */
static vdb_status put_part(const import_batch *batch, vdb *db, size_t at, size_t count,
                           size_t *failed_row)
{
    vdb_rows rows = VDB_ROWS_INIT;
    for (size_t i = at; i < at + count; i++) {
        const entry *mine = &batch->entries[i];
        batch->ids[i] = batch->text + mine->id_at;
        batch->id_lengths[i] = mine->id_length;
        batch->metadata[i] =
            mine->has_metadata ? batch->text + mine->metadata_at : NULL;
        batch->metadata_lengths[i] = mine->metadata_length;
    }
    rows.count = count;
    rows.dim = batch->dim;
    rows.ids = batch->ids + at;
    rows.id_lengths = batch->id_lengths + at;
    rows.vectors = batch->vectors + at * batch->dim;
    rows.metadata = batch->metadata + at;
    rows.metadata_lengths = batch->metadata_lengths + at;
    *failed_row = SIZE_MAX;
    return vdb_put(db, &rows, NULL, failed_row);
}

/* The library counts rows within the call: "row 7: ..."; the file's count is told. */
static const char *without_row(const char *message)
{
    const char *colon = strstr(message, ": ");
    return strncmp(message, "row ", 4) == 0 && colon ? colon + 2 : message;
}

/* Store rows from batch->first on, in parts that are halved until they fit. */
static int put_parts(const import_batch *batch, vdb *db, const char *path,
                     const char *unit, size_t *part, uint64_t *stored)
{
    size_t at = batch->first;
    while (at < batch->count) {
        size_t failed, left = batch->count - at;
        size_t count = left < *part ? left : *part;
        vdb_status result = put_part(batch, db, at, count, &failed);
        if (result == VDB_FULL && count > 1) {
            *part = count / 2;
            continue;
        }
        if (result && failed < count)
            return fail("%s: %s %" PRIu64 ": %s", path, unit,
                        batch->entries[at + failed].number, without_row(vdb_errmsg()));
        if (result)
            return fail("%s: from %s %" PRIu64 " on: %s", path, unit,
                        batch->entries[at].number, vdb_errmsg());
        at += count;
        *stored += count;
    }
    return STATUS_DONE;
}

int import_batch_put(import_batch *batch, vdb *db, const char *path, const char *unit,
                     uint64_t *stored)
{
    int status = put_parts(batch, db, path, unit, &batch->part, stored);
    batch->first = 0;
    batch->count = 0;
    batch->text_bytes = 0;
    return status;
}

int import_batch_rehearse(const import_batch *batch, vdb *db, const char *path,
                          const char *unit)
{
    size_t part = batch->rows_max;
    uint64_t stored = 0;
    return put_parts(batch, db, path, unit, &part, &stored);
}

void import_batch_free(import_batch *batch)
{
    if (!batch)
        return;
    free(batch->entries);
    free(batch->vectors);
    free(batch->text);
    free(batch->ids);
    free(batch->id_lengths);
    free(batch->metadata);
    free(batch->metadata_lengths);
    free(batch);
}
