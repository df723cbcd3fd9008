/* export.c: all records as lines of JSON, which import reads back.
 *
 * A file is written beside the one that it replaces and takes its name when it is
 * complete and on the disk: a full disk costs no older export.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "complain.h"
#include "format.h"
#include "opening.h"
#include "values.h"

typedef struct output {
    FILE *file;
    char *path;      /* the true name of what is replaced; NULL: written in place */
    char *temporary; /* beside it */
} output;

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

static int open_output(output *out, const char *path, const char *database)
{
    struct stat info;
    memset(out, 0, sizeof *out);
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

/* Complete the file, or with `status` drop it. */
static int close_output(output *out, const char *path, int status)
{
    if (!out->file || out->file == stdout)
        return status;
    errno = 0;
    bool bad = ferror(out->file) || fflush(out->file) ||
               (out->temporary && !status && fsync(fileno(out->file)));
    bad = fclose(out->file) || bad;
    if (!bad && !status && out->temporary)
        bad = rename(out->temporary, out->path) != 0;
    if (bad && !status)
        status = fail("%s: %s", path, errno ? strerror(errno) : "write error");
    if (status && out->temporary)
        unlink(out->temporary);
    return status;
}

static void put_record(FILE *file, const vdb_record *record)
{
    size_t length, dim;
    const char *id = vdb_record_id(record, &length);
    fputs("{\"id\":", file);
    put_json_string(file, id, length);
    fputs(",\"vector\":", file);
    const float *vector = vdb_record_vector(record, &dim);
    put_json_vector(file, vector, dim);
    const char *metadata = vdb_record_metadata(record, &length);
    if (metadata) {
        fputs(",\"metadata\":", file);
        put_json_line(file, metadata, length);
    }
    fputs("}\n", file);
}

static int put_records(vdb *db, const vdb_cursor_options *options, FILE *file,
                       uint64_t *count)
{
    vdb_cursor *cursor;
    const vdb_record *record;
    int status = STATUS_DONE;
    *count = 0;
    if (vdb_cursor_open(db, options, &cursor))
        return fail_library();
    while (!ferror(file)) {
        if (vdb_cursor_next(cursor, &record)) {
            status = fail_library();
            break;
        }
        if (!record)
            break;
        put_record(file, record);
        ++*count;
    }
    vdb_cursor_free(cursor);
    return status;
}

int run_export(const arguments *args)
{
    vdb *db = NULL;
    output out = {NULL, NULL, NULL};
    vdb_filter *filter;
    uint64_t count = 0;
    const char *path = args->operands[1];
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    int status = read_filter(args->values[OPTION_FILTER], &filter);
    options.prefix = args->values[OPTION_PREFIX];
    options.filter = filter;
    if (!status)
        status = open_to_read(args, &db);
    if (!status)
        status = open_output(&out, path, args->operands[0]);
    if (!status)
        status = put_records(db, &options, out.file, &count);
    status = close_output(&out, path, status);
    status = close_database(db, status);
    if (!status && out.file != stdout)
        printf("Exported %" PRIu64 " vectors to %s\n", count, path);
    free(out.path);
    free(out.temporary);
    vdb_filter_free(filter);
    return status;
}
