/* walk_find.c - from fingerprints back to items: what the answering side does with the wants of an initiator.
 *
 * A path usually holds 16 items or fewer, but a peer may ask for many fingerprints under the root: a bitmap of their
 * last bits turns almost every item away at the cost of one look, so that the work stays linear in the items.
 */
#include "merkle/walk.h"

enum { FILTER_BITS = 8192, ITEMS_AT_ONCE = 32 };

struct find {
    const struct merkle_fingerprint *fingerprints;
    size_t fingerprint_count;
    uint64_t filter[FILTER_BITS / 64];
};

static size_t filter_bit(struct merkle_fingerprint fingerprint) {
    return (size_t)(fingerprint.bytes[3] << 8 | fingerprint.bytes[4]) % FILTER_BITS;
}

static bool find_matches(const struct find *find, struct merkle_fingerprint fingerprint) {
    size_t bit = filter_bit(fingerprint);
    if (((find->filter[bit / 64] >> (bit % 64)) & 1) == 0) {
        return false;
    }
    for (size_t i = 0; i < find->fingerprint_count; i++) {
        if (merkle__fingerprint_equal(find->fingerprints[i], fingerprint)) {
            return true;
        }
    }
    return false;
}

size_t merkle_tree_find_fingerprints(const struct merkle_tree *tree, uint64_t salt,
                                     struct merkle_path path,
                                     const struct merkle_fingerprint *fingerprints,
                                     size_t fingerprint_count, struct merkle_item *items) {
    struct find find = {.fingerprints = fingerprints, .fingerprint_count = fingerprint_count};
    for (size_t i = 0; i < fingerprint_count; i++) {
        size_t bit = filter_bit(fingerprints[i]);
        find.filter[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    uint64_t slot = merkle_path_slot_first(path);
    size_t found = 0, skip = 0, read;
    struct merkle_item part[ITEMS_AT_ONCE];
    do {
        read =
            merkle_tree_range(tree, slot, merkle_path_slot_last(path), skip, part, ITEMS_AT_ONCE);
        for (size_t i = 0; i < read && found < fingerprint_count; i++) {
            skip = part[i].slot == slot ? skip + 1 : 1;
            slot = part[i].slot;
            if (find_matches(&find, merkle_fingerprint_of_item(slot, &part[i].digest, salt))) {
                items[found++] = part[i];
            }
        }
    } while (read == ITEMS_AT_ONCE && found < fingerprint_count);
    return found;
}
