/* program.h: a random program: operations with all their arguments drawn beforehand, so
 * that leaving some out changes nothing about the others.
 */
#ifndef VDB_TESTS_PROGRAM_H
#define VDB_TESTS_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vdb.h"

enum {
    PROGRAM_DIM_MAX = 40,
    PROGRAM_SNAPSHOTS = 3,
    PROGRAM_CURSORS = 2
};

typedef enum op_kind {
    OP_INSERT,
    OP_INSERT_NEW,
    OP_PUT,
    OP_SET_METADATA,
    OP_DELETE,
    OP_DELETE_WHERE,
    OP_BATCH,
    OP_BAD,
    OP_GET,
    OP_COUNT,
    OP_WALK,
    OP_SEARCH,
    OP_SNAPSHOT,
    OP_SNAPSHOT_FREE,
    OP_CURSOR_OPEN,
    OP_CURSOR_STEP,
    OP_CHECKPOINT,
    OP_REOPEN,
    OP_KILL,
    OP_CHECK,
    OP_BACKUP,
    OP_COMPACT
} op_kind;

typedef struct program_item {
    int remove; /* in a batch: a removal */
    int as_row; /* in a batch: by vdb_batch_put() */
    char id[24];
    float vector[PROGRAM_DIM_MAX];
    char *metadata;
} program_item;

typedef struct program_op {
    op_kind kind;
    program_item *items;
    size_t item_count;
    char *filter; /* NULL: none */
    char prefix[8];
    char after[24]; /* "": from the first */
    int slot;       /* of a snapshot or cursor */
    int snapshot;   /* read from this one, if it is held; -1: the newest */
    uint32_t flags; /* the call's own; for OP_REOPEN and OP_BAD see test_model.c */
    size_t k;
    size_t queries;
    size_t odd_dim; /* a query's dimension when there are no vectors */
    float query[3][PROGRAM_DIM_MAX];
    float max_distance;
    size_t steps; /* of a cursor */
} program_op;

typedef struct program {
    uint64_t seed;
    uint32_t dim;
    int dim_at_creation; /* else the first insert fixes it */
    int grid;            /* vectors of small integers: distances tie exactly */
    int in_memory;
    vdb_metric metric;
    vdb_index_kind index;
    vdb_durability durability;
    uint32_t threads;
    uint32_t checkpoint_entries;
    uint32_t flags; /* VDB_OPEN_NO_MMAP or 0 */
    program_op *ops;
    size_t count;
} program;

void program_generate(program *p, uint64_t seed, size_t ops);
void program_free(program *p);
/* As a script that a person can read; only ops with kept[i], unless it is NULL. */
void program_print(const program *p, const unsigned char *kept, FILE *out);

#endif
