/* graph_save.c: saving the graph, and what a checkpoint has to do with it; see
 * graph_pages.h and docs/format.md, "The graph".
 *
 * A save and the checkpoint after it are one transaction of the map of free space: the
 * save begins it, so that what it takes and gives back is undone, or made durable, with
 * what the checkpoint does.
 */
#include <string.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/store_priv.h"

enum {
    FIRST_ROOT = 11,
    SCAN_NODES = 256
};

static int dropped(const vdbi_graph_state *g)
{
    return atomic_load(&g->drops) > g->drops_done;
}

/* --------------------------------------------------------- pages of the old */

/* Clear the bits of slots that replay has put into.  A bitmap that cannot be read must
 * not be kept: what it says of those slots is wrong from this checkpoint on. */
static vdb_status correct_block(vdbi_store *s, vdbi_array_pass *pass,
                                const vdbi_ref *root, uint64_t chunk)
{
    const vdbi_slot_bits *r = &s->graph.replayed;
    uint8_t page[VDBI_PAGE];
    const uint8_t *bytes;
    uint64_t cleared = 0;
    vdb_status st;

    vdbi_section_begin(s->pager);
    st = vdbi_array_block(s->pager, root, 1, chunk, &bytes);
    if (!st && bytes)
        memcpy(page, bytes, sizeof page);
    vdbi_section_end(s->pager);
    pass->damaged |= st == VDB_CORRUPT || st == VDB_IO;
    if (st || !bytes)
        return st;
    for (size_t i = 0; i < VDBI_SLOTS_CHUNK; i++) {
        size_t word = chunk * VDBI_SLOTS_CHUNK + i;
        uint64_t put = word < VDBI_BITMAP_WORDS(r->bound) ? r->words[word] : 0;
        uint64_t bits = vdbi_get64(page + 8 * i);
        cleared |= bits & put;
        vdbi_put64(page + 8 * i, bits & ~put);
    }
    return cleared ? vdbi_array_pass_put(pass, chunk, page) : VDB_OK;
}

static vdb_status correct(vdbi_store *s, vdbi_page_writer *writer, vdbi_ref *root)
{
    uint32_t words = (uint32_t)VDBI_BITMAP_WORDS(s->graph.replayed.bound);
    vdbi_array_pass pass;
    vdb_status st = VDB_OK;

    vdbi_array_pass_begin(&pass, s->pager, s->space, writer, root,
                          FIRST_ROOT + VDBI_GRAPH_LINKED);
    for (uint64_t c = 0; c * VDBI_SLOTS_CHUNK < words && !st; c++)
        st = correct_block(s, &pass, root, c);
    if (!st)
        st = vdbi_array_pass_end(&pass);
    if (!st) /* a pass may follow, which reads what this one has written */
        st = vdbi_page_writer_flush(writer);
    *root = pass.root;
    vdbi_array_pass_free(&pass);
    return st && pass.damaged ? VDBI_GRAPH_DAMAGED : st;
}

/* Give back every page of the graph in force. */
static vdb_status drop_pages(vdbi_store *s)
{
    uint32_t hidden = 0;
    vdb_status st = VDB_OK;

    for (int i = 0; i < VDBI_GRAPH_PARTS && !st; i++)
        st = vdbi_array_drop(s->memory, s->pager, s->space, &s->graph.saved[i],
                             (uint8_t)(FIRST_ROOT + i), &hidden);
    if (hidden)
        vdbi_store_say(s, VDB_LOG_WARNING,
                       "pages of a damaged graph could not all be freed");
    return st;
}

/* ------------------------------------------------------------------- saving */

vdb_status vdbi_graph_save_begin(vdbi_store *s, int *whole, uint64_t *number)
{
    vdbi_graph_state *g = &s->graph;
    vdb_status st;

    if (!s->config.path || g->active)
        return vdbi_fail(VDB_MISUSE, "%s",
                         g->active ? "a graph is being saved already"
                                   : "nothing is saved in memory");
    st = vdbi_store_ready(s);
    /* Nothing durable refers to a free place; but the older meta page may, while the log
     * that it needs is there. */
    if (!st && !vdbi_log_current(s->log))
        st = vdbi_store_take_log(s);
    if (!st)
        st = vdbi_log_clear_other(s->log);
    if (st && vdbi_log_poisoned(s->log))
        vdbi_store_poison(s, st);
    if (!st)
        st = vdbi_page_writer_begin(&g->writer, s->memory, &s->file,
                                    s->meta.generation + 1);
    if (st) {
        vdbi_page_writer_end(&g->writer);
        return st;
    }
    memset(g->parts, 0, sizeof g->parts);
    g->prepared = g->finished = g->failed = g->damaged = 0;
    g->drops_before = atomic_load(&g->drops);
    g->whole = !vdbi_graph_saved(s);
    g->active = 1;
    *whole = g->whole;
    *number = ++g->number;
    return VDB_OK;
}

/* Note how a step has ended. */
static vdb_status step(vdbi_graph_state *g, vdb_status st, int damaged)
{
    if (!st)
        return st;
    g->failed = 1;
    if (damaged)
        g->damaged = 1;
    return damaged ? VDBI_GRAPH_DAMAGED : st;
}

/* Before the first block: what is built on. */
static vdb_status prepare(vdbi_store *s)
{
    vdbi_graph_state *g = &s->graph;
    vdbi_ref roots[VDBI_GRAPH_PARTS] = {{0}};
    vdb_status st;

    if (g->prepared)
        return VDB_OK;
    g->prepared = 1;
    st = vdbi_space_begin(s->space);
    if (!st && g->whole)
        st = drop_pages(s);
    if (!st && !g->whole) {
        memcpy(roots, g->saved, sizeof roots);
        if (g->correcting)
            st = correct(s, &g->writer, &roots[VDBI_GRAPH_LINKED]);
    }
    for (int i = 0; i < VDBI_GRAPH_PARTS; i++)
        vdbi_array_pass_begin(&g->parts[i], s->pager, s->space, &g->writer, &roots[i],
                              (uint8_t)(FIRST_ROOT + i));
    return step(g, st, st == VDBI_GRAPH_DAMAGED);
}

vdb_status vdbi_graph_put(vdbi_store *s, int part, uint64_t block, const uint8_t *bytes)
{
    vdbi_graph_state *g = &s->graph;
    vdb_status st;

    if (!g->active || g->finished || g->failed || part < 0 || part >= VDBI_GRAPH_PARTS)
        return vdbi_fail(VDB_MISUSE, "no save of the graph takes a block of part %d",
                         part);
    st = prepare(s);
    if (st)
        return st;
    st = vdbi_array_pass_put(&g->parts[part], block, bytes);
    return step(g, st, g->parts[part].damaged);
}

vdb_status vdbi_graph_save_finish(vdbi_store *s)
{
    vdbi_graph_state *g = &s->graph;
    vdb_status st;

    if (!g->active || g->finished || g->failed)
        return vdbi_fail(VDB_MISUSE, "there is no save of the graph to finish");
    st = prepare(s);
    for (int i = 0; i < VDBI_GRAPH_PARTS && !st; i++) {
        st = vdbi_array_pass_end(&g->parts[i]);
        st = step(g, st, g->parts[i].damaged);
    }
    if (!st)
        st = step(g, vdbi_page_writer_flush(&g->writer), 0);
    g->finished = !st;
    return st;
}

/* The save is over, durable or not. */
static void end_save(vdbi_store *s)
{
    vdbi_graph_state *g = &s->graph;

    for (int i = 0; i < VDBI_GRAPH_PARTS; i++)
        vdbi_array_pass_free(&g->parts[i]);
    vdbi_page_writer_end(&g->writer);
    vdbi_space_undo(s->space); /* nothing, if it is durable */
    if (g->damaged)
        atomic_fetch_add(&g->drops, 1);
    g->active = g->finished = g->damaged = 0;
}

void vdbi_graph_save_abandon(vdbi_store *s)
{
    if (!s->graph.active)
        return;
    end_save(s);
    vdbi_graph_settle_slots(s);
}

uint64_t vdbi_graph_save_number(const vdbi_store *s)
{
    return atomic_load(&s->graph.durable_number);
}

void vdbi_graph_drop(vdbi_store *s)
{
    if (!vdbi_graph_saved(s) && !s->graph.active)
        return;
    atomic_fetch_add(&s->graph.drops, 1);
    vdbi_graph_settle_slots(s);
}

int vdbi_graph_needs_checkpoint(const vdbi_store *s)
{
    return s->graph.finished || dropped(&s->graph);
}

/* -------------------------------------------------------------- checkpoints */

vdb_status vdbi_graph_checkpoint_begin(vdbi_store *s)
{
    vdbi_graph_state *g = &s->graph;
    vdb_status st = VDB_OK;

    /* What truth needs on a full disk comes first. */
    if (g->finished && atomic_load(&g->drops) == g->drops_before)
        st = vdbi_store_reserve_file(s, vdbi_space_file_pages(s->space));
    if (st)
        vdbi_store_say(s, VDB_LOG_WARNING, "there is no room to save the graph");
    if (g->active && (st || !g->finished || atomic_load(&g->drops) != g->drops_before))
        vdbi_graph_save_abandon(s);
    g->dropping = !g->active && dropped(g) ? atomic_load(&g->drops) : 0;
    /* Commits that come meanwhile must not take a log themselves: that writes a meta
     * page, too. */
    if ((g->active || g->dropping) && !vdbi_log_current(s->log))
        return vdbi_store_take_log(s);
    return VDB_OK;
}

/* Compaction: write the blocks of a part that stand behind the boundary anew, and one block
 * below each node that does. */
static vdb_status move_part(vdbi_store *s, vdbi_page_writer *writer, int part,
                            vdbi_ref *root)
{
    vdbi_array_scan scan = {.boundary = vdbi_space_boundary(s->space)};
    vdbi_array_pass pass;
    uint8_t page[VDBI_PAGE];
    vdb_status st = VDB_OK;
    int tries = 2; /* a read that fails once does not cost the graph */

    vdbi_array_pass_begin(&pass, s->pager, s->space, writer, root,
                          (uint8_t)(FIRST_ROOT + part));
    while (!st && scan.from != UINT64_MAX) {
        const uint8_t *bytes = NULL;
        int renewed;
        scan.nodes = SCAN_NODES;
        vdbi_section_begin(s->pager);
        st = vdbi_array_scan_on(s->pager, root, &scan);
        renewed =
            !st && scan.found && vdbi_array_pass_renews(&pass, scan.level, scan.from);
        if (!st && scan.found && !renewed)
            st = vdbi_array_block(s->pager, root, 1, scan.from, &bytes);
        if (!st && bytes)
            memcpy(page, bytes, sizeof page);
        vdbi_section_end(s->pager);
        if (st == VDB_IO && --tries) {
            st = VDB_OK;
            continue;
        }
        pass.damaged |= st == VDB_CORRUPT || st == VDB_IO;
        if (!st && bytes)
            st = vdbi_array_pass_put(&pass, scan.from++, page);
        else if (renewed)
            scan.from++;
    }
    if (!st)
        st = vdbi_array_pass_end(&pass);
    *root = pass.root;
    vdbi_array_pass_free(&pass);
    return st && pass.damaged ? VDBI_GRAPH_DAMAGED : st;
}

static vdb_status move_graph(vdbi_store *s, vdbi_page_writer *writer, vdbi_meta *meta)
{
    vdb_status st = VDB_OK;

    if (vdbi_space_boundary(s->space) == UINT64_MAX)
        return VDB_OK;
    for (int i = 0; i < VDBI_GRAPH_PARTS && !st; i++)
        st = move_part(s, writer, i, &meta->graph[i]);
    return st;
}

vdb_status vdbi_graph_write(vdbi_store *s, vdbi_page_writer *writer, vdbi_meta *meta)
{
    vdbi_graph_state *g = &s->graph;

    if (g->finished) {
        for (int i = 0; i < VDBI_GRAPH_PARTS; i++)
            meta->graph[i] = g->parts[i].root;
        return VDB_OK;
    }
    memcpy(meta->graph, g->saved, sizeof meta->graph);
    if (g->dropping) {
        memset(meta->graph, 0, sizeof meta->graph);
        return drop_pages(s);
    }
    if (g->correcting) {
        vdb_status st = correct(s, writer, &meta->graph[VDBI_GRAPH_LINKED]);
        if (st)
            return st;
    }
    return move_graph(s, writer, meta);
}

int vdbi_graph_give_way(vdbi_store *s, vdb_status st)
{
    vdbi_graph_state *g = &s->graph;
    int had = g->finished;

    g->finished = 0; /* its places are gone with the transaction */
    if (st == VDBI_GRAPH_DAMAGED)
        atomic_fetch_add(&g->drops, 1);
    if (dropped(g))
        g->dropping = atomic_load(&g->drops);
    if (had && st == VDB_FULL)
        vdbi_store_say(s, VDB_LOG_WARNING, "there is no room to save the graph");
    return (had && st == VDB_FULL) || st == VDBI_GRAPH_DAMAGED;
}

void vdbi_graph_checkpoint_end(vdbi_store *s, int saved)
{
    vdbi_graph_state *g = &s->graph;

    if (saved) {
        memcpy(g->saved, s->meta.graph, sizeof g->saved);
        if (g->finished) {
            atomic_store(&g->durable_number, g->number);
            g->drops_done = g->drops_before;
        }
        if (g->dropping)
            g->drops_done = g->dropping;
        g->correcting = 0;
    }
    g->dropping = 0;
    if (g->active)
        end_save(s);
    vdbi_graph_settle_slots(s);
}

void vdbi_graph_free(vdbi_store *s)
{
    vdbi_graph_state *g = &s->graph;

    if (g->active)
        end_save(s);
    vdbi_free(s->memory, g->replayed.words);
}
