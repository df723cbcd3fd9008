/* creating.c: see creating.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "creating.h"
#include "opening.h"

enum {
    UNFINISHED_BYTES = 8192 /* two pages: what a creation writes first */
};

static bool is_all_zero(const vdb_vfs *vfs, vdb_file *file)
{
    unsigned char bytes[UNFINISHED_BYTES];
    vdb_file_info info = VDB_FILE_INFO_INIT;
    size_t got;
    if (vfs->info(vfs->arg, file, &info) || info.kind != 0 ||
        info.size > sizeof bytes ||
        vfs->read(vfs->arg, file, bytes, (size_t)info.size, 0, &got))
        return false;
    for (size_t i = 0; i < got; i++)
        if (bytes[i])
            return false;
    return got == info.size;
}

/* Somebody else may have gone on with it meanwhile: so it is looked at, and removed, under
 * the lock that a writer takes. */
static void remove_unfinished(const char *path)
{
    vdb_vfs vfs = VDB_VFS_INIT;
    vdb_file *file;
    if (vdb_vfs_system(&vfs) || vfs.open(vfs.arg, path, 0, &file))
        return;
    if (vfs.lock(vfs.arg, file, VDB_LOCK_EXCLUSIVE) == 0 && is_all_zero(&vfs, file))
        vfs.remove(vfs.arg, path);
    vfs.close(vfs.arg, file);
}

/* Create it, with what the library said in *result; that it exists is not said. */
static int create_quietly(const char *path, const vdb_options *options, vdb **out,
                          vdb_status *result)
{
    vdb_options mine = *options;
    mine.flags |= VDB_OPEN_EXCLUSIVE;
    int status = open_quietly(path, &mine, out, result);
    if (!status && *result && *result != VDB_EXISTS) {
        status = fail_opening(path, options, *result);
        remove_unfinished(path);
    }
    return status;
}

int create_database(const char *path, const vdb_options *options, vdb **out)
{
    vdb_status result;
    int status = create_quietly(path, options, out, &result);
    return !status && result ? fail_opening(path, options, result) : status;
}

/* A file that is there holds a creation that was never finished, or somebody was
 * quicker: the library knows. */
int open_or_create(const char *path, const vdb_options *options, vdb **out,
                   bool *created)
{
    vdb_status result;
    int status = create_quietly(path, options, out, &result);
    *created = !status && !result;
    return !status && result ? open_database(path, options, out) : status;
}

/* While it is held open nobody else can have it, so what goes is ours and empty. */
void remove_created(const char *path, vdb *db)
{
    static const char *const SUFFIXES[] = {"", "-wal1", "-wal2"};
    char *real = realpath(path, NULL), *part;
    for (size_t i = 0; real && i < sizeof SUFFIXES / sizeof SUFFIXES[0]; i++) {
        if (asprintf(&part, "%s%s", real, SUFFIXES[i]) < 0)
            break;
        unlink(part);
        free(part);
    }
    free(real);
    close_anyway(db);
}
