/* campaign.c: arguments, time, and the verification of images. */
#include "campaign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "db/db.h"

enum {
    SECONDS = 25 /* for all scenarios of a campaign, unless it is to be whole */
};

campaign the_campaign;

static void (*the_test)(const scenario *script);

/* ---------------------------------------------------------------- arguments */

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int usage(const char *program)
{
    fprintf(stderr,
            "usage: %s [--stride N] [--only SCENARIO]\n"
            "       %s --replay SCENARIO CALL DAMAGE SEED\n"
            "VDB_LONG=1 visits every point.\n",
            program, program);
    return 2;
}

static void run_scenario(void **state)
{
    the_test(*state);
}

int campaign_main(const char *name, int argc, char **argv,
                  void (*test)(const scenario *script))
{
    const char *whole = getenv("VDB_LONG");
    const char *only = NULL;
    struct CMUnitTest tests[64];
    size_t count = 0;
    int failed;

    vdbi_trim_least = 4; /* closings cut short files, too */
    the_campaign.name = name;
    the_campaign.stride = 1;
    the_campaign.whole = whole && !strcmp(whole, "1");
    the_test = test;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--stride") && i + 1 < argc) {
            the_campaign.stride = strtoull(argv[++i], NULL, 10);
        } else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
            only = argv[++i];
        } else if (!strcmp(argv[i], "--replay") && i + 4 < argc) {
            only = the_campaign.replay_scenario = argv[++i];
            the_campaign.replay_call = strtoull(argv[++i], NULL, 10);
            the_campaign.replay_damage = strtoull(argv[++i], NULL, 10);
            the_campaign.replay_seed = strtoull(argv[++i], NULL, 10);
        } else {
            return usage(argv[0]);
        }
    }
    if (!the_campaign.stride)
        return usage(argv[0]);
    for (size_t i = 0; i < scenario_count && count < 64; i++) {
        if (only && strcmp(only, scenarios[i].name))
            continue;
        tests[count++] = (struct CMUnitTest){scenarios[i].name, run_scenario, NULL,
                                             NULL, (void *)(uintptr_t)&scenarios[i]};
    }
    if (!count) {
        fprintf(stderr, "%s: no such scenario: %s\n", name, only);
        return 2;
    }
    failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    printf("%s: %llu of %llu points visited, %llu images, %llu recoveries cut short, "
           "%llu faults\n",
           name, (unsigned long long)the_campaign.visits,
           (unsigned long long)the_campaign.points,
           (unsigned long long)the_campaign.images,
           (unsigned long long)the_campaign.recoveries,
           (unsigned long long)the_campaign.faults);
    return failed;
}

_Noreturn void campaign_fail(const scenario *script, uint64_t call, uint64_t damage,
                             uint64_t seed, const char *why)
{
    print_error("%s: scenario %s, call %llu, damage %llu, seed %llu: %s\n"
                "again: --replay %s %llu %llu %llu\n",
                the_campaign.name, script->name, (unsigned long long)call,
                (unsigned long long)damage, (unsigned long long)seed, why, script->name,
                (unsigned long long)call, (unsigned long long)damage,
                (unsigned long long)seed);
    _fail(__FILE__, __LINE__);
    abort();
}

/* --------------------------------------------------------------------- walks */

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

campaign_walk campaign_begin(const scenario *script, uint64_t count, double share)
{
    campaign_walk walk = {count, 1, 0, 0};

    (void)script;
    the_campaign.points += count;
    the_campaign.deadline = seconds() + share * SECONDS / (double)scenario_count;
    if (count > 2)
        walk.step = (uint64_t)((double)count * 0.618034) | 1;
    while (count && common_divisor(walk.step, count) != 1)
        walk.step++;
    return walk;
}

/* The last point is always visited: it is the end of the script. */
bool campaign_next(campaign_walk *walk)
{
    bool over =
        !the_campaign.whole && walk->done > 1 && seconds() > the_campaign.deadline;

    if (over || walk->done * the_campaign.stride >= walk->count)
        return false;
    walk->point = (walk->count - 1 + walk->done * walk->step) % walk->count;
    walk->done++;
    the_campaign.visits++;
    return true;
}

run *campaign_plain_run(const scenario *script, unsigned access)
{
    run *r = run_new(script, RUN_PLAIN, access, 1);

    run_play(r);
    if (r->failure[0])
        campaign_fail(script, 0, 0, 0, r->failure);
    return r;
}

/* --------------------------------------------------------------- verification */

typedef struct bench {
    const scenario *script;
    unsigned access;
    const char *path;
    vdb_env *env;
    faultmem *memory;
    vdb *db;
    const synthetic *graph; /* NULL: there must be none */
    bool graph_lost;        /* a fault may have cost it */
    uint64_t serial;        /* of the graph that was found first */
    oracle_row rows[ORACLE_ROWS];
    char why[500];
} bench;

static const char *explain(bench *b, const char *what, vdb_status status)
{
    snprintf(b->why, sizeof b->why, "%s: %s: %s", what, vdb_status_name(status),
             vdb_errmsg());
    return b->why;
}

static const char *open_and_read(bench *b, bool must_exist)
{
    vdb_options options = run_options(b->script, b->access, b->env);
    const char *why = NULL;
    vdb_status status;

    if (must_exist)
        options.flags |= VDB_OPEN_MUST_EXIST;
    status = vdb_open(b->path, &options, &b->db);
    if (status)
        return explain(b, "opening after it", status);
    status = oracle_read(b->db, NULL, b->script->dim, b->rows, &why);
    return status ? explain(b, "reading after it", status) : why;
}

/* The graph that is saved is one that may be there; `again`: the one that was found. */
static const char *judge_graph(bench *b, bool again)
{
    uint64_t serial;
    const char *why = synthetic_verify(b->db, &serial, NULL);

    if (why)
        return why;
    if (again ? serial != b->serial
              : serial && (!b->graph || !synthetic_may_be(b->graph, serial))) {
        snprintf(b->why, sizeof b->why, "the graph of save %llu is there",
                 (unsigned long long)serial);
        return b->why;
    }
    if (!again && !serial && b->graph && !b->graph_lost &&
        !synthetic_may_be(b->graph, 0)) {
        snprintf(b->why, sizeof b->why, "there is no graph, not that of save %llu",
                 (unsigned long long)b->graph->acked);
        return b->why;
    }
    b->serial = serial;
    return NULL;
}

static const char *close_it(bench *b)
{
    vdb_status status = vdb_close(b->db);

    b->db = NULL;
    return status ? explain(b, "closing after it", status) : NULL;
}

/* One more row, which must be there after closing and opening. */
static const char *write_on(bench *b)
{
    float vector[ORACLE_DIM_MAX];
    char id[ORACLE_ID_SIZE];
    oracle_state want;
    vdb_status status;
    const char *why;

    oracle_vector(ORACLE_EXTRA, 77, vector, b->script->dim);
    status =
        vdb_insert(b->db, oracle_id(ORACLE_EXTRA, id), vector, b->script->dim, "{}");
    if (status)
        return explain(b, "inserting after it", status);
    status = oracle_read(b->db, NULL, b->script->dim, b->rows, &why);
    if (status)
        return explain(b, "reading what was inserted after it", status);
    if (why)
        return why;
    want = oracle_sum(b->rows);
    if (!b->rows[ORACLE_EXTRA].there)
        return "an insert after it is not there";
    why = close_it(b);
    if (!why)
        why = open_and_read(b, true);
    if (!why)
        why = judge_graph(b, true);
    if (why)
        return why;
    if (!oracle_same(oracle_sum(b->rows), want))
        return "closed and opened, the rows are others";
    return oracle_compare(b->db, b->rows, b->script->dim);
}

static const char *judge_image(bench *b, bool created, const oracle_state *allowed,
                               size_t count)
{
    const char *why = open_and_read(b, created);

    if (why)
        return why;
    if (oracle_find(allowed, count, b->rows) == count) {
        snprintf(b->why, sizeof b->why,
                 "%zu rows are there, which is none of the %zu allowed states "
                 "(%zu rows to %zu)",
                 oracle_sum(b->rows).count, count, allowed[0].count,
                 allowed[count - 1].count);
        return b->why;
    }
    why = judge_graph(b, false);
    if (!why)
        why = oracle_compare(b->db, b->rows, b->script->dim);
    if (!why)
        why = write_on(b);
    if (!why)
        why = close_it(b);
    return why;
}

/* A backup that was not acknowledged is whole or no database: not one that would be
 * created anew either, unless it is empty. */
static bool is_no_database(bench *b, const vdb_vfs *vfs)
{
    vdb_options options = run_options(b->script, b->access, b->env);
    vdb_file_info info = VDB_FILE_INFO_INIT;
    vdb_file *file;
    vdb_status status;

    if (vfs->open(vfs->arg, b->path, VDB_VFS_READONLY, &file))
        return true;
    vfs->info(vfs->arg, file, &info);
    vfs->close(vfs->arg, file);
    if (info.size == 0)
        options.flags |= VDB_OPEN_MUST_EXIST;
    status = vdb_open(b->path, &options, &b->db);
    if (!status)
        vdb_close(b->db);
    b->db = NULL;
    return status == VDB_CORRUPT || (status == VDB_NOT_FOUND && info.size == 0);
}

/* Verify the database of this name; `unsure`: it may be none.  `r`: whose it is. */
static const char *verify(faultfs *fs, const run *r, const char *path, bool unsure,
                          bool created, const oracle_state *allowed, size_t count)
{
    static char text[600];
    vdb_env_options options = VDB_ENV_OPTIONS_INIT;
    bench *b = calloc(1, sizeof *b);
    const char *why = NULL;

    assert_non_null(b);
    the_campaign.images++;
    b->script = r->scenario;
    b->access = r->access;
    b->path = path;
    b->graph = strcmp(path, SCENARIO_PATH) ? NULL : &r->graph;
    b->graph_lost = r->mode == RUN_IO && faultfs_fired(r->fs);
    b->memory = faultmem_new();
    options.vfs = faultfs_vfs(fs);
    options.allocator = faultmem_allocator(b->memory);
    if (vdb_env_new(&options, &b->env))
        why = "vdb_env_new";
    if (!why && !(unsure && is_no_database(b, faultfs_vfs(fs))))
        why = judge_image(b, created, allowed, count);
    if (why) {
        snprintf(text, sizeof text, "%s: %s", path, why);
        why = text;
    }
    if (b->db)
        vdb_close(b->db);
    vdb_env_free(b->env);
    if (!why && (faultfs_open_files(fs) || faultfs_mapped(fs)))
        why = "after the verification files are open or mapped";
    if (!why && (faultmem_blocks(b->memory) || faultmem_misuses(b->memory)))
        why = "the verification leaked memory or released it wrongly";
    faultmem_free(b->memory);
    free(b);
    return why;
}

const char *campaign_verify(faultfs *fs, const run *r, bool created,
                            const oracle_state *allowed, size_t count)
{
    return verify(fs, r, SCENARIO_PATH, false, created, allowed, count);
}

const char *campaign_verify_run(faultfs *fs, const run *r)
{
    const oracle *o = &r->oracle;
    const char *why =
        campaign_verify(fs, r, o->created, o->states + o->acked, o->count - o->acked);

    for (size_t i = 0; !why && i < r->copy_count; i++) {
        const run_copy *c = &r->copies[i];
        why = verify(fs, r, c->name, !c->done, true, &c->state, 1);
    }
    return why;
}
