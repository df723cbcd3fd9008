/* run_priv.h: what the steps of a run share: the judging of answers. */
#ifndef RUN_PRIV_H
#define RUN_PRIV_H

#include "scenarios.h"

typedef enum outcome {
    DONE,
    AGAIN,
    STOP
} outcome;

/* `allowed`: bits of statuses that are no failure. */
outcome run_judge(run *r, vdb_status status, const char *what, unsigned allowed);
/* The first failure that a fault explains is forgiven, and the fault is over. */
bool run_excuse(run *r, vdb_status status);
/* After an opening: what is saved of a graph must be one of the saves that it may be. */
bool run_adopt_graph(run *r);

#endif
