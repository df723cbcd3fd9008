/* test_json.c: what is taken for JSON, and for UTF-8. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"

static vdb_error last;

static vdb_status parse_bytes(const char *text, size_t length, unsigned depth)
{
    json_t *json = (json_t *)&last; /* must be overwritten */
    vdb_status status = vdbi_json_parse(text, length, depth, "thing", &json);

    assert_true((status == VDB_OK) == (json != NULL));
    json_decref(json);
    vdbi_error_save(&last);
    if (status)
        assert_int_equal(last.status, status);
    return status;
}

static vdb_status parse(const char *text)
{
    return parse_bytes(text, strlen(text), 32);
}

static void values_are_parsed(void **state)
{
    json_t *json;
    const char *text =
        "{\"a\": [1, 2.5, \"x\", true, null], \"b\": -9223372036854775808}";

    (void)state;
    assert_int_equal(vdbi_json_parse(text, strlen(text), 2, "thing", &json), VDB_OK);
    assert_true(json_is_object(json));
    assert_int_equal(json_array_size(json_object_get(json, "a")), 5);
    assert_true(json_integer_value(json_object_get(json, "b")) == INT64_MIN);
    json_decref(json);
    /* Whatever is not an object is the caller's to refuse, in its own words. */
    assert_int_equal(vdbi_json_parse(" 3 ", 3, 2, "thing", &json), VDB_OK);
    assert_true(json_is_integer(json));
    json_decref(json);
}

static void what_is_not_strict_json_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "01",
        "1.",
        ".5",
        "+1",
        "NaN",
        "Infinity",
        "tru",
        "{} {}",
        "{}x",
        "\"a",
        "\"\\x\"",
        "\"\n\"",
        "// c\n{}",
        "{\"a\":1,\"a\":2}",
        "{\"o\":{\"a\":1,\"b\":1,\"a\":2}}", /* duplicate keys */
        "\"\\u0000\"",
        "{\"\\u0000\":1}", /* NUL */
        "9223372036854775808",
        "-9223372036854775809", /* beyond 64 bits */
        "1e309",
        "-1e999", /* beyond a double */
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\xef\xbb\xbf{}", /* a byte order mark */
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (parse(bad[i]) != VDB_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_true(last.offset >= 0 && last.offset <= (int64_t)strlen(bad[i]));
        assert_true(strncmp(last.message, "thing: at byte ", 15) == 0);
    }
    assert_int_equal(parse_bytes("{}\0", 3, 32), VDB_INVALID);
    assert_int_equal(parse_bytes("[1\0]", 4, 32), VDB_INVALID);
    assert_int_equal(parse_bytes("\"a\0b\"", 5, 32), VDB_INVALID);
    assert_int_equal(parse_bytes("{}garbage behind the length", 2, 32), VDB_OK);
}

/* Text that is cut off or goes on, around the guard that long tokens are given. */
static void long_tokens_are_as_strict(void **state)
{
    static const char *const bad[] = {
        "\"0123456789abcdefghijk\",2",   "\"0123456789abcdefghijk\"]",
        "\"0123456789abcdefghijk\"],[2", "{\"0123456789abcdefghijk\":1",
        "[\"0123456789abcdefghijk\"",    "0123456789012345678",
        "12345678901234567890",          "\"0123456789abcdefghijk",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (parse(bad[i]) != VDB_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_true(last.offset >= 0 && last.offset <= (int64_t)strlen(bad[i]));
    }
    for (size_t length = 2; length < 5000; length += 1 + length / 50) {
        char text[5000];
        json_t *json;
        memset(text, 'y', length);
        text[0] = text[length - 1] = '"';
        assert_int_equal(vdbi_json_parse(text, length, 0, "thing", &json), VDB_OK);
        assert_int_equal(json_string_length(json), length - 2);
        json_decref(json);
    }
}

static void messages_give_byte_and_reason(void **state)
{
    (void)state;
    parse("{\"a\": 1, \"a\": 2}");
    assert_non_null(strstr(last.message, "duplicate"));
    assert_true(last.offset >= 9 && last.offset <= 13);
    parse("[1, 2, x]");
    assert_true(last.offset >= 7 && last.offset <= 8);
    assert_non_null(strstr(last.message, "near 'x'"));
}

static void depth_is_bounded_before_anything_recurses(void **state)
{
    enum {
        DEEP = 3000000
    };
    char *text = malloc(DEEP);
    char prefixed[64];

    (void)state;
    assert_non_null(text);
    memset(text, '[', DEEP);
    for (unsigned limit = 0; limit <= 2000; limit += 250) {
        memset(text, '[', limit);
        memset(text + limit, ']', limit);
        if (limit)
            assert_int_equal(parse_bytes(text, (size_t)limit * 2, limit), VDB_OK);
        memset(text, '[', DEEP);
        assert_int_equal(parse_bytes(text, DEEP, limit), VDB_INVALID);
        assert_int_equal(last.offset, limit);
        snprintf(prefixed, sizeof prefixed, "thing: at byte %u: nested", limit);
        assert_memory_equal(last.message, prefixed, strlen(prefixed));
    }
    free(text);
    assert_int_equal(parse_bytes("{\"a\":[{}]}", 10, 3), VDB_OK);
    assert_int_equal(parse_bytes("{\"a\":[{}]}", 10, 2), VDB_INVALID);
    assert_int_equal(last.offset, 6);
    assert_int_equal(parse_bytes("[[],[],[],{}]", 13, 2), VDB_OK); /* wide, not deep */
    assert_int_equal(parse_bytes("7", 1, 0), VDB_OK);
}

static void brackets_in_strings_do_not_count(void **state)
{
    static const char *const good[] = {
        "[\"[[[[\"]",          "[\"\\\"[[[[\"]",    "[\"\\\\\",\"[\"]",
        "{\"{{{{\":\"]]]]\"}", "[\"a\\\\\\\"[[\"]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(parse_bytes(good[i], strlen(good[i]), 1), VDB_OK);
    assert_int_equal(parse_bytes("[\"\\\\\",[1]]", 10, 1), VDB_INVALID);
    assert_int_equal(last.offset, 6);
    /* Ends within an escape. */
    assert_int_equal(parse_bytes("\"\\", 2, 1), VDB_INVALID);
    /* Surplus closing brackets earn no depth. */
    assert_int_equal(parse_bytes("]]]][[", 6, 1), VDB_INVALID);
    assert_int_equal(last.offset, 5);
}

static int failing;
static int mallocs_left = -1; /* the one after so many fails; -1: none */

static size_t refused_from = SIZE_MAX; /* no block of that size or more is given */

static void *maybe_malloc(size_t size)
{
    if (mallocs_left >= 0 && mallocs_left-- == 0)
        return NULL;
    if (size >= refused_from)
        return NULL;
    return failing ? NULL : malloc(size);
}

/* Fail the n-th allocation, n = 0, 1, ...: never may another value come out. */
static void a_failed_allocation_never_alters_the_value(void **state)
{
    static const char *const texts[] = {
        "{\"a\":\"0123456789abcdefghijk\"}",
        "\"a token of thirty bytes: her\"",
        "{\"a\":12345.678901234567890,\"b\":[true,{}]}",
        "{\"a key that is long enough\":[1234567890123456789, -0.1234567890123456e-3]}",
        "\"a string of some more than sixty-four bytes, for the buffer to grow twice\"",
        "[\"\\u00e9\\n\\u00e9\\n\\u00e9\", \"short\", 1, null]",
    };

    (void)state;
    json_set_alloc_funcs(maybe_malloc, free);
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        const size_t length = strlen(texts[t]);
        json_t *want, *got;
        int failures = 0;
        assert_int_equal(vdbi_json_parse(texts[t], length, 9, "thing", &want), VDB_OK);
        for (int n = 0;; n++) {
            vdb_status status;
            int fired;
            mallocs_left = n;
            status = vdbi_json_parse(texts[t], length, 9, "thing", &got);
            fired = mallocs_left < 0;
            mallocs_left = -1;
            if (status == VDB_OK)
                assert_true(json_equal(got, want));
            else
                assert_int_equal(status, VDB_NOMEM);
            json_decref(got);
            failures += status != VDB_OK;
            if (!fired)
                break;
        }
        assert_true(failures > 1);
        json_decref(want);
    }
    json_set_alloc_funcs(malloc, free);
}

static void a_buffer_that_never_grows_is_noticed(void **state)
{
    static char text[20000];
    int failures = 0, successes = 0;

    (void)state;
    json_set_alloc_funcs(maybe_malloc, free);
    for (size_t length = 3; length < 10000; length += 1 + length / 9) {
        memset(text, 'y', length);
        memcpy(text, "[\"", 2);
        memcpy(text + length, "\"]", 2);
        for (size_t from = 1; from < 100000; from += 1 + from / 20) {
            vdb_status status;
            json_t *json;
            refused_from = from;
            status = vdbi_json_parse(text, length + 2, 9, "thing", &json);
            refused_from = SIZE_MAX;
            failures += status == VDB_NOMEM;
            successes += status == VDB_OK;
            if (status == VDB_OK)
                assert_int_equal(json_string_length(json_array_get(json, 0)),
                                 length - 2);
            else
                assert_int_equal(status, VDB_NOMEM);
            json_decref(json);
        }
    }
    assert_true(failures > 1000 && successes > 1000);
    json_set_alloc_funcs(malloc, free);
}

static void running_out_of_memory_is_told_from_bad_text(void **state)
{
    (void)state;
    json_set_alloc_funcs(maybe_malloc, free);
    failing = 1;
    assert_int_equal(parse("{\"a\": [1, 2]}"), VDB_NOMEM);
    assert_memory_equal(last.message, "thing: ", 7);
    failing = 0;
    assert_int_equal(parse("{\"a\": [1, 2]}"), VDB_OK);
    json_set_alloc_funcs(malloc, free);
}

/* The definition by code points: decode, then refuse what may not be. */
static int utf8_reference(const unsigned char *p, size_t length, size_t *bad)
{
    for (size_t i = 0; i < length;) {
        size_t n = p[i] < 0x80       ? 1
                   : p[i] >> 5 == 6  ? 2
                   : p[i] >> 4 == 14 ? 3
                   : p[i] >> 3 == 30 ? 4
                                     : 0;
        uint32_t c = n == 1 ? p[i] : p[i] & (0x7fu >> n);
        static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
        *bad = i;
        if (n == 0 || i + n > length)
            return VDB_INVALID;
        for (size_t j = 1; j < n; j++) {
            if (p[i + j] >> 6 != 2)
                return VDB_INVALID;
            c = c << 6 | (p[i + j] & 0x3f);
        }
        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return VDB_INVALID;
        i += n;
    }
    return VDB_OK;
}

static void utf8_is_what_the_definition_says(void **state)
{
    static const unsigned char edges[] = {0x00, 0x01, 0x41, 0x7f, 0x80, 0x8f, 0x90,
                                          0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
                                          0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0,
                                          0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff};
    enum {
        N = sizeof edges
    };
    unsigned valid = 0;

    (void)state;
    /* All strings of four such bytes behind one letter, and all their beginnings. */
    for (unsigned i = 0; i < N * N * N * N; i++) {
        const unsigned char text[5] = {'a', edges[i % N], edges[i / N % N],
                                       edges[i / N / N % N], edges[i / N / N / N]};
        for (size_t length = i < N * N * N ? 0 : 5; length <= 5; length++) {
            size_t bad = 99, want_bad = 99;
            int want = utf8_reference(text, length, &want_bad);
            if (vdbi_utf8_valid((const char *)text, length, &bad) != want)
                fail_msg("%02x %02x %02x %02x", text[1], text[2], text[3], text[4]);
            if (want)
                assert_int_equal(bad, want_bad);
            valid += want == VDB_OK;
        }
    }
    assert_true(valid > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_parsed),
        cmocka_unit_test(what_is_not_strict_json_is_refused),
        cmocka_unit_test(long_tokens_are_as_strict),
        cmocka_unit_test(messages_give_byte_and_reason),
        cmocka_unit_test(depth_is_bounded_before_anything_recurses),
        cmocka_unit_test(brackets_in_strings_do_not_count),
        cmocka_unit_test(a_failed_allocation_never_alters_the_value),
        cmocka_unit_test(a_buffer_that_never_grows_is_noticed),
        cmocka_unit_test(running_out_of_memory_is_told_from_bad_text),
        cmocka_unit_test(utf8_is_what_the_definition_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
