/* test_filter_columns.c: a filter over columns says what it says of each record alone.
 *
 * The store is an imitation of it (imitated_store.h).
 */
#include "imitated_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "failing_memory.h"

/* Of the last evaluation with copies of columns. */
static unsigned blocks_read_with_copies;

/* -------------------------------------------------------- random text of both kinds */

static char long_text[3]
                     [VDBI_STRING_MAX + 8]; /* the last has just the length allowed */

static void write_scalar(FILE *out)
{
    static const char *const scalars[] = {"null",
                                          "true",
                                          "false",
                                          "0",
                                          "1",
                                          "2",
                                          "3",
                                          "-1",
                                          "3.0",
                                          "2.5",
                                          "-0.0",
                                          "0.5",
                                          "1e300",
                                          "-1e300",
                                          "\"\"",
                                          "\"a\"",
                                          "\"b\"",
                                          "\"ab\"",
                                          "\"abc\"",
                                          "\"ac\"",
                                          "\"1\"",
                                          "\"\\u00e9\"",
                                          "9007199254740992",
                                          "9007199254740993",
                                          "9007199254740992.0",
                                          "9007199254740994.0",
                                          "9223372036854775807",
                                          "9223372036854775808.0",
                                          "-9223372036854775808",
                                          "-9223372036854775808.0",
                                          "9223372036854774784.0",
                                          "5e-324",
                                          "-5e-324",
                                          "1.7976931348623157e308"};
    uint32_t n = draw(sizeof scalars / sizeof *scalars + 1);
    if (n == 0)
        fprintf(out, "\"%s\"", long_text[draw(3)]);
    else
        fputs(scalars[n - 1], out);
}

static void write_list(FILE *out, uint32_t most)
{
    for (uint32_t i = draw(most + 1), first = 1; i; i--, first = 0) {
        fputs(first ? "" : ",", out);
        write_scalar(out);
    }
}

static const char *const field_names[] = {
    "a", "b",  "c", "d", "a.b", "a.c",    "b.a",          "b.b",
    "",  "c.", "n", "s", "t",   "nobody", "nobody.at.all"};
enum {
    FIELD_NAMES = sizeof field_names / sizeof *field_names
};

static char *random_metadata(void)
{
    char *text;
    size_t size;
    if (draw(20) == 0)
        return NULL;
    FILE *out = need(open_memstream(&text, &size));
    fputc('{', out);
    for (uint32_t i = 0, first = 1; i < FIELD_NAMES - 2; i++) {
        if (draw(3))
            continue;
        fprintf(out, "%s\"%s\":", first ? "" : ",", field_names[i]);
        first = 0;
        switch (draw(8)) {
        case 0:
            fputc('[', out);
            write_list(out, 4);
            fputs(draw(4) ? "]" : draw(2) ? ",[1]]" : ",{\"a\":1},3]", out);
            break;
        case 1:
            fputs("{\"b\":", out);
            write_scalar(out);
            fputs(",\"\":", out);
            write_scalar(out);
            fputc('}', out);
            break;
        default:
            write_scalar(out);
        }
    }
    fputc('}', out);
    fclose(out);
    /* an array that was empty before its last elements begins with a comma */
    for (char *p; (p = strstr(text, "[,"));)
        memmove(p + 1, p + 2, strlen(p + 2) + 1);
    return text;
}

static void write_filter(FILE *out, int depth)
{
    static const char *const ops[] = {"eq", "ne",  "lt",     "lte",
                                      "gt", "gte", "prefix", "contains"};
    const char *field = field_names[draw(FIELD_NAMES)];
    char id[32];
    uint32_t kind = draw(depth > 0 ? 14 : 9);
    if (kind < 6) {
        fprintf(out, "{\"op\":\"%s\",\"field\":\"%s\",\"value\":", ops[draw(8)], field);
        write_scalar(out);
    } else if (kind == 6) {
        fprintf(out, "{\"op\":\"in\",\"field\":\"%s\",\"values\":[", field);
        write_list(out, 8);
        fputc(']', out);
    } else if (kind == 7) {
        fprintf(out, "{\"op\":\"exists\",\"field\":\"%s\"", field);
    } else if (kind == 8) {
        fputs("{\"op\":\"id_in\",\"ids\":[\"nobody\"", out);
        for (uint32_t i = draw(10); i; i--) {
            id_name(id, draw(image.slot_count + 1));
            fprintf(out, ",\"%s\"", id);
        }
        fputc(']', out);
    } else if (kind == 9) {
        fputs("{\"op\":\"not\",\"filter\":", out);
        write_filter(out, depth - 1);
    } else {
        fprintf(out, "{\"op\":\"%s\",\"filters\":[", kind % 2 ? "and" : "or");
        for (uint32_t i = draw(5), first = 1; i; i--, first = 0) {
            fputs(first ? "" : ",", out);
            write_filter(out, depth - 1);
        }
        fputc(']', out);
    }
    fputc('}', out);
}

static void random_database(uint32_t slots)
{
    database_open(slots);
    for (uint32_t s = 0; s < slots; s++) {
        pager.metadata[s] = random_metadata();
        pager.live[s] = draw(5) != 0;
    }
    database_fill();
}

/* ------------------------------------------------------------------------- tests */

static vdb_filter *parse(const char *json)
{
    vdb_filter *filter = NULL;
    if (vdbi_filter_parse(&memory, json, strlen(json), &filter))
        fail_msg("%s: %s", json, message());
    return filter;
}

/* Evaluate, and compare with what each record passed by itself. */
static void agree_by_columns(const vdb_filter *filter, const char *json,
                             vdbi_narrow *narrow, const uint8_t *passes)
{
    uint64_t *bits = NULL, count = 0, wanted = 0;
    if (vdbi_filter_evaluate(filter, &pager, &image, narrow, &memory, NULL, NULL, &bits,
                             &count))
        fail_msg("%s: %s", json, message());
    assert_false(pager.in_section);
    for (uint32_t s = 0; s < image.slot_count; s++) {
        const char *metadata = pager.metadata[s];
        wanted += passes[s];
        if (vdbi_bit_get(bits, s) != passes[s])
            fail_msg("%s\nslot %u (%s): %d by itself, %d by column", json, s,
                     metadata ? metadata : "nothing", passes[s], !passes[s]);
    }
    for (uint64_t s = image.slot_count; s < VDBI_BITMAP_WORDS(image.slot_count) * 64;
         s++)
        assert_false(vdbi_bit_get(bits, s));
    assert_int_equal(count, wanted);
    vdbi_free(&memory, bits);
}

/* Evaluate and compare with the test of every record; how many passed.  Then again, with
 * copies of columns: what is there of them, is used; what is not, is made. */
static uint64_t agree(const char *json)
{
    vdb_filter *filter = parse(json);
    uint8_t *passes = need(calloc((size_t)image.slot_count + 1, 1));
    uint64_t passed = 0;
    unsigned records_read, blocks_read;
    for (uint32_t s = 0; s < image.slot_count; s++) {
        const char *metadata = pager.metadata[s];
        char id[32];
        int one = 0;
        id_name(id, s);
        if (pager.live[s])
            assert_int_equal(vdbi_filter_test(filter, &memory, id, strlen(id), metadata,
                                              metadata ? strlen(metadata) : 0, &one),
                             VDB_OK);
        passes[s] = (uint8_t)one;
        passed += passes[s];
    }
    agree_by_columns(filter, json, NULL, passes);
    records_read = pager.records_read;
    blocks_read = pager.blocks_read;
    for (int again = 0; again < 2; again++) {
        blocks_read_with_copies = pager.blocks_read;
        agree_by_columns(filter, json, copies, passes);
        blocks_read_with_copies = pager.blocks_read - blocks_read_with_copies;
    }
    pager.records_read = records_read;
    pager.blocks_read = blocks_read;
    free(passes);
    vdbi_filter_free(filter);
    assert_int_equal(memory.bytes, 0);
    return passed;
}

static uint64_t agree_on_random_filters(unsigned filters)
{
    uint64_t passed = 0;
    for (unsigned i = 0; i < filters; i++) {
        char *text;
        size_t size;
        FILE *out = need(open_memstream(&text, &size));
        write_filter(out, (int)draw(5));
        fclose(out);
        passed += agree(text);
        free(text);
    }
    return passed;
}

static void random_filters_agree_with_the_test_of_each_record(void **state)
{
    (void)state;
    uint64_t passed = 0;
    for (unsigned round = 0; round < 4; round++) {
        seed = round + 1;
        random_database(300 + 70 * round);
        passed += agree_on_random_filters(80);
        database_close();
    }
    assert_true(passed > 10000); /* they are no empty filters */
}

static void every_operator_agrees_on_every_value(void **state)
{
    (void)state;
    static const char *const ops[] = {"eq",  "lt",     "lte",     "gt",
                                      "gte", "prefix", "contains"};
    seed = 77;
    random_database(200);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (unsigned n = 0; n < 70; n++) {
            char *text;
            size_t size;
            FILE *out = need(open_memstream(&text, &size));
            fprintf(out, "{\"op\":\"%s\",\"field\":\"%s\",\"value\":", ops[i],
                    field_names[n % 2]);
            write_scalar(out);
            fputc('}', out);
            fclose(out);
            agree(text);
            free(text);
        }
    database_close();
}

static void edges_of_blocks_and_chunks_are_covered(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0,   1,   63,    64,    65,   447,
                                      448, 449, 28671, 28672, 28673};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        seed = 1000 + i;
        random_database(counts[i]);
        agree("{\"op\":\"ne\",\"field\":\"a\",\"value\":1}");
        if (counts[i] < 1000) {
            agree("{\"op\":\"and\",\"filters\":[]}");
            agree("{\"op\":\"or\",\"filters\":[]}");
            agree_on_random_filters(20);
        }
        database_close();
    }
}

static void ids_are_found_in_every_chunk(void **state)
{
    (void)state;
    enum {
        IDS = 12
    };
    char json[512] = "{\"op\":\"id_in\",\"ids\":[", id[32];
    database_open(3 * VDBI_CHUNK_SLOTS);
    for (uint32_t i = 0; i < IDS; i++) {
        /* the first and the last of each chunk, and some between */
        static const uint32_t within[] = {0, VDBI_CHUNK_SLOTS - 1, 7777, 12345};
        id_name(id, i % 3 * VDBI_CHUNK_SLOTS + within[i / 3]);
        sprintf(json + strlen(json), "%s\"%s\"", i ? "," : "", id);
    }
    strcat(json, "]}");
    assert_int_equal(agree(json), IDS);
    database_close();
}

static void records_are_asked_in_every_chunk(void **state)
{
    (void)state;
    database_open(VDBI_CHUNK_SLOTS + 1000);
    for (uint32_t s = 0; s < image.slot_count; s++) {
        pager.metadata[s] = need(malloc(40));
        sprintf(pager.metadata[s], "{\"a\":0,\"b\":0,\"c\":0,\"d\":%u}",
                s / VDBI_CHUNK_SLOTS);
    }
    database_fill();
    assert_true(pager.columns[3].hidden);
    assert_int_equal(agree("{\"op\":\"eq\",\"field\":\"d\",\"value\":1}"), 1000);
    database_close();
}

static void all_slots_dead_give_nothing(void **state)
{
    (void)state;
    seed = 5;
    random_database(1000);
    memset(pager.live, 0, 1000);
    assert_int_equal(agree("{\"op\":\"ne\",\"field\":\"a\",\"value\":1}"), 0);
    database_close();
}

static void long_dictionaries_are_walked_in_parts(void **state)
{
    (void)state;
    enum {
        STRINGS = 10000
    };
    database_open(STRINGS);
    for (uint32_t s = 0; s < STRINGS; s++) {
        pager.metadata[s] = need(malloc(32));
        sprintf(pager.metadata[s], "{\"s\":\"%05u\"}", s * 7919 % STRINGS);
    }
    database_fill();
#define S(op, v) "{\"op\":\"" op "\",\"field\":\"s\",\"value\":\"" v "\"}"
    unsigned before = pager.sections;
    assert_int_equal(agree(S("lt", "09000")), 9000);
    assert_true(pager.sections - before > 3);
    assert_int_equal(agree(S("lte", "09000")), 9001);
    assert_int_equal(agree(S("gt", "01000")), 8999);
    assert_int_equal(agree(S("gte", "01000")), 9000);
    assert_int_equal(agree(S("prefix", "0")), STRINGS);
    assert_int_equal(agree(S("prefix", "099")), 100);
    assert_int_equal(agree(S("gt", "")), STRINGS);
    assert_int_equal(agree(S("gt", "1")), 0);
    database_close();
}

static void records_are_read_only_where_it_matters(void **state)
{
    (void)state;
    enum {
        SLOTS = 1000
    };
    database_open(SLOTS);
    for (uint32_t s = 0; s < SLOTS; s++)
        pager.metadata[s] =
            need(strdup("{\"a\":[1,2],\"b\":3,\"c\":4,\"d\":5,\"e\":6}"));
    database_fill();
    assert_true(pager.columns[3].hidden);
#define D  "{\"op\":\"eq\",\"field\":\"d\",\"value\":5}"
#define A1 "{\"op\":\"eq\",\"field\":\"a\",\"value\":1}"
#define B  "{\"op\":\"eq\",\"field\":\"b\",\"value\":3}"
    char id[32], json[512];
    id_name(id, 700);
    static const struct {
        const char *filter;
        unsigned records, blocks;
        uint64_t count;
    } rows[] = {
        {D, SLOTS, 0, SLOTS},
        {"{\"op\":\"or\",\"filters\":[" D "," D "," D "]}", SLOTS, 0, SLOTS},
        {"{\"op\":\"and\",\"filters\":[" D "," D "," D "]}", SLOTS, 0, SLOTS},
        {"{\"op\":\"or\",\"filters\":[" B "," D "," A1 "]}", 0, 3, SLOTS},
        {"{\"op\":\"and\",\"filters\":[{\"op\":\"not\",\"filter\":" B "}," D "]}", 0, 3,
         0},
        {"{\"op\":\"and\",\"filters\":[{\"op\":\"id_in\",\"ids\":[\"%s\"]}," D "]}", 1,
         0, 1},
        /* one block, read again for the array's word */
        {"{\"op\":\"and\",\"filters\":[{\"op\":\"id_in\",\"ids\":[\"%s\"]}," A1 "]}", 1,
         2, 1},
        /* nothing is less than null, so no array is asked */
        {"{\"op\":\"lt\",\"field\":\"a\",\"value\":null}", 0, 3, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pager.records_read = pager.blocks_read = 0;
        /* each of these formats takes one id or none */
        const char *percent = strstr(rows[i].filter, "%s");
        if (percent)
            snprintf(json, sizeof json, "%.*s%s%s", (int)(percent - rows[i].filter),
                     rows[i].filter, id, percent + 2);
        else
            snprintf(json, sizeof json, "%s", rows[i].filter);
        assert_int_equal(agree(json), rows[i].count);
        if (pager.records_read != rows[i].records ||
            pager.blocks_read != rows[i].blocks)
            fail_msg("%s: %u records, %u blocks", json, pager.records_read,
                     pager.blocks_read);
    }
    database_close();
}

/* Records of megabytes in all: the section ends now and then, within blocks of cells. */
static void sections_stay_short_over_large_records(void **state)
{
    (void)state;
    enum {
        SLOTS = 2 * VDBI_CELLS_PER_BLOCK + 100,
        BYTES = 30000
    };
    database_open(SLOTS);
    for (uint32_t s = 0; s < SLOTS; s++) {
        char *text = need(malloc(BYTES + 128));
        int n = sprintf(text, "{\"a\":1,\"b\":2,\"c\":3,\"d\":%u,\"e\":\"", s % 2);
        memset(text + n, 'x', BYTES);
        strcpy(text + n + BYTES, "\"}");
        pager.metadata[s] = text;
    }
    database_fill();
    unsigned before = pager.sections;
    assert_int_equal(agree("{\"op\":\"eq\",\"field\":\"d\",\"value\":1}"), SLOTS / 2);
    assert_true(pager.sections - before >= 5);
    before = pager.sections;
    assert_int_equal(agree("{\"op\":\"prefix\",\"field\":\"e\",\"value\":\"xx\"}"),
                     SLOTS);
    assert_true(pager.sections - before >= 5);
    database_close();
}

/* Numbers of one kind each, as text; %s of a JSON number or string. */
static void write_kind(char *out, unsigned kind)
{
    static const char *const far[] = {"-9223372036854775808", "9223372036854775807"};
    const unsigned n = draw(1000);

    switch (kind) {
    case 0: /* they fit sixteen bits */
        sprintf(out, "%d", (int)n - 500);
        break;
    case 1: /* they do not */
        sprintf(out, "%lld", (long long)n * 1234567891 - 3000000000);
        break;
    case 2:
        if (n < 2)
            strcpy(out, far[n]);
        else
            sprintf(out, "%d", (int)n);
        break;
    case 3:
        sprintf(out, "%.3fe-1", n / 7.0);
        break;
    case 4: /* all but a few lie together */
        sprintf(out, "%.17e", n ? 1 + n * 1e-9 : 1e9);
        break;
    case 5: /* the span is no double */
        sprintf(out, "%s1.5e308", n % 2 ? "-" : "");
        break;
    case 6:
        strcpy(out, "2.5");
        break;
    default:
        sprintf(out, "\"s%u\"", n % 50);
        break;
    }
}

/* In every block the cells are of one kind, or absent. */
static void columns_of_one_kind_are_told_from_their_copies(void **state)
{
    (void)state;
    enum {
        KINDS = 8
    };
    static const char *const ops[] = {"lt", "lte", "gt", "gte", "eq", "ne"};
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const uint32_t slots = kind ? 3000 : VDBI_CHUNK_SLOTS + 1000;
        uint64_t passed = 0;
        char value[64], json[200];
        seed = 50 + kind;
        database_open(slots);
        for (uint32_t s = 0; s < slots; s++) {
            write_kind(value, kind);
            pager.metadata[s] = need(malloc(100));
            sprintf(pager.metadata[s], draw(20) ? "{\"v\":%s}" : "{\"w\":1}", value);
        }
        database_fill();
        for (uint32_t s = 0; s < slots; s++) /* the dead leave their cells behind */
            pager.live[s] = draw(5) != 0;
        for (unsigned i = 0; i < 14; i++) {
            write_kind(value, i < 10 ? kind : draw(KINDS));
            sprintf(json, "{\"op\":\"%s\",\"field\":\"v\",\"value\":%s}", ops[i % 6],
                    value);
            passed += agree(json);
            /* bounds that no stored cell lies near take no block */
            if (kind == 0 || kind == 6)
                assert_int_equal(blocks_read_with_copies, 0);
            if (kind == 5)
                assert_true(blocks_read_with_copies == 7);
        }
        passed += agree("{\"op\":\"exists\",\"field\":\"v\"}");
        if (kind != 5)
            assert_int_equal(blocks_read_with_copies, 0);
        agree("{\"op\":\"contains\",\"field\":\"v\",\"value\":1}");
        agree("{\"op\":\"in\",\"field\":\"v\",\"values\":[1,2.5,\"s7\",17,33.25]}");
        assert_true(passed > slots);
        database_close();
    }
}

/* A copy is of what the block was; nobody tells it of the change. */
static void a_changed_block_is_read_anew(void **state)
{
    (void)state;
    enum {
        SLOTS = 3 * VDBI_CELLS_PER_BLOCK
    };
    database_open(SLOTS);
    for (uint32_t s = 0; s < SLOTS; s++) {
        pager.metadata[s] = need(malloc(32));
        sprintf(pager.metadata[s], "{\"v\":%u}", s % 100);
    }
    database_fill();
#define V7 "{\"op\":\"eq\",\"field\":\"v\",\"value\":7}"
    const uint64_t before = agree(V7);
    for (uint32_t s = VDBI_CELLS_PER_BLOCK; s < VDBI_CELLS_PER_BLOCK + 10; s++) {
        strcpy(pager.metadata[s], "{\"v\":7}");
        vdbi_put64(pager.columns[0].words + (size_t)8 * s, 7);
    }
    assert_true(agree(V7) >= before + 9);
    assert_int_equal(blocks_read_with_copies, 0); /* of the second time */
    database_close();
}

static vdb_status count_down(void *arg)
{
    unsigned *left = arg;
    assert_false(pager.in_section);
    if (*left == 0)
        return VDB_CANCELLED;
    --*left;
    return VDB_OK;
}

static const char everything[] =
    "{\"op\":\"or\",\"filters\":[{\"op\":\"in\",\"field\":\"a\",\"values\":[3,2.5,"
    "\"a\","
    "\"ab\",null]},{\"op\":\"lt\",\"field\":\"b\",\"value\":\"b\"},{\"op\":\"and\","
    "\"filters\":[{\"op\":\"contains\",\"field\":\"c\",\"value\":\"abc\"},{\"op\":"
    "\"eq\","
    "\"field\":\"d\",\"value\":1}]},{\"op\":\"id_in\",\"ids\":[\"x\",\"y\"]},{\"op\":"
    "\"exists\",\"field\":\"s\"}]}";

static void a_tick_can_stop_it_between_chunks(void **state)
{
    (void)state;
    seed = 9;
    random_database(2 * VDBI_CHUNK_SLOTS + 1);
    vdb_filter *filter = parse("{\"op\":\"exists\",\"field\":\"a\"}");
    for (unsigned ticks = 0; ticks <= 3; ticks++) {
        uint64_t *bits = NULL, count = 0;
        unsigned left = ticks;
        vdb_status st = vdbi_filter_evaluate(filter, &pager, &image, NULL, &memory,
                                             count_down, &left, &bits, &count);
        assert_int_equal(st, ticks < 3 ? VDB_CANCELLED : VDB_OK);
        assert_true((bits != NULL) == (ticks == 3));
        vdbi_free(&memory, bits);
        assert_false(pager.in_section);
    }
    vdbi_filter_free(filter);
    database_close();
}

static void every_failing_read_is_reported(void **state)
{
    (void)state;
    seed = 11;
    random_database(500);
    vdb_filter *filter = parse(everything);
    uint64_t before = memory.bytes;
    for (unsigned n = 1;; n++) {
        uint64_t *bits = NULL, count = 0;
        pager.reads = 0;
        pager.fail_at = n;
        vdb_status st = vdbi_filter_evaluate(filter, &pager, &image, NULL, &memory,
                                             NULL, NULL, &bits, &count);
        assert_false(pager.in_section);
        vdbi_free(&memory, bits);
        assert_int_equal(memory.bytes, before);
        if (st == VDB_OK) {
            assert_true(n > 50);
            break;
        }
        assert_int_equal(st, VDB_IO);
        assert_null(bits);
    }
    pager.fail_at = 0;
    vdbi_filter_free(filter);
    database_close();
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    vdb_allocator allocator = {sizeof allocator, NULL, failing_allocate,
                               failing_release};
    vdbi_memory failing;
    seed = 12;
    random_database(70);
    vdb_filter *filter = parse(everything);
    vdbi_memory_init(&failing, &allocator);
    for (size_t n = 0;; n++) {
        uint64_t *bits = NULL, count = 0;
        allocations_left = n;
        vdb_status st = vdbi_filter_evaluate(filter, &pager, &image, NULL, &failing,
                                             NULL, NULL, &bits, &count);
        assert_false(pager.in_section);
        vdbi_free(&failing, bits);
        assert_int_equal(failing.bytes, 0);
        if (st == VDB_OK) {
            assert_true(n > 15);
            break;
        }
        assert_int_equal(st, VDB_NOMEM);
        assert_null(bits);
    }
    vdbi_filter_free(filter);
    database_close();
}

static void expect_corrupt(const char *json)
{
    vdb_filter *filter = parse(json);
    uint64_t *bits = NULL, count = 0;
    assert_int_equal(vdbi_filter_evaluate(filter, &pager, &image, NULL, &memory, NULL,
                                          NULL, &bits, &count),
                     VDB_CORRUPT);
    assert_null(bits);
    vdbi_filter_free(filter);
    assert_int_equal(memory.bytes, 0);
}

static void impossible_cells_are_damage(void **state)
{
    (void)state;
    database_open(100);
    for (uint32_t s = 0; s < 100; s++) {
        pager.metadata[s] = need(malloc(64));
        sprintf(pager.metadata[s], "{\"a\":\"s%u\",\"b\":[1,\"x\"]}", s);
    }
    database_fill();
#define SOME "{\"op\":\"prefix\",\"field\":\"a\",\"value\":\"s\"}"
#define B1   "{\"op\":\"eq\",\"field\":\"b\",\"value\":7}"
    assert_int_equal(agree(SOME), 100);
    assert_int_equal(agree(B1), 0);
    column *a = &pager.columns[0];
    uint64_t word = vdbi_get64(a->words + 8 * 70);
    vdbi_put64(a->words + 8 * 70, 100); /* as many codes as there are */
    expect_corrupt(SOME);
    vdbi_put64(a->words + 8 * 70, ~(uint64_t)0);
    expect_corrupt(SOME);
    vdbi_put64(a->words + 8 * 70, word);
    a->tags[70] = VDBI_CELL_RECORD + 1;
    expect_corrupt(SOME);
    expect_corrupt("{\"op\":\"exists\",\"field\":\"a\"}");
    pager.live[70] = 0; /* of a dead slot nobody cares */
    assert_int_equal(agree(SOME), 99);
    static const uint8_t bad_tags[] = {VDBI_CELL_ABSENT, VDBI_CELL_OBJECT,
                                       VDBI_CELL_ARRAY, VDBI_CELL_RECORD + 1, 255};
    for (size_t i = 0; i < sizeof bad_tags; i++) {
        pager.lists[50][8] = bad_tags[i];
        expect_corrupt(B1);
    }
    pager.lists[50][8] = VDBI_CELL_INT;
    agree(B1);
    database_close();
}

static void metadata_that_cannot_be_parsed_is_damage(void **state)
{
    (void)state;
    database_open(10);
    for (uint32_t s = 0; s < 10; s++)
        pager.metadata[s] = need(strdup("{\"a\":1,\"b\":1,\"c\":1,\"d\":1}"));
    database_fill();
    pager.metadata[4][3] = 'x';
    expect_corrupt("{\"op\":\"eq\",\"field\":\"d\",\"value\":1}");
    database_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_filters_agree_with_the_test_of_each_record),
        cmocka_unit_test(every_operator_agrees_on_every_value),
        cmocka_unit_test(edges_of_blocks_and_chunks_are_covered),
        cmocka_unit_test(ids_are_found_in_every_chunk),
        cmocka_unit_test(records_are_asked_in_every_chunk),
        cmocka_unit_test(all_slots_dead_give_nothing),
        cmocka_unit_test(long_dictionaries_are_walked_in_parts),
        cmocka_unit_test(records_are_read_only_where_it_matters),
        cmocka_unit_test(sections_stay_short_over_large_records),
        cmocka_unit_test(columns_of_one_kind_are_told_from_their_copies),
        cmocka_unit_test(a_changed_block_is_read_anew),
        cmocka_unit_test(a_tick_can_stop_it_between_chunks),
        cmocka_unit_test(every_failing_read_is_reported),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(impossible_cells_are_damage),
        cmocka_unit_test(metadata_that_cannot_be_parsed_is_damage),
    };
    memset(long_text[0], 'a', VDBI_STRING_MAX + 1);
    memset(long_text[1], 'a', VDBI_STRING_MAX + 1);
    strcpy(long_text[1] + VDBI_STRING_MAX, "bc");
    memset(long_text[2], 'a', VDBI_STRING_MAX);
    vdbi_memory_init(&memory, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
