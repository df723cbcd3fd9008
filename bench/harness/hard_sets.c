/* hard_sets.c: see hard_sets.h. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hard_sets.h"
#include "stop.h"

enum {
    LATENT = 16,
    CLUSTERS = 40
};

static const hard_set SETS[] = {
    {"equal", METRIC_L2, 64},   {"half", METRIC_L2, 64},  {"sorted", METRIC_L2, 64},
    {"outlier", METRIC_L2, 64}, {"plane", METRIC_L2, 2},  {"wide", METRIC_L2, 4096},
    {"norms", METRIC_DOT, 64},  {"drift", METRIC_L2, 64},
};

const hard_set *hard_set_find(const char *name)
{
    for (size_t i = 0; i < sizeof SETS / sizeof *SETS; i++)
        if (name && strcmp(SETS[i].name, name) == 0)
            return &SETS[i];
    stop_usage("--set: equal, half, sorted, outlier, plane, wide, norms or drift");
}

typedef struct maker {
    const hard_set *set;
    float *image; /* dim x LATENT */
    uint64_t state;
    size_t rows;
} maker;

static double uniform(maker *m)
{
    uint64_t z = m->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return ((double)((z ^ z >> 31) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(maker *m)
{
    double length = sqrt(-2 * log(uniform(m)));

    return length * cos(6.283185307179586 * uniform(m));
}

static int is(const maker *m, const char *name)
{
    return strcmp(m->set->name, name) == 0;
}

/* A vector of unit variance or so in each dimension, around the image of a centre. */
static void fill(maker *m, const double *centre, double spread, float *out)
{
    double z[LATENT];

    for (size_t i = 0; i < LATENT; i++)
        z[i] = centre[i] + spread * normal(m);
    for (size_t d = 0; d < m->set->dim; d++) {
        double sum = 0.05 * normal(m);
        for (size_t i = 0; i < LATENT; i++)
            sum += z[i] * (double)m->image[d * LATENT + i];
        out[d] = (float)sum;
    }
}

static void scale(const maker *m, float *row, double by)
{
    for (size_t d = 0; d < m->set->dim; d++)
        row[d] = (float)((double)row[d] * by);
}

/* Row n of all; queries have numbers from all over. */
static void make_row(maker *m, size_t n, float *out)
{
    double centre[LATENT] = {0};
    maker of_cluster = *m;

    if (is(m, "plane")) {
        out[0] = (float)uniform(m);
        out[1] = (float)uniform(m);
        return;
    }
    if (is(m, "equal"))
        m->state = 7;
    of_cluster.state = 1000 + n * CLUSTERS / m->rows;
    if (is(m, "sorted"))
        for (size_t i = 0; i < LATENT; i++)
            centre[i] = 3 * normal(&of_cluster);
    fill(m, centre, is(m, "sorted") ? 0.1 : 1, out);
    if (is(m, "norms"))
        scale(m, out, pow(10, 4 * uniform(m)));
    if (is(m, "outlier") && n == m->rows / 3)
        scale(m, out, 1000);
    if (is(m, "drift") && n >= m->rows / 2)
        for (size_t d = 0; d < m->set->dim; d++)
            out[d] += 3;
}

void hard_set_make(const hard_set *set, size_t rows, size_t queries, fvecs *base,
                   fvecs *asked)
{
    maker m = {set, need(set->dim * LATENT * sizeof *m.image), 1, rows};

    *base = (fvecs){need(rows * set->dim * sizeof *base->values), rows, set->dim};
    *asked =
        (fvecs){need(queries * set->dim * sizeof *asked->values), queries, set->dim};
    for (size_t i = 0; i < set->dim * LATENT; i++)
        m.image[i] = (float)(normal(&m) / sqrt(LATENT));
    for (size_t n = 0; n < rows; n++) {
        float *row = base->values + n * set->dim;
        if (is(&m, "half") && n % 2)
            memcpy(row,
                   base->values +
                       (size_t)(uniform(&m) * (double)(n / 2 + 1)) * 2 * set->dim,
                   set->dim * sizeof *row);
        else
            make_row(&m, n, row);
    }
    for (size_t q = 0; q < queries; q++) {
        size_t n = (size_t)(uniform(&m) * (double)rows);
        make_row(&m, n == rows / 3 ? 0 : n, asked->values + q * set->dim);
    }
    free(m.image);
}
