/* float_text.h: a float32 as the shortest decimal number. */
#ifndef TEXT_FLOAT_TEXT_H
#define TEXT_FLOAT_TEXT_H

#include <stddef.h>

enum {
    FLOAT_TEXT_BYTES = 32
};

/* The shortest decimal number that reads back as `value`, which is finite, by strtof()
 * and by strtod() and a cast.  Returns its length. */
size_t float_text(float value, char out[FLOAT_TEXT_BYTES]);

#endif
