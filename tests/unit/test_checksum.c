/* test_checksum.c: known values, from the specifications of the two checksums. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/checksum.h"

static void crc32_is_that_of_gzip(void **state)
{
    uint32_t crc;

    (void)state;
    assert_int_equal(vdbi_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(vdbi_crc32(0, "", 0), 0);
    crc = vdbi_crc32(0, "12345", 5);
    assert_int_equal(vdbi_crc32(crc, NULL, 0), crc);
    assert_int_equal(vdbi_crc32(crc, "6789", 4), 0xcbf43926);
}

/* The reference by bits: the polynomial 0xEDB88320, reflected. */
static void crc32_is_the_polynomial(void **state)
{
    unsigned char bytes[300];

    (void)state;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * i * 31 + 7);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        uint32_t crc = 0xffffffff;
        for (size_t i = 0; i < size; i++) {
            crc ^= bytes[i];
            for (int b = 0; b < 8; b++)
                crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
        assert_int_equal(vdbi_crc32(0, bytes, size), crc ^ 0xffffffff);
    }
}

static void hash64_is_xxh3(void **state)
{
    (void)state;
    /* XXH3_64bits of nothing, with seed 0. */
    assert_true(vdbi_hash64("", 0, 0) == 0x2d06800538d394c2);
    assert_true(vdbi_hash64("", 0, 1) != 0x2d06800538d394c2);
}

static void hash64_sees_every_bit_and_the_seed(void **state)
{
    unsigned char bytes[4096] = {1, 2, 3};

    (void)state;
    for (size_t size = 1; size <= sizeof bytes; size = size * 2 + 1) {
        uint64_t hash = vdbi_hash64(bytes, size, 5);
        assert_true(hash == vdbi_hash64(bytes, size, 5));
        assert_true(hash != vdbi_hash64(bytes, size, 6));
        for (size_t i = 0; i < size * 8; i++) {
            bytes[i / 8] ^= (unsigned char)(1 << i % 8);
            assert_true(hash != vdbi_hash64(bytes, size, 5));
            bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32_is_that_of_gzip),
        cmocka_unit_test(crc32_is_the_polynomial),
        cmocka_unit_test(hash64_is_xxh3),
        cmocka_unit_test(hash64_sees_every_bit_and_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
