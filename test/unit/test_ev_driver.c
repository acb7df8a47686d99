/* test_ev_driver.c - the driver with a real engine over loopback: listening, dialling, two nodes that meet. */
#include "test/unit/support/loopback.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct crowd {
    struct loopback_peer peers[GOSSIP__STRANGERS_PER_HOST_MAX + 40];
};

static bool crowd_is_cut(void *context) {
    struct crowd *crowd = context;
    size_t ended = 0;
    for (size_t i = 0; i < sizeof crowd->peers / sizeof *crowd->peers; i++) {
        ended += loopback_peer_has_ended(&crowd->peers[i]) ? 1 : 0;
    }
    return ended >= 40;
}

START_TEST(a_flood_is_cut_at_the_cap) {
    /* B5, S10: strangers of one host are capped; when they go, the next one is served. */
    static struct crowd crowd;
    struct loopback_node *node = &loopback.node;
    size_t count = sizeof crowd.peers / sizeof *crowd.peers;
    for (size_t i = 0; i < count; i++) {
        crowd.peers[i] = loopback_peer_connect(node);
    }
    ck_assert(loopback_turn_until(loopback.loop, crowd_is_cut, &crowd, 5000));
    ck_assert_uint_eq(node->driver.stranger_count, GOSSIP__STRANGERS_PER_HOST_MAX);
    ck_assert_uint_eq(node->driver.connection_count, GOSSIP__STRANGERS_PER_HOST_MAX);
    ck_assert_uint_eq(node->driver.closed[GOSSIP_CLOSE_LIMIT], 40);
    for (size_t i = 0; i < count; i++) {
        close(crowd.peers[i].descriptor);
    }
    ck_assert(loopback_turn_until(loopback.loop, loopback_has_no_connections, node, 2000));
    ck_assert_uint_eq(node->driver.stranger_count, 0);
    struct loopback_peer peer = loopback_peer_connect(node);
    ck_assert(loopback_turn_until(loopback.loop, loopback_peer_has_received, &peer, 2000));
    close(peer.descriptor);
}
END_TEST

START_TEST(without_descriptors_the_listener_waits) {
    /* N17: no exit, no spinning; once there are descriptors again, who waited is served. */
    struct loopback_node *node = &loopback.node;
    struct rlimit limit;
    struct loopback_peer peer = {.descriptor = -1};
    (void)loopback_turn_until(loopback.loop, loopback_never, NULL, 10);
    peer = loopback_peer_connect(node);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)peer.descriptor + 1, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    (void)loopback_turn_until(loopback.loop, loopback_never, NULL, 50);
    bool looked_away = ev_is_active(&node->driver.listener.backoff) != 0;
    size_t accepted = node->driver.connection_count;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert(looked_away);
    ck_assert_uint_eq(accepted, 0);
    ck_assert(loopback_turn_until(loopback.loop, loopback_peer_has_received, &peer, 2000));
    close(peer.descriptor);
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
        ck_assert_int_eq(
            gossip__driver_init(&driver, loopback.loop, &merkle_allocator_libc, &hooks), 0);
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
    ck_assert_int_eq(gossip__driver_init(&driver, loopback.loop, &merkle_allocator_libc, &hooks),
                     0);
    ck_assert_int_eq(
        gossip__listener_open(&driver, loopback.node.driver.listener.address, false, &problem),
        GOSSIP_ELISTEN);
    gossip__driver_close(&driver);
}
END_TEST

static bool has_given_up_a_dial(void *context) {
    struct loopback_node *node = context;
    return node->driver.connection_count == 0 && node->driver.now_ms > 0 &&
           gossip_status(node->engine, node->driver.now_ms, 0).connection_count == 0;
}

START_TEST(dials_that_fail_are_told_to_the_engine) {
    /* L3: nobody there, no such name, no address at all: the engine hears of it, nothing is left open. */
    static const char *const addresses[] = {"127.0.0.1:1", "no-such-host.invalid:7740",
                                            "no address", "[::1]:1"};
    struct loopback_node *node = &loopback.node;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        gossip__dial(&node->driver, GOSSIP_CONNECTION_DIALED | (uint32_t)(900 + i), addresses[i]);
        ck_assert(loopback_turn_until(loopback.loop, has_given_up_a_dial, node, 10000));
    }
    ck_assert_uint_eq(node->driver.lookup_count, 0);
    /* A lookup that is under way when the driver closes is left behind without harm (loopback_teardown). */
    gossip__dial(&node->driver, GOSSIP_CONNECTION_DIALED | 999, "another-host.invalid:7740");
    ck_assert_uint_eq(node->driver.lookup_count, 1);
}
END_TEST

static bool both_are_ready(void *context) {
    struct loopback_node *nodes = context;
    return nodes[0].ready && nodes[1].ready;
}

/* Starts a second node that joins the first at `host`, and waits until it is ready. */
static void check_join(const char *host) {
    static struct loopback_node nodes[2];
    char seed[64];
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    loopback_node_start(&nodes[0], loop, 1, NULL);
    snprintf(seed, sizeof seed, "%s%s", host, strrchr(nodes[0].driver.listener.address, ':'));
    loopback_node_start(&nodes[1], loop, 2, seed);
    ck_assert(loopback_turn_until(loop, both_are_ready, nodes, 10000));
    for (size_t i = 0; i < 2; i++) {
        struct gossip__driver *driver = &nodes[i].driver;
        ck_assert_uint_eq(gossip_members(nodes[i].engine, driver->now_ms, NULL, 0), 2);
        ck_assert_uint_eq(driver->stranger_count, 0);
        ck_assert_uint_eq(driver->lookup_count, 0);
        gossip_verify(nodes[i].engine);
    }
    loopback_node_stop(&nodes[0]);
    loopback_node_stop(&nodes[1]);
    ev_loop_destroy(loop);
}

START_TEST(two_nodes_meet_over_loopback) {
    /* DESIGN 7.4: a newcomer dials its seed, is admitted, walks, and is ready. */
    check_join("127.0.0.1");
}
END_TEST

START_TEST(a_name_is_looked_up_beside_the_loop) {
    /* G9: a seed given by name is resolved by a thread of its own, and dialled. */
    check_join("localhost");
}
END_TEST

Suite *ev_driver_suite(void);
Suite *ev_driver_suite(void) {
    Suite *suite = suite_create("ev_driver");
    TCase *tcase = tcase_create("ev_listener");
    tcase_add_checked_fixture(tcase, loopback_setup, loopback_teardown);
    tcase_add_test(tcase, a_flood_is_cut_at_the_cap);
    tcase_add_test(tcase, without_descriptors_the_listener_waits);
    tcase_add_test(tcase, only_loopback_without_insecure);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("ev_dial");
    tcase_add_checked_fixture(tcase, loopback_setup, loopback_teardown);
    tcase_add_test(tcase, dials_that_fail_are_told_to_the_engine);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("gossip__driver");
    tcase_add_test(tcase, two_nodes_meet_over_loopback);
    tcase_add_test(tcase, a_name_is_looked_up_beside_the_loop);
    suite_add_tcase(suite, tcase);
    return suite;
}
