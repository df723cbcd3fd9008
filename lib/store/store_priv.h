/* store_priv.h: what store.c, creation.c, checkpoint.c and check.c share. */
#ifndef VDBI_STORE_PRIV_H
#define VDBI_STORE_PRIV_H

#include "store/array_pass.h"
#include "store/graph_pages.h"
#include "store/space.h"
#include "store/store.h"

_Static_assert((int)VDBI_GRAPH_PARTS == (int)VDBI_META_GRAPH, "a root for each part");

/* The saved graph, and the save that is under way; graph_pages.c, graph_save.c. */
typedef struct vdbi_graph_state {
    vdbi_ref
        saved[VDBI_GRAPH_PARTS]; /* changed by (turn, checkpoint), read by either */
    vdbi_slot_bits replayed;     /* slots put into by replay, if there is a graph */
    int correcting;         /* (turn, checkpoint) their bits may be set in `saved` */
    _Atomic uint64_t drops; /* asked for so far */
    uint64_t drops_done;    /* (turn, checkpoint) those made durable */
    /* The save. */
    int active;            /* (turn, checkpoint) */
    uint64_t number;       /* (turn, checkpoint) of the newest begun */
    uint64_t drops_before; /* (turn, checkpoint) when it began */
    int whole;             /* the rest is (checkpoint)'s */
    int prepared, finished, failed, damaged;
    vdbi_array_pass parts[VDBI_GRAPH_PARTS];
    vdbi_page_writer writer;
    /* The checkpoint that is running. */
    uint64_t dropping; /* the drops that it makes durable; 0: none */
    _Atomic uint64_t durable_number;
} vdbi_graph_state;

struct vdbi_store {
    vdbi_store_config config; /* its path is our copy */
    vdbi_memory *memory;
    vdbi_io_counts counts;
    vdbi_file file;
    vdbi_pager *pager;
    vdbi_space *space;
    vdbi_log *log;
    vdbi_slots *slots;
    vdbi_code_marks *marks; /* (turn) of a compaction that clears the dictionary */
    vdbi_shape shape;       /* as stored; never changes */
    vdbi_meta meta;         /* the newest durable one */
    uint64_t other_pages; /* length that the other meta page asks for; 0: it is none */
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
    vdbi_graph_state graph;
    /* Statistics that any thread may read. */
    _Atomic uint64_t durable_sequence, generation, file_pages;
};

/* Read the meta pages, or create the file; fills store->meta. */
vdb_status vdbi_store_find_meta(vdbi_store *store);
/* Write a meta page and sync it; any failure poisons: nobody knows what is on disk. */
vdb_status vdbi_store_write_meta(vdbi_store *store, const vdbi_meta *meta);
/* Take a log into use if none is (turn). */
vdb_status vdbi_store_take_log(vdbi_store *store);
/* See that the file can grow by what is dirty, and a reserve, beyond `file_pages`. */
vdb_status vdbi_store_reserve_file(vdbi_store *store, uint64_t file_pages);
/* It is the newest durable one now. */
void vdbi_store_adopt_meta(vdbi_store *store, const vdbi_meta *meta);
vdb_status vdbi_store_poison(vdbi_store *store, vdb_status status);
void vdbi_store_say(vdbi_store *store, int32_t level, const char *message);

/* ---- a checkpoint and the graph: graph_save.c ---- */

/* (turn, checkpoint) One begins: decide what becomes of the graph. */
vdb_status vdbi_graph_checkpoint_begin(vdbi_store *store);
/* (checkpoint) Within its transaction: what the meta page says of the graph. */
vdb_status vdbi_graph_write(vdbi_store *store, vdbi_page_writer *writer,
                            vdbi_meta *meta);
/* (checkpoint) An attempt has failed, and its transaction has been undone.  Whether
 * another one, that does without the graph's part, may do better. */
int vdbi_graph_give_way(vdbi_store *store, vdb_status st);
/* (turn, checkpoint) It has ended; `saved`: its meta page is durable. */
void vdbi_graph_checkpoint_end(vdbi_store *store, int saved);
void vdbi_graph_free(vdbi_store *store);
/* (turn) Free the slots that wait and need not any more; not during a save. */
void vdbi_graph_settle_slots(vdbi_store *store);

#endif
