/* test_sim_checkers_course.c - the checkers of what a run comes to: replies, turns, what is left at the end, sides of a split, and
 * answers. Each is shown a sound node, and is silent; then something is falsified by hand, and it must say so. */
#include "gossip/engine.h"
#include "test/sim/checker.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/scenario_kit.h"
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;
static struct sim_node *node, *other;
static struct gossip *engine;
static const struct gossip_update nothing;

/* Two nodes that have founded clusters of their own; the second belongs to the first's as far as the world knows. */
static void setup(void) {
    sim_kit_open(&kit, 3);
    node = &sim->nodes[0];
    other = &sim->nodes[1];
    other->founder = true;
    for (size_t i = 0; i < 2; i++) {
        sim_kit_start(&kit, i);
    }
    engine = node->engine;
    ck_assert(engine->state.ready && engine->stored.ready);
    ck_assert_msg(!sim->failed, "%s", kit.result.reason);
}

static void teardown(void) {
    sim_kit_close(&kit);
}

static void stepped(const struct sim_checker *checker, enum gossip_event_type type) {
    checker->stepped(sim, node, &(struct gossip_event){.type = type}, &nothing);
}

static struct gossip__member *member_add(uint8_t id, enum gossip_member_state state) {
    struct catalog_member_row row = {
        .id = entry_maker_id(id), .name = "x", .address = "x:1", .ready = true};
    struct gossip__member *member = gossip__member_add(engine, &row, state);
    ck_assert_ptr_nonnull(member);
    return member;
}

/* --- S15 ------------------------------------------------------------------------------------------------------------- */

START_TEST(each_is_answered_once) {
    /* A reply for each operation, no second one, and none that waits at the end. */
    struct gossip_operation operation = {.type = GOSSIP_SYNC, .token = 7};
    struct gossip_event event = {.type = GOSSIP_OPERATION, .operation = &operation};
    struct gossip_reply reply = {.token = 7};
    struct gossip_update answer = {.replies = &reply, .reply_count = 1};
    engine->operation_count = 1;
    sim_check_s15.stepped(sim, node, &event, &nothing);
    sim_kit_verdict(&kit, NULL, "");
    sim_check_s15.finished(sim);
    sim_kit_verdict(&kit, "S15", "never got a reply");
    engine->operation_count = 0;
    sim_check_s15.stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK}, &answer);
    sim_check_s15.finished(sim);
    sim_kit_verdict(&kit, NULL, "");
    sim_check_s15.stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK}, &answer);
    sim_kit_verdict(&kit, "S15", "a second one");
    engine->operation_count = 1;
    stepped(&sim_check_s15, GOSSIP_TICK);
    sim_kit_verdict(&kit, "S15", "0 operations wait, and it counts 1");
    engine->operation_count = 0;
}
END_TEST

/* --- L2 -------------------------------------------------------------------------------------------------------------- */

START_TEST(turns_never_end) {
    /* A turn each interval and its jitter, unless the process is frozen, and a deadline that leads to it. */
    uint64_t interval_ms = kit.scenario.interval_ms;
    stepped(&sim_check_l2, GOSSIP_TICK);
    sim->now_ms += interval_ms;
    sim_check_l2.interval(sim);
    sim_kit_verdict(&kit, NULL, "");
    node->frozen_until_ms = other->frozen_until_ms = sim->now_ms + 5 * interval_ms;
    sim->now_ms += 4 * interval_ms;
    sim_check_l2.interval(sim);
    sim_kit_verdict(&kit, NULL, "");
    node->frozen_until_ms = 0;
    sim->now_ms += 2 * interval_ms;
    sim_check_l2.interval(sim);
    sim_kit_verdict(&kit, "L2", "no turn for");
    engine->probe_sequence++;
    other->engine->probe_sequence++;
    stepped(&sim_check_l2, GOSSIP_TICK);
    other->frozen_until_ms = UINT64_MAX;
    engine->tick_ms = engine->join_next_ms = GOSSIP_NEVER;
    sim_check_l2.interval(sim);
    sim_kit_verdict(&kit, "L2", "later than its next turn");
}
END_TEST

START_TEST(all_are_asked) {
    /* At rest each has asked each other within two rounds; the claim waits for a quiet phase that is long enough. */
    sim->nodes[2].joined = false;
    sim_check_l2.phase(sim, SIM_QUIET);
    sim_check_l2.finished(sim);
    sim_kit_verdict(&kit, NULL, "");
    sim->now_ms += 100 * kit.scenario.interval_ms;
    sim_check_l2.sent(sim, node, other, GOSSIP__DIGEST, NULL);
    sim_check_l2.sent(sim, other, node, GOSSIP__PONG, NULL);
    sim_check_l2.finished(sim);
    sim_kit_verdict(&kit, "L2", "n2: has not asked n1");
    sim_check_l2.sent(sim, other, node, GOSSIP__PING, NULL);
    sim_check_l2.finished(sim);
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

/* --- L3 -------------------------------------------------------------------------------------------------------------- */

static void finish(const char *what) {
    sim_check_l3.finished(sim);
    sim_kit_verdict(&kit, what == NULL ? NULL : "L3", what);
}

START_TEST(nothing_is_left) {
    /* What is under way at the end is named, and so is memory that a new engine would not take. */
    struct gossip__session session = {.state = GOSSIP__SESSION_HELLO, .deadline_ms = UINT64_MAX};
    struct gossip__exchange exchange = {.state = GOSSIP__EXCHANGE_DIGEST};
    struct gossip__member *member = member_add(9, GOSSIP_MEMBER_ALIVE);
    finish(NULL);
    engine->operation_count = 1;
    finish("an operation");
    engine->operation_count = 0;
    engine->sessions = &session;
    finish(NULL);
    session.deadline_ms = 0;
    finish("neither established");
    session.state = GOSSIP__SESSION_ESTABLISHED;
    member->session = &session;
    member->push.count = 1;
    finish("a push");
    member->push.count = 0;
    engine->sessions = NULL;
    member->session = NULL;
    engine->exchanges[0] = &exchange;
    exchange.member = member;
    finish("knows nothing of it");
    member->exchange = &exchange;
    exchange.started_ms = engine->now_ms;
    finish(NULL);
    engine->now_ms += 60000;
    finish("does not end");
    exchange.started_ms = engine->now_ms;
    exchange.state = GOSSIP__EXCHANGE_WALK;
    finish("a walk");
    engine->exchanges[0] = NULL;
    member->exchange = NULL;
    node->memory.bytes += 200000;
    finish("at rest");
    node->memory.bytes -= 200000;
}
END_TEST

/* --- L5 -------------------------------------------------------------------------------------------------------------- */

START_TEST(sides_become_equal) {
    /* In a long split without writes those of one side have one root; those of two need not. */
    struct scenario_action split = sim_kit_link(SCENARIO_PARTITION, 0, 1);
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    sim_link_add(sim, &split, 1);
    for (unsigned i = 0; i < 60; i++) {
        sim->now_ms += kit.scenario.interval_ms;
        sim_check_l5.interval(sim);
    }
    sim_kit_verdict(&kit, NULL, "");
    sim_link_end(sim, 1);
    free(split.to.indexes);
    uint16_t third = 2;
    split.to = scenario_nodes_of(1, &third);
    sim_link_add(sim, &split, 2); /* n1 and n2 both lose n3: one side */
    sim->link_faults[0].from[1] = true;
    for (unsigned i = 0; i < 10; i++) {
        sim->now_ms += kit.scenario.interval_ms;
        sim_check_l5.interval(sim);
    }
    sim_kit_verdict(&kit, NULL, "");
    for (unsigned i = 0; i < 30 && !sim->failed; i++) {
        sim->now_ms += kit.scenario.interval_ms;
        sim_check_l5.interval(sim);
    }
    sim_kit_verdict(&kit, "L5", "and n2 reach each other");
    catalog_entry_release(entry);
    free(split.nodes.indexes);
    free(split.to.indexes);
}
END_TEST

/* --- L8 -------------------------------------------------------------------------------------------------------------- */

START_TEST(answers_are_right) {
    /* What a check of a record says of the schema is what the disk says; and nobody is ready without a cluster. */
    struct made_line line = {1, 5, CATALOG_ACTIVE, 'a'};
    struct catalog_key key = entry_maker_key(9, "x", "y");
    struct catalog_entry *entry = entry_maker_lines(&key, &line, 1);
    sim->now_ms = 3 * kit.scenario.interval_ms; /* n1 is asked, of e1 */
    sim_check_l8.interval(sim);
    sim_kit_verdict(&kit, NULL, "");
    node->disk_broken = true;
    sim_check_l8.interval(sim);
    sim_kit_verdict(&kit, "L8", "store works");
    node->disk_broken = false;
    struct catalog_id cluster_id = engine->state.cluster_id;
    engine->state.cluster_id = (struct catalog_id){{0}};
    sim_check_l8.interval(sim);
    sim_kit_verdict(&kit, "L8", "no cluster");
    engine->state.cluster_id = cluster_id;
    catalog_entry_release(entry);
}
END_TEST

START_TEST(checks_by_the_schema_on_disk) {
    /* A schema that the disk has and the catalog lacks is missed. */
    struct made_version version = {.clock = 5, .origin = 1, .node = "n", .number = 4};
    struct made_pair pair = {1, 5};
    struct catalog_key key = entry_maker_key(CATALOG_SCHEMA, "e1", "");
    version.state = CATALOG_ACTIVE;
    version.body = "\x81\xa6"
                   "fields\x80";
    version.body_size_bytes = 9;
    struct catalog_entry *entry = entry_maker_entry(&key, &version, 1, &pair, 1);
    sim->now_ms = 3 * kit.scenario.interval_ms;
    sim_kit_put(&node->disk, entry);
    sim_check_l8.interval(sim);
    sim_kit_verdict(&kit, "L8", "number 0 of a schema, its disk has 4");
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    sim_check_l8.interval(sim);
    sim_kit_verdict(&kit, NULL, "");
    catalog_entry_release(entry);
}
END_TEST

/* --- all of them ------------------------------------------------------------------------------------------------------ */

/* Faults of many classes, a long split without writes at the end, and a removal: something for each. */
static const char *const busy =
    "name: t\nnodes: 4\ninterval: 500ms\nload_ends: 60s\n"
    "load:\n  - {from: 3s, until: 20s, every: 100ms, drops: 20, imports: 20}\n"
    "actions:\n"
    "  - {at: 4s, do: repeat, percent: 30, for: 14s}\n"
    "  - {at: 5s, do: liar, nodes: [n1], count: 20}\n"
    "  - {at: 6s, do: stranger, nodes: [n2], count: 5}\n"
    "  - {at: 8s, do: crash, nodes: [n3], for: 2s}\n"
    "  - {at: 10s, do: wipe, nodes: [n4], for: 1s}\n"
    "  - {at: 12s, do: sync, nodes: [n1]}\n"
    "  - {at: 14s, do: staged_set, nodes: [n2], key: schema/staged, body: '{\"fields\":{}}', wait: "
    "30s}\n"
    "  - {at: 17s, do: remove_live, nodes: [n3], to: [n1], for: 2s}\n"
    "  - {at: 21s, do: partition, nodes: [n1, n2], for: 35s}\n";

START_TEST(each_has_looked) {
    /* A run in which much happens holds, and each checker of the table has compared something in it. */
    struct report report;
    struct scenario scenario;
    struct sim_result result;
    scenario_kit_parse(busy, &scenario);
    scenario_expand(&scenario);
    report_open(&report, &scenario, "sim");
    sim_run(&(struct sim_options){.scenario = &scenario, .report = &report}, &result);
    ck_assert_msg(result.verdict == CHAOS_HELD, "%s", result.reason);
    ck_assert_uint_eq(report.check_count, sim_checker_count);
    for (size_t i = 0; i < report.check_count; i++) {
        /* S2 is compared by god.c, which counts otherwise; L6 needs two runs. */
        bool elsewhere = strcmp(report.checks[i].id, "S2") == 0 ||
                         strcmp(report.checks[i].id, "L6") == 0 || sim_checkers[i]->later;
        ck_assert_msg(elsewhere || report.checks[i].evaluations > 0, "%s never looked",
                      report.checks[i].id);
    }
    report_close(&report);
    scenario_close(&scenario);
}
END_TEST

/* --- the suite ------------------------------------------------------------------------------------------------------- */

static void add(Suite *suite, const char *name, const TTest *const *tests, size_t count) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
}
#define ADD(suite, name, ...)                                                                      \
    add(suite, name, (const TTest *const[]){__VA_ARGS__},                                          \
        sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

Suite *sim_checkers_course_suite(void);
Suite *sim_checkers_course_suite(void) {
    Suite *suite = suite_create("sim_checkers_course");
    ADD(suite, "check_replies", each_is_answered_once);
    ADD(suite, "check_turns", turns_never_end, all_are_asked);
    ADD(suite, "check_baseline", nothing_is_left);
    ADD(suite, "check_sides", sides_become_equal);
    ADD(suite, "check_answers", answers_are_right, checks_by_the_schema_on_disk);
    TCase *tcase = tcase_create("check_all");
    tcase_add_test(tcase, each_has_looked);
    suite_add_tcase(suite, tcase);
    return suite;
}
