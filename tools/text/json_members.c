/* json_members.c: see json_members.h. */
#include <string.h>

#include "json_members.h"

static const char BLANKS[] = " \t\r\n";

static const char *string_end(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p + 1;
}

static const char *value_end(const char *p)
{
    for (int depth = 0; *p;) {
        if (*p == '"') {
            p = string_end(p);
            continue;
        }
        if (depth == 0 && strchr(",}]", *p))
            break;
        if (*p == '{' || *p == '[')
            depth++;
        if (*p == '}' || *p == ']')
            depth--;
        p++;
    }
    return p;
}

static void take_value(const char *at, const char **p, json_member *out)
{
    out->value = at + strspn(at, BLANKS);
    *p = value_end(out->value);
    const char *end = *p;
    while (end > out->value && strchr(BLANKS, end[-1]))
        end--;
    out->value_length = (size_t)(end - out->value);
}

bool json_member_next(const char **p, json_member *out)
{
    const char *at = *p + strspn(*p, BLANKS);
    if (*at == '{' || *at == ',')
        at++;
    at += strspn(at, BLANKS);
    if (*at != '"')
        return false;
    const char *end = string_end(at);
    out->name = at;
    out->name_length = (size_t)(end - at);
    take_value(end + strspn(end, BLANKS) + 1, p, out); /* behind the colon */
    return true;
}

bool json_element_next(const char **p, json_member *out)
{
    const char *at = *p + strspn(*p, BLANKS);
    if (*at != '[' && *at != ',')
        return false;
    at++;
    at += strspn(at, BLANKS);
    if (*at == ']')
        return false;
    out->name = at;
    out->name_length = 0;
    take_value(at, p, out);
    return true;
}
