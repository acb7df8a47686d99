/* test_json_print.c - entries and values as JSON, in the exact forms of DESIGN 10.2. */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct merkle_buffer json;

static void set_up(void) {
    merkle_buffer_init(&json, &merkle_allocator_libc);
}

static void tear_down(void) {
    merkle_buffer_close(&json);
}

/* The text so far, which is then cleared. */
static const char *printed(void) {
    merkle_buffer_append(&json, "", 1);
    ck_assert(!json.failed);
    json.size_bytes = 0;
    return (const char *)json.data;
}

/* --- values ------------------------------------------------------------------------------------------------------ */

#define VALUE(bytes) catalog__json_print_value((const uint8_t *)(bytes), sizeof(bytes) - 1, &json)

/* Each kind of value has one form. */
START_TEST(values_have_one_form) {
    ck_assert_int_eq(VALUE("\x98\xc0\xc2\xc3\x07\xff\xa1x\x91\x90\x82\xa1"
                           "a\x01\xa1"
                           "b\x80"),
                     0);
    ck_assert_str_eq(printed(), "[null,false,true,7,-1,\"x\",[[]],{\"a\":1,\"b\":{}}]");
    ck_assert_int_eq(VALUE("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), 0);
    ck_assert_str_eq(printed(), "9223372036854775807");
    ck_assert_int_eq(VALUE("\xd3\x80\0\0\0\0\0\0\0"), 0);
    ck_assert_str_eq(printed(), "-9223372036854775808");
    ck_assert_int_eq(VALUE("\xcf\x8a\xc7\x23\x04\x89\xe8\x00\x00"), 0);
    ck_assert_str_eq(printed(), "1e19");
    ck_assert_int_eq(VALUE("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), 0);
    ck_assert_str_eq(printed(), "18446744073709551615");
    ck_assert_int_eq(VALUE("\xc4\x04\x00\xff\x10z"), 0);
    ck_assert_str_eq(printed(), "\"AP8Qeg==\"");
    ck_assert_int_eq(VALUE("\x92\x01"), CATALOG_EMALFORMED);
    static const char deep[] = "\x91\x91\x91\x91\x91\x91\x91\x91\x90";
    ck_assert_int_eq(VALUE(deep), CATALOG_ETOODEEP);
}
END_TEST

static const char *print_real(double real) {
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    uint8_t bytes[9] = {0xcb};
    for (int i = 8; i > 0; i--, bits >>= 8) {
        bytes[i] = (uint8_t)bits;
    }
    ck_assert_int_eq(catalog__json_print_value(bytes, sizeof bytes, &json), 0);
    return printed();
}

/* A number reads back as itself, in few digits and without a plus, leading zeros or a locale's decimal comma. */
START_TEST(reals_are_short_and_exact) {
    ck_assert_str_eq(print_real(0.1), "0.1");
    ck_assert_str_eq(print_real(-2.5), "-2.5");
    ck_assert_str_eq(print_real(100000.5), "100000.5");
    ck_assert_str_eq(print_real(1e20), "1e20");
    ck_assert_str_eq(print_real(-1.5e300), "-1.5e300");
    ck_assert_str_eq(print_real(1e-7), "1e-7");
    ck_assert_str_eq(print_real(5e-324), "5e-324");
    ck_assert_str_eq(print_real(0.1 + 0.2), "0.30000000000000004");
    ck_assert_str_eq(print_real(1.7976931348623157e308), "1.7976931348623157e308");
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL) {
        ck_assert_str_eq(print_real(2.5), "2.5");
        setlocale(LC_NUMERIC, "C");
    }
    uint64_t state = 7;
    for (size_t i = 0; i < 2000; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        double real;
        memcpy(&real, &state, sizeof real);
        bool whole = real >= -0x1p63 && real < 0x1p64 && trunc(real) == real;
        if (!isfinite(real) || whole) {
            continue;
        }
        json_t *read = json_loads(print_real(real), JSON_DECODE_ANY, NULL);
        bool exact = json_real_value(read) == real;
        json_decref(read);
        ck_assert(exact);
    }
}
END_TEST

/* Texts are escaped where JSON demands it, and what is no UTF-8 becomes U+FFFD. */
START_TEST(texts_are_escaped) {
    catalog_json_print_text((struct catalog_text){"a\"\\\b\f\n\r\t\x01\x1f\x7f/\0z", 14}, &json);
    ck_assert_str_eq(printed(), "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/\\u0000z\"");
    catalog_json_print_text(entry_maker_text("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), &json);
    ck_assert_str_eq(printed(), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    catalog_json_print_text(entry_maker_text("a\xffz\xe2\x82"), &json);
    ck_assert_str_eq(printed(), "\"a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"");
    catalog_json_print_text((struct catalog_text){NULL, 0}, &json);
    ck_assert_str_eq(printed(), "\"\"");
}
END_TEST

/* --- entries ----------------------------------------------------------------------------------------------------- */

static struct catalog_entry *entry_of(uint16_t kind, const char *entity, const char *name,
                                      const char *body_json, enum catalog_state state) {
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    struct catalog_key key = entry_maker_key(kind, entity, name);
    struct catalog__stamp stamp = {.clock = UINT64_C(0x0190000000000002),
                                   .origin = entry_maker_id(0x11),
                                   .node = entry_maker_text("node-a"),
                                   .number = 3,
                                   .state = state};
    if (body_json != NULL) {
        struct catalog_problem problem;
        int result = catalog_body_parse(kind, body_json, strlen(body_json), false, &body, &problem);
        ck_assert_int_eq(result, 0);
        stamp.body = body.data;
        stamp.body_size_bytes = body.size_bytes;
    }
    struct catalog_entry *entry;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, NULL, &stamp, &entry), 0);
    merkle_buffer_close(&body);
    return entry;
}

#define STAMP(state)                                                                               \
    ",\"number\":3,\"state\":\"" state "\",\"origin\":\"11111111111111111111111111111111\","       \
    "\"node\":\"node-a\",\"clock\":\"0190000000000002\",\"conflict\":false}"

/* The lines are those of DESIGN 10.2, and the full form adds to them. */
START_TEST(entries_print_as_the_manual_shows) {
    static const struct {
        uint16_t kind;
        const char *entity, *name, *body, *line;
    } cases[] = {
        {CATALOG_SCHEMA, "users", "",
         "{\"fields\":{\"email\":{\"type\":\"string\",\"required\":true}}}",
         "{\"kind\":\"schema\",\"entity\":\"users\",\"fields\":{\"email\":{\"type\":\"string\","
         "\"required\":true}}"},
        {CATALOG_SCHEMA, "users", "",
         "{\"fields\":{\"b\":{\"default\":0.0,\"type\":\"number\"},\"a\":{\"type\":\"null\"}}}",
         "{\"kind\":\"schema\",\"entity\":\"users\",\"fields\":{\"a\":{\"type\":\"null\","
         "\"required\":false},"
         "\"b\":{\"type\":\"number\",\"required\":false,\"default\":0}}"},
        {CATALOG_CONSTRAINT, "users", "users_email_key",
         "{\"type\":\"unique\",\"fields\":[\"email\"]}",
         "{\"kind\":\"constraint\",\"entity\":\"users\",\"name\":\"users_email_key\",\"type\":"
         "\"unique\",\"fields\":[\"email\"]"},
        {CATALOG_CONSTRAINT, "posts", "posts_author",
         "{\"type\":\"foreign_key\",\"fields\":[\"author_id\"],\"references\":{\"entity\":"
         "\"users\",\"fields\":[\"id\"]},\"on_delete\":\"restrict\"}",
         "{\"kind\":\"constraint\",\"entity\":\"posts\",\"name\":\"posts_author\",\"type\":"
         "\"foreign_key\",\"fields\":[\"author_id\"],"
         "\"references\":{\"entity\":\"users\",\"fields\":[\"id\"]},\"on_delete\":\"restrict\""},
        {CATALOG_INDEX, "posts", "posts_by_day", "{\"fields\":[\"day\"]}",
         "{\"kind\":\"index\",\"entity\":\"posts\",\"name\":\"posts_by_day\",\"fields\":[\"day\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct catalog_entry *entry =
            entry_of(cases[i].kind, cases[i].entity, cases[i].name, cases[i].body, CATALOG_ACTIVE);
        char expected[600];
        ck_assert_int_eq(catalog_entry_print(entry, CATALOG_FORM_EXPORT, &json), 0);
        snprintf(expected, sizeof expected, "%s}", cases[i].line);
        ck_assert_str_eq(printed(), expected);
        ck_assert_int_eq(catalog_entry_print(entry, CATALOG_FORM_FULL, &json), 0);
        snprintf(expected, sizeof expected, "%s%s", cases[i].line, STAMP("active"));
        ck_assert_str_eq(printed(), expected);
        catalog_entry_release(entry);
    }
}
END_TEST

/* An export names the state only if it is not active; a tombstone has no body. */
START_TEST(states_are_printed) {
    struct catalog_entry *entry =
        entry_of(CATALOG_INDEX, "e", "n", "{\"fields\":[\"d\"]}", CATALOG_PENDING_DROP);
    ck_assert_int_eq(catalog_entry_print(entry, CATALOG_FORM_EXPORT, &json), 0);
    ck_assert_str_eq(printed(), "{\"kind\":\"index\",\"entity\":\"e\",\"name\":\"n\",\"fields\":["
                                "\"d\"],\"state\":\"pending_drop\"}");
    catalog_entry_release(entry);
    entry = entry_of(CATALOG_INDEX, "e", "n", NULL, CATALOG_DROPPED);
    ck_assert_int_eq(catalog_entry_print(entry, CATALOG_FORM_FULL, &json), 0);
    ck_assert_str_eq(printed(),
                     "{\"kind\":\"index\",\"entity\":\"e\",\"name\":\"n\"" STAMP("dropped"));
    catalog_entry_release(entry);
}
END_TEST

/* An entry of an unknown kind is exported as its bytes (G10). */
START_TEST(unknown_kinds_are_bytes) {
    struct made_version version = {7, 1, "n", 1, CATALOG_ACTIVE, "\x05", 1, NULL, 0, 0};
    struct made_pair pair = {1, 7};
    struct catalog_key key = entry_maker_key(9, "e", "");
    struct catalog_entry *entry = entry_maker_entry(&key, &version, 1, &pair, 1);
    ck_assert_int_eq(catalog_entry_print(entry, CATALOG_FORM_EXPORT, &json), 0);
    ck_assert_str_eq(
        printed(), "{\"kind\":9,\"entity\":\"e\",\"bytes\":"
                   "\"k5MJoWWgkZYHxBABAQEBAQEBAQEBAQEBAQEBoW4BAQWRksQQAQEBAQEBAQEBAQEBAQEBAQc=\"}");
    catalog_entry_release(entry);
}
END_TEST

/* A conflict shows each version in full, the one in force last (G7). */
START_TEST(versions_are_printed_in_order) {
    struct catalog_entry *a =
        entry_of(CATALOG_INDEX, "e", "n", "{\"fields\":[\"d\"]}", CATALOG_ACTIVE);
    struct catalog_key key = catalog_entry_key(a);
    struct catalog__stamp stamp = {.clock = 7,
                                   .origin = entry_maker_id(2),
                                   .node = entry_maker_text("b"),
                                   .number = 1,
                                   .state = CATALOG_DROPPED};
    struct catalog_entry *b;
    struct catalog_entry *both;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, NULL, &stamp, &b), 0);
    ck_assert_int_eq(catalog_merge(&merkle_allocator_libc, a, b, 0, &both, NULL), 0);
    ck_assert_int_eq(catalog_entry_print_versions(both, &json), 0);
    ck_assert_str_eq(
        printed(),
        "{\"kind\":\"index\",\"entity\":\"e\",\"name\":\"n\",\"versions\":["
        "{\"kind\":\"index\",\"entity\":\"e\",\"name\":\"n\",\"number\":1,\"state\":\"dropped\","
        "\"origin\":\"02020202020202020202020202020202\",\"node\":\"b\",\"clock\":"
        "\"0000000000000007\",\"conflict\":true},"
        "{\"kind\":\"index\",\"entity\":\"e\",\"name\":\"n\",\"fields\":[\"d\"],\"number\":3,"
        "\"state\":\"active\","
        "\"origin\":\"11111111111111111111111111111111\",\"node\":\"node-a\",\"clock\":"
        "\"0190000000000002\",\"conflict\":true}],\"seen\":[]}");
    catalog_entry_release(a);
    catalog_entry_release(b);
    catalog_entry_release(both);
}
END_TEST

/* Writes over `before` and lets it go. */
static struct catalog_entry *staged_over(struct catalog_entry *before, uint8_t origin,
                                         enum catalog_state state) {
    struct catalog_key key = catalog_entry_key(before);
    struct catalog_version version = catalog_entry_in_force(before);
    struct catalog__stamp stamp = {.clock = before->clock_highest + 1,
                                   .origin = entry_maker_id(origin),
                                   .node = entry_maker_text("b"),
                                   .number = before->number + 1,
                                   .state = state,
                                   .body = version.body,
                                   .body_size_bytes = version.body_size_bytes};
    if (state == CATALOG_PENDING_ADD) {
        stamp.previous = version.body;
        stamp.previous_size_bytes = version.body_size_bytes;
    }
    struct catalog_entry *after;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, before, &stamp, &after), 0);
    catalog_entry_release(before);
    return after;
}

/* `why`: a version that is pending over an active one shows the body enforced meanwhile, of every kind; the entry shows what was
 * replaced, by origin. */
START_TEST(versions_show_what_they_replaced) {
    static const struct {
        uint16_t kind;
        const char *name, *json, *shown;
    } kinds[] = {
        {CATALOG_SCHEMA, "", "{\"fields\":{}}", "\"fields\":{}"},
        {CATALOG_CONSTRAINT, "n", "{\"type\":\"unique\",\"fields\":[\"d\"]}",
         "\"type\":\"unique\",\"fields\":[\"d\"]"},
        {CATALOG_INDEX, "n", "{\"fields\":[\"d\"]}", "\"fields\":[\"d\"]"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct catalog_entry *entry =
            entry_of(kinds[i].kind, "e", kinds[i].name, kinds[i].json, CATALOG_ACTIVE);
        entry = staged_over(entry, 0x22, CATALOG_ACTIVE);
        entry = staged_over(entry, 0x01, CATALOG_PENDING_ADD);
        ck_assert_int_eq(catalog_entry_print_versions(entry, &json), 0);
        char expected[512];
        (void)snprintf(expected, sizeof expected,
                       ",\"number\":5,\"state\":\"pending_add\",\"origin\":\""
                       "01010101010101010101010101010101\",\"node\":\"b\",\"clock\":"
                       "\"0190000000000004\",\"conflict\":false,\"previous\":{%s}}],\"seen\":["
                       "{\"origin\":\"11111111111111111111111111111111\",\"clock\":"
                       "\"0190000000000002\"},{\"origin\":\"22222222222222222222222222222222\","
                       "\"clock\":\"0190000000000003\"}]}",
                       kinds[i].shown);
        const char *text = printed();
        size_t size = strlen(expected);
        ck_assert_uint_gt(strlen(text), size);
        ck_assert_str_eq(text + strlen(text) - size, expected);
        merkle_buffer_clear(&json);
        catalog_entry_release(entry);
    }
}
END_TEST

/* Body -> JSON -> body gives the same bytes, whatever the defaults are (G4: an export can be imported anywhere). */
START_TEST(bodies_round_trip) {
    static const char *const bodies[] = {
        "{\"fields\":{}}",
        "{\"fields\":{\"\xc3\xa4 \\\" "
        "b\":{\"type\":\"string\",\"default\":\"\\u0000\\n\\\"\\\\\xe2\x82\xac\"}}}",
        "{\"fields\":{\"a\":{\"type\":\"number\",\"default\":1e19},\"b\":{\"type\":\"number\","
        "\"default\":1e-7}}}",
        "{\"fields\":{\"a\":{\"type\":\"number\",\"default\":9223372036854775808.0}}}",
        "{\"fields\":{\"a\":{\"type\":\"number\",\"default\":1.2345678901234568e29}}}",
        "{\"fields\":{\"a\":{\"type\":\"integer\",\"default\":-9223372036854775808}}}",
        "{\"fields\":{\"a\":{\"type\":\"any\",\"default\":{\"z\":[1,2.5,null],\"\":true}}}}",
        "{\"fields\":{\"a\":{\"type\":\"null\",\"default\":null},\"b\":{\"type\":\"boolean\","
        "\"default\":false}}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct catalog_entry *entry = entry_of(CATALOG_SCHEMA, "e", "", bodies[i], CATALOG_ACTIVE);
        ck_assert_int_eq(catalog_entry_print(entry, CATALOG_FORM_EXPORT, &json), 0);
        static const char head[] = "{\"kind\":\"schema\",\"entity\":\"e\",";
        char *body = (char *)json.data + sizeof head - 2;
        body[0] = '{';
        struct merkle_buffer again;
        merkle_buffer_init(&again, &merkle_allocator_libc);
        struct catalog_problem problem;
        size_t size_bytes = json.size_bytes - (sizeof head - 2);
        ck_assert_int_eq(
            catalog_body_parse(CATALOG_SCHEMA, body, size_bytes, false, &again, &problem), 0);
        struct catalog_version version = catalog_entry_in_force(entry);
        ck_assert_uint_eq(again.size_bytes, version.body_size_bytes);
        ck_assert_mem_eq(again.data, version.body, again.size_bytes);
        merkle_buffer_close(&again);
        merkle_buffer_clear(&json);
        catalog_entry_release(entry);
    }
}
END_TEST

/* Out of memory anywhere is told, and leaves nothing behind but the buffer. */
START_TEST(print_out_of_memory) {
    struct catalog_entry *entry =
        entry_of(CATALOG_INDEX, "e", "n", "{\"fields\":[\"d\"]}", CATALOG_ACTIVE);
    entry = staged_over(entry, 0x22, CATALOG_PENDING_ADD);
    for (int form = 0; form < 2; form++) {
        for (size_t allowed = 0;; ++allowed) {
            struct alloc_fault fault = {.allowed = allowed};
            const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
            struct merkle_buffer text;
            merkle_buffer_init(&text, &allocator);
            int result = form == 0 ? catalog_entry_print(entry, CATALOG_FORM_FULL, &text)
                                   : catalog_entry_print_versions(entry, &text);
            merkle_buffer_close(&text);
            ck_assert_uint_eq(fault.live_blocks, 0);
            if (result == 0) {
                ck_assert_uint_ge(allowed, 2);
                break;
            }
            ck_assert_int_eq(result, CATALOG_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
        }
    }
    catalog_entry_release(entry);
}
END_TEST

Suite *json_print_suite(void);

Suite *json_print_suite(void) {
    Suite *suite = suite_create("json_print");
    TCase *values = tcase_create("catalog__json_print_value");
    tcase_add_checked_fixture(values, set_up, tear_down);
    tcase_add_test(values, values_have_one_form);
    tcase_add_test(values, reals_are_short_and_exact);
    tcase_add_test(values, texts_are_escaped);
    suite_add_tcase(suite, values);
    TCase *entries = tcase_create("catalog_entry_print");
    tcase_add_checked_fixture(entries, set_up, tear_down);
    tcase_add_test(entries, entries_print_as_the_manual_shows);
    tcase_add_test(entries, states_are_printed);
    tcase_add_test(entries, unknown_kinds_are_bytes);
    tcase_add_test(entries, versions_are_printed_in_order);
    tcase_add_test(entries, versions_show_what_they_replaced);
    tcase_add_test(entries, bodies_round_trip);
    tcase_add_test(entries, print_out_of_memory);
    suite_add_tcase(suite, entries);
    return suite;
}
