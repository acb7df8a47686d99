/* listen.c - opens listening sockets, so that the reason of a failure can be told, and port 0 and UNIX sockets work. */
#include "bin/attuned/listen.h"
#include "bin/attuned/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static int failed(int socket_fd, const char *text, const char *reason, char *message) {
    if (socket_fd >= 0)
        close(socket_fd);
    snprintf(message, LISTEN_MESSAGE_SIZE_MAX, "cannot listen on %.150s: %s", text, reason);
    return -1;
}

static bool print_bound(int socket_fd, char bound[LISTEN_BOUND_SIZE_MAX]) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size_bytes = sizeof address;
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getsockname(socket_fd, (struct sockaddr *)&address, &size_bytes) != 0 ||
        getnameinfo((struct sockaddr *)&address, size_bytes, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    int printed = snprintf(bound, LISTEN_BOUND_SIZE_MAX,
                           address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return printed > 0 && printed < LISTEN_BOUND_SIZE_MAX;
}

static int listen_tcp(const char *text, char *bound, char *message) {
    struct address address;
    if (!address_parse(text, &address))
        return failed(-1, text, "it is not HOST:PORT", message);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)address.port);
    int error = getaddrinfo(address.host, port, &hints, &found);
    if (error != 0)
        return failed(-1, text, gai_strerror(error), message);
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    bool listening = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
                     bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int reason = errno;
    freeaddrinfo(found);
    if (!listening)
        return failed(fd, text, strerror(reason), message);
    if (!print_bound(fd, bound))
        return failed(fd, text, "its address cannot be read", message);
    return fd;
}

/* A socket file outlives a process that was killed. It is removed only if nobody answers on it. */
static bool is_stale(const struct sockaddr_un *address) {
    struct stat file;
    if (lstat(address->sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int listen_unix(const char *text, const char *path, char *bound, char *message) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (*path == '\0' || strlen(path) >= sizeof address.sun_path)
        return failed(-1, text, "the path must be 1 to 107 bytes", message);
    strcpy(address.sun_path, path);
    if (is_stale(&address))
        unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failed(fd, text, strerror(errno), message);
    mode_t mask = umask(0177);
    int result = bind(fd, (const struct sockaddr *)&address, sizeof address);
    int reason = errno;
    umask(mask);
    if (result != 0)
        return failed(fd, text, strerror(reason), message);
    if (listen(fd, BACKLOG) != 0) {
        reason = errno;
        unlink(path);
        return failed(fd, text, strerror(reason), message);
    }
    snprintf(bound, LISTEN_BOUND_SIZE_MAX, "unix:%s", path);
    return fd;
}

int listen_on(const char *text, char bound[LISTEN_BOUND_SIZE_MAX],
              char message[LISTEN_MESSAGE_SIZE_MAX]) {
    const char *path = address_unix_path(text);
    return path != NULL ? listen_unix(text, path, bound, message)
                        : listen_tcp(text, bound, message);
}

void listen_remove(const char *bound) {
    const char *path = address_unix_path(bound);
    if (path != NULL)
        unlink(path);
}
