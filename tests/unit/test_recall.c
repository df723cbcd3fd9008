/* test_recall.c: the table of recalls: which ef it gives, and what it makes of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "db/recall.h"

static vdbi_recall_table table(void)
{
    vdbi_recall_table t = {.vectors = 5000, .sample = 700};
    static const uint32_t ks[] = {1, 10, 100}, firsts[] = {10, 10, 100};

    for (int i = 0; i < VDBI_RECALL_CURVES; i++) {
        t.curves[i].k = ks[i];
        t.curves[i].count = 4;
        for (uint32_t j = 0; j < 4; j++)
            t.curves[i].points[j] = (vdbi_recall_point){
                firsts[i] << j, 0.8f + 0.06f * (float)j, 0.79f + 0.06f * (float)j, 7};
    }
    return t;
}

static void ef_is_the_least_that_promises_it(void **state)
{
    const vdbi_recall_table t = table();
    uint32_t between;

    (void)state;
    assert_int_equal(vdbi_recall_ef(&t, 10, 0.5f), 10);
    assert_int_equal(vdbi_recall_ef(&t, 10, t.curves[1].points[0].promised), 10);
    assert_int_equal(vdbi_recall_ef(&t, 10, t.curves[1].points[2].promised), 40);
    between = vdbi_recall_ef(&t, 10, 0.88f);
    assert_in_range(between, 21, 39);
    /* What is beyond the last is not known. */
    assert_int_equal(vdbi_recall_ef(&t, 10, 0.98f), 0);
    assert_int_equal(vdbi_recall_ef(&t, 10, 1), 0);
}

static void k_between_curves_is_between(void **state)
{
    vdbi_recall_table t = table();
    uint32_t before = 0;

    (void)state;
    for (size_t k = 1; k <= 300; k++) {
        uint32_t ef = vdbi_recall_ef(&t, k, 0.9f);
        assert_true(ef >= before && ef >= k);
        before = ef;
    }
    assert_int_equal(vdbi_recall_ef(&t, 300, t.curves[2].points[0].promised), 300);
    assert_int_equal(vdbi_recall_ef(&t, 300, t.curves[2].points[1].promised), 600);
    t.curves[2].count = 0; /* too few vectors to measure it */
    assert_int_equal(vdbi_recall_ef(&t, 11, 0.8f), 0);
    assert_int_not_equal(vdbi_recall_ef(&t, 10, 0.8f), 0);
    t.vectors = 0;
    assert_int_equal(vdbi_recall_ef(&t, 10, 0.8f), 0);
}

static void chance_is_allowed_for(void **state)
{
    (void)state;
    assert_true(vdbi_recall_promise(0.95, 0.01, 1000) < 0.95f);
    assert_true(vdbi_recall_promise(0.95, 0.01, 1000) > 0.94f);
    assert_true(vdbi_recall_promise(0.95, 0.01, 100) <
                vdbi_recall_promise(0.95, 0.01, 1000));
    assert_true(vdbi_recall_promise(0.1, 0.25, 4) >= 0);
    /* None missed of a few is not none missed ever. */
    assert_true(vdbi_recall_promise(1, 0, 100) < 1);
}

static void bytes_are_believed_if_they_make_sense(void **state)
{
    const vdbi_recall_table t = table();
    vdbi_recall_table back;
    uint8_t bytes[VDBI_RECALL_BYTES], bad[VDBI_RECALL_BYTES];

    (void)state;
    vdbi_recall_encode(&t, bytes);
    vdbi_recall_decode(bytes, &back);
    assert_memory_equal(&back, &t, sizeof t);
    /* magic, k, count, ef, shares */
    static const struct {
        size_t at;
        uint32_t value;
    } changes[] = {{0, 1},           {24, 0},          {28, 25},
                   {32, 0},          {48, 10},         {36, 0x7fc00000},
                   {40, 0x40000000}, {44, 0xbf800000}, {32, 1 << 21}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(bad, bytes, sizeof bad);
        vdbi_put32(bad + changes[i].at, changes[i].value);
        vdbi_recall_decode(bad, &back);
        assert_int_equal(back.vectors, 0);
        assert_int_equal(vdbi_recall_ef(&back, 10, 0.5f), 0);
    }
    memset(bad, 0, sizeof bad);
    vdbi_recall_decode(bad, &back);
    assert_int_equal(back.vectors, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ef_is_the_least_that_promises_it),
        cmocka_unit_test(k_between_curves_is_between),
        cmocka_unit_test(chance_is_allowed_for),
        cmocka_unit_test(bytes_are_believed_if_they_make_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
