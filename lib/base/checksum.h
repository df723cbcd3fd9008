/* checksum.h: XXH3 for the main file, CRC-32 for the log. */
#ifndef VDBI_CHECKSUM_H
#define VDBI_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* XXH3, 64 bits, seeded (xxHash's specification). */
uint64_t vdbi_hash64(const void *bytes, size_t size, uint64_t seed);
/* CRC-32 as in gzip (ISO 3309); begin with crc = 0. */
uint32_t vdbi_crc32(uint32_t crc, const void *bytes, size_t size);

#endif
