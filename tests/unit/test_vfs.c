/* test_vfs.c: files, through the wrappers and through the system's vfs.
 *
 * System calls that are defined here take the place of libc's in what is linked
 * statically, so they can be interrupted, shortened and failed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "os/vfs.h"

/* What the next calls do. */
static struct {
    int interrupts; /* so many calls fail with EINTR first */
    int error;      /* then they fail with this, if not 0 */
    size_t at_most; /* bytes moved by one call; 0: all */
    int stuck;      /* a write moves nothing */
    int calls;
    size_t largest; /* asked for by one call */
} inject;

static int injected(size_t *size)
{
    inject.calls++;
    if (inject.interrupts > 0) {
        inject.interrupts--;
        errno = EINTR;
        return 1;
    }
    if (inject.error) {
        errno = inject.error;
        return 1;
    }
    if (*size > inject.largest)
        inject.largest = *size;
    if (inject.at_most && *size > inject.at_most)
        *size = inject.at_most;
    return 0;
}

ssize_t pread(int fd, void *buffer, size_t size, off_t offset)
{
    if (injected(&size))
        return -1;
    return syscall(SYS_pread64, fd, buffer, size, offset);
}

ssize_t pwrite(int fd, const void *buffer, size_t size, off_t offset)
{
    if (injected(&size))
        return -1;
    if (inject.stuck)
        return 0;
    return syscall(SYS_pwrite64, fd, buffer, size, offset);
}

int fdatasync(int fd)
{
    size_t none = 0;

    return injected(&none) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int fallocate(int fd, int mode, off_t offset, off_t size)
{
    size_t none = 0;

    return injected(&none) ? -1 : (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

int madvise(void *address, size_t size, int advice)
{
    size_t none = 0;

    return injected(&none) ? -1 : (int)syscall(SYS_madvise, address, size, advice);
}

/* Every test has an empty directory as its working directory. */
typedef struct fixture {
    char directory[64];
    vdbi_memory memory;
    vdbi_io_counts counts;
    vdbi_file file; /* "a.vdb", created */
} fixture;

static const vdb_vfs *const sys = &vdbi_vfs_system;

static int set_up(void **state)
{
    fixture *fx = calloc(1, sizeof *fx);

    assert_non_null(fx);
    memset(&inject, 0, sizeof inject);
    strcpy(fx->directory, "/tmp/vdb-vfs-XXXXXX");
    assert_non_null(mkdtemp(fx->directory));
    assert_int_equal(chdir(fx->directory), 0);
    vdbi_memory_init(&fx->memory, NULL);
    assert_int_equal(vdbi_file_open(&fx->file, sys, &fx->memory, &fx->counts, "a.vdb",
                                    VDB_VFS_CREATE),
                     VDB_OK);
    *state = fx;
    return 0;
}

static int tear_down(void **state)
{
    fixture *fx = *state;
    char command[128];

    memset(&inject, 0, sizeof inject);
    assert_int_equal(vdbi_file_close(&fx->file), VDB_OK);
    assert_int_equal(atomic_load(&fx->memory.bytes), 0);
    assert_int_equal(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -r %s", fx->directory);
    assert_int_equal(system(command), 0);
    free(fx);
    return 0;
}

static void assert_error(vdb_status status, int system_error, int64_t offset,
                         const char *message)
{
    vdb_error e;

    vdbi_error_save(&e);
    assert_int_equal(e.status, status);
    assert_int_equal(e.system_error, system_error);
    assert_true(e.offset == offset);
    assert_string_equal(e.message, message);
}

static int descriptor(const vdbi_file *file)
{
    return (int)(intptr_t)file->handle;
}

static void what_is_written_is_read_and_counted(void **state)
{
    fixture *fx = *state;
    char out[100], in[100];
    uint64_t size;
    size_t got;

    memset(out, 'x', sizeof out);
    assert_int_equal(vdbi_file_write(&fx->file, out, sizeof out, 50), VDB_OK);
    assert_int_equal(vdbi_file_write(&fx->file, out, 0, 5000), VDB_OK);
    assert_int_equal(atomic_load(&fx->counts.written_bytes), 100);
    assert_int_equal(vdbi_file_size(&fx->file, &size), VDB_OK);
    assert_int_equal(size, 150);
    assert_int_equal(vdbi_file_read(&fx->file, in, sizeof in, 50), VDB_OK);
    assert_memory_equal(in, out, sizeof in);
    assert_int_equal(vdbi_file_read_some(&fx->file, in, sizeof in, 100, &got), VDB_OK);
    assert_int_equal(got, 50);
    assert_int_equal(vdbi_file_read_some(&fx->file, in, sizeof in, 1000, &got), VDB_OK);
    assert_int_equal(got, 0);
    assert_int_equal(vdbi_file_read(&fx->file, in, sizeof in, 100), VDB_CORRUPT);
    assert_error(VDB_CORRUPT, 0, 150,
                 "a.vdb: read of 100 bytes at byte 100: the file ends after 50");
    assert_int_equal(vdbi_file_sync(&fx->file), VDB_OK);
    assert_int_equal(vdbi_file_sync_directory(&fx->file), VDB_OK);
    assert_int_equal(atomic_load(&fx->counts.syncs), 2);
    assert_int_equal(vdbi_file_truncate(&fx->file, 7), VDB_OK);
    assert_int_equal(vdbi_file_size(&fx->file, &size), VDB_OK);
    assert_int_equal(size, 7);
}

static void interruptions_and_short_transfers_are_not_seen(void **state)
{
    fixture *fx = *state;
    unsigned char out[1000], in[1000] = {0};

    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (unsigned char)(i * 7);
    inject.interrupts = 3;
    inject.at_most = 13;
    assert_int_equal(vdbi_file_write(&fx->file, out, sizeof out, 3), VDB_OK);
    assert_int_equal(inject.calls, 3 + 77);
    assert_int_equal(atomic_load(&fx->counts.written_bytes), 1000);
    inject.interrupts = 3;
    assert_int_equal(vdbi_file_read(&fx->file, in, sizeof in, 3), VDB_OK);
    assert_memory_equal(in, out, sizeof in);
    inject.interrupts = 2;
    inject.calls = 0;
    assert_int_equal(vdbi_file_sync(&fx->file), VDB_OK);
    assert_int_equal(inject.calls, 3);
    inject.interrupts = 2;
    assert_int_equal(vdbi_file_reserve(&fx->file, 0, 4096), VDB_OK);
}

static void failures_name_file_place_and_reason(void **state)
{
    fixture *fx = *state;
    char buffer[4096] = {0}, want[128];

    inject.error = EIO;
    assert_int_equal(vdbi_file_read(&fx->file, buffer, 4096, 8192), VDB_IO);
    assert_error(VDB_IO, EIO, 8192,
                 "a.vdb: read of 4096 bytes at byte 8192: Input/output error");
    assert_int_equal(vdbi_file_sync(&fx->file), VDB_IO);
    assert_error(VDB_IO, EIO, -1, "a.vdb: sync: Input/output error");
    inject.error = ENOSPC;
    assert_int_equal(vdbi_file_write(&fx->file, buffer, 10, 20), VDB_FULL);
    assert_error(VDB_FULL, ENOSPC, 20,
                 "a.vdb: write of 10 bytes at byte 20: No space left on device");
    assert_int_equal(vdbi_file_reserve(&fx->file, 5, 6), VDB_FULL);
    inject.error = EOPNOTSUPP;
    assert_int_equal(vdbi_file_reserve(&fx->file, 5, 6), VDB_OK);
    inject.error = 0;
    inject.stuck = 1; /* must fail, not spin */
    assert_int_equal(vdbi_file_write(&fx->file, buffer, 10, 20), VDB_IO);
    assert_int_equal(atomic_load(&fx->counts.written_bytes), 0);
    assert_int_equal(atomic_load(&fx->counts.syncs), 0);

    inject.stuck = 0;
    for (int way = 0; way < 2; way++) {
        const uint64_t offset = way ? UINT64_MAX : INT64_MAX - 9;
        assert_int_equal(vdbi_file_write(&fx->file, buffer, 10, offset), VDB_FULL);
        assert_int_equal(vdbi_file_read(&fx->file, buffer, 10, offset), VDB_CORRUPT);
        assert_int_equal(vdbi_file_reserve(&fx->file, offset, 10), VDB_FULL);
        assert_int_equal(sys->write(NULL, fx->file.handle, buffer, 10, offset), -EFBIG);
    }
    assert_int_equal(vdbi_file_truncate(&fx->file, UINT64_MAX), VDB_FULL);
    snprintf(want, sizeof want, "a.vdb: truncate to %llu bytes: File too large",
             ULLONG_MAX);
    assert_error(VDB_FULL, EFBIG, -1, want);
}

static void large_transfers_are_split(void **state)
{
    fixture *fx = *state;
    const size_t size = (size_t)2200 << 20; /* nothing of it is touched */
    char *buffer = vdbi_pages_reserve(size);

    assert_non_null(buffer);
    inject.stuck = 1;
    assert_int_equal(vdbi_file_write(&fx->file, buffer, size, 0), VDB_IO);
    assert_true(inject.largest > 1 << 20 && inject.largest < 0x7ffff000);
    vdbi_pages_release(buffer, size);
}

static int lying_read(void *arg, vdb_file *file, void *buffer, size_t size,
                      uint64_t offset, size_t *got)
{
    (void)arg, (void)file, (void)buffer, (void)offset;
    *got = size + 1;
    return 0;
}

static int empty_open(void *arg, const char *path, uint32_t flags, vdb_file **out)
{
    (void)arg, (void)path, (void)flags;
    *out = NULL;
    return 0;
}

static void a_host_that_lies_is_not_believed(void **state)
{
    fixture *fx = *state;
    vdb_vfs liar = *sys;
    vdbi_file file;
    char buffer[8];
    size_t got;

    liar.read = lying_read;
    liar.reserve = NULL;
    fx->file.vfs = &liar;
    assert_int_equal(vdbi_file_read_some(&fx->file, buffer, 8, 0, &got), VDB_IO);
    assert_int_equal(got, 0);
    assert_int_equal(vdbi_file_read(&fx->file, buffer, 8, 0), VDB_IO);
    assert_int_equal(vdbi_file_reserve(&fx->file, 0, 8), VDB_OK);
    fx->file.vfs = sys;
    liar.open = empty_open;
    assert_int_equal(vdbi_file_open(&file, &liar, &fx->memory, NULL, "b", 0), VDB_IO);
    assert_null(file.handle);
}

static void open_obeys_its_flags(void **state)
{
    fixture *fx = *state;
    vdbi_file file;
    char byte = 'x';

    assert_int_equal(vdbi_file_open(&file, sys, &fx->memory, NULL, "b.vdb", 0),
                     VDB_NOT_FOUND);
    assert_error(VDB_NOT_FOUND, ENOENT, -1, "b.vdb: open: No such file or directory");
    assert_int_equal(vdbi_file_close(&file), VDB_OK); /* of one that is not open */
    assert_int_equal(sys->exists(NULL, "b.vdb"), -ENOENT);
    assert_int_equal(vdbi_file_open(&file, sys, &fx->memory, NULL, "a.vdb",
                                    VDB_VFS_CREATE | VDB_VFS_EXCLUSIVE),
                     VDB_EXISTS);
    assert_int_equal(vdbi_file_open(&file, sys, &fx->memory, NULL, "b.vdb",
                                    VDB_VFS_CREATE | VDB_VFS_EXCLUSIVE),
                     VDB_OK);
    assert_int_equal(vdbi_file_write(&file, &byte, 1, 0), VDB_OK);
    assert_int_equal(vdbi_file_sync(&file), VDB_OK); /* counts may be NULL */
    assert_int_equal(vdbi_file_close(&file), VDB_OK);
    assert_int_equal(vdbi_file_close(&file), VDB_OK);
    assert_int_equal(sys->exists(NULL, "b.vdb"), 0);
    assert_int_equal(
        vdbi_file_open(&file, sys, &fx->memory, NULL, "b.vdb", VDB_VFS_READONLY),
        VDB_OK);
    assert_int_equal(vdbi_file_read(&file, &byte, 1, 0), VDB_OK);
    assert_int_equal(vdbi_file_write(&file, &byte, 1, 0), VDB_IO);
    assert_int_equal(vdbi_file_close(&file), VDB_OK);
    assert_int_equal(sys->remove(NULL, "b.vdb"), 0);
    assert_int_equal(sys->remove(NULL, "b.vdb"), -ENOENT);
}

static void descriptors_are_above_two_and_close_on_exec(void **state)
{
    int status;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        vdb_file *file = NULL;
        int ok = 1;
        close(0);
        close(1);
        close(2);
        for (int i = 0; i < 3 && ok; i++) {
            ok = sys->open(NULL, "a.vdb", 0, &file) == 0 && (intptr_t)file > 2 &&
                 fcntl((int)(intptr_t)file, F_GETFD) == FD_CLOEXEC;
        }
        ok = ok && sys->sync_directory(NULL, "a.vdb") == 0;
        /* Nothing was left open below. */
        ok = ok && fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 &&
             fcntl(2, F_GETFD) < 0;
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void info_tells_files_apart(void **state)
{
    fixture *fx = *state;
    vdb_file_info a = {.struct_size = sizeof a}, b = a;
    vdb_file *file;

    assert_int_equal(sys->info(NULL, fx->file.handle, &a), 0);
    assert_int_equal(a.kind, 0);
    assert_int_equal(a.links, 1);
    assert_int_equal(link("a.vdb", "again"), 0);
    assert_int_equal(sys->open(NULL, "again", 0, &file), 0);
    assert_int_equal(sys->info(NULL, file, &b), 0);
    assert_int_equal(sys->close(NULL, file), 0);
    assert_int_equal(b.links, 2);
    assert_true(a.inode == b.inode && a.device == b.device);
    assert_int_equal(sys->open(NULL, ".", VDB_VFS_READONLY, &file), 0);
    assert_int_equal(sys->info(NULL, file, &b), 0);
    assert_int_equal(sys->close(NULL, file), 0);
    assert_int_equal(b.kind, 1);
    /* A pipe without a writer: opening it must not wait for one. */
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(sys->open(NULL, "pipe", VDB_VFS_READONLY, &file), 0);
    assert_int_equal(sys->info(NULL, file, &b), 0);
    assert_int_equal(sys->close(NULL, file), 0);
    assert_int_equal(b.kind, 2);
}

static void reserving_takes_space_but_no_size(void **state)
{
    fixture *fx = *state;
    struct stat st;

    if (syscall(SYS_fallocate, descriptor(&fx->file), FALLOC_FL_KEEP_SIZE, 0L, 4096L))
        skip();
    assert_int_equal(vdbi_file_reserve(&fx->file, 4096, 1 << 20), VDB_OK);
    assert_int_equal(fstat(descriptor(&fx->file), &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_true(st.st_blocks * 512 >= 1 << 20);
}

static void locks_exclude_other_open_files_of_this_process_too(void **state)
{
    vdb_file *a, *b;
    (void)state;

    assert_int_equal(sys->open(NULL, "a.vdb", 0, &a), 0);
    assert_int_equal(sys->open(NULL, "a.vdb", 0, &b), 0);
    assert_int_equal(sys->lock(NULL, a, VDB_LOCK_SHARED), 0);
    assert_int_equal(sys->lock(NULL, b, VDB_LOCK_SHARED), 0);
    assert_int_equal(sys->lock(NULL, a, VDB_LOCK_EXCLUSIVE), -EAGAIN);
    assert_int_equal(sys->close(NULL, b), 0);
    assert_int_equal(sys->lock(NULL, a, VDB_LOCK_EXCLUSIVE), 0);
    assert_int_equal(sys->lock(NULL, a, 3), -EINVAL);
    /* A plain POSIX lock would be lost by this: */
    assert_int_equal(sys->open(NULL, "a.vdb", 0, &b), 0);
    assert_int_equal(sys->close(NULL, b), 0);
    assert_int_equal(sys->open(NULL, "a.vdb", 0, &b), 0);
    assert_int_equal(sys->lock(NULL, b, VDB_LOCK_SHARED), -EAGAIN);
    assert_int_equal(sys->lock(NULL, b, VDB_LOCK_EXCLUSIVE), -EAGAIN);
    assert_int_equal(sys->close(NULL, a), 0);
    assert_int_equal(sys->lock(NULL, b, VDB_LOCK_SHARED), 0);
    assert_int_equal(sys->close(NULL, b), 0);
}

static void a_map_shows_what_is_written_later(void **state)
{
    fixture *fx = *state;
    void *address;

    assert_int_equal(vdbi_file_write(&fx->file, "one", 3, 4096), VDB_OK);
    assert_int_equal(sys->map(NULL, fx->file.handle, 4096, 1 << 20, &address), 0);
    assert_memory_equal(address, "one", 3);
    assert_int_equal(vdbi_file_write(&fx->file, "two", 3, 4096), VDB_OK);
    assert_int_equal(vdbi_file_write(&fx->file, "far", 3, 4096 * 9), VDB_OK);
    assert_memory_equal(address, "two", 3);
    assert_memory_equal((char *)address + 4096 * 8, "far", 3);
    sys->unmap(NULL, fx->file.handle, address, 1 << 20);
    assert_true(sys->map(NULL, fx->file.handle, 0, 0, &address) < 0);
    assert_null(address);
}

/* Check resolve(path); `want` is relative to the true name of the directory, unless
 * it begins with '/'. */
static void assert_resolves(const char *path, const char *want)
{
    char here[PATH_MAX], expected[PATH_MAX * 2], got[PATH_MAX];

    assert_non_null(getcwd(here, sizeof here));
    if (*want == '/')
        snprintf(expected, sizeof expected, "%s", want);
    else
        snprintf(expected, sizeof expected, "%s/%s", here, want);
    assert_int_equal(sys->resolve(NULL, path, got, sizeof got), 0);
    assert_string_equal(got, expected);
    assert_int_equal(sys->resolve(NULL, path, got, strlen(expected) + 1), 0);
    assert_int_equal(sys->resolve(NULL, path, got, strlen(expected)), -ENAMETOOLONG);
}

static void names_are_resolved_whether_there_or_not(void **state)
{
    char out[PATH_MAX], absolute[PATH_MAX + 16], long_name[PATH_MAX + 10];
    char here[PATH_MAX];

    (void)state;
    assert_int_equal(mkdir("d", 0700), 0);
    assert_int_equal(symlink("a.vdb", "link"), 0);
    assert_int_equal(symlink("d", "dlink"), 0);
    assert_int_equal(symlink("../new.vdb", "d/dangling"), 0);
    assert_int_equal(symlink("dlink/dangling", "twice"), 0);
    assert_int_equal(symlink("loop2", "loop1"), 0);
    assert_int_equal(symlink("loop1", "loop2"), 0);
    assert_non_null(getcwd(here, sizeof here));
    snprintf(absolute, sizeof absolute, "%s/d/far.vdb", here);
    assert_int_equal(symlink(absolute, "abs"), 0);

    assert_resolves("a.vdb", "a.vdb");
    assert_resolves("./d/../a.vdb", "a.vdb");
    assert_resolves("link", "a.vdb");
    assert_resolves("new.vdb", "new.vdb");
    assert_resolves("d/new.vdb", "d/new.vdb");
    assert_resolves("dlink/new.vdb", "d/new.vdb");
    assert_resolves("dlink/dangling", "new.vdb");
    assert_resolves("twice", "new.vdb");
    assert_resolves("abs", "d/far.vdb");
    assert_resolves("/no-such-file.vdb", "/no-such-file.vdb");

    assert_int_equal(sys->resolve(NULL, "", out, sizeof out), -ENOENT);
    assert_int_equal(sys->resolve(NULL, "none/", out, sizeof out), -ENOENT);
    assert_int_equal(sys->resolve(NULL, "none/x", out, sizeof out), -ENOENT);
    assert_int_equal(sys->resolve(NULL, "a.vdb/x", out, sizeof out), -ENOTDIR);
    assert_int_equal(sys->resolve(NULL, "loop1", out, sizeof out), -ELOOP);
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(sys->resolve(NULL, long_name, out, sizeof out), -ENAMETOOLONG);
}

static void directories_are_synced_by_any_form_of_name(void **state)
{
    char absolute[PATH_MAX + 16], here[PATH_MAX];

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    snprintf(absolute, sizeof absolute, "%s/a.vdb", here);
    assert_int_equal(sys->sync_directory(NULL, "a.vdb"), 0);
    assert_int_equal(sys->sync_directory(NULL, "./a.vdb"), 0);
    assert_int_equal(sys->sync_directory(NULL, absolute), 0);
    assert_int_equal(sys->sync_directory(NULL, "none/a.vdb"), -ENOENT);
    assert_int_equal(sys->sync_directory(NULL, "a.vdb/x"), -ENOTDIR);
}

static void random_bytes_fill_it_all_and_time_goes_forward(void **state)
{
    unsigned char a[1000] = {0}, b[1000] = {0};
    unsigned zeros = 0;
    uint64_t before = sys->now(NULL);

    (void)state;
    assert_int_equal(sys->random(NULL, a, sizeof a), 0);
    assert_int_equal(sys->random(NULL, b, sizeof b), 0);
    assert_memory_not_equal(a + 984, b + 984, 16);
    for (size_t i = 0; i < sizeof a; i++)
        zeros += a[i] == 0;
    assert_true(zeros < 100);
    usleep(2000);
    assert_true(sys->now(NULL) - before >= 2000000);
    assert_true(sys->now(NULL) - before < 60000000000);
}

static void pages_are_zero_again_after_a_discard(void **state)
{
    const size_t size = 3 * 65536 + 100;

    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        unsigned char *p = vdbi_pages_reserve(size);
        assert_non_null(p);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 1, size);
        inject.error = refused ? EINVAL : 0;
        vdbi_pages_discard(p, size - 50);
        inject.error = 0;
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], i >= size - 50);
        vdbi_pages_release(p, size);
    }
    vdbi_pages_release(NULL, 0);
    assert_null(vdbi_pages_reserve(SIZE_MAX / 2));
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_is_written_is_read_and_counted),
        FIXTURE_TEST(interruptions_and_short_transfers_are_not_seen),
        FIXTURE_TEST(failures_name_file_place_and_reason),
        FIXTURE_TEST(large_transfers_are_split),
        FIXTURE_TEST(a_host_that_lies_is_not_believed),
        FIXTURE_TEST(open_obeys_its_flags),
        FIXTURE_TEST(descriptors_are_above_two_and_close_on_exec),
        FIXTURE_TEST(info_tells_files_apart),
        FIXTURE_TEST(reserving_takes_space_but_no_size),
        FIXTURE_TEST(locks_exclude_other_open_files_of_this_process_too),
        FIXTURE_TEST(a_map_shows_what_is_written_later),
        FIXTURE_TEST(names_are_resolved_whether_there_or_not),
        FIXTURE_TEST(directories_are_synced_by_any_form_of_name),
        FIXTURE_TEST(random_bytes_fill_it_all_and_time_goes_forward),
        FIXTURE_TEST(pages_are_zero_again_after_a_discard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
