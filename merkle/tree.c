/* tree.c - a tree as its owner handles it: made, freed, and its items inserted, replaced and removed.
 *
 * Each change goes down one path, takes whatever memory it needs while nothing has changed yet, and only then hangs in
 * the new node and marks the path. The shape follows from the set: a leaf that would hold 17 items becomes an inner node,
 * an inner node that would hold 16 becomes a leaf.
 */
#include "merkle/tree.h"
#include "merkle/instrument.h"

int merkle_tree_new(const struct merkle_allocator *allocator, struct merkle_tree **tree) {
    assert(allocator != NULL);
    struct merkle_tree *made = merkle_allocate(allocator, 1, sizeof(*made));
    if (made == NULL) {
        return MERKLE_ENOMEM;
    }
    *made = (struct merkle_tree){.allocator = allocator};
    *tree = made;
    return 0;
}

void merkle_tree_free(struct merkle_tree *tree) {
    if (tree == NULL) {
        return;
    }
    merkle__arena_close(tree);
    merkle_release(tree->allocator, tree);
}

size_t merkle_tree_count(const struct merkle_tree *tree) {
    return tree->count;
}

size_t merkle_tree_memory_bytes(const struct merkle_tree *tree) {
    return sizeof(*tree) + merkle__arena_memory_bytes(tree);
}

/* Fills only what is passed: clearing the rest would take longer than the way down. */
void merkle__tree_trace(struct merkle_tree *tree, uint64_t slot, struct merkle__trace *trace) {
    merkle__reference *link = &tree->root;
    unsigned depth = 0;
    while (merkle__kind(*link) == MERKLE__KIND_INNER) {
        assert(depth < MERKLE_DEPTH_MAX);
        struct merkle__inner *inner = merkle__inner_at(tree, *link);
        link = &inner->children[merkle__nibble(slot, depth)];
        trace->inners[depth++] = inner;
    }
    trace->depth = depth;
    trace->link = link;
}

/* Marks the first `depth` inner nodes of a trace and adds `change` to their counts. */
static void trace_mark(struct merkle_tree *tree, const struct merkle__trace *trace, unsigned depth,
                       uint64_t slot, int change) {
    for (unsigned i = 0; i < depth; i++) {
        struct merkle__inner *inner = trace->inners[i];
        inner->count += (uint32_t)change;
        inner->marked |= (uint16_t)(1u << merkle__nibble(slot, i));
    }
    tree->root_marked = true;
    tree->count += (size_t)change;
}

/* Where the items of a slot stand in a leaf: index of the first (or where it would be), and their number. Counts instead
 * of searching: no branch depends on a key, so that the lines of the leaf are fetched together. */
static size_t leaf_slot(const struct merkle__leaf *leaf, uint64_t slot, size_t *first) {
    if (leaf->count > MERKLE_LEAF_ITEMS_MAX + 1) { /* a big leaf: all of one slot */
        *first = 0;
        return leaf->count;
    }
    size_t below = 0, equal = 0;
    for (size_t i = 0; i < leaf->count; i++) {
        uint64_t other = merkle__key_slot(&leaf->keys[i]);
        below += other < slot;
        equal += other == slot;
    }
    *first = below;
    return equal;
}

/* Where an item of this slot and handle stands in a leaf; the leaf's count if it is not there. */
static size_t leaf_find(const struct merkle__leaf *leaf, uint64_t slot, uint32_t handle) {
    size_t first;
    size_t count = leaf_slot(leaf, slot, &first);
    for (size_t i = first; i < first + count; i++) {
        if (leaf->handles[i] == handle) {
            return i;
        }
    }
    return leaf->count;
}

/* Where a key belongs among `count` items of its own slot from `first`. */
static size_t leaf_place(const struct merkle__leaf *leaf, size_t first, size_t count,
                         const struct merkle__key *key) {
    size_t low = first, high = first + count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(&leaf->keys[middle], key, sizeof(*key)) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void leaf_copy(const struct merkle__leaf *from, size_t from_first, size_t count,
                      const struct merkle__leaf *to, size_t to_first) {
    if (count > 0) {
        memmove(to->keys + to_first, from->keys + from_first, count * sizeof(*to->keys));
        memmove(to->handles + to_first, from->handles + from_first, count * sizeof(*to->handles));
    }
}

static void leaf_set(const struct merkle__leaf *leaf, size_t index, const struct merkle__key *key,
                     uint32_t handle) {
    leaf->keys[index] = *key;
    leaf->handles[index] = handle;
}

/* --- insert */

/* The subtree of `items` (in order) at `depth`; 0 if memory is short. Recursion: at most MERKLE_DEPTH_MAX deep. */
static merkle__reference subtree_new(struct merkle_tree *tree, const struct merkle__leaf *items,
                                     unsigned depth) {
    assert(items->count > 0);
    if (items->count <= MERKLE_LEAF_ITEMS_MAX || depth == MERKLE_DEPTH_MAX) {
        merkle__reference reference = merkle__leaf_new(tree, items->count);
        if (reference != 0) {
            struct merkle__leaf leaf = merkle__leaf_at(tree, reference);
            leaf_copy(items, 0, items->count, &leaf, 0);
        }
        return reference;
    }
    merkle__reference reference = merkle__inner_new(tree);
    if (reference == 0) {
        return 0;
    }
    struct merkle__inner *inner = merkle__inner_at(tree, reference);
    inner->count = (uint32_t)items->count;
    for (size_t first = 0, next; first < items->count; first = next) {
        unsigned nibble = merkle__nibble(merkle__key_slot(&items->keys[first]), depth);
        next = first + 1;
        while (next < items->count &&
               merkle__nibble(merkle__key_slot(&items->keys[next]), depth) == nibble) {
            next++;
        }
        struct merkle__leaf part = {items->keys + first, items->handles + first, next - first};
        inner->children[nibble] = subtree_new(tree, &part, depth + 1);
        if (inner->children[nibble] == 0) {
            merkle__subtree_free(tree, reference);
            return 0;
        }
        inner->marked |= (uint16_t)(1u << nibble);
    }
    return reference;
}

/* What replaces a full leaf that takes one more item; the old leaf stands. */
static merkle__reference leaf_split(struct merkle_tree *tree, const struct merkle__leaf *leaf,
                                    unsigned depth, size_t place, const struct merkle__key *key,
                                    uint32_t handle) {
    PROBE("merkle.leaf_split");
    assert(leaf->count == MERKLE_LEAF_ITEMS_MAX);
    struct merkle__key keys[MERKLE_LEAF_ITEMS_MAX + 1];
    uint32_t handles[MERKLE_LEAF_ITEMS_MAX + 1];
    struct merkle__leaf items = {keys, handles, MERKLE_LEAF_ITEMS_MAX + 1};
    leaf_copy(leaf, 0, place, &items, 0);
    leaf_set(&items, place, key, handle);
    leaf_copy(leaf, place, leaf->count - place, &items, place + 1);
    return subtree_new(tree, &items, depth);
}

int merkle_tree_insert(struct merkle_tree *tree, const struct merkle_item *item) {
    struct merkle__trace trace;
    merkle__tree_trace(tree, item->slot, &trace);
    merkle__reference old = *trace.link;
    struct merkle__leaf leaf = merkle__leaf_at(tree, old);
    size_t first;
    size_t equal = leaf_slot(&leaf, item->slot, &first);
    for (size_t i = first; i < first + equal; i++) {
        if (leaf.handles[i] == item->handle) {
            return MERKLE_EEXISTS;
        }
    }
    struct merkle__key key = merkle__key_of(item->slot, &item->digest);
    size_t place = leaf_place(&leaf, first, equal, &key);
    if (merkle__kind(old) == MERKLE__KIND_BIG) {
        if (merkle__leaf_grow_big(tree, old) != 0) {
            return MERKLE_ENOMEM;
        }
        leaf = merkle__leaf_at(tree, old);
        leaf_copy(&leaf, place, leaf.count - place, &leaf, place + 1);
        leaf_set(&leaf, place, &key, item->handle);
        tree->big_leaves[merkle__index(old)].count++;
    } else {
        merkle__reference made;
        if (leaf.count == MERKLE_LEAF_ITEMS_MAX) {
            made = leaf_split(tree, &leaf, trace.depth, place, &key, item->handle);
        } else {
            made = merkle__leaf_new(tree, leaf.count + 1);
        }
        if (made == 0) {
            return MERKLE_ENOMEM;
        }
        if (leaf.count < MERKLE_LEAF_ITEMS_MAX) {
            struct merkle__leaf grown = merkle__leaf_at(tree, made);
            leaf_copy(&leaf, 0, place, &grown, 0);
            leaf_set(&grown, place, &key, item->handle);
            leaf_copy(&leaf, place, leaf.count - place, &grown, place + 1);
        }
        merkle__leaf_free(tree, old);
        *trace.link = made;
    }
    trace_mark(tree, &trace, trace.depth, item->slot, 1);
    return 0;
}

/* --- replace */

int merkle_tree_replace(struct merkle_tree *tree, uint64_t slot, uint32_t handle,
                        const struct merkle_digest *digest) {
    struct merkle__trace trace;
    merkle__tree_trace(tree, slot, &trace);
    struct merkle__leaf leaf = merkle__leaf_at(tree, *trace.link);
    size_t index = leaf_find(&leaf, slot, handle);
    if (index == leaf.count) {
        return MERKLE_ENOTFOUND;
    }
    size_t first;
    size_t equal = leaf_slot(&leaf, slot, &first);
    struct merkle__key key = merkle__key_of(slot, digest);
    leaf_copy(&leaf, index + 1, leaf.count - index - 1, &leaf, index);
    size_t place = leaf_place(&leaf, first, equal - 1, &key);
    leaf_copy(&leaf, place, leaf.count - 1 - place, &leaf, place + 1);
    leaf_set(&leaf, place, &key, handle);
    trace_mark(tree, &trace, trace.depth, slot, 0);
    return 0;
}

/* --- remove */

/* Appends all items under a node to `items`, in order. */
static void subtree_collect(const struct merkle_tree *tree, merkle__reference reference,
                            struct merkle__leaf *items) {
    if (merkle__kind(reference) == MERKLE__KIND_INNER) {
        const struct merkle__inner *inner = merkle__inner_at(tree, reference);
        for (unsigned i = 0; i < MERKLE_FAN_OUT; i++) {
            subtree_collect(tree, inner->children[i], items);
        }
        return;
    }
    struct merkle__leaf leaf = merkle__leaf_at(tree, reference);
    assert(items->count + leaf.count <= MERKLE_LEAF_ITEMS_MAX + 1);
    leaf_copy(&leaf, 0, leaf.count, items, items->count);
    items->count += leaf.count;
}

/* The block of the 16 items that stay when one of the 17 under `reference` goes; 0 if memory is short. */
static merkle__reference subtree_join(struct merkle_tree *tree, merkle__reference reference,
                                      uint64_t slot, uint32_t handle) {
    struct merkle__key keys[MERKLE_LEAF_ITEMS_MAX + 1];
    uint32_t handles[MERKLE_LEAF_ITEMS_MAX + 1];
    struct merkle__leaf items = {keys, handles, 0};
    subtree_collect(tree, reference, &items);
    assert(items.count == MERKLE_LEAF_ITEMS_MAX + 1);
    merkle__reference made = merkle__leaf_new(tree, MERKLE_LEAF_ITEMS_MAX);
    if (made != 0) {
        struct merkle__leaf leaf = merkle__leaf_at(tree, made);
        size_t index = leaf_find(&items, slot, handle);
        leaf_copy(&items, 0, index, &leaf, 0);
        leaf_copy(&items, index + 1, items.count - index - 1, &leaf, index);
    }
    return made;
}

/* What a leaf becomes without its item at `index` (0: empty). Small ones always succeed: if no block of the smaller size
 * can be had, the old one is cut. */
static merkle__reference leaf_without(struct merkle_tree *tree, merkle__reference old,
                                      size_t index) {
    struct merkle__leaf leaf = merkle__leaf_at(tree, old);
    if (leaf.count == 1) {
        merkle__leaf_free(tree, old);
        return 0;
    }
    merkle__reference made = 0;
    if (merkle__kind(old) != MERKLE__KIND_BIG) {
        made = merkle__leaf_new(tree, leaf.count - 1);
    }
    if (made != 0) {
        struct merkle__leaf smaller = merkle__leaf_at(tree, made);
        leaf_copy(&leaf, 0, index, &smaller, 0);
        leaf_copy(&leaf, index + 1, leaf.count - index - 1, &smaller, index);
        merkle__leaf_free(tree, old);
        return made;
    }
    leaf_copy(&leaf, index + 1, leaf.count - index - 1, &leaf, index);
    if (merkle__kind(old) == MERKLE__KIND_BIG) {
        tree->big_leaves[merkle__index(old)].count--;
        return old;
    }
    return merkle__leaf_cut(tree, old);
}

int merkle_tree_remove(struct merkle_tree *tree, uint64_t slot, uint32_t handle) {
    struct merkle__trace trace;
    merkle__tree_trace(tree, slot, &trace);
    struct merkle__leaf leaf = merkle__leaf_at(tree, *trace.link);
    size_t index = leaf_find(&leaf, slot, handle);
    if (index == leaf.count) {
        return MERKLE_ENOTFOUND;
    }
    /* The highest node on the path that falls to 16 items takes all below it; a big leaf may do so by itself. */
    unsigned depth = 0;
    while (depth < trace.depth &&
           (trace.inners[depth]->count > MERKLE_LEAF_ITEMS_MAX + 1 || PLANTED(ATTUNE_B21))) {
        depth++;
    }
    merkle__reference *link = trace.link;
    if (depth == 0) {
        link = &tree->root;
    } else if (depth < trace.depth) {
        link = &trace.inners[depth - 1]->children[merkle__nibble(slot, depth - 1)];
    }
    bool joins = depth < trace.depth || leaf.count == MERKLE_LEAF_ITEMS_MAX + 1;
    if (joins) {
        merkle__reference made = subtree_join(tree, *link, slot, handle);
        if (made == 0) {
            return MERKLE_ENOMEM;
        }
        merkle__subtree_free(tree, *link);
        *link = made;
    } else {
        *link = leaf_without(tree, *link, index);
    }
    trace_mark(tree, &trace, depth, slot, -1);
    return 0;
}
