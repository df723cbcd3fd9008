/* scenarios.h: scripted programs against a database, and what they were promised.
 *
 * A run plays one scenario on one imaginary machine.  Whatever the machine does to
 * it (nothing, a power cut, a failed call, a refused allocation), each step knows
 * which answers are allowed, keeps the oracle, and notes the first answer that is
 * not in run->failure.
 */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include "faultfs.h"
#include "faultmem.h"
#include "oracle.h"
#include "synthetic.h"

#define SCENARIO_PATH "data.vdb"

enum {
    RUN_PLAIN, /* nothing may fail */
    RUN_CUT,   /* the power is cut somewhere */
    RUN_IO,    /* a call fails */
    RUN_MEMORY /* an allocation is refused */
};

/* How the database reads: read() only, mapped, or the cache though it could map. */
enum {
    ACCESS_READ,
    ACCESS_MAP,
    ACCESS_NO_MMAP,
    ACCESS_KINDS
};

typedef struct run run;

typedef struct scenario {
    const char *name;
    void (*play)(run *r);
    size_t dim;
    vdb_durability durability;
    uint32_t checkpoint_entries;
} scenario;

extern const scenario scenarios[];
extern const size_t scenario_count;

enum {
    RUN_COPIES = 8
};

/* A backup that was tried, under this name. */
typedef struct run_copy {
    char name[16];
    oracle_state state; /* what it must hold, if it holds anything */
    bool done;          /* vdb_backup() has said so */
} run_copy;

struct run {
    const scenario *scenario;
    int mode;
    unsigned access;
    faultfs *fs;
    faultmem *memory;
    vdb_env *env;
    vdb *db;
    vdb_snapshot *snapshot;
    oracle_row held[ORACLE_ROWS]; /* what the snapshot must show */
    oracle oracle;
    run_copy copies[RUN_COPIES];
    size_t copy_count;
    synthetic graph;     /* of scenarios that save one */
    uint64_t graph_save; /* number of the newest save of this handle that is finished */
    /* End at the first excused failure: no retry may cover up what it left. */
    bool stops;
    bool full;    /* the call fails for want of space: VDB_FULL, not VDB_IO */
    bool ended;   /* the machine stopped the script */
    bool excused; /* the fault has shown itself */
    bool poisoned;
    char failure[512]; /* empty: all is well */
};

/* A machine that has not been touched; arm it, then run_play(). */
run *run_new(const scenario *script, int mode, unsigned access, uint64_t seed);
/* Play to the end or to the wall; then release all and look for leaks.  Faults are
 * disarmed; run->fs and run->oracle stay for the verification. */
void run_play(run *r);
/* Open again, insert a row, and lose the power. */
void run_continue(run *r);
void run_free(run *r);

/* Options of a scenario's handle. */
vdb_options run_options(const scenario *script, unsigned access, vdb_env *env);
void run_fail(run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---------------------------------------------------- steps, for the scripts
 * Each returns whether the script goes on. */
bool step_open(run *r);
bool step_close(run *r);
/* The files are at most so long afterwards. */
bool step_close_short(run *r, uint64_t most);
bool step_insert(run *r, unsigned n, unsigned version);
bool step_insert_many(run *r, unsigned first, unsigned count, unsigned version);
bool step_set_metadata(run *r, unsigned n, unsigned version);
bool step_delete(run *r, unsigned n);
bool step_delete_kind(run *r, int kind);
/* As one commit: rows [first, first + count) put by vdb_put(). */
bool step_put(run *r, unsigned first, unsigned count, unsigned version);
/* As one commit: put [first, first + count), then delete `gone`. */
bool step_batch(run *r, unsigned first, unsigned count, unsigned version,
                unsigned gone);
/* Requests that must be refused and change nothing. */
bool step_refused(run *r, unsigned missing, unsigned present);
bool step_checkpoint(run *r);
/* One whose k-th write finds no space; the handle must go on. */
bool step_failing_checkpoint(run *r, unsigned k);
/* Changes no row; `most`: the file is at most so long afterwards; 0: any. */
bool step_compact(run *r, uint64_t most);
/* Of the snapshot, if there is one. */
bool step_backup(run *r);
bool step_snapshot(run *r);
bool step_check_snapshot(run *r);
bool step_release_snapshot(run *r);
bool step_compare(run *r);
bool step_crash(run *r, unsigned damage, uint64_t seed);
/* Of a graph that means nothing (synthetic.h): link one in `of` of the live slots and
 * change upper layers; take out dead slots, and tell the store or not yet. */
bool step_graph_link(run *r, uint64_t pick, uint64_t of);
bool step_graph_unlink(run *r, bool hand_in);
/* Put what has changed; what follows takes it along. */
bool step_graph_save(run *r);
/* The same, while row n is put, another deleted if it is there, and slots taken out. */
bool step_graph_save_beside(run *r, unsigned n, unsigned version, unsigned gone);
bool step_graph_abandon(run *r);
bool step_graph_drop(run *r);
/* Insert from `first` on until the disk is full; *end is the first not stored. */
bool step_fill(run *r, unsigned first, unsigned version, unsigned *end);

#endif
