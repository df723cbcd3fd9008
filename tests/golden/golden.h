/* golden.h: what the golden database holds: a function of a number, so that the program
 * that made the file and the test that opens it agree without sharing a file of wants.
 *
 * Never to be changed once a file has been committed: files of every released format
 * are opened for ever.
 */
#ifndef VDB_TESTS_GOLDEN_H
#define VDB_TESTS_GOLDEN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    GOLDEN_DIM = 13,
    GOLDEN_WRITTEN = 700, /* ids 0 to 699 are written */
    GOLDEN_REPLACED = 5,  /* every fifth is written again */
    GOLDEN_DELETED = 7    /* every seventh is deleted at last */
};

static inline int golden_is_there(int i)
{
    return i % GOLDEN_DELETED != 0;
}

static inline void golden_id(int i, char *out, size_t size)
{
    static const char *const heads[4] = {"plain-", "caf\xc3\xa9/", "a b ", ""};
    snprintf(out, size, "%s%d", heads[i % 4], i);
}

/* Multiples of 1/8 in [-16, 16): sums of their squares are exact in float32. */
static inline void golden_vector(int i, float *out)
{
    uint32_t x = (uint32_t)i * 2654435761u + (i % GOLDEN_REPLACED == 0 ? 977u : 11u);
    for (int j = 0; j < GOLDEN_DIM; j++) {
        x = x * 1664525u + 1013904223u;
        out[j] = (float)(int)((x >> 16) & 255u) / 8.0f - 16.0f;
    }
    if (i % 31 == 0) /* twins */
        for (int j = 0; j < GOLDEN_DIM; j++)
            out[j] = (float)(j % 3);
}

/* 0: this one has no metadata. */
static inline int golden_metadata(int i, char *out, size_t size)
{
    if (i % 11 == 3)
        return 0;
    snprintf(out, size,
             "{\"n\": %d, \"half\": %.1f, \"kind\": \"k%d\", \"even\": %s, "
             "\"tags\": [\"t%d\", %d], \"deep\": {\"er\": {\"est\": %d}}%s}",
             i, (double)i / 2, i % 6, i % 2 ? "false" : "true", i % 4, i % 9, i % 100,
             i % 13 ? "" : ", \"rare\": null");
    return 1;
}

#endif
