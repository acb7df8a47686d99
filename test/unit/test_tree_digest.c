/* test_tree_digest.c - golden digests of whole trees, digests at paths, and that only what is marked is recomputed. */
#include "merkle/tree.h"
#include "test/unit/support/items.h"

#include <check.h>

/* The item number i of the golden sets: its slot is the hash of i as 4 little-endian bytes, under the slot seed. */
static struct merkle_item golden_item(uint32_t number) {
    const uint8_t bytes[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                              (uint8_t)(number >> 24)};
    return (struct merkle_item){.slot = merkle_slot_of(bytes, sizeof(bytes)),
                                .digest = merkle_digest_of(bytes, sizeof(bytes), MERKLE_SEED_ENTRY),
                                .handle = number};
}

static void assert_root(struct merkle_tree *tree, const char *expected) {
    char text[33];
    const struct merkle_digest root = merkle_tree_root(tree);
    merkle_digest_print(&root, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(golden_roots) {
    /* The roots of fixed sets are these numbers for ever: they are compared between nodes of different builds. */
    static const struct {
        uint32_t count;
        const char *root;
    } golden[] = {
        {0, "00000000000000000000000000000000"},   {1, "492d9f144e939fb09e09c5bba6589d70"},
        {16, "1b627265a0347cdbdd0122bebcd85f05"},  {17, "7b1f6f4c70002581da388036cbd92cab"},
        {100, "ed16f0f245645731c9c70348eafed730"},
    };
    for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); ++i) {
        struct merkle_tree *tree;
        ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &tree), 0);
        for (uint32_t number = 0; number < golden[i].count; ++number) {
            const struct merkle_item item = golden_item(number);
            ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
        }
        assert_root(tree, golden[i].root);
        merkle_tree_free(tree);
    }
}
END_TEST

START_TEST(golden_slot_with_20_items) {
    /* A slot with more items than a leaf takes has a leaf of all of them at depth 16. */
    struct merkle_tree *tree;
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &tree), 0);
    for (uint32_t number = 0; number < 20; ++number) {
        struct merkle_item item = golden_item(number);
        item.slot = UINT64_C(0x0123456789abcdef);
        ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
    }
    assert_root(tree, "9b8d5dc1d925369e2fc6ef27d89e689e");
    merkle_tree_free(tree);
}
END_TEST

START_TEST(every_path_has_its_digest) {
    /* The digest at a path is the one of the items under it as a tree of their own, at, above and below leaves. */
    for (int shape = 0; shape < ITEMS_SHAPE_COUNT; ++shape) {
        uint64_t random = 21;
        struct items items;
        items_init(&items);
        for (uint32_t i = 0; i < 300; ++i)
            items_push(&items, items_item(items_slot((enum items_shape)shape, &random), i));
        items_sort(&items);
        struct merkle_tree *tree = items_tree(&merkle_allocator_libc, &items);
        for (size_t i = 0; i < items.count; i += 7) {
            for (unsigned depth = 17; depth-- > 0;) {
                struct merkle_path path = {.depth = (uint8_t)depth};
                path.prefix = items.rows[i].slot & ~merkle_path_slot_last(path);
                size_t first;
                const size_t count = items_under(&items, path, &first);
                const struct merkle_digest expected =
                    items_digest(items.rows + first, count, depth);
                const struct merkle_digest digest = merkle_tree_path_digest(tree, path);
                ck_assert_mem_eq(digest.bytes, expected.bytes, sizeof(digest.bytes));
                ck_assert_uint_eq(merkle_tree_path_count(tree, path), count);
            }
        }
        merkle_tree_free(tree);
        items_close(&items);
    }
}
END_TEST

START_TEST(asking_early_spoils_nothing) {
    /* A path's digest that is asked for between a change and the root leaves the root right. */
    uint64_t random = 22;
    struct items items;
    items_init(&items);
    struct merkle_tree *tree;
    ck_assert_int_eq(merkle_tree_new(&merkle_allocator_libc, &tree), 0);
    for (uint32_t i = 0; i < 3000; ++i) {
        const struct merkle_item item = items_item(items_slot(ITEMS_UNIFORM, &random), i);
        items_push(&items, item);
        ck_assert_int_eq(merkle_tree_insert(tree, &item), 0);
        struct merkle_path path = {.depth = (uint8_t)(i % 5)};
        path.prefix = item.slot & ~merkle_path_slot_last(path);
        merkle_tree_path_digest(tree, path);
        struct merkle_digest digests[MERKLE_FAN_OUT];
        if (i % 3 == 0)
            merkle__tree_children(tree, path, digests);
    }
    items_sort(&items);
    const struct merkle_digest expected = items_digest(items.rows, items.count, 0);
    const struct merkle_digest root = merkle_tree_root(tree);
    ck_assert_mem_eq(root.bytes, expected.bytes, sizeof(root.bytes));
    ck_assert(merkle_tree_verify(tree));
    merkle_tree_free(tree);
    items_close(&items);
}
END_TEST

START_TEST(children_are_the_paths_below) {
    /* The 16 children of a path are what merkle_tree_path_digest gives for each, in inner nodes and below leaves. */
    uint64_t random = 23;
    struct items items;
    items_init(&items);
    for (uint32_t i = 0; i < 500; ++i)
        items_push(&items, items_item(items_slot(ITEMS_MIXED, &random), i));
    struct merkle_tree *tree = items_tree(&merkle_allocator_libc, &items);
    for (unsigned depth = 0; depth < 16; ++depth) {
        struct merkle_path path = {.depth = (uint8_t)depth};
        path.prefix = items.rows[depth].slot & ~merkle_path_slot_last(path);
        struct merkle_digest digests[MERKLE_FAN_OUT];
        const uint16_t present = merkle__tree_children(tree, path, digests);
        for (unsigned i = 0; i < MERKLE_FAN_OUT; ++i) {
            const struct merkle_path child = merkle__path_child(path, i);
            const struct merkle_digest digest = merkle_tree_path_digest(tree, child);
            ck_assert_mem_eq(digest.bytes, digests[i].bytes, sizeof(digest.bytes));
            ck_assert_int_eq((present >> i) & 1, merkle_tree_path_count(tree, child) > 0);
        }
    }
    merkle_tree_free(tree);
    items_close(&items);
}
END_TEST

START_TEST(only_the_marked_path_is_marked) {
    /* A change marks one child in each node of its path, and the root clears all marks. */
    uint64_t random = 24;
    struct items items;
    items_init(&items);
    for (uint32_t i = 0; i < 5000; ++i)
        items_push(&items, items_item(items_slot(ITEMS_UNIFORM, &random), i));
    struct merkle_tree *tree = items_tree(&merkle_allocator_libc, &items);
    merkle_tree_root(tree);
    const struct merkle_digest digest = items_item(0, 9999).digest;
    ck_assert_int_eq(merkle_tree_replace(tree, items.rows[0].slot, 0, &digest), 0);
    struct merkle__trace trace;
    merkle__tree_trace(tree, items.rows[0].slot, &trace);
    ck_assert_uint_gt(trace.depth, 1);
    for (unsigned i = 0; i < trace.depth; ++i)
        ck_assert_uint_eq(trace.inners[i]->marked, 1u << merkle__nibble(items.rows[0].slot, i));
    merkle_tree_root(tree);
    for (unsigned i = 0; i < trace.depth; ++i)
        ck_assert_uint_eq(trace.inners[i]->marked, 0);
    ck_assert(merkle_tree_verify(tree));
    merkle_tree_free(tree);
    items_close(&items);
}
END_TEST

Suite *tree_digest_suite(void);

Suite *tree_digest_suite(void) {
    Suite *suite = suite_create("tree_digest");
    TCase *root = tcase_create("merkle_tree_root");
    tcase_add_test(root, golden_roots);
    tcase_add_test(root, golden_slot_with_20_items);
    tcase_add_test(root, only_the_marked_path_is_marked);
    suite_add_tcase(suite, root);
    TCase *path = tcase_create("merkle_tree_path_digest");
    tcase_add_test(path, every_path_has_its_digest);
    tcase_add_test(path, asking_early_spoils_nothing);
    suite_add_tcase(suite, path);
    TCase *children = tcase_create("merkle__tree_children");
    tcase_add_test(children, children_are_the_paths_below);
    suite_add_tcase(suite, children);
    return suite;
}
