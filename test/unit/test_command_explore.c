/* test_command_explore.c - attune-chaos explore: what it says, and its exit codes. */
#include "bin/chaos/chaos.h"
#include "test/unit/support/capture.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

/* Arguments in one text, separated by single spaces. `text` is what went to `descriptor`. */
static int explored(const char *line, int descriptor, const char **text) {
    static char words[256];
    char *argv[32] = {0};
    int argc = 0;
    (void)snprintf(words, sizeof words, "attune-chaos-explore %s", line);
    char *rest = NULL;
    for (char *word = strtok_r(words, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    struct capture capture;
    capture_begin(&capture, descriptor);
    int code = command_explore(argc, argv);
    (void)fflush(stdout);
    *text = capture_end(&capture);
    return code;
}

/* A world in which the property holds ends with 0, and its line says how large it was and that it holds. */
START_TEST(holds) {
    const char *text;
    ck_assert_int_eq(explored("staged --writes 3", STDOUT_FILENO, &text), CHAOS_HELD);
    ck_assert_ptr_nonnull(strstr(text, "staged    2 nodes 2 keys 3 writes 1 crashes 2 changes: "));
    ck_assert_ptr_nonnull(strstr(text, " MiB: holds\n"));
}
END_TEST

/* A broken property ends with 1, its way step by step before. */
START_TEST(breaks) {
    const char *text;
    int code = explored("agreement --nodes 2 --plant from-memory", STDOUT_FILENO, &text);
    ck_assert_int_eq(code, CHAOS_VIOLATED);
    ck_assert_ptr_nonnull(strstr(text, "  6. A tells success"));
    ck_assert_ptr_nonnull(strstr(text, "broken after 6 steps: S4: "));
}
END_TEST

/* Stopped by a limit it has proved nothing: 5. */
START_TEST(bounded) {
    const char *text;
    int code = explored("removal --states 100", STDOUT_FILENO, &text);
    ck_assert_int_eq(code, CHAOS_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "bounded: no proof\n"));
    code = explored("removal --memory 1", STDOUT_FILENO, &text);
    ck_assert_int_eq(code, CHAOS_UNKNOWN);
}
END_TEST

/* Each mistake is told with the word that is wrong, and nothing is explored. */
START_TEST(mistakes) {
    static const struct {
        const char *line, *told;
    } lines[] = {
        {"nothing", "\"nothing\" is no model"},
        {"removal staged", "one model at a time: \"staged\""},
        {"removal --nodes many", "--nodes wants a whole number"},
        {"removal --nodes 16", "--nodes wants a whole number from 0 to 15"},
        {"removal --plant none", "removal has no plant of this name; it has:"},
        {"removal --nodes 6", "removal: nodes and joins are 1 to 5 together"},
        {"--suite huge", "--suite wants small, large or all, not \"huge\""},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *text;
        ck_assert_int_eq(explored(lines[i].line, STDERR_FILENO, &text), CHAOS_USAGE);
        ck_assert_msg(strstr(text, lines[i].told) != NULL, "%s: %s", lines[i].line, text);
    }
}
END_TEST

/* The suite of one model says what came out of each world, and that all of it was expected; where a limit is in the way of a
 * world that must hold, it says so. */
START_TEST(suite) {
    const char *text;
    ck_assert_int_eq(explored("staged --suite small", STDOUT_FILENO, &text), CHAOS_HELD);
    ck_assert_ptr_nonnull(strstr(text, "without not-owner: "));
    ck_assert_ptr_nonnull(strstr(text, " worlds, 0 not as expected\n"));
    ck_assert_ptr_null(strstr(text, "UNEXPECTED"));
    int code = explored("staged --suite small --states 5000", STDOUT_FILENO, &text);
    ck_assert_int_eq(code, CHAOS_UNKNOWN);
    ck_assert_ptr_nonnull(strstr(text, "UNEXPECTED: it should hold in all states\n"));
}
END_TEST

Suite *command_explore_suite(void);
Suite *command_explore_suite(void) {
    Suite *made = suite_create("command_explore");
    TCase *command = tcase_create("command_explore");
    tcase_add_test(command, holds);
    tcase_add_test(command, breaks);
    tcase_add_test(command, bounded);
    tcase_add_test(command, mistakes);
    tcase_add_test(command, suite);
    suite_add_tcase(made, command);
    return made;
}
