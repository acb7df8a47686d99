/* test_shrink.c - a run is made small by trying: what is left still fails, and nothing of it can go. A function says which
 * candidates fail, so that the smallest is known. */
#include "test/sim/shrink.h"
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { ALL_NODES = 6, FAULTS = 24, WRITES = 40, LOAD_MS = 60000, CHOICES = 10000 };

/* What a candidate must have to fail, and what came of it. */
struct world {
    uint64_t needed_ms[4]; /* actions at these times; 0: none */
    uint64_t needed_choices[3];
    size_t needed_choice_count;
    size_t needed_nodes;
    enum scenario_class needed_class;
    bool never;
    unsigned asked, told;
};

static struct world world;
static struct scenario scenario;

static bool has_action_at(const struct scenario *candidate, uint64_t at_ms) {
    for (size_t i = 0; i < candidate->action_count; i++) {
        if (candidate->actions[i].at_ms == at_ms) {
            return true;
        }
    }
    return at_ms == 0;
}

static bool keeps(const struct scenario *candidate, uint64_t choice) {
    bool kept = candidate->kept_count == 0;
    for (size_t i = 0; i < candidate->kept_count; i++) {
        kept = kept || (candidate->kept[i].first <= choice && choice < candidate->kept[i].end);
    }
    return kept;
}

static bool would_fail(const struct scenario *candidate) {
    bool fails = !world.never && candidate->node_count >= world.needed_nodes;
    for (size_t i = 0; i < 4; i++) {
        fails = fails && has_action_at(candidate, world.needed_ms[i]);
    }
    for (size_t i = 0; i < world.needed_choice_count; i++) {
        fails = fails && keeps(candidate, world.needed_choices[i]);
    }
    return fails &&
           (world.needed_class == SCENARIO_CLASS_NONE || candidate->classes[world.needed_class]);
}

/* A candidate is one that could be run: its nodes exist. */
static bool fails(const struct scenario *candidate, uint64_t *choices, void *context) {
    ck_assert_ptr_eq(context, &world);
    world.asked++;
    *choices = CHOICES;
    ck_assert_uint_ge(candidate->node_count, 2);
    ck_assert(candidate->core.count == 0 || candidate->core.count >= 2);
    for (size_t i = 0; i < candidate->action_count; i++) {
        const struct scenario_action *action = &candidate->actions[i];
        ck_assert_uint_lt(action->at_ms, candidate->load_ms);
        for (size_t j = 0; j < action->nodes.count; j++) {
            ck_assert_uint_lt(action->nodes.indexes[j], candidate->node_count);
        }
    }
    return would_fail(candidate);
}

static void progress(const char *step, const struct scenario *candidate, void *context) {
    ck_assert_ptr_eq(context, &world);
    ck_assert(step[0] != '\0');
    ck_assert(would_fail(candidate));
    world.told++;
}

static unsigned shrink_it(unsigned runs_max) {
    return shrink(&scenario, &(struct shrink_options){.fails = fails,
                                                      .progress = progress,
                                                      .context = &world,
                                                      .runs_max = runs_max});
}

static void add(enum scenario_action_type type, uint64_t at_ms, size_t node) {
    uint16_t index = (uint16_t)node;
    scenario_add(&scenario, &(struct scenario_action){.type = type,
                                                      .at_ms = at_ms,
                                                      .nodes = scenario_nodes_of(1, &index)});
}

/* Faults at 1000, 2000, ... and exchanges at 1001, 2001, ..., each of another node. */
static void setup(void) {
    static const enum scenario_action_type faults[] = {SCENARIO_CRASH, SCENARIO_FREEZE,
                                                       SCENARIO_DAMAGE};
    world = (struct world){.asked = 0};
    scenario_init(&scenario);
    scenario.node_count = ALL_NODES;
    scenario.load_ms = LOAD_MS;
    for (size_t i = 1; i <= FAULTS; i++) {
        add(faults[i % 3], i * 1000, i % ALL_NODES);
    }
    for (size_t i = 1; i <= WRITES; i++) {
        add(SCENARIO_SYNC, i * 1000 + 1, i % ALL_NODES);
    }
    scenario_sort(&scenario);
}

static void teardown(void) {
    scenario_close(&scenario);
}

/* --- actions --------------------------------------------------------------------------------------------------------- */

START_TEST(what_is_needed_stays) {
    /* Of 64 actions the needed ones are left, of faults and of operations, wherever they stand; the load ends soon after. */
    static const uint64_t needed[][4] = {
        {7000},
        {7001},
        {1000, 24000},
        {1001, 40001},
        {12000, 13001},
        {1000, 1001},
        {24000, 40001, 1000, 1001},
        {5000, 6000, 5001, 6001},
    };
    memcpy(world.needed_ms, needed[_i], sizeof world.needed_ms);
    size_t count = 0;
    size_t nodes = 1; /* the first never goes: it founds the cluster */
    uint64_t last_ms = 0;
    bool seen[ALL_NODES] = {true};
    for (size_t i = 0; i < 4; i++) {
        size_t node = world.needed_ms[i] / 1000 % ALL_NODES;
        count += world.needed_ms[i] > 0;
        nodes += !seen[node];
        seen[node] = true;
        last_ms = world.needed_ms[i] > last_ms ? world.needed_ms[i] : last_ms;
    }
    unsigned runs = shrink_it(3000);
    ck_assert_uint_eq(runs, world.asked);
    ck_assert(would_fail(&scenario));
    ck_assert_uint_eq(scenario.action_count, count);
    ck_assert_uint_eq(scenario.node_count, nodes > 2 ? nodes : 2);
    ck_assert_uint_le(scenario.load_ms, last_ms + 50);
    ck_assert_uint_lt(runs, 400);
    ck_assert_uint_gt(world.told, 3);
}
END_TEST

START_TEST(nothing_is_needed) {
    /* What fails whatever happens is left with two nodes, no action, and no choice. */
    shrink_it(3000);
    ck_assert_uint_eq(scenario.action_count, 0);
    ck_assert_uint_eq(scenario.node_count, 2);
    ck_assert_uint_eq(scenario.kept_count, 1);
    ck_assert_uint_eq(scenario.kept[0].end, 1);
    ck_assert_uint_lt(scenario.load_ms, 100);
}
END_TEST

START_TEST(classes_go_at_once) {
    /* A class that is not needed goes with all its actions, and is off; one that is needed stays on. */
    world.needed_class = SCENARIO_CLASS_FREEZE;
    world.needed_ms[0] = 1000; /* a freeze */
    shrink_it(3000);
    ck_assert(scenario.classes[SCENARIO_CLASS_FREEZE]);
    ck_assert(!scenario.classes[SCENARIO_CLASS_CRASH]);
    ck_assert(!scenario.classes[SCENARIO_CLASS_DAMAGE]);
    ck_assert_uint_eq(scenario.action_count, 1);
}
END_TEST

/* --- nodes ----------------------------------------------------------------------------------------------------------- */

START_TEST(as_many_nodes_as_needed) {
    /* Nodes go one by one, as long as enough are left: the first one, and of a core two. */
    world.needed_nodes = (size_t)_i;
    static const uint16_t core[] = {1, 3, 5};
    scenario.core = scenario_nodes_of(3, core);
    shrink_it(3000);
    ck_assert_uint_eq(scenario.node_count, _i > 3 ? (size_t)_i : 3);
    ck_assert_uint_ge(scenario.core.count, 2);
    for (size_t i = 0; i < scenario.core.count; i++) {
        ck_assert_uint_lt(scenario.core.indexes[i], scenario.node_count);
    }
}
END_TEST

START_TEST(nodes_above_move_down) {
    /* When a node goes, those above it take the next lower numbers in all lists. */
    world.needed_ms[0] = 5000; /* of n6: with two nodes left it is n1 or n2 */
    shrink_it(3000);
    ck_assert_uint_eq(scenario.action_count, 1);
    ck_assert_uint_eq(scenario.actions[0].nodes.count, 1);
    ck_assert_uint_lt(scenario.actions[0].nodes.indexes[0], 2);
}
END_TEST

/* --- choices --------------------------------------------------------------------------------------------------------- */

START_TEST(choices_are_found) {
    /* The needed choices are kept, each in a range of its own, and no other. */
    world.needed_choice_count = 3;
    world.needed_choices[0] = 17;
    world.needed_choices[1] = 5000;
    world.needed_choices[2] = CHOICES - 1;
    shrink_it(3000);
    ck_assert_uint_eq(scenario.kept_count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(scenario.kept[i].first, world.needed_choices[i]);
        ck_assert_uint_eq(scenario.kept[i].end, world.needed_choices[i] + 1);
    }
}
END_TEST

START_TEST(neighbours_in_one_range) {
    /* Two choices of one range that are both needed, on either side of its middle, stay in it. */
    world.needed_choice_count = 2;
    world.needed_choices[0] = 77; /* the first range is 0 to 155 */
    world.needed_choices[1] = 79;
    shrink_it(3000);
    ck_assert(would_fail(&scenario));
    ck_assert_uint_eq(scenario.kept_count, 1);
    ck_assert_uint_le(scenario.kept[0].end - scenario.kept[0].first, 157);
}
END_TEST

START_TEST(kept_ranges_are_shrunk_further) {
    /* A scenario that keeps some choices only keeps fewer then, never others. */
    static const struct scenario_kept kept[] = {{100, 200}, {300, 400}};
    scenario.kept = calloc(2, sizeof *scenario.kept);
    ck_assert_ptr_nonnull(scenario.kept);
    memcpy(scenario.kept, kept, sizeof kept);
    scenario.kept_count = 2;
    world.needed_choice_count = 1;
    world.needed_choices[0] = 333;
    shrink_it(3000);
    ck_assert_uint_eq(scenario.kept_count, 1);
    ck_assert_uint_eq(scenario.kept[0].first, 333);
    ck_assert_uint_eq(scenario.kept[0].end, 334);
}
END_TEST

START_TEST(as_many_ranges_as_a_file_may_have) {
    /* Also of the most ranges that a scenario can have the one is found that is needed. */
    scenario.kept = calloc(SCENARIO_KEPT_MAX, sizeof *scenario.kept);
    ck_assert_ptr_nonnull(scenario.kept);
    scenario.kept_count = SCENARIO_KEPT_MAX;
    for (uint64_t i = 0; i < SCENARIO_KEPT_MAX; i++) {
        scenario.kept[i] = (struct scenario_kept){10 * i, 10 * i + 5};
    }
    world.needed_choice_count = 1;
    world.needed_choices[0] = 2003;
    shrink_it(3000);
    ck_assert_uint_eq(scenario.kept_count, 1);
    ck_assert_uint_eq(scenario.kept[0].first, 2003);
}
END_TEST

/* --- bounds ---------------------------------------------------------------------------------------------------------- */

START_TEST(the_bound_is_kept) {
    /* Never more runs than allowed; what is left then fails. */
    unsigned bound = (unsigned)_i;
    world.needed_ms[0] = 12000;
    world.needed_ms[1] = 13001;
    unsigned runs = shrink_it(bound);
    ck_assert_uint_le(world.asked, bound);
    ck_assert_uint_eq(runs, world.asked);
    ck_assert(would_fail(&scenario));
}
END_TEST

START_TEST(what_holds_is_left_alone) {
    /* A scenario that does not fail is asked once and stays as it is. */
    struct scenario before;
    scenario_copy(&before, &scenario, NULL);
    world.never = true;
    ck_assert_uint_eq(shrink_it(3000), 1);
    ck_assert_uint_eq(world.asked, 1);
    ck_assert_uint_eq(world.told, 0);
    ck_assert_ptr_null(scenario_kit_difference(&before, &scenario));
    scenario_close(&before);
}
END_TEST

static void add_case(Suite *suite, const char *name, const TTest *test, int from, int to) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, test, from, to);
    suite_add_tcase(suite, tcase);
}

Suite *shrink_suite(void);
Suite *shrink_suite(void) {
    Suite *suite = suite_create("shrink");
    add_case(suite, "shrink_actions", what_is_needed_stays, 0, 8);
    add_case(suite, "shrink_actions", nothing_is_needed, 0, 1);
    add_case(suite, "shrink_classes", classes_go_at_once, 0, 1);
    add_case(suite, "shrink_nodes", as_many_nodes_as_needed, 1, 7);
    add_case(suite, "shrink_nodes", nodes_above_move_down, 0, 1);
    add_case(suite, "shrink_choices", choices_are_found, 0, 1);
    add_case(suite, "shrink_choices", neighbours_in_one_range, 0, 1);
    add_case(suite, "shrink_choices", kept_ranges_are_shrunk_further, 0, 1);
    add_case(suite, "shrink_choices", as_many_ranges_as_a_file_may_have, 0, 1);
    add_case(suite, "shrink_bounds", the_bound_is_kept, 1, 40);
    add_case(suite, "shrink_bounds", what_holds_is_left_alone, 0, 1);
    return suite;
}
