/* test_entry_seen.c - the context of an entry, asked for one origin. */
#include "test/unit/support/entry_maker.h"

#include <check.h>

START_TEST(each_origin_by_itself) {
    /* The clock of the pair, whether its version survives or not; 0 of an origin that was never seen, wherever it sorts. */
    const struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "posts", "n");
    const struct made_line lines[] = {
        {2, 10, 0, 'a'}, {6, 15, 0, 'a'}, {4, 20, CATALOG_ACTIVE, 'a'}};
    static const catalog_clock seen[] = {0, 0, 10, 0, 20, 0, 15, 0};
    struct catalog_entry *entry = entry_maker_lines(&key, lines, 3);
    for (uint8_t origin = 1; origin < 8; origin++) {
        struct catalog_id id = entry_maker_id(origin);
        ck_assert_uint_eq(catalog_entry_seen(entry, &id), seen[origin]);
    }
    catalog_entry_release(entry);
}
END_TEST

Suite *entry_seen_suite(void);
Suite *entry_seen_suite(void) {
    Suite *suite = suite_create("entry_seen");
    TCase *seen = tcase_create("catalog_entry_seen");
    tcase_add_test(seen, each_origin_by_itself);
    suite_add_tcase(suite, seen);
    return suite;
}
