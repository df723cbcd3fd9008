/* big_memory.h: memory on pages of a wanted size, all of it touched. */
#ifndef BENCH_BIG_MEMORY_H
#define BENCH_BIG_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

typedef struct big_memory {
    unsigned char *bytes; /* zeros */
    size_t size;
    void *mapped;
    size_t mapped_size;
} big_memory;

/* On 2 MiB pages, or on 4 KiB ones.  Says so on standard error when the system did not
 * give huge pages. */
big_memory big_memory_new(size_t size, bool huge);
void big_memory_free(big_memory *memory);

#endif
