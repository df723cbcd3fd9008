/* bench_arguments.c: a table of options, and getopt_long over it. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_arguments.h"
#include "stop.h"

typedef enum option_kind {
    KIND_TEXT,
    KIND_NUMBER,
    KIND_FLAG,
    KIND_OTHER /* taken apart by take_other() */
} option_kind;

typedef struct bench_option {
    const char *name;
    const char *value; /* what the help calls its value */
    option_kind kind;
    size_t offset; /* of its field */
    uint32_t min, max;
    const char *help;
} bench_option;

#define FIELD(name) offsetof(bench_arguments, name)

static const bench_option OPTIONS[] = {
    {"base", "FILE", KIND_TEXT, FIELD(base), 0, 0, "vectors to build from, .fvecs"},
    {"queries", "FILE", KIND_TEXT, FIELD(queries), 0, 0, "queries, .fvecs"},
    {"truth", "FILE", KIND_TEXT, FIELD(truth), 0, 0,
     "row numbers of each query's nearest, .ivecs; without, they are computed"},
    {"metric", "NAME", KIND_OTHER, 0, 0, 0, "l2, cosine or dot (l2)"},
    {"index", "NAME", KIND_OTHER, 0, 0, 0, "flat or hnsw (hnsw)"},
    {"m", "N", KIND_NUMBER, FIELD(m), 2, 512, "links per node of hnsw (16)"},
    {"ef-construction", "N", KIND_NUMBER, FIELD(ef_construction), 1, 65535,
     "effort of building hnsw (200)"},
    {"codes", "N", KIND_OTHER, 0, 0, 0, "8, 4 or none: bits of navigation codes"},
    {"ef", "LIST", KIND_OTHER, 0, 0, 0,
     "efforts of searching, by commas; one row each (10,20,40,80,160,320,640)"},
    {"recall-target", "R", KIND_OTHER, 0, 0, 0,
     "let libvdb choose ef for this recall; --ef is then the least (1)"},
    {"k", "N", KIND_NUMBER, FIELD(k), 1, 100000, "neighbours asked for (10)"},
    {"threads", "N", KIND_NUMBER, FIELD(threads), 1, 1024, "that search (1)"},
    {"build-threads", "N", KIND_NUMBER, FIELD(build_threads), 1, 1024,
     "that build (2)"},
    {"batch", "N", KIND_NUMBER, FIELD(batch), 1, 10000000, "queries per call (1)"},
    {"max-queries", "N", KIND_NUMBER, FIELD(max_queries), 1, 10000000,
     "queries used, from the first (2000)"},
    {"repeat", "N", KIND_NUMBER, FIELD(repeat), 1, 10000,
     "passes per ef; the best counts (3)"},
    {"answers", "FILE", KIND_TEXT, FIELD(answers), 0, 0,
     "write the row numbers answered at the last ef, .ivecs"},
    {"db", "PATH", KIND_TEXT, FIELD(db), 0, 0,
     "open this database, or build it there and keep it"},
    {"memory", NULL, KIND_FLAG, FIELD(memory), 0, 0, "a database in memory"},
    {"meta", "FILE", KIND_TEXT, FIELD(meta), 0, 0,
     "metadata, one JSON object per line and base row"},
    {"filter", "JSON", KIND_TEXT, FIELD(filter), 0, 0, "one filter for all queries"},
    {"filters", "FILE", KIND_TEXT, FIELD(filters), 0, 0,
     "a predicate per query, .jsonl (docs/benchmarks.md)"},
    {"filter-truth", "FILE", KIND_TEXT, FIELD(filter_truth), 0, 0,
     "as --truth, among the rows that pass, padded with -1; computed without"},
    {"csv", NULL, KIND_FLAG, FIELD(csv), 0, 0, "print rows of CSV"},
    {"help", NULL, KIND_FLAG, 0, 0, 0, "print this help"},
};

enum {
    OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS
};

static const char *const METRICS[] = {"l2", "cosine", "dot"};

const char *bench_metric_name(bench_metric metric)
{
    return METRICS[metric];
}

bench_metric bench_metric_parse(const char *text)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(text, METRICS[i]) == 0)
            return (bench_metric)i;
    stop_usage("--metric: \"%s\" is not l2, cosine or dot", text);
}

uint32_t bench_number(const char *option, const char *text, uint32_t min, uint32_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end || errno || value < min || value > max)
        stop_usage("--%s: \"%s\" is not a number from %u to %u", option, text, min,
                   max);
    return (uint32_t)value;
}

static void take_efs(bench_arguments *args, const char *list)
{
    char one[16];
    args->ef_count = 0;
    for (;;) {
        size_t length = strcspn(list, ",");
        if (length >= sizeof one)
            stop_usage("--ef: \"%s\" is not a list of numbers", list);
        if (args->ef_count == EF_MAX)
            stop_usage("--ef: more than %d values", EF_MAX);
        memcpy(one, list, length);
        one[length] = 0;
        args->ef[args->ef_count++] = bench_number("ef", one, 1, 1000000);
        if (!list[length])
            return;
        list += length + 1;
    }
}

static void take_other(bench_arguments *args, const char *name, const char *text)
{
    if (strcmp(name, "metric") == 0) {
        args->metric = bench_metric_parse(text);
    } else if (strcmp(name, "ef") == 0) {
        take_efs(args, text);
    } else if (strcmp(name, "recall-target") == 0) {
        char *end;
        args->recall_target = strtod(text, &end);
        if (end == text || *end ||
            !(args->recall_target > 0 && args->recall_target <= 1))
            stop_usage("--recall-target: \"%s\" is not above 0 and at most 1", text);
    } else if (strcmp(name, "index") == 0) {
        args->hnsw = strcmp(text, "hnsw") == 0;
        if (!args->hnsw && strcmp(text, "flat") != 0)
            stop_usage("--index: \"%s\" is not flat or hnsw", text);
    } else { /* codes */
        args->codes = strcmp(text, "8") == 0      ? CODES_8
                      : strcmp(text, "4") == 0    ? CODES_4
                      : strcmp(text, "none") == 0 ? CODES_NONE
                                                  : CODES_DEFAULT;
        if (args->codes == CODES_DEFAULT)
            stop_usage("--codes: \"%s\" is not 8, 4 or none", text);
    }
}

static void print_help(void)
{
    printf("Usage: %s --base FILE --queries FILE [option...]\n"
           "Build an index and measure its searches: recall, queries per second, "
           "latency.\n\n",
           program_invocation_short_name);
    for (int i = 0; i < OPTION_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", OPTIONS[i].name,
                 OPTIONS[i].value ? " " : "", OPTIONS[i].value ? OPTIONS[i].value : "");
        printf("  %-22s %s\n", left, OPTIONS[i].help);
    }
    exit(0);
}

static void take(bench_arguments *args, const bench_option *option, const char *text)
{
    char *field = (char *)args + option->offset;
    switch (option->kind) {
    case KIND_TEXT:
        memcpy(field, &text, sizeof text);
        break;
    case KIND_NUMBER: {
        uint32_t value = bench_number(option->name, text, option->min, option->max);
        memcpy(field, &value, sizeof value);
        break;
    }
    case KIND_FLAG:
        if (strcmp(option->name, "help") == 0)
            print_help();
        *(bool *)field = true;
        break;
    case KIND_OTHER:
        take_other(args, option->name, text);
        break;
    }
}

/* What does not go together, or is missing. */
static void check(const bench_arguments *args)
{
    if (!args->base)
        stop_usage("--base is missing");
    if (!args->queries)
        stop_usage("--queries is missing");
    if (args->memory && args->db)
        stop_usage("--memory and --db exclude each other");
    if (args->filter && args->filters)
        stop_usage("--filter and --filters exclude each other");
    if ((args->filter || args->filters) && !args->meta && !args->db)
        stop_usage("--filter and --filters need --meta (or --db with metadata in it)");
    if (args->filter_truth && !args->filter && !args->filters)
        stop_usage("--filter-truth without --filter or --filters");
    if (args->filters && args->batch > 1)
        stop_usage("--filters gives each query a filter of its own: no --batch");
    if (args->memory && args->batch > 1 && args->threads != args->build_threads)
        stop_usage("--memory with --batch: what is in memory cannot be reopened with "
                   "other threads, so --threads must equal --build-threads");
}

void bench_arguments_parse(bench_arguments *args, int argc, char **argv)
{
    struct option table[OPTION_COUNT + 1];
    int got;
    memset(args, 0, sizeof *args);
    memset(table, 0, sizeof table);
    args->hnsw = true;
    args->k = 10;
    args->threads = 1;
    args->build_threads = 2;
    args->batch = 1;
    args->max_queries = 2000;
    args->repeat = 3;
    for (int i = 0; i < OPTION_COUNT; i++) {
        table[i].name = OPTIONS[i].name;
        table[i].has_arg = OPTIONS[i].value ? required_argument : no_argument;
        table[i].val = 256 + i;
    }
    opterr = 0;
    while ((got = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        if (got == ':')
            stop_usage("option without its value: %s", argv[optind - 1]);
        if (got == '?')
            stop_usage("unknown option: %s", argv[optind - 1]);
        if (got == 'h')
            print_help();
        take(args, &OPTIONS[got - 256], optarg);
    }
    if (optind < argc)
        stop_usage("surplus operand: %s", argv[optind]);
    check(args);
    if (!args->ef_count)
        take_efs(args, args->recall_target > 0 ? "1"
                       : args->hnsw            ? "10,20,40,80,160,320,640"
                                               : "50");
}
