/* isa.c: see isa.h. */
#include "index/isa.h"

#include <stdatomic.h>

#include "os/processor.h"

static _Atomic int chosen = -1;

int vdbi_set_is_here(int set)
{
    switch (set) {
    case VDBI_SET_GENERIC:
        return 1;
#ifdef __x86_64__
    /* These ask the processor, and whether the system saves the registers. */
    case VDBI_SET_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case VDBI_SET_AVX512:
        return __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
    case VDBI_SET_VNNI:
        return vdbi_set_is_here(VDBI_SET_AVX512) &&
               __builtin_cpu_supports("avx512vnni");
#endif
#ifdef __aarch64__
    case VDBI_SET_NEON:
        return 1;
    case VDBI_SET_DOTPROD:
        return vdbi_processor_has_dotprod();
#endif
    default:
        return 0;
    }
}

void vdbi_set_force(int set)
{
    atomic_store_explicit(&chosen, set, memory_order_relaxed);
}

int vdbi_set(void)
{
    int set = atomic_load_explicit(&chosen, memory_order_relaxed);

    if (set >= 0)
        return set;
    for (set = VDBI_SETS - 1; !vdbi_set_is_here(set); set--)
        ;
    vdbi_set_force(set);
    return set;
}

const char *vdbi_set_name(int set)
{
    static const char *const names[VDBI_SETS] = {"generic", "avx2", "avx512",
                                                 "vnni",    "neon", "dotprod"};

    return names[set];
}
