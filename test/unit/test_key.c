/* test_key.c - keys: what is well formed, their slot, their order. */
#include "catalog/entry.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <string.h>

/* Schemas have no name, constraints and indexes have one, other kinds may. */
START_TEST(check_knows_who_has_a_name) {
    static const struct {
        uint16_t kind;
        const char *entity, *name;
        int result;
    } cases[] = {
        {CATALOG_SCHEMA, "users", "", 0},
        {CATALOG_SCHEMA, "users", "x", CATALOG_EMALFORMED},
        {CATALOG_CONSTRAINT, "users", "x", 0},
        {CATALOG_CONSTRAINT, "users", "", CATALOG_EMALFORMED},
        {CATALOG_INDEX, "users", "x", 0},
        {CATALOG_INDEX, "users", "", CATALOG_EMALFORMED},
        {9, "users", "", 0},
        {65535, "users", "x", 0},
        {0, "users", "x", CATALOG_EMALFORMED},
        {CATALOG_SCHEMA, "", "", CATALOG_EMALFORMED},
        {CATALOG_SCHEMA, "a/b", "", CATALOG_EMALFORMED},
        {CATALOG_INDEX, "users", "a/b", CATALOG_EMALFORMED},
        {9, "users", "\n", CATALOG_EMALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct catalog_key key = entry_maker_key(cases[i].kind, cases[i].entity, cases[i].name);
        ck_assert_int_eq(catalog_key_check(&key), cases[i].result);
    }
}
END_TEST

/* The key's encoding is what msgpack-c writes at the beginning of an entry, for all sizes of kind and names. */
START_TEST(encoding_is_that_of_msgpack) {
    static const uint16_t kinds[] = {1, 127, 128, 255, 256, 65535};
    char text[CATALOG_NAME_SIZE_MAX];
    memset(text, 'n', sizeof text);
    for (size_t i = 0; i < 6; i++) {
        for (size_t size = 0; size <= sizeof text; size++) {
            struct catalog_key key = {kinds[i], {text, size}, {text, sizeof text - size}};
            uint8_t bytes[CATALOG__KEY_SIZE_MAX];
            size_t size_bytes = catalog__key_encode(&key, bytes);
            struct merkle_buffer entry;
            merkle_buffer_init(&entry, &merkle_allocator_libc);
            entry_maker_bytes(&key, NULL, 0, NULL, 0, &entry);
            ck_assert_uint_eq(entry.size_bytes, 1 + size_bytes + 2);
            ck_assert_mem_eq(entry.data + 1, bytes, size_bytes);
            ck_assert_uint_eq(catalog_key_slot(&key), merkle_slot_of(bytes, size_bytes));
            merkle_buffer_close(&entry);
        }
    }
}
END_TEST

/* The slot is part of the format: docs/FORMAT.md shows this one. */
START_TEST(slot_is_the_golden_one) {
    struct catalog_key key = entry_maker_key(CATALOG_SCHEMA, "users", "");
    ck_assert_uint_eq(catalog_key_slot(&key), UINT64_C(0xe0ea1f15531028a4));
}
END_TEST

/* A text longer than any key's does no harm: lookups are made with what users send. */
START_TEST(slot_bears_longer_texts) {
    static char text[100000];
    memset(text, 'n', sizeof text);
    struct catalog_key key = {CATALOG_SCHEMA, {text, sizeof text}, {text, sizeof text}};
    struct catalog_key cut = {
        CATALOG_SCHEMA, {text, CATALOG_NAME_SIZE_MAX}, {text, CATALOG_NAME_SIZE_MAX}};
    ck_assert_uint_eq(catalog_key_slot(&key), catalog_key_slot(&cut));
    ck_assert(!catalog_key_equal(&key, &cut));
}
END_TEST

/* Keys are ordered by kind, entity, name. */
START_TEST(order_is_that_of_an_export) {
    const struct catalog_key keys[] = {
        entry_maker_key(1, "b", ""),   entry_maker_key(2, "a", "y"), entry_maker_key(2, "a", "z"),
        entry_maker_key(2, "ab", "a"), entry_maker_key(3, "a", "a"), entry_maker_key(256, "a", ""),
    };
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            int order = catalog_key_compare(&keys[i], &keys[j]);
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
            ck_assert_int_eq(catalog_key_equal(&keys[i], &keys[j]), i == j);
        }
    }
}
END_TEST

/* Kinds and states have the names of the manual. */
START_TEST(kinds_and_states_have_names) {
    ck_assert_str_eq(catalog_kind_name(CATALOG_SCHEMA), "schema");
    ck_assert_str_eq(catalog_kind_name(CATALOG_CONSTRAINT), "constraint");
    ck_assert_str_eq(catalog_kind_name(CATALOG_INDEX), "index");
    ck_assert_ptr_null(catalog_kind_name(0));
    ck_assert_ptr_null(catalog_kind_name(4));
    ck_assert_str_eq(catalog_state_name(CATALOG_ACTIVE), "active");
    ck_assert_str_eq(catalog_state_name(CATALOG_PENDING_ADD), "pending_add");
    ck_assert_str_eq(catalog_state_name(CATALOG_PENDING_DROP), "pending_drop");
    ck_assert_str_eq(catalog_state_name(CATALOG_DROPPED), "dropped");
    ck_assert_ptr_null(catalog_state_name((enum catalog_state)0));
    ck_assert_ptr_null(catalog_state_name(CATALOG_STATE_COUNT));
}
END_TEST

Suite *key_suite(void);

Suite *key_suite(void) {
    Suite *suite = suite_create("key");
    TCase *check = tcase_create("catalog_key_check");
    tcase_add_test(check, check_knows_who_has_a_name);
    tcase_add_test(check, kinds_and_states_have_names);
    suite_add_tcase(suite, check);
    TCase *slot = tcase_create("catalog_key_slot");
    tcase_add_test(slot, encoding_is_that_of_msgpack);
    tcase_add_test(slot, slot_is_the_golden_one);
    tcase_add_test(slot, slot_bears_longer_texts);
    suite_add_tcase(suite, slot);
    TCase *compare = tcase_create("catalog_key_compare");
    tcase_add_test(compare, order_is_that_of_an_export);
    suite_add_tcase(suite, compare);
    return suite;
}
