/* network.c - connections between nodes: frames are lost, delayed, repeated, reordered; links are cut one way or both.
 *
 * It is worse than TCP on purpose: within a connection single frames may be lost or overtake others. Only the first frame
 * of each direction (the hello) comes first and once, as on any transport that has a handshake, and is lost only where the
 * link is cut.
 */
#include "test/sim/sim.h"

#include <stdlib.h>
#include <string.h>

static struct sim_connection *find(struct sim *sim, size_t node, uint32_t id, unsigned *end) {
    for (size_t i = 0; i < sim->connection_count; i++) {
        struct sim_connection *connection = &sim->connections[i];
        for (unsigned side = 0; side < 2; side++) {
            if (connection->node[side] == node && connection->id[side] == id &&
                connection->id[side] != 0) {
                *end = side;
                return connection;
            }
        }
    }
    return NULL;
}

static void forget(struct sim *sim, struct sim_connection *connection) {
    *connection = sim->connections[--sim->connection_count];
}

static bool is_cut(const struct sim *sim, size_t from, size_t to) {
    return sim->cut[from * sim->node_count + to];
}

static uint64_t delay(struct sim *sim) {
    return sim->loading ? choice_delay(&sim->choice, sim->delay_ms, "delay") : 1;
}

static struct sim_node *node_at(struct sim *sim, const char *address) {
    for (size_t i = 0; i < sim->node_count; i++) {
        if (strcmp(sim->nodes[i].address, address) == 0) {
            return &sim->nodes[i];
        }
    }
    return NULL;
}

static void event_to(struct sim *sim, enum sim_event_type type, const struct sim_node *node,
                     uint32_t connection, uint64_t time_ms) {
    sim_event_push(sim, &(struct sim_event){.time_ms = time_ms,
                                            .type = type,
                                            .node = node->index,
                                            .start = node->starts,
                                            .connection = connection});
}

void sim_network_dial(struct sim *sim, struct sim_node *node, uint32_t connection,
                      const char *address) {
    struct sim_node *peer = node_at(sim, address);
    uint64_t arrival_ms = sim->now_ms + delay(sim);
    if (peer == NULL || peer->engine == NULL) {
        event_to(sim, SIM_EVENT_DISCONNECTED, node, connection, arrival_ms); /* refused */
        return;
    }
    if (is_cut(sim, node->index, peer->index) || is_cut(sim, peer->index, node->index)) {
        return; /* nothing answers: the engine's own deadline ends it */
    }
    sim->connections = sim_grow(sim->connections, sim->connection_count, &sim->connection_capacity,
                                sizeof *sim->connections);
    struct sim_connection *made = &sim->connections[sim->connection_count++];
    *made = (struct sim_connection){
        .node = {node->index, peer->index},
        .id = {connection, ++peer->accepted_last},
    };
    event_to(sim, SIM_EVENT_CONNECTED, peer, made->id[1], arrival_ms);
    event_to(sim, SIM_EVENT_CONNECTED, node, connection, arrival_ms + 1);
}

void sim_network_connected(struct sim *sim, const struct sim_event *event) {
    unsigned end;
    struct sim_connection *connection = find(sim, event->node, event->connection, &end);
    if (connection != NULL) {
        connection->open[end] = true;
    }
}

bool sim_network_disconnected(struct sim *sim, const struct sim_event *event) {
    unsigned end;
    struct sim_connection *connection = find(sim, event->node, event->connection, &end);
    if (connection == NULL) {
        return (event->connection & GOSSIP_CONNECTION_DIALED) != 0; /* a dial that was refused */
    }
    connection->id[end] = 0;
    if (connection->id[1 - end] == 0) {
        forget(sim, connection);
    }
    return true;
}

void sim_network_close(struct sim *sim, struct sim_node *node, uint32_t id) {
    unsigned end;
    struct sim_connection *connection = find(sim, node->index, id, &end);
    if (connection == NULL) {
        return;
    }
    struct sim_node *peer = &sim->nodes[connection->node[1 - end]];
    uint32_t peer_id = connection->id[1 - end];
    connection->id[end] = 0;
    if (peer_id == 0) {
        forget(sim, connection);
    } else if (peer->engine == NULL) {
        forget(sim, connection);
    } else {
        event_to(sim, SIM_EVENT_DISCONNECTED, peer, peer_id, sim->now_ms + delay(sim) + 1);
    }
}

void sim_network_crashed(struct sim *sim, struct sim_node *node) {
    for (size_t i = sim->connection_count; i > 0; i--) {
        struct sim_connection *connection = &sim->connections[i - 1];
        for (unsigned side = 0; side < 2; side++) {
            if (connection->node[side] == node->index && connection->id[side] != 0) {
                sim_network_close(sim, node, connection->id[side]);
                break;
            }
        }
    }
}

/* The type of a frame's message: 4 bytes of length, an array header, a positive fixint. */
static bool frame_is_hello(const uint8_t *frame, size_t size_bytes) {
    size_t type_at = size_bytes > 4 && frame[4] == 0xdc ? 7 : 5;
    return size_bytes > type_at && frame[type_at] == 1;
}

static void frame_queue(struct sim *sim, const struct sim_connection *connection, unsigned to,
                        const struct gossip_send *send, uint64_t time_ms) {
    struct sim_node *peer = &sim->nodes[connection->node[to]];
    uint8_t *frame = sim_allocate(send->size_bytes, 1);
    memcpy(frame, send->frame, send->size_bytes);
    sim_event_push(sim, &(struct sim_event){.time_ms = time_ms,
                                            .type = SIM_EVENT_FRAME,
                                            .node = peer->index,
                                            .start = peer->starts,
                                            .connection = connection->id[to],
                                            .frame = frame,
                                            .size_bytes = send->size_bytes});
}

void sim_network_send(struct sim *sim, struct sim_node *node, const struct gossip_send *send) {
    unsigned from;
    struct sim_connection *connection = find(sim, node->index, send->connection, &from);
    sim->stats.frames++;
    if (connection == NULL || connection->id[1 - from] == 0) {
        return;
    }
    unsigned to = 1 - from;
    bool hello = frame_is_hello(send->frame, send->size_bytes);
    bool lost = is_cut(sim, node->index, connection->node[to]) ||
                (sim->loading && !hello && choice_percent(&sim->choice, sim->loss_percent, "loss"));
    if (lost) {
        sim->stats.frames_lost++;
        return;
    }
    uint64_t time_ms = sim->now_ms + 1 + delay(sim);
    if (sim->loading && choice_percent(&sim->choice, sim->reorder_percent, "reorder")) {
        time_ms += choice_below(&sim->choice, 200, "reorder by");
    }
    frame_queue(sim, connection, to, send, time_ms);
    if (sim->loading && choice_percent(&sim->choice, sim->repeat_percent, "repeat")) {
        frame_queue(sim, connection, to, send,
                    time_ms + choice_below(&sim->choice, 2000, "repeat after"));
    }
}

bool sim_network_arrives(struct sim *sim, const struct sim_event *event) {
    unsigned end;
    struct sim_connection *connection = find(sim, event->node, event->connection, &end);
    if (connection == NULL || !connection->open[end]) {
        return false;
    }
    if (frame_is_hello(event->frame, event->size_bytes) == connection->hello[end]) {
        return false; /* a hello again, or something before the hello */
    }
    connection->hello[end] = true;
    return true;
}
