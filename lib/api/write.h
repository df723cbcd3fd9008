/* write.h: what vdb_put and batches share. */
#ifndef VDBI_WRITE_H
#define VDBI_WRITE_H

#include "db/db.h"

/* Read and check a caller's rows as a whole; the stride is filled in. */
vdb_status vdbi_rows_check(const vdb_rows *given, vdb_rows *out);
/* Check and prepare row i; free with vdbi_prepare_free, also after an error. */
vdb_status vdbi_rows_put(vdb *db, const vdb_rows *rows, size_t i, vdbi_put *put);

#endif
