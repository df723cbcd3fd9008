/* health.c: how the server is. */
#include <inttypes.h>
#include <string.h>

#include "routes.h"

static bool read_stats(request *r, vdb_stats *out)
{
    *out = (vdb_stats)VDB_STATS_INIT;
    vdb_status result = vdb_stats_get(r->server->db, out);
    if (result)
        answer_library(&r->answer, result);
    return result == VDB_OK;
}

/* Without the token that is asked for, nothing of the database shows. */
void handle_health(request *r)
{
    vdb_stats stats;
    if (!read_stats(r, &stats))
        return;
    answer_begin(&r->answer, stats.poisoned ? 503 : 200);
    put_format(&r->answer.body, "{\"status\": \"%s\"",
               stats.poisoned ? "failed" : "ok");
    if (r->allowed >= ACCESS_READ)
        put_format(&r->answer.body, ", \"vector_count\": %" PRIu64, stats.vectors);
    put_text(&r->answer.body, "}");
}

void handle_version(request *r)
{
    uint32_t running = vdb_version();
    answer_begin(&r->answer, 200);
    put_format(&r->answer.body,
               "{\"vdb-httpd\": \"%d.%d.%d\", \"libvdb\": \"%u.%u.%u\"}",
               VDB_VERSION_MAJOR, VDB_VERSION_MINOR, VDB_VERSION_PATCH,
               running / 1000000, running / 1000 % 1000, running % 1000);
}

void handle_metrics(request *r)
{
    vdb_stats stats;
    if (r->wants_text) {
        handle_prometheus(r);
        return;
    }
    if (!read_stats(r, &stats))
        return;
    const struct {
        const char *name;
        double value;
    } latencies[] = {{"avg_query_latency_us", stats.avg_query_latency_us},
                     {"p50_query_latency_us", stats.p50_query_latency_us},
                     {"p95_query_latency_us", stats.p95_query_latency_us},
                     {"p99_query_latency_us", stats.p99_query_latency_us}};
    answer_begin(&r->answer, 200);
    put_format(&r->answer.body,
               "{\"total_queries\": %" PRIu64 ", \"total_inserts\": %" PRIu64
               ", \"total_deletes\": %" PRIu64,
               stats.total_queries, stats.total_inserts, stats.total_deletes);
    for (size_t i = 0; i < sizeof latencies / sizeof *latencies; i++) {
        put_format(&r->answer.body, ", \"%s\": ", latencies[i].name);
        put_measure(&r->answer.body, latencies[i].value);
    }
    put_text(&r->answer.body, "}");
}
