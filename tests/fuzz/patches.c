/* patches.c: see patches.h.  What a mutator makes is a number that breaks arithmetic, a
 * reference from elsewhere, or a little more or less. */
#include "patches.h"

#include <string.h>

uint8_t patch_read_u8(patch_reader *r)
{
    if (!r->left)
        return 0;
    r->left--;
    return *r->data++;
}

static size_t read_u16(patch_reader *r)
{
    size_t low = patch_read_u8(r);

    return low | (size_t)patch_read_u8(r) << 8;
}

/* A place in the file. */
static size_t read_place(patch_reader *r, const harness_bytes *file)
{
    size_t page = read_u16(r) % (file->size / PATCH_PAGE);

    return page * PATCH_PAGE + read_u16(r) % PATCH_PAGE;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

void patch_apply(patch_reader *r, harness_bytes *file, size_t *size)
{
    uint8_t op = patch_read_u8(r) % 4;
    size_t to, from, n;

    if (op == 3) {
        *size = read_u16(r) % (file->size / PATCH_PAGE + 1) * PATCH_PAGE;
        return;
    }
    to = from = read_place(r, file);
    if (op == 0) {
        n = at_most(patch_read_u8(r), file->size - to);
        for (size_t i = 0; i < n; i++)
            file->data[to + i] = patch_read_u8(r);
    } else if (op == 1) {
        to = read_place(r, file);
        n = at_most(at_most(patch_read_u8(r), file->size - to), file->size - from);
        memmove(file->data + to, file->data + from, n);
    } else {
        unsigned carry;
        n = at_most((size_t)1 << patch_read_u8(r) % 4, file->size - to);
        carry = patch_read_u8(r);
        for (size_t i = 0; i < n; i++) {
            unsigned sign = carry & 0x80 && i == 0 ? 0xffffff00u : 0;
            carry = (carry | sign) + file->data[to + i];
            file->data[to + i] = (uint8_t)carry;
            carry = (carry >> 8) & 0xff;
        }
    }
}

/* A place, on a multiple of 4, whose bytes are not all zero. */
static size_t telling_place(const harness_bytes *file, uint64_t *random)
{
    size_t pages = file->size / PATCH_PAGE;

    for (int i = 0; i < 4000; i++) {
        size_t page = fault_random(random) % 4 ? fault_random(random) % pages
                                               : fault_random(random) % 2;
        size_t at = page * PATCH_PAGE + fault_random(random) % (PATCH_PAGE / 4) * 4;
        if (at + 4 <= file->size && memcmp(file->data + at, "\0\0\0", 4) != 0)
            return at;
    }
    return 0;
}

static size_t put_place(uint8_t *out, size_t at)
{
    size_t page = at / PATCH_PAGE, offset = at % PATCH_PAGE;

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

size_t patch_make(uint8_t out[PATCH_BYTES_MAX], const harness_bytes *file,
                  uint64_t *random)
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
