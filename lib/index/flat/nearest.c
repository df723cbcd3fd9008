/* nearest.c: see nearest.h.
 *
 * A candidate that is farther than the limit is dropped by one comparison.  The others go
 * into a buffer; when it holds twice k, the k nearest are kept and the limit becomes the
 * last of them, at a cost that is linear in what came in.  A heap would pay log k for
 * each, which shows from k = 100 on.
 *
 * Ties of distance are broken by id, which lies in the store: it is asked for only where
 * two distances are equal.
 */
#include "index/flat/nearest.h"

#include <string.h>

/* *farther = 1 when a comes after b in the order of answers. */
static vdb_status is_farther(const vdbi_nearest *nearest, const vdbi_neighbor *a,
                             const vdbi_neighbor *b, int *farther)
{
    int order = 0;
    vdb_status status = VDB_OK;

    if (a->distance != b->distance) {
        *farther = a->distance > b->distance;
        return VDB_OK;
    }
    if (a->slot != b->slot)
        status = nearest->compare_ids(nearest->compare_arg, a->slot, b->slot, &order);
    *farther = order > 0;
    return status;
}

static void swap(vdbi_neighbor *a, vdbi_neighbor *b)
{
    vdbi_neighbor t = *a;

    *a = *b;
    *b = t;
}

/* Reorder items [from, to) so that what is not farther than the pivot, which is one of
 * them, stands before it; *middle is where it ends up. */
static vdb_status divide(vdbi_nearest *nearest, size_t from, size_t to, size_t pivot,
                         size_t *middle)
{
    vdbi_neighbor *items = nearest->items;
    size_t end = from;

    swap(&items[pivot], &items[to - 1]);
    for (size_t i = from; i < to - 1; i++) {
        int farther;
        vdb_status status = is_farther(nearest, &items[i], &items[to - 1], &farther);
        if (status)
            return status;
        if (!farther)
            swap(&items[i], &items[end++]);
    }
    swap(&items[end], &items[to - 1]);
    *middle = end;
    return VDB_OK;
}

/* Bring the k nearest to the front, the last of them to items[k - 1].  Pivots come from
 * a fixed sequence: no order of insertion is known to be bad for it. */
static vdb_status select_k(vdbi_nearest *nearest)
{
    size_t from = 0, to = nearest->count, wanted = nearest->k - 1;
    uint64_t seed = 1;

    while (to - from > 1) {
        size_t middle;
        vdb_status status;
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        status = divide(nearest, from, to, from + (size_t)((seed >> 33) % (to - from)),
                        &middle);
        if (status)
            return status;
        if (middle == wanted)
            break;
        if (middle < wanted)
            from = middle + 1;
        else
            to = middle;
    }
    nearest->count = nearest->k;
    nearest->full = 1;
    nearest->limit = nearest->items[wanted].distance;
    nearest->worst = nearest->items[wanted].slot;
    return VDB_OK;
}

/* Let `moving` sink from place i of the max-heap of the first `count` items. */
static vdb_status sift_down(vdbi_nearest *nearest, size_t i, size_t count,
                            vdbi_neighbor moving)
{
    vdbi_neighbor *heap = nearest->items;
    vdb_status status = VDB_OK;

    while (count - i > i + 1) { /* 2 * i + 1 < count */
        size_t child = 2 * i + 1;
        int farther;
        if (child + 1 < count) {
            status = is_farther(nearest, &heap[child + 1], &heap[child], &farther);
            if (status)
                break;
            child += (size_t)farther;
        }
        status = is_farther(nearest, &heap[child], &moving, &farther);
        if (status || !farther)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moving;
    return status;
}

void vdbi_nearest_init(vdbi_nearest *nearest, vdbi_memory *memory, size_t k,
                       float limit, vdbi_compare_ids compare_ids, void *compare_arg)
{
    memset(nearest, 0, sizeof *nearest);
    nearest->memory = memory;
    nearest->k = k;
    nearest->limit = limit;
    nearest->compare_ids = compare_ids;
    nearest->compare_arg = compare_arg;
}

void vdbi_nearest_clear(vdbi_nearest *nearest)
{
    vdbi_free(nearest->memory, nearest->items);
    nearest->items = NULL;
    nearest->count = nearest->capacity = 0;
}

/* One that is not farther than the limit. */
static vdb_status take(vdbi_nearest *nearest, vdbi_neighbor candidate)
{
    vdb_status status;

    if (nearest->full && candidate.distance == nearest->limit) {
        const vdbi_neighbor worst = {nearest->limit, nearest->worst};
        int farther;
        status = is_farther(nearest, &candidate, &worst, &farther);
        if (status || farther)
            return status;
    }
    status = vdbi_grow(nearest->memory, &nearest->items, &nearest->capacity,
                       nearest->count + 1, sizeof *nearest->items);
    if (status)
        return status;
    nearest->items[nearest->count++] = candidate;
    /* At the first k, too: the sooner there is a limit, the better. */
    if (nearest->count < nearest->k ||
        (nearest->count != nearest->k && nearest->count - nearest->k < nearest->k))
        return VDB_OK;
    return select_k(nearest);
}

vdb_status vdbi_nearest_offer(vdbi_nearest *nearest, const float *distances,
                              const uint32_t *slots, size_t count)
{
    if (nearest->k == 0)
        return VDB_OK;
    for (size_t i = 0; i < count; i++) {
        const vdbi_neighbor candidate = {distances[i], slots[i]};
        vdb_status status;
        if (candidate.distance > nearest->limit)
            continue;
        status = take(nearest, candidate);
        if (status)
            return status;
    }
    return VDB_OK;
}

vdb_status vdbi_nearest_join(vdbi_nearest *nearest, const vdbi_nearest *other)
{
    vdb_status status = VDB_OK;

    for (size_t i = 0; i < other->count && !status; i++)
        status = vdbi_nearest_offer(nearest, &other->items[i].distance,
                                    &other->items[i].slot, 1);
    nearest->distances += other->distances;
    return status;
}

vdb_status vdbi_nearest_sort(vdbi_nearest *nearest)
{
    vdb_status status = VDB_OK;

    if (nearest->count > nearest->k)
        status = select_k(nearest);
    for (size_t i = nearest->count / 2; i > 0 && !status; i--)
        status = sift_down(nearest, i - 1, nearest->count, nearest->items[i - 1]);
    for (size_t left = nearest->count; left > 1 && !status; left--) {
        vdbi_neighbor farthest = nearest->items[0];
        status = sift_down(nearest, 0, left - 1, nearest->items[left - 1]);
        nearest->items[left - 1] = farthest;
    }
    return status;
}
