/* results.h: answers of a search, gathered item by item.
 *
 * Owns:      struct vdb_results: plain memory, independent of the database, so that it
 *            outlives vdb_close().
 * Threads:   one at a time.
 */
#ifndef VDBI_RESULTS_H
#define VDBI_RESULTS_H

#include "base/memory.h"

typedef struct vdbi_result_item {
    size_t id, id_length;             /* offsets into text */
    size_t metadata, metadata_length; /* metadata SIZE_MAX: none */
} vdbi_result_item;

struct vdb_results {
    vdbi_memory memory; /* a copy: the environment may be gone */
    size_t queries, count, dimension;
    size_t *offsets;
    uint32_t *flags;
    vdb_explain *explains; /* NULL: not asked for */
    float *distances;
    size_t distance_capacity;
    vdbi_result_item *items;
    size_t item_capacity;
    char *text;
    size_t text_length, text_capacity;
    float *vectors; /* NULL: not asked for */
    size_t vector_capacity;
};

vdb_status vdbi_results_create(const vdbi_memory *memory, size_t queries, int explain,
                               vdb_results **out);
/* Append an item; metadata and vector may be NULL. */
vdb_status vdbi_results_add(vdb_results *results, float distance, const char *id,
                            size_t id_length, const char *metadata,
                            size_t metadata_length, const float *vector, size_t dim);
void vdbi_results_destroy(vdb_results *results);

#endif
