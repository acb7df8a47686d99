/* test_sim_checkers_engine.c - the checkers that look at engines: each is shown a sound node, and is silent; then something in
 * that node is falsified by hand, and it must say so. */
#include "gossip/engine.h"
#include "test/sim/checker.h"
#include "test/unit/support/entry_maker.h"
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
        sim_node_start(sim, &sim->nodes[i]);
        while (sim->nodes[i].batches != NULL) {
            sim_node_stored(sim, &sim->nodes[i]);
        }
    }
    engine = node->engine;
    ck_assert(engine->state.ready && engine->stored.ready);
    ck_assert_msg(!sim->failed, "%s", kit.result.reason);
}

static void teardown(void) {
    sim_kit_close(&kit);
}

static void verdict(const char *id, const char *what) {
    if (id == NULL) {
        ck_assert_msg(!sim->failed, "%s", kit.result.reason);
        return;
    }
    ck_assert_msg(sim->failed, "%s is silent: %s", id, what);
    ck_assert_str_eq(kit.result.invariant, id);
    ck_assert_msg(strstr(kit.result.reason, what) != NULL, "%s", kit.result.reason);
    sim->failed = false;
    kit.result.invariant[0] = '\0';
}

static void stepped(const struct sim_checker *checker, enum gossip_event_type type) {
    checker->stepped(sim, node, &(struct gossip_event){.type = type}, &nothing);
}

/* A frame with this type of message came. */
static void message(const struct sim_checker *checker, unsigned type,
                    const struct gossip_update *update) {
    const uint8_t bytes[] = {0x92, (uint8_t)type, 0};
    struct gossip_event event = {.type = GOSSIP_MESSAGE, .message = {1, bytes, sizeof bytes}};
    checker->stepped(sim, node, &event, update);
}

static struct gossip__member *member_add(uint8_t id, enum gossip_member_state state) {
    struct catalog_member_row row = {
        .id = entry_maker_id(id), .name = "x", .address = "x:1", .ready = true};
    struct gossip__member *member = gossip__member_add(engine, &row, state);
    ck_assert_ptr_nonnull(member);
    return member;
}

/* --- S9 -------------------------------------------------------------------------------------------------------------- */

START_TEST(messages_change_no_catalog) {
    /* Only an event of the disk may change root and counter. */
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    stepped(&sim_check_s9, GOSSIP_TICK);
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    stepped(&sim_check_s9, GOSSIP_STORED);
    stepped(&sim_check_s9, GOSSIP_TICK);
    verdict(NULL, "");
    catalog_entry_release(entry);
    entry = sim_kit_entry("b", 5);
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    stepped(&sim_check_s9, GOSSIP_TICK);
    verdict("S9", "without its disk");
    catalog_entry_release(entry);
}
END_TEST

START_TEST(repeats_bring_nothing) {
    /* The same frame hands its entries to the store once, unless the store has failed in between. */
    struct catalog_batch batch = {.entry_count = 1};
    struct gossip_update update = {.batches = &batch, .batch_count = 1};
    message(&sim_check_s9, GOSSIP__PUSH, &update);
    message(&sim_check_s9, GOSSIP__PUSH, &nothing);
    engine->counters.batches_failed++;
    message(&sim_check_s9, GOSSIP__PUSH, &update);
    message(&sim_check_s9, GOSSIP__ENTRIES, &update);
    verdict(NULL, "");
    message(&sim_check_s9, GOSSIP__ENTRIES, &update);
    verdict("S9", "a second time");
}
END_TEST

/* --- S10 ------------------------------------------------------------------------------------------------------------- */

START_TEST(memory_is_bounded) {
    /* What it holds is what it has use for, and a step takes what its message accounts for. */
    sim_check_s10.interval(sim);
    sim->now_ms = 3000;
    sim_check_s10.interval(sim);
    message(&sim_check_s10, GOSSIP__PUSH, &nothing);
    verdict(NULL, "");
    node->memory.bytes += 200000;
    sim_check_s10.interval(sim);
    verdict("S10", "has use for");
    node->memory.bytes -= 200000;
    node->memory.step_peak = 200000;
    message(&sim_check_s10, GOSSIP__PUSH, &nothing);
    verdict("S10", "for a message of 3");
    node->memory.step_peak = 0;
}
END_TEST

START_TEST(counts_are_bounded) {
    /* More sessions, operations or bytes in a step than bounds.h says. */
    struct gossip_send send = {.size_bytes = (size_t)64 << 20};
    engine->operation_count = GOSSIP__OPERATIONS_MAX + 1;
    stepped(&sim_check_s10, GOSSIP_TICK);
    verdict("S10", "operations");
    engine->operation_count = 0;
    sim_check_s10.stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK},
                          &(struct gossip_update){.sends = &send, .send_count = 1});
    verdict("S10", "one step");
}
END_TEST

/* --- S11 ------------------------------------------------------------------------------------------------------------- */

START_TEST(hostile_frames_change_nothing) {
    /* Whatever differs after a hostile frame is named; after an honest one nothing is claimed. */
    stepped(&sim_check_s11, GOSSIP_TICK);
    engine->state.high_water++;
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    sim->hostile = true;
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    verdict(NULL, "");
    engine->state.high_water++;
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    verdict("S11", "its clocks");
    (void)member_add(9, GOSSIP_MEMBER_ALIVE);
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    verdict("S11", "member table");
    engine->state.cluster_id.bytes[0] ^= 1;
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    verdict("S11", "what it is");
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    verdict("S11", "its catalog");
    catalog_entry_release(entry);
}
END_TEST

/* --- S12, S14: becoming ready ---------------------------------------------------------------------------------------- */

/* It looks as if it became ready in this step. */
static void become_ready(const struct sim_checker *checker) {
    struct catalog_load load = {.fresh = true};
    checker->started(sim, node, &load);
    stepped(checker, GOSSIP_TICK);
}

START_TEST(ready_above_told_clocks) {
    /* DESIGN 4.7: a newcomer's clock is not below any that it was told. */
    struct gossip__member *member = member_add(9, GOSSIP_MEMBER_ALIVE);
    member->root_known = true;
    member->clock = engine->state.high_water;
    become_ready(&sim_check_s12);
    verdict(NULL, "");
    member->clock++;
    become_ready(&sim_check_s12);
    verdict("S12", "below that of x");
}
END_TEST

START_TEST(ready_after_walks) {
    /* DESIGN 7.4: a founder is ready at once; else what a member held when it stored the newcomer must be on its disk. */
    struct catalog_member_row row = {.id = engine->state.node_id, .name = "n1"};
    struct sim_batch admission = {.members = &row, .member_count = 1};
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    become_ready(&sim_check_s14);
    verdict(NULL, "");
    (void)member_add(9, GOSSIP_MEMBER_ALIVE);
    become_ready(&sim_check_s14);
    verdict("S14", "0 of 1 members");
    sim_kit_put(&other->disk, entry);
    sim_check_s14.landed(sim, other, &admission, NULL);
    sim_kit_put(&node->disk, entry);
    become_ready(&sim_check_s14);
    verdict(NULL, "");
    (void)member_add(10, GOSSIP_MEMBER_ALIVE);
    become_ready(&sim_check_s14);
    verdict("S14", "1 of 2 members");
    catalog_entry_release(entry);
}
END_TEST

START_TEST(lacks_what_its_admitter_had) {
    /* The same with a disk that lacks it. */
    struct catalog_member_row row = {.id = engine->state.node_id, .name = "n1"};
    struct sim_batch admission = {.members = &row, .member_count = 1};
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    (void)member_add(9, GOSSIP_MEMBER_ALIVE);
    sim_kit_put(&other->disk, entry);
    sim_check_s14.landed(sim, other, &admission, NULL);
    become_ready(&sim_check_s14);
    verdict("S14", "0 of 1 members");
    catalog_entry_release(entry);
}
END_TEST

static void steps(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        stepped(&sim_check_s14, GOSSIP_TICK);
    }
}

START_TEST(shows_its_disk) {
    /* Counts, clocks and removed members are those of the disk, each hundredth step. */
    steps(200);
    verdict(NULL, "");
    node->disk.state.seen++;
    steps(100);
    verdict("S14", "other clocks");
    node->disk.state.seen--;
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    sim_kit_put(&node->disk, entry);
    steps(100);
    verdict("S14", "number of entries");
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    steps(100);
    verdict(NULL, "");
    struct catalog_member_row row = {
        .id = entry_maker_id(9), .name = "x", .state = GOSSIP_MEMBER_REMOVED};
    sim_disk_take(&node->disk, &(struct sim_batch){
                                   .members = &row, .member_count = 1, .state = node->disk.state});
    steps(100);
    verdict("S14", "fewer members");
    (void)member_add(9, GOSSIP_MEMBER_ALIVE);
    steps(100);
    verdict("S14", "a removed member");
    catalog_entry_release(entry);
}
END_TEST

/* --- S13: doubled ids ------------------------------------------------------------------------------------------------ */

static void calm(uint64_t intervals) {
    for (uint64_t i = 0; i < intervals && !sim->failed; i++) {
        sim->now_ms += kit.scenario.interval_ms;
        sim_check_s13.interval(sim);
    }
}

START_TEST(one_process_takes_writes) {
    /* Of two processes with one id one must refuse writes once the world has been calm for long enough, and not before. */
    sim_kit_close(&kit);
    sim_kit_open(&kit, 4);
    node = &sim->nodes[0];
    for (size_t i = 0; i < 4; i++) {
        sim->nodes[i].founder = true;
        sim_node_start(sim, &sim->nodes[i]);
        while (sim->nodes[i].batches != NULL) {
            sim_node_stored(sim, &sim->nodes[i]);
        }
    }
    struct sim_node *copy = &sim->nodes[3];
    copy->clone_of = 0;
    copy->engine->state.node_id = node->engine->state.node_id;
    calm(10);
    verdict(NULL, "");
    calm(40);
    verdict("S13", "the id of n1");
    copy->engine->duplicate_id = true;
    calm(40);
    verdict(NULL, "");
    copy->engine->duplicate_id = false;
    node->frozen_until_ms = UINT64_MAX;
    calm(40);
    verdict(NULL, "");
}
END_TEST

START_TEST(removed_in_the_table) {
    /* An engine takes an id whose removal is on its disk for nothing else. */
    struct catalog_member_row row = {
        .id = entry_maker_id(9), .name = "x", .state = GOSSIP_MEMBER_REMOVED};
    struct sim_batch batch = {.members = &row, .member_count = 1, .state = node->disk.state};
    struct gossip__member *member = member_add(9, GOSSIP_MEMBER_REMOVED);
    sim_check_s13.landed(sim, node, &batch, NULL);
    calm(3);
    verdict(NULL, "");
    member->state = GOSSIP_MEMBER_ALIVE;
    calm(3);
    verdict("S13", "for alive");
}
END_TEST

/* --- S15 ------------------------------------------------------------------------------------------------------------- */

START_TEST(each_is_answered_once) {
    /* A reply for each operation, no second one, and none that waits at the end. */
    struct gossip_operation operation = {.type = GOSSIP_SYNC, .token = 7};
    struct gossip_event event = {.type = GOSSIP_OPERATION, .operation = &operation};
    struct gossip_reply reply = {.token = 7};
    struct gossip_update answer = {.replies = &reply, .reply_count = 1};
    engine->operation_count = 1;
    sim_check_s15.stepped(sim, node, &event, &nothing);
    verdict(NULL, "");
    sim_check_s15.finished(sim);
    verdict("S15", "never got a reply");
    engine->operation_count = 0;
    sim_check_s15.stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK}, &answer);
    sim_check_s15.finished(sim);
    verdict(NULL, "");
    sim_check_s15.stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK}, &answer);
    verdict("S15", "a second one");
    engine->operation_count = 1;
    stepped(&sim_check_s15, GOSSIP_TICK);
    verdict("S15", "0 operations wait, and it counts 1");
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
    verdict(NULL, "");
    node->frozen_until_ms = other->frozen_until_ms = sim->now_ms + 5 * interval_ms;
    sim->now_ms += 4 * interval_ms;
    sim_check_l2.interval(sim);
    verdict(NULL, "");
    node->frozen_until_ms = 0;
    sim->now_ms += 2 * interval_ms;
    sim_check_l2.interval(sim);
    verdict("L2", "no turn for");
    engine->tick_ms = engine->join_next_ms = GOSSIP_NEVER;
    stepped(&sim_check_l2, GOSSIP_TICK);
    verdict("L2", "later than its next turn");
}
END_TEST

START_TEST(all_are_asked) {
    /* At rest each has asked each other within two rounds; the claim waits for a quiet phase that is long enough. */
    sim->nodes[2].joined = false;
    sim_check_l2.phase(sim, SIM_QUIET);
    sim_check_l2.finished(sim);
    verdict(NULL, "");
    sim->now_ms += 100 * kit.scenario.interval_ms;
    sim_check_l2.sent(sim, node, other, GOSSIP__DIGEST, NULL);
    sim_check_l2.sent(sim, other, node, GOSSIP__PONG, NULL);
    sim_check_l2.finished(sim);
    verdict("L2", "n2: has not asked n1");
    sim_check_l2.sent(sim, other, node, GOSSIP__PING, NULL);
    sim_check_l2.finished(sim);
    verdict(NULL, "");
}
END_TEST

/* --- L3 -------------------------------------------------------------------------------------------------------------- */

static void finish(const char *what) {
    sim_check_l3.finished(sim);
    verdict(what == NULL ? NULL : "L3", what);
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
    verdict(NULL, "");
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
    verdict(NULL, "");
    for (unsigned i = 0; i < 30 && !sim->failed; i++) {
        sim->now_ms += kit.scenario.interval_ms;
        sim_check_l5.interval(sim);
    }
    verdict("L5", "and n2 reach each other");
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
    verdict(NULL, "");
    node->disk_broken = true;
    sim_check_l8.interval(sim);
    verdict("L8", "store works");
    node->disk_broken = false;
    struct catalog_id cluster_id = engine->state.cluster_id;
    engine->state.cluster_id = (struct catalog_id){{0}};
    sim_check_l8.interval(sim);
    verdict("L8", "no cluster");
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
    verdict("L8", "number 0 of a schema, its disk has 4");
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    sim_check_l8.interval(sim);
    verdict(NULL, "");
    catalog_entry_release(entry);
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

Suite *sim_checkers_engine_suite(void);
Suite *sim_checkers_engine_suite(void) {
    Suite *suite = suite_create("sim_checkers_engine");
    ADD(suite, "check_messages", messages_change_no_catalog, repeats_bring_nothing);
    ADD(suite, "check_memory", memory_is_bounded, counts_are_bounded);
    ADD(suite, "check_hostile", hostile_frames_change_nothing);
    ADD(suite, "check_ready", ready_above_told_clocks, ready_after_walks,
        lacks_what_its_admitter_had, shows_its_disk);
    ADD(suite, "check_identity", one_process_takes_writes, removed_in_the_table);
    ADD(suite, "check_replies", each_is_answered_once);
    ADD(suite, "check_turns", turns_never_end, all_are_asked);
    ADD(suite, "check_baseline", nothing_is_left);
    ADD(suite, "check_sides", sides_become_equal);
    ADD(suite, "check_answers", answers_are_right, checks_by_the_schema_on_disk);
    return suite;
}
