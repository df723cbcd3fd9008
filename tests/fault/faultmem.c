/* faultmem.c: blocks are kept in a table by address, apart from the memory itself,
 * so that a wrong address can be recognised without looking behind it. */
#include "faultmem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS = 1 << 12,
    GUARD = 16,
    FILLED = 4096 /* of a block, so much is filled with what is no sensible value */
};

typedef struct mem_block {
    struct mem_block *next;
    void *address;
    size_t size;
    uint64_t number;
} mem_block;

struct faultmem {
    vdb_allocator allocator;
    pthread_mutex_t mutex;
    mem_block *buckets[BUCKETS];
    uint64_t calls, fired, misuses;
    uint64_t blocks, bytes, peak;
    uint64_t countdown; /* 0: not armed */
    bool persistent;
};

static mem_block **bucket_of(faultmem *memory, const void *address)
{
    uint64_t key = (uint64_t)(uintptr_t)address / 16 * 0x9e3779b97f4a7c15u;

    return &memory->buckets[key >> 52];
}

static bool refused(faultmem *memory)
{
    memory->calls++;
    if (!memory->countdown)
        return false;
    if (memory->countdown > 1) {
        memory->countdown--;
        return false;
    }
    if (!memory->persistent)
        memory->countdown = 0;
    memory->fired++;
    return true;
}

static void *new_block(faultmem *memory, size_t size, size_t alignment)
{
    mem_block **bucket, *block;
    void *address;

    if (alignment < sizeof(void *))
        alignment = sizeof(void *);
    if (size > SIZE_MAX / 2 || posix_memalign(&address, alignment, size + GUARD))
        return NULL;
    block = malloc(sizeof *block);
    if (!block) {
        free(address);
        return NULL;
    }
    memset(address, 0xa5, size < FILLED ? size : FILLED);
    memset((char *)address + size, 0xfd, GUARD);
    bucket = bucket_of(memory, address);
    block->next = *bucket;
    block->address = address;
    block->size = size;
    block->number = memory->calls;
    *bucket = block;
    memory->blocks++;
    memory->bytes += size;
    if (memory->bytes > memory->peak)
        memory->peak = memory->bytes;
    return address;
}

static void *allocate(void *arg, size_t size, size_t alignment)
{
    faultmem *memory = arg;
    void *address = NULL;

    pthread_mutex_lock(&memory->mutex);
    if (!alignment || (alignment & (alignment - 1)))
        memory->misuses++;
    else if (!refused(memory))
        address = new_block(memory, size, alignment);
    pthread_mutex_unlock(&memory->mutex);
    return address;
}

static void drop(faultmem *memory, mem_block **place)
{
    mem_block *block = *place;
    const unsigned char *guard = (unsigned char *)block->address + block->size;

    for (size_t i = 0; i < GUARD; i++)
        if (guard[i] != 0xfd) {
            memory->misuses++;
            break;
        }
    *place = block->next;
    memory->blocks--;
    memory->bytes -= block->size;
    memset(block->address, 0xdd, block->size < FILLED ? block->size : FILLED);
    free(block->address);
    free(block);
}

static void release(void *arg, void *address)
{
    faultmem *memory = arg;
    mem_block **place;

    pthread_mutex_lock(&memory->mutex);
    place = bucket_of(memory, address);
    while (*place && (*place)->address != address)
        place = &(*place)->next;
    if (*place)
        drop(memory, place);
    else
        memory->misuses++;
    pthread_mutex_unlock(&memory->mutex);
}

faultmem *faultmem_new(void)
{
    faultmem *memory = calloc(1, sizeof *memory);

    if (!memory) {
        fputs("fault harness: out of memory\n", stderr);
        exit(2);
    }
    pthread_mutex_init(&memory->mutex, NULL);
    memory->allocator.struct_size = sizeof memory->allocator;
    memory->allocator.arg = memory;
    memory->allocator.allocate = allocate;
    memory->allocator.release = release;
    return memory;
}

void faultmem_free(faultmem *memory)
{
    if (!memory)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (memory->buckets[i])
            drop(memory, &memory->buckets[i]);
    pthread_mutex_destroy(&memory->mutex);
    free(memory);
}

const vdb_allocator *faultmem_allocator(faultmem *memory)
{
    return &memory->allocator;
}

void faultmem_fail_at(faultmem *memory, uint64_t n, bool persistent)
{
    memory->countdown = n;
    memory->persistent = persistent;
}

void faultmem_heal(faultmem *memory)
{
    memory->countdown = 0;
}

uint64_t faultmem_fired(const faultmem *memory)
{
    return memory->fired;
}

uint64_t faultmem_calls(const faultmem *memory)
{
    return memory->calls;
}

uint64_t faultmem_blocks(const faultmem *memory)
{
    return memory->blocks;
}

uint64_t faultmem_bytes(const faultmem *memory)
{
    return memory->bytes;
}

uint64_t faultmem_peak(const faultmem *memory)
{
    return memory->peak;
}

uint64_t faultmem_oldest(const faultmem *memory, size_t *size)
{
    uint64_t oldest = 0;

    *size = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (const mem_block *block = memory->buckets[i]; block; block = block->next)
            if (!oldest || block->number < oldest) {
                oldest = block->number;
                *size = block->size;
            }
    return oldest;
}

uint64_t faultmem_misuses(const faultmem *memory)
{
    return memory->misuses;
}
