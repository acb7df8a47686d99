/* test_scenario_print.c - what is printed reads back as the same, and reads well. */
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Any scenario comes back from its text as it was; and prints the same text again. */
START_TEST(round_trip) {
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct scenario scenario;
        struct scenario again;
        char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
        scenario_kit_random(&scenario, seed);
        char *text = scenario_kit_printed(&scenario);
        ck_assert_msg(scenario_parse("f", text, strlen(text), &again, message), "%s\n%s", message,
                      text);
        const char *difference = scenario_kit_difference(&scenario, &again);
        ck_assert_msg(difference == NULL, "%s differs:\n%s", difference, text);
        char *text_again = scenario_kit_printed(&again);
        ck_assert_str_eq(text, text_again);
        free(text);
        free(text_again);
        scenario_close(&scenario);
        scenario_close(&again);
    }
}
END_TEST

/* A file is as a person would have written it: one action a line, short lists, times in their largest unit, imports as
 * blocks. */
START_TEST(reads_well) {
    static const char expected[] =
        "name: split-31s\n"
        "report: 'a switch restarts'\n"
        "nodes: 32\n"
        "seed: 17\n"
        "interval: 250ms\n"
        "load_ends: 1m\n"
        "quiet: 20\n"
        "modes: [sim]\n"
        "store: real\n"
        "core: [n1, n2]\n"
        "kept: [0-120, 340-341]\n"
        "load:\n"
        "  - {from: 3s, until: 40s, every: 300ms, entities: 12, drops: 20, imports: 10, "
        "writers: [n1, n3-n5]}\n"
        "  - {from: 1s, until: 2s, entries: 1000, body_size: 400}\n"
        "actions:\n"
        "  - {at: 0s, do: reset}\n"
        "  - {at: 5s, do: partition, nodes: [n1-n3, n7], to: [n8], for: 31s}\n"
        "  - {at: 6s, do: set, nodes: [n1], key: schema/posts, body: "
        "'{\"fields\":{\"it''s\":{\"type\":\"string\"}}}'}\n"
        "  - {at: 6s, do: drop, nodes: [n1], key: 'index/posts/by title'}\n"
        "  - {at: 7s, do: clock, nodes: [n3], span: -8766h, for: 10m}\n"
        "  - at: 8s\n"
        "    do: import\n"
        "    nodes: [n2]\n"
        "    body: |\n"
        "      {\"kind\":\"schema\",\"entity\":\"e1\",\"fields\":{\"a\":{\"type\":\"string\"}}}\n"
        "      {\"kind\":\"index\",\"entity\":\"e1\",\"name\":\"i\",\"fields\":[\"a\"]}\n"
        "expect: {entries: 10, seen: duplicate_id, diverging: yes}\n";
    struct scenario scenario;
    char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
    ck_assert_msg(scenario_parse("f", expected, strlen(expected), &scenario, message), "%s",
                  message);
    char *text = scenario_kit_printed(&scenario);
    ck_assert_str_eq(text, expected);
    free(text);
    scenario_close(&scenario);
}
END_TEST

Suite *scenario_print_suite(void);
Suite *scenario_print_suite(void) {
    Suite *suite = suite_create("scenario_print");
    TCase *print = tcase_create("scenario_print");
    tcase_add_test(print, round_trip);
    tcase_add_test(print, reads_well);
    suite_add_tcase(suite, print);
    return suite;
}
