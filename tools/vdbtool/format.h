/* format.h: how vdbtool writes ids, numbers, vectors and metadata.
 *
 * Text is for people: distances have four decimals, control characters are shown as
 * \xNN.  JSON is for programs: every number reads back as the float32 it was.
 */
#ifndef VDBTOOL_FORMAT_H
#define VDBTOOL_FORMAT_H

#include <stddef.h>
#include <stdio.h>

/* An id or metadata for a terminal. */
void put_plain(FILE *file, const char *bytes, size_t length);

/* `bytes` are UTF-8, as ids and metadata are. */
void put_json_string(FILE *file, const char *bytes, size_t length);

/* A text of any bytes as a JSON string: what is not UTF-8 becomes U+FFFD. */
void put_json_repaired(FILE *file, const char *text);

/* A distance: as a float, but a negative zero is 0. */
void put_json_distance(FILE *file, float distance);

/* "[1,2.5]" */
void put_json_vector(FILE *file, const float *values, size_t count);

/* A JSON text on one line: its line breaks, which are between tokens, are blanks. */
void put_json_line(FILE *file, const char *json, size_t length);

#endif
