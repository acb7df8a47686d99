/* check_rest.c - convergence and rest: L1 (a finished walk leaves no difference), L9 (at rest nothing is moved). */
#include "test/sim/checker.h"

#include "gossip/message.h"

/* --- L1: that all become equal in time is counted by sim.c ------------------------------------------------------------------------- */

static void l1_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                       const struct gossip_update *update) {
    (void)event;
    for (size_t i = 0; i < update->notice_count; i++) {
        if (update->notices[i].type == GOSSIP_NOTICE_FUTILE) {
            sim_violated(sim, &sim_check_l1, node, "a finished walk left the roots unequal");
        }
    }
}

static void l1_phase(struct sim *sim, enum sim_phase phase) {
    if (phase == SIM_CHECK) {
        sim_checker_looked(sim, &sim_check_l1);
    }
}

const struct sim_checker sim_check_l1 = {
    .id = "L1",
    .statement = "all required roots are equal within K(n) intervals of the last heal",
    .liveness = true,
    .stepped = l1_stepped,
    .phase = l1_phase,
};

/* --- L9 ------------------------------------------------------------------------------------------------------------------------------ */

struct l9 {
    uint64_t entries, bytes; /* when the quiet phase began */
};

static uint64_t moved(const struct sim *sim, uint64_t *bytes) {
    uint64_t entries = 0;
    *bytes = 0;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        if (node->engine == NULL || !sim_required(sim, node)) {
            continue;
        }
        const struct gossip_counters *counters = gossip_counters(node->engine);
        entries += counters->entries_sent;
        for (unsigned phase = 0; phase < GOSSIP_PHASE_COUNT; phase++) {
            *bytes += counters->exchange_bytes[1][phase];
        }
    }
    return entries;
}

static void l9_phase(struct sim *sim, enum sim_phase phase) {
    struct l9 *l9 = sim_checker_state(sim, &sim_check_l9);
    if (phase == SIM_QUIET) {
        l9->entries = moved(sim, &l9->bytes);
    }
}

static void l9_finished(struct sim *sim) {
    const struct l9 *l9 = sim_checker_state(sim, &sim_check_l9);
    uint64_t bytes;
    uint64_t entries = moved(sim, &bytes);
    sim->stats.quiet_bytes = bytes - l9->bytes;
    sim_checker_looked(sim, &sim_check_l9);
    if (entries != l9->entries && !sim->scenario->expect.stale_roots_allowed) {
        sim_violated(sim, &sim_check_l9, NULL, "%llu entries are transferred at rest",
                     (unsigned long long)(entries - l9->entries));
    }
}

/* Names what is moved, for readers of the trace. */
static void l9_sent(struct sim *sim, struct sim_node *node, struct sim_node *to, unsigned type,
                    const struct gossip_send *send) {
    (void)send;
    if (sim->phase == SIM_QUIET && (type == GOSSIP__ENTRIES || type == GOSSIP__PUSH)) {
        sim_trace(sim, node, "sends entries to %s at rest (%s)", to->name,
                  gossip__message_name((enum gossip__message_type)type));
    }
}

const struct sim_checker sim_check_l9 = {
    .id = "L9",
    .statement = "at rest no entry is transferred",
    .liveness = true,
    .state_size_bytes = sizeof(struct l9),
    .sent = l9_sent,
    .phase = l9_phase,
    .finished = l9_finished,
};
