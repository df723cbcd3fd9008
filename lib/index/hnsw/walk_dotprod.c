/* walk_dotprod.c: the walk for processors with NEON and its dot product. */
#include "index/codes/distance_neon.h"

#define WALK_SET vdbi_walk_dotprod
#include "index/hnsw/walk_set.h"
