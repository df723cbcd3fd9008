/* check_db.c: see check.h.  Holds the checkpoint's lock, so that what is on disk stays as
 * it is; commits and searches go on. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "db/check.h"
#include "db/graph_priv.h"
#include "store/check.h"

typedef struct run {
    vdb_report *report;
    vdbi_limits limits;
    vdb_status told; /* of telling a finding about the graph */
} run;

static vdb_status finding(void *arg, int64_t offset, const char *text)
{
    vdb_report *r = ((run *)arg)->report;
    vdb_status st;

    /* A damaged page is met by everyone who needs it: told once. */
    for (size_t i = 0; i < r->kept; i++)
        if (strcmp(r->findings[i].text, text) == 0)
            return VDB_OK;
    r->count++;
    if (r->kept >= r->limit)
        return VDB_OK;
    st = vdbi_grow(&r->memory, &r->findings, &r->capacity, r->kept + 1,
                   sizeof *r->findings);
    if (st)
        return st;
    r->findings[r->kept].text = vdbi_strdup(&r->memory, text, strlen(text));
    if (!r->findings[r->kept].text)
        return VDB_NOMEM;
    r->findings[r->kept++].offset = offset;
    return VDB_OK;
}

/* The graph that the file holds, as a search would load it. */
static void strange(void *arg, const char *text)
{
    char all[200];
    run *r = arg;

    if (r->told)
        return;
    snprintf(all, sizeof all, VDBI_CHECK_DERIVED ": %s", text);
    r->told = finding(r, -1, all);
}

static vdb_status limits_tick(void *arg)
{
    return vdbi_limits_tick(&((run *)arg)->limits);
}

static vdb_status check_graph(vdb *db, run *r)
{
    const vdbi_graph_ear ear = {strange, limits_tick, r};
    vdb_status st = vdbi_graph_check(db, &ear);

    return st ? st : r->told;
}

static vdb_status tick(void *arg, uint64_t done, uint64_t total)
{
    run *r = arg;

    vdbi_limits_progress(&r->limits, done, total);
    return vdbi_limits_tick(&r->limits);
}

void vdbi_report_destroy(vdb_report *r)
{
    vdbi_memory memory;

    if (!r)
        return;
    for (size_t i = 0; i < r->kept; i++)
        vdbi_free(&r->memory, r->findings[i].text);
    vdbi_free(&r->memory, r->findings);
    vdbi_memory_init(&memory, &r->memory.allocator);
    vdbi_free(&memory, r);
}

vdb_status vdbi_db_check(vdb *db, uint32_t max_findings, const vdb_op *op,
                         vdb_report **out)
{
    vdbi_checker checker = {.finding = finding, .tick = tick};
    vdbi_version *v;
    vdbi_meta meta;
    run r = {0};
    vdb_status st = vdbi_op_view(db, op->snapshot, &v);

    if (st)
        return st;
    r.report = vdbi_calloc(&db->env->memory, 1, sizeof *r.report);
    if (!r.report) {
        vdbi_version_release(db, v);
        return VDB_NOMEM;
    }
    vdbi_memory_init(&r.report->memory, &db->env->memory.allocator);
    r.report->limit = max_findings;
    vdbi_limits_begin(&r.limits, db, op);
    checker.arg = &r;
    vdbi_lock(&db->checkpoint_lock);
    vdbi_turn_take(db);
    vdbi_check_meta(db->store, &meta);
    vdbi_turn_give(db);
    st = vdbi_check_file(db->store, &meta, &checker);
    if (!st)
        st = check_graph(db, &r);
    vdbi_unlock(&db->checkpoint_lock);
    if (!st)
        st = vdbi_check_image(db->store, &v->image, &checker);
    r.report->bytes = checker.bytes;
    vdbi_version_release(db, v);
    if (st) {
        vdbi_report_destroy(r.report);
        return st;
    }
    *out = r.report;
    if (r.report->count)
        return vdbi_fail_at(
            VDB_CORRUPT, r.report->kept ? r.report->findings[0].offset : -1,
            "%llu findings, the first: %s", (unsigned long long)r.report->count,
            r.report->kept ? r.report->findings[0].text : "");
    return VDB_OK;
}
