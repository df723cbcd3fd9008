/* wide_read.h: reading memory with the widest loads that the processor has, into enough
 * registers that no operation waits for another.
 */
#ifndef BENCH_WIDE_READ_H
#define BENCH_WIDE_READ_H

#include <stddef.h>
#include <stdint.h>

enum {
    WIDE_STEP = 512 /* sizes are multiples of it, and bytes are aligned to 64 */
};

/* All bits that are set anywhere: what it returns depends on every byte. */
typedef uint64_t (*wide_reader)(const unsigned char *bytes, size_t size);

wide_reader wide_reader_best(void);

#endif
