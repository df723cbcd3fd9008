/* id_order.h: the order of slots' ids, by which answers of equal distance are told.
 *
 * Threads:   one vdbi_id_order by one thread at a time, inside a reading section.
 */
#ifndef VDBI_ID_ORDER_H
#define VDBI_ID_ORDER_H

#include "store/record.h"

typedef struct vdbi_id_order {
    vdbi_pager *pager;
    const vdbi_image *image;
    vdbi_record a, b; /* scratch */
} vdbi_id_order;

void vdbi_id_order_init(vdbi_id_order *order, vdbi_pager *pager,
                        const vdbi_image *image);
void vdbi_id_order_clear(vdbi_id_order *order);
/* A vdbi_compare_ids (index/flat/nearest.h); `arg` is a vdbi_id_order. */
vdb_status vdbi_id_order_compare(void *arg, uint32_t a, uint32_t b, int *order);

#endif
