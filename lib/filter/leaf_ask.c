/* leaf_ask.c: one leaf over a chunk of slots: from narrow copies of its column where they
 * are, from the column, or from the records.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "filter/bound.h"
#include "kernel/words.h"

enum {
    RECORD_BYTES_PER_SECTION = 4 << 20
};

/* ------------------------------------------------------------------ records */

static vdb_status read_record(vdbi_evaluation *e, uint32_t slot, uint32_t parts)
{
    vdb_status st = vdbi_record_read(e->pager, e->image, slot, parts, &e->record);
    if (!st)
        e->read_bytes += (parts & VDBI_RECORD_LISTS ? e->record.lists_length : 0) +
                         (parts & VDBI_RECORD_METADATA ? e->record.metadata_length : 0);
    return st;
}

/* *flat is NULL when the slot has no metadata. */
static vdb_status read_document(vdbi_evaluation *e, uint32_t slot, vdbi_flat **flat)
{
    *flat = NULL;
    vdb_status st = read_record(e, slot, VDBI_RECORD_METADATA);
    if (st || !e->record.metadata)
        return st;
    st = vdbi_flatten(e->memory, e->record.metadata, e->record.metadata_length, flat);
    if (st == VDB_INVALID) /* it was checked before it was stored */
        st = vdbi_fail(VDB_CORRUPT, "slot %u: its metadata (%zu bytes) is not valid",
                       slot, e->record.metadata_length);
    return st;
}

static vdb_status ask_document(vdbi_evaluation *e, const vdbi_leaf *leaf, uint32_t slot,
                               int *holds)
{
    vdbi_flat *flat;
    vdb_status st = read_document(e, slot, &flat);
    if (st)
        return st;
    *holds = flat &&
             vdbi_leaf_holds(leaf, vdbi_flat_find(flat, leaf->path, leaf->path_length));
    vdbi_flat_free(e->memory, flat);
    return VDB_OK;
}

/* An array's elements; the document only when an element has no code. */
static vdb_status ask_list(vdbi_evaluation *e, const vdbi_bound *b, uint32_t slot,
                           uint64_t word, int *holds)
{
    vdbi_list list;
    int ask = 0;
    *holds = 0;
    vdb_status st = read_record(e, slot, VDBI_RECORD_LISTS);
    if (!st)
        st = vdbi_record_list(&e->record, word, &list);
    if (st)
        return st;
    for (uint32_t i = 0; i < list.count && !*holds; i++) {
        const uint8_t *element = list.elements + 16 * (size_t)i;
        vdbi_scan scan;
        vdbi_element_scan(b, element[0], vdbi_get64(element + 8), &scan);
        if (scan.bad)
            return vdbi_fail(VDB_CORRUPT, "slot %u, field %u: element %u of an array",
                             slot, b->field, i);
        *holds = scan.holds != 0;
        ask |= scan.ask != 0;
    }
    if (!*holds && ask)
        st = ask_document(e, b->leaf, slot, holds);
    return st;
}

/* ------------------------------------------------------------------- leaves */

/* The slots of one block that could not be settled from their cells. */
static vdb_status ask_records(vdbi_evaluation *e, const vdbi_bound *b, uint32_t block,
                              const uint64_t *ask, uint64_t *out)
{
    vdbi_cells cells = {0};
    for (unsigned w = 0; w < VDBI_WORDS_PER_BLOCK; w++)
        for (uint64_t left = ask[w]; left; left &= left - 1) {
            unsigned cell = 64 * w + (unsigned)__builtin_ctzll(left);
            uint32_t slot = block * VDBI_CELLS_PER_BLOCK + cell;
            int holds = 0;
            vdb_status st = VDB_OK;
            if (e->read_bytes > RECORD_BYTES_PER_SECTION) {
                st = vdbi_evaluation_pause(e);
                cells.tags = NULL;
            }
            if (!st && !cells.tags)
                st = vdbi_column_block(e->pager, e->image, b->field, block, &cells);
            if (st)
                return st;
            if (cells.tags[cell] == VDBI_CELL_ARRAY)
                st = ask_list(e, b, slot, vdbi_get64(cells.words + 8 * (size_t)cell),
                              &holds);
            else
                st = ask_document(e, b->leaf, slot, &holds);
            if (st)
                return st;
            /* holds of the scan says nothing here: those tags never hold outright */
            out[w] |= (uint64_t)holds << cell % 64;
        }
    return VDB_OK;
}

/* A leaf on its way through a chunk of its column. */
typedef struct walk {
    vdbi_evaluation *e;
    const vdbi_bound *bound;
    vdbi_column_path path;
    vdbi_cells next;     /* of block next_block, if that is known */
    uint32_t next_block; /* UINT32_MAX: it is not */
    vdbi_narrow_part *copies;
    uint64_t missing; /* blocks that have none yet and have been read */
} walk;

/* Fetch a share of a block that will be scanned next: the processor would not see it
 * coming, since each block is a page of its own. */
static void fetch_share(const vdbi_cells *next, size_t share)
{
    if (!next->tags)
        return;
    __builtin_prefetch(next->tags + 64 * share);
    for (size_t i = 0; i < 8; i++)
        __builtin_prefetch(next->words + 512 * share + 64 * i);
}

/* The w-th 64 cells of a block. */
static vdb_status scan_word(const walk *k, uint32_t block, const vdbi_cells *cells,
                            size_t w, uint64_t care, vdbi_scan *scan)
{
    const size_t at = 64 * w, slot = (size_t)block * VDBI_CELLS_PER_BLOCK + at;
    const size_t count = k->e->image->slot_count - slot;

    vdbi_cells_scan(k->bound, cells->tags + at, cells->words + 8 * at,
                    count < 64 ? (unsigned)count : 64, scan);
    if (scan->bad & care)
        return vdbi_fail(
            VDB_CORRUPT, "slot %zu, field %u: no such tag or string in its cell",
            slot + (size_t)__builtin_ctzll(scan->bad & care), k->bound->field);
    return VDB_OK;
}

/* *asked: records were read, and what reading gave out before may be gone. */
static vdb_status scan_block(const walk *k, uint32_t block, const vdbi_cells *cells,
                             const uint64_t *care, size_t words, uint64_t *out,
                             int *asked)
{
    uint64_t ask[VDBI_WORDS_PER_BLOCK] = {0}, any = 0;
    for (size_t w = 0; w < words; w++) {
        vdbi_scan scan;
        vdb_status st;
        fetch_share(&k->next, w);
        if (!care[w])
            continue;
        st = scan_word(k, block, cells, w, care[w], &scan);
        if (st)
            return st;
        out[w] = scan.holds;
        ask[w] = scan.ask & care[w];
        any |= ask[w];
    }
    *asked = any != 0;
    return any ? ask_records(k->e, k->bound, block, ask, out) : VDB_OK;
}

/* Read the block; and find the next, if somebody cares about it. */
static vdb_status ask_block(walk *k, uint32_t block, int is_next_cared,
                            const uint64_t *care, size_t words, uint64_t *out)
{
    vdbi_evaluation *e = k->e;
    const uint32_t field = k->bound->field;
    vdbi_cells cells = k->next;
    int asked = 0;
    vdb_status st = VDB_OK;

    if (k->next_block != block)
        st = vdbi_column_block_near(e->pager, e->image, field, block, &k->path, &cells);
    k->next_block = UINT32_MAX;
    k->next.tags = NULL;
    if (!st && is_next_cared) {
        st = vdbi_column_block_near(e->pager, e->image, field, block + 1, &k->path,
                                    &k->next);
        k->next_block = block + 1;
    }
    if (!st && cells.tags)
        st = scan_block(k, block, &cells, care, words, out, &asked);
    if (asked) {
        memset(&k->path, 0, sizeof k->path);
        k->next_block = UINT32_MAX;
    }
    return st;
}

/* What the leaf wants of a copy, or 0 when the copy cannot tell. */
static int copy_span(const vdbi_bound *b, const vdbi_narrow_block *copy,
                     vdbi_narrow_span *span)
{
    const uint8_t want = copy->tag == VDBI_CELL_STRING ? b->strings : b->numbers;

    memset(span, 0, sizeof *span);
    if (copy->tag == VDBI_CELL_RECORD || b->cell_tags & 1u << VDBI_CELL_ABSENT)
        return 0;
    if (b->cell_tags >> copy->tag & 1) {
        *span = (vdbi_narrow_span){.some = 1, .high = VDBI_NARROW_MOST, .sure = 1};
        return 1;
    }
    if (want == VDBI_WANT_NONE || b->only_elements)
        return 1;
    if (want == VDBI_WANT_SOME)
        return 0;
    if (copy->tag == VDBI_CELL_REAL)
        vdbi_narrow_reals(copy, b->real_low, b->real_high, span);
    else if (copy->tag == VDBI_CELL_INT)
        vdbi_narrow_ints(copy, b->int_low, b->int_high, span);
    else
        vdbi_narrow_ints(copy, b->code, b->code, span);
    return 1;
}

/* Cells that are stored as the ends of the interval are: look at the block for them. */
static vdb_status settle_ends(walk *k, uint32_t block, const uint16_t *stored,
                              const vdbi_narrow_span *span, const uint64_t *care,
                              size_t words, uint64_t *out)
{
    uint64_t sure[VDBI_WORDS_PER_BLOCK] = {0};
    vdbi_cells cells = {0};

    if (span->sure_some)
        vdbi_shorts_within(stored, words, span->sure_low, span->sure_high, sure);
    for (size_t w = 0; w < words; w++) {
        vdbi_scan scan;
        vdb_status st = VDB_OK;
        if (!(out[w] & ~sure[w] & care[w]))
            continue;
        if (!cells.tags)
            st = vdbi_column_block_near(k->e->pager, k->e->image, k->bound->field,
                                        block, &k->path, &cells);
        if (!st)
            st = scan_word(k, block, &cells, w, care[w], &scan);
        if (st)
            return st;
        out[w] = scan.holds;
    }
    return VDB_OK;
}

/* Whether somebody cares about most of a block: a copy of it would be worth reading. */
static int is_read_mostly(const uint64_t *care, size_t words)
{
    size_t cared = 0;
    for (size_t w = 0; w < words; w++)
        cared += care[w] != 0;
    return 2 * cared >= words;
}

/* Settle a block from its copy; *done: it was possible. */
static vdb_status ask_copy(walk *k, uint32_t block, const uint64_t *care, size_t words,
                           uint64_t *out, int *done)
{
    const vdbi_narrow_block *copy;
    const uint16_t *stored;
    vdbi_narrow_span span;
    vdbi_ref ref;
    vdb_status st = vdbi_column_ref_near(k->e->pager, k->e->image, k->bound->field,
                                         block, &k->path, &ref);

    *done = 0;
    if (st || ref.frame)
        return st;
    *done = vdbi_ref_none(&ref);
    if (*done)
        return VDB_OK;
    copy = k->copies ? vdbi_narrow_find(k->copies, block, &ref) : NULL;
    if (!copy) {
        k->missing |= (uint64_t)is_read_mostly(care, words)
                      << block % VDBI_NARROW_BLOCKS;
        return VDB_OK;
    }
    *done = copy_span(k->bound, copy, &span);
    if (!*done || !span.some)
        return VDB_OK;
    stored =
        k->copies->cells + (size_t)(block % VDBI_NARROW_BLOCKS) * VDBI_CELLS_PER_BLOCK;
    vdbi_shorts_within(stored, words, span.low, span.high, out);
    return span.sure ? VDB_OK : settle_ends(k, block, stored, &span, care, words, out);
}

/* Words of the chunk's bitmap that are of the block which begins at word w; 0: nobody
 * cares about any of them. */
static size_t cared_words(const vdbi_chunk *c, const uint64_t *care, size_t w)
{
    size_t words = w < c->words ? c->words - w : 0;
    if (words > VDBI_WORDS_PER_BLOCK)
        words = VDBI_WORDS_PER_BLOCK;
    return words && !vdbi_nobody_cares(care + w, words) ? words : 0;
}

static vdb_status ask_blocks(walk *k, const vdbi_chunk *c, const uint64_t *care,
                             uint64_t *out)
{
    uint32_t block = c->first / VDBI_CELLS_PER_BLOCK;
    for (size_t w = 0; w < c->words; w += VDBI_WORDS_PER_BLOCK, block++) {
        size_t words = cared_words(c, care, w);
        int done = !words;
        vdb_status st = VDB_OK;
        if (!done && k->e->narrow)
            st = ask_copy(k, block, care + w, words, out + w, &done);
        if (!st && !done)
            st = ask_block(k, block, cared_words(c, care, w + VDBI_WORDS_PER_BLOCK) > 0,
                           care + w, words, out + w);
        if (st)
            return st;
    }
    return VDB_OK;
}

static vdb_status ask_column(vdbi_evaluation *e, const vdbi_bound *b,
                             const vdbi_chunk *c, const uint64_t *care, uint64_t *out)
{
    const uint32_t number = c->first / VDBI_CHUNK_SLOTS;
    const uint32_t blocks =
        (e->image->slot_count + VDBI_CELLS_PER_BLOCK - 1) / VDBI_CELLS_PER_BLOCK;
    walk k = {.e = e, .bound = b, .next_block = UINT32_MAX};
    vdb_status st;

    if (e->narrow)
        k.copies = vdbi_narrow_get(e->narrow, b->field, number);
    st = ask_blocks(&k, c, care, out);
    if (!st && k.missing)
        vdbi_narrow_make(e->narrow, e->pager, e->image, k.copies, b->field, number,
                         blocks, k.missing);
    if (k.copies)
        vdbi_narrow_let_go(e->narrow, k.copies);
    return st;
}

/* A field without a column: parse each record once, for all such leaves. */
static vdb_status ask_documents(vdbi_evaluation *e, const vdbi_bound *b,
                                const vdbi_chunk *c, const uint64_t *care,
                                uint64_t *out)
{
    for (size_t w = 0; w < c->words; w++) {
        uint64_t unknown = care[w] & ~e->documents_known[w];
        for (uint64_t left = unknown; left; left &= left - 1) {
            uint64_t bit = left & -left;
            vdbi_flat *flat;
            vdb_status st = VDB_OK;
            if (e->read_bytes > RECORD_BYTES_PER_SECTION)
                st = vdbi_evaluation_pause(e);
            if (!st)
                st = read_document(
                    e, c->first + (uint32_t)(64 * w) + (uint32_t)__builtin_ctzll(left),
                    &flat);
            if (st)
                return st;
            for (size_t i = 0; i < e->filter->leaf_count && flat; i++) {
                const vdbi_leaf *leaf = &e->filter->leaves[i];
                if (e->bound[i].field == VDBI_FIELD_RECORDS &&
                    vdbi_leaf_holds(
                        leaf, vdbi_flat_find(flat, leaf->path, leaf->path_length)))
                    e->documents[(size_t)e->bound[i].document_leaf * VDBI_CHUNK_WORDS +
                                 w] |= bit;
            }
            vdbi_flat_free(e->memory, flat);
        }
        e->documents_known[w] |= unknown;
    }
    memcpy(out, e->documents + (size_t)b->document_leaf * VDBI_CHUNK_WORDS,
           c->words * sizeof *out);
    return VDB_OK;
}

static void set_slots(const vdbi_bound *b, const vdbi_chunk *c, uint64_t *out)
{
    size_t low = 0, high = b->slot_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->slots[middle] < c->first)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < b->slot_count && b->slots[low] - c->first < c->count; low++)
        vdbi_bit_set(out, b->slots[low] - c->first);
}

vdb_status vdbi_leaf_ask(vdbi_evaluation *e, const vdbi_bound *b, const vdbi_chunk *c,
                         const uint64_t *care, uint64_t *out)
{
    memset(out, 0, c->words * sizeof *out);
    if (b->leaf->kind == VDBI_LEAF_ID) {
        set_slots(b, c, out);
        return VDB_OK;
    }
    if (b->field == VDBI_FIELD_NONE)
        return VDB_OK;
    if (b->field == VDBI_FIELD_RECORDS)
        return ask_documents(e, b, c, care, out);
    return ask_column(e, b, c, care, out);
}
