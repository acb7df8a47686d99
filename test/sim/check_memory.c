/* check_memory.c - S10: what an engine takes is bounded by what it has to hold, with the limits of gossip/bounds.h.
 *
 *   held       at most BASE + what its entries take twice over (stored and under way, and the index and tree of each), its
 *              members with their rows, queues and pushes in flight, what is left of a former id, sessions, exchanges with
 *              what bounds.h lets them keep, flights, waiters, callers, and the buffers of an update, which keep the size of
 *              the largest step
 *   a message  in the step that takes it in, no more is taken than STEP_BASE + STEP_FACTOR times its bytes and those of the
 *              frames that it is answered with, and what the disk is handed; and, where that is not enough, the rings of
 *              what is under way once more, its members (an ADMIT tells a newcomer of all), and twice the largest entry that
 *              it may be merged with
 *   counts     sessions, exchanges, their requests, queues, pushes, flights, operations, frames of one step
 *
 * gossip_verify() asserts the engine's own invariants beside.
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <stdlib.h>

enum {
    VERIFY_EVERY = 16, /* events */
    BASE =
        64 *
        1024, /* permutation, seeds, arena of the tree, a few compiled checks; measured: below 30 KiB */
    ENTRY_OVERHEAD =
        1024, /* nodes of index and tree, digests, the allocator's rounding; measured: below 500 */
    MEMBER_OVERHEAD = 512,
    SESSION_OVERHEAD = 64,
    STEP_BASE = 64 * 1024,
    STEP_FACTOR =
        24, /* a walk's answer is unpacked, compared and turned into wants of 32 bytes a fingerprint of 5 */
    WALK = 64 * 1024,
    ORDER = 256,  /* of each entry under way: an order of 40 bytes, in an array that doubles */
    PLAN = 1024,  /* of each outcome */
    CALLER = 512, /* of each member that a SYNC asks */
};

/* How many entries each process has had at most: what holds their tree and index is kept for those to come. */
struct s10 {
    size_t *most; /* of node_capacity */
};

static size_t *most_of(struct sim *sim, const struct sim_node *node) {
    struct s10 *s10 = sim_checker_state(sim, &sim_check_s10);
    if (s10->most == NULL) {
        s10->most = sim_allocate(sim->node_capacity, sizeof *s10->most);
    }
    return &s10->most[node->index];
}

/* --- what it may hold ------------------------------------------------------------------------------------------------- */

static uint64_t of_entries(const struct gossip *engine) {
    const struct catalog_text all = {.data = "", .size_bytes = 0};
    uint64_t bytes = 0;
    for (struct catalog_entry *entry = catalog_next(engine->catalog, 0, all, NULL);
         entry != NULL;) {
        struct catalog_key key = catalog_entry_key(entry);
        bytes += sizeof *entry + entry->size_bytes;
        entry = catalog_next(engine->catalog, 0, all, &key);
    }
    return bytes;
}

static uint64_t of_rings(const struct gossip *engine) {
    return engine->flight_capacity * sizeof *engine->flights +
           engine->waiter_capacity * sizeof *engine->waiters;
}

/* What a slow disk makes grow: rings that were full are made anew, twice as large, and so is the list of what is pending. */
static uint64_t of_orders(const struct gossip *engine) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < engine->flight_count; i++) {
        bytes += engine->flights[(engine->flight_first + i) % engine->flight_capacity].entry_count *
                 (uint64_t)ORDER;
    }
    return bytes;
}

/* A merge makes the whole entry, also if it turns out to be what stood there. */
static uint64_t of_merge(const struct sim_disk *disk) {
    uint64_t largest = 0;
    for (size_t i = 0; i < disk->entry_count; i++) {
        uint64_t bytes = disk->entries[i]->size_bytes;
        largest = bytes > largest ? bytes : largest;
    }
    return 2 * largest;
}

/* What a node had under its former id. */
static uint64_t of_kept(struct catalog_entry *const *kept, size_t count) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += sizeof *kept + sizeof **kept + kept[i]->size_bytes + ENTRY_OVERHEAD;
    }
    return bytes;
}

static uint64_t of_flights(const struct gossip *engine) {
    uint64_t bytes = of_rings(engine) + of_kept(engine->kept, engine->kept_count);
    for (size_t i = 0; i < engine->flight_count; i++) {
        const struct gossip__flight *flight =
            &engine->flights[(engine->flight_first + i) % engine->flight_capacity];
        bytes += flight->entry_capacity * (sizeof(void *) + sizeof(struct gossip__arrival));
        bytes += flight->removed_capacity * sizeof(void *);
        bytes += of_kept(flight->kept, flight->kept_count);
        for (size_t j = 0; j < flight->entry_count; j++) {
            bytes += sizeof(struct catalog_entry) + flight->entries[j]->size_bytes + ENTRY_OVERHEAD;
        }
    }
    return bytes;
}

static uint64_t of_members(const struct gossip *engine) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__push_queue *queue = &engine->members[i]->push;
        bytes += sizeof *engine->members[i] + MEMBER_OVERHEAD;
        bytes += queue->handles == NULL ? 0 : (uint64_t)GOSSIP__PUSH_QUEUE_MAX * sizeof(uint32_t);
        for (size_t j = 0; j < GOSSIP__PUSHES_IN_FLIGHT; j++) {
            bytes += queue->in_flight[j].handle_count * sizeof(uint32_t);
        }
    }
    return bytes;
}

static uint64_t of_buffers(const struct gossip *engine) {
    const struct gossip__update_arrays *out = &engine->out;
    const struct merkle_buffer *buffers[] = {
        &out->frames,  &out->sends, &out->connections, &out->replies,
        &out->notices, &out->texts, &out->member_rows, &engine->plans_answered};
    uint64_t bytes = 0;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        bytes += buffers[i]->capacity_bytes;
    }
    return bytes;
}

static uint64_t of_exchange(const struct gossip__exchange *exchange) {
    uint64_t bytes = sizeof *exchange + exchange->settled.capacity_bytes +
                     exchange->have_batch.capacity_bytes +
                     exchange->range_capacity * sizeof *exchange->ranges;
    for (size_t i = 0; i < GOSSIP__REQUESTS_IN_FLIGHT; i++) {
        const struct gossip__request *request = &exchange->requests[i];
        bytes += request->sequence == 0
                     ? 0
                     : request->frame.capacity_bytes + request->walk.capacity_bytes +
                           request->wants.capacity_bytes;
    }
    return bytes + (exchange->walk == NULL ? 0 : WALK);
}

static uint64_t of_plan(const struct catalog_plan *plan) {
    uint64_t bytes = 0;
    for (size_t i = 0; plan != NULL && i < plan->outcome_count; i++) {
        const struct catalog_outcome *outcome = &plan->outcomes[i];
        bytes += PLAN + outcome->entry->size_bytes +
                 (outcome->before == NULL ? 0 : outcome->before->size_bytes);
    }
    return bytes;
}

/* Those that wait for the disk, and those that were answered in the last step. */
static uint64_t of_plans(const struct gossip *engine) {
    const struct catalog_plan *const *answered = (const void *)engine->plans_answered.data;
    uint64_t bytes = 0;
    for (size_t i = 0; i < engine->waiter_count; i++) {
        bytes +=
            of_plan(engine->waiters[(engine->waiter_first + i) % engine->waiter_capacity].plan);
    }
    for (size_t i = 0; i < engine->plans_answered.size_bytes / sizeof *answered; i++) {
        bytes += of_plan(answered[i]);
    }
    return bytes;
}

static uint64_t may_hold(const struct gossip *engine, size_t most_entries) {
    uint64_t entries = of_entries(engine) + most_entries * (uint64_t)ENTRY_OVERHEAD;
    uint64_t bytes = sizeof *engine + BASE + entries + of_flights(engine) + of_members(engine) +
                     of_buffers(engine) + of_plans(engine);
    bytes += engine->session_count * (sizeof(struct gossip__session) + SESSION_OVERHEAD);
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX; i++) {
        const struct gossip__exchange *exchange = engine->exchanges[i];
        bytes += exchange == NULL ? 0 : of_exchange(exchange);
        bytes += exchange != NULL && exchange->diff != NULL ? entries : 0;
    }
    /* A SYNC has a row for each member; a DIFF, also one just answered, holds what it found. */
    return bytes + engine->operation_count * (engine->member_count + 1) * CALLER +
           (engine->answered != NULL ? entries : 0);
}

static void held_look(struct sim *sim, struct sim_node *node) {
    uint64_t most = may_hold(node->engine, *most_of(sim, node));
    sim_checker_looked(sim, &sim_check_s10);
    if (node->memory.bytes > most) {
        sim_violated(sim, &sim_check_s10, node, "holds %llu bytes, and has use for %llu",
                     (unsigned long long)node->memory.bytes, (unsigned long long)most);
    }
}

static void s10_interval(struct sim *sim) {
    uint64_t number = sim->now_ms / sim->scenario->interval_ms;
    struct sim_node *node = &sim->nodes[number % sim->node_count];
    if (sim_node_runs(sim, node)) {
        held_look(sim, node);
    }
}

/* --- one step --------------------------------------------------------------------------------------------------------- */

static void message_look(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                         const struct gossip_update *update) {
    uint64_t bytes = event->message.size_bytes;
    for (size_t i = 0; i < update->send_count; i++) {
        bytes += update->sends[i].size_bytes;
    }
    for (size_t i = 0; i < update->batch_count; i++) {
        for (size_t j = 0; j < update->batches[i].entry_count; j++) {
            bytes += update->batches[i].entries[j]->size_bytes;
        }
    }
    sim_checker_looked(sim, &sim_check_s10);
    uint64_t most = STEP_BASE + STEP_FACTOR * bytes;
    if (node->memory.step_peak > most) {
        most += of_rings(node->engine) + of_orders(node->engine) + of_members(node->engine) +
                of_merge(&node->disk);
    }
    if (node->memory.step_peak > most) {
        sim_violated(sim, &sim_check_s10, node,
                     "takes %llu bytes for a message of %zu, type %u, and %llu more",
                     (unsigned long long)node->memory.step_peak, event->message.size_bytes,
                     event->message.size_bytes > 1 ? event->message.bytes[1] : 0U,
                     (unsigned long long)(bytes - event->message.size_bytes));
    }
}

static const char *counts_fault(const struct gossip *engine, const struct gossip_update *update) {
    uint64_t sent = 0;
    for (size_t i = 0; i < update->send_count; i++) {
        sent += update->sends[i].size_bytes;
    }
    if (engine->session_count > GOSSIP__SESSIONS_MAX) {
        return "sessions";
    }
    if (engine->flight_count > GOSSIP__BATCHES_IN_FLIGHT) {
        return "batches under way";
    }
    if (engine->operation_count > GOSSIP__OPERATIONS_MAX) {
        return "operations";
    }
    /* To each session the pushes in flight, the requests of an exchange, and what liveness takes. */
    return sent > (engine->session_count + 1) *
                       (GOSSIP__PUSHES_IN_FLIGHT * 2 * (uint64_t)GOSSIP__ENTRIES_SIZE_SOFT +
                        GOSSIP__FRAME_SIZE_MAX)
               ? "bytes sent in one step"
               : NULL;
}

static void s10_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                        const struct gossip_update *update) {
    const char *fault = counts_fault(node->engine, update);
    size_t entries = merkle_tree_count(catalog_tree(gossip_catalog(node->engine)));
    size_t *most = most_of(sim, node);
    *most = event->type == GOSSIP_START || entries > *most ? entries : *most;
    sim_checker_looked(sim, &sim_check_s10);
    if (fault != NULL) {
        sim_violated(sim, &sim_check_s10, node, "more %s than bounds.h allows", fault);
    } else if (event->type == GOSSIP_MESSAGE) {
        message_look(sim, node, event, update);
    }
    /* It walks over all sessions and members: of large clusters not after each step. */
    if (sim->node_count <= SIM_SQUARE_CHECKS_MAX || sim->stats.events % VERIFY_EVERY == 0) {
        gossip_verify(node->engine);
    }
}

static void s10_close(struct sim *sim) {
    free(((struct s10 *)sim_checker_state(sim, &sim_check_s10))->most);
}

const struct sim_checker sim_check_s10 = {
    .id = "S10",
    .statement = "memory, queues, exchanges and connections of an engine stay within their bounds",
    .state_size_bytes = sizeof(struct s10),
    .stepped = s10_stepped,
    .interval = s10_interval,
    .close = s10_close,
};
