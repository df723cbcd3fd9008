/* walk_body.h: the walk, for one form of codes.  No include guard: walk_set.h includes it
 * once per form, with
 *
 *   WALK(name)                the function's name for this form
 *   DISTANCE(c, q, row)       the distance as an int32_t that orders
 *   UPPER(c, q, row)          where rows are in halves: the same by the upper ones
 *
 * A hop takes two passes over the links of a node: the first collects those not visited
 * and asks for their codes, the second computes.  What is nearer than the worst of the
 * pool goes into it, a sorted array; expanding goes on with the nearest that has not been
 * expanded, until there is none.  [Malkov and Yashunin, 2016]
 *
 * By the upper halves a walk reads half the memory and goes a little astray; what it found is
 * put into the order of all bits at its end.
 */
#ifdef UPPER
enum {
    WALK(in_halves) = 1
};
#else
enum {
    WALK(in_halves) = 0
};
#define UPPER(c, q, row) DISTANCE(c, q, row)
#endif

static inline uint64_t WALK(upper_key)(const vdbi_codes *c, const vdbi_code_query *q,
                                       uint32_t slot)
{
    return vdbi_key(UPPER(c, q, vdbi_codes_row(c, slot)), slot);
}

static inline uint64_t WALK(whole_key)(const vdbi_codes *c, const vdbi_code_query *q,
                                       uint32_t slot)
{
    return vdbi_key(DISTANCE(c, q, vdbi_codes_row(c, slot)), slot);
}

/* What a walk begins with, in its own order. */
static inline void WALK(begin)(const vdbi_codes *c, const vdbi_code_query *q,
                               vdbi_pool *p)
{
    if (!WALK(in_halves))
        return;
    for (uint32_t i = 0; i < p->count; i++)
        p->keys[i] =
            WALK(upper_key)(c, q, vdbi_key_slot(p->keys[i])) | (p->keys[i] & 1);
    sort_keys(p->keys, p->count);
}

static inline void WALK(end)(const vdbi_codes *c, const vdbi_code_query *q,
                             vdbi_pool *p)
{
    if (!WALK(in_halves))
        return;
    for (uint32_t i = 0; i < p->count; i++) {
        if (i % WALK_AHEAD == 0)
            for (uint32_t j = i; j < p->count && j < i + 2 * WALK_AHEAD; j++)
                prefetch_row(vdbi_codes_row(c, vdbi_key_slot(p->keys[j])) +
                                 c->walk_bytes,
                             c->row_bytes - c->walk_bytes);
        p->keys[i] =
            WALK(whole_key)(c, q, vdbi_key_slot(p->keys[i])) | (p->keys[i] & 1);
    }
    sort_keys(p->keys, p->count);
}

static inline __attribute__((always_inline)) void
WALK(expand)(const vdbi_nodes *n, const vdbi_codes *c, const vdbi_code_query *q,
             uint32_t slot, uint32_t layer, uint64_t next, const vdbi_pass *pass,
             vdbi_scratch *s, uint32_t *current)
{
    const vdbi_link *links = vdbi_links(n, slot, layer);
    uint32_t max = vdbi_links_max(n, layer), count = 0;
    uint32_t fresh[2 * WALK_M_MAX];

    if (!layer && next != UINT64_MAX)
        prefetch_lines(vdbi_links0(n, vdbi_key_slot(next)), max * 4);
    for (uint32_t i = 0; i < max; i++) {
        uint32_t other = atomic_load_explicit(&links[i], memory_order_acquire);
        if (other == VDBI_NO_SLOT)
            break;
        if (!(pass ? visit_once(s, other) : vdbi_visit_slot(s, other)))
            continue;
        fresh[count++] = other;
        if (count <= WALK_AHEAD)
            prefetch_row(vdbi_codes_row(c, other), c->walk_bytes);
    }
    s->distances += count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = fresh[i];
        uint64_t key;
        uint32_t at;
        if (i + WALK_AHEAD < count)
            prefetch_row(vdbi_codes_row(c, fresh[i + WALK_AHEAD]), c->walk_bytes);
        key = WALK(upper_key)(c, q, other);
        if (pass) {
            if (!worth(&s->pool, key))
                continue;
            front_push(s, key);
            if (passes(n, pass, other))
                pool_insert(&s->pool, key);
        } else if (worth(&s->pool, key)) {
            at = pool_insert(&s->pool, key);
            *current = at < *current ? at : *current;
        }
    }
}

static void WALK(layer)(const vdbi_nodes *n, const vdbi_codes *c,
                        const vdbi_code_query *q, uint32_t layer, vdbi_scratch *s)
{
    uint32_t current = 0;

    WALK(begin)(c, q, &s->pool);
    for (uint32_t i = 0; i < s->pool.count; i++)
        vdbi_visit_slot(s, vdbi_key_slot(s->pool.keys[i]));
    if (s->held_out)
        vdbi_visit_slot(s, s->held_out - 1);
    while (current < s->pool.count) {
        uint64_t key = s->pool.keys[current];
        if (key & 1) {
            current++;
            continue;
        }
        s->pool.keys[current] = key | 1;
        s->hops++;
        if (layer)
            WALK(expand)
        (n, c, q, vdbi_key_slot(key), layer, UINT64_MAX, NULL, s, &current);
        else WALK(expand)(n, c, q, vdbi_key_slot(key), 0,
                          next_unexpanded(&s->pool, current), NULL, s, &current);
    }
    WALK(end)(c, q, &s->pool);
}

static void WALK(passing)(const vdbi_nodes *n, const vdbi_codes *c,
                          const vdbi_code_query *q, const vdbi_pass *pass,
                          vdbi_scratch *s)
{
    uint32_t unused = 0, begin = s->pool.count;

    WALK(begin)(c, q, &s->pool);
    s->front.count = 0;
    for (uint32_t i = 0; i < begin; i++) {
        visit_once(s, vdbi_key_slot(s->pool.keys[i]));
        front_push(s, s->pool.keys[i]);
    }
    s->pool.count = 0;
    for (uint32_t i = 0; i < s->front.count; i++)
        if (passes(n, pass, vdbi_key_slot(s->front.keys[i])))
            pool_insert(&s->pool, s->front.keys[i]);
    while (s->front.count && !s->gave_up) {
        uint64_t key = front_pop(&s->front);
        if (!worth(&s->pool, key))
            break;
        if (s->distances > s->distances_max)
            s->gave_up = 1;
        s->hops++;
        WALK(expand)(n, c, q, vdbi_key_slot(key), 0, UINT64_MAX, pass, s, &unused);
    }
    WALK(end)(c, q, &s->pool);
}

static uint64_t WALK(descend)(const vdbi_nodes *n, const vdbi_codes *c,
                              const vdbi_code_query *q, uint64_t entry, uint32_t from,
                              uint32_t to, vdbi_scratch *s)
{
    uint64_t best =
        WALK(in_halves) ? WALK(upper_key)(c, q, vdbi_key_slot(entry)) : entry;

    for (uint32_t layer = from; layer > to; layer--)
        for (;;) {
            uint64_t before = best;
            const vdbi_link *links = vdbi_upper_links(n, vdbi_key_slot(best), layer);
            uint32_t near[WALK_M_MAX], count = 0;
            for (; count < n->m; count++) {
                near[count] = atomic_load_explicit(&links[count], memory_order_acquire);
                if (near[count] == VDBI_NO_SLOT)
                    break;
                prefetch_row(vdbi_codes_row(c, near[count]), c->walk_bytes);
            }
            for (uint32_t i = 0; i < count; i++) {
                uint64_t key = WALK(upper_key)(c, q, near[i]);
                best = key < best ? key : best;
            }
            s->distances += count;
            if (best == before)
                break;
        }
    return WALK(in_halves) ? WALK(whole_key)(c, q, vdbi_key_slot(best)) : best;
}

static void WALK(distances)(const vdbi_codes *c, const vdbi_code_query *q,
                            const uint32_t *slots, uint32_t count, int32_t *out)
{
    for (uint32_t i = 0; i < count && i < WALK_AHEAD; i++)
        prefetch_row(vdbi_codes_row(c, slots[i]), c->row_bytes);
    for (uint32_t i = 0; i < count; i++) {
        if (i + WALK_AHEAD < count)
            prefetch_row(vdbi_codes_row(c, slots[i + WALK_AHEAD]), c->row_bytes);
        out[i] = DISTANCE(c, q, vdbi_codes_row(c, slots[i]));
    }
}

static void WALK(upper)(const vdbi_codes *c, const vdbi_code_query *q,
                        const uint32_t *slots, uint32_t count, int32_t *out)
{
    for (uint32_t i = 0; i < count; i++)
        out[i] = UPPER(c, q, vdbi_codes_row(c, slots[i]));
}

static int WALK(any_nearer)(const vdbi_codes *c, const vdbi_code_query *q,
                            const uint32_t *slots, uint32_t count, int32_t limit)
{
    for (uint32_t i = 0; i < count; i++)
        if (DISTANCE(c, q, vdbi_codes_row(c, slots[i])) < limit)
            return 1;
    return 0;
}

static const vdbi_walk WALK(walk) = {WALK(descend),   WALK(layer), WALK(passing),
                                     WALK(distances), WALK(upper), WALK(any_nearer)};
#undef WALK
#undef DISTANCE
#undef UPPER
