/* compact_db.c: compaction: the order of its parts, as commits like any other, and of the
 * checkpoints between them; see store/compact.h and docs/design.md.
 */
#include "base/error.h"
#include "db/db.h"
#include "store/column.h"
#include "store/compact.h"

enum {
    STEP_LOG = 512 << 10, /* bytes of log that a commit may have */
    UNSAVED = 16 << 20,   /* bytes of moved pages that a checkpoint then saves */
    PASSES = 8,           /* over the places */
    SLACK = 4,            /* pages: not worth a pass */
    WHOLE = 1000,         /* thousandths */
    IDLE = 8,             /* one free page in so many used ones is left as it is */
    SPARE = 16,           /* and one in so many, when there were more */
    GAIN = 16             /* of the file's pages: less is not worth moving for */
};

uint64_t vdbi_trim_least = 128;

typedef struct compaction {
    vdb *db;
    vdbi_limits limits;
    vdbi_compact work;
    int rows;             /* may move: there is no graph now */
    uint64_t told, share; /* thousandths: before this part, and of it */
    uint64_t bytes; /* of the file at the beginning: progress is told as of those */
} compaction;

static vdb_status apply(vdbi_request *r, vdbi_pending *p)
{
    compaction *c = r->arg;
    size_t more;
    vdb_status st;

    vdbi_section_begin(p->pager);
    st = vdbi_compact_step(&c->work, p, &more);
    vdbi_section_end(p->pager);
    if (st)
        return st;
    if (more) { /* nothing was done: come again with room for it */
        c->work.log_bytes = r->log_bytes = more;
        return VDBI_NO_ROOM;
    }
    r->unchanged = !c->work.changed;
    return VDB_OK;
}

static vdb_status apply_nothing(vdbi_request *r, vdbi_pending *p)
{
    (void)r, (void)p;
    return VDB_OK;
}

static void tell(const compaction *c, uint64_t thousandths)
{
    vdbi_limits_progress(&c->limits, c->bytes / WHOLE * thousandths,
                         c->bytes / WHOLE * WHOLE);
}

static vdb_status tick(compaction *c)
{
    vdbi_version *v = vdbi_version_pin(c->db);
    uint64_t part = vdbi_compact_progress(&c->work, &v->image);

    vdbi_version_release(c->db, v);
    tell(c, c->told + part * c->share / WHOLE);
    return vdbi_limits_tick(&c->limits);
}

static vdb_status step(compaction *c)
{
    vdbi_request r = {.apply = apply, .arg = c};
    uint64_t bound = c->db->options.log_bytes;
    vdb_status st = tick(c);

    c->work.log_most = c->db->in_memory ? SIZE_MAX / 2 : (size_t)(bound / 2);
    c->work.log_bytes = bound / 8 < STEP_LOG ? (size_t)(bound / 8) : STEP_LOG;
    r.log_bytes = c->work.log_bytes;
    return st ? st : vdbi_commit(c->db, &r);
}

static vdb_status run_part(compaction *c, vdbi_compact_part part, uint64_t share)
{
    vdb_status st = VDB_OK;

    c->share = share;
    vdbi_compact_begin(&c->work, part);
    while (!st && !c->work.done)
        st = step(c);
    c->told += share;
    return st;
}

/* Rows move only where there is no graph, for a graph goes by the numbers of slots.  If
 * there is one and it is worth it, it is given up. */
static int may_move_rows(vdb *db)
{
    const vdbi_image *image;
    int there, worth;

    vdbi_turn_take(db);
    image = &db->newest->image;
    there = vdbi_graph_there(db);
    worth = image->live_count < image->slot_count / 2;
    vdbi_turn_give(db);
    if (there && !worth)
        return 0;
    vdbi_graph_yield(db, "most of it is deleted, and the rest moves");
    return 1;
}

static void lift_ceiling(vdb *db)
{
    vdbi_turn_take(db);
    vdbi_store_slot_ceiling(db->store, UINT32_MAX);
    vdbi_turn_give(db);
}

static void evacuate(vdb *db, uint64_t boundary)
{
    vdbi_lock(&db->checkpoint_lock);
    vdbi_store_evacuate(db->store, boundary);
    vdbi_unlock(&db->checkpoint_lock);
}

/* Two checkpoints, so that both meta pages have the smaller length; then the cut. */
static vdb_status shrink_file(vdb *db)
{
    vdb_status st = vdbi_db_checkpoint_shrink(db);

    if (!st)
        st = vdbi_db_checkpoint_shrink(db);
    if (st)
        return st;
    vdbi_lock(&db->checkpoint_lock);
    vdbi_turn_take(db);
    st = vdbi_store_cut(db->store);
    vdbi_turn_give(db);
    vdbi_unlock(&db->checkpoint_lock);
    return st;
}

/* Move what stands behind the boundary, as far as there is room before it. */
static vdb_status move_pages(compaction *c, uint64_t boundary, uint64_t room)
{
    vdb *db = c->db;
    vdb_status st = VDB_OK;

    vdbi_compact_begin(&c->work, VDBI_COMPACT_PLACES);
    c->work.boundary = boundary;
    while (!st && !c->work.done && c->work.moved < room) {
        st = step(c);
        if (!st && vdbi_pager_dirty_bytes(db->pager) >= UNSAVED)
            st = vdbi_db_checkpoint(db);
    }
    return st ? st : vdbi_db_checkpoint(db);
}

/* One pass; *on says whether another may do more: this one has moved something, and there
 * are pages in the file that are not used. */
static vdb_status pass(compaction *c, int *on)
{
    vdb *db = c->db;
    uint64_t file, used, boundary, room = 0;
    vdb_status st = vdbi_db_checkpoint(db);

    if (st)
        return st;
    vdbi_lock(&db->checkpoint_lock);
    vdbi_store_pages(db->store, &file, &used);
    boundary = used + SLACK;
    st = vdbi_store_room(db->store, boundary, &room);
    vdbi_store_evacuate(db->store, boundary);
    vdbi_unlock(&db->checkpoint_lock);
    c->work.moved = 0;
    if (!st && file > boundary && room)
        st = move_pages(c, boundary, room);
    if (!st)
        st = shrink_file(db);
    evacuate(db, UINT64_MAX);
    if (!st)
        vdbi_store_pages(db->store, &file, &used);
    *on = c->work.moved && file > used + SLACK;
    return st;
}

/* A pass may leave pages behind for which there was no run of free ones; what it has moved
 * makes room for the next. */
static vdb_status give_back_places(compaction *c)
{
    vdbi_request r = {.apply = apply_nothing, .arg = c};
    int on = 1;
    /* A log must be in use: checkpoints without one could be confused. */
    vdb_status st = vdbi_commit(c->db, &r);

    c->share = (WHOLE - c->told) / PASSES;
    for (int i = 0; !st && on && i < PASSES; i++) {
        st = pass(c, &on);
        c->told += c->share;
    }
    return st;
}

static vdb_status compact_rows(compaction *c)
{
    vdb_status st = run_part(c, VDBI_COMPACT_ROWS, 300);

    if (!st)
        st = run_part(c, VDBI_COMPACT_SLOTS, 0);
    /* Those that a search still saw are free when it has ended. */
    if (!st)
        st = run_part(c, VDBI_COMPACT_SLOTS, 0);
    return st;
}

/* (turn) From a version on, which is held, commits mark what they use. */
static vdb_status begin_marks(compaction *c, vdbi_code_marks **marks, vdbi_version **v)
{
    vdb *db = c->db;
    vdb_status st;

    vdbi_turn_take(db);
    *v = vdbi_version_pin(db);
    vdbi_section_begin(db->pager);
    st = vdbi_code_marks_create(&db->env->memory, db->pager, &(*v)->image, marks);
    vdbi_section_end(db->pager);
    if (!st)
        vdbi_store_mark_codes(db->store, *marks);
    vdbi_turn_give(db);
    return st;
}

/* Strings of which neither that version, in its live slots, nor any commit since has
 * anything leave the dictionary. */
static vdb_status clear_strings(compaction *c)
{
    vdb *db = c->db;
    vdbi_code_marks *marks;
    vdbi_version *v;
    vdb_status st = begin_marks(c, &marks, &v);
    uint32_t slots = v->image.slot_count;

    c->work.record.memory = c->work.memory;
    for (uint64_t i = 0; !st && i * VDBI_CELLS_PER_BLOCK < slots; i++) {
        vdbi_section_begin(db->pager);
        st = vdbi_code_marks_block(marks, db->pager, &v->image, (uint32_t)i,
                                   &c->work.record);
        vdbi_section_end(db->pager);
        if (!st)
            st = vdbi_limits_tick(&c->limits);
    }
    vdbi_version_release(db, v);
    c->work.marks = marks;
    if (!st)
        st = run_part(c, VDBI_COMPACT_STRINGS, 50);
    vdbi_turn_take(db);
    vdbi_store_mark_codes(db->store, NULL);
    vdbi_turn_give(db);
    vdbi_code_marks_free(marks);
    return st;
}

static vdb_status compact_all(compaction *c)
{
    vdb_status st = VDB_OK;

    if (c->rows)
        st = compact_rows(c);
    lift_ceiling(c->db);
    c->told = 300;
    if (!st)
        st = run_part(c, VDBI_COMPACT_RECORDS, 150);
    if (!st)
        st = clear_strings(c);
    if (!st)
        st = run_part(c, VDBI_COMPACT_TREES, 50);
    if (!st)
        st = run_part(c, VDBI_COMPACT_COLUMNS, 50);
    if (!st && !c->db->in_memory)
        st = give_back_places(c);
    return st;
}

static vdb_status compact(compaction *c)
{
    vdb_status st;

    c->rows = may_move_rows(c->db);
    st = compact_all(c);
    /* Not before: a graph that is saved meanwhile would be in the way of the cut. */
    if (c->rows)
        vdbi_graph_resume(c->db);
    if (!st)
        tell(c, WHOLE);
    return st;
}

vdb_status vdbi_db_compact(vdb *db, const vdb_op *op)
{
    compaction c = {.db = db};
    vdb_stats stats = VDB_STATS_INIT;
    vdb_status st;

    if (atomic_exchange(&db->compacting, 1))
        return vdbi_fail(VDB_BUSY, "the database is being compacted already");
    vdbi_limits_begin(&c.limits, db, op);
    vdbi_store_stats(db->store, &stats);
    c.bytes = stats.file_bytes + WHOLE;
    c.work.memory = &db->env->memory;
    st = compact(&c);
    vdbi_compact_clear(&c.work);
    atomic_store(&db->compacting, 0);
    return st;
}

/* ------------------------------------------------------------------ at the close */

static uint64_t floor_of(uint64_t used)
{
    return used + used / SPARE + SLACK;
}

/* How many pages may move: what that costs is in proportion to what the handle has written
 * anyway, and so is the time. */
static uint64_t may_move(vdb *db)
{
    vdb_stats stats = VDB_STATS_INIT;
    uint64_t bytes;

    vdbi_store_stats(db->store, &stats);
    bytes = stats.written_bytes / 2;
    if (bytes > db->options.dirty_bytes)
        bytes = db->options.dirty_bytes;
    return bytes / VDBI_PAGE;
}

int vdbi_db_trim_is_worth(vdb *db)
{
    uint64_t file, used;

    if (db->in_memory || db->options.flags & VDB_OPEN_READONLY ||
        atomic_load(&db->handles) || vdbi_store_poisoned(db->store))
        return 0;
    vdbi_store_pages_saved(db->store, &file, &used);
    return used && file > used + used / IDLE + vdbi_trim_least && may_move(db);
}

/* All is saved: move the last pages into the free ones before them, and cut. */
static vdb_status trim(compaction *c)
{
    vdb *db = c->db;
    uint64_t file, used, boundary, behind;
    vdb_status st;

    vdbi_lock(&db->checkpoint_lock);
    vdbi_store_pages(db->store, &file, &used);
    st = vdbi_store_tail(db->store, may_move(db), floor_of(used), &boundary, &behind);
    vdbi_unlock(&db->checkpoint_lock);
    if (st || file < boundary + vdbi_trim_least || file - boundary < file / GAIN)
        return st;
    evacuate(db, boundary);
    if (behind)
        st = move_pages(c, boundary, UINT64_MAX);
    if (!st)
        st = shrink_file(db);
    evacuate(db, UINT64_MAX);
    return st;
}

void vdbi_db_trim(vdb *db, uint64_t graph_save)
{
    compaction c = {.db = db};
    vdbi_request r = {.apply = apply_nothing, .arg = &c};
    vdb_status st = VDB_OK;

    vdbi_limits_begin(&c.limits, db, NULL);
    c.work.memory = &db->env->memory;
    /* A page that moves is in no record of the log: nothing is lost with those commits. */
    db->options.durability = VDB_OFF;
    if (!graph_save) /* which has taken a log into use, as compaction needs one */
        st = vdbi_commit(db, &r);
    if (!st)
        st = vdbi_db_checkpoint_shrink(db);
    if (!st && graph_save)
        vdbi_graph_save_settle(db, graph_save);
    if (!st)
        st = trim(&c);
    vdbi_compact_clear(&c.work);
    if (st && db->env->log)
        db->env->log(db->env->log_arg, VDB_LOG_WARNING, vdbi_error_text());
}
