/* array.c: see array.h; docs/format.md, "Arrays". */
#include "store/array.h"

#include "base/bytes.h"
#include "base/error.h"

enum {
    FIRST_REF = 64
};

static uint32_t ref_offset(uint32_t index)
{
    return FIRST_REF + VDBI_REF_BYTES * index;
}

uint64_t vdbi_array_span(uint32_t height)
{
    uint64_t n = 1;

    while (height-- && n <= UINT64_MAX / VDBI_ARRAY_FANOUT)
        n *= VDBI_ARRAY_FANOUT;
    return n;
}

static vdb_status check_node(const vdbi_ref *ref, const uint8_t *bytes)
{
    if (vdbi_get32(bytes) != VDBI_ARRAY_MAGIC || bytes[4] != ref->height ||
        ref->pages != 1)
        return vdbi_fail_at(VDB_CORRUPT, (int64_t)(ref->place * VDBI_PAGE),
                            "page %llu is not an array node of level %u",
                            (unsigned long long)ref->place, ref->height);
    return VDB_OK;
}

/* The reference to child `index` of a node that has been read and checked. */
static vdb_status child_of(const vdbi_ref *ref, const uint8_t *bytes, uint32_t index,
                           vdbi_ref *child)
{
    vdbi_child_get(ref, bytes, ref_offset(index), index, child);
    if (!vdbi_ref_none(child) && child->height != ref->height - 1)
        return vdbi_fail_at(VDB_CORRUPT, (int64_t)(ref->place * VDBI_PAGE),
                            "page %llu: child %u has height %u under %u",
                            (unsigned long long)ref->place, index, child->height,
                            ref->height);
    return VDB_OK;
}

static vdb_status check_block(const vdbi_ref *ref, uint32_t pages)
{
    if (!vdbi_ref_none(ref) && ref->pages != pages)
        return vdbi_fail_at(VDB_CORRUPT, (int64_t)(ref->place * VDBI_PAGE),
                            "page %llu: a block of %u pages where %u belong",
                            (unsigned long long)ref->place, ref->pages, pages);
    return VDB_OK;
}

/* Go down to the block's reference: out is none for a hole.  A path (or NULL) keeps the
 * node above the block. */
static vdb_status find(vdbi_pager *pager, const vdbi_ref *root, uint32_t pages,
                       uint64_t block, vdbi_array_path *path, vdbi_ref *out)
{
    vdbi_ref ref = *root;

    memset(out, 0, sizeof *out);
    if (vdbi_ref_none(&ref) || block >= vdbi_array_span(ref.height))
        return VDB_OK;
    while (ref.height > 0) {
        const uint8_t *bytes;
        uint32_t index =
            (uint32_t)(block / vdbi_array_span(ref.height - 1) % VDBI_ARRAY_FANOUT);
        vdbi_ref child;
        vdb_status st = vdbi_page_read_alone(pager, &ref, &bytes);
        if (!st)
            st = check_node(&ref, bytes);
        if (!st)
            st = child_of(&ref, bytes, index, &child);
        if (st)
            return st;
        if (path && ref.height == 1) {
            path->node = bytes;
            path->ref = ref;
            path->first = block - index;
        }
        if (vdbi_ref_none(&child))
            return VDB_OK;
        ref = child;
    }
    *out = ref;
    return check_block(out, pages);
}

vdb_status vdbi_array_ref_near(vdbi_pager *pager, const vdbi_ref *root, uint32_t pages,
                               uint64_t block, vdbi_array_path *path, vdbi_ref *out)
{
    vdb_status st;

    if (path && path->node && block - path->first < VDBI_ARRAY_FANOUT)
        st = child_of(&path->ref, path->node, (uint32_t)(block - path->first), out);
    else
        st = find(pager, root, pages, block, path, out);
    return st ? st : check_block(out, pages);
}

vdb_status vdbi_array_block_near(vdbi_pager *pager, const vdbi_ref *root,
                                 uint32_t pages, uint64_t block, vdbi_array_path *path,
                                 const uint8_t **bytes)
{
    vdbi_ref ref;
    vdb_status st = vdbi_array_ref_near(pager, root, pages, block, path, &ref);

    *bytes = NULL;
    return st || vdbi_ref_none(&ref) ? st : vdbi_page_read(pager, &ref, bytes);
}

vdb_status vdbi_array_block(vdbi_pager *pager, const vdbi_ref *root, uint32_t pages,
                            uint64_t block, const uint8_t **bytes)
{
    vdbi_ref ref;
    vdb_status st = vdbi_array_ref_near(pager, root, pages, block, NULL, &ref);

    *bytes = NULL;
    return st || vdbi_ref_none(&ref) ? st : vdbi_page_read_alone(pager, &ref, bytes);
}

static vdb_status node_new(vdbi_change *change, uint8_t structure, uint32_t height,
                           vdbi_ref *out)
{
    vdb_status st = vdbi_change_new(change, 1, height, 1, out);

    if (st)
        return st;
    vdbi_put32(out->frame->bytes, VDBI_ARRAY_MAGIC);
    out->frame->bytes[4] = (uint8_t)height;
    out->frame->bytes[5] = structure;
    return VDB_OK;
}

/* Put nodes above the root until the block fits below it. */
static vdb_status grow(vdbi_change *change, vdbi_ref *root, uint8_t structure,
                       uint64_t block)
{
    while (block >= vdbi_array_span(root->height)) {
        vdbi_ref node;
        vdb_status st;
        if (root->height >= VDBI_HEIGHT_MAX)
            return vdbi_fail(VDB_FULL, "an array of more than %llu blocks",
                             (unsigned long long)vdbi_array_span(root->height));
        st = node_new(change, structure, root->height + 1, &node);
        if (st)
            return st;
        vdbi_child_set(&node, ref_offset(0), 0, root);
        *root = node;
    }
    return VDB_OK;
}

/* Make every page from the root to the block the change's own.  Each step leaves a whole
 * structure behind, so an error in the middle only wastes the copies. */
static vdb_status own_path(vdbi_change *change, vdbi_ref *root, uint8_t structure,
                           uint32_t pages, uint64_t block, uint8_t **out)
{
    vdbi_ref *at = root, parent, child;
    uint32_t index = 0;
    vdb_status st;

    for (;;) {
        vdb_status failed = VDB_OK;
        if (vdbi_ref_none(at)) {
            uint32_t height = at == root ? root->height : parent.height - 1;
            st = height ? node_new(change, structure, height, at)
                        : vdbi_change_new(change, pages, 0, 0, at);
        } else {
            st = vdbi_change_page(change, at, at->height > 0);
            if (!st && at->height > 0)
                failed = check_node(at, at->frame->bytes);
        }
        if (st)
            return st;
        if (at != root)
            vdbi_child_set(&parent, ref_offset(index), index, at);
        if (failed)
            return failed;
        if (at->height == 0)
            break;
        parent = *at;
        index =
            (uint32_t)(block / vdbi_array_span(parent.height - 1) % VDBI_ARRAY_FANOUT);
        vdbi_child_get(&parent, parent.frame->bytes, ref_offset(index), index, &child);
        if (!vdbi_ref_none(&child) && child.height != parent.height - 1)
            return vdbi_fail(VDB_CORRUPT, "array: a child of height %u under %u",
                             child.height, parent.height);
        at = &child;
    }
    if (at->pages != pages)
        return vdbi_fail(VDB_CORRUPT, "array: a block of %u pages where %u belong",
                         at->pages, pages);
    *out = at->frame->bytes;
    return VDB_OK;
}

vdb_status vdbi_array_peek(vdbi_change *change, const vdbi_ref *root, uint32_t pages,
                           uint64_t block, int beyond, uint8_t **bytes)
{
    vdbi_ref ref;
    vdb_status st = find(change->pager, root, pages, block, NULL, &ref);

    *bytes = NULL;
    if (!st && ref.frame &&
        (ref.frame->writer == change->writer ||
         (beyond && ref.frame->epoch == change->epoch)))
        *bytes = ref.frame->bytes;
    return st;
}

vdb_status vdbi_array_write(vdbi_change *change, vdbi_ref *root, uint8_t structure,
                            uint32_t pages, uint64_t block, int beyond, uint8_t **bytes)
{
    vdb_status st = vdbi_array_peek(change, root, pages, block, beyond, bytes);

    if (st || *bytes)
        return st;
    if (vdbi_ref_none(root)) {
        /* As low as the block allows: ten rows are one block, with nothing above. */
        memset(root, 0, sizeof *root);
        while (block >= vdbi_array_span(root->height))
            root->height++;
    } else {
        st = grow(change, root, structure, block);
        if (st)
            return st;
    }
    return own_path(change, root, structure, pages, block, bytes);
}

static int node_is_empty(const vdbi_ref *node)
{
    for (uint32_t i = 0; i < VDBI_ARRAY_FANOUT; i++) {
        vdbi_ref child;
        vdbi_child_get(node, node->frame->bytes, ref_offset(i), i, &child);
        if (!vdbi_ref_none(&child))
            return 0;
    }
    return 1;
}

vdb_status vdbi_array_punch(vdbi_change *change, vdbi_ref *root, uint32_t pages,
                            uint64_t block)
{
    vdbi_ref node[VDBI_HEIGHT_MAX + 1], child;
    uint32_t index[VDBI_HEIGHT_MAX + 1];
    int depth = 0;
    vdb_status st = find(change->pager, root, pages, block, NULL, &child);

    if (st || vdbi_ref_none(&child))
        return st;
    if (root->height == 0)
        return vdbi_change_drop(change, root);
    st = vdbi_change_page(change, root, 1);
    node[0] = *root;
    while (!st) {
        const vdbi_ref *at = &node[depth];
        index[depth] =
            (uint32_t)(block / vdbi_array_span(at->height - 1) % VDBI_ARRAY_FANOUT);
        vdbi_child_get(at, at->frame->bytes, ref_offset(index[depth]), index[depth],
                       &child);
        if (at->height == 1)
            break;
        st = vdbi_change_page(change, &child, 1);
        if (!st) {
            vdbi_child_set(&node[depth], ref_offset(index[depth]), index[depth],
                           &child);
            node[++depth] = child;
        }
    }
    /* The root stays: how high it is says how many blocks there may be. */
    for (; !st; child = node[depth--]) {
        st = vdbi_change_drop(change, &child);
        if (!st)
            vdbi_child_set(&node[depth], ref_offset(index[depth]), index[depth],
                           &child);
        if (depth == 0 || !node_is_empty(&node[depth]))
            break;
    }
    return st;
}

vdb_status vdbi_array_lower(vdbi_change *change, vdbi_ref *root, uint64_t blocks)
{
    while (!vdbi_ref_none(root) && root->height > 0 &&
           blocks <= vdbi_array_span(root->height - 1)) {
        uint32_t height = root->height;
        vdbi_ref child;
        vdb_status st = vdbi_change_page(change, root, 1);
        if (!st)
            st = check_node(root, root->frame->bytes);
        if (st)
            return st;
        vdbi_child_get(root, root->frame->bytes, ref_offset(0), 0, &child);
        if (!vdbi_ref_none(&child) && child.height != height - 1)
            return vdbi_fail(VDB_CORRUPT, "array: a child of height %u under %u",
                             child.height, height);
        root->frame->kids[0] = NULL; /* it is the caller's now */
        vdbi_frame_release(change->pager, root->frame);
        *root = child;
        if (vdbi_ref_none(root))
            memset(root, 0, sizeof *root);
    }
    return VDB_OK;
}

static int stands_beyond(const vdbi_ref *ref, uint64_t boundary)
{
    uint64_t place = vdbi_ref_place(ref);

    return place && place + ref->pages > boundary;
}

/* As deep as the array is high.  `level`: of the lowest node above that stands so; -1:
 * none does. */
static vdb_status scan_below(vdbi_pager *pager, const vdbi_ref *ref, uint64_t first,
                             int level, vdbi_array_scan *scan)
{
    const uint8_t *bytes;
    uint64_t span;
    uint32_t i;
    vdb_status st;

    if (stands_beyond(ref, scan->boundary))
        level = (int)ref->height;
    if (ref->height == 0) {
        scan->found = level >= 0;
        scan->level = (uint32_t)level;
        if (scan->found)
            scan->from = first;
        return VDB_OK;
    }
    st = vdbi_page_read_alone(pager, ref, &bytes);
    if (!st)
        st = check_node(ref, bytes);
    if (scan->nodes)
        scan->nodes--;
    span = vdbi_array_span(ref->height - 1);
    i = scan->from > first ? (uint32_t)((scan->from - first) / span) : 0;
    for (; !st && i < VDBI_ARRAY_FANOUT && !scan->found && !scan->stopped; i++) {
        vdbi_ref child;
        vdbi_child_get(ref, bytes, ref_offset(i), i, &child);
        if (vdbi_ref_none(&child))
            continue;
        if (child.height != ref->height - 1)
            return vdbi_fail(VDB_CORRUPT, "array: a child of height %u under %u",
                             child.height, ref->height);
        if (child.height > 0 && scan->nodes == 0) { /* enough for now */
            scan->stopped = 1;
            if (scan->from < first + i * span)
                scan->from = first + i * span;
            break;
        }
        st = scan_below(pager, &child, first + i * span, level, scan);
    }
    return st;
}

vdb_status vdbi_array_scan_on(vdbi_pager *pager, const vdbi_ref *root,
                              vdbi_array_scan *scan)
{
    vdb_status st = VDB_OK;

    scan->found = scan->stopped = 0;
    if (!vdbi_ref_none(root) && scan->from < vdbi_array_span(root->height))
        st = scan_below(pager, root, 0, -1, scan);
    if (!st && !scan->found && !scan->stopped)
        scan->from = UINT64_MAX;
    return st;
}

vdb_status vdbi_array_pages(vdbi_pager *pager, const vdbi_ref *root, uint64_t *pages)
{
    const uint8_t *bytes;
    vdb_status st = VDB_OK;

    if (vdbi_ref_none(root))
        return VDB_OK;
    *pages += root->pages;
    if (root->height == 0)
        return VDB_OK;
    st = vdbi_page_read_alone(pager, root, &bytes);
    if (!st)
        st = check_node(root, bytes);
    for (uint32_t i = 0; i < VDBI_ARRAY_FANOUT && !st; i++) {
        vdbi_ref child;
        st = child_of(root, bytes, i, &child);
        if (!st)
            st = vdbi_array_pages(pager, &child, pages); /* as deep as it is high */
    }
    return st;
}
