/* fuzz_file.h: the input of fuzz_file.c, a list of patches to a valid main file.
 *
 * Byte 0 is FILE_* flags.  Patches follow (patches.h). */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include "patches.h"

enum {
    FILE_MAP = 1,
    FILE_READONLY = 2,
    FILE_WITHOUT_LOG = 4,
    FILE_CRASHED = 8, /* the handle was not closed: there is a log */
    FILE_ROWS = 40
};

const harness_base *fuzz_file_base(bool crashed);

#endif
