/* test_filter_parse.c: what a filter may be, and where a refusal says it is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "failing_memory.h"
#include "base/error.h"
#include "filter/filter.h"

static vdbi_memory memory;
static vdb_error error;

static const char *message(void)
{
    vdbi_error_save(&error);
    return error.message;
}

static void accept_text(const char *json, size_t length)
{
    vdb_filter *filter = NULL;
    if (vdbi_filter_parse(&memory, json, length, &filter))
        fail_msg("%.200s: %s", json, message());
    assert_non_null(filter);
    vdbi_filter_free(filter);
    assert_int_equal(memory.bytes, 0);
}

static void accept_filter(const char *json)
{
    accept_text(json, strlen(json));
}

static void refuse_text(const char *json, size_t length, const char *says)
{
    vdb_filter *filter = (vdb_filter *)&memory;
    vdb_status st = vdbi_filter_parse(&memory, json, length, &filter);
    if (st != VDB_INVALID)
        fail_msg("%.200s: status %d", json, st);
    assert_null(filter);
    assert_int_equal(memory.bytes, 0);
    if (!strstr(message(), says))
        fail_msg("%.200s: \"%s\" does not say \"%s\"", json, message(), says);
}

static void refuse(const char *json, const char *says)
{
    refuse_text(json, strlen(json), says);
}

static void every_operator_is_accepted(void **state)
{
    (void)state;
    static const char *const with_value[] = {"eq", "ne",  "lt",     "lte",
                                             "gt", "gte", "prefix", "contains"};
    static const char *const values[] = {
        "null",  "true", "false", "0", "-9223372036854775808", "9223372036854775807",
        "1e308", "\"\"", "\"x\""};
    char json[160];
    for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++)
        for (size_t j = 0; j < sizeof values / sizeof *values; j++) {
            snprintf(json, sizeof json, "{\"op\":\"%s\",\"field\":\"f\",\"value\":%s}",
                     with_value[i], values[j]);
            accept_filter(json);
        }
    accept_filter("{\"op\":\"exists\",\"field\":\"\"}");
    accept_filter("{\"field\":\"a.b\",\"op\":\"in\",\"values\":[]}");
    accept_filter("{\"op\":\"in\",\"field\":\"f\",\"values\":[1,1.0,null,true,\"x\"]}");
    accept_filter("{\"op\":\"id_in\",\"ids\":[]}");
    accept_filter("{\"op\":\"id_in\",\"ids\":[\"a\",\"a\"]}");
    accept_filter("{\"op\":\"and\",\"filters\":[]}");
    accept_filter("{\"op\":\"not\",\"filter\":{\"op\":\"or\",\"filters\":[]}}");
    vdbi_filter_free(NULL);
}

static void text_that_is_not_json_is_refused_with_its_byte(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "{\"op\":\"exists\",\"field\":\"f\"}x",
        "{\"op\":\"exists\",\"field\":\"f\",\"field\":\"f\"}",
        "{\"op\":\"eq\",\"field\":\"f\",\"value\":9223372036854775808}",
        "{\"op\":\"eq\",\"field\":\"f\",\"value\":-9223372036854775809}",
        "{\"op\":\"eq\",\"field\":\"f\",\"value\":1e999}",
        "{\"op\":\"eq\",\"field\":\"f\",\"value\":NaN}",
        "{\"op\":\"eq\",\"field\":\"f\",\"value\":\"\\u0000\"}",
        "{\"op\":\"eq\",\"field\":\"f\",\"value\":\"\xff\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        refuse(texts[i], "filter: at byte");
}

static void what_is_no_filter_is_refused(void **state)
{
    (void)state;
    refuse("null", "filter: must be an object");
    refuse("[]", "filter: must be an object");
    refuse("1", "filter: must be an object");
    refuse("{}", "filter: the member \"op\" is missing");
    refuse("{\"field\":\"f\",\"value\":1}", "filter: the member \"op\" is missing");
    refuse("{\"op\":null}", "filter.op: must be a string");
    refuse("{\"op\":1}", "filter.op: must be a string");
    refuse("{\"op\":\"\"}", "filter.op: unknown op \"\"");
    refuse("{\"op\":\"EQ\",\"field\":\"f\",\"value\":1}",
           "filter.op: unknown op \"EQ\"");
    refuse("{\"op\":\"xor\",\"filters\":[]}", "filter.op: unknown op \"xor\"");
    refuse("{\"op\":\"a\\nb\"}", "unknown op \"a?b\"");
    refuse("{\"op\":\"0123456789012345678901234567890123456789xyz\"}",
           "\"0123456789012345678901234567890123456789...\"");
    /* Cut before the character that would not fit, not within it. */
    refuse("{\"op\":\"012345678901234567890123456789012345678\xc3\xa9xyz\"}",
           "\"012345678901234567890123456789012345678...\"");
}

static void members_are_exactly_those_of_the_operator(void **state)
{
    (void)state;
    refuse("{\"op\":\"eq\",\"field\":\"f\"}", "filter: op \"eq\" needs the member "
                                              "\"value\"");
    refuse("{\"op\":\"lt\",\"value\":1}",
           "filter: op \"lt\" needs the member \"field\"");
    refuse("{\"op\":\"in\",\"field\":\"f\"}", "needs the member \"values\"");
    refuse("{\"op\":\"in\",\"values\":[]}", "needs the member \"field\"");
    refuse("{\"op\":\"exists\"}", "needs the member \"field\"");
    refuse("{\"op\":\"id_in\"}", "needs the member \"ids\"");
    refuse("{\"op\":\"and\"}", "needs the member \"filters\"");
    refuse("{\"op\":\"or\"}", "needs the member \"filters\"");
    refuse("{\"op\":\"not\"}", "needs the member \"filter\"");
    refuse("{\"op\":\"exists\",\"field\":\"f\",\"value\":1}",
           "filter: op \"exists\" has no member \"value\"");
    refuse("{\"op\":\"eq\",\"field\":\"f\",\"value\":1,\"values\":[]}",
           "op \"eq\" has no member \"values\"");
    refuse("{\"op\":\"in\",\"field\":\"f\",\"values\":[],\"value\":1}",
           "op \"in\" has no member \"value\"");
    refuse("{\"op\":\"and\",\"filters\":[],\"filter\":{}}",
           "op \"and\" has no member \"filter\"");
    refuse("{\"op\":\"not\",\"filter\":{},\"filters\":[]}",
           "op \"not\" has no member \"filters\"");
    refuse("{\"op\":\"eq\",\"field\":\"f\",\"value\":1,\"boost\":2}",
           "op \"eq\" has no member \"boost\"");
    refuse("{\"op\":\"eq\",\"field\":\"f\",\"value\":1,\"\":2}",
           "op \"eq\" has no member \"\"");
}

static void members_have_their_types(void **state)
{
    (void)state;
    refuse("{\"op\":\"eq\",\"field\":1,\"value\":1}", "filter.field: must be a string");
    refuse("{\"op\":\"exists\",\"field\":null}", "filter.field: must be a string");
    refuse("{\"op\":\"eq\",\"field\":\"f\",\"value\":[]}", "filter.value: must be");
    refuse("{\"op\":\"lt\",\"field\":\"f\",\"value\":{}}", "filter.value: must be");
    refuse("{\"op\":\"contains\",\"field\":\"f\",\"value\":[1]}",
           "filter.value: must be");
    refuse("{\"op\":\"in\",\"field\":\"f\",\"values\":1}",
           "filter.values: must be an array");
    refuse("{\"op\":\"in\",\"field\":\"f\",\"values\":[1,2,[3]]}",
           "filter.values[2]: ");
    refuse("{\"op\":\"in\",\"field\":\"f\",\"values\":[{}]}", "filter.values[0]: ");
    refuse("{\"op\":\"id_in\",\"ids\":\"a\"}", "filter.ids: must be an array");
    refuse("{\"op\":\"id_in\",\"ids\":[\"a\",1]}", "filter.ids[1]: must be a string");
    refuse("{\"op\":\"and\",\"filters\":{}}", "filter.filters: must be an array");
    refuse("{\"op\":\"or\",\"filters\":null}", "filter.filters: must be an array");
    refuse("{\"op\":\"not\",\"filter\":[]}", "filter.filter: must be an object");
    refuse("{\"op\":\"and\",\"filters\":[1]}", "filter.filters[0]: must be an object");
}

static void ids_have_1_to_1024_bytes(void **state)
{
    (void)state;
    char json[1200], id[VDB_ID_MAX + 2];
    memset(id, 'x', sizeof id);
    id[VDB_ID_MAX] = '\0';
    snprintf(json, sizeof json, "{\"op\":\"id_in\",\"ids\":[\"%s\"]}", id);
    accept_filter(json);
    id[VDB_ID_MAX] = 'x';
    id[VDB_ID_MAX + 1] = '\0';
    snprintf(json, sizeof json, "{\"op\":\"id_in\",\"ids\":[\"%s\"]}", id);
    refuse(json, "filter.ids[0]: ");
    refuse("{\"op\":\"id_in\",\"ids\":[\"a\",\"b\",\"\"]}", "filter.ids[2]: ");
}

static void places_lead_through_the_tree(void **state)
{
    (void)state;
#define OK "{\"op\":\"exists\",\"field\":\"f\"}"
    refuse("{\"op\":\"and\",\"filters\":[" OK "," OK
           ",{\"op\":\"eq\",\"field\":\"f\",\"value\":[]}," OK "]}",
           "filter.filters[2].value: must be");
    refuse("{\"op\":\"or\",\"filters\":[" OK
           ",{\"op\":\"not\",\"filter\":{\"op\":\"and\""
           ",\"filters\":[" OK "," OK "," OK ",{\"op\":\"nor\"}]}}]}",
           "filter.filters[1].filter.filters[3].op: unknown op \"nor\"");
    /* After a finished subtree the place is the parent's again. */
    refuse("{\"op\":\"or\",\"filters\":[{\"op\":\"and\",\"filters\":[" OK "," OK
           "]},{\"op\":\"not\",\"filter\":" OK "},{\"op\":\"and\",\"filters\":[]},{}]}",
           "filter.filters[3]: the member");
    refuse("{\"op\":\"not\",\"filter\":{\"op\":\"not\",\"filter\":7}}",
           "filter.filter.filter: must be an object");
}

/* `levels` filters one in the other, the innermost `and []`. */
static char *chain(const char *open, const char *close, size_t levels)
{
    static const char last[] = "{\"op\":\"and\",\"filters\":[]}";
    char *text = malloc((strlen(open) + strlen(close)) * levels + sizeof last);
    assert_non_null(text);
    char *p = text;
    for (size_t i = 1; i < levels; i++)
        p = stpcpy(p, open);
    p = stpcpy(p, last);
    for (size_t i = 1; i < levels; i++)
        p = stpcpy(p, close);
    return text;
}

static void a_filter_has_at_most_32_levels(void **state)
{
    (void)state;
    static const struct {
        const char *open, *close;
    } kinds[] = {{"{\"op\":\"and\",\"filters\":[", "]}"},
                 {"{\"op\":\"or\",\"filters\":[" OK ",", "]}"},
                 {"{\"op\":\"or\",\"filters\":[" OK "," OK ",", "," OK "]}"},
                 {"{\"op\":\"not\",\"filter\":", "}"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char *text = chain(kinds[i].open, kinds[i].close, VDB_FILTER_DEPTH_MAX);
        accept_filter(text);
        free(text);
        text = chain(kinds[i].open, kinds[i].close, VDB_FILTER_DEPTH_MAX + 1);
        refuse(text, "deeper than 32 levels");
        assert_non_null(strstr(message(), "filter."));
        free(text);
    }
}

static void a_leaf_on_the_last_level_may_have_a_list(void **state)
{
    (void)state;
    char *text = chain("{\"op\":\"and\",\"filters\":[", "]}", VDB_FILTER_DEPTH_MAX);
    static const char leaf[] = "{\"op\":\"in\",\"field\":\"f\",\"values\":[1]}";
    const char *inner = strstr(text, "{\"op\":\"and\",\"filters\":[]}");
    char *whole = malloc(strlen(text) + sizeof leaf);
    assert_non_null(whole);
    sprintf(whole, "%.*s%s%s", (int)(inner - text), text, leaf,
            inner + strlen("{\"op\":\"and\",\"filters\":[]}"));
    accept_filter(whole);
    free(whole);
    free(text);
}

static void long_places_are_shortened(void **state)
{
    (void)state;
    char *text = chain("{\"op\":\"and\",\"filters\":[", "]}", 30);
    char *inner = strstr(text, "{\"op\":\"and\",\"filters\":[]}");
    memcpy(inner, "{\"op\":\"and\",\"filters\":7 }", 25);
    refuse(text, "filter.filters[0].filters[0]");
    assert_non_null(strstr(message(), "...."));
    assert_non_null(strstr(message(), ".filters[0].filters: must be an array"));
    free(text);
}

static char *wide(size_t count)
{
    char *text = malloc(64 + count * sizeof OK);
    assert_non_null(text);
    char *p = stpcpy(text, "{\"op\":\"or\",\"filters\":[");
    for (size_t i = 0; i < count; i++)
        p = stpcpy(stpcpy(p, i ? "," : ""), OK);
    strcpy(p, "]}");
    return text;
}

static void a_filter_has_at_most_4096_nodes(void **state)
{
    (void)state;
    char *text = wide(VDB_FILTER_NODES_MAX - 1);
    accept_filter(text);
    free(text);
    text = wide(VDB_FILTER_NODES_MAX);
    refuse(text, "filter.filters[4095]: more than 4096 filters");
    free(text);
}

static void endless_nesting_is_refused_cheaply(void **state)
{
    (void)state;
    enum {
        LEVELS = 1000000
    };
    static const char *const opens[] = {
        "[", "{\"op\":\"not\",\"filter\":", "{\"op\":\"and\",\"filters\":["};
    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++) {
        size_t n = strlen(opens[i]);
        char *text = malloc(n * LEVELS);
        assert_non_null(text);
        for (size_t j = 0; j < LEVELS; j++)
            memcpy(text + n * j, opens[i], n);
        clock_t start = clock();
        refuse_text(text, n * LEVELS, "deeper");
        assert_true(clock() - start < CLOCKS_PER_SEC / 10);
        free(text);
    }
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    static const char json[] =
        "{\"op\":\"and\",\"filters\":[" OK
        ",{\"op\":\"in\",\"field\":\"f\",\"values\":["
        "3,\"x\",1]},{\"op\":\"or\",\"filters\":[{\"op\":\"id_in\",\"ids\":[\"a\"]}," OK
        "]},{\"op\":\"not\",\"filter\":" OK "}," OK "," OK "," OK "," OK "," OK "]}";
    vdb_allocator allocator = {sizeof allocator, NULL, failing_allocate,
                               failing_release};
    vdbi_memory failing;
    vdbi_memory_init(&failing, &allocator);
    for (size_t n = 0;; n++) {
        vdb_filter *filter = NULL;
        allocations_left = n;
        vdb_status st = vdbi_filter_parse(&failing, json, sizeof json - 1, &filter);
        vdbi_filter_free(filter);
        assert_int_equal(failing.bytes, 0);
        if (st == VDB_OK) {
            assert_true(n > 8);
            break;
        }
        assert_int_equal(st, VDB_NOMEM);
        assert_null(filter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_is_accepted),
        cmocka_unit_test(text_that_is_not_json_is_refused_with_its_byte),
        cmocka_unit_test(what_is_no_filter_is_refused),
        cmocka_unit_test(members_are_exactly_those_of_the_operator),
        cmocka_unit_test(members_have_their_types),
        cmocka_unit_test(ids_have_1_to_1024_bytes),
        cmocka_unit_test(places_lead_through_the_tree),
        cmocka_unit_test(a_filter_has_at_most_32_levels),
        cmocka_unit_test(a_leaf_on_the_last_level_may_have_a_list),
        cmocka_unit_test(long_places_are_shortened),
        cmocka_unit_test(a_filter_has_at_most_4096_nodes),
        cmocka_unit_test(endless_nesting_is_refused_cheaply),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    vdbi_memory_init(&memory, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
