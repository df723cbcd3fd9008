/* column.h: metadata by field: a cell per slot and field, strings by code.
 *
 * Owns:      the trees of fields and strings, the columns' directory and blocks.
 * Promises:  a cell says what vdbi_flatten() found in the slot's metadata under the
 *            field's path.  Fields beyond VDBI_COLUMNS_MAX, and paths longer than
 *            1,024 bytes, have no column: the record itself must be asked.
 * Threads:   reading, any number at once; writing, inside a pending version.
 * Failure:   VDB_CORRUPT, VDB_IO, VDB_NOMEM.
 *
 * Pointers that reading gives out live until the reading section ends (frame.h).
 */
#ifndef VDBI_COLUMN_H
#define VDBI_COLUMN_H

#include "store/array.h"
#include "store/image.h"

enum {
    VDBI_COLUMNS_MAX = 1024,
    VDBI_CELLS_PER_BLOCK = 448,
    VDBI_STRING_MAX = 1000 /* longer strings have no code: VDBI_CELL_RECORD */
};

/* What a cell holds; the word's meaning in parentheses. */
enum {
    VDBI_CELL_ABSENT = 0,
    VDBI_CELL_NULL = 1,
    VDBI_CELL_FALSE = 2,
    VDBI_CELL_TRUE = 3,
    VDBI_CELL_INT = 4,    /* (int64) */
    VDBI_CELL_REAL = 5,   /* (the bits of a double) */
    VDBI_CELL_STRING = 6, /* (code in this field's dictionary) */
    VDBI_CELL_OBJECT = 7, /* there, and equal to nothing */
    VDBI_CELL_ARRAY = 8,  /* (where its list begins, from the record's beginning) */
    VDBI_CELL_RECORD = 9  /* ask the record's metadata */
};

#define VDBI_FIELD_NONE    UINT32_MAX       /* no vector has this field */
#define VDBI_FIELD_RECORDS (UINT32_MAX - 1) /* no column: ask the records */
#define VDBI_CODE_NONE     UINT32_MAX       /* no vector has this string here */

/* The number of the field with this path, or one of the two above. */
vdb_status vdbi_field_find(vdbi_pager *pager, const vdbi_image *image, const char *path,
                           size_t length, uint32_t *field);

/* The cells of slots [block * VDBI_CELLS_PER_BLOCK, ...): a tag and a little-endian
 * 64-bit word each.  tags is NULL when all of them are absent. */
typedef struct vdbi_cells {
    const uint8_t *tags;
    const uint8_t *words;
} vdbi_cells;
vdb_status vdbi_column_block(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                             uint32_t block, vdbi_cells *out);

/* The same for blocks near each other, of one field: the path, all zeros at first, keeps
 * the way down, until the reading section ends. */
typedef struct vdbi_column_path {
    int known;
    vdbi_ref root;
    vdbi_array_path blocks;
} vdbi_column_path;
vdb_status vdbi_column_block_near(vdbi_pager *pager, const vdbi_image *image,
                                  uint32_t field, uint32_t block,
                                  vdbi_column_path *path, vdbi_cells *out);
/* Only the reference to it, none for a block without cells: the block is not read. */
vdb_status vdbi_column_ref_near(vdbi_pager *pager, const vdbi_image *image,
                                uint32_t field, uint32_t block, vdbi_column_path *path,
                                vdbi_ref *out);

/* The code of a string (at most VDBI_STRING_MAX bytes) in a field, or VDBI_CODE_NONE. */
vdb_status vdbi_code_find(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                          const char *text, size_t length, uint32_t *code);

/* How many codes the field has: they are 0, 1, ..., *count - 1. */
vdb_status vdbi_code_count(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                           const char *path, size_t path_length, uint32_t *count);

/* Call visit for each string of the field, in the order of bytes, beginning with the
 * first that is not below `from`; until visit returns 0. */
vdb_status vdbi_codes_from(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                           const char *from, size_t from_length,
                           int (*visit)(void *arg, const char *text, size_t length,
                                        uint32_t code),
                           void *arg);

#endif
