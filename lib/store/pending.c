/* pending.c: see pending.h.  Every change is one of three resolved records (put, kill,
 * document); the functions that resolve a request and the replay of the log both end in
 * apply_put, apply_kill and apply_document.
 */
#include "store/pending.h"

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"
#include "store/cells.h"
#include "store/column_priv.h"
#include "store/layout.h"
#include "store/record.h"
#include "store/tree.h"

enum {
    RECORD_PUT = 1,
    RECORD_KILL = 2,
    RECORD_DOCUMENT = 3,
    PUT_HEADER = 24,
    KILL_HEADER = 16,
    FRAME_FILL = 1 << 20 /* records gathered before they become a data frame */
};

void vdbi_image_retain(const vdbi_image *image)
{
    for (int i = 0; i < VDBI_ROOT_COUNT; i++)
        vdbi_frame_retain(image->roots[i].frame);
}

void vdbi_image_release(vdbi_pager *pager, vdbi_image *image)
{
    for (int i = 0; i < VDBI_ROOT_COUNT; i++) {
        vdbi_frame_release(pager, image->roots[i].frame);
        image->roots[i].frame = NULL;
    }
}

vdb_status vdbi_pending_begin(vdbi_pending *p, vdbi_pager *pager, vdbi_log *log,
                              vdbi_slots *slots, const vdbi_image *base,
                              uint64_t writer, uint64_t epoch)
{
    memset(p, 0, sizeof *p);
    p->memory = vdbi_pager_memory(pager);
    p->pager = pager;
    p->log = log;
    p->slots = slots;
    p->image = *base;
    vdbi_image_retain(&p->image);
    p->image.sequence++;
    p->change.pager = pager;
    p->change.writer = writer;
    p->change.epoch = epoch;
    p->base_slots = base->slot_count;
    p->base_heap_end = base->heap_end;
    if (log)
        p->log_mark = vdbi_log_mark_get(log);
    if (slots)
        p->slots_mark = vdbi_slots_mark_get(slots);
    return VDB_OK;
}

static void forget(vdbi_pending *p)
{
    vdbi_free(p->memory, p->records);
    vdbi_free(p->memory, p->cells);
    vdbi_free(p->memory, p->lists);
    p->records = p->cells = p->lists = NULL;
}

void vdbi_pending_drop(vdbi_pending *p)
{
    vdbi_superseded_clear(p->pager, &p->change.superseded);
    vdbi_image_release(p->pager, &p->image);
    if (p->log)
        vdbi_log_mark_reset(p->log, &p->log_mark);
    if (p->slots)
        vdbi_slots_undo(p->slots, &p->slots_mark);
    forget(p);
}

static vdb_status add_frame(vdbi_pending *p, int kind)
{
    vdb_status st = p->before_log ? p->before_log(p->before_log_arg) : VDB_OK;

    if (!st)
        st =
            vdbi_log_add(p->log, kind, p->image.sequence, p->records, p->record_length);
    return st;
}

vdb_status vdbi_pending_finish(vdbi_pending *p, vdbi_image *image,
                               vdbi_superseded_list *superseded)
{
    vdb_status st = VDB_OK;

    if (p->log)
        st = add_frame(p, VDBI_FRAME_COMMIT);
    if (st)
        return st;
    for (size_t i = 0; i < p->change.superseded.count; i++)
        p->change.superseded.items[i].sequence = p->image.sequence;
    *image = p->image;
    *superseded = p->change.superseded;
    forget(p);
    return VDB_OK;
}

/* ----------------------------------------------------------------- logging */

size_t vdbi_put_log_bytes(size_t id_length, size_t dimension, size_t metadata_length)
{
    /* The put, and the kill of what it replaces. */
    return PUT_HEADER + KILL_HEADER + id_length + dimension * 4 + metadata_length + 16;
}

/* Room for a record of `size` bytes, zeroed, which it must fill; earlier records become
 * a frame when there are many. */
static vdb_status record_room(vdbi_pending *p, size_t size, uint8_t **out)
{
    vdb_status st = VDB_OK;

    size = (size + 7) / 8 * 8;
    if (p->record_length && p->record_length + size > FRAME_FILL) {
        st = add_frame(p, VDBI_FRAME_DATA);
        p->record_length = 0;
    }
    if (!st)
        st = vdbi_grow(p->memory, &p->records, &p->record_capacity,
                       p->record_length + size, 1);
    if (st)
        return st;
    *out = p->records + p->record_length;
    memset(*out, 0, size < PUT_HEADER ? size : PUT_HEADER);
    vdbi_put64(*out + size - 8, 0); /* the padding is zero */
    p->record_length += size;
    return VDB_OK;
}

static vdb_status log_put(vdbi_pending *p, uint32_t kind, uint32_t slot,
                          const vdbi_put *put)
{
    size_t vector = kind == RECORD_PUT ? (size_t)put->dimension * 4 : 0;
    uint8_t *r;
    vdb_status st;

    if (!p->log)
        return VDB_OK;
    st =
        record_room(p, PUT_HEADER + vector + put->id_length + put->metadata_length, &r);
    if (st)
        return st;
    vdbi_put32(r, kind);
    vdbi_put32(r + 4, slot);
    vdbi_put32(r + 8, (uint32_t)put->id_length);
    vdbi_put32(r + 12, put->metadata ? (uint32_t)put->metadata_length + 1 : 0);
    vdbi_put32(r + 16, kind == RECORD_PUT ? put->dimension : 0);
    r += PUT_HEADER;
    if (vector)
        memcpy(r, put->vector, vector);
    memcpy(r + vector, put->id, put->id_length);
    if (put->metadata)
        memcpy(r + vector + put->id_length, put->metadata, put->metadata_length);
    return VDB_OK;
}

static vdb_status log_kill(vdbi_pending *p, uint32_t slot, const char *id,
                           size_t id_length)
{
    uint8_t *r;
    vdb_status st;

    if (!p->log)
        return VDB_OK;
    st = record_room(p, KILL_HEADER + id_length, &r);
    if (st)
        return st;
    vdbi_put32(r, RECORD_KILL);
    vdbi_put32(r + 4, slot);
    vdbi_put32(r + 8, (uint32_t)id_length);
    if (id_length)
        memcpy(r + KILL_HEADER, id, id_length);
    return VDB_OK;
}

/* -------------------------------------------------------------------- heap */

/* Add to the live bytes of the blocks that [offset, offset + length) touches; a block
 * that has none left, and takes no further records, becomes a hole. */
static vdb_status heap_account(vdbi_pending *p, uint64_t offset, uint64_t length,
                               int add)
{
    uint64_t end = offset + length;
    vdb_status st = VDB_OK;

    while (!st && offset < end) {
        uint64_t block = offset / VDBI_HEAP_BLOCK;
        uint64_t n = (block + 1) * VDBI_HEAP_BLOCK - offset;
        uint8_t *bytes;
        uint32_t live;
        if (n > end - offset)
            n = end - offset;
        st = vdbi_array_write(&p->change, &p->image.roots[VDBI_ROOT_HEAP_LIVE],
                              VDBI_ROOT_HEAP_LIVE, 1, block / VDBI_HEAP_LIVE_PER_BLOCK,
                              0, &bytes);
        if (st)
            break;
        bytes += block % VDBI_HEAP_LIVE_PER_BLOCK * 4;
        live = vdbi_get32(bytes);
        if (!add && live < n)
            return vdbi_fail(VDB_CORRUPT,
                             "heap: block %llu has %u live bytes, not %llu",
                             (unsigned long long)block, live, (unsigned long long)n);
        live = (uint32_t)(add ? live + n : live - n);
        vdbi_put32(bytes, live);
        if (live == 0 && block < p->image.heap_end / VDBI_HEAP_BLOCK)
            st = vdbi_array_punch(&p->change, &p->image.roots[VDBI_ROOT_HEAP],
                                  VDBI_HEAP_PAGES, block);
        offset += n;
    }
    return st;
}

static vdb_status heap_live(vdbi_pending *p, uint64_t block, uint32_t *live)
{
    const uint8_t *bytes;
    vdb_status st = vdbi_array_block(p->pager, &p->image.roots[VDBI_ROOT_HEAP_LIVE], 1,
                                     block / VDBI_HEAP_LIVE_PER_BLOCK, &bytes);

    *live = bytes ? vdbi_get32(bytes + block % VDBI_HEAP_LIVE_PER_BLOCK * 4) : 0;
    return st;
}

static vdb_status heap_write(vdbi_pending *p, uint64_t offset, const void *from,
                             size_t length)
{
    const uint8_t *source = from;

    while (length) {
        size_t at = (size_t)(offset % VDBI_HEAP_BLOCK), n = VDBI_HEAP_BLOCK - at;
        uint8_t *bytes;
        vdb_status st =
            vdbi_array_write(&p->change, &p->image.roots[VDBI_ROOT_HEAP],
                             VDBI_ROOT_HEAP, VDBI_HEAP_PAGES, offset / VDBI_HEAP_BLOCK,
                             offset >= p->base_heap_end, &bytes);
        if (st)
            return st;
        if (n > length)
            n = length;
        memcpy(bytes + at, source, n);
        source += n;
        offset += n;
        length -= n;
    }
    return VDB_OK;
}

/* Append a record: id, metadata, and p->lists. */
static vdb_status heap_append(vdbi_pending *p, const vdbi_put *put, uint64_t offset)
{
    uint8_t header[VDBI_RECORD_HEADER] = {0};
    size_t body = sizeof header + put->id_length + put->metadata_length;
    uint64_t lists_at = offset + (body + 7) / 8 * 8;
    uint64_t end = lists_at + p->lists_length;
    uint64_t old_tail = p->image.heap_end / VDBI_HEAP_BLOCK;
    vdb_status st;

    vdbi_put32(header, (uint32_t)put->id_length);
    vdbi_put32(header + 4, put->metadata ? (uint32_t)put->metadata_length + 1 : 0);
    vdbi_put32(header + 8, (uint32_t)p->lists_length);
    st = heap_write(p, offset, header, sizeof header);
    if (!st)
        st = heap_write(p, offset + sizeof header, put->id, put->id_length);
    if (!st && put->metadata)
        st = heap_write(p, offset + sizeof header + put->id_length, put->metadata,
                        put->metadata_length);
    if (!st) /* the same bytes whatever a dropped request left here */
        st = heap_write(p, offset + body, "\0\0\0\0\0\0\0", lists_at - offset - body);
    if (!st)
        st = heap_write(p, lists_at, p->lists, p->lists_length);
    if (st)
        return st;
    p->image.heap_end = end;
    st = heap_account(p, offset, end - offset, 1);
    /* The block that was last takes no more records: it may have died meanwhile. */
    if (!st && end / VDBI_HEAP_BLOCK > old_tail) {
        uint32_t live;
        st = heap_live(p, old_tail, &live);
        if (!st && live == 0)
            st = vdbi_array_punch(&p->change, &p->image.roots[VDBI_ROOT_HEAP],
                                  VDBI_HEAP_PAGES, old_tail);
    }
    return st;
}

/* Where the next record begins. */
static uint64_t heap_next(const vdbi_pending *p)
{
    uint64_t end = p->image.heap_end;

    return end < VDBI_HEAP_START ? VDBI_HEAP_START : (end + 7) / 8 * 8;
}

/* Write metadata as the slot's: its record, its place, its columns. */
static vdb_status write_document(vdbi_pending *p, uint32_t slot, const vdbi_put *put)
{
    uint64_t offset = heap_next(p);
    size_t body = VDBI_RECORD_HEADER + put->id_length + put->metadata_length;
    uint8_t *bytes;
    vdb_status st = vdbi_cells_prepare(p, put->flat, (body + 7) / 8 * 8);

    if (!st)
        st = heap_append(p, put, offset);
    if (!st)
        st = vdbi_array_write(&p->change, &p->image.roots[VDBI_ROOT_PLACES],
                              VDBI_ROOT_PLACES, 1, slot / VDBI_PLACES_PER_BLOCK,
                              slot >= p->base_slots, &bytes);
    if (st)
        return st;
    vdbi_put64(bytes + slot % VDBI_PLACES_PER_BLOCK * 8, offset);
    return vdbi_cells_write(p, slot);
}

/* ----------------------------------------------------------------- applying */

static vdb_status live_mark(vdbi_pending *p, uint32_t slot, int live)
{
    uint8_t *bytes, bit = (uint8_t)(1u << (slot % 8));
    vdb_status st =
        vdbi_array_write(&p->change, &p->image.roots[VDBI_ROOT_LIVE], VDBI_ROOT_LIVE, 1,
                         slot / VDBI_LIVE_BITS, 0, &bytes);

    if (st)
        return st;
    bytes += slot % VDBI_LIVE_BITS / 8;
    if (((*bytes & bit) != 0) == live)
        return vdbi_fail(VDB_CORRUPT, "slot %u is already %s", slot,
                         live ? "in use" : "dead");
    if (live ? p->image.live_count >= p->image.slot_count : p->image.live_count == 0)
        return vdbi_fail(VDB_CORRUPT, "%llu live vectors in %u slots",
                         (unsigned long long)p->image.live_count, p->image.slot_count);
    *bytes = (uint8_t)(*bytes ^ bit);
    p->image.live_count += live ? 1 : UINT64_MAX;
    return VDB_OK;
}

static vdb_status write_row(vdbi_pending *p, uint32_t slot, const vdbi_put *put)
{
    uint32_t per_block = vdbi_rows_per_block(put->dimension);
    size_t row = vdbi_row_bytes(put->dimension), used = (size_t)put->dimension * 4;
    uint8_t *bytes;
    vdb_status st =
        vdbi_array_write(&p->change, &p->image.roots[VDBI_ROOT_VECTORS],
                         VDBI_ROOT_VECTORS, vdbi_vector_block_pages(put->dimension),
                         slot / per_block, slot >= p->base_slots, &bytes);

    if (st)
        return st;
    bytes += slot % per_block * row;
    memcpy(bytes, put->vector, used);
    memset(bytes + used, 0, row - used);
    return VDB_OK;
}

static vdb_status note(vdbi_pending *p, uint32_t slot, const float *vector, int reused)
{
    vdbi_touched *t = p->touched;
    vdb_status st;

    if (!t)
        return VDB_OK;
    st = vdbi_grow(p->memory, &t->items, &t->capacity, t->count + 1, sizeof *t->items);
    if (!st)
        t->items[t->count++] =
            (vdbi_touch){vector, p->image.sequence, slot, (uint32_t)reused};
    return st;
}

static vdb_status apply_put(vdbi_pending *p, uint32_t slot, const vdbi_put *put)
{
    uint8_t value[4];
    int reused = slot < p->image.slot_count;
    vdb_status st;

    if (p->image.dimension == 0)
        p->image.dimension = put->dimension;
    if (p->image.dimension != put->dimension)
        return vdbi_fail(VDB_CORRUPT, "a vector of %u dimensions among those of %u",
                         put->dimension, p->image.dimension);
    if (slot >= p->image.slot_count)
        p->image.slot_count = slot + 1;
    st = write_row(p, slot, put);
    if (!st)
        st = live_mark(p, slot, 1);
    if (!st)
        st = write_document(p, slot, put);
    if (!st)
        st = note(p, slot, put->vector, reused);
    if (st)
        return st;
    vdbi_put32(value, slot);
    p->inserted++;
    return vdbi_tree_put(&p->change, &p->image.roots[VDBI_ROOT_IDS], VDBI_ROOT_IDS,
                         put->id, put->id_length, value, sizeof value);
}

/* A slot dies.  With an id, that goes too; without, it belongs to another slot by now. */
static vdb_status apply_kill(vdbi_pending *p, uint32_t slot, const char *id,
                             size_t id_length)
{
    vdbi_record_place_info place;
    vdb_status st = vdbi_record_place(p->pager, &p->image, slot, &place);

    if (!st)
        st = live_mark(p, slot, 0);
    if (!st)
        st = heap_account(p, place.offset, place.length, 0);
    if (!st && id_length) {
        p->deleted++;
        st =
            vdbi_tree_remove(&p->change, &p->image.roots[VDBI_ROOT_IDS], id, id_length);
    }
    if (!st)
        st = note(p, slot, NULL, 0);
    if (!st && p->slots)
        st = vdbi_slots_kill(p->slots, slot, p->image.sequence);
    return st;
}

static vdb_status apply_document(vdbi_pending *p, uint32_t slot, const vdbi_put *put)
{
    vdbi_record_place_info old;
    vdb_status st = vdbi_record_place(p->pager, &p->image, slot, &old);

    if (!st)
        st = write_document(p, slot, put);
    if (!st)
        st = heap_account(p, old.offset, old.length, 0);
    return st;
}

/* ---------------------------------------------------------------- resolving */

vdb_status vdbi_pending_put(vdbi_pending *p, const vdbi_put *put, int must_be_new)
{
    uint32_t old, slot;
    vdb_status st;

    if (p->image.dimension && p->image.dimension != put->dimension)
        return vdbi_fail(VDB_INVALID, "Dimension mismatch: expected %u, got %u",
                         p->image.dimension, put->dimension);
    st = vdbi_id_find(p->pager, &p->image, put->id, put->id_length, &old);
    if (st)
        return st;
    if (old != VDBI_SLOT_NONE && must_be_new)
        return vdbi_fail(VDB_EXISTS, "id '%.*s' is there already",
                         vdbi_clip(put->id, put->id_length), put->id);
    st = vdbi_slots_take(p->slots, &p->image, &slot);
    if (!st)
        st = log_put(p, RECORD_PUT, slot, put);
    if (!st)
        st = apply_put(p, slot, put);
    if (!st && old != VDBI_SLOT_NONE) {
        st = log_kill(p, old, NULL, 0);
        if (!st)
            st = apply_kill(p, old, NULL, 0);
    }
    return st;
}

static vdb_status find_or_fail(vdbi_pending *p, const char *id, size_t id_length,
                               uint32_t *slot)
{
    vdb_status st = vdbi_id_find(p->pager, &p->image, id, id_length, slot);

    if (!st && *slot == VDBI_SLOT_NONE)
        st = vdbi_fail(VDB_NOT_FOUND, "Vector not found: %.*s",
                       vdbi_clip(id, id_length), id);
    return st;
}

vdb_status vdbi_pending_delete(vdbi_pending *p, const char *id, size_t id_length)
{
    uint32_t slot;
    vdb_status st = find_or_fail(p, id, id_length, &slot);

    if (!st)
        st = log_kill(p, slot, id, id_length);
    return st ? st : apply_kill(p, slot, id, id_length);
}

vdb_status vdbi_pending_document(vdbi_pending *p, const vdbi_put *put)
{
    uint32_t slot;
    vdb_status st = find_or_fail(p, put->id, put->id_length, &slot);

    if (!st)
        st = log_put(p, RECORD_DOCUMENT, slot, put);
    return st ? st : apply_document(p, slot, put);
}

/* --------------------------------------------------------------- compaction */

vdb_status vdbi_pending_move(vdbi_pending *p, const vdbi_put *put, uint32_t from,
                             uint32_t to)
{
    uint64_t inserted = p->inserted;
    vdb_status st = log_put(p, RECORD_PUT, to, put);

    if (!st)
        st = apply_put(p, to, put);
    if (!st)
        st = log_kill(p, from, NULL, 0);
    if (!st)
        st = apply_kill(p, from, NULL, 0);
    p->inserted = inserted; /* nobody has stored anything */
    return st;
}

vdb_status vdbi_pending_rewrite(vdbi_pending *p, const vdbi_put *put, uint32_t slot)
{
    vdb_status st = log_put(p, RECORD_DOCUMENT, slot, put);

    return st ? st : apply_document(p, slot, put);
}

/* Make holes of the blocks of an array that are wholly at or beyond row `count`; and own
 * the one that `count` divides: rows are added in place to a block of this epoch, which an
 * older version that shares it may see. */
static vdb_status shrink_array(vdbi_pending *p, int root, uint32_t pages, uint32_t rows,
                               uint32_t count)
{
    vdbi_ref *ref = &p->image.roots[root];
    uint32_t end = (p->image.slot_count + rows - 1) / rows;
    const uint8_t *divided = NULL;
    uint8_t *bytes;
    vdb_status st = VDB_OK;

    for (uint32_t i = (count + rows - 1) / rows; !st && i < end; i++)
        st = vdbi_array_punch(&p->change, ref, pages, i);
    if (!st && count % rows)
        st = vdbi_array_block(p->pager, ref, pages, count / rows, &divided);
    if (!st && divided)
        st = vdbi_array_write(&p->change, ref, (uint8_t)root, pages, count / rows, 0,
                              &bytes);
    if (!st)
        st = vdbi_array_lower(&p->change, ref, (count + rows - 1) / rows);
    return st;
}

vdb_status vdbi_pending_shrink(vdbi_pending *p, uint32_t count)
{
    uint32_t dimension = p->image.dimension;
    vdb_status st = vdbi_slots_give_up(p->slots, count, p->image.slot_count);

    if (!st)
        st = shrink_array(p, VDBI_ROOT_VECTORS, vdbi_vector_block_pages(dimension),
                          vdbi_rows_per_block(dimension), count);
    if (!st)
        st = shrink_array(p, VDBI_ROOT_PLACES, 1, VDBI_PLACES_PER_BLOCK, count);
    if (!st)
        st = shrink_array(p, VDBI_ROOT_LIVE, 1, VDBI_LIVE_BITS, count);
    for (uint32_t field = 0; !st && field < p->image.field_count; field++)
        st = vdbi_cells_shrink(p, field, count);
    p->image.slot_count = count;
    return st;
}

/* ------------------------------------------------------------------- replay */

static vdb_status bad_record(size_t at)
{
    return vdbi_fail(VDB_CORRUPT, "log: a record at %zu of its frame makes no sense",
                     at);
}

static vdb_status replay_put(vdbi_pending *p, const uint8_t *r, size_t room,
                             size_t *size)
{
    uint32_t kind = vdbi_get32(r), slot = vdbi_get32(r + 4);
    vdbi_put put = {0};
    vdbi_flat *flat = NULL;
    size_t vector_bytes;
    vdb_status st = VDB_OK;

    if (room < PUT_HEADER)
        return bad_record(0);
    put.id_length = vdbi_get32(r + 8);
    put.metadata_length = vdbi_get32(r + 12) ? vdbi_get32(r + 12) - 1 : 0;
    put.dimension = vdbi_get32(r + 16);
    vector_bytes = (size_t)put.dimension * 4;
    if (put.id_length == 0 || put.id_length > VDB_ID_MAX ||
        put.metadata_length > VDB_METADATA_MAX || put.dimension > VDB_DIMENSION_MAX ||
        (kind == RECORD_PUT) != (put.dimension > 0) ||
        PUT_HEADER + vector_bytes + put.id_length + put.metadata_length > room ||
        slot > p->image.slot_count || slot >= INT32_MAX ||
        (kind == RECORD_DOCUMENT && slot == p->image.slot_count))
        return bad_record(0);
    *size =
        (PUT_HEADER + vector_bytes + put.id_length + put.metadata_length + 7) / 8 * 8;
    put.id = (const char *)r + PUT_HEADER + vector_bytes;
    if (vdbi_get32(r + 12))
        put.metadata = put.id + put.id_length;
    if (put.metadata) {
        st = vdbi_flatten(p->memory, put.metadata, put.metadata_length, &flat);
        if (st == VDB_INVALID)
            st = bad_record(0);
    }
    put.flat = flat;
    if (!st && kind == RECORD_PUT && p->replayed) {
        st = vdbi_slot_bits_reserve(p->memory, p->replayed, slot + 1);
        if (!st)
            vdbi_bit_set(p->replayed->words, slot);
    }
    /* Records are 8-aligned in their buffer, as a float must be. */
    put.vector = (const float *)(const void *)(r + PUT_HEADER);
    if (!st)
        st = kind == RECORD_PUT ? apply_put(p, slot, &put)
                                : apply_document(p, slot, &put);
    vdbi_flat_free(p->memory, flat);
    return st;
}

vdb_status vdbi_pending_replay(vdbi_pending *p, const uint8_t *records, size_t length)
{
    size_t at = 0;

    while (at < length) {
        const uint8_t *r = records + at;
        size_t room = length - at, size = 0;
        vdb_status st;
        if (room < KILL_HEADER)
            return bad_record(at);
        if (vdbi_get32(r) == RECORD_KILL) {
            size_t id_length = vdbi_get32(r + 8);
            size = (KILL_HEADER + id_length + 7) / 8 * 8;
            if (id_length > VDB_ID_MAX || size > room ||
                vdbi_get32(r + 4) >= p->image.slot_count)
                return bad_record(at);
            st = apply_kill(p, vdbi_get32(r + 4), (const char *)r + KILL_HEADER,
                            id_length);
        } else if (vdbi_get32(r) == RECORD_PUT || vdbi_get32(r) == RECORD_DOCUMENT) {
            st = replay_put(p, r, room, &size);
        } else {
            return bad_record(at);
        }
        if (st)
            return st;
        at += size;
    }
    return VDB_OK;
}
