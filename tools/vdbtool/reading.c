/* reading.c: options of reading; see reading.h. */
#include <string.h>

#include "complain.h"
#include "reading.h"

/* One byte that nothing else in CSV is made of, or a word for the one that is hard to
 * type. */
static int read_delimiter(const char *value, char *out)
{
    if (strcmp(value, "tab") == 0)
        *out = '\t';
    else if (value[0] > ' ' && value[0] < 127 && value[1] == 0 && value[0] != '"')
        *out = value[0];
    else
        return fail("--delimiter: \"%.60s\" is neither one ASCII character nor tab",
                    value);
    return STATUS_DONE;
}

int read_reader_options(const arguments *args, reader_options *out)
{
    memset(out, 0, sizeof *out);
    out->format = args->values[OPTION_FORMAT];
    out->id_column = args->values[OPTION_ID_COLUMN];
    out->vector_columns = args->values[OPTION_VECTOR_COLUMNS];
    out->guess_quoted = args->given[OPTION_GUESS_QUOTED];
    if (!args->values[OPTION_DELIMITER])
        return STATUS_DONE;
    return read_delimiter(args->values[OPTION_DELIMITER], &out->delimiter);
}
