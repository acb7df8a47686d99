/* test_scenario.c - the structure: names, order, copies, node lists, and actions in words. */
#include "catalog/catalog.h"
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- tables ----------------------------------------------------------------------------------------------------------- */

/* Every class has a name of its own, and is found by it; no other name is found. */
START_TEST(classes) {
    for (unsigned i = 0; i < SCENARIO_CLASS_COUNT; i++) {
        enum scenario_class class = SCENARIO_CLASS_COUNT;
        const char *name = scenario_class_name((enum scenario_class)i);
        ck_assert(scenario_class_find(name, &class));
        ck_assert_int_eq(class, (int)i);
    }
    enum scenario_class class = SCENARIO_CLASS_LOSS;
    ck_assert(!scenario_class_find("LOSS", &class));
    ck_assert(!scenario_class_find("", &class));
    ck_assert_int_eq(class, SCENARIO_CLASS_LOSS);
}
END_TEST

/* Every class of faults is that of some action, so that none is on and can never fire; operations are of no class. */
START_TEST(classes_have_actions) {
    bool found[SCENARIO_CLASS_COUNT] = {0};
    for (unsigned i = 0; i < SCENARIO_ACTION_COUNT; i++) {
        enum scenario_action_type type = (enum scenario_action_type)i;
        found[scenario_action_class(type)] = true;
        ck_assert(!scenario_action_is_operation(type) ||
                  scenario_action_class(type) == SCENARIO_CLASS_NONE);
    }
    for (unsigned i = 0; i < SCENARIO_CLASS_COUNT; i++) {
        ck_assert_msg(found[i], "%s", scenario_class_name((enum scenario_class)i));
    }
    ck_assert(scenario_action_is_operation(SCENARIO_SET) &&
              scenario_action_is_operation(SCENARIO_DIFF) &&
              !scenario_action_is_operation(SCENARIO_CRASH) &&
              !scenario_action_is_operation(SCENARIO_REMOVE));
}
END_TEST

/* --- order, copies ---------------------------------------------------------------------------------------------------- */

static void add(struct scenario *scenario, enum scenario_action_type type, uint64_t at_ms,
                uint64_t for_ms) {
    const struct scenario_action action = {.type = type,
                                           .at_ms = at_ms,
                                           .for_ms = for_ms,
                                           .nodes = scenario_nodes_of(1, (const uint16_t[]){1}),
                                           .count = scenario->action_count};
    scenario_add(scenario, &action);
}

/* Sorting goes by time, and equal times keep their order. */
START_TEST(sort_is_stable) {
    struct scenario scenario;
    struct choice choice;
    choice_seed(&choice, 5);
    scenario_init(&scenario);
    for (unsigned i = 0; i < 2000; i++) {
        add(&scenario, SCENARIO_SYNC, choice_below(&choice, 50, "time"), 0);
    }
    scenario_sort(&scenario);
    ck_assert_uint_eq(scenario.action_count, 2000);
    for (size_t i = 1; i < scenario.action_count; i++) {
        const struct scenario_action *a = &scenario.actions[i - 1];
        const struct scenario_action *b = &scenario.actions[i];
        ck_assert(a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->count < b->count));
    }
    scenario_close(&scenario);
}
END_TEST

/* The load ends a second after the last action or load does, unless it is said; and never after a day. */
START_TEST(end_of_load) {
    struct scenario scenario;
    scenario_init(&scenario);
    scenario.node_count = 2;
    add(&scenario, SCENARIO_CRASH, 5000, 7000);
    add(&scenario, SCENARIO_SYNC, 9000, 0);
    scenario_sort(&scenario);
    ck_assert_uint_eq(scenario.load_ms, 13000);
    scenario.loads[scenario.load_count++] =
        (struct scenario_load){.from_ms = 1, .until_ms = 20000, .entries = 1};
    scenario_sort(&scenario);
    ck_assert_uint_eq(scenario.load_ms, 13000);
    scenario.load_ms = 0;
    scenario_sort(&scenario);
    ck_assert_uint_eq(scenario.load_ms, 21000);
    scenario.load_ms = 0;
    scenario.actions[0].for_ms = SCENARIO_TIME_MS_MAX;
    scenario_sort(&scenario);
    ck_assert_uint_eq(scenario.load_ms, SCENARIO_TIME_MS_MAX);
    scenario_close(&scenario);
}
END_TEST

/* A copy is the same, and shares no memory: it outlives what it was made from. */
START_TEST(copy_is_deep) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct scenario scenario;
        struct scenario copy;
        scenario_kit_random(&scenario, seed);
        char *text = scenario_kit_printed(&scenario);
        scenario_copy(&copy, &scenario, NULL);
        ck_assert_ptr_null(scenario_kit_difference(&scenario, &copy));
        scenario_close(&scenario);
        char *text_of_copy = scenario_kit_printed(&copy);
        ck_assert_str_eq(text, text_of_copy);
        scenario_close(&copy);
        free(text);
        free(text_of_copy);
    }
}
END_TEST

/* Actions that are left out are gone with their classes; the end of the load stays where it was. */
START_TEST(copy_without) {
    struct scenario scenario;
    struct scenario copy;
    const bool left_out[] = {false, true, true};
    scenario_init(&scenario);
    scenario.node_count = 2;
    add(&scenario, SCENARIO_CRASH, 1000, 500);
    add(&scenario, SCENARIO_FREEZE, 2000, 500);
    add(&scenario, SCENARIO_CRASH, 9000, 500);
    scenario_sort(&scenario);
    scenario_copy(&copy, &scenario, left_out);
    ck_assert_uint_eq(copy.action_count, 1);
    ck_assert(copy.classes[SCENARIO_CLASS_CRASH] && !copy.classes[SCENARIO_CLASS_FREEZE]);
    ck_assert_uint_eq(copy.load_ms, scenario.load_ms);
    scenario_close(&copy);
    scenario_copy(&copy, &scenario, (const bool[]){true, true, true});
    ck_assert_uint_eq(copy.action_count, 0);
    ck_assert(!copy.classes[SCENARIO_CLASS_CRASH]);
    scenario_close(&copy);
    scenario_close(&scenario);
}
END_TEST

/* Node lists are ascending, whatever the order they are given in. */
START_TEST(node_lists) {
    struct scenario_nodes nodes = scenario_nodes_of(3, (const uint16_t[]){900, 2, 7});
    ck_assert(nodes.count == 3 && nodes.indexes[0] == 2 && nodes.indexes[1] == 7 &&
              nodes.indexes[2] == 900);
    ck_assert(scenario_nodes_hold(&nodes, 900) && scenario_nodes_hold(&nodes, 2));
    ck_assert(!scenario_nodes_hold(&nodes, 3) && !scenario_nodes_hold(&nodes, 65536 + 2));
    free(nodes.indexes);
    struct scenario_nodes none = scenario_nodes_of(0, NULL);
    ck_assert(none.count == 0 && none.indexes == NULL && !scenario_nodes_hold(&none, 0));
}
END_TEST

/* --- in words --------------------------------------------------------------------------------------------------------- */

/* Each kind of action is said in words that name who, whom, how much and how long. */
START_TEST(words) {
    static const struct {
        const char *yaml, *words;
    } cases[] = {
        {"do: partition, nodes: [n1, n2], for: 31s", "partition n1,n2 from all others for 31s"},
        {"do: partition, nodes: [n1], to: [n3]", "partition n1 from n3"},
        {"do: one_way, nodes: [n1], for: 10m", "one way from n1 to all others for 10m"},
        {"do: loss, percent: 20, for: 5s", "loss of 20 % from all to all for 5s"},
        {"do: delay, nodes: [n1], span: 250ms", "delay from n1 to all by 250ms"},
        {"do: slow_link, count: 1000, for: 1h", "slow link from all to all, count 1000, for 1h"},
        {"do: crash, nodes: [n1-n9, n20], for: 1500ms",
         "crash n1,n2,n3,n4,n5,n6,n7,n8 and 2 more for 1500ms"},
        {"do: clock, nodes: [n3], span: -1h, for: 10s", "clock n3 by -1h for 10s"},
        {"do: mass_restart, for: 2s", "mass restart all for 2s"},
        {"do: damage, nodes: [n2]", "damage n2, count 1"},
        {"do: remove, nodes: [n1], to: [n3]", "remove n3 by way of n1"},
        {"do: drop, nodes: [n1], key: index/posts/by title", "drop index/posts/by title at n1"},
        {"do: diff, nodes: [n1], to: [n2]", "diff at n1 with n2"},
        {"do: sync, nodes: [n1]", "sync at n1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scenario scenario;
        char yaml[300];
        char text[120];
        (void)snprintf(yaml, sizeof yaml, "nodes: 20\nactions:\n  - {at: 1s, %s}\n", cases[i].yaml);
        scenario_kit_parse(yaml, &scenario);
        scenario_action_describe(&scenario.actions[0], text, sizeof text);
        ck_assert_str_eq(text, cases[i].words);
        scenario_close(&scenario);
    }
}
END_TEST

/* Whatever the action, the words end within their room. */
START_TEST(words_are_cut) {
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct scenario scenario;
        scenario_kit_random(&scenario, seed);
        for (size_t i = 0; i < scenario.action_count; i++) {
            char whole[400];
            scenario_action_describe(&scenario.actions[i], whole, sizeof whole);
            ck_assert_uint_gt(strlen(whole), 3);
            for (size_t size = 1; size < 40; size++) {
                char *text = malloc(size); /* of this size, so that a byte too many is seen */
                scenario_action_describe(&scenario.actions[i], text, size);
                ck_assert(strlen(text) < size && strncmp(text, whole, strlen(text)) == 0);
                free(text);
            }
        }
        scenario_close(&scenario);
    }
}
END_TEST

Suite *scenario_suite(void);
Suite *scenario_suite(void) {
    Suite *suite = suite_create("scenario");
    TCase *tables = tcase_create("scenario_class_find");
    tcase_add_test(tables, classes);
    tcase_add_test(tables, classes_have_actions);
    suite_add_tcase(suite, tables);
    TCase *sort = tcase_create("scenario_sort");
    tcase_add_test(sort, sort_is_stable);
    tcase_add_test(sort, end_of_load);
    suite_add_tcase(suite, sort);
    TCase *copy = tcase_create("scenario_copy");
    tcase_add_test(copy, copy_is_deep);
    tcase_add_test(copy, copy_without);
    suite_add_tcase(suite, copy);
    TCase *nodes = tcase_create("scenario_nodes_of");
    tcase_add_test(nodes, node_lists);
    suite_add_tcase(suite, nodes);
    TCase *describe = tcase_create("scenario_action_describe");
    tcase_add_test(describe, words);
    tcase_add_test(describe, words_are_cut);
    suite_add_tcase(suite, describe);
    return suite;
}
