/* test_scenario_parse_action.c - actions of scenario files: their arguments, and which of them are refused on which line. */
#include "catalog/catalog.h"
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <string.h>

/* Actions come in the order of their times, with their arguments and the line on which they stand. */
START_TEST(actions_in_order) {
    struct scenario scenario;
    scenario_kit_parse(
        "nodes: 5\nactions:\n"
        "  - {at: 7s, do: clock, nodes: [n3], span: -1h, for: 10s}\n"
        "  - at: 6s\n    do: set\n    nodes: [n1]\n    key: constraint/posts/by author\n"
        "    body: '{\"type\":\"unique\",\"fields\":[\"a\"]}'\n"
        "  - {at: 6s, do: drop, nodes: [n2], key: schema/posts}\n"
        "  - {at: 0s, do: loss, percent: 100, nodes: [n1-n2], to: [n5]}\n",
        &scenario);
    ck_assert_uint_eq(scenario.action_count, 4);
    const struct scenario_action *actions = scenario.actions;
    ck_assert(actions[0].type == SCENARIO_LOSS && actions[0].line == 10);
    ck_assert(actions[0].percent == 100 && actions[0].for_ms == SCENARIO_FOREVER);
    ck_assert(actions[0].nodes.count == 2 && actions[0].to.count == 1 &&
              actions[0].to.indexes[0] == 4);
    ck_assert(actions[1].type == SCENARIO_SET && actions[1].line == 4);
    ck_assert_uint_eq(actions[1].kind, CATALOG_CONSTRAINT);
    ck_assert_str_eq(actions[1].entity, "posts");
    ck_assert_str_eq(actions[1].name, "by author");
    ck_assert_str_eq(actions[1].body, "{\"type\":\"unique\",\"fields\":[\"a\"]}");
    ck_assert(actions[2].type == SCENARIO_DROP && actions[2].line == 9);
    ck_assert_ptr_null(actions[2].name);
    ck_assert(actions[3].type == SCENARIO_CLOCK && actions[3].span_ms == -3600000 &&
              actions[3].for_ms == 10000 && actions[3].line == 3);
    ck_assert_uint_eq(scenario.load_ms, 18000);
    ck_assert(scenario.classes[SCENARIO_CLASS_LOSS] && scenario.classes[SCENARIO_CLASS_CLOCK] &&
              !scenario.classes[SCENARIO_CLASS_NONE] && !scenario.classes[SCENARIO_CLASS_CRASH]);
    scenario_close(&scenario);
}
END_TEST

/* Of what an action takes, these may be left out. */
START_TEST(defaults_of_actions) {
    struct scenario scenario;
    scenario_kit_parse("nodes: 3\nactions:\n"
                       "  - {at: 1s, do: repeat, percent: 5}\n"
                       "  - {at: 2s, do: fragment}\n"
                       "  - {at: 3s, do: damage, nodes: [n1]}\n"
                       "  - {at: 4s, do: mass_restart}\n"
                       "  - {at: 5s, do: memory, nodes: [n1]}\n",
                       &scenario);
    ck_assert_int_eq(scenario.actions[0].span_ms, 2000);
    ck_assert_uint_eq(scenario.actions[1].count, 1);
    ck_assert_uint_eq(scenario.actions[2].count, 1);
    ck_assert_uint_eq(scenario.actions[3].nodes.count, 0);
    ck_assert_uint_eq(scenario.actions[4].count, 1);
    scenario_close(&scenario);
}
END_TEST

/* Who waits for agreement, how long, and for whom not; what is staged always waits; a check and an agreement need no key. */
START_TEST(waits) {
    struct scenario scenario;
    scenario_kit_parse("nodes: 3\nactions:\n"
                       "  - {at: 1s, do: drop, nodes: [n1], key: schema/a}\n"
                       "  - {at: 2s, do: drop, nodes: [n1], key: schema/a, wait: 0s}\n"
                       "  - {at: 3s, do: agree, nodes: [n1], wait: 1h, skip_dead: yes}\n"
                       "  - {at: 4s, do: staged_abort, nodes: [n1], key: schema/a, skip_dead: no}\n"
                       "  - {at: 5s, do: check, nodes: [n1], span: 5s}\n"
                       "  - {at: 6s, do: resolve, nodes: [n1], key: schema/a, to: [n2], wait: 2s}\n"
                       "  - {at: 7s, do: remove_live, nodes: [n1], to: [n2], for: 2s}\n",
                       &scenario);
    const struct scenario_action *actions = scenario.actions;
    ck_assert(!actions[0].waits && !actions[0].skip_dead);
    ck_assert(actions[1].waits && actions[1].wait_ms == 0 && !actions[1].skip_dead);
    ck_assert(actions[2].waits && actions[2].wait_ms == 3600000 && actions[2].skip_dead);
    ck_assert(actions[2].kind == 0 && actions[4].kind == 0 && actions[4].span_ms == 5000);
    ck_assert(actions[3].waits && actions[3].wait_ms == 5000 && !actions[3].skip_dead);
    ck_assert(actions[5].to.indexes[0] == 1 && actions[5].wait_ms == 2000);
    ck_assert(actions[6].for_ms == 2000 && scenario.classes[SCENARIO_CLASS_REMOVE]);
    for (size_t i = 0; i < 6; i++) {
        ck_assert(scenario_action_is_operation(actions[i].type));
    }
    ck_assert(!scenario_action_is_operation(actions[6].type));
    scenario_close(&scenario);
}
END_TEST

/* Times have one of four units; a text of several lines is a body as it stands. */
START_TEST(times_and_blocks) {
    struct scenario scenario;
    scenario_kit_parse(
        "nodes: 1\nactions:\n"
        "  - {at: 24h, do: sync, nodes: [n1]}\n"
        "  - {at: 90m, do: sync, nodes: [n1]}\n"
        "  - {at: 1ms, do: sync, nodes: [n1]}\n"
        "  - at: 2s\n    do: import\n    nodes: [n1]\n    body: |\n"
        "      {\"kind\":\"schema\",\"entity\":\"e\",\"fields\":{\"a\":{\"type\":\"any\"}}}\n\n",
        &scenario);
    ck_assert_uint_eq(scenario.actions[0].at_ms, 1);
    ck_assert_uint_eq(scenario.actions[1].at_ms, 2000);
    ck_assert_uint_eq(scenario.actions[2].at_ms, 5400000);
    ck_assert_uint_eq(scenario.actions[3].at_ms, SCENARIO_TIME_MS_MAX);
    ck_assert_uint_eq(scenario.load_ms, SCENARIO_TIME_MS_MAX);
    ck_assert_str_eq(scenario.actions[1].body, "{\"kind\":\"schema\",\"entity\":\"e\",\"fields\":{"
                                               "\"a\":{\"type\":\"any\"}}}\n");
    scenario_close(&scenario);
}
END_TEST

/* Actions: of the arguments each, on its own line where it has one. */
START_TEST(actions) {
    static const struct scenario_mistake mistakes[] = {
#define HEAD "nodes: 3\nload_ends: 10s\nactions:\n"
        {HEAD "  - {at: 1s, nodes: [n1]}\n", "f: line 4: an action needs 'do'"},
        {HEAD "  - {do: sync, nodes: [n1]}\n", "f: line 4: an action needs 'at'"},
        {HEAD "  - {at: 1s, do: explode, nodes: [n1]}\n",
         "f: line 4: there is no action 'explode'"},
        {HEAD "  - at: 1s\n    do: sync\n    nodes: [n1]\n    percent: 5\n",
         "f: line 7: sync takes no 'percent'"},
        {HEAD "  - at: 1s\n    do: reset\n    for: 5s\n", "f: line 6: reset takes no 'for'"},
        {HEAD "  - {at: 1s, do: partition}\n", "f: line 4: partition needs 'nodes'"},
        {HEAD "  - {at: 1s, do: loss}\n", "f: line 4: loss needs 'percent'"},
        {HEAD "  - {at: 1s, do: delay}\n", "f: line 4: delay needs 'span'"},
        {HEAD "  - {at: 1s, do: clock, nodes: [n1]}\n", "f: line 4: clock needs 'span'"},
        {HEAD "  - {at: 1s, do: slow_link}\n", "f: line 4: slow_link needs 'count'"},
        {HEAD "  - {at: 1s, do: remove, nodes: [n1]}\n", "f: line 4: remove needs 'to'"},
        {HEAD "  - {at: 1s, do: drop, nodes: [n1]}\n", "f: line 4: drop needs 'key'"},
        {HEAD "  - {at: 1s, do: set, nodes: [n1], key: schema/a}\n", "f: line 4: set needs 'body'"},
        {HEAD "  - {at: 11s, do: sync, nodes: [n1]}\n", "f: line 4: sync begins after 'load_ends'"},
        {HEAD "  - {at: 25h, do: sync, nodes: [n1]}\n", "f: line 4: 'at' must be a time"},
        {HEAD "  - {at: -1s, do: sync, nodes: [n1]}\n", "f: line 4: 'at' must be a time"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n1], for: 0s}\n",
         "f: line 4: 'for' must be at least 1ms"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n1], for: 24h}\n",
         "f: line 4: crash lasts beyond 24h"},
        {HEAD "  - {at: 1s, do: loss, percent: 101}\n",
         "f: line 4: 'percent' must be a number from 0 to 100"},
        {HEAD "  - {at: 1s, do: delay, span: -1s}\n", "f: line 4: 'span' must be a time"},
        {HEAD "  - {at: 1s, do: delay, span: 0s}\n", "f: line 4: 'span' must be at least 1ms"},
        {HEAD "  - {at: 1s, do: clock, nodes: [n1], span: 2000001h}\n",
         "f: line 4: 'span' must be a time like 250ms, 31s, 10m or 2h, at most 2000000h"},
        {HEAD "  - {at: 1s, do: clock, nodes: [n1], span: --1h}\n", "f: line 4: 'span' must be"},
        {HEAD "  - {at: 1s, do: damage, nodes: [n1], count: 0}\n", "f: line 4: 'count' must be"},
        {HEAD "  - {at: 1s, do: damage, nodes: [n1], count: 1000000001}\n",
         "f: line 4: 'count' must be"},
        {HEAD "  - at: 1s\n    do: crash\n    nodes: [n1, n4]\n",
         "f: line 6: there is no node 'n4' in 'nodes': nodes are n1 to n3"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n0]}\n", "f: line 4: 'nodes' must name nodes as"},
        {HEAD "  - {at: 1s, do: crash, nodes: [1]}\n", "f: line 4: 'nodes' must name nodes as"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n01]}\n", "f: line 4: 'nodes' must name nodes as"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n2-n1]}\n", "f: line 4: 'nodes' must name nodes as"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n1-2]}\n", "f: line 4: 'nodes' must name nodes as"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n2-n9]}\n", "f: line 4: there is no node 'n2-n9'"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n1-n1000000000]}\n", "f: line 4: there is no node"},
        {HEAD "  - {at: 1s, do: crash, nodes: [n1-n2, n2]}\n", "f: line 4: 'nodes' names n2 twice"},
        {HEAD "  - {at: 1s, do: sync, nodes: [n1, n2]}\n", "f: line 4: sync is asked of one node"},
        {HEAD "  - {at: 1s, do: diff, nodes: [n1], to: [n2, n3]}\n",
         "f: line 4: diff is about one node"},
        {HEAD "  - {at: 1s, do: join, nodes: [n1]}\n", "f: line 4: n1 founds the cluster"},
        {HEAD "  - {at: 1s, do: join, nodes: [n2]}\n  - {at: 2s, do: join, nodes: [n3, n2]}\n",
         "f: line 5: n2 joins a second time"},
    };
    SCENARIO_ALL_REFUSED(mistakes);
}
END_TEST

/* The same of those that wait for agreement, and of what goes with that. */
START_TEST(agreements) {
    static const struct scenario_mistake mistakes[] = {
        {HEAD "  - {at: 1s, do: resolve, nodes: [n1], key: schema/a, to: [n2, n3]}\n",
         "f: line 4: resolve is about one node"},
        {HEAD "  - {at: 1s, do: resolve, nodes: [n1], key: schema/a}\n",
         "f: line 4: resolve needs 'to'"},
        {HEAD "  - {at: 1s, do: remove_live, nodes: [n1, n3], to: [n2]}\n",
         "f: line 4: remove_live is asked of one node"},
        {HEAD "  - {at: 1s, do: sync, nodes: [n1], wait: 5s}\n", "f: line 4: sync takes no 'wait'"},
        {HEAD "  - {at: 1s, do: agree, nodes: [n1], wait: 61m}\n",
         "f: line 4: 'wait' must be a time like 250ms, 31s, 10m or 2h, at most 1h"},
        {HEAD "  - {at: 1s, do: drop, nodes: [n1], key: schema/a, skip_dead: yes}\n",
         "f: line 4: 'skip_dead' goes with a 'wait'"},
        {HEAD "  - {at: 1s, do: agree, nodes: [n1], skip_dead: perhaps}\n",
         "f: line 4: 'skip_dead' must be yes or no, not 'perhaps'"},
        {HEAD "  - {at: 1s, do: staged_set, nodes: [n1], key: schema/a}\n",
         "f: line 4: staged_set needs 'body'"},
        {HEAD "  - {at: 1s, do: staged_drop, nodes: [n1]}\n", "f: line 4: staged_drop needs 'key'"},
        {HEAD "  - {at: 1s, do: check, nodes: [n1]}\n", "f: line 4: check needs 'span'"},
        {HEAD "  - {at: 1s, do: check, nodes: [n1], span: 1s, key: index/a/b}\n",
         "f: line 4: a record is checked against a schema"},
    };
    SCENARIO_ALL_REFUSED(mistakes);
}
END_TEST

/* Keys that name no entry, and bodies that the catalog itself refuses. */
START_TEST(keys_and_bodies) {
#define SET(key, body)                                                                             \
    HEAD "  - at: 1s\n    do: set\n    nodes: [n1]\n    key: " key "\n    body: " body "\n"
#define IMPORT(body) HEAD "  - at: 1s\n    do: import\n    nodes: [n1]\n    body: " body "\n"
    static const struct scenario_mistake mistakes[] = {
        {SET("posts", "'{}'"), "f: line 7: 'key' must be schema/ENTITY, constraint/ENTITY/NAME"},
        {SET("schema/", "'{}'"), "f: line 7: 'key' must be"},
        {SET("schema/a/b", "'{}'"), "f: line 7: 'key' must be"},
        {SET("schema/a/", "'{}'"), "f: line 7: 'key' must be"},
        {SET("schem/a", "'{}'"), "f: line 7: 'key' must be"},
        {SET("schemas/a", "'{}'"), "f: line 7: 'key' must be"},
        {SET("constraint/a", "'{}'"), "f: line 7: 'key' must be"},
        {SET("constraint/a/", "'{}'"), "f: line 7: 'key' must be"},
        {SET("constraint/a/b/c", "'{}'"), "f: line 7: 'key' must be"},
        {SET("index//b", "'{}'"), "f: line 7: 'key' must be"},
        {SET("\"index/a\\nb/c\"", "'{}'"), "f: line 7: 'key' must be"},
        {SET("schema/a", "'{}'"), "f: line 8: 'body': "},
        {SET("schema/a", "nonsense"), "f: line 8: 'body': "},
        {SET("schema/a", "''"), "f: line 8: 'body': "},
        {SET("schema/a", "'{\"fields\":{\"a\":{\"type\":\"strnig\"}}}'"), "f: line 8: 'body': "},
        {IMPORT("''"), "f: line 7: 'body' imports nothing"},
        {IMPORT("'{\"kind\":\"schema\"}'"), "f: line 7: 'body': line 1 of it: "},
        {IMPORT("|\n      {\"kind\":\"schema\",\"entity\":\"e\",\"fields\":{\"a\":{\"type\":"
                "\"any\"}}}\n      {\"kind\":\"schema\",\"entity\":\"e\",\"state\":\"dropped\"}\n"),
         "f: line 7: 'body': line 2 of it: "},
    };
    SCENARIO_ALL_REFUSED(mistakes);
}
END_TEST

Suite *scenario_parse_action_suite(void);
Suite *scenario_parse_action_suite(void) {
    Suite *suite = suite_create("scenario_parse_action");
    TCase *taken = tcase_create("scenario_action_taken");
    tcase_add_test(taken, actions_in_order);
    tcase_add_test(taken, defaults_of_actions);
    tcase_add_test(taken, waits);
    tcase_add_test(taken, times_and_blocks);
    suite_add_tcase(suite, taken);
    TCase *wrong = tcase_create("scenario_action_refused");
    tcase_add_test(wrong, actions);
    tcase_add_test(wrong, agreements);
    tcase_add_test(wrong, keys_and_bodies);
    suite_add_tcase(suite, wrong);
    return suite;
}
