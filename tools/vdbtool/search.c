/* search.c: one query from the command line, or many from a file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "complain.h"
#include "format.h"
#include "opening.h"
#include "progress.h"
#include "reading.h"
#include "values.h"

/* Queries of a file are answered so many at a time, which bounds the memory. */
enum {
    QUERIES_AT_ONCE = 256
};

typedef struct search {
    vdb *db;
    vdb_query query;
    vdb_filter *filter;
    bool json;
    bool many;      /* from a file: text says which query each block answers */
    uint64_t asked; /* queries answered before the ones in hand */
    /* Of a file: how it is called, and the rows or lines of the queries in hand. */
    const char *path;
    const char *unit;
    uint64_t numbers[QUERIES_AT_ONCE];
} search;

static void print_item_text(const search *s, const vdb_results *results, size_t i,
                            size_t rank)
{
    size_t length;
    double distance = (double)vdb_results_distances(results)[i];
    const char *id = vdb_results_id(results, i, &length);
    printf("%zu. ", rank);
    put_plain(stdout, id, length);
    printf(" (distance: %.4f)", distance == 0 ? 0.0 : distance);
    if (s->query.flags & VDB_QUERY_WITH_METADATA) {
        const char *metadata = vdb_results_metadata(results, i, &length);
        if (metadata) {
            putchar(' ');
            put_plain(stdout, metadata, length);
        }
    }
    putchar('\n');
}

static int print_text(const search *s, const vdb_results *results, size_t q)
{
    const size_t *offsets = vdb_results_offsets(results);
    size_t count = offsets[q + 1] - offsets[q];
    uint64_t live;
    if (s->many)
        printf("%sQuery %" PRIu64 ":\n", s->asked + q ? "\n" : "", s->asked + q + 1);
    if (count == 0) {
        if (vdb_count(s->db, NULL, NULL, &live))
            return fail_library();
        puts(live ? "No results found" : "No results found (store is empty)");
        return STATUS_DONE;
    }
    printf("Top %zu results:\n", count);
    for (size_t i = offsets[q]; i < offsets[q + 1]; i++)
        print_item_text(s, results, i, i - offsets[q] + 1);
    return STATUS_DONE;
}

static void print_json(const search *s, const vdb_results *results, size_t q)
{
    const size_t *offsets = vdb_results_offsets(results);
    putchar('[');
    for (size_t i = offsets[q]; i < offsets[q + 1]; i++) {
        size_t length;
        const char *id = vdb_results_id(results, i, &length);
        fputs(i == offsets[q] ? "{\"id\":" : ",{\"id\":", stdout);
        put_json_string(stdout, id, length);
        fputs(",\"distance\":", stdout);
        put_json_distance(stdout, vdb_results_distances(results)[i]);
        if (s->query.flags & VDB_QUERY_WITH_METADATA) {
            const char *metadata = vdb_results_metadata(results, i, &length);
            if (metadata) {
                fputs(",\"metadata\":", stdout);
                put_json_line(stdout, metadata, length);
            }
        }
        putchar('}');
    }
    putchar(']');
}

static const char *strategy_name(uint32_t strategy)
{
    switch (strategy) {
    case VDB_STRATEGY_NONE:
        return "none";
    case VDB_STRATEGY_SCAN:
        return "scan";
    case VDB_STRATEGY_GRAPH:
        return "graph";
    default:
        return "unknown";
    }
}

static const char *index_name(vdb_index_kind index)
{
    return index >= VDB_FLAT && index <= VDB_HNSW ? INDEX_NAMES[index] : "none";
}

static int print_explanation(const search *s, const vdb_results *results, size_t q)
{
    vdb_explain e = VDB_EXPLAIN_INIT;
    if (vdb_results_explain(results, q, &e))
        return fail_library();
    const char *strategy = strategy_name(e.strategy), *index = index_name(e.index);
    if (s->json) {
        printf("{\"index\":\"%s\",\"strategy\":\"%s\",\"reason\":", index, strategy);
        put_json_string(stdout, e.reason, strlen(e.reason));
        printf(",\"sequence\":%" PRIu64 ",\"live\":%" PRIu64 ",\"matches\":%" PRIu64
               ",\"distances\":%" PRIu64 ",\"filter_ns\":%" PRIu64
               ",\"search_ns\":%" PRIu64 ",\"ef\":%" PRIu32 "}",
               e.sequence, e.live, e.matches, e.distances, e.filter_ns, e.search_ns,
               e.ef);
        return STATUS_DONE;
    }
    printf("Index: %s\nStrategy: %s (%s)\n", index, strategy, e.reason);
    if (e.ef)
        printf("ef: %" PRIu32 "\n", e.ef);
    printf("Vectors: %" PRIu64 ", matches: %" PRIu64 ", distances computed: %" PRIu64
           "\n",
           e.live, e.matches, e.distances);
    printf("Filter: %.3f ms, search: %.3f ms, sequence: %" PRIu64 "\n",
           (double)e.filter_ns / 1e6, (double)e.search_ns / 1e6, e.sequence);
    return STATUS_DONE;
}

static int print_answer(const search *s, const vdb_results *results, size_t q)
{
    bool explain = (s->query.flags & VDB_QUERY_EXPLAIN) != 0;
    int status = STATUS_DONE;
    if (!s->json) {
        status = print_text(s, results, q);
        return status || !explain ? status : print_explanation(s, results, q);
    }
    if (explain)
        fputs("{\"results\":", stdout);
    print_json(s, results, q);
    if (explain) {
        fputs(",\"explain\":", stdout);
        status = print_explanation(s, results, q);
        putchar('}');
    }
    putchar('\n');
    return status;
}

/* The library counts queries within the call: "query 7: ..."; a file's count is told. */
static int fail_query(const search *s)
{
    static const char PREFIX[] = "query ";
    const char *message = vdb_errmsg();
    char *end;
    if (!s->path || strncmp(message, PREFIX, sizeof PREFIX - 1) != 0)
        return fail_library();
    unsigned long q = strtoul(message + sizeof PREFIX - 1, &end, 10);
    if (q >= QUERIES_AT_ONCE || *end != ':')
        return fail_library();
    return fail("%s: %s %" PRIu64 "%s", s->path, s->unit, s->numbers[q], end);
}

/* Answer `count` queries, one after another in `vectors`. */
static int answer(search *s, const float *vectors, size_t count, size_t dim)
{
    vdb_results *results;
    s->query.vectors = vectors;
    s->query.count = count;
    s->query.dim = dim;
    if (vdb_search_batch(s->db, &s->query, &results))
        return fail_query(s);
    int status = STATUS_DONE;
    for (size_t q = 0; q < count && !status && !ferror(stdout); q++)
        status = print_answer(s, results, q);
    vdb_results_free(results);
    s->asked += count;
    return status;
}

static int answer_file(search *s, reader *queries, progress *shown)
{
    row next;
    float *vectors = NULL;
    size_t held = 0, dim = 0;
    int got, status = STATUS_DONE;
    while (!status && (got = reader_next(queries, &next)) != 0) {
        if (got < 0) {
            status = STATUS_FAILED;
            break;
        }
        dim = next.dim; /* the same in every row: the reader sees to that */
        if (!vectors)
            vectors = malloc(QUERIES_AT_ONCE * dim * sizeof *vectors);
        if (!vectors) {
            status = fail_memory();
            break;
        }
        memcpy(vectors + held * dim, next.vector, dim * sizeof *vectors);
        s->numbers[held] = next.number;
        if (++held == QUERIES_AT_ONCE) {
            status = answer(s, vectors, held, dim);
            held = 0;
            progress_show(shown, s->asked, reader_bytes(queries),
                          reader_total_bytes(queries));
        }
        if (ferror(stdout))
            break;
    }
    if (!status && held)
        status = answer(s, vectors, held, dim);
    progress_show(shown, s->asked, reader_bytes(queries), reader_total_bytes(queries));
    free(vectors);
    return status;
}

static int read_query(const arguments *args, search *s)
{
    uint64_t number = 5;
    s->query = (vdb_query)VDB_QUERY_INIT;
    s->json = args->given[OPTION_JSON];
    s->many = args->given[OPTION_QUERIES];
    if (args->values[OPTION_K] &&
        parse_whole("k", args->values[OPTION_K], 1, VDB_K_MAX, &number))
        return STATUS_FAILED;
    s->query.k = (size_t)number;
    if (args->values[OPTION_EF]) {
        if (parse_whole("--ef", args->values[OPTION_EF], 1, UINT32_MAX, &number))
            return STATUS_FAILED;
        s->query.ef = (uint32_t)number;
    }
    if (args->values[OPTION_RECALL_TARGET] &&
        parse_share("--recall-target", args->values[OPTION_RECALL_TARGET],
                    &s->query.recall_target))
        return STATUS_FAILED;
    if (args->given[OPTION_EXACT])
        s->query.flags |= VDB_QUERY_EXACT;
    if (args->given[OPTION_EXPLAIN])
        s->query.flags |= VDB_QUERY_EXPLAIN;
    if (args->given[OPTION_WITH_METADATA])
        s->query.flags |= VDB_QUERY_WITH_METADATA;
    if (args->given[OPTION_FILTER])
        s->query.flags |= VDB_QUERY_FILTERED;
    int status = read_filter(args->values[OPTION_FILTER], &s->filter);
    s->query.filter = s->filter;
    return status;
}

static int run_search_file(const arguments *args, search *s)
{
    reader *queries = NULL;
    reader_options options;
    int status = read_reader_options(args, &options);
    options.queries = true;
    if (!status)
        status = reader_open(args->values[OPTION_QUERIES], &options, &queries);
    if (!status)
        status = reader_measure(queries);
    if (!status)
        status = open_to_read(args, &s->db);
    if (!status) {
        progress shown;
        s->path = args->values[OPTION_QUERIES];
        s->unit = reader_unit(queries);
        progress_begin(&shown, args, "queries", stdout);
        status = answer_file(s, queries, &shown);
        progress_end(&shown, !status);
    }
    reader_free(queries);
    return status;
}

/* The one query: the operand, or the vector that is stored under an id. */
static int answer_one(const arguments *args, search *s)
{
    floats vector = {NULL, 0};
    vdb_record *record = NULL;
    const char *id = args->values[OPTION_LIKE];
    int status = id ? STATUS_DONE : read_vector("vector", args->operands[1], &vector);
    if (!status)
        status = open_to_read(args, &s->db);
    if (!status && id) {
        vdb_status result = vdb_get(s->db, id, NULL, &record);
        if (result == VDB_NOT_FOUND)
            status = fail("Vector not found: %s", id);
        else if (result)
            status = fail_library();
    }
    if (!status && record) {
        size_t dim;
        const float *stored = vdb_record_vector(record, &dim);
        status = answer(s, stored, 1, dim);
    } else if (!status) {
        status = answer(s, vector.values, 1, vector.count);
    }
    vdb_record_free(record);
    free(vector.values);
    return status;
}

/* Exactly one of the three says what to search for. */
static int check_usage(const arguments *args)
{
    bool many = args->given[OPTION_QUERIES], like = args->given[OPTION_LIKE];
    if (args->operand_count + many + like < 2)
        return fail_usage("search",
                          "search: missing operand: a vector (FILE \"1.0,2.0\"), "
                          "--like or --queries");
    if (many && like)
        return fail_usage("search", "search: --like and --queries exclude each other");
    if (args->operand_count + many + like > 2)
        return fail_usage("search", "search: surplus operand beside %s: %.80s",
                          many ? "--queries" : "--like", args->operands[1]);
    for (int option = 0; option < OPTION_COUNT && !many; option++)
        if (args->given[option] && WITH_READING >> option & 1)
            return fail_usage("search", "search: --format and what else tells how to "
                                        "read a file is for --queries");
    return STATUS_DONE;
}

int run_search(const arguments *args)
{
    search s;
    memset(&s, 0, sizeof s);
    int status = check_usage(args);
    if (!status)
        status = read_query(args, &s);
    if (!status)
        status = s.many ? run_search_file(args, &s) : answer_one(args, &s);
    status = close_database(s.db, status);
    vdb_filter_free(s.filter);
    return status;
}
