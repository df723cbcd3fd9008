/* checkpoint.c: saving an image into the main file, while commits go on.
 *
 * The order is everything:
 *   1. (in the writer's turn) the log is turned over, so that the old one ends at or
 *      before S; S is the newest image; a new epoch begins, so that no frame of S changes;
 *   2. S's changed pages are written to free places, then the map's; sync;
 *   3. the other meta page is written; sync: from here on S is what an opening finds;
 *   4. (in the writer's turn) the old log is recycled; only then are places that S does
 *      without let go, as far as no reader needs them.
 * Until 3 a failure gives everything back and changes nothing; the retry does not turn the
 * log over again.  A failure in 3 poisons: nobody knows which meta page the disk has.
 */
#include <string.h>

#include "base/error.h"
#include "store/array.h"
#include "store/page_writer.h"
#include "store/store_priv.h"

typedef struct writer {
    vdbi_store *store;
    vdbi_page_writer pages;
} writer;

/* Write a frame and everything below it that is not on disk.  As deep as a structure is
 * high.  `first`: the number of its first block. */
static vdb_status write_frame(writer *w, vdbi_frame *f, uint32_t height, vdbi_trim how,
                              uint64_t first)
{
    vdbi_store *s = w->store;
    vdb_status st = VDB_OK;

    if (atomic_load(&f->placed))
        return VDB_OK;
    for (uint32_t i = 0; !st && f->kids && i < VDBI_KIDS_MAX; i++) {
        vdbi_ref ref;
        if (!f->kids[i])
            continue;
        vdbi_ref_get(f->bytes + vdbi_child_offset(f->bytes, i), &ref);
        st = write_frame(
            w, f->kids[i], ref.height, vdbi_trim_below(how, f->bytes),
            how == VDBI_TRIM_DIRECTORY ? 0 : first + i * vdbi_array_span(height - 1));
    }
    if (!st)
        st = vdbi_grow(s->memory, &s->written, &s->written_capacity,
                       s->written_count + 1, sizeof(vdbi_frame *));
    if (!st && !f->written.place)
        st = vdbi_space_take(s->space, f->pages, &f->written.place);
    if (st)
        return st;
    s->written[s->written_count++] = f;
    vdbi_page_writer_load(&w->pages, f->kids ? VDBI_TRIM_NONE : how, first, f->bytes,
                          f->pages);
    for (uint32_t i = 0; f->kids && i < VDBI_KIDS_MAX; i++)
        if (f->kids[i])
            vdbi_ref_put(w->pages.page + vdbi_child_offset(f->bytes, i),
                         &f->kids[i]->written);
    return vdbi_page_writer_put(&w->pages, f->written.place, f->pages, height,
                                &f->written);
}

/* Write what a root has that is not on disk; *out names it by place. */
static vdb_status write_root(writer *w, const vdbi_ref *root, vdbi_trim how,
                             vdbi_ref *out)
{
    vdb_status st = VDB_OK;

    *out = *root;
    if (root->frame) {
        st = write_frame(w, root->frame, root->height, how, 0);
        *out = root->frame->written;
    }
    if (vdbi_ref_none(out))
        memset(out, 0, sizeof *out);
    return st;
}

static vdb_status write_image(writer *w, const vdbi_image *image, vdbi_image *out)
{
    vdb_status st = VDB_OK;

    *out = *image;
    for (int i = 0; i < VDBI_ROOT_COUNT && !st; i++) {
        vdbi_trim how = vdbi_page_writer_root(&w->pages, image, i);
        st = write_root(w, &image->roots[i], how, &out->roots[i]);
    }
    return st;
}

/* Free what versions up to S have superseded. */
static vdb_status give_superseded(vdbi_store *s)
{
    vdb_status st = VDB_OK;

    for (size_t i = 0; i < s->freeing.count && !st; i++) {
        const vdbi_superseded *item = &s->freeing.items[i];
        uint64_t place = item->frame ? item->frame->written.place : item->place;
        if (place)
            st = vdbi_space_give(s->space, place, item->pages, item->sequence);
    }
    return st;
}

/* Steps 2 and 3, up to the meta page. */
static vdb_status write_pages(vdbi_store *s, writer *w, int how, vdbi_meta *meta)
{
    vdbi_ref *map, *summary;
    vdb_status st = vdbi_space_begin(s->space);

    if (!st)
        st = write_image(w, &s->saving, &meta->image);
    if (!st)
        st = vdbi_graph_write(s, &w->pages, meta);
    if (!st)
        st = give_superseded(s);
    if (!st)
        st = vdbi_space_settle(s->space);
    if (!st && how & VDBI_CHECKPOINT_SHRINK)
        st = vdbi_space_shrink(s->space);
    if (st)
        return st;
    vdbi_space_roots(s->space, &map, &summary);
    st = write_root(w, map, VDBI_TRIM_NONE, &meta->space);
    if (!st)
        st = write_root(w, summary, VDBI_TRIM_NONE, &meta->summary);
    if (!st)
        st = vdbi_page_writer_flush(&w->pages);
    meta->file_pages = vdbi_space_file_pages(s->space);
    return st;
}

static void give_back(vdbi_store *s)
{
    for (size_t i = 0; i < s->written_count; i++)
        s->written[i]->written.place = 0;
    s->written_count = 0;
    vdbi_space_undo(s->space);
}

/* The file may be shorter than its last page says: the places at the end were given back,
 * or it was extended without being written. */
static vdb_status assure_length(vdbi_store *s, uint64_t pages)
{
    uint64_t size;
    vdb_status st = vdbi_file_size(&s->file, &size);

    if (!st && size < pages * VDBI_PAGE)
        st = vdbi_file_truncate(&s->file, pages * VDBI_PAGE);
    return st;
}

/* Hold the image that is to be saved, and take over what it does without. */
static vdb_status choose(vdbi_store *s, const vdbi_image *image)
{
    vdb_status st = vdbi_superseded_reserve(s->pager, &s->freeing, s->superseded.count);

    if (st)
        return st;
    vdbi_superseded_move(&s->freeing, &s->superseded);
    s->saving = *image;
    vdbi_image_retain(&s->saving);
    s->saving_valid = 1;
    return VDB_OK;
}

vdb_status vdbi_checkpoint_begin(vdbi_store *s, const vdbi_image *image)
{
    int had_log = vdbi_log_current(s->log);
    vdb_status st = VDB_OK;

    s->saved = 0;
    if (vdbi_store_poisoned(s))
        return vdbi_fail(VDB_POISONED, "%s: a sync has failed: close and reopen",
                         s->config.path);
    st = vdbi_graph_checkpoint_begin(s);
    if (!st && had_log && !vdbi_log_two(s->log)) {
        st = vdbi_log_turn_over(s->log, s->meta.generation + 1, image->sequence);
        if (vdbi_log_poisoned(s->log))
            vdbi_store_poison(s, st);
    }
    /* A retry does not turn the log over, so S lies inside of it: every frame up to S must
     * be durable before a meta page says S, in every durability. */
    if (!st && vdbi_log_two(s->log))
        st = vdbi_store_sync(s);
    if (!st)
        st = choose(s, image);
    if (st)
        return st;
    vdbi_store_group(s);
    s->epoch++;
    return VDB_OK;
}

/* Write all that the meta page will lead to; or, after a failure, be as before. */
static vdb_status attempt(vdbi_store *s, writer *w, int how, vdbi_meta *meta)
{
    vdb_status st = write_pages(s, w, how, meta);

    if (!st)
        st = assure_length(s, meta->file_pages);
    if (st) {
        w->pages.output_length = 0;
        give_back(s);
    }
    return st;
}

static vdb_status run(vdbi_store *s, writer *w, int how)
{
    int closing = how & VDBI_CHECKPOINT_CLOSING;
    vdbi_meta meta = s->meta;
    vdb_status st;

    meta.generation++;
    meta.log = closing ? 0 : (uint32_t)vdbi_log_current(s->log);
    meta.salt = closing ? 0 : vdbi_log_salt(s->log);
    st = attempt(s, w, how, &meta);
    /* What is derived must not stand in truth's way. */
    if (st && vdbi_graph_give_way(s, st))
        st = attempt(s, w, how, &meta);
    if (st)
        return st;
    st = vdbi_file_sync(&s->file);
    if (st)
        return vdbi_store_poison(s, st);
    st = vdbi_store_write_meta(s, &meta);
    if (st)
        return st;
    vdbi_store_adopt_meta(s, &meta);
    atomic_store(&s->durable_sequence, meta.image.sequence);
    atomic_store(&s->file_pages, meta.file_pages);
    vdbi_space_commit(s->space);
    for (size_t i = 0; i < s->written_count; i++)
        vdbi_frame_placed(s->pager, s->written[i]);
    s->written_count = 0;
    vdbi_superseded_clear(s->pager, &s->freeing);
    s->saved = 1;
    return VDB_OK;
}

vdb_status vdbi_checkpoint_run(vdbi_store *s, int how)
{
    writer w = {.store = s};
    vdb_status st =
        vdbi_page_writer_begin(&w.pages, s->memory, &s->file, s->meta.generation + 1);

    if (!st)
        st = run(s, &w, how);
    vdbi_page_writer_end(&w.pages);
    return st;
}

void vdbi_checkpoint_end(vdbi_store *s, uint64_t oldest)
{
    if (s->saving_valid)
        vdbi_image_release(s->pager, &s->saving);
    s->saving_valid = 0;
    vdbi_graph_checkpoint_end(s, s->saved);
    if (!s->saved)
        return;
    if (vdbi_log_recycle(s->log)) {
        vdbi_store_say(s, VDB_LOG_WARNING, "a checkpoint could not cut the old log");
        return;
    }
    vdbi_space_let_go(s->space, oldest);
}

static vdb_status release_reserve(vdbi_store *s)
{
    uint64_t size;
    vdb_status st = vdbi_file_size(&s->file, &size);

    return st ? st : vdbi_file_truncate(&s->file, size);
}

vdb_status vdbi_store_save_and_close(vdbi_store *s, const vdbi_image *image)
{
    vdb_status st;

    if (!s->config.path || s->readonly)
        return VDB_OK;
    if (vdbi_store_poisoned(s))
        return vdbi_fail(VDB_POISONED, "%s: a sync has failed: the logs stay",
                         s->config.path);
    if (s->meta.log == 0 && s->meta.image.sequence == image->sequence &&
        !vdbi_graph_needs_checkpoint(s))
        return VDB_OK;
    s->saved = 0;
    st = vdbi_graph_checkpoint_begin(s);
    if (!st)
        st = vdbi_store_sync(s);
    if (!st)
        st = choose(s, image);
    if (!st)
        st = vdbi_checkpoint_run(s, VDBI_CHECKPOINT_CLOSING);
    if (!st)
        st = vdbi_log_retire(s->log);
    /* Cutting a file where it ends gives back what was reserved behind. */
    if (!st && s->file_reserved)
        st = release_reserve(s);
    return st;
}

vdb_status vdbi_store_room(vdbi_store *s, uint64_t boundary, uint64_t *pages)
{
    return vdbi_space_room(s->space, boundary, pages);
}

void vdbi_store_pages(const vdbi_store *s, uint64_t *file_pages, uint64_t *used)
{
    *file_pages = vdbi_space_file_pages(s->space);
    *used = vdbi_space_used(s->space);
}

/* What is held, or superseded by this save, cannot take what is to be written. */
void vdbi_store_pages_saved(vdbi_store *s, uint64_t *file_pages, uint64_t *used)
{
    uint64_t dirty = vdbi_pager_dirty_bytes(s->pager) / VDBI_PAGE, gone = 0;
    uint64_t free_pages, held_pages;

    vdbi_store_pages(s, file_pages, used);
    vdbi_space_totals(s->space, &free_pages, &held_pages);
    for (size_t i = 0; i < s->superseded.count; i++) {
        const vdbi_superseded *item = &s->superseded.items[i];
        const vdbi_frame *f = item->frame;
        if (f ? atomic_load(&f->placed) != 0 : item->place != 0)
            gone += item->pages;
    }
    *used += dirty;
    *used = *used > gone ? *used - gone : 0;
    if (dirty > free_pages)
        *file_pages += dirty - free_pages;
}

vdb_status vdbi_store_tail(vdbi_store *s, uint64_t most, uint64_t floor,
                           uint64_t *boundary, uint64_t *behind)
{
    return vdbi_space_tail(s->space, most, floor, boundary, behind);
}

void vdbi_store_evacuate(vdbi_store *s, uint64_t boundary)
{
    vdbi_space_evacuate(s->space, boundary);
}

void vdbi_store_mark_codes(vdbi_store *s, vdbi_code_marks *marks)
{
    s->marks = marks;
}

void vdbi_store_slot_ceiling(vdbi_store *s, uint32_t ceiling)
{
    vdbi_slots_ceiling(s->slots, ceiling);
}

/* Which of the meta pages counts after a crash need not be the newest: neither may ask for
 * a longer file. */
vdb_status vdbi_store_cut(vdbi_store *s)
{
    uint64_t pages =
        s->meta.file_pages > s->other_pages ? s->meta.file_pages : s->other_pages;
    uint64_t size;
    vdb_status st;

    if (vdbi_store_poisoned(s))
        return vdbi_fail(VDB_POISONED, "%s: a sync has failed: close and reopen",
                         s->config.path);
    st = vdbi_file_size(&s->file, &size);
    if (!st && size > pages * VDBI_PAGE) {
        s->file_reserved = 0; /* a cut gives back what was reserved behind */
        st = vdbi_file_truncate(&s->file, pages * VDBI_PAGE);
    }
    return st;
}

void vdbi_image_settle(const vdbi_image *image, vdbi_image *out)
{
    *out = *image;
    for (int i = 0; i < VDBI_ROOT_COUNT; i++) {
        vdbi_frame *f = image->roots[i].frame;
        if (!f)
            continue;
        if (atomic_load_explicit(&f->placed, memory_order_acquire))
            out->roots[i] = f->written;
        else
            vdbi_frame_retain(f);
    }
}
