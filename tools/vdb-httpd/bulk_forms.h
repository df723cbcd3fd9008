/* bulk_forms.h: a batch in other forms than JSON: lines of JSON, and raw float32. */
#ifndef HTTPD_BULK_FORMS_H
#define HTTPD_BULK_FORMS_H

#include "request.h"

/* Rows that are owned here. */
typedef struct rows {
    size_t count, room;
    size_t dim;
    char **ids;
    char **metadata; /* NULL entries: none */
    float *vectors;  /* one after another */
    size_t float_room;
} rows;

/* application/x-ndjson: an object of an insert on each line.  False: the answer says why,
 * naming the line. */
bool read_lines(request *r, rows *out);

/* application/octet-stream: vectors of ?dim=, little-endian.  With ?count= as many ids,
 * each with an LF behind it, stand before them; without, the ids are ?id_prefix= and the
 * row's place, from ?first= on. */
bool read_floats(request *r, rows *out);

void rows_free(rows *all);

#endif
