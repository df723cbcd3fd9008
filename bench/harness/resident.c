/* resident.c: see resident.h. */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "resident.h"
#include "stop.h"

uint64_t resident_bytes(void)
{
    unsigned long long total, resident;
    malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%llu %llu", &total, &resident) != 2)
        stop("/proc/self/statm cannot be read");
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
