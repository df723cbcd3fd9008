/* flat.c: one query after another.
 *
 * Distances are computed BLOCK at a time into a buffer on the stack, so that the kernel
 * streams through memory undisturbed by what is kept.
 */
#include "index/flat/flat.h"

enum {
    BLOCK = 64
};

vdb_status vdbi_flat_scan(vdbi_nearest *nearest, const vdbi_query *query,
                          const vdbi_row_list *list)
{
    vdb_status status = VDB_OK;

    for (size_t at = 0; at < list->count && !status; at += BLOCK) {
        float distances[BLOCK];
        size_t n = list->count - at < BLOCK ? list->count - at : BLOCK;
        vdbi_distances_ahead(query, list->rows + at, n, list->known - at, distances);
        status = vdbi_nearest_offer(nearest, distances, list->slots + at, n);
        nearest->distances += n;
    }
    return status;
}
