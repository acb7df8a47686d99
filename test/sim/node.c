/* node.c - one simulated node: starting, crashing, stepping its engine and doing what the update says.
 *
 * This is the driver's part (gossip.h, "the driver's contract") with virtual means. The order "store, then send" is not
 * enforced here: it is checked, by crashing nodes between their steps.
 */
#include "test/sim/checker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void sim_node_init(struct sim *sim, struct sim_node *node, size_t index) {
    (void)sim;
    *node = (struct sim_node){.index = index, .tick_ms = UINT64_MAX, .clone_of = SIZE_MAX};
    (void)snprintf(node->name, sizeof node->name, "n%zu", index + 1);
    (void)snprintf(node->address, sizeof node->address, "10.0.%zu.%zu:7740", index / 250,
                   index % 250 + 1);
    sim_memory_init(&node->memory);
}

void sim_node_close(struct sim_node *node) {
    gossip_free(node->engine);
    while (node->batches != NULL) {
        struct sim_batch *next = node->batches->next;
        sim_batch_free(node->batches);
        node->batches = next;
    }
    sim_node_store_close(node);
    sim_disk_close(&node->disk);
    sim_disk_close(&node->backup);
    free(node->places);
}

bool sim_node_runs(const struct sim *sim, const struct sim_node *node) {
    return node->engine != NULL && node->frozen_until_ms <= sim->now_ms;
}

/* --- starting --------------------------------------------------------------------------------------------------------------- */

static struct catalog_id identity(const struct sim *sim, const struct sim_node *node,
                                  uint64_t what) {
    struct catalog_id id;
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t value = choice_identity(sim->choice, node->index, node->starts, 2 * what + half);
        memcpy(id.bytes + 8 * half, &value, sizeof value);
    }
    return id;
}

/* Who is started when only a core is left is told of members in it: of newcomers where there is none. */
static size_t seeds_of_core(const struct sim *sim, size_t self, const char *seeds[2]) {
    size_t count = 0;
    for (unsigned ready = 2; ready-- > 0 && count == 0;) {
        for (size_t i = 0; i < sim->scenario->core.count && count < 2; i++) {
            const struct sim_node *other = &sim->nodes[sim->scenario->core.indexes[i]];
            if (other->index != self && other->cluster == 0 && !other->removed &&
                (other->disk.exists && other->disk.state.ready) == (ready == 1)) {
                seeds[count++] = other->address;
            }
        }
    }
    return count;
}

/* A member of the main cluster, looked for from there on; NULL. Newcomers are no good seeds: two of them that reach only each
 * other for ten intervals found a cluster of their own (DESIGN 7.1), and one that another cluster dials may join that. */
static const struct sim_node *member_from(const struct sim *sim, size_t first, size_t self) {
    size_t count = sim->scenario->node_count;
    for (size_t i = 0; i < count; i++) {
        const struct sim_node *node = &sim->nodes[(first + i) % count];
        if (node->index != self && node->cluster == 0 && !node->removed && node->disk.exists &&
            node->disk.state.ready) {
            return node;
        }
    }
    return NULL;
}

/* A founder knows nobody when it is first started; all others, and a founder that comes back (perhaps with an empty disk), are
 * told of one or two nodes, as an operator would. */
static size_t seeds_of(const struct sim *sim, const struct sim_node *node, const char *seeds[2]) {
    size_t original = node->clone_of == SIZE_MAX ? node->index : node->clone_of;
    if (node->founder || sim->node_count == 1 || (original == 0 && node->starts == 1)) {
        return 0;
    }
    if (sim->phase > SIM_LOAD && sim->core_only) {
        return seeds_of_core(sim, original, seeds);
    }
    size_t first = original == 0 ? 1 : 0;
    const struct sim_node *second = member_from(sim, original / 2, original);
    seeds[0] = sim->nodes[first].address;
    if (second == NULL || second->index == first || node->cluster != 0) {
        return 1;
    }
    seeds[1] = second->address;
    return 2;
}

void sim_node_start(struct sim *sim, struct sim_node *node) {
    struct catalog_load load;
    const char *seeds[2];
    assert(node->engine == NULL);
    node->starts++;
    struct gossip_config config = {
        .allocator = &node->memory.allocator,
        .cluster_name = "sim",
        .node_name = node->clone_of == SIZE_MAX ? node->name : sim->nodes[node->clone_of].name,
        .address = node->address,
        .seeds = seeds,
        .seed_count = seeds_of(sim, node, seeds),
        .interval_ms = sim->scenario->interval_ms,
        .freshness_limit_ms = 5 * sim->scenario->interval_ms,
        .random_seed = choice_identity(sim->choice, node->index, node->starts, 100),
        .origin = identity(sim, node, 1),
        .fresh_node_id = identity(sim, node, 2),
        .fresh_cluster_id = identity(sim, node, 3),
    };
    node->joined = true;
    node->stopping = false;
    node->started_ms = sim->now_ms;
    node->tick_ms = UINT64_MAX;
    node->origin = config.origin;
    node->memory.fail_count = 0;
    node->memory.failed = 0;
    if (!sim_node_disk_open(sim, node, &load)) {
        return;
    }
    int result = gossip_new(&config, &load, &node->engine);
    if (result != 0) {
        sim_fail(sim, "S15", CHAOS_CRASHED, node, gossip_error_name(result));
    } else {
        sim_trace(sim, node, "start %u", node->starts);
        SIM_CHECK(sim, started, sim, node, &load);
    }
    sim_node_disk_opened(node, &load);
    if (result == 0) {
        sim_node_step(sim, node, &(struct gossip_event){.type = GOSSIP_START});
    }
}

void sim_node_crash(struct sim *sim, struct sim_node *node) {
    assert(node->engine != NULL);
    sim->stats.entries_transferred += gossip_counters(node->engine)->entries_received;
    sim_network_crashed(sim, node);
    gossip_free(node->engine);
    node->engine = NULL;
    node->starts++;
    sim_node_disk_crash(sim, node);
    node->frozen_until_ms = 0;
    node->crash_until_ms = 0;
    node->stopping = false;
    sim->stats.crashes++;
    SIM_CHECK(sim, ended, sim, node);
}

/* --- what an update asks for ---------------------------------------------------------------------------------------------- */

static void connections_take(struct sim *sim, struct sim_node *node,
                             const struct gossip_update *update, bool closing) {
    for (size_t i = 0; i < update->connection_count; i++) {
        const struct gossip_connection_update *action = &update->connections[i];
        if ((action->action == GOSSIP_CLOSE) != closing) {
            continue;
        }
        if (action->action == GOSSIP_DIAL) {
            sim_network_dial(sim, node, action->connection, action->address);
        } else if (action->action == GOSSIP_CLOSE) {
            sim_trace(sim, node, "close %s", gossip_close_reason_name(action->reason));
            sim_network_close(sim, node, action->connection);
        }
    }
}

static void notices_trace(struct sim *sim, const struct sim_node *node,
                          const struct gossip_update *update) {
    for (size_t i = 0; i < update->notice_count; i++) {
        const struct gossip_notice *notice = &update->notices[i];
        if (notice->text != NULL) {
            sim_trace(sim, node, "note %s: %s", notice->member == NULL ? "-" : notice->member,
                      notice->text);
        }
    }
}

static void tick_arm(struct sim *sim, struct sim_node *node) {
    gossip_time_ms deadline_ms = gossip_deadline(node->engine);
    if (deadline_ms == GOSSIP_NEVER) {
        return;
    }
    deadline_ms = deadline_ms > sim->now_ms ? deadline_ms : sim->now_ms + 1;
    if (deadline_ms >= node->tick_ms) {
        return;
    }
    node->tick_ms = deadline_ms;
    sim_event_node(sim, SIM_EVENT_TICK, node, 0, deadline_ms);
}

/* What it alone had when it began anew goes to a file of the operator's, at once, and the engine is told in an event of its own.
 * Where the disk fails there is no file, and it is told again. */
static void kept_write(struct sim *sim, struct sim_node *node, const struct gossip_update *update) {
    sim_trace(sim, node, "hands over %zu entries that it alone had%s", update->kept_count,
              node->disk_failure != 0 ? ", and the disk fails" : "");
    for (size_t i = 0; i < update->kept_count; i++) {
        struct catalog_key key = catalog_entry_key(update->kept[i]);
        sim_trace(sim, node, "  %.*s%s%.*s", (int)key.entity.size_bytes, key.entity.data,
                  key.name.size_bytes > 0 ? "/" : "", (int)key.name.size_bytes, key.name.data);
    }
    if (node->disk_failure != 0) {
        return;
    }
    sim_god_handed_over(sim, node, update);
    SIM_CHECK(sim, handed_over, sim, node, update);
    sim_event_node(sim, SIM_EVENT_KEPT, node, 0, sim->now_ms + 1);
}

static void update_perform(struct sim *sim, struct sim_node *node,
                           const struct gossip_update *update) {
    if (update->kept_count > 0) {
        kept_write(sim, node, update);
    }
    for (size_t i = 0; i < update->batch_count; i++) {
        sim_node_take_batch(sim, node, &update->batches[i]);
    }
    connections_take(sim, node, update, false);
    for (size_t i = 0; i < update->send_count; i++) {
        sim_network_send(sim, node, &update->sends[i]);
    }
    connections_take(sim, node, update, true);
    notices_trace(sim, node, update);
    for (size_t i = 0; i < update->reply_count; i++) {
        sim_operation_reply(sim, node, &update->replies[i]);
    }
    if (update->stopped && node->stopping) {
        sim_event_node(sim, SIM_EVENT_STOPPED, node, 0, sim->now_ms + 1);
        node->stopping = false;
    }
}

/* The process ends itself: memory and disk differ after memory was short. A supervisor starts it again. */
static void fatal(struct sim *sim, struct sim_node *node) {
    PROBE("sim.engine_fatal");
    sim_node_crash(sim, node);
    sim_event_node(sim, SIM_EVENT_START, node, 0, sim->now_ms + 100);
}

void sim_node_step(struct sim *sim, struct sim_node *node, struct gossip_event *event) {
    const struct gossip_update *update;
    event->now_ms = sim->now_ms;
    event->wall_ms = sim_wall_ms(sim, node);
    uint64_t failed_before = node->memory.failed;
    sim_memory_step_begin(&node->memory);
    int result = gossip_step(node->engine, event, &update);
    if (node->memory.failed > failed_before) {
        sim_fired(sim, SCENARIO_CLASS_MEMORY);
    }
    if (result != 0 && node->memory.failed > 0) {
        fatal(sim, node);
        return;
    }
    if (result != 0) {
        sim_fail(sim, "S15", CHAOS_CRASHED, node, gossip_error_name(result));
        return;
    }
    SIM_CHECK(sim, stepped, sim, node, event, update);
    update_perform(sim, node, update);
    tick_arm(sim, node);
}
