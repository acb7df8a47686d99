/* ev_dial.c - reaching a peer: find its address, try what was found in turn, begin.
 *
 * The resolver of the C library blocks, for seconds when a name server is away, so a name is looked up in a thread of its
 * own. Such a thread cannot be stopped; it shares a block with the loop that the last of the two frees, and says that it
 * is done by closing its end of a pipe. So a driver that is closed meanwhile waits for nobody. Numeric addresses need no
 * thread. How long a dial may take is the engine's business: it closes what takes too long.
 */
#include "gossip/ev_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* --- sockets ----------------------------------------------------------------------------------------------------- */

/* A peer that is gone without a word is noticed by the kernel: after 30 s of silence it asks, and what is not
 * acknowledged within 20 s ends the connection. The engine's probes are faster; this frees what they gave up. */
bool gossip__socket_prepare(int descriptor) {
    const struct {
        int level, option, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 30}, {IPPROTO_TCP, TCP_KEEPINTVL, 10},
        {IPPROTO_TCP, TCP_KEEPCNT, 3},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 20000},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (setsockopt(descriptor, options[i].level, options[i].option, &options[i].value,
                       sizeof options[i].value) != 0) {
            return false;
        }
    }
    return true;
}

/* --- connecting -------------------------------------------------------------------------------------------------- */

static bool connect_begin(struct gossip__connection *connection,
                          const struct gossip__socket_address *target) {
    int descriptor =
        socket(target->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return false;
    }
    connection->transport.descriptor = descriptor;
    connection->peer = *target;
    if (gossip__socket_prepare(descriptor) &&
        (connect(descriptor, (const struct sockaddr *)&target->storage, target->size_bytes) == 0 ||
         errno == EINPROGRESS)) {
        gossip__connection_watch(connection, EV_WRITE);
        return true;
    }
    close(descriptor);
    connection->transport.descriptor = -1;
    return false;
}

static void connect_next(struct gossip__connection *connection) {
    connection->state = GOSSIP__CONNECTING;
    while (connection->target_next < connection->target_count) {
        if (connect_begin(connection, &connection->targets[connection->target_next++])) {
            return;
        }
    }
    gossip__connection_end(connection, GOSSIP_CLOSE_NONE);
}

void gossip__dial_answered(struct gossip__connection *connection) {
    int error = 0;
    socklen_t size_bytes = sizeof error;
    assert(connection->state == GOSSIP__CONNECTING);
    if (getsockopt(connection->transport.descriptor, SOL_SOCKET, SO_ERROR, &error, &size_bytes) !=
        0) {
        error = errno;
    }
    gossip__connection_watch(connection, 0);
    if (error == 0) {
        gossip__connection_begin(connection);
        return;
    }
    close(connection->transport.descriptor);
    connection->transport.descriptor = -1;
    connect_next(connection);
}

/* --- looking up -------------------------------------------------------------------------------------------------- */

struct gossip__lookup {
    const struct merkle_allocator *allocator; /* safe from every thread */
    atomic_int holders;                       /* the loop and the thread */
    struct gossip__address address;
    int pipe[2]; /* [0] the loop's, [1] the thread's */
    ev_io io;
    int result;
    struct gossip__socket_address found[GOSSIP__ADDRESSES_MAX];
    size_t found_count;
};

static void lookup_release(struct gossip__lookup *lookup) {
    if (atomic_fetch_sub(&lookup->holders, 1) == 1) {
        merkle_release(lookup->allocator, lookup);
    }
}

static void *lookup_run(void *context) {
    struct gossip__lookup *lookup = context;
    int done = lookup->pipe[1];
    lookup->result = gossip__address_resolve(&lookup->address, false, false, lookup->found,
                                             &lookup->found_count);
    lookup_release(
        lookup); /* before the loop is told; what was written is seen through the counter */
    close(done);
    return NULL;
}

static void on_looked_up(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    struct gossip__connection *connection = watcher->data;
    struct gossip__lookup *lookup = connection->lookup;
    gossip__driver_now(connection->driver);
    assert(atomic_load(&lookup->holders) == 1); /* the thread is through */
    if (lookup->result == 0) {
        memcpy(connection->targets, lookup->found, sizeof connection->targets);
        connection->target_count = lookup->found_count;
    }
    gossip__dial_forget(connection);
    connect_next(connection);
}

/* Signals are the host's: none is to be handled on a thread that it does not know. */
static bool thread_start(struct gossip__lookup *lookup) {
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    sigfillset(&all);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attributes, lookup_run, lookup) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static bool lookup_start(struct gossip__connection *connection,
                         const struct gossip__address *address) {
    struct gossip__driver *driver = connection->driver;
    if (driver->lookup_count >= GOSSIP__LOOKUPS_MAX) {
        return false;
    }
    struct gossip__lookup *lookup = merkle_allocate_zeroed(driver->allocator, 1, sizeof *lookup);
    if (lookup == NULL) {
        return false;
    }
    lookup->allocator = driver->allocator;
    lookup->address = *address;
    atomic_init(&lookup->holders, 2);
    if (pipe2(lookup->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        merkle_release(driver->allocator, lookup);
        return false;
    }
    if (!thread_start(lookup)) {
        close(lookup->pipe[0]);
        close(lookup->pipe[1]);
        merkle_release(driver->allocator, lookup);
        return false;
    }
    connection->lookup = lookup;
    driver->lookup_count++;
    ev_io_init(&lookup->io, on_looked_up, lookup->pipe[0], EV_READ);
    lookup->io.data = connection;
    ev_io_start(driver->loop, &lookup->io);
    return true;
}

void gossip__dial_forget(struct gossip__connection *connection) {
    struct gossip__lookup *lookup = connection->lookup;
    if (lookup == NULL) {
        return;
    }
    ev_io_stop(connection->driver->loop, &lookup->io);
    close(lookup->pipe[0]);
    lookup_release(lookup);
    connection->lookup = NULL;
    connection->driver->lookup_count--;
}

/* --- dialling ---------------------------------------------------------------------------------------------------- */

void gossip__dial(struct gossip__driver *driver, uint32_t number, const char *address) {
    assert((number & GOSSIP_CONNECTION_DIALED) != 0);
    struct gossip__connection *connection = gossip__connection_new(driver, number, false);
    if (connection == NULL) {
        return; /* the engine gives up a dial that is not answered */
    }
    struct gossip__address parsed;
    if (gossip__address_parse((struct catalog_text){address, strlen(address)}, &parsed) != 0 ||
        parsed.port == 0) {
        gossip__connection_end(connection, GOSSIP_CLOSE_NONE);
        return;
    }
    if (gossip__address_resolve(&parsed, true, false, connection->targets,
                                &connection->target_count) == 0) {
        connect_next(connection);
    } else if (!lookup_start(connection, &parsed)) {
        gossip__connection_end(connection, GOSSIP_CLOSE_NONE);
    }
}
