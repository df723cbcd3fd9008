/* bytes.h: little-endian numbers in byte buffers, whatever the machine. */
#ifndef VDBI_BYTES_H
#define VDBI_BYTES_H

#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define VDBI_LE16(x) __builtin_bswap16(x)
#define VDBI_LE32(x) __builtin_bswap32(x)
#define VDBI_LE64(x) __builtin_bswap64(x)
#else
#define VDBI_LE16(x) (x)
#define VDBI_LE32(x) (x)
#define VDBI_LE64(x) (x)
#endif

static inline uint16_t vdbi_get16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return VDBI_LE16(v);
}

static inline uint32_t vdbi_get32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return VDBI_LE32(v);
}

static inline uint64_t vdbi_get64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return VDBI_LE64(v);
}

static inline void vdbi_put16(void *p, uint16_t v)
{
    v = VDBI_LE16(v);
    memcpy(p, &v, sizeof v);
}

static inline void vdbi_put32(void *p, uint32_t v)
{
    v = VDBI_LE32(v);
    memcpy(p, &v, sizeof v);
}

static inline void vdbi_put64(void *p, uint64_t v)
{
    v = VDBI_LE64(v);
    memcpy(p, &v, sizeof v);
}

#endif
