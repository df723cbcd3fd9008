/* lifetime.c: starting and stopping a server; see server.h. */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "limits.h"
#include "listening.h"
#include "server.h"

enum {
    IO_THREADS = 2,    /* of libmicrohttpd; they never wait for a disk or a search */
    WRITER_COUNT = 64, /* commits that may share one sync */
    ADMIN_COUNT = 2,
    PEM_BYTES_MAX = 1 << 20,
    WAIT_MS = 5
};

/* A core file would have tokens and vectors in it, and nothing that is started here needs
 * more rights than this has.  Each connection needs a descriptor. */
static void confine(const settings *from)
{
    struct rlimit none = {0, 0}, files;
    rlim_t wanted = (rlim_t)from->connections + 256;
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < wanted) {
        files.rlim_cur = files.rlim_max < wanted ? files.rlim_max : wanted;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

static char *read_pem(const char *path)
{
    FILE *file = fopen(path, "rbe");
    char *text = file ? malloc(PEM_BYTES_MAX + 1) : NULL;
    if (!text) {
        complain("%s: %s", path, strerror(errno));
        if (file)
            fclose(file);
        return NULL;
    }
    size_t length = fread(text, 1, PEM_BYTES_MAX, file);
    fclose(file);
    text[length] = 0;
    return text;
}

static int read_secrets(server *s)
{
    const settings *from = s->settings;
    if ((from->token_file && !token_read(from->token_file, &s->tokens.full)) ||
        (from->read_token_file &&
         !token_read(from->read_token_file, &s->tokens.reading)))
        return EXIT_FAILED;
    if (!from->tls_certificate)
        return EXIT_DONE;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES)
        return complain("--tls-cert: this libmicrohttpd was built without TLS");
    s->certificate = read_pem(from->tls_certificate);
    s->key = read_pem(from->tls_key);
    return s->certificate && s->key ? EXIT_DONE : EXIT_FAILED;
}

static int open_database(server *s)
{
    vdb_options options = s->settings->options;
    /* With one thread the library would start none of its own, and have the graph loaded
     * and checkpoints made by whoever inserts. */
    options.threads = s->settings->threads == 1 ? 2 : s->settings->threads;
    vdb_status result = vdb_open(s->settings->db, &options, &s->db);
    if (result == VDB_BUSY)
        return complain("%s is in use by another process: %s", s->settings->db,
                        vdb_errmsg());
    if (result)
        return complain("%s", vdb_errmsg());
    return EXIT_DONE;
}

static int start_threads(server *s)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    size_t readers = s->settings->threads ? s->settings->threads
                     : processors > 0     ? (size_t)processors
                                          : 1;
    s->connections = connections_new(s->settings->connections, s->certificate != NULL);
    s->readers = workers_new(readers, QUEUE_MAX);
    s->writers = workers_new(WRITER_COUNT, QUEUE_MAX);
    s->admins = workers_new(ADMIN_COUNT, QUEUE_MAX);
    if (!s->connections || !s->readers || !s->writers || !s->admins)
        return complain("threads: %s", strerror(errno));
    return EXIT_DONE;
}

static int start_listening(server *s)
{
    int fd = listen_at(s->settings->address, s->endpoint, sizeof s->endpoint,
                       &s->is_loopback);
    if (fd < 0)
        return EXIT_FAILED;
    if (!s->is_loopback && !tokens_are_there(&s->tokens) &&
        !s->settings->without_token) {
        close(fd);
        return complain("%s is not a loopback address: anybody who reaches it could "
                        "read and delete everything.  Give --token-file, or "
                        "--insecure-no-auth if that is wanted.",
                        s->endpoint);
    }
    s->daemon = server_listen(s, fd, IO_THREADS);
    if (s->daemon)
        return EXIT_DONE;
    close(fd);
    return complain(s->certificate
                        ? "libmicrohttpd does not start: are the certificate "
                          "and its key good?"
                        : "libmicrohttpd does not start");
}

static int let_go(server *s, int status)
{
    workers_free(s->readers);
    workers_free(s->writers);
    workers_free(s->admins);
    connections_free(s->connections);
    free(s->certificate);
    free(s->key);
    if (s->db && vdb_close(s->db) && !status)
        status = complain("closing: %s", vdb_errmsg());
    return status;
}

int server_start(server *s, const settings *from)
{
    uint32_t boot = 0;
    memset(s, 0, sizeof *s);
    s->settings = from;
    (void)!getrandom(&boot, sizeof boot, 0);
    snprintf(s->boot, sizeof s->boot, "%08x", boot);
    confine(from);
    int status = read_secrets(s);
    if (!status)
        status = open_database(s);
    if (!status)
        status = start_threads(s);
    if (!status)
        status = start_listening(s);
    return status ? let_go(s, status) : EXIT_DONE;
}

static void wait_for_requests(server *s, const sigset_t *impatience)
{
    uint64_t waited = 0, most = UINT64_C(1000) * s->settings->stop_seconds;
    struct timespec step = {0, WAIT_MS * 1000000L};
    for (bool hurried = false; atomic_load(&s->in_hand); waited += WAIT_MS) {
        bool told = sigtimedwait(impatience, NULL, &step) > 0;
        hurried = hurried || told || waited >= most;
        connections_stop(s->connections, hurried);
    }
}

/* From `stopping` on, server.c takes no connection and gives no request to a worker.
 * MHD_quiesce_daemon() is not used for that: it takes the listening socket from the
 * threads' epoll sets while they may be doing the same, and libmicrohttpd aborts in the one
 * that comes second (0.9.75).  MHD_stop_daemon() aborts too when a worker still has a
 * request; it closes the listening socket. */
int server_stop(server *s, const sigset_t *impatience)
{
    int status = EXIT_DONE;
    atomic_store(&s->stopping, true);
    connections_stop(s->connections, false);
    wait_for_requests(s, impatience);
    MHD_stop_daemon(s->daemon);
    if (!(s->settings->options.flags & VDB_OPEN_READONLY) &&
        vdb_checkpoint(s->db, NULL))
        status = complain("checkpoint: %s", vdb_errmsg());
    return let_go(s, status);
}
