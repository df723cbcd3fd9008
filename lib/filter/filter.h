/* filter.h: the filter room: a predicate over metadata and ids.
 *
 * Owns:      struct vdb_filter, a compiled filter.  Immutable once parsed.
 * Promises:  the truth tables of docs/filters.md, the same whether a field has a column
 *            or the record must be asked.  Nothing here recurses, freeing included.
 * May call:  store/ (reading), base/.
 * Threads:   any number may evaluate one filter at once.
 * Failure:   VDB_INVALID (parse), VDB_NOMEM, VDB_CORRUPT, VDB_IO, and what tick returns.
 */
#ifndef VDBI_FILTER_H
#define VDBI_FILTER_H

#include "base/bitmap.h"
#include "base/memory.h"
#include "store/image.h"

/* Parse JSON text into a filter; `memory` must outlive it.  Messages say where: the
 * byte for JSON errors, a path such as "filter.filters[2].value" for others. */
vdb_status vdbi_filter_parse(vdbi_memory *memory, const char *json, size_t length,
                             vdb_filter **out);
void vdbi_filter_free(vdb_filter *filter);

/* Copies of columns that filters have read (narrow.h); of one file. */
typedef struct vdbi_narrow vdbi_narrow;

/* The live slots of `image` that pass: bit s of out (VDBI_BITMAP_WORDS(slot_count)
 * words, freed with vdbi_free) says it of slot s; *count of them.
 *
 * Reads the image chunk by chunk, each in a reading section of its own: call it outside
 * of one.  narrow may be NULL.  tick, if not NULL, is called between chunks, and stops it
 * with its status. */
vdb_status vdbi_filter_evaluate(const vdb_filter *filter, vdbi_pager *pager,
                                const vdbi_image *image, vdbi_narrow *narrow,
                                vdbi_memory *memory, vdb_status (*tick)(void *arg),
                                void *tick_arg, uint64_t **out, uint64_t *count);

/* Whether one record passes, by its id and metadata alone (NULL: none). */
vdb_status vdbi_filter_test(const vdb_filter *filter, vdbi_memory *memory,
                            const char *id, size_t id_length, const char *metadata,
                            size_t metadata_length, int *passes);

#endif
