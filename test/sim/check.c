/* check.c - the promises, checked where something lands on a disk, now and then, and at the end.
 *
 *   G1 convergence within K(n) intervals      sim.c counts, sim_check_equal() looks
 *   G2 nothing acknowledged is lost           load.c at the acknowledgement; here at the end, on every node
 *   G3 no rollback                            each entry that lands on a disk holds all that stood there before
 *   G4 one result, S1                         equal roots have equal exports and conflicts
 *   S5 the tree is what its items say         rebuilt from scratch
 *   S6 (origin, clock) names one content      over all disks of the run
 *   G6 agreement is never claimed falsely     whoever says so has a root that each member has stored once
 *   G11 the digest never covers more than the disk  the root equals that of the rows on the disk
 *   DESIGN 4.7, `seen`                        all that any node made up to it is on that node's disk, and nothing more
 *                                             is made below it
 */
#include "test/sim/sim.h"

#include "catalog/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_origin {
    struct catalog_id origin;
    catalog_clock clock; /* 0: free */
    uint64_t key;        /* slot of the entry */
    struct merkle_digest content;
};

/* --- S6 ---------------------------------------------------------------------------------------------------------------- */

static struct sim_origin *origin_place(struct sim *sim, const struct catalog_id *origin,
                                       catalog_clock clock, uint64_t key) {
    uint64_t mix;
    memcpy(&mix, origin->bytes, sizeof mix);
    size_t place =
        (size_t)((mix ^ clock ^ key) * UINT64_C(0x9e3779b97f4a7c15)) % sim->origin_capacity;
    struct sim_origin *at = &sim->origins[place];
    while (at->clock != 0 &&
           (at->clock != clock || at->key != key || !catalog_id_equal(&at->origin, origin))) {
        place = (place + 1) % sim->origin_capacity;
        at = &sim->origins[place];
    }
    return at;
}

static void origins_grow(struct sim *sim) {
    struct sim_origin *old = sim->origins;
    size_t old_capacity = sim->origin_capacity;
    sim->origin_capacity = old_capacity == 0 ? 1024 : old_capacity * 2;
    sim->origins = sim_allocate(sim->origin_capacity, sizeof *sim->origins);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].clock != 0) {
            *origin_place(sim, &old[i].origin, old[i].clock, old[i].key) = old[i];
        }
    }
    free(old);
}

/* --- `seen` ------------------------------------------------------------------------------------------------------------ */

/* What this disk knows of the origin in the entry of this slot; 0: nothing. */
static catalog_clock known_clock(const struct sim_disk *disk, uint64_t slot,
                                 const struct catalog_id *origin) {
    enum { PAIRS_MAX = 1024 };
    static struct catalog__pair pairs[PAIRS_MAX];
    catalog_clock clock = 0;
    for (size_t i = 0; i < disk->entry_count; i++) {
        struct catalog_entry *entry = disk->entries[i];
        size_t count = entry->slot == slot ? catalog__entry_pair_count(entry) : 0;
        if (count == 0 || count > PAIRS_MAX) {
            continue;
        }
        catalog__entry_pairs(entry, pairs);
        for (size_t j = 0; j < count; j++) {
            bool same = catalog_id_equal(&pairs[j].origin, origin);
            clock = same && pairs[j].clock > clock ? pairs[j].clock : clock;
        }
    }
    return clock;
}

static void seen_check(struct sim *sim, struct sim_node *node, catalog_clock before) {
    catalog_clock seen = node->disk.state.seen;
    for (size_t i = 0; i < sim->origin_capacity && seen > before; i++) {
        const struct sim_origin *made = &sim->origins[i];
        if (made->clock > before && made->clock <= seen &&
            known_clock(&node->disk, made->key, &made->origin) < made->clock) {
            sim_fail(sim, "G3", "%s stores a `seen` above a version that it lacks", node->name);
        }
    }
    sim->stats.seen_rises += seen > before;
}

/* A version is made: whoever has seen all up to its clock was wrong. */
static void made_check(struct sim *sim, catalog_clock clock) {
    for (size_t i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i].disk.exists && sim->nodes[i].disk.state.seen >= clock) {
            sim_fail(sim, "G3", "a version is made below the `seen` of %s", sim->nodes[i].name);
        }
    }
}

static void version_check(struct sim *sim, const struct sim_node *node, uint64_t slot,
                          const struct catalog_version *version) {
    if (sim->origin_count * 2 >= sim->origin_capacity) {
        origins_grow(sim);
    }
    struct sim_origin *at = origin_place(sim, &version->origin, version->clock, slot);
    struct merkle_digest content = merkle_digest_of(version->bytes, version->size_bytes, 0);
    if (at->clock == 0) {
        *at = (struct sim_origin){
            .origin = version->origin, .clock = version->clock, .key = slot, .content = content};
        sim->origin_count++;
        made_check(sim, version->clock);
    } else if (!merkle_digest_equal(&at->content, &content)) {
        sim_fail(sim, "S6", "%s stores another content under a known (origin, clock)", node->name);
    }
}

/* --- what lands on a disk ---------------------------------------------------------------------------------------------- */

void sim_check_applied(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                       struct catalog_entry *after) {
    enum { VERSIONS_MAX = 64 };
    struct catalog_version versions[VERSIONS_MAX];
    size_t count = catalog_entry_versions(after, versions, VERSIONS_MAX);
    for (size_t i = 0; i < count && i < VERSIONS_MAX; i++) {
        version_check(sim, node, after->slot, &versions[i]);
    }
    if (before == NULL) {
        return;
    }
    struct catalog_entry *merged = NULL;
    if (catalog_merge(&merkle_allocator_libc, before, after, 0, &merged, NULL) != 0 ||
        !merkle_digest_equal(&merged->digest, &after->digest)) {
        sim_fail(sim, "G3", "%s: an entry on disk is replaced by one that has not seen it",
                 node->name);
    }
    catalog_entry_release(merged);
}

/* --- agreement --------------------------------------------------------------------------------------------------------- */

/* Notes what this node's disk holds now. */
static void held_note(struct sim_node *node) {
    node->held = sim_grow(node->held, node->held_count, &node->held_capacity, sizeof *node->held);
    node->held[node->held_count++] = node->disk.sum.digest_sum;
}

static bool has_held(const struct sim_node *node, const struct merkle_digest *sum) {
    for (size_t i = node->held_count; i > 0; i--) {
        if (merkle_digest_equal(&node->held[i - 1], sum)) {
            return true;
        }
    }
    return false;
}

/* Root and sum of a disk say the same; the sum costs nothing. */
static void agreed_check(struct sim *sim, struct sim_node *node) {
    struct gossip_member_status members[SIM_MEMBERS_CHECKED_MAX];
    struct gossip_status status = gossip_status(node->engine, sim->now_ms, 0);
    size_t count = gossip_members(node->engine, sim->now_ms, members, SIM_MEMBERS_CHECKED_MAX);
    if (status.agreed != GOSSIP_YES || count > SIM_MEMBERS_CHECKED_MAX) {
        return;
    }
    sim->stats.agreed_claims++;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *other = &sim->nodes[i];
        for (size_t j = 0; j < count; j++) {
            if (!members[j].self && strcmp(members[j].name, other->name) == 0 &&
                !has_held(other, &node->disk.sum.digest_sum)) {
                sim_fail(sim, "G6", "%s says that all agree, and %s never had this", node->name,
                         other->name);
            }
        }
    }
}

void sim_check_landed(struct sim *sim, struct sim_node *node, catalog_clock seen_before) {
    held_note(node);
    seen_check(sim, node, seen_before);
}

/* --- one node ---------------------------------------------------------------------------------------------------------- */

static bool disk_root(const struct sim_disk *disk, struct merkle_digest *root) {
    struct merkle_tree *tree;
    if (merkle_tree_new(&merkle_allocator_libc, &tree) != 0) {
        return false;
    }
    bool built = true;
    for (size_t i = 0; i < disk->entry_count && built; i++) {
        const struct catalog_entry *entry = disk->entries[i];
        struct merkle_item item = {
            .slot = entry->slot, .digest = entry->digest, .handle = (uint32_t)i};
        built = merkle_tree_insert(tree, &item) == 0;
    }
    *root = merkle_tree_root(tree);
    merkle_tree_free(tree);
    return built;
}

void sim_check_node(struct sim *sim, struct sim_node *node, bool thoroughly) {
    struct merkle_digest on_disk;
    if (node->engine == NULL || node->disk_broken || node->catching_up || !thoroughly) {
        return;
    }
    struct merkle_tree *tree = catalog_tree(gossip_catalog(node->engine));
    struct merkle_digest root = merkle_tree_root(tree);
    if (!merkle_tree_verify(tree)) {
        sim_fail(sim, "S5", "%s: the tree is not what its items say", node->name);
    }
    if (!disk_root(&node->disk, &on_disk) || !merkle_digest_equal(&root, &on_disk)) {
        sim_fail(sim, "G11", "%s: its root is not that of its disk", node->name);
    }
    agreed_check(sim, node);
}

/* --- all nodes --------------------------------------------------------------------------------------------------------- */

bool sim_check_equal(struct sim *sim) {
    struct gossip_status first = {.ready = false};
    for (size_t i = 0; i < sim->node_count; i++) {
        struct sim_node *node = &sim->nodes[i];
        struct gossip_status status = gossip_status(node->engine, sim->now_ms, 0);
        if (i == 0) {
            first = status;
        }
        if (!status.ready || status.healing || status.store_error != 0 ||
            !merkle_digest_equal(&status.root, &first.root)) {
            return false;
        }
    }
    return true;
}

void sim_check_unequal(struct sim *sim, char *text, size_t size_bytes) {
    size_t length = 0;
    text[0] = '\0';
    struct gossip_status first = gossip_status(sim->nodes[0].engine, sim->now_ms, 0);
    for (size_t i = 0; i < sim->node_count && length + 64 < size_bytes; i++) {
        struct gossip_status status = gossip_status(sim->nodes[i].engine, sim->now_ms, 0);
        bool same = merkle_digest_equal(&status.root, &first.root);
        if (!same || !status.ready || status.healing || status.store_error != 0) {
            length += (size_t)snprintf(
                text + length, size_bytes - length, "%s%s%s%s%s ", sim->nodes[i].name,
                same ? "" : " differs", status.ready ? "" : " joining",
                status.healing ? " healing" : "", status.store_error != 0 ? " store" : "");
        }
    }
}

static void acknowledged_check(struct sim *sim, const struct sim_node *node,
                               const struct sim_acknowledged *write) {
    struct catalog_key key = catalog_entry_key(write->entry);
    struct catalog_entry *stored = sim_disk_find(&node->disk, &key);
    struct catalog_entry *merged = NULL;
    if (stored == NULL ||
        catalog_merge(&merkle_allocator_libc, stored, write->entry, 0, &merged, NULL) != 0 ||
        !merkle_digest_equal(&merged->digest, &stored->digest)) {
        sim_fail(sim, "G2", "%s lacks a write that %s acknowledged: %.*s/%.*s", node->name,
                 sim->nodes[write->node].name, (int)key.entity.size_bytes, key.entity.data,
                 (int)key.name.size_bytes, key.name.data);
    }
    catalog_entry_release(merged);
}

static void exports_compare(struct sim *sim, const struct merkle_buffer *first,
                            struct sim_node *node) {
    struct merkle_buffer text;
    merkle_buffer_init(&text, &merkle_allocator_libc);
    if (catalog_export(gossip_catalog(node->engine), &text) != 0 ||
        text.size_bytes != first->size_bytes ||
        (text.size_bytes > 0 && memcmp(text.data, first->data, text.size_bytes) != 0)) {
        sim_fail(sim, "G4", "%s has the root of %s and another export", node->name,
                 sim->nodes[0].name);
    }
    merkle_buffer_close(&text);
}

void sim_check_end(struct sim *sim) {
    struct merkle_buffer first;
    merkle_buffer_init(&first, &merkle_allocator_libc);
    (void)catalog_export(gossip_catalog(sim->nodes[0].engine), &first);
    sim->stats.conflicts = catalog_count(gossip_catalog(sim->nodes[0].engine)).conflicts;
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        struct sim_node *node = &sim->nodes[i];
        sim_check_node(sim, node, true);
        exports_compare(sim, &first, node);
        for (size_t j = 0; j < sim->acknowledged_count && !sim->failed; j++) {
            acknowledged_check(sim, node, &sim->acknowledged[j]);
        }
        struct gossip_status status = gossip_status(node->engine, sim->now_ms, 0);
        if (status.agreed == GOSSIP_NO) {
            sim_fail(sim, "G6", "%s says that the nodes disagree, and they agree", node->name);
        }
    }
    merkle_buffer_close(&first);
}

void sim_check_close(struct sim *sim) {
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        catalog_entry_release(sim->acknowledged[i].entry);
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        free(sim->nodes[i].held);
    }
    free(sim->acknowledged);
    free(sim->origins);
}
