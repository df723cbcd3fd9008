/* httpd_main.c: vdb-httpd, a libvdb database over HTTP.
 *
 * The main thread starts the server, says so, and waits for SIGTERM or SIGINT; a second
 * one ends the waiting for requests in hand.  It uses nothing of libvdb but
 * include/vdb.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

/* A closed standard stream must not lend its number to a file or a socket of ours. */
static void occupy_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static int serve(const settings *from)
{
    static server s;
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* in every thread to come */
    int status = server_start(&s, from);
    if (status)
        return status;
    printf("Server listening on %s\n", s.endpoint);
    if (fflush(stdout))
        complain("standard output: %s", strerror(errno));
    sigwait(&set, &number);
    return server_stop(&s, &set);
}

int main(int argc, char **argv)
{
    settings from;
    bool go_on;
    occupy_standard_streams();
    signal(SIGPIPE, SIG_IGN);
    int status = settings_read(&from, argc, argv, &go_on);
    if (go_on)
        status = serve(&from);
    if (fflush(stdout) && status == EXIT_DONE)
        status = complain("standard output: %s", strerror(errno));
    return status;
}
