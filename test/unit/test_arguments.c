/* test_arguments.c - numbers on the command line of attune-chaos. */
#include "bin/chaos/chaos.h"
#include "test/unit/support/capture.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

START_TEST(digits_are_a_number) {
    /* Decimal digits within the limits are taken, the limits too. */
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"1", 1},
                {"007", 7},
                {"18446744073709551615", UINT64_MAX},
                {"00000000000000000000000042", 42}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t value = 99;
        ck_assert(argument_number("--seed", good[i].text, 0, UINT64_MAX, &value));
        ck_assert_uint_eq(value, good[i].value);
    }
    uint64_t value;
    ck_assert(argument_number("--nodes", "2", 2, 1024, &value));
    ck_assert(argument_number("--nodes", "1024", 2, 1024, &value));
}
END_TEST

START_TEST(anything_else_is_refused_with_its_option) {
    /* Signs, spaces, other bases, letters, nothing, and what is too large: one line that names option and value, and the
     * value stays as it was. */
    static const char *const bad[] = {"",
                                      "x",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x10",
                                      "1e3",
                                      "1.5",
                                      "7,",
                                      "18446744073709551616",
                                      "99999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 99;
        struct capture capture;
        char quoted[80];
        capture_begin(&capture, STDERR_FILENO);
        bool taken = argument_number("--seed", bad[i], 0, UINT64_MAX, &value);
        const char *said = capture_end(&capture);
        ck_assert(!taken);
        ck_assert_uint_eq(value, 99);
        snprintf(quoted, sizeof(quoted), "not \"%s\"\n", bad[i]);
        ck_assert_ptr_nonnull(strstr(said, quoted));
        ck_assert_ptr_nonnull(strstr(said, "attune-chaos: --seed wants a whole number"));
        ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
    }
}
END_TEST

START_TEST(limits_are_refused) {
    /* One below and one above the limits; the line says what they are. */
    static const char *const bad[] = {"1", "1025", "1000000000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value;
        struct capture capture;
        capture_begin(&capture, STDERR_FILENO);
        bool taken = argument_number("--nodes", bad[i], 2, 1024, &value);
        const char *said = capture_end(&capture);
        ck_assert(!taken);
        ck_assert_ptr_nonnull(strstr(said, "from 2 to 1024"));
    }
}
END_TEST

START_TEST(seeds_must_exist) {
    /* A range may reach the largest seed, and not beyond; no seed at all is no range. */
    ck_assert(argument_seeds(0, UINT64_MAX));
    ck_assert(argument_seeds(UINT64_MAX, 1));
    ck_assert(argument_seeds(1, UINT64_MAX));
    struct capture capture;
    capture_begin(&capture, STDERR_FILENO);
    bool taken =
        argument_seeds(UINT64_MAX, 2) || argument_seeds(2, UINT64_MAX) || argument_seeds(5, 0);
    const char *said = capture_end(&capture);
    ck_assert(!taken);
    ck_assert_ptr_nonnull(strstr(said, "there are no 2 seeds from 18446744073709551615 on"));
}
END_TEST

Suite *arguments_suite(void);
Suite *arguments_suite(void) {
    Suite *suite = suite_create("arguments");
    TCase *number = tcase_create("argument_number");
    tcase_add_test(number, digits_are_a_number);
    tcase_add_test(number, anything_else_is_refused_with_its_option);
    tcase_add_test(number, limits_are_refused);
    suite_add_tcase(suite, number);
    TCase *seeds = tcase_create("argument_seeds");
    tcase_add_test(seeds, seeds_must_exist);
    suite_add_tcase(suite, seeds);
    return suite;
}
