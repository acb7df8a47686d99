/* test_scenario_load.c - loads as actions: how many, when, by whom, of what; and that all of it can be sent. */
#include "catalog/catalog.h"
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Expands a file of `nodes` nodes with these loads. */
static void expand(unsigned nodes, uint64_t seed, const char *loads, struct scenario *scenario) {
    char text[600];
    (void)snprintf(text, sizeof text, "nodes: %u\nseed: %llu\nload:\n%s", nodes,
                   (unsigned long long)seed, loads);
    scenario_kit_parse(text, scenario);
    scenario_expand(scenario);
    ck_assert_uint_eq(scenario->load_count, 0);
    for (size_t i = 0; i < scenario->action_count; i++) {
        ck_assert_uint_eq(scenario->actions[i].nodes.count, 1);
        ck_assert_uint_lt(scenario->actions[i].nodes.indexes[0], nodes);
        ck_assert(i == 0 || scenario->actions[i].at_ms >= scenario->actions[i - 1].at_ms);
    }
}

struct numbers {
    size_t sets, drops, imports, staged;
    size_t kinds[4];
};

static struct numbers count(const struct scenario *scenario) {
    struct numbers numbers = {0};
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        numbers.sets += action->type == SCENARIO_SET;
        numbers.drops += action->type == SCENARIO_DROP;
        numbers.imports += action->type == SCENARIO_IMPORT;
        numbers.kinds[action->kind]++;
        numbers.staged += action->body != NULL && strstr(action->body, "\"pending_") != NULL;
    }
    return numbers;
}

/* The same seed gives the same writes, and another seed others. */
START_TEST(from_the_seed_alone) {
    static const char load[] = "  - {from: 1s, until: 30s, every: 100ms}\n";
    struct scenario a;
    struct scenario b;
    struct scenario c;
    expand(5, 7, load, &a);
    expand(5, 7, load, &b);
    expand(5, 8, load, &c);
    ck_assert_ptr_null(scenario_kit_difference(&a, &b));
    c.seed = a.seed;
    ck_assert_ptr_nonnull(scenario_kit_difference(&a, &c));
    scenario_close(&a);
    scenario_close(&b);
    scenario_close(&c);
}
END_TEST

/* Writes come around their pace within their time, from all nodes, of every kind, some of them drops, imports, staged. */
START_TEST(paced) {
    struct scenario scenario;
    bool wrote[5] = {0};
    expand(5, 7, "  - {from: 10s, until: 210s, every: 100ms}\n", &scenario);
    ck_assert_msg(scenario.action_count > 1800 && scenario.action_count < 2200, "%zu",
                  scenario.action_count);
    for (size_t i = 0; i < scenario.action_count; i++) {
        ck_assert(scenario.actions[i].at_ms >= 10000 && scenario.actions[i].at_ms <= 210000);
        ck_assert_uint_eq(scenario.actions[i].line, 4);
        wrote[scenario.actions[i].nodes.indexes[0]] = true;
    }
    ck_assert(wrote[0] && wrote[1] && wrote[2] && wrote[3] && wrote[4]);
    struct numbers numbers = count(&scenario);
    ck_assert(numbers.drops > 250 && numbers.drops < 470);
    ck_assert(numbers.imports > 130 && numbers.imports < 270);
    ck_assert(numbers.staged > 10 && numbers.staged < numbers.imports);
    ck_assert(numbers.kinds[CATALOG_SCHEMA] > numbers.kinds[CATALOG_INDEX] &&
              numbers.kinds[CATALOG_CONSTRAINT] > 100 && numbers.kinds[CATALOG_INDEX] > 100);
    ck_assert_uint_eq(scenario.load_ms, 211000);
    scenario_close(&scenario);
}
END_TEST

/* Percentages, entities and writers are those that the file asks for. */
START_TEST(as_asked) {
    struct scenario scenario;
    expand(5, 7,
           "  - {from: 0s, until: 20s, every: 10ms, drops: 0, imports: 0, entities: 2, writers: "
           "[n2, n5]}\n",
           &scenario);
    ck_assert_uint_gt(scenario.action_count, 1500);
    for (size_t i = 0; i < scenario.action_count; i++) {
        const struct scenario_action *action = &scenario.actions[i];
        ck_assert_int_eq(action->type, SCENARIO_SET);
        ck_assert(action->nodes.indexes[0] == 1 || action->nodes.indexes[0] == 4);
        ck_assert(strcmp(action->entity, "e0") == 0 || strcmp(action->entity, "e1") == 0);
        ck_assert((action->kind == CATALOG_SCHEMA) == (action->name == NULL));
    }
    scenario_close(&scenario);
    expand(2, 7, "  - {from: 0s, until: 20s, every: 10ms, imports: 100}\n", &scenario);
    ck_assert_uint_eq(count(&scenario).imports, scenario.action_count);
    scenario_close(&scenario);
    expand(2, 7, "  - {from: 0s, until: 20s, every: 10ms, drops: 100, imports: 0}\n", &scenario);
    ck_assert_uint_eq(count(&scenario).drops, scenario.action_count);
    scenario_close(&scenario);
}
END_TEST

/* `cycles` makes so many schemas, each under its own name, and drops each where it was set. */
START_TEST(cycles) {
    struct scenario scenario;
    expand(3, 7, "  - {from: 1s, until: 9s, cycles: 20, writers: [n1, n3]}\n", &scenario);
    ck_assert_uint_eq(scenario.action_count, 40);
    for (size_t i = 0; i < 40; i += 2) {
        const struct scenario_action *set = &scenario.actions[i];
        const struct scenario_action *drop = &scenario.actions[i + 1];
        ck_assert(set->type == SCENARIO_SET && drop->type == SCENARIO_DROP);
        ck_assert_str_eq(set->entity, drop->entity);
        ck_assert(set->nodes.indexes[0] == drop->nodes.indexes[0] && set->nodes.indexes[0] != 1);
        ck_assert_uint_eq(drop->at_ms - set->at_ms, 200);
        ck_assert(i == 0 || strcmp(set->entity, scenario.actions[i - 2].entity) != 0);
    }
    ck_assert(scenario.actions[0].at_ms == 1000 && scenario.actions[39].at_ms == 8800);
    scenario_close(&scenario);
}
END_TEST

/* `entries` makes so many different schemas, evenly over the time and the writers. */
START_TEST(entries) {
    struct scenario scenario;
    size_t by[4] = {0};
    expand(4, 7, "  - {from: 2s, until: 12s, entries: 1000}\n", &scenario);
    ck_assert_uint_eq(scenario.action_count, 1000);
    for (size_t i = 0; i < 1000; i++) {
        char entity[16];
        (void)snprintf(entity, sizeof entity, "e%zu", i);
        ck_assert_int_eq(scenario.actions[i].type, SCENARIO_SET);
        ck_assert_uint_eq(scenario.actions[i].kind, CATALOG_SCHEMA);
        ck_assert_str_eq(scenario.actions[i].entity, entity);
        ck_assert_uint_eq(scenario.actions[i].at_ms, 2000 + i * 10);
        by[scenario.actions[i].nodes.indexes[0]]++;
    }
    ck_assert(by[0] == 250 && by[1] == 250 && by[2] == 250 && by[3] == 250);
    scenario_close(&scenario);
}
END_TEST

/* Leaving one load out changes nothing in the other, and what stands beside the loads stays. */
START_TEST(loads_are_apart) {
    static const char first[] = "  - {from: 0s, until: 9s, every: 50ms}\n";
    static const char both[] = "  - {from: 0s, until: 9s, every: 50ms}\n"
                               "  - {from: 20s, until: 29s, every: 50ms}\n"
                               "actions:\n  - {at: 40s, do: crash, nodes: [n1], for: 5s}\n";
    struct scenario a;
    struct scenario b;
    expand(3, 7, first, &a);
    expand(3, 7, both, &b);
    ck_assert_uint_gt(b.action_count, a.action_count + 100);
    ck_assert_int_eq(b.actions[b.action_count - 1].type, SCENARIO_CRASH);
    ck_assert(b.classes[SCENARIO_CLASS_CRASH]);
    ck_assert_uint_eq(b.load_ms, 46000);
    b.load_ms = a.load_ms;
    b.classes[SCENARIO_CLASS_CRASH] = false;
    for (size_t i = a.action_count; i < b.action_count; i++) {
        free(b.actions[i].nodes.indexes);
        free(b.actions[i].entity);
        free(b.actions[i].name);
        free(b.actions[i].body);
    }
    b.action_count = a.action_count;
    ck_assert_ptr_null(scenario_kit_difference(&a, &b));
    scenario_close(&a);
    scenario_close(&b);
}
END_TEST

/* What is written can be read by a node: an expanded scenario, printed, is taken again, so all of its bodies and imports
 * parse; at any size of bodies. */
START_TEST(all_can_be_sent) {
    static const unsigned sizes[] = {0, 100, 400, 5000, 24576};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char load[200];
        struct scenario scenario;
        struct scenario again;
        size_t longest = 0;
        (void)snprintf(load, sizeof load,
                       "  - {from: 0s, until: 20s, every: 100ms, imports: 40, body_size: %u}\n"
                       "  - {from: 0s, until: 20s, entries: 20, body_size: %u}\n",
                       sizes[i], sizes[i]);
        expand(3, i, load, &scenario);
        for (size_t j = 0; j < scenario.action_count; j++) {
            size_t length =
                scenario.actions[j].type == SCENARIO_SET ? strlen(scenario.actions[j].body) : 0;
            longest = length > longest ? length : longest;
        }
        ck_assert_uint_ge(longest, sizes[i] * 9 / 10);
        ck_assert_uint_le(longest, sizes[i] + 400);
        char *text = scenario_kit_printed(&scenario);
        scenario_kit_parse(text, &again);
        ck_assert_ptr_null(scenario_kit_difference(&scenario, &again));
        free(text);
        scenario_close(&scenario);
        scenario_close(&again);
    }
}
END_TEST

/* A pace of a millisecond over a long time ends at the number of actions that a scenario may have. */
START_TEST(bounded) {
    struct scenario scenario;
    scenario_init(&scenario);
    scenario.node_count = 2;
    scenario.load_count = 1;
    scenario.loads[0] = (struct scenario_load){
        .until_ms = SCENARIO_TIME_MS_MAX, .every_ms = 1, .entities = 1, .drops_percent = 100};
    scenario_expand(&scenario);
    ck_assert_uint_eq(scenario.action_count, SCENARIO_ACTIONS_MAX);
    scenario_close(&scenario);
}
END_TEST

Suite *scenario_load_suite(void);
Suite *scenario_load_suite(void) {
    Suite *suite = suite_create("scenario_load");
    TCase *expands = tcase_create("scenario_expand");
    tcase_add_test(expands, from_the_seed_alone);
    tcase_add_test(expands, paced);
    tcase_add_test(expands, as_asked);
    tcase_add_test(expands, cycles);
    tcase_add_test(expands, entries);
    tcase_add_test(expands, loads_are_apart);
    tcase_add_test(expands, all_can_be_sent);
    tcase_add_test(expands, bounded);
    suite_add_tcase(suite, expands);
    return suite;
}
