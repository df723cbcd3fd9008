/* fixture.h: what the tests of the public API share: a folder of their own, a database
 * in it, assertions that show vdb_errmsg(), and the state of files.
 *
 * The tests know vdb.h alone and link the shared library.  Assertions end a test by
 * longjmp: use them in the test's own thread and process only.
 */
#ifndef VDB_TESTS_FIXTURE_H
#define VDB_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vdb.h"

typedef struct fixture {
    char dir[512];
    char path[640]; /* dir/app.vdb */
    vdb *db;        /* closed by the teardown if it is open */
} fixture;

/* CMocka's set-ups: a fresh folder; and with a flat L2 database of 3 dimensions. */
int fx_setup(void **state);
int fx_setup_3d(void **state);
int fx_teardown(void **state);

/* Three dimensions' options, and no threads of the library's own, so that files only
 * change while a call is running. */
vdb_options fx_options(uint32_t dimension, vdb_metric metric, vdb_index_kind index);
/* Say that a test has one thread, the library's included.  It has nobody to race with, so
 * ThreadSanitizer, under which all takes ten times as long, is spared it: skipped there. */
void fx_one_thread(void);
#if defined(__SANITIZE_THREAD__)
#define FX_RACES 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FX_RACES 1
#endif
#endif
#ifndef FX_RACES
#define FX_RACES 0 /* 1: races are looked for */
#endif
void fx_open(fixture *fx, const vdb_options *options);
void fx_close(fixture *fx);
void fx_reopen(fixture *fx); /* close, then open with no creation options */
/* A name in the fixture's folder; one of a few static buffers. */
const char *fx_name(const fixture *fx, const char *name);

void fx_check_status(vdb_status got, vdb_status want, const char *text,
                     const char *file, int line);
void fx_check_message(const char *part, const char *file, int line);
#define assert_ok(expr) fx_check_status((expr), VDB_OK, #expr, __FILE__, __LINE__)
#define assert_status(expr, want)                                                      \
    fx_check_status((expr), (want), #expr, __FILE__, __LINE__)
/* vdb_errmsg() contains `part`, in capitals or not. */
#define assert_message(part) fx_check_message((part), __FILE__, __LINE__)

void fx_put(vdb *db, const char *id, float x, float y, float z, const char *metadata);
int fx_has(vdb *db, const char *id);
uint64_t fx_count(vdb *db);
vdb_stats fx_stats(vdb *db);
uint64_t fx_sequence(vdb *db);
vdb_filter *fx_filter(const char *json); /* free with vdb_filter_free */
void fx_assert_clean(vdb *db);           /* vdb_check() finds nothing */

/* The ids that pass a filter (NULL: all), by cursor, one blank between two. */
void fx_assert_ids(vdb *db, const char *filter, const vdb_snapshot *snapshot,
                   const char *want, const char *file, int line);
#define assert_ids(db, filter, want)                                                   \
    fx_assert_ids((db), (filter), NULL, (want), __FILE__, __LINE__)
/* The hits of a 3-d search in their order. */
void fx_assert_hits(vdb *db, float x, float y, float z, size_t k, const char *filter,
                    const char *want, const char *file, int line);
#define assert_hits(db, x, y, z, k, filter, want)                                      \
    fx_assert_hits((db), (x), (y), (z), (k), (filter), (want), __FILE__, __LINE__)
void fx_assert_metadata(vdb *db, const char *id, const char *want, const char *file,
                        int line);
#define assert_metadata(db, id, want)                                                  \
    fx_assert_metadata((db), (id), (want), __FILE__, __LINE__)

/* Size (-1: not there) and hash of a database's three files. */
typedef struct fx_files {
    int64_t size[3];
    uint64_t hash[3];
} fx_files;
fx_files fx_files_of(const char *path);
void fx_assert_files(const char *path, const fx_files *want, const char *file,
                     int line);
#define assert_files(path, want) fx_assert_files((path), (want), __FILE__, __LINE__)

/* Count, sequence and files together: that a refused call has changed nothing. */
typedef struct fx_state {
    uint64_t count;
    uint64_t sequence;
    fx_files files;
} fx_state;
fx_state fx_state_of(const fixture *fx);
void fx_assert_state(const fixture *fx, const fx_state *want, const char *file,
                     int line);
#define assert_unchanged(fx, want) fx_assert_state((fx), (want), __FILE__, __LINE__)

/* Whole files.  fx_copy copies a database with its logs, as a killed process leaves
 * them when it is open (and `threads` is 1). */
void fx_copy(const char *from, const char *to);
void fx_copy_file(const char *from, const char *to);
void fx_remove(const char *path); /* with the logs */
void fx_write(const char *path, const void *bytes, size_t size);
unsigned char *fx_read(const char *path, size_t *size); /* free(); NULL: not there */

/* Run `body` in a forked child, which returns 0 for success, and wait for it. */
int fx_in_child(int (*body)(void *arg), void *arg);

/* A text of `count` times `piece` between `head` and `tail`; free(). */
char *fx_repeat(const char *head, const char *piece, size_t count, const char *middle,
                const char *tail_piece, const char *tail);

#endif
