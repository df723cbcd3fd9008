/* fuzz_file.c: a main file whose pages say anything.
 *
 * Built with VDBI_FUZZ_TRUST_CHECKSUMS, so that a patched page is believed and the code
 * behind the checksum sees the bytes: a checksum proves origin, not reason. */
#include "fuzz_file.h"

#include <stdlib.h>
#include <string.h>

const harness_base *fuzz_file_base(bool crashed)
{
    static harness_base bases[2];

    if (!bases[crashed].main.data)
        bases[crashed] = harness_base_make(FILE_ROWS, !crashed);
    return &bases[crashed];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    patch_reader r = {data, size};
    uint8_t flags = patch_read_u8(&r);
    const harness_base *base = fuzz_file_base((flags & FILE_CRASHED) != 0);
    harness_bytes file = {malloc(base->main.size), base->main.size};
    size_t length = file.size;
    uint32_t how = 0;
    faultfs *fs;

    REQUIRE(file.data != NULL);
    memcpy(file.data, base->main.data, file.size);
    while (r.left)
        patch_apply(&r, &file, &length);
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
