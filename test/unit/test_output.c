/* test_output.c - files that attune-chaos is asked to write: looked at before a run without a trace, and after it complained
 * about in one line if something is missing. */
#include "bin/chaos/chaos.h"
#include "test/unit/support/capture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/attune-test-output-XXXXXX";
static char path[64];

static void set_up(void) {
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/report", directory);
}

static void tear_down(void) {
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

static void one_line(const char *said, const char *about) {
    ck_assert_msg(strstr(said, about) != NULL, "%s", said);
    ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
}

START_TEST(looks_without_a_trace) {
    /* A file that is not there is not there afterwards, and one that is there keeps what it has. */
    char text[8] = "";
    ck_assert(output_possible(NULL));
    ck_assert(output_possible("-"));
    ck_assert(output_possible("/dev/full"));
    ck_assert(output_possible(path));
    ck_assert_int_ne(access(path, F_OK), 0);
    FILE *file = fopen(path, "w+");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("kept", file), 0);
    ck_assert_int_eq(fflush(file), 0);
    ck_assert(output_possible(path));
    rewind(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    ck_assert_str_eq(text, "kept");
    (void)fclose(file);
}
END_TEST

START_TEST(says_why_not) {
    /* A directory, a place that is not there, and no name are refused in one line each. */
    static const char *const bad[][2] = {{directory, "Is a directory"},
                                         {"/nonexistent/report", "No such file or directory"},
                                         {"", "a file without a name"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct capture capture;
        capture_begin(&capture, STDERR_FILENO);
        bool possible = output_possible(bad[i][0]);
        const char *said = capture_end(&capture);
        ck_assert_msg(!possible, "%s is taken", bad[i][0]);
        one_line(said, bad[i][1]);
    }
}
END_TEST

static bool put(const char *name, bool written) {
    FILE *file = output_open(name);
    ck_assert_ptr_nonnull(file);
    (void)fputs("text", file);
    return output_close(name, file, written);
}

START_TEST(a_full_disk_is_told) {
    /* What does not arrive is complained about, also if only closing the file shows it, and what the writer says counts. */
    struct capture capture;
    ck_assert(put(path, true));
    capture_begin(&capture, STDERR_FILENO);
    bool taken = put("/dev/full", true);
    one_line(capture_end(&capture), "/dev/full: No space left on device");
    ck_assert(!taken);
    capture_begin(&capture, STDERR_FILENO);
    taken = put(path, false);
    one_line(capture_end(&capture), path);
    ck_assert(!taken);
}
END_TEST

Suite *output_suite(void);
Suite *output_suite(void) {
    Suite *suite = suite_create("output");
    TCase *possible = tcase_create("output_possible");
    tcase_add_checked_fixture(possible, set_up, tear_down);
    tcase_add_test(possible, looks_without_a_trace);
    tcase_add_test(possible, says_why_not);
    suite_add_tcase(suite, possible);
    TCase *close = tcase_create("output_close");
    tcase_add_checked_fixture(close, set_up, tear_down);
    tcase_add_test(close, a_full_disk_is_told);
    suite_add_tcase(suite, close);
    return suite;
}
