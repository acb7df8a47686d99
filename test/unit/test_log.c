/* test_log.c - lines of the log, and their limit. */
#include "bin/attuned/log.h"

#include <check.h>
#include <jansson.h>
#include <string.h>

/* A text line is one line, whatever a peer sent in it. */
START_TEST(text_is_one_line) {
    struct merkle_buffer line;
    merkle_buffer_init(&line, &merkle_allocator_libc);
    log_line_print(&line, LOG_FORMAT_TEXT, UINT64_C(1767225599123), LOG_MEMBER, LOG_LEVEL_WARNING,
                   "n\n1", "a\r\n\x1b[2Jb");
    merkle_buffer_append(&line, "", 1);
    ck_assert_str_eq((char *)line.data, "2025-12-31T23:59:59.123Z warning member: n?1: a???[2Jb\n");
    merkle_buffer_close(&line);
}
END_TEST

/* A JSON line is one object with the same content. */
START_TEST(json_is_an_object) {
    struct merkle_buffer line;
    merkle_buffer_init(&line, &merkle_allocator_libc);
    log_line_print(&line, LOG_FORMAT_JSON, 0, LOG_STORE, LOG_LEVEL_ERROR, NULL, "a \"b\"\n\\");
    json_t *root = json_loadb((char *)line.data, line.size_bytes, 0, NULL);
    ck_assert_ptr_nonnull(root);
    ck_assert_str_eq(json_string_value(json_object_get(root, "time")), "1970-01-01T00:00:00.000Z");
    ck_assert_str_eq(json_string_value(json_object_get(root, "level")), "error");
    ck_assert_str_eq(json_string_value(json_object_get(root, "kind")), "store");
    ck_assert_str_eq(json_string_value(json_object_get(root, "message")), "a \"b\"\n\\");
    ck_assert_ptr_null(json_object_get(root, "member"));
    ck_assert_ptr_eq(memchr(line.data, '\n', line.size_bytes), line.data + line.size_bytes - 1);
    json_decref(root);
    merkle_buffer_close(&line);
}
END_TEST

/* A window takes its lines, counts the rest, and the next one says how many there were (G8). */
START_TEST(window_is_bounded) {
    struct log_window window = {0};
    uint64_t left_out;
    for (unsigned i = 0; i < LOG_LINES_PER_WINDOW; i++)
        ck_assert(log_window_admit(&window, 1000000 + i, &left_out));
    for (unsigned i = 0; i < 500; i++)
        ck_assert(!log_window_admit(&window, 1000000 + LOG_WINDOW_MS - 1, &left_out));
    ck_assert_uint_eq(left_out, 0);
    ck_assert(log_window_admit(&window, 1000000 + LOG_WINDOW_MS, &left_out));
    ck_assert_uint_eq(left_out, 500);
    ck_assert(log_window_admit(&window, 1000001 + LOG_WINDOW_MS, &left_out));
    ck_assert_uint_eq(left_out, 0);
}
END_TEST

/* A clock that jumps back does not silence the log until it has caught up. */
START_TEST(window_survives_a_clock_jump) {
    struct log_window window = {0};
    uint64_t left_out;
    for (unsigned i = 0; i < LOG_LINES_PER_WINDOW + 1; i++)
        log_window_admit(&window, 1000000, &left_out);
    ck_assert(log_window_admit(&window, 10, &left_out));
    ck_assert_uint_eq(left_out, 1);
}
END_TEST

/* Levels and formats have the names of DESIGN 10.1, and no others. */
START_TEST(names) {
    ck_assert_int_eq(log_level_parse("debug"), LOG_LEVEL_DEBUG);
    ck_assert_int_eq(log_level_parse("error"), LOG_LEVEL_ERROR);
    ck_assert_int_eq(log_level_parse("Error"), 0);
    ck_assert_int_eq(log_format_parse("json"), LOG_FORMAT_JSON);
    ck_assert_int_eq(log_format_parse(""), 0);
}
END_TEST

Suite *log_suite(void);
Suite *log_suite(void) {
    Suite *suite = suite_create("log");
    TCase *lines = tcase_create("log_line_print");
    tcase_add_test(lines, text_is_one_line);
    tcase_add_test(lines, json_is_an_object);
    suite_add_tcase(suite, lines);
    TCase *window = tcase_create("log_window_admit");
    tcase_add_test(window, window_is_bounded);
    tcase_add_test(window, window_survives_a_clock_jump);
    suite_add_tcase(suite, window);
    TCase *parse = tcase_create("log_level_parse");
    tcase_add_test(parse, names);
    suite_add_tcase(suite, parse);
    return suite;
}
