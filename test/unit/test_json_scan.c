/* test_json_scan.c - the scanner of records: held against Jansson, and where it must know more than Jansson. */
#include "catalog/json_scan.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 0 and the kind of the text (of an object, after all its members), or the error; `scan` keeps the fault. */
static int scan_all(const char *text, size_t size_bytes, struct catalog__json_scan *scan,
                    enum catalog__json_kind *kind) {
    int result = catalog__json_scan_begin(scan, text, size_bytes, kind);
    struct catalog__json_member member;
    bool object = result == 0 && *kind == CATALOG__JSON_OBJECT;
    while (object && (result = catalog__json_scan_member(scan, &member)) > 0) {
    }
    return result;
}

static enum catalog__json_kind kind_of(const char *text) {
    struct catalog__json_scan scan;
    enum catalog__json_kind kind = 0;
    ck_assert_msg(scan_all(text, strlen(text), &scan, &kind) == 0, "%s: %s", text, scan.fault);
    return kind;
}

/* Texts built of pieces, most of them nearly JSON, are taken exactly if Jansson takes them. */
START_TEST(as_jansson) {
    static const char *const pieces[] = {
        "{",           "}",
        "[",           "]",
        ",",           ":",
        "\"a\"",       "\"b\"",
        "\"\\u00e9\"", "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"", "1",
        "-0",          "01",
        "1.5e3",       ".5",
        "1.",          "1e",
        "true",        "false",
        "null",        "nul",
        " ",           "\n",
        "\"\t\"",      "\"\xc3\xa9\"",
        "\"\xc3\"",    "\"\\x\"",
        "\"",          "{\"k\":",
        "[1,",         "-",
    };
    enum { PIECES = sizeof pieces / sizeof *pieces, TEXTS = 100000 };
    uint64_t state = 7;
    size_t taken = 0;
    for (size_t i = 0; i < TEXTS; ++i) {
        char text[256] = "";
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        size_t count = 1 + (state >> 60) % 8;
        for (size_t piece = 0; piece < count; ++piece) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
            strcat(text, pieces[(state >> 33) % PIECES]);
        }
        struct catalog__json_scan scan;
        enum catalog__json_kind kind = 0;
        json_error_t error;
        json_t *root = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        if (root == NULL && json_error_code(&error) == json_error_numeric_overflow) {
            continue; /* JSON knows no such limit */
        }
        int result = scan_all(text, strlen(text), &scan, &kind);
        if ((root != NULL) != (result == 0)) {
            ck_abort_msg("%s: %s", text, result == 0 ? "taken" : scan.fault);
        }
        taken += root != NULL;
        json_decref(root);
    }
    ck_assert_uint_gt(taken, TEXTS / 50);
}
END_TEST

/* A whole number of 64 bits is an integer however it is written, and no other number is. */
START_TEST(integers) {
    static const char *const whole[] = {
        "0",
        "-0",
        "1",
        "1.0",
        "10e-1",
        "1e3",
        "1.5e1",
        "0e-5",
        "0.000",
        "0e999999999999",
        "1000000000000000000000e-3",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775807.0",
        "922337203685477580.7e1",
        "0.00000000000000000000000000001e29",
        "-0.0e+5",
    };
    static const char *const other[] = {
        "0.5",
        "1e-1",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1e19",
        "1e999999999999",
        "1e-999999999999",
        "9223372036854775807.5",
        "99999999999999999999999",
        "1.0000000000000000000000000001",
        "0.1e-99999999999999999999",
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; ++i) {
        ck_assert_msg(kind_of(whole[i]) == CATALOG__JSON_INTEGER, "%s", whole[i]);
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; ++i) {
        ck_assert_msg(kind_of(other[i]) == CATALOG__JSON_NUMBER, "%s", other[i]);
    }
}
END_TEST

/* Names come with their escapes taken out; one that is longer than any of ours is none. */
START_TEST(names) {
    static const char text[] = "{\"a\\u0062\\n\\u00e9\\u20ac\\ud83d\\ude00\":1}";
    struct catalog__json_scan scan;
    struct catalog__json_member member;
    enum catalog__json_kind kind;
    char name[32];
    size_t size_bytes = 0;
    ck_assert_int_eq(catalog__json_scan_begin(&scan, text, strlen(text), &kind), 0);
    ck_assert_int_eq(catalog__json_scan_member(&scan, &member), 1);
    ck_assert(member.escaped);
    ck_assert(catalog__json_unescape(member.name, name, sizeof name, &size_bytes));
    static const char expected[] = "ab\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
    ck_assert_uint_eq(size_bytes, strlen(expected));
    ck_assert_mem_eq(name, expected, size_bytes);
    ck_assert(!catalog__json_unescape(member.name, name, size_bytes - 1, &size_bytes));
    ck_assert_int_eq(catalog__json_scan_member(&scan, &member), 0);
}
END_TEST

/* Nesting is bounded, whatever the length, and costs no stack (G8). */
START_TEST(depth) {
    enum { MANY = 1000000 };
    char *text = malloc(MANY);
    struct catalog__json_scan scan;
    enum catalog__json_kind kind = 0;
    memset(text, '[', MANY);
    ck_assert_int_eq(scan_all(text, MANY, &scan, &kind), CATALOG_EMALFORMED);
    ck_assert_str_eq(scan.fault, "nested too deeply");
    ck_assert_uint_le(scan.offset, CATALOG__JSON_DEPTH_MAX + 1);
    memset(text + CATALOG__JSON_DEPTH_MAX, ']', CATALOG__JSON_DEPTH_MAX);
    ck_assert_int_eq(scan_all(text, 2 * CATALOG__JSON_DEPTH_MAX, &scan, &kind), 0);
    free(text);
}
END_TEST

/* A fault is where it says it is. */
START_TEST(positions) {
    static const char text[] = "{\"a\": 1,\n  \"b\" 2}";
    struct catalog__json_scan scan;
    enum catalog__json_kind kind = 0;
    ck_assert_int_eq(scan_all(text, strlen(text), &scan, &kind), CATALOG_EMALFORMED);
    size_t line = 0;
    size_t column = 0;
    catalog__json_position(text, scan.offset, &line, &column);
    ck_assert_uint_eq(line, 2);
    ck_assert_uint_eq(column, 7);
    ck_assert_str_eq(scan.fault, "':' was expected");
}
END_TEST

Suite *json_scan_suite(void);
Suite *json_scan_suite(void) {
    Suite *suite = suite_create("json_scan");
    TCase *tcase = tcase_create("catalog_json_scan");
    tcase_add_test(tcase, as_jansson);
    tcase_add_test(tcase, integers);
    tcase_add_test(tcase, names);
    tcase_add_test(tcase, depth);
    tcase_add_test(tcase, positions);
    suite_add_tcase(suite, tcase);
    return suite;
}
