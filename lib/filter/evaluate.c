/* evaluate.c: a filter over all slots of an image, to a bitmap.
 *
 * A chunk of slots at a time, the filter's program runs over bitmaps.  Each leaf is
 * told who still cares about its answer (live slots that the operands before it have
 * not settled): columns that nobody asks about are not read, and records, which cost
 * most, are read for those slots only.  Bits of slots that do not care are anything at
 * all; the last `and`, with the live slots, drops them.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "filter/bound.h"

enum {
    RECORD_BYTES_PER_SECTION = 4 << 20
};

/* Slots [first, first + count); the bitmaps have `words` words. */
typedef struct chunk {
    uint32_t first, count;
    size_t words;
} chunk;

vdb_status vdbi_evaluation_pause(vdbi_evaluation *e)
{
    vdbi_section_end(e->pager);
    vdb_status st = e->tick ? e->tick(e->tick_arg) : VDB_OK;
    vdbi_section_begin(e->pager);
    e->read_bytes = 0;
    return st;
}

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

static int nobody_cares(const uint64_t *care, size_t words)
{
    uint64_t any = 0;
    for (size_t i = 0; i < words; i++)
        any |= care[i];
    return any == 0;
}

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

/* *asked: records were read, and what reading gave out before may be gone. */
static vdb_status scan_block(vdbi_evaluation *e, const vdbi_bound *b, uint32_t block,
                             const vdbi_cells cells[2], const uint64_t *care,
                             size_t words, uint64_t *out, int *asked)
{
    uint64_t ask[VDBI_WORDS_PER_BLOCK] = {0}, any = 0;
    uint32_t first = block * VDBI_CELLS_PER_BLOCK;
    for (size_t w = 0; w < words; w++) {
        size_t at = 64 * w;
        size_t count = e->image->slot_count - first - at;
        vdbi_scan scan;
        fetch_share(&cells[1], w);
        if (!care[w])
            continue;
        vdbi_cells_scan(b, cells->tags + at, cells->words + 8 * at,
                        count < 64 ? (unsigned)count : 64, &scan);
        if (scan.bad & care[w])
            return vdbi_fail(
                VDB_CORRUPT, "slot %zu, field %u: no such tag or string in its cell",
                first + at + (size_t)__builtin_ctzll(scan.bad & care[w]), b->field);
        out[w] = scan.holds;
        ask[w] = scan.ask & care[w];
        any |= ask[w];
    }
    *asked = any != 0;
    return any ? ask_records(e, b, block, ask, out) : VDB_OK;
}

/* Words of the chunk's bitmap that are of the block which begins at word w; 0: nobody
 * cares about any of them. */
static size_t cared_words(const chunk *c, const uint64_t *care, size_t w)
{
    size_t words = w < c->words ? c->words - w : 0;
    if (words > VDBI_WORDS_PER_BLOCK)
        words = VDBI_WORDS_PER_BLOCK;
    return words && !nobody_cares(care + w, words) ? words : 0;
}

static vdb_status ask_column(vdbi_evaluation *e, const vdbi_bound *b, const chunk *c,
                             const uint64_t *care, uint64_t *out)
{
    uint32_t block = c->first / VDBI_CELLS_PER_BLOCK;
    vdbi_column_path path = {0};
    vdbi_cells cells[2]; /* of this block, and of the next */
    int known = 0;
    for (size_t w = 0; w < c->words; w += VDBI_WORDS_PER_BLOCK, block++) {
        size_t words = cared_words(c, care, w);
        int next = words && cared_words(c, care, w + VDBI_WORDS_PER_BLOCK), asked = 0;
        vdb_status st = VDB_OK;
        if (words && !known)
            st = vdbi_column_block_near(e->pager, e->image, b->field, block, &path,
                                        &cells[0]);
        cells[1].tags = NULL;
        if (!st && next)
            st = vdbi_column_block_near(e->pager, e->image, b->field, block + 1, &path,
                                        &cells[1]);
        if (!st && words && cells[0].tags)
            st = scan_block(e, b, block, cells, care + w, words, out + w, &asked);
        if (st)
            return st;
        if (asked)
            memset(&path, 0, sizeof path);
        known = next && !asked;
        cells[0] = cells[1];
    }
    return VDB_OK;
}

/* A field without a column: parse each record once, for all such leaves. */
static vdb_status ask_documents(vdbi_evaluation *e, const vdbi_bound *b, const chunk *c,
                                const uint64_t *care, uint64_t *out)
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

static void set_slots(const vdbi_bound *b, const chunk *c, uint64_t *out)
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

static vdb_status ask_leaf(vdbi_evaluation *e, const vdbi_bound *b, const chunk *c,
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

/* ------------------------------------------------------------------ program */

/* Run the program over a chunk whose live slots are cares[0]; the answer is truths[0].
 * Both stacks grow upwards; `end` is behind the highest truth. */
static vdb_status run(vdbi_evaluation *e, const chunk *c)
{
    uint64_t *end = e->truths, *care = e->cares;
    for (size_t i = 0; i < e->filter->step_count; i++) {
        const vdbi_step *step = &e->filter->steps[i];
        int is_and = step->op == VDBI_STEP_ENTER_AND || step->op == VDBI_STEP_FOLD_AND;
        uint64_t *next_care = care + VDBI_CHUNK_WORDS;
        vdb_status st;
        switch (step->op) {
        case VDBI_STEP_LEAF:
            st = ask_leaf(e, &e->bound[step->operand], c, care, end);
            if (st)
                return st;
            end += VDBI_CHUNK_WORDS;
            break;
        case VDBI_STEP_TRUE:
        case VDBI_STEP_FALSE:
            for (size_t w = 0; w < c->words; w++)
                end[w] = step->op == VDBI_STEP_TRUE ? ~(uint64_t)0 : 0;
            end += VDBI_CHUNK_WORDS;
            break;
        case VDBI_STEP_NOT:
            for (uint64_t *w = end - VDBI_CHUNK_WORDS; w < end; w++)
                *w = ~*w;
            break;
        case VDBI_STEP_ENTER_AND:
        case VDBI_STEP_ENTER_OR: {
            const uint64_t *top = end - VDBI_CHUNK_WORDS;
            for (size_t w = 0; w < c->words; w++)
                next_care[w] = care[w] & (is_and ? top[w] : ~top[w]);
            if (nobody_cares(next_care, c->words))
                i = (size_t)step->operand - 1;
            else
                care = next_care;
            break;
        }
        default: { /* the folds */
            uint64_t *below = end - 2 * VDBI_CHUNK_WORDS;
            end -= VDBI_CHUNK_WORDS;
            care -= VDBI_CHUNK_WORDS;
            for (size_t w = 0; w < c->words; w++)
                below[w] = is_and ? below[w] & end[w] : below[w] | end[w];
            break;
        }
        }
    }
    return VDB_OK;
}

static vdb_status run_chunk(vdbi_evaluation *e, uint32_t first, uint64_t *out,
                            uint64_t *count)
{
    chunk c = {.first = first, .count = e->image->slot_count - first};
    if (c.count > VDBI_CHUNK_SLOTS)
        c.count = VDBI_CHUNK_SLOTS;
    c.words = VDBI_BITMAP_WORDS(c.count);
    out += first / 64;
    vdb_status st =
        vdbi_live_words(e->pager, e->image, first / 64, (uint32_t)c.words, e->cares);
    if (st || nobody_cares(e->cares, c.words))
        return st;
    if (e->document_leaves) {
        memset(e->documents_known, 0, c.words * sizeof *e->documents_known);
        memset(e->documents, 0,
               (size_t)e->document_leaves * VDBI_CHUNK_WORDS * sizeof *e->documents);
    }
    st = run(e, &c);
    if (st)
        return st;
    for (size_t w = 0; w < c.words; w++)
        out[w] = e->truths[w] & e->cares[w];
    *count += vdbi_bitmap_count(out, c.words);
    return VDB_OK;
}

/* --------------------------------------------------------------- evaluation */

static vdb_status allocate(vdbi_evaluation *e)
{
    const size_t bytes = VDBI_CHUNK_WORDS * sizeof(uint64_t);
    e->truths = vdbi_calloc(e->memory, e->filter->stack_max, bytes);
    e->cares = vdbi_calloc(e->memory, (size_t)e->filter->care_max + 1, bytes);
    if (!e->truths || !e->cares)
        return VDB_NOMEM;
    if (e->document_leaves) {
        e->documents = vdbi_calloc(e->memory, e->document_leaves, bytes);
        e->documents_known = vdbi_calloc(e->memory, 1, bytes);
        if (!e->documents || !e->documents_known)
            return VDB_NOMEM;
    }
    return VDB_OK;
}

static void clear(vdbi_evaluation *e)
{
    for (size_t i = 0; e->bound && i < e->filter->leaf_count; i++)
        vdbi_bound_clear(e->memory, &e->bound[i]);
    vdbi_free(e->memory, e->bound);
    vdbi_free(e->memory, e->truths);
    vdbi_free(e->memory, e->cares);
    vdbi_free(e->memory, e->documents);
    vdbi_free(e->memory, e->documents_known);
    vdbi_record_clear(&e->record);
}

/* Within a reading section, which pauses begin anew. */
static vdb_status evaluate(vdbi_evaluation *e, uint64_t *out, uint64_t *count)
{
    vdb_status st = VDB_OK;
    for (size_t i = 0; i < e->filter->leaf_count && !st; i++) {
        st = vdbi_leaf_bind(e, &e->filter->leaves[i], &e->bound[i]);
        if (!st && (i + 1) % VDBI_CHUNK_BLOCKS == 0)
            st = vdbi_evaluation_pause(e);
    }
    if (!st)
        st = allocate(e);
    for (uint64_t first = 0; first < e->image->slot_count && !st;
         first += VDBI_CHUNK_SLOTS) {
        st = vdbi_evaluation_pause(e);
        if (!st)
            st = run_chunk(e, (uint32_t)first, out, count);
    }
    return st;
}

vdb_status vdbi_filter_evaluate(const vdb_filter *filter, vdbi_pager *pager,
                                const vdbi_image *image, vdbi_memory *memory,
                                vdb_status (*tick)(void *arg), void *tick_arg,
                                uint64_t **out, uint64_t *count)
{
    vdbi_evaluation e = {.filter = filter,
                         .pager = pager,
                         .image = image,
                         .memory = memory,
                         .tick = tick,
                         .tick_arg = tick_arg,
                         .record = {.memory = memory}};
    vdb_status st = VDB_NOMEM;
    uint64_t passed = 0;
    size_t words = VDBI_BITMAP_WORDS(image->slot_count);
    *out = NULL;
    *count = 0;
    uint64_t *bits = vdbi_calloc(memory, words ? words : 1, sizeof *bits);
    /* One more than there are: a filter may have none. */
    e.bound = vdbi_calloc(memory, filter->leaf_count + 1, sizeof *e.bound);
    if (bits && e.bound) {
        vdbi_section_begin(pager);
        st = evaluate(&e, bits, &passed);
        vdbi_section_end(pager);
    }
    clear(&e);
    if (st) {
        vdbi_free(memory, bits);
        return st;
    }
    *out = bits;
    *count = passed;
    return VDB_OK;
}
