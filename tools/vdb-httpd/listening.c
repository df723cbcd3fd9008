/* listening.c: see listening.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listening.h"
#include "settings.h"

enum {
    BACKLOG = 1024,
    HOST_BYTES = 64
};

/* Split "HOST:PORT"; false: it is not that. */
static bool split(const char *address, char host[HOST_BYTES], const char **port)
{
    const char *colon = strrchr(address, ':');
    bool bracketed = *address == '[';
    if (!colon)
        return false;
    size_t length = (size_t)(colon - address);
    if (bracketed && (length < 2 || address[length - 1] != ']'))
        return false;
    if (bracketed) {
        address++;
        length -= 2;
    } else if (memchr(address, ':', length)) {
        return false; /* IPv6 wants brackets */
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (length == 0 || length >= HOST_BYTES || digits == 0 || digits > 5 ||
        colon[1 + digits] || atoi(colon + 1) > 65535)
        return false;
    memcpy(host, address, length);
    host[length] = 0;
    *port = colon + 1;
    return true;
}

static bool is_loopback_address(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, address, sizeof four);
        return ntohl(four.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 six;
    memcpy(&six, address, sizeof six);
    return IN6_IS_ADDR_LOOPBACK(&six.sin6_addr);
}

static bool name_endpoint(int fd, char *endpoint, size_t size, bool *is_loopback)
{
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    char host[HOST_BYTES], port[8];
    if (getsockname(fd, (struct sockaddr *)&own, &length) ||
        getnameinfo((struct sockaddr *)&own, length, host, sizeof host, port,
                    sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        return false;
    snprintf(endpoint, size, own.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
    *is_loopback = is_loopback_address((const struct sockaddr *)&own);
    return true;
}

static int listen_on(const struct addrinfo *at)
{
    int on = 1;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int listen_at(const char *address, char *endpoint, size_t size, bool *is_loopback)
{
    char host[HOST_BYTES];
    const char *port;
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    if (!split(address, host, &port)) {
        complain("--addr: \"%.80s\" is not HOST:PORT, such as 127.0.0.1:3000 or "
                 "[::1]:3000",
                 address);
        return -1;
    }
    const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    int error = getaddrinfo(numeric, port, &hints, &found);
    if (error) {
        complain("--addr: %s: %s", address, gai_strerror(error));
        return -1;
    }
    int fd = listen_on(found);
    if (fd < 0)
        complain("--addr: %s: %s", address, strerror(errno));
    freeaddrinfo(found);
    if (fd >= 0 && !name_endpoint(fd, endpoint, size, is_loopback)) {
        complain("--addr: %s: where it is cannot be told", address);
        close(fd);
        return -1;
    }
    return fd;
}
