/* oracle.h: what a database must hold, kept beside it.
 *
 * Owns:      a model of at most ORACLE_ROWS rows and the sequence of states that
 *            its commits went through, each as a sum of hashes.
 * Promises:  every byte of a row (id, vector, metadata) is a function of its number
 *            and its version, so that what is read can be judged alone.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include <stdbool.h>

#include "vdb.h"

enum {
    ORACLE_ROWS = 1024,
    ORACLE_EXTRA = ORACLE_ROWS - 1, /* kept free for verifications */
    ORACLE_DIM_MAX = 4096,
    ORACLE_ID_SIZE = 1025,
    ORACLE_JSON_SIZE = 512,
    ORACLE_KINDS = 5,
    ORACLE_STATES = 2048
};

typedef struct oracle_row {
    uint64_t vector;   /* hashes of the bytes */
    uint64_t metadata; /* 0: none */
    int32_t kind;      /* "kind" in the metadata; -1: none */
    bool there;
} oracle_row;

typedef struct oracle_state {
    uint64_t hash;
    size_t count;
} oracle_state;

typedef struct oracle {
    size_t dim;
    bool created;                 /* vdb_open() has said so */
    bool durable;                 /* what is acknowledged is durable at once */
    oracle_row rows[ORACLE_ROWS]; /* after the newest commit that was acknowledged */
    oracle_row next[ORACLE_ROWS]; /* after the one that is being tried */
    oracle_state states[ORACLE_STATES];
    size_t count; /* states tried so far; the first is: empty */
    size_t acked; /* the newest that must survive a power cut */
} oracle;

void oracle_init(oracle *o, size_t dim, bool durable);

/* The bytes of a row.  Metadata of a version may be none: NULL. */
const char *oracle_id(unsigned n, char id[ORACLE_ID_SIZE]);
void oracle_vector(unsigned n, unsigned version, float *vector, size_t dim);
const char *oracle_metadata(unsigned n, unsigned version, char json[ORACLE_JSON_SIZE]);

/* A commit in the model: begin, changes, then commit or (what was tried may or may
 * not have happened) pend. */
void oracle_begin(oracle *o);
void oracle_put(oracle *o, unsigned n, unsigned version);
void oracle_set_metadata(oracle *o, unsigned n, unsigned version);
void oracle_delete(oracle *o, unsigned n);
size_t oracle_delete_kind(oracle *o, int kind);
void oracle_commit(oracle *o);
void oracle_pend(oracle *o);
/* Everything acknowledged is durable now. */
void oracle_all_durable(oracle *o);

oracle_state oracle_sum(const oracle_row *rows);
bool oracle_same(oracle_state a, oracle_state b);

/* Read a whole database by a cursor into rows.  On damage that only the model can
 * see (a row that was never written) *why is set and VDB_OK returned. */
vdb_status oracle_read(vdb *db, const vdb_snapshot *snapshot, size_t dim,
                       oracle_row *rows, const char **why);

/* Which of the allowed states the rows are; count when none. */
size_t oracle_find(const oracle_state *allowed, size_t count, const oracle_row *rows);
/* The states that a reopening may show are o->states[acked .. count). */
size_t oracle_find_allowed(const oracle *o, const oracle_row *rows);
/* After a reopening that showed state i: the model goes on from there. */
void oracle_adopt(oracle *o, size_t i, const oracle_row *rows);

/* Compare answers of the open database with rows: counts, a search of everything,
 * vdb_get, vdb_check.  NULL, or what is wrong. */
const char *oracle_compare(vdb *db, const oracle_row *rows, size_t dim);

#endif
