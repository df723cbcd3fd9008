/* database.c: create, stats, check and checkpoint: the file as a whole. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "complain.h"
#include "creating.h"
#include "findings.h"
#include "format.h"
#include "opening.h"
#include "progress.h"

static void print_created_json(const char *path, const vdb_stats *stats)
{
    fputs("{\"file\":", stdout);
    put_json_repaired(stdout, path);
    printf(",\"dimension\":%" PRIu32 ",\"metric\":\"%s\",\"index\":\"%s\"}\n",
           stats->dimension, METRIC_NAMES[stats->metric], INDEX_NAMES[stats->index]);
}

int run_create(const arguments *args)
{
    vdb *db;
    vdb_options options;
    vdb_stats stats = VDB_STATS_INIT;
    if (!args->given[OPTION_DIM])
        return fail_usage("create", "create: --dim is missing");
    int status = read_options(args, &options);
    if (!status)
        status = create_database(args->operands[0], &options, &db);
    if (status)
        return status;
    if (vdb_stats_get(db, &stats))
        status = fail_library();
    status = close_database(db, status);
    if (!status && args->given[OPTION_JSON])
        print_created_json(args->operands[0], &stats);
    else if (!status)
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
    STATS_LINES_MAX = 40
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
        {"Graph vectors", "graph_vectors", s->graph_vectors},
        {"Graph fresh", "graph_fresh", s->graph_fresh},
        {"Graph bytes", "graph_bytes", s->graph_bytes},
        {"Graph file bytes", "graph_file_bytes", s->graph_file_bytes},
        {"Graph layers", "graph_layers", s->graph_layers},
        {"Format", "format", s->format},
        {"Replayed commits", "replayed", s->replayed},
        {NULL, "graph_wanted_bytes", s->graph_wanted_bytes},
        {NULL, "held_bytes", s->held_bytes},
        {NULL, "dirty_bytes", s->dirty_bytes},
        {NULL, "written_bytes", s->written_bytes},
        {NULL, "syncs", s->syncs},
        {NULL, "commits", s->commits},
        {NULL, "checkpoints", s->checkpoints},
        {NULL, "last_checkpoint_us", s->last_checkpoint_us},
        {NULL, "total_checkpoint_us", s->total_checkpoint_us},
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
               *index = INDEX_NAMES[stats->index], *codes = CODES_NAMES[stats->codes];
    if (!json) {
        for (size_t i = 0; i < count; i++) {
            if (lines[i].words)
                printf("%s: %" PRIu64 "\n", lines[i].words, lines[i].value);
            if (i == 1)
                printf("Metric: %s\nIndex: %s\nCodes: %s\n", metric, index, codes);
            if (i == 1 && stats->graph_codes)
                printf("Graph codes: %s\n", CODES_NAMES[stats->graph_codes]);
        }
        return;
    }
    printf("{\"metric\":\"%s\",\"index\":\"%s\",\"codes\":\"%s\"", metric, index,
           codes);
    if (stats->graph_codes)
        printf(",\"graph_codes\":\"%s\"", CODES_NAMES[stats->graph_codes]);
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

static int check_database(const arguments *args, vdb *db)
{
    const char *path = args->operands[0];
    bool json = args->given[OPTION_JSON];
    vdb_report *report = NULL;
    vdb_check_options options = VDB_CHECK_OPTIONS_INIT;
    vdb_op op = VDB_OP_INIT;
    progress shown;
    int status;
    options.max_findings = json ? 0 : FINDINGS_KEPT;
    progress_begin(&shown, args, NULL, NULL);
    progress_follow(&shown, &op);
    vdb_status result = vdb_check(db, &options, &report, &op);
    progress_end(&shown, result == VDB_OK || result == VDB_CORRUPT);
    if (result == VDB_OK || result == VDB_CORRUPT)
        status = print_findings(path, report, json);
    else
        status = fail_library();
    vdb_report_free(report);
    return status;
}

int run_check(const arguments *args)
{
    vdb *db = NULL;
    vdb_options options = VDB_OPTIONS_INIT;
    const char *path = args->operands[0];
    options.flags = VDB_OPEN_READONLY | VDB_OPEN_MUST_EXIST;
    if (args->given[OPTION_WITHOUT_LOG])
        options.flags |= VDB_OPEN_WITHOUT_LOG;
    vdb_status result;
    int status = open_quietly(path, &options, &db, &result);
    if (status)
        return status;
    if (result == VDB_CORRUPT)
        return print_findings(path, NULL, args->given[OPTION_JSON]);
    if (result)
        return fail_opening(path, &options, result);
    return close_database(db, check_database(args, db));
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
        puts(args->given[OPTION_JSON] ? "{\"status\":\"complete\"}"
                                      : "Checkpoint complete");
    return status;
}
