/* log_priv.h: what log.c and recover.c share. */
#ifndef VDBI_LOG_PRIV_H
#define VDBI_LOG_PRIV_H

#include "base/bytes.h"
#include "base/checksum.h"
#include "base/error.h"
#include "store/log/log.h"

enum {
    VDBI_FRAME_MAGIC = 0x6d724676, /* "vFrm" */
    LOG_VERSION = 1,
    /* header of a log */
    LOG_OFF_VERSION = 8,
    LOG_OFF_NUMBER = 12,
    LOG_OFF_UUID = 16,
    LOG_OFF_SALT = 32,
    LOG_OFF_PREVIOUS = 40,
    LOG_OFF_GENERATION = 48,
    LOG_OFF_LSN = 56,
    LOG_OFF_SEQUENCE = 64,
    LOG_OFF_CRC = 72,
    LOG_HEADER_USED = 76,
    /* header of a frame */
    FRAME_OFF_KIND = 4,
    FRAME_OFF_SALT = 8,
    FRAME_OFF_UUID = 16,
    FRAME_OFF_LSN = 32,
    FRAME_OFF_SEQUENCE = 40,
    FRAME_OFF_DURABLE = 48,
    FRAME_OFF_LENGTH = 56,
    FRAME_OFF_PREVIOUS = 60,
    FRAME_OFF_PAYLOAD_CRC = 64,
    FRAME_OFF_CRC = 68
};

typedef struct log_file {
    vdbi_file file;
    int open;
    uint64_t salt;
    uint64_t end;       /* where the next frame goes */
    uint64_t size;      /* of the file; beyond end only before mending */
    uint64_t reserved;  /* bytes that cannot run out of disk */
    uint64_t mend_from; /* frames from here on may not be durable; 0: all are */
} log_file;

struct vdbi_log {
    vdbi_memory *memory;
    const vdb_vfs *vfs;
    vdbi_io_counts *counts;
    char *path[2];
    uint8_t uuid[16];
    log_file files[2];
    int current; /* index of the one in use, or -1 */
    int two;     /* the other one is still needed */
    int poisoned;
    uint64_t next_lsn;
    uint64_t synced_lsn; /* every frame up to it is durable */
    uint64_t written_lsn;
    uint32_t last_crc; /* of the newest frame's header in the current log */
    uint8_t *group;
    size_t group_length, group_capacity;
    _Atomic uint64_t bytes;
};

/* Open file `index` if it is not; VDB_NOT_FOUND when it is missing and flags do not
 * create it. */
vdb_status vdbi_log_file_open(vdbi_log *log, int index, uint32_t flags);
vdb_status vdbi_log_file_exists(vdbi_log *log, int index, int *there);
void vdbi_log_count_bytes(vdbi_log *log);

extern const uint8_t vdbi_log_magic[8];

#endif
