/* test_error.c - error codes of merkle/. */
#include "merkle/merkle.h"

#include <check.h>

START_TEST(every_code_has_a_name_and_a_message) {
    /* Each code of the list is negative, differs from all others, and has its own name and message. */
    static const struct {
        int code;
        const char *name;
    } codes[] = {
#define X(code, number, message) {code, #code},
        MERKLE_ERRORS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); ++i) {
        ck_assert_int_lt(codes[i].code, 0);
        ck_assert_str_eq(merkle_error_name(codes[i].code), codes[i].name);
        ck_assert_ptr_nonnull(merkle_error_message(codes[i].code));
        ck_assert_str_ne(merkle_error_message(codes[i].code), "");
        for (size_t j = 0; j < i; ++j)
            ck_assert_int_ne(codes[i].code, codes[j].code);
    }
}
END_TEST

START_TEST(a_foreign_code_has_neither) {
    /* Codes that are not of this folder give NULL, so that a caller can ask the next folder. */
    static const int foreign[] = {0, 1, -6, -100, 1 << 30};
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); ++i) {
        ck_assert_ptr_null(merkle_error_name(foreign[i]));
        ck_assert_ptr_null(merkle_error_message(foreign[i]));
    }
}
END_TEST

Suite *error_suite(void);

Suite *error_suite(void) {
    Suite *suite = suite_create("error");
    TCase *names = tcase_create("merkle_error_name");
    tcase_add_test(names, every_code_has_a_name_and_a_message);
    tcase_add_test(names, a_foreign_code_has_neither);
    suite_add_tcase(suite, names);
    return suite;
}
