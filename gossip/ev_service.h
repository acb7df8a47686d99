/* ev_service.h - the inside of a service (private to the ev_service_*.c and ev_service.c).
 *
 * What a host calls never steps the engine at once: it is put down and done in the next turn of the loop, by `kick`. So
 * no callback comes from within a call, no step from within a step, and a host may call from its callbacks what it likes.
 */
#ifndef GOSSIP_EV_SERVICE_H
#define GOSSIP_EV_SERVICE_H

#include "gossip/ev_driver.h"
#include "gossip/service.h"

#include <stdatomic.h>

/* An operation of a caller: first in the queue, then waiting for its reply. */
struct gossip__call {
    uint64_t token;
    void (*on_reply)(void *context, const struct gossip_reply *reply);
    void *context;
    struct gossip_operation *operation; /* a copy with all it points to; NULL once stepped */
    struct gossip__call *previous, *next;
};

/* In the order of tokens. */
struct gossip__calls {
    struct gossip__call *first, *last;
};

struct gossip_service {
    struct ev_loop *loop;
    const struct merkle_allocator *allocator;
    struct gossip__driver driver;
    struct gossip *engine;
    struct catalog *catalog; /* the engine's */
    struct catalog_store *store;
    struct catalog_store_thread *thread;
    char advertised[CATALOG_NAME_SIZE_MAX + 1];
    char host_name[CATALOG_NAME_SIZE_MAX + 1];

    ev_idle kick;    /* what was put down is done in the next turn */
    ev_async stored; /* the store thread has something to take */

    struct gossip__calls queue;   /* not stepped yet */
    struct gossip__calls waiting; /* for a reply */
    uint64_t token_last;

    void (*on_notice)(void *context, const struct gossip_notice *notice);
    void (*on_fatal)(void *context, int code);
    void *context;

    bool started;
    bool kept_written; /* to be told to the engine */
    int fatal_code;    /* to be told */
    bool stop_wanted, stop_now, stop_stepped, drained;
    bool stopped; /* the engine says so */
    void (*on_stopped)(void *context);
    void *stopped_context;

    /* [any thread] Since when a majority agrees, on the monotonic clock; or one of the two below. */
    _Atomic uint64_t agreed_since_ms;
};

#define GOSSIP__AGREED_UNKNOWN UINT64_MAX
#define GOSSIP__AGREED_ALONE (UINT64_MAX - 1) /* a cluster of one agrees at every instant */

/* --- ev_service_calls.c --- */

/* Steps what the queue held when it was called. */
void gossip__service_calls_step(struct gossip_service *service);
void gossip__service_reply(struct gossip_service *service, const struct gossip_reply *reply);
void gossip__service_calls_free(struct gossip_service *service);

/* --- ev_service_store.c --- */

int gossip__service_store_start(struct gossip_service *service);
void gossip__service_store_stop(struct gossip_service *service);
/* Hands the batches of an update to the thread. */
void gossip__service_store_submit(void *context, const struct gossip_update *update);

/* Writes what this node alone had under its former id to a file of the data directory, and says where. */
void gossip__service_keep(struct gossip_service *service, const struct gossip_update *update);
/* Tells the engine that it is written. */
void gossip__service_kept_step(struct gossip_service *service);

/* --- ev_service.c --- */

void gossip__service_kick(struct gossip_service *service);
void gossip__service_fatal(void *context, int code);

#endif
