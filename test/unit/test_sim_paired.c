/* test_sim_paired.c - L6: what one bad peer costs the others. */
#include "test/sim/paired.h"
#include "test/unit/support/scenario_kit.h"

#include <check.h>

/* Five nodes whose pushes are often lost, so that what is missed is left to exchanges, which a bad peer could hold up. */
#define HEAD                                                                                       \
    "name: t\nnodes: 5\ninterval: 500ms\nload_ends: 30s\n"                                         \
    "load:\n  - {from: 4s, until: 28s, every: 150ms, entities: 20}\n"                              \
    "actions:\n  - {at: 4s, do: loss, percent: 40}\n"

static const char *const bad_peers[] = {
    HEAD "  - {at: 5s, do: freeze, nodes: [n5], for: 20s}\n",
    HEAD "  - {at: 5s, do: hang, nodes: [n5], for: 20s}\n",
    HEAD "  - {at: 5s, do: disk_slow, nodes: [n5], span: 8s, for: 20s}\n",
    HEAD "  - {at: 5s, do: liar, nodes: [n5], count: 30}\n"
         "  - {at: 9s, do: liar, nodes: [n5], count: 30}\n",
};

static void pair_run(const char *text, struct paired *paired) {
    struct scenario scenario;
    scenario_kit_parse(text, &scenario);
    scenario_expand(&scenario);
    paired_run(&scenario, 4, paired);
    scenario_close(&scenario);
}

START_TEST(one_bad_peer) {
    /* A peer that is frozen, hung, slow or lying costs the others at most twice the time, and there is something to lose. */
    struct paired paired;
    pair_run(bad_peers[_i], &paired);
    ck_assert_uint_gt(paired.left_out, 0);
    ck_assert_msg(paired.with.verdict == CHAOS_HELD, "%s", paired.with.reason);
    ck_assert_uint_gt(paired.without.stats.lag, 20);
    ck_assert_msg(!paired_costs_too_much(&paired), "lag %llu with it, %llu without; %llu writes",
                  (unsigned long long)paired.with.stats.lag,
                  (unsigned long long)paired.without.stats.lag,
                  (unsigned long long)paired.with.stats.acknowledged);
}
END_TEST

START_TEST(too_much) {
    /* More than twice the lag, more than twice the intervals to settle, or a run that ended badly are too much. */
    struct paired paired = {.with.stats = {.lag = 202, .acknowledged = 10, .settle_intervals = 7},
                            .without.stats = {.lag = 100, .settle_intervals = 3}};
    ck_assert(!paired_costs_too_much(&paired));
    paired.with.stats.lag++;
    ck_assert(paired_costs_too_much(&paired));
    paired.with.stats.lag--;
    paired.with.stats.settle_intervals++;
    ck_assert(paired_costs_too_much(&paired));
    paired.with.stats.settle_intervals--;
    paired.with.verdict = CHAOS_DIVERGED;
    ck_assert(paired_costs_too_much(&paired));
}
END_TEST

Suite *sim_paired_suite(void);
Suite *sim_paired_suite(void) {
    Suite *suite = suite_create("sim_paired");
    TCase *tcase = tcase_create("paired_run");
    tcase_add_loop_test(tcase, one_bad_peer, 0, sizeof bad_peers / sizeof *bad_peers);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("paired_costs_too_much");
    tcase_add_test(tcase, too_much);
    suite_add_tcase(suite, tcase);
    return suite;
}
