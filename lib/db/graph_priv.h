/* graph_priv.h: what graph.c and its brothers share. */
#ifndef VDBI_GRAPH_PRIV_H
#define VDBI_GRAPH_PRIV_H

#include "db/db.h"

/* Where it pays, as measured; small numbers let tests go the same ways with few vectors. */
typedef struct vdbi_graph_sizes {
    uint32_t vectors_min; /* fewer have no graph: they are compared one by one */
    uint32_t matches_min; /* so few that pass are compared one by one, without asking */
    uint32_t fresh_budget; /* fresh slots that a search puts up with */
    uint32_t dead_min;     /* fewer dead are not worth going over all links */
} vdbi_graph_sizes;
extern vdbi_graph_sizes
    vdbi_graph_sizes_now; /* set before the first database is open */

#define VDBI_FRESH_DONE 0x80000000u

/* (lock) Room for `more` fresh slots. */
vdb_status vdbi_graph_fresh_reserve(vdbi_graph *g, size_t more);
/* (lock) Nothing is fresh, and no commit has been promised a place. */
void vdbi_graph_fresh_drop(vdbi_graph *g);
/* (lock) Add one, for which there is room. */
void vdbi_graph_fresh_add(vdbi_graph *g, uint32_t slot);
void vdbi_graph_doubt(vdbi_graph *g, vdbi_hnsw *h, uint32_t slot, uint8_t mark);
void vdbi_graph_clear_doubt(vdbi_graph *g, vdbi_hnsw *h, uint32_t slot, uint8_t mark);
/* Make the marks of slots [first, bound) none, and room for their codes. */
vdb_status vdbi_graph_clear_marks(vdbi_hnsw *h, uint32_t first, uint32_t bound);
/* (turn) */
void vdbi_graph_give_up(vdb *db, const char *why);
/* Free the graphs that have been given up, when every visit that began before has ended: 1;
 * 0: there are none, or one of them is being filled yet.  Not from within a visit, nor in the
 * turn. */
int vdbi_graph_bury(vdb *db);
void vdbi_graph_say(vdb *db, const char *format, const char *what);
/* Read the saved graph; its codes are still to be made. */
vdb_status vdbi_graph_load(vdb *db, const vdbi_image *image, vdbi_hnsw **out);
/* (checkpoint) The same; told of what no saving leaves behind, and asked now and then. */
typedef struct vdbi_graph_ear {
    void (*strange)(void *arg, const char *text);
    vdb_status (*tick)(void *arg);
    void *arg;
} vdbi_graph_ear;
vdb_status vdbi_graph_read(vdb *db, const vdbi_image *image, const vdbi_graph_ear *ear,
                           vdbi_recall_table *recalls, vdbi_hnsw **out);

/* (checkpoint) Load the saved graph, for this alone, and tell of everything in it that is
 * not as it should be.  What the pages' own check has told of is not told again. */
vdb_status vdbi_graph_check(vdb *db, const vdbi_graph_ear *ear);

/* Whether long work on the graph is to go on: 0 while the database is being closed.  `arg`
 * is the graph; for a vdbi_pace. */
int vdbi_graph_goes_on(void *arg);
/* The same: have part(work) called by this thread and the others that may do some of it. */
void vdbi_graph_share(void *arg, void (*part)(void *work), void *work);
/* Do some of what another shares, if there is such: 1. */
int vdbi_graph_help(vdb *db);

/* Of a dead slot: whether an older version's search may meet it, linked or fresh. */
int vdbi_graph_shows(const vdbi_hnsw *h, uint32_t slot);

/* What to do with a row: of a live slot, or of a dead one that the graph has. */
typedef vdb_status (*vdbi_graph_row)(void *arg, uint32_t slot, int live,
                                     const float *row);
/* Call it for slots whose number is a multiple of `step`: the live ones, and with `h` the
 * dead ones that it has, linked or fresh.  Each call is inside a section; those are kept
 * short. */
vdb_status vdbi_graph_each_row(vdb *db, const vdbi_image *image, uint32_t step,
                               const vdbi_hnsw *h, vdbi_graph_row call, void *arg);

/* Vectors from all over an image, copied. */
typedef struct vdbi_graph_sample {
    float *values;
    const float **rows;
    size_t count, limit, dimension;
} vdbi_graph_sample;
/* To be dropped after an error too. */
vdb_status vdbi_graph_sample_take(vdb *db, const vdbi_image *image,
                                  vdbi_graph_sample *sample);
void vdbi_graph_sample_drop(vdb *db, vdbi_graph_sample *sample);

/* Codes fitted to an image, of the kind that suits it: graph_codes.c. */
vdb_status vdbi_graph_fit(vdb *db, const vdbi_image *image, vdbi_codes **out);
/* Measure whether they still do, when the graph has grown; if not, it is made anew: 1. */
int vdbi_graph_look_at_codes(vdb *db);
int vdbi_graph_codes_due(vdb *db); /* (lock, or upkeep) */

/* Look at whether a new row lies beyond what the codes were fitted to. */
void vdbi_graph_watch(vdbi_graph *g, const vdbi_hnsw *h, uint32_t slot,
                      const float *vector);
/* Fit the codes anew, if too many do: 1. */
int vdbi_graph_refit(vdb *db);
int vdbi_graph_refit_is_due(vdb *db); /* (lock, or upkeep) */

/* Measure recall, if that is due: 1. */
int vdbi_graph_tune(vdb *db);
int vdbi_graph_tune_is_due(vdb *db);

/* Make the graph, if it is due; takes the turn.  1 when there was something to do. */
int vdbi_graph_make(vdb *db);
/* Link one fresh slot, if there is one: 1.  0: there was none. */
int vdbi_graph_link_one(vdb *db);
/* Take dead vectors out, and connect what cannot be reached, if that is due: 1. */
int vdbi_graph_tidy(vdb *db);
int vdbi_graph_tidy_is_due(vdb *db);
/* (upkeep, or nobody else has it yet) See that every node can be reached.  What is made for
 * that is worth being saved. */
vdb_status vdbi_graph_connect(vdbi_graph *g, vdbi_hnsw *h);
/* ---- the memory that the options allow it: graph_budget.c ---- */

int vdbi_graph_has_room(vdb *db, uint64_t bytes);
/* VDB_FULL, and it is told, and no graph is due any more, when one like this has no room
 * for so many slots. */
vdb_status vdbi_graph_afford(vdb *db, const vdbi_hnsw *h, uint32_t slots);
/* (turn; there is a graph) Whether there is room for the slots that a group has put into. */
int vdbi_graph_afford_commit(vdb *db, const vdbi_touched *touched);
/* Drop the saved graph that there is no room for, if many of its vectors have died: 1. */
int vdbi_graph_drop_saved(vdb *db);
int vdbi_graph_drop_is_due(vdb *db);

/* Whether enough vectors are there and no graph is. */
int vdbi_graph_is_due(vdb *db);

#endif
