/* record.h: what is stored under an id: slots, rows, records.
 *
 * Reading side of the store; every function reads one image.
 *
 * Threads:   any number at once, each inside a reading section (frame.h).
 * Failure:   VDB_CORRUPT, VDB_IO, VDB_NOMEM.
 */
#ifndef VDBI_RECORD_H
#define VDBI_RECORD_H

#include "store/array.h"
#include "store/image.h"

#define VDBI_SLOT_NONE UINT32_MAX

/* The slot of an id, or VDBI_SLOT_NONE. */
vdb_status vdbi_id_find(vdbi_pager *pager, const vdbi_image *image, const char *id,
                        size_t length, uint32_t *slot);

/* The vectors' geometry at this dimension: block b of VDBI_ROOT_VECTORS (array.h) has the
 * rows from slot b * rows_per_block on, row_bytes apart. */
uint32_t vdbi_row_bytes(uint32_t dimension); /* a multiple of 64 */
uint32_t vdbi_rows_per_block(uint32_t dimension);
uint32_t vdbi_vector_block_pages(uint32_t dimension);

/* The row of one slot. */
vdb_status vdbi_vector_row(vdbi_pager *pager, const vdbi_image *image, uint32_t slot,
                           const float **row);

/* Bits of slots [word * 64, word * 64 + 64), for `count` words from `first`, 0 beyond
 * slot_count. */
vdb_status vdbi_live_words(vdbi_pager *pager, const vdbi_image *image, uint32_t first,
                           uint32_t count, uint64_t *out);

/* A slot's record, copied into a buffer that grows as needed.  `live` slots only. */
typedef struct vdbi_record {
    vdbi_memory *memory;
    uint8_t *buffer;
    size_t capacity;
    const char *id; /* NUL-terminated, as is the metadata */
    size_t id_length;
    const char *metadata; /* NULL: none */
    size_t metadata_length;
    const uint8_t *lists; /* encoded arrays; see vdbi_list */
    size_t lists_length;
    uint64_t lists_offset; /* of lists, from the record's beginning */
} vdbi_record;

enum {
    VDBI_RECORD_ID = 1,
    VDBI_RECORD_METADATA = 2,
    VDBI_RECORD_LISTS = 4
};

/* Begin with a vdbi_record of zeros but for memory; free with vdbi_record_clear. */
vdb_status vdbi_record_read(vdbi_pager *pager, const vdbi_image *image, uint32_t slot,
                            uint32_t parts, vdbi_record *record);
void vdbi_record_clear(vdbi_record *record);

/* The elements of an array cell: `count` pairs of tag and word, as in columns, which
 * only hold scalars.  Elements that are arrays or objects are left out.  An element
 * VDBI_CELL_RECORD means: ask the metadata. */
typedef struct vdbi_list {
    uint32_t count;
    const uint8_t *elements; /* 16 bytes each: tag, 7 zeros, little-endian word */
} vdbi_list;
vdb_status vdbi_record_list(const vdbi_record *record, uint64_t word, vdbi_list *out);

#endif
