/* slots.c: see slots.h. */
#include "store/slots.h"

#include <string.h>

#include "base/bitmap.h"
#include "base/error.h"
#include "store/record.h"

enum {
    WINDOW = 65536 /* slots looked at for the emptiest block */
};

typedef struct killed {
    uint64_t sequence;
    uint32_t slot;
    uint32_t reserved;
} killed;

struct vdbi_slots {
    vdbi_memory *memory;
    uint64_t *words; /* a bit per slot: dead, and free to use */
    size_t word_capacity;
    uint64_t count; /* bits set */
    uint32_t bound; /* bits beyond are 0 */
    uint32_t cursor;
    uint32_t block_first, block_end; /* slots are taken from here while it has any */
    int learnt;
    killed *limbo; /* ascending by sequence; the first `limbo_head` are gone */
    size_t limbo_head, limbo_count, limbo_capacity;
    uint64_t kills;  /* so far, without those undone */
    uint32_t *taken; /* reused slots since the last commit */
    size_t taken_count, taken_capacity;
};

vdb_status vdbi_slots_create(vdbi_memory *memory, vdbi_slots **out)
{
    *out = vdbi_calloc(memory, 1, sizeof **out);
    if (!*out)
        return VDB_NOMEM;
    (*out)->memory = memory;
    return VDB_OK;
}

void vdbi_slots_free(vdbi_slots *s)
{
    if (!s)
        return;
    vdbi_free(s->memory, s->words);
    vdbi_free(s->memory, s->limbo);
    vdbi_free(s->memory, s->taken);
    vdbi_free(s->memory, s);
}

/* Room for the bits of all slots below `bound`, so that freeing one cannot fail. */
static vdb_status reserve(vdbi_slots *s, uint32_t bound)
{
    size_t words = VDBI_BITMAP_WORDS(bound), before = VDBI_BITMAP_WORDS(s->bound);
    vdb_status st;

    if (bound <= s->bound)
        return VDB_OK;
    st = vdbi_grow(s->memory, &s->words, &s->word_capacity, words, sizeof *s->words);
    if (st)
        return st;
    memset(s->words + before, 0, (words - before) * sizeof *s->words);
    s->bound = bound;
    return VDB_OK;
}

static void set_free(vdbi_slots *s, uint32_t slot)
{
    vdbi_bit_set(s->words, slot);
    s->count++;
}

vdb_status vdbi_slots_learn(vdbi_slots *s, vdbi_pager *pager, const vdbi_image *image)
{
    uint32_t words = (uint32_t)VDBI_BITMAP_WORDS(image->slot_count);
    vdb_status st = VDB_OK;

    if (s->learnt)
        return VDB_OK;
    if (image->live_count < image->slot_count) {
        st = reserve(s, image->slot_count);
        if (!st)
            st = vdbi_live_words(pager, image, 0, words, s->words);
        if (st) {
            s->bound = 0;
            return st;
        }
        for (uint32_t i = 0; i < words; i++)
            s->words[i] = ~s->words[i];
        if (image->slot_count % 64)
            s->words[words - 1] &= ((uint64_t)1 << (image->slot_count % 64)) - 1;
        s->count = vdbi_bitmap_count(s->words, words);
    }
    s->learnt = 1;
    return VDB_OK;
}

void vdbi_slots_release(vdbi_slots *s, uint64_t oldest)
{
    while (s->limbo_head < s->limbo_count && s->limbo[s->limbo_head].sequence <= oldest)
        set_free(s, s->limbo[s->limbo_head++].slot);
    if (s->limbo_head == s->limbo_count) {
        s->limbo_head = s->limbo_count = 0;
    } else if (s->limbo_head > s->limbo_count / 2) {
        memmove(s->limbo, s->limbo + s->limbo_head,
                (s->limbo_count - s->limbo_head) * sizeof *s->limbo);
        s->limbo_count -= s->limbo_head;
        s->limbo_head = 0;
    }
}

vdbi_slots_mark vdbi_slots_mark_get(const vdbi_slots *s)
{
    return (vdbi_slots_mark){s->taken_count, s->kills};
}

void vdbi_slots_undo(vdbi_slots *s, const vdbi_slots_mark *mark)
{
    while (s->taken_count > mark->taken)
        set_free(s, s->taken[--s->taken_count]);
    s->limbo_count -= (size_t)(s->kills - mark->killed);
    s->kills = mark->killed;
}

void vdbi_slots_commit(vdbi_slots *s)
{
    s->taken_count = 0;
}

/* Choose the block of vectors that has most free slots among those in the next window,
 * so that copying it pays for many puts. */
static void choose_block(vdbi_slots *s, uint32_t rows)
{
    uint32_t best = 0;

    for (uint32_t looked = 0; looked < s->bound && (best == 0 || looked < WINDOW);) {
        uint32_t n = 0, end;
        if (s->cursor >= s->bound)
            s->cursor = 0;
        end = s->bound - s->cursor < rows ? s->bound : s->cursor + rows;
        for (uint32_t i = s->cursor; i < end; i++) {
            if (i % 64 == 0 && s->words[i / 64] == 0)
                i += 63;
            else
                n += (uint32_t)vdbi_bit_get(s->words, i);
        }
        if (n > best) {
            best = n;
            s->block_first = s->cursor;
            s->block_end = end;
        }
        looked += end - s->cursor;
        s->cursor = end;
    }
}

vdb_status vdbi_slots_take(vdbi_slots *s, const vdbi_image *image, uint32_t *slot)
{
    vdb_status st;

    if (s->count == 0) {
        if (image->slot_count >= INT32_MAX)
            return vdbi_fail(VDB_FULL, "the database has 2^31 - 1 slots");
        *slot = image->slot_count;
        return VDB_OK;
    }
    st = vdbi_grow(s->memory, &s->taken, &s->taken_capacity, s->taken_count + 1,
                   sizeof *s->taken);
    if (st)
        return st;
    for (;;) {
        for (; s->block_first < s->block_end; s->block_first++)
            if (vdbi_bit_get(s->words, s->block_first)) {
                *slot = s->block_first;
                vdbi_bit_clear(s->words, *slot);
                s->count--;
                s->taken[s->taken_count++] = *slot;
                return VDB_OK;
            }
        s->cursor -= s->cursor % vdbi_rows_per_block(image->dimension);
        choose_block(s, vdbi_rows_per_block(image->dimension));
    }
}

vdb_status vdbi_slots_kill(vdbi_slots *s, uint32_t slot, uint64_t sequence)
{
    vdb_status st = reserve(s, slot + 1);

    if (!st)
        st = vdbi_grow(s->memory, &s->limbo, &s->limbo_capacity, s->limbo_count + 1,
                       sizeof *s->limbo);
    if (st)
        return st;
    s->limbo[s->limbo_count++] = (killed){sequence, slot, 0};
    s->kills++;
    return VDB_OK;
}
