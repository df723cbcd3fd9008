/* stats.c: counters and sizes of the database, as JSON. */
#include <inttypes.h>

#include "routes.h"

static const char *name_of(const char *const *names, size_t count, int32_t value)
{
    return value >= 0 && (size_t)value < count ? names[value] : "unknown";
}

void handle_stats(request *r)
{
    static const char *const METRICS[] = {"default", "l2", "cosine", "dot"};
    static const char *const INDEXES[] = {"default", "flat", "hnsw"};
    static const char *const CODES[] = {"default", "8", "4", "none"};
    vdb_stats s = VDB_STATS_INIT;
    vdb_status result = vdb_stats_get(r->server->db, &s);
    if (result) {
        answer_library(&r->answer, result);
        return;
    }
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {{"vectors", s.vectors},
               {"slots", s.slots},
               {"sequence", s.sequence},
               {"durable_sequence", s.durable_sequence},
               {"generation", s.generation},
               {"file_bytes", s.file_bytes},
               {"free_bytes", s.free_bytes},
               {"held_bytes", s.held_bytes},
               {"log_bytes", s.log_bytes},
               {"dirty_bytes", s.dirty_bytes},
               {"resident_bytes", s.resident_bytes},
               {"written_bytes", s.written_bytes},
               {"syncs", s.syncs},
               {"commits", s.commits},
               {"checkpoints", s.checkpoints},
               {"last_checkpoint_us", s.last_checkpoint_us},
               {"total_checkpoint_us", s.total_checkpoint_us},
               {"views", s.views},
               {"fields", s.fields},
               {"graph_vectors", s.graph_vectors},
               {"graph_fresh", s.graph_fresh},
               {"graph_bytes", s.graph_bytes},
               {"graph_file_bytes", s.graph_file_bytes},
               {"graph_wanted_bytes", s.graph_wanted_bytes},
               {"graph_layers", s.graph_layers},
               {"dimension", s.dimension},
               {"m", s.m},
               {"ef_construction", s.ef_construction},
               {"max_layers", s.max_layers},
               {"format", s.format},
               {"replayed", s.replayed}};
    answer_begin(&r->answer, 200);
    put_format(&r->answer.body, "{\"metric\": \"%s\", \"index\": \"%s\"",
               name_of(METRICS, 4, s.metric), name_of(INDEXES, 3, s.index));
    put_format(&r->answer.body, ", \"codes\": \"%s\"", name_of(CODES, 4, s.codes));
    if (s.graph_codes)
        put_format(&r->answer.body, ", \"graph_codes\": \"%s\"",
                   name_of(CODES, 4, s.graph_codes));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        put_format(&r->answer.body, ", \"%s\": %" PRIu64, all[i].name, all[i].value);
    put_format(&r->answer.body, ", \"poisoned\": %s}", s.poisoned ? "true" : "false");
}
