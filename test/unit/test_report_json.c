/* test_report_json.c - the figures for programs: a strict parser reads them, and they are those of the report. */
#include "test/unit/support/report_kit.h"

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *written(const struct report *report) {
    char *text = report_kit_text(report, report_write_json);
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        ck_abort_msg("line %d: %s", error.line, error.text);
    }
    free(text);
    return json;
}

static const char *text_of(const json_t *json, const char *name) {
    const char *text = json_string_value(json_object_get(json, name));
    ck_assert_ptr_nonnull(text);
    return text;
}

static json_int_t integer_of(const json_t *json, const char *name) {
    const json_t *value = json_object_get(json, name);
    ck_assert(json_is_integer(value));
    return json_integer_value(value);
}

START_TEST(fields_are_those_of_the_report) {
    /* Each field that report_json.c documents is there with the report's value. */
    struct report report;
    report_kit_fill(&report, 3, 60000, 1000, REPORT_KIT_VIOLATED);
    report.seed = UINT64_MAX;
    json_t *json = written(&report);
    ck_assert_int_eq(integer_of(json, "format"), 1);
    ck_assert_str_eq(text_of(json, "title"), report.title);
    ck_assert_str_eq(text_of(json, "mode"), "sim");
    ck_assert_str_eq(text_of(json, "verdict"), "violated");
    ck_assert_str_eq(text_of(json, "reason"), report.reason);
    ck_assert_str_eq(text_of(json, "again"), report.again);
    ck_assert_str_eq(text_of(json, "seed"), "18446744073709551615");
    ck_assert_str_eq(text_of(json, "trace_hash"), "00c0ffee12345678");
    ck_assert_int_eq(integer_of(json, "node_count"), 3);
    ck_assert_int_eq(integer_of(json, "interval_ms"), 1000);
    ck_assert_int_eq(integer_of(json, "load_ms"), 36000);
    ck_assert_int_eq(integer_of(json, "end_ms"), 60000);
    ck_assert_int_eq(integer_of(json, "equal_ms"), 40000);
    ck_assert_str_eq(text_of(json, "content_root"), report.content_root);
    const json_t *slowest = json_object_get(json, "slowest");
    ck_assert_str_eq(text_of(slowest, "key"), report.slowest_key);
    ck_assert_int_eq(integer_of(slowest, "written_ms"), 9001);
    ck_assert_int_eq(integer_of(slowest, "everywhere_ms"), 28800);
    ck_assert_int_eq(integer_of(json, "samples_taken"), 61);
    ck_assert_uint_eq(json_object_size(json), 20);
    json_decref(json);
    report_close(&report);
}
END_TEST

START_TEST(rows_are_those_of_the_report) {
    /* Figures, checks and bands come in order with all their fields. */
    struct report report;
    report_kit_fill(&report, 3, 60000, 1000, REPORT_KIT_VIOLATED);
    report_figure(&report, "no number", (double)NAN, "");
    json_t *json = written(&report);
    const json_t *figures = json_object_get(json, "figures"),
                 *checks = json_object_get(json, "checks"), *bands = json_object_get(json, "bands");
    ck_assert_uint_eq(json_array_size(figures), report.figure_count);
    ck_assert_uint_eq(json_array_size(checks), report.check_count);
    ck_assert_uint_eq(json_array_size(bands), report.band_count);
    ck_assert_str_eq(text_of(json_array_get(figures, 2), "name"), "bytes sent");
    ck_assert_str_eq(text_of(json_array_get(figures, 2), "unit"), "bytes");
    ck_assert_int_eq(integer_of(json_array_get(figures, 2), "value"), 98765432);
    ck_assert(json_real_value(json_object_get(json_array_get(figures, 3), "value")) == 61.5);
    ck_assert(
        json_is_null(json_object_get(json_array_get(figures, report.figure_count - 1), "value")));
    for (size_t i = 0; i < report.check_count; i++) {
        const json_t *check = json_array_get(checks, i);
        ck_assert_str_eq(text_of(check, "id"), report.checks[i].id);
        ck_assert_str_eq(text_of(check, "statement"), report.checks[i].statement);
        ck_assert_int_eq(integer_of(check, "evaluations"),
                         (json_int_t)report.checks[i].evaluations);
        ck_assert_int_eq(json_is_true(json_object_get(check, "violated")),
                         report.checks[i].violated);
    }
    for (size_t i = 0; i < report.band_count; i++) {
        const json_t *band = json_array_get(bands, i);
        ck_assert_int_eq(integer_of(band, "from_ms"), (json_int_t)report.bands[i].from_ms);
        ck_assert_int_eq(integer_of(band, "until_ms"), (json_int_t)report.bands[i].until_ms);
        ck_assert_str_eq(text_of(band, "text"), report.bands[i].text);
        ck_assert_str_eq(text_of(band, "why_not"), report.bands[i].why_not);
        ck_assert_int_eq(json_is_true(json_object_get(band, "fired")), report.bands[i].fired);
    }
    ck_assert_str_eq(text_of(json_array_get(bands, 1), "class"), "partition");
    json_decref(json);
    report_close(&report);
}
END_TEST

START_TEST(samples_are_those_of_the_report) {
    /* Columns of equal length; a missing number for each node, null while it is down. */
    struct report report;
    report_kit_fill(&report, 3, 60000, 1000, REPORT_KIT_HELD);
    json_t *json = written(&report);
    const json_t *samples = json_object_get(json, "samples");
    size_t nulls = 0;
    for (size_t i = 0; i < report.sample_count; i++) {
        const struct report_sample *sample = &report.samples[i];
        const json_t *missing = json_array_get(json_object_get(samples, "missing"), i);
        ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(samples, "time_ms"), i)),
                         (json_int_t)sample->time_ms);
        ck_assert_int_eq(
            json_integer_value(json_array_get(json_object_get(samples, "distinct_roots"), i)),
            sample->distinct_roots);
        ck_assert_int_eq(json_integer_value(json_array_get(json_object_get(samples, "up"), i)),
                         sample->up);
        ck_assert_uint_eq(json_array_size(missing), 3);
        for (size_t node = 0; node < 3; node++) {
            const json_t *number = json_array_get(missing, node);
            nulls += json_is_null(number);
            ck_assert_int_eq(json_is_null(number), sample->missing[node] == UINT32_MAX);
            ck_assert(json_is_null(number) || json_integer_value(number) == sample->missing[node]);
        }
    }
    ck_assert_uint_gt(nulls, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(samples, "time_ms")), report.sample_count);
    json_decref(json);
    report_close(&report);
}
END_TEST

START_TEST(long_runs_are_thinned) {
    /* A day of 2 nodes keeps at most 2,000 samples, an hour of 1,000 nodes at most half a million numbers. */
    static const struct {
        size_t nodes, samples_max;
        uint64_t length_ms, sample_ms;
    } runs[] = {{2, 2000, 86400000, 1000}, {1000, 500, 3600000, 4000}};
    for (size_t i = 0; i < 2; i++) {
        struct report report;
        report_kit_fill(&report, runs[i].nodes, runs[i].length_ms, runs[i].sample_ms,
                        REPORT_KIT_HELD);
        json_t *json = written(&report);
        const json_t *samples = json_object_get(json, "samples");
        size_t count = json_array_size(json_object_get(samples, "time_ms"));
        ck_assert_uint_le(count, runs[i].samples_max);
        ck_assert_uint_gt(count, runs[i].samples_max * 4 / 5);
        ck_assert_uint_eq(json_array_size(json_object_get(samples, "missing")), count);
        ck_assert_int_eq(integer_of(json, "samples_taken"), (json_int_t)report.sample_count);
        json_decref(json);
        report_close(&report);
    }
}
END_TEST

START_TEST(an_empty_report_is_an_object) {
    /* What never happened is null, what was not collected is an empty array. */
    struct report report;
    report_kit_open(&report, 0);
    json_t *json = written(&report);
    ck_assert(json_is_null(json_object_get(json, "equal_ms")));
    ck_assert(json_is_null(json_object_get(json, "slowest")));
    ck_assert(json_is_null(json_object_get(json, "content_root")));
    ck_assert_uint_eq(json_array_size(json_object_get(json, "bands")), 0);
    ck_assert(json_is_array(json_object_get(json_object_get(json, "samples"), "missing")));
    json_decref(json);
    report.slowest_written_ms = 5;
    json = written(&report);
    ck_assert(json_is_null(json_object_get(json_object_get(json, "slowest"), "everywhere_ms")));
    json_decref(json);
    report_close(&report);
}
END_TEST

START_TEST(hostile_texts_are_escaped) {
    /* Quotes, control characters and broken UTF-8 are read back, what is no character as U+FFFD. */
    struct report report;
    report_kit_open(&report, 0);
    snprintf(report.title, sizeof(report.title), "\"\\\n\x01</script>\xc3\xa9|\xc3");
    json_t *json = written(&report);
    ck_assert_str_eq(text_of(json, "title"), "\"\\\n\x01</script>\xc3\xa9|\xef\xbf\xbd");
    json_decref(json);
    report_close(&report);
}
END_TEST

START_TEST(a_full_disk_is_noticed) {
    /* A file that cannot be written whole gives false, and errno says why; also one smaller than a buffer. */
    for (size_t nodes = 0; nodes < 500; nodes += 499) {
        struct report report;
        report_kit_fill(&report, nodes, 60000, 1000, REPORT_KIT_HELD);
        FILE *file = fopen("/dev/full", "w");
        ck_assert_ptr_nonnull(file);
        errno = 0;
        ck_assert(!report_write_json(&report, file));
        ck_assert_int_eq(errno, ENOSPC);
        fclose(file);
        report_close(&report);
    }
}
END_TEST

START_TEST(the_same_report_gives_the_same_bytes) {
    /* Two reports that were filled alike are written alike. */
    struct report first, second;
    report_kit_fill(&first, 7, 60000, 100, REPORT_KIT_DIVERGED);
    report_kit_fill(&second, 7, 60000, 100, REPORT_KIT_DIVERGED);
    char *json = report_kit_text(&first, report_write_json);
    char *again = report_kit_text(&second, report_write_json);
    ck_assert_str_eq(json, again);
    free(json);
    free(again);
    report_close(&first);
    report_close(&second);
}
END_TEST

Suite *report_json_suite(void);
Suite *report_json_suite(void) {
    Suite *suite = suite_create("report_json");
    TCase *writes = tcase_create("report_write_json");
    tcase_add_test(writes, fields_are_those_of_the_report);
    tcase_add_test(writes, rows_are_those_of_the_report);
    tcase_add_test(writes, samples_are_those_of_the_report);
    tcase_add_test(writes, long_runs_are_thinned);
    tcase_add_test(writes, an_empty_report_is_an_object);
    tcase_add_test(writes, hostile_texts_are_escaped);
    tcase_add_test(writes, a_full_disk_is_noticed);
    tcase_add_test(writes, the_same_report_gives_the_same_bytes);
    suite_add_tcase(suite, writes);
    return suite;
}
