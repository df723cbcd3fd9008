/* space_priv.h: the map of free space in memory, as space.c and space_tail.c share it. */
#ifndef VDBI_SPACE_PRIV_H
#define VDBI_SPACE_PRIV_H

#include "store/space.h"

enum {
    LEAF_BITS = VDBI_PAGE * 8,
    LEAF_WORDS = LEAF_BITS / 64,
    SUMMARY_ROWS = VDBI_PAGE / 8,
    LEAVES_MAX = 1 << 17, /* 16 TiB */
    STRUCTURE_MAP = 9,
    STRUCTURE_SUMMARY = 10
};

/* What is known of 128 MiB of file. */
typedef struct leaf {
    uint64_t *held;         /* LEAF_WORDS; NULL: none is */
    uint32_t free, longest; /* as in the summary; longest is an upper bound */
    uint32_t changed;       /* the summary's row is behind */
    uint32_t reserved;
} leaf;

typedef struct run {
    uint64_t place;
    uint64_t sequence;
    uint32_t pages;
    uint32_t reserved;
} run;

typedef struct run_list {
    run *items;
    size_t count, capacity;
} run_list;

struct vdbi_space {
    vdbi_memory *memory;
    vdbi_pager *pager;
    vdbi_ref map, summary;
    vdbi_change change; /* of the checkpoint that is running */
    leaf *leaves;
    size_t leaf_count, leaf_capacity;
    uint64_t file_pages, file_pages_before;
    size_t summary_read; /* leaves whose row has been read */
    run_list taken;      /* by this checkpoint, to undo it */
    run_list held;       /* freed, not yet let go */
    size_t held_before;  /* those behind were freed by this checkpoint */
    run_list own; /* old places of the map's own pages, to give at the next attempt */
    uint64_t writer;
    int open;          /* begun, and neither committed nor undone */
    uint64_t boundary; /* pages of the map at or behind it are to move */
    _Atomic uint64_t used_pages;
    _Atomic uint64_t held_pages;
    _Atomic uint64_t known_pages;
};

#endif
