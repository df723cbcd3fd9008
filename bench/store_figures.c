/* store_figures.c: what the store costs: opening, small changes, loading, replay.
 *
 *     store_figures FOLDER [VECTORS]      (default 1,000,000 vectors of 32 dimensions,
 *                                          and 1 GB of 784 dimensions)
 *
 * Prints one figure a line.  The raw rate of the disk is measured in the same run, with
 * the same number of syncs as the load made.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vdb.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(vdb_status status, const char *what)
{
    if (status) {
        fprintf(stderr, "%s: %s: %s\n", what, vdb_status_name(status), vdb_errmsg());
        exit(1);
    }
}

static vdb *open_db(const char *path)
{
    vdb_options options = VDB_OPTIONS_INIT;
    vdb *db;

    options.index = VDB_FLAT;
    must(vdb_open(path, &options, &db), path);
    return db;
}

static uint64_t written(vdb *db)
{
    vdb_stats stats = VDB_STATS_INIT;

    must(vdb_stats_get(db, &stats), "stats");
    return stats.written_bytes;
}

static double megabytes(const char *path)
{
    struct stat s;

    return stat(path, &s) ? 0 : (double)s.st_size / 1e6;
}

/* Put rows [from, to) of pseudo-random values, a thousand a batch. */
static void load(vdb *db, size_t dim, size_t from, size_t to)
{
    enum {
        BATCH = 1000
    };
    float *vectors = malloc(BATCH * dim * sizeof *vectors);
    char(*ids)[16] = malloc(BATCH * sizeof *ids);
    const char *pointers[BATCH];
    uint32_t random = 1;

    while (from < to) {
        vdb_rows rows = VDB_ROWS_INIT;
        size_t n = to - from < BATCH ? to - from : BATCH;
        for (size_t i = 0; i < n; i++) {
            snprintf(ids[i], sizeof ids[i], "%zu", from + i);
            pointers[i] = ids[i];
            for (size_t j = 0; j < dim; j++) {
                random = random * 1664525u + 1013904223u;
                vectors[i * dim + j] = (float)(random >> 8);
            }
        }
        rows.count = n;
        rows.dim = dim;
        rows.ids = pointers;
        rows.vectors = vectors;
        must(vdb_put(db, &rows, NULL, NULL), "put");
        from += n;
    }
    free(vectors);
    free(ids);
}

/* The best of five openings. */
static double open_ms(const char *path)
{
    double best = 1e9;

    for (int i = 0; i < 5; i++) {
        double begin = now(), took;
        vdb *db = open_db(path);
        took = (now() - begin) * 1e3;
        must(vdb_close(db), "close");
        if (took < best)
            best = took;
    }
    return best;
}

static void remove_db(const char *path)
{
    char log[4200];

    unlink(path);
    for (int i = 1; i <= 2; i++) {
        snprintf(log, sizeof log, "%s-wal%d", path, i);
        unlink(log);
    }
}

static void openings(const char *path, size_t vectors)
{
    size_t sizes[] = {vectors / 17, vectors * 10 / 17, vectors};
    size_t done = 0;

    remove_db(path);
    for (int i = 0; i < 3; i++) {
        vdb *db = open_db(path);
        load(db, 32, done, sizes[i]);
        done = sizes[i];
        must(vdb_close(db), "close");
        printf("open after a clean close, %zu vectors: %.3f ms\n", done, open_ms(path));
    }
}

static void small_change(const char *path, size_t vectors)
{
    const float v[32] = {1};
    vdb_stats stats = VDB_STATS_INIT;
    vdb *db = open_db(path);

    must(vdb_insert(db, "one more", v, 32, NULL), "insert");
    must(vdb_checkpoint(db, NULL),
         "checkpoint"); /* as the close would; to be counted */
    must(vdb_stats_get(db, &stats), "stats");
    printf("one insert and a checkpoint among %zu vectors: %llu bytes written\n",
           vectors, (unsigned long long)stats.written_bytes);
    must(vdb_close(db), "close");
}

static void ten(const char *path)
{
    char log[4200];
    double total;
    vdb *db;

    remove_db(path);
    db = open_db(path);
    for (int i = 0; i < 10; i++) {
        char id[8];
        const float v[3] = {(float)i, 1, 2};
        snprintf(id, sizeof id, "%d", i);
        must(vdb_insert(db, id, v, 3, "{\"kind\": \"small\"}"), "insert");
    }
    must(vdb_checkpoint(db, NULL), "checkpoint");
    total = megabytes(path);
    for (int i = 1; i <= 2; i++) {
        snprintf(log, sizeof log, "%s-wal%d", path, i);
        total += megabytes(log);
    }
    printf("ten 3-d vectors, file and logs while open: %.0f kB\n", total * 1e3);
    must(vdb_close(db), "close");
}

/* Write as many bytes with as many syncs as the load did, and no more work. */
static double raw_rate(const char *path, size_t bytes, uint64_t syncs)
{
    size_t each = 1 << 20, since = 0, gap = bytes / (size_t)(syncs ? syncs : 1);
    char *block = calloc(1, each);
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    double begin = now(), took;

    for (size_t at = 0; at < bytes; at += each) {
        if (write(file, block, each) != (ssize_t)each)
            exit(1);
        since += each;
        if (since >= gap && fdatasync(file) == 0)
            since = 0;
    }
    fdatasync(file);
    took = now() - begin;
    close(file);
    unlink(path);
    free(block);
    return (double)bytes / 1e6 / took;
}

static void gigabyte(const char *path)
{
    enum {
        DIM = 784,
        ROWS = 320000
    };
    double data = (double)ROWS * DIM * 4, begin, took;
    vdb_stats stats = VDB_STATS_INIT;
    struct rusage usage;
    vdb *db;

    remove_db(path);
    db = open_db(path);
    begin = now();
    load(db, DIM, 0, ROWS);
    must(vdb_checkpoint(db, NULL), "checkpoint");
    took = now() - begin;
    must(vdb_stats_get(db, &stats), "stats");
    getrusage(RUSAGE_SELF, &usage);
    printf("load of %.2f GB (784-d, batches of 1,000): %.0f MB/s, %.2f x written, "
           "%llu syncs, peak memory %.0f MB\n",
           data / 1e9, data / 1e6 / took, (double)written(db) / data,
           (unsigned long long)stats.syncs, (double)usage.ru_maxrss / 1e3);
    must(vdb_close(db), "close");
    remove_db(path);
    printf("the disk alone, as many bytes as the data and as many syncs: %.0f MB/s\n",
           raw_rate(path, (size_t)data, stats.syncs));
}

/* Kill a writer, and time the opening that replays its log. */
static void replay(const char *path)
{
    char log[4200];
    double begin, bytes = 0, took;
    vdb *db;
    pid_t child;

    remove_db(path);
    child = fork();
    if (child == 0) {
        vdb_options options = VDB_OPTIONS_INIT;
        options.index = VDB_FLAT;
        options.threads = 1;
        options.log_bytes = (uint64_t)1 << 30;
        options.dirty_bytes = (uint64_t)1 << 30;
        options.checkpoint_entries = 1000000000;
        must(vdb_open(path, &options, &db), path);
        load(db, 784, 0, 32000);
        _exit(0); /* without closing: as after a kill */
    }
    waitpid(child, NULL, 0);
    for (int i = 1; i <= 2; i++) {
        snprintf(log, sizeof log, "%s-wal%d", path, i);
        bytes += megabytes(log);
    }
    begin = now();
    db = open_db(path);
    took = now() - begin;
    printf("open with %.0f MB of log to replay: %.3f s\n", bytes, took);
    must(vdb_close(db), "close");
    remove_db(path);
}

int main(int argc, char **argv)
{
    size_t vectors = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    char path[4096];

    if (argc < 2) {
        fprintf(stderr, "usage: store_figures FOLDER [VECTORS]\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/figures.vdb", argv[1]);
    replay(path);
    ten(path);
    openings(path, vectors);
    small_change(path, vectors);
    gigabyte(path);
    return 0;
}
