/* patches.h: part of an input that says how a valid file is damaged.
 *
 * A patch is a byte `op` and
 *
 *   op % 4   fields                                           does
 *   0        place, u8 length, so many bytes                  writes them
 *   1        place, place, u8 length                          copies from the first
 *   2        place, u8 width (1 << width % 4), i8             adds to a number
 *   3        u16 pages                                        changes the file's length
 *
 * where a place is u16 page (modulo the file's pages) and u16 offset (modulo 4,096).
 * What is missing at the input's end is zero.
 */
#ifndef FUZZ_PATCHES_H
#define FUZZ_PATCHES_H

#include "harness.h"

enum {
    PATCH_PAGE = 4096,
    PATCH_BYTES_MAX = 32 /* of what patch_make() makes */
};

typedef struct patch_reader {
    const uint8_t *data;
    size_t left;
} patch_reader;

uint8_t patch_read_u8(patch_reader *r);

/* Apply the next patch to `file`, a page or more.  Its length is *size, which a patch may
 * set to any number of its pages. */
void patch_apply(patch_reader *r, harness_bytes *file, size_t *size);

/* For mutators: a patch at a place of `file` that is not zero, for most of a small database
 * is zeros that nobody reads.  Returns its length. */
size_t patch_make(uint8_t out[PATCH_BYTES_MAX], const harness_bytes *file,
                  uint64_t *random);

#endif
