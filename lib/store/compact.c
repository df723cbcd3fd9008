/* compact.c: see compact.h. */
#include "store/compact.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"
#include "store/cells.h"
#include "store/column_priv.h"
#include "store/layout.h"

enum {
    /* At most so much in a step, for the sake of those who wait for the turn. */
    STEP_SLOTS = 1024,
    STEP_LEAVES = 256,
    STEP_STRINGS = 1024,
    STEP_BLOCKS = 1024,
    STEP_NODES = 512,
    STEP_PAGES = 256,
    STEP_PUNCHES = 8192,
    DEAD_SLOTS = 8,  /* rows move when one in so many slots is dead */
    DEAD_RECORDS = 4 /* and records when one in so many bytes around them is */
};

void vdbi_compact_begin(vdbi_compact *c, vdbi_compact_part part)
{
    c->part = part;
    c->done = c->started = 0;
    c->slot = c->low = c->field = 0;
    c->root = 0;
    c->block = 0;
    c->key_length = 0;
    c->moved = 0;
}

void vdbi_compact_clear(vdbi_compact *c)
{
    vdbi_record_clear(&c->record);
    vdbi_free(c->memory, c->vectors);
    c->vectors = NULL;
    c->vector_capacity = 0;
}

/* ------------------------------------------------------------ rows and records */

static vdb_status is_live(const vdbi_pending *p, uint32_t slot, int *live)
{
    uint64_t word;
    vdb_status st = vdbi_live_words(p->pager, &p->image, slot / 64, 1, &word);

    *live = !st && word >> (slot % 64) & 1;
    return st;
}

/* What the slot holds, copied: what is changed next may free the page that it is in. */
static vdb_status load(vdbi_compact *c, const vdbi_pending *p, uint32_t slot,
                       vdbi_put *put)
{
    vdb_status st;

    memset(put, 0, sizeof *put);
    c->record.memory = c->memory;
    st = vdbi_record_read(p->pager, &p->image, slot,
                          VDBI_RECORD_ID | VDBI_RECORD_METADATA, &c->record);
    put->id = c->record.id;
    put->id_length = c->record.id_length;
    put->metadata = c->record.metadata;
    put->metadata_length = c->record.metadata_length;
    put->dimension = p->image.dimension;
    return st;
}

/* Copy its vector, too, to where it stays until the next step.  There is room: a step's
 * vectors are part of what it logs. */
static vdb_status load_vector(vdbi_compact *c, const vdbi_pending *p, uint32_t slot,
                              vdbi_put *put)
{
    size_t most = c->log_bytes / sizeof *c->vectors;
    const float *row;
    vdb_status st = vdbi_vector_row(p->pager, &p->image, slot, &row);

    if (!st && c->vector_count == 0)
        st = vdbi_grow(c->memory, &c->vectors, &c->vector_capacity, most,
                       sizeof *c->vectors);
    if (st)
        return st;
    put->vector = c->vectors + c->vector_count;
    memcpy(c->vectors + c->vector_count, row, put->dimension * sizeof *row);
    c->vector_count += put->dimension;
    return VDB_OK;
}

/* Whether a piece of so many bytes of log may be done in this step.  If not, and it is the
 * first, *more is what it needs, unless no commit can have that: *skip. */
static int has_room(vdbi_compact *c, size_t bytes, size_t *more, int *skip)
{
    bytes += (bytes >> 20) * VDBI_FRAME_HEADER + 2 * VDBI_FRAME_HEADER;
    *skip = bytes > c->log_most;
    if (*skip)
        return 0;
    if (c->spent + bytes <= c->log_bytes) {
        c->spent += bytes;
        return 1;
    }
    if (c->spent == 0)
        *more = bytes;
    return 0;
}

/* Move the row to slot `to`, or (to == from) write its record anew. */
static vdb_status move(vdbi_compact *c, vdbi_pending *p, uint32_t from, uint32_t to,
                       size_t *more, int *stop)
{
    vdbi_flat *flat = NULL;
    vdbi_put put;
    int skip;
    vdb_status st = load(c, p, from, &put);

    if (st)
        return st;
    if (!has_room(c,
                  vdbi_put_log_bytes(put.id_length, from == to ? 0 : put.dimension,
                                     put.metadata_length),
                  more, &skip)) {
        *stop = !skip;
        return VDB_OK;
    }
    if (put.metadata)
        st = vdbi_flatten(c->memory, put.metadata, put.metadata_length, &flat);
    put.flat = flat;
    if (!st && from != to)
        st = load_vector(c, p, from, &put);
    if (!st && from != to)
        st = vdbi_slots_take_this(p->slots, to);
    if (!st)
        st = from == to ? vdbi_pending_rewrite(p, &put, from)
                        : vdbi_pending_move(p, &put, from, to);
    vdbi_flat_free(c->memory, flat);
    c->changed = 1;
    return st;
}

/* From the highest slot down, each into the lowest free one. */
static vdb_status step_rows(vdbi_compact *c, vdbi_pending *p, size_t *more)
{
    const vdbi_image *image = &p->image;
    int stop = 0;
    vdb_status st = VDB_OK;

    if (!c->started) {
        c->slot = image->slot_count;
        c->done =
            (image->slot_count - image->live_count) * DEAD_SLOTS < image->slot_count;
    }
    for (int n = 0; n < STEP_SLOTS && !st && !stop && !c->done; n++) {
        uint32_t from = c->slot - 1, to;
        int live;
        if (c->slot <= image->live_count) {
            c->done = 1;
            break;
        }
        st = is_live(p, from, &live);
        if (!st && live) {
            to = vdbi_slots_lowest(p->slots, c->low, from);
            c->done = to == from;
            c->low = to;
            if (!c->done)
                st = move(c, p, from, to, more, &stop);
        }
        if (!st && !stop && !c->done)
            c->slot--;
    }
    /* Writers must not go where this has been. */
    vdbi_slots_ceiling(p->slots, c->slot);
    return st;
}

static vdb_status step_slots(vdbi_compact *c, vdbi_pending *p)
{
    uint32_t count = p->image.slot_count;
    uint32_t to = vdbi_slots_free_from(p->slots, count);
    uint64_t blocks, most;
    vdb_status st;

    if (to == count) {
        c->done = 1;
        return VDB_OK;
    }
    /* Blocks for a thousand slots, and so how many slots there are in a step. */
    blocks = 1000 / vdbi_rows_per_block(p->image.dimension) + 3 +
             (uint64_t)p->image.field_count * 1000 / VDBI_CELLS_PER_BLOCK;
    most = (uint64_t)STEP_PUNCHES * 1000 / blocks;
    if (count - to > most)
        to = count - (uint32_t)most;
    st = vdbi_pending_shrink(p, to);
    c->changed = 1;
    return st;
}

/* How many bytes of a block of the heap are dead. */
static vdb_status heap_dead(const vdbi_pending *p, uint64_t block, uint32_t *dead)
{
    const uint8_t *bytes;
    uint32_t live = 0;
    vdb_status st = vdbi_array_block(p->pager, &p->image.roots[VDBI_ROOT_HEAP_LIVE], 1,
                                     block / VDBI_HEAP_LIVE_PER_BLOCK, &bytes);

    if (bytes)
        live = vdbi_get32(bytes + block % VDBI_HEAP_LIVE_PER_BLOCK * 4);
    *dead = live < VDBI_HEAP_BLOCK ? VDBI_HEAP_BLOCK - live : 0;
    return st;
}

/* Whether the blocks that the slot's record touches are dead enough; those that still take
 * records never are. */
static vdb_status is_sparse(const vdbi_pending *p, uint32_t slot, int *sparse)
{
    vdbi_record_place_info place;
    uint64_t first, last, total = 0;
    vdb_status st = vdbi_record_place(p->pager, &p->image, slot, &place);

    *sparse = 0;
    if (st)
        return st;
    first = place.offset / VDBI_HEAP_BLOCK;
    last = (place.offset + place.length - 1) / VDBI_HEAP_BLOCK;
    if (last >= p->image.heap_end / VDBI_HEAP_BLOCK)
        return VDB_OK;
    for (uint64_t i = first; !st && i <= last; i++) {
        uint32_t dead;
        st = heap_dead(p, i, &dead);
        total += dead;
    }
    *sparse = total * DEAD_RECORDS > (last - first + 1) * VDBI_HEAP_BLOCK;
    return st;
}

static vdb_status step_records(vdbi_compact *c, vdbi_pending *p, size_t *more)
{
    int stop = 0;
    vdb_status st = VDB_OK;

    for (int n = 0; n < STEP_SLOTS && !st && !stop; n++) {
        int live, sparse = 0;
        if (c->slot >= p->image.slot_count) {
            c->done = 1;
            break;
        }
        st = is_live(p, c->slot, &live);
        if (!st && live)
            st = is_sparse(p, c->slot, &sparse);
        if (!st && sparse)
            st = move(c, p, c->slot, c->slot, more, &stop);
        if (!st && !stop)
            c->slot++;
    }
    return st;
}

/* ----------------------------------------------------------------- strings */

/* Take the strings out that nobody uses, in the order of the dictionary: the next is the
 * least key behind the one that c->key holds. */
static vdb_status step_strings(vdbi_compact *c, vdbi_pending *p)
{
    vdbi_ref *root = &p->image.roots[VDBI_ROOT_DICTIONARY];
    vdb_status st = VDB_OK;

    for (int n = 0; n < STEP_STRINGS && !st; n++) {
        const uint8_t *key, *value;
        size_t length, value_length;
        vdbi_tree_cursor at;
        int unused = 0;
        st = vdbi_tree_seek(&at, p->pager, root, c->key, c->key_length);
        if (!st)
            st = vdbi_tree_next(&at, &key, &length, &value, &value_length);
        if (st || !key) {
            c->done = !st;
            break;
        }
        if (length < 4 || length >= VDBI_KEY_MAX || value_length != 4)
            return vdbi_fail(VDB_CORRUPT, "dictionary: an entry that makes no sense");
        unused = vdbi_code_is_unused(c->marks, vdbi_code_field(key), vdbi_get32(value));
        memcpy(c->key, key, length);
        if (unused)
            st = vdbi_tree_remove(&p->change, root, c->key, length);
        c->changed |= unused;
        c->key[length] = 0; /* the least key that is greater */
        c->key_length = length + 1;
    }
    return st;
}

/* ------------------------------------------------------------------- trees */

static int is_tree(int root)
{
    return root == VDBI_ROOT_IDS || root == VDBI_ROOT_FIELDS ||
           root == VDBI_ROOT_DICTIONARY;
}

static void next_root(vdbi_compact *c)
{
    c->root++;
    c->key_length = 0;
    c->block = 0;
    c->field = 0;
    c->done = c->root == VDBI_ROOT_COUNT;
}

/* On to the leaf behind, or to the next structure. */
static void next_leaf(vdbi_compact *c, const vdbi_tree_path *path)
{
    if (path->next_length < 0) {
        next_root(c);
        return;
    }
    c->key_length = (size_t)path->next_length;
    memcpy(c->key, path->next, c->key_length);
}

static vdb_status step_trees(vdbi_compact *c, vdbi_pending *p)
{
    vdb_status st = VDB_OK;

    for (int n = 0; n < STEP_LEAVES && !st && !c->done; n++) {
        vdbi_ref *root = &p->image.roots[c->root];
        vdbi_tree_path path;
        int merged;
        if (!is_tree(c->root) || vdbi_ref_none(root)) {
            next_root(c);
            continue;
        }
        st = vdbi_tree_locate(p->pager, root, c->key, c->key_length, &path);
        if (!st)
            st = vdbi_tree_pack(&p->change, root, &path, &merged);
        if (st)
            break;
        c->changed |= merged;
        if (!merged)
            next_leaf(c, &path);
    }
    return st;
}

/* ----------------------------------------------------------------- columns */

/* Whether a live slot has a cell in the block. */
static vdb_status has_cells(const vdbi_pending *p, uint32_t block,
                            const vdbi_cells *cells, int *has)
{
    uint32_t first = block * VDBI_CELLS_PER_BLOCK;
    uint64_t words[VDBI_CELLS_PER_BLOCK / 64];
    vdb_status st = vdbi_live_words(p->pager, &p->image, first / 64,
                                    VDBI_CELLS_PER_BLOCK / 64, words);

    *has = 0;
    for (uint32_t i = 0; !st && !*has && i < VDBI_CELLS_PER_BLOCK; i++)
        *has = cells->tags[i] != VDBI_CELL_ABSENT && words[i / 64] >> (i % 64) & 1;
    return st;
}

static vdb_status step_columns(vdbi_compact *c, vdbi_pending *p)
{
    const uint32_t rows = VDBI_CELLS_PER_BLOCK;
    uint32_t blocks = (p->image.slot_count + rows - 1) / rows;
    vdb_status st = VDB_OK;

    for (int n = 0; n < STEP_BLOCKS && !st; n++) {
        vdbi_cells cells;
        int has = 1;
        if (c->block >= blocks) {
            c->block = 0;
            c->field++;
        }
        if (c->field >= p->image.field_count || !blocks) {
            c->done = 1;
            break;
        }
        st = vdbi_column_block(p->pager, &p->image, c->field, (uint32_t)c->block,
                               &cells);
        if (!st && cells.tags)
            st = has_cells(p, (uint32_t)c->block, &cells, &has);
        if (!st && !has) {
            st = vdbi_column_punch(p, c->field, (uint32_t)c->block);
            c->changed = 1;
        }
        c->block++;
    }
    return st;
}

/* ------------------------------------------------------------------ places */

static int stands_beyond(const vdbi_compact *c, const vdbi_ref *ref)
{
    uint64_t place = vdbi_ref_place(ref);

    return place && place + ref->pages > c->boundary;
}

static vdb_status place_leaf(vdbi_compact *c, vdbi_pending *p)
{
    vdbi_ref *root = &p->image.roots[c->root];
    vdbi_tree_path path;
    int beyond = 0;
    vdb_status st = vdbi_tree_locate(p->pager, root, c->key, c->key_length, &path);

    for (int i = 0; !st && i <= path.depth; i++)
        beyond |= stands_beyond(c, &path.ref[i]);
    if (!st && beyond) {
        st = vdbi_tree_own(&p->change, root, c->key, c->key_length);
        c->changed = 1;
    }
    if (!st)
        next_leaf(c, &path);
    return st;
}

static uint32_t block_pages(const vdbi_image *image, int root)
{
    if (root == VDBI_ROOT_VECTORS)
        return vdbi_vector_block_pages(image->dimension);
    return root == VDBI_ROOT_HEAP ? VDBI_HEAP_PAGES : 1;
}

/* The pages above the columns, when those of this field are the first below one. */
static vdb_status place_directory(vdbi_compact *c, vdbi_pending *p)
{
    const vdbi_ref *top = &p->image.roots[VDBI_ROOT_COLUMNS];
    uint32_t i = c->field / VDBI_DIRECTORY_FANOUT;
    const uint8_t *bytes;
    vdbi_ref low;
    vdb_status st;

    if (c->block || c->field % VDBI_DIRECTORY_FANOUT)
        return VDB_OK;
    st = vdbi_page_read(p->pager, top, &bytes);
    if (st)
        return st;
    if (vdbi_get32(bytes) != VDBI_ARRAY_MAGIC)
        return vdbi_fail(VDB_CORRUPT, "page %llu is not of the columns' directory",
                         (unsigned long long)top->place);
    vdbi_child_get(top, bytes, vdbi_child_offset(bytes, i), i, &low);
    if (vdbi_ref_none(&low) || (!stands_beyond(c, top) && !stands_beyond(c, &low)))
        return VDB_OK;
    c->changed = 1;
    return vdbi_column_own(p, c->field, UINT32_MAX);
}

/* A root that is all holes has no block that would take it along. */
static vdb_status place_root(vdbi_compact *c, vdbi_pending *p, vdbi_ref *root)
{
    if (c->block || c->root == VDBI_ROOT_COLUMNS || !stands_beyond(c, root))
        return VDB_OK;
    c->changed = 1;
    return vdbi_change_page(&p->change, root, root->height > 0);
}

static vdb_status place_block(vdbi_compact *c, vdbi_pending *p, int *stop)
{
    vdbi_array_scan scan = {
        .boundary = c->boundary, .from = c->block, .nodes = STEP_NODES};
    vdbi_ref column, *root = &p->image.roots[c->root];
    uint32_t pages = block_pages(&p->image, c->root);
    uint8_t *bytes;
    vdb_status st = VDB_OK;

    if (c->root == VDBI_ROOT_COLUMNS) {
        root = &column;
        st = place_directory(c, p);
        if (!st)
            st = vdbi_column_root(p->pager, &p->image, c->field, &column);
    }
    if (!st)
        st = vdbi_array_scan_on(p->pager, root, &scan);
    if (st)
        return st;
    if (scan.found) {
        c->block = scan.from + 1;
        c->changed = 1;
        return c->root == VDBI_ROOT_COLUMNS
                   ? vdbi_column_own(p, c->field, (uint32_t)scan.from)
                   : vdbi_array_write(&p->change, root, (uint8_t)c->root, pages,
                                      scan.from, 0, &bytes);
    }
    if (scan.stopped) {
        *stop = 1;
        c->block = scan.from;
        return VDB_OK;
    }
    st = place_root(c, p, root);
    c->block = 0;
    if (c->root == VDBI_ROOT_COLUMNS && ++c->field < p->image.field_count)
        return st;
    next_root(c);
    return st;
}

static vdb_status step_places(vdbi_compact *c, vdbi_pending *p)
{
    const vdbi_superseded_list *left = &p->change.superseded;
    uint64_t moved = 0;
    size_t counted = 0;
    int stop = 0;
    vdb_status st = VDB_OK;

    for (int n = 0; n < STEP_NODES && !st && !stop && !c->done && moved < STEP_PAGES;
         n++) {
        if (vdbi_ref_none(&p->image.roots[c->root]))
            next_root(c);
        else
            st = is_tree(c->root) ? place_leaf(c, p) : place_block(c, p, &stop);
        for (; counted < left->count; counted++)
            moved += left->items[counted].pages;
    }
    c->moved += moved;
    return st;
}

/* ------------------------------------------------------------------- steps */

vdb_status vdbi_compact_step(vdbi_compact *c, vdbi_pending *p, size_t *more)
{
    vdb_status st = VDB_OK;

    c->changed = 0;
    c->spent = 0;
    c->vector_count = 0;
    *more = 0;
    switch (c->part) {
    case VDBI_COMPACT_ROWS:
        st = step_rows(c, p, more);
        break;
    case VDBI_COMPACT_SLOTS:
        st = step_slots(c, p);
        break;
    case VDBI_COMPACT_RECORDS:
        st = step_records(c, p, more);
        break;
    case VDBI_COMPACT_STRINGS:
        st = step_strings(c, p);
        break;
    case VDBI_COMPACT_TREES:
        st = step_trees(c, p);
        break;
    case VDBI_COMPACT_COLUMNS:
        st = step_columns(c, p);
        break;
    default:
        st = step_places(c, p);
        break;
    }
    c->started = 1;
    return st;
}

uint32_t vdbi_compact_progress(const vdbi_compact *c, const vdbi_image *image)
{
    uint64_t slots = image->slot_count ? image->slot_count : 1;

    switch (c->part) {
    case VDBI_COMPACT_ROWS:
        return c->slot < slots ? (uint32_t)((slots - c->slot) * 1000 / slots) : 0;
    case VDBI_COMPACT_RECORDS:
        return c->slot < slots ? (uint32_t)(c->slot * (uint64_t)1000 / slots) : 1000;
    case VDBI_COMPACT_COLUMNS:
        return image->field_count ? c->field * 1000 / image->field_count : 1000;
    case VDBI_COMPACT_TREES:
    case VDBI_COMPACT_PLACES:
        return (uint32_t)c->root * 1000 / VDBI_ROOT_COUNT;
    default:
        return 0;
    }
}
