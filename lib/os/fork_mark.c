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

enum {
    MARK_WIPED = 0,
    MARK_WIPES = 1,
    MARK_COMPARES = 2
};

struct vdbi_fork_mark {
    uint32_t kind; /* MARK_*; an emptied page reads as MARK_WIPED */
    pid_t pid;     /* under MARK_COMPARES */
};

vdb_status vdbi_fork_mark_create(vdbi_fork_mark **out)
{
    vdbi_fork_mark *mark = mmap(NULL, sizeof *mark, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *out = NULL;
    if (mark == MAP_FAILED)
        return vdbi_fail(VDB_NOMEM, "out of memory: a page for the fork mark");
    mark->kind = MARK_COMPARES;
    mark->pid = getpid();
#ifdef MADV_WIPEONFORK
    if (madvise(mark, sizeof *mark, MADV_WIPEONFORK) == 0)
        mark->kind = MARK_WIPES;
#endif
    *out = mark;
    return VDB_OK;
}

int vdbi_fork_mark_is_child(const vdbi_fork_mark *mark)
{
    if (mark->kind == MARK_WIPES)
        return 0;
    return mark->kind == MARK_WIPED || mark->pid != getpid();
}

void vdbi_fork_mark_free(vdbi_fork_mark *mark)
{
    if (mark)
        munmap(mark, sizeof *mark);
}
