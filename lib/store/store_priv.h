/* store_priv.h: what store.c, creation.c, checkpoint.c and check.c share. */
#ifndef VDBI_STORE_PRIV_H
#define VDBI_STORE_PRIV_H

#include "store/space.h"
#include "store/store.h"

struct vdbi_store {
    vdbi_store_config config; /* its path is our copy */
    vdbi_memory *memory;
    vdbi_io_counts counts;
    vdbi_file file;
    vdbi_pager *pager;
    vdbi_space *space;
    vdbi_log *log;
    vdbi_slots *slots;
    vdbi_shape shape; /* as stored; never changes */
    vdbi_meta meta;   /* the newest durable one */
    uint64_t epoch;
    uint64_t writer;
    int readonly;
    int other_damaged; /* the meta page that is not in force was no valid one */
    int file_is_open;
    _Atomic int poisoned;
    uint32_t replayed;
    uint64_t file_reserved; /* bytes of the file that cannot run out of disk; (turn) */
    /* Superseded by published versions; those behind `group_superseded` by versions of
     * the group that is not written yet. */
    vdbi_superseded_list superseded;
    size_t group_superseded;
    vdbi_log_mark group_log; /* as they were before the group */
    vdbi_slots_mark group_slots;
    /* The checkpoint that is running. */
    vdbi_superseded_list freeing;
    vdbi_image saving;
    int saving_valid; /* `saving` counts frames */
    int saved;        /* the run succeeded */
    vdbi_frame **written;
    size_t written_count, written_capacity;
    /* Statistics that any thread may read. */
    _Atomic uint64_t durable_sequence, generation, file_pages;
};

/* Read the meta pages, or create the file; fills store->meta. */
vdb_status vdbi_store_find_meta(vdbi_store *store);
/* Write a meta page and sync it; any failure poisons: nobody knows what is on disk. */
vdb_status vdbi_store_write_meta(vdbi_store *store, const vdbi_meta *meta);
vdb_status vdbi_store_poison(vdbi_store *store, vdb_status status);
void vdbi_store_say(vdbi_store *store, int32_t level, const char *message);

#endif
