/* upkeep_routes.c: checkpoint and backup. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "routes.h"
#include "settings.h"

void handle_checkpoint(request *r)
{
    vdb_stats stats = VDB_STATS_INIT;
    vdb_status result = vdb_checkpoint(r->server->db, NULL);
    if (!result)
        result = vdb_stats_get(r->server->db, &stats);
    if (result) {
        answer_library(&r->answer, result);
        return;
    }
    answer_begin(&r->answer, 200);
    put_format(&r->answer.body,
               "{\"status\": \"saved\", \"durable_sequence\": %" PRIu64 "}",
               stats.durable_sequence);
}

/* A name that no client chooses, and no two backups have. */
void handle_backup(request *r)
{
    const server *s = r->server;
    char name[80], path[4096];
    struct stat made;
    struct tm utc;
    vdb_op op = VDB_OP_INIT;
    time_t now = time(NULL);
    if (!s->settings->backup_folder) {
        answer_error(&r->answer, 404, "no folder for backups: see --backup-dir");
        return;
    }
    gmtime_r(&now, &utc);
    size_t length = strftime(name, sizeof name, "backup-%Y%m%dT%H%M%SZ", &utc);
    snprintf(name + length, sizeof name - length, "-%s-%llx.vdb", s->boot,
             (unsigned long long)r->number);
    int size = snprintf(path, sizeof path, "%s/%s", s->settings->backup_folder, name);
    if (size <= 0 || (size_t)size >= sizeof path) {
        answer_error(&r->answer, 500, "the name of the folder is too long");
        return;
    }
    op.cancel = r->cancel;
    vdb_status result = vdb_backup(s->db, path, &op);
    if (result == VDB_NOT_FOUND ||
        result == VDB_INVALID) { /* of the folder, not ours */
        complain("500: %s", vdb_errmsg());
        answer_error(&r->answer, 500, "the folder for backups cannot be written to");
        return;
    }
    if (result) {
        answer_library(&r->answer, result);
        return;
    }
    answer_begin(&r->answer, 201);
    put_format(&r->answer.body, "{\"name\": \"%s\", \"bytes\": %lld}", name,
               stat(path, &made) ? 0LL : (long long)made.st_size);
}
