/* walk_choice.c: which instruction set walks. */
#include <stddef.h>

#include "index/hnsw/walk.h"
#include "index/isa.h"

const vdbi_walk *vdbi_walk_generic(int form);
const vdbi_walk *vdbi_walk_avx2(int form);
const vdbi_walk *vdbi_walk_avx512(int form);
const vdbi_walk *vdbi_walk_vnni(int form);
const vdbi_walk *vdbi_walk_neon(int form);
const vdbi_walk *vdbi_walk_dotprod(int form);

const vdbi_walk *vdbi_walk_of(int set, int form)
{
    static const vdbi_walk *(*const walks[VDBI_SETS])(int form) = {
        [VDBI_SET_GENERIC] = vdbi_walk_generic,
#if defined(__x86_64__)
        [VDBI_SET_AVX2] = vdbi_walk_avx2,
        [VDBI_SET_AVX512] = vdbi_walk_avx512,
        [VDBI_SET_VNNI] = vdbi_walk_vnni,
#elif defined(__aarch64__)
        [VDBI_SET_NEON] = vdbi_walk_neon,
        [VDBI_SET_DOTPROD] = vdbi_walk_dotprod,
#endif
    };

    return vdbi_set_is_here(set) ? walks[set](form) : NULL;
}

const vdbi_walk *vdbi_walk_for(int form)
{
    return vdbi_walk_of(vdbi_set(), form);
}
