/* page_writer.h: pages on their way to a file: trimmed to an image's counts, summed, and
 * gathered, so that what stands one after another is written at once.
 *
 * Owns:      its buffers; the file is the caller's.
 * Promises:  what is written of a block is the rows below the image's counts, the rest
 *            zeros: no byte at or beyond a count is read, for a writer may be setting it.
 * May call:  frame.h, record.h, os/, base/.
 * Threads:   one.
 * Failure:   VDB_NOMEM, VDB_IO, VDB_FULL.
 */
#ifndef VDBI_PAGE_WRITER_H
#define VDBI_PAGE_WRITER_H

#include "store/image.h"

/* What of a block belongs to the image. */
typedef enum vdbi_trim {
    VDBI_TRIM_NONE,     /* all of it */
    VDBI_TRIM_ROWS,     /* rows of equal size up to a count */
    VDBI_TRIM_CELLS,    /* those of a column */
    VDBI_TRIM_DIRECTORY /* the pages above the columns */
} vdbi_trim;

typedef struct vdbi_page_writer {
    vdbi_memory *memory;
    vdbi_file *file;
    uint64_t generation; /* that the pages are written for */
    uint8_t *page;       /* the one in the making, of up to VDBI_BLOCK_PAGES_MAX */
    uint8_t *output;     /* pages that stand one after another */
    size_t output_length;
    uint64_t output_place;
    /* of the root that is being written */
    uint64_t rows, rows_per_block;
    size_t row_bytes;
} vdbi_page_writer;

vdb_status vdbi_page_writer_begin(vdbi_page_writer *w, vdbi_memory *memory,
                                  vdbi_file *file, uint64_t generation);
void vdbi_page_writer_end(vdbi_page_writer *w); /* frees; does not flush */

/* What follows are pages of this root of the image: how its blocks are trimmed. */
vdbi_trim vdbi_page_writer_root(vdbi_page_writer *w, const vdbi_image *image, int root);
/* How the children of a node are, whose own blocks are trimmed so. */
vdbi_trim vdbi_trim_below(vdbi_trim how, const uint8_t *node);
/* Make w->page from the bytes of block number `block`, which may be w->page itself. */
void vdbi_page_writer_load(vdbi_page_writer *w, vdbi_trim how, uint64_t block,
                           const uint8_t *bytes, uint32_t pages);
/* w->page goes to this place; *out names it. */
vdb_status vdbi_page_writer_put(vdbi_page_writer *w, uint64_t place, uint32_t pages,
                                uint32_t height, vdbi_ref *out);
vdb_status vdbi_page_writer_flush(vdbi_page_writer *w);

#endif
