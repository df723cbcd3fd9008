/* vector_texts.h: the vectors of a JSON text, taken out of it before it is parsed.
 *
 * Numbers of vectors are nearly all of a body, and a JSON parser makes a value in memory
 * of each.  So they are read here in one pass over the text, and what is given to Jansson
 * has an empty array where an array of nothing but numbers stood, and an empty string
 * where base64 did.  Whatever is not exactly that stays as it is, for Jansson to accept or
 * refuse.  The pass also bounds what Jansson is asked to do: the depth of nesting and how
 * many values there are.
 */
#ifndef HTTPD_VECTOR_TEXTS_H
#define HTTPD_VECTOR_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct taken_vector {
    size_t at; /* in the text that is left: the array's, or the string's, first byte */
    size_t removed; /* bytes taken out before and here, together */
    size_t first;   /* in vector_texts.floats */
    size_t count;
    size_t bad; /* the first value that is not finite as a float32; SIZE_MAX: none */
} taken_vector;

typedef struct vector_texts {
    char *text; /* what is left, NUL-terminated */
    size_t length;
    size_t values; /* in it, about */
    float *floats;
    size_t float_count;
    taken_vector *taken; /* in the order of the text */
    size_t taken_count;
    size_t float_room, taken_room;
} vector_texts;

typedef enum taking {
    TAKING_DONE,
    TAKING_NO_MEMORY,
    TAKING_TOO_DEEP, /* `length` is the byte */
    TAKING_TOO_MANY
} taking;

/* Take the values of members "vector" and "vector_b64" that are `depth` levels down: 1
 * for those of the outermost object. */
taking vector_texts_take(vector_texts *out, const char *text, size_t length, int depth);
void vector_texts_free(vector_texts *out);

/* The vector that stood at this byte of the text that is left; NULL: none. */
const taken_vector *vector_texts_find(const vector_texts *from, size_t at);

/* The byte of the text that was given which is now at `at`. */
size_t vector_texts_place(const vector_texts *from, size_t at);

/* Add floats that came another way; false: no memory. */
bool vector_texts_add(vector_texts *to, size_t count, float **out);

#endif
