/* points.h: what the tests of the store's rules share: an imaginary machine with one
 * database, whose files can be read and changed byte by byte between two openings, and
 * whose calls a test can watch.
 *
 * Rows are made of numbers: row n in version v has the id "row-n", a vector of DIM
 * values that n and v decide, and metadata {"n": n, "v": v, "even": ...}.
 */
#ifndef POINTS_H
#define POINTS_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faultfs.h"

#define MAIN "data.vdb"
#define LOG1 "data.vdb-wal1"
#define LOG2 "data.vdb-wal2"

enum {
    DIM = 8,
    PAGE = 4096,
    FRAME_HEADER = 72,
    ABSENT = -1 /* a version: the row is not there */
};

typedef struct machine machine;

/* Called before a call of these kinds (FAULTFS_READ, FAULTFS_WRITE, FAULTFS_SYNC,
 * FAULTFS_TRUNCATE) is made; a negated errno value fails it. */
typedef int (*machine_hook)(machine *m, uint32_t kind, const char *name);

struct machine {
    faultfs *fs;
    vdb_vfs vfs; /* of fs, with the hook before it */
    vdb_env *env;
    vdb *db;
    vdb_options options; /* of the next opening */
    machine_hook hook;   /* NULL: none */
    void *hook_arg;
};

/* `mapped`: the file system offers mapping. */
machine *machine_new(bool mapped);
void machine_free(machine *m);
/* Another machine with the same files, as readers of this one see them. */
machine *machine_copy(machine *m);

vdb_status machine_try_open(machine *m);
void machine_open(machine *m);
void machine_close(machine *m);
/* The process dies: everything written stays. */
void machine_kill(machine *m);
/* The power goes; faultfs.h names the damages. */
void machine_cut(machine *m, unsigned damage, uint64_t seed);

/* ------------------------------------------------------------------- files */

typedef struct content {
    uint8_t *bytes;
    size_t size;
    bool there;
} content;

/* Between openings, or, reading, at any time. */
content content_get(machine *m, const char *name);
/* Make it so, durably; a content that is not `there` removes the file. */
void content_put(machine *m, const char *name, const content *c);
void content_free(content *c);
void content_append(content *c, const uint8_t *bytes, size_t size);
bool content_same(const content *a, const content *b);

/* The frames of a log: where the i-th begins (its end, for i = their number). */
size_t frame_at(const content *log, size_t i);
size_t frame_count(const content *log);
uint64_t get64(const uint8_t *bytes);
uint32_t get32(const uint8_t *bytes);
/* The place, 0 or 1, of the newest meta page. */
size_t newest_meta(const content *file);
/* Change a byte of a file. */
void flip(machine *m, const char *name, size_t offset);

/* -------------------------------------------------------------------- rows */

const char *row_id(unsigned n, char id[32]);
void row_vector(unsigned n, int version, float vector[DIM]);
const char *row_metadata(unsigned n, int version, char json[128]);

vdb_status try_put(machine *m, unsigned n, int version);
void put(machine *m, unsigned n, int version);
void put_many(machine *m, unsigned first, unsigned count, int version);
void drop(machine *m, unsigned n);
void checkpoint(machine *m);
/* Row n is there in this version, or ABSENT. */
void expect(machine *m, unsigned n, int version);
void expect_many(machine *m, unsigned first, unsigned count, int version);
void expect_held(machine *m, const vdb_snapshot *snapshot, unsigned n, int version);
/* Search, count and vdb_check agree, and vdb_check finds nothing. */
void expect_sound(machine *m, uint64_t rows);
uint64_t count_where(machine *m, const char *filter);
vdb_stats stats_of(machine *m);
/* The status of the last failure, and that its message holds this text. */
void expect_failed(vdb_status status, vdb_status want, const char *text);

/* A hook: the main file cannot be written for want of space. */
int full_main(machine *m, uint32_t kind, const char *name);
/* Rows 0 to 2 in the first log, which is closed, row 3 in the second; nothing is saved,
 * and full_main still stands. */
machine *two_logs(void);

#endif
