/* test_clock.c - the hybrid logical clock. */
#include "catalog/catalog.h"

#include <check.h>

/* The clock is the wall clock while that is ahead, and counts up by one while it is not (G3). */
START_TEST(follows_the_wall_and_never_falls) {
    ck_assert_uint_eq(catalog_clock_next(0, 1000), UINT64_C(1000) << 16);
    ck_assert_uint_eq(catalog_clock_next(UINT64_C(1000) << 16, 1000), (UINT64_C(1000) << 16) + 1);
    ck_assert_uint_eq(catalog_clock_next(UINT64_C(5000) << 16, 1000), (UINT64_C(5000) << 16) + 1);
    ck_assert_uint_eq(catalog_clock_next((UINT64_C(5000) << 16) + 9, 5001), UINT64_C(5001) << 16);
    ck_assert_uint_eq(catalog_clock_next(0, 0), 1);
}
END_TEST

/* A count that overflows carries into the milliseconds. */
START_TEST(count_carries) {
    ck_assert_uint_eq(catalog_clock_next((UINT64_C(1000) << 16) + 0xffff, 1000), UINT64_C(1001)
                                                                                     << 16);
}
END_TEST

/* Past the year 2200 there is no clock: not from the wall, not from what was heard. */
START_TEST(ends_with_the_year_2200) {
    ck_assert_uint_eq(catalog_clock_next(0, CATALOG_CLOCK_MS_MAX), CATALOG_CLOCK_MAX);
    ck_assert_uint_eq(catalog_clock_next(0, CATALOG_CLOCK_MS_MAX + 1), 0);
    ck_assert_uint_eq(catalog_clock_next(0, UINT64_MAX), 0);
    ck_assert_uint_eq(catalog_clock_next(CATALOG_CLOCK_MAX - 1, 0), CATALOG_CLOCK_MAX);
    ck_assert_uint_eq(catalog_clock_next(CATALOG_CLOCK_MAX, 0), 0);
    ck_assert_uint_eq(catalog_clock_next(UINT64_MAX, 0), 0);
}
END_TEST

Suite *clock_suite(void);

Suite *clock_suite(void) {
    Suite *suite = suite_create("clock");
    TCase *next = tcase_create("catalog_clock_next");
    tcase_add_test(next, follows_the_wall_and_never_falls);
    tcase_add_test(next, count_carries);
    tcase_add_test(next, ends_with_the_year_2200);
    suite_add_tcase(suite, next);
    return suite;
}
