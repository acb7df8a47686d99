/* test_tree_range.c - reading items in order, and counting them under paths. */
#include "test/unit/support/items.h"

#include <check.h>
#include <stdlib.h>

static struct items shaped_items(enum items_shape shape, uint32_t count, uint64_t seed) {
    struct items items;
    items_init(&items);
    for (uint32_t i = 0; i < count; ++i)
        items_push(&items, items_item(items_slot(shape, &seed), i));
    items_sort(&items);
    return items;
}

/* What the model gives for the same question. */
static size_t model_range(const struct items *items, uint64_t slot_first, uint64_t slot_last,
                          size_t skip, struct merkle_item *out, size_t max) {
    size_t count = 0;
    for (size_t i = 0; i < items->count && count < max; ++i) {
        const uint64_t slot = items->rows[i].slot;
        if (slot < slot_first || slot > slot_last)
            continue;
        if (slot == slot_first && skip > 0)
            skip--;
        else
            out[count++] = items->rows[i];
    }
    return count;
}

START_TEST(ranges_as_the_sorted_array) {
    /* Any range with any skip and room gives the items that the sorted array gives, in its order. */
    enum { ROOM = 50 };
    struct items items = shaped_items((enum items_shape)_i, 2500, 3);
    struct merkle_tree *tree = items_tree(&merkle_allocator_libc, &items);
    uint64_t random = 4;
    for (int i = 0; i < 4000; ++i) {
        struct merkle_item read[ROOM], expected[ROOM];
        uint64_t first = items.rows[items_random(&random) % items.count].slot;
        uint64_t last = items.rows[items_random(&random) % items.count].slot;
        if (i % 5 == 0)
            first = items_slot((enum items_shape)_i, &random);
        if (i % 7 == 0)
            last = UINT64_MAX;
        const size_t skip = i % 3 == 0 ? items_random(&random) % 90 : 0;
        const size_t room = items_random(&random) % (ROOM + 1);
        const size_t count = merkle_tree_range(tree, first, last, skip, read, room);
        ck_assert_uint_eq(count, model_range(&items, first, last, skip, expected, room));
        for (size_t j = 0; j < count; ++j) {
            ck_assert_uint_eq(read[j].slot, expected[j].slot);
            ck_assert(merkle_digest_equal(&read[j].digest, &expected[j].digest));
            ck_assert_uint_eq(read[j].handle, expected[j].handle);
        }
    }
    merkle_tree_free(tree);
    items_close(&items);
}
END_TEST

START_TEST(resuming_reads_all) {
    /* Reading on from the last slot with the number of its items read gives every item once, at any room. */
    struct items items = shaped_items((enum items_shape)_i, 1500, 5);
    struct merkle_tree *tree = items_tree(&merkle_allocator_libc, &items);
    for (size_t room = 1; room < 40; room += 6) {
        struct merkle_item read[40];
        uint64_t slot = 0;
        size_t skip = 0, total = 0, count;
        while ((count = merkle_tree_range(tree, slot, UINT64_MAX, skip, read, room)) > 0) {
            for (size_t i = 0; i < count; ++i, ++total) {
                ck_assert_uint_eq(read[i].handle, items.rows[total].handle);
                skip = read[i].slot == slot ? skip + 1 : 1;
                slot = read[i].slot;
            }
        }
        ck_assert_uint_eq(total, items.count);
    }
    merkle_tree_free(tree);
    items_close(&items);
}
END_TEST

START_TEST(nothing_to_read) {
    /* An empty tree, no room, and a range that ends before it begins give no item. */
    struct merkle_tree *tree;
    struct merkle_item item = items_item(9, 9);
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &tree), 0);
    ck_assert_uint_eq(merkle_tree_range(tree, 0, UINT64_MAX, 0, &item, 1), 0);
    ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
    ck_assert_uint_eq(merkle_tree_range(tree, 0, UINT64_MAX, 0, &item, 0), 0);
    ck_assert_uint_eq(merkle_tree_range(tree, 10, 8, 0, &item, 1), 0);
    ck_assert_uint_eq(merkle_tree_range(tree, 9, 9, 1, &item, 1), 0);
    ck_assert_uint_eq(merkle_tree_range(tree, 9, 9, 0, &item, 1), 1);
    merkle_tree_free(tree);
}
END_TEST

START_TEST(a_path_is_a_range_of_slots) {
    /* First and last slot of a path, at the depths where shifts could go wrong. */
    struct merkle_path path = {.prefix = 0, .depth = 0};
    ck_assert_uint_eq(merkle_path_slot_first(path), 0);
    ck_assert_uint_eq(merkle_path_slot_last(path), UINT64_MAX);
    path = (struct merkle_path){.prefix = UINT64_C(0xf) << 60, .depth = 1};
    ck_assert_uint_eq(merkle_path_slot_first(path), UINT64_C(0xf) << 60);
    ck_assert_uint_eq(merkle_path_slot_last(path), UINT64_MAX);
    path = (struct merkle_path){.prefix = UINT64_C(0x1230), .depth = 15};
    ck_assert_uint_eq(merkle_path_slot_last(path), UINT64_C(0x123f));
    path = (struct merkle_path){.prefix = UINT64_C(0x1234), .depth = 16};
    ck_assert_uint_eq(merkle_path_slot_last(path), UINT64_C(0x1234));
}
END_TEST

Suite *tree_range_suite(void);

Suite *tree_range_suite(void) {
    Suite *suite = suite_create("tree_range");
    TCase *range = tcase_create("merkle_tree_range");
    tcase_add_loop_test(range, ranges_as_the_sorted_array, 0, ITEMS_SHAPE_COUNT);
    tcase_add_loop_test(range, resuming_reads_all, 0, ITEMS_SHAPE_COUNT);
    tcase_add_test(range, nothing_to_read);
    suite_add_tcase(suite, range);
    TCase *path = tcase_create("merkle_path_slot_last");
    tcase_add_test(path, a_path_is_a_range_of_slots);
    suite_add_tcase(suite, path);
    return suite;
}
