/* test_report.c - collecting a report, thinning its samples, and the texts in it. */
#include "test/sim/report_parts.h"
#include "test/unit/support/report_kit.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- collecting ------------------------------------------------------------------------------------------------------- */

START_TEST(a_report_takes_what_the_scenario_says) {
    /* Title, seed, size, end of load and interval come from the scenario; until somebody says better it proved nothing. */
    struct scenario scenario = {
        .name = "split", .seed = 7, .node_count = 5, .load_ms = 30000, .interval_ms = 500};
    struct report report;
    report_open(&report, &scenario, "run");
    ck_assert_str_eq(report.title, "split");
    ck_assert_str_eq(report.mode, "run");
    ck_assert_str_eq(report.verdict, "unknown");
    ck_assert_uint_eq(report.seed, 7);
    ck_assert_uint_eq(report.node_count, 5);
    ck_assert_uint_eq(report.load_ms, 30000);
    ck_assert_uint_eq(report.interval_ms, 500);
    report_close(&report);
    ck_assert_ptr_null(report.samples);
}
END_TEST

START_TEST(what_is_collected_is_copied) {
    /* Samples, bands, figures and checks stay as they were given, in order, whatever the caller does to its own. */
    struct report report;
    uint32_t missing[2] = {0};
    report_kit_open(&report, 2);
    for (uint32_t i = 0; i < 1000; i++) {
        missing[0] = i;
        missing[1] = UINT32_MAX - i;
        report_sample(&report, i * 10, i % 3, i % 2, missing);
        struct report_band band = {.from_ms = i, .until_ms = i + 1, .text = "text"};
        report_band(&report, &band);
        report_figure(&report, "a name that is longer than what there is room for in it", i, "ms");
        struct report_check check = {.id = "S2", .evaluations = i};
        report_check(&report, &check);
    }
    ck_assert_uint_eq(report.sample_count, 1000);
    ck_assert_uint_eq(report.band_count, 1000);
    ck_assert_uint_eq(report.figure_count, 1000);
    ck_assert_uint_eq(report.check_count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(report.samples[i].time_ms, i * 10);
        ck_assert_uint_eq(report.samples[i].distinct_roots, i % 3);
        ck_assert_uint_eq(report.samples[i].up, i % 2);
        ck_assert_uint_eq(report.samples[i].missing[0], i);
        ck_assert_uint_eq(report.samples[i].missing[1], UINT32_MAX - i);
        ck_assert_uint_eq(report.bands[i].from_ms, i);
        ck_assert(report.figures[i].value == i);
        ck_assert_uint_eq(report.checks[i].evaluations, i);
    }
    ck_assert_str_eq(report.figures[9].name, "a name that is longer than what there is room f");
    report_close(&report);
}
END_TEST

/* --- thinning --------------------------------------------------------------------------------------------------------- */

START_TEST(few_samples_stay_as_they_are) {
    /* As many samples as columns: each is a column, with its own time. */
    struct report report;
    struct report_series series;
    report_kit_open(&report, 1);
    for (uint32_t i = 0; i < 50; i++) {
        report_sample(&report, i * i, i + 1, 1, &i);
    }
    report.end_ms = 3000;
    report__series_make(&report, 50, &series);
    ck_assert_uint_eq(series.count, 50);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_uint_eq(series.columns[i].time_ms, i * i);
        ck_assert_uint_eq(series.columns[i].distinct_roots, i + 1);
        ck_assert_uint_eq(report__series_missing(&series, i, 0), i);
        ck_assert_uint_eq(report__series_until(&report, &series, i),
                          i == 49 ? 3000 : (i + 1) * (i + 1));
    }
    ck_assert_uint_eq(report__series_missing_max(&series), 49);
    report__series_close(&series);
    report_close(&report);
}
END_TEST

START_TEST(the_worst_survives_thinning) {
    /* One sample of 100,000 is bad, anywhere: it is found in one of 300 columns, each figure by itself, and the columns
     * around it are not touched. */
    for (uint32_t bad = 0; bad < 100000; bad += 9973) {
        struct report report;
        struct report_series series;
        report_kit_open(&report, 3);
        report.end_ms = 100000;
        for (uint32_t i = 0; i < 100000; i++) {
            uint32_t missing[3] = {0, i == bad ? 17 : 1, i == bad ? UINT32_MAX : 2};
            report_sample(&report, i, i == bad ? 3 : 1, i == bad ? 2 : 3, missing);
        }
        report__series_make(&report, 300, &series);
        ck_assert_uint_le(series.count, 300);
        ck_assert_uint_ge(series.count, 290);
        size_t seen = 0;
        for (size_t i = 0; i < series.count; i++) {
            bool is_bad =
                series.columns[i].time_ms <= bad && report__series_until(&report, &series, i) > bad;
            seen += is_bad;
            ck_assert_uint_eq(series.columns[i].distinct_roots, is_bad ? 3 : 1);
            ck_assert_uint_eq(series.columns[i].up, is_bad ? 2 : 3);
            ck_assert_uint_eq(report__series_missing(&series, i, 0), 0);
            ck_assert_uint_eq(report__series_missing(&series, i, 1), is_bad ? 17 : 1);
            ck_assert_uint_eq(report__series_missing(&series, i, 2), is_bad ? UINT32_MAX : 2);
        }
        ck_assert_uint_eq(seen, 1);
        ck_assert_uint_eq(report__series_missing_max(&series), 17);
        report__series_close(&series);
        report_close(&report);
    }
}
END_TEST

START_TEST(bursts_and_silence_fit_too) {
    /* However unevenly samples lie in time, there are never more columns than asked for, and they are in order. */
    for (size_t columns_max = 1; columns_max < 40; columns_max++) {
        struct report report;
        struct report_series series;
        report_kit_open(&report, 0);
        for (uint64_t i = 0; i < 200; i++) {
            report_sample(&report, i < 100 ? i / 10 : i * 1000, 1, 0, NULL);
        }
        report__series_make(&report, columns_max, &series);
        ck_assert_uint_ge(series.count, 1);
        ck_assert_uint_le(series.count, columns_max);
        for (size_t i = 1; i < series.count; i++) {
            ck_assert_uint_gt(series.columns[i].time_ms, series.columns[i - 1].time_ms);
        }
        report__series_close(&series);
        report_close(&report);
    }
}
END_TEST

/* --- texts ------------------------------------------------------------------------------------------------------------ */

static const char *escaped(const char *text, size_t length_max) {
    static char written[512];
    FILE *file = fmemopen(written, sizeof(written), "w");
    ck_assert_ptr_nonnull(file);
    report__html_text_cut(file, text, length_max);
    fclose(file);
    return written;
}

START_TEST(texts_are_escaped) {
    /* What has a meaning in HTML becomes an entity; what is no UTF-8, or a control character, becomes U+FFFD. */
    ck_assert_str_eq(escaped("a<b>&\"c'", SIZE_MAX), "a&lt;b&gt;&amp;&quot;c&#39;");
    ck_assert_str_eq(escaped("caf\xc3\xa9 \xf0\x9f\x98\x80", SIZE_MAX),
                     "caf\xc3\xa9 \xf0\x9f\x98\x80");
    ck_assert_str_eq(escaped("\x01\x7f\xc2\x85|\xc3", SIZE_MAX),
                     "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd");
    ck_assert_str_eq(escaped("\xff<\xe2\x82", SIZE_MAX),
                     "\xef\xbf\xbd&lt;\xef\xbf\xbd\xef\xbf\xbd");
}
END_TEST

START_TEST(texts_are_cut_between_characters) {
    /* A cut counts characters, not bytes or entities, and is shown. */
    ck_assert_str_eq(escaped("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xc3\xa9...");
    ck_assert_str_eq(escaped("<<<", 3), "&lt;&lt;&lt;");
    ck_assert_str_eq(escaped("<<<", 0), "...");
    ck_assert_uint_eq(report__text_length("\xc3\xa9<\xff"), 3);
}
END_TEST

START_TEST(spans_are_rounded_to_what_matters) {
    /* Each range of lengths has its units, and rounding carries into the next. */
    static const struct {
        uint64_t span_ms;
        const char *text;
    } spans[] = {
        {0, "0"},
        {1, "1 ms"},
        {999, "999 ms"},
        {1000, "1 s"},
        {1049, "1 s"},
        {1050, "1.1 s"},
        {12500, "12.5 s"},
        {59949, "59.9 s"},
        {59950, "1 min"},
        {60000, "1 min"},
        {150000, "2 min 30 s"},
        {3599499, "59 min 59 s"},
        {3599999, "1 h"},
        {3900000, "1 h 5 min"},
        {86400000, "24 h"},
    };
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        char text[REPORT_SPAN_SIZE_MAX];
        ck_assert_str_eq(report__span_print(spans[i].span_ms, text), spans[i].text);
    }
    char text[REPORT_SPAN_SIZE_MAX];
    ck_assert_str_eq(report__span_print(UINT64_MAX, text), "5124095576030 h 26 min");
}
END_TEST

START_TEST(numbers_read_back) {
    /* The text of a number is the shortest that reads back; what is no number is null. */
    static const double values[] = {0, -1, 0.1, 1.0 / 3, 1e300, 123456789012345.0, -2.5e-8, 1e15};
    char text[40];
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        report__number_print(values[i], text, sizeof(text));
        ck_assert(strtod(text, NULL) == values[i]);
    }
    report__number_print(0.1, text, sizeof(text));
    ck_assert_str_eq(text, "0.1");
    report__number_print(1234567, text, sizeof(text));
    ck_assert_str_eq(text, "1234567");
    report__number_print((double)NAN, text, sizeof(text));
    ck_assert_str_eq(text, "null");
    report__number_print(-(double)INFINITY, text, sizeof(text));
    ck_assert_str_eq(text, "null");
}
END_TEST

static const char *number_shown(double value) {
    static char written[64];
    FILE *file = fmemopen(written, sizeof(written), "w");
    ck_assert_ptr_nonnull(file);
    report__html_number(file, value);
    fclose(file);
    return written;
}

START_TEST(numbers_are_grouped_for_people) {
    /* Whole numbers in groups of three; others with four digits that count. */
    ck_assert_str_eq(number_shown(0), "0");
    ck_assert_str_eq(number_shown(999), "999");
    ck_assert_str_eq(number_shown(1000), "1\xe2\x80\xaf"
                                         "000");
    ck_assert_str_eq(number_shown(-123456), "-123\xe2\x80\xaf"
                                            "456");
    ck_assert_str_eq(number_shown(0.123456), "0.1235");
    ck_assert_str_eq(number_shown(61.5), "61.5");
    ck_assert_str_eq(number_shown((double)NAN), "none");
}
END_TEST

START_TEST(the_scale_is_by_powers_of_two) {
    /* 0 is at the bottom, the largest at the top, order is kept, and doubling adds the same everywhere. */
    ck_assert(report__logarithmic(0, 1023) <= 0);
    ck_assert(report__logarithmic(1023, 1023) >= 1);
    ck_assert_double_eq_tol(report__logarithmic(31, 1023), 0.5, 1e-9);
    for (uint64_t value = 1; value <= 1023; value++) {
        ck_assert(report__logarithmic(value, 1023) > report__logarithmic(value - 1, 1023));
    }
    ck_assert(report__logarithmic(0, 0) <= 0);
    ck_assert(report__logarithmic(UINT32_MAX, UINT64_MAX - 1) > 0.4);
}
END_TEST

START_TEST(families_follow_the_matrix) {
    /* Each class has the family of its section in the list of classes. */
    static const struct {
        enum scenario_class class;
        const char *family;
    } borders[] = {
        {SCENARIO_CLASS_NONE, "other"},
        {SCENARIO_CLASS_LOSS, "network"},
        {SCENARIO_CLASS_CORRUPT, "network"},
        {SCENARIO_CLASS_CRASH, "process"},
        {SCENARIO_CLASS_MASS_RESTART, "process"},
        {SCENARIO_CLASS_DISK_FULL, "disk"},
        {SCENARIO_CLASS_DAMAGE, "disk"},
        {SCENARIO_CLASS_STRANGER, "peers"},
        {SCENARIO_CLASS_LIAR, "peers"},
        {SCENARIO_CLASS_LATE_JOIN, "members"},
        {SCENARIO_CLASS_OTHER_CLUSTER, "members"},
        {SCENARIO_CLASS_UPGRADE, "members"},
    };
    for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++) {
        ck_assert_str_eq(report__class_family(borders[i].class), borders[i].family);
    }
    ck_assert_str_eq(report__class_name(SCENARIO_CLASS_DISK_LIE), "disk_lie");
}
END_TEST

Suite *report_suite(void);
Suite *report_suite(void) {
    Suite *suite = suite_create("report");
    TCase *collect = tcase_create("report_collect");
    tcase_add_test(collect, a_report_takes_what_the_scenario_says);
    tcase_add_test(collect, what_is_collected_is_copied);
    suite_add_tcase(suite, collect);
    TCase *thin = tcase_create("report_series_make");
    tcase_add_test(thin, few_samples_stay_as_they_are);
    tcase_add_test(thin, the_worst_survives_thinning);
    tcase_add_test(thin, bursts_and_silence_fit_too);
    suite_add_tcase(suite, thin);
    TCase *text = tcase_create("report_html_text");
    tcase_add_test(text, texts_are_escaped);
    tcase_add_test(text, texts_are_cut_between_characters);
    suite_add_tcase(suite, text);
    TCase *number = tcase_create("report_numbers");
    tcase_add_test(number, spans_are_rounded_to_what_matters);
    tcase_add_test(number, numbers_read_back);
    tcase_add_test(number, numbers_are_grouped_for_people);
    tcase_add_test(number, the_scale_is_by_powers_of_two);
    suite_add_tcase(suite, number);
    TCase *family = tcase_create("report_class_family");
    tcase_add_test(family, families_follow_the_matrix);
    suite_add_tcase(suite, family);
    return suite;
}
