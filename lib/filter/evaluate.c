/* evaluate.c: a filter over all slots of an image, to a bitmap.
 *
 * A chunk of slots at a time, the filter's program runs over bitmaps.  Each leaf is
 * told who still cares about its answer (live slots that the operands before it have
 * not settled): columns that nobody asks about are not read, and records, which cost
 * most, are read for those slots only.  Bits of slots that do not care are anything at
 * all; the last `and`, with the live slots, drops them.
 */
#include <string.h>

#include "base/error.h"
#include "filter/bound.h"

vdb_status vdbi_evaluation_pause(vdbi_evaluation *e)
{
    vdbi_section_end(e->pager);
    vdb_status st = e->tick ? e->tick(e->tick_arg) : VDB_OK;
    vdbi_section_begin(e->pager);
    e->read_bytes = 0;
    return st;
}

/* ------------------------------------------------------------------ program */

/* Run the program over a chunk whose live slots are cares[0]; the answer is truths[0].
 * Both stacks grow upwards; `end` is behind the highest truth. */
static vdb_status run(vdbi_evaluation *e, const vdbi_chunk *c)
{
    uint64_t *end = e->truths, *care = e->cares;
    for (size_t i = 0; i < e->filter->step_count; i++) {
        const vdbi_step *step = &e->filter->steps[i];
        int is_and = step->op == VDBI_STEP_ENTER_AND || step->op == VDBI_STEP_FOLD_AND;
        uint64_t *next_care = care + VDBI_CHUNK_WORDS;
        vdb_status st;
        switch (step->op) {
        case VDBI_STEP_LEAF:
            st = vdbi_leaf_ask(e, &e->bound[step->operand], c, care, end);
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
            if (vdbi_nobody_cares(next_care, c->words))
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
    vdbi_chunk c = {.first = first, .count = e->image->slot_count - first};
    if (c.count > VDBI_CHUNK_SLOTS)
        c.count = VDBI_CHUNK_SLOTS;
    c.words = VDBI_BITMAP_WORDS(c.count);
    out += first / 64;
    vdb_status st =
        vdbi_live_words(e->pager, e->image, first / 64, (uint32_t)c.words, e->cares);
    if (st || vdbi_nobody_cares(e->cares, c.words))
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
                                const vdbi_image *image, vdbi_narrow *narrow,
                                vdbi_memory *memory, vdb_status (*tick)(void *arg),
                                void *tick_arg, uint64_t **out, uint64_t *count)
{
    vdbi_evaluation e = {.filter = filter,
                         .pager = pager,
                         .image = image,
                         .narrow = narrow,
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
