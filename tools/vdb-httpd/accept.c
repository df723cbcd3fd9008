/* accept.c: what form of an answer a client would rather have; RFC 9110, 12.5.1. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "head.h"

/* The end of an element of a list or of a parameter: `stops` within quotes do not count. */
static const char *end_of(const char *from, const char *stops)
{
    bool quoted = false;
    for (; *from && (quoted || !strchr(stops, *from)); from++) {
        if (*from == '"')
            quoted = !quoted;
        else if (quoted && *from == '\\' && from[1])
            from++;
    }
    return from;
}

/* The weight among an element's parameters in thousandths; what is no weight is 0. */
static unsigned weight(const char *from, const char *end)
{
    while (from < end) {
        from++; /* the semicolon */
        from += strspn(from, " \t");
        if (strncasecmp(from, "q=", 2) == 0) {
            char *behind;
            double value = strspn(from + 2, "01") == 1 ? strtod(from + 2, &behind) : -1;
            return value >= 0 && value <= 1 ? (unsigned)(value * 1000) : 0;
        }
        from = end_of(from, ";,");
    }
    return 1000;
}

bool accepts_text(const char *accept)
{
    static const char TEXT[] = "text/plain", JSON[] = "application/json";
    unsigned text = 0, json = 0;
    while (accept && *accept) {
        accept += strspn(accept, " \t,");
        const char *end = end_of(accept, ",");
        size_t length = strcspn(accept, "; \t,");
        const char *parameters = end_of(accept, ";,");
        if (length == sizeof TEXT - 1 && strncasecmp(accept, TEXT, length) == 0)
            text = weight(parameters, end);
        else if (length == sizeof JSON - 1 && strncasecmp(accept, JSON, length) == 0)
            json = weight(parameters, end);
        accept = end;
    }
    return text > json;
}
