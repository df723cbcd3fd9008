/* float_text.c: see float_text.h.
 *
 * Most values take a short way: a float's digits come out of one multiplication by a
 * power of ten in double precision, whose error is 2^-29 of what a float can tell apart.
 * A number of digits is taken when it lands well inside of the interval that reads back
 * as the float.  What comes near its ends, or is very large or small, goes by printf().
 */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/float_text.h"

static bool reads_back(float value, int digits, char out[FLOAT_TEXT_BYTES])
{
    char text[FLOAT_TEXT_BYTES];
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    memcpy(out, text, sizeof text);
    return strtof(text, NULL) == value;
}

/* Nine digits always suffice, and where n do, n + 1 do.  "%g" drops zeros at the end,
 * so six are the shortest too, but among the subnormal numbers. */
static size_t by_printf(float value, char out[FLOAT_TEXT_BYTES])
{
    int least = fabsf(value) < FLT_MIN ? 1 : 6;
    if (least == 6 && !reads_back(value, 8, out))
        reads_back(value, 9, out);
    else
        for (int digits = least; !reads_back(value, digits, out); digits++) {
        }
    return strlen(out);
}

enum {
    DIGITS_MAX = 9,
    POINT_MIN = -4, /* as for "%g": beyond them it writes an exponent */
    POINT_MAX = 5
};

static const double POWERS[] = {1,   1e1, 1e2, 1e3,  1e4,  1e5,  1e6,
                                1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13};

/* The float32 before a positive one. */
static float before(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits--;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

/* The fewest digits, six at least, the first at 10^point; 0: it is not sure. */
static uint32_t choose_digits(float magnitude, int point, int *count)
{
    double wide = (double)magnitude;
    double half = (wide - (double)before(magnitude)) / 2;
    for (int digits = 6; digits <= DIGITS_MAX; digits++) {
        double scale = POWERS[digits - 1 - point];
        double whole = (double)(uint64_t)(wide * scale + 0.5);
        double error = fabs(whole / scale - wide);
        if (digits < DIGITS_MAX && error >= 1.01 * half)
            continue;
        if (digits < DIGITS_MAX && error >= 0.99 * half)
            break;
        *count = digits;
        return (uint32_t)whole;
    }
    return 0;
}

/* `digits`, the first at 10^point, without the zeros at the end of a fraction. */
static size_t place_digits(uint32_t digits, int count, int point, char *out)
{
    char text[DIGITS_MAX];
    char *to = out;
    for (int i = count; i-- > 0; digits /= 10)
        text[i] = (char)('0' + digits % 10);
    while (count > 1 && count > point + 1 && text[count - 1] == '0')
        count--;
    if (point < 0) {
        *to++ = '0';
        *to++ = '.';
        for (int i = -1; i > point; i--)
            *to++ = '0';
    }
    for (int i = 0; i < count; i++) {
        if (point >= 0 && i == point + 1)
            *to++ = '.';
        *to++ = text[i];
    }
    *to = 0;
    return (size_t)(to - out);
}

size_t float_text(float value, char out[FLOAT_TEXT_BYTES])
{
    float magnitude = fabsf(value);
    int count = 0, point = POINT_MIN;
    if (value == 0) {
        strcpy(out, signbit(value) ? "-0.0" : "0"); /* "-0" would be integer 0 */
        return strlen(out);
    }
    if (!(magnitude >= 1e-4F && magnitude < 1e6F))
        return by_printf(value, out);
    while (point < POINT_MAX &&
           (double)magnitude >=
               (point < -1 ? 1 / POWERS[-1 - point] : POWERS[point + 1]))
        point++;
    uint32_t digits = choose_digits(magnitude, point, &count);
    if (!digits || (double)digits >= POWERS[count]) /* rounded up to a power of ten */
        return by_printf(value, out);
    if (signbit(value))
        *out = '-';
    return place_digits(digits, count, point, out + (signbit(value) ? 1 : 0)) +
           (signbit(value) ? 1 : 0);
}
