/* faultfs.h: a file system in memory that loses power, fails and fills up.
 *
 * Owns:      the files of one imaginary machine, each twice: what a reader sees
 *            now, and what would be found after a power cut, with the operations
 *            that lie between the two in the order they were made.
 * Promises:  what was synced survives every cut; of the rest any part may survive,
 *            down to single sectors; nothing else changes.
 * Threads:   all calls through the vdb_vfs may be made by several threads.
 *
 * THE MODEL OF A POWER CUT
 *
 * Unsynced operations: a write, a truncation, a new name, a removed name.  sync()
 * makes the writes and truncations of that file durable, and not its name;
 * sync_directory(path) makes the creations and removals of that one name durable,
 * and nothing else.  A cut keeps a subset of the unsynced operations.  A write may
 * be kept in part, at the boundaries of 512-byte sectors of the file, each sector
 * on its own; or be torn inside a sector; or leave zeros, garbage or stale bytes.
 * What is kept is applied in the order in which it was made.  The size of a file
 * may grow without the data that made it grow.
 *
 * Three assumptions favour the library, and format.md must state them: bytes that no
 * unsynced write covers keep their durable value even in a sector that is partly
 * overwritten; of two writes to the same bytes the earlier never ends on top; and
 * overwriting bytes with the same bytes, as a recovery does that makes a log durable
 * once more, cannot destroy them.
 *
 * THE MODEL OF A FAILED SYNC
 *
 * It says -EIO; each operation that waited is then either durable or, most often,
 * lost: readers go on seeing it (it is in the cache, marked clean), no later sync
 * writes it, a cut or faultfs_evict() forgets it.
 */
#ifndef FAULTFS_H
#define FAULTFS_H

#include <stdbool.h>

#include "vdb.h"

typedef struct faultfs faultfs;

/* An empty file system; the seed decides random() and how faults look. */
faultfs *faultfs_new(uint64_t seed);
void faultfs_free(faultfs *fs);
const vdb_vfs *faultfs_vfs(faultfs *fs);

/* Offer map() (before the vfs is given away); without it, map is NULL. */
void faultfs_offer_map(faultfs *fs, bool offered);
void faultfs_advance(faultfs *fs, uint64_t nanoseconds);

/* ------------------------------------------------------------- observation */

/* Mutating calls so far: write, sync, truncate, remove, sync_directory, and open
 * when it creates.  The first is number 1. */
uint64_t faultfs_calls(const faultfs *fs);
/* Calls so far that could have failed: all but now(). */
uint64_t faultfs_all_calls(const faultfs *fs);
/* Of those, how many were of these kinds (FAULTFS_OPEN and so on, below). */
uint64_t faultfs_calls_of(const faultfs *fs, uint32_t kinds);
size_t faultfs_open_files(const faultfs *fs);
size_t faultfs_mapped(const faultfs *fs);
/* Bytes taken, in blocks of 4 KiB: what a capacity is compared with. */
uint64_t faultfs_used(const faultfs *fs);
/* Operations that a cut now could lose. */
size_t faultfs_unsynced(const faultfs *fs);
/* How often the library broke the contract of a vdb_vfs: a write through a handle
 * opened for reading, an unmap of what is not mapped.  Must stay 0. */
uint64_t faultfs_misuses(const faultfs *fs);

/* ---------------------------------------------------------------- power cut */

/* Cut the power at mutating call n.  That call, if it is a sync, does nothing; any
 * other is executed, unsynced, so that it may survive in part.  It and everything
 * after fails with -EIO, reads too; close() still releases the handle. */
void faultfs_cut_at(faultfs *fs, uint64_t n);
void faultfs_cut_now(faultfs *fs);
bool faultfs_is_cut(const faultfs *fs);

/* What may be found after a cut.  `pick` is an operation chosen by the seed: seed
 * modulo their number, so that every one can be had. */
enum {
    FAULTFS_NONE,       /* nothing unsynced survived */
    FAULTFS_ALL,        /* everything did */
    FAULTFS_NAMES_ONLY, /* creations and removals, no data */
    FAULTFS_DATA_ONLY,  /* data, no creations and removals */
    FAULTFS_DROP_ONE,   /* all but the pick */
    FAULTFS_DROP_LAST,
    FAULTFS_DROP_FIRST,
    FAULTFS_KEEP_ONE, /* only the pick */
    FAULTFS_KEEP_LAST,
    FAULTFS_KEEP_FIRST,
    FAULTFS_PREFIX,          /* those before the pick */
    FAULTFS_SUFFIX,          /* the pick and those after */
    FAULTFS_RANDOM,          /* whole operations, one in two */
    FAULTFS_SECTORS_HALF,    /* sectors, one in two */
    FAULTFS_SECTORS_FEW,     /* sectors, one in eight */
    FAULTFS_SECTORS_MOST,    /* sectors, seven in eight */
    FAULTFS_SECTORS_SIZED,   /* one in two; the size as if all had survived */
    FAULTFS_SECTORS_REVERSE, /* of every write the later sectors only */
    FAULTFS_TEAR_LAST,       /* the last write ends inside a sector */
    FAULTFS_TEAR_ONE,        /* the pick has a hole inside a sector; later ones whole */
    FAULTFS_ZERO_TAIL,    /* the last write's tail: zeros, or old where it overwrites */
    FAULTFS_ZERO_ONE,     /* the pick so, from its beginning */
    FAULTFS_SIZES_ONLY,   /* sizes as if all had survived, what grew is zeros */
    FAULTFS_GARBAGE_TAIL, /* sizes so, what grew is garbage */
    FAULTFS_GARBAGE_MIXED, /* what grew: sectors new, zero or garbage */
    FAULTFS_GARBAGE_ONE,   /* the pick's bytes are garbage, overwritten ones too */
    FAULTFS_STALE_TAIL,    /* what grew is what once stood there, or in another file */
    FAULTFS_STALE_MIXED,   /* what grew: sectors new or stale */
    FAULTFS_NO_TRUNCATE,   /* all but the truncations */
    FAULTFS_TRUNCATE_ONLY, /* the truncations only */
    FAULTFS_ONE_FILE,      /* of one file all, of the others nothing */
    FAULTFS_NAMES_RANDOM,  /* data all; creations and removals one in two */
    FAULTFS_DAMAGES
};
const char *faultfs_damage_name(unsigned damage);

/* The machine after the power has come back: a new, healthy file system.  `fs` is
 * not changed, so many can be made from one cut.  Without a cut: as if it were now.
 * Faults, an armed cut and a capacity are not taken along. */
faultfs *faultfs_after_cut(const faultfs *fs, unsigned damage, uint64_t seed);
/* The same in place, for a program that lives through it: counters, an armed cut
 * and the capacity stay.  All files must be closed. */
void faultfs_crash(faultfs *fs, unsigned damage, uint64_t seed);
/* Forget what readers see only because it is cached: the lost parts of failed
 * syncs.  All files must be closed. */
void faultfs_evict(faultfs *fs);

/* ------------------------------------------------------------------- faults */

enum {
    FAULTFS_OPEN = 1,
    FAULTFS_CLOSE = 2,
    FAULTFS_READ = 4,
    FAULTFS_WRITE = 8,
    FAULTFS_SYNC = 16,
    FAULTFS_TRUNCATE = 32,
    FAULTFS_INFO = 64,
    FAULTFS_RESERVE = 128,
    FAULTFS_LOCK = 256,
    FAULTFS_MAP = 512,
    FAULTFS_EXISTS = 1024,
    FAULTFS_REMOVE = 2048,
    FAULTFS_SYNC_DIRECTORY = 4096,
    FAULTFS_RESOLVE = 8192,
    FAULTFS_RANDOM_BYTES = 16384,
    FAULTFS_EVERY_KIND = 32767,
    FAULTFS_GROWING = FAULTFS_WRITE | FAULTFS_TRUNCATE | FAULTFS_RESERVE | FAULTFS_OPEN
};

/* Fail the n-th call from now (1: the next) of those kinds with -error; when
 * persistent, every later one of those kinds too.  A write that fails may have
 * written a beginning, or all.  close() fails but closes. */
void faultfs_arm(faultfs *fs, uint32_t kinds, uint64_t n, int error, bool persistent);
void faultfs_disarm(faultfs *fs);
/* How many calls have failed because of faultfs_arm(), and the kind of the last. */
uint64_t faultfs_fired(const faultfs *fs);
uint32_t faultfs_fired_kind(const faultfs *fs);

/* The disk holds so many bytes, in blocks of 4 KiB; 0: no bound.  What needs a
 * block beyond that fails with -ENOSPC, after writing what fits. */
void faultfs_set_capacity(faultfs *fs, uint64_t bytes);

/* ------------------------------------------------------------------ numbers */

/* splitmix64: the next number of a sequence. */
uint64_t fault_random(uint64_t *state);
/* A well mixed function of two numbers. */
uint64_t fault_mix(uint64_t a, uint64_t b);

#endif
