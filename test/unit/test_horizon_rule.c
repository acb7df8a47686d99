/* test_horizon_rule.c - the rules of removal as functions of numbers (DESIGN 4.7). */
#include "gossip/horizon_rule.h"

#include <check.h>

START_TEST(seen_takes_the_largest) {
    /* G3: `seen` never falls, and rises to what is counted of all, or to what the member has seen. */
    ck_assert_uint_eq(gossip__seen_rule(5, true, 3, 2), 5);
    ck_assert_uint_eq(gossip__seen_rule(5, true, 7, 2), 7);
    ck_assert_uint_eq(gossip__seen_rule(5, true, 7, 9), 9);
    ck_assert_uint_eq(gossip__seen_rule(0, true, 0, 0), 0);
    ck_assert_uint_eq(gossip__seen_rule(5, false, 7, 2),
                      5); /* who is not whole counts for nothing */
    ck_assert_uint_eq(gossip__seen_rule(5, false, 7, 6), 6); /* but another's word */
}
END_TEST

START_TEST(one_horizon_can_be_compared) {
    /* Only at one horizon roots say something of each other; the lower side raises its own first. */
    ck_assert_int_eq(gossip__horizon_judge(true, 4, 6, 4), GOSSIP__HORIZON_SAME);
    ck_assert_int_eq(gossip__horizon_judge(true, 4, 6, 5), GOSSIP__HORIZON_RAISE);
    ck_assert_int_eq(gossip__horizon_judge(true, 4, 6, 6), GOSSIP__HORIZON_RAISE);
    ck_assert_int_eq(gossip__horizon_judge(true, 4, 6, 3), GOSSIP__HORIZON_BEHIND);
    ck_assert_int_eq(gossip__horizon_judge(false, 4, 4, 4), GOSSIP__HORIZON_SAME);
}
END_TEST

START_TEST(above_seen_starts_over) {
    /* G3: a horizon above what this disk has seen says that it lacks what all have forgotten: a member takes a new id, a
     * newcomer, on which nobody counts yet, begins again. */
    ck_assert_int_eq(gossip__horizon_judge(true, 4, 6, 7), GOSSIP__HORIZON_NEW_ID);
    ck_assert_int_eq(gossip__horizon_judge(false, 4, 4, 5), GOSSIP__HORIZON_EMPTY);
}
END_TEST

START_TEST(nothing_is_taken_from_below) {
    /* G3, G7: only who has come to our horizon gives entries: what is absent here may have been removed, and what is present
     * may be newer than the sender knows. */
    ck_assert(gossip__horizon_takes(4, 4));
    ck_assert(gossip__horizon_takes(4, 5));
    ck_assert(!gossip__horizon_takes(4, 3));
    ck_assert(!gossip__horizon_takes(4, 0));
}
END_TEST

Suite *horizon_rule_suite(void);
Suite *horizon_rule_suite(void) {
    Suite *suite = suite_create("horizon_rule");
    TCase *seen = tcase_create("seen_rule");
    tcase_add_test(seen, seen_takes_the_largest);
    suite_add_tcase(suite, seen);
    TCase *judge = tcase_create("horizon_judge");
    tcase_add_test(judge, one_horizon_can_be_compared);
    tcase_add_test(judge, above_seen_starts_over);
    suite_add_tcase(suite, judge);
    TCase *takes = tcase_create("horizon_takes");
    tcase_add_test(takes, nothing_is_taken_from_below);
    suite_add_tcase(suite, takes);
    return suite;
}
