/* fixture.c: folders, databases and assertions shared by the tests of the API. */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const suffixes[3] = {"", "-wal1", "-wal2"};

int fx_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    fixture *fx = calloc(1, sizeof *fx);
    if (!fx)
        return -1;
    snprintf(fx->dir, sizeof fx->dir, "%s/vdb-api-XXXXXX",
             base && *base ? base : "/tmp");
    if (!mkdtemp(fx->dir)) {
        perror(fx->dir);
        free(fx);
        return -1;
    }
    snprintf(fx->path, sizeof fx->path, "%s/app.vdb", fx->dir);
    *state = fx;
    return 0;
}

int fx_setup_3d(void **state)
{
    vdb_options options = fx_options(3, VDB_L2, VDB_FLAT);
    fixture *fx;
    if (fx_setup(state))
        return -1;
    fx = *state;
    if (vdb_open(fx->path, &options, &fx->db)) {
        fprintf(stderr, "vdb_open: %s\n", vdb_errmsg());
        return -1;
    }
    return 0;
}

/* Remove a folder whose entries are files and links, or folders of such. */
static void remove_folder(const char *dir, int depth)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    if (d) {
        while ((e = readdir(d))) {
            char name[1200];
            if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
                continue;
            snprintf(name, sizeof name, "%s/%s", dir, e->d_name);
            if (unlink(name) && depth < 4)
                remove_folder(name, depth + 1);
        }
        closedir(d);
    }
    rmdir(dir);
}

int fx_teardown(void **state)
{
    fixture *fx = *state;
    int bad = 0;
    if (fx->db)
        bad = vdb_close(fx->db) != VDB_OK;
    if (bad)
        fprintf(stderr, "vdb_close: %s\n", vdb_errmsg());
    remove_folder(fx->dir, 0);
    free(fx);
    return bad ? -1 : 0;
}

vdb_options fx_options(uint32_t dimension, vdb_metric metric, vdb_index_kind index)
{
    vdb_options options = VDB_OPTIONS_INIT;
    options.dimension = dimension;
    options.metric = metric;
    options.index = index;
    options.threads = 1;
    return options;
}

void fx_one_thread(void)
{
    if (FX_RACES)
        skip();
}

void fx_open(fixture *fx, const vdb_options *options)
{
    assert_null(fx->db);
    assert_ok(vdb_open(fx->path, options, &fx->db));
    assert_non_null(fx->db);
}

void fx_close(fixture *fx)
{
    vdb *db = fx->db;
    fx->db = NULL;
    assert_ok(vdb_close(db));
}

void fx_reopen(fixture *fx)
{
    vdb_options options = fx_options(0, 0, 0);
    if (fx->db)
        fx_close(fx);
    fx_open(fx, &options);
}

const char *fx_name(const fixture *fx, const char *name)
{
    static char names[4][800];
    static unsigned next;
    char *out = names[next++ % 4];
    snprintf(out, sizeof names[0], "%s/%s", fx->dir, name);
    return out;
}

/* ------------------------------------------------------------- assertions */

void fx_check_status(vdb_status got, vdb_status want, const char *text,
                     const char *file, int line)
{
    if (got == want)
        return;
    print_error("%s\n  gave %s, want %s; last error: %s\n", text, vdb_status_name(got),
                vdb_status_name(want), vdb_errmsg());
    _fail(file, line);
}

void fx_check_message(const char *part, const char *file, int line)
{
    if (strcasestr(vdb_errmsg(), part))
        return;
    print_error("the message \"%s\" does not contain \"%s\"\n", vdb_errmsg(), part);
    _fail(file, line);
}

void fx_put(vdb *db, const char *id, float x, float y, float z, const char *metadata)
{
    const float v[3] = {x, y, z};
    assert_ok(vdb_insert(db, id, v, 3, metadata));
}

int fx_has(vdb *db, const char *id)
{
    vdb_record *record = NULL;
    vdb_status st = vdb_get(db, id, NULL, &record);
    vdb_record_free(record);
    if (st != VDB_NOT_FOUND)
        assert_ok(st);
    return st == VDB_OK;
}

uint64_t fx_count(vdb *db)
{
    uint64_t count = UINT64_MAX;
    assert_ok(vdb_count(db, NULL, NULL, &count));
    return count;
}

vdb_stats fx_stats(vdb *db)
{
    vdb_stats stats = VDB_STATS_INIT;
    assert_ok(vdb_stats_get(db, &stats));
    return stats;
}

uint64_t fx_sequence(vdb *db)
{
    return fx_stats(db).sequence;
}

vdb_filter *fx_filter(const char *json)
{
    vdb_filter *filter = NULL;
    vdb_status st = vdb_filter_parse(NULL, json, strlen(json), &filter);
    if (st)
        print_error("filter %s\n", json);
    assert_ok(st);
    assert_non_null(filter);
    return filter;
}

void fx_assert_clean(vdb *db)
{
    vdb_report *report = NULL;
    vdb_status st = vdb_check(db, NULL, &report, NULL);
    for (size_t i = 0; report && vdb_report_finding(report, i, NULL); i++)
        print_error("finding: %s\n", vdb_report_finding(report, i, NULL));
    if (st == VDB_OK && vdb_report_count(report) != 0)
        st = VDB_CORRUPT;
    vdb_report_free(report);
    assert_ok(st);
}

/* Append " text" to a growing text. */
static void append(char *out, size_t size, const char *text)
{
    size_t n = strlen(out);
    snprintf(out + n, size - n, "%s%s", n ? " " : "", text);
}

static void assert_text(const char *what, const char *got, const char *want,
                        const char *file, int line)
{
    if (!strcmp(got, want))
        return;
    print_error("%s: got \"%s\", want \"%s\"\n", what, got, want);
    _fail(file, line);
}

void fx_assert_ids(vdb *db, const char *json, const vdb_snapshot *snapshot,
                   const char *want, const char *file, int line)
{
    static char got[65536];
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    vdb_filter *filter = json ? fx_filter(json) : NULL;
    vdb_cursor *cursor = NULL;
    const vdb_record *record = NULL;
    vdb_op op = VDB_OP_INIT;
    uint64_t count = 0, seen = 0;
    options.filter = filter;
    options.snapshot = snapshot;
    op.snapshot = snapshot;
    got[0] = 0;
    fx_check_status(vdb_cursor_open(db, &options, &cursor), VDB_OK, "open", file, line);
    for (;; seen++) {
        fx_check_status(vdb_cursor_next(cursor, &record), VDB_OK, "next", file, line);
        if (!record)
            break;
        append(got, sizeof got, vdb_record_id(record, NULL));
    }
    vdb_cursor_free(cursor);
    fx_check_status(vdb_count(db, filter, &op, &count), VDB_OK, "count", file, line);
    vdb_filter_free(filter);
    assert_text(json ? json : "all ids", got, want, file, line);
    if (count != seen) {
        print_error("vdb_count() says %llu, a cursor finds %llu\n",
                    (unsigned long long)count, (unsigned long long)seen);
        _fail(file, line);
    }
}

void fx_assert_hits(vdb *db, float x, float y, float z, size_t k, const char *json,
                    const char *want, const char *file, int line)
{
    static char got[65536];
    const float q[3] = {x, y, z};
    vdb_filter *filter = json ? fx_filter(json) : NULL;
    vdb_results *hits = NULL;
    vdb_status st = filter ? vdb_search_filtered(db, q, 3, k, filter, &hits)
                           : vdb_search(db, q, 3, k, &hits);
    fx_check_status(st, VDB_OK, "search", file, line);
    got[0] = 0;
    for (size_t i = 0; i < vdb_results_count(hits); i++)
        append(got, sizeof got, vdb_results_id(hits, i, NULL));
    vdb_results_free(hits);
    vdb_filter_free(filter);
    assert_text(json ? json : "hits", got, want, file, line);
}

void fx_assert_metadata(vdb *db, const char *id, const char *want, const char *file,
                        int line)
{
    vdb_record *record = NULL;
    size_t length = 12345;
    const char *got;
    fx_check_status(vdb_get(db, id, NULL, &record), VDB_OK, id, file, line);
    got = vdb_record_metadata(record, &length);
    if (!want) {
        if (got)
            print_error("%s has metadata %s, want none\n", id, got);
        vdb_record_free(record);
        if (got)
            _fail(file, line);
        return;
    }
    assert_text(id, got ? got : "(none)", want, file, line);
    if (length != strlen(want))
        _fail(file, line);
    vdb_record_free(record);
}

/* ------------------------------------------------------------------ files */

unsigned char *fx_read(const char *path, size_t *size)
{
    struct stat info;
    unsigned char *bytes;
    size_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *size = 0;
    if (fd < 0)
        return NULL;
    assert_int_equal(fstat(fd, &info), 0);
    bytes = malloc((size_t)info.st_size + 1);
    assert_non_null(bytes);
    while (got < (size_t)info.st_size) {
        ssize_t n = read(fd, bytes + got, (size_t)info.st_size - got);
        assert_true(n > 0);
        got += (size_t)n;
    }
    close(fd);
    *size = got;
    return bytes;
}

void fx_write(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    size_t done = 0;
    assert_true(fd >= 0);
    while (done < size) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);
        assert_true(n > 0);
        done += (size_t)n;
    }
    assert_int_equal(close(fd), 0);
}

void fx_copy_file(const char *from, const char *to)
{
    size_t size;
    unsigned char *bytes = fx_read(from, &size);
    assert_non_null(bytes);
    fx_write(to, bytes, size);
    free(bytes);
}

void fx_remove(const char *path)
{
    for (int i = 0; i < 3; i++) {
        char name[1000];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

void fx_copy(const char *from, const char *to)
{
    fx_remove(to);
    for (int i = 0; i < 3; i++) {
        char a[1000], b[1000];
        snprintf(a, sizeof a, "%s%s", from, suffixes[i]);
        snprintf(b, sizeof b, "%s%s", to, suffixes[i]);
        if (access(a, F_OK) == 0)
            fx_copy_file(a, b);
    }
}

fx_files fx_files_of(const char *path)
{
    fx_files files;
    for (int i = 0; i < 3; i++) {
        char name[1000];
        size_t size;
        unsigned char *bytes;
        uint64_t hash = 1469598103934665603u;
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        bytes = fx_read(name, &size);
        for (size_t j = 0; bytes && j < size; j++)
            hash = (hash ^ bytes[j]) * 1099511628211u;
        files.size[i] = bytes ? (int64_t)size : -1;
        files.hash[i] = hash;
        free(bytes);
    }
    return files;
}

void fx_assert_files(const char *path, const fx_files *want, const char *file, int line)
{
    fx_files got = fx_files_of(path);
    for (int i = 0; i < 3; i++) {
        if (got.size[i] == want->size[i] && got.hash[i] == want->hash[i])
            continue;
        print_error("%s%s has changed: %lld bytes, were %lld\n", path, suffixes[i],
                    (long long)got.size[i], (long long)want->size[i]);
        _fail(file, line);
    }
}

fx_state fx_state_of(const fixture *fx)
{
    fx_state state;
    state.count = fx_count(fx->db);
    state.sequence = fx_sequence(fx->db);
    state.files = fx_files_of(fx->path);
    return state;
}

void fx_assert_state(const fixture *fx, const fx_state *want, const char *file,
                     int line)
{
    uint64_t count = fx_count(fx->db), sequence = fx_sequence(fx->db);
    if (count != want->count || sequence != want->sequence) {
        print_error("%llu vectors at sequence %llu, want %llu at %llu\n",
                    (unsigned long long)count, (unsigned long long)sequence,
                    (unsigned long long)want->count,
                    (unsigned long long)want->sequence);
        _fail(file, line);
    }
    fx_assert_files(fx->path, &want->files, file, line);
}

int fx_in_child(int (*body)(void *arg), void *arg)
{
    int status = -1;
    pid_t pid;
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(60);
        _exit(body(arg));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        print_error("the child died of signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

char *fx_repeat(const char *head, const char *piece, size_t count, const char *middle,
                const char *tail_piece, const char *tail)
{
    size_t a = strlen(piece), b = strlen(tail_piece);
    size_t size = strlen(head) + strlen(middle) + strlen(tail) + count * (a + b) + 1;
    char *out = malloc(size), *p = out;
    assert_non_null(out);
    p += sprintf(p, "%s", head);
    for (size_t i = 0; i < count; i++, p += a)
        memcpy(p, piece, a);
    p += sprintf(p, "%s", middle);
    for (size_t i = 0; i < count; i++, p += b)
        memcpy(p, tail_piece, b);
    sprintf(p, "%s", tail);
    return out;
}
