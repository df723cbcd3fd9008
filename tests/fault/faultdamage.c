/* faultdamage.c: what the disk holds after a power cut.
 *
 * The machine is copied with its durable state only; then the operations that were
 * not durable are gone through in order, and each is kept, kept in part, or not, as
 * the damage and the seed say. */
#include "faultfs_priv.h"

#include <stdlib.h>
#include <string.h>

static const char *const NAMES[FAULTFS_DAMAGES] = {
    "none",         "all",           "names-only",      "data-only",    "drop-one",
    "drop-last",    "drop-first",    "keep-one",        "keep-last",    "keep-first",
    "prefix",       "suffix",        "random",          "sectors-half", "sectors-few",
    "sectors-most", "sectors-sized", "sectors-reverse", "tear-last",    "tear-one",
    "zero-tail",    "zero-one",      "sizes-only",      "garbage-tail", "garbage-mixed",
    "garbage-one",  "stale-tail",    "stale-mixed",     "no-truncate",  "truncate-only",
    "one-file",     "names-random",
};

typedef struct damage_plan {
    unsigned damage;
    uint64_t random;
    size_t count;        /* operations */
    size_t pick;         /* one of them */
    size_t pick_write;   /* one of the writes; SIZE_MAX: there is none */
    size_t last_write;   /* SIZE_MAX: there is none */
    uint64_t pick_inode; /* number of a file that has operations */
} damage_plan;

const char *faultfs_damage_name(unsigned damage)
{
    return damage < FAULTFS_DAMAGES ? NAMES[damage] : "?";
}

static damage_plan make_plan(const faultfs *fs, unsigned damage, uint64_t seed)
{
    damage_plan plan = {
        damage, fault_mix(seed, damage), fs->op_count, 0, SIZE_MAX, SIZE_MAX, 0};
    size_t writes = 0, rank;

    if (!fs->op_count)
        return plan;
    plan.pick = (size_t)(seed % fs->op_count);
    plan.pick_inode = fs->ops[plan.pick].inode->number;
    for (size_t i = 0; i < fs->op_count; i++)
        writes += fs->ops[i].kind == FAULT_WRITES;
    if (!writes)
        return plan;
    rank = (size_t)(seed % writes);
    for (size_t i = 0; i < fs->op_count; i++) {
        if (fs->ops[i].kind != FAULT_WRITES)
            continue;
        if (rank-- == 0)
            plan.pick_write = i;
        plan.last_write = i;
    }
    return plan;
}

/* A copy of the machine as if nothing unsynced had survived. */
static faultfs *copy_durable(const faultfs *fs)
{
    faultfs *copy = faultfs_new(0);

    copy->random = fs->random;
    copy->clock = fs->clock + 1000000000u;

    faultfs_offer_map(copy, fs->windows);
    for (size_t i = 0; i < fs->inode_count; i++) {
        fault_inode *inode = fault_inode_new(copy);
        fault_bytes_copy(&inode->durable, &fs->inodes[i]->durable);
    }
    for (size_t i = 0; i < fs->durable.count; i++) {
        const fault_entry *entry = &fs->durable.entries[i];
        fault_directory_set(&copy->durable, entry->name,
                            copy->inodes[entry->inode->number - 1]);
    }
    return copy;
}

/* -------------------------------------------------------- whole operations */

static bool coin(damage_plan *plan, unsigned in_eight)
{
    return fault_random(&plan->random) % 8 < in_eight;
}

/* Whether operation i survives at all; writes may yet lose sectors. */
static bool survives(damage_plan *plan, const fault_op *op, size_t i)
{
    bool named = op->kind == FAULT_CREATES || op->kind == FAULT_REMOVES;

    switch (plan->damage) {
    case FAULTFS_NONE:
        return false;
    case FAULTFS_NAMES_ONLY:
        return named;
    case FAULTFS_DATA_ONLY:
        return !named;
    case FAULTFS_DROP_ONE:
        return i != plan->pick;
    case FAULTFS_DROP_LAST:
        return i != plan->count - 1;
    case FAULTFS_DROP_FIRST:
        return i != 0;
    case FAULTFS_KEEP_ONE:
        return i == plan->pick;
    case FAULTFS_KEEP_LAST:
        return i == plan->count - 1;
    case FAULTFS_KEEP_FIRST:
        return i == 0;
    case FAULTFS_PREFIX:
        return i < plan->pick;
    case FAULTFS_SUFFIX:
        return i >= plan->pick;
    case FAULTFS_RANDOM:
        return coin(plan, 4);
    case FAULTFS_NO_TRUNCATE:
        return op->kind != FAULT_TRUNCATES;
    case FAULTFS_TRUNCATE_ONLY:
        return op->kind == FAULT_TRUNCATES;
    case FAULTFS_ONE_FILE:
        return op->inode->number == plan->pick_inode;
    case FAULTFS_NAMES_RANDOM:
        return !named || coin(plan, 4);
    case FAULTFS_SECTORS_HALF:
    case FAULTFS_SECTORS_FEW:
    case FAULTFS_SECTORS_MOST:
        return op->kind != FAULT_TRUNCATES || coin(plan, 4);
    default:
        return true;
    }
}

/* -------------------------------------------------------------- single writes */

static void fill_random(damage_plan *plan, uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)fault_random(&plan->random);
}

/* A place strictly inside a write, off the sectors' boundaries where that can be. */
static size_t tear_place(damage_plan *plan, const fault_op *op)
{
    size_t place;

    if (op->size < 2)
        return 0;
    place = 1 + (size_t)(fault_random(&plan->random) % (op->size - 1));
    if ((op->offset + place) % FAULT_SECTOR == 0)
        place += place + 1 < op->size ? 1 : 0;
    return place;
}

static bool sector_survives(damage_plan *plan, const fault_op *op, uint64_t start,
                            bool single)
{
    switch (plan->damage) {
    case FAULTFS_SECTORS_HALF:
    case FAULTFS_SECTORS_SIZED:
        return coin(plan, 4);
    case FAULTFS_SECTORS_FEW:
        return coin(plan, 1);
    case FAULTFS_SECTORS_MOST:
        return coin(plan, 7);
    case FAULTFS_SECTORS_REVERSE:
        return single ? coin(plan, 4) : start >= op->offset + op->size / 2;
    default:
        return true;
    }
}

static size_t sector_length(const fault_op *op, uint64_t start)
{
    uint64_t end = (start / FAULT_SECTOR + 1) * FAULT_SECTOR;
    uint64_t limit = op->offset + op->size;

    return (size_t)((end < limit ? end : limit) - start);
}

static void keep_sectors(damage_plan *plan, const fault_op *op, fault_bytes *durable)
{
    uint64_t end = op->offset + op->size;
    bool single = sector_length(op, op->offset) == op->size;
    size_t length;

    for (uint64_t start = op->offset; start < end; start += length) {
        length = sector_length(op, start);
        if (sector_survives(plan, op, start, single))
            fault_bytes_write(durable, op->data + (start - op->offset), length, start);
    }
}

/* A write that arrives changed.  Bytes that already held what was written stay, and
 * zeros appear only where the file grows: there a block can be new and unwritten. */
static void keep_altered(damage_plan *plan, const fault_op *op, fault_bytes *durable)
{
    uint8_t *data = fault_allocate(op->size);
    size_t from = 0;

    memcpy(data, op->data, op->size);
    if (plan->damage == FAULTFS_ZERO_TAIL)
        from = tear_place(plan, op);
    for (size_t i = from; i < op->size; i++) {
        uint64_t place = op->offset + i;
        uint8_t garbage = (uint8_t)fault_random(&plan->random);
        if (place >= durable->size)
            data[i] = plan->damage == FAULTFS_GARBAGE_ONE ? garbage : 0;
        else if (durable->data[place] != data[i])
            data[i] =
                plan->damage == FAULTFS_GARBAGE_ONE ? garbage : durable->data[place];
    }
    fault_bytes_write(durable, data, op->size, op->offset);
    free(data);
}

static void keep_write(damage_plan *plan, const fault_op *op, size_t i,
                       fault_bytes *durable)
{
    size_t place = 0, rest = 0;

    switch (plan->damage) {
    case FAULTFS_TEAR_LAST:
        if (i != plan->last_write)
            break;
        fault_bytes_write(durable, op->data, tear_place(plan, op), op->offset);
        return;
    case FAULTFS_TEAR_ONE:
        if (i != plan->pick_write)
            break;
        place = tear_place(plan, op);
        rest = place + 1 + (size_t)(fault_random(&plan->random) % FAULT_SECTOR);
        fault_bytes_write(durable, op->data, place, op->offset);
        if (rest < op->size)
            fault_bytes_write(durable, op->data + rest, op->size - rest,
                              op->offset + rest);
        return;
    case FAULTFS_ZERO_TAIL:
        if (i != plan->last_write)
            break;
        keep_altered(plan, op, durable);
        return;
    case FAULTFS_ZERO_ONE:
    case FAULTFS_GARBAGE_ONE:
        if (i != plan->pick_write)
            break;
        keep_altered(plan, op, durable);
        return;
    default:
        break;
    }
    keep_sectors(plan, op, durable);
}

/* ------------------------------------------- sizes that ran ahead of their data */

static bool sizes_ahead(unsigned damage)
{
    return damage == FAULTFS_SIZES_ONLY || damage == FAULTFS_GARBAGE_TAIL ||
           damage == FAULTFS_GARBAGE_MIXED || damage == FAULTFS_STALE_TAIL ||
           damage == FAULTFS_STALE_MIXED;
}

/* The size the file would have if all had survived, and the smallest on the way:
 * from there on its blocks are new. */
static void follow_sizes(const faultfs *fs, const fault_inode *inode, size_t *final,
                         size_t *smallest)
{
    *final = *smallest = inode->durable.size;
    for (size_t i = 0; i < fs->op_count; i++) {
        const fault_op *op = &fs->ops[i];
        if (op->inode != inode)
            continue;
        if (op->kind == FAULT_TRUNCATES)
            *final = (size_t)op->offset;
        else if (op->kind == FAULT_WRITES && op->offset + op->size > *final)
            *final = (size_t)op->offset + op->size;
        if (*final < *smallest)
            *smallest = *final;
    }
}

/* What a new block held before it belonged to this file: what a truncation took
 * from here, or what another file holds, or the beginning of this one. */
static uint8_t stale_byte(const faultfs *fs, const fault_inode *inode, uint64_t offset)
{
    const fault_bytes *source = &inode->ghost;

    if (offset < source->size)
        return source->data[offset];
    for (size_t i = 0; i < fs->inode_count; i++) {
        source = &fs->inodes[i]->durable;
        if (fs->inodes[i] != inode && offset < source->size)
            return source->data[offset];
    }
    source = &inode->durable;
    return source->size ? source->data[offset % source->size] : 0xdb;
}

static void fill_piece(damage_plan *plan, const faultfs *fs, const fault_op *op,
                       uint64_t start, size_t length, uint8_t *data)
{
    bool fresh = (plan->damage == FAULTFS_GARBAGE_MIXED ||
                  plan->damage == FAULTFS_STALE_MIXED) &&
                 coin(plan, 4);

    memset(data, 0, length);
    if (fresh)
        memcpy(data, op->data + (start - op->offset), length);
    else if (plan->damage == FAULTFS_GARBAGE_TAIL ||
             (plan->damage == FAULTFS_GARBAGE_MIXED && coin(plan, 4)))
        fill_random(plan, data, length);
    else if (plan->damage == FAULTFS_STALE_TAIL || plan->damage == FAULTFS_STALE_MIXED)
        for (size_t i = 0; i < length; i++)
            data[i] = stale_byte(fs, op->inode, start + i);
}

/* One write into a file whose size already is the final one. */
static void fill_write(damage_plan *plan, const faultfs *fs, const fault_op *op,
                       size_t smallest, fault_bytes *durable)
{
    bool mixed =
        plan->damage == FAULTFS_GARBAGE_MIXED || plan->damage == FAULTFS_STALE_MIXED;
    uint64_t end = op->offset + op->size;
    uint8_t data[FAULT_SECTOR];
    size_t length;

    for (uint64_t start = op->offset; start < end; start += length) {
        length = sector_length(op, start);
        if (start < smallest && start + length > smallest)
            length = (size_t)(smallest - start);
        if (start >= durable->size)
            continue;
        if (length > durable->size - start)
            length = (size_t)(durable->size - start);
        if (start < smallest) {
            if (!mixed || !coin(plan, 4))
                continue;
            memcpy(data, op->data + (start - op->offset), length);
        } else {
            fill_piece(plan, fs, op, start, length, data);
        }
        fault_bytes_write(durable, data, length, start);
    }
}

static void damage_sizes_ahead(damage_plan *plan, const faultfs *fs, faultfs *copy)
{
    for (size_t n = 0; n < fs->inode_count; n++) {
        fault_bytes *durable = &copy->inodes[n]->durable;
        size_t final, smallest;

        follow_sizes(fs, fs->inodes[n], &final, &smallest);
        fault_bytes_truncate(durable, smallest);
        fault_bytes_truncate(durable, final);
        for (size_t i = 0; i < fs->op_count; i++) {
            const fault_op *op = &fs->ops[i];
            if (op->inode == fs->inodes[n] && op->kind == FAULT_WRITES)
                fill_write(plan, fs, op, smallest, durable);
        }
    }
}

/* ------------------------------------------------------------------ the whole */

static void damage(damage_plan *plan, const faultfs *fs, faultfs *copy)
{
    bool ahead = sizes_ahead(plan->damage);

    for (size_t i = 0; i < fs->op_count; i++) {
        fault_op op = fs->ops[i];
        bool named = op.kind == FAULT_CREATES || op.kind == FAULT_REMOVES;

        op.inode = copy->inodes[op.inode->number - 1];
        if (ahead && !named)
            continue;
        if (!survives(plan, &op, i))
            continue;
        if (op.kind == FAULT_WRITES)
            keep_write(plan, &op, i, &op.inode->durable);
        else
            fault_op_apply(copy, &op);
    }
    if (ahead)
        damage_sizes_ahead(plan, fs, copy);
    if (plan->damage != FAULTFS_SECTORS_SIZED)
        return;
    for (size_t n = 0; n < fs->inode_count; n++) {
        size_t final, smallest;
        follow_sizes(fs, fs->inodes[n], &final, &smallest);
        fault_bytes_truncate(&copy->inodes[n]->durable, final);
    }
}

faultfs *faultfs_after_cut(const faultfs *fs, unsigned kind, uint64_t seed)
{
    faultfs *copy = copy_durable(fs);
    damage_plan plan = make_plan(fs, kind, seed);

    damage(&plan, fs, copy);
    copy->seen = copy->durable;
    copy->random = fault_mix(fs->random, seed);
    for (size_t i = 0; i < copy->inode_count; i++)
        fault_inode_settle(copy->inodes[i]);
    return copy;
}

void faultfs_crash(faultfs *fs, unsigned kind, uint64_t seed)
{
    faultfs *after;
    faultfs old = *fs;

    if (fs->handles || fs->maps)
        abort(); /* a process that is dead holds nothing */
    after = faultfs_after_cut(fs, kind, seed);
    fs->inodes = after->inodes;
    fs->inode_count = after->inode_count;
    fs->seen = after->seen;
    fs->durable = after->durable;
    fs->ops = after->ops;
    fs->op_count = after->op_count;
    fs->op_room = after->op_room;
    fs->clock = after->clock;
    fs->random = after->random;
    fs->cut = false;

    after->inodes = old.inodes;
    after->inode_count = old.inode_count;
    after->ops = old.ops;
    after->op_count = old.op_count;
    after->op_room = old.op_room;
    faultfs_free(after);
}
