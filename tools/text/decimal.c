/* decimal.c: numbers as text; see decimal.h. */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "decimal.h"

static const char *skip_digits(const char *p)
{
    while (isdigit((unsigned char)*p))
        p++;
    return p;
}

static const char *exponent_end(const char *p)
{
    if (*p != 'e' && *p != 'E')
        return p;
    p++;
    if (*p == '-' || *p == '+')
        p++;
    return isdigit((unsigned char)*p) ? skip_digits(p) : NULL;
}

const char *decimal_end(const char *p)
{
    if (*p == '-' || *p == '+')
        p++;
    const char *whole = p;
    p = skip_digits(p);
    bool digits = p != whole;
    if (*p == '.') {
        const char *fraction = p + 1;
        p = skip_digits(fraction);
        digits = digits || p != fraction;
    }
    return digits ? exponent_end(p) : NULL;
}

const char *json_number_end(const char *p)
{
    if (*p == '-')
        p++;
    if (!isdigit((unsigned char)*p))
        return NULL;
    p = *p == '0' ? p + 1 : skip_digits(p);
    if (*p == '.') {
        if (!isdigit((unsigned char)p[1]))
            return NULL;
        p = skip_digits(p + 1);
    }
    return exponent_end(p);
}

const char *parse_float(const char *start, const char *end, float *out)
{
    if (decimal_end(start) != end)
        return "is not a finite number";
    *out = strtof(start, NULL);
    return isinf(*out) ? "is beyond the range of float32" : NULL;
}
