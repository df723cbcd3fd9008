/* walk_vnni.c: the walk for processors with AVX-512 and VNNI. */
#include "index/codes/distance_avx512.h"

#define WALK_SET vdbi_walk_vnni
#include "index/hnsw/walk_set.h"
