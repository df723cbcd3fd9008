/* fuzz_file.c: a main file whose pages say anything.
 *
 * Built with VDBI_FUZZ_TRUST_CHECKSUMS, so that a patched page is believed and the code
 * behind the checksum sees the bytes: a checksum proves origin, not reason. */
#include "fuzz_file.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const uint8_t *data;
    size_t left;
} reader;

static uint8_t read_u8(reader *r)
{
    if (!r->left)
        return 0;
    r->left--;
    return *r->data++;
}

static size_t read_u16(reader *r)
{
    size_t low = read_u8(r);

    return low | (size_t)read_u8(r) << 8;
}

/* A place in the file, and how many bytes of the patch are left before its end. */
static size_t read_place(reader *r, const harness_bytes *file)
{
    size_t page = read_u16(r) % (file->size / FILE_PAGE);

    return page * FILE_PAGE + read_u16(r) % FILE_PAGE;
}

static size_t at_most(size_t n, size_t most)
{
    return n < most ? n : most;
}

/* `whole` pages were there; *size may become less or a little more. */
static void patch(reader *r, harness_bytes *file, size_t *size)
{
    uint8_t op = read_u8(r) % 4;
    size_t to, from, n;

    if (op == 3) {
        *size = read_u16(r) % (file->size / FILE_PAGE + 1) * FILE_PAGE;
        return;
    }
    to = from = read_place(r, file);
    if (op == 0) {
        n = at_most(read_u8(r), file->size - to);
        for (size_t i = 0; i < n; i++)
            file->data[to + i] = read_u8(r);
    } else if (op == 1) {
        to = read_place(r, file);
        n = at_most(at_most(read_u8(r), file->size - to), file->size - from);
        memmove(file->data + to, file->data + from, n);
    } else {
        unsigned carry;
        n = at_most((size_t)1 << read_u8(r) % 4, file->size - to);
        carry = read_u8(r);
        for (size_t i = 0; i < n; i++) {
            unsigned sign = carry & 0x80 && i == 0 ? 0xffffff00u : 0;
            carry = (carry | sign) + file->data[to + i];
            file->data[to + i] = (uint8_t)carry;
            carry = (carry >> 8) & 0xff;
        }
    }
}

const harness_base *fuzz_file_base(bool crashed)
{
    static harness_base bases[2];

    if (!bases[crashed].main.data)
        bases[crashed] = harness_base_make(FILE_ROWS, !crashed);
    return &bases[crashed];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    reader r = {data, size};
    uint8_t flags = read_u8(&r);
    const harness_base *base = fuzz_file_base((flags & FILE_CRASHED) != 0);
    harness_bytes file = {malloc(base->main.size), base->main.size};
    size_t length = file.size;
    uint32_t how = 0;
    faultfs *fs;

    REQUIRE(file.data != NULL);
    memcpy(file.data, base->main.data, file.size);
    while (r.left)
        patch(&r, &file, &length);
    fs = faultfs_new(2);
    faultfs_offer_map(fs, (flags & FILE_MAP) != 0);
    harness_put(fs, HARNESS_PATH, file.data, length);
    if (base->log.size)
        harness_put(fs, HARNESS_PATH "-wal1", base->log.data, base->log.size);
    if (flags & FILE_READONLY)
        how |= VDB_OPEN_READONLY;
    if (flags & FILE_WITHOUT_LOG)
        how |= VDB_OPEN_WITHOUT_LOG;
    harness_exercise(fs, how);
    faultfs_free(fs);
    free(file.data);
    return 0;
}
