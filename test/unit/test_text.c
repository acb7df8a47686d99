/* test_text.c - UTF-8 and names. */
#include "catalog/span.h"

#include <check.h>
#include <string.h>

/* Writes a code point in `length` bytes, right or not; the model of what UTF-8 is. */
static void write_code_point(uint32_t code_point, size_t length, char out[4]) {
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)(first[length] | code_point);
}

/* Each code point is valid in its shortest form and in no other; surrogates and what lies above U+10FFFF in none. */
START_TEST(exactly_the_shortest_forms_are_valid) {
    for (uint32_t code_point = 0; code_point < 0x120000; code_point++) {
        size_t shortest = code_point < 0x80      ? 1
                          : code_point < 0x800   ? 2
                          : code_point < 0x10000 ? 3
                                                 : 4;
        bool exists = code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff);
        for (size_t length = shortest; length <= 4; length++) {
            char text[4];
            write_code_point(code_point, length, text);
            bool valid = catalog__utf8_valid(text, length);
            bool cut_valid = length > 1 && catalog__utf8_valid(text, length - 1);
            if (valid != (exists && length == shortest) || cut_valid) {
                ck_abort_msg("U+%X in %zu bytes", code_point,
                             length); /* no ck_assert: millions of rounds */
            }
        }
    }
}
END_TEST

/* Bytes that begin nothing, and sequences that break off, are invalid. */
START_TEST(stray_bytes_are_invalid) {
    static const char *const texts[] = {"\x80",
                                        "a\xbf",
                                        "\xc2",
                                        "\xc2"
                                        "a",
                                        "\xe2\x82",
                                        "\xe2\x82"
                                        "a",
                                        "\xf0\x9f\x98",
                                        "\xf5\x80\x80\x80",
                                        "\xfe",
                                        "\xff",
                                        "\xc0\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert(!catalog__utf8_valid(texts[i], strlen(texts[i])));
    }
    ck_assert(catalog__utf8_valid("", 0));
    ck_assert(catalog__utf8_valid("a\0b", 3));
}
END_TEST

static bool name_valid(const char *text) {
    return catalog__name_valid((struct catalog_text){text, strlen(text)});
}

/* A name has 1 to 128 bytes, no control characters of any kind, no slash. */
START_TEST(names_are_bounded_and_printable) {
    char text[CATALOG_NAME_SIZE_MAX + 2];
    memset(text, 'n', sizeof text);
    ck_assert(catalog__name_valid((struct catalog_text){text, CATALOG_NAME_SIZE_MAX}));
    ck_assert(!catalog__name_valid((struct catalog_text){text, CATALOG_NAME_SIZE_MAX + 1}));
    ck_assert(!name_valid(""));
    ck_assert(name_valid("users"));
    ck_assert(name_valid("Gr\xc3\xb6\xc3\x9f"
                         "e in \xe2\x82\xac \xf0\x9f\x98\x80"));
    ck_assert(!name_valid("a/b"));
    ck_assert(!name_valid("a\nb"));
    ck_assert(!name_valid("a\x1f"));
    ck_assert(!name_valid("a\x7f"));
    ck_assert(!name_valid("a\xc2\x80"));
    ck_assert(!name_valid("a\xc2\x9f"));
    ck_assert(name_valid("a\xc2\xa0"));
    ck_assert(!name_valid("a\xff"));
    ck_assert(!catalog__name_valid((struct catalog_text){"a\0b", 3}));
}
END_TEST

/* Order is bytewise and unsigned; a prefix comes first. */
START_TEST(order_is_bytewise) {
    struct catalog_text empty = {NULL, 0};
    struct catalog_text a = {"a", 1};
    struct catalog_text ab = {"ab", 2};
    struct catalog_text high = {"\xc3\xa4", 2};
    ck_assert_int_lt(catalog__text_compare(empty, a), 0);
    ck_assert_int_lt(catalog__text_compare(a, ab), 0);
    ck_assert_int_lt(catalog__text_compare(ab, high), 0);
    ck_assert_int_eq(catalog__text_compare(empty, empty), 0);
    ck_assert(catalog__text_equal(empty, empty));
    ck_assert(!catalog__text_equal(a, ab));
    ck_assert(catalog__text_is(ab, "ab"));
}
END_TEST

Suite *text_suite(void);

Suite *text_suite(void) {
    Suite *suite = suite_create("text");
    TCase *utf8 = tcase_create("catalog__utf8_valid");
    tcase_add_test(utf8, exactly_the_shortest_forms_are_valid);
    tcase_add_test(utf8, stray_bytes_are_invalid);
    suite_add_tcase(suite, utf8);
    TCase *names = tcase_create("catalog__name_valid");
    tcase_add_test(names, names_are_bounded_and_printable);
    suite_add_tcase(suite, names);
    TCase *compare = tcase_create("catalog__text_compare");
    tcase_add_test(compare, order_is_bytewise);
    suite_add_tcase(suite, compare);
    return suite;
}
