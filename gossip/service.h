/* service.h - attune inside a host: the engine, its store and its network on the host's own libev loop.
 *
 *      struct gossip_service_options options = {.data_directory = "/var/lib/store/attune",
 *                                               .cluster_name = "prod", .node_name = "db-1",
 *                                               .gossip_address = "127.0.0.1:7740"};
 *      struct gossip_service *service;
 *      struct catalog_problem problem;
 *      int result = gossip_service_start(&options, loop, &service, &problem);
 *      ...
 *      ev_run(loop, 0);                       // the service lives in the host's loop
 *      ...
 *      gossip_service_check(service, ...)     // from any thread, on the host's write path
 *
 * Threads: all functions belong to the loop's thread, except those marked [any thread]. The service starts one thread of
 * its own, the store's. Its callbacks come from the loop's thread, never from within a call into the service.
 */
#ifndef GOSSIP_SERVICE_H
#define GOSSIP_SERVICE_H

#include "catalog/store.h"
#include "gossip/gossip.h"

struct ev_loop; /* <ev.h> */
struct gossip_service;

struct gossip_service_options {
    const char *data_directory; /* made (0700) if it does not exist; its parent must */
    const char *cluster_name;   /* NULL: "attune" */
    const char *node_name;      /* NULL: the host name */
    /* HOST:PORT to listen on; port 0 takes a free one; NULL: 127.0.0.1:7740 */
    const char *gossip_address;
    const char *advertise_address; /* NULL: as bound */
    const char *const *seeds;
    size_t seed_count;
    gossip_duration_ms interval_ms;        /* 0: 1000 */
    gossip_duration_ms freshness_limit_ms; /* 0: 5000 */
    bool insecure;                         /* plain TCP on addresses that are not loopback */
    bool pushes_lost;                      /* test builds: see gossip.h */
    /* Each notice of the engine (logs, watch). May be NULL. */
    void (*on_notice)(void *context, const struct gossip_notice *notice);
    /* The service cannot go on (GOSSIP_EFATAL): the host should stop. May be NULL: then it aborts the process. */
    void (*on_fatal)(void *context, int code);
    void *context;
};

/* Opens the store, listens, joins. What is on disk is served when this returns (not fresh yet). All strings are copied.
 * Errors of catalog_store_open, GOSSIP_EADDRESS, GOSSIP_ELISTEN, GOSSIP_EDIRECTORY, GOSSIP_ENOMEM; `problem` says in one
 * sentence what to do; nothing is left half-started. */
int gossip_service_start(const struct gossip_service_options *options, struct ev_loop *loop,
                         struct gossip_service **service, struct catalog_problem *problem);
/* Tells the peers, finishes what is in flight, then calls `on_stopped` from the loop (at once with `now`). */
void gossip_service_stop(struct gossip_service *service, bool now,
                         void (*on_stopped)(void *context), void *context);
/* Frees all; after on_stopped (also from it), or at any time (then peers are not told), but not from on_notice or on_reply.
 * Operations without a reply get none. No other thread may be in a call. NULL is allowed. */
void gossip_service_free(struct gossip_service *service);

/* HOST:PORT on which it listens. Valid until freed. */
const char *gossip_service_address(const struct gossip_service *service);
/* The engine, for status, members, counters and the catalog's stored layer; do not step it. */
struct gossip *gossip_service_engine(struct gossip_service *service);
/* The two clocks as the service last read them in this turn of the loop. */
gossip_time_ms gossip_service_now(const struct gossip_service *service);
uint64_t gossip_service_wall(const struct gossip_service *service);
struct catalog_store_times gossip_service_store_times(struct gossip_service *service);
/* Connections that the service itself closed (deadlines, sizes, caps), by reason: GOSSIP_CLOSE_REASON_COUNT numbers, to be
 * added to those that the engine counts as closed. Valid until freed. */
const uint64_t *gossip_service_closed(const struct gossip_service *service);

/* Starts an operation; `on_reply` is called once, later, from the loop (reply memory is valid during the call). The
 * returned token can be cancelled: then on_reply is not called any more; a write that is under way stands.
 * Operation memory is borrowed for the call. 0 or GOSSIP_ENOMEM, GOSSIP_ESTOPPING. */
int gossip_service_submit(struct gossip_service *service, struct gossip_operation *operation,
                          void (*on_reply)(void *context, const struct gossip_reply *reply),
                          void *context, uint64_t *token);
void gossip_service_cancel(struct gossip_service *service, uint64_t token);

/* [any thread] catalog_check on what is stored here; with `max_staleness_ms` other than GOSSIP_NEVER the answer is
 * GOSSIP_ESTALE if this node's agreement age is above it or unknown. `agreement_age_ms` (may be NULL): -1 unknown. */
int gossip_service_check(struct gossip_service *service, struct catalog_text entity,
                         const char *record, size_t size_bytes, gossip_duration_ms max_staleness_ms,
                         struct catalog_check **check, int64_t *agreement_age_ms,
                         struct catalog_problem *problem);
/* [any thread] the stored entry, held; NULL if none. */
struct catalog_entry *gossip_service_get(struct gossip_service *service,
                                         const struct catalog_key *key);

#endif
