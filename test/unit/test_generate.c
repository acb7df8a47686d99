/* test_generate.c - what seeds draw: each kind of thing that clients ask, within the time, at nodes that there are; removals of
 * which some come back; and a fuzzer's zeros give a run, too. (generate.c, generate_agree.c) */
#include "test/sim/scenario.h"

#include <check.h>
#include <stdlib.h>

enum { SEEDS = 200 };

START_TEST(all_kinds) {
    unsigned drawn[SCENARIO_ACTION_COUNT] = {0};
    unsigned returns = 0;
    unsigned waits = 0;
    unsigned at_once = 0;
    unsigned cycles = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct scenario scenario;
        struct choice choice;
        choice_seed(&choice, seed);
        scenario_draw(&scenario, &choice, seed, 0);
        ck_assert(scenario.drawn);
        for (size_t i = 0; i < scenario.load_count; i++) {
            cycles += scenario.loads[i].cycles > 0;
        }
        for (size_t i = 0; i < scenario.action_count; i++) {
            const struct scenario_action *action = &scenario.actions[i];
            bool removes = action->type == SCENARIO_REMOVE || action->type == SCENARIO_REMOVE_LIVE;
            drawn[action->type]++;
            returns += removes && action->for_ms != SCENARIO_FOREVER;
            waits += action->waits;
            at_once += action->waits && action->wait_ms == 0;
            ck_assert_uint_lt(action->at_ms, scenario.load_ms);
            for (size_t j = 0; j < action->nodes.count; j++) {
                ck_assert_uint_lt(action->nodes.indexes[j], scenario.node_count);
            }
            if (action->type == SCENARIO_STAGED_SET) {
                ck_assert(action->entity[0] == 's' && action->body != NULL && action->waits);
            }
        }
        scenario_close(&scenario);
    }
    for (unsigned type = 0; type < SCENARIO_ACTION_COUNT; type++) {
        bool loaded = type == SCENARIO_DROP; /* most by loads */
        ck_assert_msg(drawn[type] > 0 || loaded, "%s",
                      scenario_action_name((enum scenario_action_type)type));
    }
    ck_assert(returns > 0 && returns < drawn[SCENARIO_REMOVE] + drawn[SCENARIO_REMOVE_LIVE]);
    ck_assert(waits > 20 * at_once / 10 && at_once > 0);
    ck_assert(cycles > SEEDS / 6 && cycles < SEEDS);
}
END_TEST

START_TEST(bytes_that_end) {
    /* Whoever has no more bytes draws zeros: a run that can be made. */
    struct scenario scenario;
    struct choice choice;
    const uint8_t bytes[] = {1, 2, 3};
    choice_bytes(&choice, bytes, sizeof bytes);
    scenario_draw(&scenario, &choice, 1, 0);
    ck_assert_uint_ge(scenario.node_count, 3);
    ck_assert_uint_gt(scenario.action_count, 10);
    scenario_close(&scenario);
}
END_TEST

Suite *generate_suite(void);
Suite *generate_suite(void) {
    Suite *suite = suite_create("generate");
    TCase *draws = tcase_create("scenario_draw");
    tcase_add_test(draws, all_kinds);
    tcase_add_test(draws, bytes_that_end);
    suite_add_tcase(suite, draws);
    return suite;
}
