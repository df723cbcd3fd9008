/* graph_pages.c: reading the saved graph, and what it means for slots; see graph_pages.h.
 * Saving is in graph_save.c. */
#include "store/graph_pages.h"

#include <string.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/store_priv.h"

int vdbi_graph_saved(const vdbi_store *s)
{
    const vdbi_graph_state *g = &s->graph;

    if (atomic_load(&g->drops) > g->drops_done)
        return 0;
    for (int i = 0; i < VDBI_GRAPH_PARTS; i++)
        if (!vdbi_ref_none(&g->saved[i]))
            return 1;
    return 0;
}

vdb_status vdbi_graph_block(vdbi_store *s, int part, uint64_t block,
                            const uint8_t **bytes)
{
    vdbi_array_path path = {0}; /* it is read from one end to the other */
    vdb_status st;

    *bytes = NULL;
    if (part < 0 || part >= VDBI_GRAPH_PARTS)
        return vdbi_fail(VDB_MISUSE, "the graph has no part %d", part);
    if (!vdbi_graph_saved(s))
        return VDB_OK;
    st = vdbi_array_block_near(s->pager, &s->graph.saved[part], 1, block, &path, bytes);
    return st == VDB_CORRUPT ? VDBI_GRAPH_DAMAGED : st;
}

uint64_t vdbi_graph_bytes(vdbi_store *s)
{
    vdb_error error = VDB_ERROR_INIT;
    uint64_t pages = 0;

    if (!vdbi_graph_saved(s))
        return 0;
    vdbi_error_save(&error);
    for (int i = 0; i < VDBI_GRAPH_PARTS; i++) {
        vdbi_section_begin(s->pager);
        vdbi_array_pages(s->pager, &s->graph.saved[i], &pages);
        vdbi_section_end(s->pager);
    }
    vdbi_error_restore(&error);
    return pages * VDBI_PAGE;
}

const uint64_t *vdbi_store_replayed_puts(const vdbi_store *s, uint32_t *bound)
{
    *bound = s->graph.replayed.bound;
    return s->graph.replayed.words;
}

/* ------------------------------------------------------------------- slots */

/* In the turn, in a section.  A page that cannot be read may have had every bit: the slots
 * stay unused until the graph is saved or dropped, and nobody's commit fails for it. */
static void linked(void *store, uint32_t chunk, uint64_t words[VDBI_SLOTS_CHUNK])
{
    vdbi_store *s = store;
    const vdbi_slot_bits *r = &s->graph.replayed;
    size_t first = (size_t)chunk * VDBI_SLOTS_CHUNK;
    const uint8_t *bytes;
    vdb_error error = VDB_ERROR_INIT;

    vdbi_error_save(&error);
    if (vdbi_graph_block(s, VDBI_GRAPH_LINKED, chunk, &bytes)) {
        vdbi_error_restore(&error);
        memset(words, 0xff, VDBI_SLOTS_CHUNK * sizeof *words);
    } else {
        for (size_t i = 0; i < VDBI_SLOTS_CHUNK; i++)
            words[i] = bytes ? vdbi_get64(bytes + 8 * i) : 0;
    }
    /* The next checkpoint clears these, or drops the graph. */
    if (s->graph.correcting)
        for (size_t i = 0; i < VDBI_SLOTS_CHUNK; i++)
            if (first + i < VDBI_BITMAP_WORDS(r->bound))
                words[i] &= ~r->words[first + i];
}

vdb_status vdbi_store_manage_slots(vdbi_store *s)
{
    return vdbi_slots_manage(s->slots, linked, s);
}

void vdbi_store_unmanage_slots(vdbi_store *s)
{
    vdbi_slots_unmanage(s->slots);
}

vdb_status vdbi_store_dead_slots(vdbi_store *s, const vdbi_image *newest,
                                 uint64_t oldest, uint32_t *slots, size_t capacity,
                                 size_t *count)
{
    vdb_status st;

    *count = 0;
    vdbi_section_begin(s->pager);
    st = vdbi_slots_learn(s->slots, s->pager, newest);
    vdbi_section_end(s->pager);
    if (st)
        return st;
    vdbi_slots_release(s->slots, oldest);
    *count = vdbi_slots_dead(s->slots, slots, capacity);
    return VDB_OK;
}

void vdbi_graph_settle_slots(vdbi_store *s)
{
    if (s->graph.active)
        return;
    vdbi_section_begin(s->pager);
    vdbi_slots_settle(s->slots);
    vdbi_section_end(s->pager);
}

void vdbi_store_unlinked(vdbi_store *s, const uint32_t *slots, size_t count)
{
    for (size_t i = 0; i < count; i++)
        vdbi_slots_unlinked(s->slots, slots[i]);
    vdbi_graph_settle_slots(s);
}
