/* test_sqlite_rows.c - columns: slots keep their order, keys are told apart, in a form that operators can read. */
#include "catalog/sqlite_store.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <string.h>

/* Slots as columns stand in the order of the slots, although SQLite's integers have a sign. */
START_TEST(slots_keep_their_order) {
    const uint64_t slots[] = {0,
                              1,
                              UINT64_MAX / 2,
                              UINT64_MAX / 2 + 1,
                              UINT64_C(0xfedcba9876543210),
                              UINT64_MAX - 1,
                              UINT64_MAX};
    for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
        int64_t column = catalog__slot_to_column(slots[i]);
        ck_assert_uint_eq(catalog__slot_from_column(column), slots[i]);
        ck_assert(i == 0 || catalog__slot_to_column(slots[i - 1]) < column);
    }
    ck_assert_int_eq(catalog__slot_to_column(0), INT64_MIN);
}
END_TEST

static void expect_text(uint16_t kind, const char *entity, const char *name, const char *expected) {
    const struct catalog_key key = entry_maker_key(kind, entity, name);
    const struct made_version version = {
        .clock = 7, .origin = 1, .node = "n", .number = 1, .state = CATALOG_DROPPED};
    const struct made_pair pair = {.origin = 1, .clock = 7};
    struct catalog_entry *entry = entry_maker_entry(&key, &version, 1, &pair, 1);
    char text[CATALOG__KEY_TEXT_SIZE_MAX];
    size_t size = catalog__key_to_text(entry, text);
    ck_assert_uint_eq(size, strlen(expected));
    ck_assert_mem_eq(text, expected, size);
    catalog_entry_release(entry);
}

/* A key's text is readable, also for kinds that this version does not know (G10), and at the longest names. */
START_TEST(keys_are_readable) {
    expect_text(CATALOG_SCHEMA, "users", "", "schema/users");
    expect_text(CATALOG_CONSTRAINT, "users", "users_key", "constraint/users/users_key");
    expect_text(CATALOG_INDEX, "\xc3\xbc", "i", "index/\xc3\xbc/i");
    expect_text(65535, "e", "n", "65535/e/n");
    expect_text(9, "e", "", "9/e/");
    char longest[CATALOG_NAME_SIZE_MAX + 1], expected[400];
    memset(longest, 'x', CATALOG_NAME_SIZE_MAX);
    longest[CATALOG_NAME_SIZE_MAX] = '\0';
    (void)strcpy(expected, "constraint/");
    (void)strcat(expected, longest);
    (void)strcat(expected, "/");
    (void)strcat(expected, longest);
    expect_text(CATALOG_CONSTRAINT, longest, longest, expected);
}
END_TEST

Suite *sqlite_rows_suite(void);

Suite *sqlite_rows_suite(void) {
    Suite *suite = suite_create("sqlite_rows");
    TCase *slot = tcase_create("catalog__slot_to_column");
    tcase_add_test(slot, slots_keep_their_order);
    suite_add_tcase(suite, slot);
    TCase *key = tcase_create("catalog__key_to_text");
    tcase_add_test(key, keys_are_readable);
    suite_add_tcase(suite, key);
    return suite;
}
