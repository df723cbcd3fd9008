/* test_hard.c: made data that graphs find hard, smaller than bench/hard.sh has it, and data
 * that is replaced again and again: nearly all of the ten nearest are found, and every vector
 * is, by its own value.
 *
 * Judged by distances: where vectors are equal, one is as good as another.
 */
#include <math.h>

#include "graph_fixture.h"

enum {
    LATENT = 16, /* dimensions that the data really has */
    CLUSTERS = 20,
    HARD_DIM_MAX = 4096,
    ASKED = 100,
    K = 10,
    EFFORT = 50,
    AT_ONCE = 100,
    OTHERS = 1 << 20 /* numbers that are not stored begin here */
};

/* Between -1 and 1, of a seed. */
static double uniform(uint32_t seed)
{
    return (double)(int32_t)mixed(seed ^ 0x9e3779b9u) / 2147483648.0;
}

/* Near enough to the normal distribution, of unit variance. */
static double normal(uint32_t seed)
{
    return uniform(seed * 3) + uniform(seed * 3 + 1) + uniform(seed * 3 + 2);
}

typedef struct hard_set {
    const char *name;
    vdb_metric metric;
    uint32_t dim, rows, m, ef_construction, lost_max;
    double recall_min;
    void (*make)(const struct hard_set *set, uint32_t number, float *out);
} hard_set;

/* The image of LATENT numbers and a little noise, of unit variance in each dimension. */
static void fill(const hard_set *set, uint32_t number, const double *centre,
                 double spread, float *out)
{
    static float image[HARD_DIM_MAX * LATENT];
    double z[LATENT];
    if (image[0] == 0)
        for (uint32_t i = 0; i < HARD_DIM_MAX * LATENT; i++)
            image[i] = (float)(normal(i) / 4);
    for (uint32_t i = 0; i < LATENT; i++)
        z[i] = centre[i] + spread * normal(mixed(number) + i);
    for (uint32_t d = 0; d < set->dim; d++) {
        double sum = 0.05 * uniform(mixed(number + 77) + d);
        for (uint32_t i = 0; i < LATENT; i++)
            sum += z[i] * (double)image[d * LATENT + i];
        out[d] = (float)sum;
    }
}

static const double NOWHERE[LATENT];

static void plain(const hard_set *set, uint32_t number, float *out)
{
    fill(set, number, NOWHERE, 1, out);
}

static void equal(const hard_set *set, uint32_t number, float *out)
{
    (void)number;
    fill(set, 0, NOWHERE, 1, out);
}

/* Every second one is a copy of one that came before it. */
static void half_copies(const hard_set *set, uint32_t number, float *out)
{
    if (number % 2 && number < OTHERS)
        number = mixed(number) % (number / 2 + 1) * 2;
    fill(set, number, NOWHERE, 1, out);
}

/* Tight ones, one after another. */
static void sorted_clusters(const hard_set *set, uint32_t number, float *out)
{
    uint32_t cluster = number % OTHERS * CLUSTERS / set->rows;
    double centre[LATENT];
    for (uint32_t i = 0; i < LATENT; i++)
        centre[i] = 3 * normal(mixed(cluster + 1234567) + i);
    fill(set, number, centre, 0.1, out);
}

/* Tight ones, a hundred, in any order. */
static void clusters(const hard_set *set, uint32_t number, float *out)
{
    uint32_t cluster = mixed(number) % 100;
    double centre[LATENT];
    for (uint32_t i = 0; i < LATENT; i++)
        centre[i] = 3 * normal(mixed(cluster + 1234567) + i);
    fill(set, number, centre, 0.1, out);
}

static void one_outlier(const hard_set *set, uint32_t number, float *out)
{
    fill(set, number, NOWHERE, 1, out);
    for (uint32_t d = 0; d < set->dim && number == set->rows / 3; d++)
        out[d] *= 1000;
}

static void square(const hard_set *set, uint32_t number, float *out)
{
    for (uint32_t d = 0; d < set->dim; d++)
        out[d] = (float)uniform(number * 2 + d);
}

/* Lengths from 1 to 10,000. */
static void lengths(const hard_set *set, uint32_t number, float *out)
{
    double length = pow(10, 2 + 2 * uniform(mixed(number + 999)));
    fill(set, number, NOWHERE, 1, out);
    for (uint32_t d = 0; d < set->dim; d++)
        out[d] = (float)(out[d] * length);
}

/* The second half is shifted. */
static void drift(const hard_set *set, uint32_t number, float *out)
{
    fill(set, number, NOWHERE, 1, out);
    for (uint32_t d = 0; d < set->dim && number % OTHERS >= set->rows / 2; d++)
        out[d] += 3;
}

/* One in a hundred is far out, so that all others have few of the codes. */
static void some_far(const hard_set *set, uint32_t number, float *out)
{
    fill(set, number, NOWHERE, 1, out);
    for (uint32_t d = 0; d < set->dim && number % 100 == 77; d++)
        out[d] *= 20;
}

/* The second half lies close together. */
static void close_later(const hard_set *set, uint32_t number, float *out)
{
    fill(set, number, NOWHERE, 1, out);
    for (uint32_t d = 0; d < set->dim && number % OTHERS >= set->rows / 2; d++)
        out[d] = out[d] / 10;
}

/* Under these ids, vectors of these numbers. */
static void put_each(vdb *db, const hard_set *set, const uint32_t *named,
                     const uint32_t *numbers, uint32_t count)
{
    static float vectors[AT_ONCE * HARD_DIM_MAX];
    static char texts[AT_ONCE][16];
    static const char *ids[AT_ONCE];
    vdb_rows rows = VDB_ROWS_INIT;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "v%05u", named[i]);
        ids[i] = texts[i];
        set->make(set, numbers[i], vectors + i * set->dim);
    }
    rows.count = count;
    rows.dim = set->dim;
    rows.ids = ids;
    rows.vectors = vectors;
    assert_ok(vdb_put(db, &rows, NULL, NULL));
}

static void put(vdb *db, const hard_set *set, uint32_t first, uint32_t bound)
{
    while (first < bound) {
        uint32_t numbers[AT_ONCE];
        uint32_t count = bound - first < AT_ONCE ? bound - first : AT_ONCE;
        for (uint32_t i = 0; i < count; i++)
            numbers[i] = first + i;
        put_each(db, set, numbers, numbers, count);
        first += count;
    }
}

static vdb_results *ask(vdb *db, const hard_set *set, const float *vectors,
                        uint32_t count, uint32_t flags)
{
    vdb_query query = VDB_QUERY_INIT;
    vdb_results *hits = NULL;
    query.vectors = vectors;
    query.count = count;
    query.dim = set->dim;
    query.k = K;
    query.ef = EFFORT;
    query.flags = flags | VDB_QUERY_EXPLAIN;
    assert_ok(vdb_search_batch(db, &query, &hits));
    assert_int_equal(vdb_results_count(hits), (size_t)count * K);
    return hits;
}

static int is_within(float distance, float limit)
{
    return distance <= limit + 1e-5f * fabsf(limit) + 1e-6f;
}

static double recall_of(vdb *db, const hard_set *set)
{
    static float queries[AT_ONCE * HARD_DIM_MAX];
    size_t found = 0;
    vdb_results *got, *want;
    for (uint32_t q = 0; q < ASKED; q++)
        set->make(set, OTHERS + q * (set->rows / ASKED), queries + q * set->dim);
    got = ask(db, set, queries, ASKED, 0);
    want = ask(db, set, queries, ASKED, VDB_QUERY_EXACT);
    assert_strategy(got, VDB_STRATEGY_GRAPH);
    for (size_t i = 0; i < (size_t)ASKED * K; i++)
        found += (size_t)is_within(vdb_results_distances(got)[i],
                                   vdb_results_distances(want)[i / K * K + K - 1]);
    vdb_results_free(got);
    vdb_results_free(want);
    return (double)found / (ASKED * K);
}

/* What a vector's distance from itself is. */
static float own_distance(const hard_set *set, const float *v)
{
    double sum = 0;
    for (uint32_t d = 0; d < set->dim && set->metric == VDB_DOT; d++)
        sum -= (double)v[d] * (double)v[d];
    return (float)sum;
}

/* Whether it is not among the answers to its own value, though the last is farther. */
static int is_lost(vdb *db, const hard_set *set, uint32_t id, uint32_t number)
{
    static float vector[HARD_DIM_MAX];
    int found = 0, far;
    vdb_results *hits;
    set->make(set, number, vector);
    hits = ask(db, set, vector, 1, 0);
    for (size_t i = 0; i < K; i++)
        found |= strcmp(vdb_results_id(hits, i, NULL), id_of(id)) == 0;
    far = !is_within(vdb_results_distances(hits)[K - 1], own_distance(set, vector));
    vdb_results_free(hits);
    return !found && far;
}

static uint32_t lost(vdb *db, const hard_set *set)
{
    uint32_t count = 0;
    /* To look at thousands of equals takes long, and those asked for stand for the others. */
    uint32_t step = set->make == equal ? 50 : 1;
    for (uint32_t number = 0; number < set->rows; number += step)
        count += (uint32_t)is_lost(db, set, number, number);
    return count;
}

static void check(fixture *fx, const hard_set *set)
{
    vdb_options options = fx_options(set->dim, set->metric, VDB_HNSW);
    double recall;
    uint32_t missed;
    options.durability = VDB_OFF;
    options.m = set->m;
    options.ef_construction = set->ef_construction;
    fx_open(fx, &options);
    put(fx->db, set, 0, set->rows / 2);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    put(fx->db, set, set->rows / 2, set->rows);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    recall = recall_of(fx->db, set);
    missed = lost(fx->db, set);
    if (recall < set->recall_min || missed > set->lost_max)
        fail_msg("%s: recall is %.4f, and %u are lost", set->name, recall, missed);
    fx_reopen(fx);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    recall = recall_of(fx->db, set);
    if (recall < set->recall_min)
        fail_msg("%s: recall is %.4f when it has been loaded", set->name, recall);
}

/* By inner products a vector is not the nearest to itself: of those that are among the
 * ten nearest, as many may be lost as of any others.  (Before links to short vectors went to
 * free places only, recall was 0.892 here, and 64 were lost.)  The clusters go by float32, which
 * adds up otherwise on other processors, so the graph is not the same there: none is lost on
 * one, and 54 were before each was looked for by its own value.  From 300 dimensions on codes
 * lie in halves; of the last two sets the upper halves cannot tell enough apart, and by them
 * recall was 0.954 of the first, and 163 of the second were lost (130 by the whole bytes that
 * were fitted to its first half). */
static const hard_set SETS[] = {
    {"equal", VDB_L2, 64, 2100, 16, 200, 0, 0.98, equal},
    {"half of them copies", VDB_L2, 64, 3000, 16, 200, 0, 0.98, half_copies},
    {"sorted clusters", VDB_L2, 64, 4000, 16, 100, 2, 0.98, sorted_clusters},
    {"one outlier", VDB_L2, 64, 3000, 16, 200, 0, 0.98, one_outlier},
    {"two dimensions", VDB_L2, 2, 3000, 16, 200, 0, 0.98, square},
    {"4096 dimensions", VDB_L2, 4096, 2100, 16, 200, 0, 0.98, plain},
    {"lengths 1 to 10,000", VDB_DOT, 64, 4000, 8, 100, 20, 0.98, lengths},
    {"drift", VDB_L2, 64, 4200, 16, 200, 0, 0.98, drift},
    {"300 dimensions, cosine", VDB_COSINE, 300, 3000, 16, 200, 0, 0.98, plain},
    {"300 dimensions, products", VDB_DOT, 300, 3000, 16, 200, 0, 0.98, plain},
    {"some far out", VDB_L2, 300, 3000, 16, 200, 0, 0.98, some_far},
    {"close together later", VDB_L2, 300, 4200, 16, 200, 2, 0.95, close_later},
};

static void everyone_of_a_hard_set_is_found(void **state)
{
    fixture *fx = *state;
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++) {
        check(fx, &SETS[i]);
        fx_close(fx);
        fx_remove(fx->path);
    }
}

/* All are replaced in steps of a twentieth, in an order that takes each once, and twice over.
 * Who stays loses neighbours to it; while nobody looked for him again, some 80 were lost. */
static void everyone_is_found_after_all_were_replaced(void **state)
{
    enum {
        ROWS = 4000,
        STEP = ROWS / 20,
        STRIDE = 1493 /* has no factor in common with ROWS */
    };
    static uint32_t number_now[ROWS];
    const hard_set set = {"replaced", VDB_L2, 32, ROWS, 8, 40, 0, 0, clusters};
    fixture *fx = *state;
    vdb_options options = fx_options(set.dim, set.metric, VDB_HNSW);
    uint32_t next = ROWS, missed = 0;
    options.durability = VDB_OFF;
    options.m = set.m;
    options.ef_construction = set.ef_construction;
    fx_open(fx, &options);
    put(fx->db, &set, 0, ROWS);
    assert_ok(vdb_wait_indexed(fx->db, NULL));
    for (uint32_t at = 0; at < 2 * ROWS; at += STEP) {
        for (uint32_t done = 0; done < STEP; done += AT_ONCE) {
            uint32_t ids[AT_ONCE], numbers[AT_ONCE];
            for (uint32_t i = 0; i < AT_ONCE; i++) {
                ids[i] = (at + done + i) * STRIDE % ROWS;
                numbers[i] = number_now[ids[i]] = next++;
            }
            put_each(fx->db, &set, ids, numbers, AT_ONCE);
        }
        assert_ok(vdb_wait_indexed(fx->db, NULL));
    }
    for (uint32_t id = 0; id < ROWS; id++)
        missed += (uint32_t)is_lost(fx->db, &set, id, number_now[id]);
    if (missed)
        fail_msg("%u of %u are lost", missed, (unsigned)ROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everyone_of_a_hard_set_is_found, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(everyone_is_found_after_all_were_replaced,
                                        fx_setup, fx_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
