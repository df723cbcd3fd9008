/* walk_set.h: all walks of one instruction set.  Included by walk_generic.c and its
 * brothers, once, after the distances of the set (codes/distance_*.h), with WALK_SET the
 * name of the function that gives a walk by the form of the codes. */
#include <string.h>

#include "index/hnsw/walk.h"

enum {
    WALK_M_MAX = 512,
    WALK_AHEAD = 8,      /* rows asked for before they are needed */
    WALK_AHEAD_LINES = 8 /* of each; the processor fetches on by itself */
};

static inline void prefetch_lines(const void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch((const char *)at + i);
}

static inline void prefetch_row(const uint8_t *row, size_t bytes)
{
    prefetch_lines(row, bytes < 64 * WALK_AHEAD_LINES ? bytes : 64 * WALK_AHEAD_LINES);
}

/* 1 the first time and never again; a walk that keeps its front elsewhere needs that. */
static inline int visit_once(vdbi_scratch *s, uint32_t slot)
{
    uint32_t mask = ((uint32_t)1 << s->visited_bits) - 1;
    uint32_t at = vdbi_visited_at(slot, s->visited_bits);

    for (; s->visited[at] != VDBI_NO_SLOT; at = (at + 1) & mask)
        if (s->visited[at] == slot)
            return 0;
    s->visited[at] = slot;
    if (++s->visited_count > mask / 2 && !vdbi_scratch_more_visited(s))
        s->gave_up = 1;
    return 1;
}

static inline int worth(const vdbi_pool *p, uint64_t key)
{
    return p->count < p->capacity || key < p->keys[p->count - 1];
}

/* Put a key, which must be worth it, in its place; where that is, or the count when the
 * slot is there already. */
static inline uint32_t pool_insert(vdbi_pool *p, uint64_t key)
{
    const uint64_t *base = p->keys;
    uint32_t length = p->count, at;

    while (length > 1) {
        uint32_t half = length / 2;
        base += base[half - 1] < key ? half : 0;
        length -= half;
    }
    at = (uint32_t)(base - p->keys) + (length == 1 && *base < key);
    if (at < p->count && (p->keys[at] | 1) == (key | 1))
        return p->count;
    if (p->count < p->capacity)
        p->count++;
    memmove(p->keys + at + 1, p->keys + at, (p->count - 1 - at) * sizeof *p->keys);
    p->keys[at] = key;
    return at;
}

static inline uint64_t next_unexpanded(const vdbi_pool *p, uint32_t from)
{
    while (from < p->count && p->keys[from] & 1)
        from++;
    return from < p->count ? p->keys[from] : UINT64_MAX;
}

/* The front of a walk that tests its results is a heap with the nearest on top. */
static inline void front_push(vdbi_scratch *s, uint64_t key)
{
    vdbi_pool *p = &s->front;
    uint32_t i;

    if (p->count == p->capacity && !vdbi_scratch_more_front(s)) {
        s->gave_up = 1;
        return;
    }
    for (i = p->count++; i && p->keys[(i - 1) / 2] > key; i = (i - 1) / 2)
        p->keys[i] = p->keys[(i - 1) / 2];
    p->keys[i] = key;
}

static inline uint64_t front_pop(vdbi_pool *p)
{
    uint64_t top = p->keys[0], moving = p->keys[--p->count];
    uint32_t i = 0;

    while (2 * i + 1 < p->count) {
        uint32_t child = 2 * i + 1;
        child += child + 1 < p->count && p->keys[child + 1] < p->keys[child];
        if (p->keys[child] >= moving)
            break;
        p->keys[i] = p->keys[child];
        i = child;
    }
    p->keys[i] = moving;
    return top;
}

/* A node passes when it, or one of its twins, does. */
static inline int passes(const vdbi_nodes *n, const vdbi_pass *pass, uint32_t slot)
{
    if (pass->test(pass->arg, slot))
        return 1;
    if (!vdbi_is_marked(n, slot, VDBI_MARK_TWINS))
        return 0;
    for (uint32_t left = VDBI_TWINS_MAX; left--;) {
        slot = atomic_load_explicit(&vdbi_node_of(n, slot)->twin, memory_order_acquire);
        if (slot == VDBI_NO_SLOT)
            return 0;
        if (pass->test(pass->arg, slot))
            return 1;
    }
    return 0;
}

/* A float's bits as an integer of the same order. */
static inline int32_t order_of(float x)
{
    int32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

static inline float own_step(const vdbi_codes *c, const uint8_t *row)
{
    float step;

    memcpy(&step, row + c->step_at, sizeof step);
    return step;
}

static inline int32_t scaled(const vdbi_codes *c, const vdbi_code_query *q,
                             const uint8_t *row, int32_t product)
{
    return order_of(q->scale * own_step(c, row) * (float)-product);
}

/* Ascending, by Shell's method: what a walk has found is nearly in order. */
static inline void sort_keys(uint64_t *keys, uint32_t count)
{
    static const uint32_t gaps[] = {29524, 9841, 3280, 1093, 364, 121, 40, 13, 4, 1};

    for (uint32_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (uint32_t i = gaps[g]; i < count; i++) {
            uint64_t key = keys[i];
            uint32_t at = i;
            for (; at >= gaps[g] && keys[at - gaps[g]] > key; at -= gaps[g])
                keys[at] = keys[at - gaps[g]];
            keys[at] = key;
        }
}

#define WALK(name)          l2_##name
#define DISTANCE(c, q, row) code_l2(q, row, (c)->row_bytes)
#include "index/hnsw/walk_body.h"

#define WALK(name)          cosine_##name
#define DISTANCE(c, q, row) (-code_dot(q, row, (c)->row_bytes))
#include "index/hnsw/walk_body.h"

#define WALK(name)          dot_##name
#define DISTANCE(c, q, row) scaled(c, q, row, code_dot(q, row, (c)->row_bytes))
#include "index/hnsw/walk_body.h"

#define WALK(name)          f32_l2_##name
#define DISTANCE(c, q, row) order_of(code_f32_l2(q, row, (c)->row_bytes))
#include "index/hnsw/walk_body.h"

#define WALK(name)          f32_dot_##name
#define DISTANCE(c, q, row) order_of(-code_f32_dot(q, row, (c)->row_bytes))
#include "index/hnsw/walk_body.h"

#define WALK(name)          l2_halves_##name
#define DISTANCE(c, q, row) code_l2_both(c, q, row)
#define UPPER(c, q, row)    code_l2_upper(c, q, row)
#include "index/hnsw/walk_body.h"

#define WALK(name)          cosine_halves_##name
#define DISTANCE(c, q, row) (-code_dot_both(c, q, row))
#define UPPER(c, q, row)    (-code_dot_upper(c, q, row))
#include "index/hnsw/walk_body.h"

#define WALK(name)          dot_halves_##name
#define DISTANCE(c, q, row) scaled(c, q, row, code_dot_both(c, q, row))
#define UPPER(c, q, row)    scaled(c, q, row, code_dot_upper(c, q, row))
#include "index/hnsw/walk_body.h"

const vdbi_walk *WALK_SET(int form);
const vdbi_walk *WALK_SET(int form)
{
    static const vdbi_walk *const walks[VDBI_FORMS] = {
        [VDBI_CODE_L2] = &l2_walk,
        [VDBI_CODE_COSINE] = &cosine_walk,
        [VDBI_CODE_DOT] = &dot_walk,
        [VDBI_CODE_F32_L2] = &f32_l2_walk,
        [VDBI_CODE_F32_DOT] = &f32_dot_walk,
        [VDBI_CODE_L2 + VDBI_FORM_HALVES] = &l2_halves_walk,
        [VDBI_CODE_COSINE + VDBI_FORM_HALVES] = &cosine_halves_walk,
        [VDBI_CODE_DOT + VDBI_FORM_HALVES] = &dot_halves_walk,
    };

    return walks[form];
}
