/* imitated_store.h: the store's reading functions over documents in memory, for tests of
 * filters: columns, dictionaries whose codes are in no order, lists, records.
 *
 * The imitation is strict: what it gives out is freed when the reading section ends, dead
 * slots' cells are rubbish, and reading a dead slot's record fails the test.
 */
#ifndef VDB_TESTS_IMITATED_STORE_H
#define VDB_TESTS_IMITATED_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "filter/bound.h"

enum {
    FIELDS_MAX = 64,
    FIELD_HIDDEN = 4 /* every fourth field has no column */
};

typedef struct dictionary {
    char **strings; /* ascending */
    uint32_t *codes;
    uint32_t count;
} dictionary;

typedef struct column {
    char path[64];
    size_t path_length;
    int hidden;
    uint8_t *tags, *words; /* whole blocks */
    dictionary dictionary;
} column;

struct vdbi_pager {
    char **metadata; /* one per slot, NULL: none */
    uint8_t *live;
    vdbi_flat **flats;
    uint8_t **lists;
    size_t *lists_length;
    column columns[FIELDS_MAX];
    uint32_t column_count;
    int in_section;
    unsigned sections;
    unsigned records_read, blocks_read, reads;
    unsigned fail_at; /* the read that fails with VDB_IO; 0: none */
    void *given[1024];
    size_t given_count;
};

/* The one database. */
extern vdbi_pager pager;
extern vdbi_image image;
extern vdbi_memory memory; /* of all but the copies of columns */
extern vdbi_narrow *copies;

/* Slots without metadata, all live.  Set pager.metadata (owned by it from then on) and
 * pager.live, and fill; then it can be read. */
void database_open(uint32_t slots);
void database_fill(void);
void database_close(void);
/* The id of a slot; out has room for 32 bytes. */
void id_name(char *out, uint32_t slot);

/* A fixed sequence of numbers below `below`, from `seed` on. */
extern uint64_t seed;
uint32_t draw(uint32_t below);

void *need(void *p); /* p, which must not be NULL */
/* Of this thread's last error. */
const char *message(void);

#endif
