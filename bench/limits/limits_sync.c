/* limits_sync.c: what making a small append durable costs: a commit cannot be faster. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/latencies.h"
#include "harness/stop.h"
#include "limits/limits.h"

enum {
    APPEND_BYTES = 256,
    APPENDS_MAX = 1000
};

void limits_sync(const limits_options *options)
{
    static double us[APPENDS_MAX];
    static const char bytes[APPEND_BYTES] = {1};
    char path[4096];
    size_t done = 0;
    if ((size_t)snprintf(path, sizeof path, "%s/vdb-bench-sync-XXXXXX",
                         options->folder) >= sizeof path)
        stop("--folder is too long");
    int file = mkstemp(path);
    if (file < 0)
        stop("%s: %s", path, strerror(errno));
    unlink(path);
    for (double begin = now();
         done < APPENDS_MAX && now() - begin < options->seconds * 3; done++) {
        double before = now();
        if (write(file, bytes, sizeof bytes) != (ssize_t)sizeof bytes ||
            fdatasync(file))
            stop("%s: %s", path, strerror(errno));
        us[done] = (now() - before) * 1e6;
    }
    close(file);
    latencies_sort(us, done);
    limit_print(options, "append of 256 B and fdatasync", "median", 1,
                latencies_within(us, done, 50) / 1e3, "ms");
    limit_print(options, "append of 256 B and fdatasync", "99 of 100 within", 1,
                latencies_within(us, done, 99) / 1e3, "ms");
}
