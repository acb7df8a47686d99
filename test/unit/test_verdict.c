/* test_verdict.c - exit codes and their names are a contract with scripts. */
#include "test/sim/verdict.h"

#include <check.h>

START_TEST(names_and_codes_are_fixed) {
    /* Each exit code has the name that reports and documents use. */
    ck_assert_str_eq(chaos_verdict_name(0), "held");
    ck_assert_str_eq(chaos_verdict_name(1), "violated");
    ck_assert_str_eq(chaos_verdict_name(2), "usage");
    ck_assert_str_eq(chaos_verdict_name(3), "diverged");
    ck_assert_str_eq(chaos_verdict_name(4), "crashed");
    ck_assert_str_eq(chaos_verdict_name(5), "unknown");
    ck_assert_int_eq(CHAOS_VERDICT_COUNT, 6);
}
END_TEST

Suite *verdict_suite(void);
Suite *verdict_suite(void) {
    Suite *suite = suite_create("verdict");
    TCase *names = tcase_create("chaos_verdict_name");
    tcase_add_test(names, names_and_codes_are_fixed);
    suite_add_tcase(suite, names);
    return suite;
}
