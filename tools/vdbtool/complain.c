/* complain.c: error messages; see complain.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "format.h"

enum {
    MESSAGE_BYTES = 2048, /* longer ones are cut */
    MORE_BYTES = 256
};

static bool is_silent;
static bool is_json;
static uint64_t script_line;
static char last[MESSAGE_BYTES];
/* As JSON: what complain_end() has to write. */
static char pending[MESSAGE_BYTES];
static char more[MORE_BYTES];

void complain_silently(void)
{
    is_silent = true;
}

const char *complain_last(void)
{
    return last;
}

void complain_begin(bool json, uint64_t line)
{
    is_json = json;
    script_line = line;
    pending[0] = 0;
    more[0] = 0;
}

void complain_more(const char *name, uint64_t value, const char *words)
{
    size_t used = strlen(more);
    if (is_json)
        snprintf(more + used, sizeof more - used, ",\"%s\":%" PRIu64, name, value);
    else
        fprintf(stderr, "%" PRIu64 " %s\n", value, words);
}

void complain_end(void)
{
    if (!pending[0])
        return;
    fflush(stdout);
    fputs("{\"error\":", stderr);
    put_json_repaired(stderr, pending);
    if (script_line)
        fprintf(stderr, ",\"line\":%" PRIu64, script_line);
    fprintf(stderr, "%s}\n", more);
    pending[0] = 0;
}

static void put_message(void)
{
    if (is_silent)
        return;
    if (is_json) {
        if (!pending[0]) /* the first error is the cause of others */
            memcpy(pending, last, sizeof pending);
        return;
    }
    fflush(stdout); /* what was printed before stands before it */
    fputs("Error: ", stderr);
    if (script_line)
        fprintf(stderr, "line %" PRIu64 ": ", script_line);
    put_plain(stderr, last, strlen(last));
    putc('\n', stderr);
}

int fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(last, sizeof last, format, list);
    va_end(list);
    put_message();
    return STATUS_FAILED;
}

int fail_usage(const char *command, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(last, sizeof last, format, list);
    va_end(list);
    put_message();
    if (!is_json && !is_silent)
        fprintf(stderr, "Try: %shelp%s%s\n", script_line ? "" : "vdbtool ",
                command ? " " : "", command ? command : "");
    return STATUS_USAGE;
}

int fail_library(void)
{
    return fail("%s", vdb_errmsg());
}

int fail_memory(void)
{
    return fail("out of memory");
}
