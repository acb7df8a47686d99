/* check_timer.c - L2: a node that is up goes on trying, for ever, in every state.
 *
 *   turns      at least every interval and its jitter (DESIGN 7.1: 20 %) a running node begins the turn of an interval, in
 *              which it exchanges with, pings or dials the next member; not while it stops, or was removed. Whether the turn
 *              led to a frame or a dial depends on backoff and is not claimed here.
 *   wake       the engine asks to be woken for it: at each interval its deadline is never further away than that, nor GOSSIP_NEVER
 *   contacts   at rest each of two members has sent something to the other within 2(n-1)-1 intervals, jitter on top, since
 *              the permutation is shuffled anew when it is used up; looked at if the quiet phase is that long
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <stdlib.h>

struct turns {
    uint64_t sequence, since_ms;
};
struct l2 {
    struct turns *turns;    /* of node_capacity */
    uint64_t *contacted_ms; /* from * node_capacity + to; NULL above SIM_SQUARE_CHECKS_MAX */
    uint64_t quiet_since_ms;
};

static struct l2 *state_of(struct sim *sim) {
    struct l2 *l2 = sim_checker_state(sim, &sim_check_l2);
    if (l2->turns == NULL) {
        l2->turns = sim_allocate(sim->node_capacity, sizeof *l2->turns);
        if (sim->node_capacity <= SIM_SQUARE_CHECKS_MAX) {
            l2->contacted_ms =
                sim_allocate(sim->node_capacity * sim->node_capacity, sizeof *l2->contacted_ms);
        }
    }
    return l2;
}

static uint64_t interval_most(const struct gossip *engine) {
    return gossip__swim_interval(engine) * 6 / 5 + 1;
}

static bool has_turns(const struct sim *sim, const struct sim_node *node) {
    return sim_node_runs(sim, node) && node->engine->started && !node->engine->stopping &&
           !node->engine->removed && !node->engine->fatal;
}

/* --- turns and wake --------------------------------------------------------------------------------------------------- */

static void l2_started(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    (void)load;
    state_of(sim)->turns[node->index] = (struct turns){.since_ms = sim->now_ms};
}

static void l2_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                       const struct gossip_update *update) {
    const struct gossip *engine = node->engine;
    struct turns *turns = &state_of(sim)->turns[node->index];
    (void)event;
    (void)update;
    if (engine->probe_sequence != turns->sequence) {
        turns->sequence = engine->probe_sequence;
        turns->since_ms = sim->now_ms;
    }
}

static void wake_look(struct sim *sim, struct sim_node *node) {
    uint64_t deadline_ms = gossip_deadline(node->engine);
    sim_checker_looked(sim, &sim_check_l2);
    if (deadline_ms == GOSSIP_NEVER || deadline_ms > sim->now_ms + interval_most(node->engine)) {
        sim_violated(sim, &sim_check_l2, node, "wants to be woken later than its next turn");
    }
}

/* How long ago the last turn was; a frozen process starts anew. */
static void gap_look(struct sim *sim, struct sim_node *node, struct turns *turns) {
    if (!has_turns(sim, node)) {
        turns->since_ms = sim->now_ms;
        return;
    }
    /* It may have been frozen and thawed since the last look. */
    bool thawed = node->frozen_until_ms > turns->since_ms;
    turns->since_ms = thawed ? node->frozen_until_ms : turns->since_ms;
    /* The interval may have grown with the cluster since it was drawn; ticks that fall on this instant come after it. */
    uint64_t most_ms = interval_most(node->engine) + 1;
    sim_checker_looked(sim, &sim_check_l2);
    if (sim->now_ms - turns->since_ms > most_ms) {
        sim_violated(sim, &sim_check_l2, node, "has begun no turn for %llu ms",
                     (unsigned long long)(sim->now_ms - turns->since_ms));
    }
}

static void l2_interval(struct sim *sim) {
    struct l2 *l2 = state_of(sim);
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        gap_look(sim, &sim->nodes[i], &l2->turns[i]);
        if (has_turns(sim, &sim->nodes[i])) {
            wake_look(sim, &sim->nodes[i]);
        }
    }
}

/* --- contacts --------------------------------------------------------------------------------------------------------- */

static void l2_sent(struct sim *sim, struct sim_node *node, struct sim_node *to, unsigned type,
                    const struct gossip_send *send) {
    struct l2 *l2 = state_of(sim);
    (void)send;
    if (l2->contacted_ms != NULL && (type == GOSSIP__DIGEST || type == GOSSIP__PING)) {
        l2->contacted_ms[node->index * sim->node_capacity + to->index] = sim->now_ms;
    }
}

static void l2_phase(struct sim *sim, enum sim_phase phase) {
    if (phase == SIM_QUIET) {
        state_of(sim)->quiet_since_ms = sim->now_ms;
    }
}

static void pair_look(struct sim *sim, const struct sim_node *from, const struct sim_node *to,
                      uint64_t most_ms) {
    const struct l2 *l2 = state_of(sim);
    uint64_t last_ms = l2->contacted_ms[from->index * sim->node_capacity + to->index];
    sim_checker_looked(sim, &sim_check_l2);
    if (sim->now_ms - last_ms > most_ms) {
        sim_violated(sim, &sim_check_l2, from, "has not asked %s for %llu ms", to->name,
                     (unsigned long long)(sim->now_ms - last_ms));
    }
}

static void l2_finished(struct sim *sim) {
    const struct l2 *l2 = state_of(sim);
    size_t members = sim->node_count;
    uint64_t most_ms = (2 * members - 1) * (sim->scenario->interval_ms * 6 / 5 + 1);
    if (l2->contacted_ms == NULL || sim->core_only || sim->now_ms - l2->quiet_since_ms < most_ms) {
        return;
    }
    for (size_t i = 0; i < members && !sim->failed; i++) {
        for (size_t j = 0; j < members && !sim->failed; j++) {
            if (i != j && sim_required(sim, &sim->nodes[i]) && sim_required(sim, &sim->nodes[j])) {
                pair_look(sim, &sim->nodes[i], &sim->nodes[j], most_ms);
            }
        }
    }
}

static void l2_close(struct sim *sim) {
    struct l2 *l2 = sim_checker_state(sim, &sim_check_l2);
    free(l2->turns);
    free(l2->contacted_ms);
}

const struct sim_checker sim_check_l2 = {
    .id = "L2",
    .statement = "each running node has its turn each interval, for ever, and asks all in turn",
    .liveness = true,
    .state_size_bytes = sizeof(struct l2),
    .started = l2_started,
    .stepped = l2_stepped,
    .sent = l2_sent,
    .interval = l2_interval,
    .phase = l2_phase,
    .finished = l2_finished,
    .close = l2_close,
};
