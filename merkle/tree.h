/* tree.h - how the tree lies in memory (private to merkle/).
 *
 * A million small nodes want two things: few bytes beside the items, and few cache misses on the way down. So nodes are
 * named by 32-bit references into chunks that never move, the 16 child digests stand with the parent (a change hashes
 * 256 bytes that lie together), and the items of a leaf lie in a block of exactly their size:
 *
 *      reference   | kind: 5 bits | index: 27 bits |       kind 0        empty (the whole reference is 0)
 *                                                               1 .. 16  leaf of so many items; index of its first unit
 *                                                               17       big leaf (depth 16); index in `big_leaves`
 *                                                               18       inner; index in the chunks of inner nodes
 *
 *      leaf block  | key 0 | key 1 | ... | handle 0 | handle 1 | ... |   key = slot (big endian) and digest, 24 bytes
 *
 * A unit is the room of one item, 28 bytes; a block of k items is k units within one chunk. The keys stand together
 * because that is what is hashed, and as bytes because memcmp orders them then. Freed blocks go to the free list of their
 * size and are used again for the same size only.
 */
#ifndef MERKLE_TREE_H
#define MERKLE_TREE_H

#include "merkle/merkle.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

enum {
    MERKLE__KIND_EMPTY = 0,
    MERKLE__KIND_LEAF_MAX = 16, /* 1 .. 16 */
    MERKLE__KIND_BIG = 17,
    MERKLE__KIND_INNER = 18,

    MERKLE__INDEX_BITS = 27,
    MERKLE__INDEX_COUNT_MAX = 1 << MERKLE__INDEX_BITS,

    MERKLE__UNIT_SIZE_BYTES = 28,
    MERKLE__UNITS_PER_CHUNK = 512,
    MERKLE__INNERS_PER_CHUNK = 64,
};
static_assert((int)MERKLE__KIND_LEAF_MAX == (int)MERKLE_LEAF_ITEMS_MAX,
              "the kind is the number of items");

typedef uint32_t merkle__reference;

struct merkle__key {
    uint8_t slot[8]; /* big endian */
    struct merkle_digest digest;
};
static_assert(sizeof(struct merkle__key) == 24, "hashed as it lies");
static_assert(sizeof(struct merkle__key) + sizeof(uint32_t) == MERKLE__UNIT_SIZE_BYTES, "a unit");

/* What a leaf's reference leads to; valid until the leaf changes. */
struct merkle__leaf {
    struct merkle__key *keys;
    uint32_t *handles;
    size_t count;
};

/* What the way down reads, 72 bytes close together; the 16 child digests, which only recomputing touches, lie in chunks
 * of their own under the same index. */
struct merkle__inner {
    merkle__reference children[MERKLE_FAN_OUT];
    uint32_t count;  /* items below */
    uint16_t marked; /* children whose digest is out of date */
    uint16_t unused;
};
static_assert(sizeof(struct merkle__inner) == 72, "no padding");

struct merkle__digests {
    struct merkle_digest of_child[MERKLE_FAN_OUT];
};
static_assert(sizeof(struct merkle__digests) == 256, "hashed as it lies");

/* A leaf of one slot with more items than a block takes: memory of its own, doubled when full. */
struct merkle__big_leaf {
    struct merkle__key *keys; /* the handles follow the last of `capacity` keys */
    uint32_t count;
    uint32_t capacity; /* 0: unused, `count` is the next unused one + 1 */
};

/* Chunks of one kind: the table may move, the chunks do not. */
struct merkle__chunks {
    void **table;
    uint32_t count;
    uint32_t capacity;
};

struct merkle_tree {
    const struct merkle_allocator *allocator;
    merkle__reference root;
    bool root_marked;
    struct merkle_digest root_digest;
    size_t count;

    struct merkle__chunks unit_chunks;
    uint32_t units_used; /* of the last chunk */
    uint32_t units_free[MERKLE_LEAF_ITEMS_MAX +
                        1]; /* by size: index + 1 of the first free block; 0: none */

    struct merkle__chunks inner_chunks;
    struct merkle__chunks digest_chunks; /* as many, or one more */
    uint32_t inners_used;
    uint32_t inners_free; /* index + 1 */

    struct merkle__big_leaf *big_leaves;
    uint32_t big_leaves_count;
    uint32_t big_leaves_capacity;
    uint32_t big_leaves_free; /* index + 1 */
};

/* The inner nodes passed on the way down to a slot, and the link to what ends it. */
struct merkle__trace {
    struct merkle__inner *inners[MERKLE_DEPTH_MAX];
    unsigned depth;
    merkle__reference *link;
};

static inline unsigned merkle__kind(merkle__reference reference) {
    return reference >> MERKLE__INDEX_BITS;
}

static inline uint32_t merkle__index(merkle__reference reference) {
    return reference & (MERKLE__INDEX_COUNT_MAX - 1);
}

static inline merkle__reference merkle__reference_to(unsigned kind, uint32_t index) {
    return ((merkle__reference)kind << MERKLE__INDEX_BITS) | index;
}

static inline unsigned merkle__nibble(uint64_t slot, unsigned depth) {
    return (unsigned)(slot >> (60 - 4 * depth)) & 15;
}

static inline struct merkle_path merkle__path_child(struct merkle_path path, unsigned nibble) {
    return (struct merkle_path){.prefix = path.prefix | ((uint64_t)nibble << (60 - 4 * path.depth)),
                                .depth = (uint8_t)(path.depth + 1)};
}

static inline uint64_t merkle__key_slot(const struct merkle__key *key) {
    uint64_t slot;
    memcpy(&slot, key->slot, sizeof(slot));
    return be64toh(slot);
}

static inline struct merkle__key merkle__key_of(uint64_t slot, const struct merkle_digest *digest) {
    struct merkle__key key = {.digest = *digest};
    uint64_t slot_big_endian = htobe64(slot);
    memcpy(key.slot, &slot_big_endian, sizeof(key.slot));
    return key;
}

static inline uint8_t *merkle__unit_at(const struct merkle_tree *tree, uint32_t index) {
    uint8_t *chunk = tree->unit_chunks.table[index / MERKLE__UNITS_PER_CHUNK];
    return chunk + (size_t)(index % MERKLE__UNITS_PER_CHUNK) * MERKLE__UNIT_SIZE_BYTES;
}

static inline struct merkle__inner *merkle__inner_at(const struct merkle_tree *tree,
                                                     merkle__reference reference) {
    uint32_t index = merkle__index(reference);
    struct merkle__inner *chunk = tree->inner_chunks.table[index / MERKLE__INNERS_PER_CHUNK];
    return chunk + index % MERKLE__INNERS_PER_CHUNK;
}

static inline struct merkle__digests *merkle__digests_at(const struct merkle_tree *tree,
                                                         merkle__reference reference) {
    uint32_t index = merkle__index(reference);
    struct merkle__digests *chunk = tree->digest_chunks.table[index / MERKLE__INNERS_PER_CHUNK];
    return chunk + index % MERKLE__INNERS_PER_CHUNK;
}

/* --- tree_arena.c: memory of nodes. A reference of 0 means that memory is short (or 2^27 nodes are reached). */

struct merkle__leaf merkle__leaf_at(const struct merkle_tree *tree, merkle__reference reference);
/* A leaf with room for `count` items, which are not initialised. */
merkle__reference merkle__leaf_new(struct merkle_tree *tree, size_t count);
void merkle__leaf_free(struct merkle_tree *tree, merkle__reference leaf);
/* Gives up the last unit of a block, in place: what remains is the block of one item fewer (not of a block of one). */
merkle__reference merkle__leaf_cut(struct merkle_tree *tree, merkle__reference leaf);
/* Makes room for one more item in a big leaf; MERKLE_ENOMEM. */
int merkle__leaf_grow_big(struct merkle_tree *tree, merkle__reference leaf);
/* An inner node without children. */
merkle__reference merkle__inner_new(struct merkle_tree *tree);
void merkle__inner_free(struct merkle_tree *tree, merkle__reference inner);
/* Frees a node with all below it. */
void merkle__subtree_free(struct merkle_tree *tree, merkle__reference reference);
void merkle__arena_close(struct merkle_tree *tree);
size_t merkle__arena_memory_bytes(const struct merkle_tree *tree);

/* --- tree.c */

void merkle__tree_trace(struct merkle_tree *tree, uint64_t slot, struct merkle__trace *trace);

/* --- tree_digest.c */

/* Of `count` items of a leaf as a tree of their own. */
struct merkle_digest merkle__leaf_digest(const struct merkle__leaf *leaf, size_t first,
                                         size_t count);
/* The digests of the 16 children of a path (depth < 16) and, as the bits of the result, which are not empty. */
uint16_t merkle__tree_children(struct merkle_tree *tree, struct merkle_path path,
                               struct merkle_digest digests[MERKLE_FAN_OUT]);

/* --- tree_range.c */

/* The node at a path, or the leaf above it. */
merkle__reference merkle__tree_at(const struct merkle_tree *tree, struct merkle_path path);
/* The keys of a leaf that are under a path stand together: index of the first, and their number. */
size_t merkle__leaf_under(const struct merkle__leaf *leaf, struct merkle_path path, size_t *first);

#endif
