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
    sim_kit_verdict(&kit, NULL, "");
    catalog_entry_release(entry);
    entry = sim_kit_entry("b", 5);
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    stepped(&sim_check_s9, GOSSIP_TICK);
    sim_kit_verdict(&kit, "S9", "without its disk");
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
    sim_kit_verdict(&kit, NULL, "");
    message(&sim_check_s9, GOSSIP__ENTRIES, &update);
    sim_kit_verdict(&kit, "S9", "a second time");
}
END_TEST

/* --- S10 ------------------------------------------------------------------------------------------------------------- */

START_TEST(memory_is_bounded) {
    /* What it holds is what it has use for, and a step takes what its message accounts for. */
    sim_check_s10.interval(sim);
    sim->now_ms = 3000;
    sim_check_s10.interval(sim);
    message(&sim_check_s10, GOSSIP__PUSH, &nothing);
    sim_kit_verdict(&kit, NULL, "");
    node->memory.bytes += 200000;
    sim_check_s10.interval(sim);
    sim_kit_verdict(&kit, "S10", "has use for");
    node->memory.bytes -= 200000;
    node->memory.step_peak = 200000;
    message(&sim_check_s10, GOSSIP__PUSH, &nothing);
    sim_kit_verdict(&kit, "S10", "for a message of 3");
    node->memory.step_peak = 0;
}
END_TEST

START_TEST(counts_are_bounded) {
    /* More sessions, operations or bytes in a step than bounds.h says. */
    struct gossip_send send = {.size_bytes = (size_t)64 << 20};
    engine->operation_count = GOSSIP__OPERATIONS_MAX + 1;
    stepped(&sim_check_s10, GOSSIP_TICK);
    sim_kit_verdict(&kit, "S10", "operations");
    engine->operation_count = 0;
    sim_check_s10.stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK},
                          &(struct gossip_update){.sends = &send, .send_count = 1});
    sim_kit_verdict(&kit, "S10", "one step");
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
    sim_kit_verdict(&kit, NULL, "");
    engine->state.high_water++;
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    sim_kit_verdict(&kit, "S11", "its clocks");
    (void)member_add(9, GOSSIP_MEMBER_ALIVE);
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    sim_kit_verdict(&kit, "S11", "member table");
    engine->state.cluster_id.bytes[0] ^= 1;
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    sim_kit_verdict(&kit, "S11", "what it is");
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    message(&sim_check_s11, GOSSIP__PUSH, &nothing);
    sim_kit_verdict(&kit, "S11", "its catalog");
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
    sim_kit_verdict(&kit, NULL, "");
    member->clock++;
    become_ready(&sim_check_s12);
    sim_kit_verdict(&kit, "S12", "below that of x");
}
END_TEST

START_TEST(ready_after_walks) {
    /* DESIGN 7.4: a founder is ready at once; else what a member held when it stored the newcomer must be on its disk. */
    struct catalog_member_row row = {.id = engine->state.node_id, .name = "n1"};
    struct sim_batch admission = {.members = &row, .member_count = 1};
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    become_ready(&sim_check_s14);
    sim_kit_verdict(&kit, NULL, "");
    (void)member_add(9, GOSSIP_MEMBER_ALIVE);
    become_ready(&sim_check_s14);
    sim_kit_verdict(&kit, "S14", "0 of 1 members");
    sim_kit_put(&other->disk, entry);
    sim_check_s14.landed(sim, other, &admission, NULL);
    sim_kit_put(&node->disk, entry);
    become_ready(&sim_check_s14);
    sim_kit_verdict(&kit, NULL, "");
    (void)member_add(10, GOSSIP_MEMBER_ALIVE);
    become_ready(&sim_check_s14);
    sim_kit_verdict(&kit, "S14", "1 of 2 members");
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
    sim_kit_verdict(&kit, "S14", "0 of 1 members");
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
    sim_kit_verdict(&kit, NULL, "");
    node->disk.state.seen++;
    steps(100);
    sim_kit_verdict(&kit, "S14", "other clocks");
    node->disk.state.seen--;
    struct catalog_entry *entry = sim_kit_entry("a", 5);
    sim_kit_put(&node->disk, entry);
    steps(100);
    sim_kit_verdict(&kit, "S14", "number of entries");
    ck_assert_int_eq(catalog_load(engine->catalog, entry), 0);
    steps(100);
    sim_kit_verdict(&kit, NULL, "");
    struct catalog_member_row row = {
        .id = entry_maker_id(9), .name = "x", .state = GOSSIP_MEMBER_REMOVED};
    sim_disk_take(&node->disk, &(struct sim_batch){
                                   .members = &row, .member_count = 1, .state = node->disk.state});
    steps(100);
    sim_kit_verdict(&kit, "S14", "fewer members");
    (void)member_add(9, GOSSIP_MEMBER_ALIVE);
    steps(100);
    sim_kit_verdict(&kit, "S14", "a removed member");
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
        sim_kit_start(&kit, i);
    }
    struct sim_node *copy = &sim->nodes[3];
    copy->clone_of = 0;
    copy->engine->state.node_id = node->engine->state.node_id;
    calm(7);
    sim_kit_verdict(&kit, NULL, "");
    calm(3);
    sim_kit_verdict(&kit, "S13", "the id of n1");
    copy->engine->duplicate_id = true;
    calm(40);
    sim_kit_verdict(&kit, NULL, "");
    copy->engine->duplicate_id = false;
    node->frozen_until_ms = UINT64_MAX;
    calm(40);
    sim_kit_verdict(&kit, NULL, "");
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
    sim_kit_verdict(&kit, NULL, "");
    member->state = GOSSIP_MEMBER_ALIVE;
    calm(3);
    sim_kit_verdict(&kit, "S13", "for alive");
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
    return suite;
}
