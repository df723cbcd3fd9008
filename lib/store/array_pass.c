/* array_pass.c: see array_pass.h; docs/format.md, "Arrays". */
#include "store/array_pass.h"

#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

enum {
    FIRST_REF = 64
};

void vdbi_array_pass_begin(vdbi_array_pass *p, vdbi_pager *pager, vdbi_space *space,
                           vdbi_page_writer *writer, const vdbi_ref *root,
                           uint8_t structure)
{
    memset(p, 0, sizeof *p);
    p->memory = vdbi_pager_memory(pager);
    p->pager = pager;
    p->space = space;
    p->writer = writer;
    p->structure = structure;
    p->root = *root;
    p->damaged = root->height > VDBI_HEIGHT_MAX;
    p->height = p->damaged ? 0 : root->height;
}

void vdbi_array_pass_free(vdbi_array_pass *p)
{
    for (int i = 0; i <= VDBI_HEIGHT_MAX; i++) {
        if (p->memory)
            vdbi_free(p->memory, p->levels[i].page);
        p->levels[i].page = NULL;
    }
}

/* A reference that an array may hold. */
static vdb_status check_ref(const vdbi_ref *ref, uint32_t height)
{
    if (ref->height == height && height <= VDBI_HEIGHT_MAX && ref->pages == 1)
        return VDB_OK;
    return vdbi_fail_at(VDB_CORRUPT, (int64_t)(ref->place * VDBI_PAGE),
                        "page %llu: a reference of height %u to %u pages in an array, "
                        "at height %u",
                        (unsigned long long)ref->place, ref->height, ref->pages,
                        height);
}

/* Copy a node, verified. */
static vdb_status read_node(vdbi_pager *pager, const vdbi_ref *ref, uint8_t structure,
                            uint8_t *page)
{
    const uint8_t *bytes;
    vdb_status st;

    vdbi_section_begin(pager);
    st = vdbi_page_read(pager, ref, &bytes);
    if (!st)
        memcpy(page, bytes, VDBI_PAGE);
    vdbi_section_end(pager);
    if (!st && (vdbi_get32(page) != VDBI_ARRAY_MAGIC || page[4] != ref->height ||
                page[5] != structure))
        st = vdbi_fail_at(VDB_CORRUPT, (int64_t)(ref->place * VDBI_PAGE),
                          "page %llu is not a node of level %u of structure %u",
                          (unsigned long long)ref->place, ref->height, structure);
    return st;
}

static uint8_t *child_at(vdbi_pass_level *level, uint64_t index)
{
    return level->page + FIRST_REF + VDBI_REF_BYTES * (index % VDBI_ARRAY_FANOUT);
}

/* What the transaction takes and gives is the map's business; what it says of a page of
 * the old array, that array's. */
static vdb_status give(vdbi_array_pass *p, const vdbi_ref *old)
{
    vdb_status st;

    if (vdbi_ref_none(old))
        return VDB_OK;
    st = vdbi_space_give(p->space, old->place, old->pages, 0);
    p->damaged |= st == VDB_CORRUPT;
    return st;
}

static vdb_status write_page(vdbi_array_pass *p, const uint8_t *bytes, uint32_t height,
                             vdbi_ref *out)
{
    uint64_t place;
    vdb_status st = vdbi_space_take(p->space, 1, &place);

    if (st)
        return st;
    vdbi_page_writer_load(p->writer, VDBI_TRIM_NONE, 0, bytes, 1);
    return vdbi_page_writer_put(p->writer, place, 1, height, out);
}

static int is_empty(const uint8_t *node)
{
    for (int i = FIRST_REF; i < VDBI_PAGE; i++)
        if (node[i])
            return 0;
    return 1;
}

/* Say to the parent of node `number` of level `height` (a block: 0), or to the root, where
 * it is now. */
static void name(vdbi_array_pass *p, uint32_t height, uint64_t number,
                 const vdbi_ref *ref)
{
    vdbi_pass_level *parent = &p->levels[height + 1];

    if (height == p->height) {
        p->root = *ref;
        return;
    }
    vdbi_ref_put(child_at(parent, number), ref);
    parent->changed = 1;
}

/* Close the nodes up to this level, the lowest first: those that have changed are written,
 * those that have become empty are not there any more. */
static vdb_status close_levels(vdbi_array_pass *p, uint32_t top)
{
    vdb_status st = VDB_OK;

    for (uint32_t h = 1; h <= top && !st; h++) {
        vdbi_pass_level *l = &p->levels[h];
        vdbi_ref ref = {0};
        if (l->open && l->changed) {
            if (!is_empty(l->page))
                st = write_page(p, l->page, h, &ref);
            if (!st)
                st = give(p, &l->old);
            if (!st)
                name(p, h, l->number, &ref);
        }
        l->open = 0;
    }
    return st;
}

static void open_new(vdbi_array_pass *p, uint32_t height, uint64_t number)
{
    vdbi_pass_level *l = &p->levels[height];

    memset(l->page, 0, VDBI_PAGE);
    vdbi_put32(l->page, VDBI_ARRAY_MAGIC);
    l->page[4] = (uint8_t)height;
    l->page[5] = p->structure;
    memset(&l->old, 0, sizeof l->old);
    l->number = number;
    l->changed = 0;
    l->open = 1;
}

static vdb_status level_page(vdbi_array_pass *p, uint32_t height)
{
    vdbi_pass_level *l = &p->levels[height];

    if (!l->page)
        l->page = vdbi_alloc(p->memory, VDBI_PAGE);
    return l->page ? VDB_OK : VDB_NOMEM;
}

/* Open the node over `block` at this level, whose parent is open, if it is not. */
static vdb_status open_node(vdbi_array_pass *p, uint32_t height, uint64_t block)
{
    vdbi_pass_level *l = &p->levels[height];
    uint64_t number = block / vdbi_array_span(height);
    vdbi_ref ref = p->root;
    vdb_status st;

    if (l->open && l->number == number)
        return VDB_OK;
    st = close_levels(p, height);
    if (!st)
        st = level_page(p, height);
    if (st)
        return st;
    if (height < p->height)
        vdbi_ref_get(child_at(&p->levels[height + 1], number), &ref);
    open_new(p, height, number);
    if (vdbi_ref_none(&ref))
        return VDB_OK;
    st = check_ref(&ref, height);
    if (!st)
        st = read_node(p->pager, &ref, p->structure, l->page);
    p->damaged |= st == VDB_CORRUPT;
    l->old = ref;
    return st;
}

/* Put levels on top until the block fits below. */
static vdb_status grow(vdbi_array_pass *p, uint64_t block)
{
    vdb_status st = VDB_OK;

    if (vdbi_ref_none(&p->root) && !p->levels[p->height].open)
        p->height = 0;
    while (!st && block >= vdbi_array_span(p->height)) {
        vdbi_ref below;
        if (p->height >= VDBI_HEIGHT_MAX)
            return vdbi_fail(VDB_FULL, "an array of more than %llu blocks",
                             (unsigned long long)vdbi_array_span(p->height));
        st = close_levels(p, p->height);
        if (!st)
            st = level_page(p, p->height + 1);
        if (st)
            return st;
        below = p->root;
        p->height++;
        memset(&p->root, 0, sizeof p->root);
        if (vdbi_ref_none(&below))
            continue;
        open_new(p, p->height, 0);
        name(p, p->height - 1, 0, &below);
    }
    return st;
}

vdb_status vdbi_array_pass_put(vdbi_array_pass *p, uint64_t block, const uint8_t *bytes)
{
    vdbi_ref old = p->root, ref = {0};
    vdb_status st;

    if (block < p->next)
        return vdbi_fail(VDB_MISUSE, "block %llu of structure %u behind block %llu",
                         (unsigned long long)block, p->structure,
                         (unsigned long long)p->next - 1);
    if (p->damaged)
        return vdbi_fail(VDB_CORRUPT, "an array of height %u", p->root.height);
    p->next = block + 1;
    if (!bytes && block >= vdbi_array_span(p->height))
        return VDB_OK; /* a hole already */
    st = grow(p, block);
    for (uint32_t h = p->height; h > 0 && !st; h--)
        st = open_node(p, h, block);
    if (st)
        return st;
    if (p->height > 0)
        vdbi_ref_get(child_at(&p->levels[1], block), &old);
    if (!bytes && vdbi_ref_none(&old))
        return VDB_OK;
    if (!vdbi_ref_none(&old))
        st = check_ref(&old, 0);
    p->damaged |= st == VDB_CORRUPT;
    if (!st && bytes)
        st = write_page(p, bytes, 0, &ref);
    if (!st)
        st = give(p, &old);
    if (!st)
        name(p, 0, block, &ref);
    return st;
}

/* A node below it that is open and has changed will be named by it. */
int vdbi_array_pass_renews(const vdbi_array_pass *p, uint32_t level, uint64_t block)
{
    for (uint32_t h = 1; h <= level && h <= p->height; h++) {
        const vdbi_pass_level *l = &p->levels[h];
        if (l->open && l->changed &&
            l->number * vdbi_array_span(h) / vdbi_array_span(level) ==
                block / vdbi_array_span(level))
            return 1;
    }
    return 0;
}

vdb_status vdbi_array_pass_end(vdbi_array_pass *p)
{
    return close_levels(p, p->height);
}

/* ---------------------------------------------------------------- dropping */

typedef struct dropping {
    vdbi_memory *memory;
    vdbi_pager *pager;
    vdbi_space *space;
    uint8_t structure;
    uint32_t hidden;
    int map_unread; /* the map of free space could not be read */
} dropping;

/* What cannot be used is skipped: what is derived must not stand in the way.  But the map is
 * no derived page: without it all is given up, and tried again by the next checkpoint. */
static vdb_status skip(dropping *d, vdb_status st)
{
    if (d->map_unread || (st != VDB_CORRUPT && st != VDB_IO))
        return st;
    d->hidden++;
    return VDB_OK;
}

static vdb_status drop_page(dropping *d, const vdbi_ref *ref, uint32_t height);

static vdb_status drop_children(dropping *d, const vdbi_ref *ref)
{
    uint8_t *page = vdbi_alloc(d->memory, VDBI_PAGE);
    vdb_status st = page ? read_node(d->pager, ref, d->structure, page) : VDB_NOMEM;

    /* What stands below a page that cannot be read stays used: try once more. */
    if (st == VDB_IO)
        st = read_node(d->pager, ref, d->structure, page);
    for (uint32_t i = 0; !st && i < VDBI_ARRAY_FANOUT; i++) {
        vdbi_ref child;
        vdbi_ref_get(page + FIRST_REF + VDBI_REF_BYTES * i, &child);
        if (!vdbi_ref_none(&child))
            st = drop_page(d, &child, ref->height - 1);
    }
    vdbi_free(d->memory, page);
    return skip(d, st);
}

/* As deep as the array is high, which check_ref() bounds. */
static vdb_status drop_page(dropping *d, const vdbi_ref *ref, uint32_t height)
{
    vdb_status st = check_ref(ref, height);

    if (!st && height > 0)
        st = drop_children(d, ref);
    if (!st) {
        st = vdbi_space_give(d->space, ref->place, ref->pages, 0);
        d->map_unread = st == VDB_IO;
    }
    return skip(d, st);
}

vdb_status vdbi_array_drop(vdbi_memory *memory, vdbi_pager *pager, vdbi_space *space,
                           const vdbi_ref *root, uint8_t structure, uint32_t *hidden)
{
    dropping d = {memory, pager, space, structure, 0, 0};
    vdb_status st = VDB_OK;

    if (!vdbi_ref_none(root))
        st = drop_page(&d, root, root->height);
    *hidden += d.hidden;
    return st;
}
