/* mutate_ops.c: a mutator that knows where patches end and ops begin: it adds a patch where
 * the file says something, and adds, takes out, repeats and changes whole ops.  Half of the
 * mutations are libFuzzer's own. */
#include "fuzz_ops.h"

#include <stdlib.h>
#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed);

/* Where the ops begin: patches are applied to a copy to learn how long they are. */
static size_t find_ops(const uint8_t *data, size_t size, const harness_base *base)
{
    patch_reader r = {data + OPS_PREFIX, size - OPS_PREFIX};
    const harness_bytes *files[2] = {&base->main, &base->log};

    for (int i = 0; i < 2 && files[i]->size; i++) {
        harness_bytes copy = {calloc(1, files[i]->size), files[i]->size};
        size_t length;
        if (!copy.data)
            break;
        for (int n = i ? data[1] >> 4 : data[1] & 15; n > 0; n--)
            patch_apply(&r, &copy, &length);
        free(copy.data);
    }
    return size - r.left;
}

/* Put `n` bytes in place of `old` ones; as it was where there is no room. */
static size_t splice(uint8_t *data, size_t size, size_t max_size, size_t at, size_t old,
                     const uint8_t *bytes, size_t n)
{
    if (size - old + n > max_size)
        return size;
    memmove(data + at + n, data + at + old, size - at - old);
    memcpy(data + at, bytes, n);
    return size - old + n;
}

static size_t add_patch(uint8_t *data, size_t size, size_t max_size,
                        const harness_base *base, uint64_t *random)
{
    bool log = base->log.size && fault_random(random) % 2;
    unsigned count = log ? data[1] >> 4 : data[1] & 15;
    uint8_t patch[PATCH_BYTES_MAX];
    size_t n = patch_make(patch, log ? &base->log : &base->main, random), before = size;

    if (count == 15 || (log && data[1] & 15)) /* only where it is the first */
        return LLVMFuzzerMutate(data, size, max_size);
    size = splice(data, size, max_size, OPS_PREFIX, 0, patch, n);
    if (size != before)
        data[1] = (uint8_t)(data[1] + (log ? 16 : 1));
    return size;
}

static void make_op(uint8_t op[OPS_BYTES], uint64_t *random)
{
    for (int i = 0; i < OPS_BYTES; i++)
        op[i] = (uint8_t)fault_random(random);
    op[0] %= OPS_KINDS;
}

static size_t change_ops(uint8_t *data, size_t size, size_t max_size, size_t first,
                         uint64_t *random)
{
    size_t count = (size - first) / OPS_BYTES;
    size_t at = first + (count ? fault_random(random) % count * OPS_BYTES : 0);
    uint8_t ops[2 * OPS_BYTES];

    make_op(ops, random);
    if (!count || (fault_random(random) % 3 == 0 && count < OPS_MAX))
        return splice(data, size, max_size, at, 0, ops, OPS_BYTES);
    switch (fault_random(random) % 4) {
    case 0: /* gone */
        return splice(data, size, max_size, at, OPS_BYTES, ops, 0);
    case 1: /* twice */
        memcpy(ops, data + at, OPS_BYTES);
        return splice(data, size, max_size, at, 0, ops, OPS_BYTES);
    case 2: /* another */
        return splice(data, size, max_size, at, OPS_BYTES, ops, OPS_BYTES);
    default: /* other arguments */
        data[at + 1 + fault_random(random) % (OPS_BYTES - 1)] =
            (uint8_t)fault_random(random);
        return size;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed)
{
    uint64_t random = seed;
    const harness_base *base;

    if (size < OPS_PREFIX || fault_random(&random) % 3 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    base = fuzz_ops_base((data[0] & OPS_CRASHED) != 0);
    if (fault_random(&random) % 3 == 0)
        return add_patch(data, size, max_size, base, &random);
    return change_ops(data, size, max_size, find_ops(data, size, base), &random);
}
