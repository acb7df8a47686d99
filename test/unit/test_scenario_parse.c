/* test_scenario_parse.c - scenario files: what they mean, and what is refused with which line. */
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- what is taken ---------------------------------------------------------------------------------------------------- */

/* Every key of the head, the loads and the expectations arrives where it belongs. */
START_TEST(whole_head) {
    struct scenario scenario;
    scenario_kit_parse(
        "name: split\nreport: \"what happened\"\nnodes: 5\nseed: 18446744073709551615\n"
        "interval: 250ms\nload_ends: 60s\nquiet: 7\nmodes: [run]\nstore: real\n"
        "core: [n2, n1]\nkept: [0-120, 340-341]\n"
        "load:\n"
        "  - {from: 3s, until: 40s, every: 300ms, entities: 5, drops: 6, imports: 7,\n"
        "     body_size: 400, writers: [n5, n1-n2]}\n"
        "  - {from: 1s, until: 2s, entries: 1000}\n"
        "expect: {entries: 10, conflicts: 1, intervals: 12, seen: duplicate_id, diverging: yes}\n",
        &scenario);
    ck_assert_str_eq(scenario.name, "split");
    ck_assert_str_eq(scenario.report, "what happened");
    ck_assert_uint_eq(scenario.node_count, 5);
    ck_assert_uint_eq(scenario.seed, UINT64_MAX);
    ck_assert_uint_eq(scenario.interval_ms, 250);
    ck_assert_uint_eq(scenario.load_ms, 60000);
    ck_assert_uint_eq(scenario.quiet_intervals, 7);
    ck_assert(scenario.realtime_only && !scenario.sim_only && scenario.real_store);
    ck_assert_uint_eq(scenario.core.count, 2);
    ck_assert_uint_eq(scenario.core.indexes[0], 0);
    ck_assert_uint_eq(scenario.kept_count, 2);
    ck_assert_uint_eq(scenario.kept[1].first, 340);
    ck_assert_uint_eq(scenario.kept[1].end, 341);
    ck_assert_uint_eq(scenario.load_count, 2);
    const struct scenario_load *load = &scenario.loads[0];
    ck_assert(load->from_ms == 3000 && load->until_ms == 40000 && load->every_ms == 300);
    ck_assert(load->entities == 5 && load->drops_percent == 6 && load->imports_percent == 7);
    ck_assert(load->body_size_bytes == 400 && load->entries == 0 && load->line == 13);
    ck_assert(load->writers.count == 3 && load->writers.indexes[2] == 4);
    ck_assert(scenario.loads[1].entries == 1000 && scenario.loads[1].line == 15);
    ck_assert(scenario.loads[1].entities == 12 && scenario.loads[1].drops_percent == 20 &&
              scenario.loads[1].imports_percent == 10);
    ck_assert_int_eq(scenario.expect.entries, 10);
    ck_assert_int_eq(scenario.expect.conflicts, 1);
    ck_assert_int_eq(scenario.expect.intervals, 12);
    ck_assert_str_eq(scenario.expect.seen, "duplicate_id");
    ck_assert(scenario.expect.stale_roots_allowed);
    scenario_close(&scenario);
}
END_TEST

/* What a file does not say has the defaults of the header. */
START_TEST(defaults) {
    struct scenario scenario;
    scenario_kit_parse("---\n# short\nnodes: 3\nactions: []\n", &scenario);
    ck_assert_str_eq(scenario.name, "");
    ck_assert_uint_eq(scenario.interval_ms, 1000);
    ck_assert_uint_eq(scenario.quiet_intervals, 20);
    ck_assert_uint_eq(scenario.load_ms, 1000);
    ck_assert(!scenario.sim_only && !scenario.realtime_only && !scenario.real_store);
    ck_assert(scenario.expect.entries == -1 && scenario.expect.conflicts == -1 &&
              scenario.expect.intervals == -1 && !scenario.expect.stale_roots_allowed);
    ck_assert(scenario.core.count == 0 && scenario.kept_count == 0 && scenario.load_count == 0 &&
              scenario.action_count == 0);
    scenario_close(&scenario);
}
END_TEST

/* --- what is refused -------------------------------------------------------------------------------------------------- */

/* What is no YAML, or not of the shape of a scenario, is refused where it stops to be. */
START_TEST(shapes) {
    static const struct scenario_mistake mistakes[] = {
        {"", "f: line 1: the file is empty"},
        {"# nothing\n\n", "f: line 3: the file is empty"},
        {"- a\n", "f: line 1: a scenario must be keys with values"},
        {"nodes: 3\n---\nnodes: 3\n", "f: line 2: a second document"},
        {"nodes: 3\nnmae: b\n", "f: line 2: unknown key 'nmae'"},
        {"nodes: 3\n\nseed: 1\n\"nodes\": 4\n", "f: line 4: key 'nodes' is given twice"},
        {"nodes: 3\nexpect:\n  entries: 1\n  entires: 2\n", "f: line 4: unknown key 'entires'"},
        {"nodes: 3\nexpect:\n  entries: 1\n  entries: 2\n",
         "f: line 4: key 'entries' is given twice"},
        {"nodes: 3\nload:\n- from: 1s\n  until: 2s\n  from: 1s\n",
         "f: line 5: key 'from' is given twice"},
        {"nodes: 3\nactions:\n  - {at: 1s, do: sync, nodes: [n1]}\n  - {at: 1s, do: sync,\n"
         "     nodes: [n1], nodse: [n2]}\n",
         "f: line 5: unknown key 'nodse'"},
        {"nodes: 3\nat: 1s\n", "f: line 2: unknown key 'at'"},
        {"nodes: [3]\n", "f: line 1: 'nodes' must be a single value"},
        {"nodes: 3\nmodes: sim\n", "f: line 2: 'modes' must be a list"},
        {"nodes: 3\nmodes:\n  - [sim]\n", "f: line 3: 'modes' must be a list of single values"},
        {"nodes: 3\nmodes: []\n", "f: line 2: 'modes' is an empty list"},
        {"nodes: 3\nactions: 5\n", "f: line 2: 'actions' must be a list"},
        {"nodes: 3\nactions:\n  - sync\n", "f: line 3: actions must be keys with values"},
        {"nodes: 3\nexpect: yes\n", "f: line 2: expect must be keys with values"},
        {"nodes: 3\n? [a, b]\n: c\n", "f: line 2: a key must be a single word"},
        {"nodes: 3\nseed: &x 4\n", "f: line 2: anchors and aliases are not taken"},
        {"nodes: 3\nexpect: &x {entries: 1}\n", "f: line 2: anchors and aliases are not taken"},
        {"nodes: 3\nmodes: &x [sim]\n", "f: line 2: anchors and aliases are not taken"},
        {"nodes: 3\nseed: *x\n", "f: line 2: anchors and aliases are not taken"},
        {"nodes: 3\nname: \"a\\0b\"\n", "f: line 2: a text holds NUL"},
        {"nodes: 3\nname: [\n", "f: line 2: 'name' must be a single value"},
        {"nodes: 3\nactions: [\n", "f: line 3: is no YAML: "},
        {"nodes: 3\nname: \"a\n", "f: line 3: is no YAML: "},
        {"nodes: 3\n\tname: a\n", "f: line 2: is no YAML: "},
        {"nodes: 3\nname: \x01\n", "f: line 2: is no YAML: "},
        {"nodes: 3\nname: \xff\n", "f: line 2: is no YAML: "},
        {"nodes: 3\n\"\\e[31m\": 1\n", "f: line 2: unknown key '?[31m'"},
    };
    SCENARIO_ALL_REFUSED(mistakes);
}
END_TEST

/* The head: numbers, times and words that are none, or out of their limits. */
START_TEST(heads) {
    static const struct scenario_mistake mistakes[] = {
        {"name: a\n", "f: line 1: 'nodes' is missing"},
        {"name: a\nnodes: 0\n", "f: line 2: 'nodes' must be a number from 1 to 1024, not '0'"},
        {"name: a\nnodes: 1025\n", "f: line 2: 'nodes' must be a number from 1 to 1024"},
        {"name: a\nnodes: 1000000000\n", "f: line 2: 'nodes' must be a number from 1 to 1024"},
        {"nodes: 99999999999999999999999\n", "f: line 1: 'nodes' must be a number from 1 to 1024"},
        {"nodes: 010\n", "f: line 1: 'nodes' must be a number from 1 to 1024, not '010'"},
        {"nodes: 0x10\n", "f: line 1: 'nodes' must be a number"},
        {"nodes: -3\n", "f: line 1: 'nodes' must be a number"},
        {"nodes: +3\n", "f: line 1: 'nodes' must be a number"},
        {"nodes: 3.0\n", "f: line 1: 'nodes' must be a number"},
        {"nodes:\n", "f: line 1: 'nodes' must be a number"},
        {"nodes: 3\nseed: 18446744073709551616\n", "f: line 2: 'seed' must be a number"},
        {"nodes: 3\nseed: maybe\n", "f: line 2: 'seed' must be a number"},
        {"nodes: 3\ninterval: 1\n", "f: line 2: 'interval' must be a time like"},
        {"nodes: 3\ninterval: 1 s\n", "f: line 2: 'interval' must be a time like"},
        {"nodes: 3\ninterval: 01s\n", "f: line 2: 'interval' must be a time like"},
        {"nodes: 3\ninterval: 1d\n", "f: line 2: 'interval' must be a time like"},
        {"nodes: 3\ninterval: 1.5s\n", "f: line 2: 'interval' must be a time like"},
        {"nodes: 3\ninterval: -1s\n", "f: line 2: 'interval' must be a time like"},
        {"nodes: 3\ninterval: s\n", "f: line 2: 'interval' must be a time like"},
        {"nodes: 3\ninterval: 5124095576030432h\n", "f: line 2: 'interval' must be a time like"},
        {"nodes: 3\ninterval: 0s\n", "f: line 2: 'interval' must be at least 10ms"},
        {"nodes: 3\nload_ends: 25h\n",
         "f: line 2: 'load_ends' must be a time like 250ms, 31s, 10m or 2h, at most 24h, not "
         "'25h'"},
        {"nodes: 3\nload_ends: 86400001ms\n", "f: line 2: 'load_ends' must be a time"},
        {"nodes: 3\nquiet: ten\n", "f: line 2: 'quiet' must be a number"},
        {"nodes: 3\nmodes: [sim, real]\n", "f: line 2: 'modes' are sim and run, not 'real'"},
        {"nodes: 3\nstore: maybe\n", "f: line 2: 'store' must be real or memory, not 'maybe'"},
        {"nodes: 3\ncore: [n1]\n", "f: line 2: 'core' must name at least two nodes"},
        {"nodes: 3\ncore: [n1, n4]\n", "f: line 2: there is no node 'n4' in 'core'"},
        {"nodes: 3\nkept: [5-5]\n", "f: line 2: 'kept' must be ranges"},
        {"nodes: 3\nkept: [0-2, 1-3]\n", "f: line 2: 'kept' must be ranges"},
        {"nodes: 3\nkept: [7]\n", "f: line 2: 'kept' must be ranges"},
        {"nodes: 3\nname: \"a\\nb\"\n", "f: line 2: 'name' must be one line of text"},
        {"expect: {diverging: maybe}\nnodes: 3\n",
         "f: line 1: 'diverging' must be yes or no, not 'maybe'"},
        {"nodes: 3\nexpect:\n  seen: dragons\n", "f: line 3: there is no counter 'dragons'"},
        {"nodes: 3\nexpect:\n  seen: none\n", "f: line 3: there is no counter 'none'"},
        {"nodes: 3\nexpect:\n  conflicts: -1\n", "f: line 3: 'conflicts' must be a number"},
    };
    SCENARIO_ALL_REFUSED(mistakes);
}
END_TEST

/* Loads: what is needed, what excludes what, and times that cannot be. */
START_TEST(loads) {
    static const struct scenario_mistake mistakes[] = {
        {"nodes: 3\nload:\n  - {until: 2s, every: 1s}\n", "f: line 3: a load needs 'from'"},
        {"nodes: 3\nload:\n  - {from: 2s, every: 1s}\n", "f: line 3: a load needs 'until'"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s, entries: 1, cycles: 1}\n",
         "f: line 3: a load with 'entries' takes no 'cycles'"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s, cycles: 1, drops: 1}\n",
         "f: line 3: a load with 'cycles' takes no 'drops'"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s, cycles: 50001}\n",
         "f: line 3: 'cycles' must be a number from 1 to 50000"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s}\n",
         "f: line 3: a load needs 'every', 'entries' or 'cycles'"},
        {"nodes: 3\nload:\n  - from: 2s\n    until: 1s\n    every: 1s\n",
         "f: line 4: 'until' is before 'from'"},
        {"nodes: 3\nload_ends: 5s\nload:\n  - {from: 2s, until: 6s, every: 1s}\n",
         "f: line 4: 'until' is after 'load_ends'"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s, every: 0s}\n",
         "f: line 3: 'every' must be at least 1ms"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 25h, every: 1s}\n",
         "f: line 3: 'until' must be a time"},
        {"nodes: 3\nload:\n  - {from: 0s, until: 24h, every: 1ms}\n",
         "f: line 3: the loads make more than 100000 writes"},
        {"nodes: 3\nload:\n  - {from: 0s, until: 1h, entries: 100000, body_size: 20000}\n",
         "f: line 3: the load is larger than"},
        {"nodes: 3\nload:\n  - {from: 0s, until: 1s, entries: 60000}\n"
         "  - {from: 0s, until: 1s, entries: 60000}\n",
         "f: line 4: the loads make more than 100000 writes"},
        {"nodes: 3\nload:\n  - {from: 0s, until: 1s, entries: 100000}\nactions:\n"
         "  - {at: 1s, do: sync, nodes: [n1]}\n",
         "f: line 5: loads and actions are more than 100000 together"},
        {"nodes: 3\nload:\n  - from: 1s\n    until: 2s\n    entries: 9\n    drops: 5\n",
         "f: line 6: a load with 'entries' takes no 'drops'"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s, every: 1s}\n"
         "  - {from: 1s, until: 2s, every: 1s, drops: 101}\n",
         "f: line 4: 'drops' must be a number from 0 to 100"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s, every: 1s, entities: 0}\n",
         "f: line 3: 'entities' must be a number from 1"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s, every: 1s, body_size: 99999}\n",
         "f: line 3: 'body_size' must be a number from 0 to 24576"},
        {"nodes: 3\nload:\n  - {from: 1s, until: 2s, every: 1s, writers: [n3, n4]}\n",
         "f: line 3: there is no node 'n4' in 'writers': nodes are n1 to n3"},
    };
    SCENARIO_ALL_REFUSED(mistakes);
}
END_TEST

/* --- limits and files ------------------------------------------------------------------------------------------------- */

/* One action more than there may be is refused at its line; as many as may be are taken, in less than seconds. */
START_TEST(number_of_actions) {
    char *text = NULL;
    size_t size_bytes = 0;
    struct scenario scenario;
    char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
    FILE *file = open_memstream(&text, &size_bytes);
    fputs("nodes: 2\nactions:\n", file);
    for (unsigned i = 0; i < SCENARIO_ACTIONS_MAX; i++) {
        fputs("  - {at: 1s, do: sync, nodes: [n1]}\n", file);
    }
    fflush(file);
    ck_assert_msg(scenario_parse("f", text, size_bytes, &scenario, message), "%s", message);
    ck_assert_uint_eq(scenario.action_count, SCENARIO_ACTIONS_MAX);
    ck_assert_uint_eq(scenario.actions[SCENARIO_ACTIONS_MAX - 1].line, SCENARIO_ACTIONS_MAX + 2);
    scenario_close(&scenario);
    fputs("  - {at: 1s, do: sync, nodes: [n1]}\n", file);
    fclose(file);
    scenario_kit_refused(text, size_bytes, "f: line 100003: 'actions' has more than 100000 items");
    free(text);
}
END_TEST

/* Sizes: of a file, of a body, of a name, of the lists. */
START_TEST(sizes) {
    size_t size_bytes = SCENARIO_FILE_SIZE_MAX + 1;
    char *text = malloc(size_bytes + 1);
    memset(text, '[', size_bytes);
    scenario_kit_refused(text, size_bytes, "f: larger than 8 MiB");
    scenario_kit_refused(text, size_bytes - 1, "f: line 1: a scenario must be keys with values");
    int head = sprintf(text, "nodes: 3\nname: ");
    memset(text + head, 'a', SCENARIO_LINE_SIZE_MAX);
    scenario_kit_refused(text, (size_t)head + SCENARIO_LINE_SIZE_MAX,
                         "f: line 2: 'name' is longer than 119 bytes");
    head = sprintf(text,
                   "nodes: 3\nactions:\n  - at: 1s\n    do: import\n    nodes: [n1]\n    body: ");
    memset(text + head, 'a', SCENARIO_TEXT_SIZE_MAX + 1);
    scenario_kit_refused(text, (size_t)head + SCENARIO_TEXT_SIZE_MAX + 1,
                         "f: line 6: 'body' is longer than 65536 bytes");
    size_t used = (size_t)sprintf(text, "nodes: 3\nkept: [0-1");
    for (unsigned i = 1; i <= SCENARIO_KEPT_MAX; i++) {
        used += (size_t)sprintf(text + used, ", %u-%u", 2 * i, 2 * i + 1);
    }
    used += (size_t)sprintf(text + used, "]\n");
    scenario_kit_refused(text, used, "f: line 2: 'kept' has more than 256 ranges");
    used = (size_t)sprintf(text, "nodes: 3\nload:\n");
    for (unsigned i = 0; i <= SCENARIO_LOADS_MAX; i++) {
        used += (size_t)sprintf(text + used, "  - {from: 1s, until: 2s, every: 1s}\n");
    }
    scenario_kit_refused(text, used, "f: line 19: 'load' has more than 16 items");
    free(text);
}
END_TEST

/* A message fits its place and is one line, whatever the path and the file hold. */
START_TEST(long_message) {
    char path[600];
    char message[SCENARIO_MESSAGE_SIZE_MAX];
    struct scenario scenario;
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    static const char text[] =
        "nodes: 3\nstore: \"\\x1b\\n\\t\\x7faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n";
    ck_assert(!scenario_parse(path, text, strlen(text), &scenario, message));
    for (const char *c = message; *c != '\0'; c++) {
        ck_assert((unsigned char)*c >= ' ' && *c != 0x7f);
    }
    ck_assert_ptr_nonnull(strstr(message, "line 2: 'store' must be"));
}
END_TEST

/* A file that is not there, a directory and a pipe are refused by name, and nobody waits. */
START_TEST(unreadable_files) {
    struct scenario scenario;
    char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
    char directory[] = "/tmp/scenario_XXXXXX";
    char pipe[64];
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(pipe, sizeof pipe, "%s/pipe", directory);
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    ck_assert(!scenario_read("/nonexistent.yaml", &scenario, message));
    ck_assert_str_eq(message, "/nonexistent.yaml: No such file or directory");
    ck_assert(!scenario_read(directory, &scenario, message));
    ck_assert_ptr_nonnull(strstr(message, ": is no file"));
    ck_assert(!scenario_read(pipe, &scenario, message));
    ck_assert_ptr_nonnull(strstr(message, "/pipe: is no file"));
    unlink(pipe);
    rmdir(directory);
}
END_TEST

/* A file that gives itself no name has that of its path. */
START_TEST(name_of_the_file) {
    struct scenario scenario;
    char message[SCENARIO_MESSAGE_SIZE_MAX] = "";
    char path[] = "/tmp/scenario_XXXXXX.yaml";
    int fd = mkstemps(path, 5);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "nodes: 2\n", 9), 9);
    close(fd);
    ck_assert_msg(scenario_read(path, &scenario, message), "%s", message);
    path[strlen(path) - 5] = '\0';
    ck_assert_str_eq(scenario.name, path + 5);
    scenario_close(&scenario);
    path[strlen(path)] = '.';
    unlink(path);
}
END_TEST

Suite *scenario_parse_suite(void);
Suite *scenario_parse_suite(void) {
    Suite *suite = suite_create("scenario_parse");
    TCase *taken = tcase_create("scenario_parse_taken");
    tcase_add_test(taken, whole_head);
    tcase_add_test(taken, defaults);
    suite_add_tcase(suite, taken);
    TCase *wrong = tcase_create("scenario_parse_refused");
    tcase_add_test(wrong, shapes);
    tcase_add_test(wrong, heads);
    tcase_add_test(wrong, loads);
    tcase_add_test(wrong, number_of_actions);
    tcase_add_test(wrong, sizes);
    tcase_add_test(wrong, long_message);
    suite_add_tcase(suite, wrong);
    TCase *read = tcase_create("scenario_read");
    tcase_add_test(read, unreadable_files);
    tcase_add_test(read, name_of_the_file);
    suite_add_tcase(suite, read);
    return suite;
}
