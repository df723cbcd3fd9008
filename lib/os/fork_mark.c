/* fork_mark.c: telling a forked child from the process that made a mark.
 *
 * Asked on every call of the library, so it must be one read and no system call: the
 * mark is a page that the kernel empties in a child (MADV_WIPEONFORK, Linux 4.14).
 * Where it will not, the mark holds the process id, and asking costs getpid().
 */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "os/thread.h"

struct vdbi_fork_mark {
    uint32_t
        wipes; /* 1: the kernel empties this page in a child; then all is 0 there */
    pid_t pid;
};

vdb_status vdbi_fork_mark_create(vdbi_fork_mark **out)
{
    vdbi_fork_mark *mark = mmap(NULL, sizeof *mark, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *out = NULL;
    if (mark == MAP_FAILED)
        return vdbi_fail(VDB_NOMEM, "out of memory: a page for the fork mark");
    mark->pid = getpid();
#ifdef MADV_WIPEONFORK
    if (madvise(mark, sizeof *mark, MADV_WIPEONFORK) == 0)
        mark->wipes = 1;
#endif
    *out = mark;
    return VDB_OK;
}

int vdbi_fork_mark_is_child(const vdbi_fork_mark *mark)
{
    return !mark->wipes && mark->pid != getpid();
}

void vdbi_fork_mark_free(vdbi_fork_mark *mark)
{
    if (mark)
        munmap(mark, sizeof *mark);
}
