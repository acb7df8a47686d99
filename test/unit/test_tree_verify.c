/* test_tree_verify.c - damage to a tree in memory is seen, wherever it is. */
#include "merkle/tree.h"
#include "test/unit/support/items.h"

#include <check.h>

static struct merkle_tree *tree;
static struct items items;
static struct merkle__trace trace;
static struct merkle__leaf leaf;

static void setup(void) {
    uint64_t random = 6;
    items_init(&items);
    for (uint32_t i = 0; i < 3000; ++i)
        items_push(&items, items_item(items_slot(ITEMS_UNIFORM, &random), i));
    tree = items_tree(&merkle_allocator_libc, &items);
    merkle_tree_root(tree);
    ck_assert(merkle_tree_verify(tree));
    merkle__tree_trace(tree, items.rows[17].slot, &trace);
    leaf = merkle__leaf_at(tree, *trace.link);
    ck_assert_uint_gt(trace.depth, 1);
}

static void teardown(void) {
    merkle_tree_free(tree);
    items_close(&items);
}

START_TEST(an_item_changed_behind_its_back) {
    /* An item's bytes that change without the tree's knowledge are seen, and so is their return. */
    leaf.keys[0].digest.bytes[3] ^= 1;
    ck_assert(!merkle_tree_verify(tree));
    leaf.keys[0].digest.bytes[3] ^= 1;
    ck_assert(merkle_tree_verify(tree));
}
END_TEST

START_TEST(an_item_in_the_wrong_place) {
    /* An item whose slot does not belong under its leaf is seen. */
    leaf.keys[0].slot[0] ^= 0x80;
    ck_assert(!merkle_tree_verify(tree));
}
END_TEST

START_TEST(a_wrong_digest) {
    /* A kept digest that is not that of its items is seen, in a node and at the root. */
    const unsigned nibble = merkle__nibble(items.rows[17].slot, 0);
    struct merkle_digest *kept = &merkle__digests_at(tree, tree->root)->of_child[nibble];
    kept->bytes[0] ^= 1;
    ck_assert(!merkle_tree_verify(tree));
    kept->bytes[0] ^= 1;
    tree->root_digest.bytes[0] ^= 1;
    ck_assert(!merkle_tree_verify(tree));
}
END_TEST

START_TEST(a_mark_that_is_missing) {
    /* A change whose mark got lost is seen. */
    const struct merkle_digest digest = items_item(0, 1).digest;
    ck_assert_int_eq(merkle_tree_replace(tree, items.rows[17].slot, 17, &digest), 0);
    trace.inners[0]->marked = 0;
    ck_assert(!merkle_tree_verify(tree));
}
END_TEST

START_TEST(a_wrong_count) {
    /* A count that is not the number of items is seen, in a node and of the tree. */
    trace.inners[1]->count++;
    ck_assert(!merkle_tree_verify(tree));
    trace.inners[1]->count--;
    tree->count++;
    ck_assert(!merkle_tree_verify(tree));
}
END_TEST

START_TEST(a_lost_block) {
    /* A block that is neither in the tree nor free is seen. */
    const merkle__reference lost = merkle__leaf_new(tree, 3);
    ck_assert(!merkle_tree_verify(tree));
    merkle__leaf_free(tree, lost);
    ck_assert(merkle_tree_verify(tree));
    merkle__reference inner = merkle__inner_new(tree);
    ck_assert(!merkle_tree_verify(tree));
    merkle__inner_free(tree, inner);
    ck_assert(merkle_tree_verify(tree));
}
END_TEST

Suite *tree_verify_suite(void);

Suite *tree_verify_suite(void) {
    Suite *suite = suite_create("tree_verify");
    TCase *verify = tcase_create("merkle_tree_verify");
    tcase_add_checked_fixture(verify, setup, teardown);
    tcase_add_test(verify, an_item_changed_behind_its_back);
    tcase_add_test(verify, an_item_in_the_wrong_place);
    tcase_add_test(verify, a_wrong_digest);
    tcase_add_test(verify, a_mark_that_is_missing);
    tcase_add_test(verify, a_wrong_count);
    tcase_add_test(verify, a_lost_block);
    suite_add_tcase(suite, verify);
    return suite;
}
