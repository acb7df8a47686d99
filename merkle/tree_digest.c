/* tree_digest.c - digests of nodes, recomputed where they are marked and nowhere else.
 *
 * A mark at a child means that its digest in the parent is out of date; then all above it are marked too. Recomputing a
 * child early, for a path that was asked for, clears its own mark and leaves those above.
 */
#include "merkle/instrument.h"
#include "merkle/tree.h"

struct merkle_digest merkle__leaf_digest(const struct merkle__leaf *leaf, size_t first,
                                         size_t count) {
    assert(first + count <= leaf->count);
    if (count == 0) {
        return (struct merkle_digest){.bytes = {0}};
    }
    return merkle_digest_of(leaf->keys + first, count * sizeof(*leaf->keys), MERKLE_SEED_LEAF);
}

static struct merkle_digest node_digest(const struct merkle_tree *tree,
                                        merkle__reference reference);

/* Recomputes what is marked, and returns the digests of the children. */
static struct merkle__digests *inner_refresh(const struct merkle_tree *tree,
                                             merkle__reference reference) {
    struct merkle__inner *inner = merkle__inner_at(tree, reference);
    struct merkle__digests *digests = merkle__digests_at(tree, reference);
    for (unsigned marked = inner->marked; marked != 0; marked &= marked - 1) {
        unsigned i = (unsigned)__builtin_ctz(marked);
        digests->of_child[i] = node_digest(tree, inner->children[i]);
    }
    inner->marked = 0;
    return digests;
}

static struct merkle_digest node_digest(const struct merkle_tree *tree,
                                        merkle__reference reference) {
    if (merkle__kind(reference) != MERKLE__KIND_INNER) {
        struct merkle__leaf leaf = merkle__leaf_at(tree, reference);
        return merkle__leaf_digest(&leaf, 0, leaf.count);
    }
    const struct merkle__digests *digests = inner_refresh(tree, reference);
    return merkle_digest_of(digests, sizeof(*digests),
                            PLANTED(ATTUNE_B22) ? MERKLE_SEED_LEAF : MERKLE_SEED_INNER);
}

struct merkle_digest merkle_tree_root(struct merkle_tree *tree) {
    if (tree->root_marked) {
        tree->root_digest = node_digest(tree, tree->root);
        tree->root_marked = false;
    }
    return tree->root_digest;
}

struct merkle_digest merkle_tree_path_digest(struct merkle_tree *tree, struct merkle_path path) {
    assert(path.depth <= MERKLE_DEPTH_MAX);
    if (path.depth == 0) {
        return merkle_tree_root(tree);
    }
    struct merkle_path parent = {.depth = (uint8_t)(path.depth - 1)};
    parent.prefix = path.prefix & ~merkle_path_slot_last(parent);
    merkle__reference above = merkle__tree_at(tree, parent);
    if (merkle__kind(above) != MERKLE__KIND_INNER) {
        struct merkle__leaf leaf = merkle__leaf_at(tree, above);
        size_t first;
        size_t count = merkle__leaf_under(&leaf, path, &first);
        return merkle__leaf_digest(&leaf, first, count);
    }
    struct merkle__inner *inner = merkle__inner_at(tree, above);
    struct merkle__digests *digests = merkle__digests_at(tree, above);
    unsigned nibble = merkle__nibble(path.prefix, parent.depth);
    if ((inner->marked >> nibble) & 1) {
        digests->of_child[nibble] = node_digest(tree, inner->children[nibble]);
        inner->marked &= (uint16_t) ~(1u << nibble);
    }
    return digests->of_child[nibble];
}

uint16_t merkle__tree_children(struct merkle_tree *tree, struct merkle_path path,
                               struct merkle_digest digests[MERKLE_FAN_OUT]) {
    assert(path.depth < MERKLE_DEPTH_MAX);
    uint16_t present = 0;
    merkle__reference reference = merkle__tree_at(tree, path);
    if (merkle__kind(reference) == MERKLE__KIND_INNER) {
        const struct merkle__inner *inner = merkle__inner_at(tree, reference);
        memcpy(digests, inner_refresh(tree, reference), sizeof(struct merkle__digests));
        for (unsigned i = 0; i < MERKLE_FAN_OUT; i++) {
            present |= (uint16_t)((inner->children[i] != 0) << i);
        }
        return present;
    }
    struct merkle__leaf leaf = merkle__leaf_at(tree, reference);
    for (unsigned i = 0; i < MERKLE_FAN_OUT; i++) {
        size_t first;
        size_t count = merkle__leaf_under(&leaf, merkle__path_child(path, i), &first);
        digests[i] = merkle__leaf_digest(&leaf, first, count);
        present |= (uint16_t)((count > 0) << i);
    }
    return present;
}
