/* test_real_load_words.c - operations of scenarios as HTTP: each has its method, its path with what it asks for, and its body. */
#include "bin/chaos/real_run.h"
#include "test/unit/support/scenario_kit.h"

#include <check.h>
#include <stdlib.h>

static const struct words {
    const char *action, *method, *path, *body;
    unsigned deadline_ms;
} all[] = {
    {"do: set, key: schema/a, body: '{\"fields\":{}}'", "PUT", "/v1/schemas/a", "{\"fields\":{}}",
     0},
    {"do: set, key: schema/a, body: '{\"fields\":{}}', wait: 2s, skip_dead: yes", "PUT",
     "/v1/schemas/a?wait=2000ms&skip_dead=1", "{\"fields\":{}}", 7000},
    {"do: drop, key: constraint/a/b c", "DELETE", "/v1/constraints/a/b%20c?cascade=1", NULL, 0},
    {"do: drop, key: schema/a, wait: 0s", "DELETE", "/v1/schemas/a?cascade=1&wait=0ms", NULL, 5000},
    {"do: staged_set, key: schema/a, body: '{\"fields\":{}}'", "PUT",
     "/v1/schemas/a?staged=1&wait=5000ms", "{\"fields\":{}}", 10000},
    {"do: staged_drop, key: index/a/b, wait: 1s", "DELETE", "/v1/indexes/a/b?staged=1&wait=1000ms",
     NULL, 6000},
    {"do: staged_abort, key: schema/a, wait: 1s", "DELETE", "/v1/schemas/a?abort=1&wait=1000ms",
     NULL, 6000},
    {"do: agree, wait: 1s", "POST", "/v1/agreement", "{\"timeout\":\"1000ms\",\"skip_dead\":false}",
     6000},
    {"do: agree, key: index/a/b, wait: 1s, skip_dead: yes", "POST", "/v1/agreement",
     "{\"timeout\":\"1000ms\",\"skip_dead\":true,\"kind\":\"index\",\"entity\":\"a\",\"name\":"
     "\"b\"}",
     6000},
    {"do: resolve, key: schema/a, to: [n2]", "POST", "/v1/resolve",
     "{\"kind\":\"schema\",\"entity\":\"a\",\"take\":\"n2\"}", 0},
    {"do: check, key: schema/a, span: 5s", "POST", "/v1/check/a?max_staleness=5000ms",
     "{\"a\":\"x\",\"b\":1}", 0},
    {"do: check, span: 5s", "POST", "/v1/check/e0?max_staleness=5000ms", "{\"a\":\"x\",\"b\":1}",
     0},
    {"do: sync", "POST", "/v1/sync", NULL, 0},
    {"do: diff, to: [n3]", "GET", "/v1/diff/n3", NULL, 0},
};
enum { ALL = sizeof all / sizeof *all };

START_TEST(each_operation) {
    const struct words *expected = &all[_i];
    char text[400];
    struct scenario scenario;
    (void)snprintf(text, sizeof text, "nodes: 3\nactions:\n  - {at: 1s, nodes: [n1], %s}\n",
                   expected->action);
    scenario_kit_parse(text, &scenario);
    struct real_words words = real_load_words(&scenario.actions[0]);
    ck_assert_str_eq(words.method, expected->method);
    ck_assert_str_eq(words.path, expected->path);
    ck_assert_uint_eq(words.deadline_ms, expected->deadline_ms);
    if (expected->body == NULL) {
        ck_assert_ptr_null(words.body);
    } else {
        ck_assert_str_eq(words.body, expected->body);
    }
    free(words.path);
    free(words.body);
    scenario_close(&scenario);
}
END_TEST

Suite *real_load_words_suite(void);
Suite *real_load_words_suite(void) {
    Suite *suite = suite_create("real_load_words");
    TCase *words = tcase_create("real_load_words");
    tcase_add_loop_test(words, each_operation, 0, ALL);
    suite_add_tcase(suite, words);
    return suite;
}
