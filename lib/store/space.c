/* space.c: see space.h; docs/format.md, "Free space".
 *
 * The map is an array like any other, changed by copying, with one twist: its own pages
 * are among those whose places it records.  vdbi_space_settle therefore repeats "place
 * what has no place; bring the summary up to date" until neither changes anything.  Each
 * page gets a place at most once, so it ends.
 */
#include "store/space_priv.h"

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"

/* Note a run; if it follows the last one behind `from`, in the same leaf, as more of that:
 * so pages one after another take no more memory than one. */
static vdb_status push(vdbi_space *s, run_list *l, size_t from, uint64_t place,
                       uint32_t pages, uint64_t sequence)
{
    run *last = l->count > from ? &l->items[l->count - 1] : NULL;
    vdb_status st;

    if (last && last->sequence == sequence && last->place + last->pages == place &&
        place % LEAF_BITS) {
        last->pages += pages;
        return VDB_OK;
    }
    st = vdbi_grow(s->memory, &l->items, &l->capacity, l->count + 1, sizeof *l->items);
    if (st)
        return st;
    l->items[l->count++] = (run){place, sequence, pages, 0};
    return VDB_OK;
}

/* Take back the last push. */
static void pop(run_list *l, uint32_t pages)
{
    run *last = &l->items[l->count - 1];

    last->pages -= pages;
    if (last->pages == 0)
        l->count--;
}

static vdb_status leaves_reserve(vdbi_space *s, size_t count)
{
    vdb_status st;

    if (count > LEAVES_MAX)
        return vdbi_fail(VDB_FULL, "the file would exceed 16 TiB");
    st = vdbi_grow(s->memory, &s->leaves, &s->leaf_capacity, count, sizeof *s->leaves);
    if (st)
        return st;
    for (; s->leaf_count < count; s->leaf_count++)
        s->leaves[s->leaf_count] = (leaf){NULL, LEAF_BITS, LEAF_BITS, 0, 0};
    return VDB_OK;
}

/* How many pages of a leaf are beyond the file's end, and so are free in any case. */
static uint32_t beyond_end(const vdbi_space *s, size_t index)
{
    uint64_t first = (uint64_t)index * LEAF_BITS;

    if (s->file_pages <= first)
        return LEAF_BITS;
    return s->file_pages - first < LEAF_BITS
               ? LEAF_BITS - (uint32_t)(s->file_pages - first)
               : 0;
}

/* Read the summary, once.  (The meta pages are used in an empty map too.) */
static vdb_status summary_load(vdbi_space *s)
{
    size_t count = (size_t)((s->file_pages + LEAF_BITS - 1) / LEAF_BITS);
    uint64_t used = 0;
    const uint8_t *rows = NULL;
    vdb_status st = leaves_reserve(s, count);

    for (size_t i = 0; !st && i < count; i++) {
        leaf *l = &s->leaves[i];
        if (i % SUMMARY_ROWS == 0)
            st = vdbi_array_block(s->pager, &s->summary, 1, i / SUMMARY_ROWS, &rows);
        if (!st && rows) {
            l->free = vdbi_get32(rows + i % SUMMARY_ROWS * 8);
            l->longest = vdbi_get32(rows + i % SUMMARY_ROWS * 8 + 4);
            if (l->free > LEAF_BITS || l->longest > l->free ||
                l->longest < beyond_end(s, i))
                st = vdbi_fail(VDB_CORRUPT,
                               "free space: summary row %zu says %u free, "
                               "a run of %u",
                               i, l->free, l->longest);
        }
        used += LEAF_BITS - l->free;
    }
    if (!st) {
        s->summary_read = count;
        atomic_store(&s->used_pages, used > 2 ? used : 2);
    }
    return st;
}

vdb_status vdbi_space_create(vdbi_memory *memory, vdbi_pager *pager,
                             const vdbi_ref *map, const vdbi_ref *summary,
                             uint64_t file_pages, vdbi_space **out)
{
    vdbi_space *s = vdbi_calloc(memory, 1, sizeof *s);

    *out = NULL;
    if (!s)
        return VDB_NOMEM;
    s->memory = memory;
    s->pager = pager;
    s->map = *map;
    s->summary = *summary;
    s->file_pages = s->file_pages_before = file_pages;
    s->summary_read = SIZE_MAX;
    s->boundary = UINT64_MAX;
    /* Writers of images count from 1 upwards, those of the map from here. */
    s->writer = (uint64_t)1 << 63;
    atomic_store(&s->known_pages, file_pages);
    *out = s;
    return VDB_OK;
}

void vdbi_space_free(vdbi_space *s)
{
    if (!s)
        return;
    vdbi_superseded_clear(s->pager, &s->change.superseded);
    vdbi_frame_release(s->pager, s->map.frame);
    vdbi_frame_release(s->pager, s->summary.frame);
    for (size_t i = 0; i < s->leaf_count; i++)
        vdbi_free(s->memory, s->leaves[i].held);
    vdbi_free(s->memory, s->leaves);
    vdbi_free(s->memory, s->taken.items);
    vdbi_free(s->memory, s->held.items);
    vdbi_free(s->memory, s->own.items);
    vdbi_free(s->memory, s);
}

/* Set or clear the bits of a run in the map. */
static vdb_status map_mark(vdbi_space *s, uint64_t place, uint32_t pages, int used)
{
    uint64_t index = place / LEAF_BITS;
    uint8_t *bytes;
    vdb_status st =
        vdbi_array_write(&s->change, &s->map, STRUCTURE_MAP, 1, index, 0, &bytes);

    if (st)
        return st;
    for (uint64_t i = place % LEAF_BITS; i < place % LEAF_BITS + pages; i++)
        if ((bytes[i / 8] >> (i % 8) & 1) == used)
            return vdbi_fail(VDB_CORRUPT, "free space: page %llu is already %s",
                             (unsigned long long)(index * LEAF_BITS + i),
                             used ? "used" : "free");
    for (uint64_t i = place % LEAF_BITS; i < place % LEAF_BITS + pages; i++)
        bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ 1u << (i % 8));
    s->leaves[index].changed = 1;
    if (used) {
        s->leaves[index].free -= pages;
        atomic_fetch_add(&s->used_pages, pages);
    } else {
        s->leaves[index].free += pages;
        s->leaves[index].longest = LEAF_BITS;
        atomic_fetch_sub(&s->used_pages, pages);
    }
    return VDB_OK;
}

static vdb_status hold_reserve(vdbi_space *s, uint64_t place)
{
    leaf *l = &s->leaves[place / LEAF_BITS];

    if (!l->held)
        l->held = vdbi_calloc(s->memory, LEAF_WORDS, sizeof *l->held);
    return l->held ? VDB_OK : VDB_NOMEM;
}

static void hold_mark(vdbi_space *s, uint64_t place, uint32_t pages, int held)
{
    leaf *l = &s->leaves[place / LEAF_BITS];

    for (uint64_t i = place % LEAF_BITS; i < place % LEAF_BITS + pages; i++) {
        if (held)
            vdbi_bit_set(l->held, i);
        else
            vdbi_bit_clear(l->held, i);
    }
    if (held) {
        atomic_fetch_add(&s->held_pages, pages);
    } else {
        l->longest = LEAF_BITS;
        atomic_fetch_sub(&s->held_pages, pages);
    }
}

static vdb_status give(vdbi_space *s, uint64_t place, uint32_t pages,
                       uint64_t sequence);

static vdb_status learn(vdbi_space *s)
{
    return s->summary_read == SIZE_MAX ? summary_load(s) : VDB_OK;
}

/* Make those pages of an array of the map that stand too far behind its own: they will be
 * placed anew. */
static vdb_status evacuate(vdbi_space *s, vdbi_ref *root, uint8_t structure)
{
    vdbi_array_scan scan = {.boundary = s->boundary, .nodes = UINT32_MAX};
    vdb_status st = VDB_OK;

    while (!st && scan.from != UINT64_MAX) {
        uint8_t *bytes;
        st = vdbi_array_scan_on(s->pager, root, &scan);
        if (!st && scan.found)
            st = vdbi_array_write(&s->change, root, structure, 1, scan.from++, 0,
                                  &bytes);
    }
    return st;
}

static vdb_status begin(vdbi_space *s)
{
    vdb_status st = learn(s);

    if (st || s->open)
        return st;
    s->open = 1;
    s->file_pages_before = s->file_pages;
    s->taken.count = 0;
    s->held_before = s->held.count;
    s->change.pager = s->pager;
    s->change.writer = ++s->writer;
    s->change.epoch = s->writer;
    if (vdbi_ref_none(&s->map)) { /* a new file: the meta pages */
        st = leaves_reserve(s, 1);
        atomic_store(&s->used_pages, 0);
        if (!st)
            st = map_mark(s, 0, 2, 1);
    }
    for (size_t i = 0; !st && i < s->own.count; i++)
        st = give(s, s->own.items[i].place, s->own.items[i].pages, 0);
    if (!st && s->boundary != UINT64_MAX) {
        st = evacuate(s, &s->map, STRUCTURE_MAP);
        if (!st)
            st = evacuate(s, &s->summary, STRUCTURE_SUMMARY);
    }
    return st;
}

/* The first run of n clear bits in used | held, or -1; *longest is then exact. */
static int64_t find_run(const uint8_t *used, const uint64_t *held, uint32_t n,
                        uint32_t *longest)
{
    uint32_t length = 0;

    *longest = 0;
    for (uint32_t w = 0; w < LEAF_WORDS; w++) {
        uint64_t word = used ? vdbi_get64(used + 8 * w) : 0;
        if (held)
            word |= held[w];
        if (word == UINT64_MAX) {
            length = 0;
            continue;
        }
        if (word == 0 && length + 64 < n) {
            length += 64;
            if (length > *longest)
                *longest = length;
            continue;
        }
        for (uint32_t b = 0; b < 64; b++) {
            if (word >> b & 1) {
                length = 0;
                continue;
            }
            if (++length == n)
                return (int64_t)(w * 64 + b + 1 - n);
            if (length > *longest)
                *longest = length;
        }
    }
    return -1;
}

/* The file grows page by page: nothing beyond its end is in use.  But the map marks a page
 * there, just before the run at `at` of leaf `index`. */
static int leaves_gap(const vdbi_space *s, size_t index, uint32_t at,
                      const uint8_t *used)
{
    return at > 0 && used && (uint64_t)index * LEAF_BITS + at > s->file_pages &&
           used[(at - 1) / 8] >> ((at - 1) % 8) & 1;
}

static vdb_status take(vdbi_space *s, uint32_t pages, uint64_t *place)
{
    for (size_t i = 0;; i++) {
        const uint8_t *used;
        uint64_t found;
        uint32_t longest;
        int64_t at;
        vdb_status st = leaves_reserve(s, i + 1);
        if (st)
            return st;
        if (s->leaves[i].longest < pages || s->leaves[i].free < pages)
            continue;
        st = vdbi_array_block(s->pager, &s->map, 1, i, &used);
        if (st)
            return st;
        at = find_run(used, s->leaves[i].held, pages, &longest);
        /* Else the file would grow by as much as 128 MiB at a time. */
        if (at < 0 ? pages <= beyond_end(s, i) : leaves_gap(s, i, (uint32_t)at, used))
            return vdbi_fail(
                VDB_CORRUPT,
                "free space: the map says that pages beyond the end of the "
                "file (%llu) are used",
                (unsigned long long)s->file_pages);
        if (at < 0) {
            s->leaves[i].longest = longest;
            continue;
        }
        found = i * LEAF_BITS + (uint64_t)at;
        st = push(s, &s->taken, 0, found, pages, 0);
        if (st)
            return st;
        st = map_mark(s, found, pages, 1);
        if (st) {
            pop(&s->taken, pages);
            return st;
        }
        if (s->file_pages < found + pages) {
            s->file_pages = found + pages;
            vdbi_pager_set_file_pages(s->pager, s->file_pages);
            atomic_store(&s->known_pages, s->file_pages);
        }
        vdbi_pager_forget(s->pager, found, pages);
        *place = found;
        return VDB_OK;
    }
}

static vdb_status give(vdbi_space *s, uint64_t place, uint32_t pages, uint64_t sequence)
{
    vdb_status st;

    if (place < 2 || place + pages > s->file_pages || pages > VDBI_BLOCK_PAGES_MAX ||
        place / LEAF_BITS != (place + pages - 1) / LEAF_BITS)
        return vdbi_fail(VDB_CORRUPT, "free space: a run of %u pages at %llu", pages,
                         (unsigned long long)place);
    st = hold_reserve(s, place);
    if (!st)
        st = push(s, &s->held, s->held_before, place, pages, sequence);
    if (st)
        return st;
    st = map_mark(s, place, pages, 0);
    if (st) {
        pop(&s->held, pages);
        return st;
    }
    hold_mark(s, place, pages, 1);
    return VDB_OK;
}

/* ---------------------------------------------------------------- settling */

/* Give the old places of the map's own pages.  Giving may itself supersede some. */
static vdb_status give_own(vdbi_space *s, int *changed)
{
    vdbi_superseded_list *l = &s->change.superseded;

    while (l->count) {
        size_t i = l->count - 1;
        vdbi_superseded item = l->items[i];
        uint64_t place = item.frame ? item.frame->written.place : item.place;
        if (place) {
            /* Remembered until the commit: after an undo these pages are still
             * superseded by copies that stay in memory. */
            vdb_status st = push(s, &s->own, s->own.count, place, item.pages, 0);
            if (st)
                return st;
            st = give(s, place, item.pages, 0);
            if (st) {
                s->own.count--;
                return st;
            }
        }
        l->items[i] = l->items[--l->count];
        vdbi_frame_release(s->pager, item.frame);
        *changed = 1;
    }
    return VDB_OK;
}

static vdb_status update_summary(vdbi_space *s, int *changed)
{
    for (size_t i = 0; i < s->leaf_count; i++) {
        const uint8_t *used;
        uint8_t *rows;
        uint32_t longest;
        vdb_status st;
        if (!s->leaves[i].changed)
            continue;
        s->leaves[i].changed = 0;
        *changed = 1;
        st = vdbi_array_block(s->pager, &s->map, 1, i, &used);
        if (!st)
            st = vdbi_array_write(&s->change, &s->summary, STRUCTURE_SUMMARY, 1,
                                  i / SUMMARY_ROWS, 0, &rows);
        if (st) {
            s->leaves[i].changed = 1;
            return st;
        }
        find_run(used, NULL, LEAF_BITS + 1, &longest);
        vdbi_put32(rows + i % SUMMARY_ROWS * 8, s->leaves[i].free);
        vdbi_put32(rows + i % SUMMARY_ROWS * 8 + 4, longest);
    }
    return VDB_OK;
}

/* Place each frame below the reference that has no place. */
static vdb_status place_frames(vdbi_space *s, const vdbi_ref *ref, int *changed)
{
    vdbi_frame *f = ref->frame;
    vdb_status st = VDB_OK;

    if (!f || atomic_load(&f->placed))
        return VDB_OK;
    if (!f->written.place) {
        st = take(s, f->pages, &f->written.place);
        *changed = 1;
    }
    for (uint32_t i = 0; !st && f->kids && i < VDBI_KIDS_MAX; i++) {
        vdbi_ref child = {.frame = f->kids[i]};
        st = place_frames(s, &child, changed);
    }
    return st;
}

static vdb_status settle(vdbi_space *s)
{
    int changed = 1;
    vdb_status st = VDB_OK;

    while (!st && changed) {
        changed = 0;
        st = give_own(s, &changed);
        if (!st)
            st = update_summary(s, &changed);
        if (!st)
            st = place_frames(s, &s->map, &changed);
        if (!st)
            st = place_frames(s, &s->summary, &changed);
    }
    return st;
}

/* Each of these reads pages of the map, in a section of its own: a checkpoint is long, and
 * a section that lasted as long would keep the cache from letting pages go. */

vdb_status vdbi_space_learn(vdbi_space *s)
{
    vdb_status st;

    vdbi_section_begin(s->pager);
    st = learn(s);
    vdbi_section_end(s->pager);
    return st;
}

vdb_status vdbi_space_begin(vdbi_space *s)
{
    vdb_status st;

    vdbi_section_begin(s->pager);
    st = begin(s);
    vdbi_section_end(s->pager);
    return st;
}

vdb_status vdbi_space_take(vdbi_space *s, uint32_t pages, uint64_t *place)
{
    vdb_status st;

    vdbi_section_begin(s->pager);
    st = take(s, pages, place);
    vdbi_section_end(s->pager);
    return st;
}

vdb_status vdbi_space_give(vdbi_space *s, uint64_t place, uint32_t pages,
                           uint64_t sequence)
{
    vdb_status st;

    vdbi_section_begin(s->pager);
    st = give(s, place, pages, sequence);
    vdbi_section_end(s->pager);
    return st;
}

vdb_status vdbi_space_settle(vdbi_space *s)
{
    vdb_status st;

    vdbi_section_begin(s->pager);
    st = settle(s);
    vdbi_section_end(s->pager);
    return st;
}

void vdbi_space_evacuate(vdbi_space *s, uint64_t boundary)
{
    s->boundary = boundary;
}

uint64_t vdbi_space_boundary(const vdbi_space *s)
{
    return s->boundary;
}

uint64_t vdbi_space_used(const vdbi_space *s)
{
    return atomic_load(&s->used_pages);
}

void vdbi_space_roots(vdbi_space *s, vdbi_ref **map, vdbi_ref **summary)
{
    *map = &s->map;
    *summary = &s->summary;
}

uint64_t vdbi_space_file_pages(const vdbi_space *s)
{
    return s->file_pages;
}

void vdbi_space_commit(vdbi_space *s)
{
    s->open = 0;
    s->taken.count = 0;
    s->own.count = 0;
}

/* The frames that hold the bits are in memory and the change's own, so none of this can
 * fail. */
static void undo_mark(vdbi_space *s, const run *r, int given)
{
    uint8_t *bytes = NULL;
    vdb_status st = vdbi_array_write(&s->change, &s->map, STRUCTURE_MAP, 1,
                                     r->place / LEAF_BITS, 0, &bytes);
    leaf *l = &s->leaves[r->place / LEAF_BITS];

    for (uint64_t i = r->place % LEAF_BITS; !st && i < r->place % LEAF_BITS + r->pages;
         i++)
        bytes[i / 8] = (uint8_t)(bytes[i / 8] ^ 1u << (i % 8));
    l->changed = 1;
    l->longest = LEAF_BITS;
    if (given) {
        l->free -= r->pages;
        atomic_fetch_add(&s->used_pages, r->pages);
        hold_mark(s, r->place, r->pages, 0);
    } else {
        l->free += r->pages;
        atomic_fetch_sub(&s->used_pages, r->pages);
    }
}

static void unplace(vdbi_frame *f)
{
    if (!f || atomic_load(&f->placed))
        return;
    f->written.place = 0;
    for (uint32_t i = 0; f->kids && i < VDBI_KIDS_MAX; i++)
        unplace(f->kids[i]);
}

void vdbi_space_undo(vdbi_space *s)
{
    if (!s->open)
        return;
    s->open = 0;
    /* What was freed may have been taken before, in the same checkpoint; the other way
     * round is not possible, since it is held. */
    while (s->held.count > s->held_before)
        undo_mark(s, &s->held.items[--s->held.count], 1);
    while (s->taken.count > 0)
        undo_mark(s, &s->taken.items[--s->taken.count], 0);
    unplace(s->map.frame);
    unplace(s->summary.frame);
    s->file_pages = s->file_pages_before;
    vdbi_pager_set_file_pages(s->pager, s->file_pages);
    atomic_store(&s->known_pages, s->file_pages);
}

void vdbi_space_let_go(vdbi_space *s, uint64_t oldest)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->held.count; i++) {
        run *r = &s->held.items[i];
        if (r->sequence <= oldest)
            hold_mark(s, r->place, r->pages, 0);
        else
            s->held.items[kept++] = *r;
    }
    s->held.count = kept;
}

void vdbi_space_totals(vdbi_space *s, uint64_t *free_pages, uint64_t *held_pages)
{
    uint64_t used = atomic_load(&s->used_pages), known = atomic_load(&s->known_pages);
    uint64_t held = atomic_load(&s->held_pages);

    *held_pages = held;
    *free_pages = known > used + held ? known - used - held : 0;
}
