/* test_catalog_error.c - names and messages of errors. */
#include "catalog/catalog.h"

#include <check.h>

/* Every code of the list has its own name and message, and codes of merkle/ are found as well. */
START_TEST(every_code_has_a_name_and_a_message) {
#define X(code, number, name, message)                                                             \
    ck_assert_int_eq(code, number);                                                                \
    ck_assert_str_eq(catalog_error_name(code), name);                                              \
    ck_assert_str_eq(catalog_error_message(code), message);
    CATALOG_ERRORS(X)
#undef X
    ck_assert_str_eq(catalog_error_name(MERKLE_EEXISTS), "MERKLE_EEXISTS");
    ck_assert_str_eq(catalog_error_message(MERKLE_EEXISTS), merkle_error_message(MERKLE_EEXISTS));
}
END_TEST

/* What is no code has neither. */
START_TEST(other_numbers_have_none) {
    ck_assert_ptr_null(catalog_error_name(0));
    ck_assert_ptr_null(catalog_error_message(0));
    ck_assert_ptr_null(catalog_error_name(-59));
    ck_assert_ptr_null(catalog_error_message(-1000));
}
END_TEST

Suite *catalog_error_suite(void);

Suite *catalog_error_suite(void) {
    Suite *suite = suite_create("catalog_error");
    TCase *names = tcase_create("catalog_error_name");
    tcase_add_test(names, every_code_has_a_name_and_a_message);
    tcase_add_test(names, other_numbers_have_none);
    suite_add_tcase(suite, names);
    return suite;
}
