/* graph_life.h: the life of a real graph, of a few dozen vectors, on an imaginary machine:
 * made, repaired, measured, saved, loaded and compacted, step by step; and what must hold
 * of the database at any time.
 *
 * Owns:      the machine, the environment and the handle.
 * Threads:   one.
 * Failure:   what must hold and does not fails the test, and says where.
 */
#ifndef GRAPH_LIFE_H
#define GRAPH_LIFE_H

#include "faultfs.h"
#include "faultmem.h"

enum {
    LIFE_DIM = 20,
    LIFE_ROWS = 90,
    LIFE_TWINS = 6 /* of the first rows: equal to the rows after them */
};

typedef struct life {
    faultfs *fs;
    faultmem *memory; /* NULL: the system's */
    vdb_env *env;
    vdb *db; /* NULL: closed */
    uint32_t threads;
    int acked[LIFE_ROWS];   /* the version that is there; 0: none */
    int pending[LIFE_ROWS]; /* what an unacknowledged commit makes of them */
    const char *doing;
    char fault[80]; /* for messages: what is injected */
} life;

/* Small numbers of vectors go all the ways of the graph.  To be called first. */
void life_small_sizes(void);

/* Takes the machine, and the memory if there is any. */
void life_begin(life *w, faultfs *fs, faultmem *memory, uint32_t threads);
/* Closes, frees the machine and the memory, and sees that nothing was left open or leaked. */
void life_end(life *w);

vdb_status life_open(life *w);
vdb_status life_close(life *w);
vdb_status life_put(life *w, unsigned first, unsigned count, int version);
vdb_status life_drop(life *w, unsigned first, unsigned count);

/* The steps of its life; each may be tried again after it has failed. */
typedef struct life_step {
    const char *doing;
    vdb_status (*run)(life *w, unsigned first, unsigned count, int version);
    unsigned first, count;
    int version;
} life_step;
extern const life_step life_steps[];
extern const unsigned life_step_count;
vdb_status life_play(life *w, const life_step *step);

/* Fail, naming the fault and what was done. */
_Noreturn void life_wrong(const life *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* vdb_check() finds nothing. */
void life_check_clean(life *w, const char *when);
/* What `played` was told is there, and all or nothing of the commit after it; `w` may be
 * the same life, and from then on goes by what it found. */
void life_check_rows(life *w, const life *played);
/* No row has changed. */
void life_check_same(life *w, const char *when);
/* Every vector is found by its own value; and, asked for, by the graph. */
void life_check_found(life *w, int by_graph);
/* The same, then once more when the index is complete, and vdb_check(). */
void life_check_all(life *w);
/* Whether there are enough vectors for a graph. */
int life_wants_graph(const life *w);
/* Rows, vectors and graph, before and after writing on, closing and opening. */
void life_check_machine(life *w, const life *played);

#endif
