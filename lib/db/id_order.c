/* id_order.c: see id_order.h. */
#include "db/id_order.h"

#include <string.h>

void vdbi_id_order_init(vdbi_id_order *o, vdbi_pager *pager, const vdbi_image *image)
{
    *o = (vdbi_id_order){.pager = pager, .image = image};
    o->a.memory = o->b.memory = vdbi_pager_memory(pager);
}

void vdbi_id_order_clear(vdbi_id_order *o)
{
    vdbi_record_clear(&o->a);
    vdbi_record_clear(&o->b);
}

vdb_status vdbi_id_order_compare(void *arg, uint32_t a, uint32_t b, int *order)
{
    vdbi_id_order *o = arg;
    size_t shorter;
    vdb_status st = vdbi_record_read(o->pager, o->image, a, VDBI_RECORD_ID, &o->a);

    if (!st)
        st = vdbi_record_read(o->pager, o->image, b, VDBI_RECORD_ID, &o->b);
    if (st)
        return st;
    shorter = o->a.id_length < o->b.id_length ? o->a.id_length : o->b.id_length;
    *order = memcmp(o->a.id, o->b.id, shorter);
    if (!*order)
        *order = (o->a.id_length > o->b.id_length) - (o->a.id_length < o->b.id_length);
    return VDB_OK;
}
