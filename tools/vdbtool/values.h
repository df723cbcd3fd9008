/* values.h: the values of operands and options: texts, numbers, vectors, filters.
 *
 * Each function says what is wrong itself, naming the value and its place, and
 * returns a status of complain.h.
 */
#ifndef VDBTOOL_VALUES_H
#define VDBTOOL_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "vdb.h"

/* Bytes, with a NUL behind them that is not counted. */
typedef struct text {
    char *bytes;
    size_t length;
} text;

typedef struct floats {
    float *values;
    size_t count;
} floats;

/* The argument itself, the contents of the file behind "@", or for "-" standard
 * input; of the latter two without one newline at the end.  Free text.bytes. */
int read_text(const char *what, const char *argument, text *out);

/* From now on "-" is refused: standard input has commands in it. */
void keep_standard_input(void);

/* As read_text(), for what goes to the library as a string: no NUL within. */
int read_string(const char *what, const char *argument, text *out);

/* "1.0,-2,3e-5", brackets around it allowed, or where read_text() finds one.  Free floats.values. */
int read_vector(const char *what, const char *argument, floats *out);

/* Parse the filter in `argument`, or where read_text() finds it; NULL: none. */
int read_filter(const char *argument, vdb_filter **out);

/* A whole number in digits. */
int parse_whole(const char *what, const char *argument, uint64_t least, uint64_t most,
                uint64_t *out);

/* A number above 0 and at most 1. */
int parse_share(const char *what, const char *argument, float *out);

/* One of `names`, which ends with NULL: its index. */
int parse_name(const char *what, const char *argument, const char *const *names,
               size_t *out);

#endif
