/* test_progress.c - durations and the line that says who is waited for, as attunectl shows them. */
#include "bin/attunectl/progress.h"

#include <check.h>
#include <string.h>

/* Durations are those of the daemon: a whole number with a unit, at most 1h, or 0. */
START_TEST(durations) {
    static const struct {
        const char *text;
        int64_t duration_ms; /* -1: refused */
    } cases[] = {{"0", 0},        {"0s", 0},  {"250ms", 250}, {"5s", 5000},        {"60m", 3600000},
                 {"1h", 3600000}, {"2h", -1}, {"61m", -1},    {"3600001ms", -1},   {"5", -1},
                 {"", -1},        {"s", -1},  {"-1s", -1},    {"1.5s", -1},        {"5 s", -1},
                 {"5S", -1},      {"1d", -1}, {"00", -1},     {"9999999999s", -1}, {"5sx", -1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(progress_duration(cases[i].text) == cases[i].duration_ms, "%s",
                      cases[i].text);
}
END_TEST

static const char *line_of(const char *members, int64_t elapsed_ms) {
    static char copy[400];
    struct text line = {0};
    json_t *list = json_loads(members, 0, NULL);
    ck_assert_ptr_nonnull(list);
    progress_print(&line, list, elapsed_ms);
    snprintf(copy, sizeof copy, "%s", line.data);
    json_decref(list);
    text_close(&line);
    return copy;
}

/* The line counts who has agreed, and names the first who have not, with their state and for how long. */
START_TEST(lines) {
    ck_assert_str_eq(line_of("[{\"name\":\"a\",\"state\":\"agreed\",\"since_ms\":5}]", 0),
                     "1 of 1 agreed");
    ck_assert_str_eq(line_of("[{\"name\":\"a\",\"state\":\"agreed\",\"since_ms\":5},"
                             "{\"name\":\"n4\",\"state\":\"unreachable\",\"since_ms\":12345},"
                             "{\"name\":\"n5\",\"state\":\"lagging\",\"since_ms\":10}]",
                             3000),
                     "1 of 3 agreed, waiting for n4: unreachable for 12 s, n5: lagging for 3 s");
    ck_assert_str_eq(line_of("[{\"name\":\"a\",\"state\":\"unreachable\",\"since_ms\":null},"
                             "{\"name\":\"b\",\"state\":\"unknown\",\"since_ms\":null},"
                             "{\"name\":\"c\",\"state\":\"lagging\",\"since_ms\":2000},"
                             "{\"name\":\"d\",\"state\":\"lagging\",\"since_ms\":1},"
                             "{\"name\":\"e\",\"state\":\"lagging\",\"since_ms\":1}]",
                             0),
                     "0 of 5 agreed, waiting for a: unreachable, never heard, b: unknown, c: "
                     "lagging for 2 s and 2 more");
}
END_TEST

/* A wait is cut into slices that grow, never past what is left, and ends when nothing is. */
START_TEST(slices) {
    struct progress progress;
    json_t *members = json_array();
    progress_begin(&progress, 400);
    ck_assert_int_eq(progress.slice_ms, 400);
    progress_begin(&progress, 60000);
    ck_assert_int_eq(progress.slice_ms, PROGRESS_SLICE_MS);
    progress.began_ms -= 5000;
    ck_assert(progress_go_on(&progress, members));
    ck_assert_int_eq(progress.slice_ms, 2 * PROGRESS_SLICE_MS);
    ck_assert_int_le(progress.left_ms, 55000);
    progress.began_ms -= 54500;
    ck_assert(progress_go_on(&progress, members));
    ck_assert_int_le(progress.slice_ms, 500);
    progress.began_ms -= 500;
    ck_assert(!progress_go_on(&progress, members));
    json_decref(members);
}
END_TEST

Suite *progress_suite(void);
Suite *progress_suite(void) {
    Suite *suite = suite_create("progress");
    TCase *duration = tcase_create("progress_duration");
    tcase_add_test(duration, durations);
    suite_add_tcase(suite, duration);
    TCase *print = tcase_create("progress_print");
    tcase_add_test(print, lines);
    suite_add_tcase(suite, print);
    TCase *slice = tcase_create("progress_go_on");
    tcase_add_test(slice, slices);
    suite_add_tcase(suite, slice);
    return suite;
}
