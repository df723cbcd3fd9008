/* prometheus.c: every counter in Prometheus' text format, version 0.0.4. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "routes.h"

static const char *const CLASSES[METER_CLASSES] = {"2xx", "4xx", "5xx"};

static void put_head(buffer *to, const char *name, const char *type, const char *help)
{
    put_format(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_one(buffer *to, const char *name, const char *type, const char *help,
                    uint64_t value)
{
    put_head(to, name, type, help);
    put_format(to, "%s %" PRIu64 "\n", name, value);
}

static void put_seconds(buffer *to, const char *name, const char *type,
                        const char *help, uint64_t us)
{
    put_head(to, name, type, help);
    put_format(to, "%s %.6f\n", name, (double)us / 1e6);
}

/* method="GET",route="/vectors/:id" */
static void put_route(buffer *to, size_t i)
{
    const char *method = i < ROUTE_COUNT ? ROUTES[i].method : "other";
    put_format(to, "method=\"%s\",route=\"%s\"", method,
               i < ROUTE_COUNT ? ROUTES[i].pattern : "other");
}

static uint64_t load(const atomic_uint_fast64_t *from)
{
    return atomic_load_explicit(from, memory_order_relaxed);
}

static void put_requests(buffer *to, const meters *m)
{
    static const char NAME[] = "vdb_http_requests_total";
    put_head(to, NAME, "counter", "Requests answered, by route and status.");
    for (size_t i = 0; i < METER_ROUTES; i++) {
        for (size_t at = 0; at < METER_STATUS_COUNT; at++) {
            uint64_t count = load(&m->routes[i].statuses[at]);
            if (!count)
                continue;
            put_format(to, "%s{", NAME);
            put_route(to, i);
            put_format(to, ",code=\"%u\"} %" PRIu64 "\n", METER_STATUSES[at], count);
        }
    }
}

static void put_histogram(buffer *to, const meter *m, size_t i, size_t class)
{
    static const char NAME[] = "vdb_http_request_duration_seconds";
    uint64_t sum = 0;
    for (size_t bucket = 0; bucket < METER_BUCKETS; bucket++)
        sum += load(&m->buckets[class][bucket]);
    if (!sum)
        return;
    sum = 0;
    for (size_t bucket = 0; bucket < METER_BUCKETS; bucket++) {
        sum += load(&m->buckets[class][bucket]);
        put_format(to, "%s_bucket{", NAME);
        put_route(to, i);
        if (bucket < METER_BUCKETS - 1)
            put_format(to, ",status=\"%s\",le=\"%g\"} %" PRIu64 "\n", CLASSES[class],
                       METER_BOUNDS[bucket], sum);
        else
            put_format(to, ",status=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", CLASSES[class],
                       sum);
    }
    put_format(to, "%s_sum{", NAME);
    put_route(to, i);
    put_format(to, ",status=\"%s\"} %.9g\n%s_count{", CLASSES[class],
               (double)load(&m->sum_ns[class]) / 1e9, NAME);
    put_route(to, i);
    put_format(to, ",status=\"%s\"} %" PRIu64 "\n", CLASSES[class], sum);
}

static void put_server(buffer *to, server *s)
{
    connection_counts counts;
    connections_count(s->connections, &counts);
    put_requests(to, &s->meters);
    put_head(to, "vdb_http_request_duration_seconds", "histogram",
             "From the head of a request to its answer.");
    for (size_t i = 0; i < METER_ROUTES; i++)
        for (size_t class = 0; class < METER_CLASSES; class ++)
            put_histogram(to, &s->meters.routes[i], i, class);
    put_one(to, "vdb_http_connections", "gauge", "Open connections.", counts.open);
    put_one(to, "vdb_http_connections_accepted_total", "counter",
            "Connections accepted.", counts.accepted);
    put_one(to, "vdb_http_connections_late_total", "counter",
            "Connections ended by a deadline.", counts.late);
    put_one(to, "vdb_http_connections_evicted_total", "counter",
            "Idle connections ended to make room.", counts.evicted);
    put_one(to, "vdb_http_connections_refused_total", "counter",
            "Connections refused: too many from one address.", counts.refused);
    put_one(to, "vdb_http_requests_given_up_total", "counter",
            "Requests whose client went before they were answered.", counts.gone);
    put_one(to, "vdb_http_requests_in_hand", "gauge",
            "Requests whose head has come and whose answer is not sent.",
            atomic_load(&s->in_hand));
    put_one(to, "vdb_http_body_bytes", "gauge", "Memory that bodies in hand take.",
            atomic_load(&s->body_bytes));
    put_head(to, "vdb_http_requests_waiting", "gauge",
             "Requests that wait for a thread.");
    put_format(to,
               "vdb_http_requests_waiting{kind=\"read\"} %zu\n"
               "vdb_http_requests_waiting{kind=\"write\"} %zu\n"
               "vdb_http_requests_waiting{kind=\"admin\"} %zu\n",
               workers_waiting(s->readers), workers_waiting(s->writers),
               workers_waiting(s->admins));
}

static void put_latencies(buffer *to, const vdb_stats *s)
{
    static const char NAME[] = "vdb_query_duration_seconds";
    const struct {
        const char *quantile;
        double us;
    } all[] = {{"0.5", s->p50_query_latency_us},
               {"0.95", s->p95_query_latency_us},
               {"0.99", s->p99_query_latency_us}};
    put_head(to, NAME, "summary", "Time of a query vector in the library.");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        put_format(to, "%s{quantile=\"%s\"} %.9g\n", NAME, all[i].quantile,
                   all[i].us / 1e6);
    put_format(to, "%s_sum %.9g\n%s_count %" PRIu64 "\n", NAME,
               s->avg_query_latency_us / 1e6 * (double)s->total_queries, NAME,
               s->total_queries);
}

static void put_database(buffer *to, const vdb_stats *s)
{
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } all[] = {
        {"vdb_vectors", "gauge", "Vectors stored.", s->vectors},
        {"vdb_tombstones", "gauge", "Rows that no vector is in: dead or free.",
         s->slots - s->vectors},
        {"vdb_sequence", "gauge", "Sequence of the newest commit.", s->sequence},
        {"vdb_durable_sequence", "gauge", "Sequence of the last checkpoint.",
         s->durable_sequence},
        {"vdb_file_bytes", "gauge", "The main file.", s->file_bytes},
        {"vdb_free_bytes", "gauge", "Of the main file, free.", s->free_bytes},
        {"vdb_held_bytes", "gauge", "Of the main file, kept for readers.",
         s->held_bytes},
        {"vdb_log_bytes", "gauge", "Both logs.", s->log_bytes},
        {"vdb_dirty_bytes", "gauge", "Pages in memory that are not saved.",
         s->dirty_bytes},
        {"vdb_resident_bytes", "gauge", "Allocated by the library.", s->resident_bytes},
        {"vdb_written_bytes_total", "counter", "Written to all files.",
         s->written_bytes},
        {"vdb_syncs_total", "counter", "Syncs of files.", s->syncs},
        {"vdb_commits_total", "counter", "Commits.", s->commits},
        {"vdb_checkpoints_total", "counter", "Checkpoints.", s->checkpoints},
        {"vdb_inserts_total", "counter", "Vectors stored, replacements too.",
         s->total_inserts},
        {"vdb_deletes_total", "counter", "Vectors removed.", s->total_deletes},
        {"vdb_views", "gauge", "Readers that hold a version.", s->views},
        {"vdb_graph_vectors", "gauge", "Vectors in the graph, dead ones too.",
         s->graph_vectors},
        {"vdb_graph_fresh", "gauge", "Vectors that are not in the graph yet.",
         s->graph_fresh},
        {"vdb_graph_bytes", "gauge", "Memory of the graph.", s->graph_bytes},
        {"vdb_graph_file_bytes", "gauge", "Of the main file, the graph.",
         s->graph_file_bytes},
        {"vdb_graph_wanted_bytes", "gauge",
         "Memory that a graph would take, more than it may; 0: it has room.",
         s->graph_wanted_bytes},
        {"vdb_poisoned", "gauge", "1 after a sync has failed.", s->poisoned},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        put_one(to, all[i].name, all[i].type, all[i].help, all[i].value);
    put_seconds(to, "vdb_checkpoint_last_seconds", "gauge",
                "How long the last checkpoint took.", s->last_checkpoint_us);
    put_seconds(to, "vdb_checkpoint_seconds_total", "counter",
                "How long all checkpoints took.", s->total_checkpoint_us);
    put_latencies(to, s);
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void handle_prometheus(request *r)
{
    vdb_stats stats = VDB_STATS_INIT;
    vdb_status result = vdb_stats_get(r->server->db, &stats);
    if (result) {
        answer_library(&r->answer, result);
        return;
    }
    answer_begin(&r->answer, 200);
    r->answer.type = "text/plain; version=0.0.4; charset=utf-8";
    put_server(&r->answer.body, r->server);
    put_database(&r->answer.body, &stats);
    put_one(&r->answer.body, "process_resident_memory_bytes", "gauge",
            "Resident memory of the server.", resident_bytes());
}
