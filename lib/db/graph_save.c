/* graph_save.c: saving the graph, and reading it back; docs/format.md, "The graph".
 *
 * Rows of links are saved as they stand in memory, by blocks, and only blocks that have
 * changed.  Codes are not: they are made again of the vectors.  The bitmap of linked slots
 * is copied first; a row of a slot that it lacks is saved as zeros.
 */
#include <math.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "db/graph_priv.h"
#include "index/hnsw/restore.h"
#include "store/graph_pages.h"

/* The header, little-endian; after it an offset for each dimension, if the kind of codes
 * has any. */
enum {
    HEADER_MAGIC = 0,
    HEADER_VERSION = 4,
    HEADER_DIMENSION = 8,
    HEADER_METRIC = 12,
    HEADER_M = 16,
    HEADER_KIND = 20,
    HEADER_ENTRY = 24,
    HEADER_SLOTS = 32,
    HEADER_UPPERS = 36,
    HEADER_STEP = 40,
    HEADER_IN_HALVES = 44,
    HEADER_OFFSETS = 48,
    RECALL_BLOCK = 128, /* of the same part, behind the offsets of any dimension */
    MAGIC = 0x66724776, /* "vGrf" */
    VERSION = 1,
    BITS = VDBI_GRAPH_BLOCK * 8
};

/* One save, or one reading. */
typedef struct copy {
    vdb *db;
    vdbi_hnsw *h;
    uint64_t *linked; /* a bit per slot */
    uint32_t bound;   /* of the slots */
    uint32_t slots;   /* the header's: those that there were when it was saved */
    int whole;
    const vdbi_graph_ear *ear; /* of a reading; may be NULL */
    uint8_t *block;
} copy;

static vdb_status make_room(copy *c)
{
    vdbi_memory *memory = &c->db->env->memory;

    c->linked = vdbi_calloc(memory, VDBI_BITMAP_WORDS(c->bound) + 1, 8);
    c->block = vdbi_alloc_aligned(memory, VDBI_GRAPH_BLOCK, 64);
    return c->linked && c->block ? VDB_OK : VDB_NOMEM;
}

static void drop_room(copy *c)
{
    vdbi_free(&c->db->env->memory, c->linked);
    vdbi_free(&c->db->env->memory, c->block);
}

static int is_zero(const uint8_t *bytes)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, VDBI_GRAPH_BLOCK - 1) == 0;
}

static vdb_status put(copy *c, int part, uint64_t block)
{
    return vdbi_graph_put(c->db->store, part, block,
                          is_zero(c->block) ? NULL : c->block);
}

/* ---------------------------------------------------------------------- saving */

static vdb_status save_bitmap(copy *c)
{
    vdb_status st = VDB_OK;

    for (uint32_t slot = 0; slot < c->bound; slot++)
        if (vdbi_hnsw_has(c->h, slot))
            vdbi_bit_set(c->linked, slot);
    for (uint64_t first = 0; first < c->bound && !st; first += BITS) {
        memset(c->block, 0, VDBI_GRAPH_BLOCK);
        for (uint64_t i = 0; i < BITS / 64 && first + i * 64 < c->bound; i++)
            vdbi_put64(c->block + i * 8, c->linked[first / 64 + i]);
        st = put(c, VDBI_GRAPH_LINKED, first / BITS);
    }
    return st;
}

static vdb_status save_links(copy *c)
{
    uint32_t per_block = c->h->nodes.links_per_block;
    vdb_status st = VDB_OK;

    for (uint32_t block = 0; (uint64_t)block * per_block < c->bound && !st; block++) {
        if (!vdbi_links_changed(c->h, block) && !c->whole)
            continue;
        memset(c->block, 0, VDBI_GRAPH_BLOCK);
        /* The last block's rows beyond the bound too: its mark has been used up, and those
         * that are linked already are to be in the next save. */
        for (uint32_t i = 0; i < per_block; i++)
            vdbi_save_links(c->h, block * per_block + i, c->linked, c->bound,
                            c->block + i * c->h->nodes.links.row_bytes);
        st = put(c, VDBI_GRAPH_LINKS, block);
    }
    return st;
}

static vdb_status save_uppers(copy *c, uint32_t count)
{
    uint32_t per_block = c->h->nodes.uppers_per_block;
    vdb_status st = VDB_OK;

    for (uint32_t block = 0; (uint64_t)block * per_block < count && !st; block++) {
        if (!vdbi_uppers_changed(c->h, block) && !c->whole)
            continue;
        memset(c->block, 0, VDBI_GRAPH_BLOCK);
        for (uint32_t i = 0; i < per_block && block * per_block + i < count; i++)
            vdbi_save_upper(c->h, block * per_block + i, c->linked, c->bound,
                            c->block + i * c->h->nodes.uppers.row_bytes);
        st = put(c, VDBI_GRAPH_UPPERS, block);
    }
    /* As with links: rows that came since share the last block. */
    if (count % per_block && atomic_load(&c->h->nodes.upper_count) > count)
        vdbi_uppers_touch(&c->h->nodes, count);
    return st;
}

static vdb_status save_header(copy *c, uint32_t uppers)
{
    const vdbi_codes *codes = vdbi_hnsw_way(c->h).codes;
    vdbi_codes_fitted fitted = vdbi_codes_fit_of(codes);
    size_t offsets = fitted.offset ? codes->dimension : 0;
    size_t length = HEADER_OFFSETS + 4 * offsets, padded;
    uint8_t *bytes;
    uint32_t bits;
    vdb_status st = VDB_OK;

    padded = (length + VDBI_GRAPH_BLOCK - 1) / VDBI_GRAPH_BLOCK * VDBI_GRAPH_BLOCK;
    bytes = vdbi_calloc(&c->db->env->memory, 1, padded);
    if (!bytes)
        return VDB_NOMEM;
    vdbi_put32(bytes + HEADER_MAGIC, MAGIC);
    vdbi_put32(bytes + HEADER_VERSION, VERSION);
    vdbi_put32(bytes + HEADER_DIMENSION, codes->dimension);
    vdbi_put32(bytes + HEADER_METRIC, (uint32_t)codes->metric);
    vdbi_put32(bytes + HEADER_M, c->h->nodes.m);
    vdbi_put32(bytes + HEADER_KIND, (uint32_t)fitted.kind);
    vdbi_put32(bytes + HEADER_IN_HALVES, (uint32_t)fitted.in_halves);
    vdbi_put64(bytes + HEADER_ENTRY, atomic_load(&c->h->entry));
    vdbi_put32(bytes + HEADER_SLOTS, c->bound);
    vdbi_put32(bytes + HEADER_UPPERS, uppers);
    memcpy(&bits, &fitted.step, 4);
    vdbi_put32(bytes + HEADER_STEP, bits);
    for (size_t i = 0; i < offsets; i++) {
        memcpy(&bits, &fitted.offset[i], 4);
        vdbi_put32(bytes + HEADER_OFFSETS + 4 * i, bits);
    }
    for (size_t at = 0; at < padded && !st; at += VDBI_GRAPH_BLOCK) {
        memcpy(c->block, bytes + at, VDBI_GRAPH_BLOCK);
        st = put(c, VDBI_GRAPH_HEADER, at / VDBI_GRAPH_BLOCK);
    }
    vdbi_free(&c->db->env->memory, bytes);
    return st;
}

/* What was measured of this graph, if anything was. */
static vdb_status save_recalls(copy *c)
{
    vdbi_recall_table recalls;

    vdbi_graph_recalls(c->db, &recalls);
    memset(c->block, 0, VDBI_GRAPH_BLOCK);
    if (recalls.vectors)
        vdbi_recall_encode(&recalls, c->block);
    return put(c, VDBI_GRAPH_HEADER, RECALL_BLOCK);
}

static vdb_status save_all(copy *c)
{
    uint32_t uppers;
    vdb_status st = save_bitmap(c);

    uppers = atomic_load(&c->h->nodes.upper_count);
    if (!st)
        st = save_links(c);
    if (!st)
        st = save_uppers(c, uppers);
    if (!st)
        st = save_header(c, uppers);
    if (!st)
        st = save_recalls(c);
    return st ? st : vdbi_graph_save_finish(c->db->store);
}

static vdb_status save(vdb *db, uint64_t *number)
{
    vdbi_graph *g = &db->graph;
    copy c = {.db = db};
    uint64_t before = atomic_load(&g->unsaved), handed = atomic_load(&g->handed_back);
    uint32_t recalls = atomic_load(&g->recalls_made);
    vdb_status st;

    vdbi_lock(&g->lock);
    c.h = atomic_load(&g->hnsw);
    g->saving_number = g->number;
    vdbi_unlock(&g->lock);
    if (!c.h)
        return vdbi_fail(VDB_CANCELLED, "the graph has been given up");
    vdbi_turn_take(db);
    c.bound = db->newest->image.slot_count;
    st = vdbi_graph_save_begin(db->store, &c.whole, number);
    vdbi_turn_give(db);
    if (st)
        return st;
    c.whole |= g->save_whole;
    g->save_whole = 1; /* until it is durable */
    st = make_room(&c);
    if (!st)
        st = save_all(&c);
    drop_room(&c);
    if (st) {
        vdb_error error = VDB_ERROR_INIT;
        vdbi_error_save(&error);
        vdbi_turn_take(db);
        vdbi_graph_save_abandon(db->store);
        vdbi_turn_give(db);
        vdbi_error_restore(&error);
        return st;
    }
    g->saving = before;
    g->saving_handed = handed;
    g->saving_count = atomic_load(&c.h->count);
    g->saving_recalls = recalls;
    return VDB_OK;
}

vdb_status vdbi_graph_save(vdb *db, uint64_t *number)
{
    vdbi_graph *g = &db->graph;
    vdb_status st;

    vdbi_lock(&g->upkeep);
    st = save(db, number);
    vdbi_unlock(&g->upkeep);
    return st;
}

void vdbi_graph_save_settle(vdb *db, uint64_t number)
{
    vdbi_graph *g = &db->graph;

    if (vdbi_graph_save_number(db->store) != number)
        return;
    vdbi_lock(&g->lock);
    if (g->number == g->saving_number) { /* else it has been given up */
        g->save_whole = 0;
        atomic_store(&g->recalls_saved, g->saving_recalls);
        atomic_fetch_sub(&g->unsaved, g->saving);
        atomic_fetch_sub(&g->handed_back, g->saving_handed);
        atomic_store(&g->saved_count, g->saving_count);
    }
    vdbi_unlock(&g->lock);
}

static int can_be_saved(vdb *db)
{
    return !db->in_memory && !(db->options.flags & VDB_OPEN_READONLY) &&
           atomic_load(&db->graph.state) == VDBI_GRAPH_READY;
}

static int has_new_recalls(const vdbi_graph *g)
{
    return atomic_load(&g->recalls_made) != atomic_load(&g->recalls_saved);
}

int vdbi_graph_save_is_worth(vdb *db)
{
    return vdbi_graph_save_is_due(db) ||
           (can_be_saved(db) && has_new_recalls(&db->graph));
}

int vdbi_graph_save_is_due(vdb *db)
{
    vdbi_graph *g = &db->graph;
    uint64_t unsaved = atomic_load(&g->unsaved);

    return can_be_saved(db) && unsaved > vdbi_graph_sizes_now.vectors_min &&
           (unsaved > atomic_load(&g->saved_count) / 2 ||
            /* slots that wait for it */
            atomic_load(&g->handed_back) > atomic_load(&db->live) / 10);
}

uint64_t vdbi_graph_save_last(vdb *db)
{
    uint64_t number;

    if (!can_be_saved(db) || vdbi_store_poisoned(db->store) ||
        (atomic_load(&db->graph.unsaved) <= vdbi_graph_sizes_now.fresh_budget &&
         !has_new_recalls(&db->graph)))
        return 0;
    if (!vdbi_graph_save(db, &number))
        return number;
    vdbi_graph_say(db, "the graph could not be saved: %s", vdbi_error_text());
    return 0;
}

/* --------------------------------------------------------------------- reading */

static vdb_status bad(const char *what)
{
    return vdbi_fail(VDB_CORRUPT, "the saved graph makes no sense: %s", what);
}

/* Read a block into c->block. */
static vdb_status get(copy *c, int part, uint64_t block)
{
    const uint8_t *bytes;
    vdb_status st = c->ear ? c->ear->tick(c->ear->arg) : VDB_OK;

    if (st)
        return st;
    vdbi_section_begin(c->db->pager);
    st = vdbi_graph_block(c->db->store, part, block, &bytes);
    if (!st && bytes)
        memcpy(c->block, bytes, VDBI_GRAPH_BLOCK);
    else if (!st)
        memset(c->block, 0, VDBI_GRAPH_BLOCK);
    vdbi_section_end(c->db->pager);
    return st;
}

static vdb_status load_bitmap(copy *c)
{
    uint32_t replayed_bound = 0;
    const uint64_t *replayed = vdbi_store_replayed_puts(c->db->store, &replayed_bound);
    vdb_status st = VDB_OK;

    for (uint64_t first = 0; first < c->bound && !st; first += BITS) {
        st = get(c, VDBI_GRAPH_LINKED, first / BITS);
        for (uint64_t i = 0; !st && i < BITS && first + i < c->bound; i++) {
            uint32_t slot = (uint32_t)(first + i);
            if (!(c->block[i / 8] >> i % 8 & 1) ||
                (replayed && slot < replayed_bound && vdbi_bit_get(replayed, slot)))
                continue;
            vdbi_bit_set(c->linked, slot);
            st = vdbi_restore_slot(c->h, slot);
        }
    }
    return st;
}

static vdb_status load_links(copy *c)
{
    uint32_t per_block = c->h->nodes.links_per_block;
    vdb_status st = VDB_OK;

    for (uint32_t block = 0; (uint64_t)block * per_block < c->bound && !st; block++) {
        st = get(c, VDBI_GRAPH_LINKS, block);
        for (uint32_t i = 0; !st && i < per_block && block * per_block + i < c->bound;
             i++)
            if (vdbi_bit_get(c->linked, block * per_block + i))
                vdbi_restore_links(c->h, block * per_block + i,
                                   c->block + i * c->h->nodes.links.row_bytes);
    }
    return st;
}

static vdb_status load_uppers(copy *c, uint32_t count)
{
    uint32_t per_block = c->h->nodes.uppers_per_block;
    vdb_status st = VDB_OK;

    for (uint32_t block = 0; (uint64_t)block * per_block < count && !st; block++) {
        st = get(c, VDBI_GRAPH_UPPERS, block);
        for (uint32_t i = 0; !st && i < per_block && block * per_block + i < count;
             i++) {
            const uint8_t *row = c->block + i * c->h->nodes.uppers.row_bytes;
            uint32_t owner = vdbi_get32(row + 4 * VDBI_UPPER_OWNER);
            uint32_t layer = vdbi_get32(row + 4 * VDBI_UPPER_LAYER);
            if (layer == 0 || layer >= VDBI_LAYERS_MAX || owner >= c->bound ||
                !vdbi_bit_get(c->linked, owner))
                continue;
            st = vdbi_restore_upper(c->h, block * per_block + i, row);
        }
    }
    return st;
}

/* Read the parameters, and begin an empty graph of them. */
static vdb_status load_header(copy *c, uint32_t dimension, uint64_t *entry,
                              uint32_t *uppers)
{
    const vdbi_shape *shape = vdbi_store_shape(c->db->store);
    const vdbi_hnsw_shape own = {shape->metric, dimension, shape->m,
                                 shape->ef_construction, shape->max_layers};
    vdbi_codes_fitted fitted = {0};
    float *offset;
    uint32_t bits;
    vdb_status st = get(c, VDBI_GRAPH_HEADER, 0);

    if (st)
        return st;
    bits = vdbi_get32(c->block + HEADER_STEP);
    memcpy(&fitted.step, &bits, 4);
    fitted.kind = (vdbi_code_kind)vdbi_get32(c->block + HEADER_KIND);
    fitted.in_halves = vdbi_get32(c->block + HEADER_IN_HALVES) != 0;
    *entry = vdbi_get64(c->block + HEADER_ENTRY);
    *uppers = vdbi_get32(c->block + HEADER_UPPERS);
    if (vdbi_get32(c->block + HEADER_MAGIC) != MAGIC ||
        vdbi_get32(c->block + HEADER_VERSION) != VERSION)
        return bad("its header is none");
    if (vdbi_get32(c->block + HEADER_DIMENSION) != dimension ||
        vdbi_get32(c->block + HEADER_METRIC) != (uint32_t)shape->metric ||
        vdbi_get32(c->block + HEADER_M) != shape->m)
        return bad("it is of another dimension, metric or m");
    if (shape->codes &&
        vdbi_code_is_exact(fitted.kind) != (shape->codes == VDB_CODES_NONE))
        return bad("its codes are others than were asked for");
    c->slots = vdbi_get32(c->block + HEADER_SLOTS);
    if (c->slots > INT32_MAX || *uppers > (uint64_t)c->slots * 2 + VDBI_LAYERS_MAX)
        return bad("it has more slots or rows than there can be");
    /* Compaction may have given up free slots at the end, of which it has none. */
    if (c->slots < c->bound)
        c->bound = c->slots;
    offset = vdbi_calloc(&c->db->env->memory, dimension, sizeof *offset);
    if (!offset)
        return VDB_NOMEM;
    for (uint32_t i = 0; fitted.kind == VDBI_CODE_L2 && i < dimension && !st; i++) {
        size_t at = HEADER_OFFSETS + 4 * (size_t)i;
        if (at % VDBI_GRAPH_BLOCK == 0)
            st = get(c, VDBI_GRAPH_HEADER, at / VDBI_GRAPH_BLOCK);
        bits = vdbi_get32(c->block + at % VDBI_GRAPH_BLOCK);
        memcpy(&offset[i], &bits, 4);
        if (!st && !isfinite(offset[i]))
            st = bad("an offset is not a number");
    }
    fitted.offset = offset;
    if (!st)
        st = vdbi_hnsw_restore(&c->db->env->memory, &own, &fitted, &c->h);
    vdbi_free(&c->db->env->memory, offset);
    return st;
}

static vdb_status load_recalls(copy *c, vdbi_recall_table *recalls)
{
    vdb_status st = get(c, VDBI_GRAPH_HEADER, RECALL_BLOCK);

    memset(recalls, 0, sizeof *recalls);
    if (!st)
        vdbi_recall_decode(c->block, recalls);
    if (!st && c->ear && !recalls->vectors && !is_zero(c->block))
        c->ear->strange(c->ear->arg, "the table of recalls makes no sense");
    return st;
}

vdb_status vdbi_graph_read(vdb *db, const vdbi_image *image, const vdbi_graph_ear *ear,
                           vdbi_recall_table *recalls, vdbi_hnsw **out)
{
    copy c = {.db = db, .bound = image->slot_count, .ear = ear};
    uint64_t entry = VDBI_NO_ENTRY;
    uint32_t uppers = 0;
    vdb_status st = make_room(&c);

    *out = NULL;
    if (!st)
        st = load_header(&c, image->dimension, &entry, &uppers);
    if (!st)
        st = load_recalls(&c, recalls);
    if (!st && !ear)
        st = vdbi_graph_afford(db, c.h, image->slot_count);
    if (!st)
        st = vdbi_graph_clear_marks(c.h, 0, image->slot_count);
    if (!st)
        st = load_bitmap(&c);
    if (!st)
        st = load_links(&c);
    if (!st)
        st = load_uppers(&c, uppers);
    if (!st) {
        vdbi_restore_ear of_rows = {0};
        if (ear)
            of_rows = (vdbi_restore_ear){ear->strange, ear->arg, c.slots};
        vdbi_restore_finish(c.h, c.bound, entry, ear ? &of_rows : NULL);
        *out = c.h;
    } else {
        vdbi_hnsw_free(c.h);
    }
    drop_room(&c);
    return st;
}

vdb_status vdbi_graph_load(vdb *db, const vdbi_image *image, vdbi_hnsw **out)
{
    vdbi_graph *g = &db->graph;
    vdbi_recall_table recalls;
    vdb_status st;

    vdbi_lock(&db->checkpoint_lock); /* its pages stay where they are */
    st = vdbi_graph_read(db, image, NULL, &recalls, out);
    vdbi_unlock(&db->checkpoint_lock);
    vdbi_lock(&g->lock);
    if (!st && !g->recalls.vectors) {
        g->recalls = recalls;
        atomic_store(&g->tuned_for, recalls.vectors);
    }
    vdbi_unlock(&g->lock);
    return st;
}
