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

/* A valid database of so many rows, the same in every run: its main file and, when the
 * handle was not closed, the log with its last commits, which the meta page names. */
typedef struct harness_base {
    harness_bytes main;
    harness_bytes log; /* number 1 */
} harness_base;
harness_base harness_base_make(unsigned rows, bool closed);

/* Open the database of this machine and use every kind of call on it; then close. */
void harness_exercise(faultfs *fs, uint32_t flags);

#endif
