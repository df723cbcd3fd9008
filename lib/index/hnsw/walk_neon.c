/* walk_neon.c: the walk for processors with NEON. */
#include "index/codes/distance_neon.h"

#define WALK_SET vdbi_walk_neon
#include "index/hnsw/walk_set.h"
