/* test_history.c - what an entry has seen, pair by pair. */
#include "test/unit/support/catalog_kit.h"

#include <check.h>

static struct catalog_kit kit, other;

static void set_up(void) {
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
}

static void tear_down(void) {
    catalog_kit_close(&kit);
    catalog_kit_close(&other);
}

/* Each origin that an entry has seen is one pair, in order of origin: with its version, or replaced by another's. */
START_TEST(each_origin) {
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "posts", "");
    struct catalog_pair pairs[3] = {0};
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "posts", "", "{\"fields\":{}}"),
                     0);
    struct catalog_entry *entry = catalog_find(kit.catalog, &key);
    catalog_clock first = entry->clock;
    ck_assert_uint_eq(catalog_entry_context(entry, pairs, 3), 1);
    ck_assert(pairs[0].survives && pairs[0].clock == first);
    ck_assert(catalog_id_equal(&pairs[0].origin, &kit.writer.origin));
    catalog_kit_pull(&other, &kit, &key);
    ck_assert_int_eq(catalog_kit_apply_drop(&other, CATALOG_SCHEMA, "posts", ""), 0);
    catalog_kit_pull(&kit, &other, &key);
    entry = catalog_find(kit.catalog, &key);
    ck_assert_uint_eq(catalog_entry_context(entry, pairs, 3), 2);
    ck_assert_int_lt(catalog_id_compare(&pairs[0].origin, &pairs[1].origin), 0);
    for (size_t i = 0; i < 2; i++) {
        bool own = catalog_id_equal(&pairs[i].origin, &kit.writer.origin);
        ck_assert_int_eq(pairs[i].survives, !own);
        ck_assert(pairs[i].clock == (own ? first : entry->clock));
    }
}
END_TEST

/* Of several versions every one survives; where room is for fewer pairs, only those are written, and all are counted. */
START_TEST(bounded) {
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "posts", "");
    struct catalog_pair pairs[2] = {0};
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "posts", "", "{\"fields\":{}}"),
                     0);
    ck_assert_int_eq(catalog_kit_apply_set(&other, CATALOG_SCHEMA, "posts", "",
                                           "{\"fields\":{\"a\":{\"type\":\"any\"}}}"),
                     0);
    catalog_kit_pull(&kit, &other, &key);
    struct catalog_entry *entry = catalog_find(kit.catalog, &key);
    ck_assert_uint_eq(catalog_entry_context(entry, NULL, 0), 2);
    ck_assert_uint_eq(catalog_entry_context(entry, pairs, 1), 2);
    ck_assert(pairs[0].survives && pairs[1].clock == 0);
    ck_assert_uint_eq(catalog_entry_context(entry, pairs, 2), 2);
    ck_assert(pairs[0].survives && pairs[1].survives);
}
END_TEST

Suite *history_suite(void);
Suite *history_suite(void) {
    Suite *suite = suite_create("history");
    TCase *context = tcase_create("catalog_entry_context");
    tcase_add_checked_fixture(context, set_up, tear_down);
    tcase_add_test(context, each_origin);
    tcase_add_test(context, bounded);
    suite_add_tcase(suite, context);
    return suite;
}
