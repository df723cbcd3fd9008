/* fuzz_log.c: a log that says anything, beside a valid main file that names it. */
#include "fuzz_log.h"

#include <stdlib.h>
#include <string.h>

#include "store/log/log_priv.h"

/* What a log's header and frames are made to say. */
typedef struct chain {
    uint8_t uuid[16];
    uint64_t salt[2];
    uint64_t lsn;
    uint64_t sequence;
} chain;

const harness_base *fuzz_log_base(void)
{
    static harness_base base;

    if (!base.main.data) {
        base = harness_base_make(LOG_ROWS, false);
        REQUIRE(base.log.size > VDBI_LOG_HEADER + LOG_FRAME_BYTES);
    }
    return &base;
}

static void right_header(uint8_t *h, const chain *c, unsigned index)
{
    memcpy(h, vdbi_log_magic, sizeof vdbi_log_magic);
    vdbi_put32(h + LOG_OFF_VERSION, LOG_VERSION);
    vdbi_put32(h + LOG_OFF_NUMBER, index + 1);
    memcpy(h + LOG_OFF_UUID, c->uuid, sizeof c->uuid);
    vdbi_put64(h + LOG_OFF_SALT, c->salt[index]);
    if (index)
        vdbi_put64(h + LOG_OFF_PREVIOUS, c->salt[0]);
    vdbi_put64(h + LOG_OFF_LSN, c->lsn);
    vdbi_put64(h + LOG_OFF_SEQUENCE, c->sequence);
    vdbi_put32(h + LOG_OFF_CRC, vdbi_crc32(0, h, LOG_OFF_CRC));
}

static void right_sequence(uint8_t *f, size_t payload, chain *c, unsigned index)
{
    uint32_t kind = vdbi_get32(f + FRAME_OFF_KIND);

    if (kind < VDBI_FRAME_DATA || kind > VDBI_FRAME_CLOSE)
        vdbi_put32(f + FRAME_OFF_KIND, kind = kind % 3 + 1);
    vdbi_put64(f + FRAME_OFF_SEQUENCE, c->sequence + (kind != VDBI_FRAME_CLOSE));
    if (kind == VDBI_FRAME_COMMIT)
        c->sequence++;
    if (kind == VDBI_FRAME_CLOSE && payload == 16) {
        vdbi_put64(f + LOG_FRAME_BYTES, c->salt[1 - index]);
        vdbi_put64(f + LOG_FRAME_BYTES + 8, 2 - index);
    }
}

static void right_frames(uint8_t *f, size_t left, uint8_t flags, chain *c,
                         unsigned index)
{
    uint32_t previous = 0;

    while (left >= LOG_FRAME_BYTES) {
        size_t length = vdbi_get32(f + FRAME_OFF_LENGTH);
        size_t padded;
        if (length > left - LOG_FRAME_BYTES)
            length = left - LOG_FRAME_BYTES;
        padded = (length + 7) / 8 * 8;
        if (padded > left - LOG_FRAME_BYTES)
            return; /* a torn tail */
        if (flags & LOG_SEQUENCE_RIGHT)
            right_sequence(f, length, c, index);
        vdbi_put32(f, VDBI_FRAME_MAGIC);
        vdbi_put64(f + FRAME_OFF_SALT, c->salt[index]);
        memcpy(f + FRAME_OFF_UUID, c->uuid, sizeof c->uuid);
        if (vdbi_get64(f + FRAME_OFF_DURABLE) >= c->lsn)
            vdbi_put64(f + FRAME_OFF_DURABLE, c->lsn - 1);
        vdbi_put64(f + FRAME_OFF_LSN, c->lsn++);
        vdbi_put32(f + FRAME_OFF_LENGTH, (uint32_t)length);
        vdbi_put32(f + FRAME_OFF_PREVIOUS, previous);
        vdbi_put32(f + FRAME_OFF_PAYLOAD_CRC,
                   vdbi_crc32(0, f + LOG_FRAME_BYTES, length));
        previous = vdbi_crc32(0, f, FRAME_OFF_CRC);
        vdbi_put32(f + FRAME_OFF_CRC, previous);
        f += LOG_FRAME_BYTES + padded;
        left -= LOG_FRAME_BYTES + padded;
    }
}

/* One log's file from its part of the input. */
static void put_log(faultfs *fs, const uint8_t *data, size_t size, uint8_t flags,
                    chain *c, unsigned index)
{
    size_t head = size < LOG_HEADER_BYTES ? size : LOG_HEADER_BYTES;
    uint8_t *file = calloc(1, VDBI_LOG_HEADER + size);

    REQUIRE(file != NULL);
    memcpy(file, data, head);
    memcpy(file + VDBI_LOG_HEADER, data + head, size - head);
    if (flags & LOG_HEADER_RIGHT)
        right_header(file, c, index);
    if (flags & LOG_FRAMES_RIGHT)
        right_frames(file + VDBI_LOG_HEADER, size - head, flags, c, index);
    harness_put(fs, index ? HARNESS_PATH "-wal2" : HARNESS_PATH "-wal1", file,
                VDBI_LOG_HEADER + size - head);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const harness_base *base = fuzz_log_base();
    uint8_t flags;
    size_t first;
    faultfs *fs;
    chain c;

    if (size < LOG_PREFIX)
        return 0;
    flags = data[0];
    first = data[1] | (size_t)data[2] << 8;
    data += LOG_PREFIX;
    size -= LOG_PREFIX;
    if (first > size)
        first = size;
    memcpy(c.uuid, base->log.data + LOG_OFF_UUID, sizeof c.uuid);
    c.salt[0] = vdbi_get64(base->log.data + LOG_OFF_SALT);
    c.salt[1] = c.salt[0] ^ 1;
    c.lsn = vdbi_get64(base->log.data + LOG_OFF_LSN);
    c.sequence = vdbi_get64(base->log.data + LOG_OFF_SEQUENCE);
    fs = faultfs_new(3);
    faultfs_offer_map(fs, (flags & LOG_MAP) != 0);
    harness_put(fs, HARNESS_PATH, base->main.data, base->main.size);
    put_log(fs, data, first, flags, &c, 0);
    if (first < size)
        put_log(fs, data + first, size - first, flags, &c, 1);
    harness_exercise(fs, flags & LOG_READONLY ? VDB_OPEN_READONLY : 0);
    faultfs_free(fs);
    return 0;
}
