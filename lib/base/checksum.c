/* checksum.c: the two checksums of the file format, from the libraries that define
 * them.  xxHash is compiled in: pages are 4 KiB, a call through the dynamic linker
 * and a run-time choice of secret are a share of that.
 */
#include "base/checksum.h"

#include <libdeflate.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t vdbi_hash64(const void *bytes, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, size, seed);
}

uint32_t vdbi_crc32(uint32_t crc, const void *bytes, size_t size)
{
    /* libdeflate restarts on NULL, whatever crc is. */
    if (size == 0)
        return crc;
    return libdeflate_crc32(crc, bytes, size);
}
