/* diff.c - what differs between this node and a member, entry by entry; changes nothing on either side.
 *
 * The walk is the same as in any exchange. What would be pulled is kept here instead of stored; what would be pushed is
 * looked up. Each key then stands in one line: only here, only there, or both with how they relate.
 */
#include "gossip/engine.h"

#include <stdlib.h>

struct gossip__diff {
    struct merkle_buffer there; /* struct catalog_entry *, held; sorted by key when finished */
    struct merkle_buffer differences; /* struct gossip_difference; entries held */
    bool cut;
};

static size_t there_count(const struct gossip__diff *diff) {
    return diff->there.size_bytes / sizeof(struct catalog_entry *);
}

static struct catalog_entry **there_list(const struct gossip__diff *diff) {
    return (struct catalog_entry **)(void *)diff->there.data;
}

void gossip__diff_release(struct gossip *engine, struct gossip__diff *diff) {
    if (diff == NULL) {
        return;
    }
    for (size_t i = 0; i < there_count(diff); i++) {
        catalog_entry_release(there_list(diff)[i]);
    }
    struct gossip_difference *differences =
        (struct gossip_difference *)(void *)diff->differences.data;
    for (size_t i = 0; i < diff->differences.size_bytes / sizeof *differences; i++) {
        catalog_entry_release(differences[i].here);
        catalog_entry_release(differences[i].there);
    }
    merkle_buffer_close(&diff->there);
    merkle_buffer_close(&diff->differences);
    merkle_release(engine->allocator, diff);
}

void gossip__diff_free(struct gossip *engine, struct gossip__exchange *exchange) {
    gossip__diff_release(engine, exchange->diff);
    exchange->diff = NULL;
}

static struct gossip__diff *diff_of(struct gossip *engine, struct gossip__exchange *exchange) {
    if (exchange->diff == NULL) {
        exchange->diff = merkle_allocate_zeroed(engine->allocator, 1, sizeof *exchange->diff);
        if (exchange->diff != NULL) {
            merkle_buffer_init(&exchange->diff->there, engine->allocator);
            merkle_buffer_init(&exchange->diff->differences, engine->allocator);
        }
    }
    return exchange->diff;
}

void gossip__diff_take(struct gossip *engine, struct gossip__exchange *exchange,
                       const struct gossip__span *entries, size_t entry_count) {
    struct gossip__diff *diff = diff_of(engine, exchange);
    engine->counters.entries_received += entry_count;
    for (size_t i = 0; i < entry_count; i++) {
        struct catalog_entry *entry = NULL;
        if (diff == NULL || there_count(diff) >= GOSSIP__DIFFERENCES_MAX ||
            catalog_entry_decode(engine->allocator, entries[i].data, entries[i].size_bytes,
                                 &entry) != 0 ||
            merkle_buffer_append(&diff->there, &entry, sizeof entry) != 0) {
            catalog_entry_release(entry);
            exchange->incomplete = true;
        }
    }
}

static void difference_add(struct gossip *engine, struct gossip__diff *diff,
                           struct catalog_entry *here, struct catalog_entry *there) {
    enum catalog_relation relation;
    if (catalog_relate(engine->allocator, here, there, &relation) != 0 ||
        diff->differences.size_bytes / sizeof(struct gossip_difference) >=
            GOSSIP__DIFFERENCES_MAX) {
        diff->cut = true;
        return;
    }
    if (relation == CATALOG_SAME) {
        PROBE("gossip.diff_same_since");
        return; /* they have become the same since */
    }
    struct gossip_difference difference = {.relation = relation, .here = here, .there = there};
    if (merkle_buffer_append(&diff->differences, &difference, sizeof difference) != 0) {
        diff->cut = true;
        return;
    }
    if (here != NULL) {
        (void)catalog_entry_hold(here);
    }
    if (there != NULL) {
        (void)catalog_entry_hold(there);
    }
}

/* An entry of ours that differs: unless the other side has sent its own under this key, it is only here. */
static void only_here(struct gossip *engine, struct gossip__diff *diff, uint32_t handle) {
    struct catalog_entry *here = catalog_entry_of_handle(engine->catalog, handle);
    if (here == NULL ||
        (there_count(diff) > 0 && bsearch(&here, diff->there.data, there_count(diff), sizeof here,
                                          gossip__entries_by_key) != NULL)) {
        return;
    }
    difference_add(engine, diff, here, NULL);
}

static void only_here_path(struct gossip *engine, struct gossip__diff *diff,
                           struct merkle_path path) {
    enum { ITEMS_AT_ONCE = 64 };
    struct merkle_item items[ITEMS_AT_ONCE];
    uint64_t slot = merkle_path_slot_first(path);
    size_t skip = 0;
    size_t count;
    do {
        count = merkle_tree_range(catalog_tree(engine->catalog), slot, merkle_path_slot_last(path),
                                  skip, items, ITEMS_AT_ONCE);
        for (size_t i = 0; i < count && !diff->cut; i++) {
            only_here(engine, diff, items[i].handle);
            skip = items[i].slot == slot ? skip + 1 : 1;
            slot = items[i].slot;
        }
    } while (count == ITEMS_AT_ONCE && !diff->cut);
}

static int difference_by_key(const void *a, const void *b) {
    const struct gossip_difference *left = a;
    const struct gossip_difference *right = b;
    struct catalog_entry *left_entry = left->here != NULL ? left->here : left->there;
    struct catalog_entry *right_entry = right->here != NULL ? right->here : right->there;
    return gossip__entries_by_key(&left_entry, &right_entry);
}

void gossip__diff_finish(struct gossip *engine, struct gossip__exchange *exchange) {
    struct gossip__diff *diff = diff_of(engine, exchange);
    struct merkle_walk_have have;
    if (diff == NULL) {
        gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_UNFINISHED);
        return;
    }
    diff->cut = diff->cut || exchange->incomplete;
    if (there_count(diff) > 0) {
        qsort(diff->there.data, there_count(diff), sizeof(struct catalog_entry *),
              gossip__entries_by_key);
    }
    for (size_t i = 0; i < there_count(diff); i++) {
        struct catalog_entry *there = there_list(diff)[i];
        struct catalog_key key = catalog_entry_key(there);
        difference_add(engine, diff, catalog_find(engine->catalog, &key), there);
    }
    while (merkle_walk_take_haves(exchange->walk, &have, 1) > 0) {
        if (have.whole_path) {
            only_here_path(engine, diff, have.path);
        } else {
            only_here(engine, diff, have.handle);
        }
    }
    size_t count = diff->differences.size_bytes / sizeof(struct gossip_difference);
    if (count > 0) {
        qsort(diff->differences.data, count, sizeof(struct gossip_difference), difference_by_key);
    }
    gossip__exchange_end(engine, exchange, GOSSIP_EXCHANGE_EQUAL);
}

void gossip__diff_reply(const struct gossip__diff *diff, struct gossip_reply *reply) {
    if (diff != NULL) {
        reply->differences = (const struct gossip_difference *)(const void *)diff->differences.data;
        reply->difference_count = diff->differences.size_bytes / sizeof(struct gossip_difference);
        reply->differences_cut = diff->cut;
    }
}
