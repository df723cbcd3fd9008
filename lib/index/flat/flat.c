/* flat.c: exact search by comparing every candidate.
 *
 * The k best stand in a heap with the worst of them on top, so a candidate that is
 * farther is dropped by one comparison.  Ties of distance are broken by id, which lies
 * in the store: it is asked for only where two distances are equal.
 *
 * Distances are computed for runs of wanted rows, at most BLOCK at a time, into a
 * buffer on the stack: the kernel streams through memory undisturbed by the heap.
 */
#include "index/flat/flat.h"

#include <string.h>

#include "base/bitmap.h"

enum {
    BLOCK = 64
};

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

/* Let the last entry rise to its place. */
static vdb_status sift_up(vdbi_nearest *nearest)
{
    vdbi_neighbor *heap = nearest->heap;
    size_t i = nearest->count - 1;
    vdbi_neighbor moving = heap[i];
    vdb_status status = VDB_OK;

    while (i > 0) {
        size_t parent = (i - 1) / 2;
        int farther;
        status = is_farther(nearest, &moving, &heap[parent], &farther);
        if (status || !farther)
            break;
        heap[i] = heap[parent];
        i = parent;
    }
    heap[i] = moving;
    return status;
}

/* Let `moving` sink from the top of the first `count` entries to its place. */
static vdb_status sift_down(vdbi_nearest *nearest, size_t count, vdbi_neighbor moving)
{
    vdbi_neighbor *heap = nearest->heap;
    size_t i = 0;
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

static vdb_status offer(vdbi_nearest *nearest, float distance, uint32_t slot)
{
    vdbi_neighbor candidate = {distance, slot};
    vdb_status status;
    int farther;

    if (distance > nearest->limit)
        return VDB_OK;
    if (nearest->count < nearest->k) {
        status = vdbi_grow(nearest->memory, &nearest->heap, &nearest->capacity,
                           nearest->count + 1, sizeof *nearest->heap);
        if (status)
            return status;
        nearest->heap[nearest->count++] = candidate;
        return sift_up(nearest);
    }
    if (distance > nearest->heap[0].distance)
        return VDB_OK;
    status = is_farther(nearest, &nearest->heap[0], &candidate, &farther);
    if (status || !farther)
        return status;
    return sift_down(nearest, nearest->count, candidate);
}

/* The `count` <= 64 bits from `first` on, as one word; reads no word that holds none
 * of them. */
static uint64_t bits_at(const uint64_t *words, uint64_t first, unsigned count)
{
    unsigned shift = (unsigned)(first % 64);
    uint64_t bits = words[first / 64] >> shift;

    if (shift + count > 64)
        bits |= words[first / 64 + 1] << (64 - shift);
    return count < 64 ? bits & (((uint64_t)1 << count) - 1) : bits;
}

/* Offer rows [0, count): slots from first_slot on. */
static vdb_status scan_run(vdbi_nearest *nearest, const vdbi_query *query,
                           const uint8_t *rows, size_t stride, unsigned count,
                           uint32_t first_slot)
{
    float distances[BLOCK];

    vdbi_distances(query, rows, stride, count, distances);
    nearest->distances += count;
    for (unsigned i = 0; i < count; i++) {
        vdb_status status = offer(nearest, distances[i], first_slot + i);
        if (status)
            return status;
    }
    return VDB_OK;
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
    vdbi_free(nearest->memory, nearest->heap);
    nearest->heap = NULL;
    nearest->count = nearest->capacity = 0;
}

vdb_status vdbi_flat_scan(vdbi_nearest *nearest, const vdbi_query *query,
                          const uint8_t *rows, size_t stride, uint32_t count,
                          uint32_t first_slot, const uint64_t *wanted,
                          uint64_t first_bit)
{
    if (nearest->k == 0)
        return VDB_OK;
    for (uint32_t done = 0; done < count;) {
        unsigned block = count - done < BLOCK ? count - done : BLOCK;
        uint64_t bits = bits_at(wanted, first_bit + done, block);
        while (bits) {
            unsigned begin = (unsigned)__builtin_ctzll(bits);
            uint64_t after = ~(bits >> begin);
            unsigned run = after ? (unsigned)__builtin_ctzll(after) : BLOCK;
            vdb_status status =
                scan_run(nearest, query, rows + (size_t)(done + begin) * stride, stride,
                         run, first_slot + done + begin);
            if (status)
                return status;
            /* In two steps: a shift by 64 has no meaning. */
            bits &= ~(((uint64_t)1 << (run - 1) << 1) - 1) << begin;
        }
        done += block;
    }
    return VDB_OK;
}

vdb_status vdbi_nearest_sort(vdbi_nearest *nearest)
{
    for (size_t left = nearest->count; left > 1; left--) {
        vdbi_neighbor farthest = nearest->heap[0];
        vdbi_neighbor last = nearest->heap[left - 1];
        vdb_status status = sift_down(nearest, left - 1, last);
        if (status)
            return status;
        nearest->heap[left - 1] = farthest;
    }
    return VDB_OK;
}
