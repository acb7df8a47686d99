/* check_stranger.c - S11: nothing comes of what strangers, liars and other clusters send.
 *
 * Two claims. After a frame that no honest member sent (hostile.c, and bytes that a fault made of a frame) the node is what
 * it was before: root, stored changes, clock, incarnation, cluster, who is in its table, whether it is ready, and what it
 * concluded (`seen`, horizon). From a stranger the whole table is the same, judgements included; a liar uses a member's
 * connection, so that member was heard, and is taken for alive. And: who is of another cluster has no session, and a version,
 * which is of the cluster in which it first lands on a disk, never lands on a disk of another.
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <stdlib.h>
#include <string.h>

struct known {
    bool valid;
    struct merkle_digest root;
    uint64_t changes, incarnation, members_changes;
    catalog_clock high_water, seen, horizon;
    struct catalog_id cluster_id;
    size_t member_count;
    bool ready, removed, duplicate_id, healing;
};

struct home {
    struct catalog_id origin;
    catalog_clock clock; /* 0: free */
    uint64_t slot;
    struct catalog_id cluster_id;
};

struct s11 {
    struct known *known; /* of node_capacity: after the last step of each */
    struct home *homes;  /* open hash table */
    size_t count, capacity;
};

/* --- hostile frames -------------------------------------------------------------------------------------------------- */

static struct known known_now(struct gossip *engine) {
    return (struct known){
        .valid = true,
        .root = merkle_tree_root(catalog_tree(engine->catalog)),
        .changes = catalog_count(engine->catalog).changes,
        .incarnation = engine->state.incarnation,
        .members_changes = engine->members_changes,
        .high_water = engine->state.high_water,
        .seen = engine->state.seen,
        .horizon = engine->state.horizon,
        .cluster_id = engine->state.cluster_id,
        .member_count = engine->member_count,
        .ready = engine->state.ready,
        .removed = engine->removed,
        .duplicate_id = engine->duplicate_id,
        .healing = engine->state.healing,
    };
}

static bool from_stranger(struct sim *sim, const struct sim_node *node, uint32_t id) {
    unsigned end;
    const struct sim_connection *connection = sim_network_find(sim, node, id, &end);
    return connection != NULL && connection->node[1 - end] >= sim->node_count;
}

static const char *difference(const struct known *a, const struct known *b, bool stranger) {
    if (!merkle_digest_equal(&a->root, &b->root) || a->changes != b->changes) {
        return "its catalog";
    }
    if (a->high_water != b->high_water || a->seen != b->seen || a->horizon != b->horizon) {
        return "its clocks";
    }
    if (!catalog_id_equal(&a->cluster_id, &b->cluster_id) || a->ready != b->ready ||
        a->removed != b->removed || a->healing != b->healing ||
        a->duplicate_id != b->duplicate_id) {
        return "what it is";
    }
    if (a->member_count != b->member_count || (stranger && a->incarnation != b->incarnation) ||
        (stranger && a->members_changes != b->members_changes)) {
        return "its member table";
    }
    return NULL;
}

/* Whether the session on which a message came is one with a member, and that member is of another cluster. */
static bool talks_elsewhere(struct gossip *engine, uint32_t connection) {
    const struct gossip__session *session = gossip__session_find(engine, connection);
    return session != NULL && session->member != NULL &&
           !catalog_id_is_none(&session->peer_cluster) &&
           !catalog_id_is_none(&engine->state.cluster_id) &&
           !catalog_id_equal(&session->peer_cluster, &engine->state.cluster_id);
}

/* What is on its way to the disk is in no root yet. */
static bool stores_entries(const struct gossip_update *update) {
    size_t count = 0;
    for (size_t i = 0; i < update->batch_count; i++) {
        count += update->batches[i].entry_count;
    }
    return count > 0;
}

static struct known *known_of(struct sim *sim, const struct sim_node *node) {
    struct s11 *s11 = sim_checker_state(sim, &sim_check_s11);
    if (s11->known == NULL) {
        s11->known = sim_allocate(sim->node_capacity, sizeof *s11->known);
    }
    return &s11->known[node->index];
}

static void s11_started(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    (void)load;
    known_of(sim, node)->valid = false;
}

static void s11_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                        const struct gossip_update *update) {
    struct known *before = known_of(sim, node);
    struct known now = known_now(node->engine);
    if (sim->hostile && event->type == GOSSIP_MESSAGE && before->valid) {
        bool stranger = from_stranger(sim, node, event->message.connection);
        const char *what =
            stores_entries(update) ? "what it stores" : difference(before, &now, stranger);
        sim_checker_looked(sim, &sim_check_s11);
        if (what != NULL) {
            sim_violated(sim, &sim_check_s11, node, "a frame of a %s changes %s",
                         stranger ? "stranger" : "liar", what);
        }
    }
    if (event->type == GOSSIP_MESSAGE && talks_elsewhere(node->engine, event->message.connection)) {
        sim_violated(sim, &sim_check_s11, node, "has a session with a member of another cluster");
    }
    *before = now;
}

/* --- other clusters -------------------------------------------------------------------------------------------------- */

static struct home *place(struct s11 *s11, const struct catalog_version *version, uint64_t slot) {
    uint64_t mix;
    memcpy(&mix, version->origin.bytes, sizeof mix);
    size_t at =
        (size_t)((mix ^ version->clock ^ slot) * UINT64_C(0x9e3779b97f4a7c15)) % s11->capacity;
    while (s11->homes[at].clock != 0 &&
           (s11->homes[at].clock != version->clock || s11->homes[at].slot != slot ||
            !catalog_id_equal(&s11->homes[at].origin, &version->origin))) {
        at = (at + 1) % s11->capacity;
    }
    return &s11->homes[at];
}

static void grow(struct s11 *s11) {
    struct s11 old = *s11;
    s11->capacity = old.capacity == 0 ? 1024 : old.capacity * 2;
    s11->homes = sim_allocate(s11->capacity, sizeof *s11->homes);
    for (size_t i = 0; i < old.capacity; i++) {
        const struct home *home = &old.homes[i];
        if (home->clock != 0) {
            struct catalog_version version = {.clock = home->clock, .origin = home->origin};
            *place(s11, &version, home->slot) = *home;
        }
    }
    free(old.homes);
}

static void entry_look(struct sim *sim, struct sim_node *node, const struct catalog_entry *entry,
                       const struct catalog_id *cluster_id) {
    enum { VERSIONS_MAX = 64 };
    struct catalog_version versions[VERSIONS_MAX];
    struct s11 *s11 = sim_checker_state(sim, &sim_check_s11);
    size_t count = catalog_entry_versions(entry, versions, VERSIONS_MAX);
    for (size_t i = 0; i < count && i < VERSIONS_MAX; i++) {
        if (s11->count * 2 >= s11->capacity) {
            grow(s11);
        }
        struct home *home = place(s11, &versions[i], entry->slot);
        if (home->clock == 0) {
            *home = (struct home){versions[i].origin, versions[i].clock, entry->slot, *cluster_id};
            s11->count++;
            continue;
        }
        sim_checker_looked(sim, &sim_check_s11);
        if (!catalog_id_equal(&home->cluster_id, cluster_id)) {
            sim_violated(sim, &sim_check_s11, node, "a version of another cluster is on its disk");
            return;
        }
    }
}

static void s11_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                       const struct catalog_node_state *before) {
    (void)before;
    for (size_t i = 0; i < batch->entry_count && !sim->failed; i++) {
        entry_look(sim, node, batch->entries[i], &batch->state.cluster_id);
    }
}

static void s11_close(struct sim *sim) {
    struct s11 *s11 = sim_checker_state(sim, &sim_check_s11);
    free(s11->known);
    free(s11->homes);
}

const struct sim_checker sim_check_s11 = {
    .id = "S11",
    .statement = "nothing comes of what strangers, liars and other clusters send",
    .state_size_bytes = sizeof(struct s11),
    .started = s11_started,
    .stepped = s11_stepped,
    .landed = s11_landed,
    .close = s11_close,
};
