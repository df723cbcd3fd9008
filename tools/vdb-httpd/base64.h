/* base64.h: base64 of RFC 4648, strictly: the standard alphabet, padding, no blanks, no
 * bits that would be lost. */
#ifndef HTTPD_BASE64_H
#define HTTPD_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes `length` characters stand for at most. */
size_t base64_room(size_t length);
/* Decode into `out`, which has base64_room(length) bytes; false: it is not base64, and
 * *at says from which character on. */
bool base64_decode(const char *text, size_t length, uint8_t *out, size_t *size,
                   size_t *at);
/* The characters of `size` bytes: 4 for every 3.  Not NUL-terminated. */
size_t base64_encode(const uint8_t *bytes, size_t size, char *out);

#endif
