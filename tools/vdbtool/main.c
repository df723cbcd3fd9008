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
#include "serve.h"
#include "vdb.h"

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
    int status = arguments_parse(&args, which, NULL, argc - 1, argv + 1);
    if (status)
        return status;
    if (args.given[OPTION_HELP]) {
        print_command_help(which, "vdbtool ");
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
    int status = is_serve(argc, argv) ? become_server(argc, argv) : run(argc, argv);
    errno = 0;
    int unwritten = ferror(stdout);
    if ((fclose(stdout) || unwritten) && status == STATUS_DONE)
        status = fail("standard output: %s", errno ? strerror(errno) : "write error");
    complain_end();
    return status;
}
