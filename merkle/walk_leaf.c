/* walk_leaf.c - the end of a branch: the items of a leaf of theirs against ours under the same path.
 *
 * Theirs come as fingerprints only, without slots, so each of ours is looked up among theirs. Two passes:
 *   1. look up every item of ours; a match is noted with the item that it belongs to (each of theirs matches once, so
 *      that equal items are counted).
 *   2. what is unmatched of theirs is wanted; what is unmatched of ours is had, as whole paths where nothing below
 *      matched: a tree of a million items against a leaf of 16 is told in a few hundred entries.
 */
#include "merkle/instrument.h"
#include "merkle/walk.h"

#include <stdlib.h>

enum { THEIRS_ON_STACK = MERKLE__EXPAND_ITEMS_MAX, ITEMS_AT_ONCE = 32 };

struct theirs {
    uint64_t fingerprint;
    size_t index; /* in their order */
    bool matched;
    uint64_t slot; /* of ours, if matched */
    uint32_t handle;
};

struct comparison {
    struct merkle_walk *walk;
    struct theirs *theirs; /* by fingerprint */
    size_t count;
};

static uint64_t fingerprint_number(const uint8_t bytes[MERKLE_FINGERPRINT_SIZE_BYTES]) {
    uint64_t number = 0;
    for (size_t i = 0; i < MERKLE_FINGERPRINT_SIZE_BYTES; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static int theirs_compare(const void *a, const void *b) {
    const struct theirs *left = a, *right = b;
    if (left->fingerprint != right->fingerprint) {
        return left->fingerprint < right->fingerprint ? -1 : 1;
    }
    return (left->index > right->index) - (left->index < right->index);
}

static int theirs_compare_index(const void *a, const void *b) {
    const struct theirs *left = a, *right = b;
    return (left->index > right->index) - (left->index < right->index);
}

/* The first of theirs with this fingerprint, or the end. */
static struct theirs *theirs_find(const struct comparison *comparison, uint64_t fingerprint) {
    size_t low = 0, high = comparison->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (comparison->theirs[middle].fingerprint < fingerprint) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return comparison->theirs + low;
}

static uint64_t item_fingerprint(const struct comparison *comparison,
                                 const struct merkle_item *item) {
    struct merkle_fingerprint fingerprint =
        merkle_fingerprint_of_item(item->slot, &item->digest, comparison->walk->salt);
    return fingerprint_number(fingerprint.bytes);
}

static void item_match(struct comparison *comparison, const struct merkle_item *item) {
    uint64_t fingerprint = item_fingerprint(comparison, item);
    const struct theirs *end = comparison->theirs + comparison->count;
    struct theirs *theirs = theirs_find(comparison, fingerprint);
    while (theirs < end && theirs->fingerprint == fingerprint && theirs->matched) {
        theirs++;
    }
    if (theirs < end && theirs->fingerprint == fingerprint) {
        theirs->matched = true;
        theirs->slot = item->slot;
        theirs->handle = item->handle;
    }
}

static bool item_is_matched(const struct comparison *comparison, const struct merkle_item *item) {
    uint64_t fingerprint = item_fingerprint(comparison, item);
    const struct theirs *end = comparison->theirs + comparison->count;
    const struct theirs *theirs = theirs_find(comparison, fingerprint);
    for (; theirs < end && theirs->fingerprint == fingerprint; theirs++) {
        if (theirs->matched && theirs->slot == item->slot && theirs->handle == item->handle) {
            return true;
        }
    }
    return false;
}

static size_t matched_under(const struct comparison *comparison, struct merkle_path path) {
    uint64_t slot_first = merkle_path_slot_first(path), slot_last = merkle_path_slot_last(path);
    size_t count = 0;
    for (size_t i = 0; i < comparison->count; i++) {
        const struct theirs *theirs = &comparison->theirs[i];
        count += theirs->matched && theirs->slot >= slot_first && theirs->slot <= slot_last;
    }
    return count;
}

/* The items under a path, some at a time; `place` begins as {first slot, 0}. */
struct place {
    uint64_t slot;
    size_t skip;
};

static size_t items_read(const struct merkle_tree *tree, struct merkle_path path,
                         struct place *place, struct merkle_item items[ITEMS_AT_ONCE]) {
    size_t read = merkle_tree_range(tree, place->slot, merkle_path_slot_last(path), place->skip,
                                    items, ITEMS_AT_ONCE);
    for (size_t i = 0; i < read; i++) {
        place->skip = items[i].slot == place->slot ? place->skip + 1 : 1;
        place->slot = items[i].slot;
    }
    return read;
}

static void match_all(struct comparison *comparison, struct merkle_path path) {
    struct place place = {.slot = merkle_path_slot_first(path)};
    struct merkle_item items[ITEMS_AT_ONCE];
    size_t read;
    do {
        read = items_read(comparison->walk->tree, path, &place, items);
        for (size_t i = 0; i < read; i++) {
            item_match(comparison, &items[i]);
        }
    } while (read == ITEMS_AT_ONCE);
}

static int have_items(const struct comparison *comparison, struct merkle_path path) {
    struct merkle_walk *walk = comparison->walk;
    struct place place = {.slot = merkle_path_slot_first(path)};
    struct merkle_item items[ITEMS_AT_ONCE];
    size_t read;
    do {
        read = items_read(walk->tree, path, &place, items);
        for (size_t i = 0; i < read; i++) {
            struct merkle_walk_have have = {.slot = items[i].slot, .handle = items[i].handle};
            if (!item_is_matched(comparison, &items[i]) &&
                merkle__list_append(walk->allocator, &walk->haves, &have) != 0) {
                return MERKLE_ENOMEM;
            }
        }
    } while (read == ITEMS_AT_ONCE);
    return 0;
}

/* What is unmatched of ours under a path. Recursion: at most MERKLE_DEPTH_MAX deep. */
static int have_unmatched(const struct comparison *comparison, struct merkle_path path) {
    struct merkle_walk *walk = comparison->walk;
    size_t count = merkle_tree_path_count(walk->tree, path);
    size_t matched = matched_under(comparison, path);
    assert(matched <= count);
    if (matched == count) {
        PROBE("merkle.leaf_nothing_to_give");
        return 0;
    }
    if (matched == 0) {
        PROBE("merkle.leaf_nothing_common");
        struct merkle_walk_have have = {.whole_path = true, .path = path};
        return merkle__list_append(walk->allocator, &walk->haves, &have);
    }
    if (merkle__travels_as_leaf(path, count, MERKLE_LEAF_ITEMS_MAX)) {
        return have_items(comparison, path);
    }
    for (unsigned i = 0; i < MERKLE_FAN_OUT; i++) {
        if (have_unmatched(comparison, merkle__path_child(path, i)) != 0) {
            return MERKLE_ENOMEM;
        }
    }
    return 0;
}

static int want_unmatched(struct comparison *comparison, const struct merkle__node *leaf) {
    struct merkle_walk *walk = comparison->walk;
    qsort(comparison->theirs, comparison->count, sizeof(*comparison->theirs), theirs_compare_index);
    for (size_t i = 0; i < comparison->count; i++) {
        if (comparison->theirs[i].matched) {
            continue;
        }
        struct merkle_walk_want want = {
            .path = leaf->path,
            .fingerprint =
                merkle__fingerprint_read(leaf->fingerprints + i * MERKLE_FINGERPRINT_SIZE_BYTES)};
        if (merkle__list_append(walk->allocator, &walk->wants, &want) != 0) {
            return MERKLE_ENOMEM;
        }
    }
    return 0;
}

int merkle__walk_compare_leaf(struct merkle_walk *walk, const struct merkle__node *leaf) {
    assert(leaf->kind == MERKLE__NODE_LEAF && leaf->fingerprint_count > 0);
    struct theirs on_stack[THEIRS_ON_STACK];
    struct comparison comparison = {
        .walk = walk, .theirs = on_stack, .count = leaf->fingerprint_count};
    if (comparison.count > THEIRS_ON_STACK) {
        comparison.theirs =
            merkle_allocate(walk->allocator, comparison.count, sizeof(*comparison.theirs));
        if (comparison.theirs == NULL) {
            return MERKLE_ENOMEM;
        }
    }
    for (size_t i = 0; i < comparison.count; i++) {
        const uint8_t *bytes = leaf->fingerprints + i * MERKLE_FINGERPRINT_SIZE_BYTES;
        comparison.theirs[i] =
            (struct theirs){.fingerprint = fingerprint_number(bytes), .index = i};
    }
    qsort(comparison.theirs, comparison.count, sizeof(*comparison.theirs), theirs_compare);
    match_all(&comparison, leaf->path);
    int result = have_unmatched(&comparison, leaf->path);
    if (result == 0) {
        result = want_unmatched(&comparison, leaf);
    }
    if (comparison.theirs != on_stack) {
        merkle_release(walk->allocator, comparison.theirs);
    }
    return result;
}
