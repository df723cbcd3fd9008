/* complain.c: error messages; see complain.h. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "complain.h"

enum {
    MESSAGE_BYTES = 2048 /* longer ones are cut */
};

static bool is_silent;
static char last[MESSAGE_BYTES];

void complain_silently(void)
{
    is_silent = true;
}

const char *complain_last(void)
{
    return last;
}

static void put_message(void)
{
    if (is_silent)
        return;
    fflush(stdout); /* what was printed before stands before it */
    fputs("Error: ", stderr);
    for (const char *p = last; *p; p++) {
        unsigned char byte = (unsigned char)*p;
        if (byte < 0x20 || byte == 0x7f)
            fprintf(stderr, "\\x%02x", byte);
        else
            putc(byte, stderr);
    }
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
    fprintf(stderr, "Try: vdbtool help%s%s\n", command ? " " : "",
            command ? command : "");
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
