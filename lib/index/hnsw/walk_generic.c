/* walk_generic.c: the walk in portable C. */
#include "index/codes/distance_generic.h"

#define WALK_SET vdbi_walk_generic
#include "index/hnsw/walk_set.h"
