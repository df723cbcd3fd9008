/* test_flatten.c: which paths a metadata object has, and what is stored under each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_memory.h"
#include "base/error.h"
#include "store/column.h"
#include "store/flatten.h"

static vdbi_memory memory;
static vdb_error error;

static const char *message(void)
{
    vdbi_error_save(&error);
    return error.message;
}

static vdbi_flat *flatten(const char *json)
{
    vdbi_flat *flat = NULL;
    vdb_status st = vdbi_flatten(&memory, json, strlen(json), &flat);
    if (st)
        print_error("%s: %s\n", json, message());
    assert_int_equal(st, VDB_OK);
    return flat;
}

/* One line per field: the path in brackets, the kind, the value. */
static void describe(const vdbi_value *v, char *out, size_t size)
{
    size_t n = 0;
    switch (v->tag) {
    case VDBI_CELL_NULL:
        snprintf(out, size, "null");
        break;
    case VDBI_CELL_FALSE:
        snprintf(out, size, "false");
        break;
    case VDBI_CELL_TRUE:
        snprintf(out, size, "true");
        break;
    case VDBI_CELL_INT:
        snprintf(out, size, "int %lld", (long long)v->integer);
        break;
    case VDBI_CELL_REAL:
        snprintf(out, size, "real %.17g", v->real);
        break;
    case VDBI_CELL_STRING:
        snprintf(out, size, "'%.*s'", (int)v->text_length, v->text);
        break;
    case VDBI_CELL_OBJECT:
        snprintf(out, size, "object");
        break;
    case VDBI_CELL_ARRAY:
        n = (size_t)snprintf(out, size, "array");
        for (size_t i = 0; i < v->element_count; i++) {
            char element[64];
            describe(&v->elements[i], element, sizeof element);
            n += (size_t)snprintf(out + n, size - n, " %s", element);
        }
        break;
    default:
        snprintf(out, size, "tag %d", v->tag);
    }
}

static void expect(const char *json, const char *wanted)
{
    char got[2048] = "";
    vdbi_flat *flat = flatten(json);
    for (size_t i = 0; i < flat->count; i++) {
        const vdbi_flat_field *f = &flat->fields[i];
        char value[512];
        size_t n = strlen(got);
        describe(&f->value, value, sizeof value);
        snprintf(got + n, sizeof got - n, "[%.*s] %s\n", (int)f->path_length, f->path,
                 value);
        assert_ptr_equal(vdbi_flat_find(flat, f->path, f->path_length), &f->value);
    }
    assert_string_equal(got, wanted);
    vdbi_flat_free(&memory, flat);
}

static void every_kind_of_value_is_kept(void **state)
{
    (void)state;
    expect("{}", "");
    expect("{\"n\":null,\"f\":false,\"t\":true,\"i\":-9223372036854775808,\"r\":0.1,"
           "\"s\":\"x\",\"o\":{},\"a\":[]}",
           "[a] array\n[f] false\n[i] int -9223372036854775808\n[n] null\n[o] object\n"
           "[r] real 0.10000000000000001\n[s] 'x'\n[t] true\n");
    expect("{\"i\":9223372036854775807,\"r\":1.0,\"e\":\"\"}",
           "[e] ''\n[i] int 9223372036854775807\n[r] real 1\n");
}

static void paths_join_keys_with_dots(void **state)
{
    (void)state;
    expect("{\"a\":{\"b\":{\"c\":1},\"d\":2},\"e\":3}",
           "[a] object\n[a.b] object\n[a.b.c] int 1\n[a.d] int 2\n[e] int 3\n");
}

static void empty_keys_are_keys(void **state)
{
    (void)state;
    expect("{\"\":1}", "[] int 1\n");
    expect("{\"\":{\"\":2}}", "[] object\n[.] int 2\n");
    expect("{\"a\":{\"\":3}}", "[a] object\n[a.] int 3\n");
    expect("{\"\":{\"a\":4}}", "[] object\n[.a] int 4\n");
    expect("{\"\":{\"\":{\"\":\"x\"}}}", "[] object\n[.] object\n[..] 'x'\n");
}

static void paths_ascend_by_their_bytes(void **state)
{
    (void)state;
    expect("{\"\xc3\xa9\":1,\"z\":2,\"a b\":3,\"a\":{\"b\":4},\"a-\":5,\"A\":6}",
           "[A] int 6\n[a] object\n[a b] int 3\n[a-] int 5\n[a.b] int 4\n[z] int 2\n"
           "[\xc3\xa9] int 1\n");
}

static void a_key_with_a_dot_is_found_first(void **state)
{
    (void)state;
    expect("{\"a.b\":1,\"a\":{\"b\":2}}", "[a] object\n[a.b] int 1\n");
    expect("{\"a\":{\"b\":2},\"a.b\":1}", "[a] object\n[a.b] int 1\n");
    expect("{\"a\":{\"b.c\":1},\"a.b\":{\"c\":2}}",
           "[a] object\n[a.b] object\n[a.b.c] int 2\n");
    expect("{\"a\":{\"b.c\":1,\"b\":{\"c\":2}}}",
           "[a] object\n[a.b] object\n[a.b.c] int 1\n");
    expect("{\"a\":{\"b.c\":1,\"b\":{\"c\":2}},\"a.b\":{\"c\":3},\"a.b.c\":4}",
           "[a] object\n[a.b] object\n[a.b.c] int 4\n");
    /* The first keys are alike, so the second ones decide. */
    expect("{\"a\":{\"b\":{\"c.d\":1},\"b.c\":{\"d\":2}}}",
           "[a] object\n[a.b] object\n[a.b.c] object\n[a.b.c.d] int 2\n");
    expect("{\"\":{\"\":1},\".\":2}", "[] object\n[.] int 2\n");
    expect("{\"\":{\".\":1},\".\":{\"\":2}}", "[] object\n[.] object\n[..] int 2\n");
}

static void a_losing_object_still_gives_its_own_paths(void **state)
{
    (void)state;
    expect("{\"a.b\":1,\"a\":{\"b\":{\"c\":2}}}",
           "[a] object\n[a.b] int 1\n[a.b.c] int 2\n");
}

static void arrays_keep_their_scalars_in_order(void **state)
{
    (void)state;
    expect("{\"a\":[3,\"x\",null,{\"b\":1},[4],true,false,2.5,\"\"]}",
           "[a] array int 3 'x' null true false real 2.5 ''\n");
    expect("{\"a\":[[1],{}],\"b\":[{\"c\":[1]}]}", "[a] array\n[b] array\n");
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    vdbi_flat *flat = flatten("{\"b\":1,\"d\":{\"x\":2}}");
    static const char *const missing[] = {"",   "a",   "b.",    "c",
                                          "d.", "d.w", "d.x.y", "e"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        assert_null(vdbi_flat_find(flat, missing[i], strlen(missing[i])));
    assert_non_null(vdbi_flat_find(flat, "d.xy", 3));
    vdbi_flat_free(&memory, flat);
    flat = flatten("{}");
    assert_null(vdbi_flat_find(flat, "", 0));
    vdbi_flat_free(&memory, flat);
    vdbi_flat_free(&memory, NULL);
}

static void refuse(const char *json, size_t length, const char *says)
{
    vdbi_flat *flat = (vdbi_flat *)&memory;
    assert_int_equal(vdbi_flatten(&memory, json, length, &flat), VDB_INVALID);
    assert_null(flat);
    if (!strstr(message(), says))
        fail_msg("\"%s\" does not say \"%s\"", message(), says);
}

static void what_is_no_object_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"[]", "1", "null", "\"x\"", "true"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse(texts[i], strlen(texts[i]), "not a JSON object");
    static const char *const broken[] = {"",
                                         "{",
                                         "{\"a\":1}x",
                                         "{\"a\":1,\"a\":2}",
                                         "{\"a\":9223372036854775808}",
                                         "{\"a\":1e999}",
                                         "{\"a\":NaN}",
                                         "{\"a\\u0000\":1}",
                                         "{\"a\":\"\\u0000\"}",
                                         "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        refuse(broken[i], strlen(broken[i]), "metadata");
}

static void nested(char *out, int levels)
{
    char *p = out;
    for (int i = 1; i < levels; i++)
        p += sprintf(p, "{\"k\":");
    p += sprintf(p, "{}");
    for (int i = 1; i < levels; i++)
        p += sprintf(p, "}");
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    char text[512];
    nested(text, VDB_METADATA_DEPTH_MAX);
    vdbi_flat *flat = flatten(text);
    assert_int_equal(flat->count, VDB_METADATA_DEPTH_MAX - 1);
    vdbi_flat_free(&memory, flat);
    nested(text, VDB_METADATA_DEPTH_MAX + 1);
    refuse(text, strlen(text), "deeper");

    size_t size = VDB_METADATA_MAX + 1;
    char *large = malloc(size);
    assert_non_null(large);
    memset(large, ' ', size);
    memcpy(large, "{}", 2);
    assert_int_equal(vdbi_flatten(&memory, large, size - 1, &flat), VDB_OK);
    vdbi_flat_free(&memory, flat);
    refuse(large, size, "1048577 bytes");
    free(large);
}

/* A key of half a megabyte above many short ones: paths of gigabytes. */
static void paths_are_bounded_together(void **state)
{
    (void)state;
    enum {
        LONG_KEY = 500000
    };
    char *text = malloc(VDB_METADATA_MAX);
    assert_non_null(text);
    for (int round = 0; round < 2; round++) {
        int keys = round ? 60000 : 130;
        char *p = text;
        p += sprintf(p, "{\"");
        memset(p, 'x', LONG_KEY);
        p += LONG_KEY;
        p += sprintf(p, "\":{");
        for (int i = 0; i < keys; i++)
            p += sprintf(p, "%s\"%x\":0", i ? "," : "", (unsigned)i);
        p += sprintf(p, "}}");
        if (round) {
            refuse(text, (size_t)(p - text), "paths");
        } else {
            vdbi_flat *flat = flatten(text);
            assert_int_equal(flat->count, 131);
            vdbi_flat_free(&memory, flat);
        }
    }
    free(text);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    static const char json[] =
        "{\"a\":{\"b\":[1,\"x\",2],\"c.d\":\"text\"},\"e\":{\"f\":{\"g\":{\"h\":1}}},"
        "\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}";
    vdb_allocator allocator = {sizeof allocator, NULL, failing_allocate,
                               failing_release};
    vdbi_memory failing;
    vdbi_memory_init(&failing, &allocator);
    size_t n = 0;
    for (;; n++) {
        vdbi_flat *flat = NULL;
        allocations_left = n;
        vdb_status st = vdbi_flatten(&failing, json, sizeof json - 1, &flat);
        if (st == VDB_OK) {
            vdbi_flat_free(&failing, flat);
            break;
        }
        assert_int_equal(st, VDB_NOMEM);
        assert_null(flat);
        assert_int_equal(failing.bytes, 0);
    }
    assert_true(n > 3);
    assert_int_equal(failing.bytes, 0);
}

static int nothing_is_left(void **state)
{
    (void)state;
    return memory.bytes != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_kind_of_value_is_kept, nothing_is_left),
        cmocka_unit_test_teardown(paths_join_keys_with_dots, nothing_is_left),
        cmocka_unit_test_teardown(empty_keys_are_keys, nothing_is_left),
        cmocka_unit_test_teardown(paths_ascend_by_their_bytes, nothing_is_left),
        cmocka_unit_test_teardown(a_key_with_a_dot_is_found_first, nothing_is_left),
        cmocka_unit_test_teardown(a_losing_object_still_gives_its_own_paths,
                                  nothing_is_left),
        cmocka_unit_test_teardown(arrays_keep_their_scalars_in_order, nothing_is_left),
        cmocka_unit_test_teardown(what_is_not_there_is_not_found, nothing_is_left),
        cmocka_unit_test_teardown(what_is_no_object_is_refused, nothing_is_left),
        cmocka_unit_test_teardown(depth_and_size_are_bounded, nothing_is_left),
        cmocka_unit_test_teardown(paths_are_bounded_together, nothing_is_left),
        cmocka_unit_test_teardown(every_failing_allocation_is_reported,
                                  nothing_is_left),
    };
    vdbi_memory_init(&memory, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
