/* fault.c - what goes wrong, by the classes that are on in this run.
 *
 * Swarm testing (Groce et al., ISSTA '12): each seed first draws which classes are on, each with one half, and how strong:
 * all faults at once mask each other.
 */
#include "test/sim/sim.h"

#include <string.h>

const char *const sim_fault_names[SIM_FAULT_COUNT] = {
    [SIM_LOSS] = "loss",           [SIM_DELAY] = "delay",
    [SIM_REPEAT] = "repeat",       [SIM_REORDER] = "reorder",
    [SIM_PARTITION] = "partition", [SIM_ONE_WAY] = "one_way",
    [SIM_CRASH] = "crash",         [SIM_FREEZE] = "freeze",
    [SIM_DISK_FULL] = "disk_full", [SIM_DISK_ERROR] = "disk_error",
    [SIM_DISK_SLOW] = "disk_slow", [SIM_CLOCK] = "clock",
    [SIM_LATE_JOIN] = "late_join",
};

void sim_fault_draw(struct sim *sim) {
    struct choice *choice = &sim->choice;
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        sim->faults[i] = choice_below(choice, 2, sim_fault_names[i]) == 1;
    }
    sim->loss_percent =
        sim->faults[SIM_LOSS] ? 1 + (unsigned)choice_below(choice, 40, "loss rate") : 0;
    sim->repeat_percent =
        sim->faults[SIM_REPEAT] ? 1 + (unsigned)choice_below(choice, 20, "repeat rate") : 0;
    sim->reorder_percent =
        sim->faults[SIM_REORDER] ? 1 + (unsigned)choice_below(choice, 30, "reorder rate") : 0;
    sim->delay_ms = sim->faults[SIM_DELAY] ? 5 + choice_below(choice, 100, "delay mean") : 1;
    /* Most clocks are a little off; one is off by up to an hour, and must not refuse writes for the others. */
    for (size_t i = 0; i < sim->node_count && sim->faults[SIM_CLOCK]; i++) {
        sim->nodes[i].skew_ms = (int64_t)choice_below(choice, 40000, "skew") - 20000;
    }
    if (sim->faults[SIM_CLOCK]) {
        size_t victim = (size_t)choice_below(choice, sim->node_count, "victim of the clock");
        sim->nodes[victim].skew_ms = (int64_t)choice_below(choice, 7200000, "large skew") - 3600000;
    }
}

/* A newcomer that has met nobody yet may found a cluster of its own when it is cut off: that is right, and another story. */
static bool any_newcomer(const struct sim *sim) {
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (node->joined && catalog_id_is_none(&node->disk.state.cluster_id)) {
            return true;
        }
    }
    return false;
}

static void cut_group(struct sim *sim, bool one_way) {
    if (any_newcomer(sim)) {
        return;
    }
    size_t members =
        1 + (size_t)choice_below(&sim->choice, sim->node_count / 2 + 1, "partition size");
    for (size_t i = 0; i < sim->node_count; i++) {
        for (size_t j = 0; j < sim->node_count; j++) {
            bool across = (i < members) != (j < members);
            sim->cut[i * sim->node_count + j] = across && (!one_way || i < members);
        }
    }
    sim->cut_active = true;
    sim->stats.partitions++;
    sim_trace(sim, 0, "%s of %zu nodes", one_way ? "one-way cut" : "partition", members);
}

static void links_mend(struct sim *sim) {
    memset(sim->cut, 0, sim->node_count * sim->node_count * sizeof *sim->cut);
    sim->cut_active = false;
    sim_trace(sim, 0, "links mended");
}

static void crash_one(struct sim *sim, struct sim_node *node) {
    uint64_t away_ms = choice_delay(&sim->choice, 4000, "time down");
    sim_node_crash(sim, node);
    sim_event_push(sim, &(struct sim_event){.time_ms = sim->now_ms + 1 + away_ms,
                                            .type = SIM_EVENT_RESTART,
                                            .node = node->index,
                                            .start = node->starts});
}

static void disk_fail(struct sim *sim, struct sim_node *node, int failure) {
    node->disk_failure = node->disk_failure == 0 ? failure : 0; /* or it works again */
    sim_trace(sim, node->index, "disk: %d", node->disk_failure);
}

void sim_fault_inject(struct sim *sim) {
    enum sim_fault fault = (enum sim_fault)choice_below(&sim->choice, SIM_FAULT_COUNT, "fault");
    struct sim_node *node = &sim->nodes[choice_below(&sim->choice, sim->node_count, "victim")];
    if (!sim->faults[fault]) {
        return;
    }
    bool mend = choice_percent(&sim->choice, 40, "mend");
    if ((fault == SIM_PARTITION || fault == SIM_ONE_WAY) && mend) {
        links_mend(sim);
    } else if (fault == SIM_PARTITION || fault == SIM_ONE_WAY) {
        cut_group(sim, fault == SIM_ONE_WAY);
    } else if (node->engine == NULL) {
        return;
    } else if (fault == SIM_CRASH) {
        crash_one(sim, node);
    } else if (fault == SIM_FREEZE) {
        node->frozen_until_ms = sim->now_ms + 1 + choice_delay(&sim->choice, 5000, "freeze");
        if (node->frozen_until_ms > sim->load_end_ms) {
            node->frozen_until_ms = sim->load_end_ms;
        }
        sim->stats.freezes++;
        sim_trace(sim, node->index, "frozen until %llu", (unsigned long long)node->frozen_until_ms);
    } else if (fault == SIM_DISK_FULL) {
        disk_fail(sim, node, CATALOG_EFULL);
    } else if (fault == SIM_DISK_ERROR) {
        disk_fail(sim, node, CATALOG_EIO);
    } else if (fault == SIM_DISK_SLOW) {
        node->disk_slow_until_ms = sim->now_ms + choice_delay(&sim->choice, 2000, "slow disk");
        if (node->disk_slow_until_ms > sim->load_end_ms) {
            node->disk_slow_until_ms = sim->load_end_ms;
        }
        sim_trace(sim, node->index, "disk slow until %llu",
                  (unsigned long long)node->disk_slow_until_ms);
    } else if (fault == SIM_CLOCK) {
        node->skew_ms += (int64_t)choice_below(&sim->choice, 240000, "jump") - 120000;
    }
}

void sim_fault_heal(struct sim *sim) {
    links_mend(sim);
    for (size_t i = 0; i < sim->node_count; i++) {
        sim->nodes[i].frozen_until_ms = 0;
        sim->nodes[i].disk_failure = 0;
        if (sim->nodes[i].engine == NULL) {
            sim_node_start(sim, &sim->nodes[i]);
        }
    }
}
