/* request.c: see request.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "limits.h"
#include "routes.h"
#include "text/utf8.h"

static int hex_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Decode the `length` bytes at `from` to *to, with a NUL behind them, and move *to on.
 * Returns what is wrong, or NULL. */
static const char *decode(const char *from, size_t length, bool plus, char **to)
{
    const char *wrong = NULL;
    for (size_t i = 0; i < length; i++) {
        char byte = from[i];
        if (byte == '%') {
            int high = i + 2 < length ? hex_value(from[i + 1]) : -1;
            int low = i + 2 < length ? hex_value(from[i + 2]) : -1;
            if (high < 0 || low < 0) {
                wrong = "a % without two hexadecimal digits behind it";
                break;
            }
            byte = (char)(high << 4 | low);
            i += 2;
            if (byte == 0)
                wrong = "a NUL";
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        *(*to)++ = byte;
    }
    *(*to)++ = 0;
    return wrong;
}

static const char *take_parts(request *r, const char *path, char **to)
{
    while (*path == '/') {
        size_t length = strcspn(++path, "/");
        if (r->part_count >= 4) {
            r->part_count = 5;
            break;
        }
        char *begin = *to;
        const char *wrong = decode(path, length, false, to);
        if (wrong)
            return wrong;
        r->parts[r->part_count] = begin;
        r->part_lengths[r->part_count++] = (size_t)(*to - begin) - 1;
        path += length;
    }
    return NULL;
}

static const char *take_arguments(request *r, const char *query, char **to)
{
    while (*query) {
        size_t length = strcspn(query, "&");
        const char *equals = memchr(query, '=', length);
        size_t name = equals ? (size_t)(equals - query) : length;
        if (length && r->argument_count == ARGUMENTS_MAX)
            return "too many arguments";
        if (length) {
            argument *made = &r->arguments[r->argument_count++];
            made->name = *to;
            const char *wrong = decode(query, name, true, to);
            made->value = *to;
            if (!wrong)
                wrong = decode(query + name + (equals ? 1 : 0),
                               length - name - (equals ? 1 : 0), true, to);
            if (wrong)
                return wrong;
        }
        query += length;
        query += *query == '&';
    }
    return NULL;
}

/* The target of a request: a path, or a whole URI, of which the path is taken, and the
 * authority for the check that is made of Host. */
static const char *path_of(const char *uri, const char **authority, size_t *length)
{
    size_t scheme = strcspn(uri, ":/?#");
    *authority = NULL;
    if ((scheme != 4 && scheme != 5) || strncasecmp(uri, "https", scheme) != 0 ||
        strncmp(uri + scheme, "://", 3) != 0)
        return uri;
    *authority = uri + scheme + 3;
    *length = strcspn(*authority, "/?#");
    const char *path = *authority + *length;
    return *path == '/' ? path : "/";
}

static bool take_uri(request *r, const char *uri)
{
    r->uri_bytes = strlen(uri);
    r->uri_end = (uintptr_t)uri + r->uri_bytes;
    if (r->uri_bytes > URI_BYTES_MAX)
        return true; /* which will be refused */
    const char *authority;
    size_t authority_length;
    const char *path = path_of(uri, &authority, &authority_length);
    size_t length = strcspn(path, "?");
    r->line = strndup(path, length);
    r->authority = authority ? strndup(authority, authority_length) : NULL;
    /* Each part and argument ends with a NUL, where "/", "=" and "&" stood or not. */
    r->decoded = malloc(r->uri_bytes + 2 * ARGUMENTS_MAX + 8);
    if (!r->line || !r->decoded || (authority && !r->authority))
        return false;
    for (const char *p = uri; *p && !r->malformed; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f || *p == '#')
            r->malformed = "a character that must be percent-encoded";
    char *to = r->decoded;
    const char *wrong = take_parts(r, r->line, &to);
    if (!wrong && path[length] == '?')
        wrong = take_arguments(r, path + length + 1, &to);
    if (!r->malformed)
        r->malformed = wrong;
    return true;
}

request *request_new(server *s, struct MHD_Connection *link, const char *uri)
{
    request *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->server = s;
    made->link = link;
    made->number = atomic_fetch_add(&s->request_count, 1) + 1;
    if (!take_uri(made, uri ? uri : "")) {
        request_free(made);
        return NULL;
    }
    return made;
}

void request_free(request *r)
{
    if (!r)
        return;
    atomic_fetch_sub(&r->server->body_bytes, r->reserved);
    answer_free(&r->answer);
    buffer_free(&r->body);
    vdb_cancel_free(r->cancel);
    free(r->line);
    free(r->authority);
    free(r->decoded);
    free(r);
}

bool request_reserve(request *r, uint64_t bytes)
{
    server *s = r->server;
    uint64_t before = atomic_fetch_add(&s->body_bytes, bytes);
    if (before + bytes > s->settings->body_bytes_together && before) {
        atomic_fetch_sub(&s->body_bytes, bytes);
        answer_error(&r->answer, 503,
                     "the requests in hand take all the memory they may: try again");
        return false;
    }
    r->reserved += bytes;
    return true;
}

void request_release(request *r, uint64_t bytes)
{
    atomic_fetch_sub(&r->server->body_bytes, bytes);
    r->reserved -= bytes;
}

uint64_t request_body_most(const request *r)
{
    uint64_t most = r->server->settings->body_bytes;
    return r->route->takes || most < DRAIN_BYTES_MAX ? most : DRAIN_BYTES_MAX;
}

bool request_take_body(request *r, const char *bytes, size_t length)
{
    uint64_t sum = r->body.length + r->drained + length, most = request_body_most(r);
    if (sum > most) {
        answer_error(&r->answer, 413, "a body of more than %llu bytes",
                     (unsigned long long)most);
        return false;
    }
    if (!r->route->takes) {
        r->drained += length;
        return true;
    }
    if (sum > r->reserved && !request_reserve(r, sum - r->reserved))
        return false;
    if (!r->body.capacity && r->declared)
        buffer_reserve(&r->body, (size_t)r->declared + 1);
    put_bytes(&r->body, bytes, length);
    if (r->body.failed)
        answer_error(&r->answer, 503, "out of memory");
    return !r->body.failed;
}

const char *request_argument(const request *r, const char *name)
{
    for (size_t i = 0; i < r->argument_count; i++)
        if (strcmp(r->arguments[i].name, name) == 0)
            return r->arguments[i].value;
    return NULL;
}

static bool is_text(const char *value)
{
    size_t step = 1;
    for (size_t left = strlen(value); left && step; left -= step, value += step)
        step = utf8_step(value, left);
    return step != 0;
}

bool request_check_arguments(request *r, const char *const *known)
{
    for (size_t i = 0; i < r->argument_count; i++) {
        const char *name = r->arguments[i].name;
        size_t at = 0;
        while (known[at] && strcmp(known[at], name) != 0)
            at++;
        if (!known[at]) {
            answer_error(&r->answer, 400, "unknown argument: %.80s", name);
            return false;
        }
        if (!is_text(r->arguments[i].value)) {
            answer_error(&r->answer, 400, "the argument \"%s\" is not UTF-8", name);
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(r->arguments[j].name, name) == 0) {
                answer_error(&r->answer, 400, "argument given twice: %.80s", name);
                return false;
            }
        }
    }
    return true;
}

bool request_whole(request *r, const char *name, uint64_t least, uint64_t most,
                   uint64_t *out)
{
    const char *text = request_argument(r, name);
    if (!text)
        return true;
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    if (!*text || text[strspn(text, "0123456789")] || errno || value < least ||
        value > most) {
        answer_error(&r->answer, 400,
                     "%s: \"%.60s\" is not a whole number from %llu to %llu", name,
                     text, (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *out = value;
    return true;
}
