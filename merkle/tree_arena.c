/* tree_arena.c - where the nodes of a tree live (tree.h draws it).
 *
 * Chunks are taken as they are needed and given back with the tree. A block never crosses the border of a chunk: the
 * rest of a chunk that is too short goes to the free list of its size. Exact sizes leave no room inside a leaf; what is
 * lost is what stands in free lists, at most what the tree once held in blocks of that size.
 */
#include "merkle/tree.h"

static bool chunks_add(struct merkle_tree *tree, struct merkle__chunks *chunks, size_t count,
                       size_t size_bytes) {
    if ((chunks->count + 1) * count > MERKLE__INDEX_COUNT_MAX) {
        return false;
    }
    if (chunks->count == chunks->capacity) {
        uint32_t capacity = chunks->capacity > 0 ? chunks->capacity * 2 : 4;
        void **table = merkle_reallocate(tree->allocator, chunks->table, capacity, sizeof(*table));
        if (table == NULL) {
            return false;
        }
        chunks->table = table;
        chunks->capacity = capacity;
    }
    void *chunk = merkle_allocate(tree->allocator, count, size_bytes);
    if (chunk == NULL) {
        return false;
    }
    chunks->table[chunks->count++] = chunk;
    return true;
}

static void units_release(struct merkle_tree *tree, uint32_t index, size_t count) {
    assert(count >= 1 && count <= MERKLE_LEAF_ITEMS_MAX);
    memcpy(merkle__unit_at(tree, index), &tree->units_free[count], sizeof(uint32_t));
    tree->units_free[count] = index + 1;
}

static merkle__reference block_new(struct merkle_tree *tree, size_t count) {
    uint32_t index;
    if (tree->units_free[count] != 0) {
        index = tree->units_free[count] - 1;
        memcpy(&tree->units_free[count], merkle__unit_at(tree, index), sizeof(uint32_t));
        return merkle__reference_to((unsigned)count, index);
    }
    struct merkle__chunks *chunks = &tree->unit_chunks;
    uint32_t rest = chunks->count > 0 ? MERKLE__UNITS_PER_CHUNK - tree->units_used : 0;
    if (rest < count) {
        if (!chunks_add(tree, chunks, MERKLE__UNITS_PER_CHUNK, MERKLE__UNIT_SIZE_BYTES)) {
            return 0;
        }
        if (rest > 0) {
            units_release(tree, (chunks->count - 1) * MERKLE__UNITS_PER_CHUNK - rest, rest);
        }
        tree->units_used = 0;
    }
    index = (chunks->count - 1) * MERKLE__UNITS_PER_CHUNK + tree->units_used;
    tree->units_used += (uint32_t)count;
    return merkle__reference_to((unsigned)count, index);
}

static merkle__reference big_leaf_new(struct merkle_tree *tree, size_t count) {
    if (count > MERKLE__INDEX_COUNT_MAX) {
        return 0;
    }
    if (tree->big_leaves_free == 0) {
        if (tree->big_leaves_count == tree->big_leaves_capacity) {
            uint32_t capacity = tree->big_leaves_capacity > 0 ? tree->big_leaves_capacity * 2 : 4;
            struct merkle__big_leaf *table =
                merkle_reallocate(tree->allocator, tree->big_leaves, capacity, sizeof(*table));
            if (table == NULL) {
                return 0;
            }
            tree->big_leaves = table;
            tree->big_leaves_capacity = capacity;
        }
        tree->big_leaves[tree->big_leaves_count] = (struct merkle__big_leaf){.keys = NULL};
        tree->big_leaves_free = ++tree->big_leaves_count;
    }
    uint32_t capacity = (uint32_t)count * 2;
    struct merkle__key *keys = merkle_allocate(tree->allocator, capacity, MERKLE__UNIT_SIZE_BYTES);
    if (keys == NULL) {
        return 0;
    }
    uint32_t index = tree->big_leaves_free - 1;
    tree->big_leaves_free = tree->big_leaves[index].count;
    tree->big_leaves[index] =
        (struct merkle__big_leaf){.keys = keys, .count = (uint32_t)count, .capacity = capacity};
    return merkle__reference_to(MERKLE__KIND_BIG, index);
}

merkle__reference merkle__leaf_new(struct merkle_tree *tree, size_t count) {
    assert(count > 0);
    return count <= MERKLE_LEAF_ITEMS_MAX ? block_new(tree, count) : big_leaf_new(tree, count);
}

struct merkle__leaf merkle__leaf_at(const struct merkle_tree *tree, merkle__reference reference) {
    unsigned kind = merkle__kind(reference);
    assert(kind != MERKLE__KIND_INNER);
    if (kind == MERKLE__KIND_EMPTY) {
        return (struct merkle__leaf){.keys = NULL};
    }
    struct merkle__key *keys;
    size_t count, capacity;
    if (kind == MERKLE__KIND_BIG) {
        const struct merkle__big_leaf *big = &tree->big_leaves[merkle__index(reference)];
        keys = big->keys;
        count = big->count;
        capacity = big->capacity;
    } else {
        keys = (struct merkle__key *)merkle__unit_at(tree, merkle__index(reference));
        count = capacity = kind;
    }
    return (struct merkle__leaf){
        .keys = keys, .handles = (uint32_t *)(void *)(keys + capacity), .count = count};
}

void merkle__leaf_free(struct merkle_tree *tree, merkle__reference leaf) {
    unsigned kind = merkle__kind(leaf);
    assert(kind != MERKLE__KIND_INNER);
    if (kind == MERKLE__KIND_BIG) {
        struct merkle__big_leaf *big = &tree->big_leaves[merkle__index(leaf)];
        merkle_release(tree->allocator, big->keys);
        *big = (struct merkle__big_leaf){.count = tree->big_leaves_free};
        tree->big_leaves_free = merkle__index(leaf) + 1;
    } else if (kind != MERKLE__KIND_EMPTY) {
        units_release(tree, merkle__index(leaf), kind);
    }
}

merkle__reference merkle__leaf_cut(struct merkle_tree *tree, merkle__reference leaf) {
    unsigned kind = merkle__kind(leaf);
    assert(kind >= 2 && kind <= MERKLE_LEAF_ITEMS_MAX);
    uint8_t *block = merkle__unit_at(tree, merkle__index(leaf));
    size_t keys_size_bytes = (kind - 1) * sizeof(struct merkle__key);
    memmove(block + keys_size_bytes, block + kind * sizeof(struct merkle__key),
            (kind - 1) * sizeof(uint32_t));
    units_release(tree, merkle__index(leaf) + kind - 1, 1);
    return merkle__reference_to(kind - 1, merkle__index(leaf));
}

int merkle__leaf_grow_big(struct merkle_tree *tree, merkle__reference leaf) {
    assert(merkle__kind(leaf) == MERKLE__KIND_BIG);
    struct merkle__big_leaf *big = &tree->big_leaves[merkle__index(leaf)];
    if (big->count < big->capacity) {
        return 0;
    }
    if (big->capacity > MERKLE__INDEX_COUNT_MAX) {
        return MERKLE_ENOMEM;
    }
    uint32_t capacity = big->capacity * 2;
    struct merkle__key *keys = merkle_allocate(tree->allocator, capacity, MERKLE__UNIT_SIZE_BYTES);
    if (keys == NULL) {
        return MERKLE_ENOMEM;
    }
    memcpy(keys, big->keys, big->count * sizeof(*keys));
    memcpy(keys + capacity, big->keys + big->capacity, big->count * sizeof(uint32_t));
    merkle_release(tree->allocator, big->keys);
    big->keys = keys;
    big->capacity = capacity;
    return 0;
}

merkle__reference merkle__inner_new(struct merkle_tree *tree) {
    merkle__reference reference;
    if (tree->inners_free != 0) {
        reference = merkle__reference_to(MERKLE__KIND_INNER, tree->inners_free - 1);
        tree->inners_free = merkle__inner_at(tree, reference)->count;
    } else {
        struct merkle__chunks *chunks = &tree->inner_chunks;
        if (chunks->count == 0 || tree->inners_used == MERKLE__INNERS_PER_CHUNK) {
            /* If only the first of the two can be had, it waits for the next try. */
            if ((tree->digest_chunks.count == chunks->count &&
                 !chunks_add(tree, &tree->digest_chunks, MERKLE__INNERS_PER_CHUNK,
                             sizeof(struct merkle__digests))) ||
                !chunks_add(tree, chunks, MERKLE__INNERS_PER_CHUNK, sizeof(struct merkle__inner))) {
                return 0;
            }
            tree->inners_used = 0;
        }
        uint32_t index = (chunks->count - 1) * MERKLE__INNERS_PER_CHUNK + tree->inners_used++;
        reference = merkle__reference_to(MERKLE__KIND_INNER, index);
    }
    *merkle__inner_at(tree, reference) = (struct merkle__inner){.count = 0};
    *merkle__digests_at(tree, reference) = (struct merkle__digests){.of_child[0].bytes = {0}};
    return reference;
}

void merkle__inner_free(struct merkle_tree *tree, merkle__reference inner) {
    assert(merkle__kind(inner) == MERKLE__KIND_INNER);
    merkle__inner_at(tree, inner)->count = tree->inners_free;
    tree->inners_free = merkle__index(inner) + 1;
}

void merkle__subtree_free(struct merkle_tree *tree, merkle__reference reference) {
    if (merkle__kind(reference) != MERKLE__KIND_INNER) {
        merkle__leaf_free(tree, reference);
        return;
    }
    struct merkle__inner *inner = merkle__inner_at(tree, reference);
    for (unsigned i = 0; i < MERKLE_FAN_OUT; i++) {
        merkle__subtree_free(tree, inner->children[i]);
    }
    merkle__inner_free(tree, reference);
}

static void chunks_close(struct merkle_tree *tree, struct merkle__chunks *chunks) {
    for (uint32_t i = 0; i < chunks->count; i++) {
        merkle_release(tree->allocator, chunks->table[i]);
    }
    merkle_release(tree->allocator, chunks->table);
}

void merkle__arena_close(struct merkle_tree *tree) {
    for (uint32_t i = 0; i < tree->big_leaves_count; i++) {
        merkle_release(tree->allocator, tree->big_leaves[i].keys);
    }
    merkle_release(tree->allocator, tree->big_leaves);
    chunks_close(tree, &tree->unit_chunks);
    chunks_close(tree, &tree->inner_chunks);
    chunks_close(tree, &tree->digest_chunks);
}

static size_t chunks_memory_bytes(const struct merkle__chunks *chunks, size_t count,
                                  size_t size_bytes) {
    return chunks->capacity * sizeof(*chunks->table) + chunks->count * count * size_bytes;
}

size_t merkle__arena_memory_bytes(const struct merkle_tree *tree) {
    size_t total_bytes =
        chunks_memory_bytes(&tree->unit_chunks, MERKLE__UNITS_PER_CHUNK, MERKLE__UNIT_SIZE_BYTES) +
        chunks_memory_bytes(&tree->inner_chunks, MERKLE__INNERS_PER_CHUNK,
                            sizeof(struct merkle__inner)) +
        chunks_memory_bytes(&tree->digest_chunks, MERKLE__INNERS_PER_CHUNK,
                            sizeof(struct merkle__digests)) +
        tree->big_leaves_capacity * sizeof(*tree->big_leaves);
    for (uint32_t i = 0; i < tree->big_leaves_count; i++) {
        total_bytes += (size_t)tree->big_leaves[i].capacity * MERKLE__UNIT_SIZE_BYTES;
    }
    return total_bytes;
}
