/* synthetic.c: see synthetic.h. */
#include "synthetic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "faultfs.h"
#include "store/record.h"

enum {
    MAGIC = 0x4e595321
};

/* Far apart, so that the array is of three levels. */
static uint64_t upper_block(unsigned i)
{
    return i < 8 ? i * 997u : i * 4001u + 20000u;
}

static void fill(uint8_t *page, size_t size, uint64_t a, uint64_t b)
{
    for (size_t i = 0; i < size; i += 8)
        vdbi_put64(page + i, fault_mix(a, b + i));
}

/* ------------------------------------------------------------- the database */

/* A hash of what stands in a live slot. */
static vdb_status content_of(vdb *db, const vdbi_image *image, uint32_t slot,
                             uint64_t *out)
{
    vdbi_record record = {.memory = &db->env->memory};
    const float *row;
    vdb_status st;

    vdbi_section_begin(db->pager);
    st = vdbi_vector_row(db->pager, image, slot, &row);
    if (!st)
        *out = vdbi_hash64(row, image->dimension * sizeof *row, 1);
    if (!st)
        st = vdbi_record_read(db->pager, image, slot, VDBI_RECORD_ID, &record);
    if (!st)
        *out = vdbi_hash64(record.id, record.id_length, *out) | 1;
    vdbi_section_end(db->pager);
    vdbi_record_clear(&record);
    return st;
}

static vdb_status live_of(vdb *db, const vdbi_image *image, uint64_t *live)
{
    vdb_status st;

    memset(live, 0, SYNTHETIC_SLOTS / 8);
    vdbi_section_begin(db->pager);
    st = vdbi_live_words(db->pager, image, 0,
                         (uint32_t)VDBI_BITMAP_WORDS(image->slot_count), live);
    vdbi_section_end(db->pager);
    return st;
}

/* ---------------------------------------------------------------- the blocks */

static void make_links(const synthetic_state *s, unsigned block, uint8_t *page)
{
    memset(page, 0, VDBI_PAGE);
    for (unsigned i = 0; i < SYNTHETIC_ROWS; i++) {
        uint32_t slot = block * SYNTHETIC_ROWS + i;
        uint8_t *row = page + (size_t)i * SYNTHETIC_ROW;
        if (!vdbi_bit_get(s->linked, slot))
            continue;
        vdbi_put64(row, s->made_for[slot]);
        fill(row + 8, SYNTHETIC_ROW - 8, s->made_for[slot], slot);
    }
}

static void make_header(const synthetic_state *s, uint8_t *page)
{
    uint64_t hash = vdbi_hash64(s->linked, sizeof s->linked, s->serial);

    memset(page, 0, VDBI_PAGE);
    for (uint32_t slot = 0; slot < SYNTHETIC_SLOTS; slot++)
        if (vdbi_bit_get(s->linked, slot))
            hash = fault_mix(hash, s->made_for[slot]);
    vdbi_put64(page, MAGIC);
    vdbi_put64(page + 8, s->serial);
    vdbi_put64(page + 16, hash);
    for (unsigned i = 0; i < SYNTHETIC_UPPERS; i++)
        vdbi_put64(page + 24 + 8 * i, s->uppers[i]);
}

static bool is_zero(const uint8_t *page)
{
    for (int i = 0; i < VDBI_PAGE; i++)
        if (page[i])
            return false;
    return true;
}

/* ----------------------------------------------------------------- verifying */

static char why_text[300];
static vdb_status error;

vdb_status synthetic_error(void)
{
    return error;
}

static const char *unread(vdb_status st, const char *what)
{
    error = st;
    snprintf(why_text, sizeof why_text, "the saved graph: %s: %d: %s", what, (int)st,
             vdb_errmsg());
    return why_text;
}

static const char *wrong(const char *what, uint64_t number)
{
    error = VDB_OK;
    snprintf(why_text, sizeof why_text, "the saved graph: %s (%llu)", what,
             (unsigned long long)number);
    return why_text;
}

/* A copy of a block, zeros for a hole. */
static const char *read_block(vdb *db, int part, uint64_t block, uint8_t *page)
{
    const uint8_t *bytes;
    vdb_status st;

    vdbi_section_begin(db->pager);
    st = vdbi_graph_block(db->store, part, block, &bytes);
    if (!st && bytes)
        memcpy(page, bytes, VDBI_PAGE);
    else
        memset(page, 0, VDBI_PAGE);
    vdbi_section_end(db->pager);
    return st ? unread(st, "reading a block") : NULL;
}

bool synthetic_replayed(vdb *db, uint32_t slot)
{
    uint32_t bound;
    const uint64_t *words = vdbi_store_replayed_puts(db->store, &bound);

    return slot < bound && vdbi_bit_get(words, slot);
}

/* A row that is there for each bit, and, for those whose bit was cleared, a reason. */
static const char *check_slots(vdb *db, synthetic_state *s, const uint64_t *bits)
{
    const vdbi_image *image = &db->newest->image;
    uint64_t live[SYNTHETIC_SLOTS / 64];
    vdb_status st;

    if (image->slot_count > SYNTHETIC_SLOTS)
        return wrong("there are too many slots", image->slot_count);
    st = live_of(db, image, live);
    if (st)
        return unread(st, "reading liveness");
    for (uint32_t slot = 0; slot < SYNTHETIC_SLOTS; slot++) {
        bool row = vdbi_bit_get(s->linked, slot), bit = vdbi_bit_get(bits, slot);
        uint64_t content = 0;
        if (!row && !bit)
            continue;
        if (!row)
            return wrong("a bit without a row", slot);
        if (slot >= image->slot_count)
            return wrong("a slot that is not there", slot);
        if (vdbi_bit_get(live, slot))
            st = content_of(db, image, slot, &content);
        if (st)
            return unread(st, "reading a slot");
        if (bit && content && content != s->made_for[slot] &&
            !synthetic_replayed(db, slot))
            return wrong("a linked slot holds another vector", slot);
        if (!bit && content == s->made_for[slot])
            return wrong("a slot's bit is gone without a reason", slot);
    }
    return NULL;
}

static const char *read_all(vdb *db, synthetic_state *s, uint64_t *bits)
{
    uint8_t page[VDBI_PAGE], want[VDBI_PAGE];
    const char *why = read_block(db, VDBI_GRAPH_HEADER, 0, page);

    if (!why && vdbi_get64(page) != MAGIC)
        why = wrong("no header", vdbi_get64(page));
    s->serial = vdbi_get64(page + 8);
    for (unsigned i = 0; i < SYNTHETIC_UPPERS && !why; i++)
        s->uppers[i] = vdbi_get64(page + 24 + 8 * i);
    for (unsigned b = 0; b < SYNTHETIC_BLOCKS && !why; b++) {
        why = read_block(db, VDBI_GRAPH_LINKS, b, page);
        for (unsigned i = 0; i < SYNTHETIC_ROWS && !why; i++) {
            uint32_t slot = b * SYNTHETIC_ROWS + i;
            s->made_for[slot] = vdbi_get64(page + (size_t)i * SYNTHETIC_ROW);
            if (s->made_for[slot])
                vdbi_bit_set(s->linked, slot);
        }
        make_links(s, b, want);
        if (!why && memcmp(page, want, VDBI_PAGE) != 0)
            why = wrong("a block of links is not what was put", b);
    }
    for (unsigned i = 0; i < SYNTHETIC_UPPERS && !why; i++) {
        why = read_block(db, VDBI_GRAPH_UPPERS, upper_block(i), page);
        memset(want, 0, sizeof want);
        if (s->uppers[i])
            fill(want, sizeof want, s->uppers[i], i);
        if (!why && memcmp(page, want, VDBI_PAGE) != 0)
            why = wrong("a block of the upper layers is not what was put", i);
    }
    if (!why)
        why = read_block(db, VDBI_GRAPH_LINKED, 0, page);
    for (unsigned i = 0; i < VDBI_PAGE / 8 && !why; i++) {
        if (i < SYNTHETIC_SLOTS / 64)
            bits[i] = vdbi_get64(page + 8 * i);
        else if (vdbi_get64(page + 8 * i))
            why = wrong("bits beyond all slots", i);
    }
    if (!why)
        why = read_block(db, VDBI_GRAPH_HEADER, 0, page);
    make_header(s, want);
    if (!why && memcmp(page, want, VDBI_PAGE) != 0)
        why = wrong("it is no one save, but a mixture", s->serial);
    return why;
}

const char *synthetic_verify(vdb *db, uint64_t *serial, synthetic_state *out)
{
    synthetic_state *s = calloc(1, sizeof *s);
    uint64_t bits[SYNTHETIC_SLOTS / 64] = {0};
    const char *why;

    *serial = 0;
    if (out)
        memset(out, 0, sizeof *out);
    if (!s)
        return "no memory";
    if (!vdbi_graph_saved(db->store)) {
        free(s);
        return NULL;
    }
    why = read_all(db, s, bits);
    if (!why)
        why = check_slots(db, s, bits);
    *serial = s->serial;
    if (out) {
        *out = *s;
        memcpy(out->linked, bits, sizeof bits);
    }
    free(s);
    return why;
}

bool synthetic_may_be(const synthetic *g, uint64_t serial)
{
    if (serial == g->acked)
        return true;
    for (size_t i = 0; i < g->tried_count && i < SYNTHETIC_TRIED; i++)
        if (g->tried[i] == serial)
            return true;
    return false;
}

void synthetic_allow(synthetic *g, uint64_t serial)
{
    if (!synthetic_may_be(g, serial))
        g->tried[g->tried_count++ % SYNTHETIC_TRIED] = serial;
}

const char *synthetic_load(synthetic *g, vdb *db)
{
    uint64_t serial, newest = g->acked;
    const char *why = synthetic_verify(db, &serial, &g->now);

    if (!why && !synthetic_may_be(g, serial))
        why = wrong("another save than the one acknowledged", serial);
    if (why)
        return why;
    for (size_t i = 0; i < g->tried_count && i < SYNTHETIC_TRIED; i++)
        if (g->tried[i] > newest)
            newest = g->tried[i];
    g->acked = serial;
    g->tried_count = 0;
    /* Serials are never used twice. */
    g->now.serial = newest > serial ? newest : serial;
    g->unlinked_count = 0;
    memset(&g->dirty, 0, sizeof g->dirty);
    memset(&g->saving, 0, sizeof g->saving);
    for (uint32_t slot = 0; slot < SYNTHETIC_SLOTS; slot++) {
        bool bit = vdbi_bit_get(g->now.linked, slot);
        if (bit && synthetic_replayed(db, slot)) {
            vdbi_bit_clear(g->now.linked, slot);
            g->dirty.linked = true;
            bit = false;
        }
        /* The row of a slot whose bit is gone. */
        if (!bit && g->now.made_for[slot])
            g->dirty.links[slot / SYNTHETIC_ROWS] = true;
    }
    return NULL;
}

/* ------------------------------------------------------------------ changing */

static void change(synthetic *g, uint32_t slot, bool linked)
{
    if (linked)
        vdbi_bit_set(g->now.linked, slot);
    else
        vdbi_bit_clear(g->now.linked, slot);
    g->dirty.linked = true;
    g->dirty.links[slot / SYNTHETIC_ROWS] = true;
}

vdb_status synthetic_link(synthetic *g, vdb *db, uint64_t pick, uint64_t of)
{
    uint64_t live[SYNTHETIC_SLOTS / 64];
    vdb_status st;

    vdbi_turn_take(db);
    st = vdbi_store_manage_slots(db->store);
    if (!st)
        st = live_of(db, &db->newest->image, live);
    for (uint32_t slot = 0; slot < SYNTHETIC_SLOTS && !st; slot++) {
        uint64_t content;
        if (!vdbi_bit_get(live, slot) || vdbi_bit_get(g->now.linked, slot) ||
            fault_mix(pick, slot) % of)
            continue;
        st = content_of(db, &db->newest->image, slot, &content);
        if (st)
            break;
        g->now.made_for[slot] = content;
        change(g, slot, true);
    }
    vdbi_turn_give(db);
    return st;
}

vdb_status synthetic_unlink(synthetic *g, vdb *db, bool hand_in)
{
    uint32_t slots[7];
    size_t count;
    vdb_status st;

    vdbi_turn_take(db);
    do {
        st = vdbi_store_dead_slots(db->store, &db->newest->image,
                                   vdbi_version_oldest(db), slots, 7, &count);
        for (size_t i = 0; i < count; i++) {
            if (vdbi_bit_get(g->now.linked, slots[i]))
                change(g, slots[i], false);
            g->unlinked[g->unlinked_count++] = slots[i];
        }
    } while (!st && count);
    if (hand_in) {
        vdbi_store_unlinked(db->store, g->unlinked, g->unlinked_count);
        g->unlinked_count = 0;
    }
    vdbi_turn_give(db);
    return st;
}

void synthetic_change_uppers(synthetic *g, uint64_t pick)
{
    for (unsigned i = 0; i < SYNTHETIC_UPPERS; i++) {
        uint64_t value = fault_mix(pick, i);
        if (value % 3 == 0)
            continue;
        g->now.uppers[i] = value % 3 == 1 ? value | 1 : 0;
        g->dirty.uppers[i] = true;
    }
}

/* -------------------------------------------------------------------- saving */

static vdb_status put(vdb *db, int part, uint64_t block, const uint8_t *page)
{
    return vdbi_graph_put(db->store, part, block, is_zero(page) ? NULL : page);
}

static vdb_status put_all(const synthetic *g, vdb *db, bool whole,
                          void (*meanwhile)(void *arg), void *arg)
{
    const synthetic_state *s = &g->now;
    uint8_t page[VDBI_PAGE];
    vdb_status st = VDB_OK;

    if (g->saving.linked || whole) {
        memset(page, 0, sizeof page);
        for (size_t i = 0; i < SYNTHETIC_SLOTS / 64; i++)
            vdbi_put64(page + 8 * i, s->linked[i]);
        st = put(db, VDBI_GRAPH_LINKED, 0, page);
    }
    for (unsigned b = 0; b < SYNTHETIC_BLOCKS && !st; b++) {
        if (b == SYNTHETIC_BLOCKS / 2 && meanwhile)
            meanwhile(arg);
        if (!g->saving.links[b] && !whole)
            continue;
        make_links(s, b, page);
        st = put(db, VDBI_GRAPH_LINKS, b, page);
    }
    for (unsigned i = 0; i < SYNTHETIC_UPPERS && !st; i++) {
        if (!g->saving.uppers[i] && !whole)
            continue;
        memset(page, 0, sizeof page);
        if (s->uppers[i])
            fill(page, sizeof page, s->uppers[i], i);
        st = put(db, VDBI_GRAPH_UPPERS, upper_block(i), page);
    }
    make_header(s, page);
    return st ? st : put(db, VDBI_GRAPH_HEADER, 0, page);
}

/* What is dirty is being saved now; what an earlier save has put must be put again. */
static void begin_marks(synthetic *g)
{
    for (unsigned b = 0; b < SYNTHETIC_BLOCKS; b++)
        g->saving.links[b] |= g->dirty.links[b];
    for (unsigned i = 0; i < SYNTHETIC_UPPERS; i++)
        g->saving.uppers[i] |= g->dirty.uppers[i];
    g->saving.linked |= g->dirty.linked;
    memset(&g->dirty, 0, sizeof g->dirty);
}

void synthetic_abandon(vdb *db)
{
    vdbi_turn_take(db);
    vdbi_graph_save_abandon(db->store);
    vdbi_turn_give(db);
}

vdb_status synthetic_save(synthetic *g, vdb *db, void (*meanwhile)(void *arg),
                          void *arg, bool finish, uint64_t *number)
{
    synthetic *then = malloc(sizeof *then); /* as it was when the save began */
    int whole;
    vdb_status st;

    if (!then)
        exit(2);
    *number = 0;
    vdbi_turn_take(db);
    st = vdbi_store_manage_slots(db->store);
    if (!st)
        st = vdbi_graph_save_begin(db->store, &whole, number);
    vdbi_turn_give(db);
    if (!st) {
        g->now.serial++;
        synthetic_allow(g, g->now.serial);
        begin_marks(g);
        *then = *g;
        st = put_all(then, db, whole, meanwhile, arg);
        if (!st && finish)
            st = vdbi_graph_save_finish(db->store);
        if (st || !finish)
            synthetic_abandon(db);
    }
    free(then);
    return st;
}

void synthetic_settled(synthetic *g, vdb *db, uint64_t number)
{
    if (!vdbi_graph_saved(db->store)) {
        g->acked = 0;
    } else if (number && vdbi_graph_save_number(db->store) >= number) {
        g->acked = g->now.serial;
        memset(&g->saving, 0, sizeof g->saving);
    }
    g->tried_count = 0;
}

void synthetic_drop(synthetic *g, vdb *db)
{
    vdbi_turn_take(db);
    vdbi_graph_drop(db->store);
    vdbi_turn_give(db);
    synthetic_allow(g, 0);
}
