/* test_command_sim.c - the arguments of attune-chaos sim, alone and together. */
#include "bin/chaos/command_sim.h"
#include "test/unit/support/capture.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

/* Arguments in one text, separated by single spaces. */
static bool parsed(const char *line, struct sim_arguments *arguments) {
    static char text[256];
    char *argv[32] = {0};
    int argc = 0;
    snprintf(text, sizeof(text), "attune-chaos-sim %s", line);
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    return sim_arguments_parse(argc, argv, arguments);
}

START_TEST(without_arguments_it_is_a_sweep) {
    /* 100 seeds from 1 on, everything else at its default. */
    struct sim_arguments arguments;
    ck_assert(parsed("", &arguments));
    ck_assert(!arguments.single);
    ck_assert_uint_eq(arguments.from, 1);
    ck_assert_uint_eq(arguments.count, 100);
    ck_assert_uint_eq(arguments.nodes, 0);
    ck_assert_uint_eq(arguments.jobs, 0);
    ck_assert_uint_eq(arguments.seconds_max, 0);
    ck_assert_ptr_null(arguments.scenario);
}
END_TEST

START_TEST(each_argument_arrives) {
    /* Each option sets its field. */
    struct sim_arguments arguments;
    ck_assert(parsed("--seeds 5000 --from 17 --jobs 3 --nodes 9 --seconds-max 60 --twice --quiet",
                     &arguments));
    ck_assert(!arguments.single && arguments.sweep);
    ck_assert_uint_eq(arguments.from, 17);
    ck_assert_uint_eq(arguments.count, 5000);
    ck_assert_uint_eq(arguments.jobs, 3);
    ck_assert_uint_eq(arguments.nodes, 9);
    ck_assert_uint_eq(arguments.seconds_max, 60);
    ck_assert(arguments.twice && arguments.quiet && !arguments.trace);
    ck_assert(parsed("--seed 18446744073709551615 --trace --report a --json b", &arguments));
    ck_assert(arguments.single && !arguments.sweep && arguments.trace);
    ck_assert_uint_eq(arguments.from, UINT64_MAX);
    ck_assert_str_eq(arguments.html, "a");
    ck_assert_str_eq(arguments.json, "b");
    ck_assert(!arguments.stop_at_first);
    ck_assert(parsed("--seeds 3 --stop-at-first", &arguments));
    ck_assert(arguments.stop_at_first);
    ck_assert(parsed("file.yaml --seed 3", &arguments));
    ck_assert_str_eq(arguments.scenario, "file.yaml");
    ck_assert_uint_eq(arguments.from, 3);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused_in_one_line) {
    /* Each of these is refused with exactly one line. */
    static const char *const bad[] = {
        "--seed x",
        "--seed 1 --seeds 2",
        "--seed 1 --from 2",
        "--seeds 0",
        "--seeds 2 --from 18446744073709551615",
        "--jobs 0",
        "--jobs 257",
        "--nodes 1",
        "--nodes 1000000000",
        "--seconds-max 0",
        "--seconds-max 86401",
        "--trace",
        "--seeds 5 --report a",
        "--seed 1 --seconds-max 5",
        "--seed 1 --twice --trace",
        "a.yaml --twice --report a",
        "--seed 1 --twice --json a",
        "--json a",
        "--seed 1 --jobs 2",
        "--seed 1 --stop-at-first",
        "a.yaml b.yaml",
        "a.yaml --seeds 2",
        "a.yaml --nodes 3",
        "--seed x --nodes y",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sim_arguments arguments;
        struct capture capture;
        capture_begin(&capture, STDERR_FILENO);
        bool taken = parsed(bad[i], &arguments);
        const char *said = capture_end(&capture);
        ck_assert_msg(!taken, "%s is taken", bad[i]);
        ck_assert_msg(strncmp(said, "attune-chaos: ", 14) == 0, "%s: %s", bad[i], said);
        ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
    }
}
END_TEST

START_TEST(the_list_has_all_that_there_is) {
    /* attune-chaos list names each class, each action and each kind of argument. */
    static char name[] = "attune-chaos list";
    char *argv[] = {name, NULL};
    struct capture capture;
    capture_begin(&capture, STDOUT_FILENO);
    int exit_code = command_list(1, argv);
    const char *said = capture_end(&capture);
    ck_assert_int_eq(exit_code, CHAOS_HELD);
    static const char *const words[] = {"  crash          crash          nodes for\n",
                                        "  late_join      join           nodes\n",
                                        "  loss           loss           [nodes] to for percent\n",
                                        "  damage         damage         nodes count\n",
                                        "  S3     no entry moves to an older version",
                                        "  set            nodes key body wait skip_dead\n",
                                        "  diff           nodes to\n"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        ck_assert_msg(strstr(said, words[i]) != NULL, "%s is missing", words[i]);
    }
}
END_TEST

Suite *command_sim_suite(void);
Suite *command_sim_suite(void) {
    Suite *suite = suite_create("command_sim");
    TCase *parse = tcase_create("sim_arguments_parse");
    tcase_add_test(parse, without_arguments_it_is_a_sweep);
    tcase_add_test(parse, each_argument_arrives);
    tcase_add_test(parse, what_makes_no_sense_is_refused_in_one_line);
    suite_add_tcase(suite, parse);
    TCase *list = tcase_create("command_list");
    tcase_add_test(list, the_list_has_all_that_there_is);
    suite_add_tcase(suite, list);
    return suite;
}
