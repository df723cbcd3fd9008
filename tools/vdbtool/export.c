/* export.c: all records in the order of ids, in a format that import reads back.
 *
 * npy and fvecs have no place for ids and metadata: those go, a line for each row, into
 * OUT.ids and OUT.metadata.jsonl.  All files appear when all are complete.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beside.h"
#include "commands.h"
#include "complain.h"
#include "format.h"
#include "opening.h"
#include "output.h"
#include "progress.h"
#include "values.h"
#include "writer.h"

enum {
    MAIN,
    IDS,
    METADATA,
    OUTPUTS
};

typedef struct export
{
    const arguments *args;
    vdb *db;
    vdb_filter *filter;
    vdb_cursor_options options;
    output outputs[OUTPUTS];
    char *names[OUTPUTS]; /* those of the files beside it; NULL: there is none */
    bool any_metadata;
    bool
        is_broken; /* an output cannot be written: output_finish(), or main(), says so */
    writer *writer;
    uint64_t total;
    uint64_t count;
    progress shown;
}
export;

/* What to do with a record. */
typedef int (*visitor)(export *job, const vdb_record *record);

static int walk(export *job, uint32_t flags, visitor visit)
{
    vdb_cursor *cursor;
    const vdb_record *record;
    vdb_cursor_options options = job->options;
    int status = STATUS_DONE;
    options.flags = flags;
    if (vdb_cursor_open(job->db, &options, &cursor))
        return fail_library();
    while (!status && !job->is_broken) {
        if (vdb_cursor_next(cursor, &record))
            status = fail_library();
        else if (!record)
            break;
        else
            status = visit(job, record);
    }
    vdb_cursor_free(cursor);
    return status;
}

static int count_record(export *job, const vdb_record *record)
{
    (void)record;
    job->total++;
    return STATUS_DONE;
}

static int look_at_record(export *job, const vdb_record *record)
{
    job->total++;
    return job->writer->kind->look(job->writer, record);
}

static int put_record(export *job, const vdb_record *record)
{
    FILE *ids = job->outputs[IDS].file, *metadata = job->outputs[METADATA].file;
    size_t length;
    int status = job->writer->kind->put(job->writer, record);
    if (ids) {
        const char *id = vdb_record_id(record, &length);
        put_id_line(ids, id, length);
    }
    if (metadata) {
        const char *given = vdb_record_metadata(record, &length);
        job->any_metadata = job->any_metadata || given;
        put_json_line(metadata, given, length);
        putc('\n', metadata);
    }
    job->count++;
    progress_show(&job->shown, job->count, job->count, job->total);
    for (size_t i = 0; i < OUTPUTS; i++)
        if (job->outputs[i].file && ferror(job->outputs[i].file))
            job->is_broken = true;
    return status;
}

/* The dimension is the file's, also when it has no vectors. */
static int put_records(export *job)
{
    vdb_stats stats = VDB_STATS_INIT;
    const writer_kind *kind = job->writer->kind;
    int status = STATUS_DONE;
    if (kind->look)
        status = walk(job, 0, look_at_record);
    else if (kind->needs_count || job->shown.is_on)
        status = walk(job, VDB_CURSOR_IDS_ONLY, count_record);
    if (!status && vdb_stats_get(job->db, &stats))
        status = fail_library();
    if (!status)
        status = kind->begin(job->writer, job->total, stats.dimension);
    return status ? status : walk(job, 0, put_record);
}

/* The files beside a regular one. */
static int open_beside(export *job)
{
    const char *path = job->args->operands[1], *database = job->args->operands[0];
    if (job->writer->kind->has_ids || !job->outputs[MAIN].path)
        return STATUS_DONE;
    for (size_t i = IDS; i < OUTPUTS; i++) {
        const char *end = i == IDS ? "ids" : "metadata.jsonl";
        if (asprintf(&job->names[i], "%s.%s", path, end) < 0) {
            job->names[i] = NULL;
            return fail_memory();
        }
        if (output_open(&job->outputs[i], job->names[i], database))
            return STATUS_FAILED;
    }
    return STATUS_DONE;
}

/* All are on the disk before the first one gets its name.  Where no record has metadata,
 * no file of empty lines is made; but one that is there belongs to an older export. */
static int close_outputs(export *job, int status)
{
    for (size_t i = 0; i < OUTPUTS; i++)
        status = output_finish(&job->outputs[i], status);
    output *metadata = &job->outputs[METADATA];
    if (!status && metadata->path && !job->any_metadata &&
        access(metadata->path, F_OK) != 0) {
        output_publish(metadata, STATUS_FAILED);
        free(job->names[METADATA]);
        job->names[METADATA] = NULL;
    }
    for (size_t i = OUTPUTS; i-- > 0;)
        status = output_publish(&job->outputs[i], status);
    return status;
}

static void print_summary(const export *job)
{
    const char *path = job->args->operands[1];
    if (!job->args->given[OPTION_JSON]) {
        printf("Exported %" PRIu64 " vectors to %s", job->count, path);
        for (size_t i = IDS; i < OUTPUTS; i++)
            if (job->names[i])
                printf("%s %s", i == IDS ? ", ids to" : ", metadata to", job->names[i]);
        putchar('\n');
        return;
    }
    printf("{\"exported\":%" PRIu64 ",\"files\":[", job->count);
    put_json_repaired(stdout, path);
    for (size_t i = IDS; i < OUTPUTS; i++) {
        if (!job->names[i])
            continue;
        putchar(',');
        put_json_repaired(stdout, job->names[i]);
    }
    puts("]}");
}

static int export_records(export *job)
{
    const arguments *args = job->args;
    const writer_kind *kind;
    int status = output_open(&job->outputs[MAIN], args->operands[1], args->operands[0]);
    if (!status)
        status = writer_choose(args->operands[1], args->values[OPTION_FORMAT], &kind);
    if (status)
        return status;
    job->writer = writer_new(kind, job->outputs[MAIN].file);
    if (!job->writer)
        return STATUS_FAILED;
    progress_begin(&job->shown, args, "vectors", job->outputs[MAIN].file);
    status = open_beside(job);
    if (!status)
        status = put_records(job);
    progress_end(&job->shown, !status);
    return status;
}

int run_export(const arguments *args)
{
    export job;
    memset(&job, 0, sizeof job);
    job.args = args;
    job.options = (vdb_cursor_options)VDB_CURSOR_OPTIONS_INIT;
    int status = read_filter(args->values[OPTION_FILTER], &job.filter);
    job.options.prefix = args->values[OPTION_PREFIX];
    job.options.filter = job.filter;
    if (!status)
        status = open_to_read(args, &job.db);
    if (!status)
        status = export_records(&job);
    bool to_stdout = job.outputs[MAIN].file == stdout;
    status = close_outputs(&job, status);
    status = close_database(job.db, status);
    if (!status && !to_stdout)
        print_summary(&job);
    writer_free(job.writer);
    for (size_t i = 0; i < OUTPUTS; i++)
        free(job.names[i]);
    vdb_filter_free(job.filter);
    return status;
}
