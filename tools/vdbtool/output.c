/* output.c: files that are written whole or not at all; see output.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "complain.h"
#include "output.h"

/* Whether `info` is the database or one of its logs, which an export must not
 * overwrite. */
static bool is_part_of(const char *database, const struct stat *info)
{
    static const char *const SUFFIXES[] = {"", "-wal1", "-wal2"};
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof SUFFIXES[0]; i++) {
        struct stat part;
        char *path;
        if (asprintf(&path, "%s%s", database, SUFFIXES[i]) < 0)
            return true;
        bool same = stat(path, &part) == 0 && part.st_dev == info->st_dev &&
                    part.st_ino == info->st_ino;
        free(path);
        if (same)
            return true;
    }
    return false;
}

static int open_temporary(output *out, const char *path, mode_t mode)
{
    if (asprintf(&out->temporary, "%s.%ld.tmp", path, (long)getpid()) < 0) {
        out->temporary = NULL;
        return fail_memory();
    }
    int fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0)
        out->file = fdopen(fd, "wb");
    if (!out->file) {
        int error = errno;
        if (fd >= 0) {
            close(fd);
            unlink(out->temporary);
        }
        free(out->temporary);
        out->temporary = NULL;
        return fail("%s: %s", path, strerror(error));
    }
    return STATUS_DONE;
}

int output_open(output *out, const char *path, const char *database)
{
    struct stat info;
    memset(out, 0, sizeof *out);
    out->name = path;
    if (strcmp(path, "-") == 0) {
        out->file = stdout;
        return STATUS_DONE;
    }
    bool there = stat(path, &info) == 0;
    if (there && is_part_of(database, &info))
        return fail("%s is the database itself, or its log", path);
    if (there && !S_ISREG(info.st_mode)) {
        out->file = fopen(path, "wbe");
        return out->file ? STATUS_DONE : fail("%s: %s", path, strerror(errno));
    }
    out->path = there ? realpath(path, NULL) : strdup(path);
    if (!out->path)
        return fail("%s: %s", path, strerror(errno));
    return open_temporary(out, out->path, there ? info.st_mode & 0777 : 0666);
}

int output_finish(output *out, int status)
{
    if (!out->file || out->file == stdout)
        return status;
    errno = 0;
    bool bad = ferror(out->file) || fflush(out->file) ||
               (out->temporary && !status && fsync(fileno(out->file)));
    bad = fclose(out->file) || bad;
    out->file = NULL;
    if (bad && !status)
        status = fail("%s: %s", out->name, errno ? strerror(errno) : "write error");
    return status;
}

int output_publish(output *out, int status)
{
    if (out->temporary && !status && rename(out->temporary, out->path))
        status = fail("%s: %s", out->name, strerror(errno));
    if (out->temporary && status)
        unlink(out->temporary);
    free(out->path);
    free(out->temporary);
    out->path = NULL;
    out->temporary = NULL;
    return status;
}
