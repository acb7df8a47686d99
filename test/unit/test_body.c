/* test_body.c - the shapes of bodies. */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define SIZED(bytes) (const uint8_t *)(bytes), sizeof(bytes) - 1
#define SCHEMA(fields)                                                                             \
    "\x81\xa6"                                                                                     \
    "fields" fields
#define FIELD(name, required, type) name "\x82\xa8required" required "\xa4type" type
#define STRING "\xa6string"
#define UNIQUE "\xa4type\xa6unique"
#define REFERENCE                                                                                  \
    "\xaareferences\x82\xa6"                                                                       \
    "entity\xa1p\xa6"                                                                              \
    "fields\x91\xa1x"

static int check(uint16_t kind, const uint8_t *body, size_t size_bytes) {
    ck_assert_int_eq(catalog_msgpack_check(body, size_bytes, CATALOG__BODY_DEPTH_MAX), 0);
    return catalog__body_check(kind, body, size_bytes);
}

/* Names of types, of types of constraints and of actions are found again. */
START_TEST(names_are_inverse) {
    for (int type = 1; type < CATALOG__TYPE_COUNT; type++) {
        const char *name = catalog__type_name((enum catalog__type)type);
        ck_assert_int_eq(catalog__type_parse((struct catalog_text){name, strlen(name)}), type);
    }
    for (int type = CATALOG__UNIQUE; type <= CATALOG__NOT_NULL; type++) {
        const char *name = catalog__constraint_type_name((enum catalog__constraint_type)type);
        ck_assert_int_eq(catalog__constraint_type_parse((struct catalog_text){name, strlen(name)}),
                         type);
    }
    for (int action = CATALOG__RESTRICT; action <= CATALOG__SET_NULL; action++) {
        const char *name = catalog__action_name((enum catalog__action)action);
        ck_assert_int_eq(catalog__action_parse((struct catalog_text){name, strlen(name)}), action);
    }
    ck_assert_ptr_null(catalog__type_name((enum catalog__type)0));
    ck_assert_ptr_null(catalog__type_name(CATALOG__TYPE_COUNT));
    ck_assert_ptr_null(catalog__constraint_type_name((enum catalog__constraint_type)0));
    ck_assert_ptr_null(catalog__action_name((enum catalog__action)4));
    ck_assert_int_eq(catalog__type_parse((struct catalog_text){"strin", 5}), 0);
    ck_assert_int_eq(catalog__constraint_type_parse((struct catalog_text){"", 0}), 0);
    ck_assert_int_eq(catalog__action_parse((struct catalog_text){"set null", 8}), 0);
}
END_TEST

/* Each value is of the types that it should be of. A letter stands for a type: s n i b a o 0 (null) *. */
START_TEST(values_have_types) {
    static const struct {
        const char *value;
        size_t size_bytes;
        const char *types;
    } cases[] = {
        {"\xa1x", 2, "s*"},
        {"\x05", 1, "ni*"},
        {"\xff", 1, "ni*"},
        {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, "ni*"},
        {"\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, "n*"},
        {"\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00", 9, "n*"},
        {"\xc2", 1, "b*"},
        {"\x91\x01", 2, "a*"},
        {"\x80", 1, "o*"},
        {"\xc0", 1, "0*"},
        {"\xc4\x01x", 3, ""},
        {"\x91\xc4\x01x", 4, ""},
        {"\x81\xa1k\xc4\x01x", 6, ""},
    };
    static const char letters[CATALOG__TYPE_COUNT] = {0, 's', 'n', 'i', 'b', 'a', 'o', '0', '*'};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int type = 1; type < CATALOG__TYPE_COUNT; type++) {
            bool expected = strchr(cases[i].types, letters[type]) != NULL;
            ck_assert_int_eq(catalog__value_is_of_type((const uint8_t *)cases[i].value,
                                                       cases[i].size_bytes,
                                                       (enum catalog__type)type),
                             expected);
        }
    }
}
END_TEST

/* A schema is read field by field, with defaults as they stand. */
START_TEST(schema_is_parsed) {
    static const char body[] = SCHEMA("\x83")
        FIELD("\xa1"
              "a",
              "\xc3", STRING) "\xa1"
                              "b\x83\xa7"
                              "default\x05\xa8required\xc2\xa4type\xa7integer" FIELD("\xa2"
                                                                                     "bb",
                                                                                     "\xc2",
                                                                                     "\xa3"
                                                                                     "any");
    struct catalog__schema *schema;
    ck_assert_int_eq(check(CATALOG_SCHEMA, SIZED(body)), 0);
    ck_assert_int_eq(catalog__schema_parse(&merkle_allocator_libc, SIZED(body), &schema), 0);
    ck_assert_uint_eq(schema->field_count, 3);
    const struct catalog__field *b = catalog__schema_find(schema, (struct catalog_text){"b", 1});
    ck_assert_ptr_eq(b, &schema->fields[1]);
    ck_assert_int_eq(b->type, CATALOG__INTEGER);
    ck_assert(!b->required);
    ck_assert_uint_eq(b->default_size_bytes, 1);
    ck_assert_uint_eq(b->default_value[0], 5);
    ck_assert_ptr_eq(catalog__schema_find(schema, (struct catalog_text){"a", 1}),
                     &schema->fields[0]);
    ck_assert(schema->fields[0].required);
    ck_assert_ptr_null(schema->fields[0].default_value);
    ck_assert_ptr_eq(catalog__schema_find(schema, (struct catalog_text){"bb", 2}),
                     &schema->fields[2]);
    ck_assert_ptr_null(catalog__schema_find(schema, (struct catalog_text){"c", 1}));
    ck_assert_ptr_null(catalog__schema_find(schema, (struct catalog_text){"", 0}));
    merkle_release(&merkle_allocator_libc, schema);
}
END_TEST

/* A schema without fields is one; a shape that differs in anything is none. */
START_TEST(schema_of_another_shape_is_refused) {
    ck_assert_int_eq(check(CATALOG_SCHEMA, SIZED(SCHEMA("\x80"))), 0);
#define REFUSED(bytes) ck_assert_int_eq(check(CATALOG_SCHEMA, SIZED(bytes)), CATALOG_EMALFORMED)
    REFUSED("\xc0");
    REFUSED("\x80");
    REFUSED("\x81\xa5"
            "field\x80");
    REFUSED(SCHEMA("\x90"));
    REFUSED("\x82\xa6"
            "fields\x80\xa1z\x01");
    REFUSED(SCHEMA("\x81") "\xa1"
                           "a\x05");
    REFUSED(SCHEMA("\x81") "\xa1"
                           "a\x81\xa4type" STRING);
    REFUSED(SCHEMA("\x81") FIELD("\xa1"
                                 "a",
                                 "\xc0", STRING));
    REFUSED(SCHEMA("\x81") FIELD("\xa1"
                                 "a",
                                 "\xc3", "\xa4text"));
    REFUSED(SCHEMA("\x81") FIELD("\xa1"
                                 "a",
                                 "\xc3", "\x01"));
    REFUSED(SCHEMA("\x81") FIELD("\xa0", "\xc3", STRING));
    REFUSED(SCHEMA("\x81") FIELD("\xa1/", "\xc3", STRING));
    REFUSED(SCHEMA("\x81") "\xa1"
                           "a\x83\xa7"
                           "default\x05\xa8required\xc2\xa4type" STRING);
    REFUSED(SCHEMA("\x81") "\xa1"
                           "a\x83\xa8required\xc2\xa4type" STRING "\xa5unity\x01");
#undef REFUSED
}
END_TEST

/* Constraints and indexes are read with their lists in order. */
START_TEST(constraint_is_parsed) {
    static const char body[] = "\x84\xa6"
                               "fields\x91\xa1z\xa9on_delete\xa7"
                               "cascade" REFERENCE "\xa4type\xab"
                               "foreign_key";
    struct catalog__constraint *constraint;
    ck_assert_int_eq(check(CATALOG_CONSTRAINT, SIZED(body)), 0);
    ck_assert_int_eq(catalog__constraint_parse(&merkle_allocator_libc, CATALOG_CONSTRAINT,
                                               SIZED(body), &constraint),
                     0);
    ck_assert_int_eq(constraint->type, CATALOG__FOREIGN_KEY);
    ck_assert_int_eq(constraint->on_delete, CATALOG__CASCADE);
    ck_assert_uint_eq(constraint->field_count, 1);
    ck_assert(catalog__text_is(constraint->fields[0], "z"));
    ck_assert_uint_eq(constraint->referenced_count, 1);
    ck_assert(catalog__text_is(constraint->referenced, "p"));
    ck_assert(catalog__text_is(constraint->referenced_fields[0], "x"));
    merkle_release(&merkle_allocator_libc, constraint);
    static const char index[] = "\x81\xa6"
                                "fields\x92\xa1z\xa1"
                                "a";
    ck_assert_int_eq(check(CATALOG_INDEX, SIZED(index)), 0);
    ck_assert_int_eq(
        catalog__constraint_parse(&merkle_allocator_libc, CATALOG_INDEX, SIZED(index), &constraint),
        0);
    ck_assert_int_eq(constraint->type, 0);
    ck_assert_uint_eq(constraint->field_count, 2);
    ck_assert(catalog__text_is(constraint->fields[1], "a"));
    ck_assert_uint_eq(constraint->referenced_count, 0);
    merkle_release(&merkle_allocator_libc, constraint);
}
END_TEST

/* A constraint or an index whose shape differs in anything is none. */
START_TEST(constraint_of_another_shape_is_refused) {
    ck_assert_int_eq(check(CATALOG_CONSTRAINT, SIZED("\x82\xa6"
                                                     "fields\x92\xa1z\xa1"
                                                     "a" UNIQUE)),
                     0);
    ck_assert_int_eq(check(CATALOG_CONSTRAINT, SIZED("\x82\xa6"
                                                     "fields\x91\xa1z\xa4type\xa8not_null")),
                     0);
#define REFUSED(bytes) ck_assert_int_eq(check(CATALOG_CONSTRAINT, SIZED(bytes)), CATALOG_EMALFORMED)
    REFUSED("\xc0");
    REFUSED("\x82\xa6"
            "fields\x90" UNIQUE);
    REFUSED("\x82\xa6"
            "fields\x92\xa1z\xa1z" UNIQUE);
    REFUSED("\x82\xa6"
            "fields\x91\xa0" UNIQUE);
    REFUSED("\x82\xa6"
            "fields\x91\x01" UNIQUE);
    REFUSED("\x82\xa6"
            "fields\x91\xa1z\xa4type\xa5other");
    REFUSED("\x82\xa6"
            "fields\x92\xa1z\xa1"
            "a\xa4type\xa8not_null");
    REFUSED("\x82\xa6"
            "fields\x91\xa1z\xa4type\xab"
            "foreign_key");
    REFUSED("\x81\xa6"
            "fields\x91\xa1z");
    REFUSED("\x84\xa6"
            "fields\x91\xa1z\xa9on_delete\xa7"
            "cascade" REFERENCE UNIQUE);
    REFUSED("\x84\xa6"
            "fields\x92\xa1z\xa1"
            "a\xa9on_delete\xa7"
            "cascade" REFERENCE "\xa4type\xab"
            "foreign_key");
    REFUSED("\x84\xa6"
            "fields\x91\xa1z\xa9on_delete\xa6ignore" REFERENCE "\xa4type\xab"
            "foreign_key");
    REFUSED("\x84\xa6"
            "fields\x91\xa1z\xa9on_delete\xa7"
            "cascade\xaareferences\x82\xa6"
            "entity\xa1/\xa6"
            "fields\x91\xa1x\xa4type\xab"
            "foreign_key");
#undef REFUSED
    ck_assert_int_eq(check(CATALOG_INDEX, SIZED("\x82\xa6"
                                                "fields\x91\xa1z" UNIQUE)),
                     CATALOG_EMALFORMED);
    ck_assert_int_eq(check(9, SIZED("\x05")), 0); /* an unknown kind may have any body (G10) */
}
END_TEST

/* A list has at most CATALOG__FIELDS_MAX names. */
START_TEST(lists_are_bounded) {
    struct merkle_buffer body;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    for (size_t count = CATALOG__FIELDS_MAX; count <= CATALOG__FIELDS_MAX + 1; count++) {
        merkle_buffer_clear(&body);
        merkle_buffer_append(&body,
                             "\x81\xa6"
                             "fields\xdc",
                             9);
        const uint8_t length[] = {(uint8_t)(count >> 8), (uint8_t)count};
        merkle_buffer_append(&body, length, 2);
        for (size_t i = 0; i < count; i++) {
            const char name[] = {(char)0xa3, (char)('a' + i / 100), (char)('0' + i / 10 % 10),
                                 (char)('0' + i % 10)};
            merkle_buffer_append(&body, name, sizeof name);
        }
        ck_assert_int_eq(check(CATALOG_INDEX, body.data, body.size_bytes),
                         count <= CATALOG__FIELDS_MAX ? 0 : CATALOG_EMALFORMED);
    }
    merkle_buffer_close(&body);
}
END_TEST

/* Without memory nothing is made. */
START_TEST(parse_out_of_memory) {
    struct alloc_fault fault = {.allowed = 0, .repeat = true};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct catalog__schema *schema;
    struct catalog__constraint *constraint;
    ck_assert_int_eq(catalog__schema_parse(&allocator, SIZED(SCHEMA("\x80")), &schema),
                     CATALOG_ENOMEM);
    ck_assert_ptr_null(schema);
    ck_assert_int_eq(catalog__constraint_parse(&allocator, CATALOG_INDEX,
                                               SIZED("\x81\xa6"
                                                     "fields\x91\xa1z"),
                                               &constraint),
                     CATALOG_ENOMEM);
    ck_assert_ptr_null(constraint);
    ck_assert_uint_eq(fault.fired, 2);
    ck_assert_uint_eq(fault.live_blocks, 0);
}
END_TEST

Suite *body_suite(void);

Suite *body_suite(void) {
    Suite *suite = suite_create("body");
    TCase *names = tcase_create("catalog__type_parse");
    tcase_add_test(names, names_are_inverse);
    tcase_add_test(names, values_have_types);
    suite_add_tcase(suite, names);
    TCase *schema = tcase_create("catalog__schema_parse");
    tcase_add_test(schema, schema_is_parsed);
    tcase_add_test(schema, schema_of_another_shape_is_refused);
    tcase_add_test(schema, parse_out_of_memory);
    suite_add_tcase(suite, schema);
    TCase *constraint = tcase_create("catalog__constraint_parse");
    tcase_add_test(constraint, constraint_is_parsed);
    tcase_add_test(constraint, constraint_of_another_shape_is_refused);
    tcase_add_test(constraint, lists_are_bounded);
    suite_add_tcase(suite, constraint);
    return suite;
}
