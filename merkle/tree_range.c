/* tree_range.c - reading a tree: what is under a path, and the items of a range of slots in order.
 *
 * The items under a path below a leaf stand together in it, because a leaf is in order of slots: a count and a digest
 * "as a tree of their own" need no copy.
 */
#include "merkle/tree.h"

uint64_t merkle_path_slot_first(struct merkle_path path) {
    return path.prefix;
}

uint64_t merkle_path_slot_last(struct merkle_path path) {
    assert(path.depth <= MERKLE_DEPTH_MAX);
    uint64_t free_bits = path.depth < MERKLE_DEPTH_MAX ? UINT64_MAX >> (4 * path.depth) : 0;
    return path.prefix | free_bits;
}

merkle__reference merkle__tree_at(const struct merkle_tree *tree, struct merkle_path path) {
    merkle__reference reference = tree->root;
    for (unsigned depth = 0; depth < path.depth; depth++) {
        if (merkle__kind(reference) != MERKLE__KIND_INNER) {
            break;
        }
        reference = merkle__inner_at(tree, reference)->children[merkle__nibble(path.prefix, depth)];
    }
    return reference;
}

/* Index of the first item of a leaf with a slot of at least `slot`. */
static size_t leaf_lower_bound(const struct merkle__leaf *leaf, uint64_t slot) {
    size_t low = 0, high = leaf->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (merkle__key_slot(&leaf->keys[middle]) < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t merkle__leaf_under(const struct merkle__leaf *leaf, struct merkle_path path, size_t *first) {
    uint64_t slot_last = merkle_path_slot_last(path);
    *first = leaf_lower_bound(leaf, merkle_path_slot_first(path));
    size_t end = slot_last < UINT64_MAX ? leaf_lower_bound(leaf, slot_last + 1) : leaf->count;
    return end - *first;
}

size_t merkle_tree_path_count(const struct merkle_tree *tree, struct merkle_path path) {
    assert(path.depth <= MERKLE_DEPTH_MAX);
    merkle__reference reference = merkle__tree_at(tree, path);
    if (merkle__kind(reference) == MERKLE__KIND_INNER) {
        return merkle__inner_at(tree, reference)->count;
    }
    struct merkle__leaf leaf = merkle__leaf_at(tree, reference);
    size_t first;
    return merkle__leaf_under(&leaf, path, &first);
}

struct range {
    const struct merkle_tree *tree;
    uint64_t slot_first, slot_last;
    size_t skip;
    struct merkle_item *items;
    size_t count, items_max;
};

static void range_leaf(struct range *range, merkle__reference reference) {
    struct merkle__leaf leaf = merkle__leaf_at(range->tree, reference);
    size_t i = leaf_lower_bound(&leaf, range->slot_first);
    if (range->skip > 0) {
        size_t end = range->slot_first < UINT64_MAX ? leaf_lower_bound(&leaf, range->slot_first + 1)
                                                    : leaf.count;
        i = end - i > range->skip ? i + range->skip : end;
    }
    for (; i < leaf.count && range->count < range->items_max; i++) {
        uint64_t slot = merkle__key_slot(&leaf.keys[i]);
        if (slot > range->slot_last) {
            break;
        }
        range->items[range->count++] = (struct merkle_item){
            .slot = slot, .digest = leaf.keys[i].digest, .handle = leaf.handles[i]};
    }
}

static void range_node(struct range *range, merkle__reference reference, struct merkle_path path) {
    if (merkle__kind(reference) != MERKLE__KIND_INNER) {
        range_leaf(range, reference);
        return;
    }
    const struct merkle__inner *inner = merkle__inner_at(range->tree, reference);
    for (unsigned i = 0; i < MERKLE_FAN_OUT && range->count < range->items_max; i++) {
        struct merkle_path child = merkle__path_child(path, i);
        if (inner->children[i] != 0 && merkle_path_slot_last(child) >= range->slot_first &&
            merkle_path_slot_first(child) <= range->slot_last) {
            range_node(range, inner->children[i], child);
        }
    }
}

size_t merkle_tree_range(const struct merkle_tree *tree, uint64_t slot_first, uint64_t slot_last,
                         size_t skip, struct merkle_item *items, size_t items_max) {
    struct range range = {.tree = tree,
                          .slot_first = slot_first,
                          .slot_last = slot_last,
                          .skip = skip,
                          .items = items,
                          .items_max = items_max};
    if (slot_first <= slot_last && items_max > 0) {
        range_node(&range, tree->root, (struct merkle_path){.prefix = 0, .depth = 0});
    }
    assert(range.count <= items_max);
    return range.count;
}
