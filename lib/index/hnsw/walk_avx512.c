/* walk_avx512.c: the walk for processors with AVX-512 without VNNI. */
#include "index/codes/distance_avx512.h"

#define WALK_SET vdbi_walk_avx512
#include "index/hnsw/walk_set.h"
