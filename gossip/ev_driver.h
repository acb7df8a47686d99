/* ev_driver.h - the driver: carries the engine over TCP on a libev loop (private to the ev_ files).
 *
 *   socket readable --> ev_connection.c --frames--+
 *   someone dials   --> ev_listener.c             |        gossip__driver_step
 *   dial answered   --> ev_dial.c ----------------+--> gossip_step --> update --> store, dial, send, close, tell
 *   timer           --> ev_driver.c --------------+                     |
 *   store, callers  --> ev_service.c -------------+                     v
 *                                                          at the end of the turn: one write for each connection
 *
 * It reads, steps, performs, and arms one timer for the engine; it decides nothing of the protocol. What it does decide is
 * how much a connection may cost: see the bounds below. A connection is freed at the end of a turn only, so that whoever
 * reads from it while the engine closes it still has it.
 */
#ifndef GOSSIP_EV_DRIVER_H
#define GOSSIP_EV_DRIVER_H

#include "gossip/address.h"
#include "gossip/bounds.h"
#include "gossip/frame.h"
#include "gossip/transport.h"

#include <assert.h>
#include <ev.h>

enum {
    GOSSIP__STRANGER_FRAME_SIZE_MAX = 64 * 1024, /* before hello was exchanged */
    GOSSIP__STRANGERS_MAX = 256, /* accepted, hello not exchanged; further ones are closed */
    GOSSIP__STRANGERS_PER_HOST_MAX = 64,
    GOSSIP__ACCEPTS_PER_TURN = 32,
    GOSSIP__LOOKUPS_MAX = 16, /* names being looked up at once; a further dial fails */
    GOSSIP__READ_SIZE_BYTES = 64 * 1024,
    GOSSIP__READ_PER_TURN_BYTES =
        256 * 1024, /* of one connection, so that none starves the others */
    GOSSIP__WRITE_QUEUE_SIZE_MAX =
        16 * 1024 * 1024, /* of one connection; above it is closed as LIMIT */
    GOSSIP__WRITE_KEEP_SIZE_MAX =
        64 * 1024, /* an empty queue that is larger gives its memory back */
    GOSSIP__FRAME_RATE_MIN_BYTES_PER_SECOND = 512, /* a frame that comes slower is not waited for */
};
static_assert((int)GOSSIP__STRANGERS_MAX < (int)GOSSIP__SESSIONS_MAX,
              "strangers leave room for members");

/* Times that tests shorten. */
struct gossip__driver_times {
    gossip_duration_ms handshake_ms; /* of an accepted connection */
    gossip_duration_ms frame_ms;     /* from its first byte, more by the rate above */
    gossip_duration_ms write_ms;     /* without one byte taken by the peer */
    gossip_duration_ms flush_ms;     /* what was sent before a close */
    gossip_duration_ms accept_backoff_ms;
};
extern const struct gossip__driver_times gossip__driver_times_default;

/*   RESOLVING --> CONNECTING --> HANDSHAKE --> OPEN --engine's CLOSE--> FLUSHING --flushed, or late--> DEAD
 *      |             |      accepted ^  |        |                                                     ^
 *      +-------------+------------------+--------+--failed, ended--> ENDED --the engine was told-------+  (freed) */
enum gossip__connection_state {
    GOSSIP__RESOLVING = 1,
    GOSSIP__CONNECTING = 2,
    GOSSIP__HANDSHAKE = 3,
    GOSSIP__OPEN = 4,
    GOSSIP__FLUSHING = 5, /* nothing is read any more; the engine has forgotten it */
    GOSSIP__ENDED = 6,    /* the engine is still to be told */
    GOSSIP__DEAD = 7,
};

struct gossip__lookup;

struct gossip__connection {
    struct gossip__driver *driver;
    uint32_t number;
    enum gossip__connection_state state;
    bool accepted;
    bool announced;   /* the engine knows it: it dialled it, or has heard CONNECTED */
    bool established; /* hello was exchanged */
    bool dirty;       /* the write queue is to be looked at at the end of the turn */
    struct gossip__transport transport; /* CONNECTING on */
    struct gossip__socket_address peer;
    struct gossip__frame_reader reader;
    struct merkle_buffer queue; /* to be written, from queue_first on */
    size_t queue_first;
    gossip_time_ms begun_ms;   /* accepted, or closed by the engine */
    gossip_time_ms frame_ms;   /* first byte of the frame that has begun; GOSSIP_NEVER: none */
    gossip_time_ms written_ms; /* when the queue last moved, or began; GOSSIP_NEVER: empty */
    int events;                /* that `io` waits for */
    ev_io io;
    ev_timer timer;                                               /* the nearest of its deadlines */
    struct gossip__lookup *lookup;                                /* RESOLVING */
    struct gossip__socket_address targets[GOSSIP__ADDRESSES_MAX]; /* dialled in turn */
    size_t target_count, target_next;
    struct gossip__connection *next;
};

struct gossip__listener {
    int descriptor; /* -1: not open */
    char address[CATALOG_NAME_SIZE_MAX + 1];
    ev_io io;
    ev_timer backoff;
    uint32_t number_last;
};

/* Where the driver's owner hears of what the engine wants that is not network. */
struct gossip__driver_hooks {
    void (*store)(void *context,
                  const struct gossip_update *update); /* batches; before anything is sent */
    void (*tell)(void *context, const struct gossip_update *update); /* replies, notices, stopped */
    void (*notice)(void *context, const struct gossip_notice *notice); /* of the driver itself */
    void (*turn)(void *context);            /* end of a turn, nothing waits */
    void (*fatal)(void *context, int code); /* the engine is finished: it is not stepped again */
    void *context;
};

struct gossip__driver {
    struct ev_loop *loop;
    const struct merkle_allocator *allocator;
    struct gossip *engine;
    struct gossip__driver_hooks hooks;
    struct gossip__driver_times times;
    bool stepping; /* no step from within a step, or from what an update calls */
    bool finished; /* the engine is finished, or the driver is closed */
    struct gossip__connection *connections;
    size_t connection_count;
    size_t stranger_count;
    size_t lookup_count;
    size_t ended_count, dirty_count, dead_count; /* connections that wait for the end of the turn */
    struct gossip__listener listener;
    ev_check wake;   /* the clocks are read before anyone else's callbacks of the turn */
    ev_prepare turn; /* the end of it */
    ev_timer timer;
    gossip_time_ms now_ms;
    uint64_t wall_ms;
    gossip_time_ms noticed_ms; /* the last notice of the driver's own: they are limited in rate */
    uint64_t closed[GOSSIP_CLOSE_REASON_COUNT]; /* by the driver */
    uint8_t *read_buffer;
};

/* --- ev_driver.c --- */

/* GOSSIP_ENOMEM. The engine is given later (gossip__driver_start), the listener opened in between. */
int gossip__driver_init(struct gossip__driver *driver, struct ev_loop *loop,
                        const struct merkle_allocator *allocator,
                        const struct gossip__driver_hooks *hooks);
/* Steps GOSSIP_START and lets the listener accept. */
int gossip__driver_start(struct gossip__driver *driver, struct gossip *engine);
/* Closes all at once; the engine is told nothing. */
void gossip__driver_close(struct gossip__driver *driver);
/* One step and all that follows from it. `event` needs no times. */
int gossip__driver_step(struct gossip__driver *driver, struct gossip_event *event);
void gossip__driver_now(struct gossip__driver *driver);
/* The engine has stopped: closes each connection once its queue is out. */
void gossip__driver_drain(struct gossip__driver *driver);
/* A notice of the driver's own, one a second at most. */
void gossip__driver_notice(struct gossip__driver *driver, enum gossip_severity severity,
                           enum gossip_close_reason reason, const char *member, const char *text);

/* --- ev_connection.c --- */

/* Also one that has ended while the engine is still to be told; not one that the engine has closed. */
struct gossip__connection *gossip__connection_find(struct gossip__driver *driver, uint32_t number);
/* NULL if memory is short. */
struct gossip__connection *gossip__connection_new(struct gossip__driver *driver, uint32_t number,
                                                  bool accepted);
/* The socket is connected: handshake, then CONNECTED. */
void gossip__connection_begin(struct gossip__connection *connection);
void gossip__connection_send(struct gossip__connection *connection, const uint8_t *frame,
                             size_t size_bytes);
void gossip__connection_set_established(struct gossip__connection *connection);
/* The engine's CLOSE. */
void gossip__connection_flush_and_close(struct gossip__connection *connection);
/* It failed, or the driver closes it: the engine is told at the end of the step. */
void gossip__connection_end(struct gossip__connection *connection, enum gossip_close_reason reason);
/* Nobody is told. */
void gossip__connection_kill(struct gossip__connection *connection);
void gossip__connection_write(struct gossip__connection *connection);
void gossip__connection_watch(struct gossip__connection *connection, int events);
void gossip__connection_free(struct gossip__connection *connection);

/* --- ev_listener.c --- */

/* Binds and listens; accepts nothing yet. GOSSIP_EADDRESS, GOSSIP_ELISTEN, with `problem`. */
int gossip__listener_open(struct gossip__driver *driver, const char *address, bool insecure,
                          struct catalog_problem *problem);
void gossip__listener_start(struct gossip__driver *driver);
void gossip__listener_close(struct gossip__driver *driver);

/* --- ev_dial.c --- */

void gossip__dial(struct gossip__driver *driver, uint32_t number, const char *address);
/* The socket of a CONNECTING connection is writable: connected, or not. */
void gossip__dial_answered(struct gossip__connection *connection);
/* The connection no longer waits for its lookup. */
void gossip__dial_forget(struct gossip__connection *connection);
/* Options that every socket of ours has. False if it cannot be used. */
bool gossip__socket_prepare(int descriptor);

#endif
