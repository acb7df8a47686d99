/* test_config.c - the configuration file: what is taken, and what is refused with which line. */
#include "bin/attuned/config.h"

#include <check.h>
#include <string.h>

/* Every key of the table is read, as a text. */
START_TEST(all_keys_are_read) {
    static const char text[] =
        "data_dir: /d\nname: n\ncluster: c\ngossip: 127.0.0.1:1\nadvertise: h:2\nhttp: unix:/s\n"
        "metrics: 0.0.0.0:3\ninterval: 2s\nfreshness_limit: 7s\nlog_format: json\n"
        "log_level: debug\ninsecure: off\njoin:\n  - a:1\n  - b:2\n";
    struct settings settings = {0};
    struct options options;
    char message[OPTIONS_MESSAGE_SIZE_MAX] = "";
    ck_assert_msg(config_parse("f", text, strlen(text), &settings, message), "%s", message);
    for (unsigned option = 0; option < OPTION_COUNT; option++)
        ck_assert_ptr_nonnull(settings.values[option]);
    ck_assert(options_resolve(&settings, &options, message));
    ck_assert_uint_eq(options.freshness_limit_ms, 7000);
    ck_assert_int_eq(options.log_format, LOG_FORMAT_JSON);
    ck_assert_uint_eq(options.join_count, 2);
    settings_close(&settings);
}
END_TEST

/* An empty file, one of comments, and an empty list are no mistakes. */
START_TEST(empty_is_fine) {
    static const char *const texts[] = {"", "# nothing\n", "join: []\n", "---\nname: n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct settings settings = {0};
        char message[OPTIONS_MESSAGE_SIZE_MAX] = "";
        ck_assert_msg(config_parse("f", texts[i], strlen(texts[i]), &settings, message), "%s",
                      message);
        settings_close(&settings);
    }
}
END_TEST

/* What is wrong is named with the line on which it stands, and leaves the settings usable. */
START_TEST(mistakes_have_lines) {
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"name: a\n\n# c\nnmae: b\n", "f: line 4: unknown key 'nmae'"},
        {"nmae: b\n", "f: line 1: unknown key 'nmae'"},
        {"name: a\n\"nmae\": b\n", "f: line 2: unknown key 'nmae'"},
        {"tls_ca: x\n", "unknown key 'tls_ca'"},
        {"name: a\ncluster: b\nname: c\n", "f: line 3: key 'name' is given twice"},
        {"cluster: b\nname: [a]\n", "line 2"},
        {"cluster: b\nname: {a: b}\n", "line 2"},
        {"join: a:1\n", "line 1"},
        {"join:\n  - [a]\n", "line 2"},
        {"- a\n", "f: "},
        {"name: [\n", "f: "},
        {"name: a\n---\nname: b\n", "f: "},
        {"a: &x b\nname: *x\n", "f: "},
        {"\x01", "f: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct settings settings = {0};
        char message[OPTIONS_MESSAGE_SIZE_MAX] = "";
        ck_assert_msg(!config_parse("f", cases[i].text, strlen(cases[i].text), &settings, message),
                      "%s", cases[i].text);
        ck_assert_msg(strstr(message, cases[i].word) != NULL, "%s", message);
        ck_assert_ptr_null(strchr(message, '\n'));
        settings_close(&settings);
    }
}
END_TEST

/* A file that is not there, or is a directory, is refused by name. */
START_TEST(unreadable_files) {
    struct settings settings = {0};
    char message[OPTIONS_MESSAGE_SIZE_MAX] = "";
    ck_assert(!config_read("/nonexistent.yaml", &settings, message));
    ck_assert_ptr_nonnull(strstr(message, "/nonexistent.yaml"));
    ck_assert(!config_read("/", &settings, message));
    settings_close(&settings);
}
END_TEST

Suite *config_suite(void);
Suite *config_suite(void) {
    Suite *suite = suite_create("config");
    TCase *parse = tcase_create("config_parse");
    tcase_add_test(parse, all_keys_are_read);
    tcase_add_test(parse, empty_is_fine);
    tcase_add_test(parse, mistakes_have_lines);
    suite_add_tcase(suite, parse);
    TCase *read = tcase_create("config_read");
    tcase_add_test(read, unreadable_files);
    suite_add_tcase(suite, read);
    return suite;
}
