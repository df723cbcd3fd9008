/* code_marks.c: see code_marks.h. */
#include "store/code_marks.h"

#include <stdatomic.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/error.h"
#include "store/column.h"
#include "store/layout.h"
#include "store/tree.h"

struct vdbi_code_marks {
    vdbi_memory *memory;
    uint32_t fields;
    uint32_t counts[VDBI_COLUMNS_MAX];
    _Atomic uint64_t *bits[VDBI_COLUMNS_MAX]; /* NULL: the field has no codes */
};

/* How many codes each field has: the values of the tree of fields. */
static vdb_status read_counts(vdbi_code_marks *m, vdbi_pager *pager,
                              const vdbi_image *image)
{
    vdbi_tree_cursor at;
    vdb_status st = vdbi_tree_seek(&at, pager, &image->roots[VDBI_ROOT_FIELDS], "", 0);

    while (!st) {
        const uint8_t *key, *value;
        size_t length, value_length;
        uint32_t codes, field;
        st = vdbi_tree_next(&at, &key, &length, &value, &value_length);
        if (st || !key)
            break;
        field = value_length == 8 ? vdbi_get32(value) : UINT32_MAX;
        codes = value_length == 8 ? vdbi_get32(value + 4) : 0;
        if (field >= m->fields || codes > image->heap_end)
            return vdbi_fail(VDB_CORRUPT, "fields: an entry that makes no sense");
        m->counts[field] = codes;
    }
    return st;
}

vdb_status vdbi_code_marks_create(vdbi_memory *memory, vdbi_pager *pager,
                                  const vdbi_image *image, vdbi_code_marks **out)
{
    vdbi_code_marks *m = vdbi_calloc(memory, 1, sizeof *m);
    vdb_status st;

    *out = NULL;
    if (!m)
        return VDB_NOMEM;
    m->memory = memory;
    m->fields = image->field_count;
    st = read_counts(m, pager, image);
    for (uint32_t i = 0; !st && i < m->fields; i++) {
        if (m->counts[i] == 0)
            continue;
        m->bits[i] = vdbi_calloc(memory, VDBI_BITMAP_WORDS(m->counts[i]), 8);
        if (!m->bits[i])
            st = VDB_NOMEM;
    }
    if (st) {
        vdbi_code_marks_free(m);
        return st;
    }
    *out = m;
    return VDB_OK;
}

void vdbi_code_marks_free(vdbi_code_marks *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->fields; i++)
        vdbi_free(m->memory, (void *)(uintptr_t)m->bits[i]);
    vdbi_free(m->memory, m);
}

void vdbi_code_mark(vdbi_code_marks *m, uint32_t field, uint32_t code)
{
    if (field < m->fields && code < m->counts[field])
        atomic_fetch_or_explicit(&m->bits[field][code / 64], (uint64_t)1 << (code % 64),
                                 memory_order_relaxed);
}

int vdbi_code_is_unused(const vdbi_code_marks *m, uint32_t field, uint32_t code)
{
    return field < m->fields && code < m->counts[field] &&
           !(atomic_load_explicit(&m->bits[field][code / 64], memory_order_relaxed) >>
                 (code % 64) &
             1);
}

/* The strings of an array; its record is read once for all arrays of a slot. */
static vdb_status mark_list(vdbi_code_marks *m, vdbi_pager *pager,
                            const vdbi_image *image, uint32_t slot, uint32_t field,
                            uint64_t word, vdbi_record *record, int *read)
{
    vdbi_list list;
    vdb_status st = VDB_OK;

    if (!*read)
        st = vdbi_record_read(pager, image, slot, VDBI_RECORD_LISTS, record);
    *read = 1;
    if (!st)
        st = vdbi_record_list(record, word, &list);
    for (uint32_t i = 0; !st && i < list.count; i++) {
        const uint8_t *e = list.elements + (size_t)i * VDBI_LIST_ELEMENT;
        uint64_t code = vdbi_get64(e + 8);
        if (e[0] == VDBI_CELL_STRING && code < UINT32_MAX)
            vdbi_code_mark(m, field, (uint32_t)code);
    }
    return st;
}

static vdb_status mark_slot(vdbi_code_marks *m, vdbi_pager *pager,
                            const vdbi_image *image, uint32_t slot,
                            const vdbi_cells *cells, vdbi_record *record)
{
    uint32_t i = slot % VDBI_CELLS_PER_BLOCK;
    int read = 0;
    vdb_status st = VDB_OK;

    for (uint32_t field = 0; !st && field < m->fields; field++) {
        uint64_t word;
        if (!cells[field].tags)
            continue;
        word = vdbi_get64(cells[field].words + 8 * i);
        if (cells[field].tags[i] == VDBI_CELL_STRING && word < UINT32_MAX)
            vdbi_code_mark(m, field, (uint32_t)word);
        else if (cells[field].tags[i] == VDBI_CELL_ARRAY)
            st = mark_list(m, pager, image, slot, field, word, record, &read);
    }
    return st;
}

vdb_status vdbi_code_marks_block(vdbi_code_marks *m, vdbi_pager *pager,
                                 const vdbi_image *image, uint32_t block,
                                 vdbi_record *scratch)
{
    uint32_t first = block * VDBI_CELLS_PER_BLOCK;
    uint64_t live[VDBI_CELLS_PER_BLOCK / 64];
    vdbi_cells *cells =
        vdbi_calloc(m->memory, m->fields ? m->fields : 1, sizeof *cells);
    vdb_status st = cells ? VDB_OK : VDB_NOMEM;

    if (!st)
        st = vdbi_live_words(pager, image, first / 64, VDBI_CELLS_PER_BLOCK / 64, live);
    for (uint32_t field = 0; !st && field < m->fields; field++)
        st = vdbi_column_block(pager, image, field, block, &cells[field]);
    for (uint32_t i = 0; !st && i < VDBI_CELLS_PER_BLOCK; i++)
        if (vdbi_bit_get(live, i))
            st = mark_slot(m, pager, image, first + i, cells, scratch);
    vdbi_free(m->memory, cells);
    return st;
}
