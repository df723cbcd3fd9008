/* answer.c: see answer.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "limits.h"
#include "settings.h"
#include "text/utf8.h"

static const char JSON[] = "application/json";

/* Text of any bytes: what is not UTF-8 becomes U+FFFD. */
static void put_repaired(buffer *b, const char *text)
{
    buffer clean = {0};
    while (*text) {
        size_t step = utf8_step(text, strnlen(text, 4));
        if (step)
            put_bytes(&clean, text, step);
        else
            put_text(&clean, "\xef\xbf\xbd");
        text += step ? step : 1;
    }
    put_string(b, clean.bytes ? clean.bytes : "", clean.length);
    buffer_free(&clean);
}

void answer_begin(answer *a, unsigned status)
{
    answer_free(a);
    a->status = status;
    a->type = JSON;
}

void answer_error(answer *a, unsigned status, const char *format, ...)
{
    char text[2048];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    answer_begin(a, status);
    put_text(&a->body, "{\"error\": ");
    put_repaired(&a->body, text);
    put_text(&a->body, "}");
    if (status == 503)
        a->retry_after = 1;
}

/* An error of the server: the client gets `words`, the log what the library said. */
static void answer_hidden(answer *a, unsigned status, const char *words)
{
    complain("%u: %s", status, vdb_errmsg());
    answer_error(a, status, "%s", words);
}

void answer_library(answer *a, vdb_status result)
{
    static const char TOO_LARGE[] = "a commit of up to";
    switch (result) {
    case VDB_INVALID:
        answer_error(a, 400, "%s", vdb_errmsg());
        break;
    case VDB_NOT_FOUND:
        answer_error(a, 404, "%s", vdb_errmsg());
        break;
    case VDB_EXISTS:
        answer_error(a, 409, "%s", vdb_errmsg());
        break;
    case VDB_FULL:
        if (strncmp(vdb_errmsg(), TOO_LARGE, sizeof TOO_LARGE - 1) == 0)
            answer_error(a, 413, "too much for one commit: %s", vdb_errmsg());
        else
            answer_hidden(a, 507, "the disk is full: nothing has been stored");
        break;
    case VDB_READONLY:
        answer_error(a, 403, "the database is open for reading only");
        break;
    case VDB_UNSUPPORTED:
        answer_error(a, 400, "%s", vdb_errmsg());
        break;
    case VDB_TIMEOUT:
        answer_error(a, 503, "it took longer than it may");
        break;
    case VDB_CANCELLED:
        answer_error(a, 503,
                     "given up: the client has gone, or the server is stopping");
        break;
    case VDB_BUSY:
    case VDB_NOMEM:
        answer_error(a, 503, "%s", result == VDB_BUSY ? vdb_errmsg() : "out of memory");
        break;
    case VDB_POISONED:
        answer_hidden(a, 500,
                      "the disk has failed: nothing more is stored until the server "
                      "is restarted; reading goes on");
        break;
    case VDB_CORRUPT:
        answer_hidden(a, 500, "the database file is damaged");
        break;
    case VDB_IO:
        answer_hidden(a, 500, "the file system failed");
        break;
    default:
        answer_hidden(a, 500, "internal error");
    }
}

void answer_pieces(answer *a, unsigned status, pieces from)
{
    vdb_status failed = VDB_OK;
    bool more = true;
    answer_begin(a, status);
    while (more && !failed && a->body.length < ANSWER_BYTES_WHOLE)
        more = from.next(from.state, &a->body, &failed);
    if (failed) {
        from.free(from.state);
        answer_library(a, failed);
    } else if (more) {
        a->rest = from;
    } else {
        from.free(from.state);
    }
}

void answer_free(answer *a)
{
    if (a->rest.next)
        a->rest.free(a->rest.state);
    buffer_free(&a->body);
    memset(a, 0, sizeof *a);
}
