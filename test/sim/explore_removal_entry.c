/* explore_removal_entry.c - the other half of what a node does in the model of removal: entries that it tells, takes and writes,
 * and whole exchanges. */
#include "test/sim/explore_removal.h"

#include <string.h>

static uint8_t bit_of(unsigned index) {
    return (uint8_t)(1u << index);
}

static uint8_t writes_of_key(const struct removal_state *state, unsigned key) {
    uint8_t set = 0;
    for (unsigned i = 0; i < state->write_count; i++) {
        set |= state->writes[i].key == key ? bit_of(i) : 0;
    }
    return set;
}

/* A member that has forgotten what it made, because its disk was put back, has it again when it has met all that may hold it. */
bool removal_is_whole(const struct removal_state *state, unsigned node) {
    for (unsigned id = 0; id < state->ids_used; id++) {
        if (id != node && removal_deals(state, node, id) &&
            (state->nodes[node].met >> id & 1) == 0) {
            return false;
        }
    }
    return true;
}

/* --- entries -------------------------------------------------------------------------------------------------------- */

struct removal_message removal_digest_of(const struct removal_state *state, unsigned from,
                                         unsigned to) {
    const struct removal_disk *disk = &state->nodes[from].disk;
    struct removal_message message = {
        .type = REMOVAL_DIGEST,
        .from = (uint8_t)from,
        .to = (uint8_t)to,
        .wanted = 1,
        .admitted = (state->nodes[to].admitted & bit_of(from)) != 0,
        .horizon = disk->horizon,
        .seen = disk->seen,
        .high_water = disk->high_water,
        .ready = disk->ready,
        .whole = removal_is_whole(state, from),
        .known = disk->known,
        .owed = disk->owed,
    };
    memcpy(message.entries, disk->entries, sizeof message.entries);
    memcpy(message.table, disk->table, sizeof message.table);
    return message;
}

struct removal_message removal_entry_of(const struct removal_state *state, unsigned from,
                                        unsigned to, unsigned key) {
    const struct removal_disk *disk = &state->nodes[from].disk;
    return (struct removal_message){
        .type = REMOVAL_ENTRY,
        .from = (uint8_t)from,
        .to = (uint8_t)to,
        .key = (uint8_t)key,
        .entries = {disk->entries[key]},
        .horizon = disk->horizon,
        .ready = disk->ready,
        .known = disk->known & writes_of_key(state, key),
        .owed = disk->owed & writes_of_key(state, key),
    };
}

static bool may_take(struct removal_state *state, unsigned plant,
                     const struct removal_message *message) {
    const struct removal_node *it = &state->nodes[message->to];
    bool heard =
        removal_deals(state, message->to, message->from) ||
        (plant == REMOVAL_PLANT_REMOVED_HEARD && it->disk.table[message->from] == REMOVAL_GONE);
    if (!removal_in_cluster(it) || !heard) {
        return false;
    }
    if (message->horizon > it->disk.horizon && plant != REMOVAL_PLANT_RAISE_LATER) {
        (void)removal_hear(state, plant, message); /* it is sent again */
        return false;
    }
    return true;
}

bool removal_take(struct removal_state *state, unsigned plant,
                  const struct removal_message *message, bool pulled) {
    unsigned node = message->to;
    if (!may_take(state, plant, message)) {
        return false;
    }
    struct removal_node *it = &state->nodes[node];
    struct removal_disk *disk = &it->disk;
    struct removal_entry own = disk->entries[message->key];
    bool walked =
        pulled && it->walk.peer == message->from && (it->walk.keys & bit_of(message->key)) != 0;
    if (!removal_takes(plant, own.alive != 0, disk->horizon, message->horizon)) {
        if (walked) {
            removal_gone(state, plant, node, message->key);
        }
        return walked;
    }
    uint8_t stamp = plant == REMOVAL_PLANT_TWO_HORIZONS ? message->horizon : disk->horizon;
    struct removal_entry merged =
        removal_merge(state, plant, own, message->entries[0], disk->horizon, stamp);
    disk->entries[message->key] = merged;
    disk->known |= (uint8_t)(message->known | merged.alive);
    disk->owed |= message->ready && disk->ready ? message->owed : 0;
    uint8_t highest = removal_highest(state, merged);
    disk->high_water = highest > disk->high_water ? highest : disk->high_water;
    if (walked) {
        removal_key_done(state, plant, node, message->key);
    }
    return true;
}

void removal_exchange(struct removal_state *state, unsigned plant, unsigned node, unsigned from) {
    struct removal_message message = removal_digest_of(state, from, node);
    removal_answer(state, plant, &message);
    for (unsigned key = 0; key < REMOVAL_KEYS_MAX; key++) {
        if ((state->nodes[node].walk.keys >> key & 1) != 0) {
            message = removal_entry_of(state, from, node, key);
            (void)removal_take(state, plant, &message, true);
        }
    }
}

/* --- writes --------------------------------------------------------------------------------------------------------- */

static void bit_insert(uint8_t *set, unsigned at) {
    uint8_t below = (uint8_t)(bit_of(at) - 1);
    *set = (uint8_t)((*set & below) | ((*set & ~below) << 1));
}

static void entries_insert(struct removal_entry *entries, unsigned at) {
    for (unsigned key = 0; key < REMOVAL_KEYS_MAX; key++) {
        bit_insert(&entries[key].pairs, at);
        bit_insert(&entries[key].alive, at);
    }
}

/* Makes room for a write at its place in the order of clocks. */
static void writes_insert(struct removal_state *state, unsigned at) {
    for (unsigned i = state->write_count; i > at; i--) {
        state->writes[i] = state->writes[i - 1];
    }
    state->write_count++;
    for (unsigned i = 0; i < state->write_count; i++) {
        bit_insert(&state->writes[i].past, at);
    }
    for (unsigned id = 0; id < REMOVAL_IDS_MAX; id++) {
        entries_insert(state->nodes[id].disk.entries, at);
        bit_insert(&state->nodes[id].disk.known, at);
        bit_insert(&state->nodes[id].disk.owed, at);
    }
    for (unsigned i = 0; i < REMOVAL_LATE_MAX; i++) {
        entries_insert(state->late[i].entries, at);
        bit_insert(&state->late[i].known, at);
        bit_insert(&state->late[i].owed, at);
    }
    entries_insert(state->copy.entries, at);
    bit_insert(&state->copy.known, at);
    bit_insert(&state->copy.owed, at);
}

void removal_write(struct removal_state *state, unsigned node, unsigned key, bool drop,
                   uint8_t clock) {
    struct removal_node *it = &state->nodes[node];
    unsigned at = 0;
    while (at < state->write_count && state->writes[at].clock <= clock) {
        at++;
    }
    writes_insert(state, at);
    state->writes[at] = (struct removal_write){.clock = clock, .key = (uint8_t)key, .drop = drop};
    if (it->origin == 0) {
        it->origin = ++state->origin_count;
    }
    state->writes[at].origin = it->origin;
    state->writes[at].past = it->disk.known & writes_of_key(state, key) & (uint8_t)~bit_of(at);
    struct removal_entry entry = {.pairs = bit_of(at), .alive = bit_of(at)};
    uint8_t before = it->disk.entries[key].pairs;
    for (unsigned i = 0; i < state->write_count; i++) {
        if ((before >> i & 1) != 0 && state->writes[i].origin != it->origin) {
            entry.pairs |= bit_of(i);
        }
    }
    it->disk.entries[key] = removal_prune(state, REMOVAL_PLANT_NONE, entry, it->disk.horizon);
    it->disk.known |= bit_of(at);
    it->disk.owed |= bit_of(at);
    it->disk.high_water = clock;
}
