/* tiled.c: many queries at once.
 *
 * Dot products of a tile of queries with a panel of rows select the pairs that may be
 * near enough (kernel/tile.h); only their distances are computed, by the direct kernel
 * from the rows themselves, which are still in the cache.  Of random rows a query keeps
 * about k ln(n / k) on the way, so that costs a few hundredths.
 *
 * A product of many dimensions is added up in parts (kernel/tile.h), so that what is in
 * use stays near: of a group of panels one part, PANELS_BYTES, and what TILES tiles have
 * summed with them so far are in the second cache, a part of one tile and of one panel in
 * the first.  Only the tiles come from afar, and each part of one serves all panels of the
 * group.  Meanwhile the rows that come next are fetched, some lines after each tile,
 * since the processor would not see them coming.
 */
#include <string.h>

#include "index/flat/flat.h"

enum {
    PANELS_BYTES = 256 << 10,
    GROUP_BYTES = 8 << 20, /* of whole panels; at least one */
    TILES = 12,
    LINE = 64
};

vdb_status vdbi_tiles_init(vdbi_tiles *tiles, vdbi_memory *memory,
                           const vdbi_query *queries, size_t count)
{
    size_t tile_count;

    memset(tiles, 0, sizeof *tiles);
    tiles->memory = memory;
    tiles->queries = queries;
    tiles->count = count;
    tiles->tile_queries = vdbi_tile_queries(queries);
    tiles->tile_bytes = vdbi_tile_bytes(queries);
    tile_count = (count + tiles->tile_queries - 1) / tiles->tile_queries;
    tiles->packed = vdbi_alloc_aligned(memory, tile_count * tiles->tile_bytes, LINE);
    tiles->bars = vdbi_calloc(memory, count, sizeof *tiles->bars);
    if (!tiles->packed || !tiles->bars) {
        vdbi_tiles_clear(tiles);
        return VDB_NOMEM;
    }
    for (size_t t = 0; t < tile_count; t++) {
        size_t first = t * tiles->tile_queries;
        size_t n =
            count - first < tiles->tile_queries ? count - first : tiles->tile_queries;
        vdbi_tile_pack(queries + first, n,
                       (float *)(void *)(tiles->packed + t * tiles->tile_bytes),
                       tiles->bars + first);
    }
    return VDB_OK;
}

void vdbi_tiles_clear(vdbi_tiles *tiles)
{
    vdbi_free(tiles->memory, tiles->packed);
    vdbi_free(tiles->memory, tiles->bars);
    tiles->packed = NULL;
    tiles->bars = NULL;
}

vdb_status vdbi_tile_scan_init(vdbi_tile_scan *scan, const vdbi_tiles *tiles,
                               vdbi_nearest *nearest)
{
    const size_t parts = vdbi_tile_parts(tiles->queries);
    size_t panels, most;

    memset(scan, 0, sizeof *scan);
    scan->tiles = tiles;
    scan->nearest = nearest;
    scan->panel_rows = vdbi_panel_rows(tiles->queries);
    scan->panel_bytes = vdbi_panel_bytes(tiles->queries);
    panels = PANELS_BYTES / (scan->panel_bytes / parts);
    most = GROUP_BYTES / scan->panel_bytes;
    panels = panels < most ? panels : most;
    panels = panels ? panels : 1;
    scan->rows_max = panels * scan->panel_rows;
    scan->panels = vdbi_alloc_aligned(tiles->memory, panels * scan->panel_bytes, LINE);
    scan->pair_sums = vdbi_tile_sums(tiles->queries);
    if (parts > 1) {
        scan->sums = vdbi_alloc_aligned(
            tiles->memory, TILES * panels * scan->pair_sums * sizeof(float), LINE);
        if (!scan->sums) {
            vdbi_tile_scan_clear(scan);
            return VDB_NOMEM;
        }
    }
    /* A tile reads the bars of all its queries, whether they are there or not. */
    scan->bars = vdbi_calloc(tiles->memory, tiles->count + tiles->tile_queries,
                             sizeof *scan->bars);
    if (!scan->panels || !scan->bars) {
        vdbi_tile_scan_clear(scan);
        return VDB_NOMEM;
    }
    for (size_t q = 0; q < tiles->count; q++)
        scan->bars[q] = vdbi_bar_at(&tiles->bars[q], nearest[q].limit);
    return VDB_OK;
}

void vdbi_tile_scan_clear(vdbi_tile_scan *scan)
{
    if (!scan->tiles)
        return;
    vdbi_free(scan->tiles->memory, scan->panels);
    vdbi_free(scan->tiles->memory, scan->bars);
    vdbi_free(scan->tiles->memory, scan->sums);
    scan->sums = NULL;
    scan->panels = NULL;
    scan->bars = NULL;
}

/* Compute the distances of query q to rows whose bits are set, and offer them. */
static vdb_status offer(vdbi_tile_scan *scan, size_t q, const uint8_t *const *rows,
                        const uint32_t *slots, uint32_t bits)
{
    const uint8_t *passed_rows[VDBI_PANEL_ROWS_MAX];
    uint32_t passed_slots[VDBI_PANEL_ROWS_MAX];
    float distances[VDBI_PANEL_ROWS_MAX];
    vdbi_nearest *nearest = &scan->nearest[q];
    float limit = nearest->limit;
    size_t n = 0;
    vdb_status status;

    for (; bits; bits &= bits - 1, n++) {
        int r = __builtin_ctz(bits);
        passed_rows[n] = rows[r];
        passed_slots[n] = slots[r];
    }
    vdbi_distances_at(&scan->tiles->queries[q], passed_rows, n, distances);
    status = vdbi_nearest_offer(nearest, distances, passed_slots, n);
    if (nearest->limit != limit)
        scan->bars[q] = vdbi_bar_at(&scan->tiles->bars[q], nearest->limit);
    return status;
}

/* One part of a tile and a panel, whose sums so far are `sums`. */
static vdb_status pass(vdbi_tile_scan *scan, size_t tile, size_t panel, size_t part,
                       float *sums, const vdbi_row_list *list)
{
    const vdbi_tiles *tiles = scan->tiles;
    const size_t first = tile * tiles->tile_queries, at = panel * scan->panel_rows;
    const size_t queries = tiles->count - first < tiles->tile_queries
                               ? tiles->count - first
                               : tiles->tile_queries;
    const size_t rows =
        list->count - at < scan->panel_rows ? list->count - at : scan->panel_rows;
    const uint32_t all = (uint32_t)(((uint64_t)1 << rows) - 1);
    uint32_t passed[VDBI_TILE_QUERIES_MAX];
    vdb_status status = VDB_OK;

    vdbi_tile_pass(
        tiles->queries,
        (const float *)(const void *)(scan->panels + panel * scan->panel_bytes),
        (const float *)(const void *)(tiles->packed + tile * tiles->tile_bytes),
        queries, part, sums, scan->bars + first, passed);
    if (part + 1 < vdbi_tile_parts(tiles->queries))
        return VDB_OK;
    for (size_t q = 0; q < queries && !status; q++)
        if (passed[q] & all)
            status = offer(scan, first + q, list->rows + at, list->slots + at,
                           passed[q] & all);
    return status;
}

/* Fetch some lines of the rows that come next. */
static void fetch_some(const vdbi_row_list *list, size_t row_bytes, size_t *line,
                       size_t lines)
{
    const size_t row_lines = (row_bytes + LINE - 1) / LINE;
    const size_t end = (list->known - list->count) * row_lines;

    for (; lines && *line < end; lines--, ++*line)
        __builtin_prefetch(list->rows[list->count + *line / row_lines] +
                               *line % row_lines * LINE,
                           0, 2);
}

/* Tiles [first, end), at most TILES, over the panels that are packed; after each part of
 * a tile, `lines` more of what comes next are fetched. */
static vdb_status pass_tiles(vdbi_tile_scan *scan, size_t first, size_t end,
                             const vdbi_row_list *list, size_t *line, size_t lines)
{
    const vdbi_tiles *tiles = scan->tiles;
    const size_t parts = vdbi_tile_parts(tiles->queries);
    const size_t panels = (list->count + scan->panel_rows - 1) / scan->panel_rows;
    const size_t row_bytes = tiles->queries->dimension * sizeof(float);
    vdb_status status = VDB_OK;

    for (size_t part = 0; part < parts; part++) {
        float *sums = scan->sums;
        for (size_t t = first; t < end && !status; t++) {
            for (size_t p = 0; p < panels && !status; p++) {
                status = pass(scan, t, p, part, sums, list);
                if (sums)
                    sums += scan->pair_sums;
            }
            fetch_some(list, row_bytes, line, lines);
        }
    }
    return status;
}

vdb_status vdbi_tile_scan_rows(vdbi_tile_scan *scan, const vdbi_row_list *list)
{
    const vdbi_tiles *tiles = scan->tiles;
    const size_t tile_count =
        (tiles->count + tiles->tile_queries - 1) / tiles->tile_queries;
    const size_t panels = (list->count + scan->panel_rows - 1) / scan->panel_rows;
    const size_t row_bytes = tiles->queries->dimension * sizeof(float);
    const size_t next_lines =
        (list->known - list->count) * ((row_bytes + LINE - 1) / LINE);
    const size_t lines =
        next_lines / (tile_count * vdbi_tile_parts(tiles->queries)) + 1;
    size_t line = 0;
    vdb_status status = VDB_OK;

    for (size_t p = 0; p < panels; p++) {
        const size_t at = p * scan->panel_rows;
        const size_t rows =
            list->count - at < scan->panel_rows ? list->count - at : scan->panel_rows;
        vdbi_panel_pack(tiles->queries, list->rows + at, rows,
                        (float *)(void *)(scan->panels + p * scan->panel_bytes));
    }
    for (size_t t = 0; t < tile_count && !status; t += TILES) {
        const size_t end = tile_count - t < TILES ? tile_count : t + TILES;
        status = pass_tiles(scan, t, end, list, &line, lines);
    }
    for (size_t q = 0; q < tiles->count; q++)
        scan->nearest[q].distances += list->count;
    return status;
}
