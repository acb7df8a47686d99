/* fault.c - performs the scenario's faults, and undoes them when their time is over (fault_heal.c heals the world).
 *
 * A fault that lasts has a number; its end is an event of its own (UNDO). What needs a running process waits until it is up
 * and not frozen; what was meant for a node that was removed, or has not joined yet, has no effect (but that the clock of its
 * machine is wrong when it joins), and does not count as fired.
 */
#include "test/sim/checker.h"

#include <stdlib.h>
#include <string.h>

enum { WAIT_MS = 200, ALLOCATIONS_BEFORE = 60 };

/* --- lasting faults -------------------------------------------------------------------------------------------------------------- */

static uint64_t end_of(const struct sim *sim, const struct scenario_action *action) {
    uint64_t load_end_ms = sim->scenario->load_ms;
    uint64_t end_ms =
        action->for_ms == SCENARIO_FOREVER ? load_end_ms : sim->now_ms + action->for_ms;
    return end_ms < load_end_ms ? end_ms : load_end_ms;
}

static void undo_at(struct sim *sim, const struct scenario_action *action, size_t what) {
    sim_event_push(sim, &(struct sim_event){
                            .time_ms = end_of(sim, action), .type = SIM_EVENT_UNDO, .node = what});
}

/* For the report: when, and what its class had come to before. */
static void band_note(struct sim *sim, size_t index, uint64_t until_ms, uint64_t fired_before) {
    const struct scenario_action *action = &sim->scenario->actions[index];
    if (sim->options->report == NULL) {
        return;
    }
    sim->bands = sim_grow(sim->bands, sim->band_count, &sim->band_capacity, sizeof *sim->bands);
    enum scenario_class class = scenario_action_class(action->type);
    sim->bands[sim->band_count++] = (struct sim_band){
        .action = index,
        .from_ms = sim->now_ms,
        .until_ms = until_ms,
        .fired_before = fired_before,
        .at_once = sim->stats.fired[class] > fired_before || class == SCENARIO_CLASS_NONE,
    };
}

static bool lasts(const struct scenario_action *action) {
    return (scenario_action_takes(action->type) & SCENARIO_TAKES_FOR) != 0;
}

/* One that lies on links until it ends: the classes of the network, but for connections that end. */
static bool is_link_fault(enum scenario_action_type type) {
    enum scenario_class class = scenario_action_class(type);
    return class != SCENARIO_CLASS_NONE && class < SCENARIO_CLASS_CRASH &&
           class != SCENARIO_CLASS_RESET;
}

/* --- by node ------------------------------------------------------------------------------------------------------------------------ */

/* Up again at the end of the fault's time: the process is down until then. */
static void start_at(struct sim *sim, struct sim_node *node, uint64_t time_ms) {
    sim_event_node(sim, SIM_EVENT_START, node, 0,
                   time_ms > sim->now_ms ? time_ms : sim->now_ms + 1);
}

static void kill(struct sim *sim, struct sim_node *node) {
    if (node->engine != NULL) {
        sim_node_crash(sim, node);
    } else {
        node->starts++; /* a start that was planned is void: this fault has its own */
    }
}

static void clone(struct sim *sim, struct sim_node *node, const struct scenario_action *action) {
    if (sim->node_count == sim->node_capacity || !node->disk.exists || node->store != NULL) {
        return;
    }
    struct sim_node *made = &sim->nodes[sim->node_count++];
    made->clone_of = node->index;
    made->abandoned = true;
    made->outside_promises = node->outside_promises = true; /* two processes, one id */
    made->cluster = node->cluster;
    made->skew_ms = node->skew_ms;
    (void)snprintf(made->name, sizeof made->name, "%.10s'%zu", node->name,
                   made->index - sim->scenario->node_count + 1);
    sim_disk_copy(&made->disk, &node->disk);
    sim_node_start(sim, made);
    undo_at(sim, action, made->index);
    sim_fired(sim, SCENARIO_CLASS_CLONE);
}

/* The machine's clock: it is wrong already when a node joins later, and is set right there, too. */
static void jump(struct sim *sim, struct sim_node *node, const struct scenario_action *action) {
    node->skew_ms += action->span_ms;
    if (node->joined) {
        sim_trace(sim, node, "clock jumps by %lld ms", (long long)action->span_ms);
        sim_fired(sim, SCENARIO_CLASS_CLOCK);
    }
}

static void stop(struct sim *sim, struct sim_node *node, const struct scenario_action *action) {
    if (!sim_node_runs(sim, node) || node->stopping) {
        return;
    }
    node->stopping = true;
    sim_event_node(sim, SIM_EVENT_STOPPED, node, 0, sim->now_ms + SIM_STOP_MS_MAX);
    sim_event_push(sim, &(struct sim_event){.time_ms = end_of(sim, action) + SIM_STOP_MS_MAX + 1,
                                            .type = SIM_EVENT_START,
                                            .node = node->index,
                                            .start = node->starts + 1});
    sim_fired(sim, SCENARIO_CLASS_STOP);
    sim_node_step(sim, node, &(struct gossip_event){.type = GOSSIP_STOP});
}

bool sim_fault_disk_serves(const struct sim *sim, const struct sim_disk *disk) {
    bool behind = false;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *other = &sim->nodes[i];
        bool passed = other->cluster == 0 && other->disk.exists &&
                      other->disk.state.horizon > disk->state.seen;
        bool told = catalog_id_equal(&other->seen_of, &disk->state.node_id) &&
                    other->seen_told > disk->state.seen;
        behind = behind || passed || told;
    }
    return disk->exists && disk->state.ready && !behind;
}

/* What damage has left of a file is known once it has been opened. */
static bool is_in_doubt(const struct sim *sim, const struct sim_node *node) {
    return node->store_damaged && !sim_node_runs(sim, node);
}

/* Whoever is ready admits the others; where the last such disk is lost nothing is left but newcomers, who wait for ever (an
 * operator would found anew, and import). */
static bool is_last_ready(const struct sim *sim, const struct sim_node *node) {
    for (size_t i = 0; i < sim->scenario->node_count; i++) {
        const struct sim_node *other = &sim->nodes[i];
        if (other != node && other->cluster == node->cluster && !other->removed &&
            !other->disk_lies && !is_in_doubt(sim, other) &&
            sim_fault_disk_serves(sim, &other->disk)) {
            return false;
        }
    }
    return node->disk.exists && node->disk.state.ready;
}

static void lie(struct sim *sim, struct sim_node *node, const struct scenario_action *action) {
    if (node->disk_lies || is_last_ready(sim, node)) {
        return;
    }
    /* What was durable when the lies began is what the power cut at their end leaves. */
    sim_disk_close(&node->backup);
    sim_disk_copy(&node->backup, &node->disk);
    node->backup_exists = true;
    node->disk_lies = true;
    sim_node_store_lie(node, true);
    undo_at(sim, action, node->index);
}

/* Every second crash waits for a commit to be under way, where it hurts most; for a quarter of its time at most. */
static bool crash_waits(struct sim *sim, struct sim_node *node, uint64_t until_ms) {
    bool waits = node->engine != NULL && choice_percent(sim->choice, 50, "crash in a commit");
    node->crash_until_ms = waits ? until_ms : 0;
    if (waits) {
        sim_event_node(sim, SIM_EVENT_CRASH, node, 0, sim->now_ms + (until_ms - sim->now_ms) / 4);
    }
    return waits;
}

void sim_fault_crash(struct sim *sim, struct sim_node *node) {
    uint64_t until_ms = node->crash_until_ms;
    kill(sim, node);
    start_at(sim, node, until_ms);
    sim_fired(sim, SCENARIO_CLASS_CRASH);
}

/* The disk fails or is slow, whoever uses it; it has fired when a commit meets that. False: the action is none of these. */
static bool disk_fault(struct sim *sim, struct sim_node *node,
                       const struct scenario_action *action) {
    if (action->type == SCENARIO_DISK_SLOW) {
        uint64_t until_ms = end_of(sim, action);
        node->disk_slow_until_ms = sim->now_ms + (uint64_t)action->span_ms;
        node->disk_slow_until_ms =
            node->disk_slow_until_ms < until_ms ? node->disk_slow_until_ms : until_ms;
        return true;
    }
    if (action->type != SCENARIO_DISK_FULL && action->type != SCENARIO_DISK_ERROR) {
        return false;
    }
    node->disk_failure = action->type == SCENARIO_DISK_FULL ? (int)CATALOG_EFULL : (int)CATALOG_EIO;
    undo_at(sim, action, sim->node_capacity + (size_t)(action - sim->scenario->actions));
    return true;
}

/* What was on its way to the disk lands or does not when it is killed: look again. */
static bool upgrade(struct sim *sim, struct sim_node *node, uint64_t until_ms) {
    if (!sim_upgrade_possible(node)) {
        return false;
    }
    kill(sim, node);
    start_at(sim, node, until_ms);
    return sim_upgrade_possible(node) && sim_upgrade(sim, node);
}

/* Faults of the process and of its disk; false if it had no effect. */
static bool process_fault(struct sim *sim, struct sim_node *node,
                          const struct scenario_action *action) {
    uint64_t until_ms = end_of(sim, action);
    switch (action->type) {
    case SCENARIO_CRASH:
        if (crash_waits(sim, node, until_ms)) {
            return false;
        }
        kill(sim, node);
        start_at(sim, node, until_ms);
        break;
    case SCENARIO_MASS_RESTART:
        kill(sim, node);
        start_at(sim, node, until_ms);
        break;
    case SCENARIO_WIPE:
        if (is_last_ready(sim, node)) {
            return false;
        }
        kill(sim, node);
        sim_node_wipe(sim, node);
        start_at(sim, node, until_ms);
        break;
    case SCENARIO_BACKUP:
        kill(sim, node);
        sim_node_backup(sim, node);
        start_at(sim, node, sim->now_ms + 1);
        break;
    case SCENARIO_RESTORE:
        if (!node->backup_exists ||
            (!sim_fault_disk_serves(sim, &node->backup) && is_last_ready(sim, node))) {
            return false;
        }
        kill(sim, node);
        sim_node_restore(sim, node);
        start_at(sim, node, until_ms);
        break;
    case SCENARIO_UPGRADE:
        if (!upgrade(sim, node, until_ms)) {
            return false;
        }
        break;
    case SCENARIO_DAMAGE:
        if (sim->scenario->real_store && is_last_ready(sim, node)) {
            return false; /* its whole file may have to be set aside */
        }
        kill(sim, node);
        sim_node_damage(sim, node, action->count > 0 ? action->count : 1);
        start_at(sim, node, sim->now_ms + 1);
        break;
    default:
        return false;
    }
    sim_fired(sim, scenario_action_class(action->type));
    return true;
}

static void running_fault(struct sim *sim, struct sim_node *node,
                          const struct scenario_action *action) {
    switch (action->type) {
    case SCENARIO_FREEZE:
        node->frozen_until_ms = end_of(sim, action);
        sim_trace(sim, node, "frozen until %llu", (unsigned long long)node->frozen_until_ms);
        sim_fired(sim, SCENARIO_CLASS_FREEZE);
        break;
    case SCENARIO_STOP:
        stop(sim, node, action);
        break;
    case SCENARIO_CLONE:
        clone(sim, node, action);
        break;
    case SCENARIO_MEMORY:
        node->memory.fail_after =
            choice_below(sim->choice, ALLOCATIONS_BEFORE, "allocations before");
        node->memory.fail_count = action->count > 0 ? action->count : 1;
        break;
    case SCENARIO_DISK_LIE:
        lie(sim, node, action);
        break;
    case SCENARIO_STRANGER:
        for (uint64_t i = 0; i < (action->count > 0 ? action->count : 1) && i < 32; i++) {
            sim_hostile_stranger(sim, node);
        }
        break;
    case SCENARIO_LIAR:
        for (uint64_t i = 0; i < (action->count > 0 ? action->count : 1) && i < 32; i++) {
            sim_hostile_liar(sim, node);
        }
        break;
    default:
        break;
    }
}

/* --- membership ---------------------------------------------------------------------------------------------------------------------- */

/* The operator removes a member: it is killed first, as a manual would say, or left running by mistake. It stays away, or is
 * started again later, on the disk that it had. */
static void member_remove(struct sim *sim, const struct scenario_action *action) {
    struct sim_node *by = &sim->nodes[action->nodes.indexes[0]];
    size_t victim = action->to.count > 0 ? action->to.indexes[0] : 0;
    struct sim_node *gone = &sim->nodes[victim];
    if (!sim_node_runs(sim, by) || gone == by || gone->removed || gone->returned || !gone->joined ||
        by->removed || gone->cluster != by->cluster) {
        return;
    }
    if (action->type == SCENARIO_REMOVE) {
        kill(sim, gone);
    }
    unsigned asked = gone->removals_asked;
    sim_operation_remove(sim, by, gone);
    if (gone->removals_asked == asked && action->type == SCENARIO_REMOVE) {
        PROBE("sim.removal_refused");
        start_at(sim, gone, 0); /* it stays a member: who stopped it starts it again */
    }
    if (action->for_ms != SCENARIO_FOREVER) {
        undo_at(sim, action, sim->node_capacity + (size_t)(action - sim->scenario->actions));
    }
}

/* It must come back under a new id, and with nothing: what it alone had is handed over. */
static void member_returns(struct sim *sim, struct sim_node *gone) {
    if (!gone->removed) {
        return; /* no member took the removal yet, or it is back already */
    }
    PROBE("sim.removed_member_returns");
    kill(sim, gone);
    gone->removed = false;
    gone->returned = true;
    sim_node_start(sim, gone);
}

/* Founders of a cluster of their own, that are told of the others later. */
static void other_cluster(struct sim *sim, struct sim_node *node,
                          const struct scenario_action *action) {
    kill(sim, node);
    node->founder = true;
    sim_node_start(sim, node);
    undo_at(sim, &(struct scenario_action){.for_ms = (uint64_t)action->span_ms}, node->index);
}

/* --- performing ------------------------------------------------------------------------------------------------------------------------ */

static bool needs_running(enum scenario_action_type type) {
    return type == SCENARIO_FREEZE || type == SCENARIO_STOP || type == SCENARIO_CLONE ||
           type == SCENARIO_MEMORY || type == SCENARIO_STRANGER || type == SCENARIO_LIAR ||
           type == SCENARIO_DISK_LIE;
}

/* Faults mask each other: who is down or frozen is waited for, and the operator waits for a member that takes the removal. */
static bool waits(struct sim *sim, const struct scenario_action *action, size_t action_index) {
    bool removes = action->type == SCENARIO_REMOVE || action->type == SCENARIO_REMOVE_LIVE;
    if (action->nodes.count != 1 || !(removes || needs_running(action->type))) {
        return false;
    }
    const struct sim_node *node = &sim->nodes[action->nodes.indexes[0]];
    if (sim_node_runs(sim, node) || node->removed || !node->joined) {
        return false;
    }
    sim_event_push(sim, &(struct sim_event){.time_ms = sim->now_ms + WAIT_MS,
                                            .type = SIM_EVENT_ACTION,
                                            .node = action_index});
    return true;
}

static void node_fault(struct sim *sim, struct sim_node *node,
                       const struct scenario_action *action) {
    if (node->removed) {
        return;
    }
    if (action->type == SCENARIO_JOIN) {
        if (!node->joined) {
            sim_node_start(sim, node);
            sim_fired(sim, SCENARIO_CLASS_LATE_JOIN);
        }
    } else if (action->type == SCENARIO_OTHER_CLUSTER) {
        other_cluster(sim, node, action);
    } else if (action->type == SCENARIO_CLOCK) {
        jump(sim, node, action);
    } else if (!node->joined) {
        return;
    } else if (!needs_running(action->type)) {
        if (!disk_fault(sim, node, action)) {
            (void)process_fault(sim, node, action);
        }
    } else if (sim_node_runs(sim, node)) {
        running_fault(sim, node, action);
    }
}

static void link_fault(struct sim *sim, const struct scenario_action *action, size_t index) {
    if (action->type == SCENARIO_RESET) {
        sim_link_add(sim, action, UINT64_MAX - 1);
        struct sim_link_fault *fault = &sim->link_faults[sim->link_fault_count - 1];
        sim_network_reset(sim, fault->from, fault->to);
        sim_link_end(sim, UINT64_MAX - 1);
        return;
    }
    sim_link_add(sim, action, index + 1);
    undo_at(sim, action, sim->node_capacity + index);
}

void sim_fault_perform(struct sim *sim, size_t action_index) {
    const struct scenario_action *action = &sim->scenario->actions[action_index];
    char text[160];
    if (waits(sim, action, action_index)) {
        return;
    }
    uint64_t fired_before = sim->stats.fired[scenario_action_class(action->type)];
    scenario_action_describe(action, text, sizeof text);
    sim_trace(sim, NULL, "%s", text);
    if (is_link_fault(action->type) || action->type == SCENARIO_RESET) {
        link_fault(sim, action, action_index);
    } else if (action->type == SCENARIO_REMOVE || action->type == SCENARIO_REMOVE_LIVE) {
        member_remove(sim, action);
    } else {
        size_t count = action->nodes.count > 0 ? action->nodes.count : sim->scenario->node_count;
        for (size_t i = 0; i < count && !sim->failed; i++) {
            size_t index = action->nodes.count > 0 ? action->nodes.indexes[i] : i;
            node_fault(sim, &sim->nodes[index], action);
        }
        if (action->type == SCENARIO_CLOCK && action->for_ms != SCENARIO_FOREVER) {
            undo_at(sim, action, sim->node_capacity + action_index);
        }
    }
    band_note(sim, action_index, lasts(action) ? end_of(sim, action) : sim->now_ms, fired_before);
}

/* --- undoing ----------------------------------------------------------------------------------------------------------------------------- */

/* The power is cut: what the disk lied about is gone. */
static void lie_ends(struct sim *sim, struct sim_node *node) {
    node->disk_lies = false;
    kill(sim, node);
    if (node->store != NULL) {
        sim_node_store_lie(node, false); /* what is left is seen when it is opened */
    } else {
        sim_node_restore(sim, node);
    }
    node->backup_exists = false;
    sim_disk_close(&node->backup);
    start_at(sim, node, sim->now_ms + 1);
    sim_fired(sim, SCENARIO_CLASS_DISK_LIE);
}

void sim_fault_node_undo(struct sim *sim, struct sim_node *node) {
    if (node->removed) {
        return;
    }
    if (node->clone_of != SIZE_MAX) {
        kill(sim, node);
        node->starts++; /* it never comes back, and its disk is thrown away */
        sim_node_wipe(sim, node);
    } else if (node->founder) {
        node->founder = false;
        if (node->engine != NULL) { /* else it is told of the others when it comes back */
            kill(sim, node);
            sim_node_start(sim, node);
        }
        sim_fired(sim, SCENARIO_CLASS_OTHER_CLUSTER);
    } else if (node->disk_lies) {
        lie_ends(sim, node);
    }
}

void sim_fault_undo(struct sim *sim, uint64_t number) {
    if (number < sim->node_capacity) {
        sim_fault_node_undo(sim, &sim->nodes[number]);
        return;
    }
    size_t index = (size_t)(number - sim->node_capacity);
    const struct scenario_action *action = &sim->scenario->actions[index];
    if (action->type == SCENARIO_REMOVE || action->type == SCENARIO_REMOVE_LIVE) {
        member_returns(sim, &sim->nodes[action->to.indexes[0]]);
        return;
    }
    if (action->type == SCENARIO_CLOCK) {
        for (size_t i = 0; i < action->nodes.count; i++) {
            sim->nodes[action->nodes.indexes[i]].skew_ms -= action->span_ms;
        }
        return;
    }
    int failure = action->type == SCENARIO_DISK_FULL ? (int)CATALOG_EFULL : (int)CATALOG_EIO;
    bool disk = action->type == SCENARIO_DISK_FULL || action->type == SCENARIO_DISK_ERROR;
    for (size_t i = 0; i < action->nodes.count && disk; i++) {
        struct sim_node *node = &sim->nodes[action->nodes.indexes[i]];
        node->disk_failure = node->disk_failure == failure ? 0 : node->disk_failure;
    }
    sim_link_end(sim, index + 1);
    sim_trace(sim, NULL, "%s ends", scenario_action_name(action->type));
}
