/* npy_header.h: the head of numpy's .npy files.
 *
 *   off  size  field
 *     0     6  0x93 "NUMPY"
 *     6     2  version: 1.0, 2.0 or 3.0
 *     8  2, 4  length of the dictionary in bytes, little-endian; 4 bytes from 2.0 on
 *    10, 12    the dictionary, as Python writes it:
 *              {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * Behind it the array's values, packed.  Taken are arrays of two dimensions in C order
 * of float16, float32 or float64 in either order of bytes.  Sizes are checked here, so
 * that a head which lies makes nobody allocate or overflow.
 */
#ifndef VDBTOOL_NPY_HEADER_H
#define VDBTOOL_NPY_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NPY_FIXED_BYTES = 12,      /* of the longer form */
    NPY_TEXT_BYTES_MAX = 65535 /* of the dictionary: numpy itself stops at 10,000 */
};

typedef struct npy_header {
    size_t data_at; /* where the values begin: fixed part and dictionary */
    size_t value_bytes;
    bool is_big_endian;
    uint64_t rows;
    size_t dim;
    uint64_t row_bytes;
} npy_header;

/* The first `length` bytes of a file: how many bytes the head has in all, *needed.
 * 12 bytes tell.  NULL, or what is wrong. */
const char *npy_header_size(const unsigned char *bytes, size_t length, size_t *needed);

/* Parse a whole head of `length` bytes.  NULL, or what is wrong, with *at the byte where
 * it is.  rows * row_bytes + data_at does not overflow. */
const char *npy_header_parse(const unsigned char *bytes, size_t length, npy_header *out,
                             size_t *at);

#endif
