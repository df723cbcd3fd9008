/* meta.c: see meta.h. */
#include "store/meta.h"

#include "base/bytes.h"
#include "base/checksum.h"
#include "store/array.h"
#include "store/column.h"
#include "store/layout.h"

static const uint8_t magic[8] = {'l', 'i', 'b', 'v', 'd', 'b', '\r', '\n'};

enum {
    OFF_FORMAT = 8,
    OFF_FEATURES = 12,
    OFF_UUID = 16,
    OFF_GENERATION = 32,
    OFF_SEQUENCE = 40,
    OFF_DIMENSION = 48,
    OFF_METRIC = 52,
    OFF_INDEX = 56,
    OFF_TYPE = 60,
    OFF_M = 64,
    OFF_EF = 68,
    OFF_LAYERS = 72,
    OFF_LOG = 76,
    OFF_SALT = 80,
    OFF_FILE_PAGES = 88,
    OFF_LIVE = 96,
    OFF_HEAP_END = 104,
    OFF_SLOTS = 112,
    OFF_FIELDS = 116,
    OFF_CODES = 120,
    OFF_ROOTS = 128,
    ROOT_SPACE = 9,
    ROOT_SUMMARY = 10,
    ROOT_GRAPH = 11,
    OFF_CHECKSUM = VDBI_PAGE - 8
};
/* A file has at most 16 TiB; generations and sequences never come near wrapping. */
#define PAGES_MAX   ((uint64_t)1 << 32)
#define COUNT_LIMIT ((uint64_t)1 << 62)
_Static_assert((int)VDBI_ROOT_COUNT == (int)ROOT_SPACE,
               "the map's roots follow the image's");

uint64_t vdbi_meta_place(uint64_t generation)
{
    return (generation - 1) % 2;
}

void vdbi_meta_encode(const vdbi_meta *m, uint8_t page[VDBI_PAGE])
{
    const vdbi_image *image = &m->image;

    memset(page, 0, VDBI_PAGE);
    memcpy(page, magic, sizeof magic);
    vdbi_put32(page + OFF_FORMAT, VDBI_FORMAT);
    memcpy(page + OFF_UUID, m->uuid, VDBI_UUID);
    vdbi_put64(page + OFF_GENERATION, m->generation);
    vdbi_put64(page + OFF_SEQUENCE, image->sequence);
    vdbi_put32(page + OFF_DIMENSION, image->dimension);
    vdbi_put32(page + OFF_METRIC, (uint32_t)m->shape.metric);
    vdbi_put32(page + OFF_INDEX, (uint32_t)m->shape.index);
    vdbi_put32(page + OFF_TYPE, (uint32_t)m->shape.type);
    vdbi_put32(page + OFF_M, m->shape.m);
    vdbi_put32(page + OFF_EF, m->shape.ef_construction);
    vdbi_put32(page + OFF_LAYERS, m->shape.max_layers);
    vdbi_put32(page + OFF_CODES, (uint32_t)m->shape.codes);
    vdbi_put32(page + OFF_LOG, m->log);
    vdbi_put64(page + OFF_SALT, m->salt);
    vdbi_put64(page + OFF_FILE_PAGES, m->file_pages);
    vdbi_put64(page + OFF_LIVE, image->live_count);
    vdbi_put64(page + OFF_HEAP_END, image->heap_end);
    vdbi_put32(page + OFF_SLOTS, image->slot_count);
    vdbi_put32(page + OFF_FIELDS, image->field_count);
    for (int i = 0; i < VDBI_ROOT_COUNT; i++)
        vdbi_ref_put(page + OFF_ROOTS + VDBI_REF_BYTES * i, &image->roots[i]);
    vdbi_ref_put(page + OFF_ROOTS + VDBI_REF_BYTES * ROOT_SPACE, &m->space);
    vdbi_ref_put(page + OFF_ROOTS + VDBI_REF_BYTES * ROOT_SUMMARY, &m->summary);
    for (int i = 0; i < VDBI_META_GRAPH; i++)
        vdbi_ref_put(page + OFF_ROOTS + VDBI_REF_BYTES * (ROOT_GRAPH + i),
                     &m->graph[i]);
    vdbi_put64(page + OFF_CHECKSUM,
               vdbi_hash64(page, OFF_CHECKSUM, vdbi_meta_place(m->generation)));
}

static int is_zero(const uint8_t page[VDBI_PAGE])
{
    for (int i = 0; i < VDBI_PAGE; i++)
        if (page[i])
            return 0;
    return 1;
}

/* Numbers that this library would never have written, whatever the checksum says.  What
 * is allocated and walked later is as large as these say. */
static int sane(const vdbi_meta *m)
{
    const vdbi_ref *roots = m->image.roots;

    return m->generation > 0 && m->generation < COUNT_LIMIT &&
           m->image.sequence < COUNT_LIMIT && m->file_pages <= PAGES_MAX &&
           m->image.field_count <= VDBI_COLUMNS_MAX &&
           m->image.heap_end / VDBI_HEAP_BLOCK <=
               vdbi_array_span(roots[VDBI_ROOT_HEAP].height) &&
           m->image.slot_count / VDBI_PLACES_PER_BLOCK <=
               vdbi_array_span(roots[VDBI_ROOT_PLACES].height) &&
           m->log <= 2 && (m->log == 0 || m->salt) &&
           m->image.dimension <= VDB_DIMENSION_MAX && m->shape.metric >= VDB_L2 &&
           m->shape.metric <= VDB_DOT && m->shape.index >= VDB_FLAT &&
           m->shape.index <= VDB_HNSW && m->file_pages >= 2 &&
           m->image.slot_count <= INT32_MAX &&
           m->image.live_count <= m->image.slot_count &&
           (m->image.slot_count == 0 || m->image.dimension > 0);
}

/* For VDBI_FUZZ_TRUST_CHECKSUMS see frame.c. */
static int checksum_matches(const uint8_t page[VDBI_PAGE], uint64_t place)
{
#ifdef VDBI_FUZZ_TRUST_CHECKSUMS
    (void)page, (void)place;
    return 1;
#else
    return vdbi_get64(page + OFF_CHECKSUM) == vdbi_hash64(page, OFF_CHECKSUM, place);
#endif
}

int vdbi_meta_decode(const uint8_t page[VDBI_PAGE], uint64_t place, vdbi_meta *m)
{
    vdbi_image *image = &m->image;
    uint32_t format;

    memset(m, 0, sizeof *m);
    if (is_zero(page))
        return VDBI_META_ZERO;
    if (memcmp(page, magic, sizeof magic) != 0)
        return VDBI_META_BAD;
    format = vdbi_get32(page + OFF_FORMAT);
    if (!checksum_matches(page, place))
        return format > VDBI_FORMAT ? VDBI_META_ODD : VDBI_META_BAD;
    if (format > VDBI_FORMAT || vdbi_get32(page + OFF_FEATURES))
        return VDBI_META_NEWER;
    if (format != VDBI_FORMAT)
        return VDBI_META_BAD;
    memcpy(m->uuid, page + OFF_UUID, VDBI_UUID);
    m->generation = vdbi_get64(page + OFF_GENERATION);
    image->sequence = vdbi_get64(page + OFF_SEQUENCE);
    image->dimension = vdbi_get32(page + OFF_DIMENSION);
    m->shape.metric = (vdb_metric)vdbi_get32(page + OFF_METRIC);
    m->shape.index = (vdb_index_kind)vdbi_get32(page + OFF_INDEX);
    m->shape.type = (vdb_type)vdbi_get32(page + OFF_TYPE);
    m->shape.m = vdbi_get32(page + OFF_M);
    m->shape.ef_construction = vdbi_get32(page + OFF_EF);
    m->shape.max_layers = vdbi_get32(page + OFF_LAYERS);
    m->shape.codes = (vdb_codes)vdbi_get32(page + OFF_CODES);
    m->log = vdbi_get32(page + OFF_LOG);
    m->salt = vdbi_get64(page + OFF_SALT);
    m->file_pages = vdbi_get64(page + OFF_FILE_PAGES);
    image->live_count = vdbi_get64(page + OFF_LIVE);
    image->heap_end = vdbi_get64(page + OFF_HEAP_END);
    image->slot_count = vdbi_get32(page + OFF_SLOTS);
    image->field_count = vdbi_get32(page + OFF_FIELDS);
    for (int i = 0; i < VDBI_ROOT_COUNT; i++)
        vdbi_ref_get(page + OFF_ROOTS + VDBI_REF_BYTES * i, &image->roots[i]);
    vdbi_ref_get(page + OFF_ROOTS + VDBI_REF_BYTES * ROOT_SPACE, &m->space);
    vdbi_ref_get(page + OFF_ROOTS + VDBI_REF_BYTES * ROOT_SUMMARY, &m->summary);
    for (int i = 0; i < VDBI_META_GRAPH; i++)
        vdbi_ref_get(page + OFF_ROOTS + VDBI_REF_BYTES * (ROOT_GRAPH + i),
                     &m->graph[i]);
    if (!sane(m) || vdbi_meta_place(m->generation) != place)
        return VDBI_META_BAD;
    return VDBI_META_VALID;
}
