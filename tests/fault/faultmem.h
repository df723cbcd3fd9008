/* faultmem.h: an allocator that runs out of memory when told, and watches.
 *
 * Owns:      the list of what is allocated, each block with guard bytes behind it.
 * Promises:  a release of what was not allocated, or twice, or after a write beyond
 *            the block, is counted and does no harm.
 * Threads:   any number.
 */
#ifndef FAULTMEM_H
#define FAULTMEM_H

#include <stdbool.h>

#include "vdb.h"

typedef struct faultmem faultmem;

faultmem *faultmem_new(void);
/* Frees what leaked, too. */
void faultmem_free(faultmem *memory);
const vdb_allocator *faultmem_allocator(faultmem *memory);

/* Fail the n-th allocation from now (1: the next); when persistent, all later ones
 * as well.  n = 0: none, as after faultmem_heal(). */
void faultmem_fail_at(faultmem *memory, uint64_t n, bool persistent);
void faultmem_heal(faultmem *memory);
/* How many allocations have been refused so. */
uint64_t faultmem_fired(const faultmem *memory);

/* Allocations asked for so far, refused ones too. */
uint64_t faultmem_calls(const faultmem *memory);
/* Blocks and bytes that are allocated now, and the most bytes there ever were. */
uint64_t faultmem_blocks(const faultmem *memory);
uint64_t faultmem_bytes(const faultmem *memory);
uint64_t faultmem_peak(const faultmem *memory);
/* Of the blocks allocated now, the number of the oldest (as faultmem_calls() counted
 * it) and its size; 0 when there is none. */
uint64_t faultmem_oldest(const faultmem *memory, size_t *size);
/* Releases of unknown addresses, blocks written beyond their end, alignments that
 * are not powers of two.  Must stay 0. */
uint64_t faultmem_misuses(const faultmem *memory);

#endif
