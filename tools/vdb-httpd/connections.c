/* connections.c: see connections.h. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "connections.h"
#include "limits.h"

enum {
    SWEEP_MS = 200,
    ADDRESS_BYTES = 16
};

static const uint64_t NEVER = UINT64_MAX;

/* What a client is told that has begun a request and not sent the rest in time. */
static const char LATE[] = "{\"error\": \"the request did not come in time\"}";

struct connection {
    connections *all;
    connection *next, *previous;
    int socket;
    stage stage;
    vdb_cancel *cancel; /* of the work in hand; NULL: none, or it is set */
    bool for_client;    /* which is worth nothing without the client */
    bool gone;          /* and he has gone */
    uint32_t requests;
    uint64_t deadline; /* milliseconds */
    uint64_t since;    /* of the stage */
    uint8_t address[ADDRESS_BYTES];
    bool is_loopback;
};

struct connections {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t sweeper;
    bool ending;
    bool no_idle;
    bool tls;
    uint32_t limit;
    connection *first;
    connection_counts counts;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* An address as 16 bytes, IPv4 as IPv6 maps it. */
static void read_address(const struct sockaddr *from, uint8_t out[ADDRESS_BYTES],
                         bool *is_loopback)
{
    static const uint8_t MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    static const uint8_t SIX_LOOPBACK[ADDRESS_BYTES] = {0, 0, 0, 0, 0, 0, 0, 0,
                                                        0, 0, 0, 0, 0, 0, 0, 1};
    memset(out, 0, ADDRESS_BYTES);
    if (from->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, from, sizeof four);
        memcpy(out, MAPPED, sizeof MAPPED);
        memcpy(out + 12, &four.sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, from, sizeof six);
        memcpy(out, &six.sin6_addr, ADDRESS_BYTES);
    }
    *is_loopback = memcmp(out, SIX_LOOPBACK, ADDRESS_BYTES) == 0 ||
                   (memcmp(out, MAPPED, sizeof MAPPED) == 0 && out[12] == 127);
}

static void tell(const connection *c, unsigned status, const char *body, size_t length)
{
    char text[1024];
    int size = snprintf(text, sizeof text,
                        "HTTP/1.1 %u %s\r\nConnection: close\r\n"
                        "Content-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%.*s",
                        status,
                        status == 408   ? "Request Timeout"
                        : status == 413 ? "Content Too Large"
                                        : "Service Unavailable",
                        length, (int)length, body);
    if (!c->all->tls && size > 0 && (size_t)size < sizeof text)
        (void)!send(c->socket, text, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* End it: libmicrohttpd, which owns the socket, finds it at its end. */
static void shut(connection *c)
{
    c->stage = STAGE_LATE;
    c->deadline = NEVER;
    shutdown(c->socket, SHUT_RDWR);
}

static void give_up(connection *c)
{
    if (c->cancel)
        vdb_cancel_set(c->cancel);
    c->cancel = NULL;
}

/* Whether the client has closed the connection, whatever it had sent before. */
static bool is_gone(const connection *c)
{
    struct pollfd socket = {c->socket, POLLRDHUP, 0};
    return poll(&socket, 1, 0) > 0;
}

static void sweep(connections *all)
{
    uint64_t now = now_ms();
    for (connection *c = all->first; c; c = c->next) {
        if (c->cancel && c->for_client && is_gone(c)) {
            all->counts.gone++;
            c->gone = true;
            give_up(c);
        }
        if (c->stage == STAGE_IDLE && all->no_idle) {
            shut(c);
        } else if (c->deadline <= now) {
            all->counts.late += c->stage != STAGE_IDLE || c->requests == 0;
            if (c->stage == STAGE_HEAD || c->stage == STAGE_BODY)
                tell(c, 408, LATE, sizeof LATE - 1);
            shut(c);
        }
    }
}

static void *run_sweeper(void *argument)
{
    connections *all = argument;
    pthread_mutex_lock(&all->lock);
    while (!all->ending) {
        struct timespec until;
        sweep(all);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += SWEEP_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&all->wake, &all->lock, &until);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

connections *connections_new(uint32_t limit, bool tls)
{
    connections *made = calloc(1, sizeof *made);
    pthread_condattr_t monotonic;
    if (!made)
        return NULL;
    made->limit = limit;
    made->tls = tls;
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&made->sweeper, NULL, run_sweeper, made)) {
        pthread_cond_destroy(&made->wake);
        pthread_mutex_destroy(&made->lock);
        free(made);
        return NULL;
    }
    return made;
}

void connections_free(connections *all)
{
    if (!all)
        return;
    pthread_mutex_lock(&all->lock);
    all->ending = true;
    pthread_cond_signal(&all->wake);
    pthread_mutex_unlock(&all->lock);
    pthread_join(all->sweeper, NULL);
    pthread_cond_destroy(&all->wake);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

bool connections_admit(connections *all, const struct sockaddr *address)
{
    uint8_t wanted[ADDRESS_BYTES];
    bool is_loopback;
    uint32_t same = 0;
    read_address(address, wanted, &is_loopback);
    if (is_loopback)
        return true;
    pthread_mutex_lock(&all->lock);
    for (const connection *c = all->first; c; c = c->next)
        same += !c->is_loopback && memcmp(c->address, wanted, ADDRESS_BYTES) == 0;
    all->counts.refused += same >= PER_ADDRESS_MAX;
    pthread_mutex_unlock(&all->lock);
    return same < PER_ADDRESS_MAX;
}

/* End the one that has waited longest for the head of a request. */
static void evict(connections *all)
{
    connection *oldest = NULL;
    for (connection *c = all->first; c; c = c->next)
        if ((c->stage == STAGE_IDLE || c->stage == STAGE_HEAD) &&
            (!oldest || c->since < oldest->since))
            oldest = c;
    if (oldest) {
        all->counts.evicted++;
        shut(oldest);
    }
}

connection *connection_open(connections *all, int socket, uint32_t head_seconds)
{
    struct sockaddr_storage from;
    socklen_t size = sizeof from;
    connection *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    memset(&from, 0, sizeof from);
    getpeername(socket, (struct sockaddr *)&from, &size);
    read_address((const struct sockaddr *)&from, made->address, &made->is_loopback);
    made->all = all;
    made->socket = socket;
    made->since = now_ms();
    made->deadline = made->since + UINT64_C(1000) * head_seconds;
    pthread_mutex_lock(&all->lock);
    all->counts.accepted++;
    all->counts.open++;
    if (all->counts.open > all->limit - all->limit / 8)
        evict(all);
    made->next = all->first;
    if (all->first)
        all->first->previous = made;
    all->first = made;
    pthread_mutex_unlock(&all->lock);
    return made;
}

void connection_close(connection *c)
{
    connections *all;
    if (!c)
        return;
    all = c->all;
    pthread_mutex_lock(&all->lock);
    all->counts.open--;
    if (c->next)
        c->next->previous = c->previous;
    if (c->previous)
        c->previous->next = c->next;
    else
        all->first = c->next;
    pthread_mutex_unlock(&all->lock);
    free(c);
}

bool connection_enter(connection *c, stage next, uint64_t seconds)
{
    pthread_mutex_lock(&c->all->lock);
    bool in_time = c->stage != STAGE_LATE;
    if (in_time) {
        c->since = now_ms();
        c->deadline = seconds ? c->since + 1000 * seconds : NEVER;
        c->requests += next == STAGE_HEAD;
        c->stage = next;
    }
    c->cancel = NULL;
    pthread_mutex_unlock(&c->all->lock);
    return in_time;
}

void connection_watch(connection *c, vdb_cancel *cancel, bool for_client)
{
    pthread_mutex_lock(&c->all->lock);
    c->cancel = cancel;
    c->for_client = for_client;
    pthread_mutex_unlock(&c->all->lock);
}

void connection_tell(connection *c, unsigned status, const char *body, size_t length)
{
    pthread_mutex_lock(&c->all->lock);
    if (c->stage != STAGE_LATE) {
        tell(c, status, body, length);
        shut(c);
    }
    pthread_mutex_unlock(&c->all->lock);
}

void connection_allow(connection *c, uint64_t milliseconds)
{
    pthread_mutex_lock(&c->all->lock);
    if (c->deadline != NEVER)
        c->deadline += milliseconds;
    pthread_mutex_unlock(&c->all->lock);
}

bool connection_is_gone(connection *c)
{
    pthread_mutex_lock(&c->all->lock);
    bool gone = c->gone;
    pthread_mutex_unlock(&c->all->lock);
    return gone;
}

uint32_t connection_requests(connection *c)
{
    pthread_mutex_lock(&c->all->lock);
    uint32_t requests = c->requests;
    pthread_mutex_unlock(&c->all->lock);
    return requests;
}

void connections_count(connections *all, connection_counts *out)
{
    pthread_mutex_lock(&all->lock);
    *out = all->counts;
    pthread_mutex_unlock(&all->lock);
}

void connections_stop(connections *all, bool all_of_them)
{
    pthread_mutex_lock(&all->lock);
    all->no_idle = true;
    for (connection *c = all->first; c && all_of_them; c = c->next) {
        give_up(c);
        if (c->stage != STAGE_LATE)
            shut(c);
    }
    sweep(all);
    pthread_mutex_unlock(&all->lock);
}
