/* hostile.c - who is no honest member: strangers with garbage, and a member's connection that carries absurd messages.
 *
 * Nothing of it may change what a node has or promises (S11); the connection ends, or the message is ignored, and counted.
 * A lie that carries entries or clocks is believed (a member is trusted for content), so none is told here but those that a
 * decoder must refuse: clocks past 2200, encodings that are not canonical, states that there are not.
 */
#include "test/sim/checker.h"

#include "gossip/message.h"

#include <stdlib.h>
#include <string.h>

enum { GARBAGE_SIZE_MAX = 600, LIES = 10 };

/* A frame of its own: length in front. */
struct forged {
    uint8_t bytes[GARBAGE_SIZE_MAX + 8];
    size_t size_bytes;
};

static void length_put(struct forged *forged) {
    size_t size = forged->size_bytes - 4;
    for (unsigned i = 0; i < 4; i++) {
        forged->bytes[i] = (uint8_t)(size >> (24 - 8 * i));
    }
}

static void random_bytes(struct sim *sim, struct forged *forged) {
    size_t size = 1 + (size_t)choice_below(sim->choice, GARBAGE_SIZE_MAX, "garbage size");
    uint64_t value = choice_below(sim->choice, UINT32_MAX, "garbage");
    for (size_t i = 0; i < size; i++) {
        value = value * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        forged->bytes[4 + i] = (uint8_t)(value >> 56);
    }
    forged->size_bytes = 4 + size;
    length_put(forged);
}

static void literal(struct forged *forged, const void *bytes, size_t size_bytes) {
    memcpy(forged->bytes + 4, bytes, size_bytes);
    forged->size_bytes = 4 + size_bytes;
    length_put(forged);
}

/* What our own encoder makes of it; false if it refuses. */
static bool encode(struct forged *forged, const struct gossip__message *message) {
    struct merkle_buffer frame;
    merkle_buffer_init(&frame, &merkle_allocator_libc);
    bool made =
        gossip__message_encode(message, &frame) == 0 && frame.size_bytes <= sizeof forged->bytes;
    if (made) {
        memcpy(forged->bytes, frame.data, frame.size_bytes);
        forged->size_bytes = frame.size_bytes;
    }
    merkle_buffer_close(&frame);
    return made;
}

/* What is wrong with an entry that is else as good as any. */
enum flaw { FLAW_CLOCK, FLAW_ENCODING, FLAW_STATE };

/* Each mention of this clock, in its version and in its pair, becomes one past 2200. */
static void clock_lift(struct sim *sim, uint8_t *bytes, size_t size_bytes, catalog_clock clock) {
    catalog_clock lifted =
        CATALOG_CLOCK_MAX + 1 + choice_below(sim->choice, UINT32_MAX, "past 2200");
    uint8_t from[9] = {0xcf};
    uint8_t to[9] = {0xcf};
    for (unsigned i = 0; i < 8; i++) {
        from[i + 1] = (uint8_t)(clock >> (56 - 8 * i));
        to[i + 1] = (uint8_t)(lifted >> (56 - 8 * i));
    }
    for (size_t i = 0; i + sizeof from <= size_bytes; i++) {
        if (memcmp(bytes + i, from, sizeof from) == 0) {
            memcpy(bytes + i, to, sizeof to);
        }
    }
}

/* An entry that one node holds, or the same of an entity that nobody knows, with one flaw. */
static bool forge_entry(struct sim *sim, enum flaw flaw, uint8_t *bytes, size_t *size_bytes) {
    const struct sim_node *node =
        &sim->nodes[choice_below(sim->choice, sim->scenario->node_count, "forge from")];
    if (node->disk.entry_count == 0) {
        return false;
    }
    const struct catalog_entry *entry =
        node->disk.entries[choice_below(sim->choice, node->disk.entry_count, "forge entry")];
    struct catalog_version version = catalog_entry_in_force(entry);
    if (entry->size_bytes + 1 > GARBAGE_SIZE_MAX / 2 || version.bytes[1] != 0xcf) {
        return false;
    }
    memcpy(bytes, entry->bytes, entry->size_bytes);
    *size_bytes = entry->size_bytes;
    if (choice_below(sim->choice, 4, "forge another entity") > 0) {
        bytes[4] = 'x'; /* behind two arrays, the kind and the text's size */
    }
    if (flaw == FLAW_CLOCK) {
        clock_lift(sim, bytes, *size_bytes, version.clock);
    } else if (flaw == FLAW_STATE) {
        size_t body = (size_t)(version.body - entry->bytes);
        bytes[body - 1] = (uint8_t)(CATALOG_STATE_COUNT + choice_below(sim->choice, 8, "state"));
    } else {
        /* The kind, 1 to 3, as uint 8 instead of a fixint. */
        memmove(bytes + 3, bytes + 2, entry->size_bytes - 2);
        bytes[2] = 0xcc;
        *size_bytes = entry->size_bytes + 1;
    }
    return true;
}

static bool forge_push(struct sim *sim, enum flaw flaw, struct forged *forged) {
    uint8_t bytes[GARBAGE_SIZE_MAX];
    struct gossip__span entry = {.data = bytes};
    if (!forge_entry(sim, flaw, bytes, &entry.size_bytes)) {
        return false;
    }
    return encode(forged,
                  &(struct gossip__message){
                      .type = GOSSIP__PUSH,
                      .push = {.sequence = UINT32_MAX, .entries = &entry, .entry_count = 1}});
}

/* Depth, declared counts, types, sequences, walks and pulls that make no sense. */
static bool lie_make(struct sim *sim, unsigned which, struct forged *forged) {
    static const uint8_t deep[] = {0x92, 0x03, 0x91, 0x91, 0x91, 0x91, 0x91,
                                   0x91, 0x91, 0x91, 0x91, 0x91, 0xc0};
    static const uint8_t huge[] = {0xdd, 0xff, 0xff, 0xff, 0xff, 0x03};
    static const uint8_t unknown[] = {0x92, 0x7f, 0x01};
    static const uint8_t longer[] = {0x92, 0xcc, 0x0c, 0x01};
    static const uint8_t walk[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const struct gossip__span absurd = {.data = walk, .size_bytes = sizeof walk};
    switch (which) {
    case 0:
        literal(forged, deep, sizeof deep);
        return true;
    case 1:
        literal(forged, huge, sizeof huge);
        return true;
    case 2:
        literal(forged, unknown, sizeof unknown);
        return true;
    case 3:
        literal(forged, longer, sizeof longer);
        return true;
    case 4:
        return encode(forged, &(struct gossip__message){.type = GOSSIP__WALK,
                                                        .walk = {1, UINT32_MAX, absurd}});
    case 5:
        return encode(forged, &(struct gossip__message){.type = GOSSIP__WALK_ANSWER,
                                                        .walk_answer = {1, 1, absurd}});
    case 6:
        return forge_push(sim, FLAW_CLOCK, forged);
    case 7:
        return forge_push(sim, FLAW_ENCODING, forged);
    case 8:
        return forge_push(sim, FLAW_STATE, forged);
    default:
        return encode(forged, &(struct gossip__message){
                                  .type = GOSSIP__PUSH_ACK,
                                  .push_ack = {.sequence = 1, .horizon = CATALOG_CLOCK_MAX + 1}});
    }
}

void sim_hostile_stranger(struct sim *sim, struct sim_node *node) {
    struct forged forged;
    uint32_t connection = sim_network_stranger(sim, node);
    unsigned end;
    random_bytes(sim, &forged);
    struct sim_connection *made = sim_network_find(sim, node, connection, &end);
    if (made != NULL) {
        uint8_t *frame = sim_allocate(forged.size_bytes, 1);
        memcpy(frame, forged.bytes, forged.size_bytes);
        sim_event_push(sim, &(struct sim_event){.time_ms = sim->now_ms + 2,
                                                .type = SIM_EVENT_FRAME,
                                                .node = node->index,
                                                .start = node->starts,
                                                .connection = connection,
                                                .frame = frame,
                                                .size_bytes = forged.size_bytes,
                                                .hostile = true});
        sim_fired(sim, SCENARIO_CLASS_STRANGER);
    }
}

static void lie_over(struct sim *sim, struct sim_node *node, size_t connection, unsigned end) {
    struct forged forged;
    unsigned which = (unsigned)choice_below(sim->choice, LIES, "lie");
    if (lie_make(sim, which, &forged)) {
        sim_trace(sim, node, "lie %u", which);
        sim_network_inject(sim, connection, end, forged.bytes, forged.size_bytes, true);
        sim_fired(sim, SCENARIO_CLASS_LIAR);
    }
}

void sim_hostile_liar(struct sim *sim, struct sim_node *node) {
    if (choice_below(sim->choice, 2, "lie in answer") == 1) {
        node->lies_waiting++;
        return;
    }
    size_t first = (size_t)choice_below(sim->choice, sim->connection_count + 1, "lie over");
    for (size_t i = 0; i < sim->connection_count; i++) {
        size_t at = (first + i) % sim->connection_count;
        const struct sim_connection *connection = &sim->connections[at];
        for (unsigned end = 0; end < 2 && connection->used; end++) {
            if (connection->node[end] == node->index && connection->open[end] &&
                connection->hello[end] && connection->id[end] != 0) {
                lie_over(sim, node, at, end);
                return;
            }
        }
    }
}

/* It has asked a member something: the lie comes before the answer. */
void sim_hostile_answer(struct sim *sim, struct sim_node *node, size_t connection, unsigned end,
                        unsigned type) {
    bool asks = type == GOSSIP__DIGEST || type == GOSSIP__WALK || type == GOSSIP__PULL;
    if (node->lies_waiting > 0 && asks && sim->loading) {
        PROBE("sim.lie_in_answer");
        node->lies_waiting--;
        lie_over(sim, node, connection, end);
    }
}
