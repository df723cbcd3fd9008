/* json_members.h: the members of a JSON object as they stand in its text, so that what
 * is stored or written again is byte for byte what was given.
 *
 * The text has been parsed: quotes and brackets are known to match.
 */
#ifndef TEXT_JSON_MEMBERS_H
#define TEXT_JSON_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct json_member {
    const char *name; /* with its quotes, and its escapes if there are any */
    size_t name_length;
    const char *value; /* without blanks around it */
    size_t value_length;
} json_member;

/* The next member; false when there is none.  *p begins at the object's text, which is
 * NUL-terminated. */
bool json_member_next(const char **p, json_member *out);

/* The same of an array's elements, which have no names. */
bool json_element_next(const char **p, json_member *out);

#endif
