/* test_walk_leaf.c - a leaf of theirs against our items: what is wanted and what is had. */
#include "merkle/walk.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/items.h"

#include <check.h>

enum { SALT = 3 };

static struct alloc_fault fault;
static struct merkle_allocator allocator;
static struct merkle_tree *tree;
static struct merkle_walk *walk;
static uint8_t bytes[5 * 100];
static struct merkle__node leaf;

static void setup(void) {
    fault = (struct alloc_fault){.allowed = SIZE_MAX};
    allocator = alloc_fault_allocator(&fault);
    ck_assert_int_eq(merkle_tree_new(&allocator, &tree), 0);
    ck_assert_int_eq(merkle_walk_new(&allocator, tree, SALT, &walk), 0);
    leaf = (struct merkle__node){.kind = MERKLE__NODE_LEAF, .fingerprints = bytes};
}

static void teardown(void) {
    merkle_walk_free(walk);
    merkle_tree_free(tree);
    ck_assert_uint_eq(fault.live_blocks, 0);
}

static void ours(struct merkle_item item) {
    ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
}

static void theirs(struct merkle_item item) {
    const struct merkle_fingerprint fingerprint =
        merkle_fingerprint_of_item(item.slot, &item.digest, SALT);
    memcpy(bytes + 5 * leaf.fingerprint_count++, fingerprint.bytes, 5);
}

START_TEST(equal_leaves_say_nothing) {
    /* The same items on both sides, in whatever order theirs come, leave all lists empty. */
    for (uint32_t i = 0; i < 16; ++i)
        ours(items_item(i, i));
    for (uint32_t i = 16; i-- > 0;)
        theirs(items_item(i, i));
    ck_assert_int_eq(merkle__walk_compare_leaf(walk, &leaf), 0);
    ck_assert_uint_eq(merkle_walk_wants_count(walk), 0);
    ck_assert_uint_eq(merkle_walk_haves_count(walk), 0);
}
END_TEST

START_TEST(a_changed_item_is_in_both_lists) {
    /* An item with another digest there is wanted by fingerprint and had by slot and handle. */
    struct merkle_item item = items_item(5, 50);
    ours(item);
    ours(items_item(6, 60));
    theirs(items_item(6, 60));
    item.digest.bytes[0] ^= 1;
    theirs(item);
    ck_assert_int_eq(merkle__walk_compare_leaf(walk, &leaf), 0);
    struct merkle_walk_want want;
    struct merkle_walk_have have;
    ck_assert_uint_eq(merkle_walk_take_wants(walk, &want, 1), 1);
    ck_assert_mem_eq(want.fingerprint.bytes, bytes + 5, 5);
    ck_assert_uint_eq(want.path.depth, 0);
    ck_assert_uint_eq(merkle_walk_take_haves(walk, &have, 1), 1);
    ck_assert(!have.whole_path);
    ck_assert_uint_eq(have.slot, 5);
    ck_assert_uint_eq(have.handle, 50);
    ck_assert_uint_eq(merkle_walk_wants_count(walk) + merkle_walk_haves_count(walk), 0);
}
END_TEST

START_TEST(nothing_in_common_is_one_path) {
    /* If none of ours is theirs, all that is under the path is had as a whole. */
    for (uint32_t i = 0; i < 500; ++i)
        ours(items_item(i * UINT64_C(0x0080000000000000), i));
    theirs(items_item(1, 1000));
    ck_assert_int_eq(merkle__walk_compare_leaf(walk, &leaf), 0);
    struct merkle_walk_have have;
    ck_assert_uint_eq(merkle_walk_take_haves(walk, &have, 1), 1);
    ck_assert(have.whole_path);
    ck_assert_uint_eq(have.path.depth, 0);
    ck_assert_uint_eq(merkle_walk_haves_count(walk), 0);
    ck_assert_uint_eq(merkle_walk_wants_count(walk), 1);
}
END_TEST

START_TEST(repeated_fingerprints_are_counted) {
    /* Theirs three times and ours once leaves two that are wanted: a liar is not believed to be equal. */
    ours(items_item(5, 50));
    for (int i = 0; i < 3; ++i)
        theirs(items_item(5, 50));
    ck_assert_int_eq(merkle__walk_compare_leaf(walk, &leaf), 0);
    ck_assert_uint_eq(merkle_walk_wants_count(walk), 2);
    ck_assert_uint_eq(merkle_walk_haves_count(walk), 0);
}
END_TEST

START_TEST(equal_items_match_one_to_one) {
    /* Two equal items here and two there are two matches, and nothing is had or wanted. */
    struct merkle_item item = items_item(5, 50);
    ours(item);
    item.handle = 51;
    ours(item);
    theirs(item);
    theirs(item);
    ck_assert_int_eq(merkle__walk_compare_leaf(walk, &leaf), 0);
    ck_assert_uint_eq(merkle_walk_wants_count(walk), 0);
    ck_assert_uint_eq(merkle_walk_haves_count(walk), 0);
}
END_TEST

START_TEST(memory_may_end) {
    /* Each allocation can fail, also of the copy of a large leaf, and nothing is leaked. */
    leaf.path = (struct merkle_path){.prefix = 7, .depth = 16};
    for (uint32_t i = 0; i < 90; ++i) {
        if (i % 2 == 0)
            ours(items_item(7, i));
        if (i % 3 == 0)
            theirs(items_item(7, i));
    }
    for (uint32_t i = 500; i < 560; ++i)
        theirs(items_item(7, i));
    for (size_t allowed = 0;; ++allowed) {
        const size_t live_blocks = fault.live_blocks;
        struct merkle_walk *fresh;
        ck_assert_int_eq(merkle_walk_new(&allocator, tree, SALT, &fresh), 0);
        fault.fired = 0;
        fault.allowed = allowed;
        const int result = merkle__walk_compare_leaf(fresh, &leaf);
        fault.allowed = SIZE_MAX;
        if (result == 0) {
            ck_assert_uint_eq(merkle_walk_wants_count(fresh), 15 + 60);
            ck_assert_uint_eq(merkle_walk_haves_count(fresh), 30);
        } else {
            ck_assert_int_eq(result, MERKLE_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
        }
        merkle_walk_free(fresh);
        ck_assert_uint_eq(fault.live_blocks, live_blocks);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 3);
            break;
        }
    }
}
END_TEST

Suite *walk_leaf_suite(void);

Suite *walk_leaf_suite(void) {
    Suite *suite = suite_create("walk_leaf");
    TCase *compare = tcase_create("merkle__walk_compare_leaf");
    tcase_add_checked_fixture(compare, setup, teardown);
    tcase_add_test(compare, equal_leaves_say_nothing);
    tcase_add_test(compare, a_changed_item_is_in_both_lists);
    tcase_add_test(compare, nothing_in_common_is_one_path);
    tcase_add_test(compare, repeated_fingerprints_are_counted);
    tcase_add_test(compare, equal_items_match_one_to_one);
    tcase_add_test(compare, memory_may_end);
    suite_add_tcase(suite, compare);
    return suite;
}
