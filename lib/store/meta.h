/* meta.h: the two meta pages; docs/format.md, "Meta pages".
 *
 * Owns:      their layout.
 * May call:  os/, base/.
 * Threads:   pure functions.
 */
#ifndef VDBI_META_H
#define VDBI_META_H

#include "store/image.h"

enum {
    VDBI_FORMAT = 1,
    VDBI_UUID = 16,
    VDBI_META_GRAPH = 4 /* roots of the graph */
};

/* What is fixed when a file is created. */
typedef struct vdbi_shape {
    vdb_metric metric;
    vdb_index_kind index;
    vdb_type type;
    uint32_t m;
    uint32_t ef_construction;
    uint32_t max_layers;
    vdb_codes codes;
} vdbi_shape;

typedef struct vdbi_meta {
    uint8_t uuid[VDBI_UUID];
    uint64_t generation;
    vdbi_shape shape;
    uint32_t log; /* 0 none, 1, 2 */
    uint64_t salt;
    uint64_t file_pages;
    vdbi_image image; /* its roots without frames */
    vdbi_ref space;
    vdbi_ref summary;
    vdbi_ref
        graph[VDBI_META_GRAPH]; /* graph_pages.h; nothing of them is trusted here */
} vdbi_meta;

/* The place of a generation's page. */
uint64_t vdbi_meta_place(uint64_t generation);
void vdbi_meta_encode(const vdbi_meta *meta, uint8_t page[VDBI_PAGE]);

/* NEWER: whole, and written by a newer version; ODD: not whole, and says it was. */
enum {
    VDBI_META_VALID,
    VDBI_META_ZERO,
    VDBI_META_BAD,
    VDBI_META_NEWER,
    VDBI_META_ODD
};
/* What the page at this place is; VALID fills *out. */
int vdbi_meta_decode(const uint8_t page[VDBI_PAGE], uint64_t place, vdbi_meta *out);

#endif
