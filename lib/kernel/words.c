/* words.c: bytes against a byte and words against an interval, in portable C.
 *
 * A pass is a plain loop without branches, for the compiler to vectorise; its bytes (0 or
 * 1) become bits at the end.
 */
#include <string.h>

#include "base/bytes.h"
#include "kernel/table.h"

/* Eight bytes of 0 or 1 to eight bits: the product puts byte i at bit 56 + i. */
static uint64_t to_bits(const uint8_t bytes[64])
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++)
        bits |= (vdbi_get64(bytes + 8 * i) * 0x0102040810204080u >> 56) << 8 * i;
    return bits;
}

uint64_t vdbi_generic_equal(const uint8_t bytes[64], uint8_t byte)
{
    uint8_t same[64];

    for (size_t i = 0; i < 64; i++)
        same[i] = bytes[i] == byte;
    return to_bits(same);
}

uint64_t vdbi_generic_in_ints(const uint8_t words[512], uint64_t base, uint64_t width)
{
    uint8_t bytes[64];

    for (size_t i = 0; i < 64; i++)
        bytes[i] = vdbi_get64(words + 8 * i) - base <= width;
    return to_bits(bytes);
}

void vdbi_generic_shorts(const uint16_t *cells, size_t words, uint16_t base,
                         uint16_t width, uint64_t *bits)
{
    uint8_t bytes[64];

    for (size_t w = 0; w < words; w++, cells += 64) {
        for (size_t i = 0; i < 64; i++)
            bytes[i] = (uint16_t)(cells[i] - base) <= width;
        bits[w] = to_bits(bytes);
    }
}

uint64_t vdbi_generic_in_reals(const uint8_t words[512], double low, double high)
{
    uint8_t bytes[64];

    for (size_t i = 0; i < 64; i++) {
        const uint64_t word = vdbi_get64(words + 8 * i);
        double d;
        memcpy(&d, &word, sizeof d);
        bytes[i] = (uint8_t)((d >= low) & (d <= high));
    }
    return to_bits(bytes);
}
