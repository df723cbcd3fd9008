/* walk_avx2.c: the walk for processors with AVX2. */
#include "index/codes/distance_avx2.h"

#define WALK_SET vdbi_walk_avx2
#include "index/hnsw/walk_set.h"
