/* test_relate.c - how two copies of an entry stand to each other. */
#include "catalog/catalog.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>

static struct catalog_key key;

static void set_up(void) {
    key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
}

#define ENTRY(...)                                                                                 \
    entry_maker_lines(&key, (const struct made_line[]){__VA_ARGS__},                               \
                      sizeof((const struct made_line[]){__VA_ARGS__}) / sizeof(struct made_line))

static enum catalog_relation relate(struct catalog_entry *a, struct catalog_entry *b) {
    enum catalog_relation relation;
    enum catalog_relation turned;
    static const enum catalog_relation opposite[] = {CATALOG_SAME,    CATALOG_ONLY_B,
                                                     CATALOG_ONLY_A,  CATALOG_NEWER_B,
                                                     CATALOG_NEWER_A, CATALOG_CONFLICTING};
    ck_assert_int_eq(catalog_relate(&merkle_allocator_libc, a, b, &relation), 0);
    ck_assert_int_eq(catalog_relate(&merkle_allocator_libc, b, a, &turned), 0);
    ck_assert_int_eq(turned, opposite[relation]);
    catalog_entry_release(a);
    catalog_entry_release(b);
    return relation;
}

/* Newer is who has seen the other; what neither has seen of the other is a conflict, if the contents differ. */
START_TEST(relate_says_who_is_newer) {
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), NULL), CATALOG_ONLY_A);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), ENTRY({1, 5, 1, 'a'})), CATALOG_SAME);
    ck_assert_int_eq(relate(ENTRY({1, 6, 1, 'b'}), ENTRY({1, 5, 1, 'a'})), CATALOG_NEWER_A);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), ENTRY({1, 5, 0, 0}, {2, 6, CATALOG_DROPPED, 0})),
                     CATALOG_NEWER_B);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}, {2, 6, 1, 'b'}), ENTRY({1, 5, 1, 'a'})),
                     CATALOG_NEWER_A);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), ENTRY({2, 6, 1, 'b'})), CATALOG_CONFLICTING);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), ENTRY({2, 6, 1, 'a'})), CATALOG_NEWER_B);
    ck_assert_int_eq(relate(ENTRY({1, 4, 0, 0}, {2, 6, 1, 'b'}), ENTRY({2, 6, 1, 'b'})),
                     CATALOG_NEWER_A);
    ck_assert_int_eq(
        relate(ENTRY({1, 4, 0, 0}, {2, 6, 1, 'b'}), ENTRY({2, 6, 1, 'b'}, {3, 5, 0, 0})),
        CATALOG_SAME);
}
END_TEST

/* Without memory there is no answer. */
START_TEST(relate_out_of_memory) {
    struct catalog_entry *a = ENTRY({1, 5, 1, 'a'});
    struct catalog_entry *b = ENTRY({2, 6, 1, 'b'});
    for (size_t allowed = 0;; ++allowed) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        enum catalog_relation relation;
        int result = catalog_relate(&allocator, a, b, &relation);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_eq(allowed, 2);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.fired, 1);
    }
    catalog_entry_release(a);
    catalog_entry_release(b);
}
END_TEST

Suite *relate_suite(void);

Suite *relate_suite(void) {
    Suite *suite = suite_create("relate");
    TCase *relating = tcase_create("catalog_relate");
    tcase_add_checked_fixture(relating, set_up, NULL);
    tcase_add_test(relating, relate_says_who_is_newer);
    tcase_add_test(relating, relate_out_of_memory);
    suite_add_tcase(suite, relating);
    return suite;
}
