/* faultfs_priv.h: how the imaginary machine is kept, for faultfs.c and
 * faultdamage.c only. */
#ifndef FAULTFS_PRIV_H
#define FAULTFS_PRIV_H

#include <pthread.h>

#include "faultfs.h"

enum {
    FAULT_SECTOR = 512,
    FAULT_BLOCK = 4096,
    FAULT_NAME_MAX = 256
};
/* Address space for a file that can be mapped: more than any window. */
#define FAULT_WINDOW ((size_t)4 << 30)

typedef struct fault_bytes {
    uint8_t *data;
    size_t size;
    size_t room;
    bool window; /* data never moves: an mmap of FAULT_WINDOW bytes */
} fault_bytes;

typedef struct fault_inode {
    uint64_t number;
    fault_bytes seen;    /* what a reader sees */
    fault_bytes durable; /* what has been synced */
    fault_bytes ghost;   /* what truncations took away, by offset */
    uint8_t *blocks;     /* one byte per block: 1 = takes space */
    size_t block_count;
    size_t handles;
    size_t maps;
    size_t shared; /* locks held */
    bool exclusive;
} fault_inode;

enum {
    FAULT_WRITES,
    FAULT_TRUNCATES,
    FAULT_CREATES,
    FAULT_REMOVES
};

/* An operation that is not durable yet. */
typedef struct fault_op {
    int kind;
    fault_inode *inode;
    char name[FAULT_NAME_MAX]; /* creates, removes */
    uint64_t offset;           /* of a write; the size of a truncation */
    size_t size;
    uint8_t *data;
} fault_op;

typedef struct fault_entry {
    char name[FAULT_NAME_MAX];
    fault_inode *inode;
} fault_entry;

enum {
    FAULT_NAMES = 64
};

typedef struct fault_directory {
    fault_entry entries[FAULT_NAMES];
    size_t count;
} fault_directory;

struct faultfs {
    vdb_vfs vfs;
    pthread_mutex_t mutex;
    uint64_t random;
    uint64_t clock;
    bool windows;

    fault_inode **inodes; /* all that ever were: ops may refer to removed ones */
    size_t inode_count;
    fault_directory seen;
    fault_directory durable;
    fault_op *ops;
    size_t op_count, op_room;

    uint64_t calls, all_calls, misuses;
    uint64_t calls_of[16]; /* by bit of the kind */
    size_t handles, maps;
    uint64_t cut_at;
    bool cut;
    uint64_t capacity;

    uint32_t fault_kinds;
    uint64_t fault_countdown; /* 0: not armed */
    int fault_error;
    bool fault_persistent;
    uint64_t fired;
    uint32_t fired_kind;
};

void fault_bytes_write(fault_bytes *bytes, const void *data, size_t size,
                       uint64_t offset);
void fault_bytes_truncate(fault_bytes *bytes, uint64_t size);
void fault_bytes_copy(fault_bytes *to, const fault_bytes *from);
void fault_bytes_free(fault_bytes *bytes);

fault_entry *fault_directory_find(const fault_directory *directory, const char *name);
/* inode NULL: no such name from now on. */
void fault_directory_set(fault_directory *directory, const char *name,
                         fault_inode *inode);

fault_inode *fault_inode_new(faultfs *fs);
/* Readers see what is durable; every block up to the size takes space. */
void fault_inode_settle(fault_inode *inode);
/* Do to the durable state what the operation did. */
void fault_op_apply(faultfs *fs, const fault_op *op);

/* malloc that ends the test program when there is none. */
void *fault_allocate(size_t size);

#endif
