/* graph_fixture.h: what the tests of the graph share: vectors, and searches by it against
 * exact ones of the same database.
 *
 * Every vector is a function of its number and version, so that what is stored need not be
 * remembered.  What a graph promises exactly (how many answers, which may be one, their
 * distances) is checked exactly; which are found may miss one in twenty.
 */
#ifndef VDB_TESTS_GRAPH_FIXTURE_H
#define VDB_TESTS_GRAPH_FIXTURE_H

#include "fixture.h"

enum {
    DIM = 20, /* not so few that the codes are the vectors themselves */
    N = 2400, /* enough for a graph, also when one in ten is deleted */
    NUMBERS = 8192,
    QUERIES = 40,
    EF = 150
};

typedef void vector_function(uint32_t number, uint32_t version, float *out);

/* Any thread may call these two. */
uint32_t mixed(uint32_t x);
void vector_of(uint32_t number, uint32_t version, float *out);
void fill_queries(float *out);      /* QUERIES vectors that are not stored */
const char *id_of(uint32_t number); /* one of two static buffers */
uint32_t number_of(const char *id);

/* With one, the test is taken to have no other: see fx_one_thread(). */
vdb_options graph_options(vdb_metric metric, uint32_t threads);
/* Store numbers [first, bound), a few hundred in a commit, with metadata that says "n"
 * and "version". */
void put_rows(vdb *db, uint32_t first, uint32_t bound, uint32_t version,
              vector_function *make);
/* A database with N vectors, all of them in its graph. */
void open_full(fixture *fx, const vdb_options *options);

typedef struct asked {
    size_t k;
    const vdb_filter *filter;
    const vdb_snapshot *snapshot;
    uint32_t flags;
} asked;

vdb_results *find(vdb *db, const float *vectors, size_t count, const asked *a);
uint32_t strategy_of(const vdb_results *hits, size_t q);
void assert_strategy(const vdb_results *hits, uint32_t strategy);

/* Recall is at least 0.95 against an exact search, and whatever the graph answers is
 * right; `must`: the graph has to answer. */
void assert_recall_at(vdb *db, const asked *a, int must, const char *file, int line);
#define assert_recall(db, ...)                                                         \
    assert_recall_at((db), &(const asked){__VA_ARGS__}, 1, __FILE__, __LINE__)
/* By the graph or not. */
#define assert_right(db, ...)                                                          \
    assert_recall_at((db), &(const asked){__VA_ARGS__}, 0, __FILE__, __LINE__)

/* The nearest of a vector's own value is that vector (L2). */
void assert_finds_own_at(vdb *db, uint32_t number, uint32_t version,
                         const vdb_snapshot *snapshot, const char *file, int line);
#define assert_finds_own(db, number, version)                                          \
    assert_finds_own_at((db), (number), (version), NULL, __FILE__, __LINE__)

/* vdb_wait_indexed() without waiting. */
vdb_status poll_indexed(vdb *db);

#endif
