/* fuzz_metadata.c: arbitrary bytes as the metadata of a record. */
#include "harness.h"

#include <string.h>

#include "store/column.h"
#include "store/flatten.h"

static void require_value(const vdbi_value *value, int depth)
{
    REQUIRE(value->tag > VDBI_CELL_ABSENT && value->tag < VDBI_CELL_RECORD);
    REQUIRE(!value->text_length || value->text);
    REQUIRE(depth == 0 || value->tag != VDBI_CELL_ARRAY);
    if (value->tag == VDBI_CELL_ARRAY)
        for (size_t i = 0; i < value->element_count; i++)
            require_value(&value->elements[i], depth + 1);
}

/* Ascending, distinct, and each is found. */
static void require_order(const vdbi_flat *flat)
{
    for (size_t i = 0; i < flat->count; i++) {
        const vdbi_flat_field *f = &flat->fields[i];
        require_value(&f->value, 0);
        REQUIRE(vdbi_flat_find(flat, f->path, f->path_length) == &f->value);
        if (i > 0) {
            const vdbi_flat_field *g = f - 1;
            size_t n =
                g->path_length < f->path_length ? g->path_length : f->path_length;
            int order = memcmp(g->path, f->path, n);
            REQUIRE(order < 0 || (order == 0 && g->path_length < f->path_length));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vdbi_memory memory;
    vdbi_flat *flat;
    vdb_status st;

    vdbi_memory_init(&memory, harness_allocator());
    st = vdbi_flatten(&memory, (const char *)data, size, &flat);
    harness_require_told(st);
    REQUIRE(st == VDB_OK || st == VDB_INVALID);
    REQUIRE((st == VDB_OK) == (flat != NULL));
    if (flat)
        require_order(flat);
    vdbi_flat_free(&memory, flat);
    harness_require_no_leak();
    return 0;
}
