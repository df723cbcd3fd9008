/* main.c: vdbtool, libvdb's command line: the table of commands and their dispatch.
 *
 * The words that it prints and its exit statuses are a contract: docs/cli.md, whose
 * examples the tests run.  It uses nothing of libvdb but include/vdb.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "vdb.h"

static const command COMMANDS[] = {
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
    {"search", "FILE VECTOR|--queries FILE",
     "Find the nearest vectors.  VECTOR is \"1.0,2.0\", @FILE or -.", 1, 2,
     WITH(K) | WITH(FILTER) | WITH(EF) | WITH(EXACT) | WITH(EXPLAIN) | WITH(QUERIES) |
         WITH_READING | WITH(WITH_METADATA) | WITH(WITHOUT_LOG) | WITH(PROGRESS) |
         WITH(JSON),
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
};

enum {
    COMMAND_COUNT = sizeof COMMANDS / sizeof COMMANDS[0]
};

static const command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(COMMANDS[i].name, name) == 0)
            return &COMMANDS[i];
    return NULL;
}

static void print_help(FILE *file)
{
    fputs("Usage: vdbtool COMMAND FILE ...\n\n", file);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    fputs("\nvdbtool help COMMAND tells its options; vdbtool --version its version.\n",
          file);
}

static int run_help(int argc, char **argv)
{
    const command *which = NULL;
    if (argc > 2)
        return fail_usage(NULL, "help: surplus operand: %.80s", argv[2]);
    if (argc == 2) {
        which = find_command(argv[1]);
        if (!which)
            return fail_usage(NULL, "unknown command: %.80s", argv[1]);
        print_command_help(which);
    } else {
        print_help(stdout);
    }
    return STATUS_DONE;
}

static int run_version(void)
{
    uint32_t running = vdb_version();
    printf("vdbtool %d.%d.%d (libvdb %u.%u.%u)\n", VDB_VERSION_MAJOR, VDB_VERSION_MINOR,
           VDB_VERSION_PATCH, running / 1000000, running / 1000 % 1000, running % 1000);
    return STATUS_DONE;
}

/* Whether errors are to be JSON: that is to be known before the command line is taken
 * apart, which may be an error already. */
static bool wants_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static int run(int argc, char **argv)
{
    arguments args;
    complain_begin(wants_json(argc, argv), 0);
    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0)
        return run_version();
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "help") == 0)
        return run_help(argc - 1, argv + 1);
    if (name[0] == '-')
        return fail_usage(NULL, "unknown option: %.80s", name);
    const command *which = find_command(name);
    if (!which)
        return fail_usage(NULL, "unknown command: %.80s", name);
    int status = arguments_parse(&args, which, argc - 1, argv + 1);
    if (status)
        return status;
    if (args.given[OPTION_HELP]) {
        print_command_help(which);
        return STATUS_DONE;
    }
    return which->run(&args);
}

/* A closed standard stream must not lend its number to a file of ours, and writing
 * to it must fail: /dev/null, opened the wrong way round. */
static void occupy_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error like others */
    int status = run(argc, argv);
    errno = 0;
    int unwritten = ferror(stdout);
    if ((fclose(stdout) || unwritten) && status == STATUS_DONE)
        status = fail("standard output: %s", errno ? strerror(errno) : "write error");
    complain_end();
    return status;
}
