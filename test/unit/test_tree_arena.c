/* test_tree_arena.c - blocks, inner nodes and big leaves: given out, given back, used again. */
#include "merkle/tree.h"
#include "test/unit/support/alloc_fault.h"

#include <check.h>

static struct alloc_fault fault;
static struct merkle_allocator allocator;
static struct merkle_tree *tree;

static void setup(void) {
    fault = (struct alloc_fault){.allowed = SIZE_MAX};
    allocator = alloc_fault_allocator(&fault);
    ck_assert_int_eq(merkle_tree_new(&allocator, &tree), 0);
}

static void teardown(void) {
    merkle_tree_free(tree);
    ck_assert_uint_eq(fault.live_blocks, 0);
}

START_TEST(a_freed_block_is_used_again) {
    /* A block of the same size comes from what was freed, and takes no new memory. */
    const merkle__reference first = merkle__leaf_new(tree, 5);
    merkle__leaf_free(tree, first);
    const size_t calls = fault.calls;
    ck_assert_uint_eq(merkle__leaf_new(tree, 5), first);
    ck_assert_uint_eq(fault.calls, calls);
}
END_TEST

START_TEST(blocks_do_not_overlap) {
    /* Blocks of all sizes, filled with their own number, keep it; the rest of each chunk is used by smaller ones. */
    enum { BLOCKS = 2000 };
    static merkle__reference blocks[BLOCKS];
    for (uint32_t i = 0; i < BLOCKS; ++i) {
        blocks[i] = merkle__leaf_new(tree, 1 + i * 7 % 16);
        struct merkle__leaf leaf = merkle__leaf_at(tree, blocks[i]);
        ck_assert_uint_eq(leaf.count, 1 + i * 7 % 16);
        for (size_t j = 0; j < leaf.count; ++j) {
            memset(&leaf.keys[j], (int)(i % 256), sizeof(leaf.keys[j]));
            leaf.handles[j] = i;
        }
    }
    for (uint32_t i = 0; i < BLOCKS; ++i) {
        struct merkle__leaf leaf = merkle__leaf_at(tree, blocks[i]);
        for (size_t j = 0; j < leaf.count; ++j) {
            ck_assert_uint_eq(leaf.handles[j], i);
            ck_assert_uint_eq(leaf.keys[j].slot[0], i % 256);
            ck_assert_uint_eq(leaf.keys[j].digest.bytes[15], i % 256);
        }
    }
    ck_assert_uint_eq(merkle_tree_memory_bytes(tree), fault.live_bytes);
}
END_TEST

START_TEST(a_cut_block_keeps_its_items) {
    /* Cutting takes the last unit away in place: the other items stand, and the unit is free for a block of one. */
    merkle__reference reference = merkle__leaf_new(tree, 16);
    struct merkle__leaf leaf = merkle__leaf_at(tree, reference);
    for (uint32_t i = 0; i < 16; ++i) {
        leaf.keys[i] = (struct merkle__key){.slot = {(uint8_t)i}};
        leaf.handles[i] = 100 + i;
    }
    fault.allowed = 0;
    fault.repeat = true;
    for (uint32_t count = 15; count >= 1; --count) {
        reference = merkle__leaf_cut(tree, reference);
        leaf = merkle__leaf_at(tree, reference);
        ck_assert_uint_eq(leaf.count, count);
        for (uint32_t i = 0; i < count; ++i) {
            ck_assert_uint_eq(leaf.keys[i].slot[0], i);
            ck_assert_uint_eq(leaf.handles[i], 100 + i);
        }
    }
    for (int i = 0; i < 15; ++i)
        ck_assert_uint_ne(merkle__leaf_new(tree, 1), 0);
}
END_TEST

START_TEST(inner_nodes_begin_empty) {
    /* An inner node that is used again has no children, marks or digests of its former life. */
    const merkle__reference first = merkle__inner_new(tree);
    memset(merkle__inner_at(tree, first), 255, sizeof(struct merkle__inner));
    memset(merkle__digests_at(tree, first), 255, sizeof(struct merkle__digests));
    merkle__inner_free(tree, first);
    ck_assert_uint_eq(merkle__inner_new(tree), first);
    static const struct merkle__inner empty;
    static const struct merkle__digests zeros;
    ck_assert_mem_eq(merkle__inner_at(tree, first), &empty, sizeof(empty));
    ck_assert_mem_eq(merkle__digests_at(tree, first), &zeros, sizeof(zeros));
}
END_TEST

START_TEST(memory_may_end) {
    /* Each allocation behind a node can fail; the node is then not there, and the next try succeeds. */
    for (int what = 0; what < 3; ++what) {
        size_t allowed = 0;
        for (;; ++allowed) {
            struct merkle_tree *fresh;
            fault = (struct alloc_fault){.allowed = SIZE_MAX,
                                         .live_blocks = fault.live_blocks,
                                         .live_bytes = fault.live_bytes};
            ck_assert_int_eq(merkle_tree_new(&allocator, &fresh), 0);
            fault.allowed = allowed;
            merkle__reference made = what == 0   ? merkle__leaf_new(fresh, 4)
                                     : what == 1 ? merkle__leaf_new(fresh, 40)
                                                 : merkle__inner_new(fresh);
            const size_t fired = fault.fired;
            ck_assert_int_eq(made == 0, fired == 1);
            fault.allowed = SIZE_MAX;
            if (made == 0)
                made = what == 0   ? merkle__leaf_new(fresh, 4)
                       : what == 1 ? merkle__leaf_new(fresh, 40)
                                   : merkle__inner_new(fresh);
            ck_assert_uint_ne(made, 0);
            merkle__subtree_free(fresh, made);
            merkle_tree_free(fresh);
            if (fired == 0)
                break;
        }
        ck_assert_uint_ge(allowed, 2);
    }
}
END_TEST

Suite *tree_arena_suite(void);

Suite *tree_arena_suite(void) {
    Suite *suite = suite_create("tree_arena");
    TCase *leaf = tcase_create("merkle__leaf_new");
    tcase_add_checked_fixture(leaf, setup, teardown);
    tcase_add_test(leaf, a_freed_block_is_used_again);
    tcase_add_test(leaf, blocks_do_not_overlap);
    tcase_add_test(leaf, memory_may_end);
    suite_add_tcase(suite, leaf);
    TCase *cut = tcase_create("merkle__leaf_cut");
    tcase_add_checked_fixture(cut, setup, teardown);
    tcase_add_test(cut, a_cut_block_keeps_its_items);
    suite_add_tcase(suite, cut);
    TCase *inner = tcase_create("merkle__inner_new");
    tcase_add_checked_fixture(inner, setup, teardown);
    tcase_add_test(inner, inner_nodes_begin_empty);
    suite_add_tcase(suite, inner);
    return suite;
}
