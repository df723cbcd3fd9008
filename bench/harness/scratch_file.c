/* scratch_file.c: see scratch_file.h. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scratch_file.h"
#include "stop.h"

static char folder[4096], files[3][4200];
static const char *const PARTS[3] = {"", "-wal1", "-wal2"};

/* Only calls that a signal handler may make. */
static void remove_all(void)
{
    for (int i = 0; i < 3; i++)
        unlink(files[i]);
    rmdir(folder);
}

static void interrupted(int number)
{
    remove_all();
    _exit(128 + number);
}

const char *scratch_file(void)
{
    const char *where = getenv("TMPDIR");
    if ((size_t)snprintf(folder, sizeof folder, "%s/vdb-bench-XXXXXX",
                         where && *where ? where : "/tmp") >= sizeof folder)
        stop("TMPDIR is too long");
    if (!mkdtemp(folder))
        stop("%s: %s", folder, strerror(errno));
    for (int i = 0; i < 3; i++)
        snprintf(files[i], sizeof files[i], "%s/index%s", folder, PARTS[i]);
    atexit(remove_all);
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    signal(SIGHUP, interrupted);
    return files[0];
}

uint64_t database_bytes(const char *path)
{
    uint64_t bytes = 0;

    for (int i = 0; i < 3; i++) {
        char name[4300];
        struct stat s;
        snprintf(name, sizeof name, "%s%s", path, PARTS[i]);
        if (stat(name, &s) == 0)
            bytes += (uint64_t)s.st_size;
    }
    return bytes;
}
