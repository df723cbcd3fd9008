/* fuzz_log.h: the input of fuzz_log.c, the bytes of one log or of two.
 *
 * Byte 0 is LOG_* flags, bytes 1 and 2 the length of the first log's part; what is left
 * is the second log's, and without any there is no second log.  A part is 76 bytes of
 * header, which stand on a page of their own in the file, then frames.
 *
 * A random checksum is never right.  So the flags say what is made right before the
 * run, in the order of the file; what they leave alone stays as the input has it.
 */
#ifndef FUZZ_LOG_H
#define FUZZ_LOG_H

#include "harness.h"

enum {
    LOG_HEADER_RIGHT = 1,   /* magic, version, number, uuid, salt, lsn, CRC */
    LOG_FRAMES_RIGHT = 2,   /* magic, salt, uuid, lsn, durable, length, CRCs */
    LOG_SEQUENCE_RIGHT = 4, /* sequences follow; closings name the other log */
    LOG_READONLY = 8,
    LOG_MAP = 16,
    LOG_PREFIX = 3,
    LOG_HEADER_BYTES = 76,
    LOG_FRAME_BYTES = 72,
    LOG_ROWS = 6
};

const harness_base *fuzz_log_base(void);

#endif
