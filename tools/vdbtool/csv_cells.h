/* csv_cells.h: what the cells of a CSV file mean. */
#ifndef VDBTOOL_CSV_CELLS_H
#define VDBTOOL_CSV_CELLS_H

#include "csv.h"

/* How a cell goes into JSON:
 *
 *   nothing, without quotes                          no member at all
 *   true True TRUE, false False FALSE, null          the same
 *   a number as JSON has them, that fits 64 bits     the number, as it is written
 *   { [ or " with JSON behind it                     that JSON
 *   anything else                                    a string
 *
 * The second and third only without quotes, blanks around them allowed, unless quoted
 * cells are to be guessed, too.  So what is written in quotes stays a string: "007", "12".
 */
typedef enum cell_kind {
    CELL_NONE,
    CELL_AS_IT_IS,
    CELL_LOWER,
    CELL_STRING
} cell_kind;

/* The kind, and for CELL_AS_IT_IS and CELL_LOWER (in small letters) the text. */
cell_kind csv_cell_kind(const csv_field *cell, bool guess_quoted, const char **text,
                        size_t *length);

/* Whether the text is JSON in brackets, braces or quotes: the fourth line above. */
bool csv_text_is_json(const char *text, size_t length);

/* A vector in text: "[1, 2]", "1 2" or "1,2". */
typedef struct cell_vector {
    const char *p; /* behind the values taken */
    bool has_bracket;
    bool is_first;
    const char *wrong; /* after -1: what of the value, ... */
    const char *bad;   /* ... and the text, of bad_length bytes, perhaps none */
    size_t bad_length;
} cell_vector;

cell_vector csv_vector_begin(const char *text);
/* The next value: 1 with it; 0 at the end; -1 when something is wrong. */
int csv_vector_next(cell_vector *vector, float *value);

#endif
