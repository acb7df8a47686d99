/* fault_heal.c - the end of the load: all faults end, all nodes (or those of the core) are up and reach each other.
 *
 * What no product could mend without its operator, the operator does here: newcomers are told of seeds that can be reached,
 * a removal that was lost with a disk is asked for again, a copy whose id was replaced is started again, what is
 * dead beside a live member of its name is removed.
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <string.h>

/* A core of which nobody was ready can do nothing without the others: then all are healed. */
static bool core_stands(const struct sim *sim) {
    const struct scenario_nodes *core = &sim->scenario->core;
    for (size_t i = 0; i < core->count; i++) {
        const struct sim_node *node = &sim->nodes[core->indexes[i]];
        if (sim_fault_disk_serves(sim, &node->disk) && !node->removed && node->cluster == 0) {
            return true;
        }
    }
    return false;
}

static bool knows_removal(const struct sim_node *node, const struct sim_node *gone) {
    for (size_t i = 0; i < node->disk.member_count; i++) {
        const struct catalog_member_row *row = &node->disk.members[i];
        if (catalog_id_equal(&row->id, &gone->disk.state.node_id)) {
            return row->state == GOSSIP_MEMBER_REMOVED;
        }
    }
    return false;
}

static void node_heal(struct sim *sim, struct sim_node *node) {
    node->frozen_until_ms = 0;
    node->disk_failure = 0;
    node->disk_slow_until_ms = 0;
    node->memory.fail_count = 0;
    if (node->disk_lies) {
        sim_fault_node_undo(sim, node);
    }
    if (node->clone_of != SIZE_MAX) {
        if (node->engine != NULL) {
            sim_fault_node_undo(sim, node);
        }
        return;
    }
    /* The seeds of a newcomer may be outside the core: an operator would name others. */
    bool lost = sim->core_only && catalog_id_is_none(&node->disk.state.cluster_id);
    if (lost && node->engine != NULL) {
        sim_node_crash(sim, node);
    }
    if (node->engine == NULL && !node->removed && node->joined) {
        node->starts++;
        sim_node_start(sim, node);
    }
}

/* The only one that knew of a removal may have lost its disk since: the operator, who still sees the member, asks again. */
static void removals_repeat(struct sim *sim, const struct sim_node *gone) {
    struct sim_node *by = NULL;
    for (size_t i = 0; i < sim->node_count; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (!sim_required(sim, node) || node->engine == NULL) {
            continue;
        }
        if (knows_removal(node, gone)) {
            return;
        }
        by = by == NULL && node->disk.state.ready ? node : by;
    }
    if (by != NULL) {
        PROBE("sim.removal_repeated");
        sim_operation_remove(sim, by, &sim->nodes[gone->index]);
    }
}

/* Who learns of its removal while it serves stops, and takes a new id when it is started again (DESIGN 4.7). The operator who
 * brought it back, or put back a copy from before its id was replaced, sees that it does not serve, and starts it once more. */
void sim_fault_start_again(struct sim *sim) {
    for (size_t i = 0; i < sim->scenario->node_count; i++) {
        struct sim_node *node = &sim->nodes[i];
        bool meant = node->returned || (node->outside_promises && !node->removed);
        if (meant && sim_node_runs(sim, node) && node->disk.state.removed) {
            PROBE("sim.removed_started_once_more");
            sim_node_crash(sim, node);
            sim_event_node(sim, SIM_EVENT_START, node, 0, sim->now_ms + 1);
        }
    }
}

static bool has_disk(const struct sim *sim, const struct catalog_id *id) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_disk *disk = &sim->nodes[i].disk;
        if (disk->exists && catalog_id_equal(&disk->state.node_id, id)) {
            return true;
        }
    }
    return false;
}

/* Whether one of this name is there, to be seen by this node. */
static bool is_alive(const struct sim_node *by, const char *name) {
    bool alive = strcmp(by->engine->node_name, name) == 0;
    for (size_t i = 0; i < by->engine->member_count; i++) {
        const struct gossip__member *member = by->engine->members[i];
        alive = alive ||
                (member->state == GOSSIP_MEMBER_ALIVE && strcmp(member->row.name, name) == 0);
    }
    return alive;
}

/* A clone that took an id of its own before it was thrown away, and a newcomer whose disk was emptied before all had heard of
 * it, leave a member that nobody is beside one of its name. The operator sees the two, and has what is dead removed. */
void sim_fault_ghosts_remove(struct sim *sim) {
    struct sim_node *by = NULL;
    for (size_t i = 0; i < sim->scenario->node_count && by == NULL; i++) {
        struct sim_node *node = &sim->nodes[i];
        bool serves = sim_required(sim, node) && sim_node_runs(sim, node) && !node->stopping;
        by = serves && node->disk.state.ready ? node : NULL;
    }
    for (size_t i = 0; by != NULL && sim->phase != SIM_LOAD && i < by->engine->member_count; i++) {
        const struct gossip__member *member = by->engine->members[i];
        if (member->state == GOSSIP_MEMBER_DEAD && !has_disk(sim, &member->row.id) &&
            is_alive(by, member->row.name)) {
            PROBE("sim.ghost_removed");
            sim_operation_remove_ghost(sim, by, member->row.name);
            return;
        }
    }
}

void sim_fault_heal(struct sim *sim) {
    bool core = core_stands(sim);
    sim->core_only = core;
    sim_link_end(sim, 0);
    sim_link_hasten(sim);
    for (size_t i = 0; i < sim->node_count; i++) {
        if (core && !scenario_nodes_hold(&sim->scenario->core, i)) {
            sim->nodes[i].abandoned = true;
        } else {
            node_heal(sim, &sim->nodes[i]);
        }
    }
    if (core) {
        PROBE("sim.core_healed");
        sim_link_isolate(sim);
    }
    for (size_t i = 0; i < sim->scenario->node_count && !sim->failed; i++) {
        if (sim->nodes[i].removed) {
            removals_repeat(sim, &sim->nodes[i]);
        }
    }
}
