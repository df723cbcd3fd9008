/* narrow.c: see narrow.h. */
#include "filter/narrow.h"

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "os/thread.h"

typedef struct parts {
    vdbi_narrow_part **items;
    size_t count, capacity;
} parts;

struct vdbi_narrow {
    vdbi_memory *memory;
    uint64_t most_bytes;
    vdbi_mutex lock; /* all below, and the parts' users */
    uint64_t bytes;
    parts *fields;
    size_t field_count, field_capacity;
    size_t hand_field, hand_part; /* who has to go next, when there is no room */
};

/* ---------------------------------------------------------------- the cache */

vdb_status vdbi_narrow_create(vdbi_memory *memory, uint64_t most_bytes,
                              vdbi_narrow **out)
{
    vdbi_narrow *n = vdbi_calloc(memory, 1, sizeof *n);
    vdb_status st;

    *out = NULL;
    if (!n)
        return VDB_NOMEM;
    n->memory = memory;
    n->most_bytes = most_bytes;
    st = vdbi_mutex_init(&n->lock);
    if (st)
        vdbi_free(memory, n);
    else
        *out = n;
    return st;
}

static size_t part_bytes(uint32_t blocks)
{
    return sizeof(vdbi_narrow_part) +
           (size_t)blocks * VDBI_CELLS_PER_BLOCK * sizeof(uint16_t);
}

/* One user less; under the lock. */
static void drop(vdbi_narrow *n, vdbi_narrow_part *part)
{
    if (!part || --part->users)
        return;
    n->bytes -= part_bytes(part->blocks);
    vdbi_free(n->memory, part);
}

void vdbi_narrow_free(vdbi_narrow *n, int in_child)
{
    if (!n)
        return;
    for (size_t f = 0; f < n->field_count; f++) {
        for (size_t i = 0; i < n->fields[f].count; i++)
            vdbi_free(n->memory, n->fields[f].items[i]);
        vdbi_free(n->memory, n->fields[f].items);
    }
    vdbi_free(n->memory, n->fields);
    if (!in_child)
        vdbi_mutex_destroy(&n->lock);
    vdbi_free(n->memory, n);
}

vdbi_narrow_part *vdbi_narrow_get(vdbi_narrow *n, uint32_t field, uint32_t number)
{
    vdbi_narrow_part *part = NULL;

    vdbi_lock(&n->lock);
    if (field < n->field_count && number < n->fields[field].count)
        part = n->fields[field].items[number];
    if (part)
        part->users++;
    vdbi_unlock(&n->lock);
    return part;
}

void vdbi_narrow_let_go(vdbi_narrow *n, vdbi_narrow_part *part)
{
    vdbi_lock(&n->lock);
    drop(n, part);
    vdbi_unlock(&n->lock);
}

/* Where the part belongs, or NULL for want of memory. */
static vdbi_narrow_part **seat(vdbi_narrow *n, uint32_t field, uint32_t number)
{
    parts *p;

    if (field >= n->field_count) {
        if (vdbi_grow(n->memory, &n->fields, &n->field_capacity, (size_t)field + 1,
                      sizeof *n->fields))
            return NULL;
        memset(n->fields + n->field_count, 0,
               (field + 1 - n->field_count) * sizeof *n->fields);
        n->field_count = (size_t)field + 1;
    }
    p = &n->fields[field];
    if (number >= p->count) {
        if (vdbi_grow(n->memory, &p->items, &p->capacity, (size_t)number + 1,
                      sizeof(vdbi_narrow_part *)))
            return NULL;
        memset(p->items + p->count, 0,
               (number + 1 - p->count) * sizeof(vdbi_narrow_part *));
        p->count = (size_t)number + 1;
    }
    return &p->items[number];
}

/* Let parts go in turn until `more` bytes have room.  Those in use count until they are
 * let go, so one round may not be enough. */
static void make_room(vdbi_narrow *n, uint64_t more)
{
    size_t rounds = 0;

    while (n->bytes + more > n->most_bytes && rounds < 2) {
        parts *p = n->hand_field < n->field_count ? &n->fields[n->hand_field] : NULL;
        if (!p) {
            n->hand_field = 0;
            rounds++;
        } else if (n->hand_part >= p->count) {
            n->hand_part = 0;
            n->hand_field++;
        } else {
            vdbi_narrow_part **item = &p->items[n->hand_part++];
            drop(n, *item);
            *item = NULL;
        }
    }
}

/* Put a part that is whole in its place; it is dropped when there is no room. */
static void publish(vdbi_narrow *n, vdbi_narrow_part *part)
{
    vdbi_narrow_part **at;

    vdbi_lock(&n->lock);
    at = seat(n, part->field, part->number);
    if (at) {
        drop(n, *at);
        *at = NULL;
    }
    make_room(n, part_bytes(part->blocks));
    n->bytes += part_bytes(part->blocks);
    if (at && n->bytes <= n->most_bytes)
        *at = part;
    else
        drop(n, part);
    vdbi_unlock(&n->lock);
}

/* ------------------------------------------------------------ making copies */

static double to_real(uint64_t word)
{
    double d;
    memcpy(&d, &word, sizeof d);
    return d;
}

/* The tag of all cells that are there; VDBI_CELL_RECORD: no copy can be made. */
static uint8_t tag_of_all(const uint8_t *tags)
{
    uint8_t tag = VDBI_CELL_ABSENT;

    for (size_t i = 0; i < VDBI_CELLS_PER_BLOCK; i++) {
        if (tags[i] == VDBI_CELL_ABSENT || tags[i] == tag)
            continue;
        if (tag != VDBI_CELL_ABSENT)
            return VDBI_CELL_RECORD;
        tag = tags[i];
    }
    return tag == VDBI_CELL_INT || tag == VDBI_CELL_REAL || tag == VDBI_CELL_STRING
               ? tag
               : VDBI_CELL_RECORD;
}

static uint16_t narrow_int(const vdbi_narrow_block *b, int64_t v)
{
    return (uint16_t)(((uint64_t)v - (uint64_t)b->int_low) >> b->shift);
}

/* Each step keeps the order (or makes equal), so that all of it does. */
static uint16_t narrow_real(const vdbi_narrow_block *b, double v)
{
    const double far = (v - b->real_low) * b->scale;

    return (uint16_t)(far < VDBI_NARROW_MOST ? far : VDBI_NARROW_MOST);
}

static void copy_ints(vdbi_narrow_block *b, const vdbi_cells *cells, uint16_t *out)
{
    uint64_t range;

    b->int_low = INT64_MAX;
    b->int_high = INT64_MIN;
    for (size_t i = 0; i < VDBI_CELLS_PER_BLOCK; i++) {
        const int64_t v = (int64_t)vdbi_get64(cells->words + 8 * i);
        if (cells->tags[i] == VDBI_CELL_ABSENT)
            continue;
        b->int_low = v < b->int_low ? v : b->int_low;
        b->int_high = v > b->int_high ? v : b->int_high;
    }
    range = (uint64_t)b->int_high - (uint64_t)b->int_low;
    while (range >> b->shift > VDBI_NARROW_MOST)
        b->shift++;
    for (size_t i = 0; i < VDBI_CELLS_PER_BLOCK; i++)
        out[i] = cells->tags[i] == VDBI_CELL_ABSENT
                     ? VDBI_NARROW_ABSENT
                     : narrow_int(b, (int64_t)vdbi_get64(cells->words + 8 * i));
}

static void copy_reals(vdbi_narrow_block *b, const vdbi_cells *cells, uint16_t *out)
{
    int fine = 1;

    b->real_low = INFINITY;
    b->real_high = -INFINITY;
    for (size_t i = 0; i < VDBI_CELLS_PER_BLOCK; i++) {
        const double v = to_real(vdbi_get64(cells->words + 8 * i));
        if (cells->tags[i] == VDBI_CELL_ABSENT)
            continue;
        fine &= isfinite(v) != 0;
        b->real_low = v < b->real_low ? v : b->real_low;
        b->real_high = v > b->real_high ? v : b->real_high;
    }
    b->scale = b->real_high > b->real_low
                   ? VDBI_NARROW_MOST / (b->real_high - b->real_low)
                   : 0;
    if (!fine || !isfinite(b->real_high - b->real_low) || !isfinite(b->scale)) {
        b->tag = VDBI_CELL_RECORD;
        return;
    }
    for (size_t i = 0; i < VDBI_CELLS_PER_BLOCK; i++)
        out[i] = cells->tags[i] == VDBI_CELL_ABSENT
                     ? VDBI_NARROW_ABSENT
                     : narrow_real(b, to_real(vdbi_get64(cells->words + 8 * i)));
}

static void copy_block(vdbi_narrow_block *b, const vdbi_ref *ref,
                       const vdbi_cells *cells, uint16_t *out)
{
    memset(b, 0, sizeof *b);
    b->place = ref->place;
    b->generation = ref->generation;
    b->checksum = ref->checksum;
    b->tag = tag_of_all(cells->tags);
    if (b->tag == VDBI_CELL_REAL)
        copy_reals(b, cells, out);
    else if (b->tag != VDBI_CELL_RECORD)
        copy_ints(b, cells, out);
}

void vdbi_narrow_make(vdbi_narrow *n, vdbi_pager *pager, const vdbi_image *image,
                      const vdbi_narrow_part *old, uint32_t field, uint32_t number,
                      uint32_t blocks, uint64_t missing)
{
    const uint32_t first = number * VDBI_NARROW_BLOCKS;
    vdbi_narrow_part *part;
    vdbi_column_path path = {0};
    uint32_t room = blocks - first;

    if (room > VDBI_NARROW_BLOCKS)
        room = VDBI_NARROW_BLOCKS;
    if (part_bytes(room) > n->most_bytes)
        return;
    part = vdbi_calloc(n->memory, 1, part_bytes(room));
    if (!part)
        return;
    part->users = 1;
    part->field = field;
    part->number = number;
    part->blocks = room;
    if (old) {
        const uint32_t kept = old->blocks < room ? old->blocks : room;
        memcpy(part->block, old->block, kept * sizeof *part->block);
        memcpy(part->cells, old->cells, (size_t)kept * VDBI_CELLS_PER_BLOCK * 2);
    }
    for (; missing; missing &= missing - 1) {
        const uint32_t i = (uint32_t)__builtin_ctzll(missing);
        vdbi_ref ref;
        vdbi_cells cells;
        if (vdbi_column_ref_near(pager, image, field, first + i, &path, &ref) ||
            vdbi_column_block_near(pager, image, field, first + i, &path, &cells))
            break;
        if (cells.tags && !ref.frame)
            copy_block(&part->block[i], &ref, &cells,
                       part->cells + (size_t)i * VDBI_CELLS_PER_BLOCK);
    }
    publish(n, part);
}

/* ---------------------------------------------------------------- intervals */

/* The ends as they are stored; `cut` says that the interval ends within the block there,
 * and so perhaps between two cells that are stored alike. */
static void span_of(uint16_t low, uint16_t high, int cut_low, int cut_high,
                    vdbi_narrow_span *span)
{
    span->some = 1;
    span->low = low;
    span->high = high;
    span->sure = !cut_low && !cut_high;
    span->sure_low = (uint16_t)(low + cut_low);
    span->sure_high = (uint16_t)(high - cut_high);
    span->sure_some = low + cut_low <= high - cut_high;
}

void vdbi_narrow_ints(const vdbi_narrow_block *b, int64_t low, int64_t high,
                      vdbi_narrow_span *span)
{
    memset(span, 0, sizeof *span);
    if (low > high || low > b->int_high || high < b->int_low)
        return;
    span_of(low <= b->int_low ? 0 : narrow_int(b, low),
            high >= b->int_high ? VDBI_NARROW_MOST : narrow_int(b, high),
            b->shift && low > b->int_low, b->shift && high < b->int_high, span);
}

void vdbi_narrow_reals(const vdbi_narrow_block *b, double low, double high,
                       vdbi_narrow_span *span)
{
    memset(span, 0, sizeof *span);
    if (!(low <= high) || low > b->real_high || high < b->real_low)
        return;
    span_of(low <= b->real_low ? 0 : narrow_real(b, low),
            high >= b->real_high ? VDBI_NARROW_MOST : narrow_real(b, high),
            low > b->real_low, high < b->real_high, span);
}
