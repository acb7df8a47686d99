/* check_identity.c - S13: an id is one live process, and once removed it is gone for good.
 *
 *   removed      where the removal of an id is on disk, its row says removed for as long as the disk lives, and the engine
 *                holds it for nothing else; what an id makes after everybody else has stored its removal lands on no disk
 *                but its own
 *   doubled      while two processes with one id run, at most one of them accepts writes, from DETECT_INTERVALS on in which the
 *                world was calm. Nobody learns of the other by a direct call (an id does not dial itself): a third member that
 *                has a session with the one asks it, by a PING, when the other says hello, and refuses the second hello of the
 *                other, so that one learns it. So this is claimed only where there is a third member, all are up, no link is
 *                faulty, and no process began or ended in that time
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <stdlib.h>
#include <string.h>

enum { DETECT_INTERVALS = 8 };

/* Ids whose removal is on a disk. */
struct removals {
    struct catalog_id *ids;
    size_t count, capacity;
};
/* A version that was made when its maker was removed everywhere else. */
struct orphan {
    struct catalog_id origin;
    catalog_clock clock;
    size_t maker;
    struct catalog_id id; /* of the maker, then */
};
enum { VERSIONS_MAX = 64 }; /* of an entry, looked at */
struct s13 {
    struct removals *removals; /* of node_capacity */
    struct orphan *orphans;
    size_t orphan_count, orphan_capacity;
    struct catalog_version *made; /* own ones of the batch that lands, new on this disk */
    size_t made_count, made_capacity;
    uint64_t calm_since_ms;
    uint64_t world; /* what must not change while it is calm */
};

static struct removals *removals_of(struct sim *sim, const struct sim_node *node) {
    struct s13 *s13 = sim_checker_state(sim, &sim_check_s13);
    if (s13->removals == NULL) {
        s13->removals = sim_allocate(sim->node_capacity, sizeof *s13->removals);
    }
    return &s13->removals[node->index];
}

static bool holds(const struct removals *removals, const struct catalog_id *id) {
    for (size_t i = 0; i < removals->count; i++) {
        if (catalog_id_equal(&removals->ids[i], id)) {
            return true;
        }
    }
    return false;
}

/* --- removed ids ----------------------------------------------------------------------------------------------------- */

static void row_look(struct sim *sim, struct sim_node *node, struct removals *removals,
                     const struct catalog_member_row *row) {
    bool known = holds(removals, &row->id);
    if (row->state == GOSSIP_MEMBER_REMOVED && !known) {
        removals->ids =
            sim_grow(removals->ids, removals->count, &removals->capacity, sizeof *removals->ids);
        removals->ids[removals->count++] = row->id;
    } else if (known) {
        sim_checker_looked(sim, &sim_check_s13);
        if (row->state != GOSSIP_MEMBER_REMOVED) {
            sim_violated(sim, &sim_check_s13, node, "stores a removed id as a member again: %s",
                         row->name);
        }
    }
}

/* Whether each other node with a disk of this cluster has stored the removal of this id. */
static bool removed_everywhere(struct sim *sim, const struct sim_node *maker,
                               const struct catalog_id *id) {
    size_t others = 0;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (node == maker || !node->disk.exists || node->cluster != maker->cluster) {
            continue;
        }
        others++;
        if (!holds(removals_of(sim, node), id)) {
            return false;
        }
    }
    return others > 0;
}

static const struct orphan *orphan_find(const struct s13 *s13,
                                        const struct catalog_version *version) {
    for (size_t i = 0; i < s13->orphan_count; i++) {
        if (s13->orphans[i].clock == version->clock &&
            catalog_id_equal(&s13->orphans[i].origin, &version->origin)) {
            return &s13->orphans[i];
        }
    }
    return NULL;
}

/* An entry lands again with each version that it gets. */
static void s13_put(struct sim *sim, struct sim_node *node, struct catalog_entry *before,
                    struct catalog_entry *after) {
    struct s13 *s13 = sim_checker_state(sim, &sim_check_s13);
    struct catalog_version versions[VERSIONS_MAX];
    size_t count = catalog_entry_versions(after, versions, VERSIONS_MAX);
    for (size_t i = 0; i < count && i < VERSIONS_MAX; i++) {
        bool own = catalog_id_equal(&versions[i].origin, &node->origin);
        if (own && (before == NULL ||
                    catalog_entry_seen(before, &versions[i].origin) < versions[i].clock)) {
            s13->made =
                sim_grow(s13->made, s13->made_count, &s13->made_capacity, sizeof *s13->made);
            s13->made[s13->made_count++] = versions[i];
        }
    }
}

static bool is_made_now(const struct s13 *s13, const struct catalog_version *version) {
    bool made = false;
    for (size_t i = 0; i < s13->made_count; i++) {
        made = made || (s13->made[i].clock == version->clock &&
                        catalog_id_equal(&s13->made[i].origin, &version->origin));
    }
    return made;
}

static void version_look(struct sim *sim, struct sim_node *node,
                         const struct catalog_version *version,
                         const struct catalog_node_state *state, bool made_late) {
    struct s13 *s13 = sim_checker_state(sim, &sim_check_s13);
    bool own = catalog_id_equal(&version->origin, &node->origin);
    if (own && made_late && is_made_now(s13, version) && orphan_find(s13, version) == NULL) {
        s13->orphans =
            sim_grow(s13->orphans, s13->orphan_count, &s13->orphan_capacity, sizeof *s13->orphans);
        s13->orphans[s13->orphan_count++] =
            (struct orphan){version->origin, version->clock, node->index, state->node_id};
    } else if (!own && s13->orphan_count > 0 &&
               state->ready) { /* a newcomer has not been told yet */
        const struct orphan *orphan = orphan_find(s13, version);
        sim_checker_looked(sim, &sim_check_s13);
        if (orphan != NULL && orphan->maker != node->index) {
            sim_violated(sim, &sim_check_s13, node,
                         "a version that %s made after all had removed it is on its disk",
                         sim->nodes[orphan->maker].name);
        }
    }
}

static void s13_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                       const struct catalog_node_state *before) {
    struct removals *removals = removals_of(sim, node);
    (void)before;
    if (batch->members_cleared) {
        removals->count = 0; /* it left for another cluster */
    }
    for (size_t i = 0; i < batch->member_count && !sim->failed; i++) {
        row_look(sim, node, removals, &batch->members[i]);
    }
    bool late = batch->entry_count > 0 && removed_everywhere(sim, node, &batch->state.node_id);
    for (size_t i = 0; i < batch->entry_count && !sim->failed; i++) {
        struct catalog_version versions[VERSIONS_MAX];
        size_t count = catalog_entry_versions(batch->entries[i], versions, VERSIONS_MAX);
        for (size_t j = 0; j < count && j < VERSIONS_MAX && !sim->failed; j++) {
            version_look(sim, node, &versions[j], &batch->state, late);
        }
    }
    ((struct s13 *)sim_checker_state(sim, &sim_check_s13))->made_count = 0;
}

/* A disk that was put back may not know of a removal that all had stored: it takes from that id until it is told. */
static void orphans_forget(struct s13 *s13, const struct removals *removals) {
    for (size_t i = s13->orphan_count; i > 0; i--) {
        if (!holds(removals, &s13->orphans[i - 1].id)) {
            s13->orphans[i - 1] = s13->orphans[--s13->orphan_count];
        }
    }
}

static void s13_disk_replaced(struct sim *sim, struct sim_node *node) {
    struct removals *removals = removals_of(sim, node);
    removals->count = 0;
    for (size_t i = 0; i < node->disk.member_count; i++) {
        row_look(sim, node, removals, &node->disk.members[i]);
    }
    if (node->disk.exists) {
        orphans_forget(sim_checker_state(sim, &sim_check_s13), removals);
    }
}

static void table_look(struct sim *sim, struct sim_node *node) {
    const struct removals *removals = removals_of(sim, node);
    const struct gossip *engine = node->engine;
    for (size_t i = 0; i < engine->member_count && removals->count > 0; i++) {
        const struct gossip__member *member = engine->members[i];
        if (!holds(removals, &member->row.id)) {
            continue;
        }
        sim_checker_looked(sim, &sim_check_s13);
        if (member->state != GOSSIP_MEMBER_REMOVED) {
            sim_violated(sim, &sim_check_s13, node, "takes a removed id for %s: %s",
                         gossip_member_state_name(member->state), member->row.name);
            return;
        }
    }
}

/* --- doubled ids ----------------------------------------------------------------------------------------------------- */

/* A number that changes with whatever could hinder the detection; 0: something hinders it now. */
static uint64_t world_of(const struct sim *sim) {
    uint64_t world = 1 + sim->node_count;
    if (sim->link_fault_count > 0) {
        return 0;
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        bool gone = node->clone_of != SIZE_MAX && node->engine == NULL;
        if (!gone && (!sim_node_runs(sim, node) || node->disk_broken || node->stopping)) {
            return 0;
        }
        world = world * UINT64_C(0x100000001b3) + node->starts;
    }
    return world;
}

static bool accepts_writes(struct sim_node *node) {
    return gossip__write_refusal(node->engine) == 0;
}

static void doubled_look(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count; i++) {
        struct sim_node *copy = &sim->nodes[i];
        struct sim_node *first = copy->clone_of == SIZE_MAX ? NULL : &sim->nodes[copy->clone_of];
        if (first == NULL || copy->engine == NULL || first->engine == NULL ||
            !catalog_id_equal(&copy->engine->state.node_id, &first->engine->state.node_id)) {
            continue;
        }
        sim_checker_looked(sim, &sim_check_s13);
        if (accepts_writes(copy) && accepts_writes(first)) {
            sim_violated(sim, &sim_check_s13, copy, "two processes with the id of %s take writes",
                         first->name);
            return;
        }
    }
}

static void s13_interval(struct sim *sim) {
    struct s13 *s13 = sim_checker_state(sim, &sim_check_s13);
    uint64_t world = world_of(sim);
    if (world == 0 || world != s13->world) {
        s13->world = world;
        s13->calm_since_ms = sim->now_ms;
    } else if (sim->node_count >= 3 &&
               sim->now_ms - s13->calm_since_ms >= DETECT_INTERVALS * sim->scenario->interval_ms) {
        doubled_look(sim);
    }
    struct sim_node *node = &sim->nodes[sim->now_ms / sim->scenario->interval_ms % sim->node_count];
    if (node->engine != NULL && !sim->failed) {
        table_look(sim, node);
    }
}

static void s13_close(struct sim *sim) {
    struct s13 *s13 = sim_checker_state(sim, &sim_check_s13);
    for (size_t i = 0; s13->removals != NULL && i < sim->node_capacity; i++) {
        free(s13->removals[i].ids);
    }
    free(s13->removals);
    free(s13->orphans);
    free(s13->made);
}

const struct sim_checker sim_check_s13 = {
    .id = "S13",
    .statement = "an id is one process that takes writes, and once removed it never comes back",
    .state_size_bytes = sizeof(struct s13),
    .put = s13_put,
    .landed = s13_landed,
    .disk_replaced = s13_disk_replaced,
    .interval = s13_interval,
    .close = s13_close,
};
