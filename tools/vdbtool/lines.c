/* lines.c: bounded lines; see lines.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "lines.h"

/* Above any record the library takes: 65,535 numbers of some 25 bytes, and 1 MiB of
 * metadata.  A file without newlines must not fill the memory. */
static const size_t LINE_BYTES_MAX = (size_t)16 << 20;

void lines_take(lines *source, FILE *file, const char *path)
{
    memset(source, 0, sizeof *source);
    source->path = path;
    source->file = file;
}

int lines_open(lines *source, const char *path)
{
    lines_take(source, fopen(path, "rbe"), path);
    return source->file ? STATUS_DONE : fail("%s: %s", path, strerror(errno));
}

static int make_room(lines *source)
{
    if (source->capacity >= LINE_BYTES_MAX) {
        fail("%s: line %llu is longer than %zu bytes", source->path,
             (unsigned long long)source->number, LINE_BYTES_MAX);
        return -1;
    }
    size_t capacity = source->capacity ? source->capacity * 2 : 4096;
    char *larger = realloc(source->buffer, capacity);
    if (!larger) {
        fail_memory();
        return -1;
    }
    source->buffer = larger;
    source->capacity = capacity;
    return 1;
}

int lines_next(lines *source, const char **line, size_t *length)
{
    size_t used = 0;
    int byte;
    source->number++;
    while ((byte = getc_unlocked(source->file)) != EOF) {
        source->bytes++;
        if (byte == '\n')
            break;
        if (used + 1 >= source->capacity && make_room(source) < 0)
            return -1;
        source->buffer[used++] = (char)byte;
    }
    if (ferror(source->file)) {
        fail("%s: line %llu: %s", source->path, (unsigned long long)source->number,
             strerror(errno));
        return -1;
    }
    if (byte == EOF && used == 0)
        return 0;
    if (!source->buffer && make_room(source) < 0)
        return -1;
    source->buffer[used] = 0;
    *line = source->buffer;
    *length = used;
    return 1;
}

void lines_close(lines *source)
{
    if (source->file)
        fclose(source->file);
    free(source->buffer);
    memset(source, 0, sizeof *source);
}
