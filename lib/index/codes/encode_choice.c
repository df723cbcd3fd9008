/* encode_choice.c: which instruction set makes codes.  Those wider than AVX2, and NEON
 * with its dot product, have nothing to add to this. */
#include "index/codes/encode.h"
#include "index/isa.h"

extern const vdbi_encoder vdbi_encoder_generic, vdbi_encoder_avx2, vdbi_encoder_neon;

const vdbi_encoder *vdbi_encoder_of(int set)
{
#if defined(__x86_64__)
    return set == VDBI_SET_GENERIC ? &vdbi_encoder_generic : &vdbi_encoder_avx2;
#elif defined(__aarch64__)
    return set == VDBI_SET_GENERIC ? &vdbi_encoder_generic : &vdbi_encoder_neon;
#else
    (void)set;
    return &vdbi_encoder_generic;
#endif
}

const vdbi_encoder *vdbi_encoder_now(void)
{
    return vdbi_encoder_of(vdbi_set());
}
