/* utf8.h: characters of UTF-8. */
#ifndef TEXT_UTF8_H
#define TEXT_UTF8_H

#include <stddef.h>

/* How many bytes the valid character at the beginning of the `length` bytes has; 0: there
 * is none. */
size_t utf8_step(const char *bytes, size_t length);

#endif
