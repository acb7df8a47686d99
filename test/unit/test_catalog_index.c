/* test_catalog_index.c - the treap of nodes against a sorted array. */
#include "catalog/internal.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 400, STEPS = 4000 };

static uint64_t random_state;

static uint32_t random_below(uint32_t bound) {
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % bound;
}

/* Long common prefixes and many kinds; `colliding`: few priorities, so that most are equal. */
static struct catalog__node *make_node(unsigned number, bool colliding) {
    char entity[64];
    char name[16];
    snprintf(entity, sizeof entity, "a_long_common_prefix_%u", number % 7);
    snprintf(name, sizeof name, "%u", number / 28);
    struct catalog_key key = catalog_kit_key((uint16_t)(2 + number / 7 % 4), entity, name);
    struct catalog__node *node = malloc(sizeof *node + sizeof entity + sizeof name);
    *node = (struct catalog__node){
        .slot = colliding ? number % 3 : catalog_key_slot(&key),
        .kind = key.kind,
        .entity_size_bytes = (uint8_t)key.entity.size_bytes,
        .name_size_bytes = (uint8_t)key.name.size_bytes,
    };
    memcpy(node->text, entity, key.entity.size_bytes);
    memcpy(node->text + key.entity.size_bytes, name, key.name.size_bytes);
    return node;
}

static int compare(const void *a, const void *b) {
    struct catalog_key key_a = catalog__node_key(*(struct catalog__node *const *)a);
    struct catalog_key key_b = catalog__node_key(*(struct catalog__node *const *)b);
    return catalog_key_compare(&key_a, &key_b);
}

/* Deepest path; aborts where a child has a higher priority than its parent. */
static size_t depth_of(const struct catalog__node *node) {
    if (node == NULL) {
        return 0;
    }
    ck_assert(node->left == NULL || node->left->slot <= node->slot);
    ck_assert(node->right == NULL || node->right->slot <= node->slot);
    size_t left = depth_of(node->left);
    size_t right = depth_of(node->right);
    return 1 + (left > right ? left : right);
}

static void assert_same(struct catalog__node *root, struct catalog__node **nodes,
                        const bool *present) {
    struct catalog_key lowest = {0};
    struct catalog__node *at = catalog__index_after(root, &lowest, true);
    for (size_t i = 0; i < NODES; ++i) {
        struct catalog_key key = catalog__node_key(nodes[i]);
        ck_assert_ptr_eq(catalog__index_find(root, &key), present[i] ? nodes[i] : NULL);
        if (present[i]) {
            ck_assert_ptr_eq(at, nodes[i]);
            ck_assert_ptr_eq(catalog__index_after(root, &key, true), nodes[i]);
            at = catalog__index_after(root, &key, false);
        }
    }
    ck_assert_ptr_null(at);
}

/* Whatever is inserted and removed, search and walk say what a sorted array says, and the heap order holds. */
START_TEST(against_array) {
    bool colliding = _i == 1;
    struct catalog__node *nodes[NODES];
    bool present[NODES] = {false};
    struct catalog__node *root = NULL;
    random_state = 11;
    for (unsigned i = 0; i < NODES; ++i) {
        nodes[i] = make_node(i, colliding);
    }
    qsort(nodes, NODES, sizeof *nodes, compare);
    for (unsigned step = 0; step < STEPS; ++step) {
        uint32_t i = random_below(NODES);
        if (present[i]) {
            catalog__index_remove(&root, nodes[i]);
        } else {
            catalog__index_insert(&root, nodes[i]);
        }
        present[i] = !present[i];
        if (step % 200 == 0) {
            assert_same(root, nodes, present);
            size_t depth = depth_of(root);
            ck_assert(colliding || depth < 40); /* 1.4 log2 400 is 12 */
        }
    }
    for (size_t i = 0; i < NODES; ++i) {
        if (present[i]) {
            catalog__index_remove(&root, nodes[i]);
        }
        free(nodes[i]);
    }
    ck_assert_ptr_null(root);
}
END_TEST

/* The shape depends on the set of keys, not on the order in which they came. */
START_TEST(same_shape) {
    struct catalog__node *nodes[NODES];
    struct catalog__node *root = NULL;
    struct {
        struct catalog__node *left, *right;
    } before[NODES];
    for (unsigned i = 0; i < NODES; ++i) {
        nodes[i] = make_node(i, false);
        catalog__index_insert(&root, nodes[i]);
    }
    struct catalog__node *top = root;
    for (unsigned i = 0; i < NODES; ++i) {
        before[i].left = nodes[i]->left;
        before[i].right = nodes[i]->right;
    }
    root = NULL;
    for (unsigned i = NODES; i-- > 0;) {
        catalog__index_insert(&root, nodes[i]);
    }
    ck_assert_ptr_eq(root, top);
    for (unsigned i = 0; i < NODES; ++i) {
        ck_assert_ptr_eq(nodes[i]->left, before[i].left);
        ck_assert_ptr_eq(nodes[i]->right, before[i].right);
        free(nodes[i]);
    }
}
END_TEST

Suite *catalog_index_suite(void);
Suite *catalog_index_suite(void) {
    Suite *suite = suite_create("catalog_index");
    TCase *tcase = tcase_create("catalog_index_insert");
    tcase_add_loop_test(tcase, against_array, 0, 2);
    tcase_add_test(tcase, same_shape);
    suite_add_tcase(suite, tcase);
    return suite;
}
