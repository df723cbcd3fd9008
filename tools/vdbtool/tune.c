/* tune.c: which ef finds which share of the nearest: measured, kept and printed. */
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "complain.h"
#include "opening.h"
#include "progress.h"

static void print_text(const vdb_tuning *t, bool first)
{
    if (first)
        printf("Searched for %" PRIu64 " of %" PRIu64 " vectors\n\n"
               "%6s %6s %8s %8s %10s\n",
               t->sample, t->vectors, "k", "ef", "recall", "target", "us/search");
    printf("%6" PRIu32 " %6" PRIu32 " %8.4f %8.4f %10.1f\n", t->k, t->ef, t->recall,
           t->promised, t->mean_us);
}

static void print_json(const vdb_tuning *t, bool first)
{
    if (first)
        printf("{\"vectors\":%" PRIu64 ",\"sample\":%" PRIu64 ",\"measured\":[",
               t->vectors, t->sample);
    printf("%s{\"k\":%" PRIu32 ",\"ef\":%" PRIu32
           ",\"recall\":%.6f,\"target\":%.6f,\"mean_us\":%.1f}",
           first ? "" : ",", t->k, t->ef, t->recall, t->promised, t->mean_us);
}

static int print_tuning(vdb *db, bool json)
{
    vdb_tuning t = VDB_TUNING_INIT;
    size_t count = 0;
    vdb_status result;
    for (; !(result = vdb_tuning_get(db, count, &t)); count++) {
        if (json)
            print_json(&t, count == 0);
        else
            print_text(&t, count == 0);
    }
    if (result != VDB_NOT_FOUND)
        return fail_library();
    if (json)
        puts(count ? "]}" : "{\"vectors\":0,\"sample\":0,\"measured\":[]}");
    else if (!count)
        puts("Too few vectors for a graph: every search compares all");
    return STATUS_DONE;
}

int run_tune(const arguments *args)
{
    progress shown;
    vdb_op op = VDB_OP_INIT;
    vdb *db;
    int status = open_to_write(args, &db);
    if (status)
        return status;
    progress_begin(&shown, args, "searches", NULL);
    progress_follow(&shown, &op);
    vdb_status result = vdb_tune(db, &op);
    progress_end(&shown, !result);
    status = result ? fail_library() : print_tuning(db, args->given[OPTION_JSON]);
    return close_database(db, status);
}
