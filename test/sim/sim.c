/* sim.c - one run: the world is made from a scenario, loaded under faults, healed, checked, and watched in quiet.
 *
 * A run ends at the first violation. It is a function of the scenario and of its choices: the trace hash of a second run is
 * the same, on any machine and with any compiler.
 */
#include "test/sim/checker.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A push that is not acknowledged is repeated for up to 6 times 5 s; an equal root ends that, but those who are gone for
     * ever answer nothing, and are pushed to until they count as dead. */
    REPEATS_INTERVALS = 20,
    REPEATS_INTERVALS_OF_CORE = 36,
    JOIN_EVERY_MS = 10,
    HORIZON_INTERVALS = 32,
};

/* --- what all files use ------------------------------------------------------------------------------------------------- */

void sim_fail(struct sim *sim, const char *invariant, enum chaos_verdict verdict,
              const struct sim_node *node, const char *text) {
    struct sim_result *result = sim->result;
    if (sim->failed || sim_checker_is_hollow(sim, invariant)) {
        return; /* the first stands; C03: a check that always passes */
    }
    sim->failed = true;
    result->verdict = verdict;
    result->phase = sim->phase;
    result->failed_ms = sim->now_ms;
    result->failed_node = node == NULL ? SIZE_MAX : node->index;
    (void)snprintf(result->invariant, sizeof result->invariant, "%s", invariant);
    (void)snprintf(result->reason, sizeof result->reason, "%s%sat %llu ms (%s)%s%s: %.440s",
                   invariant, *invariant == '\0' ? "" : " ", (unsigned long long)sim->now_ms,
                   sim_phase_name(sim->phase), node == NULL ? "" : ", ",
                   node == NULL ? "" : node->name, text);
    if (sim->trace != NULL) {
        fprintf(sim->trace, "%s %s\n", chaos_verdict_name(verdict), result->reason);
    }
}

void sim_hash(struct sim *sim, const void *bytes, size_t size_bytes) {
    struct merkle_digest digest = merkle_digest_of(bytes, size_bytes, sim->hash);
    memcpy(&sim->hash, digest.bytes, sizeof sim->hash);
}

/* Words are made only for those who read them; the hash of the run covers the events themselves. */
void sim_trace(struct sim *sim, const struct sim_node *node, const char *format, ...) {
    if (sim->trace == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    fprintf(sim->trace, "%8llu %s  ", (unsigned long long)sim->now_ms,
            node == NULL ? "--" : node->name);
    vfprintf(sim->trace, format, arguments);
    fputc('\n', sim->trace);
    va_end(arguments);
}

void sim_fired(struct sim *sim, enum scenario_class class) {
    sim->stats.fired[class]++;
}

bool sim_required(const struct sim *sim, const struct sim_node *node) {
    (void)sim;
    return node->joined && !node->abandoned && !node->removed && node->clone_of == SIZE_MAX &&
           node->cluster == 0;
}

uint64_t sim_wall_ms(const struct sim *sim, const struct sim_node *node) {
    const int64_t base_ms = INT64_C(1700000000000); /* an evening of November 2023 */
    int64_t wall_ms = base_ms + (int64_t)sim->now_ms + node->skew_ms;
    return wall_ms < 0 ? 0 : (uint64_t)wall_ms;
}

/* --- events ------------------------------------------------------------------------------------------------------------- */

static void message_to_engine(struct sim *sim, struct sim_node *node,
                              const struct sim_event *event) {
    if (!sim_network_arrives(sim, event)) {
        return;
    }
    sim->hostile = event->hostile;
    sim_node_step(sim, node,
                  &(struct gossip_event){
                      .type = GOSSIP_MESSAGE,
                      .message = {event->connection, event->frame + 4, event->size_bytes - 4}});
    sim->hostile = false;
}

static void node_event(struct sim *sim, struct sim_node *node, const struct sim_event *event) {
    switch (event->type) {
    case SIM_EVENT_FRAME:
        message_to_engine(sim, node, event);
        break;
    case SIM_EVENT_CONNECTED:
        sim_network_connected(sim, event);
        sim_node_step(
            sim, node,
            &(struct gossip_event){.type = GOSSIP_CONNECTED, .connection = event->connection});
        break;
    case SIM_EVENT_DISCONNECTED:
        if (sim_network_disconnected(sim, event)) {
            sim_node_step(sim, node,
                          &(struct gossip_event){.type = GOSSIP_DISCONNECTED,
                                                 .connection = event->connection});
        }
        break;
    case SIM_EVENT_STORED:
        sim_node_stored(sim, node);
        break;
    case SIM_EVENT_REOPEN:
        sim_node_reopen(sim, node);
        break;
    case SIM_EVENT_KEPT:
        sim_node_step(sim, node, &(struct gossip_event){.type = GOSSIP_KEPT});
        break;
    default:
        if (node->tick_ms == event->time_ms) {
            node->tick_ms = UINT64_MAX;
            sim_node_step(sim, node, &(struct gossip_event){.type = GOSSIP_TICK});
        }
        break;
    }
}

/* A frozen process gets everything when it thaws. */
static bool postpone(struct sim *sim, struct sim_node *node, struct sim_event *event) {
    if (node->frozen_until_ms <= sim->now_ms) {
        return false;
    }
    if (event->type == SIM_EVENT_TICK) {
        if (node->tick_ms != event->time_ms) {
            return false; /* a stale one */
        }
        node->tick_ms = node->frozen_until_ms;
    }
    event->time_ms = node->frozen_until_ms;
    sim_event_push(sim, event);
    return true;
}

static void world_event(struct sim *sim, const struct sim_event *event) {
    switch (event->type) {
    case SIM_EVENT_ACTION:
        if (!sim->loading) {
            break;
        }
        if (scenario_action_is_operation(sim->scenario->actions[event->node].type)) {
            sim_operation_perform(sim, &sim->scenario->actions[event->node]);
        } else {
            sim_fault_perform(sim, event->node);
        }
        break;
    case SIM_EVENT_UNDO:
        sim_fault_undo(sim, event->node);
        break;
    case SIM_EVENT_WAIT:
        sim_operation_wait(sim, event->node, event->start);
        break;
    case SIM_EVENT_STOPPED: {
        struct sim_node *node = &sim->nodes[event->node];
        if (node->engine != NULL && node->starts == event->start) {
            sim_node_crash(sim, node);
        }
        break;
    }
    case SIM_EVENT_CRASH: {
        struct sim_node *node = &sim->nodes[event->node];
        if (node->engine != NULL && node->starts == event->start && node->crash_until_ms != 0) {
            sim_fault_crash(sim, node);
        }
        break;
    }
    default: { /* START */
        struct sim_node *node = &sim->nodes[event->node];
        if (node->engine == NULL && node->starts == event->start) {
            sim_node_start(sim, node);
        }
        break;
    }
    }
}

static void event_hash(struct sim *sim, const struct sim_event *event) {
    uint64_t head[4] = {event->time_ms, event->node, (uint64_t)event->type, event->connection};
    sim_hash(sim, head, sizeof head);
    if (event->frame != NULL) {
        sim_hash(sim, event->frame, event->size_bytes);
    }
}

static void record(struct sim *sim, const struct sim_event *event) {
    struct sim_result *result = sim->result;
    struct sim_step_record made = {.time_ms = event->time_ms,
                                   .hash = sim->hash,
                                   .node = (uint32_t)event->node,
                                   .type = (uint8_t)event->type};
    const struct sim_options *options = sim->options;
    size_t at = sim->stats.events - 1;
    if (options->record) {
        static const size_t step = 65536;
        if (at % step == 0) {
            result->records = realloc(result->records, (at + step) * sizeof *result->records);
        }
        if (result->records != NULL) {
            result->records[at] = made;
            result->record_count = at + 1;
        }
    }
    if (options->expected != NULL && !result->differs &&
        (at >= options->expected_count || options->expected[at].hash != made.hash)) {
        result->differs = true;
        result->differs_at = at;
        result->found = made;
    }
}

static void handle(struct sim *sim, struct sim_event *event) {
    sim->now_ms = event->time_ms;
    if (event->type >= SIM_EVENT_ACTION) {
        event_hash(sim, event);
        world_event(sim, event);
    } else {
        struct sim_node *node = &sim->nodes[event->node];
        if (node->engine == NULL || node->starts != event->start) {
            free(event->frame);
            return;
        }
        if (postpone(sim, node, event)) {
            return; /* its frame is still needed */
        }
        event_hash(sim, event);
        node_event(sim, node, event);
    }
    free(event->frame);
    sim->stats.events++;
    record(sim, event);
}

/* --- time ----------------------------------------------------------------------------------------------------------------- */

/* An interval has passed for everybody. */
static void interval_passed(struct sim *sim) {
    sim->now_ms = sim->interval_at_ms;
    sim->interval_at_ms += sim->scenario->interval_ms;
    sim_fault_start_again(sim);
    sim_fault_ghosts_remove(sim);
    SIM_CHECK(sim, interval, sim);
    for (size_t i = 0; i < sim->node_count; i++) {
        uint64_t up_ms = sim->nodes[i].engine != NULL ? sim->scenario->interval_ms : 0;
        sim->stats.node_ms += up_ms;
        sim->stats.load_node_ms += sim->phase == SIM_LOAD ? up_ms : 0;
        sim->stats.rest_node_ms += sim->phase >= SIM_CHECK ? up_ms : 0;
    }
    if (sim->options->lag_counted) {
        sim->stats.lag += sim_god_lag(sim, sim->options->lag_except);
    }
    if (sim->options->report != NULL) {
        sim_report_sample(sim);
    }
}

static bool out_of_events(struct sim *sim) {
    if (sim->options->events_max == 0 || sim->stats.events < sim->options->events_max) {
        return false;
    }
    sim_fail(sim, "", CHAOS_UNKNOWN, NULL, "the bound of events was met");
    return true;
}

/* Runs until this instant; what is later stays queued. */
static void run_until(struct sim *sim, uint64_t end_ms) {
    struct sim_event event;
    while (!sim->failed && sim->now_ms < end_ms) {
        uint64_t next_ms = sim->heap_count > 0 ? sim->heap[0].time_ms : UINT64_MAX;
        if (sim->interval_at_ms <= next_ms && sim->interval_at_ms <= end_ms) {
            interval_passed(sim);
        } else if (next_ms > end_ms) {
            sim->now_ms = end_ms;
        } else if (!out_of_events(sim)) {
            (void)sim_event_pop(sim, &event);
            handle(sim, &event);
        }
    }
    while (!sim->failed && sim->heap_count > 0 && sim->heap[0].time_ms <= end_ms) {
        (void)sim_event_pop(sim, &event);
        handle(sim, &event);
    }
}

/* --- phases --------------------------------------------------------------------------------------------------------------- */

static void phase_begin(struct sim *sim, enum sim_phase phase) {
    sim->phase = phase;
    sim_trace(sim, NULL, "phase: %s", sim_phase_name(phase));
    SIM_CHECK(sim, phase, sim, phase);
}

static bool joins_late(const struct scenario *scenario, size_t node) {
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (action->type == SCENARIO_JOIN && scenario_nodes_hold(&action->nodes, node)) {
            return true;
        }
    }
    return false;
}

static void load_phase(struct sim *sim) {
    const struct scenario *scenario = sim->scenario;
    sim->loading = true;
    phase_begin(sim, SIM_LOAD);
    for (size_t i = 0; i < scenario->node_count; i++) {
        if (!joins_late(scenario, i) && sim->nodes[i].cluster == 0) {
            sim_event_push(sim, &(struct sim_event){.time_ms = i * JOIN_EVERY_MS,
                                                    .type = SIM_EVENT_START,
                                                    .node = i});
        }
    }
    for (size_t i = 0; i < scenario->action_count; i++) {
        sim_event_push(sim, &(struct sim_event){.time_ms = scenario->actions[i].at_ms,
                                                .type = SIM_EVENT_ACTION,
                                                .node = i});
    }
    run_until(sim, scenario->load_ms);
    sim->stats.load_ms = sim->now_ms;
    sim->loading = false;
}

static void settle_phase(struct sim *sim) {
    phase_begin(sim, SIM_SETTLE);
    sim_fault_heal(sim);
    sim_god_healed(sim);
    uint64_t bound = sim_settle_allowed(sim);
    for (uint64_t i = 1; i <= bound && !sim->failed; i++) {
        run_until(sim, sim->now_ms + sim->scenario->interval_ms);
        if (!sim->failed && sim_all_equal(sim)) {
            sim->stats.settle_intervals = i;
            return;
        }
    }
    char who[400];
    sim_unequal_describe(sim, who, sizeof who);
    char text[500];
    (void)snprintf(text, sizeof text, "not equal %llu intervals after all was healed: %.400s",
                   (unsigned long long)bound, who);
    if (!sim->scenario->expect.stale_roots_allowed) {
        sim_fail(sim, "L1", CHAOS_DIVERGED, NULL, text);
    }
}

/* The horizon passes all when each member has met each (2(n-1) intervals), has said so to the others, and one of them raises:
 * once in eight intervals. Then roots move once more, and what is counted as rest begins. */
static void horizon_wait(struct sim *sim) {
    uint64_t most = 4 * sim->node_count + HORIZON_INTERVALS;
    for (uint64_t i = 0; i < most && !sim->failed && !sim->core_only; i++) {
        if (sim_horizon_is_at_rest(sim) && sim_all_equal(sim)) {
            return;
        }
        run_until(sim, sim->now_ms + sim->scenario->interval_ms);
    }
}

/* A few intervals first, in which repeats that were under way end. */
static void quiet_phase(struct sim *sim) {
    uint64_t interval_ms = sim->scenario->interval_ms;
    if (sim->options->report != NULL) {
        sim->options->report->equal_ms = sim->now_ms;
    }
    phase_begin(sim, SIM_CHECK);
    sim_operation_ask(sim);
    uint64_t wait = !sim->core_only
                        ? REPEATS_INTERVALS
                        : REPEATS_INTERVALS_OF_CORE + 2 * sim_settle_bound(sim->node_count);
    run_until(sim, sim->now_ms + wait * interval_ms);
    horizon_wait(sim);
    sim_god_check(sim);
    sim_operation_check(sim);
    if (!sim->failed) {
        phase_begin(sim, SIM_QUIET);
    }
    run_until(sim, sim->now_ms + sim->scenario->quiet_intervals * interval_ms);
    sim->stats.quiet_intervals = sim->scenario->quiet_intervals;
    if (!sim->failed && !sim_all_equal(sim) && !sim->scenario->expect.stale_roots_allowed) {
        sim_fail(sim, "L1", CHAOS_DIVERGED, NULL, "equal nodes became unequal at rest");
    }
    SIM_CHECK(sim, finished, sim);
}

/* --- the run --------------------------------------------------------------------------------------------------------------- */

static size_t clones_of(const struct scenario *scenario) {
    size_t count = 0;
    for (size_t i = 0; i < scenario->action_count; i++) {
        count += scenario->actions[i].type == SCENARIO_CLONE ? scenario->actions[i].nodes.count : 0;
    }
    return count;
}

static void world_open(struct sim *sim, const struct sim_options *options,
                       struct sim_result *result) {
    const struct scenario *scenario = options->scenario;
    *result = (struct sim_result){.failed_node = SIZE_MAX};
    *sim = (struct sim){
        .scenario = scenario,
        .options = options,
        .result = result,
        .choice = options->choice != NULL ? options->choice : &sim->own_choice,
        .trace = options->trace,
        .interval_at_ms = scenario->interval_ms,
        .node_count = scenario->node_count,
        .node_capacity = scenario->node_count + clones_of(scenario),
    };
    choice_seed(&sim->own_choice, ~scenario->seed);
    if (scenario->kept_count > 0) {
        choice_keep(&sim->own_choice, scenario->kept, scenario->kept_count);
    }
    sim->nodes = sim_allocate(sim->node_capacity, sizeof *sim->nodes);
    for (size_t i = 0; i < sim->node_capacity; i++) {
        sim_node_init(sim, &sim->nodes[i], i);
    }
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        for (size_t j = 0; action->type == SCENARIO_OTHER_CLUSTER && j < action->nodes.count; j++) {
            sim->nodes[action->nodes.indexes[j]].cluster = 1;
        }
    }
    sim_checkers_open(sim);
}

static void world_close(struct sim *sim) {
    for (size_t i = 0; i < sim->node_capacity; i++) {
        sim_node_close(&sim->nodes[i]);
    }
    while (sim->heap_count > 0) {
        free(sim->heap[--sim->heap_count].frame);
    }
    sim_checkers_close(sim);
    sim_god_close(sim);
    sim_operation_close(sim);
    sim_causal_close(&sim->causal);
    sim_entries_close(sim);
    sim_link_close(sim);
    free(sim->bands);
    free(sim->heap);
    free(sim->connections);
    free(sim->connections_free);
    free(sim->nodes);
}

static uint64_t nanoseconds(const struct sim_options *options) {
    return options->nanoseconds != NULL ? options->nanoseconds() : 0;
}

void sim_run(const struct sim_options *options, struct sim_result *result) {
    struct sim sim;
    uint64_t begun_ns = nanoseconds(options);
    world_open(&sim, options, result);
    uint64_t made_before = sim.choice->made;
    load_phase(&sim);
    result->load_ns = nanoseconds(options) - begun_ns;
    if (!sim.failed) {
        settle_phase(&sim);
    }
    uint64_t settled_ns = nanoseconds(options);
    if (!sim.failed) {
        quiet_phase(&sim);
    }
    result->rest_ns = nanoseconds(options) - settled_ns;
    sim.stats.virtual_ms = sim.now_ms;
    sim.stats.nodes = sim.scenario->node_count;
    sim_outcome(&sim); /* entries, conflicts, content, expectations, vacuity */
    result->stats = sim.stats;
    result->trace_hash = sim.hash;
    result->choices = sim.choice->made - made_before;
    world_close(&sim);
    result->run_ns = nanoseconds(options) - begun_ns;
}
