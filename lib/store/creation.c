/* creation.c: which meta page counts, and creating a file; docs/format.md, "Meta pages".
 */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/store_priv.h"

vdb_status vdbi_store_write_meta(vdbi_store *s, const vdbi_meta *meta)
{
    uint8_t page[VDBI_PAGE];
    vdb_status st;

    vdbi_meta_encode(meta, page);
    st = vdbi_file_write(&s->file, page, sizeof page,
                         vdbi_meta_place(meta->generation) * VDBI_PAGE);
    if (!st)
        st = vdbi_file_sync(&s->file);
    return st ? vdbi_store_poison(s, st) : VDB_OK;
}

void vdbi_store_adopt_meta(vdbi_store *s, const vdbi_meta *meta)
{
    s->other_pages = s->meta.file_pages;
    s->meta = *meta;
    atomic_store(&s->generation, meta->generation);
}

static void shape_defaults(vdbi_shape *shape)
{
    if (!shape->metric)
        shape->metric = VDB_L2;
    if (!shape->index)
        shape->index = VDB_HNSW;
    if (!shape->m)
        shape->m = 16;
    if (!shape->ef_construction)
        shape->ef_construction = 200;
    if (!shape->max_layers)
        shape->max_layers = 16;
}

static vdb_status create(vdbi_store *s)
{
    vdbi_meta meta;
    vdb_status st;
    int rc;

    memset(&meta, 0, sizeof meta);
    meta.generation = 1;
    meta.file_pages = 2;
    meta.shape = s->config.shape;
    shape_defaults(&meta.shape);
    meta.image.dimension = s->config.dimension;
    if (!s->config.path) {
        s->meta = meta;
        return VDB_OK;
    }
    rc = s->config.vfs->random(s->config.vfs->arg, meta.uuid, sizeof meta.uuid);
    if (rc)
        return vdbi_fail_system(rc, "%s: random bytes", s->config.path);
    st = vdbi_file_truncate(&s->file, 0);
    if (!st)
        st = vdbi_file_truncate(&s->file, 2 * VDBI_PAGE);
    if (!st)
        st = vdbi_file_sync(&s->file);
    if (!st)
        st = vdbi_store_write_meta(s, &meta);
    if (!st)
        st = vdbi_file_sync_directory(&s->file);
    if (!st)
        s->meta = meta;
    return st;
}

/* Nothing valid was found: an unfinished creation may be done anew, nothing else. */
static vdb_status create_if_unfinished(vdbi_store *s, uint64_t size, int unfinished)
{
    vdbi_log *log;
    const uint8_t no_uuid[VDBI_UUID] = {0};
    int any = 0;
    vdb_status st;

    if (size > 2 * VDBI_PAGE || !unfinished)
        return vdbi_fail_at(
            VDB_CORRUPT, 0,
            "%s: not a libvdb database, or both its meta pages (bytes 0 "
            "and 4096) are damaged",
            s->config.path);
    st = vdbi_log_create(s->memory, s->config.vfs, &s->counts, s->config.path, no_uuid,
                         &log);
    if (st)
        return st;
    st = vdbi_log_any(log, &any);
    vdbi_log_free(log);
    if (st)
        return st;
    if (any)
        return vdbi_fail_at(VDB_CORRUPT, 0,
                            "%s: no valid meta page, but there are logs of a database",
                            s->config.path);
    if (s->readonly || s->config.flags & VDB_OPEN_MUST_EXIST)
        return vdbi_fail(VDB_NOT_FOUND,
                         "%s: empty: a creation that was not finished, no database",
                         s->config.path);
    return create(s);
}

static vdb_status newer(vdbi_store *s, const uint8_t *page, const char *doubt)
{
    return vdbi_fail(
        VDB_UNSUPPORTED,
        "%s: format %u, features 0x%x; this library reads format %d: it was "
        "written by a newer version%s",
        s->config.path, vdbi_get32(page + 8), vdbi_get32(page + 12), VDBI_FORMAT,
        doubt);
}

/* With one of the pages bad, the other is the newest only if the logs agree: the walk
 * along them in vdbi_log_recover() is that proof. */
vdb_status vdbi_store_find_meta(vdbi_store *s)
{
    uint8_t page[2][VDBI_PAGE] = {{0}};
    vdbi_meta meta[2];
    int kind[2], best = -1;
    uint64_t size;
    vdb_status st;

    if (!s->config.path)
        return create(s);
    st = vdbi_file_size(&s->file, &size);
    for (int i = 0; i < 2 && !st; i++) {
        size_t got;
        st = vdbi_file_read_some(&s->file, page[i], VDBI_PAGE, (uint64_t)i * VDBI_PAGE,
                                 &got);
        kind[i] = vdbi_meta_decode(page[i], (uint64_t)i, &meta[i]);
    }
    if (st)
        return st;
    for (int i = 0; i < 2; i++) {
        if (kind[i] == VDBI_META_NEWER)
            return newer(s, page[i], "");
        if (kind[i] == VDBI_META_VALID &&
            (best < 0 || meta[i].generation > meta[best].generation))
            best = i;
    }
    if (best < 0 && (kind[0] == VDBI_META_ODD || kind[1] == VDBI_META_ODD))
        return newer(s, page[kind[0] != VDBI_META_ODD],
                     ", or both its meta pages are damaged");
    if (best < 0)
        return create_if_unfinished(
            s, size,
            kind[1] == VDBI_META_ZERO &&
                (kind[0] == VDBI_META_ZERO || size == 2 * VDBI_PAGE));
    if (kind[1 - best] == VDBI_META_VALID &&
        (memcmp(meta[0].uuid, meta[1].uuid, VDBI_UUID) != 0 ||
         meta[best].generation == meta[1 - best].generation))
        return vdbi_fail_at(VDB_CORRUPT, 0,
                            "%s: the meta pages do not belong together (generations "
                            "%llu and %llu)",
                            s->config.path, (unsigned long long)meta[0].generation,
                            (unsigned long long)meta[1].generation);
    if (size / VDBI_PAGE < meta[best].file_pages)
        return vdbi_fail_at(
            VDB_CORRUPT, (int64_t)size,
            "%s: the file ends at byte %llu, it should have %llu: it was "
            "truncated",
            s->config.path, (unsigned long long)size,
            (unsigned long long)meta[best].file_pages * VDBI_PAGE);
    s->meta = meta[best];
    if (kind[1 - best] == VDBI_META_VALID)
        s->other_pages = meta[1 - best].file_pages;
    s->other_damaged =
        kind[1 - best] != VDBI_META_VALID && kind[1 - best] != VDBI_META_ZERO;
    /* Without the log nothing shows which of the two was the newer: to write over what only
     * the damaged one refers to could lose everything. */
    if (s->other_damaged && s->config.flags & VDB_OPEN_WITHOUT_LOG && !s->readonly)
        return vdbi_fail_at(
            VDB_CORRUPT, (int64_t)(1 - best) * VDBI_PAGE,
            "%s: meta page %d (byte %d) is damaged; the other one, of "
            "commit %llu, may be old: without the log it can be opened for "
            "reading only",
            s->config.path, 1 - best, (1 - best) * VDBI_PAGE,
            (unsigned long long)meta[best].image.sequence);
    /* A creation whose last syncs failed has left a file that looks whole. */
    if (s->meta.generation == 1 && !s->readonly) {
        st = vdbi_store_write_meta(s, &s->meta);
        if (!st)
            st = vdbi_file_sync_directory(&s->file);
    }
    return st;
}
