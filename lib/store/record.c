/* record.c: reading what is stored; see record.h. */
#include "store/record.h"

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"
#include "store/layout.h"
#include "store/tree.h"

vdb_status vdbi_id_find(vdbi_pager *pager, const vdbi_image *image, const char *id,
                        size_t length, uint32_t *slot)
{
    uint8_t value[VDBI_VALUE_MAX];
    int found;
    vdb_status st =
        vdbi_tree_find(pager, &image->roots[VDBI_ROOT_IDS], id, length, value, &found);

    *slot = VDBI_SLOT_NONE;
    if (st || found < 0)
        return st;
    if (found != 4 || vdbi_get32(value) >= image->slot_count)
        return vdbi_fail(VDB_CORRUPT, "id '%.*s': a slot that does not exist",
                         vdbi_clip(id, length), id);
    *slot = vdbi_get32(value);
    return VDB_OK;
}

/* ----------------------------------------------------------------- vectors */

uint32_t vdbi_row_bytes(uint32_t dimension)
{
    return (dimension * 4 + 63) / 64 * 64;
}

uint32_t vdbi_vector_block_pages(uint32_t dimension)
{
    uint32_t row = vdbi_row_bytes(dimension), best = 0, best_waste = UINT32_MAX;

    if (row > 16 * VDBI_PAGE)
        return (row + VDBI_PAGE - 1) / VDBI_PAGE;
    /* In the order of distance from 8, so that of equals the first stays. */
    static const uint8_t order[] = {8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 15, 16};
    for (size_t i = 0; i < sizeof order; i++) {
        uint32_t bytes = order[i] * (uint32_t)VDBI_PAGE;
        uint32_t waste; /* in tenths of a percent of the block */
        if (bytes < row)
            continue;
        waste = bytes % row * 1000 / bytes;
        if (best == 0 || waste + 5 < best_waste) {
            best = order[i];
            best_waste = waste;
        }
    }
    return best;
}

uint32_t vdbi_rows_per_block(uint32_t dimension)
{
    return vdbi_vector_block_pages(dimension) * (uint32_t)VDBI_PAGE /
           vdbi_row_bytes(dimension);
}

vdb_status vdbi_vector_row(vdbi_pager *pager, const vdbi_image *image, uint32_t slot,
                           const float **row)
{
    uint32_t per_block = vdbi_rows_per_block(image->dimension);
    vdbi_array_path path = {0}; /* most who read one read them all */
    const uint8_t *rows;
    vdb_status st = vdbi_array_block_near(pager, &image->roots[VDBI_ROOT_VECTORS],
                                          vdbi_vector_block_pages(image->dimension),
                                          slot / per_block, &path, &rows);

    *row = NULL;
    if (st)
        return st;
    if (!rows || slot >= image->slot_count)
        return vdbi_fail(VDB_CORRUPT, "slot %u has no vector", slot);
    *row = (const float *)(const void *)(rows +
                                         slot % per_block *
                                             (size_t)vdbi_row_bytes(image->dimension));
    return VDB_OK;
}

vdb_status vdbi_live_words(vdbi_pager *pager, const vdbi_image *image, uint32_t first,
                           uint32_t count, uint64_t *out)
{
    const uint32_t per_block = VDBI_LIVE_BITS / 64;
    uint64_t word = first, end = (uint64_t)first + count;

    while (word < end) {
        uint32_t at = (uint32_t)(word % per_block);
        uint32_t n =
            end - word < per_block - at ? (uint32_t)(end - word) : per_block - at;
        const uint8_t *bytes = NULL;
        if (word * 64 < image->slot_count) {
            vdb_status st = vdbi_array_block(pager, &image->roots[VDBI_ROOT_LIVE], 1,
                                             word / per_block, &bytes);
            if (st)
                return st;
        }
        for (uint32_t i = 0; i < n; i++, word++, out++) {
            uint64_t slot = word * 64;
            *out = bytes && slot < image->slot_count
                       ? vdbi_get64(bytes + (size_t)(at + i) * 8)
                       : 0;
            if (slot < image->slot_count && image->slot_count - slot < 64)
                *out &= ((uint64_t)1 << (image->slot_count - slot)) - 1;
        }
    }
    return VDB_OK;
}

/* ----------------------------------------------------------------- records */

vdb_status vdbi_heap_copy(vdbi_pager *pager, const vdbi_image *image, uint64_t offset,
                          uint8_t *out, size_t length)
{
    if (offset > image->heap_end || length > image->heap_end - offset)
        return vdbi_fail(VDB_CORRUPT, "heap: %zu bytes at %llu, which ends at %llu",
                         length, (unsigned long long)offset,
                         (unsigned long long)image->heap_end);
    while (length) {
        uint64_t block = offset / VDBI_HEAP_BLOCK;
        size_t at = (size_t)(offset % VDBI_HEAP_BLOCK), n = VDBI_HEAP_BLOCK - at;
        const uint8_t *bytes;
        vdb_status st = vdbi_array_block(pager, &image->roots[VDBI_ROOT_HEAP],
                                         VDBI_HEAP_PAGES, block, &bytes);
        if (st)
            return st;
        if (!bytes)
            return vdbi_fail(VDB_CORRUPT, "heap: block %llu is a hole",
                             (unsigned long long)block);
        if (n > length)
            n = length;
        memcpy(out, bytes + at, n);
        out += n;
        offset += n;
        length -= n;
    }
    return VDB_OK;
}

vdb_status vdbi_record_place(vdbi_pager *pager, const vdbi_image *image, uint32_t slot,
                             vdbi_record_place_info *out)
{
    const uint8_t *bytes;
    uint8_t header[VDBI_RECORD_HEADER];
    vdb_status st = vdbi_array_block(pager, &image->roots[VDBI_ROOT_PLACES], 1,
                                     slot / VDBI_PLACES_PER_BLOCK, &bytes);

    if (st)
        return st;
    out->offset = bytes ? vdbi_get64(bytes + slot % VDBI_PLACES_PER_BLOCK * 8) : 0;
    if (slot >= image->slot_count || out->offset < VDBI_HEAP_START || out->offset % 8)
        return vdbi_fail(VDB_CORRUPT, "slot %u has no record", slot);
    st = vdbi_heap_copy(pager, image, out->offset, header, sizeof header);
    if (st)
        return st;
    out->id_length = vdbi_get32(header);
    out->has_metadata = vdbi_get32(header + 4) > 0;
    out->metadata_length = out->has_metadata ? vdbi_get32(header + 4) - 1 : 0;
    out->lists_length = vdbi_get32(header + 8);
    /* A list takes 8 bytes, and 16 for each element: less than 16 times its text. */
    if (out->id_length == 0 || out->id_length > VDB_ID_MAX ||
        out->metadata_length > VDB_METADATA_MAX || out->lists_length % 8 ||
        out->lists_length > VDBI_LIST_ELEMENT * (uint64_t)out->metadata_length)
        return vdbi_fail(VDB_CORRUPT, "slot %u: a record that makes no sense", slot);
    out->lists_offset =
        (sizeof header + (uint64_t)out->id_length + out->metadata_length + 7) / 8 * 8;
    out->length = out->lists_offset + out->lists_length;
    if (out->length > image->heap_end - out->offset)
        return vdbi_fail(VDB_CORRUPT, "slot %u: its record reaches beyond the heap",
                         slot);
    return VDB_OK;
}

vdb_status vdbi_record_read(vdbi_pager *pager, const vdbi_image *image, uint32_t slot,
                            uint32_t parts, vdbi_record *r)
{
    vdbi_record_place_info place = {0};
    uint8_t *id, *metadata, *lists;
    size_t lists_length;
    vdb_status st = vdbi_record_place(pager, image, slot, &place);

    lists_length = parts & VDBI_RECORD_LISTS ? place.lists_length : 0;
    if (!st)
        st = vdbi_grow(
            r->memory, &r->buffer, &r->capacity,
            (size_t)place.id_length + place.metadata_length + 16 + lists_length, 1);
    if (st)
        return st;
    lists = r->buffer;
    id = lists + lists_length;
    metadata = id + place.id_length + 1;
    r->id = r->metadata = NULL;
    r->lists = NULL;
    if (parts & VDBI_RECORD_ID) {
        st = vdbi_heap_copy(pager, image, place.offset + VDBI_RECORD_HEADER, id,
                            place.id_length);
        id[place.id_length] = 0;
        r->id = (char *)id;
        r->id_length = place.id_length;
    }
    if (!st && parts & VDBI_RECORD_METADATA && place.has_metadata) {
        st = vdbi_heap_copy(pager, image,
                            place.offset + VDBI_RECORD_HEADER + place.id_length,
                            metadata, place.metadata_length);
        metadata[place.metadata_length] = 0;
        r->metadata = (char *)metadata;
    }
    r->metadata_length = r->metadata ? place.metadata_length : 0;
    if (!st && parts & VDBI_RECORD_LISTS) {
        st = vdbi_heap_copy(pager, image, place.offset + place.lists_offset, lists,
                            place.lists_length);
        r->lists = lists;
        r->lists_length = place.lists_length;
        r->lists_offset = place.lists_offset;
    }
    return st;
}

void vdbi_record_clear(vdbi_record *r)
{
    vdbi_free(r->memory, r->buffer);
    r->buffer = NULL;
    r->capacity = 0;
}

vdb_status vdbi_record_list(const vdbi_record *r, uint64_t word, vdbi_list *out)
{
    uint64_t at = word - r->lists_offset;

    if (word < r->lists_offset || word % 8 || r->lists_length < 8 ||
        at > r->lists_length - 8)
        return vdbi_fail(VDB_CORRUPT, "a list at %llu of a record",
                         (unsigned long long)word);
    out->count = vdbi_get32(r->lists + at);
    out->elements = r->lists + at + 8;
    if (out->count > (r->lists_length - at - 8) / VDBI_LIST_ELEMENT)
        return vdbi_fail(VDB_CORRUPT,
                         "a list of %u elements that its record cannot hold",
                         out->count);
    return VDB_OK;
}
