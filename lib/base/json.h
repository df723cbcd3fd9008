/* json.h: strict JSON, by Jansson, with a bound on depth that comes before it
 * (Jansson recurses; its own bound is 2,048 levels).
 *
 * Refused: duplicate keys, bad UTF-8, NUL in strings, text behind the value,
 * integers beyond 64 bits signed, reals beyond a double.
 */
#ifndef VDBI_JSON_H
#define VDBI_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "vdb.h"

/* Parse `length` bytes.  `what` names the text in messages ("metadata", "filter"),
 * which give the byte.  *out is the caller's: json_decref.  VDB_INVALID, VDB_NOMEM.
 * A depth limit up to 2,000. */
vdb_status vdbi_json_parse(const char *text, size_t length, unsigned depth_limit,
                           const char *what, json_t **out);

/* VDB_OK when `text` is well-formed UTF-8 without NUL; *bad the offending byte. */
int vdbi_utf8_valid(const char *text, size_t length, size_t *bad);

#endif
