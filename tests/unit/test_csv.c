/* test_csv.c: vdbtool's parser of CSV, its cells, and rows of them, from memory. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#undef fail /* complain.h has a function of that name */

#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "csv.h"
#include "csv_cells.h"
#include "reader.h"

#define fail() _fail(__FILE__, __LINE__) /* as cmocka.h: for fail_msg() */

static FILE *memory(const char *bytes, size_t length)
{
    /* fmemopen() would not have an empty one before glibc 2.22. */
    FILE *file = length ? fmemopen((void *)(uintptr_t)bytes, length, "rb")
                        : fopen("/dev/null", "rb");
    assert_non_null(file);
    return file;
}

static csv *open_text(const char *bytes, size_t length)
{
    csv *source;
    assert_int_equal(csv_open(memory(bytes, length), "t.csv", ',', &source), 0);
    return source;
}

/* The records as one text: fields in <>, with a ' for quotes, records apart by a |. */
static void assert_records(const char *text, const char *wanted)
{
    char got[1000] = "";
    csv_record record;
    csv *source = open_text(text, strlen(text));
    int more;
    while ((more = csv_next(source, &record)) > 0) {
        for (size_t i = 0; i < record.count; i++) {
            size_t used = strlen(got);
            assert_int_equal(strlen(record.fields[i].bytes), record.fields[i].length);
            snprintf(got + used, sizeof got - used, "<%s%s>",
                     record.fields[i].is_quoted ? "'" : "", record.fields[i].bytes);
        }
        strcat(got, "|");
    }
    assert_int_equal(more, 0);
    assert_string_equal(got, wanted);
    assert_int_equal(csv_bytes(source), strlen(text));
    csv_free(source);
}

static void records_are_as_the_standard_has_them(void **state)
{
    (void)state;
    assert_records("a,b\nc,d\n", "<a><b>|<c><d>|");
    assert_records("a,b\r\nc,d", "<a><b>|<c><d>|");
    assert_records("a,,\n,\n", "<a><><>|<><>|");
    assert_records("\"a,\"\"b\"\"\r\n\",c\n", "<'a,\"b\"\r\n><c>|");
    assert_records("\"\",\"\"\"\"\n", "<'><'\">|");
    assert_records(" a , b\n", "< a >< b>|");
    assert_records("a\n\n\r\nb\n\n", "<a>|<b>|");
    assert_records("\"\"\n", "<'>|");
    assert_records("a,", "<a><>|");
    assert_records("\xef\xbb\xbf\"a\"\n", "<'a>|");
    assert_records("", "");
    assert_records("\n\r\n", "");
    assert_records("\xc3\xa9\xff,\x01\n", "<\xc3\xa9\xff><\x01>|");
}

static void places_are_of_lines_and_bytes(void **state)
{
    (void)state;
    const char *text = "a,\"b\nb\"\n\nc,d\n";
    csv_record record;
    csv *source = open_text(text, strlen(text));
    assert_int_equal(csv_next(source, &record), 1);
    assert_int_equal(record.fields[1].line, 1);
    assert_int_equal(record.fields[1].byte, 2);
    assert_int_equal(csv_next(source, &record), 1);
    assert_int_equal(record.fields[0].line, 4);
    assert_int_equal(record.fields[0].byte, 9);
    assert_int_equal(record.fields[1].byte, 11);
    csv_free(source);
}

static void assert_refused(const char *bytes, size_t length, const char *place,
                           const char *words)
{
    csv_record record;
    int got;
    csv *source = open_text(bytes, length);
    while ((got = csv_next(source, &record)) > 0) {
    }
    assert_int_equal(got, -1);
    if (!strstr(complain_last(), place) || !strstr(complain_last(), words))
        fail_msg("%s, want %s ... %s", complain_last(), place, words);
    csv_free(source);
}

static void what_is_no_csv_is_refused_with_its_place(void **state)
{
    (void)state;
    assert_refused("a\nb\"c\n", 6, "t.csv: line 2, byte 3", "a quote within");
    assert_refused("\"a\"b\n", 5, "line 1, byte 3", "behind a closing quote");
    assert_refused("\"a\" ,b\n", 7, "line 1, byte 3", "behind a closing quote");
    assert_refused("a\nb,\"c\nd", 8, "line 2, byte 4", "never closed");
    assert_refused("a\rb\n", 4, "line 1, byte 2", "carriage return");
    assert_refused("a,\0b\n", 5, "line 1, byte 2", "a NUL");
    assert_refused("\"a\n\0\"\n", 6, "line 2, byte 3", "a NUL");
    assert_refused("\xef\xbb"
                   "a\n",
                   4, "line 1, byte 0", "byte order mark");
    assert_refused("\xff\xfe"
                   "a\0",
                   4, "line 1, byte 3", "a NUL");
}

static void a_record_has_bounds(void **state)
{
    (void)state;
    size_t length = (size_t)CSV_RECORD_BYTES_MAX + 10;
    char *text = test_malloc(length);
    memset(text, 'x', length);
    assert_refused(text, length, "line 1, byte 0", "longer than 16 MiB");
    memset(text, ',', length);
    assert_refused(text, CSV_FIELDS_MAX + 1, "line 1", "more than 131072 fields");
    test_free(text);
}

static void assert_cell(const char *text, bool is_quoted, bool guess, cell_kind kind)
{
    csv_field cell = {.bytes = text, .length = strlen(text), .is_quoted = is_quoted};
    size_t length;
    const char *shown;
    if (csv_cell_kind(&cell, guess, &shown, &length) != kind)
        fail_msg("%s: is not of kind %d", text, kind);
}

static void cells_are_typed(void **state)
{
    (void)state;
    static const char *const NUMBERS[] = {
        "0", "-1", "1.5e300", " 12 ", "-0", "1E+2", "9223372036854775807"};
    static const char *const STRINGS[] = {"007",
                                          "+1",
                                          ".5",
                                          "1.",
                                          "1e",
                                          "1 2",
                                          "0x1",
                                          "nan",
                                          "inf",
                                          "1e999",
                                          "-",
                                          " ",
                                          "a",
                                          "{",
                                          "[1",
                                          "{a}",
                                          "tRUE",
                                          "9223372036854775808",
                                          "[9223372036854775808]"};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        assert_cell(NUMBERS[i], false, false, CELL_AS_IT_IS);
        assert_cell(NUMBERS[i], true, false, CELL_STRING);
        assert_cell(NUMBERS[i], true, true, CELL_AS_IT_IS);
    }
    for (size_t i = 0; i < sizeof STRINGS / sizeof STRINGS[0]; i++) {
        assert_cell(STRINGS[i], false, false, CELL_STRING);
        assert_cell(STRINGS[i], true, true, CELL_STRING);
    }
    assert_cell("true", false, false, CELL_AS_IT_IS);
    assert_cell("null", false, false, CELL_AS_IT_IS);
    assert_cell("FALSE", false, false, CELL_LOWER);
    assert_cell("true", true, false, CELL_STRING);
    assert_cell("", false, false, CELL_NONE);
    assert_cell("", true, false, CELL_STRING);
    assert_cell("", true, true, CELL_NONE);
    assert_cell("[\"a\", {\"b\": 1}]", true, false, CELL_AS_IT_IS);
    assert_cell("\"[1]\"", true, false, CELL_AS_IT_IS);
}

/* The values summed with weights 1, 10, 100; or -1, and the words. */
static void assert_vector(const char *text, double wanted, const char *wrong)
{
    cell_vector vector = csv_vector_begin(text);
    float value;
    double sum = 0, weight = 1;
    int got;
    for (; (got = csv_vector_next(&vector, &value)) > 0; weight *= 10)
        sum += weight * (double)value;
    if (wrong) {
        assert_int_equal(got, -1);
        if (!strstr(vector.wrong, wrong))
            fail_msg("%s: %s, want %s", text, vector.wrong, wrong);
        return;
    }
    assert_int_equal(got, 0);
    assert_true(sum == wanted);
}

static void vectors_in_cells(void **state)
{
    (void)state;
    assert_vector("[1, 2,3]", 321, NULL);
    assert_vector(" 1 2\t3 ", 321, NULL);
    assert_vector("1,2 , 3", 321, NULL);
    assert_vector("[1. 2.\n 3.]\n", 321, NULL);
    assert_vector("7", 7, NULL);
    assert_vector("", 0, NULL);
    assert_vector("[]", 0, NULL);
    assert_vector("1,,2", 0, "is empty");
    assert_vector(",1", 0, "is empty");
    assert_vector("[1,]", 0, "is empty");
    assert_vector("1,", 0, "is empty");
    assert_vector("[1 2", 0, "closing bracket");
    assert_vector("1]", 0, "stands behind");
    assert_vector("[1] 2", 0, "stands behind");
    assert_vector("[1 ... 3]", 0, "not a finite number");
    assert_vector("nan", 0, "not a finite number");
    assert_vector("1e39", 0, "beyond the range");
}

/* Read `text` whole; the last row's metadata, or the message of a failure. */
static const char *read_rows(const char *text, reader_options options, size_t *dim)
{
    static char kept[2000];
    reader *source;
    row next;
    int got;
    options.format = "csv";
    strcpy(kept, "");
    if (reader_open_stream(memory(text, strlen(text)), "t.csv", 0, &options, &source)) {
        assert_null(source);
        return complain_last();
    }
    while ((got = reader_next(source, &next)) > 0) {
        snprintf(kept, sizeof kept, "%s%s", next.id ? next.id : "-",
                 next.metadata ? next.metadata : "");
        *dim = next.dim;
    }
    reader_free(source);
    return got < 0 ? complain_last() : kept;
}

static void assert_row(const char *text, reader_options options, size_t dim,
                       const char *wanted)
{
    size_t got_dim = 0;
    const char *got = read_rows(text, options, &got_dim);
    if (strcmp(got, wanted) != 0)
        fail_msg("%s, want %s", got, wanted);
    assert_int_equal(got_dim, dim);
}

static void columns_have_their_uses(void **state)
{
    (void)state;
    reader_options none = {0};
    assert_row("id,vector,a\nx,1 2,3\n", none, 2, "x{\"a\":3}");
    assert_row("id,embedding\nx,1 2 3\n", none, 3, "x");
    assert_row("_id,id,_vector,vector\nx,7,1,y\n", none, 1,
               "x{\"id\":7,\"vector\":\"y\"}");
    assert_row("vector,\"a\"\"b\",,é\n1,TRUE,2,\n", none, 1,
               "-{\"a\\\"b\":true,\"column3\":2}");
    assert_row("ID,Embedding,VECTOR\nx,1,2 3\n", none, 2, "x{\"Embedding\":1}");
    assert_row("ID,vector,id\n7,1,x\n", none, 1, "x{\"ID\":7}");
    reader_options named = {.id_column = "k", .vector_columns = "c,a"};
    assert_row("k,a,b,c,id\nx,1,2,3,4\n", named, 2, "x{\"b\":2,\"id\":4}");
    reader_options range = {.vector_columns = "x..z,q"};
    assert_row("x,y,z,w,q\n1,2,3,4,5\n", range, 4, "-{\"w\":4}");
    reader_options comma = {.vector_columns = "a,b"};
    assert_row("\"a,b\",b\n1 2 3,4\n", comma, 3, "-{\"b\":4}");
    reader_options semicolon = {.delimiter = ';', .guess_quoted = true};
    assert_row("id;vector;n\n1;1,2;\"3\"\n", semicolon, 2, "1{\"n\":3}");
}

static void bad_rows_are_named(void **state)
{
    (void)state;
    const struct {
        const char *text, *id, *vector, *words;
    } cases[] = {
        {"", NULL, NULL, "it is empty"},
        {"id,vector\n", NULL, NULL, "no vectors"},
        {"id,a\n", NULL, NULL, "no column is named \"vector\""},
        {"id;vector\nx;1\n", NULL, NULL, "id;vector (is there another --delimiter?)"},
        {"id,vector,id\n", NULL, NULL, "two columns are named \"id\""},
        {"column2,\nx", NULL, NULL, "two columns are named \"column2\""},
        {"a,b\n", "c", "b", "--id-column: no column is named \"c\""},
        {"a,b\n", NULL, "b,c", "--vector-columns: no column is named \"c\""},
        {"a,b\n", NULL, "b..a", "stands behind the last"},
        {"a,b\n", NULL, "a..c", "no column is named \"c\""},
        {"a,b\n", NULL, "a,a", "\"a\" cannot be used twice"},
        {"a,b\n", "a", "a..b", "\"a\" cannot be used twice"},
        {"a,b\n", NULL, "", "no column is named \"\""},
        {"id,vector\nx,1 2\ny,1\n", NULL, NULL,
         "line 3, byte 18: column \"vector\": 1 v"},
        {"id,vector\nx\n", NULL, NULL,
         "line 2, byte 10: 1 fields, but the header has 2"},
        {"id,vector\nx,1,2\n", NULL, NULL, "line 2, byte 10: 3 fields"},
        {"id,vector\nx,\n", NULL, NULL,
         "line 2, byte 12: column \"vector\": there is no"},
        {"id,vector\nx,\"1\n\n2 a\"\n", NULL, NULL,
         "line 2, byte 12: column \"vector\": v"},
        {"id,vector\nx,1 2 a\n", NULL, NULL, "value 3, \"a\", is not a finite number"},
        {"a,b\n1,2\n1,2 3\n", NULL, "a,b",
         "line 3, byte 10: column \"b\": it holds sev"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        reader_options options = {.id_column = cases[i].id,
                                  .vector_columns = cases[i].vector};
        size_t dim;
        const char *got = read_rows(cases[i].text, options, &dim);
        if (!strstr(got, cases[i].words))
            fail_msg("case %zu: %s, want %s", i, got, cases[i].words);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_as_the_standard_has_them),
        cmocka_unit_test(places_are_of_lines_and_bytes),
        cmocka_unit_test(what_is_no_csv_is_refused_with_its_place),
        cmocka_unit_test(a_record_has_bounds),
        cmocka_unit_test(cells_are_typed),
        cmocka_unit_test(vectors_in_cells),
        cmocka_unit_test(columns_have_their_uses),
        cmocka_unit_test(bad_rows_are_named),
    };
    complain_silently();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
