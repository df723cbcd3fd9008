/* page.h: what is served at /ui: ui/index.html, which the build makes an array of. */
#ifndef HTTPD_PAGE_H
#define HTTPD_PAGE_H

#include <stddef.h>

extern const unsigned char PAGE[];
extern const size_t PAGE_BYTES;

#endif
