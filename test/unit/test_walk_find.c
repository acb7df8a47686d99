/* test_walk_find.c - from fingerprints back to items. */
#include "test/unit/support/items.h"

#include <check.h>
#include <stdlib.h>

START_TEST(finds_what_the_sorted_array_has) {
    /* Of the fingerprints asked for, exactly those of items under the path are found, in order; foreign ones are not. */
    enum { ASKED_MAX = 512 };
    static struct merkle_fingerprint fingerprints[ASKED_MAX];
    static struct merkle_item found[ASKED_MAX];
    struct items items;
    uint64_t random = 11;
    items_init(&items);
    for (uint32_t i = 0; i < 3000; ++i)
        items_push(&items, items_item(items_slot((enum items_shape)_i, &random), i));
    items_sort(&items);
    struct merkle_tree *tree = items_tree(&merkle_allocator_libc, &items);
    for (unsigned round = 0; round < 200; ++round) {
        struct merkle_path path = {.depth = (uint8_t)(items_random(&random) % 17)};
        path.prefix =
            items.rows[items_random(&random) % items.count].slot & ~merkle_path_slot_last(path);
        size_t first, expected = 0, asked = 0;
        const size_t count = items_under(&items, path, &first);
        for (size_t i = first; i < first + count && asked < ASKED_MAX - 2; ++i) {
            if (items_random(&random) % 3 != 0)
                continue;
            fingerprints[asked++] =
                merkle_fingerprint_of_item(items.rows[i].slot, &items.rows[i].digest, round);
        }
        expected = asked;
        const struct merkle_item foreign = items_item(path.prefix, 1000000 + round);
        fingerprints[asked++] = merkle_fingerprint_of_item(foreign.slot, &foreign.digest, round);
        const size_t result =
            merkle_tree_find_fingerprints(tree, round, path, fingerprints, asked, found);
        ck_assert_uint_eq(result, expected);
        for (size_t i = 0; i < result; ++i) {
            const struct merkle_fingerprint fingerprint =
                merkle_fingerprint_of_item(found[i].slot, &found[i].digest, round);
            ck_assert_mem_eq(fingerprint.bytes, fingerprints[i].bytes, 5);
        }
        /* under another salt they are nobody's */
        ck_assert_uint_eq(
            merkle_tree_find_fingerprints(tree, round + 1, path, fingerprints, asked, found), 0);
    }
    merkle_tree_free(tree);
    items_close(&items);
}
END_TEST

START_TEST(never_more_than_there_is_room_for) {
    /* Several equal items for one fingerprint fill the room for one; no fingerprint finds nothing. */
    struct merkle_tree *tree;
    struct merkle_item item = items_item(77, 1), found[2];
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &tree), 0);
    for (item.handle = 1; item.handle < 100; ++item.handle)
        ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
    const struct merkle_fingerprint fingerprint = merkle_fingerprint_of_item(77, &item.digest, 5);
    const struct merkle_path root = {.depth = 0};
    found[1].slot = 4;
    ck_assert_uint_eq(merkle_tree_find_fingerprints(tree, 5, root, &fingerprint, 1, found), 1);
    ck_assert_uint_eq(found[0].slot, 77);
    ck_assert_uint_eq(found[1].slot, 4);
    ck_assert_uint_eq(merkle_tree_find_fingerprints(tree, 5, root, &fingerprint, 0, found), 0);
    merkle_tree_free(tree);
}
END_TEST

Suite *walk_find_suite(void);

Suite *walk_find_suite(void) {
    Suite *suite = suite_create("walk_find");
    TCase *find = tcase_create("merkle_tree_find_fingerprints");
    tcase_add_loop_test(find, finds_what_the_sorted_array_has, 0, ITEMS_SHAPE_COUNT);
    tcase_add_test(find, never_more_than_there_is_room_for);
    suite_add_tcase(suite, find);
    return suite;
}
