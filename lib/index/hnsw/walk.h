/* walk.h: finding the way through the graph, once per instruction set and kind of code.
 *
 * The functions of a vdbi_walk are one body (walk_body.h), compiled for each kind of code
 * with its distance inlined, in a file for each instruction set.
 */
#ifndef VDBI_WALK_H
#define VDBI_WALK_H

#include "index/codes/codes.h"
#include "index/hnsw/nodes.h"
#include "index/hnsw/scratch.h"

/* Which nodes may be results: 1 or 0. */
typedef struct vdbi_pass {
    int (*test)(void *arg, uint32_t slot);
    void *arg;
} vdbi_pass;

/* Keys, in and out, are of all bits of the codes.  Where rows are in halves, a walk finds
 * its way by the upper ones and orders at its end what it has found by all. */
typedef struct vdbi_walk {
    /* Go down from `entry` on layer `from` to layer `to` + 1, greedily; the nearest node
     * met. */
    uint64_t (*descend)(const vdbi_nodes *n, const vdbi_codes *c,
                        const vdbi_code_query *q, uint64_t entry, uint32_t from,
                        uint32_t to, vdbi_scratch *s);
    /* Find the s->pool.capacity nearest on a layer, beginning with what the pool has. */
    void (*layer)(const vdbi_nodes *n, const vdbi_codes *c, const vdbi_code_query *q,
                  uint32_t layer, vdbi_scratch *s);
    /* The same on layer 0, of those that pass; the others are walked through. */
    void (*passing)(const vdbi_nodes *n, const vdbi_codes *c, const vdbi_code_query *q,
                    const vdbi_pass *pass, vdbi_scratch *s);
    /* Distances to `count` slots. */
    void (*distances)(const vdbi_codes *c, const vdbi_code_query *q,
                      const uint32_t *slots, uint32_t count, int32_t *out);
    /* The same by what a walk goes by: the upper halves, where rows have them. */
    void (*upper)(const vdbi_codes *c, const vdbi_code_query *q, const uint32_t *slots,
                  uint32_t count, int32_t *out);
    /* Whether any of `count` slots is nearer than `limit`: stops at the first. */
    int (*any_nearer)(const vdbi_codes *c, const vdbi_code_query *q,
                      const uint32_t *slots, uint32_t count, int32_t limit);
} vdbi_walk;

/* Of the set chosen (isa.h), or, for tests, of a given one. */
const vdbi_walk *vdbi_walk_for(int form);
const vdbi_walk *vdbi_walk_of(int set, int form); /* NULL: not here */

#endif
