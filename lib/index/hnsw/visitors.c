/* visitors.c: see visitors.h.
 *
 * Entering is a compare-and-swap of the visitor's word from idle to the epoch; looking is
 * a read-modify-write of the same word that changes nothing.  The two are ordered by that
 * word: either the looker comes second and sees the visitor, or the visitor comes second
 * and sees all that the looker did before.  So no fence is needed.
 */
#include "index/hnsw/visitors.h"

#include "base/error.h"
#include "os/thread.h"

void vdbi_visitors_init(vdbi_visitors *v, vdbi_memory *memory)
{
    v->memory = memory;
    atomic_init(&v->epoch, 1);
    atomic_init(&v->first, NULL);
}

void vdbi_visitors_clear(vdbi_visitors *v)
{
    vdbi_visitor *next, *visitor = atomic_load(&v->first);

    for (; visitor; visitor = next) {
        next = visitor->next;
        vdbi_scratch_clear(&visitor->scratch);
        vdbi_free(v->memory, visitor);
    }
    atomic_store(&v->first, NULL);
}

static int enter(vdbi_visitors *v, vdbi_visitor *visitor)
{
    uint64_t idle = 0;

    return atomic_load_explicit(&visitor->since, memory_order_relaxed) == 0 &&
           atomic_compare_exchange_strong(&visitor->since, &idle,
                                          atomic_load(&v->epoch));
}

vdb_status vdbi_visit_begin(vdbi_visitors *v, vdbi_visitor **out)
{
    vdbi_visitor *first = atomic_load_explicit(&v->first, memory_order_acquire);

    for (*out = first; *out; *out = (*out)->next)
        if (enter(v, *out))
            return VDB_OK;
    *out = vdbi_calloc(v->memory, 1, sizeof **out);
    if (!*out)
        return VDB_NOMEM;
    (*out)->scratch.memory = v->memory;
    atomic_init(&(*out)->since, atomic_load(&v->epoch));
    do
        (*out)->next = first;
    while (!atomic_compare_exchange_weak(&v->first, &first, *out));
    return VDB_OK;
}

void vdbi_visit_end(vdbi_visitor *visitor)
{
    vdbi_scratch_trim(&visitor->scratch);
    atomic_store_explicit(&visitor->since, 0, memory_order_release);
}

void vdbi_visitors_wait(vdbi_visitors *v)
{
    uint64_t epoch = atomic_fetch_add(&v->epoch, 1);
    vdbi_visitor *p = atomic_load(&v->first);

    while (!atomic_compare_exchange_weak(&v->first, &p, p))
        ; /* the same word-orders-both for visitors that are being made */
    for (; p; p = p->next)
        for (;;) {
            uint64_t since = atomic_fetch_or(&p->since, 0);
            if (since == 0 || since > epoch)
                break;
            vdbi_thread_yield();
        }
}
