/* search_options.c: see search_options.h. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "limits.h"
#include "search_options.h"

static bool take_ratio(const json_part *whole, const char *name, float *out)
{
    bool there;
    double value = 0;
    if (!take_number(whole, name, &value, &there))
        return false;
    if (there && !(value > 0 && value <= 1)) {
        answer_error(&whole->body->r->answer, 400,
                     "%s is %g; it must be above 0 and at most 1", name, value);
        return false;
    }
    *out = (float)value;
    return true;
}

static bool take_distance(const json_part *whole, search_options *out)
{
    bool there;
    double value = 0;
    if (!take_number(whole, "max_distance", &value, &there))
        return false;
    if (there) {
        out->flags |= VDB_QUERY_MAX_DISTANCE;
        out->max_distance = fabs(value) > (double)FLT_MAX
                                ? (float)copysign((double)FLT_MAX, value)
                                : (float)value;
    }
    return true;
}

/* "with_vectors": true, false or "base64". */
static bool take_with_vectors(const json_part *whole, search_options *out)
{
    const json_t *value = json_object_get(whole->object, "with_vectors");
    bool asked = false;
    if (json_is_string(value)) {
        if (strcmp(json_string_value(value), "base64") != 0) {
            answer_error(&whole->body->r->answer, 422,
                         "\"with_vectors\" is neither true, false nor \"base64\"");
            return false;
        }
        asked = out->base64 = true;
    } else if (!take_flag(whole, "with_vectors", &asked)) {
        return false;
    }
    out->flags |= asked ? VDB_QUERY_WITH_VECTORS : 0;
    return true;
}

bool take_search_options(const json_part *whole, search_options *out)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } FLAGS[] = {{"exact", VDB_QUERY_EXACT},
                 {"with_metadata", VDB_QUERY_WITH_METADATA},
                 {"explain", VDB_QUERY_EXPLAIN}};
    uint64_t ef = 0, timeout = whole->body->r->server->settings->search_ms;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++) {
        bool asked = false;
        if (!take_flag(whole, FLAGS[i].name, &asked))
            return false;
        out->flags |= asked ? FLAGS[i].flag : 0;
    }
    if (!take_whole(whole, "ef", 1, EF_MAX, &ef) ||
        !take_whole(whole, "timeout_ms", 1, timeout, &timeout) ||
        !take_ratio(whole, "recall_target", &out->recall_target) ||
        !take_distance(whole, out) || !take_with_vectors(whole, out))
        return false;
    out->ef = (uint32_t)ef;
    out->timeout_ms = (uint32_t)timeout;
    return true;
}
