/* test_filter.c: the truth tables of mission.md, by vdb_count(), cursors and searches,
 * over saved and unsaved records alike; the parser's refusals; limits.
 */
#include "fixture.h"

/* What is stored: one letter per record, so that wants are short. */
static const struct {
    const char *id;
    const char *metadata;
} documents[] = {
    {"a", NULL},
    {"b", "{}"},
    {"c", "{\"f\": null}"},
    {"d", "{\"f\": true}"},
    {"e", "{\"f\": false}"},
    {"f", "{\"f\": 1}"},
    {"g", "{\"f\": 1.0}"},
    {"h", "{\"f\": 0}"},
    {"i", "{\"f\": -0.0}"},
    {"j", "{\"f\": 1.5}"},
    {"k", "{\"f\": \"1\"}"},
    {"l", "{\"f\": \"\"}"},
    {"m", "{\"f\": \"abc\"}"},
    {"n", "{\"f\": \"abd\"}"},
    {"o", "{\"f\": [1, \"abc\", true]}"},
    {"p", "{\"f\": []}"},
    {"q", "{\"f\": {\"g\": 7}}"},
    {"r", "{\"f.g\": 8, \"f\": {\"g\": 7}}"},
    {"s", "{\"f\": 9223372036854775807}"},
    {"t", "{\"f\": 9223372036854775806}"},
    {"u", "{\"f\": [[1], {\"g\": 1}, null]}"},
    {"v", "{\"f\": \"true\"}"},
    {"w", "{\"f\": \"\\u00e9\"}"},
    {"x", "{\"f\": 9007199254740993}"},
    {"y", "{\"f\": 9007199254740992.0}"},
    {"z", "{\"f\": -5, \"h\": {\"i.j\": {\"k\": 1}, \"i\": {\"j.k\": 2}}}"},
};

#define F         "\"field\":\"f\""
#define EQ(v)     "{\"op\":\"eq\"," F ",\"value\":" v "}"
#define OP(op, v) "{\"op\":\"" op "\"," F ",\"value\":" v "}"

static const struct {
    const char *filter;
    const char *want;
} truths[] = {
    /* eq: by value, of the same type, or an element of an array. */
    {EQ("1"), "f g o"},
    {EQ("1.0"), "f g o"},
    {EQ("0"), "h i"},
    {EQ("-0.0"), "h i"},
    {EQ("1.5"), "j"},
    {EQ("\"1\""), "k"},
    {EQ("\"\""), "l"},
    {EQ("\"abc\""), "m o"},
    {EQ("true"), "d o"},
    {EQ("false"), "e"},
    {EQ("\"true\""), "v"},
    {EQ("\"\\u00e9\""), "w"},
    {EQ("\"\xc3\xa9\""), "w"},
    {EQ("9223372036854775807"), "s"},
    {EQ("9223372036854775806"), "t"},
    /* 2^63 as a double is beyond every integer, and 2^53 + 1 is no double. */
    {EQ("9223372036854775808.0"), ""},
    {EQ("9007199254740993"), "x"},
    {EQ("9007199254740992"), "y"},
    {EQ("9007199254740993.0"), "y"}, /* the text is the double 2^53 */
    {EQ("7"), ""},
    /* A missing field: eq false, ne true, exists false. */
    {"{\"op\":\"eq\",\"field\":\"none\",\"value\":1}", ""},
    {"{\"op\":\"eq\",\"field\":\"none\",\"value\":null}", ""},
    {"{\"op\":\"ne\",\"field\":\"none\",\"value\":1}",
     "a b c d e f g h i j k l m n o p q r s t u v w x y z"},
    {"{\"op\":\"exists\",\"field\":\"none\"}", ""},
    {OP("ne", "1"), "a b c d e h i j k l m n p q r s t u v w x y z"},
    {OP("ne", "\"abc\""), "a b c d e f g h i j k l n p q r s t u v w x y z"},
    {"{\"op\":\"exists\"," F "}", "d e f g h i j k l m n o p q r s t u v w x y z"},
    {OP("ne", "null"), "a b d e f g h i j k l m n o p q r s t v w x y z"},
    {EQ("null"), "c u"},
    /* lt, lte, gt, gte: numbers with numbers, strings with strings by bytes. */
    {OP("lt", "1"), "h i z"},
    {OP("lte", "1"), "f g h i o z"},
    {OP("gt", "1"), "j s t x y"},
    {OP("gte", "1.0"), "f g j o s t x y"},
    {OP("gt", "9007199254740992"), "s t x"},
    {OP("gte", "9223372036854775807"), "s"},
    {OP("lt", "9223372036854775808.0"), "f g h i j o s t x y z"},
    {OP("gt", "9223372036854775808.0"), ""},
    {OP("lt", "\"abd\""), "k l m o"},
    {OP("gte", "\"abd\""), "n v w"},
    {OP("gt", "\"zzz\""), "w"},
    {OP("lt", "\"\""), ""},
    {OP("lte", "\"\""), "l"},
    {OP("gte", "\"\""), "k l m n o v w"},
    /* prefix: of strings, and of an array's strings. */
    {OP("prefix", "\"ab\""), "m n o"},
    {OP("prefix", "\"\""), "k l m n o v w"},
    {OP("prefix", "\"abcd\""), ""},
    {OP("prefix", "1"), ""},
    {OP("prefix", "null"), ""},
    /* contains: only arrays have elements. */
    {OP("contains", "1"), "o"},
    {OP("contains", "1.0"), "o"},
    {OP("contains", "true"), "o"},
    {OP("contains", "\"abc\""), "o"},
    {OP("contains", "\"a\""), ""},
    {OP("contains", "null"), "u"},
    /* in, id_in. */
    {"{\"op\":\"in\"," F ",\"values\":[]}", ""},
    {"{\"op\":\"in\"," F ",\"values\":[1.5, \"\", false, 1.5, 77]}", "e j l"},
    {"{\"op\":\"in\"," F ",\"values\":[null]}", "c u"},
    {"{\"op\":\"id_in\",\"ids\":[]}", ""},
    {"{\"op\":\"id_in\",\"ids\":[\"z\", \"a\", \"nope\", \"a\"]}", "a z"},
    /* and, or, not. */
    {"{\"op\":\"and\",\"filters\":[]}",
     "a b c d e f g h i j k l m n o p q r s t u v w x y z"},
    {"{\"op\":\"or\",\"filters\":[]}", ""},
    {"{\"op\":\"not\",\"filter\":{\"op\":\"and\",\"filters\":[]}}", ""},
    {"{\"op\":\"not\",\"filter\":{\"op\":\"exists\"," F "}}", "a b c"},
    {"{\"op\":\"and\",\"filters\":[" OP("gt", "0") "," OP("lt", "2") "]}", "f g j o"},
    {"{\"op\":\"or\",\"filters\":[" EQ("1.5") "," EQ("\"\"") "," EQ("1.5") "]}", "j l"},
    /* An array holds each comparison by an element of its own. */
    {"{\"op\":\"and\",\"filters\":[" EQ("1") "," EQ("\"abc\"") "]}", "o"},
    /* Paths: into objects; a key that itself contains the dot comes first. */
    {"{\"op\":\"eq\",\"field\":\"f.g\",\"value\":7}", "q"},
    {"{\"op\":\"eq\",\"field\":\"f.g\",\"value\":8}", "r"},
    {"{\"op\":\"exists\",\"field\":\"f.g\"}", "q r"},
    {"{\"op\":\"exists\",\"field\":\"f.g.h\"}", ""},
    {"{\"op\":\"eq\",\"field\":\"h.i.j.k\",\"value\":1}", "z"},
    {"{\"op\":\"eq\",\"field\":\"h.i.j.k\",\"value\":2}", ""},
    /* An object is there, and equals nothing. */
    {"{\"op\":\"exists\",\"field\":\"h\"}", "z"},
    {"{\"op\":\"exists\",\"field\":\"h.i\"}", "z"},
    {"{\"op\":\"ne\",\"field\":\"h\",\"value\":1}",
     "a b c d e f g h i j k l m n o p q r s t u v w x y z"},
    /* Nothing inside an array has a path. */
    {"{\"op\":\"exists\",\"field\":\"f.0\"}", ""},
    {"{\"op\":\"eq\",\"field\":\"f.g\",\"value\":1}", ""},
};

static void store_documents(vdb *db)
{
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        fx_put(db, documents[i].id, (float)i, 0, 0, documents[i].metadata);
}

static void check_truths(vdb *db)
{
    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++) {
        assert_ids(db, truths[i].filter, truths[i].want);
        /* The search agrees: the vectors' order is the ids'. */
        assert_hits(db, 0, 0, 0, 100, truths[i].filter, truths[i].want);
    }
}

static void truth_tables(void **state)
{
    fixture *fx = *state;
    store_documents(fx->db);
    check_truths(fx->db);
}

static void truth_tables_hold_after_a_checkpoint(void **state)
{
    fixture *fx = *state;
    store_documents(fx->db);
    assert_ok(vdb_checkpoint(fx->db, NULL));
    check_truths(fx->db);
    fx_reopen(fx);
    check_truths(fx->db);
}

static void truth_tables_hold_after_replay(void **state)
{
    fixture *fx = *state;
    vdb_options options = fx_options(0, 0, 0);
    const char *copy = fx_name(fx, "copy.vdb");
    vdb *db = NULL;
    store_documents(fx->db);
    fx_copy(fx->path, copy);
    options.flags = VDB_OPEN_READONLY;
    assert_ok(vdb_open(copy, &options, &db));
    check_truths(db);
    assert_ok(vdb_close(db));
    options.flags = VDB_OPEN_NO_MMAP;
    assert_ok(vdb_open(copy, &options, &db));
    check_truths(db);
    assert_ok(vdb_close(db));
}

/* The same documents among others, replaced and deleted ones, in another order, with
 * more fields than have columns. */
static void truth_tables_hold_in_a_crowd(void **state)
{
    fixture *fx = *state;
    char id[32], metadata[160];
    for (int i = 0; i < 1500; i++) {
        snprintf(id, sizeof id, "crowd%d", i);
        snprintf(metadata, sizeof metadata,
                 "{\"crowd%d\": %d, \"f\": \"crowd%d\", \"g\": [%d, \"%d\"]}", i, i,
                 i % 10, i, i);
        fx_put(fx->db, id, (float)i, 1, 0, metadata);
    }
    for (size_t i = sizeof documents / sizeof *documents; i-- > 0;)
        fx_put(fx->db, documents[i].id, (float)i, 0, 0, "{\"f\": 1, \"none\": 2}");
    store_documents(fx->db);
    assert_ids(fx->db, "{\"op\":\"eq\",\"field\":\"crowd1400\",\"value\":1400}",
               "crowd1400");
    assert_ids(fx->db, "{\"op\":\"eq\",\"field\":\"crowd7\",\"value\":7}", "crowd7");
    assert_ids(fx->db, "{\"op\":\"contains\",\"field\":\"g\",\"value\":\"1234\"}",
               "crowd1234");
    for (int i = 0; i < 1500; i++) {
        snprintf(id, sizeof id, "crowd%d", i);
        assert_ok(vdb_delete(fx->db, id));
    }
    check_truths(fx->db);
    fx_assert_clean(fx->db);
}

static void long_strings_and_fields_are_compared_whole(void **state)
{
    fixture *fx = *state;
    char *a = fx_repeat("{\"f\": \"", "x", 5000, "a", "", "\"}");
    char *b = fx_repeat("{\"f\": \"", "x", 5000, "b", "", "\"}");
    char *eq = fx_repeat("{\"op\":\"eq\",\"field\":\"f\",\"value\":\"", "x", 5000, "a",
                         "", "\"}");
    char *lt = fx_repeat("{\"op\":\"lt\",\"field\":\"f\",\"value\":\"", "x", 5000, "b",
                         "", "\"}");
    char *prefix = fx_repeat("{\"op\":\"prefix\",\"field\":\"f\",\"value\":\"", "x",
                             5000, "", "", "\"}");
    char *key = fx_repeat("{\"", "k", 3000, "\": 1}", "", "");
    char *exists =
        fx_repeat("{\"op\":\"exists\",\"field\":\"", "k", 3000, "", "", "\"}");
    fx_put(fx->db, "a", 1, 0, 0, a);
    fx_put(fx->db, "b", 2, 0, 0, b);
    fx_put(fx->db, "key", 3, 0, 0, key);
    for (int round = 0; round < 2; round++) {
        assert_ids(fx->db, eq, "a");
        assert_ids(fx->db, lt, "a");
        assert_ids(fx->db, prefix, "a b");
        assert_ids(fx->db, exists, "key");
        assert_metadata(fx->db, "a", a);
        fx_reopen(fx);
    }
    free(a);
    free(b);
    free(eq);
    free(lt);
    free(prefix);
    free(key);
    free(exists);
}

static void exactly_min_k_matches_come_back(void **state)
{
    fixture *fx = *state;
    char id[32], metadata[64];
    vdb_filter *rare = fx_filter("{\"op\":\"eq\",\"field\":\"rare\",\"value\":true}");
    for (int i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "v%04d", i);
        snprintf(metadata, sizeof metadata, "{\"rare\": %s}",
                 i % 200 ? "false" : "true");
        fx_put(fx->db, id, (float)i, 0, 0, metadata);
    }
    /* The matches are far from the query: an over-fetch would miss them. */
    for (size_t k = 1; k <= 8; k++) {
        const float q[3] = {450, 0, 0};
        vdb_results *hits = NULL;
        assert_ok(vdb_search_filtered(fx->db, q, 3, k, rare, &hits));
        assert_int_equal(vdb_results_count(hits), k < 5 ? k : 5);
        vdb_results_free(hits);
    }
    assert_hits(fx->db, 450, 0, 0, 9,
                "{\"op\":\"eq\",\"field\":\"rare\",\"value\":true}",
                "v0400 v0600 v0200 v0800 v0000");
    vdb_filter_free(rare);
}

static void one_filter_serves_many_databases(void **state)
{
    fixture *fx = *state;
    vdb_filter *filter = fx_filter(EQ("1"));
    vdb_options options = fx_options(2, VDB_DOT, VDB_FLAT);
    const float v[2] = {1, 1};
    uint64_t count = 0;
    vdb *other = NULL;
    fx_put(fx->db, "a", 1, 0, 0, "{\"f\": 1}");
    assert_ok(vdb_open(":memory:", &options, &other));
    assert_ok(vdb_insert(other, "x", v, 2, "{\"e\": 0, \"f\": [1]}"));
    assert_ok(vdb_insert(other, "y", v, 2, "{\"e\": 0, \"f\": 2}"));
    assert_ok(vdb_count(other, filter, NULL, &count));
    assert_int_equal(count, 1);
    assert_ok(vdb_close(other));
    assert_ok(vdb_count(fx->db, filter, NULL, &count));
    assert_int_equal(count, 1);
    fx_close(fx);
    vdb_filter_free(filter); /* it outlives the database */
    vdb_filter_free(NULL);
}

static void bad_filters_are_refused_and_say_where(void **state)
{
    static const struct {
        const char *json;
        const char *part; /* of the message */
    } bad[] = {
        {"", ""},
        {"   ", ""},
        {"null", ""},
        {"[]", ""},
        {"1", ""},
        {"{}", "op"},
        {"{\"op\":1}", "op"},
        {"{\"op\":\"like\",\"field\":\"f\",\"value\":1}", "like"},
        {"{\"op\":\"EQ\",\"field\":\"f\",\"value\":1}", "EQ"},
        {"{\"op\":\"eq\",\"field\":\"f\"}", "value"},
        {"{\"op\":\"eq\",\"value\":1}", "field"},
        {"{\"op\":\"eq\",\"field\":7,\"value\":1}", "field"},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":1,\"surplus\":2}", "surplus"},
        {"{\"op\":\"eq\",\"field\":\"f\",\"values\":[1]}", "value"},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":[1]}", "value"},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":{}}", "value"},
        {"{\"op\":\"exists\",\"field\":\"f\",\"value\":1}", "value"},
        {"{\"op\":\"exists\"}", "field"},
        {"{\"op\":\"in\",\"field\":\"f\",\"values\":1}", "values"},
        {"{\"op\":\"in\",\"field\":\"f\",\"values\":[1,[2]]}", "values"},
        {"{\"op\":\"in\",\"field\":\"f\"}", "values"},
        {"{\"op\":\"id_in\",\"ids\":[1]}", "ids"},
        {"{\"op\":\"id_in\",\"ids\":\"a\"}", "ids"},
        {"{\"op\":\"id_in\",\"field\":\"f\",\"ids\":[]}", "field"},
        {"{\"op\":\"and\"}", "filters"},
        {"{\"op\":\"and\",\"filters\":{}}", "filters"},
        {"{\"op\":\"and\",\"filter\":{\"op\":\"exists\",\"field\":\"f\"}}", "filter"},
        {"{\"op\":\"and\",\"filters\":[7]}", "filters[0]"},
        {"{\"op\":\"and\",\"filters\":[{\"op\":\"exists\",\"field\":\"f\"},"
         "{\"op\":\"nope\"}]}",
         "filters[1]"},
        {"{\"op\":\"not\",\"filters\":[]}", "filter"},
        {"{\"op\":\"not\",\"filter\":{\"op\":\"or\",\"filters\":[{\"op\":\"lt\"}]}}",
         "filter.filters[0]"},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":9223372036854775808}", ""},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":1e400}", ""},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":NaN}", ""},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":1}x", ""},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":1", ""},
        {"{\"op\":\"eq\",\"op\":\"ne\",\"field\":\"f\",\"value\":1}", "op"},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":\"\\ud800\"}", ""},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":\"\xff\"}", ""},
        {"{\"op\":\"eq\",\"field\":\"f\",\"value\":\"\\u0000\"}", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vdb_filter *filter = (vdb_filter *)&filter;
        vdb_status st =
            vdb_filter_parse(NULL, bad[i].json, strlen(bad[i].json), &filter);
        if (st != VDB_INVALID)
            print_error("accepted: %s\n", bad[i].json);
        assert_status(st, VDB_INVALID);
        assert_null(filter);
        assert_true(vdb_errmsg()[0] != 0);
        assert_message(bad[i].part);
    }
}

static void a_filter_is_read_by_its_length(void **state)
{
    const char text[] = EQ("1") "garbage";
    vdb_filter *filter = NULL;
    (void)state;
    assert_ok(vdb_filter_parse(NULL, text, strlen(EQ("1")), &filter));
    vdb_filter_free(filter);
    assert_status(vdb_filter_parse(NULL, text, strlen(EQ("1")) - 1, &filter),
                  VDB_INVALID);
    /* A NUL inside the text ends no string. */
    assert_status(vdb_filter_parse(NULL, EQ("1"), strlen(EQ("1")) + 1, &filter),
                  VDB_INVALID);
}

static vdb_status parse_text(char *text)
{
    vdb_filter *filter = NULL;
    vdb_status st = vdb_filter_parse(NULL, text, strlen(text), &filter);
    assert_true((st == VDB_OK) == (filter != NULL));
    vdb_filter_free(filter);
    free(text);
    return st;
}

static void levels_and_nodes_have_limits(void **state)
{
    (void)state;
    /* A leaf is a level: 31 around it make 32. */
#define NOTS(n) fx_repeat("", "{\"op\":\"not\",\"filter\":", (n), EQ("1"), "}", "")
#define ANDS(n) fx_repeat("", "{\"op\":\"and\",\"filters\":[", (n), EQ("1"), "]}", "")
#define WIDE(n)                                                                        \
    fx_repeat("{\"op\":\"or\",\"filters\":[", EQ("1") ",", (n)-1, EQ("1"), "", "]}")
    assert_status(parse_text(NOTS(31)), VDB_OK);
    assert_status(parse_text(ANDS(31)), VDB_OK);
    assert_status(parse_text(NOTS(32)), VDB_INVALID);
    assert_message("32");
    assert_status(parse_text(ANDS(32)), VDB_INVALID);
    assert_status(parse_text(WIDE(4095)), VDB_OK);
    assert_status(parse_text(WIDE(4096)), VDB_INVALID);
    assert_message("4096");
}

static void a_million_levels_are_an_error_and_no_crash(void **state)
{
    (void)state;
    assert_status(parse_text(NOTS(1000000)), VDB_INVALID);
    assert_status(parse_text(ANDS(1000000)), VDB_INVALID);
    assert_status(parse_text(fx_repeat("", "[", 1000000, "", "", "")), VDB_INVALID);
    assert_status(parse_text(fx_repeat("", "{\"op\":", 1000000, "", "", "")),
                  VDB_INVALID);
    assert_status(parse_text(fx_repeat("{\"op\":\"eq\",\"field\":\"f\",\"value\":", "[",
                                       1000000, "", "]", "}")),
                  VDB_INVALID);
}

static void delete_where_removes_what_passes(void **state)
{
    fixture *fx = *state;
    vdb_filter *filter = fx_filter(EQ("1"));
    uint64_t deleted = 99;
    store_documents(fx->db);
    assert_ok(vdb_delete_where(fx->db, filter, NULL, &deleted));
    assert_int_equal(deleted, 3);
    assert_ids(fx->db, NULL, "a b c d e h i j k l m n p q r s t u v w x y z");
    assert_ok(vdb_delete_where(fx->db, filter, NULL, &deleted)); /* nothing passes */
    assert_int_equal(deleted, 0);
    vdb_filter_free(filter);
    filter = fx_filter("{\"op\":\"and\",\"filters\":[]}");
    assert_ok(vdb_delete_where(fx->db, filter, NULL, NULL));
    assert_int_equal(fx_count(fx->db), 0);
    vdb_filter_free(filter);
    fx_assert_clean(fx->db);
    fx_reopen(fx);
    assert_int_equal(fx_count(fx->db), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fx_setup_3d, fx_teardown)
        T(truth_tables),
        T(truth_tables_hold_after_a_checkpoint),
        T(truth_tables_hold_after_replay),
        T(truth_tables_hold_in_a_crowd),
        T(long_strings_and_fields_are_compared_whole),
        T(exactly_min_k_matches_come_back),
        T(one_filter_serves_many_databases),
        cmocka_unit_test(bad_filters_are_refused_and_say_where),
        cmocka_unit_test(a_filter_is_read_by_its_length),
        cmocka_unit_test(levels_and_nodes_have_limits),
        cmocka_unit_test(a_million_levels_are_an_error_and_no_crash),
        T(delete_where_removes_what_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
