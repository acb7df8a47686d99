/* walk.h - the state of a walk, and the border to the bytes of its messages (private to merkle/).
 *
 *      request                          answer                             what the initiator makes of it
 *      EXPAND p             ---->       EMPTY | LEAF | INNER at p          lists, or children on the frontier
 *      INNER p + children   ---->       EMPTY | LEAF at p, or              the same, one level further down
 *                                       for each child that differs:
 *                                       EMPTY | LEAF | INNER | SOME
 *
 * SOME stands for a child that the request showed as empty: the asker will fetch it whole, so its content is not sent.
 */
#ifndef MERKLE_WALK_H
#define MERKLE_WALK_H

#include "merkle/tree.h"

/* High nibble of a node's first byte. At depth 16 it is the kind + 8, and the low nibble is 0. */
enum merkle__node_kind {
    MERKLE__NODE_EXPAND = 1, /* requests */
    MERKLE__NODE_INNER = 2, /* both: bitmap, fingerprints of the children that it names (1 to 15) */
    MERKLE__NODE_INNER_FULL = 3, /* both: 16 fingerprints */
    MERKLE__NODE_LEAF = 4,       /* answers: number of items, their fingerprints */
    MERKLE__NODE_EMPTY = 5,      /* answers */
    MERKLE__NODE_SOME = 6,       /* answers: not empty */
    MERKLE__NODE_KIND_COUNT = 7,
};
static_assert(MERKLE__NODE_KIND_COUNT <= 8, "kind + 8 fits a nibble");

/* A node as read. INNER_FULL is read as INNER with all bits set. Fingerprints lie in the message. */
struct merkle__node {
    enum merkle__node_kind kind;
    struct merkle_path path;
    uint16_t present; /* INNER */
    const uint8_t *fingerprints;
    size_t fingerprint_count;
};

struct merkle__reader {
    const uint8_t *data;
    size_t size_bytes;
    size_t position;
};

/* --- walk_format.c. Readers return MERKLE_EMALFORMED and read past nothing. */

int merkle__varint_read(struct merkle__reader *reader, uint64_t *value);
int merkle__node_read(struct merkle__reader *reader, struct merkle__node *node);
bool merkle__node_is_request(const struct merkle__node *node);
/* The fingerprint of a child that INNER names. */
struct merkle_fingerprint merkle__node_child(const struct merkle__node *node, unsigned nibble);
struct merkle_fingerprint merkle__fingerprint_read(const uint8_t *bytes);
bool merkle__fingerprint_equal(struct merkle_fingerprint a, struct merkle_fingerprint b);

/* Writers leave a failure to the buffer's `failed`. */
size_t merkle__varint_write(uint64_t value, uint8_t bytes[10]);
void merkle__node_write(struct merkle_buffer *buffer, enum merkle__node_kind kind,
                        struct merkle_path path);
void merkle__node_write_inner(struct merkle_buffer *buffer, struct merkle_tree *tree, uint64_t salt,
                              struct merkle_path path);
void merkle__node_write_leaf(struct merkle_buffer *buffer, const struct merkle_tree *tree,
                             uint64_t salt, struct merkle_path path, size_t count);

/* Items that a LEAF may hold below depth 16. To INNER at most MERKLE_LEAF_ITEMS_MAX are answered so; to EXPAND twice as
 * many, because there both sides usually hold about as many, and a side with 17 against one with 16 would otherwise
 * cost a round trip more. */
enum { MERKLE__EXPAND_ITEMS_MAX = 2 * MERKLE_LEAF_ITEMS_MAX };

/* Does the content of a path travel as LEAF (or EMPTY) where a leaf may hold `items_max`? */
static inline bool merkle__travels_as_leaf(struct merkle_path path, size_t count,
                                           size_t items_max) {
    return count <= items_max || path.depth == MERKLE_DEPTH_MAX;
}

/* --- walk.c */

/* A queue of equal elements in one block; new ones can be taken back from its end. */
struct merkle__list {
    uint8_t *data;
    size_t element_size_bytes;
    size_t first, count, capacity; /* elements */
};

struct merkle_walk {
    const struct merkle_allocator *allocator;
    struct merkle_tree *tree;
    uint64_t salt;
    /* Prefixes that wait, by depth; the end is taken first. Subtrees on the frontier never overlap, and all hold items
     * here, so that it is bounded by our own tree. */
    struct merkle__list frontier[MERKLE_DEPTH_MAX + 1];
    struct merkle__list wants;  /* struct merkle_walk_want */
    struct merkle__list ranges; /* struct merkle_path */
    struct merkle__list haves;  /* struct merkle_walk_have */
};

int merkle__list_append(const struct merkle_allocator *allocator, struct merkle__list *list,
                        const void *element);

/* --- walk_leaf.c: a leaf of theirs against our items under the same path; MERKLE_ENOMEM. */

int merkle__walk_compare_leaf(struct merkle_walk *walk, const struct merkle__node *leaf);

#endif
