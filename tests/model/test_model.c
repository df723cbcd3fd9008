/* test_model.c: random programs against an in-memory oracle.
 *
 *     test_model [--seed S] [--programs N] [--ops N] [--seconds T]
 *     test_model --replay SEED [--ops N]
 *
 * Program i has the seed S + i.  Each runs in a process of its own, so that a crash, a
 * leak report or a hang is a failure like any other.  One that fails is shrunk: ops are
 * left out while it still fails; what remains is printed as a script.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "execute.h"

enum {
    SHRINK_SECONDS = 15
}; /* for each of the two ways */

typedef struct settings {
    uint64_t seed;
    size_t programs; /* 0: as many as fit into `seconds` */
    size_t ops;
    double seconds;
    int replay;
} settings;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Run in a child; 0 when it passes, else 1 with a complaint. */
static int fails(const program *p, const unsigned char *kept, const char *dir,
                 char *complaint, size_t size)
{
    int ends[2], status = 0;
    size_t got = 0;
    ssize_t n;
    pid_t pid;
    complaint[0] = 0;
    fflush(NULL);
    if (pipe(ends) || (pid = fork()) < 0) {
        perror("test_model");
        exit(2);
    }
    if (pid == 0) {
        char text[1024] = "";
        int bad;
        close(ends[0]);
        alarm(120); /* a hang ends as SIGALRM */
        bad = program_execute(p, kept, dir, text, sizeof text);
        if (write(ends[1], text, strlen(text)) < 0)
            _exit(3);
        if (bad)
            _exit(1); /* what is still open is no leak */
        exit(0);      /* leaks are looked for here */
    }
    close(ends[1]);
    while (got + 1 < size && (n = read(ends[0], complaint + got, size - 1 - got)) > 0)
        got += (size_t)n;
    complaint[got] = 0;
    close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        snprintf(complaint, size, "died of signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) && !complaint[0])
        snprintf(complaint, size, "ended with %d", WEXITSTATUS(status));
    return complaint[0] != 0;
}

static void clean(const char *dir)
{
    static const char *const names[] = {"a.vdb", "a.vdb-wal1", "a.vdb-wal2",
                                        "b.vdb", "b.vdb-wal1", "b.vdb-wal2"};
    char name[700];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "%s/%s", dir, names[i]);
        unlink(name);
    }
}

/* Leave out ops, in runs of n / 2, n / 4, ... 1, while the program still fails. */
static void shrink(const program *p, unsigned char *kept, const char *dir,
                   char *complaint, size_t size)
{
    unsigned char *attempt = malloc(p->count + 1);
    char *text = malloc(size);
    double until = now() + SHRINK_SECONDS;
    if (!attempt || !text)
        exit(2);
    for (size_t width = p->count / 2 + 1; width > 0 && now() < until; width /= 2)
        for (size_t from = 0; from < p->count && now() < until; from += width) {
            size_t left_out = 0;
            memcpy(attempt, kept, p->count);
            for (size_t i = from; i < p->count && i < from + width; i++) {
                left_out += attempt[i];
                attempt[i] = 0;
            }
            clean(dir);
            if (left_out == 0 || !fails(p, attempt, dir, text, size))
                continue;
            memcpy(kept, attempt, p->count);
            memcpy(complaint, text, size);
        }
    free(attempt);
    free(text);
}

/* The same, inside the ops that are kept: items of batches. */
static void shrink_items(program *p, const unsigned char *kept, const char *dir,
                         char *complaint, size_t size)
{
    char *text = malloc(size);
    double until = now() + SHRINK_SECONDS;
    if (!text)
        exit(2);
    for (size_t i = 0; i < p->count; i++)
        for (size_t j = p->ops[i].item_count; kept[i] && j-- > 0 && now() < until;) {
            program_op *op = &p->ops[i];
            program_item item = op->items[j];
            if (op->item_count < 2)
                break;
            memmove(&op->items[j], &op->items[j + 1],
                    (op->item_count - j - 1) * sizeof item);
            op->item_count--;
            clean(dir);
            if (fails(p, kept, dir, text, size)) {
                free(item.metadata);
                memcpy(complaint, text, size);
                continue;
            }
            memmove(&op->items[j + 1], &op->items[j],
                    (op->item_count - j) * sizeof item);
            op->items[j] = item;
            op->item_count++;
        }
    free(text);
}

/* 0 when the program of this seed passes. */
static int run_one(uint64_t seed, size_t ops, const char *dir, int verbose)
{
    char complaint[1200];
    program p;
    unsigned char *kept;
    int bad;
    program_generate(&p, seed, ops);
    if (verbose)
        program_print(&p, NULL, stdout);
    bad = fails(&p, NULL, dir, complaint, sizeof complaint);
    if (bad) {
        printf("seed %llu fails: %s\n  shrinking...\n", (unsigned long long)seed,
               complaint);
        kept = malloc(p.count + 1);
        if (!kept)
            exit(2);
        memset(kept, 1, p.count + 1);
        shrink(&p, kept, dir, complaint, sizeof complaint);
        shrink_items(&p, kept, dir, complaint, sizeof complaint);
        program_print(&p, kept, stdout);
        printf("  %s\n  again: test_model --replay %llu --ops %zu\n", complaint,
               (unsigned long long)seed, ops);
        free(kept);
    }
    clean(dir);
    program_free(&p);
    return bad;
}

static int usage(void)
{
    fprintf(stderr,
            "usage: test_model [--seed S] [--programs N] [--ops N] [--seconds T] "
            "[--replay SEED]\n");
    return 2;
}

static int read_settings(settings *s, int argc, char **argv)
{
    s->ops = 150;
    s->seed = 1;
    s->seconds = getenv("VDB_LONG") ? 900 : 20;
    for (int i = 1; i < argc; i += 2) {
        char *end = NULL;
        unsigned long long value;
        if (i + 1 == argc)
            return -1;
        value = strtoull(argv[i + 1], &end, 10);
        if (!end || *end || end == argv[i + 1])
            return -1;
        if (!strcmp(argv[i], "--seed"))
            s->seed = value;
        else if (!strcmp(argv[i], "--programs"))
            s->programs = (size_t)value;
        else if (!strcmp(argv[i], "--ops"))
            s->ops = (size_t)value;
        else if (!strcmp(argv[i], "--seconds"))
            s->seconds = (double)value;
        else if (!strcmp(argv[i], "--replay")) {
            s->seed = value;
            s->replay = 1;
        } else
            return -1;
    }
    /* A long run goes where none has been. */
    if (getenv("VDB_LONG") && s->seed == 1 && !s->replay)
        s->seed = (uint64_t)time(NULL) << 20;
    return 0;
}

int main(int argc, char **argv)
{
    settings s = {0};
    const char *base = getenv("TMPDIR");
    char dir[512];
    size_t passed = 0, failed = 0;
    double until;
    if (read_settings(&s, argc, argv))
        return usage();
    snprintf(dir, sizeof dir, "%s/vdb-model-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir)) {
        perror(dir);
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    until = now() + s.seconds;
    for (size_t i = 0; s.replay     ? i < 1
                       : s.programs ? i < s.programs
                                    : now() < until;
         i++) {
        if (run_one(s.seed + i, s.ops, dir, s.replay))
            failed++;
        else
            passed++;
        if (failed == 3)
            break; /* enough to begin with */
    }
    rmdir(dir);
    printf("programs from seed %llu, %zu ops each\n", (unsigned long long)s.seed,
           s.ops);
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed || !passed;
}
