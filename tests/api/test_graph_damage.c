/* test_graph_damage.c: a saved graph whose pages are damaged is no damage to the database:
 * it opens, searches are right, the graph is made anew, and vdb_check() says what it was.
 * Where its pages are is docs/format.md's, "Meta pages" and "Arrays".
 */
#include "graph_fixture.h"

enum {
    PAGE = 4096,
    GENERATION = 32,
    ROOTS = 128,
    REFERENCE = 24,
    GRAPH = 11, /* the first of its roots */
    LINKS = 0,
    PARTS = 4,
    ARRAY_CHILDREN = 64
};

static uint64_t number_at(const unsigned char *bytes)
{
    uint64_t n = 0;
    for (int i = 7; i >= 0; i--)
        n = n << 8 | bytes[i];
    return n;
}

/* The page that a part's root names, or its first block if `deep`: its byte in the file.
 * *height: of what stands below that page. */
static size_t page_of(const unsigned char *file, size_t size, int part, int deep,
                      uint64_t *height)
{
    const unsigned char *meta = file;
    uint64_t root;
    size_t at;
    if (number_at(file + PAGE + GENERATION) > number_at(file + GENERATION))
        meta = file + PAGE;
    root = number_at(meta + ROOTS + REFERENCE * (GRAPH + part));
    at = (size_t)(root & 0xffffffffffu) * PAGE;
    assert_true(at + PAGE <= size);
    for (*height = root >> 56; deep && *height; --*height) {
        at = (size_t)(number_at(file + at + ARRAY_CHILDREN) & 0xffffffffffu) * PAGE;
        assert_true(at + PAGE <= size);
    }
    return at;
}

/* The file of `from` with a bit of that page turned; 1 if pages below it are lost. */
static int damage(const char *from, const char *to, int part, int deep)
{
    size_t size, at;
    uint64_t height;
    unsigned char *file = fx_read(from, &size);
    assert_non_null(file);
    at = page_of(file, size, part, deep, &height);
    assert_true(at > 0);
    file[at + 100] ^= 4;
    fx_write(to, file, size);
    free(file);
    return height > 0;
}

/* That something is found, and nothing but what begins so. */
static void assert_finds_only(vdb *db, const char *beginning)
{
    vdb_report *report = NULL;
    assert_status(vdb_check(db, NULL, &report, NULL), VDB_CORRUPT);
    assert_true(vdb_report_count(report) > 0);
    for (size_t i = 0; vdb_report_finding(report, i, NULL); i++) {
        const char *finding = vdb_report_finding(report, i, NULL);
        int expected = !strncmp(finding, beginning, strlen(beginning));
        if (!expected)
            print_error("finding: %s\n", finding);
        assert_true(expected);
    }
    vdb_report_free(report);
}

static void check_only_reading(const char *path)
{
    vdb_options options = fx_options(0, 0, 0);
    const fx_files before = fx_files_of(path);
    vdb *db;
    options.flags = VDB_OPEN_READONLY;
    assert_ok(vdb_open(path, &options, &db));
    assert_finds_only(db, "graph (derived)");
    for (int i = 0; i < 4; i++)
        assert_right(db, .k = 10);
    assert_ok(vdb_wait_indexed(db, NULL)); /* for nothing: it cannot be made here */
    assert_right(db, .k = 10);
    assert_int_equal(fx_count(db), N);
    assert_ok(vdb_close(db));
    assert_files(path, &before);
}

/* `hidden`: pages that a damaged node led to stay used for ever (docs/design.md). */
static void check_made_anew(const char *path, uint32_t threads, int hidden)
{
    vdb_options options = fx_options(0, 0, 0);
    vdb *db;
    options.threads = threads;
    options.durability = VDB_OFF;
    assert_ok(vdb_open(path, &options, &db));
    assert_right(db, .k = 10);
    for (uint32_t i = 0; i < N; i += 50)
        assert_finds_own(db, i, 0);
    put_rows(db, N, N + 20, 0, vector_of);
    assert_ok(vdb_wait_indexed(db, NULL));
    assert_recall(db, .k = 10);
    for (uint32_t i = 0; i < N + 20; i += 13)
        assert_finds_own(db, i, 0);
    assert_ok(vdb_checkpoint(db, NULL));
    if (hidden)
        assert_finds_only(db, "free space: ");
    else
        fx_assert_clean(db);
    assert_ok(vdb_close(db));
    options.flags = VDB_OPEN_READONLY; /* it has been saved again */
    assert_ok(vdb_open(path, &options, &db));
    assert_ok(vdb_wait_indexed(db, NULL));
    assert_recall(db, .k = 10);
    assert_ok(vdb_close(db));
}

static void damage_to_the_graph_is_none_to_the_database(void **state)
{
    fixture *fx = *state;
    vdb_options options = graph_options(VDB_L2, 2);
    const char *damaged = fx_name(fx, "damaged.vdb");
    char path[800];
    snprintf(path, sizeof path, "%s", damaged);
    options.threads = 1;
    open_full(fx, &options);
    fx_close(fx);
    for (int part = 0; part < PARTS; part++) {
        int hidden = damage(fx->path, path, part, 0);
        check_only_reading(path);
        check_made_anew(path, 1 + (uint32_t)part % 2, hidden);
    }
    assert_false(damage(fx->path, path, LINKS, 1));
    check_only_reading(path);
    check_made_anew(path, 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(damage_to_the_graph_is_none_to_the_database,
                                        fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
