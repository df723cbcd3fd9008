/* late_stop.c: preloaded into vdb-httpd, holds its main thread up at the two places of a stop
 * where libmicrohttpd's threads must not come in between, and each worker before it gives a
 * request back; see stop.py. */
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LATE_US = 300000,
    WORK_US = 100000
};

struct MHD_Daemon;
struct MHD_Connection;
int epoll_ctl(int set, int what, int fd, struct epoll_event *event);
void MHD_stop_daemon(struct MHD_Daemon *daemon);
void MHD_resume_connection(struct MHD_Connection *link);

static void hold_up(void)
{
    if (gettid() == getpid())
        usleep(LATE_US);
}

/* Before a listening socket is taken from a set. */
int epoll_ctl(int set, int what, int fd, struct epoll_event *event)
{
    int (*next)(int, int, int, struct epoll_event *);
    int listens = 0;
    socklen_t size = sizeof listens;
    *(void **)&next = dlsym(RTLD_NEXT, "epoll_ctl");
    if (what == EPOLL_CTL_DEL &&
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
        hold_up();
    return next(set, what, fd, event);
}

/* Before the threads are told to end. */
void MHD_stop_daemon(struct MHD_Daemon *daemon)
{
    void (*next)(struct MHD_Daemon *);
    *(void **)&next = dlsym(RTLD_NEXT, "MHD_stop_daemon");
    hold_up();
    next(daemon);
}

void MHD_resume_connection(struct MHD_Connection *link)
{
    void (*next)(struct MHD_Connection *);
    *(void **)&next = dlsym(RTLD_NEXT, "MHD_resume_connection");
    usleep(WORK_US);
    next(link);
}
