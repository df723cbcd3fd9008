/* test_npy.c: vdbtool's parser of .npy heads, and rows read from memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#undef fail /* complain.h has a function of that name */

#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "npy_header.h"
#include "reader.h"

#define fail() _fail(__FILE__, __LINE__) /* as cmocka.h: for fail_msg() */

static unsigned char bytes[70000];

/* A head of that version around a dictionary; how long it is. */
static size_t make_head(unsigned version, const char *dictionary)
{
    size_t length = strlen(dictionary), fixed = version == 1 ? 10 : 12;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)version;
    bytes[8] = (unsigned char)length;
    bytes[9] = (unsigned char)(length >> 8);
    memcpy(bytes + fixed, dictionary, length);
    return fixed + length;
}

static void heads_of_all_versions_are_read(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (7, 3), }     \n",
        "{\"shape\":(7,3,),\"fortran_order\":False,\"descr\":\"<f4\"}",
    };
    for (unsigned version = 1; version <= 3; version++) {
        for (size_t i = 0; i < 2; i++) {
            npy_header head;
            size_t at, length = make_head(version, TEXTS[i]);
            assert_null(npy_header_parse(bytes, length + 100, &head, &at));
            assert_int_equal(head.data_at, length);
            assert_int_equal(head.rows, 7);
            assert_int_equal(head.dim, 3);
            assert_int_equal(head.value_bytes, 4);
            assert_int_equal(head.row_bytes, 12);
            assert_false(head.is_big_endian);
        }
    }
}

static void assert_wrong(const char *dictionary, const char *words)
{
    npy_header head;
    size_t at, length = make_head(1, dictionary);
    const char *wrong = npy_header_parse(bytes, length, &head, &at);
    if (!wrong || !strstr(wrong, words))
        fail_msg("%s: %s, want %s", dictionary, wrong ? wrong : "taken", words);
    assert_in_range(at, 0, length);
}

#define HEAD(descr, order, shape)                                                      \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}"

static void heads_that_lie_are_refused(void **state)
{
    (void)state;
    assert_wrong(HEAD("'<i4'", "False", "(1, 2)"), "float16, float32, float64");
    assert_wrong(HEAD("'|f4'", "False", "(1, 2)"), "float16, float32, float64");
    assert_wrong(HEAD("'<f16'", "False", "(1, 2)"), "float16, float32, float64");
    assert_wrong(HEAD("'|O'", "False", "(1, 2)"), "float16, float32, float64");
    assert_wrong(HEAD("[('a', '<f4')]", "False", "(1, 2)"), "structured");
    assert_wrong(HEAD("'<f4'", "True", "(1, 2)"), "Fortran");
    assert_wrong(HEAD("'<f4'", "0", "(1, 2)"), "fortran_order");
    assert_wrong(HEAD("'<f4'", "False", "()"), "two dimensions");
    assert_wrong(HEAD("'<f4'", "False", "(5,)"), "two dimensions");
    assert_wrong(HEAD("'<f4'", "False", "(1, 2, 3)"), "two dimensions");
    assert_wrong(HEAD("'<f4'", "False", "[1, 2]"), "tuple");
    assert_wrong(HEAD("'<f4'", "False", "(-1, 2)"), "64 bits");
    assert_wrong(HEAD("'<f4'", "False", "(18446744073709551616, 2)"), "64 bits");
    assert_wrong(HEAD("'<f4'", "False", "(18446744073709551615, 2)"), "more bytes");
    assert_wrong(HEAD("'<f4'", "False", "(4611686018427387904, 1)"), "more bytes");
    assert_wrong(HEAD("'<f4'", "False", "(1, 65536)"), "65535");
    assert_wrong(HEAD("'<f4'", "False", "(1, 0)"), "65535");
    assert_wrong(HEAD("'<f4'", "False", "(1, 2)") " 7", "behind");
    assert_wrong("{'descr': '<f4', 'shape': (1, 2)}", "lacks");
    assert_wrong("{'descr': '<f4', 'descr': '<f4'}", "twice");
    assert_wrong("{'color': 'red'}", "unknown");
    assert_wrong("{'descr' '<f4'}", "as numpy writes it");
    assert_wrong("{'descr': '<f4'", "as numpy writes it");
    assert_wrong("{'des\\x63r': '<f4'}", "as numpy writes it");
    assert_wrong("   ", "as numpy writes it");
    assert_wrong("(1, 2)", "as numpy writes it");
    npy_header head;
    size_t at, needed;
    make_head(4, "");
    assert_non_null(strstr(npy_header_size(bytes, 12, &needed), "version"));
    make_head(2, "");
    bytes[11] = 255;
    assert_non_null(strstr(npy_header_size(bytes, 12, &needed), "beyond 65535"));
    assert_non_null(strstr(npy_header_size((const unsigned char *)"NUMPY", 5, &needed),
                           "no .npy file"));
    assert_non_null(
        strstr(npy_header_size((const unsigned char *)"", 0, &needed), "truncated"));
    /* Cut anywhere, it is an error, and no byte beyond is looked at. */
    size_t length = make_head(1, HEAD("'<f4'", "False", "(1, 2)"));
    for (size_t cut = 0; cut < length; cut++) {
        unsigned char *copy = test_malloc(cut + 1);
        memcpy(copy, bytes, cut);
        assert_non_null(npy_header_parse(copy, cut, &head, &at));
        test_free(copy);
    }
    assert_null(npy_header_parse(bytes, length, &head, &at));
}

static void assert_half(unsigned bits, float wanted)
{
    reader *source;
    row next;
    reader_options options = {.format = "npy"};
    size_t length = make_head(1, HEAD("'>f2'", "False", "(1, 1)"));
    bytes[length] = (unsigned char)(bits >> 8);
    bytes[length + 1] = (unsigned char)bits;
    FILE *file = fmemopen(bytes, length + 2, "rb");
    assert_non_null(file);
    assert_int_equal(reader_open_stream(file, "t", length + 2, &options, &source), 0);
    assert_int_equal(reader_measure(source), 0);
    assert_int_equal(reader_next(source, &next), 1);
    assert_memory_equal(next.vector, &wanted, sizeof wanted);
    assert_int_equal(reader_next(source, &next), 0);
    reader_free(source);
}

static void halves_are_exact(void **state)
{
    (void)state;
    assert_half(0x3c00, 1);
    assert_half(0xc000, -2);
    assert_half(0x7bff, 65504);
    assert_half(0x0001, 0x1p-24F);
    assert_half(0x03ff, 0x1.ff8p-15F);
    assert_half(0x0400, 0x1p-14F);
    assert_half(0x8000, -0.0F);
    assert_half(0x7c00, 1.0F / 0.0F);
    assert_half(0x3555, 0x1.554p-2F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_of_all_versions_are_read),
        cmocka_unit_test(heads_that_lie_are_refused),
        cmocka_unit_test(halves_are_exact),
    };
    complain_silently();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
