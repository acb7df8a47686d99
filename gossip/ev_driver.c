/* ev_driver.c - one step after the other: event in, update performed, timer armed, queues written at the end of the turn.
 *
 * An update is performed completely before the next step, in the order of gossip.h: batches to the store, connection
 * actions but CLOSE, sends, CLOSE; then replies and notices. What fails meanwhile (a dial, a full queue) is only marked;
 * the engine hears of it in a step of its own, afterwards.
 */
#include "gossip/ev_driver.h"

#include <string.h>
#include <time.h>

const struct gossip__driver_times gossip__driver_times_default = {
    .handshake_ms = GOSSIP__HELLO_TIMEOUT_MS,
    .frame_ms = 10000,
    .write_ms = 10000,
    .flush_ms = 1000,
    .accept_backoff_ms = 200,
};

/* --- time -------------------------------------------------------------------------------------------------------- */

static uint64_t clock_ms(clockid_t clock) {
    struct timespec now;
    int result = clock_gettime(clock, &now);
    assert(result == 0);
    return now.tv_sec < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void gossip__driver_now(struct gossip__driver *driver) {
    gossip_time_ms now_ms = clock_ms(CLOCK_MONOTONIC);
    driver->now_ms = now_ms > driver->now_ms ? now_ms : driver->now_ms;
    driver->wall_ms = clock_ms(CLOCK_REALTIME);
}

/* --- performing -------------------------------------------------------------------------------------------------- */

static void connections_perform(struct gossip__driver *driver, const struct gossip_update *update,
                                bool closes) {
    for (size_t i = 0; i < update->connection_count; i++) {
        const struct gossip_connection_update *each = &update->connections[i];
        if ((each->action == GOSSIP_CLOSE) != closes) {
            continue;
        }
        if (each->action == GOSSIP_DIAL) {
            gossip__dial(driver, each->connection, each->address);
            continue;
        }
        struct gossip__connection *connection = gossip__connection_find(driver, each->connection);
        if (connection == NULL) {
            continue; /* it ended before, and the engine will hear of it, or did not want to */
        }
        if (each->action == GOSSIP_CLOSE) {
            gossip__connection_flush_and_close(connection);
        } else {
            gossip__connection_set_established(connection);
        }
    }
}

static void perform(struct gossip__driver *driver, const struct gossip_update *update) {
    if (update->batch_count > 0) {
        driver->hooks.store(driver->hooks.context, update);
    }
    connections_perform(driver, update, false);
    for (size_t i = 0; i < update->send_count; i++) {
        const struct gossip_send *each = &update->sends[i];
        struct gossip__connection *connection = gossip__connection_find(driver, each->connection);
        if (connection != NULL) {
            gossip__connection_send(connection, each->frame, each->size_bytes);
        }
    }
    connections_perform(driver, update, true);
    driver->hooks.tell(driver->hooks.context, update);
}

/* --- stepping ---------------------------------------------------------------------------------------------------- */

/* Memory that was short for a message is a message lost; the disk's word must not be lost. */
static bool is_survivable(int result, const struct gossip_event *event) {
    return result == GOSSIP_ENOMEM && event->type != GOSSIP_STORED &&
           event->type != GOSSIP_REOPENED && event->type != GOSSIP_START;
}

static int step_once(struct gossip__driver *driver, struct gossip_event *event) {
    assert(!driver->stepping);
    if (driver->finished) {
        return GOSSIP_EFATAL;
    }
    driver->stepping = true;
    gossip__driver_now(driver);
    event->now_ms = driver->now_ms;
    event->wall_ms = driver->wall_ms;
    const struct gossip_update *update = NULL;
    int result = gossip_step(driver->engine, event, &update);
    if (result == 0) {
        perform(driver, update);
    } else if (!is_survivable(result, event)) {
        driver->finished = true;
        driver->hooks.fatal(driver->hooks.context, result);
    }
    driver->stepping = false;
    return result;
}

static struct gossip__connection *ended_find(struct gossip__driver *driver) {
    struct gossip__connection *each = driver->connections;
    while (each != NULL && each->state != GOSSIP__ENDED) {
        each = each->next;
    }
    assert(each != NULL);
    return each;
}

static void ended_tell(struct gossip__driver *driver) {
    while (driver->ended_count > 0 && !driver->finished) {
        struct gossip__connection *connection = ended_find(driver);
        struct gossip_event event = {.type = GOSSIP_DISCONNECTED, .connection = connection->number};
        gossip__connection_kill(connection);
        (void)step_once(driver, &event);
    }
}

int gossip__driver_step(struct gossip__driver *driver, struct gossip_event *event) {
    int result = step_once(driver, event);
    ended_tell(driver);
    return result;
}

/* --- the end of a turn ------------------------------------------------------------------------------------------- */

static void dirty_write(struct gossip__driver *driver) {
    for (struct gossip__connection *each = driver->connections; each != NULL; each = each->next) {
        if (each->dirty) {
            each->dirty = false;
            driver->dirty_count--;
            gossip__connection_write(each);
        }
    }
    assert(driver->dirty_count == 0);
}

static void dead_free(struct gossip__driver *driver) {
    struct gossip__connection **place = &driver->connections;
    while (driver->dead_count > 0 && *place != NULL) {
        struct gossip__connection *each = *place;
        if (each->state != GOSSIP__DEAD) {
            place = &each->next;
            continue;
        }
        *place = each->next;
        driver->dead_count--;
        driver->connection_count--;
        gossip__connection_free(each);
    }
    assert(driver->dead_count == 0);
}

/* Not before it is due, and not for ever: the loop's own idea of now may be some milliseconds old. */
static void timer_arm(struct gossip__driver *driver) {
    gossip_time_ms deadline_ms = driver->finished ? GOSSIP_NEVER : gossip_deadline(driver->engine);
    ev_timer_stop(driver->loop, &driver->timer);
    if (deadline_ms == GOSSIP_NEVER) {
        return;
    }
    gossip__driver_now(driver);
    gossip_duration_ms wait_ms = deadline_ms > driver->now_ms ? deadline_ms - driver->now_ms : 0;
    ev_timer_set(&driver->timer, (double)wait_ms / 1000, 0);
    ev_timer_start(driver->loop, &driver->timer);
}

static void on_turn(struct ev_loop *loop, ev_prepare *watcher, int events) {
    (void)loop;
    (void)events;
    struct gossip__driver *driver = watcher->data;
    gossip__driver_now(driver);
    ended_tell(driver);
    while (driver->dirty_count > 0) {
        dirty_write(driver);
        ended_tell(driver);
    }
    dead_free(driver);
    timer_arm(driver);
    driver->hooks.turn(driver->hooks.context);
}

static void on_wake(struct ev_loop *loop, ev_check *watcher, int events) {
    (void)loop;
    (void)events;
    gossip__driver_now(watcher->data);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)loop;
    (void)events;
    struct gossip_event event = {.type = GOSSIP_TICK};
    (void)gossip__driver_step(watcher->data, &event);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

int gossip__driver_init(struct gossip__driver *driver, struct ev_loop *loop,
                        const struct merkle_allocator *allocator,
                        const struct gossip__driver_hooks *hooks) {
    *driver = (struct gossip__driver){
        .loop = loop,
        .allocator = allocator,
        .hooks = *hooks,
        .times = gossip__driver_times_default,
        .listener = {.descriptor = -1},
        .read_buffer = merkle_allocate(allocator, GOSSIP__READ_SIZE_BYTES, 1),
    };
    ev_check_init(&driver->wake, on_wake);
    ev_set_priority(&driver->wake, EV_MAXPRI);
    driver->wake.data = driver;
    ev_prepare_init(&driver->turn, on_turn);
    driver->turn.data = driver;
    ev_timer_init(&driver->timer, on_timer, 0, 0);
    driver->timer.data = driver;
    gossip__driver_now(driver);
    return driver->read_buffer == NULL ? GOSSIP_ENOMEM : 0;
}

int gossip__driver_start(struct gossip__driver *driver, struct gossip *engine) {
    assert(driver->engine == NULL);
    driver->engine = engine;
    ev_check_start(driver->loop, &driver->wake);
    ev_prepare_start(driver->loop, &driver->turn);
    gossip__listener_start(driver);
    struct gossip_event event = {.type = GOSSIP_START};
    return gossip__driver_step(driver, &event);
}

void gossip__driver_close(struct gossip__driver *driver) {
    assert(!driver->stepping);
    driver->finished = true;
    gossip__listener_close(driver);
    ev_check_stop(driver->loop, &driver->wake);
    ev_prepare_stop(driver->loop, &driver->turn);
    ev_timer_stop(driver->loop, &driver->timer);
    for (struct gossip__connection *each = driver->connections; each != NULL; each = each->next) {
        gossip__connection_kill(each);
    }
    dead_free(driver);
    assert(driver->connection_count == 0);
    merkle_release(driver->allocator, driver->read_buffer);
    driver->read_buffer = NULL;
}

void gossip__driver_drain(struct gossip__driver *driver) {
    gossip__listener_close(driver);
    for (struct gossip__connection *each = driver->connections; each != NULL; each = each->next) {
        gossip__connection_flush_and_close(each);
    }
}

void gossip__driver_notice(struct gossip__driver *driver, enum gossip_severity severity,
                           enum gossip_close_reason reason, const char *member, const char *text) {
    enum { NOTICE_INTERVAL_MS = 1000 };
    if (driver->noticed_ms != 0 && driver->now_ms - driver->noticed_ms < NOTICE_INTERVAL_MS) {
        return;
    }
    driver->noticed_ms = driver->now_ms;
    struct gossip_notice notice = {
        .type = GOSSIP_NOTICE_REFUSED,
        .severity = severity,
        .member = member,
        .text = text,
        .reason = reason,
    };
    driver->hooks.notice(driver->hooks.context, &notice);
}
