/* cursor.h: reading records one by one. */
#ifndef VDBI_CURSOR_H
#define VDBI_CURSOR_H

#include "base/bytes.h"
#include "db/db.h"
#include "store/tree.h"

struct vdb_cursor {
    vdb *db;
    vdbi_version *version;
    vdb_record record; /* the one given out */
    uint64_t *wanted;  /* a bit per slot; NULL: all */
    char *prefix;      /* NULL: any */
    size_t prefix_length;
    size_t position_length;
    int ids_only;
    int behind; /* go on behind `position`, not at it */
    char position[VDB_ID_MAX];
};

/* `out` must be zero but for its memory. */
vdb_status vdbi_db_get(vdb *db, const char *id, size_t length,
                       const vdb_snapshot *snapshot, vdb_record *out);
vdb_status vdbi_db_count(vdb *db, const vdb_filter *filter, const vdb_op *op,
                         uint64_t *count);
vdb_status vdbi_cursor_begin(vdb *db, const vdb_cursor_options *options,
                             vdb_cursor **out);
vdb_status vdbi_cursor_step(vdb_cursor *cursor, const vdb_record **record);
void vdbi_cursor_end(vdb_cursor *cursor);

#endif
