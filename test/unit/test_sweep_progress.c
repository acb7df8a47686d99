/* test_sweep_progress.c - what a person sees of a sweep, on a terminal and in a log. Clocks are turned back, not waited for. */
#include "bin/chaos/sweep.h"
#include "test/unit/support/capture.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

START_TEST(the_line_has_its_figures) {
    /* Done, rate, failures of each kind but "held" and "unknown", unknown, what is left at this rate. */
    struct sweep_totals totals = {.count = 1000, .done = 100};
    char line[256];
    totals.verdicts[CHAOS_HELD] = 90;
    totals.verdicts[CHAOS_VIOLATED] = 2;
    totals.verdicts[CHAOS_CRASHED] = 3;
    totals.verdicts[CHAOS_DIVERGED] = 1;
    totals.verdicts[CHAOS_UNKNOWN] = 4;
    sweep_progress_line(&totals, 8000, line, sizeof(line));
    ck_assert_int_eq(strncmp(line, "100 of 1000 seeds, 12.5/s, 6 failed, 4 unknown, ", 48), 0);
    ck_assert_int_eq(strstr(line, " probes missing, ") != NULL, probes_count() > 0);
    ck_assert_ptr_nonnull(strstr(line, ", 72 s left"));
    sweep_progress_line(&totals, 100000, line, sizeof(line));
    ck_assert_ptr_nonnull(strstr(line, ", 15 min left"));
    sweep_progress_line(&totals, 10000000, line, sizeof(line));
    ck_assert_ptr_nonnull(strstr(line, ", 25.0 h left"));
    sweep_progress_line(&totals, 0, line, sizeof(line));
    ck_assert_ptr_null(strstr(line, "left"));
    totals.done = totals.count;
    sweep_progress_line(&totals, 8000, line, sizeof(line));
    ck_assert_ptr_null(strstr(line, "left"));
}
END_TEST

START_TEST(a_terminal_has_one_line) {
    /* On a terminal the line is written over, at most four times a second, and taken away for other output. */
    struct sweep_totals totals = {.count = 10, .done = 5};
    struct sweep_progress progress;
    struct capture capture;
    capture_begin(&capture, STDERR_FILENO);
    sweep_progress_begin(&progress, false);
    bool is_terminal = progress.terminal;
    progress.terminal = true;
    int early_ms = sweep_progress_tick(&progress, &totals);
    progress.printed_ms -= 250;
    progress.begun_ms -= 1000;
    int next_ms = sweep_progress_tick(&progress, &totals);
    bool shown = progress.shown;
    sweep_progress_clear(&progress);
    sweep_progress_clear(&progress);
    const char *said = capture_end(&capture);
    ck_assert(!is_terminal);
    ck_assert_int_gt(early_ms, 0);
    ck_assert_int_le(early_ms, 250);
    ck_assert_int_eq(next_ms, 250);
    ck_assert(shown && !progress.shown);
    ck_assert_int_eq(strncmp(said, "\r\033[K5 of 10 seeds, ", 19), 0);
    ck_assert_ptr_nonnull(strstr(said, "left\r\033[K"));
    ck_assert_ptr_null(strchr(said, '\n'));
}
END_TEST

START_TEST(a_log_has_a_line_each_half_minute) {
    /* Elsewhere lines end, come every 30 s, and the last one at the end; quiet: none at all. */
    for (int quiet = 0; quiet < 2; quiet++) {
        struct sweep_totals totals = {.count = 10, .done = 5};
        struct sweep_progress progress;
        struct capture capture;
        capture_begin(&capture, STDERR_FILENO);
        sweep_progress_begin(&progress, quiet != 0);
        (void)sweep_progress_tick(&progress, &totals);
        progress.printed_ms -= 30000;
        progress.begun_ms -= 30000;
        int next_ms = sweep_progress_tick(&progress, &totals);
        (void)sweep_progress_tick(&progress, &totals);
        sweep_progress_end(&progress, &totals);
        const char *said = capture_end(&capture);
        ck_assert_int_eq(next_ms, 30000);
        ck_assert_ptr_null(strchr(said, '\r'));
        size_t lines = 0;
        for (const char *at = said; *at != '\0'; at++) {
            lines += *at == '\n';
        }
        ck_assert_uint_eq(lines, quiet != 0 ? 0 : 2);
    }
}
END_TEST

Suite *sweep_progress_suite(void);
Suite *sweep_progress_suite(void) {
    Suite *suite = suite_create("sweep_progress");
    TCase *progress = tcase_create("sweep_progress_tick");
    tcase_add_test(progress, the_line_has_its_figures);
    tcase_add_test(progress, a_terminal_has_one_line);
    tcase_add_test(progress, a_log_has_a_line_each_half_minute);
    suite_add_tcase(suite, progress);
    return suite;
}
