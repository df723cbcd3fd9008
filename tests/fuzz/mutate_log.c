/* mutate_log.c: a mutator that knows where frames and their records are.
 *
 * Half of the mutations are libFuzzer's own, of the whole input.  The others change one
 * frame: its payload (whose length follows), a number in one of its records, or take it
 * out, or repeat it.  What they break is made right by the target (fuzz_log.h). */
#include "fuzz_log.h"

#include <stdlib.h>
#include <string.h>

#include "store/log/log_priv.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed);

enum {
    FRAMES_MAX = 64
};

typedef struct span {
    size_t at, size; /* of a frame, padding included */
} span;

static size_t find_frames(const uint8_t *data, size_t size, span *frames)
{
    size_t at = LOG_PREFIX + LOG_HEADER_BYTES, count = 0;

    while (at < size && size - at >= LOG_FRAME_BYTES && count < FRAMES_MAX) {
        size_t n = vdbi_get32(data + at + FRAME_OFF_LENGTH);
        if (n > size - at - LOG_FRAME_BYTES)
            n = size - at - LOG_FRAME_BYTES;
        n = LOG_FRAME_BYTES + (n + 7) / 8 * 8;
        if (n > size - at)
            break;
        frames[count++] = (span){at, n};
        at += n;
    }
    return count;
}

/* Put `n` bytes in the place of a frame; the first log's length follows. */
static size_t replace(uint8_t *data, size_t size, size_t max_size, const span *old,
                      const uint8_t *bytes, size_t n)
{
    size_t first = data[1] | (size_t)data[2] << 8;
    size_t tail = size - old->at - old->size;

    if (n > max_size - (size - old->size))
        return size;
    memmove(data + old->at + n, data + old->at + old->size, tail);
    memcpy(data + old->at, bytes, n);
    if (old->at - LOG_PREFIX < first)
        first = first + n - old->size;
    data[1] = (uint8_t)first;
    data[2] = (uint8_t)(first >> 8);
    return size - old->size + n;
}

/* A number of a record, or of the frame's kind and durable lsn. */
static void change_number(uint8_t *frame, size_t size, uint64_t *random)
{
    static const uint32_t odd[] = {0, 1, 2,          3,          5,    6,
                                   7, 8, 0x7fffffff, 0xffffffff, 65535};
    size_t at = fault_random(random) % (size / 4) * 4;

    if (fault_random(random) % 2 && size > LOG_FRAME_BYTES + 24)
        at = LOG_FRAME_BYTES + fault_random(random) % 6 * 4;
    vdbi_put32(frame + at, odd[fault_random(random) % (sizeof odd / sizeof *odd)]);
}

static size_t change_payload(uint8_t *frame, size_t size, size_t room)
{
    size_t payload = LLVMFuzzerMutate(frame + LOG_FRAME_BYTES, size - LOG_FRAME_BYTES,
                                      room - LOG_FRAME_BYTES - 8);
    size_t padded = (payload + 7) / 8 * 8;

    memset(frame + LOG_FRAME_BYTES + payload, 0, padded - payload);
    vdbi_put32(frame + FRAME_OFF_LENGTH, (uint32_t)padded);
    return LOG_FRAME_BYTES + padded;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                               unsigned seed)
{
    uint64_t random = seed;
    span frames[FRAMES_MAX];
    size_t count = find_frames(data, size, frames), room, n;
    const span *chosen;
    uint8_t *copy;

    if (!count || fault_random(&random) % 2)
        return LLVMFuzzerMutate(data, size, max_size);
    chosen = &frames[fault_random(&random) % count];
    room = 2 * chosen->size + 4096;
    copy = malloc(room);
    if (!copy)
        return size;
    memcpy(copy, data + chosen->at, chosen->size);
    n = chosen->size;
    switch (fault_random(&random) % 6) {
    case 0: /* gone */
        n = 0;
        break;
    case 1: /* twice */
        memcpy(copy + n, copy, n);
        n *= 2;
        break;
    case 2:
    case 3:
        n = change_payload(copy, n, room);
        break;
    default:
        change_number(copy, n, &random);
    }
    size = replace(data, size, max_size, chosen, copy, n);
    free(copy);
    return size;
}
