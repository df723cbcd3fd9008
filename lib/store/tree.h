/* tree.h: the copy-on-write B+tree: keys in the order of their bytes.
 *
 * Owns:      nothing; it works on a root reference that the caller keeps in an image.
 * Promises:  docs/format.md, "Trees".
 * May call:  frame.h.
 * Threads:   reading, any number; writing, by the one who owns the change.
 * Failure:   VDB_CORRUPT, VDB_IO, VDB_NOMEM.
 */
#ifndef VDBI_TREE_H
#define VDBI_TREE_H

#include "store/frame.h"

enum {
    VDBI_KEY_MAX = 1032,
    VDBI_VALUE_MAX = 16
};

/* *length is the value's, or -1 when the key is not there. */
vdb_status vdbi_tree_find(vdbi_pager *pager, const vdbi_ref *root, const void *key,
                          size_t key_length, uint8_t value[VDBI_VALUE_MAX],
                          int *length);
/* Insert, or replace the value. */
vdb_status vdbi_tree_put(vdbi_change *change, vdbi_ref *root, uint8_t structure,
                         const void *key, size_t key_length, const void *value,
                         size_t value_length);
/* Remove; that the key is not there is VDB_OK. */
vdb_status vdbi_tree_remove(vdbi_change *change, vdbi_ref *root, const void *key,
                            size_t key_length);

/* A place between keys.  Begin with vdbi_tree_seek; each step gives the next key, whose
 * bytes live until the section ends.  The root must stay as it is meanwhile. */
typedef struct vdbi_tree_cursor {
    vdbi_pager *pager;
    int depth; /* -1: at the end */
    struct {
        vdbi_ref ref;
        uint32_t index;
    } path[VDBI_HEIGHT_MAX + 1];
} vdbi_tree_cursor;

/* Stand before the first key that is not below `key`. */
vdb_status vdbi_tree_seek(vdbi_tree_cursor *cursor, vdbi_pager *pager,
                          const vdbi_ref *root, const void *key, size_t key_length);
/* *key is NULL behind the last. */
vdb_status vdbi_tree_next(vdbi_tree_cursor *cursor, const uint8_t **key,
                          size_t *key_length, const uint8_t **value,
                          size_t *value_length);

/* ---- for compaction ---- */

/* The pages from the root to the leaf to which a key belongs, which is not read, and the
 * key at which the leaf behind it begins. */
typedef struct vdbi_tree_path {
    int depth; /* of the leaf */
    vdbi_ref ref[VDBI_HEIGHT_MAX + 1];
    int neighbours;  /* the leaf behind has the same parent */
    int next_length; /* -1: there is none */
    uint8_t next[VDBI_KEY_MAX];
} vdbi_tree_path;
vdb_status vdbi_tree_locate(vdbi_pager *pager, const vdbi_ref *root, const void *key,
                            size_t key_length, vdbi_tree_path *out);
/* Make the pages of the path to a key the change's own. */
vdb_status vdbi_tree_own(vdbi_change *change, vdbi_ref *root, const void *key,
                         size_t key_length);
/* Merge a leaf and the one behind, when they are neighbours and fit one page: *merged. */
vdb_status vdbi_tree_pack(vdbi_change *change, vdbi_ref *root,
                          const vdbi_tree_path *path, int *merged);

/* The order of keys: memcmp, then length. */
int vdbi_key_compare(const void *a, size_t a_length, const void *b, size_t b_length);

/* For the check of the whole file: a page's own order and bounds; NULL when it is sound,
 * else what is not. */
const char *vdbi_tree_page_problem(const uint8_t *bytes, uint32_t level);

#endif
