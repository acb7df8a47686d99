/* test_sim_hostile.c - strangers and liars: each kind of them comes, is refused as what it is, and changes nothing. */
#include "gossip/message.h"
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIES = 10 };

static struct sim_result result;

START_TEST(every_lie_is_told_and_refused) {
    /* Over many runs every lie is told, the connection that carried it ends (or the message is ignored), and all promises
     * hold, with the content that there would be without. */
    char content[sizeof result.content_root];
    bool told[LIES] = {false};
    bool closed = false;
    sim_kit_run(SIM_KIT_HEAD SIM_KIT_WRITES, NULL, &result);
    memcpy(content, result.content_root, sizeof content);
    for (unsigned seed = 1; seed <= 16; seed++) {
        char text[1000];
        (void)snprintf(text, sizeof text,
                       "%s  - {at: 6s, do: liar, nodes: [n1-n3], count: 8}\nseed: %u\n",
                       SIM_KIT_HEAD SIM_KIT_WRITES, seed);
        const char *trace = sim_kit_trace(text, &result);
        ck_assert_msg(result.verdict == CHAOS_HELD, "%s", result.reason);
        ck_assert_str_eq(result.content_root, content);
        for (unsigned lie = 0; lie < LIES; lie++) {
            char line[20];
            (void)snprintf(line, sizeof line, "lie %u\n", lie);
            told[lie] = told[lie] || strstr(trace, line) != NULL;
        }
        closed = closed || strstr(trace, "close malformed") != NULL;
    }
    for (unsigned lie = 0; lie < LIES; lie++) {
        ck_assert_msg(told[lie], "lie %u was never told", lie);
    }
    ck_assert(closed);
}
END_TEST

START_TEST(strangers_are_shown_out) {
    /* Each stranger's garbage arrives, and its connection is closed; nothing else comes of it. */
    const char *trace = sim_kit_trace(
        SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 6s, do: stranger, nodes: [n2], count: 5}\n", &result);
    ck_assert_msg(result.verdict == CHAOS_HELD, "%s", result.reason);
    ck_assert_uint_eq(result.stats.fired[SCENARIO_CLASS_STRANGER], 5);
    unsigned closed = 0;
    for (const char *at = trace; (at = strstr(at, "n2  close ")) != NULL; at++) {
        closed++;
    }
    ck_assert_uint_ge(closed, 5);
}
END_TEST

START_TEST(nobody_to_lie_to) {
    /* Without a connection there is nothing to lie over: no effect. */
    struct sim_kit kit;
    sim_kit_open(&kit, 2);
    for (unsigned i = 0; i < 20; i++) {
        sim_hostile_liar(&kit.sim, &kit.sim.nodes[0]);
    }
    ck_assert_uint_eq(kit.sim.stats.fired[SCENARIO_CLASS_LIAR], 0);
    ck_assert_uint_eq(kit.sim.heap_count, 0);
    sim_kit_close(&kit);
}
END_TEST

START_TEST(some_lies_wait_for_a_question) {
    /* About half of them are told when the node asks a member something, over that connection, and not before. */
    struct sim_kit kit;
    sim_kit_open(&kit, 2);
    struct sim_node *node = &kit.sim.nodes[0];
    for (unsigned i = 0; i < 40; i++) {
        sim_hostile_liar(&kit.sim, node);
    }
    unsigned waiting = node->lies_waiting;
    ck_assert_uint_gt(waiting, 8);
    ck_assert_uint_lt(waiting, 32);
    sim_hostile_answer(&kit.sim, node, 0, 0, GOSSIP__PUSH);
    ck_assert_uint_eq(node->lies_waiting, waiting);
    kit.sim.loading = false;
    sim_hostile_answer(&kit.sim, node, 0, 0, GOSSIP__WALK);
    ck_assert_uint_eq(node->lies_waiting, waiting);
    sim_kit_close(&kit);
}
END_TEST

START_TEST(what_a_stranger_sends) {
    /* A frame of its own whose length is right, marked as hostile, after the connection is there; never twice the same. */
    struct sim_kit kit;
    struct sim_event event;
    uint64_t before = 0;
    sim_kit_open(&kit, 2);
    for (unsigned i = 0; i < 50; i++) {
        sim_hostile_stranger(&kit.sim, &kit.sim.nodes[1]);
        ck_assert(sim_event_pop(&kit.sim, &event));
        ck_assert_int_eq(event.type, SIM_EVENT_CONNECTED);
        ck_assert(sim_event_pop(&kit.sim, &event));
        ck_assert_int_eq(event.type, SIM_EVENT_FRAME);
        ck_assert_uint_eq(event.node, 1);
        ck_assert(event.hostile);
        size_t length = (size_t)event.frame[2] << 8 | event.frame[3];
        ck_assert_uint_eq(length + 4, event.size_bytes);
        uint64_t sum = merkle_digest_of(event.frame, event.size_bytes, 0).bytes[0] + length * 256;
        ck_assert_uint_ne(sum, before);
        before = sum;
        free(event.frame);
    }
    sim_kit_close(&kit);
}
END_TEST

Suite *sim_hostile_suite(void);
Suite *sim_hostile_suite(void) {
    Suite *suite = suite_create("sim_hostile");
    TCase *liar = tcase_create("sim_hostile_liar");
    tcase_add_test(liar, every_lie_is_told_and_refused);
    tcase_add_test(liar, nobody_to_lie_to);
    tcase_add_test(liar, some_lies_wait_for_a_question);
    suite_add_tcase(suite, liar);
    TCase *stranger = tcase_create("sim_hostile_stranger");
    tcase_add_test(stranger, strangers_are_shown_out);
    tcase_add_test(stranger, what_a_stranger_sends);
    suite_add_tcase(suite, stranger);
    return suite;
}
