/* imitated_store.c: see imitated_store.h. */
#include "imitated_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

vdbi_pager pager;
vdbi_image image;
vdbi_memory memory;
vdbi_narrow *copies;
uint64_t seed;
static vdbi_memory copies_memory;

const char *message(void)
{
    static vdb_error error;
    vdbi_error_save(&error);
    return error.message;
}

uint32_t draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % below);
}

void *need(void *p)
{
    assert_non_null(p);
    return p;
}

/* ------------------------------------------------------- the store's imitation */

void vdbi_section_begin(vdbi_pager *p)
{
    assert_false(p->in_section);
    p->in_section = 1;
    p->sections++;
}

void vdbi_section_end(vdbi_pager *p)
{
    assert_true(p->in_section);
    p->in_section = 0;
    while (p->given_count)
        free(p->given[--p->given_count]);
}

static vdb_status reading(vdbi_pager *p)
{
    assert_true(p->in_section);
    if (++p->reads == p->fail_at)
        return vdbi_fail(VDB_IO, "a read that was to fail");
    return VDB_OK;
}

static const uint8_t *give(vdbi_pager *p, const uint8_t *bytes, size_t size)
{
    uint8_t *copy = need(malloc(size));
    memcpy(copy, bytes, size);
    assert_true(p->given_count < sizeof p->given / sizeof *p->given);
    p->given[p->given_count++] = copy;
    return copy;
}

vdb_status vdbi_field_find(vdbi_pager *p, const vdbi_image *im, const char *path,
                           size_t length, uint32_t *field)
{
    assert_ptr_equal(im, &image);
    *field = VDBI_FIELD_NONE;
    for (uint32_t i = 0; i < p->column_count; i++)
        if (p->columns[i].path_length == length &&
            memcmp(p->columns[i].path, path, length) == 0)
            *field = p->columns[i].hidden ? VDBI_FIELD_RECORDS : i;
    return reading(p);
}

vdb_status vdbi_column_block(vdbi_pager *p, const vdbi_image *im, uint32_t field,
                             uint32_t block, vdbi_cells *out)
{
    assert_true(field < p->column_count && !p->columns[field].hidden);
    assert_true((uint64_t)block * VDBI_CELLS_PER_BLOCK < im->slot_count);
    p->blocks_read++;
    const uint8_t *tags = p->columns[field].tags + (size_t)block * VDBI_CELLS_PER_BLOCK;
    const uint8_t *words =
        p->columns[field].words + (size_t)block * VDBI_CELLS_PER_BLOCK * 8;
    int any = 0;
    for (size_t i = 0; i < VDBI_CELLS_PER_BLOCK; i++)
        any |= tags[i] != VDBI_CELL_ABSENT;
    out->tags = any ? give(p, tags, VDBI_CELLS_PER_BLOCK) : NULL;
    out->words = any ? give(p, words, (size_t)VDBI_CELLS_PER_BLOCK * 8) : NULL;
    return reading(p);
}

/* The path keeps something that reading gave out, as the real one does. */
vdb_status vdbi_column_block_near(vdbi_pager *p, const vdbi_image *im, uint32_t field,
                                  uint32_t block, vdbi_column_path *path,
                                  vdbi_cells *out)
{
    static const uint8_t node = 0x4e;

    if (path->known)
        assert_int_equal(*path->blocks.node, node);
    else
        path->blocks.node = give(p, &node, 1);
    path->known = 1;
    return vdbi_column_block(p, im, field, block, out);
}

/* Every block stands on disk; the checksum is of what it holds. */
vdb_status vdbi_column_ref_near(vdbi_pager *p, const vdbi_image *im, uint32_t field,
                                uint32_t block, vdbi_column_path *path, vdbi_ref *out)
{
    vdbi_cells cells;
    const unsigned blocks_read = p->blocks_read;
    vdb_status st = vdbi_column_block_near(p, im, field, block, path, &cells);

    p->blocks_read = blocks_read; /* only its reference has been */
    memset(out, 0, sizeof *out);
    if (!cells.tags)
        return st;
    out->place = 2 + block;
    out->checksum = 14695981039346656037u;
    for (size_t i = 0; i < (size_t)9 * VDBI_CELLS_PER_BLOCK; i++) {
        const size_t at = i - VDBI_CELLS_PER_BLOCK;
        out->checksum ^= i < VDBI_CELLS_PER_BLOCK ? cells.tags[i] : cells.words[at];
        out->checksum *= 1099511628211u;
    }
    return st;
}

vdb_status vdbi_code_find(vdbi_pager *p, const vdbi_image *im, uint32_t field,
                          const char *text, size_t length, uint32_t *code)
{
    const dictionary *d = &p->columns[field].dictionary;
    (void)im;
    assert_true(length <= VDBI_STRING_MAX);
    *code = VDBI_CODE_NONE;
    for (uint32_t i = 0; i < d->count; i++)
        if (strlen(d->strings[i]) == length && memcmp(d->strings[i], text, length) == 0)
            *code = d->codes[i];
    return reading(p);
}

vdb_status vdbi_code_count(vdbi_pager *p, const vdbi_image *im, uint32_t field,
                           const char *path, size_t path_length, uint32_t *count)
{
    (void)im;
    assert_int_equal(path_length, p->columns[field].path_length);
    assert_memory_equal(path, p->columns[field].path, path_length);
    *count = p->columns[field].dictionary.count;
    return reading(p);
}

vdb_status vdbi_codes_from(vdbi_pager *p, const vdbi_image *im, uint32_t field,
                           const char *from, size_t from_length,
                           int (*visit)(void *arg, const char *text, size_t length,
                                        uint32_t code),
                           void *arg)
{
    const dictionary *d = &p->columns[field].dictionary;
    char begin[VDBI_STRING_MAX + 1];
    (void)im;
    assert_true(from_length <= VDBI_STRING_MAX);
    memcpy(begin, from, from_length);
    begin[from_length] = '\0';
    uint32_t i = 0;
    while (i < d->count && strcmp(d->strings[i], begin) < 0)
        i++;
    for (; i < d->count; i++) {
        /* no NUL behind it, to be found by a tool when read */
        size_t length = strlen(d->strings[i]);
        char *text = need(malloc(length + (length == 0)));
        memcpy(text, d->strings[i], length);
        int go_on = visit(arg, text, length, d->codes[i]);
        free(text);
        if (!go_on)
            break;
    }
    return reading(p);
}

vdb_status vdbi_live_words(vdbi_pager *p, const vdbi_image *im, uint32_t first,
                           uint32_t count, uint64_t *out)
{
    assert_true(first + count <= VDBI_BITMAP_WORDS(im->slot_count));
    memset(out, 0, count * sizeof *out);
    for (uint64_t s = (uint64_t)first * 64;
         s < ((uint64_t)first + count) * 64 && s < im->slot_count; s++)
        if (p->live[s])
            vdbi_bit_set(out, s - (uint64_t)first * 64);
    return reading(p);
}

static uint32_t offset_of_lists(uint32_t slot)
{
    return 64 + slot % 7 * 8;
}

vdb_status vdbi_record_read(vdbi_pager *p, const vdbi_image *im, uint32_t slot,
                            uint32_t parts, vdbi_record *r)
{
    assert_true(slot < im->slot_count);
    if (!p->live[slot])
        fail_msg("the record of the dead slot %u was read", slot);
    p->records_read++;
    size_t metadata = p->metadata[slot] ? strlen(p->metadata[slot]) : 0;
    size_t lists = p->lists_length[slot];
    vdb_status st =
        vdbi_grow(r->memory, &r->buffer, &r->capacity, metadata + lists + 1, 1);
    if (st)
        return st;
    r->id = r->metadata = NULL;
    r->lists = NULL;
    r->id_length = r->metadata_length = r->lists_length = 0;
    memset(r->buffer, 0xee, r->capacity);
    if (parts & VDBI_RECORD_LISTS) {
        if (lists)
            memcpy(r->buffer, p->lists[slot], lists);
        r->lists = r->buffer;
        r->lists_length = lists;
        r->lists_offset = offset_of_lists(slot);
    }
    if (parts & VDBI_RECORD_METADATA && p->metadata[slot]) {
        memcpy(r->buffer + lists, p->metadata[slot], metadata + 1);
        r->metadata = (const char *)r->buffer + lists;
        r->metadata_length = metadata;
    }
    return reading(p);
}

void vdbi_record_clear(vdbi_record *r)
{
    vdbi_free(r->memory, r->buffer);
    r->buffer = NULL;
}

vdb_status vdbi_record_list(const vdbi_record *r, uint64_t word, vdbi_list *out)
{
    assert_non_null(r->lists);
    assert_true(word >= r->lists_offset && word - r->lists_offset < r->lists_length);
    out->count = vdbi_get32(r->lists + (word - r->lists_offset));
    out->elements = r->lists + (word - r->lists_offset) + 8;
    return VDB_OK;
}

void id_name(char *out, uint32_t slot)
{
    sprintf(out, "id%x", slot * 2654435761u);
}

vdb_status vdbi_id_find(vdbi_pager *p, const vdbi_image *im, const char *id,
                        size_t length, uint32_t *slot)
{
    char name[32];
    *slot = VDBI_SLOT_NONE;
    for (uint32_t s = 0; s < im->slot_count && *slot == VDBI_SLOT_NONE; s++) {
        id_name(name, s);
        if (p->live[s] && strlen(name) == length && memcmp(name, id, length) == 0)
            *slot = s;
    }
    return reading(p);
}

/* ----------------------------------------------------- from documents to columns */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static column *column_of(const vdbi_flat_field *f)
{
    for (uint32_t i = 0; i < pager.column_count; i++)
        if (pager.columns[i].path_length == f->path_length &&
            memcmp(pager.columns[i].path, f->path, f->path_length) == 0)
            return &pager.columns[i];
    assert_true(pager.column_count < FIELDS_MAX && f->path_length < 64);
    column *c = &pager.columns[pager.column_count];
    size_t cells =
        ((size_t)image.slot_count / VDBI_CELLS_PER_BLOCK + 1) * VDBI_CELLS_PER_BLOCK;
    memset(c, 0, sizeof *c);
    memcpy(c->path, f->path, f->path_length);
    c->path_length = f->path_length;
    c->hidden = pager.column_count++ % FIELD_HIDDEN == FIELD_HIDDEN - 1;
    c->tags = need(calloc(cells, 1));
    c->words = need(calloc(cells, 8));
    c->dictionary.strings = need(calloc(1, sizeof(char *)));
    return c;
}

static void add_string(dictionary *d, const vdbi_value *v)
{
    if (v->tag != VDBI_CELL_STRING || v->text_length > VDBI_STRING_MAX)
        return;
    if ((d->count & (d->count - 1)) == 0)
        d->strings =
            need(realloc(d->strings, (2 * (size_t)d->count + 1) * sizeof(char *)));
    d->strings[d->count++] = need(strndup(v->text, v->text_length));
}

/* Sort, drop doubles, and deal the codes out of order. */
static void finish(dictionary *d)
{
    uint32_t kept = 0;
    qsort(d->strings, d->count, sizeof(char *), by_text);
    for (uint32_t i = 0; i < d->count; i++) {
        if (kept && strcmp(d->strings[kept - 1], d->strings[i]) == 0)
            free(d->strings[i]);
        else
            d->strings[kept++] = d->strings[i];
    }
    d->count = kept;
    d->codes = need(calloc((size_t)kept + 1, sizeof *d->codes));
    for (uint32_t i = 0; i < kept; i++)
        d->codes[i] = i;
    for (uint32_t i = kept; i > 1; i--) {
        uint32_t j = draw(i), code = d->codes[i - 1];
        d->codes[i - 1] = d->codes[j];
        d->codes[j] = code;
    }
}

static uint8_t scalar_cell(const column *c, const vdbi_value *v, uint64_t *word)
{
    const dictionary *d = &c->dictionary;
    *word = draw(2) ? 0 : draw(1000);
    if (v->tag == VDBI_CELL_INT)
        *word = (uint64_t)v->integer;
    if (v->tag == VDBI_CELL_REAL)
        memcpy(word, &v->real, sizeof *word);
    if (v->tag == VDBI_CELL_STRING) {
        if (v->text_length > VDBI_STRING_MAX)
            return VDBI_CELL_RECORD;
        uint32_t low = 0, high = d->count;
        char *text = need(strndup(v->text, v->text_length));
        while (high - low > 1) {
            uint32_t middle = low + (high - low) / 2;
            if (strcmp(d->strings[middle], text) <= 0)
                low = middle;
            else
                high = middle;
        }
        assert_string_equal(d->strings[low], text);
        free(text);
        *word = d->codes[low];
    }
    return v->tag;
}

static void put_cell(column *c, uint32_t slot, const vdbi_value *v)
{
    uint64_t word;
    uint8_t tag = scalar_cell(c, v, &word);
    if (tag == VDBI_CELL_ARRAY) {
        size_t at = pager.lists_length[slot], size = 8 + 16 * v->element_count;
        uint8_t *p = need(realloc(pager.lists[slot], at + size));
        pager.lists[slot] = p;
        pager.lists_length[slot] += size;
        memset(p + at, 0, size);
        vdbi_put32(p + at, (uint32_t)v->element_count);
        for (size_t i = 0; i < v->element_count; i++) {
            uint64_t element;
            p[at + 8 + 16 * i] = scalar_cell(c, &v->elements[i], &element);
            vdbi_put64(p + at + 16 + 16 * i, element);
        }
        word = offset_of_lists(slot) + at;
    }
    c->tags[slot] = tag;
    vdbi_put64(c->words + 8 * (size_t)slot, word);
}

void database_open(uint32_t slots)
{
    memset(&pager, 0, sizeof pager);
    memset(&image, 0, sizeof image);
    image.slot_count = slots;
    pager.metadata = need(calloc((size_t)slots + 1, sizeof(char *)));
    pager.live = need(calloc((size_t)slots + 1, 1));
    pager.flats = need(calloc((size_t)slots + 1, sizeof(vdbi_flat *)));
    pager.lists = need(calloc((size_t)slots + 1, sizeof(uint8_t *)));
    pager.lists_length = need(calloc((size_t)slots + 1, sizeof(size_t)));
    memset(pager.live, 1, slots);
    vdbi_memory_init(&copies_memory, NULL);
    assert_int_equal(vdbi_narrow_create(&copies_memory, 4 << 20, &copies), VDB_OK);
}

/* After metadata and live have been set. */
void database_fill(void)
{
    for (uint32_t s = 0; s < image.slot_count; s++) {
        const char *json = pager.metadata[s];
        if (!json)
            continue;
        if (vdbi_flatten(&memory, json, strlen(json), &pager.flats[s]))
            fail_msg("%s: %s", json, message());
        for (size_t i = 0; i < pager.flats[s]->count; i++) {
            const vdbi_flat_field *f = &pager.flats[s]->fields[i];
            column *c = column_of(f);
            add_string(&c->dictionary, &f->value);
            for (size_t j = 0; j < f->value.element_count; j++)
                add_string(&c->dictionary, &f->value.elements[j]);
        }
    }
    for (uint32_t i = 0; i < pager.column_count; i++)
        finish(&pager.columns[i].dictionary);
    for (uint32_t s = 0; s < image.slot_count; s++) {
        for (size_t i = 0; pager.flats[s] && i < pager.flats[s]->count; i++) {
            column *c = column_of(&pager.flats[s]->fields[i]);
            put_cell(c, s, &pager.flats[s]->fields[i].value);
        }
        vdbi_flat_free(&memory, pager.flats[s]);
        for (uint32_t i = 0; i < pager.column_count && !pager.live[s]; i++) {
            pager.columns[i].tags[s] = (uint8_t)draw(256);
            for (size_t b = 0; b < 8; b++)
                pager.columns[i].words[8 * (size_t)s + b] = (uint8_t)draw(256);
        }
    }
    assert_int_equal(memory.bytes, 0);
}

void database_close(void)
{
    for (uint32_t s = 0; s < image.slot_count; s++) {
        free(pager.metadata[s]);
        free(pager.lists[s]);
    }
    for (uint32_t i = 0; i < pager.column_count; i++) {
        column *c = &pager.columns[i];
        for (uint32_t j = 0; j < c->dictionary.count; j++)
            free(c->dictionary.strings[j]);
        free(c->dictionary.strings);
        free(c->dictionary.codes);
        free(c->tags);
        free(c->words);
    }
    free(pager.metadata);
    free(pager.live);
    free(pager.flats);
    free(pager.lists);
    free(pager.lists_length);
    vdbi_narrow_free(copies, 0);
    assert_int_equal(copies_memory.bytes, 0);
}
