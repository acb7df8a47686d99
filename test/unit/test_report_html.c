/* test_report_html.c - the page: well-formed whatever is in it, whole, and the same each time.
 *
 * To look at examples: ATTUNE_REPORTS=FOLDER make unit T=report_examples writes them there.
 */
#include "test/unit/support/report_kit.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void must_be_well_formed(const char *html) {
    const char *wrong = report_kit_unbalanced(html);
    if (wrong != NULL) {
        ck_abort_msg("not well-formed at: %.100s", wrong);
    }
    ck_assert_int_eq(strncmp(html, "<!DOCTYPE html>", 15), 0);
    ck_assert_ptr_nonnull(strstr(html, "</html>\n"));
    ck_assert_ptr_null(strstr(html, "nan"));
    ck_assert_ptr_null(strstr(html, "<script"));
    ck_assert_ptr_null(strstr(html, "http"));
}

static size_t count_of(const char *text, const char *what) {
    size_t count = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

START_TEST(the_checker_finds_faults) {
    /* The checker that the other tests rely on tells good from bad. */
    static const char *const good[] = {"<a><b c=\"d\">e &amp; f</b><g/></a>", "<meta x=\"y\">", ""};
    static const char *const bad[] = {"<a>",   "</a>",      "<a></b>", "<a><b></a></b>",
                                      "a & b", "<a b=c/>",  "<",       "<a b=\"<\"/>",
                                      "a < b", "<a b=\"/>", "&;"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_ptr_null(report_kit_unbalanced(good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_ptr_nonnull(report_kit_unbalanced(bad[i]));
    }
}
END_TEST

static const struct {
    const char *name;
    size_t nodes;
    uint64_t length_ms, sample_ms;
    enum report_kit_end end;
} examples[] = {
    {"small", 3, 60000, 250, REPORT_KIT_HELD},
    {"violated", 7, 200000, 500, REPORT_KIT_VIOLATED},
    {"diverged", 60, 600000, 1000, REPORT_KIT_DIVERGED},
    {"short", 33, 900, 10, REPORT_KIT_HELD},
    {"day", 2, 86400000, 10000, REPORT_KIT_HELD},
};

START_TEST(examples_are_well_formed) {
    /* Each size and each end gives a page that is well-formed, names its verdict, and shows each node and class. */
    struct report report;
    report_kit_fill(&report, examples[_i].nodes, examples[_i].length_ms, examples[_i].sample_ms,
                    examples[_i].end);
    char *html = report_kit_text(&report, report_write_html);
    must_be_well_formed(html);
    static const char *const words[] = {"</span>Held</div>", "</span>Violated</div>",
                                        "</span>Diverged</div>"};
    ck_assert_uint_eq(count_of(html, words[examples[_i].end]), 1);
    ck_assert_uint_eq(count_of(html, ">violated</td>"), 0);
    ck_assert_uint_eq(count_of(html, "&#10007; violated"),
                      examples[_i].end == REPORT_KIT_HELD ? 0 : 1);
    ck_assert_uint_eq(count_of(html, "? never tried"), 1);
    ck_assert_uint_eq(count_of(html, ">all equal: "),
                      examples[_i].end == REPORT_KIT_DIVERGED ? 0 : 1);
    ck_assert_uint_eq(count_of(html, ">load and faults end: "), 1);
    ck_assert_ptr_nonnull(strstr(html, ">n1</text>"));
    ck_assert_ptr_nonnull(strstr(html, ">reset x24</text>"));
    ck_assert_ptr_nonnull(strstr(html, "nothing was written to it meanwhile"));
    ck_assert_ptr_nonnull(strstr(html, "url(#hatch)"));
    ck_assert_ptr_nonnull(strstr(html, report.again));
    const char *folder = getenv("ATTUNE_REPORTS");
    if (folder != NULL) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s.html", folder, examples[_i].name);
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(html, file), 0);
        ck_assert_int_eq(fclose(file), 0);
    }
    free(html);
    report_close(&report);
}
END_TEST

START_TEST(an_empty_report_is_a_page) {
    /* Nothing was sampled, checked or done, with nodes and without: still a page, which says so. */
    for (size_t nodes = 0; nodes < 100; nodes += 33) {
        struct report report;
        report_kit_open(&report, nodes);
        report.title[0] = '\0';
        char *html = report_kit_text(&report, report_write_html);
        must_be_well_formed(html);
        ck_assert_ptr_nonnull(strstr(html, "</span>Unknown</div>"));
        ck_assert_ptr_nonnull(strstr(html, "no sample was taken"));
        ck_assert_ptr_nonnull(strstr(html, "<p>Nothing.</p>"));
        free(html);
        report_close(&report);
    }
}
END_TEST

START_TEST(hostile_texts_stay_texts) {
    /* Markup, quotes and broken UTF-8 in any text field neither end an element nor an attribute. */
    static const char evil[] = "</title><script>\"'&\xff\x01 onload=x";
    struct report report;
    uint32_t missing = 1;
    report_kit_open(&report, 1);
    report.end_ms = 1000;
    report_sample(&report, 0, 1, 1, &missing);
    snprintf(report.title, sizeof(report.title), "%s", evil);
    snprintf(report.reason, sizeof(report.reason), "%s", evil);
    snprintf(report.again, sizeof(report.again), "%s", evil);
    snprintf(report.verdict, sizeof(report.verdict), "\"><b>");
    snprintf(report.content_root, sizeof(report.content_root), "%s", evil);
    snprintf(report.slowest_key, sizeof(report.slowest_key), "%s", evil);
    report.slowest_everywhere_ms = 500;
    for (int class = 0; class < SCENARIO_CLASS_COUNT; class ++) {
        struct report_band band = {.class = (enum scenario_class) class, .until_ms = 300};
        snprintf(band.text, sizeof(band.text), "%s", evil);
        snprintf(band.why_not, sizeof(band.why_not), "%s", evil);
        report_band(&report, &band);
    }
    report_figure(&report, evil, 1, evil);
    struct report_check check = {.id = "<&\"'>"};
    snprintf(check.statement, sizeof(check.statement), "%s", evil);
    report_check(&report, &check);
    char *html = report_kit_text(&report, report_write_html);
    must_be_well_formed(html);
    ck_assert_uint_eq(count_of(html, "&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;\xef\xbf\xbd"
                                     "\xef\xbf\xbd onload=x"),
                      9 + 6 * (size_t)SCENARIO_CLASS_COUNT);
    ck_assert_ptr_null(strchr(html, '\x01'));
    ck_assert_ptr_null(strchr(html, '\xff'));
    free(html);
    report_close(&report);
}
END_TEST

START_TEST(the_same_report_gives_the_same_bytes) {
    /* Two reports that were filled alike are written alike: nothing of clocks, addresses or chance gets in. */
    struct report first, second;
    report_kit_fill(&first, 40, 60000, 100, REPORT_KIT_HELD);
    report_kit_fill(&second, 40, 60000, 100, REPORT_KIT_HELD);
    char *html = report_kit_text(&first, report_write_html);
    char *again = report_kit_text(&second, report_write_html);
    ck_assert_str_eq(html, again);
    free(html);
    free(again);
    report_close(&first);
    report_close(&second);
}
END_TEST

START_TEST(a_thousand_nodes_fit) {
    /* An hour of 1,000 nodes is a page of a few megabytes at worst; labels of rows are thinned, rows are not. */
    struct report report;
    report_kit_fill(&report, 1000, 3600000, 4000, REPORT_KIT_HELD);
    char *html = report_kit_text(&report, report_write_html);
    must_be_well_formed(html);
    ck_assert_uint_lt(strlen(html), 6 * 1000 * 1000);
    ck_assert_ptr_nonnull(strstr(html, ">n1000</text>"));
    ck_assert_ptr_null(strstr(html, ">n999</text>"));
    ck_assert_uint_lt(count_of(html, "<text"), 200);
    free(html);
    report_close(&report);
}
END_TEST

START_TEST(many_faults_fit) {
    /* 100,000 faults, some together, some apart, do not blow up the page: the picture joins, the table ends, both say so. */
    struct report report;
    report_kit_open(&report, 2);
    report.end_ms = 1000000;
    for (uint64_t i = 0; i < 100000; i++) {
        struct report_band band = {.from_ms = i * 10,
                                   .until_ms = i * 10 + i % 7,
                                   .class = SCENARIO_CLASS_LOSS,
                                   .text = "loss",
                                   .fired = true};
        report_band(&report, &band);
    }
    char *html = report_kit_text(&report, report_write_html);
    must_be_well_formed(html);
    ck_assert_uint_lt(strlen(html), 400 * 1000);
    ck_assert_ptr_nonnull(strstr(html, ">loss x100000</text>"));
    ck_assert_ptr_nonnull(strstr(html, "99500 more are in the JSON file"));
    free(html);
    report_close(&report);
}
END_TEST

START_TEST(bands_of_a_class_stand_apart) {
    /* Bands of one class that overlap in time get lanes of their own; those that do not share one. */
    struct report report;
    report_kit_open(&report, 1);
    report.end_ms = 100000;
    static const struct {
        uint64_t from_ms, until_ms;
    } spans[] = {{0, 30000}, {10000, 40000}, {50000, 80000}};
    for (size_t i = 0; i < 3; i++) {
        struct report_band band = {.from_ms = spans[i].from_ms,
                                   .until_ms = spans[i].until_ms,
                                   .class = SCENARIO_CLASS_CRASH,
                                   .text = "crash n1",
                                   .fired = true};
        report_band(&report, &band);
    }
    char *html = report_kit_text(&report, report_write_html);
    double y[3];
    const char *at = html;
    for (size_t i = 0; i < 3; i++) {
        at = strstr(at, "class=\"band process");
        ck_assert_ptr_nonnull(at);
        at = strstr(at, "y=\"");
        y[i] = strtod(at + 3, NULL);
    }
    ck_assert(y[1] > y[0] + 12);
    ck_assert_double_eq_tol(y[2], y[0], 1e-9);
    free(html);
    report_close(&report);
}
END_TEST

START_TEST(a_full_disk_is_noticed) {
    /* A file that cannot be written whole gives false, and errno says why. */
    struct report report;
    report_kit_fill(&report, 3, 60000, 1000, REPORT_KIT_HELD);
    FILE *file = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(file);
    errno = 0;
    ck_assert(!report_write_html(&report, file));
    ck_assert_int_eq(errno, ENOSPC);
    fclose(file);
    report_close(&report);
}
END_TEST

Suite *report_html_suite(void);
Suite *report_html_suite(void) {
    Suite *suite = suite_create("report_html");
    TCase *shapes = tcase_create("report_examples");
    tcase_add_test(shapes, the_checker_finds_faults);
    tcase_add_loop_test(shapes, examples_are_well_formed, 0,
                        (int)(sizeof(examples) / sizeof(examples[0])));
    tcase_add_test(shapes, an_empty_report_is_a_page);
    suite_add_tcase(suite, shapes);
    TCase *writes = tcase_create("report_write_html");
    tcase_add_test(writes, hostile_texts_stay_texts);
    tcase_add_test(writes, the_same_report_gives_the_same_bytes);
    tcase_add_test(writes, a_thousand_nodes_fit);
    tcase_add_test(writes, many_faults_fit);
    tcase_add_test(writes, bands_of_a_class_stand_apart);
    tcase_add_test(writes, a_full_disk_is_noticed);
    suite_add_tcase(suite, writes);
    return suite;
}
