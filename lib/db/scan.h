/* scan.h: comparing queries with every wanted row, on one thread or many.
 *
 * Owns:      the threads that it starts, which live for one call.
 * Threads:   one vdbi_scan by the thread that calls; vdbi_scan_run() may start others.
 */
#ifndef VDBI_SCAN_H
#define VDBI_SCAN_H

#include "db/db.h"
#include "index/flat/flat.h"
#include "store/record.h"

typedef struct vdbi_scan {
    vdb *db;
    const vdbi_image *image;
    const uint64_t *wanted; /* a bit per slot */
    uint64_t matches;       /* bits that are set */
    const vdbi_query *queries;
    size_t count; /* of queries, at least one */
    size_t k;
    float limit;          /* farther ones are not wanted; INFINITY: none */
    vdbi_limits limits;   /* each thread heeds them */
    size_t threads;       /* allowed, the calling one included */
    uint64_t done, total; /* for progress: queries answered before, and in all */
} vdbi_scan;

/* Find the k nearest of each query: count of them, sorted; the caller clears them, after
 * an error too. */
vdb_status vdbi_scan_run(const vdbi_scan *scan, vdbi_nearest *nearest);

#endif
