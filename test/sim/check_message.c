/* check_message.c - S9: a message that brings nothing new changes nothing, and what this version does not know goes through it
 * byte for byte.
 *
 *   steps      only what the disk says changes the catalog: after any other event root and change counter are as before
 *   repeats    entries that were handed to the store are new once: the same frame brings none again, unless the node has
 *              started again empty or its store has failed meanwhile and forgotten them, or memory was short for some of
 *              them at first (the last REMEMBERED frames with entries of each life of a node)
 *   bytes      wherever an entry lands its bytes are the one encoding: they decode, and its parts put together anew give the
 *              same; a version with fields of a newer format, and any of an unknown kind, has the
 *              same bytes on all disks. So equal sets of versions have equal bytes everywhere.
 */
#include "test/sim/checker.h"

#include "catalog/entry.h"
#include "gossip/engine.h"

#include <stdlib.h>
#include <string.h>

enum {
    REMEMBERED = 64,
    KNOWN_ELEMENTS_MAX = 7, /* of a version; the seventh is `previous` */
    PAIRS_MAX = 2048,
};

struct taken {
    struct merkle_digest frame;
    uint64_t failures; /* of the store, until then */
};
struct at_node {
    bool known;
    struct merkle_digest root;
    uint64_t changes, reopened;
    uint64_t memory_failed; /* until the last step */
    struct taken taken[REMEMBERED];
    size_t taken_count, taken_next;
};
/* A version that is carried, not understood. */
struct carried {
    struct catalog_id origin;
    catalog_clock clock;
    uint64_t slot;
    struct merkle_digest bytes;
};
struct s9 {
    struct at_node *nodes; /* of node_capacity */
    struct carried *carried;
    size_t carried_count, carried_capacity;
};

static struct at_node *at(struct sim *sim, const struct sim_node *node) {
    struct s9 *s9 = sim_checker_state(sim, &sim_check_s9);
    if (s9->nodes == NULL) {
        s9->nodes = sim_allocate(sim->node_capacity, sizeof *s9->nodes);
    }
    return &s9->nodes[node->index];
}

/* --- steps and repeats ------------------------------------------------------------------------------------------------ */

static void s9_started(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    (void)load;
    *at(sim, node) = (struct at_node){.known = false};
}

/* Who starts again empty has forgotten what it took. */
static bool is_reset(const struct gossip_update *update) {
    for (size_t i = 0; i < update->batch_count; i++) {
        if (update->batches[i].reset) {
            return true;
        }
    }
    return false;
}

static size_t entries_of(const struct gossip_update *update) {
    size_t count = 0;
    for (size_t i = 0; i < update->batch_count; i++) {
        count += update->batches[i].entry_count;
    }
    return count;
}

static const struct taken *taken_find(const struct at_node *here,
                                      const struct merkle_digest *frame) {
    for (size_t i = 0; i < here->taken_count; i++) {
        if (merkle_digest_equal(&here->taken[i].frame, frame)) {
            return &here->taken[i];
        }
    }
    return NULL;
}

static void repeat_look(struct sim *sim, struct sim_node *node, struct at_node *here,
                        const struct gossip_event *event, size_t entries) {
    uint64_t failures =
        gossip_counters(node->engine)->batches_failed + here->reopened + node->memory.failed;
    struct merkle_digest frame =
        merkle_digest_of(event->message.bytes, event->message.size_bytes, 0);
    const struct taken *before = taken_find(here, &frame);
    if (before != NULL && before->failures == failures) {
        sim_checker_looked(sim, &sim_check_s9);
        if (entries > 0) {
            sim_violated(sim, &sim_check_s9, node, "takes %zu entries from a frame a second time",
                         entries);
        }
    } else if (before == NULL && entries > 0 && node->memory.failed == here->memory_failed) {
        here->taken[here->taken_next++ % REMEMBERED] = (struct taken){frame, failures};
        here->taken_count += here->taken_count < REMEMBERED;
    }
}

/* The first byte of a message is an array's head, the next its type. */
static bool bears_entries(const struct gossip_event *event) {
    return event->type == GOSSIP_MESSAGE && event->message.size_bytes > 2 &&
           (event->message.bytes[1] == GOSSIP__PUSH || event->message.bytes[1] == GOSSIP__ENTRIES);
}

static void s9_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                       const struct gossip_update *update) {
    struct at_node *here = at(sim, node);
    struct catalog *catalog = gossip_catalog(node->engine);
    struct merkle_digest root = merkle_tree_root(catalog_tree(catalog));
    uint64_t changes = catalog_count(catalog).changes;
    bool from_disk = event->type == GOSSIP_STORED || event->type == GOSSIP_REOPENED;
    here->reopened += event->type == GOSSIP_REOPENED;
    if (here->known && !from_disk) {
        sim_checker_looked(sim, &sim_check_s9);
        if (!merkle_digest_equal(&root, &here->root) || changes != here->changes) {
            sim_violated(sim, &sim_check_s9, node, "its catalog changes without its disk");
        }
    }
    here->known = true;
    here->root = root;
    here->changes = changes;
    if (is_reset(update)) {
        here->taken_count = here->taken_next = 0;
    }
    if (bears_entries(event)) {
        repeat_look(sim, node, here, event, entries_of(update));
    }
    here->memory_failed = node->memory.failed;
}

/* --- bytes ------------------------------------------------------------------------------------------------------------ */

static bool rebuilds(struct catalog_entry *entry) {
    static struct catalog__pair pairs[PAIRS_MAX];
    static const struct catalog__pair *survivors[PAIRS_MAX];
    struct catalog_version versions[PAIRS_MAX / 8];
    struct catalog_entry *decoded = NULL;
    struct catalog_entry *built = NULL;
    size_t count = catalog__entry_pair_count(entry);
    size_t alive = catalog_entry_versions(entry, versions, sizeof versions / sizeof *versions);
    if (count > PAIRS_MAX || alive > sizeof versions / sizeof *versions) {
        return true;
    }
    bool right = catalog_entry_decode(&merkle_allocator_libc, entry->bytes, entry->size_bytes,
                                      &decoded) == 0 &&
                 merkle_digest_equal(&decoded->digest, &entry->digest);
    catalog__entry_pairs(entry, pairs);
    for (size_t i = 0; i < alive; i++) {
        for (size_t j = 0; j < count; j++) {
            if (pairs[j].version == versions[i].bytes) {
                survivors[i] = &pairs[j];
            }
        }
    }
    struct catalog_key key = catalog_entry_key(entry);
    right = right &&
            catalog__entry_build(&merkle_allocator_libc, &key, pairs, count, survivors, alive,
                                 &built) == 0 &&
            catalog__entry_same_bytes(built, entry);
    catalog_entry_release(decoded);
    catalog_entry_release(built);
    return right;
}

/* What bears more elements than this version knows, or is of a kind that it does not know. */
static bool is_carried(const struct catalog_entry *entry, const struct catalog_version *version) {
    uint8_t head = version->bytes[0];
    bool newer = head > 0x90 + KNOWN_ELEMENTS_MAX;
    return newer || entry->kind > CATALOG_INDEX;
}

static void carried_look(struct sim *sim, struct sim_node *node, const struct catalog_entry *entry,
                         const struct catalog_version *version) {
    struct s9 *s9 = sim_checker_state(sim, &sim_check_s9);
    struct merkle_digest bytes = merkle_digest_of(version->bytes, version->size_bytes, 0);
    for (size_t i = 0; i < s9->carried_count; i++) {
        const struct carried *known = &s9->carried[i];
        if (known->slot != entry->slot || known->clock != version->clock ||
            !catalog_id_equal(&known->origin, &version->origin)) {
            continue;
        }
        sim_checker_looked(sim, &sim_check_s9);
        if (!merkle_digest_equal(&known->bytes, &bytes)) {
            sim_violated(sim, &sim_check_s9, node,
                         "has other bytes for a version that is only to be carried");
        }
        return;
    }
    if (is_carried(entry, version)) {
        s9->carried =
            sim_grow(s9->carried, s9->carried_count, &s9->carried_capacity, sizeof *s9->carried);
        s9->carried[s9->carried_count++] =
            (struct carried){version->origin, version->clock, entry->slot, bytes};
    }
}

static void s9_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                   struct catalog_entry *after) {
    enum { VERSIONS_MAX = 64 };
    struct catalog_version versions[VERSIONS_MAX];
    struct s9 *s9 = sim_checker_state(sim, &sim_check_s9);
    (void)before;
    if (sim_entry_first(sim, after, SIM_MARK_S9)) {
        sim_checker_looked(sim, &sim_check_s9);
        if (!rebuilds(after)) {
            sim_violated(sim, &sim_check_s9, node,
                         "an entry on its disk is not what its parts are when put together");
            return;
        }
    }
    size_t count = catalog_entry_versions(after, versions, VERSIONS_MAX);
    for (size_t i = 0; i < count && i < VERSIONS_MAX && !sim->failed; i++) {
        if (s9->carried_count > 0 || is_carried(after, &versions[i])) {
            carried_look(sim, node, after, &versions[i]);
        }
    }
}

static void s9_close(struct sim *sim) {
    struct s9 *s9 = sim_checker_state(sim, &sim_check_s9);
    free(s9->nodes);
    free(s9->carried);
}

const struct sim_checker sim_check_s9 = {
    .id = "S9",
    .statement = "what brings nothing new changes nothing; what is not known is carried as it is",
    .state_size_bytes = sizeof(struct s9),
    .started = s9_started,
    .stepped = s9_stepped,
    .put = s9_put,
    .close = s9_close,
};
