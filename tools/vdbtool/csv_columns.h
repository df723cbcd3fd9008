/* csv_columns.h: what each column of a CSV file is for, from its header and the options.
 *
 * One column may hold the ids; one holds vectors as text ("[1,2,3]" or "1 2 3"), or each
 * of several holds one value; all others are metadata.  A column without a name is called
 * after its place: "column3".
 */
#ifndef VDBTOOL_CSV_COLUMNS_H
#define VDBTOOL_CSV_COLUMNS_H

#include "csv.h"
#include "reader.h"

enum column_use {
    COLUMN_METADATA,
    COLUMN_ID,
    COLUMN_VECTOR
};

typedef struct csv_columns {
    size_t count;
    char **names;
    char **keys;         /* of metadata: the name as a JSON string, and a colon */
    unsigned char *uses; /* enum column_use */
    size_t id;           /* count: there is none */
    size_t *vector;      /* in the order of the vector's values */
    size_t vector_count;
} csv_columns;

/* Says itself what is wrong.  Free it with csv_columns_clear(), also on failure. */
int csv_columns_read(csv_columns *columns, const char *path, const csv_record *header,
                     const reader_options *options);
void csv_columns_clear(csv_columns *columns);

#endif
