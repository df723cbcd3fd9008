/* decimal.h: numbers as text, strictly: decimal digits only, where strtof() would also
 * take hexadecimal, "inf" and "nan". */
#ifndef TEXT_DECIMAL_H
#define TEXT_DECIMAL_H

/* The end of the decimal number at `p`, NUL-terminated: "-1", "2.", ".5", "+3e-5"; NULL
 * when there is none. */
const char *decimal_end(const char *p);

/* The end of JSON's kind of number: no plus, no leading zeros, digits on both sides of
 * the point; NULL when there is none. */
const char *json_number_end(const char *p);

/* The finite float32 that is the text from `start` up to `end`, a byte that no number
 * has.  NULL, or how to go on behind the quoted text: "..., is not a finite number". */
const char *parse_float(const char *start, const char *end, float *out);

#endif
