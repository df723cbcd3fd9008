/* layout.h: sizes of docs/format.md that readers and writers of rows share. */
#ifndef VDBI_LAYOUT_H
#define VDBI_LAYOUT_H

#include "store/image.h"

enum {
    VDBI_LIVE_BITS = VDBI_PAGE * 8,
    VDBI_PLACES_PER_BLOCK = VDBI_PAGE / 8,
    VDBI_HEAP_PAGES = 4,
    VDBI_HEAP_BLOCK = VDBI_HEAP_PAGES * VDBI_PAGE,
    VDBI_HEAP_START = 64,
    VDBI_HEAP_LIVE_PER_BLOCK = VDBI_PAGE / 4,
    VDBI_RECORD_HEADER = 16,
    VDBI_LIST_ELEMENT = 16,
    VDBI_PATH_MAX = 1024,
    VDBI_DIRECTORY_FANOUT = 168
};

/* Where a slot's record is, and its parts' lengths, checked against the heap's end. */
typedef struct vdbi_record_place_info {
    uint64_t offset;
    uint64_t length;
    uint64_t lists_offset; /* from the record's beginning */
    uint32_t id_length;
    uint32_t metadata_length;
    uint32_t lists_length;
    uint32_t has_metadata;
} vdbi_record_place_info;
vdb_status vdbi_record_place(vdbi_pager *pager, const vdbi_image *image, uint32_t slot,
                             vdbi_record_place_info *out);
/* Copy bytes of the heap, bounds-checked. */
vdb_status vdbi_heap_copy(vdbi_pager *pager, const vdbi_image *image, uint64_t offset,
                          uint8_t *out, size_t length);

#endif
