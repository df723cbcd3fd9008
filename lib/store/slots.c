/* slots.c: see slots.h.
 *
 * The way of a slot that is managed: killed, in limbo until no version shows it; dead,
 * until somebody takes it to be unlinked; unlinked; waiting, if a saved graph may have it;
 * free.  Without a graph it goes from limbo to free.
 */
#include "store/slots.h"

#include <assert.h>
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
    vdbi_linked_slots linked;
    void *linked_arg;
    int managed;
    vdbi_slot_bits free;                       /* dead, and free to use */
    vdbi_slot_bits dead, waiting;              /* managed; as long as `free` */
    uint64_t count, dead_count, waiting_count; /* bits set */
    uint32_t dead_cursor;                      /* no dead slot below it */
    uint32_t ceiling;                          /* slots at and above are not taken */
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
    (*out)->ceiling = UINT32_MAX;
    return VDB_OK;
}

void vdbi_slots_free(vdbi_slots *s)
{
    if (!s)
        return;
    vdbi_free(s->memory, s->free.words);
    vdbi_free(s->memory, s->dead.words);
    vdbi_free(s->memory, s->waiting.words);
    vdbi_free(s->memory, s->limbo);
    vdbi_free(s->memory, s->taken);
    vdbi_free(s->memory, s);
}

vdb_status vdbi_slot_bits_reserve(vdbi_memory *memory, vdbi_slot_bits *b,
                                  uint32_t bound)
{
    size_t words = VDBI_BITMAP_WORDS(bound), before = VDBI_BITMAP_WORDS(b->bound);
    vdb_status st;

    if (bound <= b->bound)
        return VDB_OK;
    st = vdbi_grow(memory, &b->words, &b->capacity, words, sizeof *b->words);
    if (st)
        return st;
    memset(b->words + before, 0, (words - before) * sizeof *b->words);
    b->bound = bound;
    return VDB_OK;
}

/* Room for the bits of all slots below `bound`, so that freeing one cannot fail.  The set
 * of free ones is the longest. */
static vdb_status reserve(vdbi_slots *s, uint32_t bound)
{
    vdb_status st = vdbi_slot_bits_reserve(s->memory, &s->free, bound);

    if (!st && s->managed)
        st = vdbi_slot_bits_reserve(s->memory, &s->dead, s->free.bound);
    if (!st && s->managed)
        st = vdbi_slot_bits_reserve(s->memory, &s->waiting, s->free.bound);
    return st;
}

static void set_free(vdbi_slots *s, uint32_t slot)
{
    vdbi_bit_set(s->free.words, slot);
    s->count++;
}

static void set_dead(vdbi_slots *s, uint32_t slot)
{
    vdbi_bit_set(s->dead.words, slot);
    s->dead_count++;
    if (slot < s->dead_cursor)
        s->dead_cursor = slot;
}

/* Which words of a set belong to a chunk; 0 when it is beyond the end. */
static size_t chunk_words(const vdbi_slot_bits *b, uint32_t chunk)
{
    size_t words = VDBI_BITMAP_WORDS(b->bound),
           first = (size_t)chunk * VDBI_SLOTS_CHUNK;

    if (words <= first)
        return 0;
    return words - first < VDBI_SLOTS_CHUNK ? words - first : VDBI_SLOTS_CHUNK;
}

/* Move from one set to another what the saved graph has, or (`has` 0) has not. */
static uint64_t move_linked(vdbi_slots *s, vdbi_slot_bits *from, vdbi_slot_bits *to,
                            int has)
{
    uint64_t linked[VDBI_SLOTS_CHUNK], moved = 0;
    size_t n;

    for (uint32_t chunk = 0; (n = chunk_words(from, chunk)) > 0; chunk++) {
        uint64_t *source = from->words + (size_t)chunk * VDBI_SLOTS_CHUNK;
        uint64_t *target = to->words + (size_t)chunk * VDBI_SLOTS_CHUNK;
        if (vdbi_bitmap_count(source, n) == 0)
            continue;
        s->linked(s->linked_arg, chunk, linked);
        for (size_t i = 0; i < n; i++) {
            uint64_t bits = source[i] & (has ? linked[i] : ~linked[i]);
            target[i] |= bits;
            source[i] ^= bits;
            moved += (uint64_t)__builtin_popcountll(bits);
        }
    }
    return moved;
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
            st = vdbi_live_words(pager, image, 0, words, s->free.words);
        if (st) {
            s->free.bound = s->dead.bound = s->waiting.bound = 0;
            return st;
        }
        for (uint32_t i = 0; i < words; i++)
            s->free.words[i] = ~s->free.words[i];
        if (image->slot_count % 64)
            s->free.words[words - 1] &= ((uint64_t)1 << (image->slot_count % 64)) - 1;
        s->count = vdbi_bitmap_count(s->free.words, words);
        if (s->managed) {
            s->dead_count = move_linked(s, &s->free, &s->dead, 1);
            s->count -= s->dead_count;
        }
    }
    s->learnt = 1;
    return VDB_OK;
}

void vdbi_slots_release(vdbi_slots *s, uint64_t oldest)
{
    while (s->limbo_head < s->limbo_count &&
           s->limbo[s->limbo_head].sequence <= oldest) {
        uint32_t slot = s->limbo[s->limbo_head++].slot;
        if (s->managed)
            set_dead(s, slot);
        else
            set_free(s, slot);
    }
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
 * so that copying it pays for many puts; 0 when there is none below the ceiling. */
static uint32_t choose_block(vdbi_slots *s, uint32_t rows)
{
    uint32_t best = 0;

    for (uint32_t looked = 0;
         looked < s->free.bound && (best == 0 || looked < WINDOW);) {
        uint32_t n = 0, end;
        if (s->cursor >= s->free.bound)
            s->cursor = 0;
        end = s->free.bound - s->cursor < rows ? s->free.bound : s->cursor + rows;
        for (uint32_t i = s->cursor; i < end; i++) {
            if (i % 64 == 0 && s->free.words[i / 64] == 0)
                i += 63;
            else
                n += i < s->ceiling && vdbi_bit_get(s->free.words, i);
        }
        if (n > best) {
            best = n;
            s->block_first = s->cursor;
            s->block_end = end;
        }
        looked += end - s->cursor;
        s->cursor = end;
    }
    return best;
}

/* A slot that no image has had. */
static vdb_status take_new(const vdbi_image *image, uint32_t *slot)
{
    if (image->slot_count >= INT32_MAX)
        return vdbi_fail(VDB_FULL, "the database has 2^31 - 1 slots");
    *slot = image->slot_count;
    return VDB_OK;
}

static vdb_status reserve_taken(vdbi_slots *s, size_t more)
{
    return vdbi_grow(s->memory, &s->taken, &s->taken_capacity, s->taken_count + more,
                     sizeof *s->taken);
}

/* Room in the list has been made. */
static void take_it(vdbi_slots *s, uint32_t slot)
{
    vdbi_bit_clear(s->free.words, slot);
    s->count--;
    s->taken[s->taken_count++] = slot;
}

vdb_status vdbi_slots_take(vdbi_slots *s, const vdbi_image *image, uint32_t *slot)
{
    uint32_t rows;
    vdb_status st;

    if (s->count == 0)
        return take_new(image, slot);
    st = reserve_taken(s, 1);
    if (st)
        return st;
    rows = vdbi_rows_per_block(image->dimension);
    for (;;) {
        for (; s->block_first < s->block_end && s->block_first < s->ceiling;
             s->block_first++)
            if (vdbi_bit_get(s->free.words, s->block_first)) {
                *slot = s->block_first;
                take_it(s, *slot);
                return VDB_OK;
            }
        s->cursor -= s->cursor % rows;
        if (!choose_block(s, rows))
            return take_new(image, slot);
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

/* ------------------------------------------------------------- linked slots */

vdb_status vdbi_slots_manage(vdbi_slots *s, vdbi_linked_slots linked, void *arg)
{
    vdb_status st;

    if (s->managed)
        return VDB_OK;
    s->managed = 1;
    s->linked = linked;
    s->linked_arg = arg;
    st = reserve(s, s->free.bound);
    if (st)
        s->managed = 0;
    return st;
}

void vdbi_slots_unmanage(vdbi_slots *s)
{
    vdbi_slot_bits *sets[] = {&s->dead, &s->waiting};

    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < VDBI_BITMAP_WORDS(sets[k]->bound); i++) {
            s->free.words[i] |= sets[k]->words[i];
            sets[k]->words[i] = 0;
        }
    s->count += s->dead_count + s->waiting_count;
    s->dead_count = s->waiting_count = 0;
    s->managed = 0;
}

size_t vdbi_slots_dead(vdbi_slots *s, uint32_t *out, size_t capacity)
{
    size_t n = 0;

    while (s->dead_count > 0 && n < capacity) {
        uint32_t slot = s->dead_cursor;
        if (slot % 64 == 0 && s->dead.words[slot / 64] == 0) {
            s->dead_cursor += 64;
            continue;
        }
        s->dead_cursor++;
        if (!vdbi_bit_get(s->dead.words, slot))
            continue;
        vdbi_bit_clear(s->dead.words, slot);
        s->dead_count--;
        out[n++] = slot;
    }
    return n;
}

void vdbi_slots_unlinked(vdbi_slots *s, uint32_t slot)
{
    assert(slot < s->free.bound && !vdbi_bit_get(s->free.words, slot) &&
           !vdbi_bit_get(s->dead.words, slot) && !vdbi_bit_get(s->waiting.words, slot));
    vdbi_bit_set(s->waiting.words, slot);
    s->waiting_count++;
}

void vdbi_slots_settle(vdbi_slots *s)
{
    uint64_t moved;

    if (s->waiting_count == 0)
        return;
    moved = move_linked(s, &s->waiting, &s->free, 0);
    s->waiting_count -= moved;
    s->count += moved;
}

/* -------------------------------------------------------------- compaction */

void vdbi_slots_ceiling(vdbi_slots *s, uint32_t ceiling)
{
    s->ceiling = ceiling;
}

uint32_t vdbi_slots_lowest(const vdbi_slots *s, uint32_t from, uint32_t bound)
{
    uint32_t end = bound < s->free.bound ? bound : s->free.bound;

    for (uint32_t i = from; i < end; i++) {
        if (i % 64 == 0 && s->free.words[i / 64] == 0)
            i += 63;
        else if (vdbi_bit_get(s->free.words, i))
            return i;
    }
    return bound;
}

vdb_status vdbi_slots_take_this(vdbi_slots *s, uint32_t slot)
{
    vdb_status st = reserve_taken(s, 1);

    if (!st)
        take_it(s, slot);
    return st;
}

uint32_t vdbi_slots_free_from(const vdbi_slots *s, uint32_t slot_count)
{
    if (slot_count > s->free.bound)
        return slot_count;
    while (slot_count > 0 && vdbi_bit_get(s->free.words, slot_count - 1))
        slot_count--;
    return slot_count;
}

/* They go to the list of those that were taken, so that undoing sets them free again. */
vdb_status vdbi_slots_give_up(vdbi_slots *s, uint32_t from, uint32_t slot_count)
{
    vdb_status st = reserve_taken(s, slot_count - from);

    for (uint32_t i = from; !st && i < slot_count; i++)
        take_it(s, i);
    return st;
}
