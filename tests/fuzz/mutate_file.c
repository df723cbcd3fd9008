/* mutate_file.c: a mutator that writes patches where the file says something.
 *
 * Most of a small database is zeros that nobody reads: a random place is a wasted run.
 * So half of the mutations append one patch at a place that is not zero: a number that
 * breaks arithmetic, a reference from elsewhere, or a little more or less. */
#include "fuzz_file.h"

#include <string.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed);

/* A place, on a multiple of 4, whose bytes are not all zero. */
static size_t telling_place(const harness_bytes *file, uint64_t *random)
{
    size_t pages = file->size / FILE_PAGE;

    for (int i = 0; i < 4000; i++) {
        size_t page = fault_random(random) % 4 ? fault_random(random) % pages
                                               : fault_random(random) % 2;
        size_t at = page * FILE_PAGE + fault_random(random) % (FILE_PAGE / 4) * 4;
        if (memcmp(file->data + at, "\0\0\0", 4) != 0)
            return at;
    }
    return 0;
}

static size_t put_place(uint8_t *out, size_t at)
{
    size_t page = at / FILE_PAGE, offset = at % FILE_PAGE;

    out[0] = (uint8_t)page;
    out[1] = (uint8_t)(page >> 8);
    out[2] = (uint8_t)offset;
    out[3] = (uint8_t)(offset >> 8);
    return 4;
}

static size_t put_number(uint8_t *out, uint64_t *random)
{
    static const uint64_t odd[] = {0,      1,          2,          0x7f,
                                   0xff,   0x7fffffff, 0x80000000, 0xffffffff,
                                   0xffff, 1ull << 40, 1ull << 63, UINT64_MAX};
    uint64_t n = odd[fault_random(random) % (sizeof odd / sizeof *odd)];
    size_t width = (size_t)1 << fault_random(random) % 4;

    if (fault_random(random) % 4 == 0)
        n = fault_random(random) >> fault_random(random) % 64;
    out[0] = (uint8_t)width;
    for (size_t i = 0; i < width; i++)
        out[1 + i] = (uint8_t)(n >> 8 * i);
    return 1 + width;
}

static size_t put_patch(uint8_t *out, const harness_bytes *file, uint64_t *random)
{
    uint8_t op = (uint8_t)(fault_random(random) % 3);
    size_t at = telling_place(file, random), n = 1;

    out[0] = op;
    n += put_place(out + n, at + fault_random(random) % 4);
    if (op == 0) {
        n += put_number(out + n, random);
    } else if (op == 1) {
        static const uint8_t lengths[] = {4, 8, 24, 24, 64, 255};
        n += put_place(out + n, telling_place(file, random));
        out[n++] = lengths[fault_random(random) % sizeof lengths];
    } else {
        out[n++] = (uint8_t)fault_random(random);
        out[n++] = (uint8_t)(fault_random(random) % 9 - 4);
    }
    return n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed)
{
    uint64_t random = seed;
    uint8_t patch[32];
    size_t n;

    if (fault_random(&random) % 2 || size == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    if (fault_random(&random) % 4 == 0) /* begin anew: one patch shows more than ten */
        size = 1;
    n = put_patch(patch, &fuzz_file_base(data[0] & FILE_CRASHED)->main, &random);
    if (n > max_size - size)
        return LLVMFuzzerMutate(data, size, max_size);
    memcpy(data + size, patch, n);
    return size + n;
}
