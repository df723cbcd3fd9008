/* backup.c: see backup.h.
 *
 * Two walks over the image.  The first, of nodes only, counts the pages, so that a disk
 * that is too small is found before anything is written, and progress has a total.  The
 * second copies: children before their parent, each to the next free place of the new file.
 * What is on disk is read and verified anew: a backup does not hand on what has rotted
 * since it was last looked at, and needs neither the mapping nor the cache.
 */
#include "store/backup.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"
#include "store/page_writer.h"
#include "store/store_priv.h"
#include "store/tree.h"

enum {
    LEVELS = VDBI_HEIGHT_MAX + 3 /* two of the columns' directory above an array */
};

typedef struct copy {
    vdbi_store *source;
    const vdbi_backup_watch *watch;
    vdbi_file file;
    vdbi_pager *pager; /* of the new file: for the frames of its map */
    vdbi_space *space;
    vdbi_page_writer writer;
    uint8_t *nodes;       /* a page for each level: of those on the way down */
    uint64_t done, total; /* pages */
    int counting;
    int settled; /* frames have their places: those of the map */
    vdbi_meta meta;
} copy;

/* ------------------------------------------------------------------ the walk */

static vdb_status senseless(const copy *c, const vdbi_ref *ref)
{
    return vdbi_fail_at(VDB_CORRUPT, (int64_t)(ref->place * VDBI_PAGE),
                        "%s: page %llu is not what its parent says",
                        c->source->config.path ? c->source->config.path : ":memory:",
                        (unsigned long long)ref->place);
}

static vdb_status read_node(copy *c, const vdbi_ref *ref, uint8_t *bytes)
{
    vdb_status st = VDB_OK;

    if (ref->pages != 1)
        return senseless(c, ref);
    if (ref->frame)
        memcpy(bytes, ref->frame->bytes, VDBI_PAGE);
    else
        st = vdbi_page_reread(c->source->pager, ref, bytes);
    if (st)
        return st;
    if (vdbi_get32(bytes) == VDBI_ARRAY_MAGIC && bytes[4] == ref->height)
        return VDB_OK;
    return vdbi_tree_page_problem(bytes, ref->height) ? senseless(c, ref) : VDB_OK;
}

static vdb_status read_block(copy *c, const vdbi_ref *ref, vdbi_trim how,
                             uint64_t block)
{
    const uint8_t *bytes = c->writer.page;
    vdb_status st = VDB_OK;

    if (ref->frame)
        bytes = ref->frame->bytes;
    else
        st = vdbi_page_reread(c->source->pager, ref, c->writer.page);
    if (!st)
        vdbi_page_writer_load(&c->writer, how, block, bytes, ref->pages);
    return st;
}

static vdb_status count(copy *c, uint32_t pages)
{
    if (c->settled) /* the map was not counted either */
        return VDB_OK;
    if (c->counting) {
        c->total += pages;
        return c->watch->tick(c->watch->arg, 0, 0);
    }
    c->done += pages;
    return c->watch->tick(c->watch->arg, c->done * VDBI_PAGE, c->total * VDBI_PAGE);
}

static vdb_status copy_page(copy *c, uint32_t depth, const vdbi_ref *ref, vdbi_trim how,
                            uint64_t first, vdbi_ref *out);

/* The children of the node in c->nodes at this depth; it names their copies then. */
static vdb_status copy_children(copy *c, uint32_t depth, const vdbi_ref *ref,
                                vdbi_trim how, uint64_t first)
{
    uint8_t *node = c->nodes + (size_t)depth * VDBI_PAGE;
    int free_heights = how == VDBI_TRIM_DIRECTORY && ref->height == 1;
    vdb_status st = VDB_OK;

    for (uint32_t i = 0; i < VDBI_KIDS_MAX && !st; i++) {
        uint32_t offset = vdbi_child_offset(node, i);
        vdbi_ref child, copied = {0};
        if (!offset)
            break;
        vdbi_child_get(ref, node, offset, i, &child);
        if (vdbi_ref_none(&child))
            continue;
        if (child.height != ref->height - 1 && !free_heights)
            return senseless(c, &child);
        st = copy_page(c, depth + 1, &child, vdbi_trim_below(how, node),
                       how == VDBI_TRIM_DIRECTORY
                           ? 0
                           : first + i * vdbi_array_span(ref->height - 1),
                       &copied);
        if (!st)
            vdbi_ref_put(node + offset, &copied);
    }
    return st;
}

/* Copy a page and all below it; *out names the copy. */
static vdb_status copy_page(copy *c, uint32_t depth, const vdbi_ref *ref, vdbi_trim how,
                            uint64_t first, vdbi_ref *out)
{
    uint8_t *node = c->nodes + (size_t)depth * VDBI_PAGE;
    uint64_t place = 0;
    vdb_status st = VDB_OK;

    if (depth >= LEVELS || ref->height > VDBI_HEIGHT_MAX || ref->pages == 0 ||
        ref->pages > VDBI_BLOCK_PAGES_MAX)
        return senseless(c, ref);
    if (ref->height > 0) {
        st = read_node(c, ref, node);
        if (!st)
            st = copy_children(c, depth, ref, how, first);
        if (!st && !c->counting)
            vdbi_page_writer_load(&c->writer, VDBI_TRIM_NONE, 0, node, 1);
    } else if (!c->counting) {
        st = read_block(c, ref, how, first);
    }
    if (!st)
        st = count(c, ref->pages);
    if (st || c->counting)
        return st;
    if (c->settled)
        place = ref->frame->written.place;
    else
        st = vdbi_space_take(c->space, ref->pages, &place);
    return st ? st
              : vdbi_page_writer_put(&c->writer, place, ref->pages, ref->height, out);
}

static vdb_status copy_root(copy *c, const vdbi_ref *root, vdbi_trim how, vdbi_ref *out)
{
    memset(out, 0, sizeof *out);
    return vdbi_ref_none(root) ? VDB_OK : copy_page(c, 0, root, how, 0, out);
}

static vdb_status copy_image(copy *c, const vdbi_image *image)
{
    vdb_status st = VDB_OK;

    c->meta.image = *image;
    for (int i = 0; i < VDBI_ROOT_COUNT && !st; i++) {
        vdbi_trim how = vdbi_page_writer_root(&c->writer, image, i);
        st = copy_root(c, &image->roots[i], how, &c->meta.image.roots[i]);
    }
    return st;
}

/* -------------------------------------------------------------- the new file */

static vdb_status copy_pages(copy *c, const vdbi_image *image)
{
    vdbi_ref *map, *summary;
    vdb_status st = vdbi_space_begin(c->space);

    c->counting = 0;
    if (!st)
        st = copy_image(c, image);
    if (!st)
        st = vdbi_space_settle(c->space);
    if (st)
        return st;
    vdbi_space_roots(c->space, &map, &summary);
    c->settled = 1;
    st = copy_root(c, map, VDBI_TRIM_NONE, &c->meta.space);
    if (!st)
        st = copy_root(c, summary, VDBI_TRIM_NONE, &c->meta.summary);
    if (!st)
        st = vdbi_page_writer_flush(&c->writer);
    c->meta.file_pages = vdbi_space_file_pages(c->space);
    return st;
}

static vdb_status make_parts(copy *c, const vdbi_image *image)
{
    vdbi_store *s = c->source;
    const vdbi_ref none = {0};
    int rc;
    vdb_status st =
        vdbi_page_writer_begin(&c->writer, s->memory, &c->file, c->meta.generation);

    if (!st)
        st = vdbi_pager_create(s->memory, &c->file, 0, 0, &c->pager);
    if (!st)
        st = vdbi_space_create(s->memory, c->pager, &none, &none, 2, &c->space);
    c->nodes = st ? NULL : vdbi_alloc(s->memory, (size_t)LEVELS * VDBI_PAGE);
    if (!st && !c->nodes)
        st = VDB_NOMEM;
    if (st)
        return st;
    rc = c->file.vfs->random(c->file.vfs->arg, c->meta.uuid, sizeof c->meta.uuid);
    if (rc)
        return vdbi_fail_system(rc, "%s: random bytes", c->file.path);
    c->counting = 1;
    return copy_image(c, image);
}

static vdb_status write_file(copy *c, const vdbi_image *image)
{
    uint8_t page[VDBI_PAGE];
    vdb_status st = make_parts(c, image);

    if (!st)
        st = vdbi_file_reserve(&c->file, 0, (2 + c->total) * VDBI_PAGE);
    if (!st)
        st = copy_pages(c, image);
    if (!st)
        st = vdbi_file_sync(&c->file);
    if (st)
        return st;
    vdbi_meta_encode(&c->meta, page);
    st = vdbi_file_write(&c->file, page, sizeof page, 0);
    if (!st)
        st = vdbi_file_sync(&c->file);
    if (!st)
        st = vdbi_file_sync_directory(&c->file);
    return st;
}

/* The name is taken off while the lock is held: who opens it now finds it in use, who
 * opens it later finds nothing. */
static void remove_file(copy *c)
{
    vdb_error error = VDB_ERROR_INIT;

    vdbi_error_save(&error);
    if (!c->file.vfs->remove(c->file.vfs->arg, c->file.path))
        c->file.vfs->sync_directory(c->file.vfs->arg, c->file.path);
    vdbi_error_restore(&error);
}

/* A log's name: it would be taken for one, and cut. */
static vdb_status check_path(const vdbi_store *s, const char *path)
{
    size_t length = s->config.path ? strlen(s->config.path) : 0;

    if (length && strncmp(path, s->config.path, length) == 0 &&
        (strcmp(path + length, "-wal1") == 0 || strcmp(path + length, "-wal2") == 0))
        return vdbi_fail(VDB_INVALID, "%s: the name of a log of this database", path);
    return VDB_OK;
}

vdb_status vdbi_store_backup(vdbi_store *s, const vdbi_image *image, const char *path,
                             const vdbi_backup_watch *watch)
{
    copy c = {.source = s, .watch = watch};
    vdb_error error = VDB_ERROR_INIT;
    vdb_status st = check_path(s, path);
    int rc;

    if (!st)
        st = vdbi_file_open(&c.file, s->config.vfs, s->memory, &s->counts, path,
                            VDB_VFS_CREATE | VDB_VFS_EXCLUSIVE);
    if (st)
        return st;
    rc = c.file.vfs->lock(c.file.vfs->arg, c.file.handle, VDB_LOCK_EXCLUSIVE);
    if (rc == -EAGAIN) { /* somebody has found it already: it is theirs */
        st = vdbi_fail(VDB_BUSY, "%s: opened by somebody else", path);
    } else {
        c.meta.generation = 1;
        c.meta.shape = s->shape;
        st = rc ? vdbi_fail_system(rc, "%s: locking", path) : write_file(&c, image);
        if (st)
            remove_file(&c);
    }
    vdbi_space_free(c.space);
    vdbi_pager_free(c.pager);
    vdbi_page_writer_end(&c.writer);
    vdbi_free(s->memory, c.nodes);
    /* All of it is durable, or the error is said already: closing adds nothing. */
    vdbi_error_save(&error);
    vdbi_file_close(&c.file);
    vdbi_error_restore(&error);
    return st;
}
