/* check_image.c: what an image says, compared with itself: ids with slots, liveness with
 * counts, records with columns, the heap's accounts with the records. */
#include <math.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"
#include "store/check_priv.h"
#include "store/column_priv.h"
#include "store/flatten.h"
#include "store/layout.h"
#include "store/record.h"
#include "store/store_priv.h"
#include "store/tree.h"

enum {
    HEAP_BLOCKS_MAX = 1 << 28, /* 4 TiB */
    PAUSE_IDS = 4096
};

typedef struct audit {
    vdbi_store *store;
    vdbi_pager *pager;
    const vdbi_image *image;
    vdbi_checker *checker;
    uint64_t *live;  /* a bit per slot */
    uint64_t *named; /* slots that an id leads to */
    uint32_t *heap;  /* live bytes per block of the heap, recounted */
    size_t heap_blocks;
    vdbi_record record;
} audit;

/* Damage met on the way is a finding too. */
static vdb_status absorb(audit *a, vdb_status st)
{
    vdb_error error = VDB_ERROR_INIT;

    if (st != VDB_CORRUPT)
        return st;
    vdbi_error_save(&error);
    return vdbi_check_tell(a->checker, error.offset, "%s", error.message);
}

static vdb_status check_liveness(audit *a)
{
    size_t words = VDBI_BITMAP_WORDS(a->image->slot_count);
    uint64_t count;
    vdb_status st =
        absorb(a, vdbi_live_words(a->pager, a->image, 0, (uint32_t)words, a->live));

    if (st)
        return st;
    count = vdbi_bitmap_count(a->live, words);
    if (count != a->image->live_count)
        st = vdbi_check_tell(a->checker, -1, "liveness: %llu slots are live, not %llu",
                             (unsigned long long)count,
                             (unsigned long long)a->image->live_count);
    return st;
}

static vdb_status check_id(audit *a, const uint8_t *key, size_t length, uint32_t slot)
{
    vdb_status st;

    if (slot >= a->image->slot_count || !vdbi_bit_get(a->live, slot))
        return vdbi_check_tell(a->checker, -1, "id '%.*s': slot %u is not live",
                               vdbi_clip((const char *)key, length), (const char *)key,
                               slot);
    if (vdbi_bit_get(a->named, slot))
        return vdbi_check_tell(a->checker, -1, "id '%.*s': slot %u has another id too",
                               vdbi_clip((const char *)key, length), (const char *)key,
                               slot);
    vdbi_bit_set(a->named, slot);
    st = vdbi_record_read(a->pager, a->image, slot, VDBI_RECORD_ID, &a->record);
    if (st)
        return absorb(a, st);
    if (a->record.id_length != length || memcmp(a->record.id, key, length) != 0)
        st = vdbi_check_tell(a->checker, -1,
                             "slot %u: its record has the id '%.64s', the "
                             "tree '%.*s'",
                             slot, a->record.id, vdbi_clip((const char *)key, length),
                             (const char *)key);
    return st;
}

static vdb_status check_ids(audit *a)
{
    vdbi_tree_cursor cursor;
    uint8_t last[VDBI_KEY_MAX];
    uint64_t count = 0;
    vdb_status st =
        vdbi_tree_seek(&cursor, a->pager, &a->image->roots[VDBI_ROOT_IDS], "", 0);

    while (!st) {
        const uint8_t *key, *value;
        size_t length, value_length;
        st = vdbi_tree_next(&cursor, &key, &length, &value, &value_length);
        if (st || !key)
            break;
        st = check_id(a, key, length,
                      value_length == 4 ? vdbi_get32(value) : UINT32_MAX);
        if (!st && ++count % PAUSE_IDS == 0 && length <= sizeof last) {
            memcpy(last, key, length);
            vdbi_section_end(a->pager);
            st = a->checker->tick(a->checker->arg, count, a->image->live_count);
            vdbi_section_begin(a->pager);
            if (!st)
                st = vdbi_tree_seek(&cursor, a->pager, &a->image->roots[VDBI_ROOT_IDS],
                                    last, length);
            if (!st) /* that id itself, once more */
                st = vdbi_tree_next(&cursor, &key, &length, &value, &value_length);
        }
    }
    st = absorb(a, st);
    if (!st && count != a->image->live_count)
        st = vdbi_check_tell(
            a->checker, -1, "ids: there are %llu, and %llu live vectors",
            (unsigned long long)count, (unsigned long long)a->image->live_count);
    return st;
}

/* The cell a value should have; 0 when the stored one is another. */
static int scalar_agrees(audit *a, uint32_t field, const vdbi_value *v, uint8_t tag,
                         uint64_t word)
{
    uint32_t code;
    uint64_t bits;

    if (v->tag == VDBI_CELL_STRING && v->text_length > VDBI_STRING_MAX)
        return tag == VDBI_CELL_RECORD;
    if (tag != v->tag)
        return 0;
    switch (v->tag) {
    case VDBI_CELL_INT:
        return word == (uint64_t)v->integer;
    case VDBI_CELL_REAL:
        memcpy(&bits, &v->real, sizeof bits);
        return word == bits;
    case VDBI_CELL_STRING:
        return !vdbi_code_find(a->pager, a->image, field, v->text, v->text_length,
                               &code) &&
               word == code;
    default:
        return 1;
    }
}

static int cell_agrees(audit *a, uint32_t field, const vdbi_value *v, uint8_t tag,
                       uint64_t word)
{
    vdbi_list list;

    if (v->tag != VDBI_CELL_ARRAY)
        return scalar_agrees(a, field, v, tag, word);
    if (tag != VDBI_CELL_ARRAY || vdbi_record_list(&a->record, word, &list) ||
        list.count != v->element_count)
        return 0;
    for (uint32_t i = 0; i < list.count; i++) {
        const uint8_t *e = list.elements + (size_t)i * VDBI_LIST_ELEMENT;
        if (!scalar_agrees(a, field, &v->elements[i], e[0], vdbi_get64(e + 8)))
            return 0;
    }
    return 1;
}

static vdb_status check_columns(audit *a, uint32_t slot, const vdbi_flat *flat)
{
    uint32_t in_columns = 0, present = 0, i = slot % VDBI_CELLS_PER_BLOCK;
    vdb_status st = VDB_OK;

    for (size_t f = 0; flat && f < flat->count && !st; f++) {
        const vdbi_flat_field *field = &flat->fields[f];
        uint32_t number;
        vdbi_cells cells;
        st = vdbi_field_find(a->pager, a->image, field->path, field->path_length,
                             &number);
        if (st || number == VDBI_FIELD_RECORDS)
            continue;
        in_columns++;
        cells.tags = NULL;
        if (number != VDBI_FIELD_NONE)
            st = vdbi_column_block(a->pager, a->image, number,
                                   slot / VDBI_CELLS_PER_BLOCK, &cells);
        if (!st && (!cells.tags || !cell_agrees(a, number, &field->value, cells.tags[i],
                                                vdbi_get64(cells.words + 8 * i))))
            st = vdbi_check_tell(
                a->checker, -1, "slot %u: column '%.*s' is not what its metadata says",
                slot, vdbi_clip(field->path, field->path_length), field->path);
    }
    for (uint32_t n = 0; n < a->image->field_count && !st; n++) {
        vdbi_cells cells;
        st = vdbi_column_block(a->pager, a->image, n, slot / VDBI_CELLS_PER_BLOCK,
                               &cells);
        present += !st && cells.tags && cells.tags[i] != VDBI_CELL_ABSENT;
    }
    if (!st && present != in_columns)
        st = vdbi_check_tell(a->checker, -1,
                             "slot %u: %u columns have a cell, %u should", slot,
                             present, in_columns);
    return st;
}

static vdb_status check_vector(audit *a, uint32_t slot)
{
    const float *row;
    vdb_status st = vdbi_vector_row(a->pager, a->image, slot, &row);

    for (uint32_t i = 0; !st && i < a->image->dimension; i++)
        if (!isfinite(row[i]))
            return vdbi_check_tell(a->checker, -1, "slot %u: value %u is not finite",
                                   slot, i);
    return st;
}

static void account(audit *a, const vdbi_record_place_info *place)
{
    uint64_t at = place->offset, end = at + place->length;

    while (at < end) {
        uint64_t block = at / VDBI_HEAP_BLOCK, n = (block + 1) * VDBI_HEAP_BLOCK - at;
        if (n > end - at)
            n = end - at;
        a->heap[block] += (uint32_t)n;
        at += n;
    }
}

static vdb_status check_slot(audit *a, uint32_t slot)
{
    vdbi_record_place_info place;
    vdbi_flat *flat = NULL;
    vdb_status st;

    if (!vdbi_bit_get(a->named, slot)) {
        st = vdbi_check_tell(a->checker, -1, "slot %u is live, but no id leads to it",
                             slot);
        if (st)
            return st;
    }
    st = vdbi_record_place(a->pager, a->image, slot, &place);
    if (!st) {
        account(a, &place);
        st = vdbi_record_read(a->pager, a->image, slot,
                              VDBI_RECORD_ID | VDBI_RECORD_METADATA | VDBI_RECORD_LISTS,
                              &a->record);
    }
    if (!st && a->record.metadata) {
        st = vdbi_flatten(a->store->memory, a->record.metadata,
                          a->record.metadata_length, &flat);
        if (st == VDB_INVALID)
            st =
                vdbi_check_tell(a->checker, -1, "slot %u: %s", slot, vdbi_error_text());
    }
    if (!st)
        st = check_columns(a, slot, flat);
    if (!st)
        st = check_vector(a, slot);
    vdbi_flat_free(a->store->memory, flat);
    return absorb(a, st);
}

static vdb_status check_slots(audit *a)
{
    vdb_status st = VDB_OK;

    for (uint32_t slot = 0; slot < a->image->slot_count && !st; slot++) {
        if (slot % 64 == 0) {
            vdbi_section_end(a->pager);
            st = a->checker->tick(a->checker->arg, slot, a->image->slot_count);
            vdbi_section_begin(a->pager);
        }
        if (!st && vdbi_bit_get(a->live, slot))
            st = check_slot(a, slot);
    }
    return st;
}

static vdb_status check_heap(audit *a)
{
    vdb_status st = VDB_OK;

    for (size_t i = 0; i < a->heap_blocks && !st; i++) {
        const uint8_t *bytes;
        uint32_t stored;
        st = vdbi_array_block(a->pager, &a->image->roots[VDBI_ROOT_HEAP_LIVE], 1,
                              i / VDBI_HEAP_LIVE_PER_BLOCK, &bytes);
        stored = bytes ? vdbi_get32(bytes + i % VDBI_HEAP_LIVE_PER_BLOCK * 4) : 0;
        if (!st && stored != a->heap[i])
            st = vdbi_check_tell(
                a->checker, -1,
                "heap: block %zu has %u live bytes, its account says %u", i, a->heap[i],
                stored);
    }
    return absorb(a, st);
}

vdb_status vdbi_check_image(vdbi_store *s, const vdbi_image *image,
                            vdbi_checker *checker)
{
    audit a = {.store = s, .pager = s->pager, .image = image, .checker = checker};
    size_t words = VDBI_BITMAP_WORDS(image->slot_count) + 1;
    vdb_status st = VDB_OK;

    a.record.memory = s->memory;
    a.heap_blocks = (size_t)(image->heap_end / VDBI_HEAP_BLOCK + 1);
    if (a.heap_blocks > HEAP_BLOCKS_MAX)
        return vdbi_check_tell(checker, -1, "heap: it ends at byte %llu",
                               (unsigned long long)image->heap_end);
    a.live = vdbi_calloc(s->memory, words, 8);
    a.named = vdbi_calloc(s->memory, words, 8);
    a.heap = vdbi_calloc(s->memory, a.heap_blocks, sizeof *a.heap);
    if (!a.live || !a.named || !a.heap)
        st = VDB_NOMEM;
    vdbi_section_begin(s->pager);
    if (!st)
        st = check_liveness(&a);
    if (!st)
        st = check_ids(&a);
    if (!st)
        st = check_slots(&a);
    if (!st)
        st = check_heap(&a);
    vdbi_section_end(s->pager);
    vdbi_record_clear(&a.record);
    vdbi_free(s->memory, a.live);
    vdbi_free(s->memory, a.named);
    vdbi_free(s->memory, a.heap);
    return st;
}
