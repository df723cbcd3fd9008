/* complain.h: how vdbtool says that something went wrong, and its exit statuses.
 *
 * Every message is one line on standard error that begins with "Error: "; bytes
 * that would move a terminal's cursor are shown as \xNN.
 */
#ifndef VDBTOOL_COMPLAIN_H
#define VDBTOOL_COMPLAIN_H

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

/* Say nothing from now on: for programs that drive the readers, such as fuzz targets.
 * What was failed with last, "" when nothing, can be asked for. */
void complain_silently(void);
const char *complain_last(void);

#endif
