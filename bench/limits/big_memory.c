/* big_memory.c: see big_memory.h. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/stop.h"
#include "limits/big_memory.h"

static const size_t HUGE_PAGE = (size_t)2 << 20;

/* How much of this process is on huge pages. */
static size_t huge_bytes(void)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "AnonHugePages: %llu kB", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return (size_t)kib << 10;
}

big_memory big_memory_new(size_t size, bool huge)
{
    big_memory made = {NULL, size, NULL, size + HUGE_PAGE};
    size_t before = huge_bytes();
    made.mapped = mmap(NULL, made.mapped_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made.mapped == MAP_FAILED)
        stop("%zu bytes of memory: %s", made.mapped_size, strerror(errno));
    made.bytes = (unsigned char *)made.mapped +
                 (HUGE_PAGE - (uintptr_t)made.mapped % HUGE_PAGE) % HUGE_PAGE;
    madvise(made.bytes, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    memset(made.bytes, 0, size);
    if (huge && size >= HUGE_PAGE && huge_bytes() - before < size / 2)
        remark("the system gave few pages of 2 MiB: those figures are of 4 KiB");
    return made;
}

void big_memory_free(big_memory *memory)
{
    munmap(memory->mapped, memory->mapped_size);
    memory->mapped = NULL;
}
