/* test_check.c - checks of records: each rule, what is in force, the printed form, threads, memory. */
#include "catalog/internal.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static struct catalog_kit kit;

static void set_up(void) {
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
}

static void tear_down(void) {
    catalog_kit_close(&kit);
}

static const char users[] =
    "{\"fields\":{\"id\":{\"type\":\"integer\",\"required\":true},\"name\":{\"type\":\"string\"},"
    "\"rate\":{\"type\":\"number\",\"default\":1.5},\"on\":{\"type\":\"boolean\",\"required\":true,"
    "\"default\":true},"
    "\"tags\":{\"type\":\"array\"},\"more\":{\"type\":\"object\"},\"nothing\":{\"type\":\"null\"},"
    "\"any\":{\"type\":\"any\",\"required\":true,\"default\":null}}}";

/* The violations as "field:rule field:rule", in their order. */
static const char *violations(const char *entity, const char *record) {
    static char text[1024];
    struct catalog_check *check = NULL;
    struct catalog_problem problem = {0};
    int result = catalog_check(kit.catalog, catalog_kit_text(entity), record, strlen(record),
                               &check, &problem);
    ck_assert_msg(result == 0, "%s: %s", record, problem.message);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < check->violation_count; ++i) {
        const struct catalog_violation *violation = &check->violations[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s:%s", i > 0 ? " " : "",
                                 (int)violation->field.size_bytes, violation->field.data,
                                 violation->rule);
        ck_assert_uint_gt(strlen(violation->message), 10);
    }
    ck_assert_int_eq(check->valid, check->violation_count == 0);
    catalog_check_free(check);
    return text;
}

static int set(uint16_t kind, const char *name, enum catalog_state state, const char *json) {
    struct catalog_write write = catalog_kit_set(&kit, kind, "users", name, json);
    write.state = state;
    write.step = true;
    return catalog_kit_apply(&kit, &write, 1);
}

/* --- rules -------------------------------------------------------------------------------------------------------------- */

/* Types, required and defaults, one record each; fields that the schema does not name are let pass. */
START_TEST(schema_rules) {
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_ACTIVE, users), 0);
    static const char *const cases[][2] = {
        {"{\"id\":1}", ""},
        {"{\"id\":1,\"unknown\":[{}]}", ""},
        {"{}", "id:required"},
        {"{\"id\":null}", "id:required"},
        {"{\"id\":1,\"name\":null,\"rate\":null,\"tags\":null,\"more\":null}", ""},
        {"{\"id\":1,\"on\":null}", "on:required"},
        {"{\"id\":1,\"any\":null}", ""},
        {"{\"id\":1.0}", ""},
        {"{\"id\":1.5}", "id:type"},
        {"{\"id\":9223372036854775807}", ""},
        {"{\"id\":9223372036854775808}", "id:type"},
        {"{\"id\":\"1\",\"name\":2,\"rate\":\"x\",\"on\":0,\"tags\":{},\"more\":[],\"nothing\":"
         "false}",
         "id:type more:type name:type nothing:type on:type rate:type tags:type"},
        {"{\"id\":1,\"name\":\"x\",\"rate\":2,\"on\":false,\"tags\":[1],\"more\":{\"id\":\"x\"},"
         "\"nothing\":null}",
         ""},
        {"{\"\\u0069d\":\"x\"}", "id:type"},
        {"[1]", ":record"},
        {"\"x\"", ":record"},
        {" null ", ":record"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        ck_assert_msg(strcmp(violations("users", cases[i][0]), cases[i][1]) == 0, "%s: %s",
                      cases[i][0], violations("users", cases[i][0]));
    }
    ck_assert_str_eq(violations("schemaless", "{\"id\":\"x\"}"), "");
    ck_assert_str_eq(violations("schemaless", "7"), ":record");
}
END_TEST

/* not_null refuses null and nothing, but for a default; it holds without a schema too, and beside `required`. */
START_TEST(not_null_rules) {
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_ACTIVE, users), 0);
    ck_assert_int_eq(
        set(CATALOG_CONSTRAINT, "a", 0, "{\"type\":\"not_null\",\"fields\":[\"name\"]}"), 0);
    ck_assert_int_eq(
        set(CATALOG_CONSTRAINT, "b", 0, "{\"type\":\"not_null\",\"fields\":[\"rate\"]}"), 0);
    ck_assert_int_eq(
        set(CATALOG_CONSTRAINT, "c", 0, "{\"type\":\"not_null\",\"fields\":[\"any\"]}"), 0);
    ck_assert_int_eq(set(CATALOG_CONSTRAINT, "d", 0, "{\"type\":\"not_null\",\"fields\":[\"id\"]}"),
                     0);
    ck_assert_str_eq(violations("users", "{\"id\":1,\"name\":\"x\",\"any\":1}"), "");
    ck_assert_str_eq(violations("users", "{\"id\":1,\"name\":null,\"rate\":null,\"any\":1}"),
                     "name:not_null rate:not_null");
    ck_assert_str_eq(violations("users", "{\"name\":\"x\"}"),
                     "any:not_null id:required id:not_null");
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, "bare", "n",
                                           "{\"type\":\"not_null\",\"fields\":[\"x\"]}"),
                     0);
    ck_assert_str_eq(violations("bare", "{\"y\":1}"), "x:not_null");
    ck_assert_str_eq(violations("bare", "{\"x\":[]}"), "");
}
END_TEST

/* Enforced are active and pending_drop; of a pending_add what it replaces (DESIGN 7.6). Changes tell at once. */
START_TEST(states) {
    static const char strings[] = "{\"fields\":{\"x\":{\"type\":\"string\"}}}";
    static const char integers[] = "{\"fields\":{\"x\":{\"type\":\"integer\"}}}";
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_PENDING_ADD, strings), 0);
    ck_assert_str_eq(violations("users", "{\"x\":1}"), "");
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_ACTIVE, strings), 0);
    ck_assert_str_eq(violations("users", "{\"x\":1}"), "x:type");
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_PENDING_ADD, integers), 0);
    ck_assert_str_eq(violations("users", "{\"x\":1}"), "x:type");
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_ACTIVE, integers), 0);
    ck_assert_str_eq(violations("users", "{\"x\":1}"), "");
    ck_assert_int_eq(set(CATALOG_CONSTRAINT, "n", CATALOG_PENDING_ADD,
                         "{\"type\":\"not_null\",\"fields\":[\"x\"]}"),
                     0);
    ck_assert_str_eq(violations("users", "{}"), "");
    ck_assert_int_eq(
        set(CATALOG_CONSTRAINT, "n", CATALOG_ACTIVE, "{\"type\":\"not_null\",\"fields\":[\"x\"]}"),
        0);
    ck_assert_str_eq(violations("users", "{}"), "x:not_null");
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_PENDING_DROP, integers), 0);
    ck_assert_str_eq(violations("users", "{\"x\":\"1\"}"), "x:type");
    struct catalog_write drop = catalog_kit_drop(CATALOG_SCHEMA, "users", "");
    drop.step = true;
    ck_assert_int_eq(catalog_kit_apply(&kit, &drop, 1), 0);
    ck_assert_str_eq(violations("users", "{\"x\":\"1\"}"), "");
    ck_assert_str_eq(violations("users", "{}"), "");
}
END_TEST

/* What is put and not stored yet is not enforced; a row that is unloaded no longer (G11). */
START_TEST(stored_only) {
    struct catalog_write write = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users);
    struct catalog_plan *plan = catalog_kit_plan(&kit, &write, 1);
    ck_assert_int_eq(catalog_pending_put(kit.catalog, plan->entries[0], 1), 0);
    ck_assert_str_eq(violations("users", "{}"), "");
    ck_assert_int_eq(catalog_pending_stored(kit.catalog, 1), 0);
    ck_assert_str_eq(violations("users", "{}"), "id:required");
    ck_assert_int_eq(catalog_unload(kit.catalog, &write.key), 0);
    ck_assert_str_eq(violations("users", "{}"), "");
    ck_assert_int_eq(catalog_load(kit.catalog, plan->entries[0]), 0);
    ck_assert_str_eq(violations("users", "{}"), "id:required");
    catalog_plan_free(plan);
}
END_TEST

/* What is not JSON, or says a field twice, is no record: the answer says where. */
START_TEST(malformed) {
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_ACTIVE, users), 0);
    static const char *const records[] = {
        "", "{", "{\"id\":1}x", "{\"id\":1,}", "{\"id\":1,\"\\u0069d\":2}", "nul", "{id:1}"};
    for (size_t i = 0; i < sizeof records / sizeof *records; ++i) {
        struct catalog_check *check = NULL;
        struct catalog_problem problem = {0};
        int result = catalog_check(kit.catalog, catalog_kit_text("users"), records[i],
                                   strlen(records[i]), &check, &problem);
        ck_assert_msg(result == CATALOG_EMALFORMED, "%s", records[i]);
        ck_assert_ptr_null(check);
        ck_assert_ptr_nonnull(strstr(problem.message, "line 1, column "));
        ck_assert_int_eq(catalog_check(kit.catalog, catalog_kit_text("users"), records[i],
                                       strlen(records[i]), &check, NULL),
                         CATALOG_EMALFORMED);
    }
    struct catalog_check *check = NULL;
    ck_assert_int_eq(catalog_check(kit.catalog, catalog_kit_text("a/b"), "{}", 2, &check, NULL),
                     CATALOG_EMALFORMED);
}
END_TEST

/* --- what the host enforces, and the printed form ------------------------------------------------------------------------- */

/* Unique and foreign keys in force are listed by name; the whole answer prints as POST /v1/check gives it. */
START_TEST(printed) {
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_ACTIVE, users), 0);
    ck_assert_int_eq(
        set(CATALOG_CONSTRAINT, "u2", 0, "{\"type\":\"unique\",\"fields\":[\"name\",\"id\"]}"), 0);
    ck_assert_int_eq(set(CATALOG_CONSTRAINT, "u1", 0, "{\"type\":\"unique\",\"fields\":[\"id\"]}"),
                     0);
    ck_assert_int_eq(set(CATALOG_CONSTRAINT, "u3", CATALOG_PENDING_ADD,
                         "{\"type\":\"unique\",\"fields\":[\"rate\"]}"),
                     0);
    ck_assert_int_eq(
        set(CATALOG_CONSTRAINT, "f", 0,
            "{\"type\":\"foreign_key\",\"fields\":[\"name\"],\"references\":{\"entity\":\"people\","
            "\"fields\":[\"key\"]},\"on_delete\":\"set_null\"}"),
        0);
    ck_assert_int_eq(set(CATALOG_INDEX, "i", 0, "{\"fields\":[\"id\"]}"), 0);
    struct catalog_check *check = NULL;
    ck_assert_int_eq(
        catalog_check(kit.catalog, catalog_kit_text("users"), "{\"name\":1}", 10, &check, NULL), 0);
    /* The answer stays whole while what it is about changes. */
    struct catalog_write drop = catalog_kit_drop(CATALOG_SCHEMA, "users", "");
    drop.step = true;
    ck_assert_int_eq(catalog_kit_apply(&kit, &drop, 1), 0);
    struct merkle_buffer json;
    merkle_buffer_init(&json, &merkle_allocator_libc);
    ck_assert_int_eq(catalog_check_print(check, -1, &json), 0);
    merkle_buffer_append(&json, "", 1);
    ck_assert_str_eq(
        (const char *)json.data,
        "{\"valid\":false,\"violations\":[{\"field\":\"id\",\"rule\":\"required\",\"message\":"
        "\"field 'id' is "
        "required: it is missing\"},{\"field\":\"name\",\"rule\":\"type\",\"message\":\"field "
        "'name' must be "
        "of type string: it is of type "
        "integer\"}],\"unique\":[{\"name\":\"u1\",\"fields\":[\"id\"]},{\"name\":"
        "\"u2\",\"fields\":[\"name\",\"id\"]}],\"foreign_keys\":[{\"name\":\"f\",\"fields\":["
        "\"name\"],"
        "\"references\":{\"entity\":\"people\",\"fields\":[\"key\"]},\"on_delete\":\"set_null\"}],"
        "\"number\":1,\"agreement_age_ms\":null}");
    catalog_check_free(check);
    merkle_buffer_clear(&json);
    ck_assert_int_eq(catalog_check(kit.catalog, catalog_kit_text("users"), "{}", 2, &check, NULL),
                     0);
    ck_assert_int_eq(catalog_check_print(check, 120, &json), 0);
    merkle_buffer_append(&json, "", 1);
    ck_assert_str_eq((const char *)json.data,
                     "{\"valid\":true,\"violations\":[],\"unique\":[],\"foreign_keys\":[],"
                     "\"number\":0,\"agreement_age_ms\":120}");
    catalog_check_free(check);
    merkle_buffer_close(&json);
}
END_TEST

/* --- threads -------------------------------------------------------------------------------------------------------------- */

struct reader {
    struct catalog *catalog;
    atomic_bool *stop;
    size_t checks;
    size_t wrong;
};

/* The schema wants x to be a string or an integer, never anything between: each answer fits the number it bears. */
static void *read_on(void *argument) {
    struct reader *reader = argument;
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "users", "");
    while (!atomic_load(reader->stop)) {
        struct catalog_check *check = NULL;
        int result =
            catalog_check(reader->catalog, catalog_kit_text("users"), "{\"x\":1}", 7, &check, NULL);
        bool odd = result == 0 && check->number % 2 == 1;
        reader->wrong += result != 0 || check->valid == odd;
        catalog_check_free(check);
        struct catalog_entry *entry = catalog_get(reader->catalog, &key);
        reader->wrong += entry == NULL || entry->number == 0;
        catalog_entry_release(entry);
        reader->checks += 1;
    }
    return NULL;
}

/* Four threads check while the schema changes: no answer is of two versions, and none waits for the loop (G5). */
START_TEST(threads) {
    enum { READERS = 4, CHANGES = 2000 };
    static const char strings[] = "{\"fields\":{\"x\":{\"type\":\"string\"}}}";
    static const char integers[] = "{\"fields\":{\"x\":{\"type\":\"integer\"}}}";
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_ACTIVE, strings),
                     0); /* odd numbers want strings */
    atomic_bool stop = false;
    struct reader readers[READERS];
    pthread_t ids[READERS];
    for (size_t i = 0; i < READERS; ++i) {
        readers[i] = (struct reader){.catalog = kit.catalog, .stop = &stop};
        ck_assert_int_eq(pthread_create(&ids[i], NULL, read_on, &readers[i]), 0);
    }
    struct catalog_write writes[2] = {catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", strings),
                                      catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", integers)};
    char name[16];
    for (unsigned i = 1; i <= CHANGES; ++i) {
        ck_assert_int_eq(catalog_kit_apply(&kit, &writes[i % 2], 1), 0);
        snprintf(name, sizeof name, "e%u", i); /* the index grows under the readers */
        struct catalog_write more = writes[0];
        more.key = catalog_kit_key(CATALOG_SCHEMA, name, "");
        ck_assert_int_eq(catalog_kit_apply(&kit, &more, 1), 0);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; ++i) {
        pthread_join(ids[i], NULL);
        ck_assert_uint_eq(readers[i].wrong, 0);
        ck_assert_uint_gt(readers[i].checks, 0);
    }
}
END_TEST

/* --- memory --------------------------------------------------------------------------------------------------------------- */

/* Whichever allocation fails, a check says so, gives everything back but what the cache keeps, and then works. */
START_TEST(out_of_memory) {
    static struct alloc_fault fault;
    static struct merkle_allocator allocator;
    fault = (struct alloc_fault){.allowed = SIZE_MAX};
    allocator = alloc_fault_allocator(&fault);
    tear_down();
    catalog_kit_init(&kit, &allocator, 1);
    char schema[16 * 1024] = "{\"fields\":{"; /* more fields than fit the stack */
    for (unsigned i = 0; i < 300; ++i) {
        sprintf(schema + strlen(schema), "%s\"f%u\":{\"type\":\"string\"}", i > 0 ? "," : "", i);
    }
    strcat(schema, "}}");
    ck_assert_int_eq(set(CATALOG_SCHEMA, "", CATALOG_ACTIVE, schema), 0);
    ck_assert_int_eq(set(CATALOG_CONSTRAINT, "u", 0, "{\"type\":\"unique\",\"fields\":[\"f1\"]}"),
                     0);
    ck_assert_int_eq(set(CATALOG_CONSTRAINT, "n", 0, "{\"type\":\"not_null\",\"fields\":[\"f2\"]}"),
                     0);
    size_t refused = 0;
    for (size_t allowed = 0;; ++allowed) {
        struct catalog_check *check = NULL;
        ck_assert_int_eq(
            set(CATALOG_CONSTRAINT, "again", 0, "{\"type\":\"unique\",\"fields\":[\"f3\"]}"), 0);
        ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_CONSTRAINT, "users", "again"),
                         0); /* empties the cache */
        size_t blocks = fault.live_blocks;
        fault.allowed = allowed;
        fault.fired = 0;
        int result =
            catalog_check(kit.catalog, catalog_kit_text("users"), "{\"f1\":2}", 8, &check, NULL);
        fault.allowed = SIZE_MAX;
        bool whole = result == 0 && fault.fired == 0;
        ck_assert_msg(result == 0 || result == CATALOG_ENOMEM, "%d", result);
        if (result == 0) {
            ck_assert_uint_eq(check->violation_count, 2);
        } else {
            ck_assert_uint_eq(fault.fired, 1);
            refused += 1;
        }
        catalog_check_free(check);
        ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_CONSTRAINT, "users", "none"),
                         CATALOG_ENOTFOUND);
        struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "users", "");
        struct catalog_entry *entry = catalog_get(kit.catalog, &key);
        ck_assert_int_eq(catalog_load(kit.catalog, entry), 0); /* empties the cache */
        catalog_entry_release(entry);
        ck_assert_uint_le(fault.live_blocks, blocks + 1); /* the buckets of the cache */
        if (whole) {
            break;
        }
    }
    ck_assert_uint_gt(refused, 5);
}
END_TEST

Suite *check_suite(void);
Suite *check_suite(void) {
    const TTest *const tests[] = {schema_rules, not_null_rules, states,       stored_only,
                                  malformed,    threads,        out_of_memory};
    Suite *suite = suite_create("check");
    TCase *tcase = tcase_create("catalog_check");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; ++i) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
    TCase *print_case = tcase_create("catalog_check_print");
    tcase_add_checked_fixture(print_case, set_up, tear_down);
    tcase_add_test(print_case, printed);
    suite_add_tcase(suite, print_case);
    return suite;
}
