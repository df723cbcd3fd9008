/* complain.h: how vdbtool says that something went wrong, and its exit statuses.
 *
 * As text every message is one line on standard error that begins with "Error: "; bytes
 * that would move a terminal's cursor are shown as \xNN.  As JSON it is one line, too,
 * {"error":"..."}, which complain_end() writes when all that belongs into it is known.
 * Within a script the message names the script's line.
 */
#ifndef VDBTOOL_COMPLAIN_H
#define VDBTOOL_COMPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "vdb.h"

enum {
    STATUS_DONE = 0,
    STATUS_FAILED = 1, /* a bad value, an id that is not there, a failure */
    STATUS_USAGE = 2   /* an unknown command or option, operands missing or surplus */
};

/* Say what failed.  Returns STATUS_FAILED, so that it can be returned at once. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say what is wrong with the command line.  Returns STATUS_USAGE. */
int fail_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Say what the library said about its last failed call.  Returns STATUS_FAILED. */
int fail_library(void);

int fail_memory(void);

/* A command begins: whether its errors are JSON, and the line of the script, or 0. */
void complain_begin(bool json, uint64_t line);
/* Tell a number beside the error: in text as `words` on a line of its own. */
void complain_more(const char *name, uint64_t value, const char *words);
/* The command has ended. */
void complain_end(void);

/* Say nothing from now on: for programs that drive the readers, such as fuzz targets.
 * What was failed with last, "" when nothing, can be asked for. */
void complain_silently(void);
const char *complain_last(void);

#endif
