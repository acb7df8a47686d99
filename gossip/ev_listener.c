/* ev_listener.c - the port that peers dial: bound at the start, accepting within caps.
 *
 * Who connects is a stranger until hello was exchanged. Strangers are few, of one host fewer, so that a flood takes a
 * bounded number of descriptors and leaves room for others; those above the caps are closed at once and come again. When
 * descriptors run out the listener looks away for a moment instead of turning in circles (the backlog waits).
 */
#include "gossip/ev_driver.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- opening ----------------------------------------------------------------------------------------------------- */

static int refuse(struct catalog_problem *problem, int code, const char *address,
                  const char *what) {
    *problem = (struct catalog_problem){.code = code};
    snprintf(problem->message, sizeof problem->message, "%.200s: %s", address, what);
    return code;
}

/* A socket that listens there, or -1 with errno. */
static int socket_listen(const struct gossip__socket_address *address) {
    int descriptor =
        socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (descriptor < 0) {
        return -1;
    }
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(descriptor, (const struct sockaddr *)&address->storage, address->size_bytes) == 0 &&
        listen(descriptor, SOMAXCONN) == 0) {
        return descriptor;
    }
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

static bool bound_print(struct gossip__listener *listener) {
    struct gossip__socket_address bound = {.size_bytes = sizeof bound.storage};
    return getsockname(listener->descriptor, (struct sockaddr *)&bound.storage,
                       &bound.size_bytes) == 0 &&
           gossip__address_print(&bound, listener->address, sizeof listener->address);
}

static int addresses_check(const struct gossip__socket_address *found, size_t count,
                           const char *address, bool insecure, struct catalog_problem *problem) {
    for (size_t i = 0; i < count; i++) {
        if (!insecure && !gossip__address_is_loopback(&found[i])) {
            return refuse(problem, GOSSIP_EADDRESS, address,
                          "is not a loopback address, and without TLS peers can be neither "
                          "recognised nor kept out; listen on 127.0.0.1, or say insecure to do "
                          "it all the same");
        }
    }
    return 0;
}

int gossip__listener_open(struct gossip__driver *driver, const char *address, bool insecure,
                          struct catalog_problem *problem) {
    struct gossip__listener *listener = &driver->listener;
    struct gossip__address parsed;
    struct gossip__socket_address found[GOSSIP__ADDRESSES_MAX];
    size_t count;
    if (gossip__address_parse((struct catalog_text){address, strlen(address)}, &parsed) != 0) {
        return refuse(problem, GOSSIP_EADDRESS, address,
                      "is not of the form HOST:PORT (an IPv6 address stands in brackets)");
    }
    if (gossip__address_resolve(&parsed, false, true, found, &count) != 0) {
        return refuse(problem, GOSSIP_EADDRESS, address, "there is no such host");
    }
    int result = addresses_check(found, count, address, insecure, problem);
    if (result != 0) {
        return result;
    }
    for (size_t i = 0; i < count && listener->descriptor < 0; i++) {
        listener->descriptor = socket_listen(&found[i]);
    }
    if (listener->descriptor < 0) {
        char what[160];
        snprintf(what, sizeof what, "cannot listen there: %s", strerror(errno));
        return refuse(problem, GOSSIP_ELISTEN, address, what);
    }
    if (!bound_print(listener)) {
        gossip__listener_close(driver);
        return refuse(problem, GOSSIP_ELISTEN, address, "cannot find out the port");
    }
    return 0;
}

/* --- accepting --------------------------------------------------------------------------------------------------- */

static size_t strangers_of_host(const struct gossip__driver *driver,
                                const struct gossip__socket_address *peer) {
    size_t count = 0;
    for (const struct gossip__connection *each = driver->connections; each != NULL;
         each = each->next) {
        if (each->accepted && !each->established && each->state < GOSSIP__ENDED &&
            gossip__address_same_host(&each->peer, peer)) {
            count++;
        }
    }
    return count;
}

/* Numbers without GOSSIP_CONNECTION_DIALED; one that is in use is passed over (also one that is being flushed: the engine
 * has forgotten it, but its end must not be taken for the end of another). */
static uint32_t number_draw(struct gossip__driver *driver) {
    struct gossip__listener *listener = &driver->listener;
    bool used = true;
    while (used) {
        listener->number_last = (listener->number_last + 1) & ~GOSSIP_CONNECTION_DIALED;
        used = listener->number_last == 0;
        for (const struct gossip__connection *each = driver->connections; each != NULL && !used;
             each = each->next) {
            used = each->number == listener->number_last;
        }
    }
    return listener->number_last;
}

static void stranger_take(struct gossip__driver *driver, int descriptor,
                          const struct gossip__socket_address *peer) {
    if (driver->stranger_count >= GOSSIP__STRANGERS_MAX ||
        strangers_of_host(driver, peer) >= GOSSIP__STRANGERS_PER_HOST_MAX) {
        driver->closed[GOSSIP_CLOSE_LIMIT]++;
        gossip__driver_notice(driver, GOSSIP_WARNING, GOSSIP_CLOSE_LIMIT, NULL,
                              "too many connections that have not said who they are");
        close(descriptor);
        return;
    }
    struct gossip__connection *connection =
        gossip__socket_prepare(descriptor)
            ? gossip__connection_new(driver, number_draw(driver), true)
            : NULL;
    if (connection == NULL) {
        close(descriptor);
        return;
    }
    connection->transport.descriptor = descriptor;
    connection->peer = *peer;
    gossip__connection_begin(connection);
}

/* Errors of one connection that ended before it was accepted say nothing about the listener. */
static bool is_transient(int error) {
    return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM ||
           error == ENETDOWN || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == EHOSTDOWN || error == ENONET || error == ENOPROTOOPT || error == EOPNOTSUPP;
}

static void look_away(struct gossip__driver *driver, int error) {
    struct gossip__listener *listener = &driver->listener;
    char text[160];
    snprintf(text, sizeof text, "cannot accept connections for the moment: %s", strerror(error));
    gossip__driver_notice(driver, GOSSIP_ERROR, GOSSIP_CLOSE_LIMIT, NULL, text);
    ev_io_stop(driver->loop, &listener->io);
    ev_timer_set(&listener->backoff, (double)driver->times.accept_backoff_ms / 1000, 0);
    ev_timer_start(driver->loop, &listener->backoff);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    struct gossip__driver *driver = watcher->data;
    gossip__driver_now(driver);
    for (int i = 0; i < GOSSIP__ACCEPTS_PER_TURN && driver->listener.descriptor >= 0; i++) {
        struct gossip__socket_address peer = {.size_bytes = sizeof peer.storage};
        int descriptor = accept4(driver->listener.descriptor, (struct sockaddr *)&peer.storage,
                                 &peer.size_bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            stranger_take(driver, descriptor, &peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!is_transient(errno)) {
            look_away(driver, errno);
            return;
        }
    }
}

static void on_backoff_over(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)events;
    struct gossip__driver *driver = watcher->data;
    ev_io_start(loop, &driver->listener.io);
}

void gossip__listener_start(struct gossip__driver *driver) {
    struct gossip__listener *listener = &driver->listener;
    assert(listener->descriptor >= 0);
    ev_io_init(&listener->io, on_readable, listener->descriptor, EV_READ);
    listener->io.data = driver;
    ev_timer_init(&listener->backoff, on_backoff_over, 0, 0);
    listener->backoff.data = driver;
    ev_io_start(driver->loop, &listener->io);
}

void gossip__listener_close(struct gossip__driver *driver) {
    struct gossip__listener *listener = &driver->listener;
    if (listener->descriptor < 0) {
        return;
    }
    ev_io_stop(driver->loop, &listener->io);
    ev_timer_stop(driver->loop, &listener->backoff);
    close(listener->descriptor);
    listener->descriptor = -1;
}
