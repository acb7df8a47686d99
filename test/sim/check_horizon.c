/* check_horizon.c - HORIZON: what is forgotten, when, and that it is (DESIGN 4.7).
 *
 *   raise     a horizon, when it is first stored anywhere, is at or below the `seen` on the disk of every true member that its node has stored, and of the
 *             node itself; it never falls while its disk lives under one id. (Whom it has not heard of has become a member a
 *             moment ago. The clocks of those that admitted it stand still for `seen` since then, so what it makes is above;
 *             but its own `seen` may be below, and then it has to begin anew.) The batch that raises it takes along all that it passes: no tombstone
 *             at or below it is left on the disk, no pair at or below it without a version that survives
 *   at rest   when all is healed and all members have heard all clocks, the horizon has passed everything: no tombstone and no
 *             superseded pair is left on any required disk, all horizons are equal, and nobody's `seen` is below any of them
 *             (whose is has an old disk, and must have taken a new id)
 *
 * That nothing comes back behind a horizon is S3's to say. A disk that a fault put back, damaged or lied about, and two disks
 * under one id, may have a `seen` below: they are not asked here, but in the end.
 */
#include "test/sim/check_agreement.h"

#include "catalog/entry.h"

#include <string.h>

enum { ONE_BATCH = GOSSIP__PRUNED_PER_BATCH / 2, PAIRS_MAX = 1024 };

struct horizon {
    uint64_t raises;
};

static bool is_shortened(const struct catalog_entry *entry, catalog_clock horizon) {
    static struct catalog__pair pairs[PAIRS_MAX];
    size_t count = catalog__entry_pair_count(entry);
    if (entry->tombstone && entry->clock <= horizon) {
        return false;
    }
    if (count > PAIRS_MAX) {
        return true;
    }
    catalog__entry_pairs(entry, pairs);
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].version == NULL && pairs[i].clock <= horizon) {
            return false;
        }
    }
    return true;
}

static bool all_shortened(const struct sim_disk *disk) {
    for (size_t i = 0; i < disk->entry_count; i++) {
        if (!is_shortened(disk->entries[i], disk->state.horizon)) {
            return false;
        }
    }
    return true;
}

/* --- a raise ---------------------------------------------------------------------------------------------------------- */

/* Whether its disk has this id as a member. */
static bool is_member_for(const struct sim_disk *disk, const struct catalog_id *id) {
    for (size_t i = 0; i < disk->member_count; i++) {
        if (catalog_id_equal(&disk->members[i].id, id)) {
            return disk->members[i].state != GOSSIP_MEMBER_REMOVED;
        }
    }
    return false;
}

/* Whether it must have seen all that is forgotten. */
static bool is_asked(const struct sim *sim, const struct sim_node *by,
                     const struct sim_node *node) {
    bool counted_out = node->removed || node->removals_asked > (node->returned ? 1U : 0U) ||
                       !is_member_for(&by->disk, &node->disk.state.node_id);
    (void)sim;
    return node != by && node->disk.exists && node->disk.state.ready && !counted_out &&
           node->cluster == by->cluster && node->clone_of == SIZE_MAX && !node->outside_promises;
}

/* Whoever hears of a horizon raises to it; he who stored it first answers for it. */
static bool is_first(const struct sim *sim, const struct sim_node *node, catalog_clock horizon) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *other = &sim->nodes[i];
        if (other != node && other->disk.exists && other->cluster == node->cluster &&
            other->disk.state.horizon >= horizon) {
            return false;
        }
    }
    return !node->outside_promises;
}

static void raise_look(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    catalog_clock horizon = batch->state.horizon;
    sim_checker_looked(sim, &sim_check_horizon);
    if (horizon > batch->state.seen) {
        sim_violated(sim, &sim_check_horizon, node, "stores a horizon above what it has seen");
    }
    bool first = is_first(sim, node, horizon);
    for (size_t i = 0; i < sim->node_count && !sim->failed && first; i++) {
        const struct sim_node *other = &sim->nodes[i];
        if (is_asked(sim, node, other) && other->disk.state.seen < horizon) {
            sim_violated(sim, &sim_check_horizon, node,
                         "stores the horizon %llx, and %s, a member, has seen all up to %llx only",
                         (unsigned long long)horizon, other->name,
                         (unsigned long long)other->disk.state.seen);
        }
    }
    bool at_once = batch->removed_count + batch->entry_count < ONE_BATCH && node->engine != NULL &&
                   node->memory.failed == 0 && node->engine->store_error == 0;
    if (at_once && !sim->failed && !all_shortened(&node->disk)) {
        sim_violated(sim, &sim_check_horizon, node,
                     "raises its horizon, and keeps what that has passed");
    }
}

static void horizon_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                           const struct catalog_node_state *before) {
    struct horizon *seen = sim_checker_state(sim, &sim_check_horizon);
    bool same = before != NULL && !batch->reset && !batch->members_cleared &&
                catalog_id_equal(&before->node_id, &batch->state.node_id);
    catalog_clock former = before == NULL || batch->reset ? 0 : before->horizon;
    if (same && batch->state.horizon < former) {
        sim_violated(sim, &sim_check_horizon, node, "its horizon falls");
    } else if (batch->state.horizon > former && batch->state.ready && same && before->ready) {
        seen->raises++;
        raise_look(sim, node, batch);
    }
}

/* --- at rest ---------------------------------------------------------------------------------------------------------- */

bool sim_horizon_is_at_rest(const struct sim *sim) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        const struct sim_disk *disk = &node->disk;
        if (!sim_required(sim, node)) {
            continue;
        }
        if (disk->state.horizon < disk->state.high_water || !all_shortened(disk)) {
            return false;
        }
    }
    return true;
}

static const char *holder_name(const struct sim *sim, const struct sim_node *node) {
    if (node->engine == NULL) {
        return "nobody";
    }
    struct gossip_status status = gossip_status(node->engine, sim->now_ms, 0);
    return status.horizon_held_self        ? "itself"
           : status.horizon_holder == NULL ? "nobody"
                                           : status.horizon_holder;
}

static void rest_look(struct sim *sim, struct sim_node *node, catalog_clock largest) {
    const struct sim_disk *disk = &node->disk;
    size_t tombstones = 0;
    size_t long_ones = 0;
    sim_checker_looked(sim, &sim_check_horizon);
    for (size_t i = 0; i < disk->entry_count; i++) {
        tombstones += disk->entries[i]->tombstone;
        long_ones += !is_shortened(disk->entries[i], CATALOG_CLOCK_MAX);
    }
    if (disk->state.seen < largest) {
        sim_violated(sim, &sim_check_horizon, node,
                     "is a member at rest, and its disk is older than what it once confirmed");
    } else if (tombstones > 0 || long_ones > 0) {
        sim_violated(sim, &sim_check_horizon, node,
                     "keeps %zu tombstones and %zu contexts for nothing at rest: %s holds the "
                     "horizon back",
                     tombstones, long_ones - tombstones, holder_name(sim, node));
    } else if (disk->state.horizon != largest) {
        sim_violated(sim, &sim_check_horizon, node, "has another horizon than others at rest");
    }
}

static void horizon_finished(struct sim *sim) {
    catalog_clock largest = 0;
    if (sim->core_only || sim->scenario->expect.stale_roots_allowed) {
        return; /* who stays away for ever holds it back for ever */
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        bool larger = sim_required(sim, node) && node->disk.state.horizon > largest;
        largest = larger ? node->disk.state.horizon : largest;
    }
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        if (sim_required(sim, &sim->nodes[i])) {
            rest_look(sim, &sim->nodes[i], largest);
        }
    }
}

const struct sim_checker sim_check_horizon = {
    .id = "HORIZON",
    .statement = "what all members have seen is forgotten by all alike, and nothing before",
    .state_size_bytes = sizeof(struct horizon),
    .landed = horizon_landed,
    .finished = horizon_finished,
};
