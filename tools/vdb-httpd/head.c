/* head.c: see head.h. */
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "head.h"
#include "limits.h"
#include "routes.h"

/* The headers of which a second one changes what a request means. */
static const struct {
    const char *name;
    size_t place;
} SINGLE[] = {
    {"Host", offsetof(head, host)},
    {"Content-Type", offsetof(head, content_type)},
    {"Content-Length", offsetof(head, content_length)},
    {"Transfer-Encoding", offsetof(head, transfer_encoding)},
    {"Content-Encoding", offsetof(head, content_encoding)},
    {"Authorization", offsetof(head, authorization)},
    {"Origin", offsetof(head, origin)},
    {"Expect", offsetof(head, expect)},
    {"Sec-Fetch-Site", offsetof(head, fetch_site)},
    {"If-None-Match", offsetof(head, if_none_match)},
};

typedef struct walk {
    head *out;
    /* Where the next name must begin if libmicrohttpd has parsed the head in place and
     * every line of it ended with CR LF; NULL: it is not known. */
    const char *expected;
} walk;

/* A name is a token of RFC 9110: no blank before the colon, above all. */
static bool is_token(const char *text, size_t length)
{
    static const char OTHERS[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < length; i++) {
        char byte = text[i];
        bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        if (!letter && !(byte >= '0' && byte <= '9') &&
            (byte == 0 || !strchr(OTHERS, byte)))
            return false;
    }
    return length > 0;
}

static bool is_value(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static enum MHD_Result look_at(void *cls, enum MHD_ValueKind kind, const char *name,
                               size_t name_size, const char *value, size_t value_size)
{
    walk *w = cls;
    head *out = w->out;
    (void)kind;
    out->count++;
    out->bytes += name_size + value_size + 4;
    if (!is_token(name, name_size))
        out->bad = "the name of a header is no token";
    else if (!is_value(value, value_size))
        out->bad = "a control character in a header";
    if (w->expected && name != w->expected)
        out->bad =
            "a line of the head that is folded, or has a NUL, or ends without CR";
    if (w->expected)
        w->expected = value + value_size + 2;
    for (size_t i = 0; i < sizeof SINGLE / sizeof *SINGLE; i++) {
        if (strcasecmp(SINGLE[i].name, name) != 0)
            continue;
        const char **place = (const char **)(void *)((char *)out + SINGLE[i].place);
        if (*place)
            out->twice = SINGLE[i].name;
        *place = value;
    }
    if (strcasecmp("Accept", name) == 0)
        out->accept = value;
    return MHD_YES;
}

/* libmicrohttpd 0.9 parses in place: it puts NULs over the ends of lines and lends
 * pointers into what it has received.  So whether each byte of the head is accounted for
 * shows what it overlooks.  Later versions are strict themselves. */
static bool parses_in_place(void)
{
    return strncmp(MHD_get_version(), "0.9.", 4) == 0;
}

void head_read(head *out, const request *r, const char *method, const char *version)
{
    walk w = {out, NULL};
    memset(out, 0, sizeof *out);
    if (parses_in_place())
        w.expected = version + strlen(version) + 2;
    MHD_get_connection_values_n(r->link, MHD_HEADER_KIND, look_at, &w);
    const union MHD_ConnectionInfo *size =
        MHD_get_connection_info(r->link, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    bool cut = r->uri_end + 1 != (uintptr_t)version ||
               (uintptr_t)method + strlen(method) + 1 + r->uri_bytes != r->uri_end ||
               (out->count && size && w.expected + 2 != method + size->header_size);
    if (!out->bad && !is_token(method, strlen(method)))
        out->bad = "the method is no token";
    if (w.expected && !out->bad && cut)
        out->bad =
            "a line of the head that is folded, or has a NUL, or ends without CR";
    if (size && size->header_size > out->bytes)
        out->bytes = size->header_size;
}

static bool same_name(const char *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && strncasecmp(name, wanted, length) == 0;
}

bool head_host_is_ours(const request *r, const char *host)
{
    const settings *s = r->server->settings;
    size_t length = *host == '[' ? strcspn(host, "]") + (strchr(host, ']') != NULL)
                                 : strcspn(host, ": \t");
    const char *end = host + length;
    if (*end == ':')
        end += 1 + strspn(end + 1, "0123456789");
    if (end[strspn(end, " \t")]) /* blanks behind a value are none of it */
        return false;
    for (size_t i = 0; i < s->host_count; i++)
        if (same_name(host, length, s->hosts[i]))
            return true;
    if (!r->server->is_loopback)
        return s->host_count == 0; /* any name, if none is named */
    return same_name(host, length, "localhost") || same_name(host, length, "[::1]") ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length);
}

/* A page of another site may send what a form can; the browser tells where from. */
static bool check_origin(request *r, const head *h)
{
    const settings *s = r->server->settings;
    const char *own = h->origin ? strstr(h->origin, "://") : NULL;
    if (!h->origin)
        return !h->fetch_site || strcmp(h->fetch_site, "cross-site") != 0 ||
               strcmp(r->line, "/ui") == 0;
    for (size_t i = 0; i < s->origin_count; i++) {
        if (strcmp(s->origins[i], h->origin) == 0 || strcmp(s->origins[i], "*") == 0) {
            r->origin = s->origins[i];
            return true;
        }
    }
    return own && h->host && strcasecmp(own + 3, h->host) == 0;
}

static content read_content(const char *type)
{
    static const struct {
        const char *name;
        content content;
    } KNOWN[] = {{"application/json", CONTENT_JSON},
                 {"application/x-ndjson", CONTENT_NDJSON},
                 {"application/octet-stream", CONTENT_FLOATS}};
    if (!type)
        return CONTENT_NONE;
    size_t length = strcspn(type, "; \t");
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
        if (same_name(type, length, KNOWN[i].name))
            return KNOWN[i].content;
    return CONTENT_OTHER;
}

static bool takes(const route *which, content given)
{
    switch (given) {
    case CONTENT_NONE:
    case CONTENT_JSON:
        return (which->takes & TAKES_JSON) != 0;
    case CONTENT_NDJSON:
        return (which->takes & TAKES_NDJSON) != 0;
    case CONTENT_FLOATS:
        return (which->takes & TAKES_FLOATS) != 0;
    default:
        return false;
    }
}

/* What the text of the head says, before anybody is told what there is. */
static bool check_text(request *r, const head *h, const char *version)
{
    answer *a = &r->answer;
    if (h->bad || h->twice) {
        if (h->twice)
            answer_error(a, 400, "more than one %s", h->twice);
        else
            answer_error(a, 400, "%s", h->bad);
    } else if (h->count > HEADERS_MAX || h->bytes > HEAD_BYTES_MAX + r->uri_bytes) {
        answer_error(a, 431, "more than %d headers, or %d bytes of them", HEADERS_MAX,
                     HEAD_BYTES_MAX);
    } else if (r->uri_bytes > URI_BYTES_MAX) {
        answer_error(a, 414, "the target is longer than %d bytes", URI_BYTES_MAX);
    } else if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
        answer_error(a, 505, "this server speaks HTTP/1.1");
    } else if (!h->host && strcmp(version, "HTTP/1.1") == 0) {
        answer_error(a, 400, "there is no Host");
    } else if (h->transfer_encoding && h->content_length) {
        answer_error(a, 400, "Content-Length beside Transfer-Encoding");
    } else if (h->transfer_encoding &&
               strcasecmp(h->transfer_encoding, "chunked") != 0) {
        answer_error(a, 501, "Transfer-Encoding other than chunked");
    } else if (h->transfer_encoding && strcmp(version, "HTTP/1.0") == 0) {
        answer_error(a, 400, "Transfer-Encoding in HTTP/1.0");
    } else if (h->content_length &&
               (!*h->content_length ||
                h->content_length[strspn(h->content_length, "0123456789")])) {
        answer_error(a, 400, "Content-Length is no number");
    } else if (h->expect && strcasecmp(h->expect, "100-continue") != 0) {
        answer_error(a, 417, "Expect other than 100-continue");
    } else if (r->malformed) {
        answer_error(a, 400, "the target of the request has %s", r->malformed);
    }
    /* What follows such a head might not be what the client thinks it is. */
    a->close = a->status != 0;
    return a->status == 0;
}

static bool check_who(request *r, const head *h)
{
    if ((h->host && !head_host_is_ours(r, h->host)) ||
        (r->authority && !head_host_is_ours(r, r->authority))) {
        answer_error(&r->answer, 403,
                     "this server is not called by that name; see --allow-host");
        return false;
    }
    if (!check_origin(r, h)) {
        answer_error(&r->answer, 403,
                     "pages of this origin may not use it; see --allow-origin");
        return false;
    }
    r->allowed = tokens_allow(&r->server->tokens, h->authorization);
    return true;
}

/* Without a token only what is open shows; what else there is, or is not, does not. */
static bool check_allowed(request *r, bool preflight)
{
    if (preflight || r->allowed >= (r->route ? r->route->access : ACCESS_READ))
        return r->route != NULL;
    if (r->allowed == ACCESS_OPEN) {
        answer_error(&r->answer, 401, "a token is needed: Authorization: Bearer ...");
        r->answer.wants_token = true;
    } else {
        answer_error(&r->answer, 403, "this token is for reading");
    }
    return false;
}

static bool check_body(request *r, const head *h)
{
    uint64_t most = request_body_most(r);
    bool there = r->declared || h->transfer_encoding;
    r->content = read_content(h->content_type);
    if (h->content_encoding && strcasecmp(h->content_encoding, "identity") != 0)
        answer_error(&r->answer, 415, "a body with a Content-Encoding");
    else if (r->route->takes && !takes(r->route, r->content))
        answer_error(&r->answer, 415,
                     "a body of type %.80s is not taken here; application/json is",
                     h->content_type);
    else if (r->declared > most)
        answer_error(&r->answer, 413, "a body of %llu bytes; at most %llu are taken",
                     (unsigned long long)r->declared, (unsigned long long)most);
    else if (there && r->route->takes)
        request_reserve(r, r->declared);
    return r->answer.status == 0;
}

void request_check_head(request *r, const char *method, const char *url,
                        const char *version)
{
    head h;
    (void)url;
    head_read(&h, r, method, version);
    if (h.content_length) {
        r->has_length = true;
        r->declared = strtoull(h.content_length, NULL, 10);
    }
    r->asks = h.expect != NULL;
    r->chunked = h.transfer_encoding != NULL;
    r->only_new = h.if_none_match && strcmp(h.if_none_match, "*") == 0;
    if (!check_text(r, &h, version) || !check_who(r, &h))
        return;
    r->route = route_find(r, method);
    if (check_allowed(r, strcmp(method, "OPTIONS") == 0))
        check_body(r, &h);
    r->wants_text = accepts_text(h.accept);
}
