/* commands.c: the table of commands, from which the help is made, too. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "complain.h"

const command COMMANDS[] = {
    {"create", "FILE --dim N", "Create a database.", 1, 1,
     WITH_CREATION | WITH(DURABILITY) | WITH(JSON), run_create},
    {"insert", "FILE ID --vector V",
     "Store a vector, replacing the one of this id; the file is created if missing.", 2,
     2, WITH(VECTOR) | WITH(METADATA) | WITH_CREATION | WITH(DURABILITY) | WITH(JSON),
     run_insert},
    {"get", "FILE ID", "Print a vector and its metadata.", 2, 2,
     WITH(WITHOUT_LOG) | WITH(JSON), run_get},
    {"delete", "FILE ID", "Remove a vector.", 2, 2, WITH(DURABILITY) | WITH(JSON),
     run_delete},
    {"list", "FILE", "Print the ids in the order of their bytes.", 1, 1,
     WITH(PREFIX) | WITH(LIMIT) | WITH(AFTER) | WITH(WITHOUT_LOG) | WITH(JSON),
     run_list},
    {"count", "FILE", "Print how many vectors there are.", 1, 1,
     WITH(FILTER) | WITH(WITHOUT_LOG) | WITH(JSON), run_count},
    {"search", "FILE VECTOR|--like ID|--queries FILE",
     "Find the nearest vectors.  VECTOR is \"1.0,2.0\", @FILE or -.", 1, 2,
     WITH(LIKE) | WITH(K) | WITH(FILTER) | WITH(EF) | WITH(RECALL_TARGET) |
         WITH(EXACT) | WITH(EXPLAIN) | WITH(QUERIES) | WITH_READING |
         WITH(WITH_METADATA) | WITH(WITHOUT_LOG) | WITH(PROGRESS) | WITH(JSON),
     run_search},
    {"import", "FILE DATA",
     "Store the vectors of a .csv, .jsonl, .npy, .fvecs or .bvecs file; the database "
     "is "
     "created if "
     "missing.",
     2, 2,
     WITH(METADATA_LINES) | WITH(IDS) | WITH(ID_PREFIX) | WITH(BATCH) | WITH_READING |
         WITH(NO_WAIT) | WITH_CREATION | WITH(DURABILITY) | WITH(PROGRESS) | WITH(JSON),
     run_import},
    {"export", "FILE OUT",
     "Write all records to a .jsonl, .csv, .npy or .fvecs file in the order of ids; "
     "OUT is "
     "overwritten, - is standard output.",
     2, 2,
     WITH(FORMAT) | WITH(PREFIX) | WITH(FILTER) | WITH(WITHOUT_LOG) | WITH(PROGRESS) |
         WITH(JSON),
     run_export},
    {"stats", "FILE", "Print counters and sizes.", 1, 1, WITH(WITHOUT_LOG) | WITH(JSON),
     run_stats},
    {"check", "FILE", "Read and verify everything.", 1, 1,
     WITH(WITHOUT_LOG) | WITH(PROGRESS) | WITH(JSON), run_check},
    {"checkpoint", "FILE", "Save the log's contents into the main file.", 1, 1,
     WITH(DURABILITY) | WITH(JSON), run_checkpoint},
    {"backup", "FILE OUT",
     "Write what the database holds to a new file, a database of its own, without its "
     "free space.",
     2, 2, WITH(WITHOUT_LOG) | WITH(PROGRESS) | WITH(JSON), run_backup},
    {"compact", "FILE", "Return unused space to the file system.", 1, 1,
     WITH(DURABILITY) | WITH(PROGRESS) | WITH(JSON), run_compact},
    {"tune", "FILE",
     "Measure which ef of a search finds which share of the nearest; kept in the file.",
     1, 1, WITH(DURABILITY) | WITH(PROGRESS) | WITH(JSON), run_tune},
    {"serve", "FILE", "Serve it over HTTP, with the options of vdb-httpd --help.", 1, 1,
     0, run_serve},
    {"shell", "FILE",
     "Take commands from the terminal, or from standard input, without their FILE.", 1,
     1, WITH(READONLY) | WITH(KEEP_GOING) | WITH(DURABILITY) | WITH(JSON), run_shell},
};

const size_t COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0];

const command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    return NULL;
}

void print_help(FILE *file)
{
    fputs("Usage: vdbtool COMMAND FILE ...\n\n", file);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fputs("\nvdbtool help COMMAND tells its options; vdbtool --version its version.\n",
          file);
}

int run_help(int argc, char **argv)
{
    const command *which = NULL;
    if (argc > 2)
        return fail_usage(NULL, "help: surplus operand: %.80s", argv[2]);
    if (argc == 2) {
        which = find_command(argv[1]);
        if (!which)
            return fail_usage(NULL, "unknown command: %.80s", argv[1]);
        print_command_help(which, "vdbtool ");
    } else {
        print_help(stdout);
    }
    return STATUS_DONE;
}
