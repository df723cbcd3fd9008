/* fuzz_ops.h: the input of fuzz_ops.c: a damaged image and what is then done with it.
 *
 *   byte 0    OPS_* flags
 *   byte 1    patches of the main file (low half) and of the log (high half)
 *   patches   patches.h
 *   ops       of OPS_BYTES each, to the end: kind % OPS_KINDS, then a, b, c
 */
#ifndef FUZZ_OPS_H
#define FUZZ_OPS_H

#include "../model/oracle.h"
#include "patches.h"

enum {
    OPS_MAP = 1,
    OPS_READONLY = 2,
    OPS_WITHOUT_LOG = 4,
    OPS_CRASHED = 8, /* the handle was not closed: there is a log */
    OPS_PREFIX = 2,
    OPS_BYTES = 4,
    OPS_ROWS = 24,
    OPS_IDS = 32, /* ids that ops use: all rows' and some more */
    OPS_MAX = 40  /* of one input; what follows is ignored */
};

enum ops_kind {
    OPS_INSERT,
    OPS_INSERT_NEW,
    OPS_PUT,
    OPS_SET_METADATA,
    OPS_DELETE,
    OPS_DELETE_WHERE,
    OPS_BATCH,
    OPS_GET,
    OPS_COUNT,
    OPS_SEARCH,
    OPS_WALK,
    OPS_SNAPSHOT,
    OPS_SNAPSHOT_FREE,
    OPS_CHECKPOINT,
    OPS_CHECK,
    OPS_REOPEN,
    OPS_POWER_CUT,
    OPS_COMPACT,
    OPS_BACKUP,
    OPS_KINDS
};

const harness_base *fuzz_ops_base(bool crashed);

/* A run: the library and the model beside each other. */
typedef struct ops_run {
    faultfs *fs;
    vdb_env *env;
    vdb *db;
    uint32_t flags; /* of the next opening */
    bool readonly;
    bool emptied; /* the main file was cut to its meta pages at most */
    bool sound;   /* nothing was damaged, or a check has said so: no op may fail */
    oracle now;
    uint64_t sequence;
    vdb_snapshot *snapshot;
    oracle held; /* what the snapshot shows */
} ops_run;

/* Whether an op was carried out.  Else the status says that the file is damaged, which it
 * may only where it is; nothing has changed then. */
bool ops_done(const ops_run *run, vdb_status status);

/* ops_read.c: each compares with the snapshot's state when `held`, else with the newest,
 * or ends with an error that ops_done() accepts. */
void ops_get(const ops_run *run, bool held, const char *id);
void ops_count(const ops_run *run, bool held, unsigned filter);
void ops_search(const ops_run *run, bool held, unsigned filter, unsigned k,
                unsigned query);
/* All of them, by a cursor; 0 when damage ended it. */
bool ops_walk(const ops_run *run, bool held, unsigned filter);
/* A filter of a fixed list and the same for the oracle; NULL and NULL: none. */
void ops_filter(const ops_run *run, unsigned which, vdb_filter **filter, json_t **tree);

#endif
