/* bound.h: a filter bound to one image: what its leaves mean in that image's columns.
 *
 * Binding is done once per evaluation: a path becomes the number of a field, strings
 * become codes, a comparison with a number becomes an interval of integers and one of
 * doubles, so that scanning a cell is a comparison of words.
 */
#ifndef VDBI_BOUND_H
#define VDBI_BOUND_H

#include "filter/filter_priv.h"
#include "filter/narrow.h"
#include "store/record.h"

enum {
    VDBI_WORDS_PER_BLOCK = VDBI_CELLS_PER_BLOCK / 64,
    VDBI_CHUNK_BLOCKS = 64,
    VDBI_CHUNK_WORDS = VDBI_CHUNK_BLOCKS * VDBI_WORDS_PER_BLOCK,
    VDBI_CHUNK_SLOTS = VDBI_CHUNK_WORDS * 64
};
_Static_assert(VDBI_CELLS_PER_BLOCK % 64 == 0,
               "a block of cells is whole words of bits");
_Static_assert((int)VDBI_CHUNK_BLOCKS == (int)VDBI_NARROW_BLOCKS,
               "a chunk of a column is one part of its copies");

/* Which numbers, and which strings, a leaf wants. */
enum {
    VDBI_WANT_NONE,
    VDBI_WANT_ONE,  /* the interval; the code */
    VDBI_WANT_SOME, /* the sorted lists; the bitmap of codes */
};

typedef struct vdbi_bound {
    const vdbi_leaf *leaf;
    uint32_t field;         /* or VDBI_FIELD_NONE, VDBI_FIELD_RECORDS */
    uint32_t document_leaf; /* of VDBI_FIELD_RECORDS: which of those leaves */
    uint16_t cell_tags;     /* bit t: a cell of tag t holds, whatever its word */
    uint16_t element_tags;  /* the same for elements of arrays */
    uint16_t ask_tags;      /* the record must be asked */
    uint8_t only_elements;  /* cells that are no arrays do not hold */
    uint8_t numbers, strings;
    int64_t int_low, int_high; /* inclusive */
    double real_low, real_high;
    int64_t *ints;
    double *reals;
    size_t int_count, real_count;
    uint32_t code, code_count;
    uint64_t *codes;
    uint32_t *slots; /* of VDBI_LEAF_ID: ascending */
    size_t slot_count;
} vdbi_bound;

/* One call of vdbi_filter_evaluate. */
typedef struct vdbi_evaluation {
    const vdb_filter *filter;
    vdbi_pager *pager;
    const vdbi_image *image;
    vdbi_narrow *narrow;
    vdbi_memory *memory;
    vdb_status (*tick)(void *arg);
    void *tick_arg;
    vdbi_bound *bound; /* one per leaf */
    uint64_t *truths;  /* stack_max bitmaps of a chunk */
    uint64_t *cares;   /* care_max + 1 of them: who still cares */
    /* Leaves whose field has no column are all tested when a record is first parsed. */
    uint64_t *documents;       /* a bitmap for each of those leaves */
    uint64_t *documents_known; /* the slots whose bits have been found out */
    uint32_t document_leaves;
    vdbi_record record;
    uint64_t read_bytes; /* of records, in this reading section */
} vdbi_evaluation;

/* End the reading section, let the host have a say, begin another: pointers that
 * reading gave out are gone. */
vdb_status vdbi_evaluation_pause(vdbi_evaluation *e);

/* leaf_bind.c */
vdb_status vdbi_leaf_bind(vdbi_evaluation *e, const vdbi_leaf *leaf, vdbi_bound *out);
void vdbi_bound_clear(vdbi_memory *memory, vdbi_bound *bound);

/* Slots [first, first + count); the bitmaps have `words` words. */
typedef struct vdbi_chunk {
    uint32_t first, count;
    size_t words;
} vdbi_chunk;

static inline int vdbi_nobody_cares(const uint64_t *care, size_t words)
{
    uint64_t any = 0;
    for (size_t i = 0; i < words; i++)
        any |= care[i];
    return any == 0;
}

/* leaf_ask.c: the leaf's truth for those slots of the chunk that `care` names; the other
 * bits of `out` are anything. */
vdb_status vdbi_leaf_ask(vdbi_evaluation *e, const vdbi_bound *bound,
                         const vdbi_chunk *chunk, const uint64_t *care, uint64_t *out);

/* cell_scan.c: cells [0, count) of at most 64, as bits; all 64 can be read. */
typedef struct vdbi_scan {
    uint64_t holds;
    uint64_t ask; /* holds says nothing of these */
    uint64_t bad; /* no such tag, or no such code */
} vdbi_scan;
void vdbi_cells_scan(const vdbi_bound *bound, const uint8_t tags[64],
                     const uint8_t words[512], unsigned count, vdbi_scan *out);
/* One element of an array. */
void vdbi_element_scan(const vdbi_bound *bound, uint8_t tag, uint64_t word,
                       vdbi_scan *out);

#endif
