/* server.c: libmicrohttpd's side: how a request comes in and its answer goes out.
 *
 * A few threads of libmicrohttpd read and write all connections (epoll).  A request whose
 * work takes longer than microseconds is suspended there and given to a worker, which
 * carries it out and resumes it.  So a search or a sync makes nobody else wait, and many
 * commits that wait together share a sync.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "head.h"
#include "limits.h"
#include "listening.h"
#include "routes.h"
#include "server.h"

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ------------------------------------------------------------- the answer */

static uint64_t rate_seconds(const server *s, uint64_t bytes)
{
    return bytes / s->settings->rate;
}

typedef struct stream {
    request *r;
    pieces from;
    buffer ahead;
    bool ended;
} stream;

/* The next bytes of an answer that is made while it is sent. */
static ssize_t read_stream(void *cls, uint64_t position, char *out, size_t most)
{
    stream *s = cls;
    vdb_status failed = VDB_OK;
    (void)position;
    while (!s->ended && s->ahead.length < most) {
        s->ended = !s->from.next(s->from.state, &s->ahead, &failed);
        if (failed || s->ahead.failed)
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t length = s->ahead.length < most ? s->ahead.length : most;
    if (length == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    memcpy(out, s->ahead.bytes, length);
    buffer_shift(&s->ahead, length);
    connection_allow(s->r->connection, 1000 * length / s->r->server->settings->rate);
    return (ssize_t)length;
}

static void free_stream(void *cls)
{
    stream *s = cls;
    s->from.free(s->from.state);
    buffer_free(&s->ahead);
    free(s);
}

static struct MHD_Response *make_stream(request *r)
{
    stream *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    *made = (stream){r, r->answer.rest, r->answer.body, false};
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, 32 * 1024, read_stream, made, free_stream);
    if (response) {
        memset(&r->answer.rest, 0, sizeof r->answer.rest);
        memset(&r->answer.body, 0, sizeof r->answer.body);
    } else {
        free(made);
    }
    return response;
}

static struct MHD_Response *make_whole(answer *a)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        a->body.length, a->body.bytes,
        a->body.bytes ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (response)
        memset(&a->body, 0, sizeof a->body);
    return response;
}

static void add_headers(const request *r, struct MHD_Response *response)
{
    const answer *a = &r->answer;
    char text[64];
    if (a->type)
        MHD_add_response_header(response, "Content-Type", a->type);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Cache-Control", "no-store");
    snprintf(text, sizeof text, "%s-%llx", r->server->boot,
             (unsigned long long)r->number);
    MHD_add_response_header(response, "X-Request-Id", text);
    if (a->allow[0])
        MHD_add_response_header(response, "Allow", a->allow);
    if (a->policy)
        MHD_add_response_header(response, "Content-Security-Policy", a->policy);
    if (a->wants_token)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (a->retry_after) {
        snprintf(text, sizeof text, "%u", a->retry_after);
        MHD_add_response_header(response, "Retry-After", text);
    }
    if (a->close)
        MHD_add_response_header(response, "Connection", "close");
    if (r->origin) {
        MHD_add_response_header(response, "Access-Control-Allow-Origin", r->origin);
        MHD_add_response_header(response, "Vary", "Origin");
    }
    if (r->origin && a->allow[0]) {
        MHD_add_response_header(response, "Access-Control-Allow-Methods", a->allow);
        MHD_add_response_header(response, "Access-Control-Allow-Headers",
                                "Authorization, Content-Type");
        MHD_add_response_header(response, "Access-Control-Max-Age", "600");
    }
}

static void note(request *r, unsigned status)
{
    size_t which = r->route ? (size_t)(r->route - ROUTES) : METER_OTHER;
    meters_note(&r->server->meters, which, status, now_ns() - r->begun_ns);
    r->noted = true;
}

static enum MHD_Result send_answer(request *r)
{
    answer *a = &r->answer;
    server *s = r->server;
    if (a->body.failed || !a->status)
        answer_error(a, a->status ? 503 : 500,
                     a->status ? "out of memory" : "the request has no answer");
    a->close = a->close || atomic_load(&s->stopping) ||
               connection_requests(r->connection) >= KEEP_ALIVE_REQUESTS;
    uint64_t seconds = s->settings->answer_seconds + rate_seconds(s, a->body.length);
    unsigned status = a->status;
    bool nobody_waits = status == 503 && connection_is_gone(r->connection);
    struct MHD_Response *response = a->rest.next ? make_stream(r) : make_whole(a);
    if (!response)
        return MHD_NO;
    add_headers(r, response);
    note(r, nobody_waits ? METER_GONE : status);
    enum MHD_Result queued = MHD_NO;
    if (connection_enter(r->connection, STAGE_ANSWER, seconds))
        queued = MHD_queue_response(r->link, status, response);
    MHD_destroy_response(response);
    return queued;
}

/* ------------------------------------------------------------ the request */

static void run_job(work *job)
{
    request *r = (request *)(void *)job;
    r->route->handle(r);
    r->phase = PHASE_ANSWERED;
    MHD_resume_connection(r->link);
}

static workers *workers_for(server *s, runner kind)
{
    return kind == RUN_READER   ? s->readers
           : kind == RUN_WRITER ? s->writers
                                : s->admins;
}

/* All of the request is there. */
static enum MHD_Result carry_out(request *r)
{
    server *s = r->server;
    if (!connection_enter(r->connection, STAGE_HAND, 0))
        return MHD_NO;
    if (r->has_length && r->route->takes && r->body.length != r->declared) {
        answer_error(&r->answer, 400, "the body is shorter than its Content-Length");
        return send_answer(r);
    }
    put_bytes(&r->body, "", 1); /* parsers want a NUL behind it */
    if (r->body.failed) {
        answer_error(&r->answer, 503, "out of memory");
        return send_answer(r);
    }
    r->body.length--;
    if (r->route->runner == RUN_AT_ONCE) {
        r->route->handle(r);
        return send_answer(r);
    }
    if (vdb_cancel_new(&r->cancel)) {
        answer_error(&r->answer, 503, "out of memory");
        return send_answer(r);
    }
    connection_watch(r->connection, r->cancel, r->route->runner == RUN_READER);
    r->phase = PHASE_HANDED;
    r->job.run = run_job;
    MHD_suspend_connection(r->link);
    if (!workers_give(workers_for(s, r->route->runner), &r->job)) {
        answer_error(&r->answer, 503, "too many requests are waiting: try again");
        r->phase = PHASE_ANSWERED;
        MHD_resume_connection(r->link);
    }
    return MHD_YES;
}

/* Its answer is known before its body has come.  libmicrohttpd ends a connection that is
 * answered now, so a short body is waited for and thrown away first. */
static enum MHD_Result refuse(request *r)
{
    if (!r->answer.close && !r->asks && !r->chunked && r->declared <= DRAIN_BYTES_MAX) {
        r->phase = PHASE_DRAIN;
        return MHD_YES;
    }
    r->answer.close = true;
    return send_answer(r);
}

static enum MHD_Result take_head(request *r, const char *method, const char *url,
                                 const char *version)
{
    server *s = r->server;
    r->begun_ns = now_ns();
    atomic_fetch_add(&s->in_hand, 1);
    r->counted = true;
    request_check_head(r, method, url, version);
    /* After it has been counted: server_stop() sees it in hand, or it sees the stop. */
    if (atomic_load(&s->stopping)) {
        answer_error(&r->answer, 503, "the server is stopping");
        r->answer.close = true;
    }
    if (!connection_enter(r->connection, STAGE_BODY,
                          s->settings->body_seconds + rate_seconds(s, r->declared)))
        return MHD_NO;
    r->phase = PHASE_BODY;
    if (!r->answer.status)
        return MHD_YES;
    return refuse(r);
}

static enum MHD_Result take_body(request *r, const char *bytes, size_t *size)
{
    size_t length = *size;
    *size = 0;
    if (r->phase == PHASE_DRAIN) {
        r->drained += length;
        return MHD_YES;
    }
    if (!r->has_length)
        connection_allow(r->connection, 1000 * length / r->server->settings->rate);
    if (request_take_body(r, bytes, length))
        return MHD_YES;
    /* libmicrohttpd takes no answer in the middle of a body. */
    note(r, r->answer.status);
    connection_tell(r->connection, r->answer.status, r->answer.body.bytes,
                    r->answer.body.length);
    return MHD_NO;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *link,
                                  const char *url, const char *method,
                                  const char *version, const char *bytes, size_t *size,
                                  void **context)
{
    request *r = *context;
    (void)cls;
    (void)link;
    if (!r)
        return MHD_NO; /* there was no memory for it */
    switch (r->phase) {
    case PHASE_LINE:
        return take_head(r, method, url, version);
    case PHASE_BODY:
    case PHASE_DRAIN:
        if (*size)
            return take_body(r, bytes, size);
        return r->answer.status ? send_answer(r) : carry_out(r);
    case PHASE_ANSWERED:
        return send_answer(r);
    default:
        return MHD_YES; /* with a worker */
    }
}

static void *on_line(void *cls, const char *uri, struct MHD_Connection *link)
{
    server *s = cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(link, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request *made = info && info->socket_context ? request_new(s, link, uri) : NULL;
    if (!made)
        return NULL;
    made->connection = info->socket_context;
    if (!connection_enter(made->connection, STAGE_HEAD, s->settings->head_seconds))
        made->malformed = "come too late";
    return made;
}

static void on_end(void *cls, struct MHD_Connection *link, void **context,
                   enum MHD_RequestTerminationCode how)
{
    request *r = *context;
    server *s = cls;
    (void)link;
    (void)how;
    if (!r)
        return;
    connection_enter(r->connection, STAGE_IDLE, s->settings->idle_seconds);
    if (r->phase == PHASE_ANSWERED && !r->noted)
        note(r, METER_GONE); /* libmicrohttpd saw it before the answer was asked for */
    if (r->counted)
        atomic_fetch_sub(&s->in_hand, 1);
    request_free(r);
    *context = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *link, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    server *s = cls;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        connection_close(*context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(link, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context =
        connection_open(s->connections, info->connect_fd, s->settings->head_seconds);
}

static enum MHD_Result on_accept(void *cls, const struct sockaddr *address,
                                 socklen_t length)
{
    server *s = cls;
    (void)length;
    return !atomic_load(&s->stopping) && connections_admit(s->connections, address)
               ? MHD_YES
               : MHD_NO;
}

/* A target stays as it was sent: request.c decodes it by itself, part by part. */
static size_t on_unescape(void *cls, struct MHD_Connection *link, char *text)
{
    (void)cls;
    (void)link;
    return strlen(text);
}

struct MHD_Daemon *server_listen(server *s, int socket, unsigned threads)
{
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, s->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, s->key},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    const settings *from = s->settings;
    /* Only should it have overlooked that a socket has been shut. */
    unsigned silence = from->head_seconds + from->body_seconds + from->idle_seconds +
                       from->answer_seconds;
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    return MHD_start_daemon(
        flags | (s->certificate ? (unsigned)MHD_USE_TLS : 0), 0, on_accept, s,
        on_request, s, MHD_OPTION_LISTEN_SOCKET, socket, MHD_OPTION_THREAD_POOL_SIZE,
        threads, MHD_OPTION_CONNECTION_LIMIT,
        s->settings->connections + threads /* so that the last may be evicted */,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, silence, MHD_OPTION_UNESCAPE_CALLBACK,
        on_unescape, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_line, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_end, s, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_ARRAY, s->certificate ? tls : plain,
        MHD_OPTION_END);
}
