/* test_ev_driver.c - the driver with a real engine over loopback: two nodes, and peers that keep no rule.
 *
 * A node is an engine and a driver without a store: what is to be stored counts as stored in the next turn. A peer is a
 * socket that the test itself writes to and reads from, on the same thread. Time runs, but nothing sleeps: the loop turns
 * until what a test waits for has come, or a deadline has passed.
 */
#include "gossip/ev_driver.h"
#include "gossip/message.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- a node ------------------------------------------------------------------------------------------------------ */

enum { TICKETS_MAX = 1024 };

struct node {
    struct gossip__driver driver;
    struct gossip *engine;
    uint64_t tickets[TICKETS_MAX]; /* handed to the store */
    size_t ticket_count;
    ev_timer store;
    size_t notices; /* of the driver itself */
    bool ready;
};

static void node_store(void *context, const struct gossip_update *update) {
    struct node *node = context;
    for (size_t i = 0; i < update->batch_count; i++) {
        ck_assert_uint_lt(node->ticket_count, TICKETS_MAX);
        node->tickets[node->ticket_count++] = update->batches[i].ticket;
    }
    ev_timer_start(node->driver.loop, &node->store);
}

static void node_stored(struct ev_loop *loop, ev_timer *watcher, int events) {
    (void)events;
    struct node *node = watcher->data;
    ev_timer_stop(loop, watcher);
    for (size_t i = 0; i < node->ticket_count; i++) {
        struct gossip_event event = {.type = GOSSIP_STORED, .stored = {node->tickets[i], 0}};
        ck_assert_int_eq(gossip__driver_step(&node->driver, &event), 0);
    }
    node->ticket_count = 0;
}

static void node_tell(void *context, const struct gossip_update *update) {
    struct node *node = context;
    for (size_t i = 0; i < update->notice_count; i++) {
        node->ready = node->ready || update->notices[i].type == GOSSIP_NOTICE_READY;
    }
}

static void node_notice(void *context, const struct gossip_notice *notice) {
    struct node *node = context;
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

static void node_start(struct node *node, struct ev_loop *loop, uint8_t id, const char *seed) {
    *node = (struct node){.engine = NULL};
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

static void node_stop(struct node *node) {
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
static bool turn_until(struct ev_loop *loop, bool (*is_so)(void *context), void *context,
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

static bool never(void *context) {
    (void)context;
    return false;
}

/* --- a peer ------------------------------------------------------------------------------------------------------ */

struct peer {
    int descriptor;
    uint8_t received[4096]; /* the first bytes that came */
    size_t received_count;
    bool ended; /* the node closed the connection */
};

static struct peer peer_connect(const struct node *node) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *colon = strrchr(node->driver.listener.address, ':');
    struct peer peer = {.descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    address.sin_port = htons((uint16_t)atoi(colon + 1));
    ck_assert_int_ge(peer.descriptor, 0);
    ck_assert_int_eq(connect(peer.descriptor, (const struct sockaddr *)&address, sizeof address),
                     0);
    ck_assert_int_eq(fcntl(peer.descriptor, F_SETFL, O_NONBLOCK), 0);
    return peer;
}

static void peer_send(struct peer *peer, const void *bytes, size_t size_bytes) {
    ssize_t sent = send(peer->descriptor, bytes, size_bytes, MSG_NOSIGNAL);
    ck_assert_int_eq(sent, (ssize_t)size_bytes);
}

static bool peer_has_ended(void *context) {
    struct peer *peer = context;
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

static bool peer_has_received(void *context) {
    struct peer *peer = context;
    (void)peer_has_ended(peer);
    return peer->received_count > 4;
}

static bool has_no_connections(void *context) {
    struct node *node = context;
    return node->driver.connection_count == 0;
}

struct fixture {
    struct ev_loop *loop;
    struct node node;
    struct merkle_digest root;
};

static struct fixture fixture;

static void setup(void) {
    fixture.loop = ev_loop_new(EVFLAG_AUTO);
    ck_assert_ptr_nonnull(fixture.loop);
    node_start(&fixture.node, fixture.loop, 1, NULL);
    fixture.root = gossip_status(fixture.node.engine, fixture.node.driver.now_ms, 0).root;
}

static void teardown(void) {
    node_stop(&fixture.node);
    ev_loop_destroy(fixture.loop);
}

/* The common check of hostile peers: the connection is closed and freed, nothing of the state has changed. */
static void check_closed(struct peer *peer, unsigned limit_ms) {
    struct node *node = &fixture.node;
    ck_assert(turn_until(fixture.loop, peer_has_ended, peer, limit_ms));
    ck_assert(turn_until(fixture.loop, has_no_connections, node, limit_ms));
    ck_assert_uint_eq(node->driver.stranger_count, 0);
    ck_assert_uint_eq(node->driver.ended_count, 0);
    struct gossip_status status = gossip_status(node->engine, node->driver.now_ms, 0);
    ck_assert_uint_eq(status.connection_count, 0);
    ck_assert(merkle_digest_equal(&status.root, &fixture.root));
    ck_assert_uint_eq(gossip_members(node->engine, node->driver.now_ms, NULL, 0), 1);
    close(peer->descriptor);
}

/* --- tests ------------------------------------------------------------------------------------------------------- */

START_TEST(who_connects_is_told_who_is_here) {
    /* DESIGN 8: hello goes first, as one frame. */
    struct peer peer = peer_connect(&fixture.node);
    ck_assert(turn_until(fixture.loop, peer_has_received, &peer, 2000));
    size_t length = (size_t)peer.received[2] << 8 | peer.received[3];
    ck_assert_uint_eq(peer.received_count, 4 + length);
    struct gossip__message message;
    enum gossip_rejection rejection;
    ck_assert_int_eq(gossip__message_decode(&merkle_allocator_libc, peer.received + 4, length,
                                            &message, &rejection),
                     0);
    ck_assert_int_eq(message.type, GOSSIP__HELLO);
    ck_assert_mem_eq(message.hello.name.data, "node-1", 6);
    ck_assert_mem_eq(message.hello.address.data, fixture.node.driver.listener.address,
                     message.hello.address.size_bytes);
    gossip__message_close(&message);
    close(peer.descriptor);
    ck_assert(turn_until(fixture.loop, has_no_connections, &fixture.node, 2000));
}
END_TEST

START_TEST(bytes_that_are_no_frame_end_the_connection) {
    /* B1, B2, S11: garbage, another protocol, lengths out of bounds: closed within a frame, counted, nothing changed. */
    static const struct {
        const char *bytes;
        size_t size_bytes;
        enum gossip_close_reason reason;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: db-1\r\n\r\n", 30, GOSSIP_CLOSE_TOO_BIG},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9, GOSSIP_CLOSE_TOO_BIG}, /* TLS */
        {"SSH-2.0-x\r\n", 11, GOSSIP_CLOSE_TOO_BIG},
        {"\0\0\0\0", 4, GOSSIP_CLOSE_MALFORMED},
        {"\xff\xff\xff\xff", 4, GOSSIP_CLOSE_TOO_BIG},
        {"\x7f\xff\xff\xff", 4, GOSSIP_CLOSE_TOO_BIG},
        {"\0\1\0\1", 4, GOSSIP_CLOSE_TOO_BIG}, /* more than a stranger may */
    };
    const uint64_t *closed = fixture.node.driver.closed;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t before = closed[cases[i].reason];
        struct peer peer = peer_connect(&fixture.node);
        peer_send(&peer, cases[i].bytes, cases[i].size_bytes);
        check_closed(&peer, 2000);
        ck_assert_uint_eq(closed[cases[i].reason], before + 1);
    }
    ck_assert_uint_ge(fixture.node.notices, 1);
    ck_assert_uint_le(fixture.node.notices, 3); /* B: no flood of the log */
}
END_TEST

START_TEST(frames_that_are_no_message_end_the_connection) {
    /* B1, B3: well-framed garbage is the engine's to refuse; the driver carries the refusal out. */
    static const char frame[] = "\0\0\0\4\xde\xad\xbe\xef";
    struct peer peer = peer_connect(&fixture.node);
    peer_send(&peer, frame, sizeof frame - 1);
    check_closed(&peer, 2000);
    const struct gossip_counters *counters = gossip_counters(fixture.node.engine);
    ck_assert_uint_eq(counters->rejected[GOSSIP_REJECT_FRAME], 1);
    ck_assert_uint_eq(counters->closed[GOSSIP_CLOSE_MALFORMED], 1);
}
END_TEST

START_TEST(a_frame_that_comes_too_slowly_is_not_waited_for) {
    /* B4: a byte now and then does not hold a connection: the deadline runs from the first byte of the frame. */
    fixture.node.driver.times.frame_ms = 100;
    struct peer peer = peer_connect(&fixture.node);
    peer_send(&peer, "\0\0\x10", 3);
    (void)turn_until(fixture.loop, never, NULL, 60);
    ck_assert(!peer_has_ended(&peer));
    peer_send(&peer, "\0x", 2);
    check_closed(&peer, 1000);
    ck_assert_uint_eq(fixture.node.driver.closed[GOSSIP_CLOSE_DEADLINE], 1);
}
END_TEST

START_TEST(half_a_frame_is_discarded) {
    /* N12: an end within a frame changes nothing. */
    struct peer peer = peer_connect(&fixture.node);
    peer_send(&peer, "\0\0\x01\0half", 8);
    (void)turn_until(fixture.loop, peer_has_received, &peer, 1000);
    ck_assert_int_eq(shutdown(peer.descriptor, SHUT_WR), 0);
    check_closed(&peer, 2000);
    for (size_t reason = 0; reason < GOSSIP_CLOSE_REASON_COUNT; reason++) {
        ck_assert_uint_eq(fixture.node.driver.closed[reason], 0);
    }
}
END_TEST

struct crowd {
    struct peer peers[GOSSIP__STRANGERS_PER_HOST_MAX + 40];
};

static bool crowd_is_cut(void *context) {
    struct crowd *crowd = context;
    size_t ended = 0;
    for (size_t i = 0; i < sizeof crowd->peers / sizeof *crowd->peers; i++) {
        ended += peer_has_ended(&crowd->peers[i]) ? 1 : 0;
    }
    return ended >= 40;
}

START_TEST(a_flood_is_cut_at_the_cap) {
    /* B5, S10: strangers of one host are capped; when they go, the next one is served. */
    static struct crowd crowd;
    struct node *node = &fixture.node;
    size_t count = sizeof crowd.peers / sizeof *crowd.peers;
    for (size_t i = 0; i < count; i++) {
        crowd.peers[i] = peer_connect(node);
    }
    ck_assert(turn_until(fixture.loop, crowd_is_cut, &crowd, 5000));
    ck_assert_uint_eq(node->driver.stranger_count, GOSSIP__STRANGERS_PER_HOST_MAX);
    ck_assert_uint_eq(node->driver.connection_count, GOSSIP__STRANGERS_PER_HOST_MAX);
    ck_assert_uint_eq(node->driver.closed[GOSSIP_CLOSE_LIMIT], 40);
    for (size_t i = 0; i < count; i++) {
        close(crowd.peers[i].descriptor);
    }
    ck_assert(turn_until(fixture.loop, has_no_connections, node, 2000));
    ck_assert_uint_eq(node->driver.stranger_count, 0);
    struct peer peer = peer_connect(node);
    ck_assert(turn_until(fixture.loop, peer_has_received, &peer, 2000));
    close(peer.descriptor);
}
END_TEST

START_TEST(without_descriptors_the_listener_waits) {
    /* N17: no exit, no spinning; once there are descriptors again, who waited is served. */
    struct node *node = &fixture.node;
    struct rlimit limit;
    struct peer peer = {.descriptor = -1};
    (void)turn_until(fixture.loop, never, NULL, 10);
    peer = peer_connect(node);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)peer.descriptor + 1, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    (void)turn_until(fixture.loop, never, NULL, 50);
    bool looked_away = ev_is_active(&node->driver.listener.backoff) != 0;
    size_t accepted = node->driver.connection_count;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert(looked_away);
    ck_assert_uint_eq(accepted, 0);
    ck_assert(turn_until(fixture.loop, peer_has_received, &peer, 2000));
    close(peer.descriptor);
}
END_TEST

static struct gossip__connection *connection_of_stranger(struct peer *peer) {
    ck_assert(turn_until(fixture.loop, peer_has_received, peer, 2000));
    ck_assert_ptr_nonnull(fixture.node.driver.connections);
    return fixture.node.driver.connections;
}

START_TEST(a_queue_that_is_full_ends_the_connection) {
    /* G8, G9: what a peer does not read is kept up to a bound. */
    struct peer peer = peer_connect(&fixture.node);
    struct gossip__connection *connection = connection_of_stranger(&peer);
    static const uint8_t frame[1024 * 1024];
    for (size_t i = 0; i < GOSSIP__WRITE_QUEUE_SIZE_MAX / sizeof frame; i++) {
        gossip__connection_send(connection, frame, sizeof frame);
    }
    ck_assert_int_eq(connection->state, GOSSIP__OPEN);
    gossip__connection_send(connection, frame, 1);
    ck_assert_int_eq(connection->state, GOSSIP__ENDED);
    check_closed(&peer, 2000);
    ck_assert_uint_eq(fixture.node.driver.closed[GOSSIP_CLOSE_LIMIT], 1);
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_not_waited_for) {
    /* B4, G9: a queue that does not move has a deadline. */
    fixture.node.driver.times.write_ms = 100;
    struct peer peer = peer_connect(&fixture.node);
    struct gossip__connection *connection = connection_of_stranger(&peer);
    static const uint8_t frame[1024 * 1024];
    for (size_t i = 0; i < 12; i++) {
        gossip__connection_send(connection, frame, sizeof frame);
    }
    ck_assert(turn_until(fixture.loop, has_no_connections, &fixture.node, 3000));
    ck_assert_uint_eq(fixture.node.driver.closed[GOSSIP_CLOSE_DEADLINE], 1);
    close(peer.descriptor);
}
END_TEST

START_TEST(what_was_sent_goes_out_before_a_close) {
    /* gossip.h: CLOSE comes after what was sent has gone out; a peer that does not read is waited for a moment only. */
    fixture.node.driver.times.flush_ms = 100;
    struct peer peer = peer_connect(&fixture.node);
    struct gossip__connection *connection = connection_of_stranger(&peer);
    size_t before = peer.received_count;
    gossip__connection_send(connection, (const uint8_t *)"farewell", 8);
    gossip__connection_flush_and_close(connection);
    ck_assert_int_eq(connection->state, GOSSIP__FLUSHING);
    ck_assert(turn_until(fixture.loop, peer_has_ended, &peer, 1000));
    ck_assert_uint_eq(peer.received_count, before + 8);
    ck_assert_mem_eq(peer.received + before, "farewell", 8);
    close(peer.descriptor);

    static const uint8_t frame[8 * 1024 * 1024];
    peer = peer_connect(&fixture.node);
    connection = connection_of_stranger(&peer);
    gossip__connection_send(connection, frame, sizeof frame);
    gossip__connection_flush_and_close(connection);
    ck_assert(turn_until(fixture.loop, has_no_connections, &fixture.node, 2000));
    close(peer.descriptor);
}
END_TEST

static bool both_are_ready(void *context) {
    struct node *nodes = context;
    return nodes[0].ready && nodes[1].ready;
}

/* Starts a second node that joins the first at `host`, and waits until it is ready. */
static void check_join(const char *host) {
    static struct node nodes[2];
    char seed[64];
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    node_start(&nodes[0], loop, 1, NULL);
    snprintf(seed, sizeof seed, "%s%s", host, strrchr(nodes[0].driver.listener.address, ':'));
    node_start(&nodes[1], loop, 2, seed);
    ck_assert(turn_until(loop, both_are_ready, nodes, 10000));
    for (size_t i = 0; i < 2; i++) {
        struct gossip__driver *driver = &nodes[i].driver;
        ck_assert_uint_eq(gossip_members(nodes[i].engine, driver->now_ms, NULL, 0), 2);
        ck_assert_uint_eq(driver->stranger_count, 0);
        ck_assert_uint_eq(driver->lookup_count, 0);
        gossip_verify(nodes[i].engine);
    }
    node_stop(&nodes[0]);
    node_stop(&nodes[1]);
    ev_loop_destroy(loop);
}

START_TEST(two_nodes_meet_over_loopback) {
    /* DESIGN 7.4: a newcomer dials its seed, is admitted, walks, and is ready. */
    check_join("127.0.0.1");
}
END_TEST

START_TEST(a_name_is_looked_up_beside_the_loop) {
    /* G9: a seed given by name is resolved by a thread, and tried at each address that the name has. */
    check_join("localhost");
}
END_TEST

static bool has_given_up_a_dial(void *context) {
    struct node *node = context;
    return node->driver.connection_count == 0 && node->driver.now_ms > 0 &&
           gossip_status(node->engine, node->driver.now_ms, 0).connection_count == 0;
}

START_TEST(dials_that_fail_are_told_to_the_engine) {
    /* L3: nobody there, no such name, no address at all: the engine hears of it, nothing is left open. */
    static const char *const addresses[] = {"127.0.0.1:1", "no-such-host.invalid:7740",
                                            "no address", "[::1]:1"};
    struct node *node = &fixture.node;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        gossip__dial(&node->driver, GOSSIP_CONNECTION_DIALED | (uint32_t)(900 + i), addresses[i]);
        ck_assert(turn_until(fixture.loop, has_given_up_a_dial, node, 10000));
    }
    ck_assert_uint_eq(node->driver.lookup_count, 0);
    /* A lookup that is under way when the driver closes is left behind without harm (teardown). */
    gossip__dial(&node->driver, GOSSIP_CONNECTION_DIALED | 999, "another-host.invalid:7740");
    ck_assert_uint_eq(node->driver.lookup_count, 1);
}
END_TEST

START_TEST(only_loopback_without_insecure) {
    /* DESIGN 9: without TLS the driver binds loopback only, unless it is told otherwise; and says what is wrong. */
    static const struct {
        const char *address;
        bool insecure;
        int result;
        const char *said;
    } cases[] = {
        {"0.0.0.0:0", false, GOSSIP_EADDRESS, "loopback"},
        {"0.0.0.0:0", true, 0, NULL},
        {"10.1.2.3:0", false, GOSSIP_EADDRESS, "loopback"},
        {"localhost:0", false, 0, NULL},
        {"nonsense", false, GOSSIP_EADDRESS, "HOST:PORT"},
        {"192.0.2.1:0", true, GOSSIP_ELISTEN, "cannot listen"},
        {"no-such-host.invalid:1", true, GOSSIP_EADDRESS, "no such host"},
    };
    struct gossip__driver_hooks hooks = {.context = NULL};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gossip__driver driver;
        struct catalog_problem problem = {.code = 0};
        ck_assert_int_eq(gossip__driver_init(&driver, fixture.loop, &merkle_allocator_libc, &hooks),
                         0);
        int result = gossip__listener_open(&driver, cases[i].address, cases[i].insecure, &problem);
        ck_assert_int_eq(result, cases[i].result);
        if (result != 0) {
            ck_assert_int_eq(problem.code, result);
            ck_assert_ptr_nonnull(strstr(problem.message, cases[i].said));
            ck_assert_ptr_nonnull(strstr(problem.message, cases[i].address));
        }
        gossip__driver_close(&driver);
    }
    /* The port is taken. */
    struct gossip__driver driver;
    struct catalog_problem problem;
    ck_assert_int_eq(gossip__driver_init(&driver, fixture.loop, &merkle_allocator_libc, &hooks), 0);
    ck_assert_int_eq(
        gossip__listener_open(&driver, fixture.node.driver.listener.address, false, &problem),
        GOSSIP_ELISTEN);
    gossip__driver_close(&driver);
}
END_TEST

Suite *ev_driver_suite(void);
Suite *ev_driver_suite(void) {
    Suite *suite = suite_create("ev_driver");
    TCase *tcase = tcase_create("ev_connection");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, who_connects_is_told_who_is_here);
    tcase_add_test(tcase, bytes_that_are_no_frame_end_the_connection);
    tcase_add_test(tcase, frames_that_are_no_message_end_the_connection);
    tcase_add_test(tcase, a_frame_that_comes_too_slowly_is_not_waited_for);
    tcase_add_test(tcase, half_a_frame_is_discarded);
    tcase_add_test(tcase, a_queue_that_is_full_ends_the_connection);
    tcase_add_test(tcase, a_peer_that_does_not_read_is_not_waited_for);
    tcase_add_test(tcase, what_was_sent_goes_out_before_a_close);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("ev_listener");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_flood_is_cut_at_the_cap);
    tcase_add_test(tcase, without_descriptors_the_listener_waits);
    tcase_add_test(tcase, only_loopback_without_insecure);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("ev_dial");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, dials_that_fail_are_told_to_the_engine);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("gossip__driver");
    tcase_add_test(tcase, two_nodes_meet_over_loopback);
    tcase_add_test(tcase, a_name_is_looked_up_beside_the_loop);
    suite_add_tcase(suite, tcase);
    return suite;
}
