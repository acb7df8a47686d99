/* ev_connection.c - one connection: what comes becomes frames and steps, what is sent waits in a queue until the turn's end.
 *
 * Each connection has one timer, for the nearest of its deadlines: the handshake, the frame that has begun, the queue that
 * does not move, the flush before a close. An idle connection has none: whether it stays is the engine's business.
 */
#include "gossip/ev_driver.h"

#include <string.h>
#include <unistd.h>

/* --- watching ---------------------------------------------------------------------------------------------------- */

void gossip__connection_watch(struct gossip__connection *connection, int events) {
    struct ev_loop *loop = connection->driver->loop;
    if (connection->events == events) {
        return;
    }
    ev_io_stop(loop, &connection->io);
    connection->events = events;
    if (events != 0) {
        ev_io_set(&connection->io, connection->transport.descriptor, events);
        ev_io_start(loop, &connection->io);
    }
}

/* When the nearest deadline is; GOSSIP_NEVER if there is none. */
static gossip_time_ms deadline_of(const struct gossip__connection *connection) {
    const struct gossip__driver_times *times = &connection->driver->times;
    if (connection->state == GOSSIP__FLUSHING) {
        return connection->begun_ms + times->flush_ms;
    }
    if (connection->state == GOSSIP__HANDSHAKE && connection->accepted) {
        return connection->begun_ms + times->handshake_ms;
    }
    gossip_time_ms deadline_ms = GOSSIP_NEVER;
    if (connection->frame_ms != GOSSIP_NEVER) {
        uint64_t received = gossip__frame_received(&connection->reader);
        deadline_ms = connection->frame_ms + times->frame_ms +
                      received * 1000 / GOSSIP__FRAME_RATE_MIN_BYTES_PER_SECOND;
    }
    if (connection->written_ms != GOSSIP_NEVER &&
        connection->written_ms + times->write_ms < deadline_ms) {
        deadline_ms = connection->written_ms + times->write_ms;
    }
    return deadline_ms;
}

/* Starts the timer if there is a deadline and none runs. One that runs is left alone, also if the deadline has moved
 * away: it looks again when it fires, which costs less than moving it with every byte. */
static void timer_arm(struct gossip__connection *connection) {
    gossip_time_ms deadline_ms = deadline_of(connection);
    gossip_time_ms now_ms = connection->driver->now_ms;
    if (deadline_ms == GOSSIP_NEVER) {
        return;
    }
    double wait = deadline_ms > now_ms ? (double)(deadline_ms - now_ms + 1) / 1000 : 0;
    if (ev_is_active(&connection->timer)) {
        if (ev_timer_remaining(connection->driver->loop, &connection->timer) <= wait) {
            return;
        }
        ev_timer_stop(connection->driver->loop, &connection->timer);
    }
    ev_timer_set(&connection->timer, wait, 0);
    ev_timer_start(connection->driver->loop, &connection->timer);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)loop;
    (void)events;
    struct gossip__connection *connection = watcher->data;
    struct gossip__driver *driver = connection->driver;
    gossip__driver_now(driver);
    if (deadline_of(connection) > driver->now_ms) {
        timer_arm(connection);
    } else if (connection->state == GOSSIP__FLUSHING) {
        gossip__connection_kill(connection);
    } else {
        gossip__connection_end(connection, GOSSIP_CLOSE_DEADLINE);
    }
}

/* --- life -------------------------------------------------------------------------------------------------------- */

struct gossip__connection *gossip__connection_find(struct gossip__driver *driver, uint32_t number) {
    for (struct gossip__connection *each = driver->connections; each != NULL; each = each->next) {
        bool closed = each->state == GOSSIP__FLUSHING || each->state == GOSSIP__DEAD;
        if (each->number == number && !closed) {
            return each;
        }
    }
    return NULL;
}

static bool is_stranger(const struct gossip__connection *connection) {
    return connection->accepted && !connection->established;
}

static void on_io(struct ev_loop *loop, ev_io *watcher, int events);

struct gossip__connection *gossip__connection_new(struct gossip__driver *driver, uint32_t number,
                                                  bool accepted) {
    struct gossip__connection *connection =
        merkle_allocate_zeroed(driver->allocator, 1, sizeof *connection);
    if (connection == NULL) {
        return NULL;
    }
    *connection = (struct gossip__connection){
        .driver = driver,
        .number = number,
        .state = accepted ? GOSSIP__HANDSHAKE : GOSSIP__RESOLVING,
        .accepted = accepted,
        .announced = !accepted,
        .transport = {.operations = &gossip__transport_plain, .descriptor = -1},
        .begun_ms = driver->now_ms,
        .frame_ms = GOSSIP_NEVER,
        .written_ms = GOSSIP_NEVER,
        .next = driver->connections,
    };
    gossip__frame_reader_init(&connection->reader, driver->allocator,
                              GOSSIP__STRANGER_FRAME_SIZE_MAX);
    merkle_buffer_init(&connection->queue, driver->allocator);
    ev_init(&connection->io, on_io);
    connection->io.data = connection;
    ev_timer_init(&connection->timer, on_timer, 0, 0);
    connection->timer.data = connection;
    driver->connections = connection;
    driver->connection_count++;
    driver->stranger_count += accepted ? 1 : 0;
    return connection;
}

/* Leaves the loop, the network and the counts; its memory stays until the end of the turn. */
static void release(struct gossip__connection *connection, enum gossip__connection_state state) {
    struct gossip__driver *driver = connection->driver;
    gossip__connection_watch(connection, 0);
    ev_timer_stop(driver->loop, &connection->timer);
    gossip__dial_forget(connection);
    if (connection->transport.descriptor >= 0) {
        connection->transport.operations->close(&connection->transport);
        connection->transport.descriptor = -1;
    }
    if (is_stranger(connection)) {
        assert(driver->stranger_count > 0);
        driver->stranger_count--;
        connection->established = true; /* counted out */
    }
    if (connection->dirty) {
        connection->dirty = false;
        driver->dirty_count--;
    }
    connection->state = state;
}

void gossip__connection_kill(struct gossip__connection *connection) {
    struct gossip__driver *driver = connection->driver;
    if (connection->state == GOSSIP__DEAD) {
        return;
    }
    if (connection->state == GOSSIP__ENDED) {
        driver->ended_count--;
        connection->state = GOSSIP__DEAD;
    } else {
        release(connection, GOSSIP__DEAD);
    }
    driver->dead_count++;
}

void gossip__connection_end(struct gossip__connection *connection,
                            enum gossip_close_reason reason) {
    struct gossip__driver *driver = connection->driver;
    if (connection->state >= GOSSIP__ENDED) {
        return;
    }
    if (reason != GOSSIP_CLOSE_NONE) {
        char peer[80];
        bool printed = gossip__address_print(&connection->peer, peer, sizeof peer);
        driver->closed[reason]++;
        gossip__driver_notice(driver, GOSSIP_WARNING, reason, printed ? peer : NULL,
                              "closed a connection that kept no bound");
    }
    if (!connection->announced || connection->state == GOSSIP__FLUSHING) {
        gossip__connection_kill(connection);
        return;
    }
    release(connection, GOSSIP__ENDED);
    driver->ended_count++;
}

void gossip__connection_free(struct gossip__connection *connection) {
    assert(connection->state == GOSSIP__DEAD);
    assert(connection->transport.descriptor < 0);
    gossip__frame_reader_close(&connection->reader);
    merkle_buffer_close(&connection->queue);
    merkle_release(connection->driver->allocator, connection);
}

void gossip__connection_set_established(struct gossip__connection *connection) {
    if (is_stranger(connection)) {
        connection->driver->stranger_count--;
    }
    connection->established = true;
    connection->reader.size_max = GOSSIP__FRAME_SIZE_MAX;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static void queue_mark(struct gossip__connection *connection) {
    if (!connection->dirty) {
        connection->dirty = true;
        connection->driver->dirty_count++;
    }
}

void gossip__connection_send(struct gossip__connection *connection, const uint8_t *frame,
                             size_t size_bytes) {
    if (connection->state != GOSSIP__OPEN) {
        return; /* the engine sends only on what is connected; this one has ended meanwhile */
    }
    struct merkle_buffer *queue = &connection->queue;
    size_t waiting = queue->size_bytes - connection->queue_first;
    if (waiting + size_bytes > GOSSIP__WRITE_QUEUE_SIZE_MAX) {
        gossip__connection_end(connection, GOSSIP_CLOSE_LIMIT);
        return;
    }
    if (connection->queue_first > waiting) { /* moves less than it frees */
        memmove(queue->data, queue->data + connection->queue_first, waiting);
        queue->size_bytes = waiting;
        connection->queue_first = 0;
    }
    if (merkle_buffer_append(queue, frame, size_bytes) != 0) {
        queue->failed = false; /* the frame is lost, as it might be on a network */
        return;
    }
    if (connection->written_ms == GOSSIP_NEVER) {
        connection->written_ms = connection->driver->now_ms;
    }
    queue_mark(connection);
}

static void queue_empty(struct gossip__connection *connection) {
    struct merkle_buffer *queue = &connection->queue;
    connection->queue_first = 0;
    connection->written_ms = GOSSIP_NEVER;
    if (queue->capacity_bytes > GOSSIP__WRITE_KEEP_SIZE_MAX) {
        merkle_buffer_close(queue);
        merkle_buffer_init(queue, connection->driver->allocator);
    } else {
        merkle_buffer_clear(queue);
    }
    gossip__connection_watch(connection, connection->state == GOSSIP__FLUSHING ? 0 : EV_READ);
    if (connection->state == GOSSIP__FLUSHING) {
        gossip__connection_kill(connection);
    }
}

void gossip__connection_write(struct gossip__connection *connection) {
    struct merkle_buffer *queue = &connection->queue;
    if (connection->state != GOSSIP__OPEN && connection->state != GOSSIP__FLUSHING) {
        return;
    }
    enum gossip__io result = GOSSIP__IO_DONE;
    while (result == GOSSIP__IO_DONE && connection->queue_first < queue->size_bytes) {
        size_t count = 0;
        result = connection->transport.operations->write(
            &connection->transport, queue->data + connection->queue_first,
            queue->size_bytes - connection->queue_first, &count);
        if (result == GOSSIP__IO_DONE) {
            connection->queue_first += count;
            connection->written_ms = connection->driver->now_ms;
        }
    }
    if (result == GOSSIP__IO_ENDED || result == GOSSIP__IO_FAILED) {
        gossip__connection_end(connection, GOSSIP_CLOSE_NONE);
        return;
    }
    if (result == GOSSIP__IO_DONE) {
        queue_empty(connection);
        return;
    }
    bool reading = connection->state == GOSSIP__OPEN || result == GOSSIP__IO_WANTS_READ;
    gossip__connection_watch(connection, (reading ? EV_READ : 0) |
                                             (result == GOSSIP__IO_WANTS_WRITE ? EV_WRITE : 0));
    timer_arm(connection);
}

void gossip__connection_flush_and_close(struct gossip__connection *connection) {
    if (connection->state == GOSSIP__FLUSHING || connection->state == GOSSIP__DEAD) {
        return;
    }
    if (connection->state != GOSSIP__OPEN ||
        connection->queue_first == connection->queue.size_bytes) {
        gossip__connection_kill(connection);
        return;
    }
    connection->state = GOSSIP__FLUSHING;
    connection->begun_ms = connection->driver->now_ms;
    gossip__connection_watch(connection, connection->events & ~EV_READ);
    queue_mark(connection);
    timer_arm(connection);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* Steps each frame in these bytes. False if the connection takes no more. */
static bool bytes_take(struct gossip__connection *connection, const uint8_t *bytes,
                       size_t size_bytes) {
    for (;;) {
        size_t used;
        size_t frame_size_bytes;
        const uint8_t *frame;
        int result = gossip__frame_read(&connection->reader, bytes, size_bytes, &used, &frame,
                                        &frame_size_bytes);
        if (result != 0) {
            gossip__connection_end(connection, result == GOSSIP_ETOOBIG  ? GOSSIP_CLOSE_TOO_BIG
                                               : result == GOSSIP_ENOMEM ? GOSSIP_CLOSE_LIMIT
                                                                         : GOSSIP_CLOSE_MALFORMED);
            return false;
        }
        if (frame == NULL) {
            return true;
        }
        connection->frame_ms = GOSSIP_NEVER;
        bytes += used;
        size_bytes -= used;
        struct gossip_event event = {
            .type = GOSSIP_MESSAGE,
            .message = {connection->number, frame, frame_size_bytes},
        };
        (void)gossip__driver_step(connection->driver, &event);
        if (connection->state != GOSSIP__OPEN) {
            return false;
        }
    }
}

static void frame_watch(struct gossip__connection *connection) {
    if (!gossip__frame_begun(&connection->reader)) {
        connection->frame_ms = GOSSIP_NEVER;
        return;
    }
    if (connection->frame_ms == GOSSIP_NEVER) {
        connection->frame_ms = connection->driver->now_ms;
    }
    timer_arm(connection);
}

static void connection_read(struct gossip__connection *connection) {
    struct gossip__driver *driver = connection->driver;
    size_t taken = 0;
    while (taken < GOSSIP__READ_PER_TURN_BYTES) {
        size_t count = 0;
        enum gossip__io result = connection->transport.operations->read(
            &connection->transport, driver->read_buffer, GOSSIP__READ_SIZE_BYTES, &count);
        if (result == GOSSIP__IO_WANTS_READ) {
            break;
        }
        if (result == GOSSIP__IO_WANTS_WRITE) {
            gossip__connection_watch(connection, connection->events | EV_WRITE);
            break;
        }
        if (result != GOSSIP__IO_DONE) {
            gossip__connection_end(connection, GOSSIP_CLOSE_NONE);
            return;
        }
        taken += count;
        if (!bytes_take(connection, driver->read_buffer, count)) {
            return;
        }
        if (count < GOSSIP__READ_SIZE_BYTES) {
            break; /* there is hardly more; if there is, the loop says so */
        }
    }
    frame_watch(connection);
}

/* --- beginning --------------------------------------------------------------------------------------------------- */

static void handshake(struct gossip__connection *connection) {
    enum gossip__io result = connection->transport.operations->handshake(&connection->transport);
    if (result == GOSSIP__IO_WANTS_READ || result == GOSSIP__IO_WANTS_WRITE) {
        gossip__connection_watch(connection, result == GOSSIP__IO_WANTS_READ ? EV_READ : EV_WRITE);
        timer_arm(connection);
        return;
    }
    if (result != GOSSIP__IO_DONE) {
        gossip__connection_end(connection, GOSSIP_CLOSE_NONE);
        return;
    }
    connection->state = GOSSIP__OPEN;
    connection->announced = true;
    gossip__connection_watch(connection, EV_READ);
    struct gossip_event event = {.type = GOSSIP_CONNECTED, .connection = connection->number};
    (void)gossip__driver_step(connection->driver, &event);
}

void gossip__connection_begin(struct gossip__connection *connection) {
    connection->state = GOSSIP__HANDSHAKE;
    handshake(connection);
}

static void on_io(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop;
    struct gossip__connection *connection = watcher->data;
    gossip__driver_now(connection->driver);
    if (connection->state == GOSSIP__CONNECTING) {
        gossip__dial_answered(connection);
        return;
    }
    if (connection->state == GOSSIP__HANDSHAKE) {
        handshake(connection);
        return;
    }
    if ((events & EV_WRITE) != 0 || connection->state == GOSSIP__FLUSHING) {
        gossip__connection_write(connection);
    }
    if ((events & EV_READ) != 0 && connection->state == GOSSIP__OPEN) {
        connection_read(connection);
    }
}
