/* test_explore_agreement.c - the model of agreement: agreed is told only if it is true, and each clause that is left out is missed. */
#include "test/unit/support/explore_kit.h"

#include <check.h>

/* In small worlds G6, S4: "agreed" is never told falsely. */
START_TEST(small_worlds_hold) {
    static const struct explore_limits worlds[] = {
        {.nodes = 2, .joins = 1, .writes = 1, .late = 1, .crashes = 1},
        {.nodes = 3, .writes = 1, .late = 1, .restores = 1},
    };
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        struct explore_world world = {.limits = worlds[i]};
        explore_kit_holds(&explore_agreement, &world);
    }
}
END_TEST

/* Each clause that small worlds of the suite leave out is missed there. */
START_TEST(clauses_are_missed) {
    ck_assert_uint_ge(explore_kit_plants(&explore_agreement), 10);
}
END_TEST

/* Worlds that the state has no room for are refused. */
START_TEST(too_large) {
    static const struct explore_limits worlds[] = {{.nodes = 4, .joins = 2},
                                                   {.nodes = 2, .late = 3}};
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        struct explore_world world = {.limits = worlds[i]};
        ck_assert_ptr_nonnull(explore_agreement.unfit(&world));
    }
    struct explore_world small = {.limits = explore_agreement.small};
    ck_assert_ptr_null(explore_agreement.unfit(&small));
}
END_TEST

Suite *explore_agreement_suite(void);
Suite *explore_agreement_suite(void) {
    Suite *suite = suite_create("explore_agreement");
    TCase *model = tcase_create("explore_agreement");
    tcase_add_test(model, small_worlds_hold);
    tcase_add_test(model, clauses_are_missed);
    tcase_add_test(model, too_large);
    suite_add_tcase(suite, model);
    return suite;
}
