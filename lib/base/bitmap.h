/* bitmap.h: arrays of bits in 64-bit words; bit i is bit i % 64 of word i / 64. */
#ifndef VDBI_BITMAP_H
#define VDBI_BITMAP_H

#include <stddef.h>
#include <stdint.h>

#define VDBI_BITMAP_WORDS(bits) (((size_t)(bits) + 63) / 64)

static inline int vdbi_bit_get(const uint64_t *words, uint64_t i)
{
    return (int)(words[i / 64] >> (i % 64) & 1);
}

static inline void vdbi_bit_set(uint64_t *words, uint64_t i)
{
    words[i / 64] |= (uint64_t)1 << (i % 64);
}

static inline void vdbi_bit_clear(uint64_t *words, uint64_t i)
{
    words[i / 64] &= ~((uint64_t)1 << (i % 64));
}

static inline uint64_t vdbi_bitmap_count(const uint64_t *words, size_t word_count)
{
    uint64_t n = 0;
    for (size_t i = 0; i < word_count; i++)
        n += (uint64_t)__builtin_popcountll(words[i]);
    return n;
}

#endif
