/* test_explore_staged.c - the model of staged: no two members are more than one state apart, and each clause that is left out is missed. */
#include "test/unit/support/explore_kit.h"

#include <check.h>

/* In small worlds no two members are ever more than one state apart. */
START_TEST(small_worlds_hold) {
    static const struct explore_limits worlds[] = {
        {.nodes = 2, .changes = 2, .keys = 2, .writes = 4, .crashes = 1},
        {.nodes = 2, .changes = 2, .keys = 1, .writes = 4, .late = 1},
    };
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        struct explore_world world = {.limits = worlds[i]};
        explore_kit_holds(&explore_staged, &world);
    }
}
END_TEST

/* Each clause that small worlds of the suite leave out is missed there. */
START_TEST(clauses_are_missed) {
    ck_assert_uint_ge(explore_kit_plants(&explore_staged), 9);
}
END_TEST

/* Worlds that the state has no room for are refused. */
START_TEST(too_large) {
    static const struct explore_limits worlds[] = {{.nodes = 5, .keys = 1},
                                                   {.nodes = 2, .keys = 3}};
    for (size_t i = 0; i < sizeof worlds / sizeof worlds[0]; i++) {
        struct explore_world world = {.limits = worlds[i]};
        ck_assert_ptr_nonnull(explore_staged.unfit(&world));
    }
    struct explore_world small = {.limits = explore_staged.small};
    ck_assert_ptr_null(explore_staged.unfit(&small));
}
END_TEST

Suite *explore_staged_suite(void);
Suite *explore_staged_suite(void) {
    Suite *suite = suite_create("explore_staged");
    TCase *model = tcase_create("explore_staged");
    tcase_add_test(model, small_worlds_hold);
    tcase_add_test(model, clauses_are_missed);
    tcase_add_test(model, too_large);
    suite_add_tcase(suite, model);
    return suite;
}
