/* processor.c: see processor.h.  Other processors answer for themselves. */
#include "os/processor.h"

#ifdef __aarch64__

#include <sys/auxv.h>

enum {
    DOTPROD = 1 << 20 /* HWCAP_ASIMDDP, which old headers lack */
};

int vdbi_processor_has_dotprod(void)
{
    return (getauxval(AT_HWCAP) & DOTPROD) != 0;
}

#else

int vdbi_processor_has_dotprod(void)
{
    return 0;
}

#endif
