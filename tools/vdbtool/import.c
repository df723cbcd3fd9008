/* import.c: storing the vectors of a file, a batch per commit.
 *
 * What has been committed stays, so an import that was killed is completed by running
 * it again: the leading rows that are there already, byte for byte, are skipped, and
 * all others are stored, which changes nothing where they are the same.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "beside.h"
#include "commands.h"
#include "complain.h"
#include "creating.h"
#include "import_batch.h"
#include "opening.h"
#include "progress.h"
#include "reading.h"
#include "values.h"

enum {
    ID_BYTES = VDB_ID_MAX + 32 /* one that is too long is the library's to refuse */
};

typedef struct import {
    const arguments *args;
    const char *path; /* of the data */
    reader *source;
    beside ids;
    beside metadata;
    const char *id_prefix;
    import_batch *batch;
    vdb_options options;
    vdb *db;
    bool created;  /* by this import */
    bool skipping; /* no row has differed yet */
    uint64_t rows; /* read */
    uint64_t skipped;
    uint64_t stored;
    size_t dim;
    progress shown;
} import;

static double vector_megabytes(const import *job)
{
    return (double)job->rows * (double)job->dim * sizeof(float) / 1e6;
}

/* 1 with a complete row; 0 at the end; -1 on failure. */
static int next_row(import *job, row *next, char id[ID_BYTES])
{
    int got = reader_next(job->source, next);
    if (got <= 0)
        return got;
    if (job->ids.rows_path && beside_take_id(&job->ids, next))
        return -1;
    if (!next->id) {
        int length = snprintf(id, ID_BYTES, "%s%" PRIu64, job->id_prefix, next->index);
        next->id = id;
        next->id_length = length < ID_BYTES ? (size_t)length : ID_BYTES - 1;
    }
    if (job->metadata.rows_path && beside_take_metadata(&job->metadata, next))
        return -1;
    job->rows++;
    job->dim = next->dim;
    return 1;
}

/* 1 when the batch is full; 0 when the data have ended; -1 on failure. */
static int fill_batch(import *job)
{
    char id[ID_BYTES];
    row next;
    while (!import_batch_is_full(job->batch)) {
        int got = next_row(job, &next, id);
        if (got <= 0)
            return got;
        if (import_batch_add(job->batch, &next))
            return -1;
    }
    return 1;
}

/* The database is made only when the first batch is one that it will take, so that
 * bad data leave no file behind. */
static int create_for_import(import *job)
{
    vdb *memory;
    if (job->options.dimension == 0 && job->dim)
        job->options.dimension = (uint32_t)job->dim;
    if (vdb_open(":memory:", &job->options, &memory))
        return fail_library();
    int status =
        import_batch_rehearse(job->batch, memory, job->path, reader_unit(job->source));
    status = close_database(memory, status);
    if (!status)
        status = open_or_create(job->args->operands[0], &job->options, &job->db,
                                &job->created);
    job->skipping = false;
    return status;
}

static int store_batch(import *job)
{
    size_t skipped = 0;
    int status = STATUS_DONE;
    if (!job->db)
        status = create_for_import(job);
    if (!status && job->skipping)
        status = import_batch_skip(job->batch, job->db, &skipped);
    if (status)
        return status;
    job->skipped += skipped;
    job->skipping = job->skipping && import_batch_count(job->batch) == 0;
    return import_batch_put(job->batch, job->db, job->path, reader_unit(job->source),
                            &job->stored);
}

static int import_rows(import *job)
{
    int more, status;
    do {
        more = fill_batch(job);
        if (more < 0)
            return STATUS_FAILED;
        status = store_batch(job);
        if (status)
            return status;
        progress_show(&job->shown, job->rows, reader_bytes(job->source),
                      reader_total_bytes(job->source));
    } while (more);
    if (beside_end(&job->ids, job->rows) || beside_end(&job->metadata, job->rows))
        return STATUS_FAILED;
    if (!job->args->given[OPTION_NO_WAIT] && vdb_wait_indexed(job->db, NULL))
        return fail_library();
    return STATUS_DONE;
}

/* Which options make no sense with what the file itself has. */
static int refuse_options(const import *job)
{
    const arguments *args = job->args;
    if (args->given[OPTION_IDS] && args->given[OPTION_ID_PREFIX])
        return fail_usage("import", "import: --ids and --id-prefix exclude each other");
    if (reader_has_ids(job->source) &&
        (args->given[OPTION_IDS] || args->given[OPTION_ID_PREFIX]))
        return fail_usage("import",
                          "import: --ids and --id-prefix are for rows without "
                          "ids, but %.200s has them",
                          job->path);
    if (reader_has_metadata(job->source) && args->given[OPTION_METADATA_LINES])
        return fail_usage(
            "import", "import: --metadata is for npy, fvecs and bvecs; csv and jsonl "
                      "have it beside the vector");
    return STATUS_DONE;
}

static int open_sources(import *job)
{
    const arguments *args = job->args;
    uint64_t batch = 1000;
    if (args->values[OPTION_BATCH] &&
        parse_whole("--batch", args->values[OPTION_BATCH], 1, 1000000, &batch))
        return STATUS_FAILED;
    int status = read_options(args, &job->options);
    if (!status)
        status = import_batch_new((size_t)batch, &job->batch);
    reader_options options;
    if (!status)
        status = read_reader_options(args, &options);
    if (!status)
        status = reader_open(job->path, &options, &job->source);
    if (status)
        return status;
    status = refuse_options(job);
    if (!status)
        status = reader_measure(job->source);
    if (!status && args->values[OPTION_IDS])
        status = beside_open(&job->ids, args->values[OPTION_IDS], job->path,
                             reader_rows(job->source));
    if (!status && args->values[OPTION_METADATA_LINES])
        status = beside_open(&job->metadata, args->values[OPTION_METADATA_LINES],
                             job->path, reader_rows(job->source));
    return status;
}

static void print_summary(const import *job)
{
    double seconds = now_seconds() - job->shown.began;
    if (job->args->given[OPTION_JSON]) {
        printf("{\"imported\":%" PRIu64 ",\"already_there\":%" PRIu64
               ",\"seconds\":%.3f}\n",
               job->rows, job->skipped, seconds);
        return;
    }
    printf("Imported %" PRIu64 " vectors in %.1f s (%.1f MB/s)", job->rows, seconds,
           vector_megabytes(job) / (seconds > 0 ? seconds : 1e-9));
    if (job->skipped)
        printf("; %" PRIu64 " of them were there already", job->skipped);
    putchar('\n');
}

/* What a failed import leaves: what has been committed, but no empty file. */
static int close_import(import *job, int status)
{
    if (status && job->created && !job->stored)
        remove_created(job->args->operands[0], job->db);
    else
        status = close_database(job->db, status);
    progress_end(&job->shown, !status);
    if (!status)
        print_summary(job);
    else if (job->stored)
        complain_more("stored", job->stored,
                      "vectors were stored before that and stay; the same import, run "
                      "again, goes on behind them");
    return status;
}

int run_import(const arguments *args)
{
import job;
    memset(&job, 0, sizeof job);
    job.args = args;
    job.path = args->operands[1];
    job.id_prefix =
        args->values[OPTION_ID_PREFIX] ? args->values[OPTION_ID_PREFIX] : "";
    job.skipping = true;
    progress_begin(&job.shown, args, "vectors", NULL);
    int status = open_sources(&job);
    if (!status)
        status = open_if_there(args->operands[0], &job.options, &job.db);
    if (!status)
        status = import_rows(&job);
    status = close_import(&job, status);
    import_batch_free(job.batch);
    beside_close(&job.ids);
    beside_close(&job.metadata);
    reader_free(job.source);
    return status;
}
