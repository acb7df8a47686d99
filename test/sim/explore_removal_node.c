/* explore_removal_node.c - what a node does by the rules of 4.7: hears, compares, takes entries, counts, joins, starts again.
 *
 * Everything that a function here changes is one transaction of that node, on disk before anything else is done: the
 * engine stores before it sends (G11, which the simulator checks), so nobody can tell the difference.
 */
#include "test/sim/explore_removal.h"

#include <string.h>

bool removal_in_cluster(const struct removal_node *node) {
    return node->status == REMOVAL_LIVE && node->disk.admitter != REMOVAL_NONE;
}

bool removal_deals(const struct removal_state *state, unsigned node, unsigned other) {
    uint8_t row = state->nodes[node].disk.table[other];
    return row == REMOVAL_JOINING || row == REMOVAL_READY;
}

static uint8_t bit_of(unsigned index) {
    return (uint8_t)(1u << index);
}

/* --- starting ------------------------------------------------------------------------------------------------------- */

static void walk_end(struct removal_node *node) {
    node->walk = (struct removal_walk){.peer = REMOVAL_NONE};
}

static void counted_reset(struct removal_node *node) {
    memset(node->counted, node->disk.seen, sizeof node->counted);
}

void removal_restart(struct removal_state *state, unsigned node) {
    struct removal_node *it = &state->nodes[node];
    it->origin = 0;
    it->met = 0;
    it->admitted = 0;
    it->through = 0;
    walk_end(it);
    counted_reset(it);
    memset(it->heard, 0, sizeof it->heard);
    for (unsigned i = 0; i < REMOVAL_LATE_MAX; i++) {
        if (state->late[i].to == node) {
            state->late[i].wanted = 0;
        }
        state->late[i].stale |= state->late[i].type != REMOVAL_FREE && state->late[i].from == node;
    }
}

/* Its disk is gone, or it has learnt that it was removed. */
void removal_end(struct removal_state *state, unsigned node) {
    removal_restart(state, node);
    struct removal_node ended = {
        .status = REMOVAL_ENDED,
        .reached = state->nodes[node].reached,
    };
    state->nodes[node] = ended;
}

static struct removal_node *id_add(struct removal_state *state, unsigned *id) {
    if (state->ids_used >= state->ids) {
        return NULL; /* the world is too small for more */
    }
    *id = state->ids_used++;
    struct removal_node *added = &state->nodes[*id];
    *added = (struct removal_node){
        .status = REMOVAL_LIVE,
        .walk = {.peer = REMOVAL_NONE},
        .disk = {.admitter = REMOVAL_NONE, .replaces = REMOVAL_NONE},
    };
    return added;
}

void removal_join(struct removal_state *state) {
    unsigned id;
    struct removal_node *added = id_add(state, &id);
    if (added != NULL) {
        added->disk.table[id] = REMOVAL_JOINING;
    }
}

/* It starts empty under a new id; what it alone had goes to a file, which is not modelled: it is excused. */
void removal_new_id(struct removal_state *state, unsigned node) {
    unsigned id;
    struct removal_disk old = state->nodes[node].disk;
    struct removal_node *added = id_add(state, &id);
    uint8_t reached = state->nodes[node].reached;
    removal_end(state, node);
    if (added == NULL) {
        return;
    }
    added->reached = reached;
    added->disk.high_water = old.high_water;
    memcpy(added->disk.table, old.table, sizeof old.table);
    added->disk.table[node] = REMOVAL_GONE;
    state->removed_ever |= bit_of(node);
    added->disk.table[id] = REMOVAL_JOINING;
    added->disk.replaces = (uint8_t)node;
}

/* A newcomer begins again: whoever admits it next says from which horizon on. */
static void start_empty(struct removal_state *state, unsigned node) {
    struct removal_disk *disk = &state->nodes[node].disk;
    memset(disk->entries, 0, sizeof disk->entries);
    disk->horizon = 0;
    disk->seen = 0;
    disk->admitter = REMOVAL_NONE;
    disk->known = 0;
    disk->owed = 0;
    state->nodes[node].again = 1;
    uint8_t origin = state->nodes[node].origin;
    removal_restart(state, node);
    state->nodes[node].origin = origin;
}

/* --- members -------------------------------------------------------------------------------------------------------- */

void removal_row(struct removal_state *state, unsigned plant, unsigned node, unsigned id,
                 uint8_t row) {
    struct removal_node *it = &state->nodes[node];
    uint8_t before = it->disk.table[id];
    state->removed_ever |= row == REMOVAL_GONE ? bit_of(id) : 0;
    if (row <= before) {
        return; /* as all that is said of members it only rises */
    }
    if (id == node && row == REMOVAL_GONE) {
        removal_new_id(state, node);
        return;
    }
    it->disk.table[id] = row;
    if (before == REMOVAL_UNKNOWN) {
        it->counted[id] = it->disk.seen;
    }
    bool moved = before == REMOVAL_UNKNOWN || row == REMOVAL_GONE;
    if (moved && plant != REMOVAL_PLANT_RESET) {
        counted_reset(it);
        it->walk.counts &= plant == REMOVAL_PLANT_ACROSS;
    }
    if (row == REMOVAL_GONE && it->walk.peer == id) {
        walk_end(it);
    }
    if (row == REMOVAL_GONE && !it->disk.ready && it->disk.admitter == id &&
        plant != REMOVAL_PLANT_ADMITTER) {
        start_empty(state, node);
    }
}

/* --- the horizon ---------------------------------------------------------------------------------------------------- */

void removal_raise(struct removal_state *state, unsigned plant, unsigned node, uint8_t horizon) {
    struct removal_disk *disk = &state->nodes[node].disk;
    disk->horizon = horizon;
    for (unsigned key = 0; key < REMOVAL_KEYS_MAX; key++) {
        disk->entries[key] = removal_prune(state, plant, disk->entries[key], horizon);
    }
    if (disk->seen < horizon) { /* who is alone; or a planted bug */
        disk->seen = horizon;
    }
}

static void heard(struct removal_node *node, unsigned from, uint8_t seen) {
    node->heard[from] = seen > node->heard[from] ? seen : node->heard[from];
}

void removal_listen(struct removal_state *state, unsigned plant) {
    for (unsigned a = 0; a < state->ids_used; a++) {
        struct removal_node *node = &state->nodes[a];
        for (unsigned b = 0; b < state->ids_used; b++) {
            const struct removal_disk *other = &state->nodes[b].disk;
            bool equal = memcmp(node->disk.table, other->table, sizeof other->table) == 0;
            bool session = a != b && removal_in_cluster(node) &&
                           removal_in_cluster(&state->nodes[b]) && removal_deals(state, a, b) &&
                           removal_deals(state, b, a);
            if (session && (equal || plant == REMOVAL_PLANT_HEARD)) {
                heard(node, b, other->seen);
            }
        }
    }
}

bool removal_hear(struct removal_state *state, unsigned plant,
                  const struct removal_message *message) {
    unsigned node = message->to;
    struct removal_node *it = &state->nodes[node];
    if (!removal_in_cluster(it) || !removal_deals(state, node, message->from)) {
        return false;
    }
    if (!it->disk.ready && message->high_water > it->disk.high_water &&
        plant != REMOVAL_PLANT_CLOCK) {
        it->disk.high_water = message->high_water;
    }
    if (memcmp(it->disk.table, message->table, sizeof message->table) == 0) {
        heard(it, message->from, message->seen);
    }
    switch (removal_judge(plant, &it->disk, message->horizon)) {
    case GOSSIP__HORIZON_RAISE:
        removal_raise(state, plant, node, message->horizon);
        return false;
    case GOSSIP__HORIZON_EMPTY:
        start_empty(state, node);
        return false;
    case GOSSIP__HORIZON_NEW_ID:
        if (!message->ready) {
            return false; /* a newcomer's word makes nobody begin anew */
        }
        state->thrown_out |= state->restores == 0 && !it->again && !removal_is_removed(state, node);
        removal_new_id(state, node);
        return false;
    case GOSSIP__HORIZON_BEHIND:
        return false;
    case GOSSIP__HORIZON_SAME:
        break;
    }
    return true;
}

/* --- what counts ---------------------------------------------------------------------------------------------------- */

static void count(struct removal_state *state, unsigned plant, unsigned node, unsigned from,
                  uint8_t clock, uint8_t seen) {
    struct removal_node *it = &state->nodes[node];
    bool whole = removal_is_whole(state, node) || plant == REMOVAL_PLANT_AMNESIA;
    if (clock > it->counted[from]) {
        it->counted[from] = clock;
    }
    uint8_t smallest = it->disk.high_water;
    for (unsigned id = 0; id < REMOVAL_IDS_MAX; id++) {
        if (id != node && removal_deals(state, node, id) && it->counted[id] < smallest) {
            smallest = it->counted[id];
        }
    }
    it->disk.seen = (uint8_t)gossip__seen_rule(it->disk.seen, whole, smallest, seen);
}

/* Of what a newcomer has what a member has, too: else it is from a disk that was lost, or put back, since. */
static uint8_t owed_by_all(const struct removal_state *state) {
    uint8_t owed = 0;
    for (unsigned id = 0; id < state->ids_used; id++) {
        const struct removal_node *node = &state->nodes[id];
        bool counts =
            removal_in_cluster(node) && node->disk.ready && !removal_is_removed(state, id);
        owed |= counts ? node->disk.owed : 0;
    }
    return owed;
}

static void join_counted(struct removal_state *state, unsigned plant, unsigned node,
                         unsigned from) {
    struct removal_node *it = &state->nodes[node];
    unsigned members = 0;
    unsigned through = 0;
    it->through |= bit_of(from);
    for (unsigned id = 0; id < REMOVAL_IDS_MAX; id++) {
        if (id != node && it->disk.table[id] == REMOVAL_READY) {
            members++;
            through += (it->through & bit_of(id)) != 0;
        }
    }
    unsigned needed = plant == REMOVAL_PLANT_JOIN_ONE ? 1 : 2;
    if (members > 0 && through >= (members < needed ? members : needed)) {
        it->disk.ready = 1;
        it->disk.owed = 0;
        it->disk.owed = it->disk.known & owed_by_all(state);
        it->disk.admitter = (uint8_t)node;
        it->disk.table[node] = REMOVAL_READY;
        it->admitted = 0;
        it->through = 0;
    }
}

static void conclude(struct removal_state *state, unsigned plant, unsigned node,
                     struct removal_walk walk) {
    if (walk.counts) {
        uint8_t seen = plant == REMOVAL_PLANT_LIFT ? state->nodes[walk.peer].disk.seen : walk.seen;
        bool whole = walk.whole || plant == REMOVAL_PLANT_AMNESIA;
        state->nodes[node].met |= bit_of(walk.peer);
        count(state, plant, node, walk.peer, whole ? walk.clock : 0, seen);
        if (plant == REMOVAL_PLANT_DIRECTION && removal_in_cluster(&state->nodes[walk.peer])) {
            const struct removal_disk *disk = &state->nodes[node].disk;
            count(state, plant, walk.peer, node, disk->high_water, disk->seen);
        }
    }
    bool joins = !state->nodes[node].disk.ready && walk.counts &&
                 (walk.admitted || plant == REMOVAL_PLANT_JOIN_BEFORE);
    if (joins) {
        join_counted(state, plant, node, walk.peer);
    }
}

void removal_key_done(struct removal_state *state, unsigned plant, unsigned node, unsigned key) {
    struct removal_node *it = &state->nodes[node];
    it->walk.keys &= (uint8_t)~bit_of(key);
    if (it->walk.peer != REMOVAL_NONE && it->walk.keys == 0) {
        struct removal_walk walk = it->walk;
        walk_end(it);
        conclude(state, plant, node, walk);
    }
}

void removal_gone(struct removal_state *state, unsigned plant, unsigned node, unsigned key) {
    if (plant == REMOVAL_PLANT_UNFINISHED) {
        removal_key_done(state, plant, node, key);
    } else {
        walk_end(&state->nodes[node]);
    }
}

void removal_answer(struct removal_state *state, unsigned plant,
                    const struct removal_message *message) {
    unsigned node = message->to;
    if (!removal_hear(state, plant, message)) {
        return;
    }
    struct removal_node *it = &state->nodes[node];
    bool equal = memcmp(it->disk.table, message->table, sizeof message->table) == 0;
    struct removal_walk walk = {
        .peer = message->from,
        .clock = message->high_water,
        .seen = message->seen,
        .counts = equal || plant == REMOVAL_PLANT_TABLES,
        .whole = message->whole,
        .admitted = message->admitted,
    };
    for (unsigned key = 0; key < REMOVAL_KEYS_MAX; key++) {
        const struct removal_entry *theirs = &message->entries[key];
        bool same = memcmp(&it->disk.entries[key], theirs, sizeof *theirs) == 0;
        walk.keys |= !same && theirs->alive != 0 ? bit_of(key) : 0;
    }
    walk_end(it); /* one at a time */
    if (walk.keys == 0) {
        conclude(state, plant, node, walk);
    } else {
        it->walk = walk;
    }
}

/* --- joining -------------------------------------------------------------------------------------------------------- */

static void rows_take(struct removal_state *state, unsigned plant,
                      const struct removal_message *message) {
    for (unsigned id = 0; id < REMOVAL_IDS_MAX; id++) {
        if (id != message->to) {
            removal_row(state, plant, message->to, id, message->table[id]);
        }
    }
}

bool removal_admit(struct removal_state *state, unsigned plant,
                   const struct removal_message *message) {
    unsigned node = message->to;
    struct removal_node *it = &state->nodes[node];
    struct removal_disk *disk = &it->disk;
    bool stored = message->table[node] == REMOVAL_JOINING || message->table[node] == REMOVAL_READY;
    if (it->status != REMOVAL_LIVE || disk->ready || !message->ready || !stored ||
        disk->table[message->from] == REMOVAL_GONE) {
        return false;
    }
    if (disk->admitter == REMOVAL_NONE) {
        bool nothing = plant == REMOVAL_PLANT_ADMIT_SEEN;
        disk->admitter = message->from;
        disk->horizon = nothing ? 0 : message->horizon;
        disk->seen = disk->horizon;
        if (message->high_water > disk->high_water) {
            disk->high_water = message->high_water;
        }
        counted_reset(it);
        rows_take(state, plant, message);
    } else {
        rows_take(state, plant, message);
        (void)removal_hear(state, plant, message);
    }
    if (removal_in_cluster(it)) { /* else it has started again meanwhile */
        it->admitted |= bit_of(message->from);
    }
    return true;
}
