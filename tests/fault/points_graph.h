/* points_graph.h: a machine (points.h) with a graph that means nothing (synthetic.h). */
#ifndef POINTS_GRAPH_H
#define POINTS_GRAPH_H

#include "points.h"
#include "synthetic.h"

enum {
    ROWS = 60
};

/* The graph of the one machine that a test uses. */
extern synthetic graph;

/* Open, put rows 0 to rows - 1; nothing is linked. */
void begin(machine *m, unsigned rows);
void link_all(machine *m);
void unlink_dead(machine *m, bool hand_in);
/* Save, with a checkpoint; it must succeed, and be durable. */
void save(machine *m);
/* Begin with what is saved. */
void load(machine *m);
void reopen(machine *m);
/* What is saved is one whole save, of this serial. */
void expect_saved(machine *m, uint64_t serial);
uint32_t slot_of(machine *m, unsigned n);
uint64_t slots(machine *m);
/* Row ROWS is, by replay, in slot 5, which has a bit in the graph that is in force. */
machine *a_put_into_a_linked_slot(void);

#endif
