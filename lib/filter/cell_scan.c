/* cell_scan.c: cells of a column against a bound leaf, 64 at a time.
 *
 * Each pass is a plain loop over bytes without branches, for the compiler to vectorise;
 * the bytes (0 or 1) become bits at the end.
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

static void scan_tags(uint16_t mask, const uint8_t *tags, unsigned count, uint8_t *out)
{
    for (unsigned i = 0; i < count; i++)
        out[i] = (uint8_t)((mask >> (tags[i] & 15) & 1) & (tags[i] < 16));
}

/* The words of cells of other tags are compared too, and do not count. */
static void scan_interval(const vdbi_bound *b, const uint8_t *tags,
                          const uint8_t *words, unsigned count, uint8_t *out)
{
    const int64_t int_low = b->int_low, int_high = b->int_high;
    const double real_low = b->real_low, real_high = b->real_high;
    for (unsigned i = 0; i < count; i++) {
        uint64_t word = vdbi_get64(words + 8 * (size_t)i);
        int64_t n = (int64_t)word;
        double d = to_real(word);
        int as_int = (tags[i] == VDBI_CELL_INT) & (n >= int_low) & (n <= int_high);
        int as_real = (tags[i] == VDBI_CELL_REAL) & (d >= real_low) & (d <= real_high);
        out[i] = (uint8_t)(out[i] | as_int | as_real);
    }
}

static void scan_number_lists(const vdbi_bound *b, const uint8_t *tags,
                              const uint8_t *words, unsigned count, uint8_t *out)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t word = vdbi_get64(words + 8 * (size_t)i);
        if (tags[i] == VDBI_CELL_INT)
            out[i] = (uint8_t)in_ints(b, (int64_t)word);
        else if (tags[i] == VDBI_CELL_REAL)
            out[i] = (uint8_t)in_reals(b, to_real(word));
    }
}

static void scan_code(uint32_t code, const uint8_t *tags, const uint8_t *words,
                      unsigned count, uint8_t *out)
{
    for (unsigned i = 0; i < count; i++) {
        int same = vdbi_get64(words + 8 * (size_t)i) == code;
        out[i] = (uint8_t)(out[i] | ((tags[i] == VDBI_CELL_STRING) & same));
    }
}

/* The bits of `bad`: strings whose code is none of the field's. */
static uint64_t scan_codes(const vdbi_bound *b, const uint8_t *tags,
                           const uint8_t *words, unsigned count, uint8_t *out)
{
    uint64_t bad = 0;
    for (unsigned i = 0; i < count; i++) {
        if (tags[i] != VDBI_CELL_STRING)
            continue;
        uint64_t code = vdbi_get64(words + 8 * (size_t)i);
        if (code < b->code_count)
            out[i] = (uint8_t)vdbi_bit_get(b->codes, code);
        else
            bad |= (uint64_t)1 << i;
    }
    return bad;
}

static uint64_t scan_words(const vdbi_bound *b, const uint8_t *tags,
                           const uint8_t *words, unsigned count, uint8_t *out)
{
    if (b->numbers == VDBI_WANT_ONE)
        scan_interval(b, tags, words, count, out);
    else if (b->numbers == VDBI_WANT_SOME)
        scan_number_lists(b, tags, words, count, out);
    if (b->strings == VDBI_WANT_ONE)
        scan_code(b->code, tags, words, count, out);
    else if (b->strings == VDBI_WANT_SOME)
        return scan_codes(b, tags, words, count, out);
    return 0;
}

void vdbi_cells_scan(const vdbi_bound *bound, const uint8_t *tags, const uint8_t *words,
                     unsigned count, vdbi_scan *out)
{
    uint8_t bytes[64] = {0};
    uint8_t highest = 0;
    for (unsigned i = 0; i < count; i++)
        highest = tags[i] > highest ? tags[i] : highest;
    scan_tags(bound->cell_tags, tags, count, bytes);
    out->bad = bound->only_elements ? 0 : scan_words(bound, tags, words, count, bytes);
    out->holds = to_bits(bytes);
    out->ask = 0;
    if (highest < VDBI_CELL_ARRAY)
        return;
    scan_tags(bound->ask_tags, tags, count, bytes);
    out->ask = to_bits(bytes);
    for (unsigned i = 0; i < count && highest > VDBI_CELL_RECORD; i++)
        if (tags[i] > VDBI_CELL_RECORD)
            out->bad |= (uint64_t)1 << i;
}

void vdbi_element_scan(const vdbi_bound *bound, uint8_t tag, uint64_t word,
                       vdbi_scan *out)
{
    uint8_t bytes[64] = {0}, cell[8];
    vdbi_put64(cell, word);
    scan_tags(bound->element_tags, &tag, 1, bytes);
    out->bad = scan_words(bound, &tag, cell, 1, bytes);
    out->holds = bytes[0];
    out->ask = tag == VDBI_CELL_RECORD;
    /* A list holds scalars only. */
    out->bad |= (uint64_t)(tag == VDBI_CELL_ABSENT || tag == VDBI_CELL_OBJECT ||
                           tag == VDBI_CELL_ARRAY || tag > VDBI_CELL_RECORD);
}
