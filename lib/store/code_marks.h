/* code_marks.h: which strings of the dictionary are in use.
 *
 * Owns:      a bit for each code that there was when it was made.
 * Promises:  a code that has no mark, after every live slot of a version has been gone
 *            through and with commits marking what they use since that version, is in no
 *            live slot of the newest version.
 * May call:  column.h, record.h, tree.h.
 * Threads:   marking, any number; the rest, whoever made it.
 * Failure:   VDB_NOMEM, VDB_CORRUPT, VDB_IO.
 */
#ifndef VDBI_CODE_MARKS_H
#define VDBI_CODE_MARKS_H

#include "store/record.h"

typedef struct vdbi_code_marks vdbi_code_marks;

/* For the codes of an image; none is marked.  Inside a section. */
vdb_status vdbi_code_marks_create(vdbi_memory *memory, vdbi_pager *pager,
                                  const vdbi_image *image, vdbi_code_marks **out);
void vdbi_code_marks_free(vdbi_code_marks *marks);
/* A commit uses a string that was there. */
void vdbi_code_mark(vdbi_code_marks *marks, uint32_t field, uint32_t code);
/* Mark what live slots of a block of cells use, in columns and in lists; in a section. */
vdb_status vdbi_code_marks_block(vdbi_code_marks *marks, vdbi_pager *pager,
                                 const vdbi_image *image, uint32_t block,
                                 vdbi_record *scratch);
/* It was there when the marks were made, and nobody uses it. */
int vdbi_code_is_unused(const vdbi_code_marks *marks, uint32_t field, uint32_t code);

#endif
