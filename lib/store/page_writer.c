/* page_writer.c: see page_writer.h. */
#include "store/page_writer.h"

#include <string.h>

#include "store/column.h"
#include "store/layout.h"
#include "store/record.h"

enum {
    OUTPUT = 1 << 20
};

vdb_status vdbi_page_writer_begin(vdbi_page_writer *w, vdbi_memory *memory,
                                  vdbi_file *file, uint64_t generation)
{
    memset(w, 0, sizeof *w);
    w->memory = memory;
    w->file = file;
    w->generation = generation;
    w->output = vdbi_alloc(memory, OUTPUT);
    w->page = vdbi_alloc(memory, (size_t)VDBI_BLOCK_PAGES_MAX * VDBI_PAGE);
    return w->output && w->page ? VDB_OK : VDB_NOMEM;
}

void vdbi_page_writer_end(vdbi_page_writer *w)
{
    vdbi_free(w->memory, w->output);
    vdbi_free(w->memory, w->page);
    w->output = w->page = NULL;
}

vdbi_trim vdbi_page_writer_root(vdbi_page_writer *w, const vdbi_image *image, int root)
{
    w->rows = image->slot_count;
    switch (root) {
    case VDBI_ROOT_VECTORS:
        if (!image->dimension)
            return VDBI_TRIM_NONE;
        w->rows_per_block = vdbi_rows_per_block(image->dimension);
        w->row_bytes = vdbi_row_bytes(image->dimension);
        return VDBI_TRIM_ROWS;
    case VDBI_ROOT_PLACES:
        w->rows_per_block = VDBI_PLACES_PER_BLOCK;
        w->row_bytes = 8;
        return VDBI_TRIM_ROWS;
    case VDBI_ROOT_HEAP:
        w->rows = image->heap_end;
        w->rows_per_block = VDBI_HEAP_BLOCK;
        w->row_bytes = 1;
        return VDBI_TRIM_ROWS;
    case VDBI_ROOT_COLUMNS:
        w->rows_per_block = VDBI_CELLS_PER_BLOCK;
        return VDBI_TRIM_DIRECTORY;
    default:
        return VDBI_TRIM_NONE;
    }
}

vdbi_trim vdbi_trim_below(vdbi_trim how, const uint8_t *node)
{
    if (how != VDBI_TRIM_DIRECTORY)
        return how;
    return node[4] == 2 ? VDBI_TRIM_DIRECTORY : VDBI_TRIM_CELLS;
}

/* Bytes [from, from + used) of `bytes`, then zeros up to from + size. */
static void take_part(vdbi_page_writer *w, const uint8_t *bytes, size_t from,
                      size_t used, size_t size)
{
    if (bytes != w->page)
        memcpy(w->page + from, bytes + from, used);
    memset(w->page + from + used, 0, size - used);
}

void vdbi_page_writer_load(vdbi_page_writer *w, vdbi_trim how, uint64_t block,
                           const uint8_t *bytes, uint32_t pages)
{
    size_t size = (size_t)pages * VDBI_PAGE;
    uint64_t first, valid;

    if (how == VDBI_TRIM_NONE || how == VDBI_TRIM_DIRECTORY) {
        take_part(w, bytes, 0, size, size);
        return;
    }
    first = block * w->rows_per_block;
    valid = w->rows > first ? w->rows - first : 0;
    if (valid >= w->rows_per_block)
        take_part(w, bytes, 0, size, size);
    else if (how == VDBI_TRIM_ROWS)
        take_part(w, bytes, 0, (size_t)valid * w->row_bytes, size);
    else {
        take_part(w, bytes, 0, (size_t)valid, VDBI_CELLS_PER_BLOCK);
        take_part(w, bytes, VDBI_CELLS_PER_BLOCK, (size_t)valid * 8,
                  size - VDBI_CELLS_PER_BLOCK);
    }
}

vdb_status vdbi_page_writer_flush(vdbi_page_writer *w)
{
    vdb_status st = VDB_OK;

    if (w->output_length)
        st = vdbi_file_write(w->file, w->output, w->output_length,
                             w->output_place * VDBI_PAGE);
    w->output_length = 0;
    return st;
}

vdb_status vdbi_page_writer_put(vdbi_page_writer *w, uint64_t place, uint32_t pages,
                                uint32_t height, vdbi_ref *out)
{
    size_t bytes = (size_t)pages * VDBI_PAGE;
    vdb_status st = VDB_OK;

    out->place = place;
    out->generation = w->generation;
    out->pages = pages;
    out->height = height;
    out->frame = NULL;
    out->checksum = vdbi_page_checksum(w->page, pages, place, w->generation);
    if (w->output_length && (w->output_place + w->output_length / VDBI_PAGE != place ||
                             w->output_length + bytes > OUTPUT))
        st = vdbi_page_writer_flush(w);
    if (st)
        return st;
    if (w->output_length == 0)
        w->output_place = place;
    memcpy(w->output + w->output_length, w->page, bytes);
    w->output_length += bytes;
    return VDB_OK;
}
