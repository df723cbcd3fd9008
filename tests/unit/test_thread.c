/* test_thread.c: mutexes, conditions, threads and the mark of a fork. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "os/thread.h"

static int madvise_refuses; /* in place of libc's, see test_vfs.c */

int madvise(void *address, size_t size, int advice)
{
    if (madvise_refuses) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, address, size, advice);
}

static vdbi_mutex mutex;
static vdbi_cond cond;
static int turns, round_number;

static void *take_turns(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        vdbi_lock(&mutex);
        int seen = turns;
        if (i % 1000 == 0)
            usleep(1);
        turns = seen + 1;
        vdbi_unlock(&mutex);
    }
    return NULL;
}

static void a_mutex_excludes(void **state)
{
    vdbi_thread threads[3];

    (void)state;
    assert_int_equal(vdbi_mutex_init(&mutex), VDB_OK);
    turns = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(vdbi_thread_start(&threads[i], take_turns, NULL), VDB_OK);
    for (int i = 0; i < 3; i++)
        vdbi_thread_join(threads[i]);
    assert_int_equal(turns, 60000);
    vdbi_mutex_destroy(&mutex);
}

static void *answer_rounds(void *arg)
{
    (void)arg;
    vdbi_lock(&mutex);
    while (round_number < 200) {
        while (round_number % 2 == 0)
            vdbi_wait(&cond, &mutex);
        round_number++;
        vdbi_broadcast(&cond);
    }
    vdbi_unlock(&mutex);
    return NULL;
}

static void a_condition_wakes(void **state)
{
    vdbi_thread thread;

    (void)state;
    assert_int_equal(vdbi_mutex_init(&mutex), VDB_OK);
    assert_int_equal(vdbi_cond_init(&cond), VDB_OK);
    round_number = 0;
    assert_int_equal(vdbi_thread_start(&thread, answer_rounds, NULL), VDB_OK);
    vdbi_lock(&mutex);
    while (round_number < 200) {
        round_number++;
        vdbi_broadcast(&cond);
        while (round_number % 2 == 1) /* a minute: never, unless a wake-up is lost */
            assert_int_equal(vdbi_wait_for(&cond, &mutex, 60000000000), 1);
    }
    vdbi_unlock(&mutex);
    vdbi_thread_join(thread);
    assert_int_equal(round_number, 200);
    vdbi_cond_destroy(&cond);
    vdbi_mutex_destroy(&mutex);
}

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *broadcast_soon(void *arg)
{
    (void)arg;
    usleep(20000);
    vdbi_lock(&mutex);
    round_number = 1;
    vdbi_broadcast(&cond);
    vdbi_unlock(&mutex);
    return NULL;
}

static void a_bounded_wait_ends_and_an_endless_one_does_not(void **state)
{
    vdbi_thread thread;
    uint64_t begin;

    (void)state;
    assert_int_equal(vdbi_mutex_init(&mutex), VDB_OK);
    assert_int_equal(vdbi_cond_init(&cond), VDB_OK);
    vdbi_lock(&mutex);
    begin = now();
    while (vdbi_wait_for(&cond, &mutex, 30000000))
        ;
    assert_true(now() - begin >= 30000000);
    assert_true(now() - begin < 20000000000);
    assert_int_equal(vdbi_wait_for(&cond, &mutex, 0), 0);
    round_number = 0;
    assert_int_equal(vdbi_thread_start(&thread, broadcast_soon, NULL), VDB_OK);
    while (!round_number)
        assert_int_equal(vdbi_wait_for(&cond, &mutex, UINT64_MAX), 1);
    vdbi_unlock(&mutex);
    vdbi_thread_join(thread);
    vdbi_cond_destroy(&cond);
    vdbi_mutex_destroy(&mutex);
}

static void *note_mask(void *arg)
{
    pthread_sigmask(SIG_SETMASK, NULL, arg);
    return NULL;
}

static void threads_take_no_signals_and_the_caller_still_does(void **state)
{
    static const int some[] = {SIGINT,  SIGTERM, SIGALRM, SIGUSR1,
                               SIGCHLD, SIGHUP,  SIGPROF, SIGPIPE};
    sigset_t mask, mine;
    vdbi_thread thread;

    (void)state;
    sigemptyset(&mask);
    assert_int_equal(vdbi_thread_start(&thread, note_mask, &mask), VDB_OK);
    vdbi_thread_join(thread);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        assert_int_equal(sigismember(&mask, some[i]), 1);
        assert_int_equal(sigismember(&mine, some[i]), 0);
    }
}

static int in_child(const vdbi_fork_mark *mark, int generations)
{
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0)
        _exit(generations > 1 ? in_child(mark, generations - 1)
                              : vdbi_fork_mark_is_child(mark));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_forked_child_is_told_from_its_parent(void **state)
{
    (void)state;
    for (int by_pid = 0; by_pid < 2; by_pid++) {
        vdbi_fork_mark *mark;
        madvise_refuses = by_pid;
        assert_int_equal(vdbi_fork_mark_create(&mark), VDB_OK);
        madvise_refuses = 0;
        assert_int_equal(vdbi_fork_mark_is_child(mark), 0);
        assert_int_equal(in_child(mark, 1), 1);
        assert_int_equal(in_child(mark, 2), 1);
        assert_int_equal(vdbi_fork_mark_is_child(mark), 0);
        vdbi_fork_mark_free(mark);
    }
    vdbi_fork_mark_free(NULL);
}

static void some_core_is_there(void **state)
{
    (void)state;
    assert_in_range(vdbi_cores(), 1, sysconf(_SC_NPROCESSORS_CONF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_excludes),
        cmocka_unit_test(a_condition_wakes),
        cmocka_unit_test(a_bounded_wait_ends_and_an_endless_one_does_not),
        cmocka_unit_test(threads_take_no_signals_and_the_caller_still_does),
        cmocka_unit_test(a_forked_child_is_told_from_its_parent),
        cmocka_unit_test(some_core_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
