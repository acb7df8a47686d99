/* test_sim_operation.c - the clients: what they ask, what counts as success, and that an acknowledgement is held to. */
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <string.h>

static struct sim_result result;

static void counts(enum sim_operation operation, uint64_t tried, uint64_t succeeded) {
    ck_assert_uint_eq(result.stats.tried[operation], tried);
    ck_assert_uint_eq(result.stats.succeeded[operation], succeeded);
}

START_TEST(each_operation) {
    /* Each is asked of its node, answered, and counted; drops take along what depends on it. */
    const char *trace = sim_kit_trace(
        SIM_KIT_HEAD SIM_KIT_SET("4s", "n2",
                                 "b") "  - {at: 5s, do: set, nodes: [n1], key: schema/a, body: "
                                      "'{\"fields\":{\"x\":{\"type\":\"string\"}}}'}\n"
                                      "  - {at: 6s, do: set, nodes: [n3], key: index/a/i, body: "
                                      "'{\"fields\":[\"x\"]}'}\n"
                                      "  - {at: 7s, do: drop, nodes: [n2], key: schema/a}\n"
                                      "  - at: 8s\n    do: import\n    nodes: [n1]\n    body: |\n"
                                      "      {\"kind\":\"schema\",\"entity\":\"c\",\"fields\":{}}\n"
                                      "      {\"kind\":\"schema\",\"entity\":\"d\",\"fields\":{}}\n"
                                      "  - {at: 9s, do: sync, nodes: [n1]}\n  - {at: 10s, do: "
                                      "diff, nodes: [n1], to: [n3]}\n"
                                      "expect: {entries: 3, conflicts: 0}\n",
        &result);
    ck_assert_msg(result.verdict == CHAOS_HELD, "%s", result.reason);
    counts(SIM_OPERATION_SET, 3, 3);
    counts(SIM_OPERATION_DROP, 1, 1);
    counts(SIM_OPERATION_IMPORT, 1, 1);
    ck_assert_uint_ge(result.stats.succeeded[SIM_OPERATION_SYNC], 2);
    ck_assert_uint_ge(result.stats.succeeded[SIM_OPERATION_DIFF], 2);
    ck_assert_uint_eq(result.stats.acknowledged, 6);
    ck_assert_ptr_nonnull(strstr(trace, "    8000 n1  import"));
}
END_TEST

START_TEST(refusals_are_no_success) {
    /* What a node refuses, and what is asked of one that is down, is tried and not acknowledged. */
    const char *trace =
        sim_kit_trace(SIM_KIT_HEAD SIM_KIT_WRITES
                      "  - {at: 6s, do: mass_restart, nodes: [n3], for: 2s}\n" SIM_KIT_SET(
                          "7s", "n3", "c") "  - {at: 9s, do: drop, nodes: [n1], key: schema/zz}\n"
                                           "  - {at: 10s, do: drop, nodes: [n1], key: schema/b}\n"
                                           "expect: {entries: 1}\n",
                      &result);
    ck_assert_msg(result.verdict == CHAOS_HELD, "%s", result.reason);
    counts(SIM_OPERATION_SET, 3, 2);
    counts(SIM_OPERATION_DROP, 2, 1);
    ck_assert_uint_eq(result.stats.acknowledged, 3);
    ck_assert_ptr_nonnull(strstr(trace, "n1  reply not_found"));
}
END_TEST

START_TEST(waiting_staging_asking) {
    /* A write that waits is acknowledged, and then agreed on; staged changes end, and go back; a resolution needs a conflict; who
     * is cut off is stale. */
    const char *trace = sim_kit_trace(
        SIM_KIT_HEAD SIM_KIT_WRITES
        "  - {at: 6s, do: set, nodes: [n1], key: schema/c, body: '{\"fields\":{}}', wait: 2s}\n"
        "  - {at: 6500ms, do: agree, nodes: [n2], key: schema/zz, wait: 2s}\n"
        "  - {at: 7s, do: staged_set, nodes: [n2], key: schema/s, body: '{\"fields\":{}}'}\n"
        "  - {at: 8s, do: staged_drop, nodes: [n3], key: schema/s}\n"
        "  - {at: 8500ms, do: staged_abort, nodes: [n3], key: schema/a}\n"
        "  - {at: 8600ms, do: resolve, nodes: [n1], key: schema/a, to: [n1]}\n"
        "  - {at: 8700ms, do: check, nodes: [n3], span: 1s}\n"
        "  - {at: 8800ms, do: partition, nodes: [n3], for: 2500ms}\n"
        "  - {at: 11s, do: check, nodes: [n3], span: 1s}\n",
        &result);
    ck_assert_msg(result.verdict == CHAOS_UNKNOWN, "%s", result.reason); /* no conflict, no abort */
    counts(SIM_OPERATION_SET, 3, 3);
    counts(SIM_OPERATION_STAGED_SET, 1, 1);
    counts(SIM_OPERATION_STAGED_DROP, 1, 1);
    counts(SIM_OPERATION_STAGED_ABORT, 1, 0);
    counts(SIM_OPERATION_RESOLVE, 1, 0);
    counts(SIM_OPERATION_CHECK, 5, 4); /* at rest all three are asked */
    counts(SIM_OPERATION_AGREE, 5, 4);
    ck_assert_ptr_nonnull(strstr(trace, "n3  check: agreement age"));
    ck_assert_ptr_nonnull(strstr(trace, "stale"));
    ck_assert_ptr_nonnull(strstr(trace, "n2  reply not_found"));
}
END_TEST

START_TEST(acknowledged_and_not_there) {
    /* S2: a node that acknowledges what is not on its disk is caught in that instant; what is there is remembered by god. */
    struct sim_kit kit;
    sim_kit_open(&kit, 2);
    struct sim_node *node = &kit.sim.nodes[1];
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    struct catalog_outcome outcome = {.entry = entry};
    const struct catalog_plan plan = {.outcomes = &outcome, .outcome_count = 1};
    const struct gossip_reply reply = {.token = 16 + SIM_OPERATION_SET, .plan = &plan};
    const struct gossip_reply refused = {.token = 32 + SIM_OPERATION_SET, .code = -1};
    sim_operation_reply(&kit.sim, node, &refused);
    ck_assert(!kit.sim.failed);
    ck_assert_uint_eq(kit.sim.stats.succeeded[SIM_OPERATION_SET], 0);
    sim_operation_reply(&kit.sim, node, &reply);
    ck_assert(kit.sim.failed);
    ck_assert_str_eq(kit.result.invariant, "S2");
    ck_assert_uint_eq(kit.result.failed_node, 1);
    ck_assert_uint_eq(kit.sim.acknowledged_count, 0);
    catalog_entry_release(entry);
    sim_kit_close(&kit);
}
END_TEST

START_TEST(removed_when_it_is_answered) {
    /* A member counts as removed once the operator was told so. */
    struct sim_kit kit;
    sim_kit_open(&kit, 3);
    const struct gossip_reply reply = {.token = (2 + 1) * 16 + 15};
    sim_operation_reply(&kit.sim, &kit.sim.nodes[0], &reply);
    ck_assert(kit.sim.nodes[2].removed && !kit.sim.nodes[1].removed);
    ck_assert(!sim_required(&kit.sim, &kit.sim.nodes[2]));
    ck_assert_uint_eq(kit.sim.stats.fired[SCENARIO_CLASS_REMOVE], 1);
    sim_kit_close(&kit);
}
END_TEST

Suite *sim_operation_suite(void);
Suite *sim_operation_suite(void) {
    Suite *suite = suite_create("sim_operation");
    TCase *perform = tcase_create("sim_operation_perform");
    tcase_add_test(perform, each_operation);
    tcase_add_test(perform, refusals_are_no_success);
    tcase_add_test(perform, waiting_staging_asking);
    suite_add_tcase(suite, perform);
    TCase *reply = tcase_create("sim_operation_reply");
    tcase_add_test(reply, acknowledged_and_not_there);
    tcase_add_test(reply, removed_when_it_is_answered);
    suite_add_tcase(suite, reply);
    return suite;
}
