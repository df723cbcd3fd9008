/* harness.h: what the fuzz targets share: a bounded allocator, an imaginary machine
 * with a database on it, and everything that can be done to one.
 *
 * A target is LLVMFuzzerTestOneInput().  It is linked with libFuzzer when fuzzing, and
 * with replay.c, which runs every file of its corpus, in ordinary builds.  So an input
 * that once broke something is a test for ever.
 *
 * What every target holds the library to: no crash, no undefined behaviour, no leak, no
 * hang, and no allocation out of proportion, whatever the bytes.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdint.h>

#include "faultfs.h"
#include "vdb.h"

#define HARNESS_PATH "app.vdb"

enum {
    HARNESS_DIM = 8,
    HARNESS_ID_MAX = 400,
    HARNESS_JSON_MAX = 2000,
    HARNESS_FILE_MAX = 16 << 20 /* of each file, when all is done */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End the program, saying where, unless `condition` holds. */
#define REQUIRE(condition)                                                             \
    ((condition) ? (void)0 : harness_broken(#condition, __FILE__, __LINE__))
_Noreturn void harness_broken(const char *condition, const char *file, int line);

/* malloc that ends the program when one block, or all of them together, are more than
 * databases of a few kilobytes can excuse. */
const vdb_allocator *harness_allocator(void);
/* No block of it is left. */
void harness_require_no_leak(void);

/* The status is one of vdb.h, is not VDB_MISUSE, and a failure has a message. */
void harness_require_told(vdb_status status);

/* Bytes of a file. */
typedef struct harness_bytes {
    uint8_t *data;
    size_t size;
} harness_bytes;

void harness_put(faultfs *fs, const char *name, const uint8_t *data, size_t size);
/* Empty when there is no such file. */
harness_bytes harness_take(faultfs *fs, const char *name);

/* 0 when there is no such file. */
uint64_t harness_file_size(faultfs *fs, const char *name);

/* This machine's files and the bounded allocator. */
vdb_env *harness_environment(faultfs *fs);

/* Row i: every second id is long, so that their tree has inner nodes; the metadata has
 * every kind of cell, now and then a string too long for a column, or is NULL. */
const char *harness_row_id(unsigned i, char id[HARNESS_ID_MAX]);
const float *harness_row_vector(unsigned i, float v[HARNESS_DIM]);
const char *harness_row_metadata(unsigned i, char json[HARNESS_JSON_MAX]);

/* A valid database of so many rows, the same in every run: its main file and, when the
 * handle was not closed, the log with its last commits, which the meta page names.
 * These are its commits, in this order: each row is inserted; row 1 is deleted; row 2 is
 * inserted again; and when not closed, in the log: row 3 again, one row more, row 0's
 * metadata become HARNESS_METADATA_0, the row that was one more is deleted. */
#define HARNESS_METADATA_0 "{\"kind\": [1, 2]}"
typedef struct harness_base {
    harness_bytes main;
    harness_bytes log; /* number 1 */
} harness_base;
harness_base harness_base_make(unsigned rows, bool closed);

/* Open the database of this machine and use every kind of call on it; then close. */
void harness_exercise(faultfs *fs, uint32_t flags);

#endif
