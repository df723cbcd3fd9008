/* graph_rows.c: vectors of an image, for the graph to be made of. */
#include <string.h>

#include "base/bitmap.h"
#include "base/error.h"
#include "db/graph_priv.h"
#include "store/record.h"

enum {
    SAMPLE_ROWS = 20000,
    SAMPLE_FLOATS = 4 << 20,
    SECTION_ROWS = 1024 /* read in one reading section */
};

int vdbi_graph_shows(const vdbi_hnsw *h, uint32_t slot)
{
    return vdbi_hnsw_has(h, slot) || vdbi_marks(&h->nodes, slot) & VDBI_MARK_KILLED;
}

vdb_status vdbi_graph_each_row(vdb *db, const vdbi_image *image, uint32_t step,
                               const vdbi_hnsw *h, vdbi_graph_row call, void *arg)
{
    vdb_status st = VDB_OK;

    for (uint64_t first = 0; first < image->slot_count && !st; first += SECTION_ROWS) {
        uint64_t words[SECTION_ROWS / 64];
        uint32_t count = image->slot_count - (uint32_t)first < SECTION_ROWS
                             ? image->slot_count - (uint32_t)first
                             : SECTION_ROWS;
        vdbi_section_begin(db->pager);
        st = vdbi_live_words(db->pager, image, (uint32_t)(first / 64),
                             (uint32_t)VDBI_BITMAP_WORDS(count), words);
        for (uint32_t i = 0; i < count && !st; i++) {
            uint32_t slot = (uint32_t)first + i;
            const float *row;
            if (slot % step ||
                (!vdbi_bit_get(words, i) && !(h && vdbi_graph_shows(h, slot))))
                continue;
            st = vdbi_vector_row(db->pager, image, slot, &row);
            if (!st)
                st = call(arg, slot, vdbi_bit_get(words, i), row);
        }
        vdbi_section_end(db->pager);
    }
    return st;
}

static vdb_status add_to_sample(void *arg, uint32_t slot, int live, const float *row)
{
    vdbi_graph_sample *s = arg;

    (void)slot;
    (void)live;
    if (s->count == s->limit)
        return VDB_OK;
    s->rows[s->count] = s->values + s->count * s->dimension;
    memcpy(s->values + s->count * s->dimension, row, s->dimension * sizeof *row);
    s->count++;
    return VDB_OK;
}

vdb_status vdbi_graph_sample_take(vdb *db, const vdbi_image *image,
                                  vdbi_graph_sample *s)
{
    uint32_t step;

    *s = (vdbi_graph_sample){.dimension = image->dimension};
    s->limit = SAMPLE_FLOATS / image->dimension;
    s->limit = s->limit < SAMPLE_ROWS ? s->limit : SAMPLE_ROWS;
    step = (uint32_t)(image->slot_count / s->limit) + 1;
    s->values =
        vdbi_alloc(&db->env->memory, s->limit * s->dimension * sizeof *s->values);
    s->rows = vdbi_alloc(&db->env->memory, s->limit * sizeof *s->rows);
    if (!s->values || !s->rows)
        return VDB_NOMEM;
    return vdbi_graph_each_row(db, image, step, NULL, add_to_sample, s);
}

void vdbi_graph_sample_drop(vdb *db, vdbi_graph_sample *s)
{
    vdbi_free(&db->env->memory, s->values);
    vdbi_free(&db->env->memory, (void *)s->rows);
}
