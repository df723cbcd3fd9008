/* check.h: the check of a whole database, and its report. */
#ifndef VDBI_DB_CHECK_H
#define VDBI_DB_CHECK_H

#include "db/db.h"

typedef struct vdbi_finding {
    int64_t offset;
    char *text;
} vdbi_finding;

struct vdb_report {
    vdbi_memory memory; /* a copy: it outlives the environment */
    uint64_t count;
    uint64_t bytes;
    size_t kept, capacity, limit;
    vdbi_finding *findings;
};

vdb_status vdbi_db_check(vdb *db, uint32_t max_findings, const vdb_op *op,
                         vdb_report **out);
void vdbi_report_destroy(vdb_report *report);

#endif
