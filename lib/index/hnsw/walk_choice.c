/* walk_choice.c: which instruction set walks. */
#include "index/hnsw/walk.h"

const vdbi_walk *vdbi_walk_generic(vdbi_code_kind kind);
const vdbi_walk *vdbi_walk_avx512(vdbi_code_kind kind);

const vdbi_walk *vdbi_walk_for(vdbi_code_kind kind)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw"))
        return vdbi_walk_avx512(kind);
#endif
    return vdbi_walk_generic(kind);
}
