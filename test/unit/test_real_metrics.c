/* test_real_metrics.c - figures out of a Prometheus text, as a run of real processes reads them. */
#include "bin/chaos/real_run.h"

#include <check.h>

static const char text[] = "# HELP attune_pushes_total Pushes.\n"
                           "# TYPE attune_pushes_total counter\n"
                           "attune_pushes_total{result=\"acknowledged\"} 7\n"
                           "attune_pushes_total{result=\"dropped\"} 3\n"
                           "attune_conflicts 2\n"
                           "attune_conflicts_more 40\n"
                           "attune_agreement NaN\n"
                           "attune_bytes{direction=\"sent\",phase=\"push\"} 5\n"
                           "attune_bytes{direction=\"received\",phase=\"push\"} 6\n"
                           "attune_seconds 0.25";

/* A series without labels is itself, not one whose name it begins. */
START_TEST(single) {
    ck_assert_double_eq(real_metric(text, "attune_conflicts", NULL), 2);
    ck_assert_double_eq(real_metric(text, "attune_seconds", NULL), 0.25);
    ck_assert_double_eq(real_metric(text, "attune_conflict", NULL), 0);
    ck_assert_double_eq(real_metric("", "attune_conflicts", NULL), 0);
}
END_TEST

/* A family is the sum of its series, or of those with a label. */
START_TEST(family) {
    ck_assert_double_eq(real_metric(text, "attune_pushes_total", NULL), 10);
    ck_assert_double_eq(real_metric(text, "attune_pushes_total", "\"dropped\""), 3);
    ck_assert_double_eq(real_metric(text, "attune_pushes_total", "\"lost\""), 0);
    ck_assert_double_eq(real_metric(text, "attune_bytes", "phase=\"push\""), 11);
    ck_assert_double_eq(real_metric(text, "attune_bytes", "direction=\"sent\""), 5);
}
END_TEST

/* A label is looked for in its own line only, and what is not known counts as nothing. */
START_TEST(lines_and_nan) {
    ck_assert_double_eq(real_metric(text, "attune_conflicts", "\"sent\""), 0);
    ck_assert_double_eq(real_metric(text, "attune_agreement", NULL), 0);
}
END_TEST

Suite *real_metrics_suite(void);
Suite *real_metrics_suite(void) {
    Suite *suite = suite_create("real_metrics");
    TCase *tests = tcase_create("real_metric");
    tcase_add_test(tests, single);
    tcase_add_test(tests, family);
    tcase_add_test(tests, lines_and_nan);
    suite_add_tcase(suite, tests);
    return suite;
}
