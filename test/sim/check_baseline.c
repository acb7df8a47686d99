/* check_baseline.c - L3: when faults are over, everything that they left under way is over too.
 *
 * At the end of a run, of each node that is up:
 *
 *   nothing       waits for an operation, for the disk, in a queue of pushes, or for an acknowledgement by a member that is
 *                 alive; no request of a walk is out
 *   exchanges     only those that just began: in their slot and at their member, and no older than a try takes
 *   connections   those that are not established yet have a deadline, and it has not passed
 *   memory        is what a new engine takes that starts from the same disk, and what is known to be kept: the buffers of
 *                 the largest update, the rings of queues and flights, the sessions, compiled checks
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <stdlib.h>

enum {
    COMPARED_MAX = 3, /* nodes whose memory is compared with a new engine's */
    TOLERANCE = 64 * 1024,
    ENTRY_TOLERANCE = 512, /* tree and index do not shrink at once */
    EXCHANGE_AGE_MS_MAX = GOSSIP__EXCHANGE_SILENCE_MS_MAX,
};

/* --- what is under way ------------------------------------------------------------------------------------------------ */

static const char *queue_fault(const struct gossip__member *member) {
    bool reached = member->state == GOSSIP_MEMBER_ALIVE && member->session != NULL;
    bool waits = member->push.count > 0;
    for (size_t i = 0; i < GOSSIP__PUSHES_IN_FLIGHT; i++) {
        waits = waits || member->push.in_flight[i].sequence != 0;
    }
    return reached && waits ? "a push to a member that is alive is still under way" : NULL;
}

static const char *exchange_fault(const struct gossip *engine,
                                  const struct gossip__exchange *exchange) {
    if (exchange->member->exchange != exchange) {
        return "an exchange stands in its slot, and its member knows nothing of it";
    }
    if (engine->now_ms - exchange->started_ms > EXCHANGE_AGE_MS_MAX) {
        return "an exchange does not end";
    }
    return exchange->state == GOSSIP__EXCHANGE_WALK || exchange->state == GOSSIP__EXCHANGE_PUSH
               ? "a walk is under way though all is equal"
               : NULL;
}

static const char *session_fault(const struct gossip *engine, uint64_t now_ms) {
    for (const struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        bool opening = session->state != GOSSIP__SESSION_ESTABLISHED;
        if (opening && (session->deadline_ms == 0 || session->deadline_ms < now_ms)) {
            return "a connection is neither established nor given up";
        }
    }
    return NULL;
}

static const char *way_fault(const struct gossip *engine, uint64_t now_ms) {
    if (engine->operation_count > 0 || engine->callers != NULL) {
        return "an operation still waits";
    }
    if (engine->flight_count > 0 || engine->waiter_count > 0) {
        return "something is still under way to its disk";
    }
    const char *fault = session_fault(engine, now_ms);
    for (size_t i = 0; i < engine->member_count && fault == NULL; i++) {
        fault = queue_fault(engine->members[i]);
    }
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX && fault == NULL; i++) {
        fault = engine->exchanges[i] == NULL ? NULL : exchange_fault(engine, engine->exchanges[i]);
    }
    return fault;
}

/* --- memory ----------------------------------------------------------------------------------------------------------- */

/* What a new engine takes for this disk, once it has started. Entries are its own, as they would be after a walk. */
static uint64_t fresh_bytes(struct sim *sim, const struct sim_node *node) {
    struct sim_memory memory;
    struct catalog_load load;
    struct gossip *engine = NULL;
    const struct gossip_update *update;
    sim_memory_init(&memory);
    sim_disk_load(&node->disk, &load);
    size_t decoded = 0;
    for (; decoded < load.entry_count; decoded++) {
        const struct catalog_entry *entry = load.entries[decoded];
        if (catalog_entry_decode(&memory.allocator, entry->bytes, entry->size_bytes,
                                 &load.entries[decoded]) != 0) {
            break;
        }
    }
    struct gossip_config config = node->engine->config;
    config.allocator = &memory.allocator;
    config.seeds = NULL;
    config.seed_count = 0;
    uint64_t bytes = UINT64_MAX;
    if (decoded == load.entry_count && gossip_new(&config, &load, &engine) == 0) {
        (void)gossip_step(engine,
                          &(struct gossip_event){.type = GOSSIP_START,
                                                 .now_ms = sim->now_ms,
                                                 .wall_ms = sim_wall_ms(sim, node)},
                          &update);
        bytes = memory.bytes;
        gossip_free(engine);
    }
    for (size_t i = 0; i < decoded; i++) {
        catalog_entry_release(load.entries[i]);
    }
    free(load.entries);
    free(load.kept);
    free(load.members);
    return bytes;
}

/* What stays from busier times, by name. */
static uint64_t kept_bytes(const struct gossip *engine) {
    const struct gossip__update_arrays *out = &engine->out;
    const struct merkle_buffer *buffers[] = {
        &out->frames,  &out->sends, &out->connections, &out->replies,
        &out->notices, &out->texts, &out->member_rows, &engine->plans_answered};
    uint64_t bytes = engine->session_count * sizeof(struct gossip__session) +
                     engine->flight_capacity * sizeof *engine->flights +
                     engine->waiter_capacity * sizeof *engine->waiters;
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        bytes += buffers[i]->capacity_bytes;
    }
    for (size_t i = 0; i < engine->flight_count; i++) { /* other places of the ring hold nothing */
        size_t place = (engine->flight_first + i) % engine->flight_capacity;
        bytes += engine->flights[place].entry_capacity *
                 (sizeof(void *) + sizeof(struct gossip__arrival));
    }
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__push_queue *queue = &engine->members[i]->push;
        bytes += queue->handles == NULL ? 0 : (uint64_t)GOSSIP__PUSH_QUEUE_MAX * sizeof(uint32_t);
        for (size_t j = 0; j < GOSSIP__PUSHES_IN_FLIGHT; j++) {
            bytes += queue->in_flight[j].handle_count * sizeof(uint32_t);
        }
    }
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX; i++) {
        bytes += engine->exchanges[i] == NULL ? 0 : sizeof(struct gossip__exchange);
    }
    return bytes;
}

static void memory_look(struct sim *sim, struct sim_node *node) {
    uint64_t fresh = fresh_bytes(sim, node);
    uint64_t most = fresh == UINT64_MAX ? UINT64_MAX
                                        : fresh + kept_bytes(node->engine) + TOLERANCE +
                                              node->disk.entry_count * (uint64_t)ENTRY_TOLERANCE;
    sim_checker_looked(sim, &sim_check_l3);
    if (node->memory.bytes > most) {
        sim_violated(sim, &sim_check_l3, node,
                     "holds %llu bytes at rest, a new engine on its disk takes %llu",
                     (unsigned long long)node->memory.bytes, (unsigned long long)fresh);
    }
}

static void l3_finished(struct sim *sim) {
    size_t compared = 0;
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (!sim_required(sim, node) || !sim_node_runs(sim, node)) {
            continue;
        }
        const char *fault = way_fault(node->engine, sim->now_ms);
        sim_checker_looked(sim, &sim_check_l3);
        if (fault != NULL && !sim->scenario->expect.stale_roots_allowed) {
            sim_violated(sim, &sim_check_l3, node, "%s", fault);
        } else if (compared++ < COMPARED_MAX) {
            memory_look(sim, node);
        }
    }
}

const struct sim_checker sim_check_l3 = {
    .id = "L3",
    .statement = "at the end nothing is left under way, and memory is that of a new engine",
    .liveness = true,
    .finished = l3_finished,
};
