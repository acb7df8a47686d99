/* test_explore_freshness.c - the model of freshness: who says how fresh it is, is, and each clause that is left out is missed. */
#include "test/unit/support/explore_kit.h"

#include <check.h>

/* In small worlds who says how fresh it is has all that a majority had then. */
START_TEST(small_worlds_hold) {
    static const struct explore_limits worlds[] = {
        {.nodes = 3, .writes = 1, .walks = 1, .ticks = 2},
        {.nodes = 2, .writes = 2, .walks = 1, .ticks = 2},
    };
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        struct explore_world world = {.limits = worlds[i]};
        explore_kit_holds(&explore_freshness, &world);
    }
}
END_TEST

/* Each clause that small worlds of the suite leave out is missed there. */
START_TEST(clauses_are_missed) {
    ck_assert_uint_ge(explore_kit_plants(&explore_freshness), 8);
}
END_TEST

/* Worlds that the state has no room for are refused. */
START_TEST(too_large) {
    static const struct explore_limits worlds[] = {{.nodes = 5}, {.nodes = 2, .writes = 5}};
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        struct explore_world world = {.limits = worlds[i]};
        ck_assert_ptr_nonnull(explore_freshness.unfit(&world));
    }
    struct explore_world small = {.limits = explore_freshness.small};
    ck_assert_ptr_null(explore_freshness.unfit(&small));
}
END_TEST

Suite *explore_freshness_suite(void);
Suite *explore_freshness_suite(void) {
    Suite *suite = suite_create("explore_freshness");
    TCase *model = tcase_create("explore_freshness");
    tcase_add_test(model, small_worlds_hold);
    tcase_add_test(model, clauses_are_missed);
    tcase_add_test(model, too_large);
    suite_add_tcase(suite, model);
    return suite;
}
