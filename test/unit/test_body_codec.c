/* test_body_codec.c - JSON bodies into canonical ones, and what is said of wrong ones. */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct catalog_problem problem;

static int parse(uint16_t kind, const char *json, bool flat_allowed, struct merkle_buffer *body) {
    memset(&problem, 0, sizeof problem);
    return catalog_body_parse(kind, json, strlen(json), flat_allowed, body, &problem);
}

/* Asserts that two texts give the same bytes, and that these are canonical. */
static void assert_same_body(uint16_t kind, const char *json, const char *other,
                             bool flat_allowed) {
    struct merkle_buffer a;
    struct merkle_buffer b;
    merkle_buffer_init(&a, &merkle_allocator_libc);
    merkle_buffer_init(&b, &merkle_allocator_libc);
    ck_assert_msg(parse(kind, json, flat_allowed, &a) == 0, "%s: %s", json, problem.message);
    ck_assert_msg(parse(kind, other, flat_allowed, &b) == 0, "%s: %s", other, problem.message);
    ck_assert_int_eq(catalog_msgpack_check(a.data, a.size_bytes, CATALOG__BODY_DEPTH_MAX), 0);
    ck_assert_uint_eq(a.size_bytes, b.size_bytes);
    ck_assert_mem_eq(a.data, b.data, a.size_bytes);
    merkle_buffer_close(&a);
    merkle_buffer_close(&b);
}

/* Asserts that it is refused, by a message that holds `part`, and that nothing was written. */
static void assert_refused(uint16_t kind, const char *json, bool flat_allowed, const char *part) {
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    merkle_buffer_append(&body, "x", 1);
    int result = parse(kind, json, flat_allowed, &body);
    ck_assert_msg(result == CATALOG_EMALFORMED, "%s: %d", json, result);
    ck_assert_int_eq(problem.code, result);
    ck_assert_msg(strstr(problem.message, part) != NULL, "%s: \"%s\" lacks \"%s\"", json,
                  problem.message, part);
    ck_assert(catalog__utf8_valid(problem.message, strlen(problem.message)));
    ck_assert_uint_eq(body.size_bytes, 1);
    merkle_buffer_close(&body);
}

/* The bytes of a schema are those that docs/FORMAT.md shows. */
START_TEST(schema_has_the_golden_bytes) {
    static const char golden[] = "\x81\xa6"
                                 "fields\x82"
                                 "\xa3"
                                 "age\x83\xa7"
                                 "default\x00\xa8required\xc2\xa4type\xa7integer"
                                 "\xa5"
                                 "email\x82\xa8required\xc3\xa4type\xa6string";
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    static const char json[] =
        "{\"fields\": {\"email\": {\"type\": \"string\", \"required\": true},"
        "\"age\": {\"default\": 0.0, \"type\": \"integer\"}}}";
    ck_assert_int_eq(parse(CATALOG_SCHEMA, json, false, &body), 0);
    ck_assert_uint_eq(body.size_bytes, sizeof golden - 1);
    ck_assert_mem_eq(body.data, golden, sizeof golden - 1);
    merkle_buffer_close(&body);
}
END_TEST

/* One meaning has one encoding: order of keys, defaults left out or spelled out, forms of numbers (G4). */
START_TEST(one_meaning_has_one_encoding) {
    assert_same_body(
        CATALOG_SCHEMA, "{\"fields\":{\"a\":{\"type\":\"number\",\"default\":1e3}}}",
        "{\"fields\":{\"a\":{\"default\":1000,\"required\":false,\"type\":\"number\"}}}", false);
    assert_same_body(CATALOG_SCHEMA, "{\"fields\":{\"a\":{\"type\":\"number\",\"default\":-0.0}}}",
                     "{\"fields\":{\"a\":{\"type\":\"number\",\"default\":0}}}", false);
    assert_same_body(
        CATALOG_SCHEMA,
        "{\"fields\":{\"a\":{\"type\":\"any\",\"default\":{\"y\":[1.0],\"x\":\"\\u00e4\"}}}}",
        "{\"fields\":{\"a\":{\"type\":\"any\",\"default\":{\"x\":\"\xc3\xa4\",\"y\":[1]}}}}",
        false);
    assert_same_body(CATALOG_CONSTRAINT,
                     "{\"type\":\"foreign_key\",\"fields\":[\"a\"],\"references\":{\"entity\":"
                     "\"p\",\"fields\":[\"id\"]}}",
                     "{\"on_delete\":\"restrict\",\"references\":{\"fields\":[\"id\"],\"entity\":"
                     "\"p\"},\"fields\":[\"a\"],"
                     "\"type\":\"foreign_key\"}",
                     false);
    assert_same_body(CATALOG_INDEX, "{\"fields\":[\"b\",\"a\"]}",
                     " {\n\"fields\" : [ \"b\" , \"a\" ] } ", false);
}
END_TEST

/* MQDB's flat form is the object of fields; a field called "fields" is one if it has a type. */
START_TEST(flat_form_is_a_schema) {
    assert_same_body(CATALOG_SCHEMA, "{\"title\":{\"type\":\"string\",\"required\":true}}",
                     "{\"fields\":{\"title\":{\"type\":\"string\",\"required\":true}}}", true);
    assert_same_body(CATALOG_SCHEMA, "{\"fields\":{\"type\":\"array\"},\"b\":{\"type\":\"any\"}}",
                     "{\"fields\":{\"fields\":{\"type\":\"array\"},\"b\":{\"type\":\"any\"}}}",
                     true);
    assert_same_body(CATALOG_SCHEMA, "{\"fields\":{\"type\":{\"type\":\"any\"}}}",
                     "{\"fields\":{\"type\":{\"type\":\"any\",\"required\":false}}}", true);
    assert_refused(CATALOG_SCHEMA, "{\"title\":{\"type\":\"string\"}}", false,
                   "unknown key \"title\"");
    assert_refused(CATALOG_SCHEMA, "{}", true, "\"fields\"");
    assert_refused(CATALOG_SCHEMA, "{\"title\":\"string\"}", true,
                   "field \"title\": expected an object");
}
END_TEST

/* A text that is no JSON is refused with its line and column; a doubled key too. */
START_TEST(json_errors_have_a_position) {
    assert_refused(CATALOG_SCHEMA, "", false, "line 1, column 0");
    assert_refused(CATALOG_SCHEMA, "{\n\"fields\": nothing}", false, "line 2, column 17");
    assert_refused(CATALOG_SCHEMA,
                   "{\"fields\":{\"a\":{\"type\":\"any\"},\n\"a\":{\"type\":\"any\"}}}", false,
                   "line 2, column 3: duplicate object key");
    assert_refused(CATALOG_SCHEMA, "{\"fields\":{}} x", false, "line 1");
    assert_refused(CATALOG_SCHEMA,
                   "{\"fields\":{\"a\":{\"type\":\"number\",\"default\":99999999999999999999}}}",
                   false, "too big integer");
    assert_refused(CATALOG_SCHEMA, "{\"fields\":{\"a\":{\"type\":\"number\",\"default\":1e999}}}",
                   false, "real number overflow");
    assert_refused(CATALOG_SCHEMA,
                   "{\"fields\":{\"a\":{\"type\":\"string\",\"default\":\"\xff\"}}}", false,
                   "unable to decode byte 0xff");
    assert_refused(CATALOG_SCHEMA, "[]", false, "expected an object, found an array");
}
END_TEST

/* Each error of a schema names the field and what was expected. */
START_TEST(schema_errors_name_the_field) {
#define FIELD(definition) "{\"fields\":{\"age\":" definition "}}"
    assert_refused(CATALOG_SCHEMA, "{\"fields\":[]}", false,
                   "expected \"fields\" to be an object, found an array");
    assert_refused(CATALOG_SCHEMA, "{\"fields\":{},\"x\":1}", false, "unknown key \"x\"");
    assert_refused(CATALOG_SCHEMA, FIELD("null"), false,
                   "field \"age\": expected an object with \"type\", found null");
    assert_refused(CATALOG_SCHEMA, FIELD("{}"), false,
                   "field \"age\": expected \"type\" to be one of string");
    assert_refused(CATALOG_SCHEMA, FIELD("{\"type\":\"text\"}"), false, "found \"text\"");
    assert_refused(CATALOG_SCHEMA, FIELD("{\"type\":5}"), false, "found a number");
    assert_refused(CATALOG_SCHEMA, FIELD("{\"type\":\"any\",\"requird\":true}"), false,
                   "field \"age\": unknown key \"requird\", expected only");
    assert_refused(CATALOG_SCHEMA, FIELD("{\"type\":\"any\",\"required\":1}"), false,
                   "field \"age\": expected \"required\" to be true or false");
    assert_refused(
        CATALOG_SCHEMA, FIELD("{\"type\":\"integer\",\"default\":\"5\"}"), false,
        "field \"age\": the default is not of the field's type, expected integer, found a string");
    assert_refused(CATALOG_SCHEMA, FIELD("{\"type\":\"integer\",\"default\":1.5}"), false,
                   "expected integer");
    assert_refused(CATALOG_SCHEMA, FIELD("{\"type\":\"integer\",\"default\":1e19}"), false,
                   "expected integer");
    assert_refused(CATALOG_SCHEMA, FIELD("{\"type\":\"string\",\"default\":null}"), false,
                   "found null");
    assert_refused(CATALOG_SCHEMA, FIELD("{\"type\":\"any\",\"default\":[[[]]]}"), false,
                   "field \"age\": the default is nested too deeply");
    assert_refused(CATALOG_SCHEMA, "{\"fields\":{\"a/b\":{\"type\":\"any\"}}}", false,
                   "field \"a/b\": this is no name");
    assert_refused(CATALOG_SCHEMA, "{\"fields\":{\"\":{\"type\":\"any\"}}}", false,
                   "field \"\": this is no name");
    assert_refused(CATALOG_SCHEMA, "{\"fields\":{\"a\\nb\":{\"type\":\"any\"}}}", false,
                   "field \"a?b\"");
#undef FIELD
}
END_TEST

/* A user's text is cut between characters, however long. */
START_TEST(long_texts_are_cut) {
    static char json[2000];
    size_t length = (size_t)snprintf(json, sizeof json, "{\"fields\":{\"n");
    for (size_t i = 0; i < 200; i++) {
        memcpy(json + length, "\xe2\x82\xac", 3);
        length += 3;
    }
    memcpy(json + length, "\":{\"type\":\"any\"}}}", 18);
    assert_refused(CATALOG_SCHEMA, json, false, "\xe2\x82\xac...\": this is no name");
}
END_TEST

/* Each error of a constraint or index says what was expected. */
START_TEST(constraint_errors_say_what_was_expected) {
#define FOREIGN(rest) "{\"type\":\"foreign_key\",\"fields\":[\"a\"]" rest "}"
    assert_refused(CATALOG_CONSTRAINT, "{\"fields\":[\"a\"]}", false,
                   "expected \"type\" to be unique");
    assert_refused(CATALOG_CONSTRAINT, "{\"type\":\"check\",\"fields\":[\"a\"]}", false,
                   "expected \"type\" to be unique");
    assert_refused(CATALOG_CONSTRAINT, "{\"type\":\"unique\"}", false,
                   "\"fields\": expected an array of field names, found nothing");
    assert_refused(CATALOG_CONSTRAINT, "{\"type\":\"unique\",\"fields\":\"a\"}", false,
                   "found a string");
    assert_refused(CATALOG_CONSTRAINT, "{\"type\":\"unique\",\"fields\":[]}", false, "found 0");
    assert_refused(CATALOG_CONSTRAINT, "{\"type\":\"unique\",\"fields\":[\"a\",1]}", false,
                   "expected a name, found a number");
    assert_refused(CATALOG_CONSTRAINT, "{\"type\":\"unique\",\"fields\":[\"a\",\"b\",\"a\"]}",
                   false, "\"a\" stands there twice");
    assert_refused(CATALOG_CONSTRAINT,
                   "{\"type\":\"unique\",\"fields\":[\"a\"],\"on_delete\":\"cascade\"}", false,
                   "unknown key \"on_delete\"");
    assert_refused(CATALOG_CONSTRAINT, "{\"type\":\"not_null\",\"fields\":[\"a\",\"b\"]}", false,
                   "not_null takes one field, found 2");
    assert_refused(CATALOG_CONSTRAINT, FOREIGN(""), false, "expected \"references\"");
    assert_refused(CATALOG_CONSTRAINT, FOREIGN(",\"references\":{\"entity\":\"p\"}"), false,
                   "\"fields\" of \"references\"");
    assert_refused(CATALOG_CONSTRAINT, FOREIGN(",\"references\":{\"fields\":[\"x\"]}"), false,
                   "expected \"entity\"");
    assert_refused(CATALOG_CONSTRAINT,
                   FOREIGN(",\"references\":{\"entity\":\"a/b\",\"fields\":[\"x\"]}"), false,
                   "\"a/b\" is no name");
    assert_refused(CATALOG_CONSTRAINT,
                   FOREIGN(",\"references\":{\"entity\":\"p\",\"fields\":[\"x\",\"y\"]}"), false,
                   "expected as many fields as in \"fields\" (1), found 2");
    assert_refused(CATALOG_CONSTRAINT,
                   FOREIGN(",\"references\":{\"entity\":\"p\",\"fields\":[\"x\"],\"z\":1}"), false,
                   "unknown key \"z\"");
    assert_refused(
        CATALOG_CONSTRAINT,
        FOREIGN(",\"on_delete\":\"ignore\",\"references\":{\"entity\":\"p\",\"fields\":[\"x\"]}"),
        false, "expected \"on_delete\" to be restrict");
    assert_refused(CATALOG_INDEX, "{\"fields\":[\"a\"],\"unique\":true}", false,
                   "unknown key \"unique\"");
    assert_refused(9, "{}", false, "kind 9");
#undef FOREIGN
}
END_TEST

/* A NUL byte is no end: what holds one is refused, wherever it stands, with its place. */
START_TEST(nul_bytes_are_refused) {
    static const char json[] = "{\n\"fields\":{} }";
    for (size_t at = 0; at <= sizeof json - 1; at++) {
        char text[sizeof json + 8], place[64];
        memcpy(text, json, at);
        text[at] = '\0';
        memcpy(text + at + 1, json + at, sizeof json - 1 - at);
        struct merkle_buffer body;
        merkle_buffer_init(&body, &merkle_allocator_libc);
        int result = catalog_body_parse(CATALOG_SCHEMA, text, sizeof json, false, &body, &problem);
        ck_assert_int_eq(result, CATALOG_EMALFORMED);
        ck_assert_uint_eq(body.size_bytes, 0);
        snprintf(place, sizeof place, "line %d, column %zu: a NUL byte", at < 2 ? 1 : 2,
                 at < 2 ? at + 1 : at - 1);
        ck_assert_str_eq(problem.message, place);
        merkle_buffer_close(&body);
    }
}
END_TEST

/* A body is at most CATALOG_BODY_SIZE_MAX bytes encoded. */
START_TEST(size_is_bounded) {
    static char json[CATALOG_BODY_SIZE_MAX + 200];
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    size_t fixed = sizeof("\x81\xa6"
                          "fields\x81\xa1"
                          "a\x83\xa7"
                          "default\xda??\xa8required\xc2\xa4type\xa6string") -
                   1;
    for (size_t over = 0; over < 2; over++) {
        int length = (int)(CATALOG_BODY_SIZE_MAX - fixed + over);
        snprintf(json, sizeof json,
                 "{\"fields\":{\"a\":{\"type\":\"string\",\"default\":\"%0*d\"}}}", length, 0);
        int result = parse(CATALOG_SCHEMA, json, false, &body);
        ck_assert_int_eq(result, over == 0 ? 0 : CATALOG_ETOOBIG);
        ck_assert_uint_eq(body.size_bytes, over == 0 ? CATALOG_BODY_SIZE_MAX : 0);
        ck_assert(over == 0 || strstr(problem.message, "32769 bytes") != NULL);
        merkle_buffer_clear(&body);
    }
    merkle_buffer_close(&body);
}
END_TEST

/* Out of memory anywhere leaves nothing in the buffer and is no fault of the body. */
START_TEST(parse_out_of_memory) {
    static const char json[] =
        "{\"fields\":{\"b\":{\"type\":\"object\",\"default\":{\"y\":{\"z\":1},\"x\":[]}},"
        "\"a\":{\"type\":\"array\",\"default\":[]}}}";
    for (size_t allowed = 0;; ++allowed) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct merkle_buffer body;
        merkle_buffer_init(&body, &allocator);
        int result = parse(CATALOG_SCHEMA, json, false, &body);
        ck_assert(result == 0 || body.size_bytes == 0);
        merkle_buffer_close(&body);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_ge(allowed, 4);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.fired, 1);
    }
}
END_TEST

Suite *body_codec_suite(void);

Suite *body_codec_suite(void) {
    Suite *suite = suite_create("body_codec");
    TCase *parsing = tcase_create("catalog_body_parse");
    tcase_add_test(parsing, schema_has_the_golden_bytes);
    tcase_add_test(parsing, one_meaning_has_one_encoding);
    tcase_add_test(parsing, flat_form_is_a_schema);
    tcase_add_test(parsing, json_errors_have_a_position);
    tcase_add_test(parsing, schema_errors_name_the_field);
    tcase_add_test(parsing, long_texts_are_cut);
    tcase_add_test(parsing, constraint_errors_say_what_was_expected);
    tcase_add_test(parsing, nul_bytes_are_refused);
    tcase_add_test(parsing, size_is_bounded);
    tcase_add_test(parsing, parse_out_of_memory);
    suite_add_tcase(suite, parsing);
    return suite;
}
