/* csv_cells.c: the meaning of cells; see csv_cells.h. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "csv_cells.h"
#include "text/decimal.h"

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Whether Jansson, and so the library, will take the number that ends at `end`. */
static bool fits(const char *number, const char *end)
{
    errno = 0;
    if (strcspn(number, ".eE") < (size_t)(end - number))
        return isfinite(strtod(number, NULL));
    (void)strtoll(number, NULL, 10);
    return errno == 0;
}

bool csv_text_is_json(const char *text, size_t length)
{
    if (length == 0 || !strchr("{[\"", text[0]))
        return false;
    json_t *value =
        json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    json_decref(value);
    return value != NULL;
}

static bool is_one_of(const char *text, size_t length, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == length && memcmp(*words, text, length) == 0)
            return true;
    return false;
}

cell_kind csv_cell_kind(const csv_field *cell, bool guess_quoted, const char **text,
                        size_t *length)
{
    static const char *const AS_IT_IS[] = {"true", "false", "null", NULL};
    static const char *const LOWER[] = {"True", "TRUE", "False", "FALSE", NULL};
    *text = cell->bytes;
    *length = cell->length;
    if (cell->length == 0 && (!cell->is_quoted || guess_quoted))
        return CELL_NONE;
    if (csv_text_is_json(cell->bytes, cell->length))
        return CELL_AS_IT_IS;
    if (cell->is_quoted && !guess_quoted)
        return CELL_STRING;
    const char *first = cell->bytes, *last = first + cell->length;
    while (is_blank(*first))
        first++;
    while (last > first && is_blank(last[-1]))
        last--;
    *text = first;
    *length = (size_t)(last - first);
    if (is_one_of(first, *length, AS_IT_IS))
        return CELL_AS_IT_IS;
    if (is_one_of(first, *length, LOWER))
        return CELL_LOWER;
    if (*length && json_number_end(first) == last && fits(first, last))
        return CELL_AS_IT_IS;
    return CELL_STRING;
}

static const char *skip_blanks(const char *p)
{
    while (is_blank(*p))
        p++;
    return p;
}

cell_vector csv_vector_begin(const char *text)
{
    cell_vector vector = {.p = skip_blanks(text), .is_first = true};
    vector.has_bracket = *vector.p == '[';
    if (vector.has_bracket)
        vector.p++;
    return vector;
}

static int fail_vector(cell_vector *vector, const char *bad, size_t length,
                       const char *wrong)
{
    vector->bad = bad;
    vector->bad_length = length;
    vector->wrong = wrong;
    return -1;
}

/* What stands at `at` is no value: the end, if the brackets match. */
static int end_vector(cell_vector *vector, const char *at)
{
    if (*at == ']' && vector->has_bracket)
        at = skip_blanks(at + 1);
    else if (*at == 0 && vector->has_bracket)
        return fail_vector(vector, at, 0, "is not there, nor the closing bracket");
    return *at ? fail_vector(vector, at, strlen(at), "stands behind the vector") : 0;
}

int csv_vector_next(cell_vector *vector, float *value)
{
    const char *at = skip_blanks(vector->p);
    bool comma = !vector->is_first && *at == ',';
    if (comma)
        at = skip_blanks(at + 1);
    const char *end = at + strcspn(at, ", \t\r\n]");
    if (end == at && (comma || *at == ','))
        return fail_vector(vector, at, 0, "is empty");
    if (end == at)
        return end_vector(vector, at);
    const char *wrong = parse_float(at, end, value);
    if (wrong)
        return fail_vector(vector, at, (size_t)(end - at), wrong);
    vector->p = end;
    vector->is_first = false;
    return 1;
}
