/* scan.c: see scan.h.
 *
 * Each thread takes chunks of slots, one after another, so that a slow one does not hold
 * up the rest; gathers pointers to the wanted rows; compares all queries with them; and
 * what the threads have found is joined at the end.  A few queries are compared one by
 * one at the memory's speed, many in tiles at the arithmetic's (index/flat/).
 *
 * Pointers live within a reading section, which ends every few megabytes' worth of work,
 * so that the cache of a handle without mapping can let pages go.
 */
#include "db/scan.h"

#include <string.h>

#include "base/bitmap.h"
#include "base/error.h"
#include "db/id_order.h"

enum {
    TILED_MIN = 4,   /* queries from which on tiles are faster */
    LIST_ROWS = 256, /* compared between two looks at the bitmap */
    AHEAD_ROWS = 16, /* known beyond them, to be fetched */
    /* Of rows in a section, times queries: a millisecond or so. */
    SECTION_BYTES = 4 << 20,
    TILED_SECTION_BYTES = 256 << 20,
    CHUNKS_PER_THREAD = 16,
    CHUNK_SLOTS_MIN = 256,
    THREAD_BYTES = 2 << 20 /* of rows times queries that are worth a thread */
};

/* What the threads of one scan share. */
typedef struct work {
    const vdbi_scan *scan;
    vdbi_tiles tiles;
    int tiled;
    uint32_t chunk;                             /* slots */
    uint32_t per_block, block_pages, row_bytes; /* of the vectors */
    _Atomic uint64_t next;
    _Atomic int failed;
} work;

/* One thread's part. */
typedef struct worker {
    work *work;
    vdbi_nearest *nearest; /* of each query */
    vdbi_tile_scan tile_scan;
    vdbi_id_order order;
    const uint8_t **rows;
    uint32_t *slots;
    size_t step, ahead, listed; /* rows compared together; known beyond; in the list */
    uint32_t slot, end;         /* of the chunk */
    uint32_t block, block_end;  /* slots of the block at `block_rows` */
    const uint8_t *block_rows;
    vdbi_array_path path;
    vdbi_limits limits;
    vdbi_thread thread;
    int is_caller, running;
    vdb_status status;
    vdb_error error;
} worker;

/* ----------------------------------------------------------------- gathering */

/* Go on to the next wanted slot; 0 when there is none left. */
static int next_wanted(worker *w)
{
    const vdbi_scan *s = w->work->scan;
    const uint32_t slots = s->image->slot_count;

    for (;;) {
        uint64_t word;
        if (w->slot >= w->end) {
            uint64_t first = atomic_fetch_add_explicit(&w->work->next, w->work->chunk,
                                                       memory_order_relaxed);
            if (first >= slots)
                return 0;
            w->slot = (uint32_t)first;
            w->end =
                slots - w->slot < w->work->chunk ? slots : w->slot + w->work->chunk;
        }
        word = s->wanted[w->slot / 64] >> (w->slot % 64);
        if (word) {
            w->slot += (uint32_t)__builtin_ctzll(word);
            if (w->slot < w->end)
                return 1;
        } else {
            w->slot = w->slot / 64 * 64 + 64;
            if (w->slot > w->end)
                w->slot = w->end;
        }
    }
}

/* The block that holds the slot. */
static vdb_status enter_block(worker *w)
{
    const vdbi_scan *s = w->work->scan;
    const uint32_t block = w->slot / w->work->per_block;
    vdb_status st;

    w->block = block * w->work->per_block;
    w->block_end = w->block + w->work->per_block;
    st = vdbi_array_block_near(s->db->pager, &s->image->roots[VDBI_ROOT_VECTORS],
                               w->work->block_pages, block, &w->path, &w->block_rows);
    if (!st && !w->block_rows)
        st = vdbi_fail(VDB_CORRUPT, "slots from %u on have no vectors", w->block);
    return st;
}

/* Gather until there are `wanted` rows in the list, or no more. */
static vdb_status gather(worker *w, size_t wanted, int *more)
{
    const vdbi_scan *s = w->work->scan;
    const size_t row_bytes = w->work->row_bytes;

    while (w->listed < wanted) {
        uint64_t word;
        uint32_t end;
        *more = next_wanted(w);
        if (!*more)
            return VDB_OK;
        if (!w->block_rows || w->slot < w->block || w->slot >= w->block_end) {
            vdb_status st = enter_block(w);
            if (st)
                return st;
        }
        /* The run of wanted slots from here on, within word, block, chunk and list. */
        word = ~(s->wanted[w->slot / 64] >> (w->slot % 64));
        end = w->slot + (word ? (uint32_t)__builtin_ctzll(word) : 64);
        end = end < w->slot / 64 * 64 + 64 ? end : w->slot / 64 * 64 + 64;
        end = end < w->block_end ? end : w->block_end;
        end = end < w->end ? end : w->end;
        if (end - w->slot > wanted - w->listed)
            end = w->slot + (uint32_t)(wanted - w->listed);
        for (const uint8_t *row = w->block_rows + (w->slot - w->block) * row_bytes;
             w->slot < end; w->slot++, row += row_bytes) {
            w->rows[w->listed] = row;
            w->slots[w->listed++] = w->slot;
        }
    }
    return VDB_OK;
}

/* Pointers end with a section. */
static void forget_blocks(worker *w)
{
    w->block_rows = NULL;
    memset(&w->path, 0, sizeof w->path);
}

/* ----------------------------------------------------------------- comparing */

/* Compare all queries with the first rows of the list, and drop those. */
static vdb_status compare_step(worker *w)
{
    const vdbi_scan *s = w->work->scan;
    const size_t n = w->listed < w->step ? w->listed : w->step;
    const vdbi_row_list list = {w->rows, w->slots, n, w->listed};
    vdb_status st = VDB_OK;

    if (w->work->tiled)
        st = vdbi_tile_scan_rows(&w->tile_scan, &list);
    for (size_t q = 0; !w->work->tiled && q < s->count && !st; q++)
        st = vdbi_flat_scan(&w->nearest[q], &s->queries[q], &list);
    w->listed -= n;
    memmove(w->rows, w->rows + n, w->listed * sizeof *w->rows);
    memmove(w->slots, w->slots + n, w->listed * sizeof *w->slots);
    return st;
}

/* Go on until the section has had its share. */
static vdb_status compare_section(worker *w, int *more)
{
    const vdbi_scan *s = w->work->scan;
    const size_t row_cost = w->work->row_bytes * s->count;
    size_t left = (w->work->tiled ? TILED_SECTION_BYTES : SECTION_BYTES) / row_cost;
    vdb_status st = VDB_OK;

    left = left < w->step ? w->step : left;
    vdbi_section_begin(s->db->pager);
    while (!st) {
        size_t wanted = w->step + w->ahead < left ? w->step + w->ahead : left;
        st = gather(w, wanted, more);
        if (st || !w->listed)
            break;
        left -= w->listed < w->step ? w->listed : w->step;
        st = compare_step(w);
    }
    vdbi_section_end(s->db->pager);
    forget_blocks(w);
    return st;
}

static void tell_progress(const worker *w)
{
    const vdbi_scan *s = w->work->scan;
    uint64_t slots = s->image->slot_count;
    uint64_t next = atomic_load_explicit(&w->work->next, memory_order_relaxed);

    next = next < slots ? next : slots;
    vdbi_limits_progress(&w->limits, s->done + s->count * next / slots, s->total);
}

static void *worker_run(void *arg)
{
    worker *w = arg;
    int more = 1;

    while (more && !w->status &&
           !atomic_load_explicit(&w->work->failed, memory_order_relaxed)) {
        w->status = vdbi_limits_tick(&w->limits);
        if (!w->status)
            w->status = compare_section(w, &more);
        if (!w->status && w->is_caller)
            tell_progress(w);
    }
    if (w->status) {
        atomic_store_explicit(&w->work->failed, 1, memory_order_relaxed);
        w->error.struct_size = sizeof w->error;
        vdbi_error_save(&w->error);
    }
    return NULL;
}

/* ------------------------------------------------------------------- threads */

static vdb_status worker_init(worker *w, work *shared, vdbi_nearest *nearest)
{
    const vdbi_scan *s = shared->scan;
    vdbi_memory *memory = &s->db->env->memory;
    vdb_status st = VDB_OK;

    w->work = shared;
    w->limits = s->limits;
    vdbi_id_order_init(&w->order, s->db->pager, s->image);
    w->nearest = nearest ? nearest : vdbi_calloc(memory, s->count, sizeof *w->nearest);
    if (!w->nearest)
        return VDB_NOMEM;
    for (size_t q = 0; q < s->count; q++)
        vdbi_nearest_init(&w->nearest[q], memory, s->k, s->limit, vdbi_id_order_compare,
                          &w->order);
    w->step = LIST_ROWS;
    w->ahead = AHEAD_ROWS;
    if (shared->tiled) {
        st = vdbi_tile_scan_init(&w->tile_scan, &shared->tiles, w->nearest);
        w->step = w->ahead = w->tile_scan.rows_max;
    }
    if (!st) {
        w->rows = vdbi_calloc(memory, w->step + w->ahead, sizeof *w->rows);
        w->slots = vdbi_calloc(memory, w->step + w->ahead, sizeof *w->slots);
        if (!w->rows || !w->slots)
            st = VDB_NOMEM;
    }
    return st;
}

static void worker_clear(worker *w, int is_callers)
{
    vdbi_memory *memory;

    if (!w->work)
        return;
    memory = &w->work->scan->db->env->memory;
    vdbi_tile_scan_clear(&w->tile_scan);
    vdbi_id_order_clear(&w->order);
    vdbi_free(memory, w->rows);
    vdbi_free(memory, w->slots);
    if (!is_callers && w->nearest) {
        for (size_t q = 0; q < w->work->scan->count; q++)
            vdbi_nearest_clear(&w->nearest[q]);
        vdbi_free(memory, w->nearest);
    }
}

/* Join what the others have found to what the first has, and sort. */
static vdb_status join(worker *workers, size_t count)
{
    const vdbi_scan *s = workers[0].work->scan;
    vdb_status st = VDB_OK;

    vdbi_section_begin(s->db->pager);
    for (size_t q = 0; q < s->count && !st; q++) {
        for (size_t i = 1; i < count && !st; i++)
            st = vdbi_nearest_join(&workers[0].nearest[q], &workers[i].nearest[q]);
        if (!st)
            st = vdbi_nearest_sort(&workers[0].nearest[q]);
    }
    vdbi_section_end(s->db->pager);
    return st;
}

/* All that the threads need is there: let them run.  A thread that cannot be had is no
 * error: the others take its chunks. */
static vdb_status run(worker *workers, size_t count)
{
    vdb_status st = VDB_OK;

    for (size_t i = 1; i < count; i++)
        workers[i].running =
            vdbi_thread_start(&workers[i].thread, worker_run, &workers[i]) == VDB_OK;
    worker_run(&workers[0]);
    for (size_t i = 1; i < count; i++)
        if (workers[i].running)
            vdbi_thread_join(workers[i].thread);
    for (size_t i = 0; i < count && !st; i++) {
        if (workers[i].status) {
            vdbi_error_restore(&workers[i].error);
            st = workers[i].status;
        }
    }
    return st ? st : join(workers, count);
}

static size_t threads_for(const vdbi_scan *s)
{
    uint64_t bytes =
        s->matches * vdbi_row_bytes(s->image->dimension) * (uint64_t)s->count;
    uint64_t useful = bytes / THREAD_BYTES + 1;

    return useful < s->threads ? (size_t)useful : s->threads;
}

vdb_status vdbi_scan_run(const vdbi_scan *s, vdbi_nearest *nearest)
{
    vdbi_memory *memory = &s->db->env->memory;
    const size_t threads = threads_for(s);
    work shared = {.scan = s, .tiled = s->count >= TILED_MIN};
    worker *workers = vdbi_calloc(memory, threads, sizeof *workers);
    uint64_t chunk =
        s->image->slot_count / (threads * CHUNKS_PER_THREAD) / 64 * 64 + 64;
    vdb_status st = workers ? VDB_OK : VDB_NOMEM;

    shared.per_block = vdbi_rows_per_block(s->image->dimension);
    shared.block_pages = vdbi_vector_block_pages(s->image->dimension);
    shared.row_bytes = vdbi_row_bytes(s->image->dimension);
    shared.chunk = chunk < CHUNK_SLOTS_MIN ? CHUNK_SLOTS_MIN : (uint32_t)chunk;
    if (!st && shared.tiled)
        st = vdbi_tiles_init(&shared.tiles, memory, s->queries, s->count);
    for (size_t i = 0; i < threads && !st; i++)
        st = worker_init(&workers[i], &shared, i == 0 ? nearest : NULL);
    if (!st) {
        workers[0].is_caller = 1;
        st = run(workers, threads);
    }
    for (size_t i = 0; workers && i < threads; i++)
        worker_clear(&workers[i], i == 0);
    if (shared.tiled)
        vdbi_tiles_clear(&shared.tiles);
    vdbi_free(memory, workers);
    return st;
}
