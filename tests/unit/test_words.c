/* test_words.c: bytes and words against what is asked of them, by every instruction set
 * that this machine has, beside one at a time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "every_set.h"
#include "kernel/words.h"

static uint64_t seed = 17;
static uint8_t room[512 + 8];

static uint64_t random_word(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed ^ seed >> 29;
}

static const int64_t ints[] = {INT64_MIN, INT64_MIN + 1, -1000,    -1, 0, 1, 2, 3,
                               1000,      INT64_MAX - 1, INT64_MAX};
static const double reals[] = {-INFINITY, -1e300, -1.5, -0.0,  0.0,
                               5e-324,    1.5,    3,    1e300, INFINITY};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void bytes_that_are_equal(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        uint8_t *at = room + random_word() % 8;
        const uint8_t byte = (uint8_t)(random_word() % 3 * 127);
        uint64_t want = 0;
        for (unsigned i = 0; i < 64; i++) {
            at[i] = (uint8_t)(random_word() % 3 * 127);
            want |= (uint64_t)(at[i] == byte) << i;
        }
        assert_true(vdbi_bytes_equal(at, byte) == want);
    }
}

static void integers_within(void **state)
{
    (void)state;
    for (size_t l = 0; l < COUNT(ints); l++)
        for (size_t h = l; h < COUNT(ints); h++)
            for (int round = 0; round < 30; round++) {
                uint8_t *at = room + random_word() % 8;
                uint64_t want = 0;
                for (unsigned i = 0; i < 64; i++) {
                    const int64_t n = round % 3 ? ints[random_word() % COUNT(ints)]
                                                : (int64_t)random_word();
                    vdbi_put64(at + (size_t)8 * i, (uint64_t)n);
                    want |= (uint64_t)(n >= ints[l] && n <= ints[h]) << i;
                }
                assert_true(vdbi_words_in_ints(at, ints[l], ints[h]) == want);
            }
}

static void reals_within(void **state)
{
    (void)state;
    for (size_t l = 0; l < COUNT(reals); l++)
        for (size_t h = 0; h < COUNT(reals); h++) /* empty intervals too */
            for (int round = 0; round < 30; round++) {
                uint8_t *at = room + random_word() % 8;
                uint64_t want = 0;
                for (unsigned i = 0; i < 64; i++) {
                    const size_t which = random_word() % (COUNT(reals) + 1);
                    const double d = which < COUNT(reals) ? reals[which] : NAN;
                    uint64_t word;
                    memcpy(&word, &d, sizeof word);
                    vdbi_put64(at + (size_t)8 * i, word);
                    want |= (uint64_t)(d >= reals[l] && d <= reals[h]) << i;
                }
                assert_true(vdbi_words_in_reals(at, reals[l], reals[h]) == want);
            }
}

static void shorts_within(void **state)
{
    static const uint16_t ends[] = {0, 1, 255, 256, 32767, 32768, 65534, 65535};
    uint16_t cells[64 * 7 + 3];

    (void)state;
    for (size_t l = 0; l < COUNT(ends); l++)
        for (size_t h = l; h < COUNT(ends); h++)
            for (size_t words = 0; words <= 7; words++) {
                uint16_t *at = cells + random_word() % 4;
                uint64_t bits[8] = {0};
                for (size_t i = 0; i < 64 * words; i++)
                    at[i] = random_word() % 2 ? ends[random_word() % COUNT(ends)]
                                              : (uint16_t)random_word();
                bits[words] = 5; /* is left alone */
                vdbi_shorts_within(at, words, ends[l], ends[h], bits);
                for (size_t i = 0; i < 64 * words; i++)
                    assert_true((bits[i / 64] >> i % 64 & 1) ==
                                (at[i] >= ends[l] && at[i] <= ends[h]));
                assert_int_equal(bits[words], 5);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_equal),
        cmocka_unit_test(integers_within),
        cmocka_unit_test(reals_within),
        cmocka_unit_test(shorts_within),
    };
    int failed;

    RUN_WITH_EVERY_SET(tests, failed);
    return failed;
}
