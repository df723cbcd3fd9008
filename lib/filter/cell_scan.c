/* cell_scan.c: cells of a column against a bound leaf, 64 at a time.
 *
 * First which cells are of which kind, as bits for each tag: mostly all are of one, and
 * that is seen from the tags alone.  Then what each kind asks of its words, by the widest
 * registers that there are (kernel/words.h).
 */
#include <string.h>

#include "base/bytes.h"
#include "filter/bound.h"
#include "kernel/words.h"

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

static void tell_kinds(const uint8_t tags[64], uint64_t cells, kinds *k)
{
    memset(k, 0, sizeof *k);
    k->unknown = cells;
    for (uint8_t tag = 0; tag < KINDS && k->unknown; tag++) {
        k->of[tag] = k->unknown & vdbi_bytes_equal(tags, tag);
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

static int number_holds(const vdbi_bound *b, uint8_t tag, uint64_t word)
{
    const int64_t n = (int64_t)word;
    const double d = to_real(word);

    if (b->numbers == VDBI_WANT_SOME)
        return tag == VDBI_CELL_INT ? in_ints(b, n) : in_reals(b, d);
    if (b->numbers == VDBI_WANT_NONE)
        return 0;
    return tag == VDBI_CELL_INT ? n >= b->int_low && n <= b->int_high
                                : d >= b->real_low && d <= b->real_high;
}

/* *bad: the code is none of the field's. */
static int string_holds(const vdbi_bound *b, uint64_t code, int *bad)
{
    *bad = 0;
    if (b->strings == VDBI_WANT_ONE)
        return code == b->code;
    if (b->strings == VDBI_WANT_NONE)
        return 0;
    *bad = code >= b->code_count;
    return !*bad && vdbi_bit_get(b->codes, code);
}

/* The words of cells of other kinds are compared too, and do not count. */
static uint64_t of_numbers(const vdbi_bound *b, uint64_t ints, uint64_t reals,
                           const uint8_t words[512])
{
    uint64_t bits = 0;

    if (b->numbers == VDBI_WANT_ONE) {
        if (ints && b->int_low <= b->int_high)
            bits |= ints & vdbi_words_in_ints(words, b->int_low, b->int_high);
        if (reals)
            bits |= reals & vdbi_words_in_reals(words, b->real_low, b->real_high);
    } else if (b->numbers == VDBI_WANT_SOME) {
        for (uint64_t left = ints | reals; left; left &= left - 1) {
            const unsigned i = (unsigned)__builtin_ctzll(left);
            const uint8_t tag = ints >> i & 1 ? VDBI_CELL_INT : VDBI_CELL_REAL;
            bits |= (uint64_t)number_holds(b, tag, vdbi_get64(words + 8 * (size_t)i))
                    << i;
        }
    }
    return bits;
}

static uint64_t of_strings(const vdbi_bound *b, uint64_t strings,
                           const uint8_t words[512], uint64_t *all_bad)
{
    uint64_t bits = 0;

    if (!strings || b->strings == VDBI_WANT_NONE)
        return 0;
    if (b->strings == VDBI_WANT_ONE)
        return strings & vdbi_words_in_ints(words, b->code, b->code);
    for (uint64_t left = strings; left; left &= left - 1) {
        const unsigned i = (unsigned)__builtin_ctzll(left);
        int bad;
        bits |= (uint64_t)string_holds(b, vdbi_get64(words + 8 * (size_t)i), &bad) << i;
        *all_bad |= (uint64_t)bad << i;
    }
    return bits;
}

/* The usual case: all cells are of one tag. */
static void scan_alike(const vdbi_bound *b, uint8_t tag, uint64_t cells,
                       const uint8_t words[512], vdbi_scan *out)
{
    out->holds = b->cell_tags >> tag & 1 ? cells : 0;
    out->ask = b->ask_tags >> tag & 1 ? cells : 0;
    out->bad = 0;
    if (b->only_elements)
        return;
    if (tag == VDBI_CELL_INT)
        out->holds |= of_numbers(b, cells, 0, words);
    else if (tag == VDBI_CELL_REAL)
        out->holds |= of_numbers(b, 0, cells, words);
    else if (tag == VDBI_CELL_STRING)
        out->holds |= of_strings(b, cells, words, &out->bad);
}

void vdbi_cells_scan(const vdbi_bound *bound, const uint8_t tags[64],
                     const uint8_t words[512], unsigned count, vdbi_scan *out)
{
    const uint64_t cells = count == 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1;
    kinds k;

    if (tags[0] < KINDS && !(cells & ~vdbi_bytes_equal(tags, tags[0]))) {
        scan_alike(bound, tags[0], cells, words, out);
        return;
    }
    tell_kinds(tags, cells, &k);
    out->holds = of_tags(&k, bound->cell_tags);
    out->ask = of_tags(&k, bound->ask_tags);
    out->bad = k.unknown;
    if (!bound->only_elements)
        out->holds |=
            of_numbers(bound, k.of[VDBI_CELL_INT], k.of[VDBI_CELL_REAL], words) |
            of_strings(bound, k.of[VDBI_CELL_STRING], words, &out->bad);
}

void vdbi_element_scan(const vdbi_bound *bound, uint8_t tag, uint64_t word,
                       vdbi_scan *out)
{
    int holds = 0, bad = 0;

    if (tag == VDBI_CELL_INT || tag == VDBI_CELL_REAL)
        holds = number_holds(bound, tag, word);
    else if (tag == VDBI_CELL_STRING)
        holds = string_holds(bound, word, &bad);
    /* A list holds scalars only. */
    out->bad = bad || tag >= KINDS || tag == VDBI_CELL_ABSENT ||
               tag == VDBI_CELL_OBJECT || tag == VDBI_CELL_ARRAY;
    out->holds = holds || (!out->bad && bound->element_tags >> tag & 1);
    out->ask = tag == VDBI_CELL_RECORD;
}
