/* test_http_why.c - why an entry stands as it does: its versions, its context, its bodies. */
#include "bin/attuned/http_handlers.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <jansson.h>
#include <string.h>

static struct catalog_kit kit, other;

static void set_up(void) {
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
}

static void tear_down(void) {
    catalog_kit_close(&kit);
    catalog_kit_close(&other);
}

static json_t *why(uint16_t kind, const char *entity, const char *name) {
    struct catalog_key key = catalog_kit_key(kind, entity, name);
    struct merkle_buffer json;
    json_error_t error;
    merkle_buffer_init(&json, &merkle_allocator_libc);
    http_why_print(&json, catalog_find(kit.catalog, &key));
    ck_assert(!json.failed);
    json_t *root = json_loadb((char *)json.data, json.size_bytes, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    merkle_buffer_close(&json);
    return root;
}

static const json_t *at(const json_t *root, const char *list, size_t index) {
    return json_array_get(json_object_get(root, list), index);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "null" : text;
}

static void set(struct catalog_kit *in, const char *json) {
    ck_assert_int_eq(catalog_kit_apply_set(in, CATALOG_SCHEMA, "posts", "", json), 0);
}

/* Each version says who wrote it, what it says and which number it replaced; the one in force is the last. */
START_TEST(versions) {
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "posts", "");
    set(&kit, "{\"fields\":{}}");
    json_t *root = why(CATALOG_SCHEMA, "posts", "");
    ck_assert(json_is_null(json_object_get(at(root, "versions", 0), "replaced_number")));
    ck_assert_uint_eq(json_array_size(json_object_get(root, "replaced")), 0);
    json_decref(root);
    catalog_kit_pull(&other, &kit, &key);
    set(&kit, "{\"fields\":{\"a\":{\"type\":\"string\"}}}");
    set(&other, "{\"fields\":{\"b\":{\"type\":\"string\",\"default\":\"x\"}}}");
    set(&other, "{\"fields\":{\"c\":{\"type\":\"any\"}}}");
    catalog_kit_pull(&kit, &other, &key);
    root = why(CATALOG_SCHEMA, "posts", "");
    ck_assert(json_is_true(json_object_get(root, "conflict")));
    ck_assert_uint_eq(json_array_size(json_object_get(root, "versions")), 2);
    const json_t *loser = at(root, "versions", 0), *winner = at(root, "versions", 1);
    ck_assert(json_is_false(json_object_get(loser, "in_force")));
    ck_assert(json_is_true(json_object_get(winner, "in_force")));
    ck_assert_int_eq(json_integer_value(json_object_get(winner, "number")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(winner, "replaced_number")), 2);
    ck_assert_str_ne(text_of(loser, "origin"), text_of(winner, "origin"));
    ck_assert_int_lt(strcmp(text_of(loser, "clock"), text_of(winner, "clock")), 0);
    const json_t *fields = json_object_get(json_object_get(winner, "body"), "fields");
    ck_assert_ptr_nonnull(json_object_get(fields, "c"));
    ck_assert_uint_eq(json_object_size(fields), 1);
    json_decref(root);
}
END_TEST

/* What was replaced shows by the origin and the clock of its last; a dropped version has no body. */
START_TEST(replaced) {
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "posts", "");
    char origin[33];
    set(&other, "{\"fields\":{\"a\":{\"type\":\"string\"}}}");
    catalog_kit_pull(&kit, &other, &key);
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "posts", ""), 0);
    json_t *root = why(CATALOG_SCHEMA, "posts", "");
    const json_t *dropped = at(root, "versions", 0);
    ck_assert_str_eq(text_of(dropped, "state"), "dropped");
    ck_assert(json_is_null(json_object_get(dropped, "body")));
    ck_assert_uint_eq(json_array_size(json_object_get(root, "replaced")), 1);
    catalog_id_print(&other.writer.origin, origin);
    ck_assert_str_eq(text_of(at(root, "replaced", 0), "origin"), origin);
    ck_assert_uint_eq(strlen(text_of(at(root, "replaced", 0), "written")), 24);
    json_decref(root);
}
END_TEST

/* While a staged change is pending, what is still enforced is shown beside what comes. */
START_TEST(previous) {
    set(&kit, "{\"fields\":{\"a\":{\"type\":\"string\"}}}");
    struct catalog_write write = catalog_kit_set(&kit, CATALOG_SCHEMA, "posts", "",
                                                 "{\"fields\":{\"b\":{\"type\":\"string\"}}}");
    write.state = CATALOG_PENDING_ADD;
    write.step = true;
    ck_assert_int_eq(catalog_kit_apply(&kit, &write, 1), 0);
    json_t *root = why(CATALOG_SCHEMA, "posts", "");
    const json_t *version = at(root, "versions", 0);
    ck_assert_str_eq(text_of(version, "state"), "pending_add");
    ck_assert_ptr_nonnull(
        json_object_get(json_object_get(json_object_get(version, "body"), "fields"), "b"));
    ck_assert_ptr_nonnull(
        json_object_get(json_object_get(json_object_get(version, "previous"), "fields"), "a"));
    json_decref(root);
}
END_TEST

/* Bodies of every kind are printed as they are written. */
START_TEST(bodies) {
    static const char constraint[] =
        "{\"type\":\"foreign_key\",\"fields\":[\"a\"],\"references\":{\"entity\":\"u\",\"fields\":["
        "\"i\"]},\"on_delete\":\"cascade\"}";
    static const char *const others[] = {"{\"fields\":[\"a\",\"b\"]}"};
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, "posts", "k", constraint), 0);
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_INDEX, "posts", "i", others[0]), 0);
    const struct {
        uint16_t kind;
        const char *name, *json;
    } cases[] = {{CATALOG_CONSTRAINT, "k", constraint}, {CATALOG_INDEX, "i", others[0]}};
    for (size_t i = 0; i < 2; i++) {
        json_t *root = why(cases[i].kind, "posts", cases[i].name);
        json_t *wanted = json_loads(cases[i].json, 0, NULL);
        ck_assert_str_eq(text_of(root, "name"), cases[i].name);
        ck_assert(json_equal(json_object_get(at(root, "versions", 0), "body"), wanted));
        json_decref(wanted);
        json_decref(root);
    }
}
END_TEST

Suite *http_why_suite(void);
Suite *http_why_suite(void) {
    const struct {
        const char *name;
        const TTest *test;
    } cases[] = {
        {"http_why_versions", versions},
        {"http_why_replaced", replaced},
        {"http_why_previous", previous},
        {"catalog_body_print", bodies},
    };
    Suite *suite = suite_create("http_why");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TCase *tcase = tcase_create(cases[i].name);
        tcase_add_checked_fixture(tcase, set_up, tear_down);
        tcase_add_test(tcase, cases[i].test);
        suite_add_tcase(suite, tcase);
    }
    return suite;
}
