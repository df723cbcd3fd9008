/* test_repair.c: unlinking, reaching and checking, beside searches and insertions. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "index/hnsw/every_priv.h"
#include "kernel/kernel.h"
#include "os/thread.h"

enum {
    ROWS = 2000,
    DIMENSION = 16,
    K = 10
};

static vdbi_memory memory;
static float rows[ROWS][DIMENSION];
static uint8_t present[ROWS];
static uint64_t seed;

static uint32_t below(uint32_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((seed >> 33) % bound);
}

static float uniform(void)
{
    return (float)below(1 << 24) * 0x1p-24f - 0.5f;
}

/* Twenty clusters; row i belongs to cluster i % 20. */
static void make_row(uint32_t i)
{
    for (uint32_t d = 0; d < DIMENSION; d++)
        rows[i][d] =
            (float)((i % 20 * 7 + d * 3 + i % 20 * d) % 13) - 6 + 4 * uniform();
}

static void make_rows(void)
{
    seed = 7;
    for (uint32_t i = 0; i < ROWS; i++)
        make_row(i);
}

/* Only so many different vectors, each many times. */
static void make_equal_rows(uint32_t different)
{
    make_rows();
    for (uint32_t i = different; i < ROWS; i++)
        memcpy(rows[i], rows[i % different], sizeof rows[i]);
}

static vdbi_hnsw *make_graph(vdb_metric metric)
{
    const vdbi_hnsw_shape shape = {metric, DIMENSION, 8, 60, 16};
    const float *sample[ROWS];
    vdbi_hnsw *h;

    for (size_t i = 0; i < ROWS; i++)
        sample[i] = rows[i];
    assert_int_equal(vdbi_hnsw_create(&memory, &shape, 0, sample, ROWS, &h), VDB_OK);
    memset(present, 0, sizeof present);
    return h;
}

static void insert(vdbi_hnsw *h, uint32_t first, uint32_t count)
{
    vdbi_visitor *visitor;

    for (uint32_t i = first; i < first + count; i++)
        if (!present[i]) {
            assert_int_equal(vdbi_hnsw_reserve(h, i), VDB_OK);
            vdbi_hnsw_encode(h, i, rows[i]);
            assert_int_equal(vdbi_visit_begin(h->visitors, &visitor), VDB_OK);
            assert_int_equal(vdbi_hnsw_insert(h, i, &visitor->scratch), VDB_OK);
            vdbi_visit_end(visitor);
            present[i] = 1;
        }
}

static void check(vdbi_hnsw *h)
{
    if (vdbi_hnsw_check(h))
        fail_msg("%s", vdbi_error_text());
}

static void connect_and_check(vdbi_hnsw *h)
{
    uint64_t made;

    assert_int_equal(vdbi_hnsw_connect(h, NULL, &made), VDB_OK);
    check(h);
}

static void done(vdbi_hnsw *h)
{
    vdbi_hnsw_free(h);
    assert_int_equal(atomic_load(&memory.bytes), 0);
}

/* Unlink what is present and chosen by `leaves`. */
static void unlink_where(vdbi_hnsw *h, int (*leaves)(uint32_t slot))
{
    uint32_t slots[ROWS];
    size_t count = 0;

    for (uint32_t i = 0; i < ROWS; i++)
        if (present[i] && leaves(i)) {
            slots[count++] = i;
            present[i] = 0;
        }
    assert_int_equal(vdbi_hnsw_unlink(h, slots, count, NULL), VDB_OK);
    connect_and_check(h);
    for (size_t i = 0; i < count; i++)
        assert_false(vdbi_is_marked(&h->nodes, slots[i], VDBI_MARK_LINKED));
}

static uint32_t present_count(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < ROWS; i++)
        n += present[i];
    return n;
}

/* Whether a present slot is among what a search for its own vector finds, or in the chain
 * of what it finds. */
static int finds_itself(vdbi_hnsw *h, uint32_t slot, vdbi_scratch *s)
{
    assert_int_equal(vdbi_hnsw_search(h, rows[slot], 60, NULL, 0, s), VDB_OK);
    for (uint32_t i = 0; i < s->pool.count; i++) {
        uint32_t found = vdbi_key_slot(s->pool.keys[i]);
        assert_true(present[found]);
        for (;; found = atomic_load(&vdbi_node_of(&h->nodes, found)->twin)) {
            if (found == slot)
                return 1;
            if (found == VDBI_NO_SLOT)
                break;
        }
    }
    return 0;
}

/* `lost`: so many need not, for where clusters lie far apart a walk may end in the wrong
 * one. */
static void find_themselves(vdbi_hnsw *h, uint32_t lost)
{
    vdbi_visitor *visitor;
    uint32_t n = 0;

    assert_int_equal(vdbi_visit_begin(h->visitors, &visitor), VDB_OK);
    for (uint32_t i = 0; i < ROWS; i++)
        n += present[i] && !finds_itself(h, i, &visitor->scratch);
    vdbi_visit_end(visitor);
    assert_in_range(n, 0, lost);
}

static void all_find_themselves(vdbi_hnsw *h)
{
    find_themselves(h, 0);
}

static int one_in_three(uint32_t slot)
{
    return slot % 3 == 1;
}

static int of_seven_clusters(uint32_t slot)
{
    return slot % 20 < 7;
}

static int at_random(uint32_t slot)
{
    (void)slot;
    return below(5) == 0;
}

static int everybody(uint32_t slot)
{
    (void)slot;
    return 1;
}

static int all_but_the_last(uint32_t slot)
{
    return slot != ROWS - 1;
}

static void others_are_found_after_unlinking(void **state)
{
    vdbi_hnsw *h;

    (void)state;
    make_rows();
    h = make_graph(VDB_L2);
    insert(h, 0, ROWS);
    connect_and_check(h);
    unlink_where(h, one_in_three);
    assert_int_equal(atomic_load(&h->count), present_count());
    all_find_themselves(h);
    unlink_where(h, of_seven_clusters);
    all_find_themselves(h);
    insert(h, 0, ROWS);
    connect_and_check(h);
    all_find_themselves(h);
    done(h);
}

static void graph_can_become_empty_and_begin_again(void **state)
{
    vdbi_hnsw *h;

    (void)state;
    make_rows();
    h = make_graph(VDB_COSINE);
    insert(h, 0, ROWS);
    unlink_where(h, all_but_the_last);
    all_find_themselves(h);
    unlink_where(h, everybody);
    assert_true(atomic_load(&h->entry) == VDBI_NO_ENTRY);
    insert(h, 0, ROWS);
    connect_and_check(h);
    all_find_themselves(h);
    done(h);
}

static void slots_are_used_again_and_again(void **state)
{
    vdbi_hnsw *h;
    uint32_t uppers = 0;

    (void)state;
    make_rows();
    h = make_graph(VDB_L2);
    insert(h, 0, ROWS);
    connect_and_check(h);
    for (int round = 0; round < 12; round++) {
        unlink_where(h, at_random);
        for (uint32_t i = 0; i < ROWS; i++)
            if (!present[i])
                make_row(i);
        insert(h, 0, ROWS);
        connect_and_check(h);
        if (round == 1)
            uppers = atomic_load(&h->nodes.upper_count);
    }
    find_themselves(h, ROWS / 50);
    assert_int_equal(atomic_load(&h->nodes.upper_count), uppers);
    done(h);
}

static void twins_inherit(void **state)
{
    static const uint32_t different[] = {1, 2, 40, ROWS / 2};

    (void)state;
    for (size_t i = 0; i < sizeof different / sizeof *different; i++) {
        vdbi_hnsw *h;
        make_equal_rows(different[i]);
        h = make_graph(VDB_L2);
        insert(h, 0, ROWS);
        connect_and_check(h);
        assert_int_equal(atomic_load(&h->twins), ROWS - different[i]);
        for (int round = 0; round < 6; round++) {
            unlink_where(h, round % 2 ? one_in_three : at_random);
            all_find_themselves(h);
            if (round == 3)
                insert(h, 0, ROWS);
            connect_and_check(h);
        }
        unlink_where(h, all_but_the_last);
        all_find_themselves(h);
        done(h);
    }
}

static int so_often(void *arg)
{
    return (*(int *)arg)-- > 0;
}

static void unlinking_can_be_given_up_and_taken_up(void **state)
{
    vdbi_hnsw *h;
    uint32_t slots[ROWS];
    size_t count = 0;
    int left;
    const vdbi_pace pace = {so_often, &left, NULL};

    (void)state;
    make_equal_rows(ROWS / 2);
    h = make_graph(VDB_L2);
    insert(h, 0, ROWS);
    for (uint32_t i = 0; i < ROWS; i++)
        if (i % 4 == 0) {
            slots[count++] = i;
            present[i] = 0;
        }
    for (int asked = 0; asked < 8; asked += 3) {
        left = asked;
        assert_int_equal(
            vdbi_hnsw_unlink(h, slots, count - (size_t)(20 - asked), &pace),
            VDB_CANCELLED);
    }
    left = 1000;
    assert_int_equal(vdbi_hnsw_unlink(h, slots, count, &pace), VDB_OK);
    connect_and_check(h);
    all_find_themselves(h);
    done(h);
}

typedef struct piece {
    void (*part)(void *work);
    void *work;
} piece;

static void *do_part(void *arg)
{
    const piece *p = arg;

    p->part(p->work);
    return NULL;
}

static int always(void *arg)
{
    (void)arg;
    return 1;
}

static void share_by_three(void *arg, void (*part)(void *work), void *work)
{
    piece p = {part, work};
    vdbi_thread helpers[2];

    (void)arg;
    for (int i = 0; i < 2; i++)
        assert_int_equal(vdbi_thread_start(&helpers[i], do_part, &p), VDB_OK);
    part(work);
    for (int i = 0; i < 2; i++)
        vdbi_thread_join(helpers[i]);
}

static _Atomic int seen[ROWS];

static uint32_t see(const vdbi_linker *k, uint32_t slot)
{
    (void)k;
    atomic_fetch_add(&seen[slot], 1);
    return 2;
}

static void every_node_is_seen_to_once_by_whoever_helps(void **state)
{
    int left = 3;
    const vdbi_pace all = {always, NULL, share_by_three},
                    some = {so_often, &left, NULL};
    vdbi_hnsw *h;
    uint64_t made;
    int sum = 0;

    (void)state;
    make_equal_rows(ROWS - 300); /* twins are no nodes */
    h = make_graph(VDB_L2);
    insert(h, 0, ROWS);
    for (int round = 1; round < 4; round++) {
        assert_int_equal(vdbi_every_node(h, &all, see, &made), VDB_OK);
        for (uint32_t i = 0; i < ROWS; i++)
            assert_int_equal(atomic_load(&seen[i]),
                             vdbi_is_node(&h->nodes, i) ? round : 0);
        assert_int_equal(made, 2 * (ROWS - 300));
    }
    memset(seen, 0, sizeof seen);
    assert_int_equal(vdbi_every_node(h, &some, see, &made), VDB_CANCELLED);
    for (uint32_t i = 0; i < ROWS; i++)
        sum += atomic_load(&seen[i]);
    assert_int_equal(made, 2 * sum);
    assert_in_range(sum, 1, ROWS - 301);
    done(h);
}

static uint32_t upper_nodes(const vdbi_hnsw *h)
{
    uint32_t n = 0;

    for (uint32_t slot = 0; slot < ROWS; slot++)
        n += vdbi_is_node(&h->nodes, slot) &&
             atomic_load(&vdbi_node_of(&h->nodes, slot)->layer) > 0;
    return n;
}

typedef struct intruder {
    vdbi_hnsw *h;
    uint32_t slot;
} intruder;

static int come_in(void *arg)
{
    intruder *who = arg;
    vdbi_visitor *visitor;

    insert(who->h, who->slot, 1);
    assert_int_equal(vdbi_visit_begin(who->h->visitors, &visitor), VDB_OK);
    assert_int_equal(vdbi_hnsw_search(who->h, rows[0], 60, NULL, 0, &visitor->scratch),
                     VDB_OK);
    assert_true(visitor->scratch.pool.count > K);
    vdbi_visit_end(visitor);
    return 1;
}

/* While all nodes leave, the way in too, and nobody links to their heirs yet, what is
 * inserted meets nothing that stays.  It must neither hide the others meanwhile nor be the
 * way in for good, though it is on no upper layer. */
static void what_comes_in_while_all_leave_hides_nobody(void **state)
{
    enum {
        DIFFERENT = 100,
        NEW = 1501
    };
    uint32_t slots[DIFFERENT];

    (void)state;
    make_equal_rows(DIFFERENT);
    make_row(NEW);
    vdbi_hnsw *h = make_graph(VDB_L2);
    intruder who = {h, NEW};
    const vdbi_pace pace = {come_in, &who, NULL};
    insert(h, 0, DIFFERENT);
    for (uint32_t i = 0; i < DIFFERENT; i++) {
        if (i != (uint32_t)atomic_load(&h->entry)) /* whose heir would be the way in */
            insert(h, DIFFERENT + i, 1);
        slots[i] = i;
        present[i] = 0;
    }
    assert_int_equal(vdbi_hnsw_unlink(h, slots, DIFFERENT, &pace), VDB_OK);
    assert_int_equal(atomic_load(&vdbi_node_of(&h->nodes, NEW)->layer), 0);
    connect_and_check(h);
    all_find_themselves(h);
    done(h);
}

/* What was given up is taken up when the heirs that were appointed are to leave too. */
static void an_heir_leaves_with_whom_it_succeeded(void **state)
{
    enum {
        DIFFERENT = ROWS / 4
    };
    vdbi_hnsw *h;
    uint32_t slots[2 * DIFFERENT], uppers;
    int left = 0;
    const vdbi_pace pace = {so_often, &left, NULL};

    (void)state;
    make_equal_rows(DIFFERENT);
    h = make_graph(VDB_L2);
    insert(h, 0, ROWS);
    for (uint32_t i = 0; i < DIFFERENT; i++) {
        slots[i] = i;
        slots[DIFFERENT + i] =
            ROWS - DIFFERENT + i; /* who came last is first in the chain */
        present[slots[i]] = present[slots[DIFFERENT + i]] = 0;
    }
    uppers = upper_nodes(h);
    assert_int_equal(vdbi_hnsw_unlink(h, slots, DIFFERENT, &pace), VDB_CANCELLED);
    assert_int_equal(vdbi_hnsw_unlink(h, slots, DIFFERENT + DIFFERENT, NULL), VDB_OK);
    connect_and_check(h);
    all_find_themselves(h);
    assert_int_equal(upper_nodes(h), uppers);
    done(h);
}

/* Take away every link that leads to one of some nodes. */
static void hide(vdbi_hnsw *h, uint32_t step)
{
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        vdbi_link *links = vdbi_links0(&h->nodes, slot);
        uint32_t kept = 0;
        if (!vdbi_is_node(&h->nodes, slot))
            continue;
        for (uint32_t i = 0; i < h->nodes.m0; i++) {
            uint32_t other = atomic_load(&links[i]);
            atomic_store(&links[i], VDBI_NO_SLOT);
            if (other != VDBI_NO_SLOT && other % step)
                atomic_store(&links[kept++], other);
        }
    }
}

/* How many of those no upper layer leads to. */
static uint64_t hidden_below(const vdbi_hnsw *h, uint32_t step)
{
    uint64_t n = 0;

    for (uint32_t slot = 0; slot < ROWS; slot += step)
        n += atomic_load(&vdbi_node_of(&h->nodes, slot)->layer) == 0;
    return n;
}

/* On layer 1 too: what is cut off there is found, and gets a way. */
static void hidden_upper_nodes_are_connected(void **state)
{
    vdbi_hnsw *h;
    uint64_t missed, made;
    uint32_t first, victim = VDBI_NO_SLOT;

    (void)state;
    make_rows();
    h = make_graph(VDB_L2);
    insert(h, 0, ROWS);
    connect_and_check(h);
    for (uint32_t slot = 0; slot < ROWS; slot++)
        if (atomic_load(&vdbi_node_of(&h->nodes, slot)->layer) == 1)
            victim = slot;
    assert_int_not_equal(victim, VDBI_NO_SLOT);
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        vdbi_link *links;
        uint32_t kept = 0;
        if (atomic_load(&vdbi_node_of(&h->nodes, slot)->layer) == 0)
            continue;
        links = vdbi_links(&h->nodes, slot, 1);
        for (uint32_t i = 0; i < h->nodes.m; i++) {
            uint32_t other = atomic_load(&links[i]);
            atomic_store(&links[i], VDBI_NO_SLOT);
            if (other != VDBI_NO_SLOT && other != victim)
                atomic_store(&links[kept++], other);
        }
    }
    assert_int_equal(vdbi_hnsw_missed(h, &missed, &first), VDB_OK);
    assert_int_equal(missed, 1);
    assert_int_equal(first, victim);
    assert_int_equal(vdbi_hnsw_connect(h, NULL, &made), VDB_OK);
    assert_int_equal(made, 1);
    check(h);
    done(h);
}

static void hidden_nodes_are_found_and_connected(void **state)
{
    static const uint32_t steps[] = {2, 3, 50, 999};

    (void)state;
    make_rows();
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        vdbi_hnsw *h = make_graph(VDB_L2);
        uint64_t missed, made;
        uint32_t first;
        insert(h, 0, ROWS);
        connect_and_check(h);
        hide(h, steps[i]);
        assert_int_equal(vdbi_hnsw_missed(h, &missed, &first), VDB_OK);
        assert_true(missed >= hidden_below(h, steps[i])); /* and some behind them */
        assert_int_equal(vdbi_hnsw_connect(h, NULL, &made), VDB_OK);
        assert_true(made <= missed && (made || !missed));
        check(h);
        done(h);
    }
}

static int links_to(const vdbi_hnsw *h, uint32_t slot, uint32_t to)
{
    const vdbi_link *links = vdbi_links0(&h->nodes, slot);

    for (uint32_t i = 0; i < h->nodes.m0; i++)
        if (atomic_load(&links[i]) == to)
            return 1;
    return 0;
}

/* Some are forgotten by all of their neighbours. */
static void neighbours_link_back(void **state)
{
    vdbi_hnsw *h;
    uint64_t made;

    (void)state;
    make_rows();
    h = make_graph(VDB_L2);
    insert(h, 0, ROWS);
    hide(h, 10);
    assert_int_equal(vdbi_hnsw_answer(h, NULL, &made), VDB_OK);
    assert_true(made >= ROWS / 10);
    for (uint32_t slot = 0; slot < ROWS; slot += 10) {
        const vdbi_link *links = vdbi_links0(&h->nodes, slot);
        uint32_t backs = 0;
        for (uint32_t i = 0; i < h->nodes.m0 && atomic_load(&links[i]) != VDBI_NO_SLOT;
             i++)
            backs += (uint32_t)links_to(h, atomic_load(&links[i]), slot);
        assert_true(backs >= 2 || atomic_load(&links[1]) == VDBI_NO_SLOT);
    }
    assert_int_equal(vdbi_hnsw_answer(h, NULL, &made), VDB_OK);
    assert_int_equal(made, 0);
    connect_and_check(h);
    done(h);
}

static void must_fail(vdbi_hnsw *h, const char *with)
{
    assert_int_equal(vdbi_hnsw_check(h), VDB_CORRUPT);
    if (!strstr(vdbi_error_text(), with))
        fail_msg("%s", vdbi_error_text());
}

static void check_sees_what_is_wrong(void **state)
{
    vdbi_hnsw *h;
    vdbi_link *links;
    uint32_t before, twin, leader = 0;
    uint64_t entry;

    (void)state;
    make_equal_rows(ROWS - 10);
    h = make_graph(VDB_L2);
    insert(h, 0, ROWS);
    connect_and_check(h);
    links = vdbi_links0(&h->nodes, 20);
    before = atomic_load(&links[1]);
    atomic_store(&links[1], ROWS);
    must_fail(h, "a link to slot 2000 of 2000");
    atomic_store(&links[1], 20);
    must_fail(h, "a link to itself");
    atomic_store(&links[1], atomic_load(&links[0]));
    must_fail(h, "two links");
    atomic_store(&links[1], VDBI_NO_SLOT);
    must_fail(h, "a gap");
    atomic_store(&links[1], ROWS - 1);
    must_fail(h, "a twin in a chain");
    atomic_store(&links[1], before);
    check(h);
    entry = atomic_load(&h->entry);
    atomic_store(&h->entry, VDBI_NO_ENTRY);
    must_fail(h, "no way in");
    atomic_store(&h->entry, entry & UINT32_MAX);
    must_fail(h, "the way in is");
    atomic_store(&h->entry, entry);
    while (!vdbi_is_marked(&h->nodes, leader, VDBI_MARK_TWINS))
        leader++;
    twin = atomic_load(&vdbi_node_of(&h->nodes, leader)->twin);
    atomic_store(&vdbi_node_of(&h->nodes, leader)->twin, leader);
    must_fail(h, "is no twin");
    atomic_store(&vdbi_node_of(&h->nodes, leader)->twin, twin);
    atomic_store(&vdbi_node_of(&h->nodes, twin)->twin, twin);
    must_fail(h, "stands in chains twice");
    atomic_store(&vdbi_node_of(&h->nodes, twin)->twin, VDBI_NO_SLOT);
    check(h);
    links = vdbi_links0(&h->nodes, twin);
    before = atomic_load(&links[0]);
    atomic_store(&links[0], (leader + 1) | VDBI_MEMBER);
    must_fail(h, "another leader");
    atomic_store(&links[0], before);
    atomic_fetch_add(&h->count, 1);
    must_fail(h, "counted");
    atomic_fetch_sub(&h->count, 1);
    hide(h, 3);
    must_fail(h, "no way leads");
    done(h);
}

/* ---- beside each other ---- */

enum {
    STAYING = ROWS / 4 /* slots below this stay and must be found */
};

typedef struct traffic {
    vdbi_hnsw *h;
    _Atomic int stop;
    _Atomic uint32_t next, end; /* slots to be inserted */
    uint32_t leaving;           /* the first slot of a quarter */
    _Atomic uint64_t searches, lost;
} traffic;

static void *search_all_the_time(void *arg)
{
    traffic *t = arg;

    for (uint32_t i = 0; !atomic_load(&t->stop); i = (i + 7) % STAYING) {
        vdbi_visitor *visitor;
        int found = 0;
        if (vdbi_visit_begin(t->h->visitors, &visitor) ||
            vdbi_hnsw_search(t->h, rows[i], 60, NULL, 0, &visitor->scratch))
            return arg;
        for (uint32_t j = 0; j < visitor->scratch.pool.count && !found; j++) {
            uint32_t slot = vdbi_key_slot(visitor->scratch.pool.keys[j]);
            for (; !found && slot != VDBI_NO_SLOT;
                 slot = atomic_load_explicit(&vdbi_node_of(&t->h->nodes, slot)->twin,
                                             memory_order_acquire))
                found = slot == i;
        }
        vdbi_visit_end(visitor);
        atomic_fetch_add(&t->searches, 1);
        atomic_fetch_add(&t->lost, !found);
    }
    return NULL;
}

static void *insert_all_there_is(void *arg)
{
    traffic *t = arg;

    for (;;) {
        uint32_t slot = atomic_fetch_add(&t->next, 1);
        vdbi_visitor *visitor;
        if (slot >= atomic_load(&t->end))
            return NULL;
        if (vdbi_hnsw_reserve(t->h, slot))
            return arg;
        vdbi_hnsw_encode(t->h, slot, rows[slot]);
        if (vdbi_visit_begin(t->h->visitors, &visitor) ||
            vdbi_hnsw_insert(t->h, slot, &visitor->scratch))
            return arg;
        vdbi_visit_end(visitor);
    }
}

static void *unlink_a_quarter(void *arg)
{
    const vdbi_pace pace = {always, NULL, share_by_three};
    traffic *t = arg;
    uint32_t slots[STAYING];
    uint64_t made;

    for (uint32_t i = 0; i < STAYING; i++)
        slots[i] = t->leaving + i;
    if (vdbi_hnsw_unlink(t->h, slots, STAYING, &pace) ||
        vdbi_hnsw_answer(t->h, &pace, &made) || vdbi_hnsw_connect(t->h, &pace, &made) ||
        vdbi_hnsw_find_each(t->h, 1, &pace, &made))
        return arg;
    return NULL;
}

/* Three quarters of the slots: one is empty and comes back while the next one leaves. */
static void unlinking_runs_beside_searches_and_insertions(void **state)
{
    vdbi_thread searchers[2], inserters[2], unlinker;
    traffic t = {0};

    (void)state;
    make_rows();
    for (uint32_t i = 0; i < ROWS; i++)
        for (uint32_t d = 0; d < DIMENSION; d++)
            rows[i][d] += 8 * uniform();
    for (uint32_t i = STAYING; i < ROWS; i += 2) /* some have twins elsewhere */
        memcpy(rows[i], rows[i % 300], sizeof rows[i]);
    t.h = make_graph(VDB_L2);
    insert(t.h, 0, STAYING);
    insert(t.h, 2 * STAYING, 2 * STAYING);
    connect_and_check(t.h);
    for (int i = 0; i < 2; i++)
        assert_int_equal(vdbi_thread_start(&searchers[i], search_all_the_time, &t),
                         VDB_OK);
    for (uint32_t round = 0; round < 6; round++) {
        uint32_t begin = STAYING + round % 3 * STAYING;
        atomic_store(&t.next, begin);
        atomic_store(&t.end, begin + STAYING);
        t.leaving = STAYING + (round + 1) % 3 * STAYING;
        assert_int_equal(vdbi_thread_start(&unlinker, unlink_a_quarter, &t), VDB_OK);
        for (int i = 0; i < 2; i++)
            assert_int_equal(vdbi_thread_start(&inserters[i], insert_all_there_is, &t),
                             VDB_OK);
        for (int i = 0; i < 2; i++)
            vdbi_thread_join(inserters[i]);
        vdbi_thread_join(unlinker);
        connect_and_check(t.h);
        assert_int_equal(atomic_load(&t.h->count), 3 * STAYING);
    }
    atomic_store(&t.stop, 1);
    for (int i = 0; i < 2; i++)
        vdbi_thread_join(searchers[i]);
    assert_true(atomic_load(&t.searches) > 0);
    /* Insertion may take the last link to a node away, until it is connected again. */
    assert_in_range(atomic_load(&t.lost), 0, atomic_load(&t.searches) / 200);
    done(t.h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(others_are_found_after_unlinking),
        cmocka_unit_test(graph_can_become_empty_and_begin_again),
        cmocka_unit_test(slots_are_used_again_and_again),
        cmocka_unit_test(twins_inherit),
        cmocka_unit_test(unlinking_can_be_given_up_and_taken_up),
        cmocka_unit_test(every_node_is_seen_to_once_by_whoever_helps),
        cmocka_unit_test(what_comes_in_while_all_leave_hides_nobody),
        cmocka_unit_test(an_heir_leaves_with_whom_it_succeeded),
        cmocka_unit_test(hidden_nodes_are_found_and_connected),
        cmocka_unit_test(hidden_upper_nodes_are_connected),
        cmocka_unit_test(neighbours_link_back),
        cmocka_unit_test(check_sees_what_is_wrong),
        cmocka_unit_test(unlinking_runs_beside_searches_and_insertions),
    };

    vdbi_memory_init(&memory, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
