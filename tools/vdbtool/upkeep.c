/* upkeep.c: backup and compact: what takes as long as the file is large. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "format.h"
#include "opening.h"

typedef struct upkeep {
    double began, shown;
} upkeep;

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The library's callback: bytes done, and in all. */
static void show(void *arg, uint64_t done, uint64_t total)
{
    upkeep *job = arg;
    double now = now_seconds(), spent = now - job->began;
    if (!total || !done || now - (job->shown > 0 ? job->shown : job->began) < 0.2)
        return;
    job->shown = now;
    fprintf(stderr, "\r%.0f of %.0f MB, %.1f MB/s, %.0f s left   ", (double)done / 1e6,
            (double)total / 1e6, (double)done / 1e6 / spent,
            spent * (double)(total - done) / (double)done);
}

static vdb_op watched(upkeep *job)
{
    vdb_op op = VDB_OP_INIT;
    job->began = now_seconds();
    job->shown = 0;
    if (isatty(STDERR_FILENO)) {
        op.progress = show;
        op.progress_arg = job;
    }
    return op;
}

static void end_watch(const upkeep *job)
{
    if (job->shown > 0)
        fputs("\r\033[K", stderr);
}

/* How large the backup is, and what it holds, as the file itself says. */
static int print_backup(const char *path, bool json)
{
    vdb_options options = VDB_OPTIONS_INIT;
    vdb_stats stats = VDB_STATS_INIT;
    vdb *db;
    options.flags = VDB_OPEN_READONLY | VDB_OPEN_MUST_EXIST;
    int status = open_database(path, &options, &db);
    if (status)
        return status;
    if (vdb_stats_get(db, &stats))
        status = fail_library();
    status = close_database(db, status);
    if (status)
        return status;
    if (json) {
        fputs("{\"path\":", stdout);
        put_json_string(stdout, path, strlen(path));
        printf(",\"vectors\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", stats.vectors,
               stats.file_bytes);
    } else {
        printf("Backed up %" PRIu64 " vectors to %s (%" PRIu64 " bytes)\n",
               stats.vectors, path, stats.file_bytes);
    }
    return STATUS_DONE;
}

int run_backup(const arguments *args)
{
    upkeep job;
    vdb_op op = watched(&job);
    const char *path = args->operands[1];
    vdb *db;
    int status = open_to_read(args, &db);
    if (status)
        return status;
    vdb_status result = vdb_backup(db, path, &op);
    end_watch(&job);
    if (result == VDB_EXISTS)
        status = fail("there is a file already: %s", path);
    else if (result)
        status = fail_library();
    status = close_database(db, status);
    return status ? status : print_backup(path, args->given[OPTION_JSON]);
}

int run_compact(const arguments *args)
{
    upkeep job;
    vdb_op op = watched(&job);
    vdb_stats before = VDB_STATS_INIT, after = VDB_STATS_INIT;
    vdb *db;
    int status = open_to_write(args, &db);
    if (status)
        return status;
    vdb_status result = vdb_stats_get(db, &before);
    if (!result)
        result = vdb_compact(db, &op);
    if (!result)
        result = vdb_stats_get(db, &after);
    end_watch(&job);
    if (result)
        status = fail_library();
    status = close_database(db, status);
    if (status)
        return status;
    if (args->given[OPTION_JSON])
        printf("{\"bytes_before\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n",
               before.file_bytes, after.file_bytes);
    else
        printf("Compacted %s: %" PRIu64 " bytes, before %" PRIu64 "\n",
               args->operands[0], after.file_bytes, before.file_bytes);
    return STATUS_DONE;
}
