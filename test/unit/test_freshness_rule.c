/* test_freshness_rule.c - how old a copy may be, as functions of instants (DESIGN 7.7). */
#include "gossip/freshness_rule.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(majority_is_the_needed_latest) {
    /* Against a plain count: the largest moment at or after which enough of them lie, whatever their order. */
    unsigned seed = 7;
    for (unsigned round = 0; round < 2000; round++) {
        gossip_time_ms moments[7] = {0};
        gossip_time_ms sorted[7];
        size_t count = (size_t)rand_r(&seed) % 8;
        size_t needed = 1 + (size_t)rand_r(&seed) % 5;
        gossip_time_ms expected = 0;
        bool expected_known = false;
        gossip_time_ms found;
        for (size_t i = 0; i < count; i++) {
            moments[i] = 1 + (gossip_time_ms)rand_r(&seed) % 9;
        }
        for (size_t i = 0; i < count; i++) {
            size_t as_late = 0;
            for (size_t j = 0; j < count; j++) {
                as_late += moments[j] >= moments[i];
            }
            if (as_late >= needed && moments[i] >= expected) {
                expected_known = true;
                expected = moments[i];
            }
        }
        memcpy(sorted, moments, sizeof sorted);
        ck_assert_int_eq(gossip__freshness_majority(sorted, count, needed, &found), expected_known);
        ck_assert(!expected_known || found == expected);
    }
}
END_TEST

START_TEST(lifted_is_before_the_question) {
    /* The other answered after it was asked: its moment is not later than the question less its age. One before this node's
     * clock began is none. */
    gossip_time_ms moment = 7;
    ck_assert(gossip__freshness_lifted(100, 30, &moment));
    ck_assert_uint_eq(moment, 70);
    ck_assert(gossip__freshness_lifted(100, 0, &moment));
    ck_assert_uint_eq(moment, 100);
    ck_assert(gossip__freshness_lifted(100, 100, &moment));
    ck_assert_uint_eq(moment, 0);
    ck_assert(!gossip__freshness_lifted(100, 101, &moment));
    ck_assert(!gossip__freshness_lifted(100, UINT64_MAX, &moment));
}
END_TEST

Suite *freshness_rule_suite(void);
Suite *freshness_rule_suite(void) {
    Suite *suite = suite_create("freshness_rule");
    TCase *rule = tcase_create("freshness_majority");
    tcase_add_test(rule, majority_is_the_needed_latest);
    suite_add_tcase(suite, rule);
    TCase *lifted = tcase_create("freshness_lifted");
    tcase_add_test(lifted, lifted_is_before_the_question);
    suite_add_tcase(suite, lifted);
    return suite;
}
