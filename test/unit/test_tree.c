/* test_tree.c - insert, replace and remove against a sorted array; history; memory that ends. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/items.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void compare_with_model(struct merkle_tree *tree, const struct items *model) {
    const struct merkle_digest root = merkle_tree_root(tree);
    const struct merkle_digest expected = items_digest(model->rows, model->count, 0);
    ck_assert_uint_eq(merkle_tree_count(tree), model->count);
    ck_assert_mem_eq(root.bytes, expected.bytes, sizeof(root.bytes));
    ck_assert(merkle_tree_verify(tree));
}

/* A path near an item of the model, and what the tree says about it. */
static void compare_a_path(struct merkle_tree *tree, const struct items *model, uint64_t *random) {
    struct merkle_path path = {.depth = (uint8_t)(items_random(random) % 17)};
    path.prefix = items_random(random);
    if (model->count > 0)
        path.prefix = model->rows[path.prefix % model->count].slot;
    const struct merkle_path zero = {.prefix = 0, .depth = path.depth};
    path.prefix &= ~merkle_path_slot_last(zero);
    size_t first;
    const size_t count = items_under(model, path, &first);
    ck_assert_uint_eq(merkle_tree_path_count(tree, path), count);
    const struct merkle_digest expected = items_digest(model->rows + first, count, path.depth);
    const struct merkle_digest digest = merkle_tree_path_digest(tree, path);
    ck_assert_mem_eq(digest.bytes, expected.bytes, sizeof(digest.bytes));
}

/* One random change to both; `grow` of 16 are inserts. */
static void change_both(struct merkle_tree *tree, struct items *model, enum items_shape shape,
                        uint64_t *random, unsigned grow, uint32_t *number) {
    const uint64_t draw = items_random(random);
    if (model->count == 0 || draw % 16 < grow) {
        const struct merkle_item item = items_item(items_slot(shape, random), (*number)++);
        ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
        items_add(model, item);
        return;
    }
    const size_t index = (draw >> 8) % model->count;
    struct merkle_item item = model->rows[index];
    if (draw % 16 < grow + (16 - grow) / 3) {
        item.digest = items_item(0, (*number)++).digest;
        ck_assert_int_eq(merkle_tree_replace(tree, item.slot, item.handle, &item.digest), 0);
        items_delete(model, index);
        items_add(model, item);
    } else {
        ck_assert_int_eq(merkle_tree_remove(tree, item.slot, item.handle), 0);
        items_delete(model, index);
    }
}

START_TEST(changes_as_a_sorted_array) {
    /* After any series of changes, growing and shrinking, shape, counts and digests are those of the definition (G4). */
    enum { OPERATIONS = 220000, CHECK_EVERY = 1500 };
    const enum items_shape shape = (enum items_shape)_i;
    uint64_t random = 77 + (uint64_t)_i;
    struct items model;
    items_init(&model);
    struct merkle_tree *tree;
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &tree), 0);
    uint32_t number = 0;
    unsigned grow = 12;
    for (size_t i = 0; i < OPERATIONS; ++i) {
        change_both(tree, &model, shape, &random, grow, &number);
        if (model.count > 3000)
            grow = 2;
        else if (model.count == 0 || (model.count < 20 && items_random(&random) % 1000 == 0))
            grow = 12;
        if (i % 64 == 0)
            compare_a_path(tree, &model, &random);
        if (i % CHECK_EVERY == 0 || (model.count < 40 && i % 8 == 0))
            compare_with_model(tree, &model);
    }
    while (model.count > 0) {
        const struct merkle_item item = model.rows[model.count / 2];
        items_delete(&model, model.count / 2);
        ck_assert_int_eq(merkle_tree_remove(tree, item.slot, item.handle), 0);
    }
    compare_with_model(tree, &model);
    merkle_tree_free(tree);
    items_close(&model);
}
END_TEST

START_TEST(order_does_not_matter) {
    /* The same set built in two orders, one with a detour, gives the same root (G4). */
    const enum items_shape shape = (enum items_shape)_i;
    uint64_t random = 5;
    struct items items;
    items_init(&items);
    for (uint32_t i = 0; i < 2000; ++i)
        items_push(&items, items_item(items_slot(shape, &random), i));
    struct merkle_tree *forward = items_tree(&merkle_allocator_libc, &items), *backward;
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &backward), 0);
    for (size_t i = items.count; i-- > 0;) {
        const struct merkle_item detour =
            items_item(items.rows[i].slot ^ (i % 3), 1000000 + (uint32_t)i);
        ck_assert_int_eq(merkle_tree_insert(backward, &detour), 0);
        ck_assert_int_eq(merkle_tree_insert(backward, &items.rows[i]), 0);
    }
    for (size_t i = 0; i < items.count; ++i)
        ck_assert_int_eq(
            merkle_tree_remove(backward, items.rows[i].slot ^ (i % 3), 1000000 + (uint32_t)i), 0);
    const struct merkle_digest a = merkle_tree_root(forward), b = merkle_tree_root(backward);
    ck_assert(merkle_digest_equal(&a, &b));
    ck_assert(merkle_tree_verify(forward) && merkle_tree_verify(backward));
    merkle_tree_free(forward);
    merkle_tree_free(backward);
    items_close(&items);
}
END_TEST

START_TEST(what_is_there_and_what_is_not) {
    /* An item is named by slot and handle: twice is EEXISTS, absent is ENOTFOUND, and neither changes anything. */
    struct merkle_tree *tree;
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &tree), 0);
    struct merkle_item item = items_item(42, 7);
    ck_assert_int_eq(merkle_tree_remove(tree, 42, 7), MERKLE_ENOTFOUND);
    ck_assert_int_eq(merkle_tree_replace(tree, 42, 7, &item.digest), MERKLE_ENOTFOUND);
    ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
    const struct merkle_digest root = merkle_tree_root(tree);
    item.digest.bytes[0] ^= 1;
    ck_assert_int_eq(merkle_tree_insert(tree, &item), MERKLE_EEXISTS);
    ck_assert_int_eq(merkle_tree_remove(tree, 42, 8), MERKLE_ENOTFOUND);
    ck_assert_int_eq(merkle_tree_remove(tree, 43, 7), MERKLE_ENOTFOUND);
    ck_assert_int_eq(merkle_tree_replace(tree, 43, 7, &item.digest), MERKLE_ENOTFOUND);
    const struct merkle_digest after = merkle_tree_root(tree);
    ck_assert(merkle_digest_equal(&root, &after));
    item.slot = 43;
    ck_assert_int_eq(merkle_tree_insert(tree, &item), 0); /* the same handle in another slot */
    ck_assert_uint_eq(merkle_tree_count(tree), 2);
    merkle_tree_free(tree);
    merkle_tree_free(NULL);
}
END_TEST

START_TEST(equal_items_are_counted) {
    /* Two items with one slot and digest are two: the root tells one from two, and each can be removed. */
    struct merkle_tree *tree;
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &tree), 0);
    struct merkle_item item = items_item(42, 7);
    ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
    const struct merkle_digest one = merkle_tree_root(tree);
    item.handle = 8;
    ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
    const struct merkle_digest two = merkle_tree_root(tree);
    ck_assert(!merkle_digest_equal(&one, &two));
    ck_assert_int_eq(merkle_tree_remove(tree, 42, 7), 0);
    const struct merkle_digest again = merkle_tree_root(tree);
    ck_assert(merkle_digest_equal(&one, &again));
    merkle_tree_free(tree);
}
END_TEST

/* Applies one change, failing at the first allocation, the second ..., until it succeeds; after each failure the tree
 * is as before. Returns how many faults fired. */
static size_t change_under_faults(struct merkle_tree *tree, struct alloc_fault *fault,
                                  const struct merkle_item *item, bool insert) {
    const struct merkle_digest root = merkle_tree_root(tree);
    const size_t count = merkle_tree_count(tree);
    for (size_t allowed = 0;; ++allowed) {
        fault->allowed = allowed;
        fault->fired = 0;
        const int result = insert ? merkle_tree_insert(tree, item)
                                  : merkle_tree_remove(tree, item->slot, item->handle);
        fault->allowed = SIZE_MAX;
        if (result == 0)
            return allowed + fault->fired;
        ck_assert_int_eq(result, MERKLE_ENOMEM);
        ck_assert_uint_eq(fault->fired, 1);
        const struct merkle_digest after = merkle_tree_root(tree);
        ck_assert(merkle_digest_equal(&root, &after));
        ck_assert_uint_eq(merkle_tree_count(tree), count);
        ck_assert(merkle_tree_verify(tree));
    }
}

START_TEST(memory_that_ends_changes_nothing) {
    /* Every allocation of every insert and remove can fail, and the tree is then what it was. */
    const enum items_shape shape = (enum items_shape)_i;
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    uint64_t random = 99;
    struct items items;
    items_init(&items);
    struct merkle_tree *tree;
    size_t fired = 0;
    ck_assert_int_eq(merkle_tree_new(&allocator, &tree), 0);
    for (uint32_t i = 0; i < 4000; ++i) {
        items_push(&items, items_item(items_slot(shape, &random), i));
        fired += change_under_faults(tree, &fault, &items.rows[i], true);
    }
    ck_assert_uint_gt(fired, 3);
    for (size_t i = 0; i < items.count; ++i)
        change_under_faults(tree, &fault, &items.rows[i * 7 % items.count], false);
    ck_assert_uint_eq(merkle_tree_count(tree), 0);
    ck_assert(merkle_tree_verify(tree));
    merkle_tree_free(tree);
    ck_assert_uint_eq(fault.live_blocks, 0);
    items_close(&items);
}
END_TEST

START_TEST(removing_goes_on_without_memory) {
    /* With no memory at all an item leaves its leaf all the same; only where leaves are joined it may be refused. */
    enum { LEAVES = 400 }; /* all full, so that few smaller blocks are free */
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct items items;
    items_init(&items);
    for (uint32_t i = 0; i < LEAVES * 16; ++i)
        items_push(&items, items_item(i, i));
    struct merkle_tree *tree = items_tree(&allocator, &items);
    fault.allowed = 0;
    fault.repeat = true;
    size_t refused = 0;
    for (size_t i = 0; i < items.count; ++i) {
        const struct merkle_item *item = &items.rows[i % LEAVES * 16 + i / LEAVES];
        int result = merkle_tree_remove(tree, item->slot, item->handle);
        if (result != 0) {
            ck_assert_int_eq(result, MERKLE_ENOMEM);
            refused++;
            fault.allowed = SIZE_MAX;
            result = merkle_tree_remove(tree, item->slot, item->handle);
            fault.allowed = 0;
        }
        ck_assert_int_eq(result, 0);
        if (i % 200 == 0)
            ck_assert(merkle_tree_verify(tree));
    }
    ck_assert_uint_gt(fault.fired, refused); /* some removals met the famine and went on */
    ck_assert_uint_eq(merkle_tree_count(tree), 0);
    merkle_tree_free(tree);
    ck_assert_uint_eq(fault.live_blocks, 0);
    items_close(&items);
}
END_TEST

START_TEST(replacing_takes_no_memory) {
    /* merkle_tree_replace never calls the allocator. */
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    uint64_t random = 4;
    struct items items;
    items_init(&items);
    for (uint32_t i = 0; i < 1000; ++i)
        items_push(&items, items_item(items_slot(ITEMS_MIXED, &random), i));
    struct merkle_tree *tree = items_tree(&allocator, &items);
    const size_t calls = fault.calls;
    for (uint32_t i = 0; i < 1000; ++i) {
        items.rows[i].digest = items_item(0, i + 5000).digest;
        ck_assert_int_eq(merkle_tree_replace(tree, items.rows[i].slot, i, &items.rows[i].digest),
                         0);
    }
    ck_assert_uint_eq(fault.calls, calls);
    items_sort(&items);
    compare_with_model(tree, &items);
    merkle_tree_free(tree);
    items_close(&items);
}
END_TEST

START_TEST(a_tree_needs_memory_to_begin) {
    /* merkle_tree_new reports a failure and leaks nothing. */
    struct alloc_fault fault = {.allowed = 0};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct merkle_tree *tree = NULL;
    ck_assert_int_eq(merkle_tree_new(&allocator, &tree), MERKLE_ENOMEM);
    ck_assert_uint_eq(fault.fired, 1);
    ck_assert_uint_eq(fault.live_blocks, 0);
}
END_TEST

START_TEST(memory_is_what_was_taken) {
    /* merkle_tree_memory_bytes is the allocator's own count, and stays below 55 bytes an item. */
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    for (int shape = 0; shape < ITEMS_SHAPE_COUNT; ++shape) {
        uint64_t random = 8;
        struct merkle_tree *tree;
        ck_assert_int_eq(merkle_tree_new(&allocator, &tree), 0);
        for (uint32_t i = 0; i < 60000; ++i) {
            const struct merkle_item item =
                items_item(items_slot(shape == ITEMS_COLLIDING || shape == ITEMS_MIXED
                                          ? ITEMS_PREFIX
                                          : (enum items_shape)shape,
                                      &random),
                           i);
            ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
            if (i % 1000 == 0)
                ck_assert_uint_eq(merkle_tree_memory_bytes(tree), fault.live_bytes);
        }
        ck_assert_uint_eq(merkle_tree_memory_bytes(tree), fault.live_bytes);
        if (shape == ITEMS_UNIFORM)
            ck_assert_uint_le(merkle_tree_memory_bytes(tree) / 60000, 55);
        merkle_tree_free(tree);
        ck_assert_uint_eq(fault.live_bytes, 0);
    }
}
END_TEST

Suite *tree_suite(void);

Suite *tree_suite(void) {
    Suite *suite = suite_create("tree");
    TCase *insert = tcase_create("merkle_tree_insert");
    tcase_add_loop_test(insert, changes_as_a_sorted_array, 0, ITEMS_SHAPE_COUNT);
    tcase_add_loop_test(insert, order_does_not_matter, 0, ITEMS_SHAPE_COUNT);
    tcase_add_test(insert, what_is_there_and_what_is_not);
    tcase_add_test(insert, equal_items_are_counted);
    tcase_add_loop_test(insert, memory_that_ends_changes_nothing, 0, ITEMS_SHAPE_COUNT);
    suite_add_tcase(suite, insert);
    TCase *replace = tcase_create("merkle_tree_replace");
    tcase_add_test(replace, replacing_takes_no_memory);
    suite_add_tcase(suite, replace);
    TCase *remove = tcase_create("merkle_tree_remove");
    tcase_add_test(remove, removing_goes_on_without_memory);
    suite_add_tcase(suite, remove);
    TCase *new = tcase_create("merkle_tree_new");
    tcase_add_test(new, a_tree_needs_memory_to_begin);
    suite_add_tcase(suite, new);
    TCase *memory = tcase_create("merkle_tree_memory_bytes");
    tcase_add_test(memory, memory_is_what_was_taken);
    suite_add_tcase(suite, memory);
    return suite;
}
