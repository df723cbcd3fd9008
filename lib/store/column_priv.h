/* column_priv.h: what the store's own files know of columns. */
#ifndef VDBI_COLUMN_PRIV_H
#define VDBI_COLUMN_PRIV_H

#include "store/column.h"

/* As vdbi_field_find, and how many codes the field's dictionary has. */
vdb_status vdbi_field_lookup(vdbi_pager *pager, const vdbi_image *image,
                             const char *path, size_t length, uint32_t *field,
                             uint32_t *codes);
/* The root of a field's column; none when nothing was ever written to it. */
vdb_status vdbi_column_root(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                            vdbi_ref *out);
/* The field that a key of the dictionary, of at least 4 bytes, belongs to. */
uint32_t vdbi_code_field(const uint8_t *key);
/* Give a string, which has none, this code. */
vdb_status vdbi_code_add(vdbi_change *change, vdbi_image *image, uint32_t field,
                         const char *text, size_t length, uint32_t code);

#endif
