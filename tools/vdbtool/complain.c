/* complain.c: error messages; see complain.h. */
#include <stdarg.h>
#include <stdio.h>

#include "complain.h"

enum {
    MESSAGE_BYTES = 2048 /* longer ones are cut */
};

static void put_message(const char *text)
{
    fflush(stdout); /* what was printed before stands before it */
    fputs("Error: ", stderr);
    for (const char *p = text; *p; p++) {
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
    char text[MESSAGE_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    put_message(text);
    return STATUS_FAILED;
}

int fail_usage(const char *command, const char *format, ...)
{
    char text[MESSAGE_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    put_message(text);
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
