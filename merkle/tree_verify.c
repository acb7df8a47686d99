/* tree_verify.c - is the tree what a build from scratch gives? (S5)
 *
 * Everything that follows from the items is computed again from the items alone: shape, counts, order and digests. The
 * digests that the tree keeps are only compared, never used. It answers and does not abort, so that a scrub can report
 * a damaged tree and rebuild it.
 */
#include "merkle/tree.h"

struct check {
    const struct merkle_tree *tree;
    size_t units; /* in blocks of leaves */
    size_t inners;
    bool fine;
};

static size_t check_leaf(struct check *check, merkle__reference reference, struct merkle_path path,
                         struct merkle_digest *digest) {
    struct merkle__leaf leaf = merkle__leaf_at(check->tree, reference);
    bool big = merkle__kind(reference) == MERKLE__KIND_BIG;
    if (big && (leaf.count <= MERKLE_LEAF_ITEMS_MAX || path.depth != MERKLE_DEPTH_MAX)) {
        check->fine = false;
    }
    for (size_t i = 0; i < leaf.count; i++) {
        uint64_t slot = merkle__key_slot(&leaf.keys[i]);
        if (slot < merkle_path_slot_first(path) || slot > merkle_path_slot_last(path) ||
            (i > 0 && memcmp(&leaf.keys[i - 1], &leaf.keys[i], sizeof(leaf.keys[i])) > 0)) {
            check->fine = false;
        }
    }
    check->units += big ? 0 : leaf.count;
    *digest = merkle__leaf_digest(&leaf, 0, leaf.count);
    return leaf.count;
}

static size_t check_node(struct check *check, merkle__reference reference, struct merkle_path path,
                         struct merkle_digest *digest) {
    if (merkle__kind(reference) != MERKLE__KIND_INNER) {
        return check_leaf(check, reference, path, digest);
    }
    const struct merkle__inner *inner = merkle__inner_at(check->tree, reference);
    const struct merkle__digests *kept = merkle__digests_at(check->tree, reference);
    struct merkle_digest digests[MERKLE_FAN_OUT];
    size_t count = 0;
    check->inners++;
    for (unsigned i = 0; i < MERKLE_FAN_OUT; i++) {
        count += check_node(check, inner->children[i], merkle__path_child(path, i), &digests[i]);
        bool marked = (inner->marked >> i) & 1;
        if (!marked && !merkle_digest_equal(&digests[i], &kept->of_child[i])) {
            check->fine = false;
        }
    }
    if (count != inner->count || count <= MERKLE_LEAF_ITEMS_MAX) {
        check->fine = false;
    }
    *digest = merkle_digest_of(digests, sizeof(digests), MERKLE_SEED_INNER);
    return count;
}

/* Every unit and every inner node is either in the tree or in a free list. */
static bool check_arena(const struct check *check) {
    const struct merkle_tree *tree = check->tree;
    size_t units = check->units, inners = check->inners;
    for (size_t size = 1; size <= MERKLE_LEAF_ITEMS_MAX; size++) {
        for (uint32_t next = tree->units_free[size]; next != 0; units += size) {
            memcpy(&next, merkle__unit_at(tree, next - 1), sizeof(next));
        }
    }
    for (uint32_t next = tree->inners_free; next != 0; inners++) {
        next = merkle__inner_at(tree, merkle__reference_to(MERKLE__KIND_INNER, next - 1))->count;
    }
    size_t units_made = 0, inners_made = 0;
    if (tree->unit_chunks.count > 0) {
        units_made = (size_t)(tree->unit_chunks.count - 1) * MERKLE__UNITS_PER_CHUNK;
    }
    if (tree->inner_chunks.count > 0) {
        inners_made = (size_t)(tree->inner_chunks.count - 1) * MERKLE__INNERS_PER_CHUNK;
    }
    return units == units_made + tree->units_used && inners == inners_made + tree->inners_used;
}

bool merkle_tree_verify(struct merkle_tree *tree) {
    struct check check = {.tree = tree, .fine = true};
    struct merkle_digest root;
    size_t count = check_node(&check, tree->root, (struct merkle_path){.prefix = 0}, &root);
    if (count != tree->count || !check_arena(&check)) {
        return false;
    }
    if (!tree->root_marked && !merkle_digest_equal(&root, &tree->root_digest)) {
        return false;
    }
    struct merkle_digest kept = merkle_tree_root(tree);
    return check.fine && merkle_digest_equal(&root, &kept);
}
