/* resident.h: how much memory this process has resident.
 *
 * The second number of /proc/self/statm: anonymous memory and pages of mapped files
 * alike.  So a database that is searched through a mapping is counted as far as it has
 * been touched, although the system may take those pages back.
 */
#ifndef BENCH_RESIDENT_H
#define BENCH_RESIDENT_H

#include <stdint.h>

/* In bytes, after what has been freed is given back to the system. */
uint64_t resident_bytes(void);

#endif
