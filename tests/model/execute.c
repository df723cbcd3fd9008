/* execute.c: each operation on the library and on the oracle; whatever differs is a
 * complaint, which ends the run by longjmp.
 *
 * Checked after every operation: the count, and that the sequence has moved exactly
 * when something has changed.  At the end, and at OP_CHECK, OP_REOPEN and OP_KILL,
 * everything.
 */
#include "execute.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/graph_priv.h"
#include "oracle.h"

typedef struct held_snapshot {
    vdb_snapshot *snapshot;
    oracle state;
} held_snapshot;

typedef struct held_cursor {
    vdb_cursor *cursor;
    vdb_filter *filter;
    oracle rest; /* what it still has to give, from `at` */
    size_t at;
    int ids_only;
} held_cursor;

typedef struct run {
    const program *p;
    const program_op *op;
    size_t at; /* the op's number */
    char path[2][600];
    int which; /* of the paths */
    vdb *db;
    oracle now;
    uint64_t sequence;
    int walked;                      /* the query was answered by the graph */
    size_t graph_asked, graph_found; /* by it, over the program */
    held_snapshot snapshots[PROGRAM_SNAPSHOTS];
    held_cursor cursors[PROGRAM_CURSORS];
    char *complaint;
    size_t complaint_size;
    jmp_buf out;
} run;

static void complain(run *r, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

static void complain(run *r, const char *format, ...)
{
    va_list args;
    int n = snprintf(r->complaint, r->complaint_size, "op %zu: ", r->at);
    va_start(args, format);
    vsnprintf(r->complaint + n, r->complaint_size - (size_t)n, format, args);
    va_end(args);
    longjmp(r->out, 1);
}

static void want(run *r, const char *what, vdb_status got, vdb_status wanted)
{
    if (got != wanted)
        complain(r, "%s gave %s, want %s; last error: %s", what, vdb_status_name(got),
                 vdb_status_name(wanted), vdb_errmsg());
}

/* ------------------------------------------------------------------ opening */

static vdb_options options_of(const run *r)
{
    vdb_options options = VDB_OPTIONS_INIT;
    options.dimension = r->p->dim_at_creation ? r->p->dim : 0;
    options.metric = r->p->metric;
    options.index = r->p->index;
    options.durability = r->p->durability;
    options.threads = r->p->threads;
    options.checkpoint_entries = r->p->checkpoint_entries;
    options.log_bytes = 1 << 20;
    options.flags = r->p->flags;
    options.cache_bytes = r->p->flags ? 1 : 0;
    options.ef_search = 1000; /* a walk meets all that can be reached */
    return options;
}

static const char *path_of(const run *r)
{
    return r->p->in_memory ? ":memory:" : r->path[r->which];
}

static void open_with(run *r, uint32_t flags)
{
    vdb_options options = options_of(r);
    options.flags |= flags;
    want(r, "vdb_open", vdb_open(path_of(r), &options, &r->db), VDB_OK);
}

static void free_snapshot(held_snapshot *s)
{
    vdb_snapshot_free(s->snapshot);
    oracle_clear(&s->state);
    s->snapshot = NULL;
}

static void free_cursor(held_cursor *c)
{
    vdb_cursor_free(c->cursor);
    vdb_filter_free(c->filter);
    oracle_clear(&c->rest);
    memset(c, 0, sizeof *c);
}

static void close_all(run *r)
{
    vdb *db = r->db;
    for (int i = 0; i < PROGRAM_SNAPSHOTS; i++)
        free_snapshot(&r->snapshots[i]);
    for (int i = 0; i < PROGRAM_CURSORS; i++)
        free_cursor(&r->cursors[i]);
    r->db = NULL;
    want(r, "vdb_close", vdb_close(db), VDB_OK);
}

static void remove_files(const char *path)
{
    static const char *const suffixes[3] = {"", "-wal1", "-wal2"};
    char name[700];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static void copy_file(run *r, const char *from, const char *to)
{
    char block[65536];
    ssize_t n;
    int in = open(from, O_RDONLY | O_CLOEXEC), out;
    if (in < 0)
        return;
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (out >= 0 && (n = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)n) != n)
            complain(r, "copying %s", from);
    close(in);
    if (out < 0 || close(out))
        complain(r, "copying %s", from);
}

/* ------------------------------------------------------------------ reading */

static vdb_filter *parse(run *r, const char *text)
{
    vdb_filter *filter = NULL;
    if (text)
        want(r, text, vdb_filter_parse(NULL, text, strlen(text), &filter), VDB_OK);
    return filter;
}

static json_t *parse_for_oracle(const char *text)
{
    return text ? json_loads(text, 0, NULL) : NULL;
}

/* The state that an op reads, and the vdb_op for it. */
static const oracle *view_of(const run *r, vdb_op *op)
{
    const held_snapshot *s =
        r->op->snapshot >= 0 ? &r->snapshots[r->op->snapshot] : NULL;
    if (!s || !s->snapshot)
        return &r->now;
    op->snapshot = s->snapshot;
    return &s->state;
}

static void compare_record(run *r, const vdb_record *record, const oracle_entry *e,
                           int ids_only)
{
    size_t n = 0;
    const char *metadata = vdb_record_metadata(record, NULL);
    const float *v = vdb_record_vector(record, &n);
    if (strcmp(vdb_record_id(record, NULL), e->id))
        complain(r, "record \"%s\", want \"%s\"", vdb_record_id(record, NULL), e->id);
    if (ids_only) {
        if (v || metadata)
            complain(r, "a record of ids only has more");
        return;
    }
    if (n != r->now.dim || memcmp(v, e->vector, n * sizeof *v))
        complain(r, "the vector of \"%s\" is another", e->id);
    if ((metadata == NULL) != (e->metadata == NULL) ||
        (metadata && strcmp(metadata, e->metadata)))
        complain(r, "the metadata of \"%s\" is %s, want %s", e->id,
                 metadata ? metadata : "none", e->metadata ? e->metadata : "none");
}

static void do_get(run *r)
{
    vdb_op op = VDB_OP_INIT;
    const oracle *view = view_of(r, &op);
    const oracle_entry *e = oracle_find(view, r->op->items[0].id);
    vdb_record *record = NULL;
    vdb_status st = vdb_get(r->db, r->op->items[0].id, &op, &record);
    want(r, "vdb_get", st, e ? VDB_OK : VDB_NOT_FOUND);
    if (e)
        compare_record(r, record, e, 0);
    else if (record)
        complain(r, "vdb_get of what is not there gave a record");
    vdb_record_free(record);
}

static uint64_t count_passing(const oracle *view, const json_t *filter)
{
    uint64_t n = 0;
    for (size_t i = 0; i < view->count; i++)
        n += (uint64_t)oracle_passes(filter, &view->entries[i]);
    return n;
}

static void do_count(run *r)
{
    vdb_op op = VDB_OP_INIT;
    const oracle *view = view_of(r, &op);
    vdb_filter *filter = parse(r, r->op->filter);
    json_t *tree = parse_for_oracle(r->op->filter);
    uint64_t wanted = count_passing(view, tree), got = UINT64_MAX;
    want(r, "vdb_count", vdb_count(r->db, filter, &op, &got), VDB_OK);
    if (got != wanted)
        complain(r, "vdb_count gave %llu, want %llu", (unsigned long long)got,
                 (unsigned long long)wanted);
    vdb_filter_free(filter);
    json_decref(tree);
}

/* What a cursor has to give. */
static void expected_walk(const oracle *view, const char *prefix, const char *after,
                          const json_t *filter, oracle *out)
{
    oracle_init(out, view->dim, view->metric);
    for (size_t i = 0; i < view->count; i++) {
        const oracle_entry *e = &view->entries[i];
        if (strncmp(e->id, prefix, strlen(prefix)) == 0 &&
            (!after[0] || strcmp(e->id, after) > 0) && oracle_passes(filter, e))
            oracle_put(out, e->id, e->vector, e->metadata);
    }
}

static void open_cursor(run *r, held_cursor *c, const oracle *view,
                        const vdb_snapshot *snapshot, const char *prefix,
                        const char *after, const char *filter, int ids_only)
{
    vdb_cursor_options options = VDB_CURSOR_OPTIONS_INIT;
    json_t *tree = parse_for_oracle(filter);
    c->filter = parse(r, filter);
    c->ids_only = ids_only;
    c->at = 0;
    expected_walk(view, prefix, after, tree, &c->rest);
    json_decref(tree);
    options.prefix = prefix[0] ? prefix : NULL;
    options.after = after[0] ? after : NULL;
    options.filter = c->filter;
    options.snapshot = snapshot;
    options.flags = ids_only ? VDB_CURSOR_IDS_ONLY : 0;
    want(r, "vdb_cursor_open", vdb_cursor_open(r->db, &options, &c->cursor), VDB_OK);
}

/* One step; 0 at the end. */
static int step_cursor(run *r, held_cursor *c)
{
    const vdb_record *record = NULL;
    want(r, "vdb_cursor_next", vdb_cursor_next(c->cursor, &record), VDB_OK);
    if (c->at >= c->rest.count) {
        if (record)
            complain(r, "a cursor gave \"%s\" where nothing is left",
                     vdb_record_id(record, NULL));
        return 0;
    }
    if (!record)
        complain(r, "a cursor ended before \"%s\"", c->rest.entries[c->at].id);
    compare_record(r, record, &c->rest.entries[c->at], c->ids_only);
    c->at++;
    return 1;
}

static void walk(run *r, const oracle *view, const vdb_snapshot *snapshot,
                 const char *prefix, const char *after, const char *filter,
                 int ids_only)
{
    held_cursor c;
    memset(&c, 0, sizeof c);
    open_cursor(r, &c, view, snapshot, prefix, after, filter, ids_only);
    while (step_cursor(r, &c))
        ;
    free_cursor(&c);
}

static void do_walk(run *r)
{
    vdb_op op = VDB_OP_INIT;
    const oracle *view = view_of(r, &op);
    walk(r, view, op.snapshot, r->op->prefix, r->op->after, r->op->filter,
         r->op->flags & 1);
}

/* ---------------------------------------------------------------- searching */

typedef struct candidate {
    const oracle_entry *entry;
    double distance;
} candidate;

static int by_distance_and_id(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return strcmp(x->entry->id, y->entry->id);
}

/* A walk goes by codes, so it may miss one that is about as near.  That it misses few is
 * seen at the program's end. */
static void check_recall(run *r, double distance, double worst)
{
    r->graph_asked++;
    r->graph_found += distance <= worst;
}

/* One query's hits [first, last) against all candidates, nearest first. */
static void check_hits(run *r, const oracle *view, const vdb_results *hits,
                       size_t first, size_t last, const float *q, const candidate *all,
                       size_t count, uint32_t flags)
{
    const float *distances = vdb_results_distances(hits);
    size_t wanted = count < r->op->k ? count : r->op->k;
    /* On a grid L2's squares and dot products are exact in float32. */
    int exact = r->p->grid && r->p->metric != VDB_COSINE && !r->walked;
    if (last - first != wanted)
        complain(r, "%zu hits, want %zu", last - first, wanted);
    for (size_t i = first; i < last; i++) {
        const char *id = vdb_results_id(hits, i, NULL);
        const char *metadata = vdb_results_metadata(hits, i, NULL);
        const float *v = vdb_results_vector(hits, i, NULL);
        const oracle_entry *e = oracle_find(view, id);
        size_t at = 0;
        double gap;
        while (at < count && all[at].entry != e)
            at++;
        if (!e || at == count)
            complain(r, "hit \"%s\" is not there, or does not pass", id);
        gap = fabs((double)distances[i] - all[at].distance);
        if (!(gap <= oracle_tolerance(view, q, e->vector)))
            complain(r, "\"%s\" at %.9g, want %.9g", id, (double)distances[i],
                     all[at].distance);
        if (i > first && (distances[i - 1] > distances[i] ||
                          (distances[i - 1] == distances[i] &&
                           strcmp(vdb_results_id(hits, i - 1, NULL), id) >= 0)))
            complain(r, "\"%s\" comes after \"%s\"", id,
                     vdb_results_id(hits, i - 1, NULL));
        if (exact && at != i - first)
            complain(r, "hit %zu is \"%s\", want \"%s\"", i - first, id,
                     all[i - first].entry->id);
        if (r->walked)
            check_recall(r, all[at].distance,
                         all[wanted - 1].distance +
                             oracle_tolerance(view, q, e->vector));
        else if (all[i - first].distance + oracle_tolerance(view, q, e->vector) +
                     oracle_tolerance(view, q, all[i - first].entry->vector) <
                 (double)distances[i])
            complain(r, "hit %zu is \"%s\" at %.9g, but \"%s\" is at %.9g", i - first,
                     id, (double)distances[i], all[i - first].entry->id,
                     all[i - first].distance);
        if (flags & VDB_QUERY_WITH_METADATA &&
            ((metadata == NULL) != (e->metadata == NULL) ||
             (metadata && strcmp(metadata, e->metadata))))
            complain(r, "hit \"%s\" has other metadata", id);
        if (!(flags & VDB_QUERY_WITH_METADATA) && metadata)
            complain(r, "metadata that was not asked for");
        if (flags & VDB_QUERY_WITH_VECTORS
                ? !v || memcmp(v, e->vector, view->dim * sizeof *v)
                : v != NULL)
            complain(r, "hit \"%s\" has another vector", id);
    }
}

static void check_explain(run *r, const vdb_results *hits, size_t q, size_t live,
                          size_t matches, int filtered)
{
    vdb_explain explain = VDB_EXPLAIN_INIT;
    want(r, "vdb_results_explain", vdb_results_explain(hits, q, &explain), VDB_OK);
    if (explain.live != live || explain.index != r->p->index)
        complain(r, "explain says %llu live, want %zu",
                 (unsigned long long)explain.live, live);
    if (filtered && live && explain.matches != matches)
        complain(r, "explain says %llu matches, want %zu",
                 (unsigned long long)explain.matches, matches);
}

static void check_answers(run *r, const oracle *view, const vdb_results *hits,
                          const vdb_query *query, const json_t *tree)
{
    const size_t *offsets = vdb_results_offsets(hits);
    if (vdb_results_queries(hits) != query->count || offsets[0] != 0 ||
        offsets[query->count] != vdb_results_count(hits))
        complain(r, "the results' offsets are wrong");
    for (size_t q = 0; q < query->count; q++) {
        candidate *all = calloc(view->count + 1, sizeof *all);
        size_t count = 0, near = 0;
        for (size_t i = 0; i < view->count; i++)
            if (oracle_passes(tree, &view->entries[i])) {
                all[count].entry = &view->entries[i];
                all[count++].distance =
                    oracle_distance(view, r->op->query[q], view->entries[i].vector);
            }
        qsort(all, count, sizeof *all, by_distance_and_id);
        if (query->flags & VDB_QUERY_EXPLAIN)
            check_explain(r, hits, q, view->count, count, tree != NULL);
        near = count;
        r->walked = count && !(vdb_results_flags(hits, q) & VDB_RESULT_EXACT);
        if (r->walked && r->p->index != VDB_HNSW)
            complain(r, "a walk, and there is no graph");
        if (query->flags & VDB_QUERY_MAX_DISTANCE) {
            /* Those on the very border may be in or out. */
            size_t got = offsets[q + 1] - offsets[q];
            while (near > 0 && all[near - 1].distance > (double)query->max_distance)
                near--;
            if (got != (near < query->k ? near : query->k)) {
                size_t border = got < near ? got : near;
                if (border >= count ||
                    fabs(all[border].distance - (double)query->max_distance) > 1e-5)
                    complain(r, "%zu hits within %.9g, want %zu", got,
                             (double)query->max_distance, near);
                near = got;
            }
        }
        check_hits(r, view, hits, offsets[q], offsets[q + 1], r->op->query[q], all,
                   near, query->flags);
        free(all);
    }
}

static void do_search(run *r)
{
    vdb_op op = VDB_OP_INIT;
    const oracle *view = view_of(r, &op);
    vdb_query query = VDB_QUERY_INIT;
    vdb_filter *filter = parse(r, r->op->filter);
    json_t *tree = parse_for_oracle(r->op->filter);
    vdb_results *hits = NULL;
    vdb_status st;
    query.vectors = r->op->query;
    query.count = r->op->queries;
    query.dim = view->count ? r->now.dim : r->op->odd_dim;
    query.stride = sizeof r->op->query[0];
    query.k = r->op->k;
    query.filter = filter;
    query.op = &op;
    query.max_distance = r->op->max_distance;
    query.flags = r->op->flags & (VDB_QUERY_EXACT | VDB_QUERY_WITH_METADATA |
                                  VDB_QUERY_WITH_VECTORS | VDB_QUERY_EXPLAIN);
    if ((r->op->flags & 0x300) == 0)
        query.flags |= VDB_QUERY_MAX_DISTANCE;
    if (!op.snapshot && r->op->queries == 1) {
        /* The simple calls. */
        query.flags = 0;
        st = filter ? vdb_search_filtered(r->db, r->op->query[0], query.dim, query.k,
                                          filter, &hits)
                    : vdb_search(r->db, r->op->query[0], query.dim, query.k, &hits);
    } else {
        st = vdb_search_batch(r->db, &query, &hits);
    }
    want(r, "search", st, VDB_OK);
    check_answers(r, view, hits, &query, tree);
    vdb_results_free(hits);
    vdb_filter_free(filter);
    json_decref(tree);
}

/* Search for stored vectors by their own values, three at a time. */
static void search_for_own(run *r, const oracle *view, const vdb_snapshot *snapshot)
{
    const program_op *before = r->op;
    program_op mine = {.kind = OP_SEARCH, .k = 1 + r->at % 2};
    vdb_op op = VDB_OP_INIT;
    vdb_query query = VDB_QUERY_INIT;
    op.snapshot = snapshot;
    query.op = &op;
    query.vectors = mine.query;
    query.stride = sizeof mine.query[0];
    query.dim = r->now.dim;
    query.k = mine.k;
    r->op = &mine;
    for (size_t i = 0; i < view->count; i += query.count) {
        vdb_results *hits = NULL;
        query.count = view->count - i < 3 ? view->count - i : 3;
        for (size_t j = 0; j < query.count; j++)
            memcpy(mine.query[j], view->entries[i + j].vector,
                   r->now.dim * sizeof(float));
        want(r, "search", vdb_search_batch(r->db, &query, &hits), VDB_OK);
        check_answers(r, view, hits, &query, NULL);
        vdb_results_free(hits);
    }
    r->op = before;
}

/* Everything, of one state. */
static void check_state(run *r, const oracle *view, const vdb_snapshot *snapshot)
{
    vdb_op op = VDB_OP_INIT;
    uint64_t count = UINT64_MAX;
    op.snapshot = snapshot;
    walk(r, view, snapshot, "", "", NULL, 0);
    want(r, "vdb_count", vdb_count(r->db, NULL, &op, &count), VDB_OK);
    if (count != view->count)
        complain(r, "vdb_count gave %llu, want %zu", (unsigned long long)count,
                 view->count);
    if (r->p->index == VDB_HNSW)
        search_for_own(r, view, snapshot);
}

static void check_file(run *r)
{
    vdb_report *report = NULL;
    vdb_status st = vdb_check(r->db, NULL, &report, NULL);
    const char *finding = report ? vdb_report_finding(report, 0, NULL) : NULL;
    if (st || finding)
        complain(r, "vdb_check: %s: %s", vdb_status_name(st),
                 finding ? finding : vdb_errmsg());
    vdb_report_free(report);
}

static void do_check(run *r)
{
    check_file(r);
    check_state(r, &r->now, NULL);
    for (int i = 0; i < PROGRAM_SNAPSHOTS; i++)
        if (r->snapshots[i].snapshot)
            check_state(r, &r->snapshots[i].state, r->snapshots[i].snapshot);
}

/* ------------------------------------------------------------------ writing */

static int do_insert(run *r)
{
    const program_item *item = &r->op->items[0];
    int there = oracle_find(&r->now, item->id) != NULL;
    if (r->op->kind == OP_INSERT) {
        want(r, "vdb_insert",
             vdb_insert(r->db, item->id, item->vector, r->now.dim, item->metadata),
             VDB_OK);
    } else {
        want(r, "vdb_insert_new",
             vdb_insert_new(r->db, item->id, item->vector, r->now.dim, item->metadata),
             there ? VDB_EXISTS : VDB_OK);
        if (there)
            return 0;
    }
    oracle_put(&r->now, item->id, item->vector, item->metadata);
    return 1;
}

static int do_set_metadata(run *r)
{
    const program_item *item = &r->op->items[0];
    int there = oracle_find(&r->now, item->id) != NULL;
    want(r, "vdb_set_metadata", vdb_set_metadata(r->db, item->id, item->metadata),
         there ? VDB_OK : VDB_NOT_FOUND);
    if (there)
        oracle_set_metadata(&r->now, item->id, item->metadata);
    return there;
}

static int do_delete(run *r)
{
    const char *id = r->op->items[0].id;
    int there = oracle_find(&r->now, id) != NULL;
    want(r, "vdb_delete", vdb_delete(r->db, id), there ? VDB_OK : VDB_NOT_FOUND);
    if (there)
        oracle_remove(&r->now, id);
    return there;
}

static int do_delete_where(run *r)
{
    vdb_filter *filter = parse(r, r->op->filter);
    json_t *tree = parse_for_oracle(r->op->filter);
    uint64_t wanted = count_passing(&r->now, tree), got = UINT64_MAX;
    want(r, "vdb_delete_where", vdb_delete_where(r->db, filter, NULL, &got), VDB_OK);
    if (got != wanted)
        complain(r, "vdb_delete_where removed %llu, want %llu", (unsigned long long)got,
                 (unsigned long long)wanted);
    for (size_t i = r->now.count; i-- > 0;)
        if (oracle_passes(tree, &r->now.entries[i]))
            oracle_remove(&r->now, r->now.entries[i].id);
    vdb_filter_free(filter);
    json_decref(tree);
    return wanted > 0;
}

/* The rows [from, from + count) of an op's items. */
static vdb_rows rows_of(const run *r, size_t from, size_t count, const char **ids,
                        const char **metadata)
{
    vdb_rows rows = VDB_ROWS_INIT;
    for (size_t i = 0; i < count; i++) {
        ids[i] = r->op->items[from + i].id;
        metadata[i] = r->op->items[from + i].metadata;
    }
    rows.count = count;
    rows.dim = r->now.dim;
    rows.ids = ids;
    rows.metadata = metadata;
    rows.vectors = count ? r->op->items[from].vector : NULL;
    rows.stride = sizeof r->op->items[0];
    return rows;
}

/* Apply items one after another to a copy; the index of the first that cannot be, or
 * SIZE_MAX. */
static size_t apply_to_oracle(const run *r, oracle *to, int new_rows, vdb_status *st)
{
    *st = VDB_OK;
    for (size_t i = 0; i < r->op->item_count; i++) {
        const program_item *item = &r->op->items[i];
        int there = oracle_find(to, item->id) != NULL;
        int must_be_new = new_rows && (r->op->kind == OP_PUT || item->as_row);
        if (item->remove ? !there : must_be_new && there) {
            *st = item->remove ? VDB_NOT_FOUND : VDB_EXISTS;
            return i;
        }
        if (item->remove)
            oracle_remove(to, item->id);
        else
            oracle_put(to, item->id, item->vector, item->metadata);
    }
    return SIZE_MAX;
}

static vdb_status add_to_batch(run *r, vdb_batch *batch, int new_rows)
{
    const char *ids[1], *metadata[1];
    for (size_t i = 0; i < r->op->item_count; i++) {
        const program_item *item = &r->op->items[i];
        vdb_status st;
        if (item->remove) {
            st = vdb_batch_delete(batch, item->id);
        } else if (item->as_row) {
            vdb_rows rows = rows_of(r, i, 1, ids, metadata);
            rows.flags = new_rows ? VDB_ROWS_NEW : 0;
            st = vdb_batch_put(batch, &rows, NULL);
        } else {
            st = vdb_batch_insert(batch, item->id, item->vector, r->now.dim,
                                  item->metadata);
        }
        if (st)
            return st;
    }
    return VDB_OK;
}

/* vdb_put and vdb_batch: all items or none. */
static int do_many(run *r)
{
    const char *ids[64], *metadata[64];
    int new_rows = (r->op->flags & 3) == 0;
    oracle next;
    vdb_status wanted, got;
    size_t bad, failed = 12345;
    if (r->op->item_count == 0)
        return 0;
    oracle_copy(&next, &r->now);
    bad = apply_to_oracle(r, &next, new_rows, &wanted);
    if (r->op->kind == OP_PUT) {
        vdb_rows rows = rows_of(r, 0, r->op->item_count, ids, metadata);
        rows.flags = new_rows ? VDB_ROWS_NEW : 0;
        got = vdb_put(r->db, &rows, NULL, &failed);
    } else {
        vdb_batch *batch = NULL;
        want(r, "vdb_batch_new", vdb_batch_new(r->db, &batch), VDB_OK);
        want(r, "adding to a batch", add_to_batch(r, batch, new_rows), VDB_OK);
        got = vdb_batch_apply(batch, &failed);
        vdb_batch_free(batch);
    }
    want(r, r->op->kind == OP_PUT ? "vdb_put" : "vdb_batch_apply", got, wanted);
    if (wanted && failed != bad)
        complain(r, "the bad item is %zu, want %zu", failed, bad);
    if (wanted) {
        oracle_clear(&next);
        return 0;
    }
    oracle_clear(&r->now);
    r->now = next;
    return 1;
}

/* Calls that must be refused. */
static int do_bad(run *r)
{
    float v[PROGRAM_DIM_MAX + 1];
    const char *id = r->op->items[0].id;
    vdb_results *hits = NULL;
    size_t dim = r->now.dim;
    memcpy(v, r->op->items[0].vector, sizeof r->op->items[0].vector);
    v[PROGRAM_DIM_MAX] = 0;
    switch (r->op->flags % 7) {
    case 0:
        v[r->op->k % dim] = NAN;
        want(r, "NaN", vdb_insert(r->db, id, v, dim, NULL), VDB_INVALID);
        break;
    case 1:
        want(r, "no id", vdb_insert(r->db, "", v, dim, NULL), VDB_INVALID);
        break;
    case 2:
        want(r, "metadata", vdb_insert(r->db, id, v, dim, "{\"a\":1,\"a\":2}"),
             VDB_INVALID);
        break;
    case 3:
        want(r, "k = 0", vdb_search(r->db, v, dim, 0, &hits), VDB_INVALID);
        break;
    case 4:
        if (!r->p->dim_at_creation && r->now.count == 0)
            break; /* the dimension may not be fixed yet */
        want(r, "dimension", vdb_insert(r->db, id, v, dim + 1, NULL), VDB_INVALID);
        break;
    case 5:
        memset(v, 0, sizeof v);
        if (r->p->metric == VDB_COSINE)
            want(r, "zero", vdb_insert(r->db, id, v, dim, NULL), VDB_INVALID);
        break;
    default:
        want(r, "metadata", vdb_set_metadata(r->db, id, "[]"), VDB_INVALID);
        break;
    }
    return 0;
}

/* --------------------------------------------------------------- everything */

/* Compaction, and a closing that cuts the file, move pages by commits of their own: the
 * sequence moves with them, and nothing else does. */
static void follow_sequence(run *r)
{
    vdb_stats stats = VDB_STATS_INIT;
    want(r, "vdb_stats_get", vdb_stats_get(r->db, &stats), VDB_OK);
    if (stats.sequence < r->sequence)
        complain(r, "the sequence went back");
    r->sequence = stats.sequence;
}

static void do_reopen(run *r)
{
    const program_item *item = &r->op->items[0];
    if (r->p->in_memory)
        return;
    close_all(r);
    if (r->op->flags & 1) {
        open_with(r, VDB_OPEN_READONLY);
        do_check(r);
        want(r, "writing while reading",
             vdb_insert(r->db, item->id, item->vector, r->now.dim, NULL), VDB_READONLY);
        close_all(r);
    }
    open_with(r, r->op->flags & 2 ? VDB_OPEN_NO_MMAP : 0);
    follow_sequence(r);
    do_check(r);
}

/* Die, and go on with what is in the files.  Only without threads of the library's own
 * do they keep still while they are copied; and OFF promises nothing here. */
static void do_kill(run *r)
{
    static const char *const suffixes[3] = {"", "-wal1", "-wal2"};
    if (r->p->in_memory || r->p->threads != 1 || r->p->durability == VDB_OFF)
        return;
    remove_files(r->path[1 - r->which]);
    for (int i = 0; i < 3; i++) {
        char from[700], to[700];
        snprintf(from, sizeof from, "%s%s", r->path[r->which], suffixes[i]);
        snprintf(to, sizeof to, "%s%s", r->path[1 - r->which], suffixes[i]);
        copy_file(r, from, to);
    }
    close_all(r);
    remove_files(r->path[r->which]);
    r->which = 1 - r->which;
    if (r->op->flags & 1) {
        open_with(r, VDB_OPEN_READONLY);
        do_check(r);
        close_all(r);
    }
    open_with(r, 0);
    do_check(r);
}

/* Back up the newest state or a snapshot's, and look at the copy; sometimes go on with
 * it instead of the original. */
static void do_backup(run *r)
{
    const char *to = r->path[1 - r->which];
    vdb_options options = VDB_OPTIONS_INIT;
    vdb_op op = VDB_OP_INIT;
    const oracle *view = view_of(r, &op);
    vdb *original = r->db;
    remove_files(to);
    want(r, "vdb_backup", vdb_backup(r->db, to, &op), VDB_OK);
    want(r, "a second vdb_backup", vdb_backup(r->db, to, &op), VDB_EXISTS);
    options.flags = VDB_OPEN_READONLY | r->p->flags;
    want(r, "opening the backup", vdb_open(to, &options, &r->db), VDB_OK);
    check_file(r);
    check_state(r, view, NULL);
    want(r, "closing the backup", vdb_close(r->db), VDB_OK);
    r->db = original;
    if (op.snapshot || r->p->in_memory || !(r->op->flags & 2))
        return;
    close_all(r);
    remove_files(r->path[r->which]);
    r->which = 1 - r->which;
    open_with(r, 0);
    do_check(r);
}

static void do_compact(run *r)
{
    want(r, "vdb_compact", vdb_compact(r->db, NULL), VDB_OK);
    follow_sequence(r);
    if (r->op->flags & 1)
        do_check(r);
}

static void do_snapshot(run *r)
{
    held_snapshot *s = &r->snapshots[r->op->slot];
    free_snapshot(s);
    want(r, "vdb_snapshot_new", vdb_snapshot_new(r->db, &s->snapshot), VDB_OK);
    oracle_copy(&s->state, &r->now);
}

static void do_cursor(run *r)
{
    held_cursor *c = &r->cursors[r->op->slot];
    vdb_op op = VDB_OP_INIT;
    if (r->op->kind == OP_CURSOR_OPEN) {
        const oracle *view = view_of(r, &op);
        free_cursor(c);
        open_cursor(r, c, view, op.snapshot, r->op->prefix, r->op->after, r->op->filter,
                    r->op->flags & 1);
    } else if (c->cursor) {
        for (size_t i = 0; i < r->op->steps; i++)
            step_cursor(r, c);
    }
}

/* Run one op; 1 when it has changed the database. */
static int do_op(run *r)
{
    switch (r->op->kind) {
    case OP_INSERT:
    case OP_INSERT_NEW:
        return do_insert(r);
    case OP_PUT:
    case OP_BATCH:
        return do_many(r);
    case OP_SET_METADATA:
        return do_set_metadata(r);
    case OP_DELETE:
        return do_delete(r);
    case OP_DELETE_WHERE:
        return do_delete_where(r);
    case OP_BAD:
        return do_bad(r);
    case OP_GET:
        do_get(r);
        return 0;
    case OP_COUNT:
        do_count(r);
        return 0;
    case OP_WALK:
        do_walk(r);
        return 0;
    case OP_SEARCH:
        do_search(r);
        return 0;
    case OP_SNAPSHOT:
        do_snapshot(r);
        return 0;
    case OP_SNAPSHOT_FREE:
        free_snapshot(&r->snapshots[r->op->slot]);
        return 0;
    case OP_CURSOR_OPEN:
    case OP_CURSOR_STEP:
        do_cursor(r);
        return 0;
    case OP_CHECKPOINT:
        if (r->op->flags & 1)
            want(r, "vdb_wait_indexed", vdb_wait_indexed(r->db, NULL), VDB_OK);
        want(r, "vdb_checkpoint", vdb_checkpoint(r->db, NULL), VDB_OK);
        return 0;
    case OP_BACKUP:
        do_backup(r);
        return 0;
    case OP_COMPACT:
        do_compact(r);
        return 0;
    case OP_REOPEN:
        do_reopen(r);
        return 0;
    case OP_KILL:
        do_kill(r);
        return 0;
    default:
        do_check(r);
        return 0;
    }
}

static void check_after(run *r, int changed)
{
    vdb_stats stats = VDB_STATS_INIT;
    want(r, "vdb_stats_get", vdb_stats_get(r->db, &stats), VDB_OK);
    if (stats.vectors != r->now.count)
        complain(r, "stats say %llu vectors, want %zu",
                 (unsigned long long)stats.vectors, r->now.count);
    if (stats.sequence != r->sequence + (uint64_t)changed)
        complain(r, "the sequence went from %llu to %llu%s",
                 (unsigned long long)r->sequence, (unsigned long long)stats.sequence,
                 changed ? "" : ", though nothing changed");
    r->sequence = stats.sequence;
}

int program_execute(const program *p, const unsigned char *kept, const char *dir,
                    char *complaint, size_t size)
{
    run *r = calloc(1, sizeof *r);
    volatile int bad = 1; /* read after longjmp */
    if (!r)
        abort();
    r->p = p;
    r->complaint = complaint;
    r->complaint_size = size;
    snprintf(r->path[0], sizeof r->path[0], "%s/a.vdb", dir);
    snprintf(r->path[1], sizeof r->path[1], "%s/b.vdb", dir);
    oracle_init(&r->now, p->dim, p->metric);
    /* Few vectors have a graph, then, that is made, kept up, saved and loaded. */
    vdbi_graph_sizes_now = (vdbi_graph_sizes){8, 4, 4, 4};
    if (setjmp(r->out) == 0) {
        open_with(r, 0);
        for (size_t i = 0; i < p->count; i++) {
            if (kept && !kept[i])
                continue;
            r->at = i;
            r->op = &p->ops[i];
            check_after(r, do_op(r));
        }
        r->at = p->count;
        do_check(r);
        if (r->graph_found + 1 + r->graph_asked / 50 < r->graph_asked)
            complain(r, "of %zu nearest the graph found %zu", r->graph_asked,
                     r->graph_found);
        close_all(r);
        if (!p->in_memory) {
            open_with(r, 0);
            do_check(r);
            close_all(r);
        }
        oracle_clear(&r->now);
        bad = 0;
    }
    remove_files(r->path[0]);
    remove_files(r->path[1]);
    free(r);
    return bad;
}
