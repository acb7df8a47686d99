/* test_simulate.c - what attune-chaos sim runs: the scenario of a seed, without the classes that are left out; twice; and the
 * seeds that fail on purpose. */
#include "bin/chaos/simulate.h"

#include <check.h>
#include <string.h>

/* The classes of a seed's scenario, by its actions; asserts that they are those that it says are on. */
static unsigned classes_of(const struct sim_arguments *arguments, uint64_t seed, size_t *operations,
                           bool on[SCENARIO_CLASS_COUNT]) {
    struct scenario scenario;
    unsigned count = 0;
    ck_assert(simulate_scenario(arguments, seed, &scenario));
    ck_assert_uint_eq(scenario.load_count, 0);
    memset(on, 0, SCENARIO_CLASS_COUNT * sizeof *on);
    *operations = 0;
    for (size_t i = 0; i < scenario.action_count; i++) {
        on[scenario_action_class(scenario.actions[i].type)] = true;
        *operations += scenario_action_is_operation(scenario.actions[i].type);
    }
    for (unsigned i = 1; i < SCENARIO_CLASS_COUNT; i++) {
        ck_assert_int_eq(scenario.classes[i], on[i]);
        count += on[i];
    }
    scenario_close(&scenario);
    return count;
}

START_TEST(only_these_classes) {
    /* --only leaves faults of the named classes and all operations; what was drawn is else the same. */
    bool all[SCENARIO_CLASS_COUNT];
    bool some[SCENARIO_CLASS_COUNT];
    unsigned seen = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        size_t operations = 0;
        size_t operations_left = 0;
        (void)classes_of(&(struct sim_arguments){.single = true}, seed, &operations, all);
        unsigned left =
            classes_of(&(struct sim_arguments){.single = true, .only = "disk_full,loss,late_join"},
                       seed, &operations_left, some);
        seen += left;
        ck_assert_uint_eq(operations, operations_left);
        for (unsigned i = 1; i < SCENARIO_CLASS_COUNT; i++) {
            bool named = i == SCENARIO_CLASS_DISK_FULL || i == SCENARIO_CLASS_LOSS ||
                         i == SCENARIO_CLASS_LATE_JOIN;
            ck_assert_int_eq(some[i], named && all[i]);
        }
    }
    ck_assert_uint_gt(seen, 10);
}
END_TEST

START_TEST(classes_by_their_whole_name) {
    /* A class is meant by its whole name: `disk_slow` is not the `slow_link`, and `loss` not what begins with it. */
    ck_assert(simulate_prepare(&(struct sim_arguments){.only = "disk_slow,loss"}));
    ck_assert(!simulate_prepare(&(struct sim_arguments){.only = "disk"}));
    ck_assert(!simulate_prepare(&(struct sim_arguments){.only = "loss,los"}));
    ck_assert(!simulate_prepare(&(struct sim_arguments){.hollow = "S99"}));
    ck_assert(simulate_prepare(&(struct sim_arguments){.hollow = "S3"}));
}
END_TEST

START_TEST(as_many_nodes_as_told) {
    /* --nodes says how many there are. */
    struct scenario scenario;
    ck_assert(simulate_scenario(&(struct sim_arguments){.nodes = 42}, 5, &scenario));
    ck_assert_uint_eq(scenario.node_count, 42);
    scenario_close(&scenario);
}
END_TEST

START_TEST(twice_is_once) {
    /* A seed that is run twice ends as it does once, with the same hash. */
    struct scenario scenario;
    struct sim_result once;
    struct sim_result twice;
    const struct sim_arguments arguments = {.single = true, .nodes = 3};
    ck_assert(simulate_scenario(&arguments, 7, &scenario));
    simulate_run(&arguments, &scenario, NULL, &once);
    simulate_run_twice(&arguments, &scenario, &twice);
    ck_assert_int_eq(twice.verdict, once.verdict);
    ck_assert_uint_eq(twice.trace_hash, once.trace_hash);
    ck_assert_ptr_null(twice.records);
    scenario_close(&scenario);
}
END_TEST

START_TEST(canaries_fail) {
    /* C01: with --canary the seed 100 fails on purpose and says so, 101 does not; without it neither does. */
    for (uint64_t seed = 100; seed <= 101; seed++) {
        for (int canary = 0; canary < 2; canary++) {
            struct scenario scenario;
            struct sim_result result;
            const struct sim_arguments arguments = {
                .single = true, .nodes = 3, .only = "crash", .canary = canary};
            ck_assert(simulate_scenario(&arguments, seed, &scenario));
            simulate_run(&arguments, &scenario, NULL, &result);
            bool fails = canary && seed == 100 && result.verdict == CHAOS_VIOLATED;
            ck_assert_int_eq(strcmp(result.invariant, "CANARY") == 0, fails);
            ck_assert(canary == 0 || seed == 101 || fails);
            scenario_close(&scenario);
        }
    }
}
END_TEST

START_TEST(all_that_a_failure_is_found_by) {
    /* The description has name, seed, commit, build, hash, phase and node. */
    struct scenario scenario;
    char text[400];
    scenario_init(&scenario);
    (void)snprintf(scenario.name, sizeof scenario.name, "named");
    scenario.seed = 77;
    const struct sim_result result = {
        .trace_hash = 0xabcd, .phase = SIM_QUIET, .failed_node = 2, .verdict = CHAOS_VIOLATED};
    simulate_describe(&scenario, &result, text, sizeof text);
    static const char *const parts[] = {"named, seed 77, commit ", ", build ",
                                        "trace 000000000000abcd", "phase quiet, n3"};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_msg(strstr(text, parts[i]) != NULL, "%s", text);
    }
    scenario_close(&scenario);
}
END_TEST

START_TEST(the_same_arguments_again) {
    /* The line that repeats a run has all that decides what it does, for one run as for a seed of a sweep. */
    char text[SIMULATE_AGAIN_SIZE_MAX];
    simulate_again(&(struct sim_arguments){.sweep = true}, 9, text, sizeof text);
    ck_assert_str_eq(text, "attune-chaos sim --seed 9 --trace");
    simulate_again(&(struct sim_arguments){.nodes = 30,
                                           .only = "loss,crash",
                                           .plant = "B07",
                                           .hollow = "S2",
                                           .lossless = true,
                                           .canary = true},
                   9, text, sizeof text);
    ck_assert_str_eq(text, "attune-chaos sim --seed 9 --nodes 30 --only loss,crash --plant B07 "
                           "--hollow S2 --lossless --canary --trace");
    simulate_again(&(struct sim_arguments){.scenario = "a.yaml"}, 9, text, sizeof text);
    ck_assert_str_eq(text, "attune-chaos sim a.yaml --seed 9 --trace");
}
END_TEST

Suite *simulate_suite(void);
Suite *simulate_suite(void) {
    Suite *suite = suite_create("simulate");
    TCase *scenario = tcase_create("simulate_scenario");
    tcase_add_test(scenario, only_these_classes);
    tcase_add_test(scenario, classes_by_their_whole_name);
    tcase_add_test(scenario, as_many_nodes_as_told);
    suite_add_tcase(suite, scenario);
    TCase *run = tcase_create("simulate_run");
    tcase_add_test(run, twice_is_once);
    tcase_add_test(run, canaries_fail);
    suite_add_tcase(suite, run);
    TCase *describe = tcase_create("simulate_describe");
    tcase_add_test(describe, all_that_a_failure_is_found_by);
    tcase_add_test(describe, the_same_arguments_again);
    suite_add_tcase(suite, describe);
    return suite;
}
