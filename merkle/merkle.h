/* merkle.h - the digest tree: a set of (slot, digest) items, its root, and the walk to where two sets differ.
 *
 * The tree is a 16-ary radix tree over the nibbles of the slot, highest nibble first. A subtree that holds
 * MERKLE_LEAF_ITEMS_MAX items or fewer is a leaf, one that holds more is an inner node (at the depth of 16 nibbles a
 * leaf holds any number). So the shape depends on the set alone, never on its history, and equal sets have equal
 * roots (G4):
 *
 *      depth 0                      inner                      digest = H_inner(16 child digests in order)
 *                         0 /   1 |   ...   \ f
 *      depth 1          leaf    inner      (empty)             leaf   = H_leaf(items in order)
 *                    a<=16 items  |                            empty  = 16 zero bytes
 *      depth 2                  leaf ...
 *
 *      H_leaf(items)    = XXH3-128, seed MERKLE_SEED_LEAF,  of each item's slot (8 bytes, big endian) and digest (16)
 *      H_inner(digests) = XXH3-128, seed MERKLE_SEED_INNER, of the 16 child digests (256 bytes)
 *      both as the canonical (big-endian) 16 bytes that xxHash defines
 *
 * Items stand in order of (slot, digest). Neither hash covers the depth, so the digest "at" a path is defined for
 * every path, also below a leaf: it is the digest that the items under that path would have as a tree of their own.
 * That is what lets two trees of different shape be compared path by path.
 *
 * Digests are recomputed lazily: a change marks the path to the root, merkle_tree_root() recomputes what is marked.
 *
 * Source: Merkle, "A Digital Signature Based on a Conventional Encryption Function" (CRYPTO '87); anti-entropy by hash
 * trees as in Dynamo (SOSP '07, 4.7). The walk that carries a whole frontier of truncated, salted digests two levels a
 * round trip is ours; docs/PROTOCOL.md describes it.
 *
 * Threads: a tree belongs to one thread at a time; functions that take a const tree still recompute marked digests
 * where the text says so.
 */
#ifndef MERKLE_MERKLE_H
#define MERKLE_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- errors ------------------------------------------------------------------------------------------------------ */

/* Every function that can fail returns 0 or one of these. */
#define MERKLE_ERRORS(X)                                                                           \
    X(MERKLE_ENOMEM, -1, "out of memory")                                                          \
    X(MERKLE_EEXISTS, -2, "an item with this slot and handle is there already")                    \
    X(MERKLE_ENOTFOUND, -3, "no item with this slot and handle")                                   \
    X(MERKLE_EMALFORMED, -4, "malformed walk message")                                             \
    X(MERKLE_ETOOBIG, -5, "size over the limit")

enum merkle_error {
#define X(code, number, message) code = (number),
    MERKLE_ERRORS(X)
#undef X
};

/* The name ("MERKLE_ENOMEM") and the message of a code; NULL for a code that is not of this folder. */
const char *merkle_error_name(int code);
const char *merkle_error_message(int code);

/* --- memory ------------------------------------------------------------------------------------------------------ */

/* Where a structure takes its memory from. `resize` behaves like realloc: NULL grows from nothing, a size of 0 frees
 * (and returns NULL), a failure returns NULL and leaves the old block. `context` is handed through. An allocator must
 * outlive all that was made with it. It is used from one thread at a time unless the owner says that it is safe. */
struct merkle_allocator {
    void *(*resize)(void *context, void *memory, size_t size_bytes);
    void *context;
};

/* The C library's allocator: safe from every thread. */
extern const struct merkle_allocator merkle_allocator_libc;

/* `count * size_bytes` bytes, not initialised; NULL if it overflows or memory is short. */
void *merkle_allocate(const struct merkle_allocator *allocator, size_t count, size_t size_bytes);
/* The same, zeroed. */
void *merkle_allocate_zeroed(const struct merkle_allocator *allocator, size_t count,
                             size_t size_bytes);
/* Resizes a block of an array; on failure NULL, the old block stands. */
void *merkle_reallocate(const struct merkle_allocator *allocator, void *memory, size_t count,
                        size_t size_bytes);
void merkle_release(const struct merkle_allocator *allocator, void *memory);

/* A growing run of bytes. `data` belongs to the buffer and moves when it grows. A failed append sets `failed`, changes
 * nothing else, and all later appends fail too, so that a series of appends is checked once at its end. */
struct merkle_buffer {
    const struct merkle_allocator *allocator;
    uint8_t *data;
    size_t size_bytes;
    size_t capacity_bytes;
    bool failed;
};

void merkle_buffer_init(struct merkle_buffer *buffer, const struct merkle_allocator *allocator);
void merkle_buffer_close(struct merkle_buffer *buffer);
/* Empties it, keeps its memory, clears `failed`. */
void merkle_buffer_clear(struct merkle_buffer *buffer);
/* MERKLE_ENOMEM, or 0. */
int merkle_buffer_append(struct merkle_buffer *buffer, const void *bytes, size_t size_bytes);
/* Makes room for `size_bytes` more and returns where they go (the caller adds to size_bytes); NULL if it fails. */
uint8_t *merkle_buffer_reserve(struct merkle_buffer *buffer, size_t size_bytes);

/* --- digests ----------------------------------------------------------------------------------------------------- */

enum {
    MERKLE_DIGEST_SIZE_BYTES = 16,
    MERKLE_FINGERPRINT_SIZE_BYTES = 5, /* a digest as it travels in a walk: truncated and salted */
    MERKLE_FAN_OUT = 16,
    MERKLE_LEAF_ITEMS_MAX = 16,
    MERKLE_DEPTH_MAX = 16, /* nibbles of a slot */
};

#define MERKLE_SEED_ENTRY                                                                          \
    UINT64_C(0x6174747565000001) /* digest of an entry's bytes (catalog, DESIGN 4.6) */
#define MERKLE_SEED_SLOT UINT64_C(0x6174747565000002) /* slot of an entry's key */
#define MERKLE_SEED_LEAF UINT64_C(0x6174747565000003)
#define MERKLE_SEED_INNER UINT64_C(0x6174747565000004)

/* XXH3-128 in canonical (big-endian) order. All zeros stands for the empty set. */
struct merkle_digest {
    uint8_t bytes[MERKLE_DIGEST_SIZE_BYTES];
};

struct merkle_fingerprint {
    uint8_t bytes[MERKLE_FINGERPRINT_SIZE_BYTES];
};

/* Digest and slot of bytes under a seed of the list above. */
struct merkle_digest merkle_digest_of(const void *bytes, size_t size_bytes, uint64_t seed);
uint64_t merkle_slot_of(const void *bytes, size_t size_bytes);
bool merkle_digest_equal(const struct merkle_digest *a, const struct merkle_digest *b);
/* As memcmp. */
int merkle_digest_compare(const struct merkle_digest *a, const struct merkle_digest *b);
/* 32 lower-case hex digits and a NUL. */
void merkle_digest_print(const struct merkle_digest *digest, char text[33]);

/* An item. (slot, digest) is what is hashed; `handle` is the owner's own number for the item (in attune the index of
 * the catalog entry), never hashed. (slot, handle) names an item within a tree; several items may share a slot. */
struct merkle_item {
    uint64_t slot;
    struct merkle_digest digest;
    uint32_t handle;
};

/* The fingerprint of an item under the salt of one exchange: XXH3-64 with `salt` as seed over slot (big endian) and
 * digest, first 5 bytes of the canonical form. Of a node's digest: the same over the 16 bytes of the digest; the
 * fingerprint of an empty subtree is never sent (a bitmap says so). */
struct merkle_fingerprint
merkle_fingerprint_of_item(uint64_t slot, const struct merkle_digest *digest, uint64_t salt);
struct merkle_fingerprint merkle_fingerprint_of_digest(const struct merkle_digest *digest,
                                                       uint64_t salt);

/* --- the tree ---------------------------------------------------------------------------------------------------- */

struct merkle_tree;

/* MERKLE_ENOMEM. `allocator` is borrowed until merkle_tree_free(). */
int merkle_tree_new(const struct merkle_allocator *allocator, struct merkle_tree **tree);
void merkle_tree_free(struct merkle_tree *tree); /* NULL is allowed */

/* Adds an item; MERKLE_EEXISTS, MERKLE_ENOMEM (the tree is unchanged). */
int merkle_tree_insert(struct merkle_tree *tree, const struct merkle_item *item);
/* Gives the item (slot, handle) another digest; MERKLE_ENOTFOUND. Never takes memory. */
int merkle_tree_replace(struct merkle_tree *tree, uint64_t slot, uint32_t handle,
                        const struct merkle_digest *digest);
/* Removes it; MERKLE_ENOTFOUND; MERKLE_ENOMEM (the tree is unchanged) if the leaf that takes its siblings cannot be had. */
int merkle_tree_remove(struct merkle_tree *tree, uint64_t slot, uint32_t handle);

size_t merkle_tree_count(const struct merkle_tree *tree);
/* Bytes that the tree holds from its allocator. */
size_t merkle_tree_memory_bytes(const struct merkle_tree *tree);
/* The root; recomputes marked digests. Zeros for the empty set. */
struct merkle_digest merkle_tree_root(struct merkle_tree *tree);

/* A subtree: the `depth` highest nibbles of `prefix` (the rest is zero). Depth 0 is the whole tree. */
struct merkle_path {
    uint64_t prefix;
    uint8_t depth;
};

/* Number of items under a path, and their digest as a tree of their own (recomputes marked digests). */
size_t merkle_tree_path_count(const struct merkle_tree *tree, struct merkle_path path);
struct merkle_digest merkle_tree_path_digest(struct merkle_tree *tree, struct merkle_path path);

/* Reads up to `items_max` items with slot >= `slot_first` and slot <= `slot_last`, in order of (slot, digest), skipping
 * the first `skip` of those in the slot `slot_first`, into `items`; returns how many. Resume with the last slot read and
 * the number of its items that were read. Any change to the tree in between is allowed. */
size_t merkle_tree_range(const struct merkle_tree *tree, uint64_t slot_first, uint64_t slot_last,
                         size_t skip, struct merkle_item *items, size_t items_max);
/* First and last slot under a path. */
uint64_t merkle_path_slot_first(struct merkle_path path);
uint64_t merkle_path_slot_last(struct merkle_path path);

/* Asserts that the tree is what a build from scratch gives (shape, counts, digests): S5, for tests and the scrub. */
bool merkle_tree_verify(struct merkle_tree *tree);

/* --- the walk ---------------------------------------------------------------------------------------------------- */

/* Two trees are compared by an initiator, which keeps the state of the walk, and an answering side, which keeps none.
 * The initiator sends requests; a request names nodes of its frontier, each either with its child fingerprints (INNER)
 * or, where the initiator has MERKLE_LEAF_ITEMS_MAX items or fewer, bare (EXPAND):
 *
 *   request  = salt-free bytes: node*            answer = varint nodes_answered, node*
 *   node     = head path content
 *   head     = 1 byte: kind in the high nibble, depth in the low one (depth 16 is written as kind + 8, depth 0)
 *   path     = ceil(depth / 2) bytes, the highest nibbles of the prefix
 *   content  of EXPAND, EMPTY, SOME: nothing; of INNER: 2 bytes bitmap of the children that are not empty (bit 0 is child
 *              0), then their fingerprints in order; of INNER_FULL: 16 fingerprints (no bitmap); of LEAF: varint n, n item
 *              fingerprints in the order of the items
 *
 * To INNER the answering side answers, for each child whose fingerprint differs from its own, that child's content:
 * EMPTY, LEAF (its items) or INNER (its child fingerprints): two levels a round trip. For a child that the bitmap does
 * not name and that is not empty there it answers SOME: it will be fetched whole. If it has MERKLE_LEAF_ITEMS_MAX items
 * or fewer under the whole node, it answers with a LEAF (or EMPTY) for the node itself. To EXPAND it answers with the
 * node's content, as a LEAF up to twice MERKLE_LEAF_ITEMS_MAX items (both sides usually have about as many: 16 here and
 * 17 there should not cost a round trip). At depth 16 there is no INNER. The exact grammar, with its bounds, is in
 * docs/FORMAT.md and is what walk_format.c reads and writes. Nothing is allocated from a count that the other side
 * declares. What an answer can put on the frontier has a fingerprint in it and items here.
 *
 * What the initiator learns comes out as three lists:
 *   want   the other side has an item with this fingerprint under this path, and we do not (or have it otherwise)
 *   range  the other side has items under this path, and we have none: fetch them all, in slot order
 *   have   we have items there that the other side lacks (or has otherwise): an item, or all under a path
 * An item that both have, with different digests, is in `want` and in `have`.
 */
struct merkle_walk;

struct merkle_walk_want {
    struct merkle_path path;
    struct merkle_fingerprint fingerprint;
};

struct merkle_walk_have {
    bool whole_path;         /* all items under `path`; else the one item (slot, handle) */
    struct merkle_path path; /* if whole_path */
    uint64_t slot;           /* else */
    uint32_t handle;
};

/* Starts a walk over `tree` with nothing on its frontier. The tree may change between calls: each looks at it as it
 * then is. MERKLE_ENOMEM. */
int merkle_walk_new(const struct merkle_allocator *allocator, struct merkle_tree *tree,
                    uint64_t salt, struct merkle_walk **walk);
void merkle_walk_free(struct merkle_walk *walk); /* NULL is allowed */

/* The first answer needs no request: what the answering side sends unasked when roots differ is its answer to EXPAND at
 * depth 0 (merkle_walk_answer_root). Pass it here. MERKLE_EMALFORMED (nothing changed; end the walk), MERKLE_ENOMEM. */
int merkle_walk_start(struct merkle_walk *walk, const uint8_t *answer, size_t size_bytes);

/* Takes up to `nodes_max` nodes off the frontier, deepest first, and appends a request for them to `request`. Returns
 * the number taken: 0 means that nothing is waiting (the walk is done once all requests handed out were received).
 * MERKLE_ENOMEM puts the nodes back. */
int merkle_walk_request(struct merkle_walk *walk, size_t nodes_max, struct merkle_buffer *request);

/* Takes the answer to `request`. Nodes that the answer did not reach go back on the frontier. MERKLE_EMALFORMED if the
 * answer is not one to this request (nothing changed), MERKLE_ENOMEM. Requests may be received in any order, each once. */
int merkle_walk_receive(struct merkle_walk *walk, const uint8_t *request, size_t request_size_bytes,
                        const uint8_t *answer, size_t answer_size_bytes);

/* Number of nodes waiting on the frontier. */
size_t merkle_walk_frontier_count(const struct merkle_walk *walk);

/* The lists so far. Each call moves up to `max` of the oldest into `out` and removes them from the walk; returns how
 * many. The caller bounds what it lets pile up by asking for no more requests while it drains. */
size_t merkle_walk_take_wants(struct merkle_walk *walk, struct merkle_walk_want *out, size_t max);
size_t merkle_walk_take_ranges(struct merkle_walk *walk, struct merkle_path *out, size_t max);
size_t merkle_walk_take_haves(struct merkle_walk *walk, struct merkle_walk_have *out, size_t max);
size_t merkle_walk_wants_count(const struct merkle_walk *walk);
size_t merkle_walk_ranges_count(const struct merkle_walk *walk);
size_t merkle_walk_haves_count(const struct merkle_walk *walk);

/* The answering side. Appends the answer to `request` under the exchange's salt; stops before a node that would take
 * the answer over `answer_size_max` (always answers at least one). MERKLE_EMALFORMED (nothing appended),
 * MERKLE_ENOMEM. */
int merkle_walk_answer(struct merkle_tree *tree, uint64_t salt, const uint8_t *request,
                       size_t size_bytes, size_t answer_size_max, struct merkle_buffer *answer);
/* The answer to EXPAND at depth 0. */
int merkle_walk_answer_root(struct merkle_tree *tree, uint64_t salt, struct merkle_buffer *answer);

/* Finds the items under `path` whose fingerprint is one of the `fingerprints`: writes their (slot, digest, handle) to
 * `items` (room for `fingerprint_count`) and returns how many it found. */
size_t merkle_tree_find_fingerprints(const struct merkle_tree *tree, uint64_t salt,
                                     struct merkle_path path,
                                     const struct merkle_fingerprint *fingerprints,
                                     size_t fingerprint_count, struct merkle_item *items);

#endif
