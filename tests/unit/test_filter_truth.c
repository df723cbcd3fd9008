/* test_filter_truth.c: every operator against every kind of stored value.
 *
 * The tables are written from the definition of the language (docs/filters.md), not
 * from what the code says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "filter/filter.h"

static vdbi_memory memory;
static vdb_error error;

static const char *message(void)
{
    vdbi_error_save(&error);
    return error.message;
}

static vdb_filter *parse(const char *json)
{
    vdb_filter *filter = NULL;
    if (vdbi_filter_parse(&memory, json, strlen(json), &filter))
        fail_msg("%s: %s", json, message());
    return filter;
}

static int passes(const vdb_filter *filter, const char *id, const char *metadata)
{
    int holds = -1;
    vdb_status st = vdbi_filter_test(filter, &memory, id, strlen(id), metadata,
                                     metadata ? strlen(metadata) : 0, &holds);
    if (st)
        fail_msg("%s: %s", metadata ? metadata : "(none)", message());
    return holds;
}

/* What is stored, each under a letter. */
static const struct stored {
    char letter;
    const char *metadata;
} stored[] = {
    {'x', NULL},
    {'m', "{\"other\":3}"},
    {'n', "{\"f\":null}"},
    {'f', "{\"f\":false}"},
    {'t', "{\"f\":true}"},
    {'i', "{\"f\":3}"},
    {'r', "{\"f\":3.0}"},
    {'j', "{\"f\":1}"},
    {'z', "{\"f\":0}"},
    {'h', "{\"f\":2.5}"},
    {'s', "{\"f\":\"abc\"}"},
    {'p', "{\"f\":\"ab\"}"},
    {'e', "{\"f\":\"\"}"},
    {'q', "{\"f\":\"1\"}"},
    {'o', "{\"f\":{}}"},
    {'O', "{\"f\":{\"g\":3}}"},
    {'a', "{\"f\":[]}"},
    {'A', "{\"f\":[3,\"abc\",null]}"},
    {'B', "{\"f\":[true,2.5]}"},
    {'N', "{\"f\":[[3],[\"abc\"],{\"f\":3}]}"},
};

/* A filter and the letters of what passes; "!..." all but those. */
typedef struct row {
    const char *filter;
    const char *passing;
} row;

static void check(const row *rows, size_t count)
{
    for (size_t r = 0; r < count; r++) {
        vdb_filter *filter = parse(rows[r].filter);
        const char *letters = rows[r].passing;
        int all_but = letters[0] == '!';
        for (size_t i = 0; i < sizeof stored / sizeof *stored; i++) {
            int wanted =
                (strchr(letters + all_but, stored[i].letter) != NULL) != all_but;
            int got = passes(filter, "id", stored[i].metadata);
            if (got != wanted)
                fail_msg("%s on %s: %d", rows[r].filter,
                         stored[i].metadata ? stored[i].metadata : "nothing", got);
        }
        vdbi_filter_free(filter);
    }
}
#define CHECK(rows) check(rows, sizeof rows / sizeof *rows)

#define F(op, value) "{\"op\":\"" op "\",\"field\":\"f\",\"value\":" value "}"
#define IN(values)   "{\"op\":\"in\",\"field\":\"f\",\"values\":[" values "]}"

static void equality(void **state)
{
    (void)state;
    static const row rows[] = {
        {F("eq", "null"), "nA"},  {F("eq", "false"), "f"},    {F("eq", "true"), "tB"},
        {F("eq", "3"), "irA"},    {F("eq", "3.0"), "irA"},    {F("eq", "1"), "j"},
        {F("eq", "1.0"), "j"},    {F("eq", "0"), "z"},        {F("eq", "-0.0"), "z"},
        {F("eq", "2.5"), "hB"},   {F("eq", "\"abc\""), "sA"}, {F("eq", "\"ab\""), "p"},
        {F("eq", "\"\""), "e"},   {F("eq", "\"1\""), "q"},    {F("eq", "\"abcd\""), ""},
        {F("eq", "\"ABC\""), ""}, {F("eq", "\"3\""), ""},     {F("eq", "4"), ""},
    };
    CHECK(rows);
}

static void ne_is_exactly_the_negation_of_eq(void **state)
{
    (void)state;
    static const row rows[] = {
        {F("ne", "null"), "!nA"},     {F("ne", "false"), "!f"},
        {F("ne", "true"), "!tB"},     {F("ne", "3"), "!irA"},
        {F("ne", "3.0"), "!irA"},     {F("ne", "1"), "!j"},
        {F("ne", "2.5"), "!hB"},      {F("ne", "\"abc\""), "!sA"},
        {F("ne", "\"\""), "!e"},      {F("ne", "\"1\""), "!q"},
        {F("ne", "\"nobody\""), "!"}, {F("ne", "4"), "!"},
    };
    CHECK(rows);
}

static void exists_is_there_and_not_null(void **state)
{
    (void)state;
    static const row rows[] = {
        {"{\"op\":\"exists\",\"field\":\"f\"}", "!xmn"},
        {"{\"op\":\"exists\",\"field\":\"f.g\"}", "O"},
        {"{\"op\":\"exists\",\"field\":\"other\"}", "m"},
        {"{\"op\":\"exists\",\"field\":\"\"}", ""},
    };
    CHECK(rows);
}

static void in_is_an_or_of_eq(void **state)
{
    (void)state;
    static const row rows[] = {
        {IN(""), ""},
        {IN("3"), "irA"},
        {IN("null"), "nA"},
        {IN("null,null"), "nA"},
        {IN("true,1,\"1\""), "tjqB"},
        {IN("3,3.0,2.5,\"\",\"ab\",false"), "irAhBepf"},
        {IN("\"abc\",null,0,true,2,\"x\",\"y\",\"z\",7,8.5"), "sAnztB"},
    };
    CHECK(rows);
}

static void comparisons_keep_to_their_type(void **state)
{
    (void)state;
    static const row rows[] = {
        {F("lt", "3"), "jzhB"},      {F("lte", "3"), "irjzhAB"},
        {F("gt", "2.5"), "irA"},     {F("gte", "2.5"), "irhAB"},
        {F("lt", "0"), ""},          {F("gt", "3.0"), ""},
        {F("gte", "3.0"), "irA"},    {F("lte", "0"), "z"},
        {F("lt", "\"abc\""), "peq"}, {F("lte", "\"abc\""), "speqA"},
        {F("gt", "\"ab\""), "sA"},   {F("gte", "\"ab\""), "spA"},
        {F("lt", "\"\""), ""},       {F("lte", "\"\""), "e"},
        {F("gte", "\"\""), "speqA"}, {F("gt", "\"\""), "spqA"},
        {F("lt", "null"), ""},       {F("lte", "null"), ""},
        {F("gt", "null"), ""},       {F("gte", "null"), ""},
        {F("lt", "true"), ""},       {F("lte", "true"), ""},
        {F("gt", "false"), ""},      {F("gte", "false"), ""},
    };
    CHECK(rows);
}

static void prefixes_are_of_strings(void **state)
{
    (void)state;
    static const row rows[] = {
        {F("prefix", "\"\""), "speqA"}, {F("prefix", "\"a\""), "spA"},
        {F("prefix", "\"ab\""), "spA"}, {F("prefix", "\"abc\""), "sA"},
        {F("prefix", "\"abcd\""), ""},  {F("prefix", "\"1\""), "q"},
        {F("prefix", "\"b\""), ""},     {F("prefix", "1"), ""},
        {F("prefix", "null"), ""},      {F("prefix", "true"), ""},
    };
    CHECK(rows);
}

static void contains_asks_arrays_only(void **state)
{
    (void)state;
    static const row rows[] = {
        {F("contains", "3"), "A"},       {F("contains", "3.0"), "A"},
        {F("contains", "\"abc\""), "A"}, {F("contains", "null"), "A"},
        {F("contains", "true"), "B"},    {F("contains", "2.5"), "B"},
        {F("contains", "1"), ""},        {F("contains", "\"ab\""), ""},
        {F("contains", "\"\""), ""},     {F("contains", "false"), ""},
    };
    CHECK(rows);
}

#define YES    "{\"op\":\"and\",\"filters\":[]}"
#define NO     "{\"op\":\"or\",\"filters\":[]}"
#define AND(a) "{\"op\":\"and\",\"filters\":[" a "]}"
#define OR(a)  "{\"op\":\"or\",\"filters\":[" a "]}"
#define NOT(a) "{\"op\":\"not\",\"filter\":" a "}"

static void combinations(void **state)
{
    (void)state;
    static const row rows[] = {
        {YES, "!"},
        {NO, ""},
        {NOT(YES), ""},
        {NOT(NO), "!"},
        {AND(YES), "!"},
        {OR(NO "," NO "," YES), "!"},
        {AND(YES "," YES "," NO), ""},
        {AND(NO "," YES "," YES), ""},
        {OR(YES "," NO), "!"},
        {AND(F("gt", "1")), "irhAB"},
        {AND(F("gt", "1") "," F("lt", "3")), "hB"},
        {AND(F("lt", "3") "," F("gt", "1") "," F("ne", "true")), "h"},
        {OR(F("eq", "3") "," F("eq", "\"ab\"") "," F("eq", "null")), "irApn"},
        {NOT(F("eq", "3")), "!irA"},
        {NOT(NOT(F("eq", "3"))), "irA"},
        {NOT(F("lt", "3")), "!jzhB"},
        {NOT(OR(F("eq", "3") "," NOT(F("eq", "null")))), "n"},
        {AND(OR(F("eq", "3") "," F("eq", "1")) "," NOT(F("contains", "3"))), "irj"},
        {OR(AND(F("eq", "3") "," NO) "," AND(F("eq", "1") "," YES)), "j"},
    };
    CHECK(rows);
}

/* Stored number, the filter's number, and how the first compares with the second. */
static void numbers_compare_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *stored, *value;
        int order;
    } rows[] = {
        {"3", "3.0", 0},
        {"-1", "1", -1},
        {"2", "2.5", -1},
        {"3", "2.5", 1},
        {"-2", "-2.5", 1},
        {"-3", "-2.5", -1},
        {"0", "-0.0", 0},
        {"0", "5e-324", -1},
        {"0", "-5e-324", 1},
        {"0.0", "-5e-324", 1},
        {"5e-324", "5e-324", 0},
        {"9007199254740993", "9007199254740992", 1},
        {"9007199254740993", "9007199254740992.0", 1},
        {"9007199254740991", "9007199254740992.0", -1},
        {"9007199254740992", "9007199254740992.0", 0},
        {"9007199254740993", "9007199254740994.0", -1},
        {"-9007199254740993", "-9007199254740992.0", -1},
        {"9223372036854775807", "9223372036854775807", 0},
        {"9223372036854775806", "9223372036854775807", -1},
        {"9223372036854775807", "9223372036854775808.0", -1},
        {"9223372036854775807", "9223372036854774784.0", 1},
        {"-9223372036854775808", "-9223372036854775808.0", 0},
        {"-9223372036854775807", "-9223372036854775808.0", 1},
        {"-9223372036854775808", "-9223372036854777856.0", 1},
        {"-9223372036854775808", "-9223372036854775808", 0},
        {"9223372036854775807", "1.7976931348623157e308", -1},
        {"-9223372036854775808", "-1.7976931348623157e308", 1},
        {"1.7976931348623157e308", "1.7976931348623157e308", 0},
        {"0.1", "0.1", 0},
        {"0.30000000000000004", "0.3", 1},
    };
    static const struct {
        const char *op;
        int below, same, above;
    } ops[] = {{"eq", 0, 1, 0},  {"ne", 1, 0, 1}, {"lt", 1, 0, 0},
               {"lte", 1, 1, 0}, {"gt", 0, 0, 1}, {"gte", 0, 1, 1}};
    char json[256], metadata[128];
    for (size_t r = 0; r < 2 * (sizeof rows / sizeof *rows); r++) {
        int swapped = (int)(r % 2);
        const char *left = swapped ? rows[r / 2].value : rows[r / 2].stored;
        const char *right = swapped ? rows[r / 2].stored : rows[r / 2].value;
        int order = swapped ? -rows[r / 2].order : rows[r / 2].order;
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
            snprintf(json, sizeof json, "{\"op\":\"%s\",\"field\":\"f\",\"value\":%s}",
                     ops[i].op, right);
            snprintf(metadata, sizeof metadata, "{\"f\":%s}", left);
            vdb_filter *filter = parse(json);
            int wanted = order < 0   ? ops[i].below
                         : order > 0 ? ops[i].above
                                     : ops[i].same;
            if (passes(filter, "id", metadata) != wanted)
                fail_msg("%s %s %s: not %d", left, ops[i].op, right, wanted);
            vdbi_filter_free(filter);
        }
    }
}

static void strings_compare_by_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *metadata;
        int passes;
    } rows[] = {
        /* e-acute above z, whatever the language */
        {F("gt", "\"z\""), "{\"f\":\"\\u00e9\"}", 1},
        {F("gt", "\"Z\""), "{\"f\":\"a\"}", 1},
        /* U+10000 is above U+FFFD by bytes (not so in UTF-16) */
        {F("gt", "\"\\ufffd\""), "{\"f\":\"\\ud800\\udc00\"}", 1},
        /* composed and decomposed are different strings */
        {F("eq", "\"\\u00e9\""), "{\"f\":\"e\\u0301\"}", 0},
        {F("eq", "\"\\u00e9\""), "{\"f\":\"\xc3\xa9\"}", 1},
        {F("prefix", "\"e\""), "{\"f\":\"e\\u0301\"}", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        vdb_filter *filter = parse(rows[i].filter);
        if (passes(filter, "id", rows[i].metadata) != rows[i].passes)
            fail_msg("%s on %s", rows[i].filter, rows[i].metadata);
        vdbi_filter_free(filter);
    }
}

static void fields_are_paths(void **state)
{
    (void)state;
    static const struct {
        const char *field, *metadata;
        int passes; /* eq 1 */
    } rows[] = {
        {"a.b", "{\"a\":{\"b\":1}}", 1},
        {"a.b", "{\"a.b\":1}", 1},
        {"a.b", "{\"a.b\":2,\"a\":{\"b\":1}}", 0},
        {"a.b", "{\"a.b\":1,\"a\":{\"b\":2}}", 1},
        {"a.b", "{\"a\":[{\"b\":1}]}", 0},
        {"a.0", "{\"a\":[1]}", 0},
        {"a", "{\"a\":{\"b\":1}}", 0},
        {"", "{\"\":1}", 1},
        {"a.", "{\"a\":{\"\":1}}", 1},
        {"A", "{\"a\":1}", 0},
    };
    char json[128];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(json, sizeof json, "{\"op\":\"eq\",\"field\":\"%s\",\"value\":1}",
                 rows[i].field);
        vdb_filter *filter = parse(json);
        if (passes(filter, "id", rows[i].metadata) != rows[i].passes)
            fail_msg("%s on %s", rows[i].field, rows[i].metadata);
        vdbi_filter_free(filter);
    }
}

static void ids_are_tested_by_name(void **state)
{
    (void)state;
    vdb_filter *filter = parse("{\"op\":\"id_in\",\"ids\":[\"c\",\"a\",\"bb\",\"a\"]}");
    static const struct {
        const char *id;
        int passes;
    } rows[] = {{"a", 1}, {"b", 0}, {"bb", 1}, {"bbb", 0},
                {"c", 1}, {"d", 0}, {"A", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(passes(filter, rows[i].id, NULL), rows[i].passes);
        assert_int_equal(passes(filter, rows[i].id, "{\"id\":\"a\"}"), rows[i].passes);
    }
    vdbi_filter_free(filter);
    filter = parse("{\"op\":\"id_in\",\"ids\":[]}");
    assert_int_equal(passes(filter, "a", NULL), 0);
    vdbi_filter_free(filter);
    filter = parse(AND("{\"op\":\"id_in\",\"ids\":[\"a\"]}," F("eq", "3")));
    assert_int_equal(passes(filter, "a", "{\"f\":3}"), 1);
    assert_int_equal(passes(filter, "b", "{\"f\":3}"), 0);
    assert_int_equal(passes(filter, "a", "{\"f\":4}"), 0);
    vdbi_filter_free(filter);
}

static void broken_metadata_is_an_error_and_no_answer(void **state)
{
    (void)state;
    vdb_filter *filter = parse(F("ne", "3"));
    int holds = 1;
    assert_int_equal(vdbi_filter_test(filter, &memory, "a", 1, "{\"f\":", 5, &holds),
                     VDB_INVALID);
    assert_int_equal(holds, 0);
    vdbi_filter_free(filter);
}

static int nothing_is_left(void **state)
{
    (void)state;
    return memory.bytes != 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, nothing_is_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equality),
        TEST(ne_is_exactly_the_negation_of_eq),
        TEST(exists_is_there_and_not_null),
        TEST(in_is_an_or_of_eq),
        TEST(comparisons_keep_to_their_type),
        TEST(prefixes_are_of_strings),
        TEST(contains_asks_arrays_only),
        TEST(combinations),
        TEST(numbers_compare_exactly),
        TEST(strings_compare_by_bytes),
        TEST(fields_are_paths),
        TEST(ids_are_tested_by_name),
        TEST(broken_metadata_is_an_error_and_no_answer),
    };
    vdbi_memory_init(&memory, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
