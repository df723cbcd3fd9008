/* ground_truth.c: judge answers of vdbtool by a search of its own, in double.
 *
 *     ground_truth [--at-least SHARE] base.fvecs queries.fvecs answers.jsonl K
 *                  [meta.jsonl TEXT]
 *
 * Line q of `answers` is what `vdbtool search --queries --json -k K` printed for query
 * q; ids are numbers of rows.  With `meta`, only rows whose line contains TEXT count.
 * It uses nothing of libvdb.  An answer is right when it is one of the K nearest, or
 * as near as the K-th; all, or SHARE of them, must be right; all different, in order, with true distances.
 */
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* float32 distances are off by rounding. */
static const double TOLERANCE = 1e-5;

typedef struct rows {
    float *values;
    size_t count;
    size_t dim;
} rows;

static void stop(const char *what, const char *where)
{
    fprintf(stderr, "ground_truth: %s: %s\n", where, what);
    exit(1);
}

static uint32_t little_endian(const unsigned char *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}

static rows read_rows(const char *path)
{
    rows made = {NULL, 0, 0};
    size_t capacity = 0;
    unsigned char head[4], *raw = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        stop("cannot be opened", path);
    while (fread(head, 1, sizeof head, file) == sizeof head) {
        if (!made.dim) {
            made.dim = little_endian(head);
            if (made.dim == 0 || made.dim > 65535 || !(raw = malloc(4 * made.dim)))
                stop("bad dimension", path);
        }
        if (made.count == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            made.values = realloc(made.values, capacity * made.dim * sizeof(float));
        }
        if (!made.values || fread(raw, 4, made.dim, file) != made.dim)
            stop("truncated", path);
        for (size_t i = 0; i < made.dim; i++) {
            uint32_t bits = little_endian(raw + 4 * i);
            memcpy(made.values + made.count * made.dim + i, &bits, sizeof bits);
        }
        made.count++;
    }
    free(raw);
    fclose(file);
    return made;
}

static bool *read_marks(const char *path, const char *text, size_t count)
{
    bool *marks = malloc(count);
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!marks || (path && !file))
        stop("cannot be opened", path ? path : "memory");
    for (size_t i = 0; i < count; i++) {
        if (file && getline(&line, &capacity, file) < 0)
            stop("too few lines", path);
        marks[i] = !file || strstr(line, text) != NULL;
    }
    if (file)
        fclose(file);
    free(line);
    return marks;
}

static double distance(const float *a, const float *b, size_t dim)
{
    double sums[8] = {0}; /* several, so that additions need not wait for each other */
    double sum = 0;
    size_t i = 0;
    for (; i + 8 <= dim; i += 8)
        for (size_t j = 0; j < 8; j++) {
            double d = (double)a[i + j] - (double)b[i + j];
            sums[j] += d * d;
        }
    for (; i < dim; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    for (size_t j = 0; j < 8; j++)
        sum += sums[j];
    return sqrt(sum);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How many of the answers are right.  `all` holds the true distance of every row, or
 * infinity for those that do not count; `sorted` is space for as many. */
static size_t judge(const json_t *answers, const double *all, double *sorted,
                    size_t count, size_t k, size_t *wanted)
{
    size_t matches = 0, right = 0, index;
    double before = 0;
    json_t *item, *seen = json_object();
    for (size_t i = 0; i < count; i++)
        if (isfinite(all[i]))
            sorted[matches++] = all[i];
    qsort(sorted, matches, sizeof *sorted, compare);
    *wanted = matches < k ? matches : k;
    json_array_foreach(answers, index, item)
    {
        const char *id = json_string_value(json_object_get(item, "id"));
        double said = json_number_value(json_object_get(item, "distance"));
        char *end = NULL;
        size_t i = id ? strtoul(id, &end, 10) : count;
        if (index >= *wanted || !id || *end || i >= count || json_object_get(seen, id))
            break;
        json_object_set_new(seen, id, json_true());
        double last = sorted[*wanted - 1];
        right += all[i] <= last + TOLERANCE * last && said >= before &&
                 fabs(said - all[i]) <= TOLERANCE * (all[i] + 1);
        before = said;
    }
    json_decref(seen);
    return json_array_size(answers) == *wanted ? right : 0;
}

int main(int argc, char **argv)
{
    double share = 1; /* of the answers that must be exact */
    if (argc > 2 && strcmp(argv[1], "--at-least") == 0) {
        share = strtod(argv[2], NULL);
        argc -= 2;
        argv += 2;
    }
    if (argc != 5 && argc != 7)
        stop("[--at-least share] base queries answers k [meta text]", "usage");
    rows base = read_rows(argv[1]), queries = read_rows(argv[2]);
    bool *marks = read_marks(argc == 7 ? argv[5] : NULL, argv[argc - 1], base.count);
    FILE *answers = fopen(argv[3], "r");
    size_t k = strtoul(argv[4], NULL, 10), right = 0, total = 0;
    double *all = malloc((base.count + 1) * sizeof *all);
    double *sorted = malloc((base.count + 1) * sizeof *sorted);
    if (!answers || !all || !sorted || base.dim != queries.dim)
        stop("answers cannot be read, or dimensions differ", argv[3]);
    for (size_t q = 0; q < queries.count; q++) {
        size_t wanted;
        json_t *line = json_loadf(answers, JSON_DISABLE_EOF_CHECK, NULL);
        if (!json_is_array(line))
            stop("not one array per query", argv[3]);
        for (size_t i = 0; i < base.count; i++)
            all[i] = marks[i] ? distance(queries.values + q * base.dim,
                                         base.values + i * base.dim, base.dim)
                              : INFINITY;
        right += judge(line, all, sorted, base.count, k, &wanted);
        total += wanted;
        json_decref(line);
    }
    fclose(answers);
    printf("%zu of %zu answers are exact, for %zu queries\n", right, total,
           queries.count);
    free(base.values);
    free(queries.values);
    free(marks);
    free(all);
    free(sorted);
    return total == 0 || (double)right < share * (double)total;
}
