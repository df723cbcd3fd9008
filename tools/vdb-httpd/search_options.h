/* search_options.h: what a search may ask for besides its vectors and k. */
#ifndef HTTPD_SEARCH_OPTIONS_H
#define HTTPD_SEARCH_OPTIONS_H

#include "json_body.h"

typedef struct search_options {
    uint32_t ef;
    uint32_t timeout_ms;
    uint32_t flags; /* VDB_QUERY_* */
    float recall_target;
    float max_distance;
    bool base64; /* vectors are answered as base64 */
} search_options;

/* Members of the body's object: for all of its queries. */
bool take_search_options(const json_part *whole, search_options *out);

#endif
