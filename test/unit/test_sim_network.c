/* test_sim_network.c - connections between nodes, and what arrives: first the hello, and then what the links let through.
 *
 * The nodes have no engines here: what is queued for them is looked at. */
#include "test/unit/support/sim_kit.h"

#include "gossip/bounds.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 3 };
static const uint32_t dialed = GOSSIP_CONNECTION_DIALED + 1;

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;
static char nobody;
static const uint8_t hello[] = {0, 0, 0, 2, 0x91, 1}, ping[] = {0, 0, 0, 2, 0x91, 5};

/* All are up as far as the network can see. */
static void setup(void) {
    sim_kit_open(&kit, NODES);
    for (size_t i = 0; i < NODES; i++) {
        sim->nodes[i].engine = (struct gossip *)(void *)&nobody;
    }
}

static void teardown(void) {
    for (size_t i = 0; i < NODES; i++) {
        sim->nodes[i].engine = NULL;
    }
    sim_kit_close(&kit);
}

static void add_fault(struct scenario_action action) {
    sim_link_add(sim, &action, 1);
    free(action.nodes.indexes);
    free(action.to.indexes);
}

/* Takes the next event, which must be this one, and shows it to the network as the world does. True: to the engine too. */
static bool arrives(enum sim_event_type type, size_t node) {
    struct sim_event event;
    bool given = true;
    ck_assert(sim_event_pop(sim, &event));
    ck_assert_int_eq(event.type, type);
    ck_assert_uint_eq(event.node, node);
    ck_assert_uint_ge(event.time_ms, sim->now_ms);
    sim->now_ms = event.time_ms;
    if (type == SIM_EVENT_FRAME) {
        given = sim_network_arrives(sim, &event);
    } else if (type == SIM_EVENT_CONNECTED) {
        sim_network_connected(sim, &event);
    } else {
        given = sim_network_disconnected(sim, &event);
    }
    free(event.frame);
    return given;
}

/* n1 dials n2, and both know of it. */
static void connect(void) {
    sim_network_dial(sim, &sim->nodes[0], dialed, sim->nodes[1].address);
    arrives(SIM_EVENT_CONNECTED, 1);
    arrives(SIM_EVENT_CONNECTED, 0);
}

static void transmit(size_t node, uint32_t connection, const uint8_t *frame) {
    struct gossip_send send = {.connection = connection, .frame = frame, .size_bytes = 6};
    sim_network_send(sim, &sim->nodes[node], &send);
}

/* The same, with hellos exchanged. */
static void connect_and_greet(void) {
    connect();
    transmit(0, dialed, hello);
    ck_assert(arrives(SIM_EVENT_FRAME, 1));
    transmit(1, 1, hello);
    ck_assert(arrives(SIM_EVENT_FRAME, 0));
}

/* --- connections ------------------------------------------------------------------------------------------------------ */

START_TEST(both_ends_are_told) {
    /* A dial is told to who is dialled and then to who dialled; frames pass in both directions. */
    connect_and_greet();
    transmit(0, dialed, ping);
    ck_assert(arrives(SIM_EVENT_FRAME, 1));
    transmit(1, 1, ping);
    ck_assert(arrives(SIM_EVENT_FRAME, 0));
    ck_assert_uint_eq(sim->heap_count, 0);
    ck_assert_uint_eq(sim->stats.frames, 4);
    ck_assert_uint_eq(sim->stats.frame_bytes, 24);
}
END_TEST

START_TEST(nobody_is_there) {
    /* A dial to an address at which nobody listens, or whose node is down, is refused. */
    sim_network_dial(sim, &sim->nodes[0], dialed, "10.9.9.9:1");
    ck_assert(arrives(SIM_EVENT_DISCONNECTED, 0));
    sim->nodes[2].engine = NULL;
    sim_network_dial(sim, &sim->nodes[0], dialed, sim->nodes[2].address);
    ck_assert(arrives(SIM_EVENT_DISCONNECTED, 0));
}
END_TEST

START_TEST(nothing_answers) {
    /* A dial over a link that is cut in either direction is answered by nothing at all. */
    add_fault(sim_kit_link(SCENARIO_ONE_WAY, 1, 0));
    sim_network_dial(sim, &sim->nodes[0], dialed, sim->nodes[1].address);
    ck_assert_uint_eq(sim->heap_count, 0);
}
END_TEST

START_TEST(the_other_end_hears_of_a_close) {
    /* Who closes forgets at once; the other end is told, once, and what it sends meanwhile arrives nowhere. */
    connect_and_greet();
    unsigned end;
    sim_network_close(sim, &sim->nodes[0], dialed);
    ck_assert_ptr_null(sim_network_find(sim, &sim->nodes[0], dialed, &end));
    transmit(1, 1, ping);
    ck_assert(arrives(SIM_EVENT_DISCONNECTED, 1));
    ck_assert(!arrives(SIM_EVENT_DISCONNECTED, 1));
    ck_assert_uint_eq(sim->heap_count, 0);
    ck_assert(!sim->connections[0].used);
}
END_TEST

START_TEST(a_close_that_is_not_heard_of) {
    /* Over a cut link the end of a connection is not told: the other end keeps a half-open one, until it sends into it; it is
     * answered over a link that is whole, and else the kernel gives up after a while. */
    connect_and_greet();
    add_fault(sim_kit_link(SCENARIO_PARTITION, 0, 1));
    sim_network_close(sim, &sim->nodes[0], dialed);
    ck_assert_uint_eq(sim->heap_count, 0);
    if (_i == 1) {
        sim_link_end(sim, 0);
    }
    uint64_t sent_ms = sim->now_ms;
    transmit(1, 1, ping);
    ck_assert(arrives(SIM_EVENT_DISCONNECTED, 1));
    ck_assert(_i == 1 ? sim->now_ms < sent_ms + 10 : sim->now_ms > sent_ms + 1000);
}
END_TEST

START_TEST(crashes_end_all_connections) {
    /* When a process dies all who were connected to it are told. */
    connect_and_greet();
    sim_network_dial(sim, &sim->nodes[2], dialed, sim->nodes[1].address);
    arrives(SIM_EVENT_CONNECTED, 1);
    arrives(SIM_EVENT_CONNECTED, 2);
    sim->nodes[1].engine = NULL;
    sim_network_crashed(sim, &sim->nodes[1]);
    bool told[NODES] = {false};
    struct sim_event event;
    while (sim_event_pop(sim, &event)) {
        ck_assert_int_eq(event.type, SIM_EVENT_DISCONNECTED);
        told[event.node] = true;
    }
    ck_assert(told[0] && !told[1] && told[2]);
}
END_TEST

START_TEST(resets_end_those_between) {
    /* A reset ends connections between the two sides, at both ends, and no other. */
    static const bool first[NODES] = {true, false, false};
    static const bool last[NODES] = {false, false, true};
    static const bool second[NODES] = {false, true, false};
    connect_and_greet();
    sim_network_reset(sim, first, last);
    ck_assert_uint_eq(sim->heap_count, 0);
    ck_assert_uint_eq(sim->stats.fired[SCENARIO_CLASS_RESET], 0);
    sim_network_reset(sim, second, first);
    ck_assert_uint_eq(sim->heap_count, 2);
    ck_assert_uint_eq(sim->stats.fired[SCENARIO_CLASS_RESET], 2);
}
END_TEST

START_TEST(numbers_are_found_again) {
    /* Each of many connections is found by its number at either end, also after others are gone. */
    enum { MANY = 500 };
    unsigned end;
    for (uint32_t i = 0; i < MANY; i++) {
        sim_network_dial(sim, &sim->nodes[0], dialed + i, sim->nodes[1].address);
    }
    for (uint32_t i = 0; i < MANY; i += 3) {
        sim_network_close(sim, &sim->nodes[0], dialed + i);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        const struct sim_connection *found =
            sim_network_find(sim, &sim->nodes[0], dialed + i, &end);
        ck_assert_int_eq(found != NULL, i % 3 != 0);
        ck_assert(found == NULL || (end == 0 && found->id[0] == dialed + i));
        found = sim_network_find(sim, &sim->nodes[1], i + 1, &end);
        ck_assert(found == NULL || (end == 1 && found->id[1] == i + 1));
    }
}
END_TEST

/* --- frames ----------------------------------------------------------------------------------------------------------- */

START_TEST(hellos_come_first_and_once) {
    /* What is no hello is dropped before it, and a second hello after it. */
    connect();
    transmit(0, dialed, ping);
    ck_assert(!arrives(SIM_EVENT_FRAME, 1));
    transmit(0, dialed, hello);
    ck_assert(arrives(SIM_EVENT_FRAME, 1));
    transmit(0, dialed, hello);
    ck_assert(!arrives(SIM_EVENT_FRAME, 1));
    transmit(0, dialed, ping);
    ck_assert(arrives(SIM_EVENT_FRAME, 1));
}
END_TEST

START_TEST(cut_links_lose_frames) {
    /* Frames on a cut link are lost and counted. */
    connect_and_greet();
    add_fault(sim_kit_link(SCENARIO_ONE_WAY, 0, 1));
    transmit(0, dialed, ping);
    ck_assert_uint_eq(sim->heap_count, 0);
    ck_assert_uint_eq(sim->stats.frames_lost, 1);
    transmit(1, 1, ping);
    ck_assert(arrives(SIM_EVENT_FRAME, 0));
}
END_TEST

START_TEST(frames_come_again) {
    /* A repeated frame arrives twice with the same bytes. */
    connect_and_greet();
    struct scenario_action action = sim_kit_link(SCENARIO_REPEAT, 0, 1);
    action.percent = 100;
    add_fault(action);
    transmit(0, dialed, ping);
    ck_assert_uint_eq(sim->heap_count, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(memcmp(sim->heap[i].frame, ping, sizeof ping), 0);
        ck_assert(!sim->heap[i].hostile);
    }
}
END_TEST

START_TEST(corrupt_frames_are_no_messages) {
    /* A corrupted frame keeps its length and has bytes that MessagePack never uses; it counts as hostile. */
    connect_and_greet();
    struct scenario_action action = sim_kit_link(SCENARIO_CORRUPT, 0, 1);
    action.percent = 100;
    add_fault(action);
    transmit(0, dialed, ping);
    static const uint8_t expected[] = {0, 0, 0, 2, 0xc1, 0xc1};
    ck_assert_uint_eq(sim->heap_count, 1);
    ck_assert_uint_eq(sim->heap[0].size_bytes, sizeof expected);
    ck_assert_int_eq(memcmp(sim->heap[0].frame, expected, sizeof expected), 0);
    ck_assert(sim->heap[0].hostile);
}
END_TEST

START_TEST(pieces_are_put_together) {
    /* N10: a frame in pieces of any size goes through the frame reader, and one whose length lies is noticed. */
    connect_and_greet();
    struct scenario_action action = sim_kit_link(SCENARIO_FRAGMENT, 0, 1);
    action.count = (uint64_t)_i;
    add_fault(action);
    transmit(0, dialed, ping);
    ck_assert(arrives(SIM_EVENT_FRAME, 1));
    ck_assert(!sim->failed);
    ck_assert_uint_eq(sim->stats.fired[SCENARIO_CLASS_FRAGMENT], 1);
    static const uint8_t short_of_one[] = {0, 0, 0, 3, 0x91, 5};
    transmit(0, dialed, short_of_one);
    arrives(SIM_EVENT_FRAME, 1);
    ck_assert(sim->failed);
    ck_assert_str_eq(kit.result.invariant, "N10");
}
END_TEST

START_TEST(strangers_are_nobody) {
    /* A connection from nobody is told to the node alone; what it sends arrives without a hello, what it is sent nowhere. */
    uint32_t connection = sim_network_stranger(sim, &sim->nodes[1]);
    arrives(SIM_EVENT_CONNECTED, 1);
    transmit(1, connection, hello);
    ck_assert_uint_eq(sim->heap_count, 0);
    sim_network_inject(sim, 0, 1, ping, sizeof ping, true);
    ck_assert(arrives(SIM_EVENT_FRAME, 1));
    sim_network_close(sim, &sim->nodes[1], connection);
    ck_assert_uint_eq(sim->heap_count, 0);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test, int from, int to) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test, from, to);
    suite_add_tcase(suite, tcase);
}

Suite *sim_network_suite(void);
Suite *sim_network_suite(void) {
    Suite *suite = suite_create("sim_network");
    add(suite, "sim_network_dial", both_ends_are_told, 0, 1);
    add(suite, "sim_network_dial", nobody_is_there, 0, 1);
    add(suite, "sim_network_dial", nothing_answers, 0, 1);
    add(suite, "sim_network_close", the_other_end_hears_of_a_close, 0, 1);
    add(suite, "sim_network_close", a_close_that_is_not_heard_of, 0, 2);
    add(suite, "sim_network_crashed", crashes_end_all_connections, 0, 1);
    add(suite, "sim_network_reset", resets_end_those_between, 0, 1);
    add(suite, "sim_network_find", numbers_are_found_again, 0, 1);
    add(suite, "sim_network_arrives", hellos_come_first_and_once, 0, 1);
    add(suite, "sim_network_send", cut_links_lose_frames, 0, 1);
    add(suite, "sim_network_send", frames_come_again, 0, 1);
    add(suite, "sim_network_send", corrupt_frames_are_no_messages, 0, 1);
    add(suite, "sim_network_arrives", pieces_are_put_together, 1, 8);
    add(suite, "sim_network_stranger", strangers_are_nobody, 0, 1);
    return suite;
}
