/* database.c: create, stats, check and checkpoint: the file as a whole. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "complain.h"
#include "format.h"
#include "opening.h"

int run_create(const arguments *args)
{
    vdb *db;
    vdb_options options;
    vdb_stats stats = VDB_STATS_INIT;
    if (!args->given[OPTION_DIM])
        return fail_usage("create", "create: --dim is missing");
    int status = read_options(args, &options);
    options.flags = VDB_OPEN_EXCLUSIVE;
    if (!status)
        status = open_database(args->operands[0], &options, &db);
    if (status)
        return status;
    if (vdb_stats_get(db, &stats))
        status = fail_library();
    status = close_database(db, status);
    if (!status)
        printf("Created %s (dimension %" PRIu32 ", metric %s, index %s)\n",
               args->operands[0], stats.dimension, METRIC_NAMES[stats.metric],
               INDEX_NAMES[stats.index]);
    return status;
}

typedef struct stats_line {
    const char *words; /* NULL: in JSON only */
    const char *name;
    uint64_t value;
} stats_line;

enum {
    STATS_LINES_MAX = 32
};

static size_t stats_lines(const vdb_stats *s, stats_line lines[STATS_LINES_MAX])
{
    const stats_line all[] = {
        {"Vectors", "vectors", s->vectors},
        {"Dimension", "dimension", s->dimension},
        {"M", "m", s->m},
        {"ef construction", "ef_construction", s->ef_construction},
        {"Max layers", "max_layers", s->max_layers},
        {"Metadata fields", "fields", s->fields},
        {"Slots", "slots", s->slots},
        {"Sequence", "sequence", s->sequence},
        {"Saved sequence", "durable_sequence", s->durable_sequence},
        {"Generation", "generation", s->generation},
        {"File bytes", "file_bytes", s->file_bytes},
        {"Free bytes", "free_bytes", s->free_bytes},
        {"Log bytes", "log_bytes", s->log_bytes},
        {"Memory bytes", "resident_bytes", s->resident_bytes},
        {"Format", "format", s->format},
        {"Replayed commits", "replayed", s->replayed},
        {NULL, "held_bytes", s->held_bytes},
        {NULL, "dirty_bytes", s->dirty_bytes},
        {NULL, "written_bytes", s->written_bytes},
        {NULL, "syncs", s->syncs},
        {NULL, "commits", s->commits},
        {NULL, "checkpoints", s->checkpoints},
        {NULL, "views", s->views},
        {NULL, "total_inserts", s->total_inserts},
        {NULL, "total_deletes", s->total_deletes},
        {NULL, "total_queries", s->total_queries},
    };
    _Static_assert(sizeof all / sizeof all[0] <= STATS_LINES_MAX, "too many lines");
    memcpy(lines, all, sizeof all);
    return sizeof all / sizeof all[0];
}

static void print_stats(const vdb_stats *stats, bool json)
{
    stats_line lines[STATS_LINES_MAX];
    size_t count = stats_lines(stats, lines);
    const char *metric = METRIC_NAMES[stats->metric],
               *index = INDEX_NAMES[stats->index];
    if (!json) {
        for (size_t i = 0; i < count; i++) {
            if (lines[i].words)
                printf("%s: %" PRIu64 "\n", lines[i].words, lines[i].value);
            if (i == 1)
                printf("Metric: %s\nIndex: %s\n", metric, index);
        }
        return;
    }
    printf("{\"metric\":\"%s\",\"index\":\"%s\"", metric, index);
    for (size_t i = 0; i < count; i++)
        printf(",\"%s\":%" PRIu64, lines[i].name, lines[i].value);
    puts("}");
}

int run_stats(const arguments *args)
{
    vdb *db;
    vdb_stats stats = VDB_STATS_INIT;
    int status = open_to_read(args, &db);
    if (status)
        return status;
    if (vdb_stats_get(db, &stats))
        status = fail_library();
    else
        print_stats(&stats, args->given[OPTION_JSON]);
    return close_database(db, status);
}

static void print_finding(const char *message, int64_t offset, size_t index, bool json)
{
    if (json) {
        fputs(index ? ",{\"offset\":" : "{\"offset\":", stdout);
        if (offset < 0)
            fputs("null", stdout);
        else
            printf("%" PRId64, offset);
        fputs(",\"message\":", stdout);
        put_json_string(stdout, message, strlen(message));
        putchar('}');
        return;
    }
    fputs("Damage: ", stdout);
    put_plain(stdout, message, strlen(message));
    if (offset >= 0)
        printf(" (byte %" PRId64 ")", offset);
    putchar('\n');
}

/* Print all findings; `report` is NULL when the database could not even be opened,
 * which is one finding, in the words of the library's last error. */
static int print_findings(const char *path, const vdb_report *report, bool json)
{
    uint64_t count = report ? vdb_report_count(report) : 1;
    uint64_t bytes = report ? vdb_report_bytes(report) : 0;
    if (json)
        printf("{\"clean\":%s,\"bytes\":%" PRIu64 ",\"count\":%" PRIu64
               ",\"findings\":[",
               count ? "false" : "true", bytes, count);
    if (!report) {
        vdb_error error = VDB_ERROR_INIT;
        vdb_error_get(&error);
        print_finding(error.message, error.offset, 0, json);
    }
    for (size_t i = 0; report && i < count; i++) {
        int64_t offset;
        const char *message = vdb_report_finding(report, i, &offset);
        if (!message)
            break; /* beyond the kept ones */
        print_finding(message, offset, i, json);
    }
    if (json)
        puts("]}");
    if (count)
        return fail("%s is damaged: %" PRIu64 " finding%s", path, count,
                    count == 1 ? "" : "s");
    if (!json)
        printf("No damage found (%" PRIu64 " bytes verified)\n", bytes);
    return STATUS_DONE;
}

int run_check(const arguments *args)
{
    vdb *db = NULL;
    vdb_report *report = NULL;
    vdb_options options = VDB_OPTIONS_INIT;
    const char *path = args->operands[0];
    bool json = args->given[OPTION_JSON];
    options.flags = VDB_OPEN_READONLY | VDB_OPEN_MUST_EXIST;
    vdb_status result;
    int status = open_quietly(path, &options, &db, &result);
    if (status)
        return status;
    if (result == VDB_CORRUPT)
        return print_findings(path, NULL, json);
    if (result)
        return fail_opening(path, result);
    result = vdb_check(db, NULL, &report, NULL);
    if (result == VDB_OK || (result == VDB_CORRUPT && report))
        status = print_findings(path, report, json);
    else if (result == VDB_CORRUPT)
        status = print_findings(path, NULL, json);
    else
        status = fail_library();
    vdb_report_free(report);
    return close_database(db, status);
}

int run_checkpoint(const arguments *args)
{
    vdb *db;
    int status = open_to_write(args, &db);
    if (status)
        return status;
    if (vdb_checkpoint(db, NULL))
        status = fail_library();
    status = close_database(db, status);
    if (!status)
        puts("Checkpoint complete");
    return status;
}
