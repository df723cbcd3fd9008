/* space_tail.c: where the file could end; see space.h. */
#include "store/space_priv.h"

#include "base/bytes.h"
#include "store/array.h"

/* The pages that stand in the way: used, or held for somebody. */
static uint64_t occupied(const uint8_t *used, const uint64_t *held, uint32_t w)
{
    return (used ? vdbi_get64(used + 8 * w) : 0) | (held ? held[w] : 0);
}

/* The last page of a leaf that is used or held, + 1; 0: none is. */
static uint32_t leaf_end(const uint8_t *used, const uint64_t *held)
{
    for (uint32_t w = LEAF_WORDS; w-- > 0;) {
        uint64_t word = occupied(used, held, w);
        if (word)
            return w * 64 + 64 - (uint32_t)__builtin_clzll(word);
    }
    return 0;
}

static vdb_status shrink(vdbi_space *s)
{
    uint64_t end = 0;

    for (size_t i = s->leaf_count; i-- > 0 && !end;) {
        const uint8_t *used;
        vdb_status st = vdbi_array_block(s->pager, &s->map, 1, i, &used);
        if (st)
            return st;
        end = leaf_end(used, s->leaves[i].held);
        end = end ? end + (uint64_t)i * LEAF_BITS : 0;
    }
    if (end >= 2 && end < s->file_pages) {
        s->file_pages = end;
        vdbi_pager_set_file_pages(s->pager, end);
        atomic_store(&s->known_pages, end);
    }
    return VDB_OK;
}

/* Free bits of a leaf below `end`, but for those held. */
static uint64_t leaf_room(const uint8_t *used, const uint64_t *held, uint64_t end)
{
    uint64_t room = 0;

    for (uint32_t w = 0; w < LEAF_WORDS && (uint64_t)w * 64 < end; w++) {
        uint64_t word = ~occupied(used, held, w);
        if (end - (uint64_t)w * 64 < 64)
            word &= ((uint64_t)1 << (end - (uint64_t)w * 64)) - 1;
        room += (uint64_t)__builtin_popcountll(word);
    }
    return room;
}

static vdb_status room(vdbi_space *s, uint64_t boundary, uint64_t *pages)
{
    vdb_status st = VDB_OK;

    *pages = 0;
    for (size_t i = 0; !st && i < s->leaf_count && (uint64_t)i * LEAF_BITS < boundary;
         i++) {
        const uint8_t *used;
        uint64_t end = boundary - (uint64_t)i * LEAF_BITS;
        st = vdbi_array_block(s->pager, &s->map, 1, i, &used);
        if (!st)
            *pages +=
                leaf_room(used, s->leaves[i].held, end < LEAF_BITS ? end : LEAF_BITS);
    }
    return st;
}

/* How many pages of a leaf at and behind `from` are in the way; if more than `most` are,
 * *at is the place, in the leaf, behind which `most` are. */
static uint64_t leaf_tail(const uint8_t *used, const uint64_t *held, uint32_t from,
                          uint64_t most, uint32_t *at)
{
    uint64_t n = 0;

    for (uint32_t w = LEAF_WORDS; w-- > from / 64;) {
        uint64_t word = occupied(used, held, w), count;
        if (w == from / 64)
            word &= UINT64_MAX << (from % 64);
        count = (uint64_t)__builtin_popcountll(word);
        if (n + count > most) {
            for (; n < most; n++)
                word ^= (uint64_t)1 << (63 - __builtin_clzll(word));
            *at = w * 64 + 64 - (uint32_t)__builtin_clzll(word);
            return n;
        }
        n += count;
    }
    *at = from;
    return n;
}

static vdb_status tail(vdbi_space *s, uint64_t most, uint64_t floor, uint64_t *boundary,
                       uint64_t *behind)
{
    *boundary = s->file_pages;
    *behind = 0;
    for (size_t i = s->leaf_count; i-- > 0 && *boundary > floor;) {
        uint64_t first = (uint64_t)i * LEAF_BITS;
        const uint8_t *used;
        uint32_t from = first < floor ? (uint32_t)(floor - first) : 0, at;
        vdb_status st;
        if (first >= s->file_pages)
            continue;
        st = vdbi_array_block(s->pager, &s->map, 1, i, &used);
        if (st)
            return st;
        *behind += leaf_tail(used, s->leaves[i].held, from, most - *behind, &at);
        *boundary = first + at < s->file_pages ? first + at : s->file_pages;
        if (at > from)
            break;
    }
    return VDB_OK;
}

vdb_status vdbi_space_shrink(vdbi_space *s)
{
    vdb_status st;

    vdbi_section_begin(s->pager);
    st = shrink(s);
    vdbi_section_end(s->pager);
    return st;
}

vdb_status vdbi_space_room(vdbi_space *s, uint64_t boundary, uint64_t *pages)
{
    vdb_status st = vdbi_space_learn(s);

    if (st)
        return st;
    vdbi_section_begin(s->pager);
    st = room(s, boundary, pages);
    vdbi_section_end(s->pager);
    return st;
}

vdb_status vdbi_space_tail(vdbi_space *s, uint64_t most, uint64_t floor,
                           uint64_t *boundary, uint64_t *behind)
{
    vdb_status st = vdbi_space_learn(s);

    if (st)
        return st;
    vdbi_section_begin(s->pager);
    st = tail(s, most, floor, boundary, behind);
    vdbi_section_end(s->pager);
    return st;
}
