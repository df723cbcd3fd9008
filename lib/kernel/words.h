/* words.h: 64 cells of a column against what is asked of them, to 64 bits.
 *
 * Owns:      nothing.
 * Promises:  the same bits whichever instructions the processor has.
 * Threads:   pure functions.
 *
 * Words are little-endian, eight bytes each, and stand at any address.  Shorts are two
 * bytes, as the machine has them.
 */
#ifndef VDBI_WORDS_H
#define VDBI_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* Bit i: byte i is this one. */
uint64_t vdbi_bytes_equal(const uint8_t bytes[64], uint8_t byte);
/* Bit i: low <= word i <= high, as integers with a sign.  low <= high. */
uint64_t vdbi_words_in_ints(const uint8_t words[512], int64_t low, int64_t high);
/* The same as doubles; a NaN is in no interval. */
uint64_t vdbi_words_in_reals(const uint8_t words[512], double low, double high);
/* Bit i of bits[w]: low <= cells[64 * w + i] <= high.  low <= high. */
void vdbi_shorts_within(const uint16_t *cells, size_t words, uint16_t low,
                        uint16_t high, uint64_t *bits);

#endif
