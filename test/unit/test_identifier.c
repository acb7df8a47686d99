/* test_identifier.c - 128-bit identifiers. */
#include "catalog/catalog.h"

#include <check.h>
#include <string.h>

/* What is printed is parsed back, in either case of letters. */
START_TEST(print_and_parse_are_inverse) {
    struct catalog_id id = {
        {0x00, 0x01, 0x7f, 0x80, 0xff, 0xab, 0xcd, 0xef, 9, 10, 11, 12, 13, 14, 15, 16}};
    char text[33];
    catalog_id_print(&id, text);
    ck_assert_str_eq(text, "00017f80ffabcdef090a0b0c0d0e0f10");
    struct catalog_id parsed;
    ck_assert(catalog_id_parse(text, 32, &parsed));
    ck_assert(catalog_id_equal(&id, &parsed));
    ck_assert(catalog_id_parse("00017F80FFABCDEF090A0B0C0D0E0F10", 32, &parsed));
    ck_assert(catalog_id_equal(&id, &parsed));
}
END_TEST

/* What is not 32 hex digits is refused, and the output is left alone. */
START_TEST(parse_refuses_other_texts) {
    struct catalog_id id = {{7}};
    const struct catalog_id before = id;
    ck_assert(!catalog_id_parse("00017f80ffabcdef090a0b0c0d0e0f1", 31, &id));
    ck_assert(!catalog_id_parse("00017f80ffabcdef090a0b0c0d0e0f100", 33, &id));
    ck_assert(!catalog_id_parse("00017f80ffabcdef090a0b0c0d0e0f1g", 32, &id));
    ck_assert(!catalog_id_parse("0x017f80ffabcdef090a0b0c0d0e0f10", 32, &id));
    ck_assert(!catalog_id_parse("", 0, &id));
    ck_assert(catalog_id_equal(&id, &before));
}
END_TEST

/* The order is that of the bytes, unsigned. */
START_TEST(order_is_bytewise) {
    struct catalog_id low = {{0x7f}};
    struct catalog_id high = {{0x80}};
    ck_assert_int_lt(catalog_id_compare(&low, &high), 0);
    ck_assert_int_gt(catalog_id_compare(&high, &low), 0);
    ck_assert_int_eq(catalog_id_compare(&low, &low), 0);
    ck_assert(!catalog_id_equal(&low, &high));
}
END_TEST

/* Only all zeros is none. */
START_TEST(none_is_all_zeros) {
    struct catalog_id id = {{0}};
    ck_assert(catalog_id_is_none(&id));
    id.bytes[15] = 1;
    ck_assert(!catalog_id_is_none(&id));
}
END_TEST

Suite *identifier_suite(void);

Suite *identifier_suite(void) {
    Suite *suite = suite_create("identifier");
    TCase *parse = tcase_create("catalog_id_parse");
    tcase_add_test(parse, print_and_parse_are_inverse);
    tcase_add_test(parse, parse_refuses_other_texts);
    suite_add_tcase(suite, parse);
    TCase *compare = tcase_create("catalog_id_compare");
    tcase_add_test(compare, order_is_bytewise);
    tcase_add_test(compare, none_is_all_zeros);
    suite_add_tcase(suite, compare);
    return suite;
}
