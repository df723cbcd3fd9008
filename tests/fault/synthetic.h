/* synthetic.h: a graph that means nothing, in which every row says what it was made for.
 *
 * A slot's row of links holds a hash of the id and the vector that stood in the slot when
 * it was linked; the header holds a hash of all rows and of the upper layers' blocks.  So
 * a saved graph can be judged by itself: it is one that a save put, whole, and each linked
 * slot still holds what it was linked for (F6 of docs/format.md).
 *
 * Steps use the internal functions as db/ would, in one thread.
 */
#ifndef SYNTHETIC_H
#define SYNTHETIC_H

#include <stdbool.h>
#include <stdint.h>

#include "db/db.h"
#include "store/graph_pages.h"

enum {
    SYNTHETIC_SLOTS = 4096,
    SYNTHETIC_ROW = 256,
    SYNTHETIC_ROWS = VDBI_PAGE / SYNTHETIC_ROW, /* of a block */
    SYNTHETIC_BLOCKS = SYNTHETIC_SLOTS / SYNTHETIC_ROWS,
    SYNTHETIC_UPPERS = 12,
    SYNTHETIC_TRIED = 64
};

/* What a save puts. */
typedef struct synthetic_state {
    uint64_t serial;
    uint64_t linked[SYNTHETIC_SLOTS / 64];
    uint64_t made_for[SYNTHETIC_SLOTS]; /* of linked slots */
    uint64_t uppers[SYNTHETIC_UPPERS];  /* what is in each block; 0: a hole */
} synthetic_state;

typedef struct synthetic_marks {
    bool links[SYNTHETIC_BLOCKS], uppers[SYNTHETIC_UPPERS], linked;
} synthetic_marks;

typedef struct synthetic {
    synthetic_state now;
    synthetic_marks dirty;  /* changed since the last save began */
    synthetic_marks saving; /* put by it; it is not durable, as far as is known */
    uint32_t unlinked[SYNTHETIC_SLOTS]; /* in memory, and not handed in yet */
    size_t unlinked_count;
    /* Which save an image may have: the acknowledged one, or one tried since; 0: none. */
    uint64_t acked;
    uint64_t tried[SYNTHETIC_TRIED];
    size_t tried_count;
} synthetic;

/* A slot was put into by the replay of this opening. */
bool synthetic_replayed(vdb *db, uint32_t slot);
/* What the meta page in force names: its serial, 0 for none; and, unless NULL, all of it.
 * NULL, or what is wrong with it. */
const char *synthetic_verify(vdb *db, uint64_t *serial, synthetic_state *out);
/* Of the last of these that said something: why it could not read; VDB_OK: it could. */
vdb_status synthetic_error(void);
/* Begin with what is saved, as after an opening; the saves that were tried are known. */
const char *synthetic_load(synthetic *g, vdb *db);

/* Link the live slots that a number picks: one in `of`. */
vdb_status synthetic_link(synthetic *g, vdb *db, uint64_t pick, uint64_t of);
/* Fetch dead slots and take them out; hand them in, or keep them for the next call. */
vdb_status synthetic_unlink(synthetic *g, vdb *db, bool hand_in);
/* Change blocks of the upper layers. */
void synthetic_change_uppers(synthetic *g, uint64_t pick);

/* Save what has changed.  `meanwhile` is called in the middle.  `finish`: else abandoned
 * at the end.  *number: the save's.  (Nobody else is there, so the checkpoint's lock is
 * not taken, and `meanwhile` may do as it likes.) */
vdb_status synthetic_save(synthetic *g, vdb *db, void (*meanwhile)(void *arg),
                          void *arg, bool finish, uint64_t *number);
/* Give up a save that is finished, and not in a checkpoint yet. */
void synthetic_abandon(vdb *db);
/* After a checkpoint that succeeded: note what is in force; number: of a save before it. */
void synthetic_settled(synthetic *g, vdb *db, uint64_t number);
void synthetic_drop(synthetic *g, vdb *db);
/* An image may have this save, too. */
void synthetic_allow(synthetic *g, uint64_t serial);
bool synthetic_may_be(const synthetic *g, uint64_t serial);

#endif
