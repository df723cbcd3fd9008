/* utf8.c: see utf8.h. */
#include <stdbool.h>

#include "text/utf8.h"

size_t utf8_step(const char *bytes, size_t length)
{
    const unsigned char *p = (const unsigned char *)bytes;
    if (!length || *p > 0xf4)
        return 0;
    size_t step = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    if (step > length)
        return 0;
    for (size_t i = 1; i < step; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : step;
}
