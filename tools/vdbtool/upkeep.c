/* upkeep.c: backup and compact: what takes as long as the file is large. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "complain.h"
#include "format.h"
#include "opening.h"
#include "progress.h"

/* The library tells bytes done, and in all. */
static vdb_op watched(progress *shown, const arguments *args)
{
    vdb_op op = VDB_OP_INIT;
    progress_begin(shown, args, "MB", NULL);
    shown->unit_size = 1e6;
    progress_follow(shown, &op);
    return op;
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
        put_json_repaired(stdout, path);
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
    progress shown;
    vdb_op op = watched(&shown, args);
    const char *path = args->operands[1];
    vdb *db;
    int status = open_to_read(args, &db);
    if (status)
        return status;
    vdb_status result = vdb_backup(db, path, &op);
    progress_end(&shown, !result);
    if (result == VDB_EXISTS)
        status = fail("there is a file already: %s", path);
    else if (result)
        status = fail_library();
    status = close_database(db, status);
    return status ? status : print_backup(path, args->given[OPTION_JSON]);
}

int run_compact(const arguments *args)
{
    progress shown;
    vdb_op op = watched(&shown, args);
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
    progress_end(&shown, !result);
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
