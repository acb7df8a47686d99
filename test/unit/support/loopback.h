/* loopback.h - nodes and peers over loopback, for the tests of the driver.
 *
 * A node is an engine and a driver without a store: what is to be stored counts as stored in the next turn. A peer is a
 * socket that the test itself writes to and reads from, on the same thread. Time runs, but nothing sleeps: the loop turns
 * until what a test waits for has come, or a deadline has passed.
 */
#ifndef TEST_UNIT_SUPPORT_LOOPBACK_H
#define TEST_UNIT_SUPPORT_LOOPBACK_H

#include "gossip/ev_driver.h"

enum { LOOPBACK_TICKETS_MAX = 1024 };

struct loopback_node {
    struct gossip__driver driver;
    struct gossip *engine;
    uint64_t tickets[LOOPBACK_TICKETS_MAX]; /* handed to the store */
    size_t ticket_count;
    ev_timer store;
    size_t notices; /* of the driver itself */
    bool ready;
};

void loopback_node_start(struct loopback_node *node, struct ev_loop *loop, uint8_t id,
                         const char *seed);
void loopback_node_stop(struct loopback_node *node);

/* Turns the loop until `is_so` or until `limit_ms` have passed; whether it became so. */
bool loopback_turn_until(struct ev_loop *loop, bool (*is_so)(void *context), void *context,
                         unsigned limit_ms);
bool loopback_never(void *context);

struct loopback_peer {
    int descriptor;
    uint8_t received[4096]; /* the first bytes that came */
    size_t received_count;
    bool ended; /* the node closed the connection */
};

struct loopback_peer loopback_peer_connect(const struct loopback_node *node);
void loopback_peer_send(struct loopback_peer *peer, const void *bytes, size_t size_bytes);
/* These two take a struct loopback_peer, the third a struct loopback_node. */
bool loopback_peer_has_ended(void *context);
bool loopback_peer_has_received(void *context);
bool loopback_has_no_connections(void *context);

/* One node on a loop of its own, for each test. */
struct loopback_fixture {
    struct ev_loop *loop;
    struct loopback_node node;
    struct merkle_digest root;
};
extern struct loopback_fixture loopback;
void loopback_setup(void);
void loopback_teardown(void);
/* What every hostile peer must leave behind: the connection is closed and freed, nothing of the state has changed. */
void loopback_check_closed(struct loopback_peer *peer, unsigned limit_ms);

#endif
