/* graph.h: the graph of one open database: what it covers, and finding with it.
 *
 * Owns:      the vdbi_hnsw, the list of fresh slots, the threads that link them.
 * Promises:  a slot that a published version shows live is in the list of fresh slots or
 *            linked, from before that version is published on; so a search that looks at
 *            the fresh ones first, and then walks, meets every vector of its version.
 *            What cannot be done for want of memory makes searches exact, not wrong.
 * May call:  index/, store/, kernel/, os/, base/.
 * Threads:   as each function says.  Locks: `lock` stands below the turn (docs/threads.md).
 * Failure:   a graph that cannot be made, loaded or kept up is given up, with a word to
 *            the log hook; searches are exact meanwhile, and it is made anew.
 */
#ifndef VDBI_GRAPH_H
#define VDBI_GRAPH_H

#include "db/recall.h"
#include "index/flat/nearest.h"
#include "index/hnsw/hnsw.h"
#include "kernel/kernel.h"
#include "os/thread.h"
#include "store/store.h"

struct vdbi_limits;

typedef enum vdbi_graph_phase {
    VDBI_GRAPH_NONE = 0, /* too few vectors, or of the flat kind: searches are exact */
    VDBI_GRAPH_FILLING,  /* commits are followed; older vectors are being gathered */
    VDBI_GRAPH_READY
} vdbi_graph_phase;

/* A slot that was put into after another vector had left it. */
typedef struct vdbi_reborn {
    uint64_t sequence;
    uint32_t slot;
    uint32_t reserved;
} vdbi_reborn;

typedef struct vdbi_graph {
    vdbi_memory *memory;
    int wanted;        /* the database is of this kind */
    _Atomic int state; /* vdbi_graph_phase; changed in the turn */
    /* While the state is not NONE; else NULL.  Set and taken away in the turn, with `lock`.
     * One that has been given up is freed when nobody has it any more.  So what was read here
     * lasts as long as one of these: the lock; the upkeep; a visit begun before; or, while
     * the state is not NONE, the turn. */
    vdbi_hnsw *_Atomic hnsw;
    vdbi_visitors visitors;    /* of whichever graph there is */
    _Atomic uint64_t since;    /* older versions show what it never had */
    _Atomic uint64_t doubtful; /* slots with VDBI_MARK_IN_DOUBT */
    _Atomic uint32_t asked;    /* somebody could use it: searches, many inserts */
    _Atomic uint64_t rows;     /* stored since opening */
    _Atomic int has_saved;     /* the file has one that is not loaded yet */
    int keeps_slots;           /* (turn) dead slots wait for a graph of this handle's */
    /* Nodes linked or unlinked since the last save; nodes that one has. */
    _Atomic uint64_t unsaved, saved_count;
    uint64_t saving, saving_handed; /* (checkpoint) of those, what the save has */
    uint64_t saving_count;          /* (checkpoint) the nodes of that graph */
    uint64_t saving_number;         /* (checkpoint) which it is */
    uint32_t saving_recalls;
    _Atomic int save_whole; /* the marks of changed blocks were used up in vain */
    _Atomic uint64_t killed, linked; /* since the graph was tidied */
    _Atomic uint64_t gone; /* nodes taken out since all others were looked for */
    /* Somebody waits: see that every node can be reached.  How often that was asked for,
     * and which of these has been done. */
    _Atomic uint32_t thorough, thorough_done;
    _Atomic uint64_t told_bytes, told_file_bytes;
    _Atomic uint64_t wanted_bytes; /* more than there is room for; 0: there is room */
    _Atomic int32_t told_codes;
    _Atomic int judged;    /* codes like its ones are measured as it grows */
    _Atomic int refitting; /* nothing is linked meanwhile */
    _Atomic uint64_t watched, clipped; /* rows looked at, values beyond the codes */
    _Atomic int floats;                /* bytes have been found too coarse */
    _Atomic int whole;                 /* only the upper halves of bytes have */
    _Atomic uint64_t told_apart;    /* nodes that there were when codes were measured */
    _Atomic uint64_t handed_back;   /* slots, since the last save */
    _Atomic int recall_wanted;      /* a search has had a recall target */
    _Atomic int tuning;             /* somebody measures */
    _Atomic uint64_t tuned_for;     /* vectors that there were; 0: never */
    _Atomic uint32_t recalls_made;  /* how often `recalls` has changed */
    _Atomic uint32_t recalls_saved; /* which of these the file has */
    _Atomic int tidying;            /* somebody tidies, or is about to */
    vdbi_mutex upkeep;              /* held while the graph is tidied, or saved */
    uint32_t *dead;                 /* (upkeep) to be taken out of the graph */
    size_t dead_count, dead_capacity;
    vdbi_reborn *reborn; /* (turn) */
    size_t reborn_count, reborn_capacity;

    int locks_made;
    vdbi_mutex lock; /* of what follows */
    vdbi_cond changed;
    /* Slots in the order of their commits.  Those before `next` have been taken by a
     * thread, and have FRESH_DONE when they are linked; all before `begin` are. */
    uint32_t *fresh;
    size_t begin, next, end, capacity;
    size_t promised;              /* places to the commit that is being written */
    uint64_t moved;               /* entries that stood before the array's first */
    _Atomic uint64_t fresh_count; /* end - begin */
    uint64_t number;              /* of the graph: changes when it is given up */
    vdbi_hnsw **given_up;         /* to be freed; there is room for the one there is */
    size_t given_up_capacity;
    _Atomic size_t given_up_count;
    /* What several threads do together: who finds it calls part(work); NULL: nothing is to
     * be had.  How many of those that did not begin it are at it. */
    void (*part)(void *work);
    void *work;
    _Atomic int helpful; /* whether there is one, for who has no lock */
    uint32_t helping;
    vdbi_recall_table recalls;
    int making;           /* a thread is making or loading it */
    _Atomic int yielding; /* so many want none to be made now */
    _Atomic uint32_t failures;
    int stopping;
    vdbi_thread *threads;
    size_t thread_count;
} vdbi_graph;

vdb_status vdbi_graph_open(vdb *db);
/* Start the threads, if the handle is allowed any.  That there are none is no error. */
void vdbi_graph_start(vdb *db);
void vdbi_graph_stop(vdb *db);
void vdbi_graph_close(vdb *db, int child);

/* ---- following commits ---- */

/* (turn) Before a group is written: make room, so that following it cannot fail; when
 * there is none, the graph is given up instead. */
void vdbi_graph_prepare(vdb *db, const vdbi_touched *touched);
/* (turn) It is written and will be published next. */
void vdbi_graph_follow(vdb *db, const vdbi_touched *touched);

/* After a commit of `rows`, outside of the turn: see that work gets done; beyond the
 * budget of fresh slots, do some of it. */
void vdbi_graph_maintain(vdb *db, uint64_t rows);
/* Until the graph covers every vector of the newest version.  `poll`: do not wait. */
vdb_status vdbi_graph_wait(vdb *db, struct vdbi_limits *limits, int poll);

/* A search had to do without; see that the next has a graph. */
void vdbi_graph_ask(vdb *db);

/* Before most rows move, and when the graph is no good: do without a graph, in memory and
 * in the file, until vdbi_graph_resume(); then one is made anew when it is asked for. */
void vdbi_graph_yield(vdb *db, const char *why);
void vdbi_graph_resume(vdb *db);
/* (turn) Whether there is one, in memory or in the file, or about to be. */
int vdbi_graph_there(vdb *db);

/* (turn) Note what can be read in the turn only: sizes and the codes. */
void vdbi_graph_tell(vdb *db);
/* What vdb_stats tells of it.  What only the turn may read is, while another has it, as it
 * was noted last: at the end of a checkpoint, or when the graph or its codes were made or
 * given up. */
void vdbi_graph_stats(vdb *db, vdb_stats *out);

/* ---- recall targets: graph_tune.c ---- */

/* The ef that promises this recall@k; 0: it is not known, or out of reach.  Asks for it to
 * be measured. */
uint32_t vdbi_graph_ef_for(vdb *db, size_t k, float target);
/* Link what is fresh, then measure, on all the threads allowed. */
vdb_status vdbi_db_tune(vdb *db, const vdb_op *op);
void vdbi_graph_recalls(vdb *db, vdbi_recall_table *out);

/* ---- saving ---- */

/* Whether so much has changed that it should be saved. */
int vdbi_graph_save_is_due(vdb *db);
/* Whether a checkpoint that is made anyway should: also for what was measured. */
int vdbi_graph_save_is_worth(vdb *db);
/* (checkpoint) Hand it to the store; the next checkpoint makes it durable. */
vdb_status vdbi_graph_save(vdb *db, uint64_t *number);
/* Before closing, when nobody else uses the handle: hand it over if an opening would find
 * too much fresh.  The number of that save; 0: none. */
uint64_t vdbi_graph_save_last(vdb *db);
/* (checkpoint) After that checkpoint: see whether it is. */
void vdbi_graph_save_settle(vdb *db, uint64_t number);

/* ---- finding ---- */

/* What queries of one search have in common. */
typedef struct vdbi_graph_query {
    const vdbi_image *image;
    size_t k;
    uint32_t ef;
    float limit;              /* farther ones are not wanted; INFINITY: none */
    const uint64_t *wanted;   /* a bit per slot; NULL: all that are live */
    uint64_t matches;         /* how many pass */
    const uint32_t *held_out; /* a slot for each query that its walk does not go by; or
                                 NULL: see graph_tune.c */
} vdbi_graph_query;

/* Whether searches of this version may use the graph now. */
int vdbi_graph_ready(vdb *db, const vdbi_image *image);
/* Whether the graph is the better way: not when few pass, or many are wanted. */
int vdbi_graph_suits(const vdbi_graph_query *common);
/* Find the k nearest of each query, on all the threads allowed: walked[i] = 1; 0 when a
 * scan must do it.  The caller clears each of `nearest`, after an error too. */
vdb_status vdbi_graph_find_all(vdb *db, const vdbi_graph_query *common,
                               const vdbi_query *queries, size_t count,
                               struct vdbi_limits *limits, vdbi_nearest *nearest,
                               uint8_t *walked);

#endif
