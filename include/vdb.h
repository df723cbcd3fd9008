/* vdb.h: the whole contract of libvdb, an embeddable vector database.
 *
 * A program opens one file, stores vectors in it under string ids with JSON
 * metadata, and finds the nearest ones to a query, exactly or through a graph,
 * narrowed by a filter on the metadata.  What has been acknowledged is not lost.
 *
 *     vdb *db;
 *     vdb_results *hits;
 *     if (vdb_open("app.vdb", NULL, &db)) { puts(vdb_errmsg()); return 1; }
 *     vdb_insert(db, "a", (const float[]){1, 2, 3}, 3, "{\"kind\": \"first\"}");
 *     vdb_search(db, (const float[]){1, 2, 2}, 3, 10, &hits);
 *     for (size_t i = 0; i < vdb_results_count(hits); i++)
 *         printf("%s %g\n", vdb_results_id(hits, i, NULL),
 *                vdb_results_distances(hits)[i]);
 *     vdb_results_free(hits);
 *     vdb_close(db);
 *
 * Conventions that hold for every function unless it says otherwise:
 *
 *   Errors      A function that can fail returns a vdb_status; 0 is success.  On
 *               any other, out parameters that are handles are NULL, nothing has
 *               changed, and vdb_errmsg() of this thread says what and where.
 *   Ownership   Arguments are borrowed for the call.  Handles given out are freed
 *               with the function named; every free function accepts NULL.
 *   Threads     A vdb, a vdb_env, a vdb_filter and a vdb_cancel may be used by any
 *               number of threads at once, and a vdb_snapshot, vdb_record,
 *               vdb_results or vdb_report be read by them; every other handle, and
 *               freeing any, belongs to one thread at a time.
 *   Strings     UTF-8.  Ids: 1 to 1,024 bytes without NUL.  Metadata: one JSON
 *               object of at most 1 MiB and 32 levels, without duplicate keys.
 *   Vectors     float32, 1 to 65,535 dimensions, every value finite.
 *   Structs     that cross this border begin with struct_size and have an INIT
 *               macro; a zero field means its default; a field that this library
 *               does not know must be zero (else VDB_UNSUPPORTED).  Fields are
 *               only ever appended.
 *   fork        A handle belongs to the process that opened it: in a forked child
 *               every call but vdb_close() is VDB_MISUSE; vdb_close() there only
 *               frees memory.
 *
 * Since: 0.1 unless a function says otherwise.
 */
#ifndef VDB_H
#define VDB_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define VDB_API __attribute__((visibility("default")))
#else
#define VDB_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ================================================================== basic */

#define VDB_VERSION_MAJOR 0
#define VDB_VERSION_MINOR 1
#define VDB_VERSION_PATCH 0

typedef struct vdb vdb;                   /* an open database */
typedef struct vdb_env vdb_env;           /* resources that databases may share */
typedef struct vdb_batch vdb_batch;       /* changes to be applied atomically */
typedef struct vdb_filter vdb_filter;     /* a parsed filter; immutable, sharable */
typedef struct vdb_results vdb_results;   /* answers of a search */
typedef struct vdb_record vdb_record;     /* one stored vector with its metadata */
typedef struct vdb_cursor vdb_cursor;     /* a walk over records in id order */
typedef struct vdb_snapshot vdb_snapshot; /* one instant of a database, held */
typedef struct vdb_cancel vdb_cancel;     /* a flag that stops operations */
typedef struct vdb_report vdb_report;     /* findings of vdb_check */

/* No enum types cross the border: their size is the compiler's choice. */
typedef int32_t vdb_status;
typedef int32_t vdb_metric;
typedef int32_t vdb_index_kind;
typedef int32_t vdb_durability;
typedef int32_t vdb_type;
typedef int32_t vdb_codes;

/* Statuses.  Each tells the caller what to do. */
enum {
    VDB_OK = 0,
    VDB_INVALID = 1,      /* fix the argument */
    VDB_NOT_FOUND = 2,    /* no such id, or no such file with MUST_EXIST */
    VDB_EXISTS = 3,       /* the id, or the file with EXCLUSIVE, is there */
    VDB_NOMEM = 4,        /* an allocation failed */
    VDB_IO = 5,           /* the file system failed */
    VDB_FULL = 6,         /* the disk, or a limit, is full: make room */
    VDB_CORRUPT = 7,      /* the file is damaged or is no database: restore */
    VDB_BUSY = 8,         /* held by another process or handle: try again */
    VDB_READONLY = 9,     /* opened for reading */
    VDB_UNSUPPORTED = 10, /* this library does not do that */
    VDB_TIMEOUT = 11,     /* vdb_op.timeout_ms has passed */
    VDB_CANCELLED = 12,   /* vdb_cancel_set() was called */
    VDB_POISONED = 13,    /* a sync failed: close and reopen; reads go on */
    VDB_MISUSE = 14       /* a bug of the caller that could be noticed */
};

enum {
    VDB_METRIC_DEFAULT = 0, /* L2 */
    VDB_L2 = 1,             /* Euclidean distance: the root, not squared */
    VDB_COSINE = 2,         /* 1 - cos, clamped to [0, 2]; no zero vectors */
    VDB_DOT = 3             /* the negated dot product */
};

enum {
    VDB_INDEX_DEFAULT = 0, /* HNSW */
    VDB_FLAT = 1,          /* exact: every candidate is compared */
    VDB_HNSW = 2           /* a graph: nearly exact, at a cost that hardly grows with
                              the number of vectors.  Below some thousands, and where
                              that is cheaper, every candidate is compared;
                              vdb_explain tells. */
};

/* What a graph finds its way by; answers come from the vectors, whatever this is. */
enum {
    VDB_CODES_DEFAULT = 0, /* a byte a dimension, or float32 where that costs nothing
                              (16 dimensions or fewer) or a byte is too coarse */
    VDB_CODES_8 = 1,       /* a byte a dimension, whatever the vectors are like */
    VDB_CODES_4 = 2,       /* reserved: VDB_UNSUPPORTED */
    VDB_CODES_NONE = 3     /* float32: four times the memory, and slower */
};

enum {
    VDB_F32 = 0,
    VDB_F16 = 1, /* 1 to 4 are reserved: VDB_UNSUPPORTED */
    VDB_BF16 = 2,
    VDB_I8 = 3,
    VDB_B1 = 4
};

enum {
    VDB_FULL_SYNC = 0, /* an acknowledged write survives a power cut (default) */
    VDB_NORMAL = 1,    /* written before returning, synced every second (with
                          threads = 1 by the first commit after a second): a power
                          cut may lose what is not synced, a killed process nothing */
    VDB_OFF = 2        /* synced only by checkpoints.  No mode can corrupt. */
};

/* Flags of vdb_options. */
enum {
    VDB_OPEN_READONLY = 1,     /* shared with other readers; writes nothing, ever */
    VDB_OPEN_MUST_EXIST = 2,   /* VDB_NOT_FOUND instead of creating */
    VDB_OPEN_EXCLUSIVE = 4,    /* VDB_EXISTS instead of opening */
    VDB_OPEN_NO_MMAP = 8,      /* read into a bounded cache: never a SIGBUS */
    VDB_OPEN_WITHOUT_LOG = 16, /* salvage: ignore logs, damaged or missing, and open
                                 at the last checkpoint.  Loses what came after.
                                 For reading only when a meta page is damaged too. */
    VDB_OPEN_BULK = 32 /* loading: inserts never wait for the graph, and searches
                                 compare what it does not cover, until it catches up
                                 (vdb_wait_indexed) */
};

/* Limits. */
enum {
    VDB_ID_MAX = 1024,
    VDB_DIMENSION_MAX = 65535,
    VDB_METADATA_MAX = 1048576,
    VDB_METADATA_DEPTH_MAX = 32,
    VDB_FILTER_DEPTH_MAX = 32,
    VDB_FILTER_NODES_MAX = 4096,
    VDB_K_MAX = 1000000
};

typedef struct vdb_options {
    size_t struct_size;
    vdb_env *env;   /* NULL: the library's own; must outlive the handle */
    uint32_t flags; /* VDB_OPEN_*; 0 = read-write, created if missing */
    /* Creation options: stored in the file.  At a reopening 0 means "as stored";
     * a value that contradicts the file is VDB_INVALID. */
    uint32_t dimension; /* 0: fixed by the first insert */
    vdb_metric metric;
    vdb_index_kind index;
    vdb_type type;
    uint32_t m;               /* 0 = 16; 2 to 512 */
    uint32_t ef_construction; /* 0 = 200; 1 to 65,535 */
    uint32_t max_layers;      /* 0 = 16; 1 to 64 */
    /* Options of the open handle. */
    vdb_durability durability;
    uint32_t ef_search;          /* 0 = 50 */
    uint32_t threads;            /* 0: all cores; 1: the library starts none */
    uint32_t checkpoint_entries; /* 0 = 1,000: entries that make one considered */
    uint64_t log_bytes;          /* 0 = 64 MiB: bound of one log, at least 1 MiB */
    uint64_t dirty_bytes;        /* 0 = 64 MiB: unsaved pages that start a checkpoint */
    uint64_t cache_bytes; /* 0 = 256 MiB: cache of VDB_OPEN_NO_MMAP; a quarter of it
                             bounds what filters keep of columns, mapped or not */
    /* A creation option again. */
    vdb_codes codes;
    uint32_t reserved;
    /* Of the open handle: 0 = no bound; else the most memory that the graph may take, its
     * links and codes.  One that would take more is not made, not loaded, and given up when
     * it grows beyond: searches compare every vector then, and no insert fails for it.
     * vdb_stats tells (graph_wanted_bytes), and the log hook. */
    uint64_t graph_bytes;
} vdb_options;
#define VDB_OPTIONS_INIT                                                               \
    {                                                                                  \
        sizeof(vdb_options), NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  \
            0                                                                          \
    }

/* What many operations share: limits in time, the instant they see, progress. */
typedef struct vdb_op {
    size_t struct_size;
    const vdb_snapshot *snapshot; /* NULL: the newest committed state */
    const vdb_cancel *cancel;     /* NULL: none */
    /* Called now and then by the calling thread, with units done and their total
     * (0: unknown), by batch searches, vdb_check,
     * vdb_backup and vdb_compact.  It must not call back into the same
     * database to write. */
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *progress_arg;
    uint32_t timeout_ms; /* 0 = none; monotonic time */
    uint32_t reserved;
} vdb_op;
#define VDB_OP_INIT                                                                    \
    {                                                                                  \
        sizeof(vdb_op), NULL, NULL, NULL, NULL, 0, 0                                   \
    }

/**
 * Open a database, creating it if it is not there.
 *
 * @param path     the file; ":memory:" or NULL for one that is never saved.
 *                 Two logs, path-wal1 and path-wal2, stand beside it.  After a clean
 *                 close they are empty and the file alone is the whole; until then the
 *                 three belong together.  Symbolic links are followed; a file with more than one
 *                 hard link is refused (its logs could not be found by each name).
 * @param options  NULL: the defaults.
 * @param out      the handle; free with vdb_close().
 *
 * Threads:   the writer of a file is one handle in one process.
 * Errors:    VDB_BUSY (open for writing elsewhere, or being read when this one
 *            would write), VDB_CORRUPT (damage, or not a database: the message
 *            says file, offset and what; nothing has been changed),
 *            VDB_UNSUPPORTED (written by a newer version), VDB_INVALID (an option
 *            out of range, or contradicting the file), VDB_NOT_FOUND, VDB_EXISTS,
 *            VDB_IO, VDB_FULL, VDB_NOMEM.
 * Time:      under 10 ms after a clean close; after a crash the log is replayed,
 *            at most its bound.
 */
VDB_API vdb_status vdb_open(const char *path, const vdb_options *options, vdb **out);

/**
 * Save what is unsaved, cut the logs, release the file and free the handle.
 *
 * A file of which much is free is made shorter first: at most `dirty_bytes`, and half of
 * what this handle has written, are moved for it, by commits of their own (so the next
 * opening may tell a greater `sequence`).
 *
 * Always frees the handle, whatever it returns.  On an error nothing acknowledged
 * is lost: the logs stay and the next opening replays them.  Results, records and
 * filters outlive it; snapshots, cursors and batches must be freed before.
 *
 * Threads:   no other call on this handle may be running.
 * Errors:    VDB_IO, VDB_FULL, VDB_NOMEM, VDB_POISONED (an earlier sync failed),
 *            VDB_MISUSE (snapshots, cursors or batches were open: those are dead and
 *            must not be used any more, not even to be freed).
 */
VDB_API vdb_status vdb_close(vdb *db);

/**
 * Store a vector under an id, replacing the one that is there.
 *
 * @param id             NUL-terminated.
 * @param vector         `dim` floats.
 * @param metadata_json  NUL-terminated; NULL: none.  Kept as given, byte for byte.
 *
 * Errors:    VDB_INVALID (dimension, a value that is not finite, a zero vector
 *            under cosine, id, metadata), VDB_FULL, VDB_IO, VDB_POISONED,
 *            VDB_READONLY, VDB_NOMEM.
 * Durable:   when it returns VDB_OK, as the handle's durability says.
 */
VDB_API vdb_status vdb_insert(vdb *db, const char *id, const float *vector, size_t dim,
                              const char *metadata_json);

/** As vdb_insert(), but VDB_EXISTS, changing nothing, when the id is there. */
VDB_API vdb_status vdb_insert_new(vdb *db, const char *id, const float *vector,
                                  size_t dim, const char *metadata_json);

/**
 * Replace the metadata of a stored vector; NULL removes it.
 *
 * Errors: VDB_NOT_FOUND, and those of vdb_insert().
 */
VDB_API vdb_status vdb_set_metadata(vdb *db, const char *id, const char *metadata_json);

/** Remove a vector.  Errors: VDB_NOT_FOUND, and those of vdb_insert(). */
VDB_API vdb_status vdb_delete(vdb *db, const char *id);

/**
 * Read one record.
 *
 * @param op   NULL, or with a snapshot to read from.
 * @param out  free with vdb_record_free(); it outlives vdb_close().
 *
 * Errors: VDB_NOT_FOUND, VDB_INVALID (id), VDB_CORRUPT, VDB_IO, VDB_NOMEM.
 */
VDB_API vdb_status vdb_get(vdb *db, const char *id, const vdb_op *op, vdb_record **out);

/** The record's id, NUL-terminated; *length (may be NULL) without the NUL.
 *  Borrowed from the record, as are the vector and the metadata. */
VDB_API const char *vdb_record_id(const vdb_record *record, size_t *length);
/** The record's vector of *dim (may be NULL) floats. */
VDB_API const float *vdb_record_vector(const vdb_record *record, size_t *dim);
/** The record's metadata, NUL-terminated, as it was given; NULL, and *length 0, when
 *  none.  length may be NULL. */
VDB_API const char *vdb_record_metadata(const vdb_record *record, size_t *length);
VDB_API void vdb_record_free(vdb_record *record);

/**
 * Count the stored vectors that pass a filter (NULL: all).
 * Errors: VDB_CORRUPT, VDB_IO, VDB_NOMEM, VDB_TIMEOUT, VDB_CANCELLED.
 */
VDB_API vdb_status vdb_count(vdb *db, const vdb_filter *filter, const vdb_op *op,
                             uint64_t *count);

/**
 * Find the k stored vectors nearest to `query`.
 *
 * @param query  `dim` floats, finite; not all zero under cosine.
 * @param k      at least 1; more than there are vectors finds them all.  Under VDB_HNSW a
 *               graph finds them, nearly exactly: the handle's ef_search is the effort
 *               (vdb_search_batch() takes one of its own, and VDB_QUERY_EXACT).
 * @param out    nearest first, ties by the bytes of the id.
 *               Free with vdb_results_free(); it outlives vdb_close().
 *
 * Threads:   any number of searches, beside a writer; each sees one instant.
 * Units:     Euclidean distance (the root), 1 - cosine, or the negated dot product;
 *            what exceeds float32 is told as -FLT_MAX or FLT_MAX.
 * Errors:    VDB_INVALID (dimension, k = 0 or beyond VDB_K_MAX, a value that is not
 *            finite), VDB_CORRUPT, VDB_IO, VDB_NOMEM.
 *            A database without vectors answers nothing to a query of any dimension.
 */
VDB_API vdb_status vdb_search(vdb *db, const float *query, size_t dim, size_t k,
                              vdb_results **out);

/**
 * Find the k stored vectors nearest to `query` among those that pass `filter`:
 * exactly min(k, number that pass).
 *
 * @param filter  not NULL (VDB_INVALID): a parse that failed must not find all.
 *
 * Everything else as vdb_search().
 */
VDB_API vdb_status vdb_search_filtered(vdb *db, const float *query, size_t dim,
                                       size_t k, const vdb_filter *filter,
                                       vdb_results **out);

/**
 * Parse a filter.
 *
 *     {"op": "eq|ne|lt|lte|gt|gte|prefix|contains", "field": F, "value": V}
 *     {"op": "exists", "field": F}
 *     {"op": "in", "field": F, "values": [V, ...]}
 *     {"op": "id_in", "ids": [ID, ...]}
 *     {"op": "and|or", "filters": [filter, ...]}
 *     {"op": "not", "filter": filter}
 *
 * docs/filters.md defines every operator.  At most 32 levels and 4,096 nodes.
 *
 * @param env     whose allocator to use; NULL: malloc.  Must outlive the filter.
 * @param json    `length` bytes; need not be NUL-terminated.
 * @param out     free with vdb_filter_free().  Immutable: any number of threads may
 *                search with it at once, in any database.
 *
 * Errors: VDB_INVALID, saying where in the text or the tree; VDB_NOMEM.
 */
VDB_API vdb_status vdb_filter_parse(vdb_env *env, const char *json, size_t length,
                                    vdb_filter **out);
VDB_API void vdb_filter_free(vdb_filter *filter);

/* ----------------------------------------------------------------- results
 * The answers of one query, or of many, one after another: those of query q are
 * the items [offsets[q], offsets[q + 1]).  Pointers are borrowed from `results`.
 */

/** How many queries were answered: 1 for vdb_search(). */
VDB_API size_t vdb_results_queries(const vdb_results *results);
/** How many items there are over all queries. */
VDB_API size_t vdb_results_count(const vdb_results *results);
/** queries + 1 ascending offsets; the first is 0, the last is the count. */
VDB_API const size_t *vdb_results_offsets(const vdb_results *results);
/** The distance of each item. */
VDB_API const float *vdb_results_distances(const vdb_results *results);
/** The id of item i, NUL-terminated; *length (may be NULL) without the NUL.
 *  NULL when i is out of range. */
VDB_API const char *vdb_results_id(const vdb_results *results, size_t i,
                                   size_t *length);
/** The metadata of item i; NULL, and *length 0, when it has none or it was not asked
 *  for.  length may be NULL. */
VDB_API const char *vdb_results_metadata(const vdb_results *results, size_t i,
                                         size_t *length);
/** The vector of item i; NULL when it was not asked for. */
VDB_API const float *vdb_results_vector(const vdb_results *results, size_t i,
                                        size_t *dim);
/** VDB_RESULT_* of query q. */
VDB_API uint32_t vdb_results_flags(const vdb_results *results, size_t q);
VDB_API void vdb_results_free(vdb_results *results);

enum {
    VDB_RESULT_EXACT = 1,     /* every candidate was compared */
    VDB_RESULT_INCOMPLETE = 2 /* reserved for a limit on work */
};

/* ------------------------------------------------------------------ errors */

/** What went wrong in this thread's last failed call; "" when none has failed.
 *  Borrowed; valid until this thread's next failing call.  Never NULL. */
VDB_API const char *vdb_errmsg(void);

typedef struct vdb_error {
    size_t struct_size;
    vdb_status status;
    int32_t system_error; /* errno of the failed system call, or 0 */
    int64_t offset;       /* byte in the file or the text; -1 when it has none */
    char message[512];    /* NUL-terminated, as vdb_errmsg() */
} vdb_error;
#define VDB_ERROR_INIT                                                                 \
    {                                                                                  \
        sizeof(vdb_error), 0, 0, 0,                                                    \
        {                                                                              \
            0                                                                          \
        }                                                                              \
    }

/** Copy this thread's last error; at most error->struct_size bytes are written. */
VDB_API void vdb_error_get(vdb_error *error);
/** "VDB_OK", "VDB_INVALID", ...; "VDB_UNKNOWN" for others.  Static. */
VDB_API const char *vdb_status_name(vdb_status status);
/** MAJOR * 1,000,000 + MINOR * 1,000 + PATCH of the library that is running. */
VDB_API uint32_t vdb_version(void);

/* ================================================================= tuning */

/* Many rows, to be stored as one commit. */
typedef struct vdb_rows {
    size_t struct_size;
    size_t count;
    size_t dim;
    const char *const *ids;
    const size_t *id_lengths; /* NULL: the ids are NUL-terminated */
    const void *vectors;
    size_t stride;                  /* bytes from a vector to the next; 0: packed */
    const char *const *metadata;    /* NULL: none has any; or NULL entries */
    const size_t *metadata_lengths; /* NULL: they are NUL-terminated */
    vdb_type type;                  /* VDB_F32 */
    uint32_t flags;                 /* VDB_ROWS_* */
} vdb_rows;
#define VDB_ROWS_INIT                                                                  \
    {                                                                                  \
        sizeof(vdb_rows), 0, 0, NULL, NULL, NULL, 0, NULL, NULL, 0, 0                  \
    }

enum {
    VDB_ROWS_NEW = 1 /* VDB_EXISTS when an id is there already */
};

/**
 * Store many rows atomically: all of them or none.
 *
 * The rows are applied in order: of two rows with one id the later stays.
 *
 * @param op          NULL; its time limit and cancel flag are heeded until the commit
 *                    is queued.
 * @param failed_row  may be NULL; on VDB_INVALID and VDB_EXISTS the index of the
 *                    first bad row, else SIZE_MAX.
 *
 * Errors: as vdb_insert(); VDB_FULL when the rows exceed half the log's bound (the
 *         message gives both).
 */
VDB_API vdb_status vdb_put(vdb *db, const vdb_rows *rows, const vdb_op *op,
                           size_t *failed_row);

/**
 * Remove every vector that passes the filter, as one commit.
 *
 * @param filter   not NULL.
 * @param op       NULL, or limits; a snapshot is VDB_INVALID: the newest state changes.
 * @param deleted  may be NULL; how many were removed.
 *
 * Errors: as vdb_delete(), but that nothing passes is VDB_OK; VDB_FULL when there
 *         are more than one commit may hold.
 */
VDB_API vdb_status vdb_delete_where(vdb *db, const vdb_filter *filter, const vdb_op *op,
                                    uint64_t *deleted);

/* ------------------------------------------------------------------ batches
 * Mixed changes, collected and then applied as one commit.  Items are copied and
 * checked as they are added, so that most errors show where they are made.
 */
VDB_API vdb_status vdb_batch_new(vdb *db, vdb_batch **out);
/** Add an insert that replaces.  Errors: as vdb_insert(). */
VDB_API vdb_status vdb_batch_insert(vdb_batch *batch, const char *id,
                                    const float *vector, size_t dim,
                                    const char *metadata_json);
/** Add many.  All of them or none are added. */
VDB_API vdb_status vdb_batch_put(vdb_batch *batch, const vdb_rows *rows,
                                 size_t *failed_row);
/** Add a removal.  That the id is not there shows at vdb_batch_apply(). */
VDB_API vdb_status vdb_batch_delete(vdb_batch *batch, const char *id);
/**
 * Apply all items in order, atomically, and empty the batch.  On an error nothing
 * has been applied and the items stay.
 *
 * @param failed_item  may be NULL; on VDB_INVALID, VDB_EXISTS and VDB_NOT_FOUND the index
 *                     of the bad item (each row of a vdb_batch_put counts), else SIZE_MAX.
 *
 * Errors: VDB_NOT_FOUND (a removal of what is not there), VDB_EXISTS, VDB_FULL,
 *         VDB_IO, VDB_POISONED, VDB_NOMEM.
 */
VDB_API vdb_status vdb_batch_apply(vdb_batch *batch, size_t *failed_item);
VDB_API void vdb_batch_free(vdb_batch *batch);

/* --------------------------------------------------- snapshots and cursors */

/**
 * Hold the newest committed state: reads given it see that state, whatever is
 * written meanwhile.  Costs nothing but the space of what is replaced since.
 */
VDB_API vdb_status vdb_snapshot_new(vdb *db, vdb_snapshot **out);
VDB_API void vdb_snapshot_free(vdb_snapshot *snapshot);

typedef struct vdb_cursor_options {
    size_t struct_size;
    const char *after;            /* begin behind this id; NULL: at the first */
    const char *prefix;           /* only ids that begin so; NULL: all */
    const vdb_filter *filter;     /* NULL: all.  Must outlive the cursor. */
    const vdb_snapshot *snapshot; /* NULL: the newest.  May be freed before it. */
    uint32_t flags;               /* VDB_CURSOR_* */
    uint32_t reserved;
} vdb_cursor_options;
#define VDB_CURSOR_OPTIONS_INIT                                                        \
    {                                                                                  \
        sizeof(vdb_cursor_options), NULL, NULL, NULL, NULL, 0, 0                       \
    }

enum {
    VDB_CURSOR_IDS_ONLY = 1 /* records carry neither vector nor metadata */
};

/** Walk the records in the order of their ids' bytes, all of one instant. */
VDB_API vdb_status vdb_cursor_open(vdb *db, const vdb_cursor_options *options,
                                   vdb_cursor **out);
/** The next record, borrowed until the next call on this cursor; NULL with VDB_OK
 *  after the last.  Errors: VDB_CORRUPT, VDB_IO, VDB_NOMEM. */
VDB_API vdb_status vdb_cursor_next(vdb_cursor *cursor, const vdb_record **record);
VDB_API void vdb_cursor_free(vdb_cursor *cursor);

/* ------------------------------------------------------------ batch search */

typedef struct vdb_query {
    size_t struct_size;
    const void *vectors;
    size_t count;
    size_t dim;
    size_t stride; /* bytes from a query to the next; 0: packed */
    size_t k;
    const vdb_filter *filter; /* NULL: none; or set VDB_QUERY_FILTERED */
    const vdb_op *op;         /* NULL: none */
    vdb_type type;            /* VDB_F32 */
    uint32_t ef;              /* 0: the handle's ef_search; at least k is used */
    float recall_target;      /* 0: none; the share of the k nearest to be found, on the
                                 average: ef is chosen for it, and `ef` is the least.
                                 See vdb_tune(). */
    float max_distance;       /* with VDB_QUERY_MAX_DISTANCE: farther are left out */
    uint32_t flags;           /* VDB_QUERY_* */
    uint32_t reserved;
} vdb_query;
#define VDB_QUERY_INIT                                                                 \
    {                                                                                  \
        sizeof(vdb_query), NULL, 0, 0, 0, 0, NULL, NULL, 0, 0, 0, 0, 0, 0              \
    }

enum {
    VDB_QUERY_EXACT = 1,        /* compare every candidate */
    VDB_QUERY_MAX_DISTANCE = 2, /* max_distance counts */
    VDB_QUERY_WITH_METADATA = 4,
    VDB_QUERY_WITH_VECTORS = 8,
    VDB_QUERY_EXPLAIN = 16,  /* keep what vdb_results_explain() tells */
    VDB_QUERY_FILTERED = 32, /* a NULL filter is VDB_INVALID */
    VDB_QUERY_PARALLEL = 64  /* a single query too is split over the threads allowed */
};

/**
 * Answer many queries over one instant, on all the threads allowed; one query stays on
 * the calling thread, unless VDB_QUERY_PARALLEL asks for all.
 *
 * @param out  as vdb_search(); one and many agree bit for bit.
 *
 * Errors: as vdb_search(), for the whole call, naming the query; VDB_TIMEOUT,
 *         VDB_CANCELLED.
 */
VDB_API vdb_status vdb_search_batch(vdb *db, const vdb_query *query, vdb_results **out);

enum {
    VDB_STRATEGY_NONE = 0, /* there was nothing to search */
    VDB_STRATEGY_SCAN = 1, /* every candidate was compared */
    VDB_STRATEGY_GRAPH = 2
};

/* What a search did.  Times in nanoseconds. */
typedef struct vdb_explain {
    size_t struct_size;
    vdb_index_kind index; /* the database's kind */
    uint32_t strategy;    /* VDB_STRATEGY_* */
    uint64_t sequence;    /* of the version searched */
    uint64_t live;        /* vectors in it */
    uint64_t matches;     /* of those, how many pass the filter */
    uint64_t distances;   /* how many were computed */
    uint64_t filter_ns;
    uint64_t search_ns;
    char reason[128]; /* why this strategy, in words */
    uint32_t ef;      /* of the walk, by VDB_STRATEGY_GRAPH; else 0 */
    uint32_t reserved;
} vdb_explain;
#define VDB_EXPLAIN_INIT                                                               \
    {                                                                                  \
        sizeof(vdb_explain), 0, 0, 0, 0, 0, 0, 0, 0, {0}, 0, 0                         \
    }

/** Tell how query q was answered; VDB_INVALID when q is out of range or
 *  VDB_QUERY_EXPLAIN was not set. */
VDB_API vdb_status vdb_results_explain(const vdb_results *results, size_t q,
                                       vdb_explain *out);

/* ------------------------------------------------------------- maintenance */

/**
 * Save the newest committed state into the main file, so that the log is short.
 * Commits and searches go on meanwhile.  Never needed for durability.  Once begun it is
 * not interrupted by `op`.
 *
 * Errors: VDB_IO, VDB_FULL (everything stays as it was), VDB_POISONED,
 *         VDB_READONLY.
 */
VDB_API vdb_status vdb_checkpoint(vdb *db, const vdb_op *op);

/**
 * Write one instant of the database to a new file.
 *
 * The file is a database of its own, whole without logs, with a new identity; it holds
 * what a reader sees at that instant, and no free space.  Works for any handle: one that
 * only reads, one in memory (a way to save it), one that is being written to.
 *
 * @param path  must not exist.  It is durable when VDB_OK is returned; after an error
 *              it has been removed, if the file system allows that.  What a crash leaves
 *              of it is refused by vdb_open(), or empty.
 * @param op    NULL, or limits, a snapshot to write, and progress in bytes.
 *
 * Threads:   beside commits, searches and checkpoints; waits for none of them.
 * Errors:    VDB_EXISTS, VDB_CORRUPT (damage in the source: every page is read anew),
 *            VDB_FULL, VDB_IO, VDB_NOMEM, VDB_TIMEOUT, VDB_CANCELLED, VDB_INVALID,
 *            VDB_BUSY (somebody opened the new file at once).  The handle goes on.
 */
VDB_API vdb_status vdb_backup(vdb *db, const char *path, const vdb_op *op);

/**
 * Return unused space to the file system, while commits and searches go on.
 *
 * Moves what is left of deleted and replaced vectors, their metadata and indexes together,
 * by ordinary commits and checkpoints, and cuts the file.  Worth its while after many
 * deletes: free space is used again without it.  What it writes is at most about what is
 * left, a few times.  Changes no exact answer.  If a graph is there and more than half of
 * the slots are dead, it is made anew afterwards, and searches are exact until it is.
 *
 * Space that a snapshot, a cursor or a running search still sees stays, and what is moved
 * meanwhile takes space beside it: compact when none is held, or once more afterwards.
 *
 * @param op  NULL, or limits and progress (bytes of the file as it was); a snapshot is
 *            VDB_INVALID.  Stopped at any point, it has lost nothing and what was done is
 *            done.
 *
 * Errors:    VDB_BUSY (another thread is compacting), and those of vdb_insert() and
 *            vdb_checkpoint(): then, too, everything that was stored is there.
 *            A database in memory gives memory back.
 */
VDB_API vdb_status vdb_compact(vdb *db, const vdb_op *op);

/**
 * Wait until the graph covers every vector of the newest version, and help it to.
 * Searches find every vector without it: those that are not in the graph are compared one
 * by one, which costs time.  When others have been taken out of the graph, it is also seen
 * that each that stays is found by its own value: some microseconds for each, once.  With an
 * `op` whose timeout_ms is 0 it does not wait.  Where there will be no graph, for there are
 * few vectors or `graph_bytes` does not allow it, there is nothing to wait for.
 *
 * @param op  NULL: wait as long as it takes.
 *
 * Errors: VDB_TIMEOUT (there is work left), VDB_CANCELLED.
 */
VDB_API vdb_status vdb_wait_indexed(vdb *db, const vdb_op *op);

/**
 * Measure which ef finds which share of the nearest, for recall targets.
 *
 * Waits for the index, then searches for up to a thousand of the stored vectors, at growing
 * ef, and compares with exact searches: seconds for a million vectors.  What is measured is
 * kept in the file with the graph.  Nobody need call this: once a search has had a
 * recall_target, the handle's threads measure, and again whenever the database has grown by
 * half; with threads = 1 vdb_wait_indexed() does.  Until then, and for a target beyond what
 * was measured (1 always is), a search with a target compares every candidate, which
 * vdb_explain tells.
 *
 * A target holds for queries like what is stored, without a filter, on the average of many;
 * a margin is kept for queries being harder than what is stored (docs/tuning.md has what
 * was reached on real data).
 *
 * @param op  NULL, or limits and progress in searches; a snapshot is VDB_INVALID.
 *
 * Errors:    VDB_UNSUPPORTED (the flat index: it finds all), VDB_READONLY, VDB_NOMEM,
 *            VDB_TIMEOUT, VDB_CANCELLED (also: the graph was dropped meanwhile).
 *            Too few vectors for a graph is VDB_OK.
 */
VDB_API vdb_status vdb_tune(vdb *db, const vdb_op *op);

/* One measurement. */
typedef struct vdb_tuning {
    size_t struct_size;
    uint32_t k;
    uint32_t ef;
    double recall;    /* that was measured: the mean over the vectors searched for */
    double promised;  /* for which recall_target this ef is enough */
    double mean_us;   /* a search, on one thread */
    uint64_t vectors; /* that there were */
    uint64_t sample;  /* that were searched for */
} vdb_tuning;
#define VDB_TUNING_INIT                                                                \
    {                                                                                  \
        sizeof(vdb_tuning), 0, 0, 0, 0, 0, 0, 0                                        \
    }

/** Measurement i of the last that is known, by k, then by ef; at most out->struct_size
 *  bytes are written.  VDB_NOT_FOUND: there is none, or no more; the graph of a file that
 *  has just been opened is read when a search or vdb_wait_indexed() needs it. */
VDB_API vdb_status vdb_tuning_get(vdb *db, size_t i, vdb_tuning *out);

typedef struct vdb_check_options {
    size_t struct_size;
    uint32_t max_findings; /* 0 = 100; further ones are only counted */
    uint32_t reserved;
} vdb_check_options;
#define VDB_CHECK_OPTIONS_INIT                                                         \
    {                                                                                  \
        sizeof(vdb_check_options), 0, 0                                                \
    }

/**
 * Read everything and verify it: every checksum, the order of every tree, that
 * ids and slots are one to one, counts, documents, columns, and that the map of
 * free space is what a walk finds.  A saved graph is loaded for the check, which takes
 * the memory of a graph meanwhile, and each of its links is looked at; findings about it
 * begin with "graph (derived)": no vector is touched by what they tell.
 *
 * @param options  NULL: the defaults.
 * @param out      free with vdb_report_free(); set also when damage was found.
 *
 * Errors: VDB_CORRUPT (there are findings), VDB_IO, VDB_NOMEM, VDB_TIMEOUT,
 *         VDB_CANCELLED.
 */
VDB_API vdb_status vdb_check(vdb *db, const vdb_check_options *options,
                             vdb_report **out, const vdb_op *op);
/** How many findings there were; 0: all is well. */
VDB_API uint64_t vdb_report_count(const vdb_report *report);
/** Finding i in words, or NULL; *offset (may be NULL) its byte in the file, or -1. */
VDB_API const char *vdb_report_finding(const vdb_report *report, size_t i,
                                       int64_t *offset);
/** How many bytes of the file were read and verified. */
VDB_API uint64_t vdb_report_bytes(const vdb_report *report);
VDB_API void vdb_report_free(vdb_report *report);

typedef struct vdb_stats {
    size_t struct_size;
    uint64_t vectors;          /* live now */
    uint64_t slots;            /* rows ever used: live, dead and free ones */
    uint64_t sequence;         /* of the newest commit */
    uint64_t durable_sequence; /* of the last checkpoint */
    uint64_t generation;       /* of the meta page in force */
    uint64_t file_bytes;       /* the main file */
    uint64_t free_bytes;       /* of those, free now */
    uint64_t held_bytes;       /* of those, kept for readers of older versions */
    uint64_t log_bytes;        /* both logs */
    uint64_t dirty_bytes;      /* pages in memory that are not saved */
    uint64_t resident_bytes;   /* allocated by all that share this environment */
    uint64_t written_bytes;    /* to all files, since opening */
    uint64_t syncs;            /* since opening */
    uint64_t commits;          /* since opening */
    uint64_t checkpoints;      /* since opening */
    uint64_t views;            /* snapshots, cursors and searches that hold a version */
    uint64_t fields;           /* metadata fields that have a column */
    uint64_t total_inserts;    /* vectors stored since opening, replacements too */
    uint64_t total_deletes;    /* vectors removed since opening */
    uint64_t total_queries;    /* query vectors answered since opening */
    double avg_query_latency_us;
    double p50_query_latency_us;
    double p95_query_latency_us;
    double p99_query_latency_us;
    /* As stored in the file. */
    uint32_t dimension; /* 0: not fixed yet */
    vdb_metric metric;
    vdb_index_kind index;
    vdb_type type;
    uint32_t m;
    uint32_t ef_construction;
    uint32_t max_layers;
    uint32_t format;   /* version of the file format */
    uint32_t poisoned; /* 1 after a failed sync */
    uint32_t replayed; /* commits replayed from the log at opening */
    /* The graph; all 0 where there is none, or it has not been loaded yet (what the file
     * has of it is told all the same).  While somebody commits, bytes and codes are those
     * told last: by a call that met no commit, a checkpoint, or the graph's beginning. */
    uint64_t graph_vectors; /* in it: dead ones that searches still go through, too */
    uint64_t graph_fresh;   /* not in it yet: every search compares them */
    uint64_t graph_bytes;   /* in memory: links and codes */
    uint64_t graph_file_bytes; /* of the main file */
    uint32_t graph_layers;
    uint32_t reserved;
    vdb_codes codes;       /* as stored in the file */
    vdb_codes graph_codes; /* what the graph goes by now: VDB_CODES_8 or _NONE;
                              0: there is no graph in memory */
    /* Checkpoints that succeeded, the saving of the graph with them; microseconds. */
    uint64_t last_checkpoint_us;
    uint64_t total_checkpoint_us; /* since opening */
    /* What the graph would take, more than the option graph_bytes allows: there is none,
     * and searches are exact.  0: it has room. */
    uint64_t graph_wanted_bytes;
} vdb_stats;
#define VDB_STATS_INIT                                                                 \
    {                                                                                  \
        sizeof(vdb_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0  \
    }

/**
 * Counters, sizes and latencies; at most stats->struct_size bytes are written.
 * Waits for no commit to a file; for a checkpoint only as readers do, with
 * VDB_OPEN_NO_MMAP.  Others go on meanwhile: two fields need not be of one instant.
 *
 * Errors: VDB_INVALID (stats is NULL, or its struct_size is none).
 */
VDB_API vdb_status vdb_stats_get(vdb *db, vdb_stats *stats);

/** A flag that any thread may set to stop the operations that were given it. */
VDB_API vdb_status vdb_cancel_new(vdb_cancel **out);
VDB_API void vdb_cancel_set(vdb_cancel *cancel);
VDB_API void vdb_cancel_free(vdb_cancel *cancel);

/* ------------------------------------------------------------- environment
 * What a host may replace.  Everything libvdb allocates goes through the
 * allocator, but for what Jansson allocates while it parses (bounded by the limits
 * on sizes), the address windows of VDB_OPEN_NO_MMAP, a page for each handle that
 * tells a forked child, and a vdb_cancel.  Every operation on files goes through the
 * file system.
 */

typedef struct vdb_allocator {
    size_t struct_size;
    void *arg;
    /* `size` bytes aligned to `alignment` (a power of two), or NULL. */
    void *(*allocate)(void *arg, size_t size, size_t alignment);
    /* What allocate gave; never NULL. */
    void (*release)(void *arg, void *memory);
} vdb_allocator;
#define VDB_ALLOCATOR_INIT                                                             \
    {                                                                                  \
        sizeof(vdb_allocator), NULL, NULL, NULL                                        \
    }

/* A file system.  Every function returns 0 or a negated errno value, and may be
 * called by several threads at once.  Names are as vdb_open() was given them, with
 * "-wal1" and "-wal2" appended.  Functions marked optional may be NULL. */
typedef struct vdb_vfs vdb_vfs;
typedef struct vdb_file vdb_file; /* the file system's own */

enum {
    VDB_VFS_READONLY = 1, /* no writing */
    VDB_VFS_CREATE = 2,   /* create it if it is missing */
    VDB_VFS_EXCLUSIVE = 4 /* with CREATE: -EEXIST if it is there */
};

enum {
    VDB_LOCK_SHARED = 1,
    VDB_LOCK_EXCLUSIVE = 2
};

typedef struct vdb_file_info {
    size_t struct_size;
    uint64_t size;   /* bytes */
    uint64_t device; /* device and inode name a file beyond its path */
    uint64_t inode;
    uint64_t links; /* hard links */
    uint32_t kind;  /* 0: a regular file; 1: a directory; 2: anything else */
    uint32_t reserved;
} vdb_file_info;
#define VDB_FILE_INFO_INIT                                                             \
    {                                                                                  \
        sizeof(vdb_file_info), 0, 0, 0, 0, 0, 0                                        \
    }

struct vdb_vfs {
    size_t struct_size;
    void *arg;
    int (*open)(void *arg, const char *path, uint32_t flags, vdb_file **out);
    int (*close)(void *arg, vdb_file *file);
    /* Read exactly `size` bytes at `offset` unless the file ends before: *got. */
    int (*read)(void *arg, vdb_file *file, void *buffer, size_t size, uint64_t offset,
                size_t *got);
    /* Write all `size` bytes at `offset`, or fail. */
    int (*write)(void *arg, vdb_file *file, const void *buffer, size_t size,
                 uint64_t offset);
    /* Make the contents and the size durable. */
    int (*sync)(void *arg, vdb_file *file);
    int (*truncate)(void *arg, vdb_file *file, uint64_t size);
    int (*info)(void *arg, vdb_file *file, vdb_file_info *out);
    /* Optional: assure that [offset, offset + size) can be written without running
     * out of space; the file's size does not change. */
    int (*reserve)(void *arg, vdb_file *file, uint64_t offset, uint64_t size);
    /* Take a lock of the whole file for this open file, without waiting: -EAGAIN. */
    int (*lock)(void *arg, vdb_file *file, uint32_t kind);
    /* Optional: map [offset, offset + size) read-only, which may reach beyond the
     * file's end; what is written later must show. */
    int (*map)(void *arg, vdb_file *file, uint64_t offset, size_t size, void **out);
    void (*unmap)(void *arg, vdb_file *file, void *address, size_t size);
    /* 0 when there is a file of that name, -ENOENT when there is none. */
    int (*exists)(void *arg, const char *path);
    int (*remove)(void *arg, const char *path);
    /* Make the entry of `path` in its directory durable. */
    int (*sync_directory)(void *arg, const char *path);
    /* Resolve symbolic links of a name, which need not exist: the true name, of at
     * most `size` bytes with its NUL. */
    int (*resolve)(void *arg, const char *path, char *out, size_t size);
    /* Unpredictable bytes. */
    int (*random)(void *arg, void *buffer, size_t size);
    /* Nanoseconds of a clock that never steps. */
    uint64_t (*now)(void *arg);
};
#define VDB_VFS_INIT                                                                   \
    {                                                                                  \
        sizeof(vdb_vfs), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,   \
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL                             \
    }

enum {
    VDB_LOG_ERROR = 1,
    VDB_LOG_WARNING = 2,
    VDB_LOG_INFO = 3
};

typedef struct vdb_env_options {
    size_t struct_size;
    const vdb_allocator *allocator; /* copied; NULL: malloc */
    const vdb_vfs *vfs;             /* copied; NULL: the operating system's */
    /* Told of recoveries, failed checkpoints and the like.  May be called by any
     * thread; must not call libvdb.  NULL: nobody. */
    void (*log)(void *arg, int32_t level, const char *message);
    void *log_arg;
} vdb_env_options;
#define VDB_ENV_OPTIONS_INIT                                                           \
    {                                                                                  \
        sizeof(vdb_env_options), NULL, NULL, NULL, NULL                                \
    }

/** Resources to be given to vdb_open().  @param options NULL: the defaults. */
VDB_API vdb_status vdb_env_new(const vdb_env_options *options, vdb_env **out);
/** Free an environment; databases and filters that use it must be gone. */
VDB_API void vdb_env_free(vdb_env *env);
/** Copy the operating system's file system, for a host that wraps it; at most
 *  vfs->struct_size bytes are written. */
VDB_API vdb_status vdb_vfs_system(vdb_vfs *vfs);

#ifdef __cplusplus
}
#endif

#endif /* VDB_H */
