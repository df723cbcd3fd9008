/* serve.c: `vdbtool serve FILE ...` becomes vdb-httpd, which stands beside vdbtool. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "serve.h"

enum {
    PATH_BYTES = 4096
};

/* Where it is: installed beside this program, or built in the folder next to it. */
static int find_server(char *out)
{
    static const char *const PLACES[] = {"/vdb-httpd", "/../vdb-httpd/vdb-httpd"};
    char own[PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length <= 0)
        return fail("where vdbtool itself is cannot be told: %s", strerror(errno));
    own[length] = 0;
    *strrchr(own, '/') = 0;
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        int size = snprintf(out, PATH_BYTES, "%s%s", own, PLACES[i]);
        if (size > 0 && size < PATH_BYTES && access(out, X_OK) == 0)
            return STATUS_DONE;
    }
    return fail("there is no vdb-httpd in %s", own);
}

bool is_serve(int argc, char **argv)
{
    return argc > 2 && strcmp(argv[1], "serve") == 0 && argv[2][0] != '-';
}

int become_server(int argc, char **argv)
{
    char path[PATH_BYTES], program[] = "vdb-httpd", option[] = "--db";
    char **own = calloc((size_t)argc + 2, sizeof *own);
    if (!own)
        return fail_memory();
    int status = find_server(path);
    own[0] = program;
    own[1] = option;
    for (int i = 2; i < argc; i++)
        own[i] = argv[i];
    if (!status) {
        execv(path, own);
        status = fail("%s: %s", path, strerror(errno));
    }
    free(own);
    return status;
}

/* Not from within a program that goes on: the shell, or one that includes this. */
int run_serve(const arguments *args)
{
    return fail("serve: only as vdbtool serve %s", args->operands[0]);
}
