/* loopback.c - nodes and peers over loopback, see loopback.h. */
#include "test/unit/support/loopback.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- a node ------------------------------------------------------------------------------------------------------ */

static void node_store(void *context, const struct gossip_update *update) {
    struct loopback_node *node = context;
    for (size_t i = 0; i < update->batch_count; i++) {
        ck_assert_uint_lt(node->ticket_count, LOOPBACK_TICKETS_MAX);
        node->tickets[node->ticket_count++] = update->batches[i].ticket;
    }
    ev_timer_start(node->driver.loop, &node->store);
}

static void node_stored(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)events;
    struct loopback_node *node = watcher->data;
    ev_timer_stop(loop, watcher);
    for (size_t i = 0; i < node->ticket_count; i++) {
        struct gossip_event event = {.type = GOSSIP_STORED, .stored = {node->tickets[i], 0}};
        ck_assert_int_eq(gossip__driver_step(&node->driver, &event), 0);
    }
    node->ticket_count = 0;
}

static void node_tell(void *context, const struct gossip_update *update) {
    struct loopback_node *node = context;
    for (size_t i = 0; i < update->notice_count; i++) {
        node->ready = node->ready || update->notices[i].type == GOSSIP_NOTICE_READY;
    }
}

static void node_notice(void *context, const struct gossip_notice *notice) {
    struct loopback_node *node = context;
    (void)notice;
    node->notices++;
}

static void node_turn(void *context) {
    (void)context;
}

static void node_fatal(void *context, int code) {
    (void)context;
    ck_abort_msg("the engine is finished: %d", code);
}

void loopback_node_start(struct loopback_node *node, struct ev_loop *loop, uint8_t id,
                         const char *seed) {
    *node = (struct loopback_node){.engine = NULL};
    struct gossip__driver_hooks hooks = {.store = node_store,
                                         .tell = node_tell,
                                         .notice = node_notice,
                                         .turn = node_turn,
                                         .fatal = node_fatal,
                                         .context = node};
    struct catalog_problem problem;
    char name[16];
    snprintf(name, sizeof name, "node-%u", id);
    ck_assert_int_eq(gossip__driver_init(&node->driver, loop, &merkle_allocator_libc, &hooks), 0);
    ck_assert_int_eq(gossip__listener_open(&node->driver, "127.0.0.1:0", false, &problem), 0);
    struct gossip_config config = {
        .allocator = &merkle_allocator_libc,
        .cluster_name = "test",
        .node_name = name,
        .address = node->driver.listener.address,
        .seeds = &seed,
        .seed_count = seed != NULL ? 1 : 0,
        .interval_ms = 50,
        .freshness_limit_ms = 5000,
        .random_seed = id,
        .origin = {{1, id}},
        .fresh_node_id = {{2, id}},
        .fresh_cluster_id = {{3, id}},
    };
    struct catalog_load load = {.fresh = true};
    ck_assert_int_eq(gossip_new(&config, &load, &node->engine), 0);
    ev_timer_init(&node->store, node_stored, 0, 0);
    node->store.data = node;
    ck_assert_int_eq(gossip__driver_start(&node->driver, node->engine), 0);
}

void loopback_node_stop(struct loopback_node *node) {
    ev_timer_stop(node->driver.loop, &node->store);
    gossip__driver_close(&node->driver);
    gossip_free(node->engine);
}

/* --- turning the loop -------------------------------------------------------------------------------------------- */

static void on_wake(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)loop;
    (void)watcher;
    (void)events;
}

/* Turns the loop until `is_so` or until `limit_ms` have passed; whether it became so. */
bool loopback_turn_until(struct ev_loop *loop, bool (*is_so)(void *context), void *context,
                         unsigned limit_ms) {
    ev_timer wake;
    ev_timer_init(&wake, on_wake, 0.002,
                  0.002); /* peers are not watched: look at them now and then */
    ev_timer_start(loop, &wake);
    ev_now_update(loop);
    double deadline = ev_now(loop) + limit_ms / 1000.0;
    bool so = is_so(context);
    while (!so && ev_now(loop) < deadline) {
        ev_run(loop, EVRUN_ONCE);
        so = is_so(context);
    }
    ev_timer_stop(loop, &wake);
    return so;
}

bool loopback_never(void *context) {
    (void)context;
    return false;
}

/* --- a peer ------------------------------------------------------------------------------------------------------ */

struct loopback_peer loopback_peer_connect(const struct loopback_node *node) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *colon = strrchr(node->driver.listener.address, ':');
    struct loopback_peer peer = {.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    ck_assert_int_ge(peer.descriptor, 0);
    ck_assert_int_eq(connect(peer.descriptor, (const struct sockaddr *)&address, sizeof address),
                     0);
    ck_assert_int_eq(fcntl(peer.descriptor, F_SETFL, O_NONBLOCK), 0);
    return peer;
}

void loopback_peer_send(struct loopback_peer *peer, const void *bytes, size_t size_bytes) {
    ssize_t sent = send(peer->descriptor, bytes, size_bytes, MSG_NOSIGNAL);
    ck_assert_int_eq(sent, (ssize_t)size_bytes);
}

bool loopback_peer_has_ended(void *context) {
    struct loopback_peer *peer = context;
    uint8_t bytes[4096];
    for (;;) {
        ssize_t count = recv(peer->descriptor, bytes, sizeof bytes, 0);
        if (count <= 0) {
            peer->ended = count == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
            return peer->ended;
        }
        size_t room = sizeof peer->received - peer->received_count;
        size_t kept = (size_t)count < room ? (size_t)count : room;
        memcpy(peer->received + peer->received_count, bytes, kept);
        peer->received_count += kept;
    }
}

bool loopback_peer_has_received(void *context) {
    struct loopback_peer *peer = context;
    (void)loopback_peer_has_ended(peer);
    return peer->received_count > 4;
}

bool loopback_has_no_connections(void *context) {
    struct loopback_node *node = context;
    return node->driver.connection_count == 0;
}

struct loopback_fixture loopback;

void loopback_setup(void) {
    loopback.loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(loopback.loop);
    loopback_node_start(&loopback.node, loopback.loop, 1, NULL);
    loopback.root = gossip_status(loopback.node.engine, loopback.node.driver.now_ms, 0).root;
}

void loopback_teardown(void) {
    loopback_node_stop(&loopback.node);
    ev_loop_destroy(loopback.loop);
}

/* The common check of hostile peers: the connection is closed and freed, nothing of the state has changed. */
void loopback_check_closed(struct loopback_peer *peer, unsigned limit_ms) {
    struct loopback_node *node = &loopback.node;
    ck_assert(loopback_turn_until(loopback.loop, loopback_peer_has_ended, peer, limit_ms));
    ck_assert(loopback_turn_until(loopback.loop, loopback_has_no_connections, node, limit_ms));
    ck_assert_uint_eq(node->driver.stranger_count, 0);
    ck_assert_uint_eq(node->driver.ended_count, 0);
    struct gossip_status status = gossip_status(node->engine, node->driver.now_ms, 0);
    ck_assert_uint_eq(status.connection_count, 0);
    ck_assert(merkle_digest_equal(&status.root, &loopback.root));
    ck_assert_uint_eq(gossip_members(node->engine, node->driver.now_ms, NULL, 0), 1);
    close(peer->descriptor);
}
