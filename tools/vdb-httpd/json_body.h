/* json_body.h: a JSON body, and what its members are.
 *
 * Vectors are taken out of the text first (vector_texts.h); Jansson parses the rest.
 * Metadata and filters are then cut out of the text as they stand, since the library wants
 * text, and keeps the bytes it is given.
 *
 * Every function that returns false has set the request's answer: 400 for text that is no
 * JSON and for values out of range, 422 for JSON of the wrong shape.
 */
#ifndef HTTPD_JSON_BODY_H
#define HTTPD_JSON_BODY_H

#include <jansson.h>

#include "request.h"
#include "vector_texts.h"

typedef struct json_body {
    request *r;
    vector_texts texts;
    json_t *root; /* an object */
} json_body;

/* An object in it: of the body itself, or of an array in it. */
typedef struct json_part {
    json_body *body;
    const json_t *object;
    const char *text; /* where it begins in texts.text */
    char where[32];   /* "" or "item 3: ", before what is wrong with it */
} json_part;

/* Parse the bytes; members "vector" are `depth` levels down.  Free it in any case. */
bool json_body_read(json_body *out, request *r, const char *bytes, size_t length,
                    int depth);
void json_body_free(json_body *b);

json_part json_body_whole(json_body *b);

/* The objects of an array, one after another. */
typedef struct json_list {
    json_body *body;
    const json_t *array;
    const char *next; /* in the text */
    size_t index;
    size_t count;
    const char *unit; /* "item", "query" */
} json_list;

/* The array at member `name`, of at most `most`. */
bool json_list_begin(json_list *out, const json_part *of, const char *name,
                     const char *unit, size_t most);
/* False also at the end: the answer is not set then. */
bool json_list_next(json_list *list, json_part *out);

/* A member that must be there. */
bool take_id(const json_part *part, const char **id);
/* "vector" or "vector_b64".  The floats move when others are added: take `first` into
 * texts.floats. */
bool take_vector(const json_part *part, size_t *first, size_t *count);
/* Whether one of the two is there, and not null. */
bool has_vector(const json_part *part);
/* "metadata" as text; NULL: none.  Borrowed from the body, or *made, to be freed. */
bool take_metadata(const json_part *part, const char **text, size_t *length,
                   char **made);
/* "filter"; NULL: none.  Free it with vdb_filter_free(). */
bool take_filter(const json_part *part, vdb_filter **out);
/* Members that may be missing, or null. */
bool take_whole(const json_part *part, const char *name, uint64_t least, uint64_t most,
                uint64_t *out);
bool take_number(const json_part *part, const char *name, double *out, bool *there);
bool take_flag(const json_part *part, const char *name, bool *out);
bool take_string(const json_part *part, const char *name, const char **out,
                 size_t *length);

#endif
