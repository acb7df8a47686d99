/* sim.c - one run: the world is made from the seed, loaded under faults, healed, and watched in quiet.
 *
 * A run fails at the first promise that does not hold, and says which. It is a function of its choices: the trace hash of
 * a second run with the same seed is the same, on any machine and with any compiler.
 */
#include "test/sim/sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOAD_MS_MIN = 10000,
    LOAD_MS_SPAN = 50000,
    REPEATS_INTERVALS = 20, /* a push is repeated for up to 16 s */
    QUIET_INTERVALS = 20,
    CHECK_EVERY = 512, /* events between thorough checks of one node */
};

void *sim_allocate(size_t count, size_t size_bytes) {
    void *memory = calloc(count, size_bytes);
    if (memory == NULL) {
        fputs("attune-sim: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

void *sim_grow(void *memory, size_t count, size_t *capacity, size_t size_bytes) {
    if (count < *capacity) {
        return memory;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = realloc(memory, *capacity * size_bytes);
    if (grown == NULL) {
        fputs("attune-sim: out of memory\n", stderr);
        exit(1);
    }
    return grown;
}

void sim_fail(struct sim *sim, const char *promise, const char *format, ...) {
    char text[480];
    va_list arguments;
    if (sim->failed) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sim->failed = true;
    (void)snprintf(sim->failure, sizeof sim->failure, "%s at %llu ms: %s", promise,
                   (unsigned long long)sim->now_ms, text);
    if (sim->trace != NULL) {
        fprintf(sim->trace, "FAILED %s\n", sim->failure);
    }
}

void sim_hash(struct sim *sim, const void *bytes, size_t size_bytes) {
    struct merkle_digest digest = merkle_digest_of(bytes, size_bytes, sim->hash);
    memcpy(&sim->hash, digest.bytes, sizeof sim->hash);
}

void sim_trace(struct sim *sim, size_t node, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t size_bytes = length < 0 ? 0 : (size_t)length;
    sim_hash(sim, text, size_bytes < sizeof text ? size_bytes : sizeof text - 1);
    if (sim->trace != NULL) {
        fprintf(sim->trace, "%8llu %s  %s\n", (unsigned long long)sim->now_ms,
                sim->nodes[node].name, text);
    }
}

/* --- events ------------------------------------------------------------------------------------------------------------ */

static void event_hash(struct sim *sim, const struct sim_event *event) {
    uint64_t head[4] = {event->time_ms, event->node, (uint64_t)event->type, event->connection};
    sim_hash(sim, head, sizeof head);
    if (event->frame != NULL) {
        sim_hash(sim, event->frame, event->size_bytes);
    }
}

static void to_engine(struct sim *sim, struct sim_node *node, const struct sim_event *event) {
    switch (event->type) {
    case SIM_EVENT_FRAME:
        if (sim_network_arrives(sim, event)) {
            sim_node_step(sim, node,
                          &(struct gossip_event){.type = GOSSIP_MESSAGE,
                                                 .message = {event->connection, event->frame + 4,
                                                             event->size_bytes - 4}});
        }
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
    struct sim_node *node = &sim->nodes[event->node];
    switch (event->type) {
    case SIM_EVENT_LOAD:
        if (sim->loading) {
            sim_load_write(sim);
            sim_event_push(
                sim, &(struct sim_event){.time_ms = sim->now_ms + 1 +
                                                    choice_delay(&sim->choice, 300, "next write"),
                                         .type = SIM_EVENT_LOAD});
        }
        break;
    case SIM_EVENT_FAULT:
        if (sim->loading) {
            sim_fault_inject(sim);
            sim_event_push(
                sim, &(struct sim_event){.time_ms = sim->now_ms + 1 +
                                                    choice_delay(&sim->choice, 800, "next fault"),
                                         .type = SIM_EVENT_FAULT});
        }
        break;
    case SIM_EVENT_JOIN:
        /* Newcomers that cannot reach the cluster found one of their own, which is right, and another story. */
        if (sim->cut_active && sim->loading) {
            sim_event_push(sim, &(struct sim_event){.time_ms = sim->now_ms + 500,
                                                    .type = SIM_EVENT_JOIN,
                                                    .node = event->node});
        } else if (!node->joined) {
            sim_node_start(sim, node);
        }
        break;
    default: /* RESTART */
        if (sim->cut_active && sim->loading &&
            catalog_id_is_none(
                &node->disk.state.cluster_id)) { /* the same for one that never got in */
            sim_event_push(sim, &(struct sim_event){.time_ms = sim->now_ms + 500,
                                                    .type = SIM_EVENT_RESTART,
                                                    .node = event->node,
                                                    .start = event->start});
            break;
        }
        if (node->engine == NULL && node->starts == event->start) {
            sim_node_start(sim, node);
        }
        break;
    }
}

static void handle(struct sim *sim, struct sim_event *event) {
    struct sim_node *node = &sim->nodes[event->node];
    bool of_world = event->type >= SIM_EVENT_LOAD;
    sim->now_ms = event->time_ms;
    if (of_world) {
        event_hash(sim, event);
        world_event(sim, event);
    } else if (node->engine != NULL && node->starts == event->start) {
        if (postpone(sim, node, event)) {
            return; /* its frame is still needed */
        }
        event_hash(sim, event);
        to_engine(sim, node, event);
    }
    free(event->frame);
    sim->stats.events++;
    if (sim->stats.events % CHECK_EVERY == 0 && !sim->failed) {
        sim_check_node(sim, &sim->nodes[(sim->stats.events / CHECK_EVERY) % sim->node_count], true);
    }
}

/* Runs until this instant; what is later stays queued. */
static void run_until(struct sim *sim, uint64_t end_ms) {
    struct sim_event event;
    while (!sim->failed && sim->heap_count > 0 && sim->heap[0].time_ms <= end_ms) {
        (void)sim_event_pop(sim, &event);
        handle(sim, &event);
    }
    sim->now_ms = sim->failed ? sim->now_ms : end_ms;
}

/* --- phases ------------------------------------------------------------------------------------------------------------- */

static void world_make(struct sim *sim, const struct sim_options *options) {
    sim->node_count =
        options->nodes != 0 ? options->nodes : 3 + (size_t)choice_below(&sim->choice, 28, "nodes");
    sim->nodes = sim_allocate(sim->node_count, sizeof *sim->nodes);
    sim->cut = sim_allocate(sim->node_count * sim->node_count, sizeof *sim->cut);
    sim->stats.nodes = sim->node_count;
    for (size_t i = 0; i < sim->node_count; i++) {
        struct sim_node *node = &sim->nodes[i];
        node->index = i;
        node->tick_ms = UINT64_MAX;
        (void)snprintf(node->name, sizeof node->name, "n%zu", i);
        (void)snprintf(node->address, sizeof node->address, "10.0.%zu.%zu:7740", i / 250,
                       i % 250 + 1);
    }
}

static void load_phase(struct sim *sim) {
    uint64_t load_ms = LOAD_MS_MIN + choice_below(&sim->choice, LOAD_MS_SPAN, "load time");
    sim->loading = true;
    sim->load_end_ms = load_ms;
    for (size_t i = 0; i < sim->node_count; i++) {
        bool late =
            i > 1 && sim->faults[SIM_LATE_JOIN] && choice_below(&sim->choice, 2, "late") == 1;
        uint64_t at_ms = late ? choice_below(&sim->choice, load_ms, "joins at") : i * 10;
        sim_event_push(sim,
                       &(struct sim_event){.time_ms = at_ms, .type = SIM_EVENT_JOIN, .node = i});
    }
    sim_event_push(sim, &(struct sim_event){.time_ms = 3000, .type = SIM_EVENT_LOAD});
    sim_event_push(sim, &(struct sim_event){.time_ms = 3000, .type = SIM_EVENT_FAULT});
    run_until(sim, load_ms);
    sim->loading = false;
}

static uint64_t log2_up(uint64_t n) {
    uint64_t bits = 0;
    while ((UINT64_C(1) << bits) < n) {
        bits++;
    }
    return bits;
}

/* K(n) of G1, in intervals. */
static uint64_t settle_bound(const struct sim *sim) {
    return 2 * log2_up(sim->node_count) + 8;
}

static void settle_phase(struct sim *sim) {
    sim_fault_heal(sim);
    uint64_t bound = settle_bound(sim);
    for (uint64_t i = 1; i <= bound && !sim->failed; i++) {
        run_until(sim, sim->now_ms + SIM_INTERVAL_MS);
        if (!sim->failed && sim_check_equal(sim)) {
            sim->stats.settle_intervals = i;
            return;
        }
    }
    char who[300];
    sim_check_unequal(sim, who, sizeof who);
    sim_fail(sim, "G1", "not equal %llu intervals after all was healed: %s",
             (unsigned long long)bound, who);
}

static uint64_t entries_sent(const struct sim *sim, uint64_t *bytes) {
    uint64_t entries = 0;
    *bytes = 0;
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct gossip_counters *counters = gossip_counters(sim->nodes[i].engine);
        entries += counters->entries_sent;
        for (unsigned phase = 0; phase < GOSSIP_PHASE_COUNT; phase++) {
            *bytes += counters->exchange_bytes[1][phase];
        }
    }
    return entries;
}

/* L9: at rest nothing is transferred. A few intervals first, in which repeats that were under way end. */
static void quiet_phase(struct sim *sim) {
    uint64_t bytes_before;
    uint64_t bytes_after;
    run_until(sim, sim->now_ms + (uint64_t)REPEATS_INTERVALS * SIM_INTERVAL_MS);
    uint64_t before = entries_sent(sim, &bytes_before);
    run_until(sim, sim->now_ms + (uint64_t)QUIET_INTERVALS * SIM_INTERVAL_MS);
    if (sim->failed) {
        return;
    }
    if (entries_sent(sim, &bytes_after) != before) {
        sim_fail(sim, "G8", "entries are transferred at rest");
    }
    sim->stats.quiet_bytes = bytes_after - bytes_before;
    sim_check_end(sim);
    if (!sim_check_equal(sim)) {
        sim_fail(sim, "G1", "equal nodes became unequal at rest");
    }
}

bool sim_run(struct sim *sim, const struct sim_options *options) {
    *sim = (struct sim){.options = *options, .trace = options->trace};
    if (options->bytes != NULL) {
        choice_bytes(&sim->choice, options->bytes, options->size_bytes);
    } else {
        choice_seed(&sim->choice, options->seed);
    }
    world_make(sim, options);
    sim_fault_draw(sim);
    load_phase(sim);
    if (!sim->failed) {
        settle_phase(sim);
    }
    if (!sim->failed) {
        quiet_phase(sim);
    }
    sim->stats.virtual_ms = sim->now_ms;
    sim->stats.node_ms = sim->now_ms * sim->node_count;
    return !sim->failed;
}

void sim_close(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count; i++) {
        struct sim_node *node = &sim->nodes[i];
        gossip_free(node->engine);
        while (node->batches != NULL) {
            struct sim_batch *next = node->batches->next;
            sim_batch_free(node->batches);
            node->batches = next;
        }
        sim_disk_close(&node->disk);
    }
    for (size_t i = 0; i < sim->heap_count; i++) {
        free(sim->heap[i].frame);
    }
    sim_check_close(sim);
    free(sim->heap);
    free(sim->connections);
    free(sim->cut);
    free(sim->nodes);
}
