/* error.c: the last error of the calling thread.
 *
 * A message is built in a local buffer first, so that it may quote the message that
 * it replaces.  One that is too long loses its end, but never half a character and,
 * when the system failed, never the system's reason: names of files are what is long.
 */
#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    MESSAGE_BYTES = sizeof(((vdb_error *)0)->message)
};

static _Thread_local vdb_error last = VDB_ERROR_INIT;

/* The largest length <= `length` that does not end within a UTF-8 sequence. */
static size_t whole_characters(const char *text, size_t length)
{
    size_t start = length;
    size_t want = 1;

    while (start > 0 && length - start < 4) {
        unsigned char c = (unsigned char)text[--start];
        if ((c & 0xc0) == 0x80)
            continue;
        if (c >= 0xf0)
            want = 4;
        else if (c >= 0xe0)
            want = 3;
        else if (c >= 0xc0)
            want = 2;
        return length - start < want ? start : length;
    }
    return length;
}

/* Format into `buffer`; the length of what fitted. */
static size_t format_message(char *buffer, size_t size, const char *format,
                             va_list args) __attribute__((format(printf, 3, 0)));
static size_t format_message(char *buffer, size_t size, const char *format,
                             va_list args)
{
    int length = vsnprintf(buffer, size, format, args);

    if (length < 0) {
        buffer[0] = '\0';
        return 0;
    }
    if ((size_t)length < size)
        return (size_t)length;
    length = (int)whole_characters(buffer, size - 1);
    buffer[length] = '\0';
    return (size_t)length;
}

static vdb_status set(vdb_status status, int system_error, int64_t offset,
                      const char *message)
{
    assert(status != VDB_OK);
    last.struct_size = sizeof last;
    last.status = status;
    last.system_error = system_error;
    last.offset = offset;
    memset(last.message, 0, sizeof last.message);
    memcpy(last.message, message, strlen(message));
    return status;
}

static vdb_status status_of_errno(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return VDB_FULL;
    case ENOMEM:
        return VDB_NOMEM;
    case ENOENT:
        return VDB_NOT_FOUND;
    case EEXIST:
        return VDB_EXISTS;
    default:
        return VDB_IO;
    }
}

/* glibc and musl declare different strerror_r; what is meant is the same. */
static const char *reason_of_errno(int error, char *buffer, size_t size)
{
#if defined(__GLIBC__)
    return strerror_r(error, buffer, size);
#else
    if (strerror_r(error, buffer, size) != 0)
        snprintf(buffer, size, "error %d", error);
    return buffer;
#endif
}

vdb_status vdbi_fail(vdb_status status, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    int saved_errno = errno;
    va_list args;

    va_start(args, format);
    format_message(message, sizeof message, format, args);
    va_end(args);
    errno = saved_errno;
    return set(status, 0, -1, message);
}

vdb_status vdbi_fail_at(vdb_status status, int64_t offset, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    int saved_errno = errno;
    va_list args;

    va_start(args, format);
    format_message(message, sizeof message, format, args);
    va_end(args);
    errno = saved_errno;
    return set(status, 0, offset, message);
}

vdb_status vdbi_fail_system(int negated_errno, const char *format, ...)
{
    /* A host's vfs may have forgotten the minus. */
    int error = negated_errno >= 0        ? negated_errno
                : negated_errno > INT_MIN ? -negated_errno
                                          : EIO;
    char reason_buffer[128];
    char message[MESSAGE_BYTES];
    int saved_errno = errno;
    const char *reason = reason_of_errno(error, reason_buffer, sizeof reason_buffer);
    size_t reason_bytes = strnlen(reason, sizeof reason_buffer - 1);
    size_t room = sizeof message - reason_bytes - 2;
    size_t length;
    va_list args;

    va_start(args, format);
    length = format_message(message, room, format, args);
    va_end(args);
    memcpy(message + length, ": ", 2);
    memcpy(message + length + 2, reason, reason_bytes);
    message[length + 2 + reason_bytes] = '\0';
    errno = saved_errno;
    return set(status_of_errno(error), error, -1, message);
}

void vdbi_error_save(vdb_error *out)
{
    *out = last;
}

void vdbi_error_restore(const vdb_error *saved)
{
    last = *saved;
}

const char *vdbi_error_text(void)
{
    return last.message;
}

int vdbi_clip(const char *text, size_t length)
{
    return (int)whole_characters(text, length < 64 ? length : 64);
}
