/* flatten.h: a metadata object as a sorted list of paths and values.
 *
 * The one place that says what a field is.  A path joins the keys from the root with
 * dots.  Where several ways through an object give the same path ("a.b" as one key, or
 * b inside a), the one whose first key is longest counts, then whose second is, ...: a
 * key that itself contains a dot is found first.  Objects are values too (they exist,
 * and equal nothing).  Nothing inside an array has a path.
 */
#ifndef VDBI_FLATTEN_H
#define VDBI_FLATTEN_H

#include "base/memory.h"

typedef struct vdbi_value {
    uint8_t tag; /* VDBI_CELL_NULL ... _ARRAY of column.h; never ABSENT or RECORD */
    int64_t integer;
    double real;
    const char *text; /* not NUL-terminated */
    size_t text_length;
    const struct vdbi_value
        *elements; /* an array's scalars, in order; others left out */
    size_t element_count;
} vdbi_value;

typedef struct vdbi_flat_field {
    const char *path;
    size_t path_length;
    vdbi_value value;
} vdbi_flat_field;

typedef struct vdbi_flat {
    const vdbi_flat_field *fields; /* ascending by the bytes of the path; distinct */
    size_t count;
} vdbi_flat;

/* Check and flatten metadata: VDB_INVALID when it is not one JSON object within
 * VDB_METADATA_MAX and VDB_METADATA_DEPTH_MAX.  Does not recurse.  The result owns
 * copies of all it needs; free with vdbi_flat_free. */
vdb_status vdbi_flatten(vdbi_memory *memory, const char *json, size_t length,
                        vdbi_flat **out);
/* The value under a path, or NULL. */
const vdbi_value *vdbi_flat_find(const vdbi_flat *flat, const char *path,
                                 size_t length);
void vdbi_flat_free(vdbi_memory *memory, vdbi_flat *flat);

#endif
