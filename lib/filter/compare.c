/* compare.c: comparing scalars, exactly.
 *
 * An int64 and a double are compared by value: converting either to the other's type
 * would round, and 9007199254740993 would equal 9007199254740992.0.
 */
#include <string.h>

#include "filter/filter_priv.h"

int vdbi_number_order(int64_t integer, double real)
{
    /* Both bounds are doubles, and between them the cast is defined. */
    if (real >= 9223372036854775808.0)
        return -1;
    if (real < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)real; /* towards zero */
    if (integer != whole)
        return integer < whole ? -1 : 1;
    double rest = real - (double)whole; /* exact: whole came from a double */
    return (rest < 0) - (rest > 0);
}

int vdbi_text_order(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t n = a_length < b_length ? a_length : b_length;
    int order = n ? memcmp(a, b, n) : 0;
    if (order)
        return order < 0 ? -1 : 1;
    return (a_length > b_length) - (a_length < b_length);
}

int vdbi_is_number(const vdbi_value *value)
{
    return value->tag == VDBI_CELL_INT || value->tag == VDBI_CELL_REAL;
}

/* Classes are ordered as the tags are; both kinds of numbers are one class. */
static int class_of(const vdbi_value *value)
{
    return value->tag == VDBI_CELL_REAL ? VDBI_CELL_INT : value->tag;
}

int vdbi_scalar_order(const vdbi_value *a, const vdbi_value *b)
{
    int class_a = class_of(a), class_b = class_of(b);
    if (class_a != class_b)
        return class_a < class_b ? -1 : 1;
    if (class_a == VDBI_CELL_STRING)
        return vdbi_text_order(a->text, a->text_length, b->text, b->text_length);
    if (class_a != VDBI_CELL_INT)
        return 0;
    if (a->tag == VDBI_CELL_INT && b->tag == VDBI_CELL_INT)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a->tag == VDBI_CELL_INT)
        return vdbi_number_order(a->integer, b->real);
    if (b->tag == VDBI_CELL_INT)
        return -vdbi_number_order(b->integer, a->real);
    return (a->real > b->real) - (a->real < b->real);
}

int vdbi_leaf_has(const vdbi_leaf *leaf, const vdbi_value *value)
{
    size_t low = 0, high = leaf->value_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = vdbi_scalar_order(&leaf->values[middle], value);
        if (order == 0)
            return 1;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}
