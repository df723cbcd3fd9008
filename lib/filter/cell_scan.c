/* cell_scan.c: cells of a column against a bound leaf, 64 at a time.
 *
 * First which cells are of which kind, as bits for each tag: mostly all are of one, and
 * that is seen from the tags alone.  Then what each kind asks of its words.  A pass is a
 * plain loop without branches, for the compiler to vectorise; its bytes (0 or 1) become
 * bits at the end.
 */
#include <string.h>

#include "base/bytes.h"
#include "filter/bound.h"

/* Eight bytes of 0 or 1 to eight bits: the product puts byte i at bit 56 + i. */
static uint64_t to_bits(const uint8_t bytes[64])
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++)
        bits |= (vdbi_get64(bytes + 8 * i) * 0x0102040810204080u >> 56) << 8 * i;
    return bits;
}

static double to_real(uint64_t word)
{
    double d;
    memcpy(&d, &word, sizeof d);
    return d;
}

static int in_ints(const vdbi_bound *b, int64_t n)
{
    size_t low = 0, high = b->int_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->ints[middle] < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low < b->int_count && b->ints[low] == n;
}

static int in_reals(const vdbi_bound *b, double d)
{
    size_t low = 0, high = b->real_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->reals[middle] < d)
            low = middle + 1;
        else
            high = middle;
    }
    return low < b->real_count && b->reals[low] == d;
}

enum {
    KINDS = VDBI_CELL_RECORD + 1
};

/* Of each tag the cells that have it. */
typedef struct kinds {
    uint64_t of[KINDS];
    uint64_t unknown;
} kinds;

static int all_are(const uint8_t tags[64], uint8_t tag)
{
    const uint64_t same = tag * 0x0101010101010101u;
    uint64_t other = 0;
    for (unsigned i = 0; i < 64; i += 8)
        other |= vdbi_get64(tags + i) ^ same;
    return other == 0;
}

static void tell_kinds(const uint8_t *tags, unsigned count, kinds *k)
{
    const uint64_t all = count == 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1;
    uint8_t bytes[64] = {0};

    memset(k, 0, sizeof *k);
    k->unknown = all;
    if (count == 64 && tags[0] < KINDS && all_are(tags, tags[0])) {
        k->of[tags[0]] = all;
        k->unknown = 0;
        return;
    }
    for (unsigned tag = 0; tag < KINDS && k->unknown; tag++) {
        for (unsigned i = 0; i < count; i++)
            bytes[i] = tags[i] == tag;
        k->of[tag] = to_bits(bytes);
        k->unknown &= ~k->of[tag];
    }
}

static uint64_t of_tags(const kinds *k, uint16_t tags)
{
    uint64_t bits = 0;
    for (unsigned tag = 0; tag < KINDS; tag++)
        bits |= tags >> tag & 1 ? k->of[tag] : 0;
    return bits;
}

/* The words of cells of other kinds are compared too, and do not count. */
static uint64_t within_ints(int64_t low, int64_t high, const uint8_t *words,
                            unsigned count)
{
    /* One comparison: what is below `low` wraps round to beyond the width. */
    const uint64_t base = (uint64_t)low, width = (uint64_t)high - base;
    uint8_t bytes[64] = {0};
    if (low > high)
        return 0;
    for (unsigned i = 0; i < count; i++)
        bytes[i] = vdbi_get64(words + 8 * (size_t)i) - base <= width;
    return to_bits(bytes);
}

static uint64_t within_reals(double low, double high, const uint8_t *words,
                             unsigned count)
{
    uint8_t bytes[64] = {0};
    for (unsigned i = 0; i < count; i++) {
        double d = to_real(vdbi_get64(words + 8 * (size_t)i));
        bytes[i] = (uint8_t)((d >= low) & (d <= high));
    }
    return to_bits(bytes);
}

static uint64_t same_code(uint32_t code, const uint8_t *words, unsigned count)
{
    uint8_t bytes[64] = {0};
    for (unsigned i = 0; i < count; i++)
        bytes[i] = vdbi_get64(words + 8 * (size_t)i) == code;
    return to_bits(bytes);
}

static uint64_t of_numbers(const vdbi_bound *b, const kinds *k, const uint8_t *words,
                           unsigned count)
{
    uint64_t ints = k->of[VDBI_CELL_INT], reals = k->of[VDBI_CELL_REAL], bits = 0;

    if (b->numbers == VDBI_WANT_ONE) {
        if (ints)
            bits |= ints & within_ints(b->int_low, b->int_high, words, count);
        if (reals)
            bits |= reals & within_reals(b->real_low, b->real_high, words, count);
    } else if (b->numbers == VDBI_WANT_SOME) {
        for (uint64_t left = ints | reals; left; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctzll(left);
            uint64_t word = vdbi_get64(words + 8 * (size_t)i);
            int in =
                ints >> i & 1 ? in_ints(b, (int64_t)word) : in_reals(b, to_real(word));
            bits |= (uint64_t)in << i;
        }
    }
    return bits;
}

/* *bad gains the strings whose code is none of the field's. */
static uint64_t of_strings(const vdbi_bound *b, const kinds *k, const uint8_t *words,
                           unsigned count, uint64_t *bad)
{
    uint64_t strings = k->of[VDBI_CELL_STRING], bits = 0;

    if (!strings || b->strings == VDBI_WANT_NONE)
        return 0;
    if (b->strings == VDBI_WANT_ONE)
        return strings & same_code(b->code, words, count);
    for (uint64_t left = strings; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        uint64_t code = vdbi_get64(words + 8 * (size_t)i);
        if (code >= b->code_count)
            *bad |= (uint64_t)1 << i;
        else
            bits |= (uint64_t)vdbi_bit_get(b->codes, code) << i;
    }
    return bits;
}

static void scan_words(const vdbi_bound *b, const kinds *k, const uint8_t *words,
                       unsigned count, vdbi_scan *out)
{
    out->holds |= of_numbers(b, k, words, count);
    out->holds |= of_strings(b, k, words, count, &out->bad);
}

void vdbi_cells_scan(const vdbi_bound *bound, const uint8_t *tags, const uint8_t *words,
                     unsigned count, vdbi_scan *out)
{
    kinds k;

    tell_kinds(tags, count, &k);
    out->holds = of_tags(&k, bound->cell_tags);
    out->ask = of_tags(&k, bound->ask_tags);
    out->bad = k.unknown;
    if (!bound->only_elements)
        scan_words(bound, &k, words, count, out);
}

void vdbi_element_scan(const vdbi_bound *bound, uint8_t tag, uint64_t word,
                       vdbi_scan *out)
{
    kinds k;
    uint8_t cell[8];

    vdbi_put64(cell, word);
    tell_kinds(&tag, 1, &k);
    out->holds = of_tags(&k, bound->element_tags);
    out->ask = k.of[VDBI_CELL_RECORD];
    /* A list holds scalars only. */
    out->bad = k.unknown | k.of[VDBI_CELL_ABSENT] | k.of[VDBI_CELL_OBJECT] |
               k.of[VDBI_CELL_ARRAY];
    scan_words(bound, &k, cell, 1, out);
}
