/* node.c - one simulated node: starting, crashing, stepping its engine and doing what the update says.
 *
 * This is the driver's part (gossip.h, "the driver's contract") with virtual means. The order "store, then send" is not
 * enforced here: it is checked, by crashing nodes between their steps.
 */
#include "test/sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    WALL_BASE_MS_LOW = 1700000000
}; /* seconds since 1970 at the start of a run, give or take a node's skew */

static void id_draw(struct sim *sim, struct catalog_id *id, const char *label) {
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        id->bytes[i] = (uint8_t)choice_below(&sim->choice, 256, label);
    }
    id->bytes[15] |= 1; /* not "none" */
}

void sim_node_start(struct sim *sim, struct sim_node *node) {
    struct catalog_load load;
    const char *seeds[2] = {sim->nodes[0].address, sim->nodes[node->index / 2].address};
    struct gossip_config config = {
        .allocator = &merkle_allocator_libc,
        .cluster_name = "sim",
        .node_name = node->name,
        .address = node->address,
        .seeds = seeds,
        .seed_count = node->index == 0 ? 0 : 2,
        .interval_ms = SIM_INTERVAL_MS,
        .freshness_limit_ms = 5000,
        .random_seed = choice_below(&sim->choice, UINT32_MAX, "engine's seed"),
    };
    id_draw(sim, &config.origin, "origin");
    id_draw(sim, &config.fresh_node_id, "node id");
    id_draw(sim, &config.fresh_cluster_id, "cluster id");
    node->starts++;
    node->joined = true;
    node->tick_ms = UINT64_MAX;
    sim_disk_load(&node->disk, &load);
    int result = gossip_new(&config, &load, &node->engine);
    free(load.entries);
    free(load.members);
    if (result != 0) {
        sim_fail(sim, "S15", "%s does not start: %d", node->name, result);
        return;
    }
    sim_trace(sim, node->index, "start %u", node->starts);
    sim_node_step(sim, node, &(struct gossip_event){.type = GOSSIP_START});
}

static void batches_clear(struct sim_node *node) {
    while (node->batches != NULL) {
        struct sim_batch *next = node->batches->next;
        sim_batch_free(node->batches);
        node->batches = next;
    }
}

/* What was on its way: a prefix of it has become durable, though nobody was told. */
void sim_node_crash(struct sim *sim, struct sim_node *node) {
    size_t count = 0;
    for (struct sim_batch *batch = node->batches; batch != NULL; batch = batch->next) {
        count++;
    }
    size_t durable =
        node->disk_broken ? 0 : choice_below(&sim->choice, count + 1, "durable at crash");
    struct sim_batch *batch = node->batches;
    for (size_t i = 0; i < durable; i++, batch = batch->next) {
        assert(batch != NULL);
        sim_disk_apply(sim, node, batch);
    }
    batches_clear(node);
    sim_trace(sim, node->index, "crash, %zu of %zu batches durable", durable, count);
    sim_network_crashed(sim, node);
    gossip_free(node->engine);
    node->engine = NULL;
    node->starts++;
    node->disk_broken = false;
    node->catching_up = false;
    node->disk_failure = 0;
    node->frozen_until_ms = 0;
    node->disk_slow_until_ms = 0;
    sim->stats.crashes++;
}

/* --- what an update asks for ---------------------------------------------------------------------------------------- */

static void batch_take(struct sim *sim, struct sim_node *node, const struct catalog_batch *batch) {
    struct sim_batch **end = &node->batches;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = sim_batch_new(batch);
    uint64_t delay_ms = sim->loading ? choice_delay(&sim->choice, 4, "commit") : 1;
    uint64_t time_ms = sim->now_ms + delay_ms;
    time_ms = time_ms > node->disk_slow_until_ms ? time_ms : node->disk_slow_until_ms;
    sim_event_push(sim, &(struct sim_event){.time_ms = time_ms,
                                            .type = SIM_EVENT_STORED,
                                            .node = node->index,
                                            .start = node->starts});
}

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
            sim_trace(sim, node->index, "close %s", gossip_close_reason_name(action->reason));
            sim_network_close(sim, node, action->connection);
        }
    }
}

static void notices_trace(struct sim *sim, const struct sim_node *node,
                          const struct gossip_update *update) {
    for (size_t i = 0; i < update->notice_count; i++) {
        const struct gossip_notice *notice = &update->notices[i];
        if (notice->text != NULL) {
            sim_trace(sim, node->index, "note %s: %s",
                      notice->member == NULL ? "-" : notice->member, notice->text);
        }
        if (notice->type == GOSSIP_NOTICE_FUTILE) {
            sim_fail(sim, "G1", "%s: a finished walk left the roots unequal", node->name);
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
    sim_event_push(sim, &(struct sim_event){.time_ms = deadline_ms,
                                            .type = SIM_EVENT_TICK,
                                            .node = node->index,
                                            .start = node->starts});
}

void sim_node_step(struct sim *sim, struct sim_node *node, struct gossip_event *event) {
    const struct gossip_update *update;
    int64_t wall_ms = (int64_t)WALL_BASE_MS_LOW * 1000 + (int64_t)sim->now_ms + node->skew_ms;
    event->now_ms = sim->now_ms;
    event->wall_ms = wall_ms < 0 ? 0 : (uint64_t)wall_ms;
    int result = gossip_step(node->engine, event, &update);
    if (result != 0) {
        sim_fail(sim, "S15", "%s: step says %d", node->name, result);
        return;
    }
    gossip_verify(node->engine);
    for (size_t i = 0; i < update->batch_count; i++) {
        batch_take(sim, node, &update->batches[i]);
    }
    connections_take(sim, node, update, false);
    for (size_t i = 0; i < update->send_count; i++) {
        sim_network_send(sim, node, &update->sends[i]);
    }
    connections_take(sim, node, update, true);
    notices_trace(sim, node, update);
    for (size_t i = 0; i < update->reply_count; i++) {
        sim_load_reply(sim, node, &update->replies[i]);
    }
    tick_arm(sim, node);
}

/* --- the disk ------------------------------------------------------------------------------------------------------- */

void sim_node_stored(struct sim *sim, struct sim_node *node) {
    struct sim_batch *batch = node->batches;
    if (batch == NULL) {
        return;
    }
    int result = 0;
    if (node->disk_broken) {
        result = CATALOG_EIO;
    } else if (node->disk_failure != 0) {
        result = node->disk_failure;
        node->disk_broken = true;
        sim->stats.disk_failures++;
        sim_event_push(sim, &(struct sim_event){.time_ms = sim->now_ms + 1000,
                                                .type = SIM_EVENT_REOPEN,
                                                .node = node->index,
                                                .start = node->starts});
        if (result == CATALOG_EIO && choice_percent(&sim->choice, 50, "durable though failed")) {
            sim_disk_apply(sim, node, batch);
        }
    } else {
        sim_disk_apply(sim, node, batch);
    }
    uint64_t ticket = batch->ticket;
    node->batches = batch->next;
    node->catching_up = node->catching_up && node->batches != NULL;
    sim_batch_free(batch);
    sim_trace(sim, node->index, "stored %llu: %d", (unsigned long long)ticket, result);
    sim_node_step(sim, node,
                  &(struct gossip_event){.type = GOSSIP_STORED, .stored = {ticket, result}});
}

void sim_node_reopen(struct sim *sim, struct sim_node *node) {
    if (node->disk_failure != 0 || node->batches != NULL) {
        sim_event_push(sim, &(struct sim_event){.time_ms = sim->now_ms + 1000,
                                                .type = SIM_EVENT_REOPEN,
                                                .node = node->index,
                                                .start = node->starts});
        return;
    }
    struct catalog_load load;
    sim_disk_load(&node->disk, &load);
    node->disk_broken = false;
    node->catching_up = true;
    sim_trace(sim, node->index, "reopened");
    sim_node_step(sim, node, &(struct gossip_event){.type = GOSSIP_REOPENED, .reopened = &load});
    free(load.entries);
    free(load.members);
}
