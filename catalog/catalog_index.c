/* catalog_index.c - nodes in order of their keys: a treap.
 *
 * A treap is a search tree by key and a heap by priority; with random priorities its depth is about 1.4 log2 n. Here the
 * priority is the slot, which is a hash of the key: so the shape depends on the set of keys alone, and neither insertion
 * nor removal needs memory, a parent pointer or recursion. Seidel and Aragon, "Randomized Search Trees" (1996).
 */
#include "catalog/internal.h"

struct catalog_key catalog__node_key(const struct catalog__node *node) {
    return (struct catalog_key){
        .kind = node->kind,
        .entity = {.data = node->text, .size_bytes = node->entity_size_bytes},
        .name = {.data = node->text + node->entity_size_bytes, .size_bytes = node->name_size_bytes},
    };
}

static int compare(const struct catalog__node *node, const struct catalog_key *key) {
    struct catalog_key own = catalog__node_key(node);
    return catalog_key_compare(&own, key);
}

void catalog__index_insert(struct catalog__node **root, struct catalog__node *node) {
    struct catalog_key key = catalog__node_key(node);
    struct catalog__node **link = root;
    while (*link != NULL && (*link)->slot >= node->slot) {
        int order = compare(*link, &key);
        assert(order != 0);
        link = order < 0 ? &(*link)->right : &(*link)->left;
    }
    /* The node takes this place; what stood here is split by its key into its two sides. */
    struct catalog__node *below = *link;
    struct catalog__node **left = &node->left;
    struct catalog__node **right = &node->right;
    while (below != NULL) {
        int order = compare(below, &key);
        assert(order != 0);
        if (order < 0) {
            *left = below;
            left = &below->right;
            below = below->right;
        } else {
            *right = below;
            right = &below->left;
            below = below->left;
        }
    }
    *left = NULL;
    *right = NULL;
    *link = node;
}

void catalog__index_remove(struct catalog__node **root, const struct catalog__node *node) {
    struct catalog_key key = catalog__node_key(node);
    struct catalog__node **link = root;
    while (*link != node) {
        assert(*link != NULL);
        link = compare(*link, &key) < 0 ? &(*link)->right : &(*link)->left;
    }
    struct catalog__node *left = node->left;
    struct catalog__node *right = node->right;
    while (left != NULL && right != NULL) {
        if (left->slot >= right->slot) {
            *link = left;
            link = &left->right;
            left = left->right;
        } else {
            *link = right;
            link = &right->left;
            right = right->left;
        }
    }
    *link = left != NULL ? left : right;
}

struct catalog__node *catalog__index_find(struct catalog__node *root,
                                          const struct catalog_key *key) {
    struct catalog__node *node = root;
    while (node != NULL) {
        int order = compare(node, key);
        if (order == 0) {
            return node;
        }
        node = order < 0 ? node->right : node->left;
    }
    return NULL;
}

struct catalog__node *catalog__index_after(struct catalog__node *root,
                                           const struct catalog_key *key, bool or_equal) {
    struct catalog__node *best = NULL;
    struct catalog__node *node = root;
    while (node != NULL) {
        int order = compare(node, key);
        if (order > 0 || (order == 0 && or_equal)) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return best;
}
