/* frame.c: the address window of the main file, verification, frames.
 *
 * The window: the file's bytes appear at fixed addresses, a gigabyte at a time.  With
 * mapping they are the file's pages; without, anonymous memory into which each block is
 * read when it is first asked for.  Either way a bitmap remembers what has been verified,
 * so that a reader pays for a checksum once per block.
 */
#include "store/frame.h"

#include <assert.h>

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/error.h"

enum {
    WINDOW_PAGES = 1 << 18,
    WINDOW_WORDS = WINDOW_PAGES / 64,
    TABLE = 128 /* two levels of it: 16 TiB */
};
#define WINDOW_BYTES ((size_t)WINDOW_PAGES * VDBI_PAGE)

typedef struct window {
    uint8_t *address;
    _Atomic uint64_t verified[WINDOW_WORDS];
} window;

typedef struct window_table {
    _Atomic(window *) windows[TABLE];
} window_table;

struct vdbi_pager {
    vdbi_memory *memory;
    vdbi_file *file;
    int mapped;
    _Atomic uint64_t file_pages;
    _Atomic uint64_t dirty_bytes;
    _Atomic(window_table *) tables[TABLE];
    vdbi_mutex lock; /* making windows; reading into them */
    /* Sections, when blocks are read into anonymous memory. */
    vdbi_mutex gate_lock;
    vdbi_cond gate;
    uint64_t cache_bytes;
    _Atomic uint64_t cached;
    uint32_t readers;
    int draining;
};

/* -------------------------------------------------------------- references */

void vdbi_ref_put(uint8_t *out, const vdbi_ref *ref)
{
    int placed = ref->frame == NULL;
    uint64_t word = (placed ? ref->place : 0) | (uint64_t)ref->pages << 40 |
                    (uint64_t)ref->height << 56;

    vdbi_put64(out, word);
    vdbi_put64(out + 8, placed ? ref->generation : 0);
    vdbi_put64(out + 16, placed ? ref->checksum : 0);
}

void vdbi_ref_get(const uint8_t *bytes, vdbi_ref *out)
{
    uint64_t word = vdbi_get64(bytes);

    out->place = word & (((uint64_t)1 << 40) - 1);
    out->pages = (uint32_t)(word >> 40 & 0xffff);
    out->height = (uint32_t)(word >> 56);
    out->generation = vdbi_get64(bytes + 8);
    out->checksum = vdbi_get64(bytes + 16);
    out->frame = NULL;
}

uint64_t vdbi_page_checksum(const void *bytes, uint32_t pages, uint64_t place,
                            uint64_t generation)
{
    return vdbi_hash64(bytes, (size_t)pages * VDBI_PAGE,
                       place + generation * 0x9E3779B97F4A7C15u);
}

/* ------------------------------------------------------------------- pager */

vdb_status vdbi_pager_create(vdbi_memory *memory, vdbi_file *file, int mapped,
                             uint64_t cache_bytes, vdbi_pager **out)
{
    vdbi_pager *p = vdbi_calloc(memory, 1, sizeof *p);
    vdb_status st;

    *out = NULL;
    if (!p)
        return VDB_NOMEM;
    p->memory = memory;
    p->file = file;
    p->mapped = mapped;
    p->cache_bytes = cache_bytes;
    st = vdbi_mutex_init(&p->lock);
    if (st)
        goto no_lock;
    st = vdbi_mutex_init(&p->gate_lock);
    if (st)
        goto no_gate_lock;
    st = vdbi_cond_init(&p->gate);
    if (st)
        goto no_gate;
    *out = p;
    return VDB_OK;
no_gate:
    vdbi_mutex_destroy(&p->gate_lock);
no_gate_lock:
    vdbi_mutex_destroy(&p->lock);
no_lock:
    vdbi_free(memory, p);
    return st;
}

static void window_release(vdbi_pager *p, window *w)
{
    if (!w)
        return;
    if (p->mapped)
        p->file->vfs->unmap(p->file->vfs->arg, p->file->handle, w->address,
                            WINDOW_BYTES);
    else
        vdbi_pages_release(w->address, WINDOW_BYTES);
    vdbi_free(p->memory, w);
}

void vdbi_pager_free(vdbi_pager *p)
{
    if (!p)
        return;
    for (int i = 0; i < TABLE; i++) {
        window_table *t = p->tables[i];
        for (int j = 0; t && j < TABLE; j++)
            window_release(p, t->windows[j]);
        vdbi_free(p->memory, t);
    }
    if (p->readers == 0) { /* else a forked child, whose readers are not there */
        vdbi_cond_destroy(&p->gate);
        vdbi_mutex_destroy(&p->gate_lock);
        vdbi_mutex_destroy(&p->lock);
    }
    vdbi_free(p->memory, p);
}

vdbi_memory *vdbi_pager_memory(vdbi_pager *p)
{
    return p->memory;
}

void vdbi_pager_set_file_pages(vdbi_pager *p, uint64_t pages)
{
    atomic_store(&p->file_pages, pages);
}

uint64_t vdbi_pager_dirty_bytes(vdbi_pager *p)
{
    return atomic_load(&p->dirty_bytes);
}

/* The window, made if it is not there.  Called with the lock held. */
static vdb_status window_make(vdbi_pager *p, uint64_t index, window **out)
{
    window_table *t = p->tables[index / TABLE];
    window *w;

    if (!t) {
        t = vdbi_calloc(p->memory, 1, sizeof *t);
        if (!t)
            return VDB_NOMEM;
        atomic_store_explicit(&p->tables[index / TABLE], t, memory_order_release);
    }
    w = t->windows[index % TABLE];
    if (!w) {
        void *address = NULL;
        w = vdbi_calloc(p->memory, 1, sizeof *w);
        if (!w)
            return VDB_NOMEM;
        if (p->mapped) {
            int rc = p->file->vfs->map(p->file->vfs->arg, p->file->handle,
                                       index * WINDOW_BYTES, WINDOW_BYTES, &address);
            if (rc) {
                vdbi_free(p->memory, w);
                return vdbi_fail_system(rc, "%s: mapping", p->file->path);
            }
        } else {
            address = vdbi_pages_reserve(WINDOW_BYTES);
            if (!address) {
                vdbi_free(p->memory, w);
                return VDB_NOMEM;
            }
        }
        w->address = address;
        atomic_store_explicit(&t->windows[index % TABLE], w, memory_order_release);
    }
    *out = w;
    return VDB_OK;
}

static window *window_find(vdbi_pager *p, uint64_t index)
{
    window_table *t =
        atomic_load_explicit(&p->tables[index / TABLE], memory_order_acquire);

    return t ? atomic_load_explicit(&t->windows[index % TABLE], memory_order_acquire)
             : NULL;
}

void vdbi_pager_forget(vdbi_pager *p, uint64_t place, uint32_t pages)
{
    window *w = window_find(p, place / WINDOW_PAGES);

    for (uint64_t i = place; w && i < place + pages; i++)
        atomic_fetch_and(&w->verified[i % WINDOW_PAGES / 64],
                         ~((uint64_t)1 << (i % 64)));
}

/* ---------------------------------------------------------------- sections */

/* Let everything go.  Called with the gate locked and no reader inside. */
static void cache_drop(vdbi_pager *p)
{
    for (int i = 0; i < TABLE; i++) {
        window_table *t = p->tables[i];
        for (int j = 0; t && j < TABLE; j++) {
            window *w = t->windows[j];
            if (!w)
                continue;
            for (int k = 0; k < WINDOW_WORDS; k++)
                atomic_store(&w->verified[k], 0);
            vdbi_pages_discard(w->address, WINDOW_BYTES);
        }
    }
    atomic_store(&p->cached, 0);
}

void vdbi_section_begin(vdbi_pager *p)
{
    if (p->mapped)
        return;
    vdbi_lock(&p->gate_lock);
    if (atomic_load(&p->cached) > p->cache_bytes)
        p->draining = 1;
    while (p->draining) {
        if (p->readers == 0) {
            cache_drop(p);
            p->draining = 0;
            vdbi_broadcast(&p->gate);
        } else {
            vdbi_wait(&p->gate, &p->gate_lock);
        }
    }
    p->readers++;
    vdbi_unlock(&p->gate_lock);
}

void vdbi_section_end(vdbi_pager *p)
{
    if (p->mapped)
        return;
    vdbi_lock(&p->gate_lock);
    assert(p->readers > 0);
    if (--p->readers == 0)
        vdbi_broadcast(&p->gate);
    vdbi_unlock(&p->gate_lock);
}

/* ----------------------------------------------------------------- reading */

static vdb_status damaged(vdbi_pager *p, const vdbi_ref *ref, const char *what)
{
    return vdbi_fail_at(VDB_CORRUPT, (int64_t)(ref->place * VDBI_PAGE),
                        "%s: page %llu (byte %llu, %u pages, generation %llu): %s",
                        p->file->path, (unsigned long long)ref->place,
                        (unsigned long long)ref->place * VDBI_PAGE, ref->pages,
                        (unsigned long long)ref->generation, what);
}

static vdb_status ref_in_bounds(vdbi_pager *p, const vdbi_ref *ref)
{
    uint64_t file_pages = atomic_load_explicit(&p->file_pages, memory_order_relaxed);

    if (ref->place < 2 || ref->pages == 0 || ref->pages > VDBI_BLOCK_PAGES_MAX ||
        ref->height > VDBI_HEIGHT_MAX)
        return damaged(p, ref, "a reference that makes no sense");
    if (ref->place + ref->pages > file_pages)
        return damaged(p, ref, "a reference beyond the end of the file");
    if (ref->place / WINDOW_PAGES != (ref->place + ref->pages - 1) / WINDOW_PAGES ||
        ref->place / WINDOW_PAGES >= (uint64_t)TABLE * TABLE)
        return damaged(p, ref, "a reference across a window");
    return VDB_OK;
}

/* VDBI_FUZZ_TRUST_CHECKSUMS is for fuzzing only: it lets changed pages reach the code
 * behind the checksum, which must stand whatever they say (tests/fuzz/fuzz_file.c). */
static vdb_status check_sum(vdbi_pager *p, const vdbi_ref *ref, const uint8_t *bytes)
{
#ifdef VDBI_FUZZ_TRUST_CHECKSUMS
    (void)p, (void)ref, (void)bytes;
#else
    if (vdbi_page_checksum(bytes, ref->pages, ref->place, ref->generation) !=
        ref->checksum)
        return damaged(p, ref, "the checksum does not match");
#endif
    return VDB_OK;
}

/* Called once per block: bring it in, and verify it. */
static vdb_status page_first_read(vdbi_pager *p, const vdbi_ref *ref,
                                  const uint8_t **bytes)
{
    uint64_t index = ref->place / WINDOW_PAGES, page = ref->place % WINDOW_PAGES;
    uint64_t bit = (uint64_t)1 << (page % 64);
    window *w;
    uint8_t *address;
    vdb_status st = VDB_OK;

    vdbi_lock(&p->lock);
    st = window_make(p, index, &w);
    if (st)
        goto out;
    address = w->address + page * VDBI_PAGE;
    if (!(atomic_load(&w->verified[page / 64]) & bit)) {
        if (!p->mapped) {
            st = vdbi_file_read(p->file, address, (size_t)ref->pages * VDBI_PAGE,
                                ref->place * VDBI_PAGE);
            if (st)
                goto out;
        } else {
            /* The checksum of a mapped block may wait for the disk: not under the
             * lock.  That two readers verify the same block does no harm. */
            vdbi_unlock(&p->lock);
            st = check_sum(p, ref, address);
            if (!st)
                atomic_fetch_or_explicit(&w->verified[page / 64], bit,
                                         memory_order_release);
            *bytes = address;
            return st;
        }
        st = check_sum(p, ref, address);
        if (st)
            goto out;
        atomic_fetch_add(&p->cached, (uint64_t)ref->pages * VDBI_PAGE);
        atomic_fetch_or_explicit(&w->verified[page / 64], bit, memory_order_release);
    }
    *bytes = address;
out:
    vdbi_unlock(&p->lock);
    return st;
}

/* Read a block into the system's cache, and nowhere else. */
static vdb_status fetch(vdbi_pager *p, const vdbi_ref *ref)
{
    uint8_t bytes[4 * VDBI_PAGE];
    size_t left = (size_t)ref->pages * VDBI_PAGE;
    uint64_t at = ref->place * VDBI_PAGE;
    vdb_status st = VDB_OK;

    while (left && !st) {
        size_t n = left < sizeof bytes ? left : sizeof bytes;
        st = vdbi_file_read(p->file, bytes, n, at);
        at += n;
        left -= n;
    }
    return st;
}

static vdb_status page_read(vdbi_pager *p, const vdbi_ref *ref, int alone,
                            const uint8_t **bytes)
{
    uint64_t page;
    window *w;
    vdb_status st;

    if (ref->frame) {
        *bytes = ref->frame->bytes;
        return VDB_OK;
    }
    *bytes = NULL;
    st = ref_in_bounds(p, ref);
    if (st)
        return st;
    page = ref->place % WINDOW_PAGES;
    w = window_find(p, ref->place / WINDOW_PAGES);
    if (w && atomic_load_explicit(&w->verified[page / 64], memory_order_acquire) >>
                     (page % 64) &
                 1) {
        *bytes = w->address + page * VDBI_PAGE;
        return VDB_OK;
    }
    if (alone && p->mapped)
        st = fetch(p, ref);
    return st ? st : page_first_read(p, ref, bytes);
}

vdb_status vdbi_page_read(vdbi_pager *p, const vdbi_ref *ref, const uint8_t **bytes)
{
    return page_read(p, ref, 0, bytes);
}

vdb_status vdbi_page_read_alone(vdbi_pager *p, const vdbi_ref *ref,
                                const uint8_t **bytes)
{
    return page_read(p, ref, 1, bytes);
}

vdb_status vdbi_page_reread(vdbi_pager *p, const vdbi_ref *ref, uint8_t *buffer)
{
    vdb_status st = ref_in_bounds(p, ref);

    if (!st)
        st = vdbi_file_read(p->file, buffer, (size_t)ref->pages * VDBI_PAGE,
                            ref->place * VDBI_PAGE);
    if (!st)
        st = check_sum(p, ref, buffer);
    return st;
}

/* ------------------------------------------------------------------ frames */

static vdbi_frame *frame_create(vdbi_pager *p, uint32_t pages, int has_kids)
{
    size_t bytes = (size_t)pages * VDBI_PAGE;
    vdbi_frame *f = vdbi_calloc(p->memory, 1, sizeof *f);

    if (!f)
        return NULL;
    f->bytes = vdbi_alloc_aligned(p->memory, bytes, 64);
    if (f->bytes && has_kids)
        f->kids = vdbi_calloc(p->memory, VDBI_KIDS_MAX, sizeof *f->kids);
    if (!f->bytes || (has_kids && !f->kids)) {
        vdbi_free(p->memory, f->bytes);
        vdbi_free(p->memory, f);
        return NULL;
    }
    f->pages = pages;
    atomic_store(&f->refs, 1);
    atomic_fetch_add(&p->dirty_bytes, bytes);
    return f;
}

vdbi_frame *vdbi_frame_retain(vdbi_frame *f)
{
    if (f)
        atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

/* Recursion here is as deep as a structure is high: VDBI_HEIGHT_MAX. */
void vdbi_frame_release(vdbi_pager *p, vdbi_frame *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (f->kids)
        for (int i = 0; i < VDBI_KIDS_MAX; i++)
            vdbi_frame_release(p, f->kids[i]);
    if (!atomic_load(&f->placed))
        atomic_fetch_sub(&p->dirty_bytes, (uint64_t)f->pages * VDBI_PAGE);
    vdbi_free(p->memory, f->kids);
    vdbi_free(p->memory, f->bytes);
    vdbi_free(p->memory, f);
}

void vdbi_frame_placed(vdbi_pager *p, vdbi_frame *f)
{
    atomic_fetch_sub(&p->dirty_bytes, (uint64_t)f->pages * VDBI_PAGE);
    atomic_store_explicit(&f->placed, 1, memory_order_release);
}

/* ----------------------------------------------------------------- changes */

vdb_status vdbi_change_new(vdbi_change *change, uint32_t pages, uint32_t height,
                           int has_kids, vdbi_ref *ref)
{
    vdbi_frame *f = frame_create(change->pager, pages, has_kids);

    if (!f)
        return VDB_NOMEM;
    memset(f->bytes, 0, (size_t)pages * VDBI_PAGE);
    f->writer = change->writer;
    f->epoch = change->epoch;
    memset(ref, 0, sizeof *ref);
    ref->pages = pages;
    ref->height = height;
    ref->frame = f;
    return VDB_OK;
}

static void superseded_note(vdbi_change *change, const vdbi_ref *ref)
{
    vdbi_superseded *s = &change->superseded.items[change->superseded.count];
    vdbi_frame *f = ref->frame;

    memset(s, 0, sizeof *s);
    if (f && !atomic_load_explicit(&f->placed, memory_order_acquire)) {
        /* A frame of this epoch is in no checkpoint, and now never will be. */
        if (f->epoch == change->epoch)
            return;
        s->frame = vdbi_frame_retain(f);
    } else {
        s->place = f ? f->written.place : ref->place;
    }
    s->pages = ref->pages;
    change->superseded.count++;
}

vdb_status vdbi_superseded_reserve(vdbi_pager *p, vdbi_superseded_list *to, size_t more)
{
    return vdbi_grow(p->memory, &to->items, &to->capacity, to->count + more,
                     sizeof *to->items);
}

void vdbi_superseded_move(vdbi_superseded_list *to, vdbi_superseded_list *from)
{
    if (from->count)
        memcpy(to->items + to->count, from->items, from->count * sizeof *from->items);
    to->count += from->count;
    from->count = 0;
}

void vdbi_superseded_clear(vdbi_pager *p, vdbi_superseded_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        vdbi_frame_release(p, list->items[i].frame);
    vdbi_free(p->memory, list->items);
    memset(list, 0, sizeof *list);
}

/* Where the i-th child's reference stands in a page, or 0. */
uint32_t vdbi_child_offset(const uint8_t *bytes, uint32_t i)
{
    if (vdbi_get32(bytes) == VDBI_ARRAY_MAGIC)
        return 64 + VDBI_REF_BYTES * i;
    if (vdbi_get32(bytes) == VDBI_TREE_MAGIC && bytes[4] > 0 &&
        i < vdbi_get16(bytes + 6)) {
        uint32_t cell = vdbi_get16(bytes + 16 + 2 * i);
        return cell + 4u + vdbi_get16(bytes + cell);
    }
    return 0;
}

/* Take over the children of a frame that is being copied: those that are on disk by now
 * are named by their place from here on, so that their frames can go. */
static void kids_copy(vdbi_frame *to, const vdbi_frame *from)
{
    for (uint32_t i = 0; i < VDBI_KIDS_MAX; i++) {
        vdbi_frame *kid = from->kids[i];
        if (!kid)
            continue;
        if (atomic_load_explicit(&kid->placed, memory_order_acquire)) {
            vdbi_ref_put(to->bytes + vdbi_child_offset(to->bytes, i), &kid->written);
        } else {
            to->kids[i] = vdbi_frame_retain(kid);
        }
    }
}

vdb_status vdbi_change_page(vdbi_change *change, vdbi_ref *ref, int has_kids)
{
    const uint8_t *bytes;
    vdbi_frame *f;
    vdb_status st;

    if (ref->frame && ref->frame->writer == change->writer)
        return VDB_OK;
    st = vdbi_page_read_alone(change->pager, ref, &bytes);
    if (!st)
        st = vdbi_superseded_reserve(change->pager, &change->superseded, 1);
    if (st)
        return st;
    f = frame_create(change->pager, ref->pages, has_kids);
    if (!f)
        return VDB_NOMEM;
    memcpy(f->bytes, bytes, (size_t)ref->pages * VDBI_PAGE);
    f->writer = change->writer;
    f->epoch = change->epoch;
    if (has_kids && ref->frame)
        kids_copy(f, ref->frame);
    superseded_note(change, ref);
    vdbi_frame_release(change->pager, ref->frame);
    ref->frame = f;
    ref->place = ref->generation = ref->checksum = 0;
    return VDB_OK;
}

vdb_status vdbi_change_drop(vdbi_change *change, vdbi_ref *ref)
{
    vdb_status st = vdbi_superseded_reserve(change->pager, &change->superseded, 1);

    if (st)
        return st;
    superseded_note(change, ref);
    vdbi_frame_release(change->pager, ref->frame);
    memset(ref, 0, sizeof *ref);
    return VDB_OK;
}

/* ---------------------------------------------------------------- children */

void vdbi_child_get(const vdbi_ref *parent, const uint8_t *bytes, uint32_t offset,
                    uint32_t index, vdbi_ref *out)
{
    vdbi_ref_get(bytes + offset, out);
    if (parent->frame && parent->frame->kids)
        out->frame = parent->frame->kids[index];
}

void vdbi_child_set(vdbi_ref *parent, uint32_t offset, uint32_t index,
                    const vdbi_ref *child)
{
    vdbi_ref_put(parent->frame->bytes + offset, child);
    parent->frame->kids[index] = child->frame;
}
