/* fuzz_file.h: the input of fuzz_file.c, a list of patches to a valid main file.
 *
 * Byte 0 is FILE_* flags.  Patches follow; each is a byte `op` and
 *
 *   op % 4   fields                                           does
 *   0        place, u8 length, so many bytes                  writes them
 *   1        place, place, u8 length                          copies from the first
 *   2        place, u8 width (1 << width % 4), i8             adds to a number
 *   3        u16 pages                                        changes the file's length
 *
 * where a place is u16 page (modulo the file's pages) and u16 offset (modulo 4,096).
 * The last patch may be cut short: what is missing is zero.
 */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include "harness.h"

enum {
    FILE_MAP = 1,
    FILE_READONLY = 2,
    FILE_WITHOUT_LOG = 4,
    FILE_CRASHED = 8, /* the handle was not closed: there is a log */
    FILE_ROWS = 40,
    FILE_PAGE = 4096
};

const harness_base *fuzz_file_base(bool crashed);

#endif
