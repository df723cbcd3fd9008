/* commit.c: the writer's turn, and group commit.
 *
 * Writers queue.  The first in the queue leads when the turn comes to it: it takes what is
 * queued, applies the requests one by one, each as a version on top of the one before,
 * writes them to the log with one write and one sync, publishes the last version, passes
 * the turn on, and wakes the others.  A request that fails drops its own version only; a
 * failed write or sync drops them all.
 *
 * Who waits has a bell of its own.  One condition for all would wake sixty threads to find
 * that one of them may go on, and have them wait for each other's look at the queue.
 */
#include <stdio.h>

#include "base/error.h"
#include "db/db.h"

enum {
    GROUP_BYTES = 4 << 20, /* a group takes no further requests beyond it */
    DELETE_ROOM = 64 << 10
};
static const uint64_t second = 1000000000;

void vdbi_turn_take(vdb *db)
{
    vdbi_turn_waiter self;
    int wait;

    vdbi_lock(&db->queue_lock);
    wait = db->turn_taken;
    db->turn_taken = 1;
    if (wait) {
        vdbi_bell_init(&self.bell);
        self.next = NULL;
        if (db->turn_tail)
            db->turn_tail->next = &self;
        else
            db->turn_head = &self;
        db->turn_tail = &self;
    }
    vdbi_unlock(&db->queue_lock);
    if (wait) {
        vdbi_bell_wait(&self.bell);
        vdbi_bell_destroy(&self.bell);
    }
}

int vdbi_turn_try(vdb *db)
{
    int was_free;

    vdbi_lock(&db->queue_lock);
    was_free = !db->turn_taken;
    db->turn_taken = 1;
    vdbi_unlock(&db->queue_lock);
    return was_free;
}

/* (queue_lock) Hand the turn to who is next, or let it go: a commit's leader to others
 * first, the others to commits first, so that neither starve. */
static void pass_on(vdb *db, int to_commits_first)
{
    vdbi_turn_waiter *other = db->turn_head;

    if (db->queue_head && (to_commits_first || !other)) {
        vdbi_bell_ring(&db->queue_head->bell);
    } else if (other) {
        db->turn_head = other->next;
        if (!db->turn_head)
            db->turn_tail = NULL;
        vdbi_bell_ring(&other->bell);
    } else {
        db->turn_taken = 0;
    }
}

int vdbi_turn_is_free(vdb *db)
{
    int is_free = vdbi_try_lock(&db->checkpoint_lock);

    if (!is_free)
        return 0;
    vdbi_unlock(&db->checkpoint_lock);
    vdbi_lock(&db->queue_lock);
    is_free = !db->turn_taken;
    vdbi_unlock(&db->queue_lock);
    return is_free;
}

void vdbi_turn_give(vdb *db)
{
    vdbi_lock(&db->queue_lock);
    pass_on(db, 1);
    vdbi_unlock(&db->queue_lock);
}

static void answer(vdbi_request *r, vdb_status st)
{
    r->status = st;
    if (st > 0) {
        r->error.struct_size = sizeof r->error;
        vdbi_error_save(&r->error);
    }
}

static int has_room(vdb *db, const vdbi_request *r)
{
    /* Deletes may go a little beyond the bound: they make room. */
    uint64_t bound = db->options.log_bytes + (r->only_deletes ? DELETE_ROOM : 0);

    return db->in_memory || vdbi_store_log_size(db->store) + r->log_bytes <= bound;
}

/* Apply one request on top of *tip; the new tip is the version it made. */
static vdb_status apply(vdb *db, vdbi_request *r, vdbi_image *tip, uint64_t oldest)
{
    vdbi_pending pending;
    vdbi_image image;
    size_t touched = db->touched.count;
    vdb_status st = vdbi_store_begin(db->store, tip, oldest, &pending);

    if (st)
        return st;
    if (db->graph.wanted)
        pending.touched = &db->touched;
    st = r->apply(r, &pending);
    if (st || r->unchanged) {
        vdbi_pending_drop(&pending);
        db->touched.count = touched;
        return st;
    }
    r->inserted = pending.inserted;
    r->deleted = pending.deleted;
    st = vdbi_store_finish(db->store, &pending, &image);
    if (st) {
        db->touched.count = touched;
        return st;
    }
    vdbi_image_release(db->pager, tip);
    *tip = image;
    r->joined = 1;
    return VDB_OK;
}

/* The group could not be written: so say all whose answer rested on it. */
static void fail_group(vdbi_request *group, vdb_status st)
{
    vdb_error error = VDB_ERROR_INIT;
    int rests = 0;

    vdbi_error_save(&error);
    for (vdbi_request *r = group; r; r = r->next) {
        rests |= r->joined;
        if (rests && r->status >= 0) {
            r->status = st;
            r->error = error;
        }
    }
}

static int wants_sync(vdb *db)
{
    const vdb_vfs *vfs = &db->env->vfs;
    uint64_t now;

    if (db->options.durability == VDB_FULL_SYNC)
        return 1;
    if (db->options.durability == VDB_OFF)
        return 0;
    now = vfs->now(vfs->arg);
    if (now - db->last_sync_ns < second)
        return 0;
    db->last_sync_ns = now;
    return 1;
}

static void count_group(vdb *db, const vdbi_request *group)
{
    for (const vdbi_request *r = group; r; r = r->next)
        if (r->joined) {
            atomic_fetch_add(&db->entries, r->inserted + r->deleted +
                                               (r->inserted + r->deleted == 0));
            atomic_fetch_add(&db->commits, 1);
            atomic_fetch_add(&db->inserts, r->inserted);
            atomic_fetch_add(&db->deletes, r->deleted);
        }
}

/* (turn) Carry out a list of requests. */
static void process(vdb *db, vdbi_request *group)
{
    vdbi_version *fresh = vdbi_calloc(&db->env->memory, 1, sizeof *fresh);
    uint64_t oldest = vdbi_version_oldest(db);
    int changed = 0, only_deletes = 1;
    vdbi_image tip = db->newest->image; /* only the turn's owner replaces it */
    vdb_status st = fresh ? vdbi_store_ready(db->store) : VDB_NOMEM;

    if (st) {
        for (vdbi_request *r = group; r; r = r->next)
            answer(r, st);
        vdbi_free(&db->env->memory, fresh);
        return;
    }
    vdbi_store_group(db->store);
    vdbi_image_retain(&tip);
    db->touched.count = 0;
    for (vdbi_request *r = group; r; r = r->next) {
        if (!has_room(db, r)) {
            r->status = VDBI_NO_ROOM;
            continue;
        }
        answer(r, apply(db, r, &tip, oldest));
        changed |= r->joined;
        if (r->joined)
            only_deletes &= r->only_deletes;
    }
    if (changed) {
        vdbi_graph_prepare(db, &db->touched);
        st = vdbi_store_write(db->store, wants_sync(db), only_deletes);
        if (st)
            fail_group(group, st);
    }
    if (changed && !st) {
        count_group(db, group);
        atomic_store(&db->log_size, vdbi_store_log_size(db->store));
        atomic_store(&db->live, tip.live_count);
        vdbi_graph_follow(db, &db->touched);
        vdbi_version_publish(db, fresh, &tip);
        return;
    }
    vdbi_image_release(db->pager, &tip);
    vdbi_free(&db->env->memory, fresh);
}

/* Take requests off the queue, but not many more bytes than a group should have; and no
 * deletes together with others, whose want of space must not be theirs. */
static vdbi_request *take_group(vdb *db)
{
    vdbi_request *first = db->queue_head, *last = first;
    size_t bytes = first->log_bytes;

    while (last->next && last->next->only_deletes == first->only_deletes &&
           bytes + last->next->log_bytes <= GROUP_BYTES) {
        last = last->next;
        bytes += last->log_bytes;
    }
    db->queue_head = last->next;
    if (!db->queue_head)
        db->queue_tail = NULL;
    last->next = NULL;
    return first;
}

/* Queue the request: 1 when the turn is its; 0: another has led, and it is answered. */
static int await_turn(vdb *db, vdbi_request *r)
{
    int wait;

    vdbi_lock(&db->queue_lock);
    if (db->queue_tail)
        db->queue_tail->next = r;
    else
        db->queue_head = r;
    db->queue_tail = r;
    wait = db->turn_taken;
    db->turn_taken = 1;
    vdbi_unlock(&db->queue_lock);
    if (wait)
        vdbi_bell_wait(&r->bell);
    return !r->done;
}

/* Have the request answered, by leading a group that it is the first of or by another. */
static void submit(vdb *db, vdbi_request *r)
{
    vdbi_request *group;

    r->next = NULL;
    r->done = r->joined = r->unchanged = 0;
    vdbi_bell_init(&r->bell);
    if (await_turn(db, r)) {
        vdbi_lock(&db->queue_lock);
        group = take_group(db);
        vdbi_unlock(&db->queue_lock);
        process(db, group);
        vdbi_lock(&db->queue_lock);
        pass_on(db, 0);
        vdbi_unlock(&db->queue_lock);
        for (group = r->next; group;) {
            vdbi_request *next = group->next; /* once it knows, its owner may be gone */
            group->done = 1;
            vdbi_bell_ring(&group->bell);
            group = next;
        }
    }
    vdbi_bell_destroy(&r->bell);
}

vdb_status vdbi_commit(vdb *db, vdbi_request *r)
{
    for (int attempt = 0;; attempt++) {
        vdb_status st;
        if (!db->in_memory && r->log_bytes > db->options.log_bytes / 2)
            return vdbi_fail(VDB_FULL,
                             "a commit of up to %zu bytes; at most half of the log's "
                             "bound of %llu may be",
                             r->log_bytes, (unsigned long long)db->options.log_bytes);
        submit(db, r);
        if (r->status != VDBI_NO_ROOM)
            break;
        /* The log is at its bound, or the request found that it needs more than it had
         * asked for.  A checkpoint gives it an empty log. */
        st = attempt < 4 ? vdbi_db_checkpoint(db) : VDB_FULL;
        if (st) {
            char reason[256];
            snprintf(reason, sizeof reason, "%s", vdbi_error_text());
            return vdbi_fail(st == VDB_POISONED || st == VDB_NOMEM ? st : VDB_FULL,
                             "the log is at its bound of %llu bytes and no checkpoint "
                             "succeeds (%s)",
                             (unsigned long long)db->options.log_bytes, reason);
        }
    }
    if (r->status > 0) {
        vdbi_error_restore(&r->error);
        return r->status;
    }
    vdbi_maintain(db);
    vdbi_graph_maintain(db, r->inserted);
    return VDB_OK;
}
