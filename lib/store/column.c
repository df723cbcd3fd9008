/* column.c: reading columns and dictionaries; see column.h.  Writing is in cells.c. */
#include "store/column_priv.h"

#include "base/bytes.h"
#include "base/error.h"
#include "store/array.h"
#include "store/layout.h"
#include "store/tree.h"

vdb_status vdbi_field_lookup(vdbi_pager *pager, const vdbi_image *image,
                             const char *path, size_t length, uint32_t *field,
                             uint32_t *codes)
{
    uint8_t value[VDBI_VALUE_MAX];
    int found = -1;
    vdb_status st = VDB_OK;

    *field = VDBI_FIELD_NONE;
    *codes = 0;
    if (length > VDBI_PATH_MAX) {
        *field = VDBI_FIELD_RECORDS;
        return VDB_OK;
    }
    st = vdbi_tree_find(pager, &image->roots[VDBI_ROOT_FIELDS], path, length, value,
                        &found);
    if (st)
        return st;
    if (found < 0) {
        if (image->field_count >= VDBI_COLUMNS_MAX)
            *field = VDBI_FIELD_RECORDS;
        return VDB_OK;
    }
    *field = vdbi_get32(value);
    *codes = vdbi_get32(value + 4);
    if (found != 8 || *field >= image->field_count)
        return vdbi_fail(VDB_CORRUPT, "field '%.*s': a column that does not exist",
                         vdbi_clip(path, length), path);
    /* Each code was given to a string in a record, and the heap's end never goes back. */
    if (*codes > image->heap_end)
        return vdbi_fail(VDB_CORRUPT,
                         "field '%.*s': %u codes, more than there were strings",
                         vdbi_clip(path, length), path, *codes);
    return VDB_OK;
}

vdb_status vdbi_field_find(vdbi_pager *pager, const vdbi_image *image, const char *path,
                           size_t length, uint32_t *field)
{
    uint32_t codes;

    return vdbi_field_lookup(pager, image, path, length, field, &codes);
}

vdb_status vdbi_column_root(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                            vdbi_ref *out)
{
    vdbi_ref ref = image->roots[VDBI_ROOT_COLUMNS];
    uint32_t index[2] = {field / VDBI_DIRECTORY_FANOUT, field % VDBI_DIRECTORY_FANOUT};

    for (int i = 0; i < 2 && !vdbi_ref_none(&ref); i++) {
        const uint8_t *bytes;
        vdbi_ref child;
        vdb_status st = vdbi_page_read_alone(pager, &ref, &bytes);
        if (st)
            return st;
        if (vdbi_get32(bytes) != VDBI_ARRAY_MAGIC || bytes[4] != 2 - i ||
            ref.pages != 1)
            return vdbi_fail(VDB_CORRUPT, "page %llu is not of the columns' directory",
                             (unsigned long long)ref.place);
        vdbi_child_get(&ref, bytes, vdbi_child_offset(bytes, index[i]), index[i],
                       &child);
        ref = child;
    }
    *out = ref;
    return VDB_OK;
}

static vdb_status find_root(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                            vdbi_column_path *path)
{
    vdb_status st = VDB_OK;

    if (!path->known)
        st = vdbi_column_root(pager, image, field, &path->root);
    path->known = !st;
    return st;
}

vdb_status vdbi_column_ref_near(vdbi_pager *pager, const vdbi_image *image,
                                uint32_t field, uint32_t block, vdbi_column_path *path,
                                vdbi_ref *out)
{
    vdb_status st = find_root(pager, image, field, path);

    return st ? st
              : vdbi_array_ref_near(pager, &path->root, 1, block, &path->blocks, out);
}

vdb_status vdbi_column_block_near(vdbi_pager *pager, const vdbi_image *image,
                                  uint32_t field, uint32_t block,
                                  vdbi_column_path *path, vdbi_cells *out)
{
    const uint8_t *bytes = NULL;
    vdb_status st = find_root(pager, image, field, path);

    if (!st)
        st = vdbi_array_block_near(pager, &path->root, 1, block, &path->blocks, &bytes);
    out->tags = bytes;
    out->words = bytes ? bytes + VDBI_CELLS_PER_BLOCK : NULL;
    return st;
}

vdb_status vdbi_column_block(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                             uint32_t block, vdbi_cells *out)
{
    vdbi_column_path path = {0};

    return vdbi_column_block_near(pager, image, field, block, &path, out);
}

/* A key of the dictionary: the field, then the string. */
static size_t code_key(uint8_t key[VDBI_KEY_MAX], uint32_t field, const char *text,
                       size_t length)
{
    key[0] = (uint8_t)(field >> 24);
    key[1] = (uint8_t)(field >> 16);
    key[2] = (uint8_t)(field >> 8);
    key[3] = (uint8_t)field;
    if (length > VDBI_KEY_MAX - 4)
        length = VDBI_KEY_MAX - 4;
    if (length)
        memcpy(key + 4, text, length);
    return 4 + length;
}

uint32_t vdbi_code_field(const uint8_t *key)
{
    return (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 |
           key[3];
}

vdb_status vdbi_code_find(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                          const char *text, size_t length, uint32_t *code)
{
    uint8_t key[VDBI_KEY_MAX], value[VDBI_VALUE_MAX];
    int found;
    vdb_status st;

    *code = VDBI_CODE_NONE;
    if (length > VDBI_STRING_MAX)
        return VDB_OK;
    st = vdbi_tree_find(pager, &image->roots[VDBI_ROOT_DICTIONARY], key,
                        code_key(key, field, text, length), value, &found);
    if (st || found < 0)
        return st;
    if (found != 4)
        return vdbi_fail(VDB_CORRUPT, "dictionary: a code of %d bytes", found);
    *code = vdbi_get32(value);
    return VDB_OK;
}

vdb_status vdbi_code_add(vdbi_change *change, vdbi_image *image, uint32_t field,
                         const char *text, size_t length, uint32_t code)
{
    uint8_t key[VDBI_KEY_MAX], value[4];
    size_t key_length = code_key(key, field, text, length);

    vdbi_put32(value, code);
    return vdbi_tree_put(change, &image->roots[VDBI_ROOT_DICTIONARY],
                         VDBI_ROOT_DICTIONARY, key, key_length, value, sizeof value);
}

vdb_status vdbi_code_count(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                           const char *path, size_t path_length, uint32_t *count)
{
    uint32_t number;
    vdb_status st = vdbi_field_lookup(pager, image, path, path_length, &number, count);

    if (!st && number != field)
        st = vdbi_fail(VDB_CORRUPT, "field %u is under another path", field);
    return st;
}

vdb_status vdbi_codes_from(vdbi_pager *pager, const vdbi_image *image, uint32_t field,
                           const char *from, size_t from_length,
                           int (*visit)(void *arg, const char *text, size_t length,
                                        uint32_t code),
                           void *arg)
{
    uint8_t first[VDBI_KEY_MAX];
    vdbi_tree_cursor cursor;
    size_t first_length = code_key(first, field, from, from_length);
    vdb_status st = vdbi_tree_seek(&cursor, pager, &image->roots[VDBI_ROOT_DICTIONARY],
                                   first, first_length);

    while (!st) {
        const uint8_t *key, *value;
        size_t key_length, value_length;
        st = vdbi_tree_next(&cursor, &key, &key_length, &value, &value_length);
        if (st || !key || key_length < 4 || memcmp(key, first, 4) != 0)
            break;
        if (value_length != 4)
            return vdbi_fail(VDB_CORRUPT, "dictionary: a code of %zu bytes",
                             value_length);
        if (!visit(arg, (const char *)key + 4, key_length - 4, vdbi_get32(value)))
            break;
    }
    return st;
}
