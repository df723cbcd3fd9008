/* tree.c: see tree.h; docs/format.md, "Trees".
 *
 * A change owns the pages on the path from the root to the leaf it touches, so a page is
 * changed in place once it has been copied.  Splits and merges go up that path.  An error
 * in the middle leaves counts of frames right but the tree unfinished: the request that
 * made the change is then dropped as a whole, and with it the image that has the tree.
 */
#include "store/tree.h"

#include "base/bytes.h"
#include "base/error.h"

enum {
    HEADER = 16,
    CELL_HEADER = 4,
    COUNT_MAX = (VDBI_PAGE - HEADER) / (2 + CELL_HEADER),
    MERGE_BELOW = VDBI_PAGE / 4,
    MERGE_UP_TO = VDBI_PAGE * 3 / 4,
    PACK_UP_TO = VDBI_PAGE * 15 / 16 /* room for a few more keys */
};

typedef struct cell {
    const uint8_t *key;
    const uint8_t *value;
    uint32_t key_length;
    uint32_t value_length;
} cell;

int vdbi_key_compare(const void *a, size_t a_length, const void *b, size_t b_length)
{
    size_t n = a_length < b_length ? a_length : b_length;
    int order = n ? memcmp(a, b, n) : 0;

    if (order)
        return order;
    return a_length < b_length ? -1 : a_length > b_length;
}

static uint32_t page_count(const uint8_t *bytes)
{
    return vdbi_get16(bytes + 6);
}

/* The i-th cell; 0 when the page lies about it. */
static int cell_get(const uint8_t *bytes, uint32_t i, cell *out)
{
    uint32_t count = page_count(bytes), at;

    if (i >= count || count > COUNT_MAX)
        return 0;
    at = vdbi_get16(bytes + HEADER + 2 * i);
    if (at < HEADER + 2 * count || at > VDBI_PAGE - CELL_HEADER)
        return 0;
    out->key_length = vdbi_get16(bytes + at);
    out->value_length = vdbi_get16(bytes + at + 2);
    if (at + CELL_HEADER + out->key_length + out->value_length > VDBI_PAGE)
        return 0;
    if (bytes[4] > 0 && out->value_length != VDBI_REF_BYTES)
        return 0;
    out->key = bytes + at + CELL_HEADER;
    out->value = out->key + out->key_length;
    return 1;
}

static vdb_status bad_page(const vdbi_ref *ref, const char *what)
{
    return vdbi_fail_at(VDB_CORRUPT, (int64_t)(ref->place * VDBI_PAGE),
                        "page %llu: tree: %s", (unsigned long long)ref->place, what);
}

/* Read a page and see that it is what its parent says. */
static vdb_status page_open(vdbi_pager *pager, const vdbi_ref *ref,
                            const uint8_t **bytes)
{
    vdb_status st;

    if (ref->pages != 1)
        return bad_page(ref, "a page of wrong length");
    st = vdbi_page_read_alone(pager, ref, bytes);
    if (st)
        return st;
    if (vdbi_get32(*bytes) != VDBI_TREE_MAGIC || (*bytes)[4] != ref->height ||
        page_count(*bytes) > COUNT_MAX || page_count(*bytes) == 0 ||
        (ref->height > 0 && page_count(*bytes) > VDBI_KIDS_MAX))
        return bad_page(ref, "not a page of this level");
    return VDB_OK;
}

/* The first cell whose key is not below the wanted one; *equal says it is that key. */
static vdb_status lower_bound(const vdbi_ref *ref, const uint8_t *bytes,
                              const void *key, size_t key_length, uint32_t *index,
                              int *equal)
{
    uint32_t low = 0, high = page_count(bytes);

    *equal = 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        cell c;
        int order;
        if (!cell_get(bytes, middle, &c))
            return bad_page(ref, "a cell out of bounds");
        order = vdbi_key_compare(c.key, c.key_length, key, key_length);
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
            *equal |= order == 0;
        }
    }
    *index = low;
    return VDB_OK;
}

/* The child of an inner page under which the key belongs. */
static vdb_status child_index(const vdbi_ref *ref, const uint8_t *bytes,
                              const void *key, size_t key_length, uint32_t *index)
{
    int equal;
    vdb_status st = lower_bound(ref, bytes, key, key_length, index, &equal);

    if (!st && !equal && *index > 0)
        --*index;
    return st;
}

static vdb_status child_open(const vdbi_ref *ref, const uint8_t *bytes, uint32_t index,
                             vdbi_ref *child)
{
    cell c;

    if (!cell_get(bytes, index, &c))
        return bad_page(ref, "a cell out of bounds");
    vdbi_child_get(ref, bytes, (uint32_t)(c.value - bytes), index, child);
    if (vdbi_ref_none(child) || child->height + 1 != ref->height)
        return bad_page(ref, "a child of the wrong level");
    return VDB_OK;
}

vdb_status vdbi_tree_find(vdbi_pager *pager, const vdbi_ref *root, const void *key,
                          size_t key_length, uint8_t value[VDBI_VALUE_MAX], int *length)
{
    vdbi_ref ref = *root;
    const uint8_t *bytes;
    uint32_t index;
    int equal;
    cell c;
    vdb_status st;

    *length = -1;
    if (vdbi_ref_none(&ref))
        return VDB_OK;
    for (;;) {
        vdbi_ref child;
        st = page_open(pager, &ref, &bytes);
        if (st)
            return st;
        if (ref.height == 0)
            break;
        st = child_index(&ref, bytes, key, key_length, &index);
        if (!st)
            st = child_open(&ref, bytes, index, &child);
        if (st)
            return st;
        ref = child;
    }
    st = lower_bound(&ref, bytes, key, key_length, &index, &equal);
    if (st || !equal)
        return st;
    if (!cell_get(bytes, index, &c) || c.value_length > VDBI_VALUE_MAX)
        return bad_page(&ref, "a value too long");
    memcpy(value, c.value, c.value_length);
    *length = (int)c.value_length;
    return VDB_OK;
}

/* -------------------------------------------------- changing a page one owns */

static vdb_status page_new(vdbi_change *change, uint8_t structure, uint32_t level,
                           vdbi_ref *out)
{
    vdb_status st = vdbi_change_new(change, 1, level, level > 0, out);
    uint8_t *b;

    if (st)
        return st;
    b = out->frame->bytes;
    vdbi_put32(b, VDBI_TREE_MAGIC);
    b[4] = (uint8_t)level;
    b[5] = structure;
    vdbi_put16(b + 8, VDBI_PAGE);
    return VDB_OK;
}

/* Bytes of cells and offsets: what a packed page would need. */
static uint32_t page_used(const uint8_t *bytes)
{
    uint32_t used = HEADER;
    cell c;

    for (uint32_t i = 0; i < page_count(bytes); i++)
        if (cell_get(bytes, i, &c))
            used += 2 + CELL_HEADER + c.key_length + c.value_length;
    return used;
}

/* Move the cells together, so that all free bytes are in one gap. */
static void page_pack(uint8_t *bytes)
{
    uint8_t old[VDBI_PAGE];
    uint32_t top = VDBI_PAGE;

    memcpy(old, bytes, VDBI_PAGE);
    for (uint32_t i = 0; i < page_count(old); i++) {
        uint32_t at = vdbi_get16(old + HEADER + 2 * i);
        uint32_t size =
            CELL_HEADER + (uint32_t)vdbi_get16(old + at) + vdbi_get16(old + at + 2);
        top -= size;
        memcpy(bytes + top, old + at, size);
        vdbi_put16(bytes + HEADER + 2 * i, (uint16_t)top);
    }
    vdbi_put16(bytes + 8, (uint16_t)top);
    memset(bytes + HEADER + 2 * page_count(bytes), 0,
           top - HEADER - 2 * page_count(bytes));
}

/* Put a cell at index; 0 when the page has no room.  `kid` becomes its child's frame. */
static int page_insert(vdbi_frame *frame, uint32_t index, const void *key,
                       size_t key_length, const void *value, size_t value_length,
                       vdbi_frame *kid)
{
    uint8_t *b = frame->bytes;
    uint32_t count = page_count(b), top = vdbi_get16(b + 8);
    uint32_t size = (uint32_t)(CELL_HEADER + key_length + value_length);

    if (frame->kids && count >= VDBI_KIDS_MAX)
        return 0;
    if (top < HEADER + 2 * (count + 1) + size) {
        if (page_used(b) + 2 + size > VDBI_PAGE)
            return 0;
        page_pack(b);
        top = vdbi_get16(b + 8);
    }
    top -= size;
    vdbi_put16(b + top, (uint16_t)key_length);
    vdbi_put16(b + top + 2, (uint16_t)value_length);
    memcpy(b + top + CELL_HEADER, key, key_length);
    memcpy(b + top + CELL_HEADER + key_length, value, value_length);
    memmove(b + HEADER + 2 * (index + 1), b + HEADER + 2 * index,
            (size_t)2 * (count - index));
    vdbi_put16(b + HEADER + 2 * index, (uint16_t)top);
    vdbi_put16(b + 6, (uint16_t)(count + 1));
    vdbi_put16(b + 8, (uint16_t)top);
    if (frame->kids) {
        memmove(frame->kids + index + 1, frame->kids + index,
                sizeof(vdbi_frame *) * (count - index));
        frame->kids[index] = kid;
    }
    return 1;
}

/* Take a cell out; its child's frame, if any, is the caller's now. */
static void page_delete(vdbi_frame *frame, uint32_t index)
{
    uint8_t *b = frame->bytes;
    uint32_t count = page_count(b);

    memmove(b + HEADER + 2 * index, b + HEADER + 2 * (index + 1),
            (size_t)2 * (count - index - 1));
    vdbi_put16(b + 6, (uint16_t)(count - 1));
    if (frame->kids) {
        memmove(frame->kids + index, frame->kids + index + 1,
                sizeof(vdbi_frame *) * (count - index - 1));
        frame->kids[count - 1] = NULL;
    }
    page_pack(b);
}

/* Append cells [from, to) of one page to the end of another, with their children.  They
 * stay where they were too; the caller removes them. */
static void page_append(vdbi_frame *to, const vdbi_frame *from, uint32_t first,
                        uint32_t last)
{
    for (uint32_t i = first; i < last; i++) {
        cell c;
        if (cell_get(from->bytes, i, &c))
            page_insert(to, page_count(to->bytes), c.key, c.key_length, c.value,
                        c.value_length, from->kids ? from->kids[i] : NULL);
    }
}

static void page_truncate(vdbi_frame *frame, uint32_t count)
{
    if (frame->kids)
        for (uint32_t i = count; i < VDBI_KIDS_MAX; i++)
            frame->kids[i] = NULL;
    vdbi_put16(frame->bytes + 6, (uint16_t)count);
    page_pack(frame->bytes);
}

/* ------------------------------------------------------------------- paths */

typedef struct path {
    int depth; /* of the leaf */
    vdbi_ref ref[VDBI_HEIGHT_MAX + 1];
    uint32_t index[VDBI_HEIGHT_MAX + 1]; /* which child the path takes */
} path;

/* See that every cell of an owned page is in bounds, so that changing it is safe. */
static vdb_status page_sound(const vdbi_ref *ref)
{
    const char *problem = vdbi_tree_page_problem(ref->frame->bytes, ref->height);

    return problem ? bad_page(ref, problem) : VDB_OK;
}

static vdb_status own_page(vdbi_change *change, vdbi_ref *ref)
{
    int copied = !(ref->frame && ref->frame->writer == change->writer);
    const uint8_t *bytes;
    vdb_status st = page_open(change->pager, ref, &bytes);

    if (!st)
        st = vdbi_change_page(change, ref, ref->height > 0);
    return st || !copied ? st : page_sound(ref);
}

/* Store the child that the path takes at `depth` into its parent. */
static void path_store(path *p, int depth)
{
    vdbi_ref *parent = &p->ref[depth - 1];
    uint32_t index = p->index[depth - 1];

    vdbi_child_set(parent, vdbi_child_offset(parent->frame->bytes, index), index,
                   &p->ref[depth]);
}

/* Own every page from the root to the leaf where the key belongs. */
static vdb_status path_open(path *p, vdbi_change *change, vdbi_ref *root,
                            const void *key, size_t key_length)
{
    vdb_status st = own_page(change, root);

    if (st)
        return st;
    p->depth = 0;
    p->ref[0] = *root;
    while (p->ref[p->depth].height > 0) {
        vdbi_ref *at = &p->ref[p->depth], child;
        if (p->depth >= VDBI_HEIGHT_MAX)
            return bad_page(at, "too deep");
        st = child_index(at, at->frame->bytes, key, key_length, &p->index[p->depth]);
        if (!st)
            st = child_open(at, at->frame->bytes, p->index[p->depth], &child);
        if (st)
            return st;
        st = own_page(change, &child);
        p->ref[++p->depth] = child;
        path_store(p, p->depth);
        if (st)
            return st;
    }
    return VDB_OK;
}

static uint32_t cell_bytes(const uint8_t *bytes, uint32_t i)
{
    cell c;

    return cell_get(bytes, i, &c) ? 2 + CELL_HEADER + c.key_length + c.value_length : 0;
}

/* Where to cut a page that has no room for `size` bytes more at `index`, which go to the
 * left half if index is below the cut: where the larger half is smallest; or behind all
 * of it when keys arrive in ascending order, which then fills pages instead of leaving
 * them half empty. */
static uint32_t split_point(const uint8_t *bytes, uint32_t index, uint32_t size)
{
    uint32_t count = page_count(bytes), total = page_used(bytes), left = 0;
    uint32_t best = 1, best_size = UINT32_MAX;

    if (index == count)
        return count;
    for (uint32_t cut = 1; cut < count; cut++) {
        uint32_t with_left, with_right, larger;
        left += cell_bytes(bytes, cut - 1);
        with_left = left + (index < cut ? size : 0);
        with_right = total - left + (index < cut ? 0 : size);
        larger = with_left > with_right ? with_left : with_right;
        if (larger < best_size) {
            best_size = larger;
            best = cut;
        }
    }
    return best;
}

/* The shortest key above every key of the left leaf and not above any of the right. */
static size_t separator_length(const vdbi_frame *left, const cell *first, int leaf)
{
    cell last;
    size_t n = 0;

    if (!leaf || !cell_get(left->bytes, page_count(left->bytes) - 1, &last))
        return first->key_length;
    while (n < last.key_length && n < first->key_length && last.key[n] == first->key[n])
        n++;
    return n < first->key_length ? n + 1 : first->key_length;
}

/* Put a new root above the old one. */
static vdb_status root_raise(vdbi_change *change, vdbi_ref *root, uint8_t structure)
{
    uint8_t ref_bytes[VDBI_REF_BYTES];
    vdbi_ref top;
    vdb_status st;

    if (root->height >= VDBI_HEIGHT_MAX)
        return vdbi_fail(VDB_FULL, "a tree of more than %d levels", VDBI_HEIGHT_MAX);
    st = page_new(change, structure, root->height + 1, &top);
    if (st)
        return st;
    vdbi_ref_put(ref_bytes, root);
    page_insert(top.frame, 0, "", 0, ref_bytes, sizeof ref_bytes, root->frame);
    *root = top;
    return VDB_OK;
}

/* Insert a cell at index of the page at `depth` of the path, splitting upwards. */
static vdb_status insert_at(path *p, vdbi_change *change, vdbi_ref *root,
                            uint8_t structure, int depth, uint32_t index,
                            const void *key, size_t key_length, const void *value,
                            size_t value_length, vdbi_frame *kid)
{
    uint8_t separator[VDBI_KEY_MAX], ref_bytes[VDBI_REF_BYTES];
    uint8_t own_key[VDBI_KEY_MAX], own_value[VDBI_REF_BYTES];

    memcpy(own_key, key, key_length);
    memcpy(own_value, value, value_length);
    for (;;) {
        vdbi_frame *left = p->ref[depth].frame;
        uint32_t cut, count;
        size_t length;
        vdbi_ref right;
        cell first;
        vdb_status st;
        int fits;

        if (page_insert(left, index, own_key, key_length, own_value, value_length, kid))
            return VDB_OK;
        st = page_new(change, structure, p->ref[depth].height, &right);
        if (st)
            goto fail;
        if (depth == 0) {
            /* Make room for a parent in the path. */
            st = root_raise(change, root, structure);
            if (st) {
                vdbi_frame_release(change->pager, right.frame);
                goto fail;
            }
            memmove(p->ref + 1, p->ref, sizeof p->ref - sizeof p->ref[0]);
            memmove(p->index + 1, p->index, sizeof p->index - sizeof p->index[0]);
            p->ref[0] = *root;
            p->index[0] = 0;
            p->depth++;
            depth = 1;
        }
        count = page_count(left->bytes);
        cut = split_point(left->bytes, index,
                          (uint32_t)(2 + CELL_HEADER + key_length + value_length));
        page_append(right.frame, left, cut, count);
        page_truncate(left, cut);
        fits = index < cut ? page_insert(left, index, own_key, key_length, own_value,
                                         value_length, kid)
                           : page_insert(right.frame, index - cut, own_key, key_length,
                                         own_value, value_length, kid);
        if (!fits || !cell_get(right.frame->bytes, 0, &first)) {
            vdbi_frame_release(change->pager, right.frame);
            return vdbi_fail(VDB_CORRUPT, "tree: a cell fits neither half of a page");
        }
        length = separator_length(left, &first, p->ref[depth].height == 0);
        memcpy(separator, first.key, length);
        vdbi_ref_put(ref_bytes, &right);
        memcpy(own_key, separator, length);
        memcpy(own_value, ref_bytes, sizeof ref_bytes);
        key_length = length;
        value_length = sizeof ref_bytes;
        kid = right.frame;
        depth--;
        index = p->index[depth] + 1;
        continue;
    fail:
        vdbi_frame_release(change->pager, kid);
        return st;
    }
}

vdb_status vdbi_tree_put(vdbi_change *change, vdbi_ref *root, uint8_t structure,
                         const void *key, size_t key_length, const void *value,
                         size_t value_length)
{
    path p;
    uint32_t index;
    int equal;
    cell c;
    vdbi_frame *leaf;
    vdb_status st;

    memset(&p, 0, sizeof p);
    if (vdbi_ref_none(root)) {
        st = page_new(change, structure, 0, root);
        if (st)
            return st;
        p.ref[0] = *root;
    } else {
        st = path_open(&p, change, root, key, key_length);
        if (st)
            return st;
    }
    leaf = p.ref[p.depth].frame;
    st = lower_bound(&p.ref[p.depth], leaf->bytes, key, key_length, &index, &equal);
    if (st)
        return st;
    if (equal) {
        if (!cell_get(leaf->bytes, index, &c))
            return bad_page(&p.ref[p.depth], "a cell out of bounds");
        if (c.value_length == value_length) {
            memcpy(leaf->bytes + (c.value - leaf->bytes), value, value_length);
            return VDB_OK;
        }
        page_delete(leaf, index);
    }
    return insert_at(&p, change, root, structure, p.depth, index, key, key_length,
                     value, value_length, NULL);
}

/* ---------------------------------------------------------------- removing */

/* Take the cell of the path's child at `depth` out of its parent. */
static void unlink_child(path *p, int depth)
{
    page_delete(p->ref[depth - 1].frame, p->index[depth - 1]);
}

/* Merge the page at `depth` with a neighbour under the same parent, if both fit one.
 *
 * A page's first key is never looked at and may be above keys that were put below it; in
 * the middle of the merged page it counts, so there the parent's key takes its place. */
static vdb_status try_merge(path *p, vdbi_change *change, int depth, uint32_t up_to)
{
    vdbi_ref *parent = &p->ref[depth - 1], *at = &p->ref[depth], other;
    uint32_t index = p->index[depth - 1], neighbour, right_index;
    const uint8_t *bytes;
    vdbi_frame *left, *right;
    cell bound, first;
    vdb_status st;

    if (page_count(parent->frame->bytes) < 2)
        return VDB_OK;
    neighbour = index > 0 ? index - 1 : 1;
    right_index = neighbour < index ? index : neighbour;
    st = child_open(parent, parent->frame->bytes, neighbour, &other);
    if (!st)
        st = page_open(change->pager, &other, &bytes);
    if (st)
        return st;
    if (!cell_get(parent->frame->bytes, right_index, &bound))
        return bad_page(parent, "a cell out of bounds");
    if (page_used(bytes) + page_used(at->frame->bytes) + bound.key_length > up_to ||
        (at->height > 0 &&
         page_count(bytes) + page_count(at->frame->bytes) > VDBI_KIDS_MAX))
        return VDB_OK;
    st = own_page(change, &other);
    vdbi_child_set(parent, vdbi_child_offset(parent->frame->bytes, neighbour),
                   neighbour, &other);
    if (st)
        return st;
    left = neighbour < index ? other.frame : at->frame;
    right = neighbour < index ? at->frame : other.frame;
    if (!cell_get(right->bytes, 0, &first))
        return bad_page(&other, "a cell out of bounds");
    if (at->height > 0)
        page_insert(left, page_count(left->bytes), bound.key, bound.key_length,
                    first.value, first.value_length, right->kids[0]);
    page_append(left, right, at->height > 0, page_count(right->bytes));
    page_truncate(right, 0);
    page_delete(parent->frame, right_index);
    vdbi_frame_release(change->pager, right);
    return VDB_OK;
}

/* After the page at `depth` of the path has become smaller: merge, unlink, upwards. */
static vdb_status rebalance(path *p, vdbi_change *change, vdbi_ref *root, int depth)
{
    vdb_status st = VDB_OK;

    for (; depth > 0 && !st; depth--) {
        vdbi_frame *frame = p->ref[depth].frame;
        if (page_count(frame->bytes) == 0) {
            unlink_child(p, depth);
            vdbi_frame_release(change->pager, frame);
        } else if (page_used(frame->bytes) < MERGE_BELOW) {
            st = try_merge(p, change, depth, MERGE_UP_TO);
        } else {
            break;
        }
    }
    if (st)
        return st;
    /* A root without cells is no tree; one with a single child is that child. */
    if (page_count(root->frame->bytes) == 0) {
        vdbi_frame_release(change->pager, root->frame);
        memset(root, 0, sizeof *root);
        return VDB_OK;
    }
    while (root->height > 0 && page_count(root->frame->bytes) == 1) {
        vdbi_ref child;
        st = child_open(root, root->frame->bytes, 0, &child);
        if (!st)
            st = own_page(change, &child);
        if (st)
            return st;
        root->frame->kids[0] = NULL;
        vdbi_frame_release(change->pager, root->frame);
        *root = child;
    }
    return VDB_OK;
}

vdb_status vdbi_tree_remove(vdbi_change *change, vdbi_ref *root, const void *key,
                            size_t key_length)
{
    uint8_t value[VDBI_VALUE_MAX];
    int length, equal;
    uint32_t index;
    path p;
    vdb_status st =
        vdbi_tree_find(change->pager, root, key, key_length, value, &length);

    if (st || length < 0)
        return st;
    memset(&p, 0, sizeof p);
    st = path_open(&p, change, root, key, key_length);
    if (!st)
        st = lower_bound(&p.ref[p.depth], p.ref[p.depth].frame->bytes, key, key_length,
                         &index, &equal);
    if (st)
        return st;
    page_delete(p.ref[p.depth].frame, index);
    return rebalance(&p, change, root, p.depth);
}

/* ----------------------------------------------------------------- cursors */

/* Go down from the page at the cursor's depth, along first children. */
static vdb_status descend_first(vdbi_tree_cursor *c)
{
    while (c->path[c->depth].ref.height > 0) {
        vdbi_ref *at = &c->path[c->depth].ref, child;
        const uint8_t *bytes;
        vdb_status st = page_open(c->pager, at, &bytes);
        if (!st)
            st = child_open(at, bytes, c->path[c->depth].index, &child);
        if (st)
            return st;
        c->depth++;
        c->path[c->depth].ref = child;
        c->path[c->depth].index = 0;
    }
    return VDB_OK;
}

vdb_status vdbi_tree_seek(vdbi_tree_cursor *c, vdbi_pager *pager, const vdbi_ref *root,
                          const void *key, size_t key_length)
{
    c->pager = pager;
    c->depth = -1;
    if (vdbi_ref_none(root))
        return VDB_OK;
    c->depth = 0;
    c->path[0].ref = *root;
    if (root->height > VDBI_HEIGHT_MAX)
        return bad_page(root, "too deep");
    for (;;) {
        vdbi_ref *at = &c->path[c->depth].ref, child;
        const uint8_t *bytes;
        int equal;
        vdb_status st = page_open(pager, at, &bytes);
        if (st)
            return st;
        if (at->height == 0)
            return lower_bound(at, bytes, key, key_length, &c->path[c->depth].index,
                               &equal);
        st = child_index(at, bytes, key, key_length, &c->path[c->depth].index);
        if (!st)
            st = child_open(at, bytes, c->path[c->depth].index, &child);
        if (st)
            return st;
        c->depth++;
        c->path[c->depth].ref = child;
    }
}

vdb_status vdbi_tree_next(vdbi_tree_cursor *c, const uint8_t **key, size_t *key_length,
                          const uint8_t **value, size_t *value_length)
{
    *key = NULL;
    while (c->depth >= 0) {
        const uint8_t *bytes;
        vdbi_ref *at = &c->path[c->depth].ref;
        cell found;
        vdb_status st = page_open(c->pager, at, &bytes);
        if (st)
            return st;
        if (c->path[c->depth].index >= page_count(bytes)) {
            if (--c->depth >= 0)
                c->path[c->depth].index++;
            continue;
        }
        if (at->height > 0) {
            st = descend_first(c);
            if (st)
                return st;
            continue;
        }
        if (!cell_get(bytes, c->path[c->depth].index, &found))
            return bad_page(at, "a cell out of bounds");
        c->path[c->depth].index++;
        *key = found.key;
        *key_length = found.key_length;
        *value = found.value;
        *value_length = found.value_length;
        return VDB_OK;
    }
    return VDB_OK;
}

/* -------------------------------------------------------------- compaction */

vdb_status vdbi_tree_locate(vdbi_pager *pager, const vdbi_ref *root, const void *key,
                            size_t key_length, vdbi_tree_path *out)
{
    out->depth = 0;
    out->neighbours = 0;
    out->next_length = -1;
    out->ref[0] = *root;
    if (root->height > VDBI_HEIGHT_MAX)
        return bad_page(root, "too deep");
    while (out->ref[out->depth].height > 0) {
        const vdbi_ref *at = &out->ref[out->depth];
        const uint8_t *bytes;
        uint32_t index;
        cell next;
        vdb_status st = page_open(pager, at, &bytes);
        if (!st)
            st = child_index(at, bytes, key, key_length, &index);
        if (!st)
            st = child_open(at, bytes, index, &out->ref[out->depth + 1]);
        if (st)
            return st;
        if (cell_get(bytes, index + 1, &next)) {
            if (next.key_length > VDBI_KEY_MAX)
                return bad_page(at, "a cell too long");
            memcpy(out->next, next.key, next.key_length);
            out->next_length = (int)next.key_length;
            out->neighbours = at->height == 1;
        }
        out->depth++;
    }
    return VDB_OK;
}

vdb_status vdbi_tree_own(vdbi_change *change, vdbi_ref *root, const void *key,
                         size_t key_length)
{
    path p;

    memset(&p, 0, sizeof p);
    return vdbi_ref_none(root) ? VDB_OK : path_open(&p, change, root, key, key_length);
}

vdb_status vdbi_tree_pack(vdbi_change *change, vdbi_ref *root, const vdbi_tree_path *at,
                          int *merged)
{
    const uint8_t *left, *right;
    uint32_t count;
    vdbi_tree_path behind;
    path p;
    vdb_status st;

    *merged = 0;
    if (!at->neighbours)
        return VDB_OK;
    st = vdbi_tree_locate(change->pager, root, at->next, (size_t)at->next_length,
                          &behind);
    if (!st)
        st = page_open(change->pager, &at->ref[at->depth], &left);
    if (!st)
        st = page_open(change->pager, &behind.ref[behind.depth], &right);
    if (st || page_used(left) + page_used(right) > PACK_UP_TO)
        return st;
    memset(&p, 0, sizeof p);
    st = path_open(&p, change, root, at->next, (size_t)at->next_length);
    if (st)
        return st;
    count = page_count(p.ref[p.depth - 1].frame->bytes);
    st = try_merge(&p, change, p.depth, PACK_UP_TO);
    if (st)
        return st;
    *merged = page_count(p.ref[p.depth - 1].frame->bytes) < count;
    return rebalance(&p, change, root, p.depth - 1);
}

const char *vdbi_tree_page_problem(const uint8_t *bytes, uint32_t level)
{
    uint32_t count = page_count(bytes), used = HEADER;
    cell c, before = {NULL, NULL, 0, 0};

    if (vdbi_get32(bytes) != VDBI_TREE_MAGIC || bytes[4] != level)
        return "not a page of this level";
    if (count == 0 || count > COUNT_MAX || (level > 0 && count > VDBI_KIDS_MAX))
        return "an impossible number of cells";
    if (vdbi_get16(bytes + 8) < HEADER + 2 * count || vdbi_get16(bytes + 8) > VDBI_PAGE)
        return "cells begin out of bounds";
    for (uint32_t i = 0; i < count; i++, before = c) {
        if (!cell_get(bytes, i, &c) ||
            vdbi_get16(bytes + HEADER + 2 * i) < vdbi_get16(bytes + 8))
            return "a cell out of bounds";
        if (c.key_length > VDBI_KEY_MAX ||
            c.value_length > (level ? VDBI_REF_BYTES : VDBI_VALUE_MAX))
            return "a cell too long";
        used += 2 + CELL_HEADER + c.key_length + c.value_length;
        if (i &&
            vdbi_key_compare(before.key, before.key_length, c.key, c.key_length) >= 0)
            return "keys out of order";
    }
    return used > VDBI_PAGE ? "cells overlap" : NULL;
}
