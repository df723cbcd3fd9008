/* fuzz_http.c: whole requests for vdb-httpd, through libmicrohttpd, its threads and the
 * database.
 *
 * The first byte says what the others are.  '!': the bytes as a client sends them.  'j',
 * 'n', 'f', 'x': a line "METHOD TARGET", and then a body of that type (JSON, lines of
 * JSON, floats, another), whose head is made here, so that what is behind it is reached.
 * One server serves all inputs, over a pair of sockets each; its database, in memory, is
 * put back before each. */
#include "harness.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

enum {
    SILENCE_MS = 20, /* after which the client has sent all it will */
    ANSWER_BYTES = 1 << 16
};

static server the_server;
static settings the_settings;

static void stop(void)
{
    sigset_t none;
    sigemptyset(&none);
    REQUIRE(server_stop(&the_server, &none) == EXIT_DONE);
}

static void begin(void)
{
    static bool begun;
    char program[] = "vdb-httpd", db[] = "--db",
         memory[] = ":memory:", addr[] = "--addr", port[] = "127.0.0.1:0",
         body[] = "--max-body", bytes[] = "100000", flat[] = "--threads", one[] = "1",
         seconds[] = "--body-seconds", head[] = "--head-seconds";
    char *argv[] = {program, db,  memory,  addr, port, body, bytes,
                    flat,    one, seconds, one,  head, one,  NULL};
    bool go_on;

    if (begun)
        return;
    begun = true;
    REQUIRE(settings_read(&the_settings, (int)(sizeof argv / sizeof *argv) - 1, argv,
                          &go_on) == EXIT_DONE);
    REQUIRE(server_start(&the_server, &the_settings) == EXIT_DONE);
    atexit(stop);
}

/* Three vectors of three dimensions. */
static void put_back(void)
{
    static const char all[] = "{\"op\": \"and\", \"filters\": []}";
    static const float rows[3][3] = {{1, 2, 3}, {3, 2, 1}, {0, 0, 1}};
    static const char *const ids[3] = {"a", "b/c", "batch"};
    vdb_filter *filter;

    REQUIRE(vdb_filter_parse(NULL, all, sizeof all - 1, &filter) == VDB_OK);
    REQUIRE(vdb_delete_where(the_server.db, filter, NULL, NULL) == VDB_OK);
    vdb_filter_free(filter);
    for (int i = 0; i < 3; i++)
        REQUIRE(vdb_insert(the_server.db, ids[i], rows[i], 3, "{\"n\": 1}") == VDB_OK);
}

static void send_all(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;
    while (size) {
        ssize_t sent = send(fd, p, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* it has had enough */
        p += sent;
        size -= (size_t)sent;
    }
}

/* All that comes until the end, or until it is silent and has been told so. */
static size_t receive(int fd, char *out, bool until_silence)
{
    size_t length = 0;
    for (;;) {
        struct pollfd at = {fd, POLLIN, 0};
        char rest[4096];
        if (until_silence && poll(&at, 1, SILENCE_MS) == 0) {
            shutdown(fd, SHUT_WR);
            until_silence = false;
        }
        bool room = length < ANSWER_BYTES;
        ssize_t got = recv(fd, room ? out + length : rest,
                           room ? ANSWER_BYTES - length : sizeof rest, 0);
        if (got <= 0)
            return length;
        length += room ? (size_t)got : 0;
    }
}

static void send_made(int fd, const uint8_t *data, size_t size)
{
    static const char *const TYPES[] = {"application/json", "application/x-ndjson",
                                        "application/octet-stream", "text/plain"};
    const char *type = TYPES[data[0] == 'n'   ? 1
                             : data[0] == 'f' ? 2
                             : data[0] == 'x' ? 3
                                              : 0];
    const uint8_t *line = data + 1, *end = memchr(line, '\n', size - 1);
    char head[256];
    size_t line_length = end ? (size_t)(end - line) : size - 1;
    size_t body = end ? size - 2 - line_length : 0;
    int length = snprintf(head, sizeof head,
                          " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                          type, body);
    send_all(fd, line, line_length);
    send_all(fd, head, (size_t)length);
    if (body)
        send_all(fd, end + 1, body);
}

/* An answer begins as one, and is no fault of the server. */
static void check(const char *answer, size_t length)
{
    static const char BEGIN[] = "HTTP/1.1 ";
    if (length == 0)
        return; /* cut off: allowed, for what is no HTTP */
    REQUIRE(length > sizeof BEGIN + 3);
    REQUIRE(memcmp(answer, BEGIN, sizeof BEGIN - 1) == 0);
    REQUIRE(memcmp(answer + sizeof BEGIN - 1, "500", 3) != 0);
    REQUIRE(memcmp(answer + sizeof BEGIN - 1, "507", 3) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char answer[ANSWER_BYTES];
    struct sockaddr_in nobody = {.sin_family = AF_INET};
    struct timeval patience = {10, 0};
    vdb_stats stats = VDB_STATS_INIT;
    int pair[2];

    if (size == 0)
        return 0;
    begin();
    put_back();
    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    REQUIRE(MHD_add_connection(the_server.daemon, pair[1], (struct sockaddr *)&nobody,
                               sizeof nobody) == MHD_YES);
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (data[0] == '!')
        send_all(pair[0], data + 1, size - 1);
    else
        send_made(pair[0], data, size);
    check(answer, receive(pair[0], answer, data[0] == '!'));
    close(pair[0]);
    REQUIRE(vdb_stats_get(the_server.db, &stats) == VDB_OK);
    REQUIRE(stats.dimension == 3);
    return 0;
}
