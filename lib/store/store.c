/* store.c: opening, committing, closing; see store.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "store/store_priv.h"

enum {
    /* Kept for deletes on a full disk, and for the checkpoint of those. */
    LOG_FLOOR = 64 << 10,
    FILE_FLOOR = 128 << 10,
    /* Reserved in larger steps, up to these, while there is room. */
    LOG_STEP = 256 << 10,
    FILE_STEP = 4 << 20
};

void vdbi_store_say(vdbi_store *s, int32_t level, const char *message)
{
    if (s->config.say)
        s->config.say(s->config.say_arg, level, message);
}

vdb_status vdbi_store_poison(vdbi_store *s, vdb_status status)
{
    atomic_store(&s->poisoned, 1);
    vdbi_store_say(s, VDB_LOG_ERROR, "a sync has failed: the handle is poisoned");
    return status;
}

int vdbi_store_poisoned(const vdbi_store *s)
{
    return atomic_load(&s->poisoned);
}

vdbi_pager *vdbi_store_pager(vdbi_store *s)
{
    return s->pager;
}

const vdbi_shape *vdbi_store_shape(const vdbi_store *s)
{
    return &s->shape;
}

uint32_t vdbi_store_replayed(const vdbi_store *s)
{
    return s->replayed;
}

uint64_t vdbi_store_durable_sequence(const vdbi_store *s)
{
    return atomic_load(&s->durable_sequence);
}

/* ----------------------------------------------------------------- opening */

/* Open the main file and take its lock. */
static vdb_status open_file(vdbi_store *s)
{
    const vdb_vfs *vfs = s->config.vfs;
    uint32_t flags = 0;
    vdb_file_info info = {.struct_size = sizeof info};
    vdb_status st;
    int rc;

    if (s->readonly)
        flags = VDB_VFS_READONLY;
    else if (s->config.flags & VDB_OPEN_EXCLUSIVE)
        flags = VDB_VFS_CREATE | VDB_VFS_EXCLUSIVE;
    else if (!(s->config.flags & VDB_OPEN_MUST_EXIST))
        flags = VDB_VFS_CREATE;
    st = vdbi_file_open(&s->file, vfs, s->memory, &s->counts, s->config.path, flags);
    if (st)
        return st;
    s->file_is_open = 1;
    rc = vfs->info(vfs->arg, s->file.handle, &info);
    if (rc)
        return vdbi_fail_system(rc, "%s", s->config.path);
    if (info.kind != 0)
        return vdbi_fail(VDB_INVALID, "%s: not a regular file", s->config.path);
    if (info.links > 1)
        return vdbi_fail(
            VDB_INVALID,
            "%s: it has %llu hard links; the logs could not be found by each "
            "of its names",
            s->config.path, (unsigned long long)info.links);
    rc = vfs->lock(vfs->arg, s->file.handle,
                   s->readonly ? VDB_LOCK_SHARED : VDB_LOCK_EXCLUSIVE);
    if (rc == -EAGAIN)
        return vdbi_fail(VDB_BUSY, "%s: in use by another %s", s->config.path,
                         s->readonly ? "writer" : "handle");
    return rc ? vdbi_fail_system(rc, "%s: locking", s->config.path) : VDB_OK;
}

static vdb_status contradiction(const char *what, long long asked, long long stored)
{
    return vdbi_fail(VDB_INVALID, "option %s: %lld asked for, the file has %lld", what,
                     asked, stored);
}

/* The same for what has names: `names` of the values 0 to `last`. */
static vdb_status other_name(const char *what, const char *const *names, int last,
                             int asked, int stored)
{
    return vdbi_fail(VDB_INVALID, "option %s: %s asked for, the file has %s", what,
                     asked >= 0 && asked <= last ? names[asked] : "another",
                     stored >= 0 && stored <= last ? names[stored] : "another");
}

static vdb_status check_codes(const vdbi_store *s)
{
    static const char *const names[] = {"default", "8", "4", "none"};
    vdb_codes asked = s->config.shape.codes, stored = s->shape.codes;

    if (stored != VDB_CODES_DEFAULT && stored != VDB_CODES_8 &&
        stored != VDB_CODES_NONE)
        return vdbi_fail(VDB_UNSUPPORTED, "%s: codes of kind %d", s->config.path,
                         (int)stored);
    return asked && asked != stored
               ? other_name("codes", names, VDB_CODES_NONE, asked, stored)
               : VDB_OK;
}

static vdb_status check_options(const vdbi_store *s)
{
    static const char *const metrics[] = {"default", "l2", "cosine", "dot"};
    static const char *const indexes[] = {"default", "flat", "hnsw"};
    const vdbi_shape *asked = &s->config.shape, *stored = &s->shape;

    if (s->config.dimension && s->meta.image.dimension &&
        s->config.dimension != s->meta.image.dimension)
        return contradiction("dimension", s->config.dimension, s->meta.image.dimension);
    if (asked->metric && asked->metric != stored->metric)
        return other_name("metric", metrics, VDB_DOT, asked->metric, stored->metric);
    if (asked->index && asked->index != stored->index)
        return other_name("index", indexes, VDB_HNSW, asked->index, stored->index);
    if (asked->type && asked->type != stored->type)
        return contradiction("type", asked->type, stored->type);
    if (asked->m && asked->m != stored->m)
        return contradiction("m", asked->m, stored->m);
    if (asked->ef_construction && asked->ef_construction != stored->ef_construction)
        return contradiction("ef_construction", asked->ef_construction,
                             stored->ef_construction);
    if (asked->max_layers && asked->max_layers != stored->max_layers)
        return contradiction("max_layers", asked->max_layers, stored->max_layers);
    if (stored->type != VDB_F32)
        return vdbi_fail(VDB_UNSUPPORTED, "%s: element type %d", s->config.path,
                         (int)stored->type);
    return check_codes(s);
}

/* A replay that is under way: the newest whole commit, and the one being read. */
typedef struct replay {
    vdbi_store *store;
    vdbi_image *image;
    vdbi_pending pending;
    int active;
} replay;

static vdb_status replay_frame(void *arg, int kind, uint64_t sequence,
                               const uint8_t *payload, size_t length)
{
    replay *r = arg;
    vdbi_store *s = r->store;
    vdbi_superseded_list list;
    vdb_status st = VDB_OK;

    if (!r->active) {
        if (sequence != r->image->sequence + 1)
            return vdbi_fail(VDB_CORRUPT, "%s: commit %llu follows %llu",
                             s->config.path, (unsigned long long)sequence,
                             (unsigned long long)r->image->sequence);
        st = vdbi_pending_begin(&r->pending, s->pager, NULL, NULL, r->image,
                                ++s->writer, s->epoch);
        if (st)
            return st;
        if (vdbi_graph_saved(s))
            r->pending.replayed = &s->graph.replayed;
        r->active = 1;
    }
    vdbi_section_begin(s->pager);
    st = vdbi_pending_replay(&r->pending, payload, length);
    vdbi_section_end(s->pager);
    if (st || kind != VDBI_FRAME_COMMIT)
        return st;
    st = vdbi_superseded_reserve(s->pager, &s->superseded,
                                 r->pending.change.superseded.count);
    if (st)
        return st;
    vdbi_image_release(s->pager, r->image);
    vdbi_pending_finish(&r->pending, r->image, &list); /* cannot fail without a log */
    vdbi_superseded_move(&s->superseded, &list);
    vdbi_superseded_clear(s->pager, &list);
    r->active = 0;
    s->replayed++;
    return VDB_OK;
}

static vdb_status recover(vdbi_store *s, vdbi_image *image)
{
    vdbi_log_start start = {s->meta.log, s->meta.salt, s->meta.generation,
                            s->meta.image.sequence};
    replay r = {.store = s, .image = image};
    vdb_status st;

    if (s->config.flags & VDB_OPEN_WITHOUT_LOG)
        return VDB_OK;
    st = vdbi_log_recover(s->log, &start, replay_frame, &r);
    if (st == VDB_CORRUPT && s->other_damaged) {
        uint64_t other = 1 - vdbi_meta_place(s->meta.generation);
        vdb_error error = VDB_ERROR_INIT;
        vdbi_error_save(&error);
        vdbi_fail_at(
            st, (int64_t)(other * VDBI_PAGE),
            "%s: meta page %llu (byte %llu) is damaged, and the other one cannot "
            "take its place: %s",
            s->config.path, (unsigned long long)other,
            (unsigned long long)(other * VDBI_PAGE), error.message);
    }
    if (r.active)
        vdbi_pending_drop(&r.pending);
    if (!st && !s->readonly)
        st = vdbi_log_mend(s->log);
    /* The meta page that leads to the log may be one that only the cache has, after a
     * failed sync: what is appended now must not depend on it. */
    if (!st && !s->readonly && s->meta.log)
        st = vdbi_store_write_meta(s, &s->meta);
    s->group_superseded = s->superseded.count;
    s->graph.correcting = s->graph.replayed.words != NULL;
    if (!st && s->replayed) {
        char text[160];
        snprintf(text, sizeof text, "recovered: %u commits replayed from the log",
                 s->replayed);
        vdbi_store_say(s, VDB_LOG_INFO, text);
    }
    return st;
}

/* What was asked for counts only while nothing has fixed it. */
static vdb_status adopt_dimension(const vdbi_store *s, vdbi_image *image)
{
    if (s->config.dimension && image->dimension &&
        s->config.dimension != image->dimension)
        return contradiction("dimension", s->config.dimension, image->dimension);
    if (!image->dimension)
        image->dimension = s->config.dimension;
    return VDB_OK;
}

static vdb_status open_parts(vdbi_store *s, vdbi_image *image)
{
    int mapped = !s->config.path ||
                 (s->config.vfs->map && !(s->config.flags & VDB_OPEN_NO_MMAP));
    vdb_status st = VDB_OK;

    s->readonly = (s->config.flags & VDB_OPEN_READONLY) != 0;
    s->epoch = 1;
    if (s->config.path)
        st = open_file(s);
    if (!st)
        st = vdbi_store_find_meta(s);
    s->shape = s->meta.shape;
    if (!st)
        st = check_options(s);
    if (!st)
        st = vdbi_pager_create(s->memory, &s->file, mapped, s->config.cache_bytes,
                               &s->pager);
    if (!st)
        st = vdbi_slots_create(s->memory, &s->slots);
    if (st)
        return st;
    memcpy(s->graph.saved, s->meta.graph, sizeof s->graph.saved);
    if (vdbi_graph_saved(s))
        st = vdbi_store_manage_slots(s);
    if (st)
        return st;
    *image = s->meta.image;
    vdbi_pager_set_file_pages(s->pager, s->meta.file_pages);
    atomic_store(&s->durable_sequence, s->meta.image.sequence);
    atomic_store(&s->generation, s->meta.generation);
    atomic_store(&s->file_pages, s->meta.file_pages);
    if (!s->config.path)
        return adopt_dimension(s, image);
    st = vdbi_space_create(s->memory, s->pager, &s->meta.space, &s->meta.summary,
                           s->meta.file_pages, &s->space);
    if (!st)
        st = vdbi_log_create(s->memory, s->config.vfs, &s->counts, s->config.path,
                             s->meta.uuid, &s->log);
    if (!st && vdbi_space_learn(s->space) == VDB_CORRUPT)
        vdbi_store_say(s, VDB_LOG_ERROR, "the summary of free space is damaged");
    if (!st)
        st = recover(s, image);
    return st ? st : adopt_dimension(s, image);
}

vdb_status vdbi_store_open(const vdbi_store_config *config, vdbi_store **out,
                           vdbi_image *image)
{
    vdbi_store *s = vdbi_calloc(config->memory, 1, sizeof *s);
    vdb_error error = VDB_ERROR_INIT;
    vdb_status st = VDB_OK;

    *out = NULL;
    memset(image, 0, sizeof *image);
    if (!s)
        return VDB_NOMEM;
    s->config = *config;
    s->config.path = NULL;
    s->memory = config->memory;
    if (config->path) {
        char *copy = vdbi_strdup(s->memory, config->path, strlen(config->path));
        st = copy ? VDB_OK : VDB_NOMEM;
        s->config.path = copy;
    }
    if (!st)
        st = open_parts(s, image);
    if (!st) {
        *out = s;
        return VDB_OK;
    }
    vdbi_error_save(&error);
    if (s->pager)
        vdbi_image_release(s->pager, image);
    vdbi_store_free(s);
    vdbi_error_restore(&error);
    return st;
}

vdb_status vdbi_store_free(vdbi_store *s)
{
    vdb_status st = VDB_OK;

    if (!s)
        return VDB_OK;
    if (s->pager) {
        if (s->saving_valid)
            vdbi_image_release(s->pager, &s->saving);
        vdbi_superseded_clear(s->pager, &s->superseded);
        vdbi_superseded_clear(s->pager, &s->freeing);
    }
    vdbi_graph_free(s);
    vdbi_space_free(s->space);
    vdbi_log_free(s->log);
    vdbi_slots_free(s->slots);
    vdbi_pager_free(s->pager);
    vdbi_free(s->memory, s->written);
    if (s->file_is_open)
        st = vdbi_file_close(&s->file);
    vdbi_free(s->memory, (char *)(uintptr_t)s->config.path);
    vdbi_free(s->memory, s);
    return st;
}

/* -------------------------------------------------------------- committing */

vdb_status vdbi_store_ready(vdbi_store *s)
{
    if (s->readonly)
        return vdbi_fail(VDB_READONLY, "%s: opened for reading only", s->config.path);
    if (vdbi_store_poisoned(s))
        return vdbi_fail(VDB_POISONED, "%s: a sync has failed: close and reopen",
                         s->config.path);
    return VDB_OK;
}

vdb_status vdbi_store_take_log(vdbi_store *s)
{
    vdbi_meta meta;
    int left;
    vdb_status st;

    if (vdbi_log_current(s->log))
        return VDB_OK;
    /* Logs that no meta page needs: the closing whose last sync failed left them, and its
     * meta page may be in the cache alone. */
    st = vdbi_log_leftover(s->log, &left);
    if (!st && left)
        st = vdbi_store_write_meta(s, &s->meta);
    if (st)
        return st;
    st = vdbi_log_take(s->log, s->meta.generation + 1, s->meta.image.sequence);
    if (vdbi_log_poisoned(s->log))
        vdbi_store_poison(s, st);
    if (st)
        return st;
    meta = s->meta;
    meta.generation++;
    meta.log = (uint32_t)vdbi_log_current(s->log);
    meta.salt = vdbi_log_salt(s->log);
    st = vdbi_store_write_meta(s, &meta);
    if (st)
        return st;
    vdbi_store_adopt_meta(s, &meta);
    return VDB_OK;
}

static vdb_status take_log(void *arg)
{
    return vdbi_store_take_log(arg);
}

vdb_status vdbi_store_begin(vdbi_store *s, const vdbi_image *base, uint64_t oldest,
                            vdbi_pending *pending)
{
    vdb_status st;

    vdbi_section_begin(s->pager);
    st = vdbi_slots_learn(s->slots, s->pager, base);
    vdbi_section_end(s->pager);
    if (st)
        return st;
    vdbi_slots_release(s->slots, oldest);
    st = vdbi_pending_begin(pending, s->pager, s->log, s->slots, base, ++s->writer,
                            s->epoch);
    pending->before_log = take_log;
    pending->before_log_arg = s;
    pending->marks = s->marks;
    return st;
}

vdb_status vdbi_store_finish(vdbi_store *s, vdbi_pending *pending, vdbi_image *image)
{
    vdbi_superseded_list list;
    vdb_status st = vdbi_superseded_reserve(s->pager, &s->superseded,
                                            pending->change.superseded.count);

    if (!st)
        st = vdbi_pending_finish(pending, image, &list);
    if (st) {
        vdbi_pending_drop(pending);
        return st;
    }
    vdbi_superseded_move(&s->superseded, &list);
    vdbi_superseded_clear(s->pager, &list);
    return VDB_OK;
}

uint64_t vdbi_store_log_size(const vdbi_store *s)
{
    return s->log ? vdbi_log_size(s->log) + vdbi_log_gathered(s->log) : 0;
}

size_t vdbi_store_gathered(const vdbi_store *s)
{
    return s->log ? vdbi_log_gathered(s->log) : 0;
}

/* How much more than is needed to reserve: as much as there is already, up to a bound. */
static uint64_t step(uint64_t size, uint64_t most)
{
    return size < most ? size : most;
}

vdb_status vdbi_store_reserve_file(vdbi_store *s, uint64_t file_pages)
{
    uint64_t file, free_pages, held_pages;
    vdb_status st = VDB_OK;

    vdbi_space_totals(s->space, &free_pages, &held_pages);
    file = vdbi_pager_dirty_bytes(s->pager) + FILE_FLOOR;
    file = file > free_pages * VDBI_PAGE ? file - free_pages * VDBI_PAGE : 0;
    file += file_pages * VDBI_PAGE;
    if (file > s->file_reserved) {
        uint64_t from = file_pages * VDBI_PAGE;
        uint64_t wanted = file + step(vdbi_pager_dirty_bytes(s->pager), FILE_STEP);
        st = vdbi_file_reserve(&s->file, from, wanted - from);
        if (st == VDB_FULL)
            st = vdbi_file_reserve(&s->file, from, (wanted = file) - from);
        if (!st)
            s->file_reserved = wanted;
    }
    return st;
}

/* Before a group is written, see that the disk has room for it, for the deletes that might
 * have to follow, and for the checkpoint of it all: what is acknowledged can be saved, and
 * a full disk can be emptied.  Deletes themselves may use that room. */
static vdb_status reserve_disk(vdbi_store *s, int only_deletes)
{
    uint64_t log = vdbi_store_log_size(s) + LOG_FLOOR;
    vdb_status st;

    if (only_deletes)
        return VDB_OK;
    st = vdbi_log_reserve(s->log, log, log + step(log, LOG_STEP));
    return st ? st : vdbi_store_reserve_file(s, atomic_load(&s->file_pages));
}

void vdbi_store_group(vdbi_store *s)
{
    s->group_superseded = s->superseded.count;
    vdbi_slots_commit(s->slots);
    s->group_slots = vdbi_slots_mark_get(s->slots);
    if (s->log)
        s->group_log = vdbi_log_mark_get(s->log);
}

/* The versions of the group never were. */
static void drop_group(vdbi_store *s)
{
    while (s->superseded.count > s->group_superseded)
        vdbi_frame_release(s->pager, s->superseded.items[--s->superseded.count].frame);
    vdbi_slots_undo(s->slots, &s->group_slots);
    if (s->log)
        vdbi_log_mark_reset(s->log, &s->group_log);
}

vdb_status vdbi_store_write(vdbi_store *s, int sync, int only_deletes)
{
    vdb_status st = VDB_OK;

    if (s->log) {
        st = reserve_disk(s, only_deletes);
        if (!st)
            st = vdbi_log_write(s->log);
        if (!st && sync)
            st = vdbi_log_sync(s->log);
        if (vdbi_log_poisoned(s->log))
            vdbi_store_poison(s, st);
    }
    if (st)
        drop_group(s);
    return st;
}

vdb_status vdbi_store_sync(vdbi_store *s)
{
    vdb_status st = s->log ? vdbi_log_sync(s->log) : VDB_OK;

    return st ? vdbi_store_poison(s, st) : VDB_OK;
}

void vdbi_store_stats(vdbi_store *s, vdb_stats *out)
{
    uint64_t free_pages = 0, held_pages = 0, pages;

    if (s->space)
        vdbi_space_totals(s->space, &free_pages, &held_pages);
    pages = atomic_load(&s->file_pages);
    out->durable_sequence = atomic_load(&s->durable_sequence);
    out->generation = atomic_load(&s->generation);
    out->file_bytes = s->config.path ? pages * VDBI_PAGE : 0;
    out->free_bytes = free_pages * VDBI_PAGE;
    out->held_bytes = held_pages * VDBI_PAGE;
    out->log_bytes = s->log ? vdbi_log_bytes(s->log) : 0;
    out->dirty_bytes = vdbi_pager_dirty_bytes(s->pager);
    out->written_bytes = atomic_load(&s->counts.written_bytes);
    out->syncs = atomic_load(&s->counts.syncs);
    out->metric = s->shape.metric;
    out->index = s->shape.index;
    out->type = s->shape.type;
    out->m = s->shape.m;
    out->ef_construction = s->shape.ef_construction;
    out->max_layers = s->shape.max_layers;
    out->codes = s->shape.codes;
    out->format = VDBI_FORMAT;
    out->poisoned = (uint32_t)vdbi_store_poisoned(s);
    out->replayed = s->replayed;
}
