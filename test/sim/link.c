/* link.c - the faults in force on links, and what they do to a frame.
 *
 * Several may be in force at once, each for its own set of directed links. There are few at a time, so they are asked one
 * after the other.
 */
#include "test/sim/checker.h"

#include <stdlib.h>
#include <string.h>

enum { REPEAT_MS_DEFAULT = 2000, REORDER_MS_MAX = 200, FLAP_MS_DEFAULT = 1000 };

void sim_network_sent(struct sim *sim, struct sim_node *node, struct sim_node *to, unsigned type,
                      const struct gossip_send *send) {
    SIM_CHECK(sim, sent, sim, node, to, type, send);
}

/* --- the list -------------------------------------------------------------------------------------------------------------------- */

static bool *members_of(const struct sim *sim, const struct scenario_nodes *nodes) {
    bool *members = sim_allocate(sim->node_capacity, sizeof *members);
    for (size_t i = 0; i < sim->node_capacity; i++) {
        members[i] = nodes->count == 0 || scenario_nodes_hold(nodes, i);
    }
    return members;
}

void sim_link_add(struct sim *sim, const struct scenario_action *action, uint64_t number) {
    bool *from = members_of(sim, &action->nodes);
    bool *to = members_of(sim, &action->to);
    bool others = action->to.count == 0 &&
                  (action->type == SCENARIO_PARTITION || action->type == SCENARIO_ONE_WAY ||
                   action->type == SCENARIO_FLAP);
    for (size_t i = 0; i < sim->node_capacity && others; i++) {
        to[i] = !from[i];
    }
    sim->link_faults = sim_grow(sim->link_faults, sim->link_fault_count, &sim->link_fault_capacity,
                                sizeof *sim->link_faults);
    sim->link_faults[sim->link_fault_count++] = (struct sim_link_fault){
        .number = number,
        .type = action->type,
        .from = from,
        .to = to,
        .percent = action->percent,
        .span_ms = (uint64_t)action->span_ms,
        .count = action->count,
        .since_ms = sim->now_ms,
    };
}

void sim_link_end(struct sim *sim, uint64_t number) {
    size_t kept = 0;
    for (size_t i = 0; i < sim->link_fault_count; i++) {
        struct sim_link_fault *fault = &sim->link_faults[i];
        if (number == 0 || fault->number == number) {
            free(fault->from);
            free(fault->to);
        } else {
            sim->link_faults[kept++] = *fault;
        }
    }
    sim->link_fault_count = kept;
}

void sim_link_hasten(struct sim *sim) {
    for (size_t i = 0; i < sim->connection_count; i++) {
        sim->connections[i].busy_until_ms[0] = sim->connections[i].busy_until_ms[1] = 0;
    }
    sim_event_hasten(sim, sim->now_ms + 2);
}

void sim_link_isolate(struct sim *sim) {
    uint16_t *indexes = sim_allocate(sim->scenario->core.count, sizeof *indexes);
    memcpy(indexes, sim->scenario->core.indexes, sim->scenario->core.count * sizeof *indexes);
    struct scenario_action action = {
        .type = SCENARIO_PARTITION,
        .nodes = {.indexes = indexes, .count = sim->scenario->core.count},
    };
    sim_link_add(sim, &action, UINT64_MAX);
    free(indexes);
}

void sim_link_close(struct sim *sim) {
    sim_link_end(sim, 0);
    free(sim->link_faults);
}

static bool covers(const struct sim_link_fault *fault, size_t from, size_t to) {
    return fault->from[from] && fault->to[to];
}

/* --- cuts ------------------------------------------------------------------------------------------------------------------------ */

static bool flap_is_on(const struct sim *sim, const struct sim_link_fault *fault) {
    uint64_t span_ms = fault->span_ms > 0 ? fault->span_ms : FLAP_MS_DEFAULT;
    return (sim->now_ms - fault->since_ms) / span_ms % 2 == 0;
}

bool sim_link_is_cut(struct sim *sim, size_t from, size_t to) {
    for (size_t i = 0; i < sim->link_fault_count; i++) {
        const struct sim_link_fault *fault = &sim->link_faults[i];
        bool either_way = covers(fault, from, to) || covers(fault, to, from);
        bool cut = (fault->type == SCENARIO_PARTITION && either_way) ||
                   (fault->type == SCENARIO_FLAP && either_way && flap_is_on(sim, fault)) ||
                   (fault->type == SCENARIO_ONE_WAY && covers(fault, from, to));
        if (cut) {
            sim_fired(sim, scenario_action_class(fault->type));
            return true;
        }
    }
    return false;
}

bool sim_link_hangs(const struct sim *sim, size_t from, size_t to) {
    for (size_t i = 0; i < sim->link_fault_count; i++) {
        const struct sim_link_fault *fault = &sim->link_faults[i];
        if (fault->type == SCENARIO_HANG && (fault->from[from] || fault->from[to])) {
            return true;
        }
    }
    return false;
}

/* --- single frames ------------------------------------------------------------------------------------------------------------------ */

bool sim_link_loses(struct sim *sim, size_t from, size_t to, bool hello) {
    if (sim_link_hangs(sim, from, to)) {
        sim_fired(sim, SCENARIO_CLASS_HANG);
        return true;
    }
    for (size_t i = 0; i < sim->link_fault_count && !hello; i++) {
        const struct sim_link_fault *fault = &sim->link_faults[i];
        if (fault->type == SCENARIO_LOSS && covers(fault, from, to) && !sim->options->lossless &&
            choice_percent(sim->choice, fault->percent, "loss")) {
            sim_fired(sim, SCENARIO_CLASS_LOSS);
            return true;
        }
    }
    return false;
}

/* What waits for a slow link waits behind what was sent before it. */
static uint64_t slow_arrival(struct sim *sim, const struct sim_link_fault *fault,
                             struct sim_connection *connection, unsigned to, size_t size_bytes,
                             uint64_t time_ms) {
    uint64_t rate = fault->count > 0 ? fault->count : 1000;
    uint64_t begin_ms =
        connection->busy_until_ms[to] > sim->now_ms ? connection->busy_until_ms[to] : sim->now_ms;
    connection->busy_until_ms[to] = begin_ms + size_bytes * 1000 / rate;
    sim_fired(sim, SCENARIO_CLASS_SLOW_LINK);
    return connection->busy_until_ms[to] > time_ms ? connection->busy_until_ms[to] : time_ms;
}

uint64_t sim_link_arrival(struct sim *sim, struct sim_connection *connection, unsigned to,
                          size_t size_bytes) {
    uint64_t time_ms =
        sim->now_ms + 1 + (sim->loading ? choice_below(sim->choice, 2, "latency") : 1);
    if (connection == NULL || sim->options->lossless) {
        return time_ms;
    }
    size_t from_node = connection->node[1 - to];
    size_t to_node = connection->node[to];
    for (size_t i = 0; i < sim->link_fault_count; i++) {
        const struct sim_link_fault *fault = &sim->link_faults[i];
        if (!covers(fault, from_node, to_node)) {
            continue;
        }
        if (fault->type == SCENARIO_DELAY) {
            time_ms += choice_delay(sim->choice, fault->span_ms, "delay");
            sim_fired(sim, SCENARIO_CLASS_DELAY);
        } else if (fault->type == SCENARIO_REORDER &&
                   choice_percent(sim->choice, fault->percent, "reorder")) {
            time_ms += choice_below(sim->choice, REORDER_MS_MAX, "reorder by");
            sim_fired(sim, SCENARIO_CLASS_REORDER);
        } else if (fault->type == SCENARIO_SLOW_LINK) {
            time_ms = slow_arrival(sim, fault, connection, to, size_bytes, time_ms);
        }
    }
    return time_ms;
}

uint64_t sim_link_repeat(struct sim *sim, size_t from, size_t to) {
    for (size_t i = 0; i < sim->link_fault_count && !sim->options->lossless; i++) {
        const struct sim_link_fault *fault = &sim->link_faults[i];
        if (fault->type == SCENARIO_REPEAT && covers(fault, from, to) &&
            choice_percent(sim->choice, fault->percent, "repeat")) {
            uint64_t span_ms = fault->span_ms > 0 ? fault->span_ms : REPEAT_MS_DEFAULT;
            sim_fired(sim, SCENARIO_CLASS_REPEAT);
            return 1 + choice_below(sim->choice, span_ms, "repeat after");
        }
    }
    return 0;
}

bool sim_link_corrupts(struct sim *sim, size_t from, size_t to) {
    for (size_t i = 0; i < sim->link_fault_count; i++) {
        const struct sim_link_fault *fault = &sim->link_faults[i];
        if (fault->type == SCENARIO_CORRUPT && covers(fault, from, to) &&
            choice_percent(sim->choice, fault->percent, "corrupt")) {
            return true;
        }
    }
    return false;
}

uint64_t sim_link_fragment(const struct sim *sim, size_t from, size_t to) {
    for (size_t i = 0; i < sim->link_fault_count; i++) {
        const struct sim_link_fault *fault = &sim->link_faults[i];
        if (fault->type == SCENARIO_FRAGMENT && covers(fault, from, to)) {
            return fault->count > 0 ? fault->count : 1;
        }
    }
    return 0;
}
