/* check_component.c - L5: those who reach each other become equal, whatever is with the others.
 *
 *   a healed core   the settle phase waits for the core of the scenario, with all others cut off for ever: counted here
 *   long splits     while only partitions are in force, nothing is written, and no process or disk of anybody changes, for
 *                   as long as the bound of G1 and a suspicion take together, each set of two and more nodes of one cluster
 *                   that all reach one another, and no one else, has one root. Nodes that are not ready are left out: who
 *                   must join may need a member of the other side.
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <stdlib.h>
#include <string.h>

struct l5 {
    uint64_t world, still_since_ms;
};

/* --- stillness -------------------------------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t world, uint64_t value) {
    return (world ^ value) * UINT64_C(0x9e3779b97f4a7c15) + (world >> 29);
}

/* A number that changes with what would begin the waiting anew; 0: there is more wrong than partitions. */
static uint64_t world_of(const struct sim *sim) {
    uint64_t world = 1 + sim->acknowledged_count;
    for (size_t i = 0; i < sim->link_fault_count; i++) {
        if (sim->link_faults[i].type != SCENARIO_PARTITION) {
            return 0;
        }
        world = mixed(world, sim->link_faults[i].number);
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        bool broken = node->disk_failure != 0 || node->disk_broken || node->catching_up ||
                      node->frozen_until_ms > sim->now_ms || node->disk.quarantined > 0 ||
                      node->disk_slow_until_ms > sim->now_ms || node->memory.fail_count > 0;
        if (broken) {
            return 0;
        }
        world = mixed(world, node->starts);
    }
    return world == 0 ? 1 : world;
}

static uint64_t patience_ms(const struct sim *sim) {
    uint64_t bits = 1;
    while ((UINT64_C(1) << bits) < sim->node_count + 1) {
        bits++;
    }
    return (sim_settle_bound(sim->node_count) + 4 * bits) * sim->scenario->interval_ms * 6 / 5;
}

/* --- components ------------------------------------------------------------------------------------------------------- */

static bool is_cut(const struct sim *sim, size_t a, size_t b) {
    for (size_t i = 0; i < sim->link_fault_count; i++) {
        const struct sim_link_fault *fault = &sim->link_faults[i];
        if ((fault->from[a] && fault->to[b]) || (fault->from[b] && fault->to[a])) {
            return true;
        }
    }
    return false;
}

static bool counts(const struct sim *sim, const struct sim_node *node) {
    return sim_node_runs(sim, node) && !node->removed && node->clone_of == SIZE_MAX &&
           node->engine->state.ready;
}

/* The nodes of one component are those that are cut off from the same others. */
static bool same_side(const struct sim *sim, size_t a, size_t b) {
    if (is_cut(sim, a, b) || sim->nodes[a].cluster != sim->nodes[b].cluster) {
        return false;
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        if (i != a && i != b && is_cut(sim, a, i) != is_cut(sim, b, i)) {
            return false;
        }
    }
    return true;
}

static void components_look(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count; i++) {
        for (size_t j = i + 1; j < sim->node_count && counts(sim, &sim->nodes[i]); j++) {
            if (!counts(sim, &sim->nodes[j]) || !same_side(sim, i, j)) {
                continue;
            }
            struct merkle_digest a = merkle_tree_root(catalog_tree(sim->nodes[i].engine->catalog));
            struct merkle_digest b = merkle_tree_root(catalog_tree(sim->nodes[j].engine->catalog));
            sim_checker_looked(sim, &sim_check_l5);
            if (!merkle_digest_equal(&a, &b)) {
                sim_violated(sim, &sim_check_l5, &sim->nodes[i],
                             "and %s reach each other, and are unequal after a long split",
                             sim->nodes[j].name);
                return;
            }
        }
    }
}

static void l5_interval(struct sim *sim) {
    struct l5 *l5 = sim_checker_state(sim, &sim_check_l5);
    uint64_t world = world_of(sim);
    if (world == 0 || world != l5->world) {
        l5->world = world;
        l5->still_since_ms = sim->now_ms;
    } else if (sim->link_fault_count > 0 && sim->node_count <= SIM_SQUARE_CHECKS_MAX &&
               sim->now_ms - l5->still_since_ms >= patience_ms(sim)) {
        l5->still_since_ms = sim->now_ms; /* once is enough for as long */
        components_look(sim);
    }
}

static void l5_phase(struct sim *sim, enum sim_phase phase) {
    if (phase == SIM_CHECK && sim->core_only) {
        sim_checker_looked(sim, &sim_check_l5);
    }
}

const struct sim_checker sim_check_l5 = {
    .id = "L5",
    .statement = "nodes that reach each other become equal although others stay broken",
    .liveness = true,
    .state_size_bytes = sizeof(struct l5),
    .interval = l5_interval,
    .phase = l5_phase,
};
