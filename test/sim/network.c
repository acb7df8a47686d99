/* network.c - connections between nodes: made, used, ended; what happens to frames under way is in link.c.
 *
 * It is worse than TCP on purpose: within a connection single frames may be lost or overtake others. Only the first frame
 * of each direction (the hello) comes first and once, as on any transport that has a handshake, and is lost only where
 * nothing passes at all.
 *
 * A connection has two ends. Each end has a number at its node, by which the engine names it, and is gone once its node
 * closed it or was told that it ended; the connection is free when both are.
 */
#include "test/sim/world.h"

#include "gossip/bounds.h"
#include "gossip/frame.h"
#include "gossip/message.h"

#include <stdlib.h>
#include <string.h>

enum { PLACE_USED = -1, NOBODY = UINT16_MAX, USER_TIMEOUT_MS = 20000 };

/* --- finding an end ------------------------------------------------------------------------------------------------------------ */

static struct sim_place *place_of(const struct sim_node *node, uint32_t id) {
    if (node->place_capacity == 0) {
        return NULL;
    }
    size_t at = (id * UINT32_C(2654435761)) % node->place_capacity;
    while (node->places[at].id != 0) {
        if (node->places[at].id == id) {
            return &node->places[at];
        }
        at = (at + 1) % node->place_capacity;
    }
    return NULL;
}

static void place_put(struct sim_node *node, uint32_t id, uint32_t index) {
    size_t at = (id * UINT32_C(2654435761)) % node->place_capacity;
    while (node->places[at].id != 0) {
        at = (at + 1) % node->place_capacity;
    }
    node->places[at] = (struct sim_place){.id = id, .index = index};
    node->place_count++;
}

/* Places that were used are cleaned away when the table is made anew. */
static void place_add(struct sim_node *node, uint32_t id, uint32_t index) {
    if (2 * (node->place_count + 1) > node->place_capacity) {
        struct sim_place *old = node->places;
        size_t old_capacity = node->place_capacity;
        size_t live = 0;
        for (size_t i = 0; i < old_capacity; i++) {
            live += old[i].id != 0 && old[i].id != (uint32_t)PLACE_USED;
        }
        node->place_capacity = live * 4 + 16;
        node->places = sim_allocate(node->place_capacity, sizeof *node->places);
        node->place_count = 0;
        for (size_t i = 0; i < old_capacity; i++) {
            if (old[i].id != 0 && old[i].id != (uint32_t)PLACE_USED) {
                place_put(node, old[i].id, old[i].index);
            }
        }
        free(old);
    }
    place_put(node, id, index);
}

struct sim_connection *sim_network_find(struct sim *sim, const struct sim_node *node, uint32_t id,
                                        unsigned *end) {
    struct sim_place *place = place_of(node, id);
    if (place == NULL) {
        return NULL;
    }
    struct sim_connection *connection = &sim->connections[place->index];
    *end = connection->node[0] == node->index && connection->id[0] == id ? 0 : 1;
    return connection;
}

/* This end is gone; the connection is free when both are. */
static void end_forget(struct sim *sim, struct sim_connection *connection, unsigned end) {
    if (connection->id[end] != 0 && connection->node[end] != NOBODY) {
        struct sim_place *place = place_of(&sim->nodes[connection->node[end]], connection->id[end]);
        if (place != NULL) {
            place->id = (uint32_t)PLACE_USED;
        }
    }
    connection->id[end] = 0;
    if (connection->id[1 - end] != 0) {
        return;
    }
    connection->used = false;
    sim->connections_free =
        sim_grow(sim->connections_free, sim->connections_free_count,
                 &sim->connections_free_capacity, sizeof *sim->connections_free);
    sim->connections_free[sim->connections_free_count++] =
        (uint32_t)(connection - sim->connections);
}

static struct sim_connection *connection_new(struct sim *sim) {
    if (sim->connections_free_count > 0) {
        return &sim->connections[sim->connections_free[--sim->connections_free_count]];
    }
    sim->connections = sim_grow(sim->connections, sim->connection_count, &sim->connection_capacity,
                                sizeof *sim->connections);
    return &sim->connections[sim->connection_count++];
}

/* --- making and ending ------------------------------------------------------------------------------------------------------------ */

static struct sim_node *node_at(struct sim *sim, const char *address) {
    for (size_t i = 0; i < sim->node_count; i++) {
        if (strcmp(sim->nodes[i].address, address) == 0) {
            return &sim->nodes[i];
        }
    }
    return NULL;
}

static uint32_t accept_number(struct sim_node *node) {
    node->accepted_last = (node->accepted_last + 1) & ~GOSSIP_CONNECTION_DIALED;
    node->accepted_last += node->accepted_last == 0;
    return node->accepted_last;
}

void sim_network_dial(struct sim *sim, struct sim_node *node, uint32_t connection,
                      const char *address) {
    struct sim_node *peer = node_at(sim, address);
    uint64_t arrival_ms = sim_link_arrival(sim, NULL, 0, 0);
    if (peer == NULL || peer->engine == NULL) {
        sim_event_node(sim, SIM_EVENT_DISCONNECTED, node, connection, arrival_ms); /* refused */
        return;
    }
    if (sim_link_is_cut(sim, node->index, peer->index) ||
        sim_link_is_cut(sim, peer->index, node->index)) {
        return; /* nothing answers: the engine's own deadline ends it */
    }
    struct sim_connection *made = connection_new(sim);
    *made = (struct sim_connection){
        .used = true,
        .node = {(uint32_t)node->index, (uint32_t)peer->index},
        .id = {connection, accept_number(peer)},
    };
    uint32_t index = (uint32_t)(made - sim->connections);
    place_add(node, made->id[0], index);
    place_add(peer, made->id[1], index);
    sim_event_node(sim, SIM_EVENT_CONNECTED, peer, made->id[1], arrival_ms);
    sim_event_node(sim, SIM_EVENT_CONNECTED, node, connection, arrival_ms + 1);
}

uint32_t sim_network_stranger(struct sim *sim, struct sim_node *node) {
    struct sim_connection *made = connection_new(sim);
    *made = (struct sim_connection){
        .used = true, .node = {NOBODY, (uint32_t)node->index}, .id = {1, accept_number(node)}};
    place_add(node, made->id[1], (uint32_t)(made - sim->connections));
    sim_event_node(sim, SIM_EVENT_CONNECTED, node, made->id[1], sim->now_ms + 1);
    return made->id[1];
}

void sim_network_connected(struct sim *sim, const struct sim_event *event) {
    unsigned end;
    struct sim_connection *connection =
        sim_network_find(sim, &sim->nodes[event->node], event->connection, &end);
    if (connection != NULL) {
        connection->open[end] = true;
    }
}

bool sim_network_disconnected(struct sim *sim, const struct sim_event *event) {
    unsigned end;
    struct sim_connection *connection =
        sim_network_find(sim, &sim->nodes[event->node], event->connection, &end);
    if (connection == NULL) {
        return (event->connection & GOSSIP_CONNECTION_DIALED) != 0; /* a dial that was refused */
    }
    end_forget(sim, connection, end);
    return true;
}

static bool passes(struct sim *sim, size_t from, size_t to) {
    return !sim_link_hangs(sim, from, to) && !sim_link_is_cut(sim, from, to);
}

void sim_network_close(struct sim *sim, struct sim_node *node, uint32_t id) {
    unsigned end;
    struct sim_connection *connection = sim_network_find(sim, node, id, &end);
    if (connection == NULL) {
        return;
    }
    unsigned other = 1 - end;
    uint32_t peer_id = connection->id[other];
    bool nobody = connection->node[other] == NOBODY;
    struct sim_node *peer = nobody ? NULL : &sim->nodes[connection->node[other]];
    bool gone = nobody || peer->engine == NULL;
    if (peer_id != 0 && gone) {
        end_forget(sim, connection, other);
    } else if (peer_id != 0 && passes(sim, node->index, peer->index)) {
        sim_event_node(sim, SIM_EVENT_DISCONNECTED, peer, peer_id,
                       sim_link_arrival(sim, NULL, 0, 0) + 1);
    } /* else it is half open: the other end learns of it when it sends */
    end_forget(sim, connection, end);
}

/* Into a connection whose other end is gone: its host says so at once (RST), or nobody does, and the time runs out that the
 * kernel waits for a sign (TCP_USER_TIMEOUT, ev_dial.c). */
static void into_half_open(struct sim *sim, const struct sim_node *node, size_t peer,
                           uint32_t connection) {
    bool answered = passes(sim, node->index, peer) && passes(sim, peer, node->index);
    uint64_t time_ms =
        answered ? sim_link_arrival(sim, NULL, 0, 0) + 1 : sim->now_ms + USER_TIMEOUT_MS;
    PROBE("sim.half_open");
    sim_event_node(sim, SIM_EVENT_DISCONNECTED, node, connection, time_ms);
}

static void connections_end(struct sim *sim, const struct sim_node *node, const bool *from,
                            const bool *to) {
    for (size_t i = 0; i < sim->connection_count; i++) {
        struct sim_connection *connection = &sim->connections[i];
        if (!connection->used) {
            continue;
        }
        uint32_t a = connection->node[0];
        uint32_t b = connection->node[1];
        if (node != NULL) {
            unsigned end = a == node->index ? 0 : 1;
            if ((a == node->index || b == node->index) && connection->id[end] != 0) {
                sim_network_close(sim, &sim->nodes[node->index], connection->id[end]);
            }
            continue;
        }
        if (a == NOBODY || !((from[a] && to[b]) || (from[b] && to[a]))) {
            continue;
        }
        for (unsigned end = 0; end < 2; end++) {
            struct sim_node *told = &sim->nodes[connection->node[end]];
            if (connection->id[end] != 0 && told->engine != NULL) {
                sim_event_node(sim, SIM_EVENT_DISCONNECTED, told, connection->id[end],
                               sim->now_ms + 1);
                sim_fired(sim, SCENARIO_CLASS_RESET);
            }
        }
    }
}

void sim_network_crashed(struct sim *sim, struct sim_node *node) {
    connections_end(sim, node, NULL, NULL);
}

void sim_network_reset(struct sim *sim, const bool *from, const bool *to) {
    connections_end(sim, NULL, from, to);
}

/* --- frames ------------------------------------------------------------------------------------------------------------------------- */

/* The type of a frame's message: 4 bytes of length, an array header, a positive fixint. */
static unsigned frame_type(const uint8_t *frame, size_t size_bytes) {
    size_t type_at = size_bytes > 4 && frame[4] == 0xdc ? 7 : 5;
    return size_bytes > type_at ? frame[type_at] : 0;
}

static void frame_queue(struct sim *sim, const struct sim_connection *connection, unsigned to,
                        const uint8_t *bytes, size_t size_bytes, uint64_t time_ms, bool hostile) {
    struct sim_node *peer = &sim->nodes[connection->node[to]];
    uint8_t *frame = sim_allocate(size_bytes, 1);
    memcpy(frame, bytes, size_bytes);
    sim_event_push(sim, &(struct sim_event){.time_ms = time_ms,
                                            .type = SIM_EVENT_FRAME,
                                            .node = peer->index,
                                            .start = peer->starts,
                                            .connection = connection->id[to],
                                            .frame = frame,
                                            .size_bytes = size_bytes,
                                            .hostile = hostile});
}

/* Bytes that are no message, of the same length: the receiver ends the connection. */
static void frame_queue_corrupt(struct sim *sim, const struct sim_connection *connection,
                                unsigned to, const struct gossip_send *send, uint64_t time_ms) {
    uint8_t *garbage = sim_allocate(send->size_bytes, 1);
    memcpy(garbage, send->frame, GOSSIP__FRAME_LENGTH_SIZE_BYTES);
    memset(garbage + GOSSIP__FRAME_LENGTH_SIZE_BYTES, 0xc1,
           send->size_bytes - GOSSIP__FRAME_LENGTH_SIZE_BYTES); /* MessagePack never uses it */
    frame_queue(sim, connection, to, garbage, send->size_bytes, time_ms, true);
    free(garbage);
    sim_fired(sim, SCENARIO_CLASS_CORRUPT);
}

void sim_network_send(struct sim *sim, struct sim_node *node, const struct gossip_send *send) {
    unsigned from;
    struct sim_connection *connection = sim_network_find(sim, node, send->connection, &from);
    sim->stats.frames++;
    sim->stats.frame_bytes += send->size_bytes;
    if (connection == NULL) {
        sim_trace(sim, node, "%s into a connection that is gone",
                  gossip__message_name(
                      (enum gossip__message_type)frame_type(send->frame, send->size_bytes)));
        return;
    }
    if (connection->node[1 - from] == NOBODY) {
        return;
    }
    unsigned to = 1 - from;
    size_t peer = connection->node[to];
    unsigned type = frame_type(send->frame, send->size_bytes);
    sim_network_sent(sim, node, &sim->nodes[peer], type, send);
    sim_hostile_answer(sim, node, (size_t)(connection - sim->connections), from, type);
    if (connection->id[to] == 0) {
        into_half_open(sim, node, peer, send->connection);
        return;
    }
    if (sim_link_is_cut(sim, node->index, peer) ||
        sim_link_loses(sim, node->index, peer, type == 1)) {
        sim->stats.frames_lost++;
        return;
    }
    uint64_t time_ms = sim_link_arrival(sim, connection, to, send->size_bytes);
    if (type != 1 && sim_link_corrupts(sim, node->index, peer)) {
        frame_queue_corrupt(sim, connection, to, send, time_ms);
        return;
    }
    frame_queue(sim, connection, to, send->frame, send->size_bytes, time_ms, false);
    uint64_t later_ms = sim_link_repeat(sim, node->index, peer);
    if (later_ms > 0) {
        frame_queue(sim, connection, to, send->frame, send->size_bytes, time_ms + later_ms, false);
    }
}

void sim_network_inject(struct sim *sim, size_t connection, unsigned end, const uint8_t *frame,
                        size_t size_bytes, bool hostile) {
    frame_queue(sim, &sim->connections[connection], end, frame, size_bytes, sim->now_ms + 1,
                hostile);
}

/* N10: the same frame comes out of the frame reader, however its bytes are cut. */
static void fragments_check(struct sim *sim, const struct sim_node *node,
                            const struct sim_event *event, uint64_t piece) {
    struct gossip__frame_reader reader;
    gossip__frame_reader_init(&reader, &merkle_allocator_libc, GOSSIP__FRAME_SIZE_MAX);
    const uint8_t *frame = NULL;
    size_t frame_size = 0;
    bool right = true;
    for (size_t at = 0; at < event->size_bytes && right;) {
        size_t size = event->size_bytes - at < piece ? event->size_bytes - at : (size_t)piece;
        size_t used = 0;
        right =
            gossip__frame_read(&reader, event->frame + at, size, &used, &frame, &frame_size) == 0 &&
            used > 0 && (frame == NULL) == (at + used < event->size_bytes);
        at += used;
    }
    size_t expected = event->size_bytes - GOSSIP__FRAME_LENGTH_SIZE_BYTES;
    right = right && frame != NULL && frame_size == expected &&
            memcmp(frame, event->frame + GOSSIP__FRAME_LENGTH_SIZE_BYTES, expected) == 0;
    gossip__frame_reader_close(&reader);
    if (!right) {
        sim_fail(sim, "N10", CHAOS_VIOLATED, node, "a frame that comes in pieces is read wrong");
    }
    sim_fired(sim, SCENARIO_CLASS_FRAGMENT);
}

bool sim_network_arrives(struct sim *sim, const struct sim_event *event) {
    unsigned end;
    const struct sim_node *node = &sim->nodes[event->node];
    struct sim_connection *connection = sim_network_find(sim, node, event->connection, &end);
    if (connection == NULL || !connection->open[end]) {
        return false;
    }
    uint32_t from = connection->node[1 - end];
    if (from == NOBODY) {
        return true;
    }
    if ((frame_type(event->frame, event->size_bytes) == 1) == connection->hello[end]) {
        return false; /* a hello again, or something before the hello */
    }
    connection->hello[end] = true;
    uint64_t piece = sim_link_fragment(sim, from, node->index);
    if (piece > 0) {
        fragments_check(sim, node, event, piece);
    }
    return true;
}
