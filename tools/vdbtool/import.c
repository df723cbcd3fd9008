/* import.c: storing the vectors of a file, a batch per commit.
 *
 * What has been committed stays, so an import that was killed is completed by running
 * it again: the leading rows that are there already, byte for byte, are skipped, and
 * all others are stored, which changes nothing where they are the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "import_batch.h"
#include "lines.h"
#include "opening.h"
#include "reading.h"
#include "values.h"

enum {
    ID_BYTES = VDB_ID_MAX + 32 /* one that is too long is the library's to refuse */
};

typedef struct import {
    const arguments *args;
    const char *path; /* of the data */
    reader *source;
    lines metadata;
    bool has_metadata;
    const char *id_prefix;
    import_batch *batch;
    vdb_options options;
    vdb *db;
    bool skipping; /* no row has differed yet */
    uint64_t rows; /* read */
    uint64_t skipped;
    uint64_t stored;
    size_t dim;
    double began;
    double shown; /* when progress was shown last; 0: never */
} import;

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double vector_megabytes(const import *job)
{
    return (double)job->rows * (double)job->dim * sizeof(float) / 1e6;
}

static void show_progress(import *job)
{
    double now = now_seconds();
    uint64_t done = reader_bytes(job->source), total = reader_total_bytes(job->source);
    if (!isatty(STDERR_FILENO) ||
        now - (job->shown > 0 ? job->shown : job->began) < 0.2)
        return;
    job->shown = now;
    double spent = now - job->began;
    fprintf(stderr, "\r%" PRIu64 " vectors, %.1f MB/s", job->rows,
            vector_megabytes(job) / spent);
    if (total && done)
        fprintf(stderr, ", %.0f s left",
                spent * (double)(total - (done < total ? done : total)) / (double)done);
    fputs("   ", stderr);
}

static void end_progress(import *job)
{
    if (job->shown > 0)
        fputs("\r\033[K", stderr);
    job->shown = 0;
}

/* Line i of the metadata belongs to row i; an empty line is no metadata. */
static int take_metadata(import *job, row *next)
{
    int got = lines_next(&job->metadata, &next->metadata, &next->metadata_length);
    if (got < 0)
        return STATUS_FAILED;
    if (got == 0)
        return fail("%s: it ends before line %" PRIu64 ", which belongs to row %" PRIu64
                    " of %s",
                    job->metadata.path, next->index + 1, next->index + 1, job->path);
    if (next->metadata_length == 0)
        next->metadata = NULL;
    return STATUS_DONE;
}

/* 1 with a complete row; 0 at the end; -1 on failure. */
static int next_row(import *job, row *next, char id[ID_BYTES])
{
    int got = reader_next(job->source, next);
    if (got <= 0)
        return got;
    if (!next->id) {
        int length = snprintf(id, ID_BYTES, "%s%" PRIu64, job->id_prefix, next->index);
        next->id = id;
        next->id_length = length < ID_BYTES ? (size_t)length : ID_BYTES - 1;
    }
    if (job->has_metadata && take_metadata(job, next))
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
static int create_database(import *job)
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
        status = open_database(job->args->operands[0], &job->options, &job->db);
    job->skipping = false;
    return status;
}

static int store_batch(import *job)
{
    size_t skipped = 0;
    int status = STATUS_DONE;
    if (!job->db)
        status = create_database(job);
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
        show_progress(job);
    } while (more);
    const char *line;
    size_t length;
    if (job->has_metadata && lines_next(&job->metadata, &line, &length) != 0)
        return fail("%s: it has more lines than %s has rows, which are %" PRIu64,
                    job->metadata.path, job->path, job->rows);
    if (!job->args->given[OPTION_NO_WAIT] && vdb_wait_indexed(job->db, NULL))
        return fail_library();
    return STATUS_DONE;
}

/* Compare the number of lines with that of the rows, where both are known before
 * anything is stored. */
static int measure_metadata(import *job)
{
    struct stat info;
    uint64_t rows = reader_rows(job->source), count = 0;
    if (rows == 0 || fstat(fileno(job->metadata.file), &info) || !S_ISREG(info.st_mode))
        return STATUS_DONE;
    int byte, last = '\n';
    while ((byte = getc_unlocked(job->metadata.file)) != EOF) {
        count += byte == '\n';
        last = byte;
    }
    count += last != '\n';
    rewind(job->metadata.file);
    if (count != rows)
        return fail("%s has %" PRIu64 " lines, but %s has %" PRIu64 " rows",
                    job->metadata.path, count, job->path, rows);
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
    if (reader_has_ids(job->source) &&
        (args->given[OPTION_METADATA_LINES] || args->given[OPTION_ID_PREFIX]))
        return fail_usage("import",
                          "import: --metadata and --id-prefix are for fvecs and "
                          "bvecs; jsonl has both in its lines");
    status = reader_measure(job->source);
    if (status || !args->given[OPTION_METADATA_LINES])
        return status;
    status = lines_open(&job->metadata, args->values[OPTION_METADATA_LINES]);
    job->has_metadata = status == STATUS_DONE;
    return status ? status : measure_metadata(job);
}

static void print_summary(const import *job)
{
    double seconds = now_seconds() - job->began;
    printf("Imported %" PRIu64 " vectors in %.1f s (%.1f MB/s)", job->rows, seconds,
           vector_megabytes(job) / (seconds > 0 ? seconds : 1e-9));
    if (job->skipped)
        printf("; %" PRIu64 " of them were there already", job->skipped);
    putchar('\n');
}

int run_import(const arguments *args)
{
import job = {0 };
    job.args = args;
    job.path = args->operands[1];
    job.id_prefix =
        args->values[OPTION_ID_PREFIX] ? args->values[OPTION_ID_PREFIX] : "";
    job.skipping = true;
    job.began = now_seconds();
    int status = open_sources(&job);
    if (!status)
        status = open_if_there(args->operands[0], &job.options, &job.db);
    if (!status)
        status = import_rows(&job);
    status = close_database(job.db, status);
    end_progress(&job);
    if (!status)
        print_summary(&job);
    else if (job.stored)
        fprintf(stderr, "%" PRIu64 " vectors were stored before that and stay\n",
                job.stored);
    import_batch_free(job.batch);
    lines_close(&job.metadata);
    reader_free(job.source);
    return status;
}
