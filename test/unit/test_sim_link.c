/* test_sim_link.c - the faults in force on links: whom each concerns, in which direction, and that it ends. */
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdlib.h>

enum { NODES = 4, TRIES = 2000 };

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;

static void setup(void) {
    sim_kit_open(&kit, NODES);
}

static void teardown(void) {
    sim_kit_close(&kit);
}

/* Puts the fault in force under this number. */
static void add(struct scenario_action action, uint64_t number) {
    sim_link_add(sim, &action, number);
    free(action.nodes.indexes);
    free(action.to.indexes);
}

/* From n1 to all others. */
static struct scenario_action from_first(enum scenario_action_type type) {
    struct scenario_action action = sim_kit_link(type, 0, 0);
    free(action.to.indexes);
    action.to = (struct scenario_nodes){.count = 0};
    return action;
}

static uint64_t fired(enum scenario_class class) {
    return sim->stats.fired[class];
}

/* --- cuts ------------------------------------------------------------------------------------------------------------ */

START_TEST(partitions_cut_both_ways) {
    /* A partition cuts between its two sides in either direction and nothing within them, and counts each effect. */
    add(from_first(SCENARIO_PARTITION), 7);
    for (size_t i = 1; i < NODES; i++) {
        ck_assert(sim_link_is_cut(sim, 0, i));
        ck_assert(sim_link_is_cut(sim, i, 0));
        ck_assert(!sim_link_is_cut(sim, i, i % 3 + 1));
    }
    ck_assert_uint_eq(fired(SCENARIO_CLASS_PARTITION), 2 * (NODES - 1));
    sim_link_end(sim, 7);
    ck_assert(!sim_link_is_cut(sim, 0, 1));
}
END_TEST

START_TEST(one_way_cuts_one_way) {
    /* What is cut from n1 to n2 still passes from n2 to n1, and to everybody else. */
    add(sim_kit_link(SCENARIO_ONE_WAY, 0, 1), 7);
    ck_assert(sim_link_is_cut(sim, 0, 1));
    ck_assert(!sim_link_is_cut(sim, 1, 0));
    ck_assert(!sim_link_is_cut(sim, 0, 2));
    ck_assert(!sim_link_is_cut(sim, 2, 1));
    ck_assert_uint_eq(fired(SCENARIO_CLASS_ONE_WAY), 1);
}
END_TEST

START_TEST(flapping_comes_and_goes) {
    /* A flapping link is cut for one span, open for the next, and so on, from its beginning. */
    struct scenario_action action = from_first(SCENARIO_FLAP);
    action.span_ms = 300;
    add(action, 7);
    for (uint64_t ms = 0; ms < 3000; ms += 50) {
        sim->now_ms = 1000 + ms;
        ck_assert_int_eq(sim_link_is_cut(sim, 1, 0), ms / 300 % 2 == 0);
    }
}
END_TEST

START_TEST(faults_end_one_by_one) {
    /* Of several faults in force each ends by its own number; 0 ends all. */
    add(sim_kit_link(SCENARIO_ONE_WAY, 0, 1), 1);
    add(sim_kit_link(SCENARIO_ONE_WAY, 1, 2), 2);
    add(sim_kit_link(SCENARIO_ONE_WAY, 2, 3), 3);
    sim_link_end(sim, 2);
    ck_assert(sim_link_is_cut(sim, 0, 1));
    ck_assert(!sim_link_is_cut(sim, 1, 2));
    ck_assert(sim_link_is_cut(sim, 2, 3));
    sim_link_end(sim, 0);
    ck_assert(!sim_link_is_cut(sim, 0, 1) && !sim_link_is_cut(sim, 2, 3));
}
END_TEST

START_TEST(cores_are_isolated) {
    /* Between a healed core and the others nothing passes in either direction; within it all does. */
    static const uint16_t core[] = {0, 2};
    kit.scenario.core = scenario_nodes_of(2, core);
    sim_link_isolate(sim);
    for (size_t i = 0; i < NODES; i++) {
        for (size_t j = 0; j < NODES; j++) {
            ck_assert_int_eq(sim_link_is_cut(sim, i, j), i % 2 != j % 2);
        }
    }
}
END_TEST

/* --- single frames ---------------------------------------------------------------------------------------------------- */

START_TEST(losses_as_often_as_said) {
    /* Of the frames on a link that loses 30 % about so many are lost, none elsewhere, and no hello. */
    struct scenario_action action = sim_kit_link(SCENARIO_LOSS, 0, 1);
    action.percent = 30;
    add(action, 7);
    unsigned lost = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        lost += sim_link_loses(sim, 0, 1, false);
        ck_assert(!sim_link_loses(sim, 1, 0, false));
        ck_assert(!sim_link_loses(sim, 0, 1, true));
    }
    ck_assert_msg(lost > TRIES * 27 / 100 && lost < TRIES * 33 / 100, "%u", lost);
    ck_assert_uint_eq(fired(SCENARIO_CLASS_LOSS), lost);
    kit.options.lossless = true;
    for (unsigned i = 0; i < 100; i++) {
        ck_assert(!sim_link_loses(sim, 0, 1, false));
    }
}
END_TEST

START_TEST(hanging_nodes_lose_everything) {
    /* To and from a node that hangs nothing passes, hellos included; between others all does. */
    add(from_first(SCENARIO_HANG), 7);
    ck_assert(sim_link_loses(sim, 0, 1, true));
    ck_assert(sim_link_loses(sim, 1, 0, false));
    ck_assert(!sim_link_loses(sim, 1, 2, false));
    ck_assert(sim_link_hangs(sim, 3, 0));
    ck_assert(!sim_link_hangs(sim, 3, 1));
    ck_assert_uint_eq(fired(SCENARIO_CLASS_HANG), 2);
}
END_TEST

/* The average time that a frame of this size takes from n1 to n2. */
static uint64_t average_ms(size_t size_bytes) {
    struct sim_connection connection = {.node = {0, 1}};
    uint64_t sum = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        sum += sim_link_arrival(sim, &connection, 1, size_bytes) - sim->now_ms;
    }
    return sum / TRIES;
}

START_TEST(delays_are_added) {
    /* Without a fault a frame takes 1 or 2 ms, with a delay of 500 ms on average about so long. */
    ck_assert_uint_le(average_ms(100), 2);
    struct scenario_action action = sim_kit_link(SCENARIO_DELAY, 0, 1);
    action.span_ms = 500;
    add(action, 7);
    uint64_t delayed_ms = average_ms(100);
    ck_assert_msg(delayed_ms > 300 && delayed_ms < 600, "%llu", (unsigned long long)delayed_ms);
    ck_assert_uint_eq(fired(SCENARIO_CLASS_DELAY), TRIES);
    kit.options.lossless = true;
    ck_assert_uint_le(average_ms(100), 2);
}
END_TEST

START_TEST(some_are_overtaken) {
    /* Reordering holds up the said share of frames, by up to 200 ms, and no other. */
    struct scenario_action action = sim_kit_link(SCENARIO_REORDER, 0, 1);
    action.percent = 25;
    add(action, 7);
    struct sim_connection connection = {.node = {0, 1}};
    unsigned held_up = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t took_ms = sim_link_arrival(sim, &connection, 1, 10) - sim->now_ms;
        held_up += took_ms > 2;
        ck_assert_uint_lt(took_ms, 203);
    }
    ck_assert_msg(held_up > TRIES / 5 && held_up < TRIES * 3 / 10, "%u", held_up);
}
END_TEST

START_TEST(slow_links_take_their_time) {
    /* At 1000 bytes a second a frame of 500 takes half a second, and the next one waits for it; the way back is fast. */
    struct scenario_action action = sim_kit_link(SCENARIO_SLOW_LINK, 0, 1);
    action.count = 1000;
    add(action, 7);
    struct sim_connection connection = {.node = {0, 1}};
    for (uint64_t i = 1; i <= 5; i++) {
        ck_assert_uint_eq(sim_link_arrival(sim, &connection, 1, 500), sim->now_ms + 500 * i);
    }
    ck_assert_uint_le(sim_link_arrival(sim, &connection, 0, 500), sim->now_ms + 2);
    sim->now_ms += 10000;
    ck_assert_uint_eq(sim_link_arrival(sim, &connection, 1, 500), sim->now_ms + 500);
}
END_TEST

START_TEST(repeats_and_garbage) {
    /* So many frames come again, within the span; so many are corrupted; other links are spared. */
    struct scenario_action repeat = sim_kit_link(SCENARIO_REPEAT, 0, 1);
    struct scenario_action corrupt = sim_kit_link(SCENARIO_CORRUPT, 1, 2);
    repeat.percent = 20;
    repeat.span_ms = 700;
    corrupt.percent = 10;
    add(repeat, 1);
    add(corrupt, 2);
    unsigned repeated = 0;
    unsigned corrupted = 0;
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t later_ms = sim_link_repeat(sim, 0, 1);
        repeated += later_ms > 0;
        ck_assert_uint_le(later_ms, 700);
        corrupted += sim_link_corrupts(sim, 1, 2);
        ck_assert(sim_link_repeat(sim, 1, 2) == 0 && !sim_link_corrupts(sim, 0, 1));
    }
    ck_assert_msg(repeated > TRIES * 17 / 100 && repeated < TRIES * 23 / 100, "%u", repeated);
    ck_assert_msg(corrupted > TRIES * 8 / 100 && corrupted < TRIES * 12 / 100, "%u", corrupted);
}
END_TEST

START_TEST(pieces_as_small_as_said) {
    /* Frames come in pieces of the said size where that is in force, of one byte if none is said, else whole. */
    struct scenario_action action = sim_kit_link(SCENARIO_FRAGMENT, 0, 1);
    action.count = 17;
    add(action, 1);
    add(sim_kit_link(SCENARIO_FRAGMENT, 1, 2), 2);
    ck_assert_uint_eq(sim_link_fragment(sim, 0, 1), 17);
    ck_assert_uint_eq(sim_link_fragment(sim, 1, 2), 1);
    ck_assert_uint_eq(sim_link_fragment(sim, 1, 0), 0);
}
END_TEST

static void add_test(Suite *suite, const char *name, const TTest *test) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

Suite *sim_link_suite(void);
Suite *sim_link_suite(void) {
    Suite *suite = suite_create("sim_link");
    add_test(suite, "sim_link_is_cut", partitions_cut_both_ways);
    add_test(suite, "sim_link_is_cut", one_way_cuts_one_way);
    add_test(suite, "sim_link_is_cut", flapping_comes_and_goes);
    add_test(suite, "sim_link_end", faults_end_one_by_one);
    add_test(suite, "sim_link_isolate", cores_are_isolated);
    add_test(suite, "sim_link_loses", losses_as_often_as_said);
    add_test(suite, "sim_link_loses", hanging_nodes_lose_everything);
    add_test(suite, "sim_link_arrival", delays_are_added);
    add_test(suite, "sim_link_arrival", some_are_overtaken);
    add_test(suite, "sim_link_arrival", slow_links_take_their_time);
    add_test(suite, "sim_link_repeat", repeats_and_garbage);
    add_test(suite, "sim_link_fragment", pieces_as_small_as_said);
    return suite;
}
