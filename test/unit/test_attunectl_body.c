/* test_attunectl_body.c - the bodies that attunectl makes of files and flags. */
#include "bin/attunectl/entries.h"

#include <check.h>
#include <string.h>

/* Both forms of a schema file become {"fields":...}; what is neither is passed on for the daemon to refuse. */
START_TEST(schema_forms) {
    static const struct {
        const char *text;
        bool wrapped;
    } cases[] = {
        {"{\"fields\":{}}", false},
        {"{\"fields\":{\"a\":{\"type\":\"string\"}}}", false},
        {"{\"fields\":{\"type\":{\"type\":\"string\"}}}", false}, /* a field called type */
        {"{\"a\":{\"type\":\"string\"}}", true},
        {"{\"fields\":{\"type\":\"string\"}}", true}, /* a field called fields */
        {"{\"fields\":{\"type\":\"string\"},\"a\":{\"type\":\"any\"}}", true},
        {"{}", false},
        {"{\"fields\":3}", false},
        {"[]", false},
        {"{\n]", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text body = {0}, wanted = {0};
        schema_body(cases[i].text, strlen(cases[i].text), &body);
        text_print(&wanted, cases[i].wrapped ? "{\"fields\":%s}" : "%s", cases[i].text);
        ck_assert_str_eq(body.data, wanted.data);
        text_close(&body);
        text_close(&wanted);
    }
}
END_TEST

/* Each kind of constraint has its body and its default name; --name wins; two kinds at once are refused. */
START_TEST(constraints) {
    static const struct {
        struct arguments arguments;
        const char *name, *body; /* NULL: refused */
    } cases[] = {
        {{.words = {"e"}, .flags = FLAG_UNIQUE, .unique = "a,b"},
         "e_a_b_key",
         "{\"type\":\"unique\",\"fields\":[\"a\",\"b\"]}"},
        {{.words = {"e,f"}, .flags = FLAG_NOT_NULL, .not_null = "a"},
         "e,f_a_not_null",
         "{\"type\":\"not_null\",\"fields\":[\"a\"]}"},
        {{.words = {"e"}, .flags = FLAG_FK, .fk = "a:t:b"},
         "e_a_fkey",
         "{\"type\":\"foreign_key\",\"fields\":[\"a\"],\"references\":{\"entity\":\"t\",\"fields\":"
         "[\"b\"]},\"on_delete\":\"restrict\"}"},
        {{.words = {"e"}, .flags = FLAG_FK | FLAG_NAME, .fk = "a:t:b:cascade", .name = "n,m"},
         "n,m",
         "{\"type\":\"foreign_key\",\"fields\":[\"a\"],\"references\":{\"entity\":\"t\",\"fields\":"
         "[\"b\"]},\"on_delete\":\"cascade\"}"},
        {{.words = {"e"}, .flags = FLAG_FK, .fk = "a:t"}, NULL, NULL},
        {{.words = {"e"}, .flags = FLAG_FK, .fk = "a:t:b:c:d"}, NULL, NULL},
        {{.words = {"e"}, .flags = FLAG_FK | FLAG_UNIQUE, .fk = "a:t:b", .unique = "a"},
         NULL,
         NULL},
        {{.words = {"e"}, .flags = 0}, NULL, NULL},
        {{.words = {"e"}, .flags = FLAG_UNIQUE, .unique = "\xff"}, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text body = {0}, name = {0};
        bool made = constraint_body(&cases[i].arguments, &body, &name);
        ck_assert_int_eq(made, cases[i].body != NULL);
        if (made) {
            ck_assert_str_eq(name.data, cases[i].name);
            ck_assert_str_eq(body.data, cases[i].body);
        }
        text_close(&body);
        text_close(&name);
    }
}
END_TEST

/* Statuses become the exit codes of DESIGN 10.3. */
START_TEST(exit_codes) {
    static const struct {
        long status;
        const char *code;
        int exit_code;
    } cases[] = {
        {200, "", 0},          {201, "", 0},           {400, "malformed", 2},
        {404, "not_found", 3}, {409, "referenced", 4}, {412, "precondition_failed", 4},
        {504, "", 5},          {503, "stale", 9},      {503, "joining", 1},
        {405, "", 1},          {413, "too_big", 1},    {500, "", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_int_eq(command_exit_code(cases[i].status, cases[i].code), cases[i].exit_code);
}
END_TEST

Suite *attunectl_body_suite(void);
Suite *attunectl_body_suite(void) {
    Suite *suite = suite_create("attunectl_body");
    TCase *schema = tcase_create("schema_body");
    tcase_add_test(schema, schema_forms);
    suite_add_tcase(suite, schema);
    TCase *constraint = tcase_create("constraint_body");
    tcase_add_test(constraint, constraints);
    suite_add_tcase(suite, constraint);
    TCase *request = tcase_create("command_exit_code");
    tcase_add_test(request, exit_codes);
    suite_add_tcase(suite, request);
    return suite;
}
