/* test_plan_rules.c - each rule of DESIGN 4.4: a case that passes beside one that is refused. */
#include "catalog/internal.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct catalog_kit kit;

static void set_up(void) {
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
}

static void tear_down(void) {
    catalog_kit_close(&kit);
}

static int schema(const char *entity, const char *fields) {
    char json[2048];
    snprintf(json, sizeof json, "{\"fields\":{%s}}", fields);
    return catalog_kit_apply_set(&kit, CATALOG_SCHEMA, entity, "", json);
}

static int unique(const char *entity, const char *name, const char *fields) {
    char json[512];
    snprintf(json, sizeof json, "{\"type\":\"unique\",\"fields\":[%s]}", fields);
    return catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, entity, name, json);
}

static int not_null(const char *entity, const char *name, const char *field) {
    char json[512];
    snprintf(json, sizeof json, "{\"type\":\"not_null\",\"fields\":[\"%s\"]}", field);
    return catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, entity, name, json);
}

static struct catalog_write foreign_key_write(const char *entity, const char *name,
                                              const char *field, const char *referenced,
                                              const char *referenced_field, const char *action) {
    char json[512];
    snprintf(json, sizeof json,
             "{\"type\":\"foreign_key\",\"fields\":[\"%s\"],\"references\":{\"entity\":\"%s\","
             "\"fields\":[\"%s\"]},"
             "\"on_delete\":\"%s\"}",
             field, referenced, referenced_field, action);
    return catalog_kit_set(&kit, CATALOG_CONSTRAINT, entity, name, json);
}

static int foreign_key(const char *entity, const char *name, const char *field,
                       const char *referenced, const char *referenced_field, const char *action) {
    struct catalog_write write =
        foreign_key_write(entity, name, field, referenced, referenced_field, action);
    return catalog_kit_apply(&kit, &write, 1);
}

static int index_on(const char *entity, const char *name, const char *fields) {
    char json[512];
    snprintf(json, sizeof json, "{\"fields\":[%s]}", fields);
    return catalog_kit_apply_set(&kit, CATALOG_INDEX, entity, name, json);
}

#define STRING "{\"type\":\"string\"}"
#define INTEGER "{\"type\":\"integer\"}"
#define NUMBER "{\"type\":\"number\"}"
#define ANY "{\"type\":\"any\"}"
#define REQUIRED "{\"type\":\"integer\",\"required\":true}"

/* The message must name what is concerned, or an operator cannot act on it. */
#define ASSERT_REFUSED(code_expected, part, applied)                                               \
    do {                                                                                           \
        ck_assert_int_eq((applied), (code_expected));                                              \
        ck_assert_msg(strstr(kit.problem.message, (part)) != NULL, "%s", kit.problem.message);     \
    } while (0)
#define ASSERT_TAKEN(applied)                                                                      \
    do {                                                                                           \
        int taken_ = (applied);                                                                    \
        ck_assert_msg(taken_ == 0, "%s", kit.problem.message);                                     \
    } while (0)

/* --- fields --------------------------------------------------------------------------------------------------------------- */

/* A constraint or index is over fields that the schema has, if there is one. */
START_TEST(missing_field) {
    ASSERT_TAKEN(schema("a", "\"x\":" STRING));
    ASSERT_TAKEN(unique("a", "u", "\"x\""));
    ASSERT_TAKEN(index_on("a", "i", "\"x\""));
    ASSERT_REFUSED(CATALOG_EMISSINGFIELD, "constraint 'v' of entity 'a' uses field 'y'",
                   unique("a", "v", "\"x\",\"y\""));
    ASSERT_REFUSED(CATALOG_EMISSINGFIELD, "index 'j' of entity 'a' uses field 'y'",
                   index_on("a", "j", "\"y\""));
    ASSERT_REFUSED(CATALOG_EMISSINGFIELD, "'y'", not_null("a", "n", "y"));
    ASSERT_REFUSED(CATALOG_EMISSINGFIELD, "'y'", foreign_key("a", "f", "y", "b", "id", "restrict"));
    ASSERT_TAKEN(unique("schemaless", "u", "\"anything\""));
}
END_TEST

/* A field that a constraint or index uses is not removed, nor the schema made without it. */
START_TEST(field_in_use) {
    ASSERT_TAKEN(schema("a", "\"x\":" STRING ",\"y\":" STRING ",\"z\":" STRING));
    ASSERT_TAKEN(unique("a", "u", "\"x\""));
    ASSERT_TAKEN(index_on("a", "i", "\"y\""));
    ASSERT_REFUSED(CATALOG_EFIELDINUSE, "constraint 'u' of entity 'a' uses field 'x'",
                   schema("a", "\"y\":" STRING));
    ASSERT_REFUSED(CATALOG_EFIELDINUSE, "index 'i' of entity 'a' uses field 'y'",
                   schema("a", "\"x\":" STRING));
    ASSERT_TAKEN(schema("a", "\"x\":" STRING ",\"y\":" STRING));
    ASSERT_TAKEN(unique("b", "u", "\"x\""));
    ASSERT_REFUSED(CATALOG_EFIELDINUSE, "'u' of entity 'b'", schema("b", "\"y\":" STRING));
    ASSERT_TAKEN(schema("b", "\"x\":" STRING));
}
END_TEST

/* In one batch a field and what uses it may go together. */
START_TEST(field_and_user) {
    ASSERT_TAKEN(schema("a", "\"x\":" STRING ",\"y\":" STRING));
    ASSERT_TAKEN(index_on("a", "i", "\"x\""));
    struct catalog_write writes[] = {
        catalog_kit_set(&kit, CATALOG_SCHEMA, "a", "", "{\"fields\":{\"y\":" STRING "}}"),
        catalog_kit_drop(CATALOG_INDEX, "a", "i"),
    };
    ck_assert_int_eq(catalog_kit_apply(&kit, writes, 1), CATALOG_EFIELDINUSE);
    ASSERT_TAKEN(catalog_kit_apply(&kit, writes, 2));
}
END_TEST

/* --- references ------------------------------------------------------------------------------------------------------------- */

/* The target of a foreign key, if it has a schema, has the fields, with the same types; `any` goes with all. */
START_TEST(bad_reference) {
    ASSERT_TAKEN(schema("users", "\"id\":" INTEGER ",\"rate\":" NUMBER ",\"tag\":" ANY));
    ASSERT_TAKEN(schema("posts", "\"i\":" INTEGER ",\"s\":" STRING));
    ASSERT_REFUSED(CATALOG_EREFERENCE,
                   "references field 'nope', which the schema of entity 'users'",
                   foreign_key("posts", "f", "i", "users", "nope", "restrict"));
    ASSERT_REFUSED(CATALOG_EREFERENCE, "of type integer, 'id', with one of type string, 's'",
                   foreign_key("posts", "f", "s", "users", "id", "restrict"));
    ASSERT_REFUSED(CATALOG_EREFERENCE, "of type number",
                   foreign_key("posts", "f", "i", "users", "rate", "restrict"));
    ASSERT_TAKEN(foreign_key("posts", "f", "i", "users", "id", "restrict"));
    ASSERT_TAKEN(foreign_key("posts", "g", "s", "users", "tag", "restrict"));
    ASSERT_TAKEN(foreign_key("posts", "h", "s", "schemaless", "id", "restrict"));
    ASSERT_TAKEN(foreign_key("schemaless", "f", "x", "users", "id", "restrict"));
}
END_TEST

/* A change of the schema on either end does not break a foreign key. */
START_TEST(reference_kept) {
    ASSERT_TAKEN(schema("users", "\"id\":" INTEGER));
    ASSERT_TAKEN(schema("posts", "\"user\":" INTEGER));
    ASSERT_TAKEN(foreign_key("posts", "f", "user", "users", "id", "restrict"));
    ASSERT_REFUSED(CATALOG_EFIELDINUSE, "constraint 'f' of entity 'posts' references field 'id'",
                   schema("users", "\"key\":" INTEGER));
    ASSERT_REFUSED(CATALOG_EREFERENCE, "constraint 'f' of entity 'posts'",
                   schema("users", "\"id\":" STRING));
    ASSERT_REFUSED(CATALOG_EREFERENCE, "constraint 'f' of entity 'posts'",
                   schema("posts", "\"user\":" STRING));
    ASSERT_TAKEN(schema("users", "\"id\":" INTEGER ",\"more\":" STRING));
    struct catalog_write both[] = {
        catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", "{\"fields\":{\"id\":" STRING "}}"),
        catalog_kit_set(&kit, CATALOG_SCHEMA, "posts", "", "{\"fields\":{\"user\":" STRING "}}"),
    };
    ASSERT_TAKEN(catalog_kit_apply(&kit, both, 2));
    /* A schema that comes later must fit, too. */
    ASSERT_TAKEN(foreign_key("posts", "late", "user", "later", "id", "restrict"));
    ASSERT_REFUSED(CATALOG_EREFERENCE, "'late'", schema("later", "\"id\":" INTEGER));
    ASSERT_TAKEN(schema("later", "\"id\":" STRING));
}
END_TEST

/* set_null and "must not be null" exclude each other, whichever comes first. */
START_TEST(set_null) {
    ASSERT_TAKEN(schema("a", "\"r\":" REQUIRED ",\"x\":" INTEGER ",\"y\":" INTEGER));
    ASSERT_REFUSED(CATALOG_ESETNULL, "'r'", foreign_key("a", "f", "r", "b", "id", "set_null"));
    ASSERT_TAKEN(foreign_key("a", "g", "r", "b", "id", "cascade"));
    ASSERT_TAKEN(foreign_key("a", "f", "x", "b", "id", "set_null"));
    ASSERT_REFUSED(CATALOG_ESETNULL, "constraint 'f' of entity 'a' sets field 'x' to null",
                   not_null("a", "n", "x"));
    ASSERT_REFUSED(CATALOG_ESETNULL, "'f'",
                   schema("a", "\"r\":" REQUIRED ",\"x\":" REQUIRED ",\"y\":" INTEGER));
    ASSERT_TAKEN(not_null("a", "n", "y"));
    ASSERT_REFUSED(CATALOG_ESETNULL, "constraint 'n' forbids",
                   foreign_key("a", "h", "y", "b", "id", "set_null"));
}
END_TEST

/* --- meaning ---------------------------------------------------------------------------------------------------------------- */

/* One meaning has one name; order of fields is no meaning, the action is. Indexes may be alike. */
START_TEST(same_meaning) {
    ASSERT_TAKEN(unique("a", "first", "\"x\",\"y\""));
    ASSERT_REFUSED(CATALOG_ESAMEMEANING, "says the same as 'first'",
                   unique("a", "b", "\"x\",\"y\""));
    ASSERT_REFUSED(CATALOG_ESAMEMEANING, "'first'", unique("a", "b", "\"y\",\"x\""));
    ASSERT_TAKEN(unique("a", "b", "\"x\""));
    ASSERT_TAKEN(unique("other", "b", "\"x\",\"y\""));
    ASSERT_TAKEN(not_null("a", "n", "x"));
    ASSERT_REFUSED(CATALOG_ESAMEMEANING, "'n'", not_null("a", "m", "x"));
    ASSERT_TAKEN(foreign_key("a", "f", "z", "b", "id", "restrict"));
    ASSERT_REFUSED(CATALOG_ESAMEMEANING, "'f'", foreign_key("a", "g", "z", "b", "id", "restrict"));
    ASSERT_TAKEN(foreign_key("a", "g", "z", "b", "id", "cascade"));
    ASSERT_TAKEN(foreign_key("a", "h", "z", "c", "id", "cascade"));
    ASSERT_TAKEN(index_on("a", "i", "\"x\""));
    ASSERT_TAKEN(index_on("a", "j", "\"x\""));
    /* A name that is dropped in the same batch is free. */
    struct catalog_write writes[] = {
        catalog_kit_drop(CATALOG_CONSTRAINT, "a", "first"),
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "a", "renamed",
                        "{\"type\":\"unique\",\"fields\":[\"y\",\"x\"]}"),
    };
    ASSERT_TAKEN(catalog_kit_apply(&kit, writes, 2));
    ASSERT_TAKEN(catalog_kit_apply_drop(&kit, CATALOG_CONSTRAINT, "a", "renamed"));
    ASSERT_TAKEN(unique("a", "again", "\"x\",\"y\""));
}
END_TEST

/* --- what merges have broken -------------------------------------------------------------------------------------------------- */

/* A write that does not touch what a merge broke is not refused for it; one that breaks more is; the audit tells it. */
START_TEST(broken_before) {
    struct catalog_kit other;
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "a", "");
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
    other.writer.wall_ms += 1000;
    ASSERT_TAKEN(schema("a", "\"x\":" STRING ",\"y\":" STRING));
    ck_assert_uint_eq(catalog_audit(kit.catalog, NULL, 0), 0);
    catalog_kit_pull(&other, &kit, &key);
    ASSERT_TAKEN(index_on("a", "i", "\"x\""));
    ASSERT_TAKEN(unique("a", "u", "\"y\""));
    ck_assert_int_eq(
        catalog_kit_apply_set(&other, CATALOG_SCHEMA, "a", "", "{\"fields\":{\"y\":" STRING "}}"),
        0);
    catalog_kit_pull(&kit, &other, &key);

    struct catalog_problem problems[4];
    ck_assert_uint_eq(catalog_audit(kit.catalog, problems, 4), 1);
    ck_assert_int_eq(problems[0].code, CATALOG_EMISSINGFIELD);
    ck_assert_ptr_nonnull(strstr(problems[0].message, "index 'i' of entity 'a' uses field 'x'"));
    ASSERT_TAKEN(schema("a", "\"y\":" STRING ",\"z\":" STRING));
    ASSERT_REFUSED(CATALOG_EFIELDINUSE, "'u'", schema("a", "\"z\":" STRING));
    ASSERT_TAKEN(schema("a", "\"x\":" STRING ",\"y\":" STRING));
    ck_assert_uint_eq(catalog_audit(kit.catalog, NULL, 0), 0);
    catalog_kit_close(&other);
}
END_TEST

/* The audit names a foreign key whose target was dropped, what outlives its schema, and one meaning under two names. */
START_TEST(audit) {
    struct catalog_kit other;
    struct catalog_problem problems[8];
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
    ASSERT_TAKEN(schema("users", "\"id\":" INTEGER));
    struct catalog_key users = catalog_kit_key(CATALOG_SCHEMA, "users", "");
    catalog_kit_pull(&other, &kit, &users);
    ck_assert_int_eq(catalog_kit_apply_drop(&other, CATALOG_SCHEMA, "users", ""), 0);
    ASSERT_TAKEN(foreign_key("posts", "f", "user", "users", "id", "restrict"));
    ASSERT_TAKEN(unique("users", "u", "\"id\""));
    ck_assert_uint_eq(catalog_audit(kit.catalog, problems, 8), 0);
    catalog_kit_pull(&kit, &other, &users);
    ck_assert_uint_eq(catalog_audit(kit.catalog, problems, 8), 2);
    ck_assert_int_eq(problems[0].code, CATALOG_EREFERENCE);
    ck_assert_ptr_nonnull(strstr(problems[0].message, "'f' of entity 'posts'"));
    ck_assert_int_eq(problems[1].code, CATALOG_EMISSINGFIELD);
    ck_assert_ptr_nonnull(strstr(problems[1].message, "'u' of entity 'users'"));

    struct catalog_key twin = catalog_kit_key(CATALOG_CONSTRAINT, "users", "twin");
    ck_assert_int_eq(catalog_kit_apply_set(&other, CATALOG_CONSTRAINT, "users", "twin",
                                           "{\"type\":\"unique\",\"fields\":[\"id\"]}"),
                     0);
    catalog_kit_pull(&kit, &other, &twin);
    ck_assert_uint_eq(catalog_audit(kit.catalog, problems, 1), 4); /* counts on, writes one */
    ck_assert_uint_eq(catalog_audit(kit.catalog, problems, 8), 4);
    ck_assert_int_eq(problems[3].code, CATALOG_ESAMEMEANING);
    ck_assert_ptr_nonnull(
        strstr(problems[3].message, "'u' of entity 'users' says the same as 'twin'"));
    /* They stay until somebody drops one: neither is in the way of a third. */
    ASSERT_TAKEN(not_null("users", "n", "id"));
    catalog_kit_close(&other);
}
END_TEST

Suite *plan_rules_suite(void);
Suite *plan_rules_suite(void) {
    const TTest *const rules[] = {missing_field, field_in_use,   field_and_user,
                                  bad_reference, reference_kept, set_null,
                                  same_meaning,  broken_before,  audit};
    Suite *suite = suite_create("plan_rules");
    TCase *rules_case = tcase_create("catalog_plan_rules");
    tcase_add_checked_fixture(rules_case, set_up, tear_down);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; ++i) {
        tcase_add_test(rules_case, rules[i]);
    }
    suite_add_tcase(suite, rules_case);
    return suite;
}
