/* check.c: the pages on disk, walked from the meta page; see check.h.  What they mean is
 * checked in check_image.c. */
#include "store/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"
#include "store/check_priv.h"
#include "store/layout.h"
#include "store/record.h"
#include "store/store_priv.h"
#include "store/tree.h"

vdb_status vdbi_check_tell(vdbi_checker *c, int64_t offset, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return c->finding(c->arg, offset, text);
}

/* A walk over the file; `seen` has a bit for every page that something refers to. */
typedef struct walk {
    vdbi_store *store;
    const vdbi_meta *meta;
    vdbi_checker *checker;
    uint64_t *seen;
    uint64_t *map; /* the map of free space, as read: a bit per page */
    uint64_t file_pages;
    const char *name; /* of the structure */
    uint8_t structure;
    uint32_t block_pages; /* of its blocks; 0: a tree */
    int derived;          /* it is a part of the graph */
    int graph_damaged;    /* so what it uses may not have been seen */
    /* bounds of the keys of the tree page that is being walked */
} walk;

typedef struct bound {
    uint8_t key[VDBI_KEY_MAX];
    size_t length;
    int given;
} bound;

/* A damaged page is a finding; a machine that fails is not. */
static vdb_status tell_if_corrupt(walk *w, const vdbi_ref *ref, vdb_status st)
{
    if (st != VDB_CORRUPT)
        return st;
    w->graph_damaged |= w->derived;
    return vdbi_check_tell(w->checker, (int64_t)(ref->place * VDBI_PAGE), "%s: %s",
                           w->name, vdbi_error_text());
}

/* Read a page, note that it is in use; *bytes stays NULL when it is damaged. */
static vdb_status visit(walk *w, const vdbi_ref *ref, uint8_t **bytes)
{
    vdb_status st;

    *bytes = NULL;
    if (ref->pages == 0 || ref->pages > VDBI_BLOCK_PAGES_MAX || ref->place < 2 ||
        ref->place + ref->pages > w->file_pages) {
        w->graph_damaged |= w->derived;
        return vdbi_check_tell(w->checker, (int64_t)(ref->place * VDBI_PAGE),
                               "%s: a reference to %u pages at %llu", w->name,
                               ref->pages, (unsigned long long)ref->place);
    }
    for (uint64_t p = ref->place; p < ref->place + ref->pages; p++) {
        if (vdbi_bit_get(w->seen, p))
            return vdbi_check_tell(w->checker, (int64_t)(p * VDBI_PAGE),
                                   "%s: page %llu is referred to twice", w->name,
                                   (unsigned long long)p);
        vdbi_bit_set(w->seen, p);
    }
    *bytes = vdbi_alloc(w->store->memory, (size_t)ref->pages * VDBI_PAGE);
    if (!*bytes)
        return VDB_NOMEM;
    st = vdbi_page_reread(w->store->pager, ref, *bytes);
    w->checker->bytes += (uint64_t)ref->pages * VDBI_PAGE;
    if (st) {
        vdbi_free(w->store->memory, *bytes);
        *bytes = NULL;
        return tell_if_corrupt(w, ref, st);
    }
    st =
        w->checker->tick(w->checker->arg, w->checker->bytes, w->file_pages * VDBI_PAGE);
    if (st) {
        vdbi_free(w->store->memory, *bytes);
        *bytes = NULL;
    }
    return st;
}

static vdb_status odd(walk *w, const vdbi_ref *ref, const char *what)
{
    w->graph_damaged |= w->derived;
    return vdbi_check_tell(w->checker, (int64_t)(ref->place * VDBI_PAGE),
                           "%s: page %llu: %s", w->name, (unsigned long long)ref->place,
                           what);
}

/* Recursion is as deep as the structure is high, which visit() has bounded. */
static vdb_status walk_array(walk *w, const vdbi_ref *ref, uint32_t height,
                             uint64_t first);

static vdb_status walk_node(walk *w, const vdbi_ref *ref, const uint8_t *bytes,
                            uint64_t first)
{
    uint64_t below = vdbi_array_span(ref->height - 1);
    vdb_status st = VDB_OK;

    if (vdbi_get32(bytes) != VDBI_ARRAY_MAGIC || bytes[4] != ref->height ||
        bytes[5] != w->structure)
        return odd(w, ref, "not a node of this array");
    for (uint32_t i = 0; i < VDBI_KIDS_MAX && !st; i++) {
        vdbi_ref child;
        vdbi_ref_get(bytes + vdbi_child_offset(bytes, i), &child);
        if (!vdbi_ref_none(&child))
            st = walk_array(w, &child, ref->height - 1, first + i * below);
    }
    return st;
}

/* Keep a page of the map, for comparing; beyond the file's end it must be empty. */
static vdb_status keep_map(walk *w, const vdbi_ref *ref, const uint8_t *bytes,
                           uint64_t first)
{
    if (first * VDBI_PAGE * 8 < w->file_pages) {
        memcpy(w->map + first * (VDBI_PAGE / 8), bytes, VDBI_PAGE);
        return VDB_OK;
    }
    for (int i = 0; i < VDBI_PAGE; i++)
        if (bytes[i])
            return odd(w, ref, "pages beyond the end of the file are marked as used");
    return VDB_OK;
}

/* Bits for slots that the image does not have. */
static vdb_status check_linked(walk *w, const vdbi_ref *ref, const uint8_t *bytes,
                               uint64_t first)
{
    uint64_t slots = w->meta->image.slot_count, at = first * VDBI_LIVE_BITS;

    for (uint64_t i = slots > at ? slots - at : 0; i < VDBI_LIVE_BITS; i++)
        if (bytes[i / 8] >> (i % 8) & 1)
            return odd(w, ref, "a slot is linked that is not there");
    return VDB_OK;
}

static vdb_status check_graph_block(walk *w, const vdbi_ref *ref, const uint8_t *bytes,
                                    uint64_t first)
{
    int part = w->structure - VDBI_CHECK_GRAPH;
    vdb_status st = VDB_OK;

    if (part == VDBI_GRAPH_LINKED)
        st = check_linked(w, ref, bytes, first);
    if (!st && w->checker->graph_block)
        st = w->checker->graph_block(w->checker->arg, part, first, bytes);
    return st;
}

static vdb_status walk_array(walk *w, const vdbi_ref *ref, uint32_t height,
                             uint64_t first)
{
    uint8_t *bytes;
    vdb_status st;

    if (vdbi_ref_none(ref))
        return VDB_OK;
    if (ref->height != height || height > VDBI_HEIGHT_MAX)
        return odd(w, ref, "a child of the wrong height");
    if (ref->pages != (height ? 1 : w->block_pages))
        return odd(w, ref, "a page of the wrong length");
    st = visit(w, ref, &bytes);
    if (!st && bytes && height)
        st = walk_node(w, ref, bytes, first);
    if (!st && bytes && !height && w->structure == VDBI_CHECK_MAP)
        st = keep_map(w, ref, bytes, first);
    if (!st && bytes && !height && w->derived)
        st = check_graph_block(w, ref, bytes, first);
    vdbi_free(w->store->memory, bytes);
    return st;
}

static vdb_status walk_tree(walk *w, const vdbi_ref *ref, uint32_t height,
                            const bound *low, const bound *high);

static int out_of_bounds(const uint8_t *key, size_t length, const bound *low,
                         const bound *high)
{
    return (low->given && vdbi_key_compare(key, length, low->key, low->length) < 0) ||
           (high->given && vdbi_key_compare(key, length, high->key, high->length) >= 0);
}

static void bound_set(bound *b, const uint8_t *key, size_t length)
{
    memcpy(b->key, key, length);
    b->length = length;
    b->given = 1;
}

/* The cells of a sound page: keys within the bounds, children below. */
static vdb_status walk_cells(walk *w, const vdbi_ref *ref, const uint8_t *bytes,
                             const bound *low, const bound *high)
{
    uint32_t count = vdbi_get16(bytes + 6);
    bound *own = vdbi_calloc(w->store->memory, 2, sizeof *own);
    vdb_status st = own ? VDB_OK : VDB_NOMEM;

    for (uint32_t i = 0; i < count && !st; i++) {
        const uint8_t *cell = bytes + vdbi_get16(bytes + 16 + 2 * i);
        /* A first cell's key is never relied on (docs/format.md). */
        if ((ref->height == 0 || i > 0) &&
            out_of_bounds(cell + 4, vdbi_get16(cell), low, high)) {
            st = odd(w, ref, "a key outside of its parent's bounds");
            break;
        }
        if (ref->height == 0)
            continue;
        own[0] = *low;
        own[1] = *high;
        if (i > 0)
            bound_set(&own[0], cell + 4, vdbi_get16(cell));
        if (i + 1 < count) {
            const uint8_t *next = bytes + vdbi_get16(bytes + 16 + 2 * (i + 1));
            bound_set(&own[1], next + 4, vdbi_get16(next));
        }
        vdbi_ref child;
        vdbi_ref_get(cell + 4 + vdbi_get16(cell), &child);
        st = vdbi_ref_none(&child)
                 ? odd(w, ref, "a cell without a child")
                 : walk_tree(w, &child, ref->height - 1, &own[0], &own[1]);
    }
    vdbi_free(w->store->memory, own);
    return st;
}

static vdb_status walk_tree(walk *w, const vdbi_ref *ref, uint32_t height,
                            const bound *low, const bound *high)
{
    const char *problem;
    uint8_t *bytes;
    vdb_status st;

    if (ref->height != height || height > VDBI_HEIGHT_MAX || ref->pages != 1)
        return odd(w, ref, "a child of the wrong height or length");
    st = visit(w, ref, &bytes);
    if (st || !bytes)
        return st;
    problem = vdbi_tree_page_problem(bytes, height);
    if (problem)
        st = odd(w, ref, problem);
    else if (bytes[5] != w->structure)
        st = odd(w, ref, "a page of another tree");
    else
        st = walk_cells(w, ref, bytes, low, high);
    vdbi_free(w->store->memory, bytes);
    return st;
}

/* The columns: two pages of directory (level 2, then 1), then an array for each field. */
static vdb_status walk_columns(walk *w, const vdbi_ref *ref, uint32_t level)
{
    uint8_t *bytes;
    vdb_status st;

    if (vdbi_ref_none(ref))
        return VDB_OK;
    if (level == 0)
        return walk_array(w, ref, ref->height, 0);
    if (ref->height != level || ref->pages != 1)
        return odd(w, ref, "not the columns' directory");
    st = visit(w, ref, &bytes);
    if (!st && bytes &&
        (vdbi_get32(bytes) != VDBI_ARRAY_MAGIC || bytes[4] != level ||
         bytes[5] != w->structure)) {
        st = odd(w, ref, "not the columns' directory");
        vdbi_free(w->store->memory, bytes);
        return st;
    }
    for (uint32_t i = 0; !st && bytes && i < VDBI_DIRECTORY_FANOUT; i++) {
        vdbi_ref child;
        vdbi_ref_get(bytes + vdbi_child_offset(bytes, i), &child);
        st = walk_columns(w, &child, level - 1);
    }
    vdbi_free(w->store->memory, bytes);
    return st;
}

static vdb_status walk_root(walk *w, int root, const vdbi_ref *ref)
{
    static const char *const names[] = {"ids",    "vectors",    "liveness",
                                        "places", "heap",       "heap's live bytes",
                                        "fields", "dictionary", "columns"};
    static const bound none;

    w->name = names[root];
    w->structure = (uint8_t)root;
    w->block_pages = 1;
    switch (root) {
    case VDBI_ROOT_IDS:
    case VDBI_ROOT_FIELDS:
    case VDBI_ROOT_DICTIONARY:
        return vdbi_ref_none(ref) ? VDB_OK
                                  : walk_tree(w, ref, ref->height, &none, &none);
    case VDBI_ROOT_COLUMNS:
        return walk_columns(w, ref, 2);
    case VDBI_ROOT_VECTORS:
        if (!w->meta->image.dimension)
            return VDB_OK;
        w->block_pages = vdbi_vector_block_pages(w->meta->image.dimension);
        break;
    case VDBI_ROOT_HEAP:
        w->block_pages = VDBI_HEAP_PAGES;
        break;
    default:
        break;
    }
    return walk_array(w, ref, ref->height, 0);
}

/* How the map and the walk disagree about a page. */
typedef enum quarrel {
    AGREED,
    USED_NOT_MARKED,
    MARKED_NOT_USED
} quarrel;

static quarrel compare_page(const walk *w, uint64_t p)
{
    int seen = p < w->file_pages && vdbi_bit_get(w->seen, p);

    if (seen == vdbi_bit_get(w->map, p))
        return AGREED;
    return seen ? USED_NOT_MARKED : MARKED_NOT_USED;
}

/* The parts of the graph, in the order in which they explain each other. */
static vdb_status walk_graph(walk *w)
{
    static const int order[] = {VDBI_GRAPH_HEADER, VDBI_GRAPH_LINKED, VDBI_GRAPH_UPPERS,
                                VDBI_GRAPH_LINKS};
    static const char *const names[] = {
        [VDBI_GRAPH_LINKS] = VDBI_CHECK_DERIVED ", links",
        [VDBI_GRAPH_UPPERS] = VDBI_CHECK_DERIVED ", upper layers",
        [VDBI_GRAPH_LINKED] = VDBI_CHECK_DERIVED ", linked slots",
        [VDBI_GRAPH_HEADER] = VDBI_CHECK_DERIVED ", header"};
    vdb_status st = VDB_OK;

    w->derived = 1;
    w->block_pages = 1;
    for (int i = 0; i < VDBI_GRAPH_PARTS && !st; i++) {
        const vdbi_ref *root = &w->meta->graph[order[i]];
        w->name = names[order[i]];
        w->structure = (uint8_t)(VDBI_CHECK_GRAPH + order[i]);
        st = walk_array(w, root, root->height, 0);
    }
    w->derived = 0;
    return st;
}

/* The map must say what the walk has seen; of pages that nothing else uses, a damaged graph
 * may have any.  A run of pages is one finding: a damaged page of the map would make
 * 32,768. */
static vdb_status compare_map(walk *w, uint64_t map_pages)
{
    uint64_t hidden = 0;
    vdb_status st = VDB_OK;

    vdbi_bit_set(w->seen, 0);
    vdbi_bit_set(w->seen, 1);
    if (vdbi_ref_none(&w->meta->space))
        return VDB_OK;
    for (uint64_t p = 0, end; p < map_pages && !st; p = end) {
        quarrel about = compare_page(w, p);
        end = p + 1;
        if (about == AGREED) { /* most are, by whole words */
            if (p % 64 == 0 && w->seen[p / 64] == w->map[p / 64])
                end = p + 64;
            continue;
        }
        while (end < map_pages && compare_page(w, end) == about)
            end++;
        if (about == MARKED_NOT_USED && w->graph_damaged) {
            hidden += end - p;
            continue;
        }
        st =
            vdbi_check_tell(w->checker, (int64_t)(p * VDBI_PAGE),
                            "free space: %llu pages from page %llu are %s, and the map "
                            "says %s",
                            (unsigned long long)(end - p), (unsigned long long)p,
                            about == USED_NOT_MARKED ? "used" : "not used",
                            about == USED_NOT_MARKED ? "free" : "used");
    }
    if (!st && hidden)
        st = vdbi_check_tell(w->checker, -1,
                             VDBI_CHECK_DERIVED ": %llu pages in use, which only its "
                                                "damaged part may lead to",
                             (unsigned long long)hidden);
    return st;
}

void vdbi_check_meta(vdbi_store *s, vdbi_meta *out)
{
    *out = s->meta;
}

/* The meta page in force must stand where it was written.  The other may be torn: a power
 * cut leaves it so, and the next checkpoint writes it anew. */
static vdb_status check_meta(walk *w)
{
    uint64_t place = vdbi_meta_place(w->meta->generation);
    uint8_t page[VDBI_PAGE];
    vdbi_meta found;
    vdb_status st =
        vdbi_file_read(&w->store->file, page, sizeof page, place * VDBI_PAGE);

    if (st)
        return st;
    w->checker->bytes += VDBI_PAGE;
    if (vdbi_meta_decode(page, place, &found) == VDBI_META_VALID &&
        found.generation == w->meta->generation)
        return VDB_OK;
    return vdbi_check_tell(w->checker, (int64_t)(place * VDBI_PAGE),
                           "the meta page in force (byte %llu) is damaged",
                           (unsigned long long)(place * VDBI_PAGE));
}

vdb_status vdbi_check_file(vdbi_store *s, const vdbi_meta *meta, vdbi_checker *checker)
{
    walk w = {
        .store = s, .meta = meta, .checker = checker, .file_pages = meta->file_pages};
    uint64_t map_pages =
        (w.file_pages + VDBI_PAGE * 8 - 1) / (VDBI_PAGE * 8) * (VDBI_PAGE * 8);
    vdb_status st = VDB_OK;

    if (!s->config.path)
        return VDB_OK;
    w.seen = vdbi_calloc(s->memory, VDBI_BITMAP_WORDS(map_pages), 8);
    w.map = vdbi_calloc(s->memory, VDBI_BITMAP_WORDS(map_pages), 8);
    if (!w.seen || !w.map)
        st = VDB_NOMEM;
    if (!st)
        st = check_meta(&w);
    for (int i = 0; i < VDBI_ROOT_COUNT && !st; i++)
        st = walk_root(&w, i, &meta->image.roots[i]);
    if (!st)
        st = walk_graph(&w);
    w.block_pages = 1;
    if (!st) {
        w.name = "free space";
        w.structure = VDBI_CHECK_MAP;
        st = walk_array(&w, &meta->space, meta->space.height, 0);
    }
    if (!st) {
        w.name = "summary of free space";
        w.structure = VDBI_CHECK_SUMMARY;
        st = walk_array(&w, &meta->summary, meta->summary.height, 0);
    }
    if (!st)
        st = compare_map(&w, map_pages);
    vdbi_free(s->memory, w.seen);
    vdbi_free(s->memory, w.map);
    return st;
}
