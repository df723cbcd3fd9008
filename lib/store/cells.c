/* cells.c: see cells.h; docs/format.md, "Records and columns". */
#include "store/cells.h"

#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"
#include "store/column_priv.h"
#include "store/layout.h"
#include "store/tree.h"

enum {
    CELL = 9 /* scratch: a tag, a word */
};

/* A field that may still have to be written back, with its dictionary's size. */
typedef struct field {
    const char *path;
    size_t path_length;
    uint32_t number, codes;
} field;

static vdb_status field_store(vdbi_pending *p, const field *f)
{
    uint8_t value[8];

    vdbi_put32(value, f->number);
    vdbi_put32(value + 4, f->codes);
    return vdbi_tree_put(&p->change, &p->image.roots[VDBI_ROOT_FIELDS],
                         VDBI_ROOT_FIELDS, f->path, f->path_length, value,
                         sizeof value);
}

/* Find or make the field; number is VDBI_FIELD_RECORDS when it gets no column. */
static vdb_status field_open(vdbi_pending *p, const vdbi_flat_field *flat, field *f)
{
    vdb_status st = vdbi_field_lookup(p->pager, &p->image, flat->path,
                                      flat->path_length, &f->number, &f->codes);

    f->path = flat->path;
    f->path_length = flat->path_length;
    if (st || f->number != VDBI_FIELD_NONE)
        return st;
    f->number = p->image.field_count;
    st = field_store(p, f);
    if (!st)
        memset(p->cells + (size_t)CELL * p->image.field_count++, 0, CELL);
    return st;
}

static vdb_status code_of(vdbi_pending *p, field *f, const char *text, size_t length,
                          uint32_t *code)
{
    vdb_status st = vdbi_code_find(p->pager, &p->image, f->number, text, length, code);

    if (!st && *code != VDBI_CODE_NONE && p->marks)
        vdbi_code_mark(p->marks, f->number, *code);
    if (st || *code != VDBI_CODE_NONE)
        return st;
    *code = f->codes;
    st = vdbi_code_add(&p->change, &p->image, f->number, text, length, f->codes);
    if (!st) {
        f->codes++;
        st = field_store(p, f);
    }
    return st;
}

/* A scalar's tag and word. */
static vdb_status scalar(vdbi_pending *p, field *f, const vdbi_value *v, uint8_t *tag,
                         uint64_t *word)
{
    uint32_t code;
    vdb_status st = VDB_OK;

    *tag = v->tag;
    *word = 0;
    switch (v->tag) {
    case VDBI_CELL_INT:
        *word = (uint64_t)v->integer;
        break;
    case VDBI_CELL_REAL:
        memcpy(word, &v->real, sizeof *word);
        break;
    case VDBI_CELL_STRING:
        if (v->text_length > VDBI_STRING_MAX) {
            *tag = VDBI_CELL_RECORD;
            break;
        }
        st = code_of(p, f, v->text, v->text_length, &code);
        *word = code;
        break;
    default:
        break;
    }
    return st;
}

static vdb_status list(vdbi_pending *p, field *f, const vdbi_value *v)
{
    size_t at = p->lists_length, bytes = 8 + v->element_count * VDBI_LIST_ELEMENT;
    vdb_status st = vdbi_grow(p->memory, &p->lists, &p->lists_capacity, at + bytes, 1);

    if (st)
        return st;
    memset(p->lists + at, 0, bytes);
    vdbi_put32(p->lists + at, (uint32_t)v->element_count);
    for (size_t i = 0; !st && i < v->element_count; i++) {
        uint8_t *e = p->lists + at + 8 + i * VDBI_LIST_ELEMENT;
        uint64_t word;
        st = scalar(p, f, &v->elements[i], e, &word);
        vdbi_put64(e + 8, word);
    }
    p->lists_length += bytes;
    return st;
}

vdb_status vdbi_cells_prepare(vdbi_pending *p, const vdbi_flat *flat,
                              uint64_t lists_offset)
{
    vdb_status st = VDB_OK;

    if (!p->cells) {
        p->cells = vdbi_alloc(p->memory, (size_t)VDBI_COLUMNS_MAX * CELL);
        if (!p->cells)
            return VDB_NOMEM;
    }
    memset(p->cells, 0, (size_t)p->image.field_count * CELL);
    p->lists_length = 0;
    for (size_t i = 0; flat && !st && i < flat->count; i++) {
        const vdbi_value *v = &flat->fields[i].value;
        uint8_t tag = v->tag;
        uint64_t word = lists_offset + p->lists_length;
        field f;
        st = field_open(p, &flat->fields[i], &f);
        if (st || f.number == VDBI_FIELD_RECORDS)
            continue;
        st = v->tag == VDBI_CELL_ARRAY ? list(p, &f, v) : scalar(p, &f, v, &tag, &word);
        p->cells[(size_t)CELL * f.number] = tag;
        vdbi_put64(p->cells + (size_t)CELL * f.number + 1, word);
    }
    return st;
}

static vdb_status directory_page(vdbi_pending *p, vdbi_ref *ref, uint32_t level)
{
    vdb_status st;

    if (!vdbi_ref_none(ref))
        return vdbi_change_page(&p->change, ref, 1);
    st = vdbi_change_new(&p->change, 1, level, 1, ref);
    if (st)
        return st;
    vdbi_put32(ref->frame->bytes, VDBI_ARRAY_MAGIC);
    ref->frame->bytes[4] = (uint8_t)level;
    ref->frame->bytes[5] = VDBI_ROOT_COLUMNS;
    return VDB_OK;
}

/* Make the directory's pages to a column the change's own: *low is the lower one, *root
 * the column's. */
static vdb_status directory_own(vdbi_pending *p, uint32_t number, vdbi_ref *low,
                                vdbi_ref *root)
{
    vdbi_ref *top = &p->image.roots[VDBI_ROOT_COLUMNS];
    uint32_t i = number / VDBI_DIRECTORY_FANOUT, j = number % VDBI_DIRECTORY_FANOUT;
    uint32_t offset;
    vdb_status st = directory_page(p, top, 2);

    if (st)
        return st;
    offset = vdbi_child_offset(top->frame->bytes, i);
    vdbi_child_get(top, top->frame->bytes, offset, i, low);
    st = directory_page(p, low, 1);
    if (st)
        return st;
    vdbi_child_set(top, offset, i, low);
    vdbi_child_get(low, low->frame->bytes, vdbi_child_offset(low->frame->bytes, j), j,
                   root);
    return VDB_OK;
}

static void directory_set(uint32_t number, vdbi_ref *low, const vdbi_ref *root)
{
    uint32_t j = number % VDBI_DIRECTORY_FANOUT;

    vdbi_child_set(low, vdbi_child_offset(low->frame->bytes, j), j, root);
}

/* Take off a column what its blocks do not need. */
static vdb_status column_lower(vdbi_pending *p, uint32_t number, uint32_t blocks)
{
    vdbi_ref low, root;
    vdb_status st = directory_own(p, number, &low, &root);

    if (st)
        return st;
    st = vdbi_array_lower(&p->change, &root, blocks);
    directory_set(number, &low, &root);
    return st;
}

/* The block of a column, to be written by copying what shares it. */
static vdb_status column_write(vdbi_pending *p, uint32_t number, uint32_t block,
                               int beyond, uint8_t **bytes)
{
    vdbi_ref low, root;
    vdb_status st = directory_own(p, number, &low, &root);

    if (st)
        return st;
    st =
        vdbi_array_write(&p->change, &root, VDBI_ROOT_COLUMNS, 1, block, beyond, bytes);
    directory_set(number, &low, &root);
    return st;
}

vdb_status vdbi_column_own(vdbi_pending *p, uint32_t number, uint32_t block)
{
    vdbi_ref low, root;
    uint8_t *bytes;

    return block == UINT32_MAX ? directory_own(p, number, &low, &root)
                               : column_write(p, number, block, 0, &bytes);
}

vdb_status vdbi_column_punch(vdbi_pending *p, uint32_t number, uint32_t block)
{
    vdbi_ref low, root;
    vdb_status st = directory_own(p, number, &low, &root);

    if (st)
        return st;
    st = vdbi_array_punch(&p->change, &root, 1, block);
    directory_set(number, &low, &root);
    return st;
}

vdb_status vdbi_cells_shrink(vdbi_pending *p, uint32_t number, uint32_t slots)
{
    const uint32_t rows = VDBI_CELLS_PER_BLOCK;
    uint32_t end = (p->image.slot_count + rows - 1) / rows;
    uint32_t blocks = (slots + rows - 1) / rows;
    vdbi_ref root;
    vdb_status st = VDB_OK;

    for (uint32_t i = slots / rows; !st && i < end; i++) {
        vdbi_cells cells;
        st = vdbi_column_block(p->pager, &p->image, number, i, &cells);
        if (st || !cells.tags)
            continue;
        st = i * rows >= slots ? vdbi_column_punch(p, number, i)
                               : vdbi_column_own(p, number, i);
    }
    if (!st)
        st = vdbi_column_root(p->pager, &p->image, number, &root);
    if (!st && root.height > 0 && blocks <= vdbi_array_span(root.height - 1))
        st = column_lower(p, number, blocks);
    return st;
}

static vdb_status cell_write(vdbi_pending *p, uint32_t number, uint32_t slot)
{
    const uint8_t *cell = p->cells + (size_t)CELL * number;
    uint32_t block = slot / VDBI_CELLS_PER_BLOCK, i = slot % VDBI_CELLS_PER_BLOCK;
    int beyond = slot >= p->base_slots;
    vdbi_ref root;
    uint8_t *bytes;
    vdb_status st = vdbi_column_root(p->pager, &p->image, number, &root);

    if (!st)
        st = vdbi_array_peek(&p->change, &root, 1, block, beyond, &bytes);
    if (st)
        return st;
    if (!bytes && cell[0] == VDBI_CELL_ABSENT) {
        const uint8_t *old;
        st = vdbi_array_block(p->pager, &root, 1, block, &old);
        if (st || !old || old[i] == VDBI_CELL_ABSENT)
            return st;
    }
    if (!bytes)
        st = column_write(p, number, block, beyond, &bytes);
    if (st)
        return st;
    bytes[i] = cell[0];
    memcpy(bytes + VDBI_CELLS_PER_BLOCK + 8 * i, cell + 1, 8);
    return VDB_OK;
}

vdb_status vdbi_cells_write(vdbi_pending *p, uint32_t slot)
{
    vdb_status st = VDB_OK;

    for (uint32_t i = 0; !st && i < p->image.field_count; i++)
        st = cell_write(p, i, slot);
    return st;
}
