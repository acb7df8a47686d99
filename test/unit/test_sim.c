/* test_sim.c - the course of a run: the same again, its phases, how it ends, and what it must not claim. */
#include "test/sim/sim.h"
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sim_result result;

/* --- the same again -------------------------------------------------------------------------------------------------- */

#define BUSY                                                                                       \
    SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 3s, do: loss, percent: 30, for: 5s}\n"                   \
                                "  - {at: 4s, do: crash, nodes: [n3], for: 2s}\n"                  \
                                "load:\n  - {from: 3s, until: 9s, every: 200ms}\n"

START_TEST(twice_the_same) {
    /* Two runs of one scenario have the same events, one by one, the same hash, the same figures and the same content. */
    struct sim_result again;
    sim_kit_run(BUSY, &(struct sim_options){.record = true}, &result);
    ck_assert_int_eq(result.verdict, CHAOS_HELD);
    ck_assert_uint_eq(result.record_count, result.stats.events);
    ck_assert_uint_gt(result.record_count, 500);
    sim_kit_run(
        BUSY,
        &(struct sim_options){.expected = result.records, .expected_count = result.record_count},
        &again);
    ck_assert(!again.differs);
    ck_assert_uint_eq(again.trace_hash, result.trace_hash);
    ck_assert_int_eq(memcmp(&again.stats, &result.stats, sizeof again.stats), 0);
    ck_assert_str_eq(again.content_root, result.content_root);
    ck_assert_uint_eq(strlen(result.content_root), 32);
    free(result.records);
}
END_TEST

START_TEST(another_seed_differs) {
    /* The first event that differs is found: with another seed of the run, and in records that were changed. */
    struct sim_result again;
    sim_kit_run(BUSY, &(struct sim_options){.record = true}, &result);
    struct sim_options options = {.expected = result.records,
                                  .expected_count = result.record_count};
    sim_kit_run(BUSY "seed: 2\n", &options, &again);
    ck_assert(again.differs);
    ck_assert_uint_lt(again.differs_at, result.record_count);
    ck_assert_uint_ne(again.trace_hash, result.trace_hash);
    result.records[321].hash++;
    sim_kit_run(BUSY, &options, &again);
    ck_assert(again.differs);
    ck_assert_uint_eq(again.differs_at, 321);
    ck_assert_uint_eq(again.found.time_ms, result.records[321].time_ms);
    free(result.records);
}
END_TEST

START_TEST(the_seed_decides_what_happens) {
    /* Also where it draws no writes: of the same actions another seed makes another run. */
    static const char text[] = SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 3s, do: loss, percent: 30}\n";
    struct sim_result again;
    char other[sizeof text + 20];
    (void)snprintf(other, sizeof other, "%sseed: 2\n", text);
    sim_kit_run(text, NULL, &result);
    sim_kit_run(other, NULL, &again);
    ck_assert_uint_ne(again.trace_hash, result.trace_hash);
    ck_assert_uint_ne(again.stats.frames_lost, result.stats.frames_lost);
}
END_TEST

START_TEST(records_that_end_too_soon) {
    /* More events than the run before had are a difference too. */
    struct sim_result again;
    sim_kit_run(BUSY, &(struct sim_options){.record = true}, &result);
    struct sim_options options = {.expected = result.records, .expected_count = 100};
    sim_kit_run(BUSY, &options, &again);
    ck_assert(again.differs);
    ck_assert_uint_eq(again.differs_at, 100);
    free(result.records);
}
END_TEST

static uint64_t clock_ns;
static uint64_t tick(void) {
    return clock_ns += 10;
}

START_TEST(watching_changes_nothing) {
    /* A trace, a report, records and a clock leave the run as it is. */
    struct sim_result watched;
    struct scenario scenario;
    struct report report;
    scenario_init(&scenario);
    scenario.node_count = 3;
    report_open(&report, &scenario, "sim");
    FILE *nowhere = fopen("/dev/null", "w");
    ck_assert_ptr_nonnull(nowhere);
    sim_kit_run(BUSY, NULL, &result);
    sim_kit_run(BUSY,
                &(struct sim_options){
                    .trace = nowhere, .report = &report, .record = true, .nanoseconds = tick},
                &watched);
    ck_assert_uint_eq(watched.trace_hash, result.trace_hash);
    ck_assert_uint_gt(report.sample_count, 20);
    ck_assert_uint_gt(report.band_count, 1);
    ck_assert_uint_gt(report.equal_ms, report.load_ms);
    ck_assert_uint_gt(watched.check_ns, 0);
    ck_assert_uint_gt(watched.run_ns, watched.check_ns);
    ck_assert_uint_eq(result.run_ns, 0);
    (void)fclose(nowhere);
    free(watched.records);
    report_close(&report);
    scenario_close(&scenario);
}
END_TEST

/* --- the course ------------------------------------------------------------------------------------------------------ */

START_TEST(all_phases) {
    /* Load, settle, check, quiet, in this order; all hold the same in the end, and both writes are there. */
    const char *trace = sim_kit_trace(SIM_KIT_HEAD SIM_KIT_WRITES, &result);
    ck_assert_int_eq(result.verdict, CHAOS_HELD);
    ck_assert_str_eq(result.reason, "");
    const char *at = trace;
    for (unsigned i = 0; i < 4; i++) {
        static const char *const lines[] = {"0 --  phase: load\n", "12000 --  phase: settle\n",
                                            "--  phase: check\n", "--  phase: quiet\n"};
        at = strstr(at, lines[i]);
        ck_assert_msg(at != NULL, "%s", lines[i]);
    }
    ck_assert_uint_eq(result.stats.load_ms, 12000);
    ck_assert_uint_ge(result.stats.settle_intervals, 1);
    ck_assert_uint_eq(result.stats.quiet_intervals, 20);
    ck_assert_uint_eq(result.stats.entries, 2);
    ck_assert_uint_eq(result.stats.acknowledged, 2);
    ck_assert_uint_eq(result.stats.succeeded[SIM_OPERATION_SET], 2);
    ck_assert_uint_eq(result.stats.tried[SIM_OPERATION_SET], 2);
    ck_assert_uint_gt(result.stats.rest_node_ms, 0);
    ck_assert_uint_lt(result.stats.load_node_ms + result.stats.rest_node_ms, result.stats.node_ms);
}
END_TEST

/* How many acknowledged writes n3 lacks in the end; UINT32_MAX: it stays away. */
static uint32_t missing_in_the_end(const char *text) {
    struct scenario scenario;
    struct report report;
    scenario_init(&scenario);
    scenario.node_count = 4;
    report_open(&report, &scenario, "sim");
    sim_kit_run(text, &(struct sim_options){.report = &report}, &result);
    uint32_t missing = report.samples[report.sample_count - 1].missing[2];
    report_close(&report);
    scenario_close(&scenario);
    return missing;
}

START_TEST(a_core_without_the_others) {
    /* Of a core only its nodes become equal, and the others hear nothing from it for ever; without one all become equal. */
#define FOUR "name: t\nnodes: 4\ninterval: 500ms\nload_ends: 12s\n"
#define APART                                                                                      \
    "actions:\n" SIM_KIT_WRITES                                                                    \
    "  - {at: 6s, do: partition, nodes: [n1, n2]}\n" SIM_KIT_SET("9s", "n1", "late")
    ck_assert_uint_eq(missing_in_the_end(FOUR "core: [n1, n2]\n" APART), UINT32_MAX);
    ck_assert_int_eq(result.verdict, CHAOS_HELD);
    ck_assert_uint_eq(result.stats.entries, 3);
    ck_assert_uint_eq(missing_in_the_end(FOUR APART), 0);
    ck_assert_int_eq(result.verdict, CHAOS_HELD);
}
END_TEST

START_TEST(not_equal_in_time) {
    /* Nodes that have no interval to become equal have diverged, by L1, in the phase in which they had to. */
    sim_kit_run(SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 6s, do: crash, nodes: [n3], for: 6s}\n"
                                            "expect: {intervals: 0}\n",
                NULL, &result);
    ck_assert_int_eq(result.verdict, CHAOS_DIVERGED);
    ck_assert_str_eq(result.invariant, "L1");
    ck_assert_int_eq(result.phase, SIM_SETTLE);
    ck_assert_uint_eq(result.failed_ms, 12000);
    ck_assert_ptr_nonnull(strstr(result.reason, "not equal 0 intervals"));
    ck_assert_str_eq(result.content_root, "");
}
END_TEST

START_TEST(as_many_events_as_allowed) {
    /* A bound of events ends the run as unknown, and the run has no more of them. */
    sim_kit_run(BUSY, &(struct sim_options){.events_max = 200}, &result);
    ck_assert_int_eq(result.verdict, CHAOS_UNKNOWN);
    ck_assert_uint_eq(result.stats.events, 200);
    ck_assert_ptr_nonnull(strstr(result.reason, "bound of events"));
}
END_TEST

START_TEST(choices_of_somebody_else) {
    /* The run takes its choices where it is told: with none left, every one is the mild one. */
    struct choice choice;
    choice_bytes(&choice, (const uint8_t *)"", 0);
    sim_kit_run(SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 3s, do: loss, percent: 99}\n",
                &(struct sim_options){.choice = &choice}, &result);
    ck_assert_uint_eq(result.stats.frames_lost, 0);
    ck_assert_uint_gt(result.choices, 0);
    ck_assert_uint_eq(result.choices, choice.made);
}
END_TEST

/* --- what proves nothing --------------------------------------------------------------------------------------------- */

START_TEST(proves_nothing) {
    /* Where a class had no effect, an operation no success, or nothing was moved, the run says which, and that it is
     * unknown. */
    static const struct {
        const char *text, *reason;
    } runs[] = {
        {SIM_KIT_HEAD "  - {at: 4s, do: sync, nodes: [n1]}\n", "nothing was transferred"},
        {SIM_KIT_HEAD SIM_KIT_WRITES
         "  - {at: 11s, do: disk_slow, nodes: [n3], span: 1s, for: 500ms}\n",
         "never had an effect: disk_slow"},
        {SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 11s, do: restore, nodes: [n3], for: 500ms}\n",
         "never had an effect: restore"},
        {SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 6s, do: drop, nodes: [n1], key: schema/nothing}\n",
         "never succeeded: drop"},
    };
    sim_kit_run(runs[_i].text, NULL, &result);
    ck_assert_int_eq(result.verdict, CHAOS_UNKNOWN);
    ck_assert_msg(strstr(result.reason, runs[_i].reason) != NULL, "%s", result.reason);
    ck_assert_str_eq(result.invariant, "");
}
END_TEST

START_TEST(a_network_without_faults) {
    /* C02: a network that never loses anything loses nothing, and the run says that it proved nothing about loss. */
    static const char text[] = SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 3s, do: loss, percent: 30}\n";
    sim_kit_run(text, NULL, &result);
    ck_assert_int_eq(result.verdict, CHAOS_HELD);
    ck_assert_uint_gt(result.stats.frames_lost, 0);
    ck_assert_uint_eq(result.stats.fired[SCENARIO_CLASS_LOSS], result.stats.frames_lost);
    sim_kit_run(text, &(struct sim_options){.lossless = true}, &result);
    ck_assert_int_eq(result.verdict, CHAOS_UNKNOWN);
    ck_assert_uint_eq(result.stats.frames_lost, 0);
    ck_assert_ptr_nonnull(strstr(result.reason, "loss"));
    ck_assert_msg(strncmp(result.reason, "at ", 3) == 0, "%s", result.reason);
}
END_TEST

/* --- what was expected ----------------------------------------------------------------------------------------------- */

START_TEST(expectations) {
    /* What a file expects is compared; what does not come is a violation of EXPECT that says both numbers. */
    static const struct {
        const char *expect;
        const char *reason; /* NULL: held */
    } runs[] = {
        {"{entries: 2, conflicts: 0}", NULL},
        {"{entries: 3}", "2 entries, expected are 3"},
        {"{entries: 1}", "2 entries, expected are 1"},
        {"{conflicts: 1}", "0 conflicts, expected are 1"},
        {"{entries: 2, intervals: 5}", NULL},
    };
    char text[1000];
    (void)snprintf(text, sizeof text, "%sexpect: %s\n", SIM_KIT_HEAD SIM_KIT_WRITES,
                   runs[_i].expect);
    sim_kit_run(text, NULL, &result);
    ck_assert_int_eq(result.verdict, runs[_i].reason == NULL ? CHAOS_HELD : CHAOS_VIOLATED);
    if (runs[_i].reason != NULL) {
        ck_assert_str_eq(result.invariant, "EXPECT");
        ck_assert_msg(strstr(result.reason, runs[_i].reason) != NULL, "%s", result.reason);
    }
}
END_TEST

/* --- violations ------------------------------------------------------------------------------------------------------ */

START_TEST(a_violation_says_where) {
    /* The first violation stands, with what, when, in which phase and on which node; the second changes nothing. */
    struct sim_kit kit;
    sim_kit_open(&kit, 3);
    kit.sim.phase = SIM_CHECK;
    sim_fail(&kit.sim, "S3", CHAOS_VIOLATED, &kit.sim.nodes[2], "goes back");
    sim_fail(&kit.sim, "L1", CHAOS_DIVERGED, &kit.sim.nodes[0], "another");
    ck_assert(kit.sim.failed);
    ck_assert_int_eq(kit.result.verdict, CHAOS_VIOLATED);
    ck_assert_str_eq(kit.result.invariant, "S3");
    ck_assert_int_eq(kit.result.phase, SIM_CHECK);
    ck_assert_uint_eq(kit.result.failed_ms, 1000);
    ck_assert_uint_eq(kit.result.failed_node, 2);
    ck_assert_str_eq(kit.result.reason, "S3 at 1000 ms (check), n3: goes back");
    sim_kit_close(&kit);
}
END_TEST

START_TEST(a_hollow_check_is_silent) {
    /* C03: the invariants that are made hollow are not reported, all others are. */
    struct sim_kit kit;
    sim_kit_open(&kit, 3);
    kit.options.hollow = "S44,S3,L1";
    sim_fail(&kit.sim, "S3", CHAOS_VIOLATED, NULL, "goes back");
    sim_fail(&kit.sim, "L1", CHAOS_DIVERGED, NULL, "not equal");
    ck_assert(!kit.sim.failed);
    sim_fail(&kit.sim, "S4", CHAOS_VIOLATED, NULL, "another");
    ck_assert_str_eq(kit.result.invariant, "S4");
    ck_assert_uint_eq(kit.result.failed_node, SIZE_MAX);
    sim_kit_close(&kit);
}
END_TEST

START_TEST(bounds_of_settling) {
    /* K(n) of DESIGN 2: 2*log2(n) + 8, rounded up. */
    static const struct {
        size_t nodes;
        uint64_t intervals;
    } bounds[] = {{1, 8}, {2, 10}, {3, 12}, {4, 12}, {5, 14}, {30, 18}, {1000, 28}, {1024, 28}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        ck_assert_uint_eq(sim_settle_bound(bounds[i].nodes), bounds[i].intervals);
    }
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test, int times) {
    TCase *tcase = tcase_create(name);
    tcase_add_loop_test(tcase, test, 0, times);
    suite_add_tcase(suite, tcase);
}

Suite *sim_suite(void);
Suite *sim_suite(void) {
    Suite *suite = suite_create("sim");
    add(suite, "sim_again", twice_the_same, 1);
    add(suite, "sim_again", another_seed_differs, 1);
    add(suite, "sim_again", the_seed_decides_what_happens, 1);
    add(suite, "sim_again", records_that_end_too_soon, 1);
    add(suite, "sim_again", watching_changes_nothing, 1);
    add(suite, "sim_course", all_phases, 1);
    add(suite, "sim_course", a_core_without_the_others, 1);
    add(suite, "sim_course", not_equal_in_time, 1);
    add(suite, "sim_course", as_many_events_as_allowed, 1);
    add(suite, "sim_course", choices_of_somebody_else, 1);
    add(suite, "sim_vacuity", proves_nothing, 4);
    add(suite, "sim_vacuity", a_network_without_faults, 1);
    add(suite, "sim_expect", expectations, 5);
    add(suite, "sim_fail", a_violation_says_where, 1);
    add(suite, "sim_fail", a_hollow_check_is_silent, 1);
    add(suite, "sim_fail", bounds_of_settling, 1);
    return suite;
}
