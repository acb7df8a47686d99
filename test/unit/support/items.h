/* items.h - sets of items for the tests of merkle/, as sorted arrays: the dumb model that trees and walks are checked
 * against.
 */
#ifndef TEST_UNIT_SUPPORT_ITEMS_H
#define TEST_UNIT_SUPPORT_ITEMS_H

#include "merkle/merkle.h"

/* How slots are drawn. */
enum items_shape {
    ITEMS_UNIFORM = 0,
    ITEMS_DENSE = 1,     /* small numbers, side by side */
    ITEMS_PREFIX = 2,    /* 11 nibbles in common */
    ITEMS_COLLIDING = 3, /* a few dozen slots, many items in each */
    ITEMS_MIXED = 4,     /* some of each */
    ITEMS_SHAPE_COUNT = 5,
};

/* splitmix64: advances the state, returns the next number. */
uint64_t items_random(uint64_t *state);
uint64_t items_slot(enum items_shape shape, uint64_t *state);
/* The item of this slot whose digest and handle follow from a number. */
struct merkle_item items_item(uint64_t slot, uint32_t number);

struct items {
    struct merkle_item *rows; /* in order of slot, digest, handle */
    size_t count, capacity;
};

void items_init(struct items *items);
void items_close(struct items *items);
void items_add(struct items *items, struct merkle_item item); /* keeps the order */
void items_delete(struct items *items, size_t index);
void items_push(struct items *items, struct merkle_item item); /* at the end; sort afterwards */
void items_sort(struct items *items);
/* By slot and digest. */
bool items_equal(const struct items *a, const struct items *b);
/* What of `a` is not in `b`, by slot and digest, equal items counted. */
void items_subtract(const struct items *a, const struct items *b, struct items *difference);

/* The digest by the definition in merkle.h: of sorted items, all of one subtree at `depth`. */
struct merkle_digest items_digest(const struct merkle_item *rows, size_t count, unsigned depth);
/* The items under a path: index of the first, and their number. */
size_t items_under(const struct items *items, struct merkle_path path, size_t *first);

/* A tree of them all; aborts the test if memory is short. */
struct merkle_tree *items_tree(const struct merkle_allocator *allocator, const struct items *items);

#endif
